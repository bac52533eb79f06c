//! The pure part of the guard: who is protected, how far the mode goes, which lists could not be read.

use rollcall_model::ids::ConnectionId;
use rollcall_model::person::Person;
use rollcall_model::plan::{StagePlan, Verdict};

use super::{Facts, GuardInputs, Guarded, Hold, HoldCode, Limit, Membership};
use crate::configuration::{Configuration, Mode, ModeRule};
use crate::expression::Scope;
use crate::facts;

/// The list whose members no stage touches without a decision.
const PROTECTED: &str = "protected";

/// Looks at a stage plan. Nothing is held and nothing reserved for a stage that would change nothing.
pub fn guard(configuration: &Configuration, facts: &Facts<'_>, plan: &StagePlan, _inputs: &GuardInputs) -> Guarded {
    let mode = mode(configuration, facts, plan);
    let mut holds = Vec::new();
    if !plan.items.iter().any(|item| item.verdict == Verdict::Run) {
        return Guarded {
            mode,
            holds,
            limits: Vec::new(),
            admins: Vec::new(),
        };
    }
    if facts.memberships.get(PROTECTED) == Some(&Membership::In) {
        holds.push(Hold {
            code: HoldCode::Protected,
            reason: format!(
                "{} is in the list `{PROTECTED}`: an approver decides",
                name(facts.person)
            ),
        });
    }
    // A cut takes nothing away for good, so an unreadable list does not delay it; everything slower waits.
    if plan.stage != "cut" {
        for (list, membership) in facts.memberships {
            if let Membership::Unknown(why) = membership {
                holds.push(Hold {
                    code: HoldCode::UnreadableList,
                    reason: format!("the list `{list}` could not be read: {why}"),
                });
            }
        }
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
    let rate = if plan.stage == "cut" {
        configuration.guard.cut
    } else {
        configuration.guard.dismantle
    };
    Guarded {
        mode,
        holds,
        limits: vec![Limit {
            key: plan.stage.clone(),
            per_hour: rate.per_hour,
        }],
        admins: Vec::new(),
    }
}

fn name(person: &Person) -> &str {
    if person.display.is_empty() {
        &person.login
    } else {
        &person.display
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
    let connections = plan
        .items
        .iter()
        .filter(|item| item.verdict == Verdict::Run)
        .filter_map(|item| by_connection(configuration, &item.change.connection, &scope));
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
