//! The plan that takes a run back.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::action::{Action, ActionCatalogue, EffectClass, Planned, Undo};
use rollcall_model::ids::RunId;
use rollcall_model::outcome::Outcome;
use rollcall_model::plan::{Change, StageSpec, StepSpec};
use rollcall_model::run::{Cause, ChangeRecord};
use rollcall_model::{Run as WholeRun, RunState};
use serde_json::{Value, json};

use super::*;

/// How an action is taken back.
type How = fn(&Change, &Value) -> Undo;

/// An action that is taken back as it says here.
struct Taken(&'static str, How);

impl Action for Taken {
    fn name(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "for tests"
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn reversible(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        &[("groups", false, "what to give back"), ("evidence", false, "files")]
    }

    fn undo(&self, change: &Change, reference: &Value) -> Undo {
        (self.1)(change, reference)
    }

    fn plan(&self, _: &State, _: &Value) -> Planned {
        Planned::AlreadySo
    }
}

fn by(action: &'static str, with: Value) -> Undo {
    Undo::By { action, with }
}

fn actions() -> ActionCatalogue {
    let mut all = ActionCatalogue::default();
    let nothing: How = |_, _| Undo::Nothing("it is the inverse");
    let each: [(&'static str, How); 10] = [
        ("sf/freeze", |_, _| by("sf/unfreeze", Value::Null)),
        ("sf/unfreeze", nothing),
        ("sf/end-sessions", |_, _| Undo::Nothing("new ones are started")),
        ("sf/hand-over", |_, reference| {
            by("sf/take-back", json!({"evidence": reference["evidence"]}))
        }),
        ("sf/take-back", nothing),
        ("sf/remove-groups", |change, _| {
            by("sf/add-groups", json!({"groups": change.before["groups"]}))
        }),
        ("sf/add-groups", nothing),
        ("sf/deactivate", |_, _| by("sf/reactivate", Value::Null)),
        ("sf/reactivate", nothing),
        ("sf/reset-factors", |_, _| Undo::Not("the person enrols anew")),
    ];
    for (name, undo) in each {
        all.add(Arc::new(Taken(name, undo)));
    }
    all
}

fn step(id: &str, actions: &[&str], connections: &[&str]) -> StepSpec {
    StepSpec {
        id: id.to_owned(),
        actions: actions.iter().map(|&action| action.to_owned()).collect(),
        connections: connections.iter().map(|&name| name.into()).collect(),
        with: json!({"groups": "${person.groups}"}),
        condition: Some("person.active".to_owned()),
        after: None,
        classes: AccountClass::OWN.to_vec(),
        accounts: Vec::new(),
    }
}

fn record(stage: &str, step: &str, connection: &str, action: &str, outcome: Outcome) -> ChangeRecord {
    let at = Timestamp::UNIX_EPOCH;
    ChangeRecord {
        change: Change {
            stage: stage.to_owned(),
            step: step.to_owned(),
            connection: connection.into(),
            account: Some(AccountRef::new(connection, "005")),
            action: action.to_owned(),
            effect: EffectClass::Set,
            settle_ms: 0,
            with: Value::Null,
            before: json!({"groups": ["${person.login}"]}),
            after: json!({"groups": []}),
            evidence: Value::Null,
        },
        outcome,
        started_at: at,
        ended_at: at,
        request_id: None,
        reference: json!({"evidence": ["evidence/1.csv"]}),
    }
}

/// A leave that cut and took apart in one org, and only cut in another.
fn left() -> WholeRun {
    let run = Run::new();
    let mut plan = run.plan.clone();
    plan.stages = vec![
        StageSpec {
            name: "cut".to_owned(),
            after_ms: 0,
            unless: None,
            steps: vec![step("crm", &["sf/freeze", "sf/end-sessions"], &["sf-us", "sf-emea"])],
        },
        StageSpec {
            name: "dismantle".to_owned(),
            after_ms: 7_200_000,
            unless: Some("person.active".to_owned()),
            steps: vec![
                step("records", &["sf/hand-over"], &["sf-us"]),
                step("rights", &["sf/remove-groups", "sf/reset-factors"], &["sf-us"]),
                step("off", &["sf/deactivate"], &["sf-us"]),
            ],
        },
    ];
    let done = Outcome::Changed;
    let at = Timestamp::UNIX_EPOCH;
    WholeRun {
        id: RunId::new("run_1"),
        plan_hash: run.hash.clone(),
        bound: None,
        person: run.person.clone(),
        state: RunState::Done,
        stage: 2,
        attempts: 0,
        tell_tries: 0,
        tell_due_at: None,
        replans: 0,
        stage_plan: None,
        stage_hashes: BTreeMap::new(),
        // As workers in several connections leave them: in no order that a reader may count on.
        changes: vec![
            record("cut", "crm", "sf-emea", "sf/freeze", Outcome::AlreadySo),
            record("cut", "crm", "sf-us", "sf/end-sessions", done.clone()),
            record("cut", "crm", "sf-us", "sf/freeze", done.clone()),
            record("tell", "cut-1", "slack", "slack/post", done.clone()),
            record("dismantle", "off", "sf-us", "sf/deactivate", done.clone()),
            record("dismantle", "records", "sf-us", "sf/hand-over", done.clone()),
            record("dismantle", "rights", "sf-us", "sf/reset-factors", done.clone()),
            record("dismantle", "rights", "sf-us", "sf/remove-groups", done),
        ],
        cut_at: BTreeMap::new(),
        cause: Cause::default(),
        triggers: Vec::new(),
        event_at: at,
        received_at: at,
        opened_at: at,
        stage_due_at: at,
        ending: None,
        ended_at: None,
        salt: String::new(),
        receipt: None,
        notes: Vec::new(),
        said: None,
        asked_by: None,
        undoes: None,
        returned: 0,
        exception: None,
        agreed: None,
        read: None,
        plan,
    }
}

fn undo(run: &WholeRun, stage: Option<&str>) -> UndoPlan {
    undo_plan(&actions(), run, &Digest::new("now"), stage)
}

fn does(stage: &StageSpec) -> Vec<(&str, &str, Option<&str>)> {
    let steps = stage.steps.iter();
    steps
        .map(|step| (step.id.as_str(), step.actions[0].as_str(), step.after.as_deref()))
        .collect()
}

#[test]
fn everything_is_taken_back_in_reverse_and_an_account_is_switched_on_first() {
    let undo = undo(&left(), None);
    let plan = &undo.plan;
    assert_eq!((plan.goal, plan.config.as_str()), (Goal::Undo, "now"));
    let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["undo-dismantle", "undo-cut"]);
    assert_eq!(
        does(&plan.stages[0]),
        [
            ("01-off", "sf/reactivate", None),
            ("02-rights", "sf/add-groups", Some("01-off")),
            ("03-records", "sf/take-back", Some("01-off")),
        ]
    );
    assert_eq!(does(&plan.stages[1]), [("01-crm", "sf/unfreeze", None)]);
    let first = &plan.stages[0].steps[0];
    assert_eq!((&first.accounts, &first.condition), (&vec!["005".to_owned()], &None));
    assert_eq!(
        first.connections,
        ["sf-us".into()],
        "what was so before is nobody's to change"
    );
    assert!(
        plan.stages
            .iter()
            .all(|stage| stage.unless.is_none() && stage.after_ms == 0)
    );
    assert_eq!(plan.stages[0].steps[2].with, json!({"evidence": ["evidence/1.csv"]}));
}

#[test]
fn what_needs_nothing_and_what_cannot_be_taken_back_is_named() {
    let undo = undo(&left(), None);
    let named = |left: &[Left]| -> Vec<String> { left.iter().map(|left| left.change.clone()).collect() };
    assert_eq!(named(&undo.not), ["sf-us/005 sf/reset-factors"]);
    assert_eq!(undo.not[0].why, "the person enrols anew");
    assert_eq!(named(&undo.nothing), ["sf-us/005 sf/end-sessions"]);
}

#[test]
fn one_stage_alone_can_be_taken_back() {
    let undo = undo(&left(), Some("cut"));
    let names: Vec<&str> = undo.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["undo-cut"]);
    assert_eq!(undo.not, []);
}

#[test]
fn what_may_have_happened_is_taken_back_and_what_was_refused_is_not() {
    for (outcome, taken) in [
        (Outcome::Pending, true),
        (Outcome::Unknown("no answer came".to_owned()), true),
        (Outcome::Unsure("it may have been sent".to_owned()), true),
        (Outcome::AlreadySo, false),
        (Outcome::Skipped("not theirs".to_owned()), false),
        (Outcome::Refused("forbidden".to_owned()), false),
        (Outcome::Failed("a part of it is done".to_owned()), true),
    ] {
        let mut run = left();
        run.changes = vec![record("cut", "crm", "sf-us", "sf/freeze", outcome.clone())];
        assert_eq!(!undo(&run, None).plan.stages.is_empty(), taken, "{outcome:?}");
    }
    let mut run = left();
    run.changes = vec![record(
        "cut",
        "crm",
        "sf-us",
        "sf/freeze",
        Outcome::Unknown("unread".to_owned()),
    )];
    run.changes[0].change.before = Value::Null;
    assert_eq!(
        undo(&run, None).plan.stages,
        [],
        "nobody knows what it was, and nothing was sent"
    );
}

#[test]
fn an_action_that_this_version_does_not_have_is_named() {
    let mut run = left();
    run.changes = vec![record("cut", "crm", "sf-us", "sf/shred", Outcome::Changed)];
    let undo = undo(&run, None);
    assert_eq!(undo.plan.stages, []);
    assert!(undo.not[0].why.contains("sf/shred"), "{:?}", undo.not);
}

#[test]
fn an_undo_gives_back_word_for_word_to_the_accounts_that_were_changed() {
    let whole = left();
    let undo = undo(&whole, None);
    let mut run = Run::new();
    run.plan = undo.plan;
    run.hash = run.plan.hash().unwrap();
    let mut inputs = StageInputs::default();
    let found = [
        account("sf-us", "005", AccountClass::Human, true),
        account("sf-us", "006", AccountClass::Human, true),
    ];
    inputs.accounts.insert(
        "sf-us".into(),
        AccountSearch {
            accounts: found.to_vec(),
            completeness: Completeness::Proven,
        },
    );
    let stage = |inputs: &StageInputs| stage_plan(&run.configuration, &actions(), &run.facts(), 0, inputs);
    let plan = stage(&inputs);
    let accounts: Vec<_> = plan
        .items
        .iter()
        .map(|item| item.change.account.as_ref().unwrap().id.as_str())
        .collect();
    assert_eq!(
        accounts,
        ["005", "005", "005"],
        "the other account of the person was never touched"
    );
    assert_eq!(
        plan.items[1].change.with,
        json!({"groups": ["${person.login}"]}),
        "a group may be called like that; it is no expression"
    );
    inputs
        .accounts
        .get_mut(&ConnectionId::from("sf-us"))
        .unwrap()
        .accounts
        .remove(0);
    let plan = stage(&inputs);
    assert_eq!(plan.items.len(), 3);
    for item in &plan.items {
        assert!(
            matches!(&item.verdict, Verdict::Unknown(why) if why.contains("005")),
            "{:?}",
            item.verdict
        );
    }
}
