//! What the journal says about changes that an earlier try began.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, Lock, RunClaim};
use rollcall_model::plan::{Change, ChangeKey};
use rollcall_model::run::JournalMark;
use rollcall_model::{Answer, ChangeRecord, ConnectionId, Entry, EntryKind, Outcome};
use serde_json::Value;

use crate::{Engine, EngineError};

/// The sequence of the engine's own decisions.
pub(crate) const OWN: &str = "rollcall";

/// An intent without an observation: the call may have been made, and may still be under way until its deadline.
#[derive(Clone, Debug)]
pub(crate) struct OpenIntent {
    pub(crate) deadline: Timestamp,
}

/// What the journal says of each change: begun and not seen to the end, or how it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journalled {
    /// Intents that nobody saw the end of.
    pub(crate) open: BTreeMap<ChangeKey, OpenIntent>,
    /// The last outcome that was seen. The run itself may not have been written back after it.
    pub(crate) seen: BTreeMap<ChangeKey, Outcome>,
    /// How changes were begun, as far back as was read.
    pub(crate) made: BTreeMap<ChangeKey, Begun>,
    /// Every change that this run has begun, whatever came of it.
    pub(crate) ours: BTreeSet<ChangeKey>,
    /// Long changes that were begun and not seen to the end, as they were begun; as far back as was read.
    pub(crate) begun: BTreeMap<ChangeKey, Change>,
    /// How changes ended, as far back as was read. Of a long one the run may not know it: its numbers and its evidence are
    /// here alone when the worker died right after.
    ended: BTreeMap<ChangeKey, Ended>,
    /// What long changes saved last that are not at their end.
    pub(crate) long: BTreeMap<ChangeKey, Value>,
    /// Where they saved it.
    saved_at: BTreeMap<ChangeKey, (ConnectionId, u64)>,
    /// The last place that was read, by sequence.
    upto: BTreeMap<ConnectionId, u64>,
}

/// How a change was begun for the first time, and what the vendor answered in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begun {
    pub(crate) before: Value,
    pub(crate) with: Value,
    pub(crate) reference: Value,
}

/// The end of a change as the journal has it.
#[derive(Clone, Debug)]
struct Ended {
    /// As it was begun, when that was read, too, and it is a long one.
    change: Option<Change>,
    outcome: Outcome,
    at: Timestamp,
    request_id: Option<String>,
    reference: Value,
}

impl Journalled {
    /// Reads entries in order, on from where an earlier reading stopped.
    pub(crate) fn of(mark: Option<&JournalMark>, entries: &[Entry]) -> Self {
        let mut journalled = Self::default();
        if let Some(mark) = mark {
            let open = mark
                .open
                .iter()
                .map(|(key, &deadline)| (key.clone(), OpenIntent { deadline }));
            journalled.open = open.collect();
            journalled.seen.clone_from(&mark.seen);
            journalled.ours = mark.begun.iter().chain(mark.open.keys()).cloned().collect();
            journalled.upto.clone_from(&mark.upto);
        }
        for entry in entries {
            let upto = journalled.upto.entry(entry.connection.clone()).or_default();
            *upto = entry.public.seq.max(*upto);
            let Some(change) = &entry.change else { continue };
            let private = |name: &str| entry.private.get(name).cloned().unwrap_or_default();
            match entry.public.kind {
                EntryKind::Intent => {
                    let deadline = entry.deadline.unwrap_or(entry.public.at);
                    journalled.open.insert(change.clone(), OpenIntent { deadline });
                    journalled.ours.insert(change.clone());
                    journalled.seen.remove(change);
                    journalled.ended.remove(change);
                    journalled.made.entry(change.clone()).or_insert_with(|| Begun {
                        before: private("before"),
                        with: private("with"),
                        reference: Value::Null,
                    });
                    if let Ok(begun) = serde_json::from_value(private("change")) {
                        journalled.begun.insert(change.clone(), begun);
                    }
                }
                EntryKind::Progress => {
                    journalled.long.insert(change.clone(), private("state"));
                    let place = (entry.connection.clone(), entry.public.seq);
                    journalled.saved_at.insert(change.clone(), place);
                }
                EntryKind::Observed => {
                    journalled.open.remove(change);
                    let begun = journalled.begun.remove(change);
                    journalled.long.remove(change);
                    journalled.saved_at.remove(change);
                    if let Some(made) = journalled.made.get_mut(change) {
                        made.reference = private("reference");
                    }
                    let reason = entry.private.get("reason").and_then(Value::as_str);
                    let outcome = entry
                        .public
                        .outcome
                        .as_deref()
                        .and_then(|name| Outcome::named(name, reason));
                    if let Some(outcome) = &outcome {
                        let ended = Ended {
                            change: begun,
                            outcome: outcome.clone(),
                            at: entry.public.at,
                            request_id: entry.public.request_id.clone(),
                            reference: private("reference"),
                        };
                        journalled.ended.insert(change.clone(), ended);
                    }
                    journalled.seen.extend(outcome.map(|outcome| (change.clone(), outcome)));
                }
                EntryKind::Decision => {}
            }
        }
        journalled
    }

