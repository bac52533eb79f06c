//! Making changes: intent → call → read back, per connection in order, connections side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use rollcall_model::connector::ActionUse;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, Holder, Lock, LockKey, RunClaim};
use rollcall_model::plan::{Change, ChangeKey, PlanItem, StagePlan, Verdict};
use rollcall_model::{
    AccountRef, Applied, ChangeRecord, ConnectionId, Connector, EffectClass, EntryKind, Executed, Failure,
    FailureClass, HandOver, Lane, Observation, Outcome, digest,
};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::telemetry::metrics::RowsRefused;
use serde_json::{Value, json};

use crate::journal::{Begun, Journalled, OpenIntent};
use crate::long::{self, Patience, Worked};
use crate::{Engine, EngineError};

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
    fn changed(&self, key: &ChangeKey) -> Option<&ChangeRecord> {
        let record = self.records.get(key);
        record.filter(|record| record.outcome == Outcome::Changed)
    }

    /// The record of a long change that an earlier try brought to its end: it moved all that there was, or found nothing.
    fn finished(&self, key: &ChangeKey) -> Option<&ChangeRecord> {
        let record = self.records.get(key);
        record.filter(|record| matches!(record.outcome, Outcome::Changed | Outcome::AlreadySo))
    }

    /// Whether a long change has begun: it is gone on with, whatever stands before it now.
    fn is_begun(&self, engine: &Engine, change: &Change) -> bool {
        engine.is_long(&change.action) && self.open.contains_key(&change.key())
    }

    /// The record of a change for which no call was made now. What an earlier try made is recorded as it was begun.
    fn as_begun(&self, change: &Change, outcome: Outcome, now: Timestamp) -> ChangeRecord {
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

/// A change whose call was made in this try, or in an earlier one whose end nobody saw.
struct Made<'a> {
    change: &'a Change,
    started_at: Timestamp,
    result: Result<Applied, Failure>,
}

/// What one connection's work came to.
struct Part {
    records: Vec<ChangeRecord>,
    came: Came,
}

/// What a try came to beside its records.
#[derive(Debug, Default)]
pub(crate) struct Came {
    /// The longest wait that a vendor asked for.
    pub(crate) asked: Option<Duration>,
    /// Why changes were not made although they might have been: somebody stopped writes.
    pub(crate) paused: Option<String>,
    /// Changes wait for people's decisions until then.
    pub(crate) waits_for_people: Option<Timestamp>,
    /// Changes that wait without having failed.
    pub(crate) patience: Patience,
}

impl Engine {
    /// Applies a stage's plan.
    pub(crate) async fn apply(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
        plan: &StagePlan,
        journalled: &Journalled,
    ) -> Result<Came, EngineError> {
        let pass = Self::pass(claim, subject, locks, journalled, crate::accounts::lane(claim));
        let mut by_connection: BTreeMap<ConnectionId, Vec<&PlanItem>> = BTreeMap::new();
        for item in &plan.items {
            by_connection
                .entry(item.change.connection.clone())
                .or_default()
                .push(item);
        }
        self.side_by_side(claim, &pass, by_connection).await
    }

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

