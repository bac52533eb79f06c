//! A held stage presses for a decision, and a decision binds to what was read, once, by somebody who may make it.

use std::time::Duration;

use rollcall_engine::{Approver, EngineError};
use rollcall_harness::WorldSpec;
use rollcall_model::{EntryKind, ReviewState, Run, RunState};
use rollcall_policy::configuration::{Held, ListSource, OnExpiry};
use rollcall_policy::decide::ListRead;
use rollcall_runtime::clock::between;
use rollcall_scenarios::{
    CHIDI, HOUR, MINUTE, Stage, outcomes, replaced, signed_in, told, with_approvers, without_groups,
};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::salesforce::UserSeed;
use rollcall_simulators::{Fault, FaultRule};

const PRIYA: &str = "priya.raman@corp.example";
const LENA: &str = "lena.brandt@corp.example";
/// Reads like a message of a held stage, a failure.
const HELD: &str = "Held: Amara Okafor";
const FAILED: &str = "Not finished: Amara Okafor";
/// A channel for escalations, which the simulated workspace has besides the playbook's own.
const LEADS: &str = "it-leads";

/// The leaver is protected and has left: the run is held.
async fn held_on(mut stage: Stage) -> Stage {
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.settle().await;
    stage
}

async fn held() -> Stage {
    held_on(Stage::new(with_approvers(WorldSpec::default(), &[PRIYA, LENA])).await).await
}

/// The same with another `guard.held`.
async fn held_with(settings: Held) -> Stage {
    let mut stage = Stage::new(with_approvers(WorldSpec::default(), &[PRIYA, LENA])).await;
    stage
        .reconfigure(|configuration| configuration.guard.held = settings)
        .await;
    held_on(stage).await
}

/// Goes on to this long after the review's opening.
async fn until(stage: &mut Stage, since: Duration) {
    let opened_at = stage.review(&stage.run().await).await.opened_at;
    let passed = between(opened_at, stage.now());
    stage.world.clock.advance(since.saturating_sub(passed));
    stage.work_for(MINUTE * 3).await;
}

