//! Changes that take many calls: pieces of work for as long as the lease lasts, and on from what was saved last.
//!
//! The journal is where a long change lives. Its intent says that it has begun, each progress entry holds all that a successor
//! needs, and its observation ends it. Whatever a fresh plan says of a change that has begun, it is brought to its end: the
//! rows of a job that was closed are with the vendor, and somebody must fetch what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, RunClaim, documents};
use rollcall_model::plan::{Change, ChangeKey, PlanItem, StagePlan, Verdict};
use rollcall_model::{
    AccountRef, Advance, Applied, Call, ChangeRecord, Connector, Desk, EntryKind, Failure, FileError, Goal, Outcome,
    PersonKey, Run, RunState, SubjectRead,
};
use rollcall_runtime::clock::between;
use serde_json::{Value, json};

use crate::apply::{observed, what};
use crate::journal::Journalled;
use crate::make::{intent, marker};
use crate::pass::Pass;
use crate::read_back::refused;
use crate::{Engine, EngineError};

/// The most that a change may keep between two pieces, as JSON text.
const STATE_LIMIT: usize = 64 * 1024;
/// How long something that is remembered is kept, in seconds.
const DAY: i64 = 86_400;
/// A piece that has less time than this is not begun.
const SHORTEST: Duration = Duration::from_millis(500);
/// As many of a person's runs as are looked through for one that takes their access away.
const RECENT: usize = 20;

/// How a try of a long change ended.
pub(crate) enum Worked {
    /// It is through.
    Done(Applied, Outcome),
    /// It goes on after this long, and has not failed.
    Later(Duration, String),
    /// The last piece failed, and nothing was saved since the one before.
    Failed(Failure),
    /// Somebody stopped writes; why.
    Paused(String),
}

impl Engine {
    /// Whether an action takes many calls.
    pub(crate) fn is_long(&self, action: &str) -> bool {
        self.parts.actions.get(action).is_some_and(|action| action.long())
    }

    /// Works at one long change until it is through, waits for the vendor, or the lease runs low.
    pub(crate) async fn work_long(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        head: &mut Head,
        change: &Change,
    ) -> Result<Worked, EngineError> {
        let key = change.key();
        let marker = marker(&pass.run, &key);
        if let Some(why) = self.paused(&pass.playbook, change).await? {
            return Ok(Worked::Paused(why));
        }
        if !pass.open.contains_key(&key) {
            let call = self.call(&pass.holder, pass.lane);
            let mut intent = intent(change, &call, &marker);
            if let Some(private) = intent.private.as_object_mut() {
                // For whoever goes on with it.
                private.insert("change".to_owned(), json!(change));
            }
            let lock = change.account.as_ref().and_then(|account| pass.locks.get(account));
            self.append(head, lock, vec![intent], &pass.salt).await?;
        }
        let saved = pass.long.get(&key).cloned();
        let desk = Bench {
            engine: self,
            pass,
            change,
            head: futures::lock::Mutex::new(head),
            state: Mutex::new(saved.clone()),
            broken: Mutex::new(None),
            leaving: Mutex::default(),
        };
        let mut first = true;
        loop {
            let left = between(self.now(), pass.holder.until);
            let needed = if std::mem::take(&mut first) {
                SHORTEST
            } else {
                self.settings.call
            };
            if left < self.settings.margin + needed {
                return Ok(Worked::Later(Duration::ZERO, "the next piece of work".to_owned()));
            }
            let state = desk.state();
            let came = connector.advance(change, &marker, state.as_ref(), &desk).await;
            if let Some(error) = desk.broken() {
                return Err(error);
            }
            match came {
                Ok(Advance::More) => {
                    if let Some(why) = self.paused(&pass.playbook, change).await? {
                        return Ok(Worked::Paused(why));
                    }
                }
                Ok(Advance::Later { after, why }) => {
                    return Ok(match self.paused(&pass.playbook, change).await? {
                        Some(why) => Worked::Paused(why),
                        None => Worked::Later(after, why),
                    });
                }
                Ok(Advance::Done { applied, outcome }) => return Ok(Worked::Done(applied, outcome)),
                Err(failure) if failure.is_retryable() && desk.state() != saved => {
                    // It got on, so this is no failed try: a hand-over of hours may stumble more often than a stage may.
                    return Ok(Worked::Later(
                        self.settings.pause(1, failure.retry_after()),
                        failure.reason,
                    ));
                }
                Err(failure) => return Ok(Worked::Failed(failure)),
            }
        }
    }

