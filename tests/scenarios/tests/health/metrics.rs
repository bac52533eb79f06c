//! Each fact is counted where it happens, and once.

use std::sync::Arc;
use std::time::Duration;

use rollcall_harness::WorldSpec;
use rollcall_harness::inject::{Fault, Strike};
use rollcall_model::RunState;
use rollcall_model::ledger::documents;
use rollcall_scenarios::{HOUR, MINUTE, Stage, outcomes};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::salesforce::{Permission, SessionKind};
use rollcall_simulators::{Fault as VendorFault, FaultRule};

use crate::Caught;

async fn protected() -> Stage {
    let stage = Stage::plain().await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage
}

#[tokio::test]
async fn a_leaver_is_counted_once_with_the_time_to_each_connections_cut() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    // Wakes and sweeps that come later find nothing to count.
    stage.later(MINUTE * 5).await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", outcomes(&run));
    assert_eq!(caught.sums("RunsEnded"), [("Done".to_owned(), 1.0)].into());
    let cuts = caught.values("TimeToCut");
    let expected = run.time_to_cut_ms();
    assert!(!expected.is_empty());
    assert_eq!(cuts.len(), expected.len());
    for (connection, milliseconds) in expected {
        assert_eq!(cuts[connection.as_str()], [milliseconds as f64], "{connection}");
        let from_event = &caught.values("TimeToCutFromEvent")[connection.as_str()];
        assert!(
            from_event.len() == 1 && from_event[0] >= milliseconds as f64,
            "{from_event:?}"
        );
    }
    for none in [
        "CutIncomplete",
        "GuardTripped",
        "AccessReturned",
        "CredentialFailing",
        "Retries",
    ] {
        assert_eq!(caught.total(none), 0.0, "{none}");
    }
    let quotas = caught.values("QuotaUsed");
    for connection in ["okta-main", "sf-us"] {
        assert!(
            quotas[connection].iter().all(|percent| (0.0..=100.0).contains(percent)),
            "{quotas:?}"
        );
    }
    assert!(caught.total("ClockTicked") > 1.0);
    assert_eq!(caught.last("ReviewAge"), Some(0.0));
    assert_eq!(caught.last("CutWaiting"), Some(0.0));
    assert!(caught.values("CredentialDaysLeft").is_empty(), "nobody stated an end");
}

#[tokio::test]
async fn a_worker_that_dies_at_any_point_counts_no_end_twice_and_loses_one_only_at_the_very_write() {
    let caught = Caught::all();
    let mut plain = Stage::plain().await;
    plain.leaves().await;
    plain.work_through_deaths(MINUTE * 5).await;
    assert_eq!(plain.run().await.state, RunState::Done);
    let log = plain.world.injector.log();
    let last = log.iter().rposition(|what| what.starts_with("acknowledge"));
    let points = u64::try_from(last.unwrap_or(log.len())).expect("few points");
    assert!(points > 30, "there is something to die at: {points}");
    drop(caught);
    let (mut died, mut lost) = (0, Vec::new());
    for (fault, step) in [(Fault::CrashBefore, 7), (Fault::CrashAfter, 4), (Fault::AnswerLost, 7)] {
        // The last points are those at which it ends: all of them.
        let ends = points.saturating_sub(25)..=points;
        for point in (1..points.saturating_sub(25)).step_by(step).chain(ends) {
            let caught = Caught::all();
            let mut stage = Stage::new(WorldSpec {
                strikes: vec![Strike { point, fault }],
                ..WorldSpec::default()
            })
            .await;
            stage.leaves().await;
            died += stage.work_through_deaths(MINUTE * 5).await;
            let struck = &log[usize::try_from(point - 1).expect("few points")];
            let label = format!("{fault:?} at {point} ({struck})");
            let run = stage.run().await;
            assert_eq!(run.state, RunState::Done, "{label}: {:?}", outcomes(&run));
            let ended = caught.sums("RunsEnded");
            if ended.is_empty() {
                lost.push(label.clone());
            } else {
                assert_eq!(ended, [("Done".to_owned(), 1.0)].into(), "{label}");
            }
            for connection in run.cut_at.keys() {
                let cuts = &caught.values("TimeToCut")[connection.as_str()];
                assert!((1..=2).contains(&cuts.len()), "{label}: {connection} {cuts:?}");
            }
            assert_eq!(caught.total("CutIncomplete"), 0.0, "{label}");
        }
    }
    assert!(died > 10, "{died} deaths");
    assert!(lost.len() <= 2, "{lost:#?}");
}

#[tokio::test]
async fn a_cut_that_is_not_whole_waits_on_the_clock_and_no_longer_once_it_is() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.pass(MINUTE * 20).await;
    let waiting = caught.last("CutWaiting").expect("the clock measures");
    assert!((1_000.0..1_300.0).contains(&waiting), "{waiting}");
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    stage.pass(MINUTE * 2).await;
    assert_eq!(caught.last("CutWaiting"), Some(0.0));
    assert_eq!(stage.documents(documents::CUT_WAITS).await, []);
    assert_eq!(caught.total("CutIncomplete"), 0.0);
}

