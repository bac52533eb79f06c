//! What a run did is taken back like anything else is done: planned, read, applied; and it sticks.

use std::time::Duration;

use rollcall_engine::{EngineError, Proposal, UndoWish};
use rollcall_harness::WorldSpec;
use rollcall_model::ledger::documents;
use rollcall_model::plan::{StageSpec, Verdict};
use rollcall_model::{Exception, Goal, Outcome, Run, RunId, RunState};
use rollcall_runtime::codes;
use rollcall_scenarios::{HOUR, MINUTE, Stage, outcomes, replaced};
use rollcall_simulators::salesforce::Permission;
use rollcall_simulators::{Fault, FaultRule};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long the playbook leaves somebody alone here: an Okta token that nobody uses does not live for thirty days.
const KEEP: Duration = Duration::from_secs(10 * 24 * 3_600);
const BY: &str = "priya.raman@corp.example";

/// A stage on which the leaver is cut, and the run that did it.
async fn cut() -> (Stage, Run) {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert!(stage.is_cut());
    (stage, run)
}

async fn propose(stage: &Stage, run: &RunId, only: Option<&str>) -> Result<Proposal, EngineError> {
    let wish = UndoWish {
        run: run.clone(),
        stage: only.map(str::to_owned),
        keep: KEEP,
    };
    stage.engine.propose_undo(&wish).await
}

/// Proposes, applies and works until all is at rest; the undoing run.
async fn undo(stage: &mut Stage, run: &RunId) -> Run {
    let proposal = propose(stage, run, None).await.expect("a plan is made");
    let asked = stage
        .engine
        .apply_named_by(proposal.hash.as_str(), Some(BY))
        .await
        .expect("it is begun");
    stage.settle().await;
    named(stage, &asked.run).await
}

async fn named(stage: &Stage, id: &RunId) -> Run {
    stage
        .ledger()
        .run(id)
        .await
        .expect("memory answers")
        .expect("it is there")
}

async fn exceptions(stage: &Stage) -> Vec<Exception> {
    let documents = stage.documents(documents::EXCEPTION).await.into_iter();
    documents
        .map(|(_, body)| serde_json::from_value(body).expect("an exception is one"))
        .collect()
}

fn is_frozen(stage: &Stage) -> bool {
    let vendors = &stage.world.vendors;
    vendors.salesforce.is_frozen(&vendors.leaver_user)
}

/// The directory says the same once more: a new event, and the state is what it was.
async fn repeats(stage: &Stage) {
    stage.world.clock.advance(MINUTE);
    stage.returns_unheard();
    stage.leaves().await;
}

#[tokio::test]
async fn a_cut_is_taken_back_as_it_was_read_and_the_person_is_left_alone() {
    let (mut stage, run) = cut().await;
    let proposal = propose(&stage, &run.id, None).await.expect("a plan is made");
    assert!(is_frozen(&stage), "a plan changes nothing");
    assert_eq!(exceptions(&stage).await, []);
    let undo = proposal.undo.as_ref().expect("it is an undo");
    let nothing: Vec<_> = undo.nothing.iter().map(|left| left.change.as_str()).collect();
    assert_eq!(nothing.len(), 2, "tokens and sessions need nothing: {nothing:?}");
    assert_eq!(proposal.stage.items.len(), 1);
    assert_eq!(proposal.stage.items[0].change.action, "salesforce/unfreeze");

    let refused = stage.engine.apply_named(proposal.hash.as_str()).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "nobody asked for it");
    let asked = stage
        .engine
        .apply_named_by(proposal.hash.as_str(), Some(BY))
        .await
        .expect("it is begun");
    let kept = exceptions(&stage).await;
    assert_eq!(kept.len(), 1, "it holds before the first change is made");
    assert_eq!(
        (kept[0].by.as_str(), &kept[0].run, &kept[0].undoes),
        (BY, &asked.run, &run.id)
    );
    stage.settle().await;
    let undone = named(&stage, &asked.run).await;
    assert_eq!(undone.state, RunState::Done, "{:?}", outcomes(&undone));
    assert_eq!(outcomes(&undone), [("salesforce/unfreeze", "Changed")]);
    assert!(!is_frozen(&stage));
    assert_eq!((undone.plan.goal, undone.undoes.as_ref()), (Goal::Undo, Some(&run.id)));
    assert_eq!(undone.asked_by.as_deref(), Some(BY));
    assert!(undone.receipt.is_some(), "it has a receipt like every run");
}

