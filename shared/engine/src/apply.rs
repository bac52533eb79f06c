//! Making changes: intent → call → read back, per connection in order, connections side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, Lock, RunClaim};
use rollcall_model::plan::{Change, PlanItem, StagePlan, Verdict};
use rollcall_model::{ChangeRecord, ConnectionId, Connector, EntryKind, HandOver, Outcome};
use rollcall_runtime::telemetry::metrics::RowsRefused;
use serde_json::{Value, json};

use crate::journal::Journalled;
use crate::long::{self, Patience, Worked};
use crate::make::Step;
use crate::pass::Pass;
use crate::read_back::Made;
use crate::{Engine, EngineError};

/// What one connection's work came to.
pub(crate) struct Part {
    pub(crate) records: Vec<ChangeRecord>,
    pub(crate) came: Came,
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
