//! A caller that repeats a command, with the same nonce, until it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_model::journal::{Chain, Draft, Entry};
use rollcall_model::ledger::{
    Document, Due, Forgot, Head, Holder, Inbox, Keeping, Lock, LockKey, Reservation, RunClaim, Settle, StoredEvent,
    Timer, Whom,
};
use rollcall_model::{
    AccountRef, Answer, ConnectionId, Digest, Event, Goal, Ledger, LedgerError, PersonKey, Review, ReviewId,
    ReviewState, Run, RunId, Signal, SignalKey,
};
use serde_json::Value;

/// How often a command is repeated before the test is given up.
const MOST: usize = 2_500;

/// A [`Ledger`] that repeats each command of another until it is answered.
pub struct Repeating(pub Arc<dyn Ledger>);

macro_rules! repeat {
    ($call:expr) => {{
        for _ in 0..MOST {
            match $call.await {
                Err(LedgerError::Unavailable(_) | LedgerError::Throttled) => {}
                answered => return answered,
            }
        }
        panic!("the ledger never answers");
    }};
}

#[async_trait]
impl Ledger for Repeating {
    async fn accept(
        &self,
        event: &Event,
        signal: &Signal,
        due_at: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.accept(event, signal, due_at, nonce))
    }

    async fn set_aside(
        &self,
        event: &Event,
        signal: &Signal,
        why: &str,
        now: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.set_aside(event, signal, why, now, nonce))
    }

    async fn event(&self, key: &SignalKey) -> Result<Option<StoredEvent>, LedgerError> {
        repeat!(self.0.event(key))
    }

    async fn claim(&self, keys: &[LockKey], holder: &Holder, now: Timestamp) -> Result<Answer<Vec<Lock>>, LedgerError> {
        repeat!(self.0.claim(keys, holder, now))
    }

    async fn release(&self, locks: &[Lock]) -> Result<(), LedgerError> {
        repeat!(self.0.release(locks))
    }

    async fn release_account(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        due_at: Option<Timestamp>,
    ) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.release_account(lock, inbox, due_at))
    }

    async fn inbox(&self, account: &AccountRef) -> Result<Inbox, LedgerError> {
        repeat!(self.0.inbox(account))
    }

    async fn drain(&self, lock: &Lock, inbox: &Inbox, upto: u64, why: &str) -> Result<Answer<Inbox>, LedgerError> {
        repeat!(self.0.drain(lock, inbox, upto, why))
    }

    async fn open(
        &self,
        run: &Run,
        holder: &Holder,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
    ) -> Result<Answer<(RunClaim, Inbox)>, LedgerError> {
        repeat!(self.0.open(run, holder, lock, inbox, upto))
    }

    async fn open_asked(&self, run: &Run, holder: &Holder) -> Result<Answer<RunClaim>, LedgerError> {
        repeat!(self.0.open_asked(run, holder))
    }

    async fn join(&self, run: &RunId, lock: &Lock, inbox: &Inbox, upto: u64) -> Result<Answer<Inbox>, LedgerError> {
        repeat!(self.0.join(run, lock, inbox, upto))
    }

    async fn triggers(&self, run: &RunId) -> Result<Vec<SignalKey>, LedgerError> {
        repeat!(self.0.triggers(run))
    }

    async fn open_run(
        &self,
        person: &PersonKey,
        goal: Goal,
        scope: Option<&ConnectionId>,
    ) -> Result<Option<RunId>, LedgerError> {
        repeat!(self.0.open_run(person, goal, scope))
    }

    async fn reviews(&self, open: bool, most: usize) -> Result<Vec<Review>, LedgerError> {
        repeat!(self.0.reviews(open, most))
    }

    async fn set_timer(&self, timer: &Timer, nonce: &str) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.set_timer(timer, nonce))
    }

    async fn timer(&self, id: &str) -> Result<Option<Timer>, LedgerError> {
        repeat!(self.0.timer(id))
    }

    async fn remove_timer(&self, id: &str, version: u64) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.remove_timer(id, version))
    }

    async fn timers(&self, kind: &str, most: usize) -> Result<Vec<Timer>, LedgerError> {
        repeat!(self.0.timers(kind, most))
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        repeat!(self.0.run(id))
    }

    async fn runs(&self, person: Option<&PersonKey>, most: usize) -> Result<Vec<Run>, LedgerError> {
        repeat!(self.0.runs(person, most))
    }

    async fn claim_run(&self, id: &RunId, holder: &Holder, now: Timestamp) -> Result<Answer<RunClaim>, LedgerError> {
        repeat!(self.0.claim_run(id, holder, now))
    }

    async fn append(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        at: Timestamp,
        salt: &[u8],
        nonce: &str,
    ) -> Result<Answer<Vec<Entry>>, LedgerError> {
        repeat!(self.0.append(head, lock, drafts.clone(), at, salt, nonce))
    }

    async fn settle(&self, claim: &mut RunClaim, how: Settle, nonce: &str) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.settle(claim, how.clone(), nonce))
    }

    async fn chains(&self, run: &RunId) -> Result<Vec<Chain>, LedgerError> {
        repeat!(self.0.chains(run))
    }

    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        repeat!(self.0.journal(run))
    }

    async fn journal_after(&self, run: &RunId, upto: &BTreeMap<ConnectionId, u64>) -> Result<Vec<Entry>, LedgerError> {
        repeat!(self.0.journal_after(run, upto))
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Due>, LedgerError> {
        repeat!(self.0.due(now, most))
    }

    async fn reserve(&self, reservation: &Reservation) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.reserve(reservation))
    }

    async fn open_review(&self, review: &Review) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.open_review(review))
    }

    async fn review(&self, id: &ReviewId) -> Result<Option<Review>, LedgerError> {
        repeat!(self.0.review(id))
    }

    async fn approve(
        &self,
        id: &ReviewId,
        plan_hash: &Digest,
        decision: &ReviewState,
        now: Timestamp,
    ) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.approve(id, plan_hash, decision, now))
    }

    async fn reopen(&self, id: &ReviewId, seen: &ReviewState) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.reopen(id, seen))
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, LedgerError> {
        repeat!(self.0.document(kind, id))
    }

    async fn put_document(&self, kind: &str, id: &str, body: &Value) -> Result<(), LedgerError> {
        repeat!(self.0.put_document(kind, id, body))
    }

    async fn add_document(&self, kind: &str, id: &str, body: &Value, nonce: &str) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.add_document(kind, id, body, nonce))
    }

    async fn add_passing_document(
        &self,
        kind: &str,
        id: &str,
        body: &Value,
        nonce: &str,
        until: Timestamp,
    ) -> Result<Answer<()>, LedgerError> {
        repeat!(self.0.add_passing_document(kind, id, body, nonce, until))
    }

    async fn remove_document(&self, kind: &str, id: &str) -> Result<(), LedgerError> {
        repeat!(self.0.remove_document(kind, id))
    }

    async fn documents(&self, kind: &str, most: usize) -> Result<Vec<Document>, LedgerError> {
        repeat!(self.0.documents(kind, most))
    }

    async fn forget(
        &self,
        whom: &Whom,
        after: Option<&(String, String)>,
        now: Timestamp,
        dry: bool,
    ) -> Result<Forgot, LedgerError> {
        repeat!(self.0.forget(whom, after, now, dry))
    }

    fn keep(&self, keeping: Keeping) {
        self.0.keep(keeping);
    }

    async fn retire(&self, before: Timestamp, most: usize) -> Result<usize, LedgerError> {
        repeat!(self.0.retire(before, most))
    }

    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        repeat!(self.0.sweep(most))
    }

    async fn compact(&self) -> Result<(), LedgerError> {
        repeat!(self.0.compact())
    }
}
