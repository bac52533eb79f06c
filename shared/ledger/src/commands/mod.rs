//! The ledger's commands, written once over [`Table`].
//!
//! Each command reads, decides and writes under the versions that it read; a lost race means reading and deciding again. What
//! a command did is recognisable in what it left behind (a nonce, a holder's name, a member), so that repeating it after a
//! lost answer converges and never doubles its effect.
//!
//! | item | holds | due |
//! |---|---|---|
//! | `EV#<signal key>` / `EVENT` | the accepted event, never written again | |
//! | `EV#<signal key>` / `MADE` | what was made of it | |
//! | `ACC#<account>` / `INBOX` | newest and drained place, failed tries | while something is to be drained |
//! | `ACC#<account>` / `IN#<place>` | a row | |
//! | `LOCK#<what>` / `LOCK` | a claim; its version is the fence | |
//! | `RUN#<id>` / `RUN` | the run and its lease | parked: then; claimed: after the lease's end |
//! | `RUN#<id>` / `WAKE` | a decision that the run has not seen; goes with the next claim | at once |
//! | `RUN#<id>` / `HEAD#<connection>` | the end of a journal sequence | |
//! | `RUN#<id>` / `J#<connection>#<place>` | a journal entry | |
//! | `RUN#<id>` / `T#<signal key>` | an event that joined | |
//! | `OPEN#<person>#<goal>[@<connection>]` / `OPEN` | the open run; its version counts the joins | |
//! | `PERSON#<person>`, `RUNS` / `RUN#<opened>#<id>` | lists of runs | |
//! | `RSV#<key>` / `<window>` | the members that hold a place | |
//! | `REVIEW#<id>` / `REVIEW`, `REVIEWS` / `R#<opened>#<id>` | a review, and its name in the list of all | |
//! | `TIMERS#<kind>` / `TM#<id>` | a timer | at its hour |
//! | `DOC#<kind>` / `D#<id>` | a document; of the kind `key` a person's key | |

mod body;
mod documents;
mod drain;
mod events;
mod forget;
mod items;
mod journal;
mod key;
mod keys;
mod locks;
mod open;
mod retire;
mod reviews;
mod runs;
mod settle;
mod timers;
mod writing;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_model::journal::{Chain, Draft, Entry};
use rollcall_model::ledger::{
    Document, Due, Forgot, Head, Holder, Inbox, Keeping, Lock, LockKey, Reservation, RunClaim, Settle, StoredEvent,
    Timer, Whom,
};
use rollcall_model::{
    AccountRef, Answer, ConnectionId, Digest, Event, Files, Goal, Ledger, LedgerError, PersonKey, Review, ReviewId,
    ReviewState, Run, RunId, Signal, SignalKey,
};
use serde_json::Value;

pub use self::body::INLINE_LIMIT;
pub use self::open::CONNECTION_LIMIT;
use crate::table::Table;

/// The engine's own journal sequence, beside one for each connection.
pub const OWN_SEQUENCE: &str = "rollcall";

/// The most items read where a list has no limit of its own.
const EVERYTHING: usize = 1_000_000;

/// [`Ledger`] over any [`Table`]; long bodies go to [`Files`] by digest.
#[derive(Clone)]
pub struct TableLedger {
    table: Arc<dyn Table>,
    files: Arc<dyn Files>,
    keeping: Arc<RwLock<Option<Keeping>>>,
}

impl TableLedger {
    /// A ledger over a table, with a place for long bodies.
    pub fn new(table: Arc<dyn Table>, files: Arc<dyn Files>) -> Self {
        Self {
            table,
            files,
            keeping: Arc::default(),
        }
    }

    /// When something expires that is written at this moment, in milliseconds; never, unless somebody said how long it is
    /// kept.
    fn expiry(&self, at: Timestamp) -> Option<i64> {
        let keeping = *self.keeping.read().unwrap_or_else(PoisonError::into_inner);
        let keeping = i64::try_from(keeping?.events.as_millis()).ok()?;
        Some(at.as_millisecond().saturating_add(keeping))
    }
}

#[async_trait]
impl Ledger for TableLedger {
    async fn accept(
        &self,
        event: &Event,
        signal: &Signal,
        due_at: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        self.accept_event(event, signal, due_at, nonce).await
    }

    async fn set_aside(
        &self,
        event: &Event,
        signal: &Signal,
        why: &str,
        now: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        self.set_event_aside(event, signal, why, now, nonce).await
    }

    async fn event(&self, key: &SignalKey) -> Result<Option<StoredEvent>, LedgerError> {
        self.stored_event(key).await
    }

    async fn claim(&self, keys: &[LockKey], holder: &Holder, now: Timestamp) -> Result<Answer<Vec<Lock>>, LedgerError> {
        self.claim_locks(keys, holder, now).await
    }

    async fn release(&self, locks: &[Lock]) -> Result<(), LedgerError> {
        self.release_locks(locks).await
    }

    async fn release_account(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        due_at: Option<Timestamp>,
    ) -> Result<Answer<()>, LedgerError> {
        self.release_drained(lock, inbox, due_at).await
    }

    async fn inbox(&self, account: &AccountRef) -> Result<Inbox, LedgerError> {
        self.read_inbox(account).await
    }

    async fn drain(&self, lock: &Lock, inbox: &Inbox, upto: u64, why: &str) -> Result<Answer<Inbox>, LedgerError> {
        self.drain_for_nothing(lock, inbox, upto, why).await
    }