    /// Puts every long change that has begun into the plan as it was begun, to be gone on with whatever was read just now.
    pub(crate) fn go_on_with(&self, claim: &RunClaim, plan: &mut StagePlan, journalled: &Journalled) {
        for key in journalled.open.keys() {
            let Some(change) = claim.run.record(key).map(|record| record.change.clone()) else {
                continue;
            };
            if change.stage != plan.stage || !self.is_long(&change.action) {
                continue;
            }
            let item = PlanItem {
                change,
                verdict: Verdict::Run,
            };
            if let Some(known) = plan.items.iter_mut().find(|item| item.change.key() == *key) {
                *known = item;
                continue;
            }
            let place = plan
                .items
                .iter()
                .position(|known| known.change.step == item.change.step);
            plan.items.insert(place.unwrap_or(0), item);
        }
    }

    /// Whether a run waits for a vendor's work and for nothing else.
    pub(crate) fn rests(&self, run: &Run) -> bool {
        let rest = run.read.as_ref().and_then(|mark| mark.rest);
        matches!(run.state, RunState::Waiting { .. }) && rest.is_some_and(|rest| rest > self.now())
    }

    /// A run whose reason is gone leaves its long changes as they are: what they moved stays moved, and a job that they opened
    /// and did not close has no effect.
    pub(crate) async fn abandon(&self, claim: &mut RunClaim, why: &str) -> Result<(), EngineError> {
        let now = self.now();
        let begun: Vec<Change> = claim
            .run
            .changes
            .iter()
            .filter(|record| !record.outcome.is_final() && self.is_long(&record.change.action))
            .map(|record| record.change.clone())
            .collect();
        for change in begun {
            let outcome = Outcome::Superseded(why.to_owned());
            let salt = claim.run.salt.clone();
            if let Some(head) = claim.heads.get_mut(&change.connection) {
                let entry = observed(&change, &outcome, None, &Value::Null);
                self.append(head, None, vec![entry], &salt).await?;
            }
            claim.run.note(
                now,
                format!(
                    "{} {} was under way and is not gone on with: what it moved stays moved, and its open jobs are abandoned",
                    change.connection, change.action
                ),
            );
            claim.run.put_record(ChangeRecord {
                outcome,
                ..pending(&change, now)
            });
        }
        Ok(())
    }

    /// Whether the person behind an account is leaving: by a run of theirs, and by what their directory says now.
    async fn leaves(&self, call: &Call, account: &AccountRef) -> Result<bool, Failure> {
        let lost =
            |error: &dyn std::fmt::Display| Failure::retry(format!("who {account} is cannot be looked up: {error}"));
        let mut person: Option<PersonKey> = None;
        for kind in [documents::OWNER, documents::LINK] {
            let known = self
                .parts
                .ledger
                .document(kind, &account.to_string())
                .await
                .map_err(|error| lost(&error))?;
            let named = known.and_then(|known| {
                let who = known.body.get("person")?;
                serde_json::from_value(who.get("key").unwrap_or(who).clone()).ok()
            });
            person = person.or(named);
        }
        let Some(person) = person else { return Ok(false) };
        let runs = self
            .parts
            .ledger
            .runs(Some(&person), RECENT)
            .await
            .map_err(|error| lost(&error))?;
        let leave = runs
            .iter()
            .filter(|run| run.plan.scope.is_none())
            .find(|run| !matches!(run.state, RunState::Refused { .. }));
        let Some(leave) =
            leave.filter(|run| run.plan.goal == Goal::Leave && !matches!(run.state, RunState::Superseded { .. }))
        else {
            return Ok(false);
        };
        // Whoever has come back since is not leaving, whatever the run did.
        let subject = &leave.plan.subject;
        let Some(directory) = self.connector(&subject.connection) else {
            return Ok(true);
        };
        Ok(match directory.read_subject(call, subject).await? {
            SubjectRead::Present(read) => leave.plan.agrees_with(read.state),
            SubjectRead::Gone | SubjectRead::Unproven(_) => true,
        })
    }
}

/// A failed piece: the outcome, and the entry that ends the change when no repetition mends it.
pub(crate) fn failed(change: &Change, failure: &Failure) -> (Outcome, Option<Draft>) {
    let outcome = refused(failure);
    let entry = outcome
        .is_final()
        .then(|| observed(change, &outcome, failure.request_id.clone(), &Value::Null));
    (outcome, entry)
}

fn pending(change: &Change, now: jiff::Timestamp) -> ChangeRecord {
    ChangeRecord {
        change: change.clone(),
        outcome: Outcome::Pending,
        started_at: now,
        ended_at: now,
        request_id: None,
        reference: Value::Null,
    }
}

/// What changes wait for beside their own failures.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// When the first long change that has not failed goes on, and what it waits for.
    pub(crate) working: Option<(Duration, String)>,
    /// Long changes that go on.
    pub(crate) busy: BTreeSet<ChangeKey>,
    /// Changes that wait for a step before them.
    pub(crate) behind: BTreeSet<ChangeKey>,
}

