//! Rehearsing a run from what a test gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::Timestamp;
use rollcall_model::action::{Action, ActionCatalogue, EffectClass, Planned, Undo};
use rollcall_model::connector::{AccountSearch, Completeness, Observation, State};
use rollcall_model::event::{Event, EventKind};
use rollcall_model::ids::{AccountRef, ConnectionId, PersonKey, SignalKey};
use rollcall_model::person::{Account, AccountClass, Manager, Person, SourceState};
use rollcall_model::plan::{Change, StagePlan};
use serde_json::{Value, json};

use super::compare::compare;
use super::{Case, Converting, Presence, When};
use crate::configuration::{Configuration, Playbook, Trigger};
use crate::decide::{
    EventFacts, Facts, GuardInputs, Guarded, ListRead, ListReads, Membership, PlaybookMatch, StageInputs, Stop, Wish,
    goals, guard, lists_to_read, memberships, run_plan, stage_plan, stage_stop, to_observe,
};

/// What the stages of a rehearsed run came to.
#[derive(Default)]
pub(super) struct Rehearsal {
    pub(super) plans: Vec<StagePlan>,
    pub(super) guarded: Vec<Guarded>,
    pub(super) stopped: Vec<String>,
}

pub(super) fn run(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    playbook: &Playbook,
    case: &Case,
) -> Vec<String> {
    let person = person(configuration, case);
    let Some(start) = starts(configuration, playbook, case, &person) else {
        return match case.expect.nothing {
            Some(true) => Vec::new(),
            _ => vec![format!("the playbook does not answer {}", shown(&case.when))],
        };
    };
    if case.expect.nothing == Some(true) {
        return vec![format!("the playbook answers {}", shown(&case.when))];
    }
    let Some(plan) = run_plan(configuration, &start.matched, &person, &start.subject, &start.wish) else {
        return vec!["the playbook has no plan".to_owned()];
    };
    let hash = match plan.hash() {
        Ok(hash) => hash,
        Err(error) => return vec![format!("the plan has no hash: {error}")],
    };
    let nobody = ListRead::Entries(BTreeSet::new());
    let reads: ListReads = lists_to_read(configuration)
        .into_keys()
        .map(|name| (name, nobody.clone()))
        .collect();
    let mut memberships = memberships(configuration, &person, &reads);
    memberships.extend(case.given.lists.iter().map(|list| (list.clone(), Membership::In)));
    let facts = Facts {
        plan: &plan,
        plan_hash: &hash,
        person: &person,
        event: &start.event,
        memberships: &memberships,
        converting: match case.given.converting {
            None | Some(Converting::No) => Some(false),
            Some(Converting::Yes) => Some(true),
            Some(Converting::Unknown) => None,
        },
    };
    let assumed = assuming(catalogue, &case.given.states);
    let rehearsal = rehearse(configuration, &assumed, &facts, &reads, case);
    compare(configuration, &assumed, &facts, &rehearsal, case)
}

fn shown(when: &When) -> String {
    match when {
        When::Event { kind, from, .. } => format!("{kind} from {from}"),
        When::Planned(goal) => format!("a planned {goal}"),
    }
}

/// How a rehearsed run begins.
struct Start {
    matched: PlaybookMatch,
    subject: AccountRef,
    event: EventFacts,
    wish: Wish,
}

/// How the run of this playbook begins; `None` when nothing starts it.
fn starts(configuration: &Configuration, playbook: &Playbook, case: &Case, person: &Person) -> Option<Start> {
    match &case.when {
        When::Planned(goal) => playbook.on.contains(&Trigger::Planned(*goal)).then(|| Start {
            matched: PlaybookMatch {
                playbook: playbook.name.clone(),
                goal: *goal,
                cut_only: false,
                about: None,
            },
            subject: person.account.clone(),
            event: EventFacts::default(),
            wish: Wish {
                asked: true,
                successor: case.given.successor.clone(),
                ..Wish::default()
            },
        }),
        When::Event {
            kind,
            from,
            app,
            ours,
            failed,
        } => {
            let kind = EventKind::from(kind.as_str());
            let own_app = || {
                playbook
                    .stages
                    .iter()
                    .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
                    .find_map(|id| configuration.connection(id)?.app.clone())
            };
            let subject = AccountRef::new(from, person.account.id.clone());
            let event = Event {
                key: SignalKey::new("test"),
                source: from.clone(),
                app: (kind == EventKind::AppRemoved)
                    .then(|| app.clone().or_else(own_app))
                    .flatten(),
                vendor_type: kind.to_string(),
                kind,
                account: Some(subject.clone()),
                actor: None,
                ours: *ours,
                succeeded: !failed,
                occurred_at: Timestamp::UNIX_EPOCH,
                received_at: Timestamp::UNIX_EPOCH,
            };
            let matched = goals(configuration, &event)
                .into_iter()
                .find(|found| found.playbook == playbook.name)?;
            Some(Start {
                matched,
                subject,
                event: EventFacts::from(&event),
                wish: Wish {
                    successor: case.given.successor.clone(),
                    ..Wish::default()
                },
            })
        }
    }
}

