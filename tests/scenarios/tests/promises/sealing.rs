//! A receipt is made of what the ledger holds, for a run that is ending, as often as somebody asks.

use std::sync::Arc;

use rollcall_evidence::{FileSigner, LocalSealer, verify};
use rollcall_harness::WorldSpec;
use rollcall_model::ledger::{Holder, Settle};
use rollcall_model::{RunId, RunState, SealError, Sealer as _};
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{HOUR, MINUTE, Stage};

/// A sealer beside the engine's own, with a key of its own.
struct Beside {
    sealer: LocalSealer,
    key: FileSigner,
    _folder: tempfile::TempDir,
}

fn beside(stage: &Stage) -> Beside {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("receipt.pem");
    let key = FileSigner::create(&path).expect("a key can be made");
    let signer = Arc::new(FileSigner::open(&path).expect("it is there"));
    let (ledger, files) = (Arc::clone(&stage.world.ledger), Arc::clone(&stage.world.files));
    Beside {
        sealer: LocalSealer::new(ledger, files, signer),
        key,
        _folder: folder,
    }
}

/// Writes into the ledger how the run ends, as a worker does before it asks for the receipt, and lets go.
async fn ending(stage: &Stage, ending: RunState) -> RunId {
    let ledger = &stage.world.ledger;
    let run = stage.run().await;
    let holder = Holder {
        name: "beside".to_owned(),
        until: plus(stage.now(), MINUTE),
    };
    let claimed = ledger
        .claim_run(&run.id, &holder, stage.now())
        .await
        .expect("memory answers");
    let mut claim = claimed.mine().expect("nobody holds it");
    claim.run.ending = Some(ending);
    claim.run.ended_at = Some(stage.now());
    let park = Settle::Park(plus(stage.now(), HOUR * 1_000));
    ledger.settle(&mut claim, park, "beside").await.expect("memory answers");
    run.id
}

#[tokio::test]
async fn a_run_that_is_not_ending_has_no_receipt_and_neither_has_one_that_is_not_there() {
    let mut stage = Stage::new(WorldSpec::default()).await;
    let beside = beside(&stage);
    let none = beside.sealer.seal(&RunId::new("run_none")).await;
    assert!(
        matches!(&none, Err(SealError::Refused(why)) if why.contains("run_none")),
        "{none:?}"
    );
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(run.receipt.is_some() && run.state.is_final(), "{:?}", run.state);
    // One that has ended answers the name that it has, and nothing is signed again.
    let before = stage.world.files.get(run.receipt.as_deref().unwrap_or_default()).await;
    assert_eq!(beside.sealer.seal(&run.id).await.ok(), run.receipt);
    assert_eq!(
        stage.world.files.get(run.receipt.as_deref().unwrap_or_default()).await,
        before
    );
    let text = before.expect("it has a receipt");
    assert!(verify(&text, &[*stage.world.signer.public_key()]).is_ok());
    assert!(verify(&text, &[*beside.key.public_key()]).is_err());
}

#[tokio::test]
async fn an_ending_run_gets_the_same_receipt_however_often_somebody_asks() {
    let mut stage = Stage::new(rollcall_scenarios::with_approvers(WorldSpec::default(), &[])).await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", rollcall_simulators::okta::GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.settle().await;
    let beside = beside(&stage);
    let held = stage.run().await;
    let refused = beside.sealer.seal(&held.id).await;
    assert!(
        matches!(&refused, Err(SealError::Refused(why)) if why.contains("not ending")),
        "{refused:?}"
    );
    let why = "somebody said no".to_owned();
    let id = ending(&stage, RunState::Refused { why }).await;
    let mut texts = Vec::new();
    for _ in 0..2 {
        let name = beside.sealer.seal(&id).await.expect("it is ending");
        assert_eq!(name, format!("receipts/{id}.json"));
        texts.push(stage.world.files.get(&name).await.expect("it is kept"));
    }
    assert_eq!(texts[0], texts[1]);
    let verified = verify(&texts[0], &[*beside.key.public_key()]).expect("its key signed it");
    assert_eq!((verified.header.state.as_str(), verified.header.run), ("Refused", id));
    let run = stage.run().await;
    assert_eq!(
        (run.receipt, run.state.is_final()),
        (None, false),
        "the ledger is not written"
    );
}