#[tokio::test]
async fn a_cut_that_ends_not_whole_is_counted_once_and_waits_no_longer() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    stage.world.vendors.salesforce.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Incomplete { .. }));
    stage.pass(MINUTE * 2).await;
    assert_eq!(caught.total("CutIncomplete"), 1.0);
    assert_eq!(caught.sums("RunsEnded"), [("Incomplete".to_owned(), 1.0)].into());
    assert_eq!(caught.last("CutWaiting"), Some(0.0));
    assert_eq!(stage.documents(documents::CUT_WAITS).await, []);
}

#[tokio::test]
async fn a_held_cut_trips_the_guard_once_and_grows_old_until_nobody_has_decided() {
    let caught = Caught::all();
    let mut stage = protected().await;
    stage.leaves().await;
    stage.pass(HOUR).await;
    assert!(matches!(stage.run().await.state, RunState::Held { .. }));
    assert_eq!(caught.total("GuardTripped"), 1.0);
    for gauge in ["ReviewAge", "CutWaiting"] {
        let age = caught.last(gauge).expect("the clock measures");
        assert!((3_400.0..3_700.0).contains(&age), "{gauge}: {age}");
    }
    for _ in 0..24 {
        stage.later(HOUR * 3).await;
    }
    stage.pass(MINUTE * 2).await;
    assert!(matches!(stage.run().await.state, RunState::Refused { .. }));
    assert_eq!(caught.total("GuardTripped"), 1.0, "reminders are no new question");
    assert_eq!(caught.total("CutIncomplete"), 1.0);
    assert_eq!(caught.last("CutWaiting"), Some(0.0));
}

#[tokio::test]
async fn a_cut_that_somebody_refused_is_nobodys_alarm() {
    let caught = Caught::all();
    let mut stage = protected().await;
    stage.leaves().await;
    stage.settle().await;
    let review = stage.review(&stage.run().await).await;
    stage.decide(&review.id, &review.plan_hash, false).await;
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Refused { .. }));
    stage.pass(MINUTE * 2).await;
    assert_eq!(caught.total("CutIncomplete"), 0.0);
    assert_eq!(caught.last("CutWaiting"), Some(0.0));
    assert_eq!(caught.last("ReviewAge"), Some(0.0));
}

#[tokio::test]
async fn access_that_came_back_is_counted_in_its_connection() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    let vendors = &stage.world.vendors;
    vendors.salesforce.add_session(&vendors.leaver_user, SessionKind::Ui);
    stage.later(MINUTE * 20).await;
    assert_eq!(caught.sums("AccessReturned"), [("sf-us".to_owned(), 1.0)].into());
    let undivided = caught
        .lines()
        .into_iter()
        .find(|line| line.contains("\"AccessReturned\":"));
    let undivided = undivided.expect("it was counted");
    assert!(undivided.contains(r#""Dimensions":[["Connection"],[]]"#), "{undivided}");
}

#[tokio::test]
async fn a_refused_credential_and_a_vendor_that_is_away_are_counted() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    vendors.slack.revoke_token(&vendors.credentials.slack_token);
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(caught.total("CredentialFailing") >= 1.0);
    assert_eq!(caught.total("Retries"), 0.0);

    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    let okta = stage.world.vendors.okta.clone();
    okta.faults()
        .add(FaultRule::always("/api/v1/users/", VendorFault::Unavailable));
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(caught.sums("Retries")["okta-main"] >= 1.0);
    assert_eq!(caught.total("CredentialFailing"), 0.0);
}

#[tokio::test]
async fn the_clock_counts_the_days_of_the_credential_that_ends_first() {
    let caught = Caught::all();
    let spec = WorldSpec {
        edit: Some(Arc::new(|texts| {
            let text = texts.get_mut("env/test.yaml").expect("the environment is there");
            for (connection, day) in [("okta-main", "2026-03-20"), ("sf-us", "2026-03-12T08:15:00Z")] {
                let tenant = format!("  {connection}:\n");
                assert!(text.contains(&tenant), "{text}");
                *text = text.replace(&tenant, &format!("{tenant}    expires: {day}\n"));
            }
        })),
        ..WorldSpec::default()
    };
    let mut stage = Stage::new(spec).await;
    stage.pass(MINUTE * 2).await;
    assert_eq!(caught.last("CredentialDaysLeft"), None, "no worker has started yet");
    stage.engine.start().await.expect("memory takes it");
    stage.pass(MINUTE * 2).await;
    assert_eq!(
        caught.last("CredentialDaysLeft"),
        Some(9.0),
        "two minutes less than ten days"
    );
    stage.world.clock.advance(Duration::from_secs(86_400 * 10));
    stage.pass(MINUTE * 2).await;
    assert_eq!(caught.last("CredentialDaysLeft"), Some(-1.0));
    stage
        .reconfigure(|configuration| {
            for connection in configuration.connections.values_mut() {
                connection.tenant.expires = None;
            }
        })
        .await;
    stage.engine.start().await.expect("memory takes it");
    assert_eq!(stage.documents(documents::CREDENTIAL).await, []);
}

#[tokio::test]
async fn what_is_paused_with_its_cuts_waits_on_the_clock_too() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    stage
        .ledger()
        .put_document(documents::PAUSE, "all", &serde_json::json!({"cut": true}))
        .await
        .expect("memory takes it");
    stage.leaves().await;
    stage.pass(MINUTE * 20).await;
    assert!(stage.is_whole());
    let waiting = caught.last("CutWaiting").expect("the clock measures");
    assert!(waiting > 900.0, "{waiting}");
}
