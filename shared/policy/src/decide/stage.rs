//! The plan of one stage from what was just read.

use std::collections::BTreeMap;

use rollcall_model::action::{Action, ActionCatalogue, Planned};
use rollcall_model::connector::{ActionUse, Completeness, Observation, State};
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::Account;
use rollcall_model::plan::{Change, Goal, PlanItem, StagePlan, StageSpec, StepSpec, Verdict};
use rollcall_model::{AccountSearch, EffectClass};
use serde_json::{Value, json};

use super::accounts::account_query;
use super::standing::{Standing, classed, not_concerned, standing};
use super::targets::{PEOPLE, people, without_nobody};
use super::undo;
use super::{Facts, ListReads, StageInputs, Stop, ToObserve, Wanted};
use crate::configuration::Configuration;
use crate::expression::{Condition, EvaluationError, Names, Scope, evaluate_parameters};
use crate::facts;

/// Whether a stage may start: its `unless` over the person as just re-read.
pub fn stage_stop(configuration: &Configuration, facts: &Facts<'_>, stage: usize) -> Stop {
    let Some(spec) = facts.plan.stages.get(stage) else {
        return Stop::Unknown(format!("the run plan has no stage {stage}"));
    };
    let Some(unless) = &spec.unless else {
        return Stop::Go;
    };
    let scope = Scope::new(facts::of_run(facts, &spec.name), facts.memberships);
    match holds(configuration, unless, false, &scope) {
        Ok(false) => Stop::Go,
        Ok(true) => Stop::Stopped(format!("{} is stopped: `{unless}` holds", spec.name)),
        Err(error) => Stop::Unknown(format!("`{unless}` cannot be told: {error}")),
    }
}

/// Which states a stage needs, by account: accounts of the classes that its steps concern, and on each the actions of steps
/// whose `if` does not rule them out. Accounts that are not surely the person's are read too, since somebody may have said
/// that they are; actions that cannot be read back are left out.
pub fn to_observe(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    stage: usize,
    accounts: &BTreeMap<ConnectionId, AccountSearch>,
) -> Vec<ToObserve> {
    let Some(spec) = facts.plan.stages.get(stage) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (connection, search) in accounts {
        for account in &search.accounts {
            let account = classed(configuration, &ListReads::new(), account);
            let scope = account_scope(facts, &spec.name, &account);
            let mut wanted = Vec::new();
            for step in spec
                .steps
                .iter()
                .filter(|step| step.connections.contains(connection) && not_concerned(step, account.class).is_none())
                .filter(|step| step.concerns(&account.account.id))
            {
                if !matches!(step_holds(configuration, step, true, &scope), Ok(None)) {
                    continue;
                }
                for action in step.actions.iter().filter_map(|name| catalogue.get(name)) {
                    if !action.observable() {
                        continue;
                    }
                    if let Ok(with) = parameters(configuration, action.as_ref(), step, facts, connection, &scope) {
                        wanted.push(Wanted {
                            step: step.id.clone(),
                            action: ActionUse {
                                action: action.name().to_owned(),
                                with,
                            },
                        });
                    }
                }
            }
            if !wanted.is_empty() {
                all.push(ToObserve {
                    account: account.account.clone(),
                    wanted,
                });
            }
        }
    }
    all
}

/// Plans a stage. Every action of every step in every connection gets at least one line, so that nothing is passed over in
/// silence; what could not be read is `Unknown` for that account or connection only.
pub fn stage_plan(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    stage: usize,
    inputs: &StageInputs,
) -> StagePlan {
    let name = facts
        .plan
        .stages
        .get(stage)
        .map_or_else(|| stage.to_string(), |spec| spec.name.clone());
    let mut plan = StagePlan {
        run_plan: facts.plan_hash.clone(),
        stage: name,
        items: Vec::new(),
    };
    let Some(spec) = facts.plan.stages.get(stage) else {
        return plan;
    };
    let planner = Planner {
        configuration,
        catalogue,
        facts,
        spec,
        inputs,
    };
    for step in &spec.steps {
        for connection in &step.connections {
            planner.connection(step, connection, &mut plan.items);
        }
    }
    plan
}

struct Planner<'a> {
    configuration: &'a Configuration,
    catalogue: &'a ActionCatalogue,
    facts: &'a Facts<'a>,
    spec: &'a StageSpec,
    inputs: &'a StageInputs,
}

