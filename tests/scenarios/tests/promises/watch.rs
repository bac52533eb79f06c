//! A cut is read again: 15 minutes after it, 24 hours after it, then daily for 30 days.

use std::time::Duration;

use rollcall_harness::WorldSpec;
use rollcall_harness::inject::{Fault, Strike};
use rollcall_model::ledger::Timer;
use rollcall_model::{Run, RunState};
use rollcall_runtime::clock::between;
use rollcall_runtime::{Code, codes};
use rollcall_scenarios::{HOUR, MINUTE, Stage, outcomes, record, replaced, told};
use rollcall_simulators::salesforce::{Permission, UserSeed};
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A stage on which the leaver is cut.
async fn cut() -> Stage {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
    stage
}

/// An administrator unfreezes the leaver by hand.
fn unfreeze(stage: &Stage, run: &Run) {
    let login = record(run, "salesforce/freeze").change.evidence["login"]
        .as_str()
        .expect("the freeze names the log-in row")
        .to_owned();
    let org = &stage.world.vendors.salesforce;
    org.set_record("UserLogin", &login, json!({"IsFrozen": false}));
    assert!(!stage.is_cut());
}

async fn watches(stage: &Stage) -> Vec<Timer> {
    stage.ledger().timers("watch", 10).await.expect("memory answers")
}

async fn count(stage: &Stage, code: Code) -> usize {
    let findings = stage.findings().await;
    findings.iter().filter(|finding| finding.contains(code.id)).count()
}

#[tokio::test]
async fn access_that_came_back_once_is_cut_again_and_told() {
    let mut stage = cut().await;
    let first = stage.run().await;
    unfreeze(&stage, &first);
    stage.later(MINUTE * 16).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2, "{:?}", stage.channel());
    let again = &runs[1];
    assert_eq!(again.state, RunState::Done, "{:?}", outcomes(again));
    assert_eq!((again.cause.kind.as_str(), again.returned), ("access.returned", 1));
    assert_eq!(again.plan.stages.len(), 1);
    assert!(stage.is_cut());
    assert_eq!(stage.did("freeze"), 2);
    let texts = stage.channel();
    assert_eq!(told(&texts, "Not finished: Amara Okafor"), 1, "{texts:?}");
    assert!(
        texts
            .iter()
            .any(|text| text.contains("access came back: sf-us salesforce/freeze")),
        "{texts:?}"
    );
    assert_eq!(told(&texts, "Amara Okafor is out"), 2, "{texts:?}");
    assert_eq!(count(&stage, codes::ACCESS_RETURNED).await, 1);
    // The new cut is watched, and the old watch ends with it.
    stage.later(HOUR * 25).await;
    let left = watches(&stage).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].id, format!("watch/{}", again.id));
    assert_eq!(stage.runs().await.len(), 2);
}

#[tokio::test]
async fn access_that_came_back_twice_waits_for_a_person() {
    let mut stage = cut().await;
    let first = stage.run().await;
    unfreeze(&stage, &first);
    stage.later(MINUTE * 16).await;
    unfreeze(&stage, &first);
    stage.later(MINUTE * 16).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[2].returned, 2);
    let review = stage.review(&runs[2]).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("came back") || why.contains("back")),
        "{:?}",
        review.reasons
    );
    assert!(!stage.is_cut(), "nobody has decided");
    assert_eq!(told(&stage.channel(), "Held: Amara Okafor"), 1);
    stage.decide(&review.id, &review.plan_hash, true).await;
    stage.settle().await;
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_person_who_is_active_again_is_left_alone() {
    let mut stage = cut().await;
    let first = stage.run().await;
    stage.returns_unheard();
    unfreeze(&stage, &first);
    stage.later(MINUTE * 16).await;
    assert_eq!(stage.runs().await.len(), 1);
    assert_eq!(stage.did("freeze"), 1);
    assert_eq!(watches(&stage).await, []);
    assert_eq!(count(&stage, codes::ACCESS_RETURNED).await, 0);
}