#[tokio::test]
async fn a_second_undo_finds_everything_as_it_should_be() {
    let (mut stage, run) = cut().await;
    undo(&mut stage, &run.id).await;
    let proposal = propose(&stage, &run.id, None).await.expect("a plan is made");
    let verdicts: Vec<_> = proposal.stage.items.iter().map(|item| &item.verdict).collect();
    assert_eq!(verdicts, [&Verdict::AlreadySo]);
    let again = undo(&mut stage, &run.id).await;
    assert_eq!(again.state, RunState::Done);
    assert_eq!(outcomes(&again), [("salesforce/unfreeze", "AlreadySo")]);
    assert_eq!(stage.did("unfreeze"), 1);
}

#[tokio::test]
async fn the_watch_over_a_cut_ends_with_its_undo() {
    let (mut stage, run) = cut().await;
    undo(&mut stage, &run.id).await;
    stage.pass(DAY + HOUR).await;
    assert!(!is_frozen(&stage), "nobody cuts again what somebody gave back");
    assert_eq!(stage.runs().await.len(), 2);
    assert!(
        stage
            .ledger()
            .timers("watch", 10)
            .await
            .expect("memory answers")
            .is_empty()
    );
}

#[tokio::test]
async fn an_event_opens_nothing_while_the_source_says_what_it_said() {
    let (mut stage, run) = cut().await;
    let undone = undo(&mut stage, &run.id).await;
    repeats(&stage).await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 2, "no run comes of it");
    assert!(!is_frozen(&stage));
    let findings = stage.findings().await;
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains(codes::LEFT_ALONE.id) && finding.contains(undone.id.as_str())),
        "{findings:?}"
    );
}

#[tokio::test]
async fn another_word_of_the_source_ends_the_exception() {
    let (mut stage, run) = cut().await;
    undo(&mut stage, &run.id).await;
    assert_eq!(exceptions(&stage).await.len(), 1);
    let vendors = stage.world.vendors.clone();
    stage.world.clock.advance(MINUTE);
    vendors
        .okta
        .admin_activate(&vendors.leaver, &vendors.administrator, stage.now())
        .expect("the directory activates");
    assert!(stage.deliver().await > 0, "the hook says so");
    stage.settle().await;
    assert_eq!(exceptions(&stage).await, [], "the source says something else");
    stage.world.clock.advance(MINUTE);
    stage.leaves().await;
    stage.settle().await;
    assert!(stage.is_cut(), "they leave for good");
    assert_eq!(stage.runs().await.len(), 3);
}

#[tokio::test]
async fn an_exception_ends_by_itself() {
    let (mut stage, run) = cut().await;
    undo(&mut stage, &run.id).await;
    stage.world.clock.advance(KEEP + HOUR);
    repeats(&stage).await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 3);
    assert!(stage.is_cut());
    assert_eq!(exceptions(&stage).await, []);
}

#[tokio::test]
async fn whoever_asks_for_a_leave_after_all_gets_it() {
    let (mut stage, run) = cut().await;
    undo(&mut stage, &run.id).await;
    let leaver = stage.world.vendors.leaver.clone();
    let proposal = stage
        .engine
        .propose(Goal::Leave, &leaver)
        .await
        .expect("a plan is made");
    stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    stage.settle().await;
    assert!(stage.is_cut());
    assert_eq!(exceptions(&stage).await, []);
}

