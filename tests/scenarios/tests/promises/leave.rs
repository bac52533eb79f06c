//! Somebody leaves at an hour that was agreed, whatever the directory says by then.

use std::time::Duration;

use rollcall_engine::{AgreedLeave, EngineError, LeaveState, LeaveWish, agreed_leave, cancel_leave, leaves};
use rollcall_harness::WorldSpec;
use rollcall_harness::inject::{Fault, Strike};
use rollcall_model::{Message, RunState, Timestamp};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use rollcall_scenarios::{HOUR, MINUTE, Stage, outcomes, told};
use rollcall_simulators::salesforce::Permission;
use rollcall_simulators::{Fault as VendorFault, FaultRule};

const OPERATOR: &str = "it-op@corp.example";

fn wish(stage: &Stage, at: Timestamp) -> LeaveWish {
    LeaveWish {
        who: stage.world.vendors.leaver.clone(),
        at,
        quiet: false,
        successor: None,
        asked_by: OPERATOR.to_owned(),
    }
}

async fn agreed(stage: &Stage, after: Duration) -> AgreedLeave {
    let at = plus(stage.now(), after);
    stage.engine.plan_leave(wish(stage, at)).await.expect("it is agreed")
}

async fn state(stage: &Stage, leave: &AgreedLeave) -> LeaveState {
    let leave = agreed_leave(stage.ledger(), &leave.id).await.expect("memory answers");
    leave.expect("it is kept").state
}

async fn cancel(stage: &Stage, leave: &AgreedLeave, by: &str) -> Result<AgreedLeave, EngineError> {
    cancel_leave(stage.ledger(), &leave.id, by, stage.now(), &stage.world.unique()).await
}

/// 17:00 in Melbourne, which is eleven hours ahead in March.
fn five_in_melbourne() -> Timestamp {
    "2026-03-03T17:00:00+11:00".parse().expect("a constant")
}

#[tokio::test]
async fn an_agreed_hour_in_melbourne_cuts_at_that_instant_and_not_before() {
    let mut stage = Stage::plain().await;
    let at = five_in_melbourne();
    let leave = stage.engine.plan_leave(wish(&stage, at)).await.expect("it is agreed");
    assert_eq!(leave.state, LeaveState::Waiting);
    let before = between(stage.now(), at).saturating_sub(Duration::from_millis(600));
    stage.pass(before).await;
    assert!(stage.is_whole(), "not before its hour");
    assert_eq!(stage.runs().await.len(), 0);
    stage.pass(Duration::from_secs(2)).await;
    assert!(stage.is_cut(), "at {}", stage.now());
    let run = stage.run().await;
    let began = between(at, run.opened_at);
    assert!(
        run.opened_at >= at && began < Duration::from_secs(1),
        "it began {began:?} after its hour"
    );
    assert_eq!(run.asked_by.as_deref(), Some(OPERATOR));
    assert_eq!(run.received_at, at, "the time to the cut counts from the hour");
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(state(&stage, &leave).await, LeaveState::Begun { run: run.id });
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1);
    assert_eq!(leaves(stage.ledger()).await.expect("memory answers"), []);
}

#[tokio::test]
async fn an_hour_that_has_passed_means_now() {
    let mut stage = Stage::plain().await;
    let yesterday = stage.now().checked_sub(HOUR * 24).expect("it was a day before");
    stage
        .engine
        .plan_leave(wish(&stage, yesterday))
        .await
        .expect("it is agreed");
    stage.work_for(MINUTE).await;
    assert!(stage.is_cut());
    let run = stage.run().await;
    assert!(
        run.time_to_cut_ms().values().all(|ms| (0..60_000).contains(ms)),
        "{:?}",
        run.time_to_cut_ms()
    );
}