    /// How far the journal need not be read again: what long changes saved last is read each time.
    fn mark(&self) -> JournalMark {
        let mut upto = self.upto.clone();
        for (connection, place) in self.saved_at.values() {
            upto.entry(connection.clone())
                .and_modify(|upto| *upto = place.saturating_sub(1).min(*upto));
        }
        JournalMark {
            upto,
            open: self
                .open
                .iter()
                .map(|(key, intent)| (key.clone(), intent.deadline))
                .collect(),
            seen: self.seen.clone(),
            begun: self.ours.clone(),
            rest: None,
            let_go: false,
        }
    }
}

impl Engine {
    /// What the journal says of a run's changes. While a long one is at work, what was read is marked in the run, which
    /// whoever lets go of it writes back: a hand-over's thousands of entries are not read again at each of its pieces.
    pub(crate) async fn journalled(&self, claim: &mut RunClaim) -> Result<Journalled, EngineError> {
        let run = &claim.run;
        let entries = match &run.read {
            Some(mark) => self.parts.ledger.journal_after(&run.id, &mark.upto).await?,
            None => self.parts.ledger.journal(&run.id).await?,
        };
        let journalled = Journalled::of(run.read.as_ref(), &entries);
        for (key, change) in &journalled.begun {
            // Once its intent lies behind the mark, the run alone knows how it was begun.
            if claim
                .run
                .record(key)
                .is_none_or(|record| record.outcome != Outcome::Pending)
            {
                claim.run.put_record(ChangeRecord {
                    change: change.clone(),
                    outcome: Outcome::Pending,
                    started_at: self.now(),
                    ended_at: self.now(),
                    request_id: None,
                    reference: Value::Null,
                });
            }
        }
        for (key, ended) in &journalled.ended {
            let known = claim.run.record(key);
            let change = ended.change.clone().or_else(|| known.map(|known| known.change.clone()));
            let Some(change) = change.filter(|change| ended.outcome.is_final() && self.is_long(&change.action)) else {
                continue;
            };
            if known.is_some_and(|known| known.outcome.is_final()) {
                continue;
            }
            claim.run.put_record(ChangeRecord {
                change,
                outcome: ended.outcome.clone(),
                started_at: known.map_or(ended.at, |known| known.started_at),
                ended_at: ended.at,
                request_id: ended.request_id.clone(),
                reference: ended.reference.clone(),
            });
        }
        if claim.run.read.is_some() || !journalled.long.is_empty() {
            let let_go = claim.run.read.as_ref().is_some_and(|mark| mark.let_go);
            claim.run.read = Some(JournalMark {
                let_go,
                ..journalled.mark()
            });
        }
        Ok(journalled)
    }

    /// Writes entries at the end of one sequence; the claim having passed on is an error that ends the work.
    pub(crate) async fn append(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        salt: &str,
    ) -> Result<(), EngineError> {
        if drafts.is_empty() {
            return Ok(());
        }
        let nonce = self.parts.ids.unique();
        self.append_as(head, lock, drafts, salt, &nonce).await
    }

    /// The same with a nonce that a later try would use again.
    pub(crate) async fn append_as(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        salt: &str,
        nonce: &str,
    ) -> Result<(), EngineError> {
        let at = self.now();
        match self
            .parts
            .ledger
            .append(head, lock, drafts, at, salt.as_bytes(), nonce)
            .await?
        {
            Answer::Won(_) | Answer::AlreadyMine(_) => Ok(()),
            Answer::Lost(_) | Answer::Stale => Err(EngineError::Fenced(format!(
                "{} of {}",
                head.chain.connection, head.chain.run
            ))),
        }
    }

    /// Writes a decision of the engine.
    pub(crate) async fn decided(&self, claim: &mut RunClaim, what: &str, private: Value) -> Result<(), EngineError> {
        let nonce = self.parts.ids.unique();
        self.decided_as(claim, what, private, &nonce).await
    }

    /// The same with a nonce that a later try would use again.
    pub(crate) async fn decided_as(
        &self,
        claim: &mut RunClaim,
        what: &str,
        private: Value,
        nonce: &str,
    ) -> Result<(), EngineError> {
        let draft = Draft {
            kind: EntryKind::Decision,
            change: None,
            what: what.to_owned(),
            outcome: None,
            request_id: None,
            deadline: None,
            private,
        };
        let salt = claim.run.salt.clone();
        let head = claim
            .heads
            .get_mut(&ConnectionId::from(OWN))
            .ok_or_else(|| EngineError::Fenced(format!("the journal of {}", claim.run.id)))?;
        self.append_as(head, None, vec![draft], &salt, nonce).await
    }
}
