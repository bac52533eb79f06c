//! The ledger: durable state behind commands, each one atomic write of at most 25 items.
//!
//! A command answers [`Answer`]: somebody else's progress is an answer, not an error. Every conditional write carries the
//! caller's nonce, so that a repeated write that had succeeded the first time answers `AlreadyMine`. Lists (`due`,
//! documents) may be stale and never decide anything.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, Signal};
use crate::ids::{AccountRef, ConnectionId, PersonKey, RunId, SignalKey};
use crate::journal::{Chain, Draft, Entry};
use crate::plan::Goal;
use crate::redact::Names;
use crate::review::{Review, ReviewState};
use crate::run::Run;

/// What became of a conditional command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// We did it.
    Won(T),
    /// We had done it before.
    AlreadyMine(T),
    /// Somebody else holds or did it; who.
    Lost(String),
    /// What we knew is out of date: read again.
    Stale,
}

impl<T> Answer<T> {
    /// The value when the command's effect stands in our name.
    pub fn mine(self) -> Option<T> {
        match self {
            Self::Won(value) | Self::AlreadyMine(value) => Some(value),
            Self::Lost(_) | Self::Stale => None,
        }
    }
}

/// The store failed; nothing is known about the command's effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It did not answer as it should; worth another try.
    #[error("the ledger is unavailable: {0}")]
    Unavailable(String),
    /// It slowed us down; worth another try a little later.
    #[error("the ledger asks us to slow down")]
    Throttled,
    /// What it holds cannot be read; a newer version wrote it, or it was damaged.
    #[error("unreadable item {item}: {why}; a newer version wrote it, or it was damaged")]
    Corrupt {
        /// The item.
        item: String,
        /// What is wrong.
        why: String,
    },
    /// It cannot take this, however often it is tried: too many parts for one atomic write, or no canonical form.
    #[error("the ledger cannot take {item}: {why}")]
    Unfit {
        /// What was to be stored.
        item: String,
        /// Which limit it is over.
        why: String,
    },
}

/// What is claimed before it is worked on, so that two workers never act on it together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockKey {
    /// An account.
    Account(AccountRef),
    /// A normalised sign-in name, while no link says whose it is.
    Login(String),
}

impl std::fmt::Display for LockKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(account) => write!(out, "account {account}"),
            Self::Login(login) => write!(out, "login {login}"),
        }
    }
}

/// Who claims, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// One worker's one invocation.
    pub name: String,
    /// The end of the lease.
    pub until: Timestamp,
}

/// A claim that we hold: its fence grows with every new claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// What is claimed.
    pub key: LockKey,
    /// The fence.
    pub fence: u64,
    /// By whom, until when.
    pub holder: Holder,
}

/// An event in an account's inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRow {
    /// Its place.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

/// An account's inbox as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// Whose.
    pub account: AccountRef,
    /// The version that a conditional write names.
    pub version: u64,
    /// The newest place given out.
    pub seq: u64,
    /// Everything up to here is dealt with.
    pub drained: u64,
    /// Failed tries to drain it.
    pub attempts: u32,
    /// What is not yet dealt with, in order.
    pub rows: Vec<InboxRow>,
}

/// What was made of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// It opened a run, or joined it as a trigger.
    Run(RunId),
    /// Nothing was to be done; why.
    Nothing(String),
}

/// An accepted event as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// The signal it was read from.
    pub signal: Signal,
    /// Its place in its account's inbox; none when it names no account, or was set aside.
    pub seq: Option<u64>,
    /// What was made of it, once decided.
    pub disposition: Option<Disposition>,
}

/// A run that we hold, with the ends of its journal sequences. Each sequence may be written independently of the others.
#[derive(Clone, Debug)]
pub struct RunClaim {
    /// The run as last read or saved.
    pub run: Run,
    /// The version that the next write of the run names.
    pub version: u64,
    /// By whom, until when.
    pub holder: Holder,
    /// The ends of the sequences.
    pub heads: BTreeMap<ConnectionId, Head>,
    /// How far the joining of events had come when it was claimed, so that [`Settle::FinishUnlessJoined`] notices a later one.
    pub joined: u64,
}

