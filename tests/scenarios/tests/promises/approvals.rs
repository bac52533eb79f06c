//! A decision counts only as the approval key signed it: whoever can write the ledger cannot approve.

use std::collections::BTreeSet;

use rollcall_engine::{EngineError, Window, review_statement};
use rollcall_evidence::FileSigner;
use rollcall_evidence::approval::{self, Question};
use rollcall_harness::WorldSpec;
use rollcall_model::ledger::documents;
use rollcall_model::{Answer, Decision, ReviewState, RunState, SignedApproval, digest};
use rollcall_policy::configuration::OnExpiry;
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{HOUR, MINUTE, Stage, replaced, signed_in, with_approvers};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::world::LEAVER;
use serde_json::json;

const PRIYA: &str = "priya.raman@corp.example";
const LENA: &str = "lena.brandt@corp.example";

/// The leaver is protected and has left: the run is held.
async fn held() -> Stage {
    let mut stage = Stage::new(with_approvers(WorldSpec::default(), &[PRIYA, LENA])).await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.settle().await;
    stage
}

/// A key that is not the approval key.
fn another_key() -> FileSigner {
    let folder = tempfile::tempdir().expect("a temporary folder");
    FileSigner::create(&folder.path().join("key.pem")).expect("a key can be made")
}

/// What the run's review would be approved by, signed by this key.
async fn approval_by(stage: &Stage, key: &FileSigner) -> SignedApproval {
    let review = stage.review(&stage.run().await).await;
    let statement = Question::of(&review).answer(Decision::Approved, PRIYA, stage.now());
    approval::sign(statement, key).await.expect("a key from a file signs")
}

/// Writes a decision into the ledger, past the engine.
async fn write(stage: &Stage, state: &ReviewState) {
    let review = stage.review(&stage.run().await).await;
    let ledger = &stage.world.ledger;
    let answer = ledger.approve(&review.id, &review.plan_hash, state, stage.now()).await;
    assert_eq!(answer.expect("memory answers"), Answer::Won(()));
}

async fn forged(stage: &Stage) -> usize {
    let findings = stage.findings().await;
    findings.iter().filter(|finding| finding.contains("RC0504")).count()
}

