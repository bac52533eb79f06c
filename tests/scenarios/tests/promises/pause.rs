//! The stop button.

use rollcall_model::ledger::documents;
use rollcall_model::{RunState, SignalKey};
use rollcall_scenarios::{CHIDI, MINUTE, Stage, outcomes, told};
use serde_json::json;

use crate::stand_in::{self, Instead};

async fn press(stage: &Stage, what: &str, cut: bool) {
    stage
        .ledger()
        .put_document(documents::PAUSE, what, &json!({"cut": cut}))
        .await
        .expect("memory takes it");
}

async fn resume(stage: &Stage, what: &str) {
    stage
        .ledger()
        .remove_document(documents::PAUSE, what)
        .await
        .expect("memory takes it");
}

#[tokio::test]
async fn cuts_go_on_while_writes_are_paused_unless_they_are_included() {
    for what in ["all", "connection/sf-us", "playbook/leaver"] {
        let mut stage = Stage::plain().await;
        press(&stage, what, false).await;
        stage.leaves().await;
        stage.work_for(MINUTE).await;
        assert!(stage.is_cut(), "{what}");
    }
}

#[tokio::test]
async fn a_pause_that_includes_cuts_stops_every_write_and_resume_goes_on() {
    for what in ["all", "connection/sf-us", "playbook/leaver"] {
        let mut stage = Stage::plain().await;
        press(&stage, what, true).await;
        stage.leaves().await;
        stage.work_for(MINUTE * 30).await;
        let run = stage.run().await;
        assert!(
            matches!(&run.state, RunState::Waiting { why, .. } if why.contains(what) && why.contains("resume")),
            "{what}: {:?}",
            run.state
        );
        assert!(stage.is_whole(), "{what}");
        assert_eq!(stage.cuts(), 0, "{what}");
        assert_eq!(run.attempts, 0, "waiting for a person uses up no tries");
        resume(&stage, what).await;
        stage.settle().await;
        assert_eq!(stage.run().await.state, RunState::Done, "{what}");
        assert!(stage.is_cut(), "{what}");
        assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1, "{what}");
    }
}

#[tokio::test]
async fn another_connection_or_playbook_is_not_stopped() {
    for what in ["connection/sf-emea", "playbook/joiner"] {
        let mut stage = Stage::plain().await;
        press(&stage, what, true).await;
        stage.leaves().await;
        stage.settle().await;
        assert_eq!(stage.run().await.state, RunState::Done, "{what}");
    }
}

#[tokio::test]
async fn intake_goes_on_while_everything_is_paused() {
    let mut stage = Stage::plain().await;
    press(&stage, "all", true).await;
    stage.leaves().await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE * 5).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2, "both events are taken in and planned for");
    for run in &runs {
        let key: &SignalKey = &run.triggers[0];
        assert!(stage.ledger().event(key).await.expect("memory answers").is_some());
    }
    assert_eq!(stage.cuts(), 0);
    resume(&stage, "all").await;
    stage.settle().await;
    assert!(stage.runs().await.iter().all(|run| run.state == RunState::Done));
    assert_eq!(stage.did("freeze"), 2);
}

#[tokio::test]
async fn a_pause_in_the_middle_of_a_cut_stops_before_the_next_change_and_resume_goes_on() {
    // The button is pressed in the moment in which the freeze is made: the ledger comes with the world, so the stand-in's
    // own world lends it.
    let ledger = std::sync::Arc::new(std::sync::OnceLock::new());
    let (spec, on) = stand_in::with(
        "sf-us",
        Instead::Presses("salesforce/freeze", std::sync::Arc::clone(&ledger), "all"),
    );
    let mut stage = Stage::new(spec).await;
    assert!(ledger.set(std::sync::Arc::clone(&stage.world.ledger)).is_ok());
    stage.leaves().await;
    stage.work_for(MINUTE * 10).await;
    assert_eq!(stage.did("freeze"), 1, "what was under way is finished");
    assert_eq!(
        (stage.did("revoke-token"), stage.did("end-session")),
        (0, 0),
        "{:?}",
        outcomes(&stage.run().await)
    );
    on.store(false, std::sync::atomic::Ordering::Relaxed);
    resume(&stage, "all").await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
    assert_eq!(stage.did("freeze"), 1);
}