impl Planner<'_> {
    fn connection(&self, step: &StepSpec, connection: &ConnectionId, items: &mut Vec<PlanItem>) {
        let inputs = self.inputs;
        let verdict = match (inputs.unreadable.get(connection), inputs.accounts.get(connection)) {
            (Some(why), _) => Verdict::Unknown(why.clone()),
            (None, None) => Verdict::Unknown(format!("{connection} was not searched")),
            (None, Some(search)) => {
                let mut is_anothers = Vec::new();
                for account in search
                    .accounts
                    .iter()
                    .filter(|account| step.concerns(&account.account.id))
                {
                    is_anothers.push(self.account(step, connection, account, items));
                }
                if is_anothers.contains(&false) {
                    return;
                }
                let verdict = if step.accounts.is_empty() {
                    self.no_account(step, connection, search)
                } else {
                    Verdict::Unknown(format!(
                        "{connection} does not show the account {}",
                        step.accounts.join(", ")
                    ))
                };
                // Other people's accounts have their lines; what is left to say is only that the person's own may be hidden.
                if !is_anothers.is_empty() && !matches!(verdict, Verdict::Unknown(_)) {
                    return;
                }
                verdict
            }
        };
        let (state, evidence) = match &verdict {
            Verdict::AlreadySo => (
                json!({"account": "none"}),
                json!({"account": "none", "search": "proven"}),
            ),
            _ => (Value::Null, Value::Null),
        };
        for action in &step.actions {
            items.push(PlanItem {
                change: Change {
                    before: state.clone(),
                    after: state.clone(),
                    evidence: evidence.clone(),
                    ..self.change(step, connection, None, action)
                },
                verdict: verdict.clone(),
            });
        }
    }

    /// "No account" is believed only when the search could have seen one and nothing says that there is one.
    fn no_account(&self, step: &StepSpec, connection: &ConnectionId, search: &AccountSearch) -> Verdict {
        if let Completeness::Unproven(why) = &search.completeness {
            return Verdict::Unknown(why.clone());
        }
        let mut linked = self.inputs.linked.get(connection).into_iter().flatten();
        if let Some(id) = linked.find(|id| !self.is_elsewhere(connection, id, search)) {
            return Verdict::Unknown(format!(
                "the ledger links {connection}/{id} to this person and the search did not return it: read it by id, or \
                 unlink it"
            ));
        }
        let query = account_query(self.configuration, self.facts.person, connection, &[]);
        if !query.keys.iter().any(|key| key.sure) {
            return Verdict::Unknown(format!(
                "the person has no value in any field that `match` declares sure for {connection}: fill one in, or link \
                 the account"
            ));
        }
        let scope = Scope::new(facts::of_run(self.facts, &self.spec.name), self.facts.memberships);
        match step_holds(self.configuration, step, false, &scope) {
            Ok(Some(reason)) => Verdict::Skip(reason),
            // A condition on the account has nothing to ask about; there being none is the answer.
            Ok(None) | Err(_) => Verdict::AlreadySo,
        }
    }

    /// Whether a linked account is accounted for without a line of its own: it was returned after all, or its directory says
    /// that it is deleted. A directory's search reads what is linked by its id, so what a proven one does not return is gone. An
    /// application never deletes a user, so there it is a link or a search that is wrong.
    fn is_elsewhere(&self, connection: &ConnectionId, id: &str, search: &AccountSearch) -> bool {
        let known = self.configuration.connection(connection);
        known.is_some_and(|known| known.kind.is_directory())
            || search.accounts.iter().any(|account| account.account.id == id)
    }

    /// Plans one account; true when it is somebody else's.
    fn account(&self, step: &StepSpec, connection: &ConnectionId, found: &Account, items: &mut Vec<PlanItem>) -> bool {
        let account = &classed(self.configuration, &self.inputs.lists, found);
        let evidence = json!({
            "username": account.username,
            "class": account.class,
            "active": account.active,
            "matched_by": account.matched_by,
        });
        let scope = account_scope(self.facts, &self.spec.name, account);
        let standing = standing(self.facts, step, self.inputs, account);
        let is_anothers = matches!(standing, Standing::NotTheirs(_));
        let early = match standing {
            Standing::Skip(why) | Standing::NotTheirs(why) => Some(Verdict::Skip(why)),
            Standing::Ask(why) => Some(Verdict::Ask(why)),
            Standing::Plan => match step_holds(self.configuration, step, true, &scope) {
                Ok(None) => None,
                Ok(Some(reason)) => Some(Verdict::Skip(reason)),
                Err(error) => Some(Verdict::Unknown(format!(
                    "`{}` cannot be told: {error}",
                    step.condition.as_deref().unwrap_or_default()
                ))),
            },
        };
        for name in &step.actions {
            let mut item = PlanItem {
                change: self.change(step, connection, Some(account), name),
                verdict: Verdict::Run,
            };
            item.change.evidence = evidence.clone();
            match &early {
                Some(verdict) => item.verdict = verdict.clone(),
                None => self.decide(step, account, name, &scope, &mut item),
            }
            items.push(item);
        }
        is_anothers
    }

    fn decide(&self, step: &StepSpec, account: &Account, name: &str, scope: &Scope<'_>, item: &mut PlanItem) {
        let Some(action) = self.catalogue.get(name) else {
            item.verdict = Verdict::Unknown(format!("this version has no action {name}"));
            return;
        };
        let connection = &account.account.connection;
        match parameters(self.configuration, action.as_ref(), step, self.facts, connection, scope) {
            Ok(with) => item.change.with = with,
            Err(error) => {
                item.verdict = Verdict::Unknown(format!("a parameter cannot be told: {error}"));
                return;
            }
        }
        if !action.observable() {
            // Nothing can be read back, so the vendor's acceptance is the state, and it is asked for once a run.
            let is_accepted = self.inputs.accepted.contains(&item.change.key());
            item.change.before = json!({"accepted": is_accepted});
            item.change.after = json!({"accepted": true});
            if is_accepted {
                item.verdict = Verdict::AlreadySo;
            }
            return;
        }
        let key = (account.account.clone(), step.id.clone(), name.to_owned());
        let state: &State = match self.inputs.observations.get(&key) {
            Some(Observation::Known(state)) => state,
            Some(Observation::Unknown(why)) => {
                item.verdict = Verdict::Unknown(why.clone());
                return;
            }
            None => {
                item.verdict = Verdict::Unknown("its state was not read".to_owned());
                return;
            }
        };
        item.change.before = state.value.clone();
        item.change.after = state.value.clone();
        item.change.evidence = merged(&item.change.evidence, &state.evidence);
        let mut planned = action.plan(state, &item.change.with);
        if let Planned::Ask(_) = planned {
            match self.inputs.decided.get(&item.change.key()) {
                Some(true) => {
                    item.change.with = merged(&item.change.with, &json!({"decided": true}));
                    planned = action.plan(state, &item.change.with);
                }
                Some(false) => planned = Planned::Skip("refused by a review".to_owned()),
                None => {}
            }
        }
        item.verdict = match planned {
            Planned::AlreadySo => Verdict::AlreadySo,
            Planned::Change { after } => {
                item.change.after = after;
                Verdict::Run
            }
            Planned::Skip(why) => Verdict::Skip(why),
            Planned::Refuse(why) => Verdict::Refuse(why),
            Planned::Ask(why) => Verdict::Ask(why),
        };
    }

    fn change(&self, step: &StepSpec, connection: &ConnectionId, account: Option<&Account>, name: &str) -> Change {
        let action = self.catalogue.get(name);
        Change {
            stage: self.spec.name.clone(),
            step: step.id.clone(),
            connection: connection.clone(),
            account: account.map(|account| account.account.clone()),
            action: name.to_owned(),
            effect: action.map_or(EffectClass::Blind, |action| action.effect()),
            settle_ms: action.map_or(0, |action| settle_ms(action.as_ref())),
            with: Value::Null,
            before: Value::Null,
            after: Value::Null,
            evidence: Value::Null,
        }
    }
}

