//! Where each item lives. One place, so that no two kinds of item share a key.

use jiff::Timestamp;
use rollcall_model::ledger::LockKey;
use rollcall_model::{AccountRef, ConnectionId, Goal, PersonKey, ReviewId, RunId, SignalKey};

use crate::table::Key;

/// The place of an account's inbox within its partition.
pub(super) const INBOX: &str = "INBOX";
/// The place of a run within its partition.
pub(super) const RUN: &str = "RUN";
/// The place of a run's wake.
pub(super) const WAKE: &str = "WAKE";
/// What the places of sequence ends begin with.
pub(super) const HEADS: &str = "HEAD#";
/// What the places of journal entries begin with.
pub(super) const ENTRIES: &str = "J#";
/// What the places of joined events begin with.
pub(super) const TRIGGERS: &str = "T#";
/// What the places of runs in a list begin with.
pub(super) const LISTED: &str = "RUN#";
/// The partition that lists all runs.
pub(super) const RUNS: &str = "RUNS";
/// The partition that lists all reviews.
pub(super) const REVIEWS: &str = "REVIEWS";
/// What the places of reviews in the list begin with.
pub(super) const LISTED_REVIEW: &str = "R#";
/// What the places of timers begin with.
pub(super) const TIMER: &str = "TM#";
/// What the places of documents begin with.
pub(super) const DOCUMENTS: &str = "D#";

/// An accepted event.
pub(super) fn event(key: &SignalKey) -> Key {
    Key::new(format!("EV#{key}"), "EVENT")
}

/// What was made of an event.
pub(super) fn disposition(key: &SignalKey) -> Key {
    Key::new(format!("EV#{key}"), "MADE")
}

/// An account's inbox.
pub(super) fn inbox(account: &AccountRef) -> Key {
    Key::new(format!("ACC#{account}"), INBOX)
}

/// A row of an account's inbox.
pub(super) fn inbox_row(account: &AccountRef, seq: u64) -> Key {
    Key::new(format!("ACC#{account}"), format!("IN#{seq:020}"))
}

/// A lock.
pub(super) fn lock(key: &LockKey) -> Key {
    Key::new(format!("LOCK#{key}"), "LOCK")
}

/// The partition of a run.
pub(super) fn run_partition(id: &RunId) -> String {
    format!("RUN#{id}")
}

/// A run.
pub(super) fn run(id: &RunId) -> Key {
    Key::new(run_partition(id), RUN)
}

/// A decision or other cause that a run must look at, whoever holds it now.
pub(super) fn wake(id: &RunId) -> Key {
    Key::new(run_partition(id), WAKE)
}

/// The end of a journal sequence.
pub(super) fn head(id: &RunId, connection: &ConnectionId) -> Key {
    Key::new(run_partition(id), format!("{HEADS}{connection}"))
}

/// A journal entry.
pub(super) fn entry(id: &RunId, connection: &ConnectionId, seq: u64) -> Key {
    Key::new(run_partition(id), format!("{ENTRIES}{connection}#{seq:020}"))
}

/// An event that joined a run.
pub(super) fn trigger(id: &RunId, event: &SignalKey) -> Key {
    Key::new(run_partition(id), format!("{TRIGGERS}{event}"))
}

/// The open run of a person and goal, in one connection or in all.
pub(super) fn open(person: &PersonKey, goal: Goal, scope: Option<&ConnectionId>) -> Key {
    let scope = scope.map_or_else(String::new, |scope| format!("@{scope}"));
    Key::new(format!("OPEN#{person}#{goal}{scope}"), "OPEN")
}

/// The partition that lists a person's runs.
pub(super) fn person_partition(person: &PersonKey) -> String {
    format!("PERSON#{person}")
}

/// The place of a run in a list: by time of opening.
pub(super) fn listed(opened_at: Timestamp, id: &RunId) -> String {
    format!("{LISTED}{:015}#{id}", opened_at.as_millisecond())
}

/// The place in a list before which everything stands that was opened before a moment.
pub(super) fn listed_before(before: Timestamp) -> String {
    format!("{LISTED}{:015}", before.as_millisecond())
}

/// The same in the list of reviews.
pub(super) fn listed_reviews_before(before: Timestamp) -> String {
    format!("{LISTED_REVIEW}{:015}", before.as_millisecond())
}

/// A limited window.
pub(super) fn window(key: &str, start: Timestamp) -> Key {
    Key::new(format!("RSV#{key}"), format!("{:015}", start.as_millisecond()))
}

/// A review.
pub(super) fn review(id: &ReviewId) -> Key {
    Key::new(format!("REVIEW#{id}"), "REVIEW")
}

/// A review in the list of all: by time of opening.
pub(super) fn listed_review(opened_at: Timestamp, id: &ReviewId) -> Key {
    Key::new(
        REVIEWS,
        format!("{LISTED_REVIEW}{:015}#{id}", opened_at.as_millisecond()),
    )
}

/// The partition of a kind of timers.
pub(super) fn timers_partition(kind: &str) -> String {
    format!("TIMERS#{kind}")
}

/// A timer, by its name; what stands before the first slash is its kind.
pub(super) fn timer(id: &str) -> Key {
    let kind = id.split('/').next().unwrap_or_default();
    Key::new(timers_partition(kind), format!("{TIMER}{id}"))
}

/// The partition of a kind of documents.
pub(super) fn documents_partition(kind: &str) -> String {
    format!("DOC#{kind}")
}

/// A document.
pub(super) fn document(kind: &str, id: &str) -> Key {
    Key::new(documents_partition(kind), format!("{DOCUMENTS}{id}"))
}
