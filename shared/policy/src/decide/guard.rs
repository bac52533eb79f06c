//! The pure part of the guard: who is protected or under legal hold, how far the mode goes, which lists could not be read,
//! which limits and administrators count.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::ids::{AccountRef, ConnectionId};
use rollcall_model::plan::{CUT, Change, Goal, StagePlan, Verdict};
use serde_json::Value;

use super::{Facts, GuardInputs, Guarded, Hold, HoldCode, LastAdmin, Limit, Membership};
use crate::configuration::{Configuration, Mode, ModeRule};
use crate::expression::Scope;
use crate::facts;

/// The list whose members no stage touches without a decision.
const PROTECTED: &str = "protected";
/// The list of people under legal hold: nothing of theirs is destroyed or moved without a decision.
const LEGAL_HOLD: &str = "hold";
/// How often access may come back after a cut before somebody must look why.
const MOST_RETURNS: u32 = 2;

/// Looks at a stage plan. Nothing is held and nothing reserved for a stage that would change nothing.
pub fn guard(configuration: &Configuration, facts: &Facts<'_>, plan: &StagePlan, inputs: &GuardInputs) -> Guarded {
    guard_in(mode(configuration, facts, plan), configuration, facts, plan, inputs)
}

/// The same in this mode, whatever the configuration says: what would be held if it went so far.
pub fn guard_in(
    mode: Mode,
    configuration: &Configuration,
    facts: &Facts<'_>,
    plan: &StagePlan,
    inputs: &GuardInputs,
) -> Guarded {
    let written = written(plan);
    if written.is_empty() {
        return Guarded {
            mode,
            holds: Vec::new(),
            limits: Vec::new(),
            admins: Vec::new(),
        };
    }
    let mut holds = people(facts, plan);
    if mode == Mode::Enforce
        && let Some(least) = configuration.guard.linked
    {
        // Whoever the source describes has an account there: nothing is to be linked.
        let others = written.iter().filter(|id| ***id != configuration.source);
        holds.extend(others.filter_map(|id| uncovered(id, least, inputs)));
    }
    if inputs.returned >= MOST_RETURNS {
        holds.push(Hold {
            code: HoldCode::Returned,
            reason: format!(
                "access was back after {} cuts: find out who or what gives it back (another directory, an automatism, an \
                 administrator) before it is cut again",
                inputs.returned
            ),
        });
    }
    if mode == Mode::Review {
        holds.push(Hold {
            code: HoldCode::Review,
            reason: format!(
                "the mode of {} in {} is review: an approver decides",
                facts.plan.playbook, configuration.environment
            ),
        });
    }
    let limits = if inputs.expected {
        Vec::new()
    } else {
        written
            .iter()
            .map(|connection| Limit {
                key: format!("{}/{connection}", plan.stage),
                per_hour: per_hour(configuration, &plan.stage, connection),
            })
            .collect()
    };
    Guarded {
        mode,
        holds,
        limits,
        // Whoever gets their access back is no administrator less.
        admins: if facts.plan.goal == Goal::Undo {
            Vec::new()
        } else {
            admins(plan)
        },
    }
}

/// The connections that the plan would write to, each once, in order of name.
fn written(plan: &StagePlan) -> BTreeSet<&ConnectionId> {
    to_run(plan).map(|change| &change.connection).collect()
}

fn to_run(plan: &StagePlan) -> impl Iterator<Item = &Change> {
    plan.items
        .iter()
        .filter(|item| item.verdict == Verdict::Run)
        .map(|item| &item.change)
}

/// What the lists say.
fn people(facts: &Facts<'_>, plan: &StagePlan) -> Vec<Hold> {
    let mut holds = Vec::new();
    let is_in = |list: &str| facts.memberships.get(list) == Some(&Membership::In);
    if is_in(PROTECTED) {
        holds.push(Hold {
            code: HoldCode::Protected,
            reason: format!("{} is in the list `{PROTECTED}`: an approver decides", name(facts)),
        });
    }
    // A cut takes nothing away for good, so neither a legal hold nor an unreadable list delays it; everything slower waits.
    if plan.stage == CUT {
        return holds;
    }
    if is_in(LEGAL_HOLD) {
        holds.push(Hold {
            code: HoldCode::LegalHold,
            reason: format!(
                "{} is in the list `{LEGAL_HOLD}` and {} destroys or moves what is theirs: an approver decides",
                name(facts),
                plan.stage
            ),
        });
    }
    for (list, membership) in facts.memberships {
        if let Membership::Unknown(why) = membership {
            holds.push(Hold {
                code: HoldCode::UnreadableList,
                reason: format!("the list `{list}` could not be read: {why}"),
            });
        }
    }
    holds
}

