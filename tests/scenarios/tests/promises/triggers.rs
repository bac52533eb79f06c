//! Events are hints: duplicates make one run, late ones join or find everything so, and the source has the last word.

use std::time::Duration;

use rollcall_model::{EntryKind, RunState};
use rollcall_scenarios::{MANAGER_IN_SLACK, MINUTE, Stage, outcomes, told};
use rollcall_simulators::salesforce::Permission;
use rollcall_simulators::world::SECOND_HOOK;

#[tokio::test]
async fn two_hooks_that_deliver_twice_make_one_run_one_message_for_each_moment_and_one_receipt() {
    let mut stage = Stage::plain().await;
    stage.world.vendors.okta.set_hook_active(SECOND_HOOK, true);
    stage.world.vendors.okta.set_duplicates(true);
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.triggers.len(), 1, "it is one event however often it comes");
    let texts = stage.channel();
    assert_eq!((told(&texts, "Amara Okafor is out"), texts.len()), (1, 1), "{texts:?}");
    assert_eq!(stage.direct(MANAGER_IN_SLACK).len(), 1);
    let receipt = run.receipt.clone().expect("it has a receipt");
    let text = stage.world.files.get(&receipt).await.expect("the receipt is stored");
    rollcall_evidence::verify(&text, &[*stage.world.signer.public_key()]).expect("the receipt verifies");
    assert_eq!(
        (stage.did("freeze"), stage.did("revoke-token")),
        (1, stage.world.before.tokens)
    );
}

/// The leaver is activated and deactivated again: the same person, a new event.
async fn leaves_again(stage: &Stage) {
    stage.returns_unheard();
    stage.leaves().await;
}

#[tokio::test]
async fn a_second_event_while_the_run_is_open_joins_it() {
    let mut stage = Stage::plain().await;
    stage.world.vendors.salesforce.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(!stage.run().await.state.is_final());
    leaves_again(&stage).await;
    stage.work_for(MINUTE).await;
    assert!(!stage.run().await.state.is_final());
    stage.world.vendors.salesforce.allow(Permission::ManageUsers);
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.triggers.len(), 2, "both events are named: {:?}", run.triggers);
    let texts = stage.channel();
    assert_eq!(
        (
            told(&texts, "Amara Okafor is out"),
            told(&texts, "Not finished"),
            texts.len()
        ),
        (1, 1, 2),
        "{texts:?}"
    );
    assert_eq!(stage.direct(MANAGER_IN_SLACK).len(), 1);
}

#[tokio::test]
async fn an_event_after_the_run_has_ended_finds_everything_so_and_nothing_is_told_twice() {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    let (channel, direct, cuts) = (stage.channel(), stage.direct(MANAGER_IN_SLACK), stage.cuts());
    leaves_again(&stage).await;
    stage.settle().await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].state, RunState::Done);
    assert_eq!(
        outcomes(&runs[1])
            .iter()
            .map(|(_, outcome)| *outcome)
            .collect::<Vec<_>>(),
        ["AlreadySo"; 3]
    );
    assert_eq!(
        (stage.channel(), stage.direct(MANAGER_IN_SLACK), stage.cuts()),
        (channel, direct, cuts)
    );
    assert!(runs[1].receipt.is_some(), "it has a receipt of its own");
}

#[tokio::test]
async fn a_reactivation_between_acceptance_and_cut_is_superseded_with_nothing_cut() {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.returns_unheard();
    stage.settle().await;
    let run = stage.run().await;
    assert!(
        matches!(&run.state, RunState::Superseded { why } if why.contains("active")),
        "{:?}",
        run.state
    );
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    let journal = stage.ledger().journal(&run.id).await.expect("memory answers");
    assert!(
        !journal.iter().any(|entry| entry.public.kind == EntryKind::Intent),
        "nothing was even intended"
    );
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 0);
}

#[tokio::test]
async fn a_reactivation_while_the_run_waits_for_its_retry_is_superseded_with_nothing_cut() {
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ViewAllUsers);
    org.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.work_for(MINUTE * 2).await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Waiting { .. }), "{:?}", run.state);
    assert!(stage.is_whole());
    stage.returns_unheard();
    org.allow(Permission::ViewAllUsers);
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 0);
}

#[tokio::test]
async fn a_reactivation_in_the_middle_of_a_cut_ends_superseded_and_the_rest_is_left() {
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    // Tokens cannot be seen, the rest can: the cut is half done when the person returns.
    org.deny(Permission::CustomizeApplication);
    stage.leaves().await;
    stage.work_for(MINUTE * 2).await;
    assert!(!stage.run().await.state.is_final());
    assert!(org.is_frozen(&stage.world.vendors.leaver_user));
    let tokens = org.tokens_of(&stage.world.vendors.leaver_user).len();
    stage.returns_unheard();
    org.allow(Permission::CustomizeApplication);
    stage.settle().await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    assert_eq!(
        org.tokens_of(&stage.world.vendors.leaver_user).len(),
        tokens,
        "nothing more is taken"
    );
    stage.world.clock.advance(Duration::from_secs(1));
}
