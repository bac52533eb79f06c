//! Queues with the semantics of SQS standard: at least once, unordered, visibility time-outs, dead letters.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::event::{Lane, Signal};
use crate::ids::{AccountRef, RunId};
use crate::redact::Names;

/// What travels on a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// A signal from a door.
    Signal(Signal),
    /// Look at this account's inbox.
    WakeAccount(AccountRef),
    /// Go on with this run.
    WakeRun(RunId),
    /// Look at this timer.
    WakeTimer(String),
    /// Run what somebody asked a stack for: the id of a document [`COMMAND`](crate::ledger::documents::COMMAND).
    Command(String),
}

/// A message handed out, to be acknowledged before its visibility ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message's id, the same on each delivery.
    pub id: String,
    /// The handle of this delivery.
    pub receipt: String,
    /// The text that was sent. Kept raw: a text that is no [`Message`] must reach the dead letters, not vanish.
    pub body: String,
    /// How often it has been handed out, this time included.
    pub attempt: u32,
}

/// Messages that name somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Dead letters.
    pub dead: usize,
    /// Messages that are still to be handled.
    pub live: usize,
}

/// Why a queue did not take or give messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The queue did not answer as it should; worth another try.
    #[error("the queue failed: {0}")]
    Unavailable(String),
    /// The message is larger than a queue takes.
    #[error("a message of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// The message's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The largest body we put into one message, in bytes. SQS takes 1 MiB a message and a batch; a quarter keeps one batch
/// call useful for several messages.
pub const MESSAGE_LIMIT: usize = 256 * 1024;

/// The longest delay of one message that SQS allows.
pub const DELAY_LIMIT: Duration = Duration::from_mins(15);

/// Sends and receives.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends all bodies, or says why not. After an error some may have been taken: senders repeat, receivers deduplicate.
    async fn send(&self, lane: Lane, bodies: &[String], delay: Duration) -> Result<(), QueueError>;
    /// Waits until this process has sent something to a lane since the last time: a hint, which saves looking again and again. What others
    /// send, and what was delayed, it says nothing of. Where a queue cannot tell, it never does.
    async fn arrival(&self, lane: Lane) {
        let _ = lane;
        std::future::pending::<()>().await;
    }
    /// Takes up to `most` deliveries and hides them for `visibility`.
    async fn receive(&self, lane: Lane, most: usize, visibility: Duration) -> Result<Vec<Delivery>, QueueError>;
    /// Removes a delivered message.
    async fn acknowledge(&self, lane: Lane, delivery: &Delivery) -> Result<(), QueueError>;
    /// Makes a delivered message visible again after `delay`.
    async fn give_back(&self, lane: Lane, delivery: &Delivery, delay: Duration) -> Result<(), QueueError>;
    /// Messages that were delivered too often, with their bodies.
    async fn dead(&self, lane: Lane, most: usize) -> Result<Vec<Delivery>, QueueError>;
    /// Removes the dead letters that name somebody (only counts them when `dry`), and counts the messages on their way that do.
    /// None when the queue cannot be looked through (SQS): what it holds goes with its retention.
    async fn forget(&self, names: &Names, dry: bool) -> Result<Option<Named>, QueueError> {
        let _ = (names, dry);
        Ok(None)
    }
    /// Sends all dead letters of a lane back to it; how many.
    async fn redrive(&self, lane: Lane) -> Result<usize, QueueError>;
}