/// The person of a test: the one given, else somebody with a value in every field of `match`.
fn person(configuration: &Configuration, case: &Case) -> Person {
    let mut person = case.given.person.clone().unwrap_or_else(|| {
        let kind = configuration.source_kind();
        Person {
            key: PersonKey::new(format!("{}:test", configuration.source)),
            account: AccountRef::new(&configuration.source, "test"),
            state: SourceState::Active,
            display: "Test Person".to_owned(),
            login: "test.person@example.com".to_owned(),
            email: Some("test.person@example.com".to_owned()),
            manager: Some(Manager {
                account: None,
                login: Some("test.manager@example.com".to_owned()),
                email: Some("test.manager@example.com".to_owned()),
                display: Some("Test Manager".to_owned()),
            }),
            groups: vec!["Everyone".to_owned()],
            roles: Vec::new(),
            attributes: configuration
                .matching
                .iter()
                .filter_map(|row| row.fields.get(&kind?))
                .filter(|field| !matches!(field.as_str(), "login" | "email"))
                .map(|field| (field.clone(), json!("1001")))
                .collect(),
        }
    });
    person.state = case.given.state.unwrap_or(match &case.when {
        When::Event { kind, .. } => match kind.as_str() {
            "user.deactivated" => SourceState::Deactivated,
            "user.deleted" => SourceState::Deleted,
            "user.suspended" => SourceState::Suspended,
            "user.locked" => SourceState::Locked,
            _ => SourceState::Active,
        },
        When::Planned(_) => SourceState::Active,
    });
    person
}

fn rehearse(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    reads: &ListReads,
    case: &Case,
) -> Rehearsal {
    let mut rehearsal = Rehearsal::default();
    for (index, stage) in facts.plan.stages.iter().enumerate() {
        match stage_stop(configuration, facts, index) {
            Stop::Go => {}
            Stop::Stopped(_) | Stop::Unknown(_) => {
                rehearsal.stopped.push(stage.name.clone());
                continue;
            }
        }
        let mut inputs = StageInputs {
            lists: reads.clone(),
            ..StageInputs::default()
        };
        for connection in stage.steps.iter().flat_map(|step| &step.connections) {
            let presence = case
                .given
                .accounts
                .get(connection)
                .copied()
                .unwrap_or(case.given.everywhere);
            match search(connection, presence) {
                Some(search) => {
                    inputs.accounts.insert(connection.clone(), search);
                }
                None => {
                    inputs
                        .unreadable
                        .insert(connection.clone(), format!("{connection} could not be read"));
                }
            }
        }
        for wanted in to_observe(configuration, catalogue, facts, index, &inputs.accounts) {
            for one in wanted.wanted {
                let value = case
                    .given
                    .states
                    .get(&one.action.action)
                    .cloned()
                    .unwrap_or_else(|| json!({"assumed": false}));
                let state = State {
                    value,
                    evidence: Value::Null,
                };
                inputs.observations.insert(
                    (wanted.account.clone(), one.step, one.action.action),
                    Observation::Known(state),
                );
            }
        }
        let mut plan = stage_plan(configuration, catalogue, facts, index, &inputs);
        // What cannot be read back is given as accepted.
        let accepted = plan.items.iter().map(|item| &item.change).filter(|change| {
            case.given.states.get(&change.action) == Some(&change.after)
                && catalogue.get(&change.action).is_some_and(|action| !action.observable())
        });
        inputs.accepted = accepted.map(Change::key).collect();
        if !inputs.accepted.is_empty() {
            plan = stage_plan(configuration, catalogue, facts, index, &inputs);
        }
        let everybody = GuardInputs {
            coverage: configuration.connections.keys().map(|id| (id.clone(), 100)).collect(),
            ..GuardInputs::default()
        };
        rehearsal.guarded.push(guard(configuration, facts, &plan, &everybody));
        rehearsal.plans.push(plan);
    }
    rehearsal
}

fn search(connection: &ConnectionId, presence: Presence) -> Option<AccountSearch> {
    let account = |class, sure| Account {
        account: AccountRef::new(connection, "test"),
        class,
        username: format!("test@{connection}.example"),
        active: true,
        matched_by: vec!["test".to_owned()],
        sure,
        names: Vec::new(),
    };
    let (accounts, completeness) = match presence {
        Presence::Account => (vec![account(AccountClass::Human, true)], Completeness::Proven),
        Presence::Admin => (vec![account(AccountClass::Admin, true)], Completeness::Proven),
        Presence::Portal => (vec![account(AccountClass::Portal, true)], Completeness::Proven),
        Presence::Service => (vec![account(AccountClass::Service, true)], Completeness::Proven),
        Presence::Unsure => (vec![account(AccountClass::Human, false)], Completeness::Proven),
        Presence::None => (Vec::new(), Completeness::Proven),
        Presence::Unproven => (
            Vec::new(),
            Completeness::Unproven("the search proves nothing".to_owned()),
        ),
        Presence::Unreadable => return None,
    };
    Some(AccountSearch { accounts, completeness })
}

/// The catalogue in which actions without a given state have something to do.
fn assuming(catalogue: &ActionCatalogue, states: &BTreeMap<String, Value>) -> ActionCatalogue {
    let mut assumed = ActionCatalogue::default();
    for action in catalogue.iter() {
        if states.contains_key(action.name()) {
            assumed.add(Arc::clone(action));
        } else {
            assumed.add(Arc::new(SomethingToDo(Arc::clone(action))));
        }
    }
    assumed
}

struct SomethingToDo(Arc<dyn Action>);

impl Action for SomethingToDo {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn summary(&self) -> &'static str {
        self.0.summary()
    }

    fn effect(&self) -> EffectClass {
        self.0.effect()
    }

    fn settle(&self) -> Duration {
        self.0.settle()
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.0.scopes()
    }

    fn on_account(&self) -> bool {
        self.0.on_account()
    }

    fn reversible(&self) -> bool {
        self.0.reversible()
    }

    fn observable(&self) -> bool {
        self.0.observable()
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        self.0.parameters()
    }

    fn long(&self) -> bool {
        self.0.long()
    }

    fn undo(&self, change: &Change, reference: &Value) -> Undo {
        self.0.undo(change, reference)
    }

    fn plan(&self, _: &State, _: &Value) -> Planned {
        Planned::Change {
            after: json!({"assumed": true}),
        }
    }
}