#[tokio::test]
async fn an_approval_that_nobody_signed_starts_nothing_and_is_a_finding() {
    let mut stage = held().await;
    let review = stage.review(&stage.run().await).await;
    let honest = stage
        .sign(Question::of(&review).answer(Decision::Refused, PRIYA, stage.now()))
        .await;
    let other = Question {
        about: "another-review",
        ..Question::of(&review)
    };
    let elsewhere = stage.sign(other.answer(Decision::Approved, PRIYA, stage.now())).await;
    let wrong_key = approval_by(&stage, &another_key()).await;
    let late = stage
        .sign(Question::of(&review).answer(Decision::Approved, PRIYA, plus(review.expires_at, MINUTE)))
        .await;
    let ahead = stage
        .sign(Question::of(&review).answer(Decision::Approved, PRIYA, plus(stage.now(), HOUR)))
        .await;
    let (by, at) = (PRIYA.to_owned(), stage.now());
    let forgeries = [
        (
            "unsigned",
            ReviewState::Approved {
                by: by.clone(),
                at,
                signed: None,
            },
        ),
        ("another key", wrong_key.into_state()),
        ("another review", elsewhere.into_state()),
        (
            "a refusal",
            ReviewState::Approved {
                by: by.clone(),
                at,
                signed: Some(Box::new(honest)),
            },
        ),
        ("too late", late.into_state()),
        ("from the future", ahead.into_state()),
        (
            "on_expiry before its time",
            ReviewState::Approved {
                by: "on_expiry".to_owned(),
                at,
                signed: None,
            },
        ),
    ];
    for (number, (name, forgery)) in forgeries.into_iter().enumerate() {
        write(&stage, &forgery).await;
        stage.work_for(MINUTE * 3).await;
        let run = stage.run().await;
        assert!(matches!(run.state, RunState::Held { .. }), "{name}: {:?}", run.state);
        assert!(stage.is_whole(), "{name}");
        assert_eq!(
            stage.review(&run).await.state,
            ReviewState::Open,
            "{name}: it can be decided"
        );
        assert_eq!(forged(&stage).await, number + 1, "{name}: {:?}", stage.findings().await);
    }
    let findings = stage.findings().await;
    assert!(!findings.iter().any(|finding| finding.contains(PRIYA)), "{findings:?}");
    let hash = review.plan_hash.to_string();
    stage
        .review_decided(&review.id, &hash, true, &signed_in(PRIYA))
        .await
        .expect("an approver still decides");
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn the_engine_takes_no_decision_that_is_signed_by_another_key_or_for_another_name() {
    let stage = held().await;
    let review = stage.review(&stage.run().await).await;
    let refused = async |signed: &SignedApproval, by: &str| match stage
        .engine
        .decide_review(&review.id, signed, &signed_in(by))
        .await
    {
        Err(EngineError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let why = refused(&approval_by(&stage, &another_key()).await, PRIYA).await;
    assert!(
        why.contains("by no approval key in use") && why.contains("RC0504"),
        "{why}"
    );
    assert_eq!(forged(&stage).await, 1);
    let own = approval_by(&stage, &stage.world.approver).await;
    let why = refused(&own, LENA).await;
    assert!(why.contains("another name"), "{why}");
    assert_eq!(stage.review(&stage.run().await).await.state, ReviewState::Open);
    // The same word handed on twice, as a queue does, is one decision.
    for _ in 0..2 {
        let decided = stage.engine.decide_review(&review.id, &own, &signed_in(PRIYA)).await;
        assert_eq!(decided.expect("an approver").state, own.clone().into_state());
    }
}

#[tokio::test]
async fn what_an_approver_said_is_in_the_journal_with_its_signature() {
    let mut stage = held().await;
    let review = stage.review(&stage.run().await).await;
    stage.decide(&review.id, &review.plan_hash, true).await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    let journal = stage.world.ledger.journal(&run.id).await.expect("memory answers");
    let said: Vec<SignedApproval> = journal
        .iter()
        .filter_map(|entry| serde_json::from_value(entry.private.get("signed")?.clone()).ok())
        .collect();
    let [signed] = &said[..] else {
        panic!("one approval: {said:?}")
    };
    assert_eq!(
        (signed.statement.about.as_str(), &signed.statement.hash),
        (review.id.as_str(), &review.plan_hash)
    );
}

#[tokio::test]
async fn a_plan_that_the_run_remembers_counts_only_with_its_approval() {
    let mut stage = held().await;
    let mut run = stage.run().await;
    let plan = run.stage_plan.clone().expect("a held plan");
    // Somebody writes into the ledger that this plan was agreed to.
    let holder = rollcall_model::ledger::Holder {
        name: "intruder".to_owned(),
        until: plus(stage.now(), MINUTE),
    };
    let ledger = &stage.world.ledger;
    let claimed = ledger
        .claim_run(&run.id, &holder, stage.now())
        .await
        .expect("memory answers");
    let mut claim = claimed.mine().expect("nobody holds it");
    claim.run.agreed = Some(plan);
    let park = rollcall_model::ledger::Settle::Park(stage.now());
    ledger
        .settle(&mut claim, park, "intruder")
        .await
        .expect("memory answers");
    stage.work_for(MINUTE * 3).await;
    run = stage.run().await;
    assert!(matches!(run.state, RunState::Held { .. }), "{:?}", run.state);
    assert!(stage.is_whole());
}

#[tokio::test]
async fn what_on_expiry_decides_counts_only_where_the_configuration_says_so() {
    for (on_expiry, cut) in [(OnExpiry::Apply, true), (OnExpiry::Refuse, false)] {
        let mut stage = Stage::new(with_approvers(WorldSpec::default(), &[PRIYA, LENA])).await;
        stage
            .reconfigure(|configuration| configuration.guard.held.on_expiry = on_expiry)
            .await;
        let okta = &stage.world.vendors.okta;
        let group = okta.add_group("RC-Protected", GroupKind::Okta);
        okta.add_member(&group, &stage.world.vendors.leaver)
            .expect("the directory takes members");
        stage.leaves().await;
        stage.settle().await;
        let review = stage.review(&stage.run().await).await;
        let state = ReviewState::Approved {
            by: "on_expiry".to_owned(),
            at: review.expires_at,
            signed: None,
        };
        stage
            .world
            .clock
            .advance(rollcall_runtime::clock::between(stage.now(), review.expires_at));
        let ledger = &stage.world.ledger;
        let answer = ledger
            .approve(&review.id, &review.plan_hash, &state, review.expires_at)
            .await;
        answer.expect("memory answers");
        stage.settle().await;
        assert_eq!(stage.is_cut(), cut, "{on_expiry:?}: {:?}", stage.run().await.notes);
    }
}

#[tokio::test]
async fn announced_leavers_count_only_with_approvals_that_are_signed() {
    let spec: WorldSpec = replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h");
    let mut stage = Stage::new(with_approvers(spec, &[PRIYA, LENA])).await;
    stage
        .reconfigure(|configuration| configuration.guard.cut.per_hour = 0)
        .await;
    let window = Window {
        from: stage.now(),
        to: plus(stage.now(), HOUR),
    };
    let people = BTreeSet::from([LEAVER.to_owned()]);
    let known = stage
        .engine
        .announce(&people, window, &signed_in("hana.ruiz@corp.example"))
        .await;
    let known = known.expect("anybody may announce");
    // Two approvals as somebody with the ledger in hand would write them: one signed for something else, one by another key.
    let other = Question {
        about: "something else",
        hash: &digest::sha256(b"other"),
        until: window.to,
    };
    let statement = Question {
        about: &known.id,
        hash: &known.digest,
        until: window.to,
    };
    let elsewhere = stage.sign(other.answer(Decision::Approved, PRIYA, stage.now())).await;
    let wrong_key = statement.answer(Decision::Approved, LENA, stage.now());
    let wrong_key = approval::sign(wrong_key, &another_key())
        .await
        .expect("a key from a file signs");
    for signed in [elsewhere, wrong_key] {
        let by = signed.statement.by.clone();
        let body = json!({"by": by, "at": signed.statement.at, "announced_at": known.requested_at, "signed": signed});
        let ledger = &stage.world.ledger;
        let place = format!("{}~{by}", known.id);
        let put = ledger.put_document(documents::EXPECTED, &place, &body).await;
        put.expect("memory answers");
    }
    let read = stage.engine.expectation(&known.id).await.expect("it is announced");
    assert_eq!((read.approvals.len(), read.unproven, read.is_approved()), (0, 2, false));
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(matches!(stage.run().await.state, RunState::Held { .. }));
    assert_eq!(forged(&stage).await, 1, "{:?}", stage.findings().await);
    for by in [PRIYA, LENA] {
        let approved = stage.announcement_approved(&known.id, &signed_in(by)).await;
        approved.expect("an approver's own word takes the place of the forged one");
    }
    let read = stage.engine.expectation(&known.id).await.expect("it is announced");
    assert_eq!((read.unproven, read.is_approved()), (0, true));
}

#[tokio::test]
async fn the_statement_of_a_review_says_all_of_it_and_no_statement_is_made_of_nothing() {
    let stage = held().await;
    let review = stage.review(&stage.run().await).await;
    let ledger = stage.world.ledger.as_ref();
    let made = async |id, hash: &str, now| review_statement(ledger, id, hash, Decision::Approved, PRIYA, now).await;
    let hash = review.plan_hash.as_str();
    let statement = made(&review.id, &hash[..12], stage.now())
        .await
        .expect("a review waits");
    assert_eq!(
        (statement.about.as_str(), &statement.hash, statement.expires_at),
        (review.id.as_str(), &review.plan_hash, review.expires_at)
    );
    let none = rollcall_model::ReviewId::new("none");
    assert!(made(&none, hash, stage.now()).await.is_err());
    assert!(made(&review.id, &hash[..11], stage.now()).await.is_err());
    assert!(made(&review.id, &"0".repeat(12), stage.now()).await.is_err());
    assert!(made(&review.id, hash, plus(review.expires_at, MINUTE)).await.is_err());
}