impl Patience {
    pub(crate) fn works(&mut self, key: ChangeKey, after: Duration, why: String) {
        self.busy.insert(key);
        if self.working.as_ref().is_none_or(|(least, _)| after < *least) {
            self.working = Some((after, why));
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.busy.extend(other.busy);
        self.behind.extend(other.behind);
        if let Some((after, why)) = other.working
            && self.working.as_ref().is_none_or(|(least, _)| after < *least)
        {
            self.working = Some((after, why));
        }
    }

    /// Whether a change that is not at its end waits without anything having failed about it.
    pub(crate) fn excuses(&self, key: &ChangeKey) -> bool {
        self.busy.contains(key) || self.behind.contains(key)
    }
}

/// The desk that a connector works at.
struct Bench<'a> {
    engine: &'a Engine,
    pass: &'a Pass<'a>,
    change: &'a Change,
    head: futures::lock::Mutex<&'a mut Head>,
    state: Mutex<Option<Value>>,
    /// Why the ledger did not take what was to be saved: it ends the work, whatever the connector makes of it.
    broken: Mutex<Option<EngineError>>,
    leaving: Mutex<BTreeMap<AccountRef, bool>>,
}

impl Bench<'_> {
    fn state(&self) -> Option<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn broken(&self) -> Option<EngineError> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Where this change's evidence lies. A person may have two accounts in a connection, each with files of the same names.
    fn place(&self, name: &str) -> String {
        let account = self.change.account.as_ref().map_or("-", |account| account.id.as_str());
        format!("evidence/{}/{}/{account}/{name}", self.pass.run, self.change.connection)
    }

    /// What is kept for a day lies under the day, so nothing has to be cleared out for it to end.
    fn today(&self, name: &str) -> String {
        let day = self.engine.now().as_second().div_euclid(DAY);
        format!("kept/{day}/{}/{name}", self.change.connection)
    }
}

#[async_trait]
impl Desk for Bench<'_> {
    fn call(&self) -> Call {
        self.engine.call(&self.pass.holder, self.pass.lane)
    }

    async fn save(&self, text: &str, state: &Value) -> Result<(), Failure> {
        let size = state.to_string().len();
        if size > STATE_LIMIT {
            return Err(Failure::give_up(format!(
                "{} keeps {size} bytes between two pieces and {STATE_LIMIT} are allowed: long lists belong into a file",
                self.change.action
            )));
        }
        let entry = Draft {
            kind: EntryKind::Progress,
            change: Some(self.change.key()),
            what: format!("{}: {text}", what(self.change)),
            outcome: None,
            request_id: None,
            deadline: None,
            private: json!({"account": self.change.account, "state": state}),
        };
        let lock = self
            .change
            .account
            .as_ref()
            .and_then(|account| self.pass.locks.get(account));
        let mut head = self.head.lock().await;
        match self.engine.append(&mut head, lock, vec![entry], &self.pass.salt).await {
            Ok(()) => {
                *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
                Ok(())
            }
            Err(error) => {
                let failure = Failure::retry(format!("how it stands could not be kept: {}", error.chain()));
                *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(failure)
            }
        }
    }

    async fn store(&self, name: &str, body: Bytes) -> Result<String, Failure> {
        let place = self.place(name);
        let stored = self.engine.parts.files.put(&place, body).await;
        stored.map_err(|error| Failure::retry(format!("{place} could not be stored: {error}")))?;
        Ok(place)
    }

    async fn fetch(&self, name: &str) -> Result<Bytes, Failure> {
        if !name.starts_with("evidence/") || name.split('/').any(|part| part == "..") {
            return Err(Failure::give_up(format!("{name} is no evidence of a run")));
        }
        self.engine.parts.files.get(name).await.map_err(|error| match error {
            FileError::Missing(_) => Failure::needs_human(format!("the evidence {name} is gone from the file store")),
            FileError::Unavailable(why) => Failure::retry(format!("{name} could not be read: {why}")),
        })
    }

    async fn is_leaving(&self, account: &AccountRef) -> Result<bool, Failure> {
        let known = self
            .leaving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)
            .copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let leaving = self.engine.leaves(&self.call(), account).await?;
        self.leaving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account.clone(), leaving);
        Ok(leaving)
    }

    async fn stopped(&self) -> Result<Option<String>, Failure> {
        let stopped = self.engine.paused(&self.pass.playbook, self.change).await;
        stopped.map_err(|error| Failure::retry(format!("whether writes are stopped cannot be told: {}", error.chain())))
    }

    async fn recall(&self, name: &str) -> Option<Bytes> {
        self.engine.parts.files.get(&self.today(name)).await.ok()
    }

    async fn remember(&self, name: &str, body: Bytes) {
        // Losing it costs calls and nothing else.
        let _ = self.engine.parts.files.put(&self.today(name), body).await;
    }
}
