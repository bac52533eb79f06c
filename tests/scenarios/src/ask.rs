//! Short questions about runs and messages.

use rollcall_model::{ChangeRecord, Run};

/// `(action, outcome)` of every change of a run but its messages, in order.
pub fn outcomes(run: &Run) -> Vec<(&str, &'static str)> {
    listed(run, |record| record.change.stage != "tell")
}

/// The same for one stage.
pub fn outcomes_of<'a>(run: &'a Run, stage: &str) -> Vec<(&'a str, &'static str)> {
    listed(run, |record| record.change.stage == stage)
}

fn listed(run: &Run, which: impl Fn(&ChangeRecord) -> bool) -> Vec<(&str, &'static str)> {
    run.changes
        .iter()
        .filter(|record| which(record))
        .map(|record| (record.change.action.as_str(), record.outcome.name()))
        .collect()
}

/// The record of the first change by this action. Panics when there is none.
pub fn record<'a>(run: &'a Run, action: &str) -> &'a ChangeRecord {
    let found = run.changes.iter().find(|record| record.change.action == action);
    found.unwrap_or_else(|| panic!("{} has no {action}: {:?}", run.id, outcomes(run)))
}

/// How many of the texts begin so.
pub fn told(texts: &[String], beginning: &str) -> usize {
    texts.iter().filter(|text| text.starts_with(beginning)).count()
}