#[tokio::test]
async fn a_run_that_waits_to_take_apart_is_ended_by_its_undo() {
    let mut stage = Stage::plain().await;
    stage.reconfigure(dismantles).await;
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Waiting { .. }), "{:?}", run.state);
    let undone = undo(&mut stage, &run.id).await;
    assert_eq!(undone.state, RunState::Done, "{:?}", outcomes(&undone));
    let run = named(&stage, &run.id).await;
    assert!(
        matches!(&run.state, RunState::Superseded { why } if why.contains("taken back") && why.contains(BY)),
        "{:?}",
        run.state
    );
    stage.pass(HOUR * 4).await;
    assert!(!is_frozen(&stage));
    assert!(
        run.changes.iter().all(|record| record.change.stage != "dismantle"),
        "{:?}",
        outcomes(&run)
    );
}

/// The leave takes apart two hours after the cut.
fn dismantles(configuration: &mut rollcall_policy::Configuration) {
    let leaver = configuration.playbooks.get_mut("leaver").expect("the fixture has it");
    let mut steps = leaver.stages[0].steps.clone();
    steps[0].actions = vec!["salesforce/end-sessions".to_owned()];
    steps[0].id = "again".to_owned();
    leaver.stages.truncate(1);
    leaver.stages.push(StageSpec {
        name: "dismantle".to_owned(),
        after_ms: 7_200_000,
        unless: None,
        steps,
    });
}

#[tokio::test]
async fn a_plan_that_moved_is_refused_and_keeps_nobody_from_anything() {
    let mut stage = Stage::new(WorldSpec {
        owns: true,
        ..WorldSpec::default()
    })
    .await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let proposal = propose(&stage, &run.id, None).await.expect("a plan is made");
    // Nothing was assigned when the plan was read.
    let org = &stage.world.vendors.salesforce;
    org.give(
        &stage.world.vendors.leaver_user,
        &org.add_permission_set("Given meanwhile", None),
    );
    let asked = stage
        .engine
        .apply_named_by(proposal.hash.as_str(), Some(BY))
        .await
        .expect("it is begun");
    stage.settle().await;
    let undone = named(&stage, &asked.run).await;
    assert!(matches!(undone.state, RunState::Refused { .. }), "{:?}", undone.state);
    assert_eq!(exceptions(&stage).await, []);
}

#[tokio::test]
async fn an_undo_that_cannot_be_read_for_a_moment_is_carried_out_afterwards() {
    let (mut stage, run) = cut().await;
    let proposal = propose(&stage, &run.id, None).await.expect("a plan is made");
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    let asked = stage.engine.apply_named_by(proposal.hash.as_str(), Some(BY)).await;
    let asked = asked.expect("it is begun");
    stage.work_for(MINUTE).await;
    assert!(is_frozen(&stage));
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    assert_eq!(named(&stage, &asked.run).await.state, RunState::Done);
    assert!(!is_frozen(&stage));
}

