//! What every back end promises, as functions that panic when a promise is broken.
//!
//! Each function is named after one promise and takes a bench: the thing under test with names of its own, so that all
//! promises can be checked on one shared table. [`ledger_promises!`](crate::ledger_promises),
//! [`queue_promises!`](crate::queue_promises), [`file_promises!`](crate::file_promises) and
//! [`table_promises!`](crate::table_promises) make one test of each.
//! [`FaultyTable`] makes a table misbehave, and [`Repeating`] is the caller that does not give up.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a broken promise is a panic: this module is for tests"
)]

pub mod accepting;
pub mod claiming;
pub mod deciding;
pub mod filing;
pub mod finishing;
pub mod forgetting;
pub mod joining;
pub mod journalling;
pub mod keeping;
pub mod mentioning;
pub mod opening;
pub mod queueing;
pub mod tables;
pub mod timing;
pub mod working;

mod clock;
mod faulty;
mod promises;
mod repeating;
pub mod samples;

use std::fmt::Debug;
use std::sync::Arc;

use rollcall_model::ledger::{Due, Holder, Inbox, Lock, LockKey, RunClaim};
use rollcall_model::{AccountRef, Answer, Event, Ledger, Run, Timestamp};

pub use self::clock::StepClock;
pub use self::faulty::{Fault, FaultyTable, Script};
pub use self::repeating::Repeating;
pub use self::samples::{at, seconds};

/// A ledger under test.
#[derive(Clone)]
pub struct Bench {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// In every name that a promise makes.
    pub tag: String,
    /// True when answers may be lost on the way: then what was done may have been done before.
    pub lossy: bool,
}

impl Bench {
    /// A bench over a ledger that answers. `tag` must differ between benches over one table.
    pub fn new(ledger: Arc<dyn Ledger>, tag: impl Into<String>) -> Self {
        Self {
            ledger,
            tag: tag.into(),
            lossy: false,
        }
    }

    /// A bench over a ledger whose answers may be lost.
    #[must_use]
    pub fn lossy(mut self) -> Self {
        self.lossy = true;
        self
    }

    /// The value of a command that must have been done now.
    pub fn won<T: Debug>(&self, answer: Answer<T>) -> T {
        match answer {
            Answer::Won(value) => value,
            Answer::AlreadyMine(value) if self.lossy => value,
            other => panic!("should have won: {other:?}"),
        }
    }

    /// A holder of this bench.
    pub fn holder(&self, name: &str, until: Timestamp) -> Holder {
        Holder {
            name: format!("{}-{name}", self.tag),
            until,
        }
    }

    /// An account of this bench.
    pub fn account(&self, id: &str) -> AccountRef {
        AccountRef::new("dir-main", format!("{}-{id}", self.tag))
    }

    /// Accepts an event about an account.
    pub async fn accept(&self, event: &Event) {
        let signal = samples::signal(&event.key, "{}");
        let nonce = format!("accept {}", event.key);
        let answer = self.ledger.accept(event, &signal, at(0), &nonce).await;
        self.won(answer.unwrap());
    }

    /// Accepts some events about a new account, and claims it.
    pub async fn account_with(&self, id: &str, events: usize, holder: &Holder) -> (Lock, Inbox) {
        let account = self.account(id);
        for number in 0..events {
            self.accept(&samples::event(&account, &number.to_string())).await;
        }
        let lock = self.claim(&account, holder).await;
        (lock, self.ledger.inbox(&account).await.unwrap())
    }

    /// Claims an account that is free.
    pub async fn claim(&self, account: &AccountRef, holder: &Holder) -> Lock {
        let keys = [LockKey::Account(account.clone())];
        let answer = self.ledger.claim(&keys, holder, at(0)).await.unwrap();
        self.won(answer).remove(0)
    }

    /// Looks until something is due: lists may be late.
    pub async fn due(&self, now: Timestamp, what: &Due) {
        assert!(self.listed(now, what, true).await, "{what:?} is due at {now}");
    }

    /// Looks until something is not due: lists may be late.
    pub async fn not_due(&self, now: Timestamp, what: &Due) {
        assert!(self.listed(now, what, false).await, "{what:?} is not due at {now}");
    }

    async fn listed(&self, now: Timestamp, what: &Due, wanted: bool) -> bool {
        for _ in 0..50 {
            let due = self.ledger.due(now, 100_000).await.unwrap();
            if due.contains(what) == wanted {
                return true;
            }
        }
        false
    }

    /// Opens a run that a person asked for.
    pub async fn open(&self, run: &Run, holder: &Holder) -> RunClaim {
        self.won(self.ledger.open_asked(run, holder).await.unwrap())
    }
}