pub(super) fn settle_ms(action: &dyn Action) -> i64 {
    i64::try_from(action.settle().as_millis()).unwrap_or(i64::MAX)
}

/// Two sets of members as one; the second one's word wins.
fn merged(found: &Value, counted: &Value) -> Value {
    match (found, counted) {
        (Value::Object(found), Value::Object(counted)) => {
            let mut both = found.clone();
            both.extend(counted.clone());
            Value::Object(both)
        }
        (found, Value::Null) => found.clone(),
        (_, counted) => counted.clone(),
    }
}

fn account_scope<'a>(facts: &Facts<'a>, stage: &str, account: &Account) -> Scope<'a> {
    Scope::new(
        facts::with_account(facts::of_run(facts, stage), account),
        facts.memberships,
    )
}

fn holds(configuration: &Configuration, text: &str, account: bool, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
    Condition::compile(text, &Names::new(&configuration.lists, account))
        .map_err(|error| EvaluationError::new(error.what))?
        .holds(scope)
}

/// `None` when the step applies, its reason when it does not.
fn step_holds(
    configuration: &Configuration,
    step: &StepSpec,
    account: bool,
    scope: &Scope<'_>,
) -> Result<Option<String>, EvaluationError> {
    match &step.condition {
        None => Ok(None),
        Some(text) => Ok((!holds(configuration, text, account, scope)?).then(|| format!("`if: {text}` is false"))),
    }
}

/// The step's parameters that this action takes, evaluated, with the people who could take over where it asks for them.
fn parameters(
    configuration: &Configuration,
    action: &dyn Action,
    step: &StepSpec,
    facts: &Facts<'_>,
    connection: &ConnectionId,
    scope: &Scope<'_>,
) -> Result<Value, EvaluationError> {
    let takes = |name: &str| action.parameters().iter().any(|(known, _, _)| *known == name);
    if facts.plan.goal == Goal::Undo {
        return Ok(undo::literal(&step.with, takes));
    }
    let own: serde_json::Map<String, Value> = step
        .with
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| takes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let names = Names::new(&configuration.lists, true);
    let mut with = evaluate_parameters(&Value::Object(own), &names, scope)?;
    let Value::Object(members) = &mut with else {
        return Ok(Value::Null);
    };
    if takes(PEOPLE) {
        without_nobody(members);
        members.insert(PEOPLE.to_owned(), people(configuration, facts, connection));
    }
    Ok(if members.is_empty() { Value::Null } else { with })
}
