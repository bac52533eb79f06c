//! Telling people: once, escaped, patient, and never in the way of a run.

use std::time::Duration;

use rollcall_model::{Outcome, RunState};
use rollcall_scenarios::{MANAGER_IN_SLACK, MINUTE, Stage, told};
use rollcall_simulators::{Fault, FaultRule};
use serde_json::json;

#[tokio::test]
async fn telling_can_fail_for_ever_without_failing_the_run_or_delaying_the_cut() {
    let mut plain = Stage::plain().await;
    plain.leaves().await;
    plain.settle().await;
    let usual = plain.run().await.time_to_cut_ms();

    let mut stage = Stage::plain().await;
    stage
        .world
        .vendors
        .slack
        .faults()
        .add(FaultRule::always("", Fault::Unavailable));
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(stage.is_cut(), "access is cut while Slack is still being tried");
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.time_to_cut_ms(), usual, "the cut took no longer");
    let messages: Vec<_> = run
        .changes
        .iter()
        .filter(|record| record.change.stage == "tell")
        .collect();
    assert_eq!(messages.len(), 2);
    for record in messages {
        assert!(
            matches!(&record.outcome, Outcome::Failed(why) if why.contains("given up") && why.contains("503")),
            "{:?}",
            record.outcome
        );
    }
    assert!(run.receipt.is_some());
}

#[tokio::test]
async fn what_slack_asks_us_to_wait_is_waited() {
    let mut stage = Stage::plain().await;
    stage.world.vendors.slack.faults().add(FaultRule::once(
        "chat.postMessage",
        Fault::RateLimited(Duration::from_secs(600)),
    ));
    let began = stage.now();
    stage.leaves().await;
    while rollcall_runtime::clock::between(began, stage.now()) < Duration::from_secs(590) {
        stage.work_for(Duration::from_secs(1)).await;
        let posts = stage
            .world
            .vendors
            .slack
            .calls()
            .iter()
            .filter(|(_, path)| path.ends_with("chat.postMessage"))
            .count();
        assert_eq!(
            posts,
            1,
            "at {}, after {:?}",
            stage.now(),
            rollcall_runtime::clock::between(began, stage.now())
        );
    }
    assert!(stage.is_cut());
    stage.work_for(MINUTE * 2).await;
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1, "and then it is said");
    stage.settle().await;
    assert_eq!(stage.direct(MANAGER_IN_SLACK).len(), 1);
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_and_not_sent_twice() {
    for fault in [
        Fault::AnswerLost,
        Fault::ServerErrorAfterExecution,
        Fault::TruncatedPage,
    ] {
        let mut stage = Stage::plain().await;
        stage
            .world
            .vendors
            .slack
            .faults()
            .add(FaultRule::once("chat.postMessage", fault));
        stage.leaves().await;
        stage.settle().await;
        assert_eq!(stage.run().await.state, RunState::Done);
        assert_eq!(
            (stage.channel().len(), stage.direct(MANAGER_IN_SLACK).len()),
            (1, 1),
            "{fault:?}: {:?}",
            stage.channel()
        );
        for record in stage
            .run()
            .await
            .changes
            .iter()
            .filter(|record| record.change.stage == "tell")
        {
            assert_eq!(record.outcome, Outcome::Changed, "{fault:?}: {}", record.change.key());
        }
    }
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_another_worker_too_even_when_the_history_is_late() {
    let mut stage = Stage::plain().await;
    stage.world.vendors.slack.set_history_delay(Duration::from_secs(8));
    stage
        .world
        .vendors
        .slack
        .faults()
        .add(FaultRule::once("chat.postMessage", Fault::AnswerLost));
    stage.leaves().await;
    stage.work_for(Duration::from_secs(1)).await;
    stage.replace_worker().await;
    stage.settle().await;
    assert_eq!(
        (stage.channel().len(), stage.direct(MANAGER_IN_SLACK).len()),
        (1, 1),
        "{:?}",
        stage.channel()
    );
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn a_display_name_cannot_call_the_whole_channel() {
    let mut stage = Stage::plain().await;
    let vendors = &stage.world.vendors;
    let profile = [("displayName", json!("<!channel> & <@U0PRIYA0001>"))];
    vendors
        .okta
        .admin_update(&vendors.leaver, &profile, &vendors.administrator, stage.now())
        .expect("the directory takes it");
    vendors.okta.take_deliveries(stage.now());
    stage.leaves().await;
    stage.settle().await;
    let texts = [stage.channel(), stage.direct(MANAGER_IN_SLACK)].concat();
    assert_eq!(texts.len(), 2);
    for text in texts {
        assert!(
            text.starts_with("&lt;!channel&gt; &amp; &lt;@U0PRIYA0001&gt;"),
            "{text}"
        );
        assert!(!text.contains('<'), "{text}");
    }
}

#[tokio::test]
async fn a_leaver_without_a_manager_is_told_to_the_channel_only() {
    let mut stage = Stage::plain().await;
    let vendors = &stage.world.vendors;
    let profile = [("managerId", json!(null)), ("manager", json!(null))];
    vendors
        .okta
        .admin_update(&vendors.leaver, &profile, &vendors.administrator, stage.now())
        .expect("the directory takes it");
    vendors.okta.take_deliveries(stage.now());
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!((stage.channel().len(), stage.direct(MANAGER_IN_SLACK).len()), (1, 0));
    let skipped = run
        .changes
        .iter()
        .filter(|record| record.change.stage == "tell" && matches!(record.outcome, Outcome::Skipped(_)))
        .count();
    assert_eq!(skipped, 1);
}
