//! What both back ends have in common: items with versions, written several at a time or not at all.
//!
//! A fence is a version. Whoever claims something writes its item, so its version grows, and every later write of an earlier
//! holder names a version that is gone. The commands in [`crate::commands`] are written once over this trait; a back end
//! adds no meaning of its own.

use async_trait::async_trait;
use rollcall_model::LedgerError;

/// Where an item lives: partition and place within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition: `RUN#…`, `ACC#…`.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

impl Key {
    /// A key from its two parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

/// An item as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it lives.
    pub key: Key,
    /// Grows by one with each write, from 1.
    pub version: u64,
    /// The nonce of the write that made this version.
    pub nonce: String,
    /// When it wants to be looked at, in milliseconds since 1970; in the index of due items while present.
    pub due_at: Option<i64>,
    /// After this moment (milliseconds since 1970) it may vanish at any time. Readers treat it as gone at once.
    pub expires_at: Option<i64>,
    /// JSON text.
    pub body: String,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// No item is there.
    Absent,
    /// The item is there with this version.
    Version(u64),
}

/// One part of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores an item; its version becomes 1, or the named version plus one.
    Put {
        /// Where.
        key: Key,
        /// JSON text.
        body: String,
        /// When it wants to be looked at.
        due_at: Option<i64>,
        /// When it may vanish.
        expires_at: Option<i64>,
        /// The condition.
        when: When,
    },
    /// Removes an item.
    Delete {
        /// Where.
        key: Key,
        /// The condition.
        when: When,
    },
    /// Changes nothing, but the whole write happens only if this holds.
    Check {
        /// Where.
        key: Key,
        /// The condition.
        when: When,
    },
}

impl Write {
    /// The key it concerns.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it happened.
    All,
    /// None of it happened: the first part whose condition failed, and what is there instead.
    Refused {
        /// Index of that part.
        part: usize,
        /// The item that is there; `None` when there is none.
        found: Option<Item>,
    },
}

/// The most parts one write may have (a limit of ours, far under DynamoDB's 100).
pub const WRITE_LIMIT: usize = 25;

/// Conditional, multi-item storage.
#[async_trait]
pub trait Table: Send + Sync {
    /// Writes all parts or none. The same `nonce` with the same parts may be sent again after a lost answer: it answers
    /// `Refused` with a found item whose nonce is ours, or `All`.
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError>;

    /// Reads items, strongly consistent, in the order of the keys.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError>;

    /// Reads a partition's items whose place begins with `prefix`, strongly consistent, in order of place, at most `most`
    /// (pages are followed); `backwards` from the end.
    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError>;

    /// A page of all items that have not expired, in an order of the table's own: those behind `after`, and the place to go on
    /// from; none at the end. What is written meanwhile may be missed.
    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError>;

    /// Removes up to `most` items that have expired; how many. DynamoDB's time to live does it by itself.
    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        let _ = most;
        Ok(0)
    }

    /// Overwrites what was removed, where the table keeps it on a disk of ours.
    async fn compact(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Items whose `due_at` has come, earliest first. May be stale.
    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError>;
}