    async fn open(
        &self,
        run: &Run,
        holder: &Holder,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
    ) -> Result<Answer<(RunClaim, Inbox)>, LedgerError> {
        self.open_from_inbox(run, holder, lock, inbox, upto).await
    }

    async fn open_asked(&self, run: &Run, holder: &Holder) -> Result<Answer<RunClaim>, LedgerError> {
        self.open_without_inbox(run, holder).await
    }

    async fn join(&self, run: &RunId, lock: &Lock, inbox: &Inbox, upto: u64) -> Result<Answer<Inbox>, LedgerError> {
        self.join_run(run, lock, inbox, upto).await
    }

    async fn triggers(&self, run: &RunId) -> Result<Vec<SignalKey>, LedgerError> {
        self.joined_events(run).await
    }

    async fn open_run(
        &self,
        person: &PersonKey,
        goal: Goal,
        scope: Option<&ConnectionId>,
    ) -> Result<Option<RunId>, LedgerError> {
        self.open_run_of(person, goal, scope).await
    }

    async fn reviews(&self, open: bool, most: usize) -> Result<Vec<Review>, LedgerError> {
        self.list_reviews(open, most).await
    }

    async fn set_timer(&self, timer: &Timer, nonce: &str) -> Result<Answer<()>, LedgerError> {
        self.write_timer(timer, nonce).await
    }

    async fn timer(&self, id: &str) -> Result<Option<Timer>, LedgerError> {
        self.read_timer(id).await
    }

    async fn remove_timer(&self, id: &str, version: u64) -> Result<Answer<()>, LedgerError> {
        self.delete_timer(id, version).await
    }

    async fn timers(&self, kind: &str, most: usize) -> Result<Vec<Timer>, LedgerError> {
        self.list_timers(kind, most).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        self.read_run(id).await
    }

    async fn runs(&self, person: Option<&PersonKey>, most: usize) -> Result<Vec<Run>, LedgerError> {
        self.list_runs(person, most).await
    }

    async fn claim_run(&self, id: &RunId, holder: &Holder, now: Timestamp) -> Result<Answer<RunClaim>, LedgerError> {
        self.claim_one_run(id, holder, now).await
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
        self.append_entries(head, lock, drafts, at, salt, nonce).await
    }

    async fn settle(&self, claim: &mut RunClaim, how: Settle, nonce: &str) -> Result<Answer<()>, LedgerError> {
        self.settle_run(claim, &how, nonce).await
    }

    async fn chains(&self, run: &RunId) -> Result<Vec<Chain>, LedgerError> {
        Ok(self.heads(run).await?.into_values().map(|head| head.chain).collect())
    }

    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        self.read_journal(run).await
    }

    async fn journal_after(&self, run: &RunId, upto: &BTreeMap<ConnectionId, u64>) -> Result<Vec<Entry>, LedgerError> {
        self.read_journal_after(run, upto).await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Due>, LedgerError> {
        self.list_due(now, most).await
    }

    async fn reserve(&self, reservation: &Reservation) -> Result<Answer<()>, LedgerError> {
        self.reserve_place(reservation).await
    }

    async fn open_review(&self, review: &Review) -> Result<Answer<()>, LedgerError> {
        self.open_one_review(review).await
    }

    async fn review(&self, id: &ReviewId) -> Result<Option<Review>, LedgerError> {
        self.read_review(id).await
    }

    async fn approve(
        &self,
        id: &ReviewId,
        plan_hash: &Digest,
        decision: &ReviewState,
        now: Timestamp,
    ) -> Result<Answer<()>, LedgerError> {
        self.decide_review(id, plan_hash, decision, now).await
    }

    async fn reopen(&self, id: &ReviewId, seen: &ReviewState) -> Result<Answer<()>, LedgerError> {
        self.reopen_review(id, seen).await
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, LedgerError> {
        self.read_document(kind, id).await
    }

    async fn put_document(&self, kind: &str, id: &str, body: &Value) -> Result<(), LedgerError> {
        self.replace_document(kind, id, body).await
    }

    async fn add_document(&self, kind: &str, id: &str, body: &Value, nonce: &str) -> Result<Answer<()>, LedgerError> {
        self.add_document_until(kind, id, body, nonce, None).await
    }

    async fn add_passing_document(
        &self,
        kind: &str,
        id: &str,
        body: &Value,
        nonce: &str,
        until: Timestamp,
    ) -> Result<Answer<()>, LedgerError> {
        self.add_document_until(kind, id, body, nonce, Some(until)).await
    }

    async fn remove_document(&self, kind: &str, id: &str) -> Result<(), LedgerError> {
        self.delete_document(kind, id).await
    }

    async fn documents(&self, kind: &str, most: usize) -> Result<Vec<Document>, LedgerError> {
        self.list_documents(kind, most).await
    }

    async fn forget(
        &self,
        whom: &Whom,
        after: Option<&(String, String)>,
        now: Timestamp,
        dry: bool,
    ) -> Result<Forgot, LedgerError> {
        self.forget_page(whom, after, now, dry).await
    }

    fn keep(&self, keeping: Keeping) {
        *self.keeping.write().unwrap_or_else(PoisonError::into_inner) = Some(keeping);
    }

    async fn retire(&self, before: Timestamp, most: usize) -> Result<usize, LedgerError> {
        self.retire_ended(before, most).await
    }

    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        self.table.sweep(most).await
    }

    async fn compact(&self) -> Result<(), LedgerError> {
        self.table.compact().await
    }
}