/// The end of one journal sequence under our fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The sequence so far.
    pub chain: Chain,
    /// The version that the next write names.
    pub version: u64,
    /// The nonce of the newest write of entries; empty while there is none.
    pub nonce: String,
}

/// Something that became due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// An account has events that nobody dealt with.
    Account(AccountRef),
    /// A run waits to go on.
    Run(RunId),
    /// A timer's hour has come.
    Timer(String),
}

/// How a run is written back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// We go on working on it: `due_at` guards against our death.
    Keep,
    /// We let go; it goes on at this moment.
    Park(Timestamp),
    /// We let go until somebody decides; nothing is due.
    Hold,
    /// It has ended; the goal is free for another run.
    Finish,
    /// The same, but `Stale` when an event joined after the claim that `run.triggers` does not name: it may say something
    /// that this run has not read. Claim the run again (the same holder may), read the source again, then finish.
    FinishUnlessJoined,
}

/// A reservation of one place in a limited window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// What is limited: `cut/sf-us`.
    pub key: String,
    /// The start of the window.
    pub window: Timestamp,
    /// How many places the window has.
    pub limit: u32,
    /// Who takes one: reserving the same again takes no second place.
    pub member: String,
}

/// A small document that stands by itself: a link, a switch, a plan, a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub id: String,
    /// Its content.
    pub body: Value,
    /// The version that a conditional write names.
    pub version: u64,
}

/// Something that is to be looked at at a moment: an agreed leave, a second reading of a cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Which: `leave/…`, `watch/…`. The part before the slash is its kind.
    pub id: String,
    /// When; none once it is dealt with and only kept.
    pub due_at: Option<Timestamp>,
    /// What its kind needs.
    pub body: Value,
    /// The version that a conditional write names; 0 = there is none yet.
    pub version: u64,
}

/// Somebody who is to be forgotten: every name by which the state may hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whom {
    /// What stands for them afterwards: `fg_…`.
    pub id: String,
    /// Their keys; more than one when a directory's account was not linked from the beginning.
    pub persons: BTreeSet<PersonKey>,
    /// Their accounts.
    pub accounts: BTreeSet<AccountRef>,
    /// Their runs.
    pub runs: BTreeSet<RunId>,
    /// Names for people, sign-in names, addresses, numbers.
    pub names: BTreeSet<String>,
    /// Every connection there is, with the kind of its system: whose an id is depends on where it stands.
    #[serde(default)]
    pub connections: BTreeMap<String, String>,
}

impl Whom {
    /// Everything that is looked for in texts.
    pub fn texts(&self) -> Names {
        let keys = self.persons.iter().map(|key| key.as_str().to_owned());
        let names = keys.chain(self.names.iter().cloned());
        Names::with_accounts(names, &self.accounts, self.connections.clone())
    }
}

/// What a page of the ledger held of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgot {
    /// How much was destroyed, or would be, by what it is.
    pub destroyed: BTreeMap<String, u64>,
    /// What stands in the way: nothing of that kind was touched.
    pub obstacles: BTreeSet<String>,
    /// Files that items which stay refer to.
    pub bodies: BTreeSet<String>,
    /// Where to go on; none at the end.
    pub next: Option<(String, String)>,
}

/// How long what is written from now on is kept, where the ledger says so with the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Events, inbox rows, and claims that were let go.
    pub events: std::time::Duration,
}