#[tokio::test]
async fn a_leave_that_was_called_off_never_begins() {
    let mut stage = Stage::plain().await;
    let leave = agreed(&stage, HOUR * 2).await;
    let waiting = leaves(stage.ledger()).await.expect("memory answers");
    assert_eq!(waiting, std::slice::from_ref(&leave));
    assert_eq!(waiting[0].display.as_deref(), Some("Amara Okafor"));
    cancel(&stage, &leave, OPERATOR).await.expect("it has not begun");
    assert_eq!(leaves(stage.ledger()).await.expect("memory answers"), []);
    cancel(&stage, &leave, OPERATOR)
        .await
        .expect("the same again is the same");
    let other = cancel(&stage, &leave, "priya.raman@corp.example").await;
    let Err(EngineError::Refused(why)) = other else {
        panic!("{other:?}")
    };
    assert!(why.contains("called off by") && why.contains(OPERATOR), "{why}");
    stage.pass(HOUR * 3).await;
    assert!(stage.is_whole());
    assert_eq!(stage.runs().await.len(), 0);
}

#[tokio::test]
async fn a_leave_that_has_begun_cannot_be_called_off_and_the_answer_names_its_run() {
    let mut stage = Stage::plain().await;
    let leave = agreed(&stage, MINUTE).await;
    stage.pass(MINUTE * 2).await;
    let run = stage.run().await;
    let late = cancel(&stage, &leave, OPERATOR).await;
    let Err(EngineError::Refused(why)) = late else {
        panic!("{late:?}")
    };
    assert!(why.contains("has begun") && why.contains(run.id.as_str()), "{why}");
    let none = cancel_leave(stage.ledger(), "lv_none", OPERATOR, stage.now(), "n").await;
    assert!(matches!(none, Err(EngineError::Refused(why)) if why.contains("rollcall leave list")));
}

#[tokio::test]
async fn one_leave_is_agreed_for_a_person_at_a_time() {
    let stage = Stage::plain().await;
    let first = agreed(&stage, HOUR).await;
    let second = stage.engine.plan_leave(wish(&stage, plus(stage.now(), HOUR * 5))).await;
    let Err(EngineError::Refused(why)) = second else {
        panic!("{second:?}")
    };
    assert!(why.contains(&first.id), "{why}");
    cancel(&stage, &first, OPERATOR).await.expect("it has not begun");
    agreed(&stage, HOUR * 5).await;
}

#[tokio::test]
async fn the_directory_being_first_makes_one_run_and_the_hour_is_covered_by_it() {
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    let leave = agreed(&stage, MINUTE * 10).await;
    stage.work_for(MINUTE * 2).await;
    stage.leaves().await;
    stage.pass(MINUTE * 15).await;
    let run = stage.run().await;
    assert!(!run.state.is_final(), "{:?}", run.state);
    assert_eq!(state(&stage, &leave).await, LeaveState::Covered { run: run.id });
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1);
}

#[tokio::test]
async fn an_hour_that_comes_after_the_cut_finds_nothing_left_and_tells_nobody() {
    let mut stage = Stage::plain().await;
    agreed(&stage, HOUR).await;
    stage.leaves().await;
    stage.settle().await;
    assert!(stage.is_cut());
    let texts = stage.channel();
    stage.later(HOUR * 2).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].state, RunState::Done);
    assert!(
        outcomes(&runs[1]).iter().all(|(_, outcome)| *outcome == "AlreadySo"),
        "{:?}",
        outcomes(&runs[1])
    );
    assert_eq!(stage.channel(), texts);
    assert_eq!(stage.did("freeze"), 1);
}