#[tokio::test]
async fn a_cut_is_read_after_fifteen_minutes_a_day_and_daily_and_the_watch_ends_after_thirty_days() {
    let mut stage = cut().await;
    let cut_at = stage
        .run()
        .await
        .changes
        .iter()
        .filter(|record| record.change.stage == "cut")
        .map(|record| record.ended_at)
        .max()
        .expect("it was cut");
    let mut rings = Vec::new();
    while let Some(due) = watches(&stage).await.first().and_then(|timer| timer.due_at) {
        rings.push(between(cut_at, due));
        stage.later(between(stage.now(), due)).await;
        assert!(rings.len() < 100, "it ends");
    }
    let mut expected = vec![MINUTE * 15];
    expected.extend((1..=30).map(|day| DAY * day));
    assert_eq!(rings, expected);
    assert_eq!(stage.runs().await.len(), 1, "nothing came back");
    assert_eq!(stage.findings().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_machine_that_was_down_for_days_reads_once() {
    let mut stage = cut().await;
    stage.world.vendors.salesforce.clear_calls();
    stage.later(DAY * 5 + HOUR).await;
    let after_one = stage.world.vendors.salesforce.calls().len();
    let due = watches(&stage).await[0].due_at.expect("it is watched");
    assert!(between(stage.now(), due) <= DAY && due > stage.now());
    stage.later(DAY).await;
    assert_eq!(stage.world.vendors.salesforce.calls().len(), after_one * 2);
}

#[tokio::test]
async fn a_reading_that_proves_nothing_is_repeated_and_said_once() {
    let mut stage = cut().await;
    let first = stage.run().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    unfreeze(&stage, &first);
    stage.later(MINUTE * 16).await;
    stage.later(MINUTE * 16).await;
    assert_eq!(
        count(&stage, codes::CUT_UNREAD).await,
        1,
        "{:?}",
        stage.findings().await
    );
    assert_eq!(stage.runs().await.len(), 1);
    org.allow(Permission::ManageUsers);
    stage.later(MINUTE * 16).await;
    assert!(stage.is_cut());
    assert_eq!(stage.runs().await.len(), 2);
}

#[tokio::test]
async fn an_account_that_was_made_after_the_cut_is_found_and_cut() {
    let mut stage = cut().await;
    let seed = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("amara.second@corp.example")
    };
    let second = stage.world.vendors.salesforce.add_user(seed);
    stage.later(MINUTE * 16).await;
    assert!(stage.world.vendors.salesforce.is_frozen(&second));
    assert_eq!(stage.runs().await.len(), 2);
}

#[tokio::test]
async fn a_cut_in_observe_mode_is_not_watched() {
    let mut stage = Stage::new(replaced("env/test.yaml", "{default: enforce}", "{default: observe}")).await;
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(watches(&stage).await, []);
}

/// The leaver's playbook with a stage a day after the cut.
const LATER: &str = r##"goal: leave
on: [{from: okta-main, event: user.deactivated}, {planned: leave}]
cut:
  - {id: salesforce, use: [salesforce/freeze, salesforce/revoke-tokens, salesforce/end-sessions], in: sf-us}
dismantle:
  after: 24h
  unless: person.active
  steps: [{id: sessions, use: salesforce/end-sessions, in: sf-us}]
tell:
  cut: {post: "#security", text: "{{ person.display }} is out: {{ run.cut }}"}
  failed: {post: "#security", text: "Not finished: {{ person.display }}. {{ run.why }}"}
"##;

#[tokio::test]
async fn access_that_comes_back_while_the_run_waits_for_a_later_stage_is_cut_by_that_run() {
    let mut stage = Stage::new(rollcall_scenarios::edited(|files| {
        files.insert("playbooks/leaver.yaml".to_owned(), LATER.to_owned());
    }))
    .await;
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let first = stage.run().await;
    assert!(matches!(first.state, RunState::Waiting { .. }), "{:?}", first.state);
    assert!(stage.is_cut());
    unfreeze(&stage, &first);
    stage.work_for(MINUTE * 15).await;
    assert!(stage.is_cut(), "cut again by the first reading");
    let run = stage.run().await;
    assert_eq!((run.returned, run.stage), (1, 1), "{:?}", run.state);
    let texts = stage.channel();
    assert_eq!(
        told(&texts, "Not finished: Amara Okafor. access came back"),
        1,
        "{texts:?}"
    );
    let RunState::Waiting { until, .. } = run.state else {
        panic!("{:?}", run.state)
    };
    assert!(between(stage.now(), until) > HOUR * 23, "a day from the second cut");
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

/// The story up to the moment before the first reading, access having come back; with what strikes after it.
async fn before_the_reading(strikes: Vec<Strike>) -> Stage {
    let mut stage = Stage::new(WorldSpec {
        strikes,
        ..WorldSpec::default()
    })
    .await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    unfreeze(&stage, &run);
    let due = watches(&stage).await[0].due_at.expect("it is watched");
    stage.world.clock.advance(between(stage.now(), due));
    stage
}

#[tokio::test]
async fn a_worker_that_dies_at_any_point_of_a_reading_leaves_one_new_run_and_one_cut() {
    let mut plain = before_the_reading(Vec::new()).await;
    let before = plain.world.injector.count();
    plain.work_through_deaths(MINUTE * 20).await;
    assert_eq!(plain.runs().await.len(), 2);
    let log = plain.world.injector.log();
    let last = log
        .iter()
        .rposition(|what| what.starts_with("write"))
        .expect("it writes");
    let points = u64::try_from(last).expect("few points") + 1;
    assert!(points > before + 30, "there is something to die at: {before}..{points}");
    let mut died = 0;
    for (fault, step) in [
        (Fault::CrashBefore, 2),
        (Fault::CrashAfter, 2),
        (Fault::AnswerLost, 3),
        (Fault::Fails, 3),
    ] {
        for point in (before + 1..=points).step_by(step) {
            let label = format!(
                "{fault:?} at {point} ({})",
                log[usize::try_from(point - 1).expect("few points")]
            );
            let mut stage = before_the_reading(vec![Strike { point, fault }]).await;
            died += stage.work_through_deaths(MINUTE * 20).await;
            let runs = stage.runs().await;
            assert_eq!(runs.len(), 2, "{label}: {:?}", stage.channel());
            assert_eq!(runs[1].state, RunState::Done, "{label}: {:?}", outcomes(&runs[1]));
            assert!(stage.is_cut(), "{label}");
            assert_eq!(stage.did("freeze"), 2, "{label}");
            let texts = stage.channel();
            let came_back = texts.iter().filter(|text| text.contains("access came back")).count();
            assert_eq!(came_back, 1, "{label}: {texts:?}");
            let left = watches(&stage).await;
            assert!(
                left.iter().any(|timer| timer.id == format!("watch/{}", runs[1].id)),
                "{label}: {left:?}"
            );
            assert!(
                left.iter()
                    .all(|timer| timer.due_at.is_some_and(|due| due > stage.now())),
                "{label}: {left:?}"
            );
        }
    }
    assert!(died > 20, "{died} deaths");
}