/// Durable state.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Takes an event once: event key, inbox row and the account's sequence number in one write; the account becomes due at
    /// `due_at` unless somebody drains it before. `Lost` means that the event was accepted before, by somebody or by us.
    async fn accept(
        &self,
        event: &Event,
        signal: &Signal,
        due_at: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError>;

    /// Takes an event once of which nothing comes, whatever else is about its account: one write, no inbox, and what was made of
    /// it is known at once. Most events that a directory sends are such. `Lost` as for [`Ledger::accept`].
    async fn set_aside(
        &self,
        event: &Event,
        signal: &Signal,
        why: &str,
        now: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError>;

    /// An accepted event.
    async fn event(&self, key: &SignalKey) -> Result<Option<StoredEvent>, LedgerError>;

    /// Claims everything or nothing. Keys that the same holder has are renewed.
    async fn claim(&self, keys: &[LockKey], holder: &Holder, now: Timestamp) -> Result<Answer<Vec<Lock>>, LedgerError>;

    /// Lets go. Locks that are no longer ours are left alone.
    async fn release(&self, locks: &[Lock]) -> Result<(), LedgerError>;

    /// Lets an account go only when its inbox is as it was read: `Stale` means that there is more to drain, and the claim
    /// stays ours. `due_at` is when to look again, for an account whose draining failed (`attempts` counts that).
    async fn release_account(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        due_at: Option<Timestamp>,
    ) -> Result<Answer<()>, LedgerError>;

    /// Reads an account's inbox.
    async fn inbox(&self, account: &AccountRef) -> Result<Inbox, LedgerError>;

    /// Marks rows as dealt with although no run comes of them. Answers the inbox as it is then.
    async fn drain(&self, lock: &Lock, inbox: &Inbox, upto: u64, why: &str) -> Result<Answer<Inbox>, LedgerError>;

    /// Opens a run, claimed by the holder, and marks the rows that asked for it as dealt with. `Lost` names the run that is
    /// open for that person and goal.
    async fn open(
        &self,
        run: &Run,
        holder: &Holder,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
    ) -> Result<Answer<(RunClaim, Inbox)>, LedgerError>;

    /// Opens a run that a person asked for, without an inbox. Its exception, when it has one, is in force with this write.
    async fn open_asked(&self, run: &Run, holder: &Holder) -> Result<Answer<RunClaim>, LedgerError>;

    /// Adds events to an open run as triggers, and marks their rows as dealt with.
    async fn join(&self, run: &RunId, lock: &Lock, inbox: &Inbox, upto: u64) -> Result<Answer<Inbox>, LedgerError>;

    /// The events that joined a run after its opening.
    async fn triggers(&self, run: &RunId) -> Result<Vec<SignalKey>, LedgerError>;

    /// The open run of a person and goal; for a run about one application, of that connection (`scope`).
    async fn open_run(
        &self,
        person: &PersonKey,
        goal: Goal,
        scope: Option<&ConnectionId>,
    ) -> Result<Option<RunId>, LedgerError>;

    /// A run, for reading.
    async fn run(&self, id: &RunId) -> Result<Option<Run>, LedgerError>;

    /// Runs, newest first; of one person when given.
    async fn runs(&self, person: Option<&PersonKey>, most: usize) -> Result<Vec<Run>, LedgerError>;

    /// Claims a run and the ends of its journal sequences; every earlier holder's writes fail from now on. A run that has
    /// finished is lost to everybody; a run that is not there is `Stale`.
    async fn claim_run(&self, id: &RunId, holder: &Holder, now: Timestamp) -> Result<Answer<RunClaim>, LedgerError>;

    /// Writes entries at the end of one sequence, under the fence of the run and, when given, of the account's lock.
    /// `nonce` makes a repetition recognisable.
    async fn append(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        at: Timestamp,
        salt: &[u8],
        nonce: &str,
    ) -> Result<Answer<Vec<Entry>>, LedgerError>;

    /// Writes the run back under the claim's fence.
    async fn settle(&self, claim: &mut RunClaim, how: Settle, nonce: &str) -> Result<Answer<()>, LedgerError>;

    /// The ends of a run's journal sequences, for reading.
    async fn chains(&self, run: &RunId) -> Result<Vec<Chain>, LedgerError>;

    /// All entries of a run, by sequence and place.
    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError>;

    /// The entries of a run behind these places, by sequence and place; all of a sequence that is not named.
    async fn journal_after(&self, run: &RunId, upto: &BTreeMap<ConnectionId, u64>) -> Result<Vec<Entry>, LedgerError>;

    /// What is due. May be stale.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Due>, LedgerError>;

    /// Takes a place in a window. `Lost` says how many are taken.
    async fn reserve(&self, reservation: &Reservation) -> Result<Answer<()>, LedgerError>;

    /// Opens a review; a second opening of the same is `AlreadyMine`.
    async fn open_review(&self, review: &Review) -> Result<Answer<()>, LedgerError>;

    /// A review.
    async fn review(&self, id: &crate::ids::ReviewId) -> Result<Option<Review>, LedgerError>;

    /// Reviews, newest first; only those that nobody has decided yet when `open`. May be stale.
    async fn reviews(&self, open: bool, most: usize) -> Result<Vec<Review>, LedgerError>;

    /// Writes a timer under the version that it names: `Stale` when it is another by now.
    async fn set_timer(&self, timer: &Timer, nonce: &str) -> Result<Answer<()>, LedgerError>;

    /// A timer.
    async fn timer(&self, id: &str) -> Result<Option<Timer>, LedgerError>;

    /// Removes a timer under its version: `Stale` when it is another by now, or gone.
    async fn remove_timer(&self, id: &str, version: u64) -> Result<Answer<()>, LedgerError>;

    /// All timers of a kind, in order of id. May be stale.
    async fn timers(&self, kind: &str, most: usize) -> Result<Vec<Timer>, LedgerError>;

    /// Decides a review, once, while it is open and bound to this plan hash; wakes its run.
    async fn approve(
        &self,
        id: &crate::ids::ReviewId,
        plan_hash: &crate::ids::Digest,
        decision: &ReviewState,
        now: Timestamp,
    ) -> Result<Answer<()>, LedgerError>;

    /// Opens a review again whose decision does not count, so that somebody can decide it; `Stale` when it says something else
    /// than `seen` by now.
    async fn reopen(&self, id: &crate::ids::ReviewId, seen: &ReviewState) -> Result<Answer<()>, LedgerError>;

    /// Reads a document.
    async fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, LedgerError>;

    /// Writes a document, replacing what is there.
    async fn put_document(&self, kind: &str, id: &str, body: &Value) -> Result<(), LedgerError>;

    /// Writes a document if there is none: `Lost` otherwise.
    async fn add_document(&self, kind: &str, id: &str, body: &Value, nonce: &str) -> Result<Answer<()>, LedgerError>;

    /// The same for a document that nobody needs after `until`: from then on it is gone, for readers at once.
    async fn add_passing_document(
        &self,
        kind: &str,
        id: &str,
        body: &Value,
        nonce: &str,
        until: Timestamp,
    ) -> Result<Answer<()>, LedgerError>;

    /// Removes a document.
    async fn remove_document(&self, kind: &str, id: &str) -> Result<(), LedgerError>;

    /// All documents of a kind, in order of id. May be stale.
    async fn documents(&self, kind: &str, most: usize) -> Result<Vec<Document>, LedgerError>;

    /// Destroys what a page of the ledger holds of somebody: their own items go, but for their runs and journals, which keep
    /// only what a receipt shows; from everything else their names are taken out. `dry`: only says what would be destroyed.
    /// Pages are gone through until there is none, and again until nothing is found.
    async fn forget(
        &self,
        whom: &Whom,
        after: Option<&(String, String)>,
        now: Timestamp,
        dry: bool,
    ) -> Result<Forgot, LedgerError>;

    /// Says how long events are kept that are accepted from now on. Without it they are kept for ever.
    fn keep(&self, keeping: Keeping);

    /// Removes runs, with their journals and files, that ended before a moment, and reviews that were over before it; and what
    /// is known of people who left, with their last run. At most so many runs and reviews; how many.
    async fn retire(&self, before: Timestamp, most: usize) -> Result<usize, LedgerError>;

    /// Removes up to `most` items that have expired, where the store does not do so by itself; how many.
    async fn sweep(&self, most: usize) -> Result<usize, LedgerError>;

    /// Overwrites what was removed, where the store lies on a disk of ours.
    async fn compact(&self) -> Result<(), LedgerError>;
}

/// Kinds of documents, so that no two rooms use one name for two things.
pub mod documents {
    /// A person's key, by [`key_id`]: what the pseudonyms of their runs are made with, and nothing else. In a partition of its
    /// own, so that a role can be kept from it.
    pub const KEY: &str = "key";
    /// A person who is being forgotten: what is destroyed and how far that has come. Goes with its end.
    pub const FORGETTING: &str = "forgetting";
    /// Somebody who was forgotten, without a name: which runs were theirs.
    pub const FORGOTTEN: &str = "forgotten";
    /// Account → person.
    pub const LINK: &str = "link";
    /// Person → accounts in other connections, as earlier runs found them.
    pub const LINKS: &str = "links";
    /// Account in any connection → the person that it was linked to.
    pub const OWNER: &str = "owner";
    /// Account, person → somebody decided that it is not theirs: `<person> <account>`.
    pub const DENIED: &str = "denied";
    /// People whose leaving was announced and approved beforehand, by digest.
    pub const EXPECTED: &str = "expected";
    /// How many people are linked in a connection, by connection.
    pub const COVERAGE: &str = "coverage";
    /// Sign-in name or address → person, for the operator's look-ups.
    pub const NAME: &str = "name";
    /// Stop switches, by what they stop.
    pub const PAUSE: &str = "pause";
    /// People whom a playbook leaves alone, by playbook and person: [`Exception`](crate::Exception).
    pub const EXCEPTION: &str = "exception";
    /// Plans that a person may name, by hash.
    pub const PLAN: &str = "plan";
    /// What somebody asked a stack for, by the command's id, until a day later.
    pub const COMMAND: &str = "command";
    /// Which invocation runs a command, and until when it may: a command that is delivered twice is run once.
    pub const TAKEN: &str = "taken";
    /// What a worker answers to a command, by the command's id, for a day.
    pub const ANSWER: &str = "answer";
    /// Messages and events that could not be dealt with.
    pub const DEAD: &str = "dead";
    /// Things that need somebody's attention.
    pub const FINDING: &str = "finding";
    /// When changes that observe mode planned were seen undone and done, by run.
    pub const OBSERVED: &str = "observed";
    /// Cuts that are due and not whole, by run: what the clock measures. `{"since": …}`.
    pub const CUT_WAITS: &str = "cut-waits";
    /// When a connection's credential ends, by connection: `{"expires": …}`.
    pub const CREDENTIAL: &str = "credential";
    /// That the ledger was restored to an earlier moment.
    pub const RESTORED: &str = "restored";

    /// Every kind.
    pub const ALL: &[&str] = &[
        KEY, FORGETTING, FORGOTTEN, LINK, LINKS, OWNER, DENIED, EXPECTED, COVERAGE, NAME, PAUSE, EXCEPTION, PLAN,
        COMMAND, TAKEN, ANSWER, DEAD, FINDING, OBSERVED, CUT_WAITS, CREDENTIAL, RESTORED,
    ];

    /// The name that a person's key is kept by: it names nobody.
    pub fn key_id(person: &crate::PersonKey) -> String {
        crate::digest::sha256(format!("person {person}").as_bytes())
            .as_str()
            .to_owned()
    }
}
