//! What cannot be dealt with is kept with its reason, said once, and never in anybody's way.

use std::sync::atomic::Ordering;

use rollcall_model::ledger::Disposition;
use rollcall_model::{EventKind, Lane, Message, RunState, Signal, SignalBody, SignalFormat, SignalKey};
use rollcall_scenarios::{CHIDI, HOUR, Stage};
use serde_json::json;

use crate::stand_in::{self, Instead};

/// Puts a LogEvent on the queue as the door would.
pub async fn send_event(stage: &Stage, uuid: &str, raw: &str) -> SignalKey {
    let key = SignalKey::new(format!("okta-main:{uuid}"));
    let signal = Signal {
        key: key.clone(),
        source: "okta-main".into(),
        format: SignalFormat::OktaLogEvent,
        received_at: stage.now(),
        body: SignalBody::Inline(raw.to_owned()),
    };
    let body = serde_json::to_string(&Message::Signal(signal)).expect("a message is JSON");
    stage
        .queue()
        .send(Lane::Urgent, &[body], std::time::Duration::ZERO)
        .await
        .expect("memory takes it");
    key
}

/// The leaver's run is done although something else is wrong.
async fn the_leaver_is_out(stage: &Stage) {
    let runs = stage.runs().await;
    let amara = runs
        .iter()
        .find(|run| run.person.display == "Amara Okafor")
        .expect("her run");
    assert_eq!(amara.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_message_that_is_not_json_goes_to_the_dead_letters_and_others_go_through() {
    let mut stage = Stage::plain().await;
    stage
        .queue()
        .send(
            Lane::Urgent,
            &["{ not json".to_owned(), "[]".to_owned()],
            std::time::Duration::ZERO,
        )
        .await
        .expect("memory takes it");
    stage.leaves().await;
    stage.settle().await;
    the_leaver_is_out(&stage).await;
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead.iter().all(|letter| letter.contains("not a message")), "{dead:?}");
    for lane in Lane::ALL {
        assert!(
            stage.queue().dead(lane, 10).await.expect("memory answers").is_empty(),
            "nothing is left to the queue's own dead letters"
        );
    }
}

#[tokio::test]
async fn a_signal_that_cannot_be_read_is_kept_as_unknown_and_starts_nothing() {
    let mut stage = Stage::plain().await;
    let key = send_event(&stage, "garbage", "\u{feff}{{{ not a log event").await;
    stage.leaves().await;
    stage.settle().await;
    the_leaver_is_out(&stage).await;
    assert_eq!(stage.runs().await.len(), 1);
    let kept = stage
        .ledger()
        .event(&key)
        .await
        .expect("memory answers")
        .expect("it is kept");
    assert!(
        matches!(kept.event.kind, EventKind::Unknown(_)),
        "{:?}",
        kept.event.kind
    );
    assert_eq!(
        kept.signal.body,
        SignalBody::Inline("\u{feff}{{{ not a log event".to_owned()),
        "byte for byte"
    );
    assert_eq!(stage.dead().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_event_of_an_unknown_type_is_kept_with_why_nothing_was_done() {
    let mut stage = Stage::plain().await;
    let raw = json!({"uuid": "u-1", "eventType": "user.lifecycle.teleport", "target": [{"type": "User", "id": stage.world.vendors.leaver}]});
    let key = send_event(&stage, "u-1", &raw.to_string()).await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 0);
    let kept = stage
        .ledger()
        .event(&key)
        .await
        .expect("memory answers")
        .expect("it is kept");
    assert_eq!(
        kept.event.kind,
        EventKind::Unknown("user.lifecycle.teleport".to_owned())
    );
    assert!(
        matches!(&kept.disposition, Some(Disposition::Nothing(why)) if why.contains("playbook")),
        "{:?}",
        kept.disposition
    );
    assert!(stage.is_whole());
}

#[tokio::test]
async fn an_event_that_names_no_account_is_kept_and_starts_nothing() {
    let mut stage = Stage::plain().await;
    let raw = json!({"uuid": "u-2", "eventType": "user.lifecycle.deactivate", "outcome": {"result": "SUCCESS"}, "target": []});
    let key = send_event(&stage, "u-2", &raw.to_string()).await;
    stage.leaves().await;
    stage.settle().await;
    the_leaver_is_out(&stage).await;
    let kept = stage
        .ledger()
        .event(&key)
        .await
        .expect("memory answers")
        .expect("it is kept");
    assert_eq!(
        (kept.event.kind, kept.event.account),
        (EventKind::UserDeactivated, None)
    );
    assert_eq!(stage.dead().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_failed_attempt_and_an_event_of_our_own_start_nothing() {
    let mut stage = Stage::plain().await;
    let target = json!([{"type": "User", "id": stage.world.vendors.leaver}]);
    let failed = json!({"uuid": "u-3", "eventType": "user.lifecycle.deactivate", "outcome": {"result": "FAILURE"}, "target": target});
    send_event(&stage, "u-3", &failed.to_string()).await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 0);
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_panic_in_understanding_an_event_costs_one_message_which_ends_in_the_dead_letters() {
    let (spec, _) = stand_in::with("okta-main", Instead::PanicsUnderstanding("poisonous"));
    let mut stage = Stage::new(spec).await;
    send_event(&stage, "p-1", "{\"poisonous\": true}").await;
    stage.leaves().await;
    stage.settle().await;
    the_leaver_is_out(&stage).await;
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(
        dead[0].contains("panic") && dead[0].contains("a bug in reading events") && dead[0].contains("poisonous"),
        "{dead:?}"
    );
}

/// Somebody's event makes the worker panic wherever that happens; a colleague who leaves at the same time is cut.
async fn a_person_who_makes_the_worker_panic(stage: &mut Stage) {
    stage.leaves().await;
    stage.leaves_too(CHIDI).await;
    stage.settle().await;
    stage.world.clock.advance(HOUR * 2);
    stage.settle().await;
    let vendors = &stage.world.vendors;
    assert!(
        vendors.salesforce.is_frozen(&vendors.colleague_user),
        "the colleague is cut"
    );
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 1, "one dead letter, however long it lasts: {dead:#?}");
    assert!(dead[0].contains("panic"), "{dead:?}");
    let findings = stage.findings().await;
    assert_eq!(findings.len(), 1, "one alert: {findings:#?}");
}

#[tokio::test]
async fn a_panic_over_one_person_ends_in_the_dead_letters_with_one_alert_and_can_be_redriven() {
    let probe = Stage::plain().await;
    let leaver = probe.world.vendors.leaver.clone();
    let (spec, on) = stand_in::with("okta-main", Instead::PanicsReading(leaver));
    let mut stage = Stage::new(spec).await;
    a_person_who_makes_the_worker_panic(&mut stage).await;
    assert!(stage.is_whole());
    // The bug is mended and the letter is sent again.
    on.store(false, Ordering::Relaxed);
    let body = stage
        .documents(rollcall_model::ledger::documents::DEAD)
        .await
        .remove(0)
        .1["body"]
        .as_str()
        .expect("the letter keeps the message")
        .to_owned();
    let message: Message = serde_json::from_str(&body).expect("it is a message that can be sent again");
    let Message::Signal(signal) = message else {
        panic!("the dead letter is the event's own signal: {body}")
    };
    assert!(
        stage
            .ledger()
            .event(&signal.key)
            .await
            .expect("memory answers")
            .is_some()
    );
    // The ledger knows the event and what became of it, so the operator's command sends it as a new one.
    let again = Signal {
        key: SignalKey::new(format!("{}#again", signal.key)),
        ..signal
    };
    let body = serde_json::to_string(&Message::Signal(again)).expect("a message is JSON");
    stage
        .queue()
        .send(Lane::Urgent, &[body], std::time::Duration::ZERO)
        .await
        .expect("memory takes it");
    stage.settle().await;
    the_leaver_is_out(&stage).await;
}

#[tokio::test]
async fn a_panic_in_a_change_ends_the_run_not_green_and_others_go_through() {
    let (spec, _) = stand_in::with("sf-us", Instead::PanicsMaking("salesforce/revoke-tokens"));
    let mut stage = Stage::new(spec).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Incomplete { .. }), "{:?}", run.state);
    assert_eq!(stage.did("freeze"), 1, "what came before it was done once");
}
