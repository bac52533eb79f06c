//! What each item holds, as JSON. Fields may be added with defaults; none may change its meaning.

use jiff::Timestamp;
use rollcall_model::journal::Chain;
use rollcall_model::ledger::{Disposition, Holder};
use rollcall_model::{AccountRef, Event, ReviewId, Run, RunId, Signal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An accepted event; never written again.
#[derive(Serialize, Deserialize)]
pub(super) struct EventItem {
    pub(super) event: Event,
    pub(super) signal: Signal,
    pub(super) seq: Option<u64>,
    pub(super) nonce: String,
    /// What was made of it, when that was known as it came; otherwise beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<Disposition>,
}

/// The head of an account's inbox.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct InboxItem {
    pub(super) account: AccountRef,
    pub(super) seq: u64,
    pub(super) drained: u64,
    pub(super) attempts: u32,
}

/// A lease: who, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) name: String,
    pub(super) until: Timestamp,
}

impl From<&Holder> for Lease {
    fn from(holder: &Holder) -> Self {
        Self {
            name: holder.name.clone(),
            until: holder.until,
        }
    }
}

impl Lease {
    /// True while somebody other than `name` may rely on it.
    pub(super) fn bars(&self, name: &str, now: Timestamp) -> bool {
        self.name != name && self.until > now
    }
}

/// A lock. It stays when it is let go, so that its version, which is the fence, keeps growing.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct LockItem {
    pub(super) lease: Option<Lease>,
    /// The newest orderly release, so that a repeated release recognises itself even after the next claim.
    pub(super) released: Option<Released>,
}

/// An orderly release.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Released {
    pub(super) name: String,
    pub(super) fence: u64,
}

/// A run with its lease.
#[derive(Serialize, Deserialize)]
pub(super) struct RunItem {
    pub(super) run: Run,
    pub(super) lease: Option<Lease>,
    /// Of the newest `settle`; kept by claims.
    pub(super) nonce: String,
    /// Nobody claims it any more.
    #[serde(default)]
    pub(super) finished: bool,
}

/// The end of a journal sequence.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct HeadItem {
    pub(super) chain: Chain,
    /// Of the newest `append`; kept by claims. Empty while there is none.
    pub(super) nonce: String,
    /// The first place that the newest `append` filled.
    pub(super) first: u64,
}

/// Names a run: the open one of a goal, one in a list, one to wake.
#[derive(Serialize, Deserialize)]
pub(super) struct RunName {
    pub(super) run: RunId,
}

/// An event that joined a run.
#[derive(Serialize, Deserialize)]
pub(super) struct TriggerItem {
    pub(super) event: rollcall_model::SignalKey,
}

/// The places taken in a window.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct WindowItem {
    pub(super) members: Vec<String>,
}

/// A review in the list of all.
#[derive(Serialize, Deserialize)]
pub(super) struct ReviewName {
    pub(super) review: ReviewId,
}

/// A timer.
#[derive(Serialize, Deserialize)]
pub(super) struct TimerItem {
    pub(super) id: String,
    pub(super) body: Value,
    pub(super) nonce: String,
}

/// A document.
#[derive(Serialize, Deserialize)]
pub(super) struct DocumentItem {
    pub(super) id: String,
    pub(super) body: Value,
    pub(super) nonce: String,
}