async fn decide(stage: &Stage, hash: &str, approve: bool, by: &Approver) -> Result<(), String> {
    let id = stage.review(&stage.run().await).await.id;
    match stage.review_decided(&id, hash, approve, by).await {
        Ok(_) => Ok(()),
        Err(EngineError::Refused(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

async fn hash(stage: &Stage) -> String {
    stage.review(&stage.run().await).await.plan_hash.to_string()
}

#[tokio::test]
async fn a_held_cut_reminds_once_a_rung_and_is_not_polled_between_rungs() {
    let mut stage = held().await;
    until(&mut stage, MINUTE * 10).await;
    assert_eq!(told(&stage.channel(), HELD), 1);
    until(&mut stage, MINUTE * 15).await;
    assert_eq!(told(&stage.channel(), HELD), 2, "{:?}", stage.channel());
    // Between two rungs nothing is read: the run lies in the ledger until the next one.
    let calls = stage.world.vendors.okta.calls().len();
    until(&mut stage, MINUTE * 29).await;
    assert_eq!(
        stage.world.vendors.okta.calls().len(),
        calls,
        "no call between two rungs"
    );
    until(&mut stage, MINUTE * 30).await;
    assert_eq!(told(&stage.channel(), HELD), 3);
    assert!(
        stage.world.vendors.okta.calls().len() > calls,
        "at a rung the truth is read again"
    );
    // A worker that dies at a rung and is replaced does not say it again.
    stage.replace_worker().await;
    until(&mut stage, MINUTE * 31).await;
    assert_eq!(told(&stage.channel(), HELD), 3);
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_worker_that_was_away_says_what_is_due_once_and_not_every_reminder_that_it_missed() {
    let mut stage = held().await;
    until(&mut stage, MINUTE * 50).await;
    assert_eq!(told(&stage.channel(), HELD), 2, "{:?}", stage.channel());
}

#[tokio::test]
async fn a_held_cut_is_escalated_and_then_paged_for_each_once() {
    let settings = Held {
        escalate_to: vec![format!("#{LEADS}"), PRIYA.to_owned()],
        ..Held::default()
    };
    let mut stage = held_with(settings).await;
    stage.world.vendors.slack.add_channel("C0LEADS0001", LEADS, true);
    until(&mut stage, MINUTE * 59).await;
    assert_eq!(leads(&stage), 0, "not yet");
    until(&mut stage, HOUR).await;
    assert_eq!(leads(&stage), 1);
    let messages = escalations(&stage.run().await);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages.iter().any(|(action, to)| action == "slack/dm" && to == PRIYA),
        "{messages:?}"
    );
    assert!(stage.findings().await.iter().any(|finding| finding.contains("RC0503")));
    assert_eq!(told(&stage.channel(), FAILED), 0, "nobody is paged yet");
    until(&mut stage, HOUR * 2).await;
    assert_eq!(told(&stage.channel(), FAILED), 1, "{:?}", stage.channel());
    until(&mut stage, HOUR * 4).await;
    assert_eq!(told(&stage.channel(), FAILED), 1);
    assert_eq!(leads(&stage), 1);
    assert!(
        matches!(stage.run().await.state, RunState::Held { .. }),
        "it still waits"
    );
    assert!(stage.is_whole());
}

fn leads(stage: &Stage) -> usize {
    stage.world.vendors.slack.messages("C0LEADS0001").len()
}

/// Action and addressee of every escalation.
fn escalations(run: &Run) -> Vec<(String, String)> {
    let escalated = run
        .changes
        .iter()
        .filter(|record| record.change.step.ends_with("-escalate"));
    escalated
        .map(|record| {
            let with = &record.change.with;
            let to = with.get("channel").or_else(|| with.get("email"));
            let to = to.and_then(serde_json::Value::as_str).unwrap_or_default();
            (record.change.action.clone(), to.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn a_held_cut_that_nobody_decides_is_refused_when_the_configuration_says_so() {
    let settings = Held {
        expires: HOUR * 3,
        ..Held::default()
    };
    let mut stage = held_with(settings).await;
    until(&mut stage, HOUR * 3 + MINUTE).await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(
        matches!(&run.state, RunState::Refused { why } if why.contains("in time")),
        "{:?}",
        run.state
    );
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_held_cut_that_nobody_decides_is_made_when_the_configuration_says_so_and_the_journal_says_who_decided() {
    let settings = Held {
        expires: HOUR * 3,
        on_expiry: OnExpiry::Apply,
        ..Held::default()
    };
    let mut stage = held_with(settings).await;
    let review = stage.review(&stage.run().await).await;
    until(&mut stage, HOUR * 2 + MINUTE * 50).await;
    assert!(stage.is_whole(), "not before its time");
    until(&mut stage, HOUR * 3 + MINUTE).await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", outcomes(&run));
    assert!(stage.is_cut());
    let known = stage.ledger().review(&review.id).await.expect("memory answers");
    assert!(
        matches!(known.map(|review| review.state), Some(ReviewState::Approved { by, .. }) if by == "on_expiry"),
        "nobody's name is used"
    );
    let journal = stage.world.ledger.journal(&run.id).await.expect("memory answers");
    let decided = journal.iter().filter(|entry| {
        entry.public.kind == EntryKind::Decision
            && entry.public.what == format!("cut approved by on_expiry {}", review.plan_hash)
    });
    assert_eq!(decided.count(), 1);
}

#[tokio::test]
async fn a_leaver_who_returns_before_a_held_cut_expires_is_not_cut_by_on_expiry() {
    let settings = Held {
        expires: HOUR * 3,
        on_expiry: OnExpiry::Apply,
        ..Held::default()
    };
    let mut stage = held_with(settings).await;
    let review = stage.review(&stage.run().await).await;
    stage.returns_unheard();
    stage
        .world
        .clock
        .advance(between(stage.now(), review.expires_at) + MINUTE);
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Superseded { .. }));
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_decision_binds_to_the_hash_that_was_read_and_is_made_once() {
    let mut stage = held().await;
    let hash = hash(&stage).await;
    let priya = signed_in(PRIYA);
    let short = decide(&stage, &hash[..11], true, &priya).await.unwrap_err();
    assert!(short.contains("12 characters"), "{short}");
    let other = decide(&stage, &"0".repeat(12), true, &priya).await.unwrap_err();
    assert!(other.contains("the plan has moved, look again"), "{other}");
    assert!(stage.is_whole());
    let id = stage.review(&stage.run().await).await.id;
    decide(&stage, &hash[..12], true, &priya)
        .await
        .expect("an approver decides");
    let twice = decide(&stage, &hash, false, &signed_in(LENA)).await.unwrap_err();
    assert!(twice.contains("has approved") && twice.contains(PRIYA), "{twice}");
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
    let late = stage.review_decided(&id, &hash, true, &priya).await;
    assert!(matches!(late, Err(EngineError::Refused(_))), "not after the end either");
}

#[tokio::test]
async fn a_plan_that_moves_while_it_is_held_is_another_question_and_the_old_decision_is_none() {
    let mut stage = held().await;
    let first = stage.review(&stage.run().await).await;
    // Somebody gives her a second user: there is more to do.
    let second = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("amara.second@corp.example")
    };
    stage.world.vendors.salesforce.add_user(second);
    until(&mut stage, MINUTE * 15).await;
    let second = stage.review(&stage.run().await).await;
    assert_ne!(first.plan_hash, second.plan_hash);
    assert_eq!(
        (first.opened_at, first.expires_at),
        (second.opened_at, second.expires_at),
        "and it is no younger"
    );
    let old = stage
        .review_decided(&first.id, first.plan_hash.as_str(), true, &signed_in(PRIYA))
        .await;
    assert!(
        matches!(&old, Err(EngineError::Refused(why)) if why.contains("the plan has moved")),
        "{old:?}"
    );
    decide(&stage, second.plan_hash.as_str(), true, &signed_in(PRIYA))
        .await
        .expect("the present plan can be decided");
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn who_is_not_in_the_group_of_approvers_decides_nothing() {
    let stage = held().await;
    let hash = hash(&stage).await;
    let stranger = decide(&stage, &hash, true, &signed_in(CHIDI)).await.unwrap_err();
    assert!(stranger.contains("is not in the group RC-Approvers"), "{stranger}");
    let with_role = Approver {
        role: true,
        ..signed_in(CHIDI)
    };
    assert!(
        decide(&stage, &hash, true, &with_role).await.is_err(),
        "a role does not stand in for the group"
    );
    let nameless = Approver {
        login: None,
        ..signed_in(PRIYA)
    };
    let unknown = decide(&stage, &hash, true, &nameless).await.unwrap_err();
    assert!(unknown.contains("operators"), "{unknown}");
    assert!(stage.is_whole());
}

#[tokio::test]
async fn nobody_decides_when_the_group_of_approvers_cannot_be_read() {
    let stage = held_on(Stage::new(without_groups(WorldSpec::default())).await).await;
    let refused = decide(&stage, &hash(&stage).await, true, &signed_in(PRIYA)).await;
    let why = refused.unwrap_err();
    assert!(why.contains("may not read groups"), "{why}");
}

#[tokio::test]
async fn without_a_group_the_role_of_an_approver_decides() {
    let mut stage = Stage::plain().await;
    stage
        .reconfigure(|configuration| configuration.guard.approvers = None)
        .await;
    let stage = held_on(stage).await;
    let hash = hash(&stage).await;
    assert!(decide(&stage, &hash, true, &signed_in(PRIYA)).await.is_err());
    let approver = Approver {
        role: true,
        ..signed_in(PRIYA)
    };
    decide(&stage, &hash, true, &approver).await.expect("a role is enough");
}

#[tokio::test]
async fn a_later_try_of_an_approved_cut_is_not_held_again() {
    let mut stage = held().await;
    let hash = hash(&stage).await;
    // The freeze goes through, and then the sessions cannot be ended at first.
    let salesforce = stage.world.vendors.salesforce.faults();
    salesforce.add(FaultRule {
        method: Some(http::Method::DELETE),
        ..FaultRule::once("composite/sobjects", Fault::Unavailable)
    });
    decide(&stage, &hash, true, &signed_in(PRIYA))
        .await
        .expect("an approver decides");
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", run.notes, outcomes(&run));
    assert!(
        run.notes.iter().any(|note| note.text.contains("cut not complete")),
        "it took more than one try: {:?}",
        run.notes
    );
    assert!(stage.is_cut());
    assert_eq!(told(&stage.channel(), HELD), 1, "{:?}", stage.channel());
}

#[tokio::test]
async fn limits_are_counted_by_connection_and_name_it() {
    let mut stage = Stage::new(replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h")).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let review = stage.review(&stage.runs().await[1]).await;
    let why = review.reasons.join("; ");
    for part in [
        "1 an hour",
        "sf-us",
        "rollcall reviews",
        "wait until",
        "rollcall expect leavers",
    ] {
        assert!(why.contains(part), "no {part} in {why}");
    }
}

#[tokio::test]
async fn a_run_that_waits_for_an_approver_takes_no_place_from_others() {
    let mut stage = Stage::new(with_approvers(
        replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h"),
        &[PRIYA],
    ))
    .await;
    stage = held_on(stage).await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let runs = stage.runs().await;
    assert!(matches!(runs[0].state, RunState::Held { .. }));
    assert_eq!(runs[1].state, RunState::Done, "{:?}", runs[1].notes);
}

#[tokio::test]
async fn an_object_is_read_as_a_list_and_one_that_cannot_be_read_is_never_an_empty_one() {
    let mut stage = Stage::plain().await;
    stage
        .reconfigure(|configuration| {
            let name = "lists/hold.csv".to_owned();
            configuration
                .lists
                .insert("hold".to_owned(), ListSource::Object { name });
        })
        .await;
    let call = rollcall_model::Call {
        deadline: rollcall_runtime::clock::plus(stage.now(), MINUTE),
        lane: rollcall_model::Lane::Work,
    };
    let read = async |stage: &Stage| {
        let mut reads = stage.engine.read_lists(&stage.world.configuration, &call).await;
        reads.remove("hold").expect("it is a list to read")
    };
    assert!(
        matches!(read(&stage).await, ListRead::Unreadable(why) if why.contains("lists/hold.csv")),
        "there is no such object"
    );
    let put = async |stage: &Stage, text: &'static str| {
        let files = &stage.world.files;
        files
            .put("lists/hold.csv", text.into())
            .await
            .expect("memory takes files");
    };
    put(&stage, "\u{feff}# case 7\nAmara.Okafor@corp.example;2026\n").await;
    assert!(
        matches!(read(&stage).await, ListRead::Unreadable(_)),
        "a failure is not asked about again at once"
    );
    stage.world.clock.advance(Duration::from_secs(11));
    let entries = |names: &[&str]| ListRead::Entries(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(read(&stage).await, entries(&["amara.okafor@corp.example"]));
    put(&stage, "chidi.okafor@corp.example\n").await;
    stage.world.clock.advance(Duration::from_secs(59));
    assert_eq!(
        read(&stage).await,
        entries(&["amara.okafor@corp.example"]),
        "a minute old at most"
    );
    stage.world.clock.advance(Duration::from_secs(2));
    assert_eq!(read(&stage).await, entries(&["chidi.okafor@corp.example"]));
    put(&stage, "").await;
    stage.world.clock.advance(MINUTE);
    assert!(matches!(read(&stage).await, ListRead::Unreadable(why) if why.contains("is empty")));
}