/// A connection in which too few people are linked for anything to be done without a decision.
fn uncovered(connection: &ConnectionId, least: u32, inputs: &GuardInputs) -> Option<Hold> {
    let found = match inputs.coverage.get(connection) {
        Some(linked) if *linked >= least => return None,
        Some(linked) => format!("{linked} % of the people are linked in {connection}"),
        None => format!("nobody has counted how many people are linked in {connection}"),
    };
    Some(Hold {
        code: HoldCode::Coverage,
        reason: format!(
            "{found}, and `guard.linked` asks for {least} %: run `rollcall link`, or let an approver decide"
        ),
    })
}

fn per_hour(configuration: &Configuration, stage: &str, connection: &ConnectionId) -> u32 {
    let guard = &configuration.guard;
    let own = guard.connections.get(connection).copied().unwrap_or_default();
    let rate = if stage == CUT {
        own.cut.unwrap_or(guard.cut)
    } else {
        own.dismantle.unwrap_or(guard.dismantle)
    };
    rate.per_hour
}

/// Administrators' accounts that the plan would bar, one entry a connection. A connector counts the administrators beside one
/// account; the plan's other accounts there are no longer among them.
fn admins(plan: &StagePlan) -> Vec<LastAdmin> {
    let mut by_connection: BTreeMap<&ConnectionId, (u32, BTreeSet<&AccountRef>)> = BTreeMap::new();
    for change in to_run(plan) {
        if change.evidence.get("admin") != Some(&Value::Bool(true)) {
            continue;
        }
        // A count that could not be made is taken for none.
        let left = change.evidence.get("admins_left").and_then(Value::as_u64).unwrap_or(0);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let entry = by_connection
            .entry(&change.connection)
            .or_insert_with(|| (left, BTreeSet::new()));
        entry.0 = entry.0.min(left);
        entry.1.extend(&change.account);
    }
    by_connection
        .into_iter()
        .map(|(connection, (left, accounts))| LastAdmin {
            connection: connection.clone(),
            others: left.saturating_sub(u32::try_from(accounts.len().saturating_sub(1)).unwrap_or(u32::MAX)),
        })
        .collect()
}

/// What reasons call the person. Those of a quiet run are read by people who must not know.
fn name<'a>(facts: &Facts<'a>) -> &'a str {
    if facts.plan.quiet {
        "the person"
    } else if facts.person.display.is_empty() {
        &facts.person.login
    } else {
        &facts.person.display
    }
}

/// The strictest of environment, playbook, cohort and the connections written to.
fn mode(configuration: &Configuration, facts: &Facts<'_>, plan: &StagePlan) -> Mode {
    let scope = Scope::new(facts::of_run(facts, &plan.stage), facts.memberships);
    let modes = &configuration.modes;
    let playbook = configuration.playbooks.get(&facts.plan.playbook);
    let own = modes
        .playbooks
        .get(&facts.plan.playbook)
        .map_or(modes.default, |rule| by_rule(rule, modes.default, &scope));
    let asked = playbook.and_then(|playbook| playbook.mode).unwrap_or(Mode::Enforce);
    let connections = to_run(plan).filter_map(|change| by_connection(configuration, &change.connection, &scope));
    connections.fold(own.min(asked), Mode::min)
}

fn by_connection(configuration: &Configuration, connection: &ConnectionId, scope: &Scope<'_>) -> Option<Mode> {
    let modes = &configuration.modes;
    modes
        .connections
        .get(connection)
        .map(|rule| by_rule(rule, modes.default, scope))
}

/// A cohort whose condition cannot be told does not widen anything.
fn by_rule(rule: &ModeRule, default: Mode, scope: &Scope<'_>) -> Mode {
    match rule {
        ModeRule::Always(mode) => *mode,
        ModeRule::Cohorts(cohorts) => cohorts
            .iter()
            .filter(|(_, condition)| matches!(condition.holds(scope), Ok(true)))
            .map(|(mode, _)| *mode)
            .max()
            .unwrap_or(default),
    }
}