    /// Works on every connection at the same time and books what became of each change. Another worker's having taken over
    /// is reported only after all have stopped.
    pub(crate) async fn side_by_side(
        &self,
        claim: &mut RunClaim,
        pass: &Pass<'_>,
        by_connection: BTreeMap<ConnectionId, Vec<&PlanItem>>,
    ) -> Result<Came, EngineError> {
        let mut work = Vec::new();
        for (connection, items) in by_connection {
            let mut head = claim
                .heads
                .remove(&connection)
                .ok_or_else(|| EngineError::Fenced(format!("{connection} of {}: no journal sequence", pass.run)))?;
            work.push(async move {
                let part = self.connection(pass, &connection, &mut head, items).await;
                (connection, head, part)
            });
        }
        let mut came = Came::default();
        let mut failed = None;
        for (connection, head, part) in join_all(work).await {
            claim.heads.insert(connection, head);
            match part {
                Ok(part) => {
                    came.asked = came.asked.max(part.came.asked);
                    came.paused = came.paused.or(part.came.paused);
                    came.patience.join(part.came.patience);
                    for record in part.records {
                        claim.run.put_record(record);
                    }
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(came), Err)
    }

    /// One connection: its changes in order, then one read-back. A change that fails never stops the next one.
    async fn connection(
        &self,
        pass: &Pass<'_>,
        connection: &ConnectionId,
        head: &mut Head,
        items: Vec<&PlanItem>,
    ) -> Result<Part, EngineError> {
        let mut part = Part {
            records: Vec::new(),
            came: Came::default(),
        };
        let mut drafts = Vec::new();
        let mut made: Vec<Made<'_>> = Vec::new();
        let connector = self.connector(connection);
        for item in items {
            let change = &item.change;
            let gate = pass.gates.get(&(change.stage.clone(), change.step.clone()));
            if let Some(connector) = connector
                && (gate.is_some() || self.is_long(&change.action))
            {
                // What this one waits for must have been read back, and a long one leaves nothing unread behind for hours.
                let made = std::mem::take(&mut made);
                self.read_back(pass, connector.as_ref(), made, &mut part, &mut drafts)
                    .await;
            }
            let now = self.now();
            let closed = gate.and_then(|step| closed(step, &part.records));
            let outcome = match &item.verdict {
                // What it moved is accounted for; whatever has come since is another run's.
                Verdict::Run if self.is_long(&change.action) && pass.finished(&change.key()).is_some() => {
                    part.records.extend(pass.finished(&change.key()).cloned());
                    continue;
                }
                Verdict::Run if closed.is_some() && !pass.is_begun(self, change) => {
                    let outcome = closed.unwrap_or(Outcome::Pending);
                    if !outcome.is_final() {
                        part.came.patience.behind.insert(change.key());
                    }
                    outcome
                }
                Verdict::Run if self.is_long(&change.action) => match connector {
                    Some(connector) => {
                        self.append(head, None, std::mem::take(&mut drafts), &pass.salt).await?;
                        let record = self
                            .long(pass, connector.as_ref(), head, change, &mut part.came)
                            .await?;
                        part.records.push(record);
                        continue;
                    }
                    None => Outcome::Failed(format!("connection {connection} is no longer configured")),
                },
                Verdict::Run => match connector {
                    Some(connector) => match self.make(pass, connector.as_ref(), head, change).await? {
                        Step::Made(result) => {
                            made.push(Made {
                                change,
                                started_at: now,
                                result,
                            });
                            continue;
                        }
                        Step::Found(applied) => {
                            made.push(Made {
                                change,
                                started_at: now,
                                result: Ok(applied),
                            });
                            continue;
                        }
                        Step::Not(outcome) => outcome,
                        Step::Paused(why) => {
                            part.came.paused.get_or_insert_with(|| why.clone());
                            Outcome::Unknown(why)
                        }
                    },
                    None => Outcome::Failed(format!("connection {connection} is no longer configured")),
                },
                // An intent of ours that nobody saw the end of is why it is so now.
                Verdict::AlreadySo if pass.open.contains_key(&change.key()) => Outcome::Changed,
                Verdict::AlreadySo => match pass.before.get(&change.key()) {
                    // What it found and what the vendor answered stay as they were written down then: an undo needs them.
                    Some(Outcome::Changed) => {
                        if let Some(record) = pass.changed(&change.key()) {
                            part.records.push(record.clone());
                            continue;
                        }
                        Outcome::Changed
                    }
                    _ => Outcome::AlreadySo,
                },
                Verdict::Skip(why) => Outcome::Skipped(why.clone()),
                Verdict::Refuse(why) => Outcome::Refused(why.clone()),
                Verdict::Unknown(why) | Verdict::Ask(why) => Outcome::Unknown(why.clone()),
            };
            // An intent that nobody saw the end of stays open until something certain is known of it.
            let undecided = pass.open.contains_key(&change.key()) && !outcome.is_final();
            if !undecided && pass.before.get(&change.key()) != Some(&outcome) {
                drafts.push(observed(change, &outcome, None, &Value::Null));
            }
            part.records.push(pass.as_begun(change, outcome, now));
        }
        if let Some(connector) = connector {
            self.read_back(pass, connector.as_ref(), made, &mut part, &mut drafts)
                .await;
        }
        self.append(head, None, drafts, &pass.salt).await?;
        Ok(part)
    }

    /// A long change: what this try of it came to.
    async fn long(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        head: &mut Head,
        change: &Change,
        came: &mut Came,
    ) -> Result<ChangeRecord, EngineError> {
        let key = change.key();
        let mut record = ChangeRecord {
            change: change.clone(),
            outcome: Outcome::Pending,
            started_at: pass
                .records
                .get(&key)
                .map_or_else(|| self.now(), |known| known.started_at),
            ended_at: self.now(),
            request_id: None,
            reference: Value::Null,
        };
        let entry = match self.work_long(pass, connector, head, change).await? {
            Worked::Done(applied, outcome) => {
                let entry = observed(change, &outcome, applied.request_id.clone(), &applied.reference);
                record.outcome = outcome;
                record.request_id = applied.request_id;
                record.reference = applied.reference;
                self.count_refused(&record);
                Some(entry)
            }
            Worked::Later(after, why) => {
                came.patience.works(key, after, why);
                None
            }
            Worked::Failed(failure) => {
                came.asked = came.asked.max(failure.retry_after());
                let (outcome, entry) = long::failed(change, &failure);
                record.outcome = outcome;
                record.request_id = failure.request_id;
                entry
            }
            Worked::Paused(why) => {
                came.paused.get_or_insert_with(|| why.clone());
                record.outcome = Outcome::Unknown(why);
                None
            }
        };
        record.ended_at = self.now();
        self.append(head, None, entry.into_iter().collect(), &pass.salt).await?;
        Ok(record)
    }

    /// Counts the records that the vendor refused to move.
    fn count_refused(&self, record: &ChangeRecord) {
        let done: Option<HandOver> = serde_json::from_value(record.reference.clone()).ok();
        RowsRefused {
            connection: record.change.connection.as_str(),
            rows: done.map_or(0, |done| done.total().refused),
        }
        .emit(self.now());
    }

    /// One change: what an earlier try left, then intent and call.
    async fn make(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        head: &mut Head,
        change: &Change,
    ) -> Result<Step, EngineError> {
        if let Some(why) = self.paused(&pass.playbook, change).await? {
            return Ok(Step::Paused(why));
        }
        let key = change.key();
        let marker = marker(&pass.run, &key);
        let call = self.call(&pass.holder, pass.lane);
        let is_begun = pass.open.contains_key(&key);
        let by_marker = matches!(change.effect, EffectClass::Findable | EffectClass::Blind);
        // After a restoration the intent may be in the part of the journal that is lost.
        if is_begun || (by_marker && self.restoration().await?.is_some()) {
            match change.effect {
                // The engine waited for the deadline and the settle time before it observed, and it is still `before`.
                EffectClass::Set | EffectClass::Keyed | EffectClass::Staged => {}
                EffectClass::Findable => match connector.find_effect(&call, change, &marker).await {
                    Ok(Some(applied)) if is_begun => return Ok(Step::Found(applied)),
                    Ok(Some(_)) => return Ok(Step::Not(Outcome::AlreadySo)),
                    Ok(None) => {}
                    Err(failure) if failure.is_retryable() => {
                        return Ok(Step::Not(Outcome::Unknown(format!(
                            "whether it was sent could not be found out: {}",
                            failure.reason
                        ))));
                    }
                    Err(failure) => {
                        return Ok(Step::Not(Outcome::Unsure(format!(
                            "whether it was sent cannot be found out: {}",
                            failure.reason
                        ))));
                    }
                },
                EffectClass::Blind => {
                    return Ok(Step::Not(Outcome::Unsure(
                        "it may have been sent; it is not sent twice".to_owned(),
                    )));
                }
            }
        }
        if between(self.now(), call.deadline) < Duration::from_millis(500) {
            return Ok(Step::Not(Outcome::Unknown(
                "no time was left under the lease; it is tried again".to_owned(),
            )));
        }
        let intent = Draft {
            kind: EntryKind::Intent,
            change: Some(key),
            what: what(change),
            outcome: None,
            request_id: None,
            deadline: Some(call.deadline),
            private: json!({
                "account": change.account, "before": change.before, "after": change.after, "with": change.with,
                "evidence": change.evidence, "marker": marker,
            }),
        };
        let lock = change.account.as_ref().and_then(|account| pass.locks.get(account));
        self.append(head, lock, vec![intent], &pass.salt).await?;
        let call = rollcall_model::Call {
            deadline: call.deadline,
            lane: pass.lane,
        };
        Ok(Step::Made(connector.apply(&call, change, &marker).await))
    }

    /// Reads back what was made: one observation per account, repeated while a vendor settles.
    async fn read_back(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        made: Vec<Made<'_>>,
        part: &mut Part,
        drafts: &mut Vec<Draft>,
    ) {
        let mut by_account: BTreeMap<Option<AccountRef>, Vec<Made<'_>>> = BTreeMap::new();
        for one in made {
            if let Err(failure) = &one.result {
                part.came.asked = part.came.asked.max(failure.retry_after());
            }
            let readable = one.change.account.is_some()
                && self.is_observable(&one.change.action)
                && !matches!(&one.result, Err(failure) if failure.executed == Executed::No);
            by_account
                .entry(readable.then(|| one.change.account.clone()).flatten())
                .or_default()
                .push(one);
        }
        for (account, group) in by_account {
            let states = match &account {
                Some(account) => self.settled(pass, connector, account, &group).await,
                None => group.iter().map(|_| None).collect(),
            };
            let now = self.now();
            for (one, state) in group.into_iter().zip(states) {
                let (outcome, known) = judge(&one, state);
                let change = pass.as_begun(one.change, outcome.clone(), now).change;
                let (request_id, reference) = match &one.result {
                    Ok(applied) => (applied.request_id.clone(), applied.reference.clone()),
                    Err(failure) => (failure.request_id.clone(), Value::Null),
                };
                if known {
                    drafts.push(observed(one.change, &outcome, request_id.clone(), &reference));
                }
                part.records.push(ChangeRecord {
                    change,
                    outcome,
                    started_at: one.started_at,
                    ended_at: now,
                    request_id,
                    reference,
                });
            }
        }
    }

    /// Whether what an action does can be read back.
    pub(crate) fn is_observable(&self, action: &str) -> bool {
        self.parts.actions.get(action).is_none_or(|action| action.observable())
    }

    /// The states after the calls, read again until all are as wanted or the longest settle time has passed.
    async fn settled(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        account: &AccountRef,
        group: &[Made<'_>],
    ) -> Vec<Option<Observation>> {
        let uses: Vec<ActionUse> = group
            .iter()
            .map(|one| ActionUse {
                action: one.change.action.clone(),
                with: one.change.with.clone(),
            })
            .collect();
        let settle = group.iter().map(|one| one.change.settle_ms).max().unwrap_or(0);
        let until = plus(self.now(), Duration::from_millis(u64::try_from(settle).unwrap_or(0)));
        let mut pause = Duration::from_millis(100);
        loop {
            let call = self.call(&pass.holder, pass.lane);
            let states = match connector.observe(&call, Some(account), &uses).await {
                Ok(states) => states,
                Err(failure) => {
                    let unread = Observation::Unknown(format!("could not be read back: {}", failure.reason));
                    vec![unread; uses.len()]
                }
            };
            let all = group
                .iter()
                .zip(&states)
                .all(|(one, state)| matches!(state, Observation::Known(state) if state.value == one.change.after));
            let now = self.now();
            if all || now >= until || between(now, pass.holder.until) < self.settings.margin * 2 {
                return states.into_iter().map(Some).collect();
            }
            self.parts.clock.sleep(pause.min(between(now, until))).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// What became of one change before anything is read back.
enum Step {
    /// The call was made.
    Made(Result<Applied, Failure>),
    /// An earlier try's effect was found.
    Found(Applied),
    /// No call was made.
    Not(Outcome),
    /// Somebody stopped writes; why.
    Paused(String),
}

/// The outcome, and whether it is certain enough to close the intent: an intent that stays open is looked at again.
fn judge(one: &Made<'_>, state: Option<Observation>) -> (Outcome, bool) {
    match (&one.result, state) {
        // Without an account there is nothing to read back: the vendor's answer is the observation.
        (Ok(_), None) => (Outcome::Changed, true),
        (_, Some(Observation::Known(state))) if state.value == one.change.after => (Outcome::Changed, true),
        (Ok(_), Some(Observation::Known(_))) => (Outcome::Pending, false),
        (_, Some(Observation::Unknown(why))) => (Outcome::Unknown(why), false),
        (Err(failure), None) if failure.executed == Executed::Maybe => {
            (Outcome::Unknown(format!("no answer came: {}", failure.reason)), false)
        }
        // Never sent, or read after the settle time and still as before: the call did nothing.
        (Err(failure), _) => (refused(failure), true),
    }
}

pub(crate) fn refused(failure: &Failure) -> Outcome {
    match &failure.class {
        FailureClass::Retry { .. } | FailureClass::Credential => {
            Outcome::Unknown(format!("not done yet: {}", failure.reason))
        }
        FailureClass::GiveUp | FailureClass::NeedsHuman => Outcome::Failed(failure.reason.clone()),
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

/// Why a change may not be made yet, or not at all: the step that it follows is not green here. Other connections do not
/// count, so one that is slow does not hold up the rest.
fn closed(step: &str, records: &[ChangeRecord]) -> Option<Outcome> {
    let before = || records.iter().filter(|record| record.change.step == step);
    let reason = |record: &ChangeRecord| {
        let reason = record.outcome.reason().unwrap_or("the vendor is still at it");
        format!("{}: {reason}", record.change.action)
    };
    if let Some(failed) = before().find(|record| record.outcome.is_final() && !record.outcome.is_green()) {
        return Some(Outcome::Refused(format!(
            "step {step} did not succeed here ({}), and this one follows it",
            reason(failed)
        )));
    }
    before()
        .find(|record| !record.outcome.is_final())
        .map(|open| Outcome::Unknown(format!("waits for step {step} ({})", reason(open))))
}

/// Our key for a change, the same on every repetition, and short enough for every vendor's field.
pub(crate) fn marker(run: &str, key: &ChangeKey) -> String {
    let full = digest::sha256(format!("{run}\n{key}").as_bytes());
    format!("rc-{}", full.as_str().get(..32).unwrap_or_default())
}

pub(crate) fn what(change: &Change) -> String {
    format!("{}/{} {}", change.stage, change.step, change.action)
}

pub(crate) fn observed(change: &Change, outcome: &Outcome, request_id: Option<String>, reference: &Value) -> Draft {
    Draft {
        kind: EntryKind::Observed,
        change: Some(change.key()),
        what: what(change),
        outcome: Some(outcome.name().to_owned()),
        request_id,
        deadline: None,
        private: json!({
            "account": change.account, "after": change.after, "evidence": change.evidence,
            "reason": outcome.reason(), "reference": reference,
        }),
    }
}