#[tokio::test]
async fn a_protected_person_is_given_back_by_an_approver() {
    let spec = replaced("env/test.yaml", "mode: {default: enforce}", "mode: {default: review}");
    let mut stage = Stage::new(spec).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let review = stage.review(&run).await;
    stage.decide(&review.id, &review.plan_hash, true).await;
    stage.settle().await;
    assert!(stage.is_cut());
    let held = undo(&mut stage, &run.id).await;
    let review = stage.review(&held).await;
    assert_eq!(review.asked_by.as_deref(), Some(BY), "who asked may not decide");
    assert!(is_frozen(&stage));
    stage.decide(&review.id, &review.plan_hash, true).await;
    stage.settle().await;
    assert!(!is_frozen(&stage));
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_refused_with_its_reason() {
    let (mut stage, run) = cut().await;
    let refused = async |id: &RunId, only| match propose(&stage, id, only).await {
        Err(EngineError::Refused(why)) => why,
        other => panic!("should be refused: {other:?}"),
    };
    assert!(refused(&RunId::new("run_0"), None).await.contains("no run run_0"));
    assert!(refused(&run.id, Some("dismantle")).await.contains("no stage dismantle"));
    let undone = undo(&mut stage, &run.id).await;
    let why = match propose(&stage, &undone.id, None).await {
        Err(EngineError::Refused(why)) => why,
        other => panic!("should be refused: {other:?}"),
    };
    assert!(why.contains("itself an undo"), "{why}");
    assert!(
        stage
            .runs()
            .await
            .iter()
            .all(|run| run.changes.iter().all(|record| record.outcome != Outcome::Pending))
    );
    stage.work_for(HOUR).await;
}

/// Everything of the leaver's that the org knows: records, entitlements, whether they may sign in.
fn held(stage: &Stage) -> (Vec<u8>, Vec<String>, bool, bool) {
    let (org, user) = (&stage.world.vendors.salesforce, &stage.world.vendors.leaver_user);
    let mut entitlements = org.assignments_of(user);
    entitlements.sort();
    (org.snapshot(), entitlements, org.is_active(user), org.is_frozen(user))
}

/// An owner of records whose leave is through, and their run.
async fn taken_apart() -> (Stage, Run) {
    let spec = WorldSpec {
        owns: true,
        ..WorldSpec::default()
    };
    let mut stage = Stage::new(spec).await;
    stage
        .world
        .vendors
        .okta
        .add_group("Legal-Hold", rollcall_simulators::okta::GroupKind::Okta);
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:#?} {:#?}", outcomes(&run), run.notes);
    (stage, run)
}

/// Salesforce gives one entitlement back and answers the next call with a page for people.
#[tokio::test]
async fn an_undo_that_a_vendor_did_half_of_is_carried_out_afterwards() {
    for skip in 0..3 {
        let (mut stage, run) = taken_apart().await;
        let org = stage.world.vendors.salesforce.clone();
        org.faults().add(FaultRule {
            method: Some(http::Method::POST),
            skip,
            ..FaultRule::once("/composite/sobjects", Fault::Html)
        });
        let undone = undo(&mut stage, &run.id).await;
        let why = format!("spared {skip}: {:#?} {:#?}", outcomes(&undone), undone.notes);
        assert_eq!(undone.state, RunState::Done, "{why}");
        assert!(!is_frozen(&stage), "{why}");
        assert_eq!(org.assignments_of(&stage.world.vendors.leaver_user).len(), 4, "{why}");
    }
}

#[tokio::test]
async fn what_was_handed_over_and_taken_apart_is_given_back_byte_by_byte() {
    let untouched = Stage::new(WorldSpec {
        owns: true,
        ..WorldSpec::default()
    })
    .await;
    let before = held(&untouched);
    let (mut stage, run) = taken_apart().await;
    let after = held(&stage);
    assert!(
        !after.2 && after.3 && after.0 != before.0 && after.1 != before.1,
        "it is taken apart"
    );

    let undone = undo(&mut stage, &run.id).await;
    assert_eq!(
        undone.state,
        RunState::Done,
        "{:#?} {:#?}",
        outcomes(&undone),
        undone.notes
    );
    let given = held(&stage);
    assert_eq!(given.1, before.1, "entitlements");
    assert_eq!((given.2, given.3), (true, false), "active and not frozen");
    assert_eq!(
        String::from_utf8_lossy(&given.0),
        String::from_utf8_lossy(&before.0),
        "every record is whose it was"
    );

    let again = undo(&mut stage, &run.id).await;
    assert_eq!(again.state, RunState::Done);
    assert!(
        outcomes(&again).iter().all(|(_, outcome)| *outcome == "AlreadySo"),
        "{:#?}",
        outcomes(&again)
    );
}
