//! Which playbooks an event concerns, and the plan of a run.

use std::collections::BTreeSet;

use rollcall_model::event::{Event, EventKind};
use rollcall_model::ids::{AccountRef, ConnectionId};
use rollcall_model::person::{Person, SourceState};
use rollcall_model::plan::{CUT, Goal, RunPlan, StageSpec, TellSpec};

use super::{PlaybookMatch, Wish};
use crate::configuration::{Configuration, Playbook, Trigger};

/// What a directory may say of somebody whose access was cut because they were barred: barred still, or left meanwhile.
const BARRED: [SourceState; 5] = [
    SourceState::Suspended,
    SourceState::Locked,
    SourceState::Deactivating,
    SourceState::Deactivated,
    SourceState::Deleted,
];

/// What a directory says of leavers when suspension is its way of leaving.
const LEFT_BY_SUSPENSION: [SourceState; 4] = [
    SourceState::Suspended,
    SourceState::Deactivating,
    SourceState::Deactivated,
    SourceState::Deleted,
];

/// Every state: the run's reason is no state of the directory.
const ANY: [SourceState; 7] = [
    SourceState::Staged,
    SourceState::Active,
    SourceState::Suspended,
    SourceState::Locked,
    SourceState::Deactivating,
    SourceState::Deactivated,
    SourceState::Deleted,
];

/// The playbooks that an event concerns, in order of name. An attempt that failed, an event of our own doing, an unknown
/// kind and an event that names nobody concern none.
///
/// Somebody who was suspended or locked has not left: a run for it only cuts, unless their connection declares suspension its
/// way of leaving. An application that was taken away concerns the one connection of the playbook that it stands for.
pub fn goals(configuration: &Configuration, event: &Event) -> Vec<PlaybookMatch> {
    if !event.succeeded || event.ours || event.account.is_none() || matches!(event.kind, EventKind::Unknown(_)) {
        return Vec::new();
    }
    let cut_only = match event.kind {
        EventKind::UserSuspended => !suspension_is_leaving(configuration, &event.source),
        EventKind::UserLocked => true,
        _ => false,
    };
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
        .filter(|playbook| !cut_only || playbook.stages.iter().any(|stage| stage.name == CUT))
        .filter_map(|playbook| {
            let about = match event.kind {
                EventKind::AppRemoved => Some(about(configuration, playbook, event)?),
                _ => None,
            };
            Some(PlaybookMatch {
                playbook: playbook.name.clone(),
                goal: playbook.goal,
                cut_only,
                about,
            })
        })
        .collect()
}

fn suspension_is_leaving(configuration: &Configuration, connection: &ConnectionId) -> bool {
    configuration
        .connection(connection)
        .is_some_and(|connection| connection.suspension_is_leaving)
}

/// The connection of the playbook's steps that the event's application stands for, and the application. Applications are
/// named by the source's ids, so another directory's event names none of them.
fn about(configuration: &Configuration, playbook: &Playbook, event: &Event) -> Option<(ConnectionId, String)> {
    let app = event.app.as_ref().filter(|_| event.source == configuration.source)?;
    let connection = playbook
        .stages
        .iter()
        .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
        .find(|id| {
            configuration
                .connection(id)
                .is_some_and(|connection| connection.app.as_ref() == Some(app))
        })?;
    Some((connection.clone(), app.clone()))
}

/// The connections in which a run of this playbook cuts at once, each once; none when it begins with something else or is about one
/// application only.
pub fn cuts_at_once(configuration: &Configuration, matched: &PlaybookMatch) -> BTreeSet<ConnectionId> {
    let first = configuration
        .playbooks
        .get(&matched.playbook)
        .filter(|_| matched.about.is_none())
        .and_then(|playbook| playbook.stages.first())
        .filter(|stage| stage.name == CUT && stage.after_ms == 0);
    let steps = first.into_iter().flat_map(|stage| &stage.steps);
    steps.flat_map(|step| &step.connections).cloned().collect()
}

/// The playbook for a goal that a person or a date asks for; the first in order of name.
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

/// The run plan: no times and nothing that was read, so that the same cause gives the same hash. `subject` is the account
/// whose change began the run; when the source describes the person it is the person's own.
///
/// `None` when the playbook is not in this configuration.
pub fn run_plan(
    configuration: &Configuration,
    matched: &PlaybookMatch,
    person: &Person,
    subject: &AccountRef,
    wish: &Wish,
) -> Option<RunPlan> {
    let playbook = configuration.playbooks.get(&matched.playbook)?;
    let mut stages = playbook.stages.clone();
    if matched.cut_only {
        stages.retain(|stage| stage.name == CUT);
    }
    if let Some((connection, _)) = &matched.about {
        narrow(&mut stages, connection);
    }
    Some(RunPlan {
        goal: matched.goal,
        person: person.key.clone(),
        subject: subject.clone(),
        playbook: playbook.name.clone(),
        config: configuration.digest.clone(),
        stages,
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
        scope: matched.about.as_ref().map(|(connection, _)| connection.clone()),
        unassigned: matched.about.as_ref().map(|(_, app)| app.clone()),
        holds_while: holds_while(configuration, matched, subject, wish),
        quiet: wish.quiet,
        successor: wish.successor.clone(),
    })
}

/// Leaves the steps in one connection.
fn narrow(stages: &mut Vec<StageSpec>, connection: &ConnectionId) {
    for stage in stages.iter_mut() {
        for step in &mut stage.steps {
            step.connections.retain(|id| id == connection);
        }
        stage.steps.retain(|step| !step.connections.is_empty());
        let left: Vec<String> = stage.steps.iter().map(|step| step.id.clone()).collect();
        for step in &mut stage.steps {
            // A step binds to another in the same connection only, so one that is gone bound nothing here.
            step.after = step.after.take().filter(|after| left.contains(after));
        }
    }
    stages.retain(|stage| !stage.steps.is_empty());
}

/// What the subject's directory may say of it while the run has its reason; empty for what the goal asks for.
fn holds_while(
    configuration: &Configuration,
    matched: &PlaybookMatch,
    subject: &AccountRef,
    wish: &Wish,
) -> Vec<SourceState> {
    // Somebody asked for it, or the reason is an assignment: neither is the directory's word on the account.
    if wish.asked || matched.about.is_some() {
        ANY.to_vec()
    } else if matched.cut_only {
        BARRED.to_vec()
    } else if matched.goal == Goal::Leave && suspension_is_leaving(configuration, &subject.connection) {
        LEFT_BY_SUSPENSION.to_vec()
    } else {
        Vec::new()
    }
}
