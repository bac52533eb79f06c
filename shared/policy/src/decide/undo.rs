//! The plan that takes a run back.
//!
//! What a run changed is in its records: what it found before each change, and what the vendor answered. Each action says how
//! a change by it is taken back. The plan does that in reverse, stage by stage, one step a change, so that one that fails holds
//! up nothing but what cannot do without it.

use rollcall_model::action::{ActionCatalogue, Undo};
use rollcall_model::ids::Digest;
use rollcall_model::outcome::Outcome;
use rollcall_model::person::AccountClass;
use rollcall_model::plan::{Goal, RunPlan, StageSpec, StepSpec, TellMoment};
use rollcall_model::run::{ChangeRecord, Run};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The inverse that the rest of an account's changes waits for: nothing can be given to an account that is switched off.
const REACTIVATE: &str = "reactivate";

/// A change of a run that an undo does nothing about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Which: connection, account and action.
    pub change: String,
    /// Why there is nothing to do, or what people have to do instead.
    pub why: String,
}

/// How a run is taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct UndoPlan {
    /// What the undoing run may do. Without stages when nothing can be taken back.
    pub plan: RunPlan,
    /// Changes with which nothing was lost.
    pub nothing: Vec<Left>,
    /// Changes that the vendor has no way to take back.
    pub not: Vec<Left>,
}

/// The plan that takes back what a run did, or what one of its stages did, with the connections of the configuration named.
/// A change that may have happened counts as one that did: every step reads first, and finds what was never done as it should
/// be.
pub fn undo_plan(catalogue: &ActionCatalogue, run: &Run, config: &Digest, stage: Option<&str>) -> UndoPlan {
    let plan = &run.plan;
    let mut undo = UndoPlan {
        plan: RunPlan {
            goal: Goal::Undo,
            config: config.clone(),
            stages: Vec::new(),
            unassigned: None,
            holds_while: Vec::new(),
            successor: None,
            ..plan.clone()
        },
        nothing: Vec::new(),
        not: Vec::new(),
    };
    // The playbook's other messages say that somebody is out.
    undo.plan
        .tell
        .retain(|tell| matches!(tell.moment, TellMoment::Held | TellMoment::Failed));
    for spec in plan.stages.iter().rev() {
        if stage.is_some_and(|only| only != spec.name) {
            continue;
        }
        let mut steps: Vec<StepSpec> = Vec::new();
        for record in in_reverse(spec, run) {
            take_back(catalogue, record, &mut steps, &mut undo);
        }
        if !steps.is_empty() {
            undo.plan.stages.push(StageSpec {
                name: format!("undo-{}", spec.name),
                after_ms: 0,
                unless: None,
                steps,
            });
        }
    }
    undo
}

/// A stage's changes that may have had an effect, the last one first: by step and action, because records of several
/// connections are kept as they came in.
fn in_reverse<'a>(spec: &StageSpec, run: &'a Run) -> Vec<&'a ChangeRecord> {
    let place = |record: &ChangeRecord| {
        let step = spec.steps.iter().position(|step| step.id == record.change.step);
        let action = step.and_then(|at| {
            let actions = &spec.steps.get(at)?.actions;
            actions.iter().position(|action| *action == record.change.action)
        });
        (step, action)
    };
    let mut records: Vec<&ChangeRecord> = run
        .changes
        .iter()
        .filter(|record| record.change.stage == spec.name && may_have_happened(record))
        .collect();
    records.sort_by_key(|record| std::cmp::Reverse(place(record)));
    records
}

fn may_have_happened(record: &ChangeRecord) -> bool {
    let change = &record.change;
    match record.outcome {
        Outcome::Changed => true,
        // One that failed may have done a part of it first.
        Outcome::Pending | Outcome::Unknown(_) | Outcome::Unsure(_) | Outcome::Superseded(_) | Outcome::Failed(_) => {
            !change.before.is_null() && change.before != change.after
        }
        _ => false,
    }
}

fn take_back(catalogue: &ActionCatalogue, record: &ChangeRecord, steps: &mut Vec<StepSpec>, undo: &mut UndoPlan) {
    let change = &record.change;
    let Some(account) = &change.account else { return };
    let left = |why: &str| Left {
        change: format!("{account} {}", change.action),
        why: why.to_owned(),
    };
    let Some(action) = catalogue.get(&change.action) else {
        undo.not
            .push(left(&format!("this version has no action {}", change.action)));
        return;
    };
    let (inverse, with) = match action.undo(change, &record.reference) {
        Undo::By { action, with } => (action, with),
        Undo::Nothing(why) => {
            undo.nothing.push(left(why));
            return;
        }
        Undo::Not(why) => {
            undo.not.push(left(why));
            return;
        }
    };
    if catalogue.get(inverse).is_none() {
        undo.not.push(left(&format!("this version has no action {inverse}")));
        return;
    }
    let is_same = |step: &StepSpec| {
        step.actions == [inverse]
            && step.connections == [change.connection.clone()]
            && step.accounts == [account.id.clone()]
    };
    if steps.iter().any(|step| is_same(step) && step.with == with) {
        return;
    }
    let waits_for = steps.iter().find(|step| {
        step.connections.contains(&change.connection)
            && step.concerns(&account.id)
            && step.actions.iter().any(|action| action.ends_with(REACTIVATE))
    });
    steps.push(StepSpec {
        id: format!("{:02}-{}", steps.len() + 1, change.step),
        actions: vec![inverse.to_owned()],
        connections: vec![change.connection.clone()],
        after: waits_for.map(|step| step.id.clone()),
        with,
        condition: None,
        classes: vec![AccountClass::Human, AccountClass::Admin, AccountClass::Portal],
        accounts: vec![account.id.clone()],
    });
}

/// Parameters of an undo, as the vendor's own words: nothing in them is an expression, whatever they look like.
pub(super) fn literal(with: &Value, takes: impl Fn(&str) -> bool) -> Value {
    let own: serde_json::Map<String, Value> = with
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| takes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if own.is_empty() {
        Value::Null
    } else {
        Value::Object(own)
    }
}
