//! What one try of a stage knows before it makes its changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_model::ledger::{Holder, Lock, LockKey, RunClaim};
use rollcall_model::plan::{Change, ChangeKey};
use rollcall_model::{AccountRef, ChangeRecord, Lane, Outcome};
use serde_json::Value;

use crate::Engine;
use crate::journal::{Begun, Journalled, OpenIntent};

/// What every connection's work of one try shares.
pub(crate) struct Pass<'a> {
    pub(crate) run: String,
    pub(crate) playbook: String,
    pub(crate) salt: String,
    pub(crate) holder: Holder,
    pub(crate) lane: Lane,
    pub(crate) locks: BTreeMap<AccountRef, Lock>,
    pub(crate) open: &'a BTreeMap<ChangeKey, OpenIntent>,
    /// Outcomes of earlier tries, so that the journal does not repeat itself.
    pub(crate) before: BTreeMap<ChangeKey, Outcome>,
    /// What earlier tries wrote down of their changes.
    pub(crate) records: BTreeMap<ChangeKey, ChangeRecord>,
    /// How changes were begun whose end the run may not know.
    pub(crate) made: &'a BTreeMap<ChangeKey, Begun>,
    /// What long changes saved last.
    pub(crate) long: &'a BTreeMap<ChangeKey, Value>,
    /// The step that must be green first, by stage and step.
    pub(crate) gates: BTreeMap<(String, String), String>,
}

impl Pass<'_> {
    /// The record of a change that an earlier try made.
    pub(crate) fn changed(&self, key: &ChangeKey) -> Option<&ChangeRecord> {
        let record = self.records.get(key);
        record.filter(|record| record.outcome == Outcome::Changed)
    }

    /// The record of a long change that an earlier try brought to its end: it moved all that there was, or found nothing.
    pub(crate) fn finished(&self, key: &ChangeKey) -> Option<&ChangeRecord> {
        let record = self.records.get(key);
        record.filter(|record| matches!(record.outcome, Outcome::Changed | Outcome::AlreadySo))
    }

    /// Whether a long change has begun: it is gone on with, whatever stands before it now.
    pub(crate) fn is_begun(&self, engine: &Engine, change: &Change) -> bool {
        engine.is_long(&change.action) && self.open.contains_key(&change.key())
    }

    /// The record of a change for which no call was made now. What an earlier try made is recorded as it was begun.
    pub(crate) fn as_begun(&self, change: &Change, outcome: Outcome, now: Timestamp) -> ChangeRecord {
        let mut change = change.clone();
        let mut reference = Value::Null;
        if outcome == Outcome::Changed
            && let Some(begun) = self.made.get(&change.key())
        {
            change.before.clone_from(&begun.before);
            change.with.clone_from(&begun.with);
            reference.clone_from(&begun.reference);
        }
        ChangeRecord {
            change,
            outcome,
            started_at: now,
            ended_at: now,
            request_id: None,
            reference,
        }
    }
}

impl Engine {
    pub(crate) fn pass<'a>(
        claim: &RunClaim,
        subject: &Lock,
        locks: &[Lock],
        journalled: &'a Journalled,
        lane: Lane,
    ) -> Pass<'a> {
        let locks = std::iter::once(subject)
            .chain(locks)
            .filter_map(|lock| match &lock.key {
                LockKey::Account(account) => Some((account.clone(), lock.clone())),
                LockKey::Login(_) => None,
            })
            .collect();
        Pass {
            run: claim.run.id.to_string(),
            playbook: claim.run.plan.playbook.clone(),
            salt: claim.run.salt.clone(),
            holder: claim.holder.clone(),
            lane,
            locks,
            open: &journalled.open,
            before: before(claim, journalled),
            records: records(claim),
            made: &journalled.made,
            long: &journalled.long,
            gates: gates(claim),
        }
    }
}

/// What earlier tries came to: as the run has it, and as the journal has it where the run was not written back in time.
fn before(claim: &RunClaim, journalled: &Journalled) -> BTreeMap<ChangeKey, Outcome> {
    let mut before = journalled.seen.clone();
    before.extend(
        claim
            .run
            .changes
            .iter()
            .map(|record| (record.change.key(), record.outcome.clone())),
    );
    before
}

/// What earlier tries wrote down of their changes.
fn records(claim: &RunClaim) -> BTreeMap<ChangeKey, ChangeRecord> {
    let records = claim.run.changes.iter();
    records.map(|record| (record.change.key(), record.clone())).collect()
}

/// Which step waits for which in the present stage.
fn gates(claim: &RunClaim) -> BTreeMap<(String, String), String> {
    let stage = claim.run.plan.stages.get(claim.run.stage);
    let steps = stage
        .into_iter()
        .flat_map(|stage| stage.steps.iter().map(|step| (&stage.name, step)));
    steps
        .filter_map(|(stage, step)| Some(((stage.clone(), step.id.clone()), step.after.clone()?)))
        .collect()
}