#[tokio::test]
async fn an_hour_that_came_while_no_worker_lived_is_kept_by_the_next_one() {
    let mut stage = Stage::plain().await;
    agreed(&stage, HOUR * 2).await;
    stage.pass(HOUR).await;
    stage.replace_worker().await;
    stage.world.clock.advance(HOUR * 3);
    stage.replace_worker().await;
    stage.work_for(MINUTE * 2).await;
    assert!(stage.is_cut());
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn a_person_whose_account_is_deleted_before_the_hour_is_cut_by_what_was_kept_of_them() {
    let mut stage = Stage::plain().await;
    agreed(&stage, HOUR * 2).await;
    let (okta, admin) = (&stage.world.vendors.okta, &stage.world.vendors.administrator);
    okta.admin_deactivate(&stage.world.vendors.leaver, admin, stage.now())
        .expect("the directory deactivates");
    okta.admin_delete(&stage.world.vendors.leaver, admin, stage.now())
        .expect("the directory deletes");
    okta.take_deliveries(plus(stage.now(), MINUTE));
    stage.later(HOUR * 3).await;
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_source_that_cannot_be_read_at_the_hour_is_a_finding_and_the_cut_follows_when_it_can() {
    let mut stage = Stage::plain().await;
    let leave = agreed(&stage, MINUTE * 5).await;
    let okta = stage.world.vendors.okta.clone();
    okta.faults()
        .add(FaultRule::always("/api/v1/users/", VendorFault::Unavailable));
    stage.pass(MINUTE * 10).await;
    assert!(stage.is_whole());
    let findings = stage.findings().await;
    assert_eq!(
        findings.iter().filter(|one| one.contains(codes::LEAVE_LATE.id)).count(),
        1,
        "{findings:?}"
    );
    assert_eq!(state(&stage, &leave).await, LeaveState::Waiting, "nothing has begun");
    okta.faults().clear();
    stage.pass(MINUTE * 20).await;
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_worker_that_dies_at_any_point_of_the_hour_leaves_one_run_and_one_cut() {
    let began = |stage: &Stage| stage.world.injector.count();
    let mut plain = Stage::plain().await;
    agreed(&plain, MINUTE).await;
    let before = began(&plain);
    plain.work_through_deaths(MINUTE * 10).await;
    assert_eq!(plain.run().await.state, RunState::Done);
    let log = plain.world.injector.log();
    let last = log
        .iter()
        .rposition(|what| what.starts_with("acknowledge"))
        .unwrap_or(log.len());
    let points = u64::try_from(last.min(log.len())).expect("few points");
    assert!(points > before + 30, "there is something to die at: {before}..{points}");
    let mut died = 0;
    for (fault, step) in [
        (Fault::CrashBefore, 2),
        (Fault::CrashAfter, 2),
        (Fault::AnswerLost, 3),
        (Fault::Fails, 3),
    ] {
        for point in (before + 1..=points).step_by(step) {
            let mut stage = Stage::new(WorldSpec {
                strikes: vec![Strike { point, fault }],
                ..WorldSpec::default()
            })
            .await;
            let leave = agreed(&stage, MINUTE).await;
            died += stage.work_through_deaths(MINUTE * 10).await;
            let label = format!(
                "{fault:?} at {point} ({})",
                log[usize::try_from(point - 1).expect("few points")]
            );
            let run = stage.run().await;
            assert_eq!(run.state, RunState::Done, "{label}: {:?}", outcomes(&run));
            assert!(stage.is_cut(), "{label}");
            assert_eq!(stage.did("freeze"), 1, "{label}");
            assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1, "{label}");
            assert_eq!(
                state(&stage, &leave).await,
                LeaveState::Begun { run: run.id },
                "{label}"
            );
            let watches = stage.ledger().timers("watch", 10).await.expect("memory answers");
            assert_eq!(watches.len(), 1, "{label}: its cut is watched");
        }
    }
    assert!(died > 20, "{died} deaths");
}

#[tokio::test]
async fn a_timer_that_this_version_cannot_read_is_reported_once_and_left_alone() {
    let mut stage = Stage::plain().await;
    let timer = rollcall_model::ledger::Timer {
        id: "leave/lv_odd".to_owned(),
        due_at: Some(stage.now()),
        body: serde_json::json!({"shape": "of a later version"}),
        version: 0,
    };
    stage.ledger().set_timer(&timer, "n").await.expect("memory takes it");
    let wake = serde_json::to_string(&Message::WakeTimer(timer.id.clone())).expect("a message is text");
    stage
        .queue()
        .send(rollcall_model::Lane::Work, &[wake], Duration::ZERO)
        .await
        .expect("memory takes it");
    stage.settle().await;
    stage.later(HOUR).await;
    let findings = stage.findings().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].contains("leave/lv_odd"), "{findings:?}");
    assert_eq!(stage.dead().await, Vec::<String>::new());
    assert!(stage.ledger().timer(&timer.id).await.expect("memory answers").is_some());
}
