//! Which playbooks an event concerns, and the run plan of one.

use rollcall_model::event::{Event, EventKind};
use rollcall_model::ids::AccountRef;
use rollcall_model::person::Person;
use rollcall_model::plan::{Goal, RunPlan, TellSpec};

use super::{PlaybookMatch, Wish};
use crate::configuration::{Configuration, Trigger};

/// The playbooks that an event concerns, in order of name. An attempt that failed, an event of our own doing, an unknown
/// kind and an event without an account concern none.
pub fn goals(configuration: &Configuration, event: &Event) -> Vec<PlaybookMatch> {
    if event.ours || !event.succeeded || event.account.is_none() || matches!(event.kind, EventKind::Unknown(_)) {
        return Vec::new();
    }
    configuration
        .playbooks
        .values()
        .filter(|playbook| {
            playbook.on.iter().any(|trigger| match trigger {
                Trigger::Event { from, kinds } => {
                    from.contains(&event.source) && kinds.iter().any(|kind| kind == event.kind.as_str())
                }
                Trigger::Planned(_) => false,
            })
        })
        .map(|playbook| PlaybookMatch {
            playbook: playbook.name.clone(),
            goal: playbook.goal,
            cut_only: false,
            about: None,
        })
        .collect()
}

/// The playbook for a goal that a person or a date asks for: the one with `planned:` that goal.
pub fn planned_playbook(configuration: &Configuration, goal: Goal) -> Option<PlaybookMatch> {
    configuration
        .playbooks
        .values()
        .find(|playbook| playbook.on.contains(&Trigger::Planned(goal)))
        .map(|playbook| PlaybookMatch {
            playbook: playbook.name.clone(),
            goal,
            cut_only: false,
            about: None,
        })
}

/// What a run of a playbook may do for a person. The same inputs always give the same plan and hash: nothing in it depends
/// on anything read but the person's identity. `None` when the configuration has no such playbook.
///
/// `subject` is the account whose change began it.
pub fn run_plan(
    configuration: &Configuration,
    matched: &PlaybookMatch,
    person: &Person,
    subject: &AccountRef,
    wish: &Wish,
) -> Option<RunPlan> {
    let playbook = configuration.playbooks.get(&matched.playbook)?;
    Some(RunPlan {
        goal: matched.goal,
        person: person.key.clone(),
        subject: subject.clone(),
        playbook: playbook.name.clone(),
        config: configuration.digest.clone(),
        stages: playbook.stages.clone(),
        tell: playbook
            .tell
            .iter()
            .map(|tell| TellSpec {
                moment: tell.moment,
                connection: tell.connection.clone(),
                action: tell.action.clone(),
                to: tell.to.clone(),
                text: tell.text.clone(),
            })
            .collect(),
        scope: None,
        unassigned: None,
        holds_while: Vec::new(),
        quiet: wish.quiet,
        successor: wish.successor.clone(),
    })
}
