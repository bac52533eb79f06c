//! The messages of one invocation, side by side, each in a task of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use rollcall_engine::{Engine, EngineError};
use rollcall_model::{ConnectionId, Connector, Delivery, Lane, LedgerError, Message, Queue, Timestamp};
use rollcall_runtime::clock::between;
use rollcall_runtime::{Clock, Code, codes};

use super::Stack;

/// How long before the invocation's end the last lease ends, and with it the last vendor call.
const LEASE_MARGIN: Duration = Duration::from_secs(2);
/// How long before the invocation's end the work on a message is given up, so that the others' results still count.
const WORK_MARGIN: Duration = Duration::from_millis(1_500);
/// How long before the invocation's end a command is broken off, so that what it had said is still kept.
const COMMAND_MARGIN: Duration = Duration::from_secs(3);
/// How long before the invocation's end the answer is given.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// A message and the lane that it came by, when its queue is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// By which lane.
    pub lane: Option<Lane>,
    /// The message.
    pub delivery: Delivery,
}

/// What an invocation lends to a command.
#[derive(Clone)]
pub struct Means {
    /// The engine, which ends with the invocation.
    pub engine: Engine,
    /// Its connectors.
    pub connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
    /// The stack's state and secrets.
    pub stack: Stack,
    /// The configuration's folder.
    pub folder: PathBuf,
    /// When the command must have been answered.
    pub until: Timestamp,
}

/// Runs what somebody asked the stack for. The commands themselves are in a room above this one.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Runs the command with this id, once. False when its message must come again.
    async fn run(&self, id: &str, means: Means) -> Result<bool, LedgerError>;
}

/// Serves the messages of one invocation.
pub struct Batch {
    engine: Engine,
    commands: Option<(Arc<dyn Commands>, Means)>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    deadline: Timestamp,
}

impl Batch {
    /// Serves with an engine until an invocation's end.
    pub fn new(engine: &Engine, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>, deadline: Timestamp) -> Self {
        let engine = engine.ending_at(before(deadline, LEASE_MARGIN));
        Self {
            engine,
            commands: None,
            queue,
            clock,
            deadline,
        }
    }

    /// Runs commands, too.
    #[must_use]
    pub fn with_commands(
        mut self,
        commands: Arc<dyn Commands>,
        connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
        stack: Stack,
        folder: PathBuf,
    ) -> Self {
        let means = Means {
            engine: self.engine.clone(),
            connectors,
            stack,
            folder,
            until: before(self.deadline, COMMAND_MARGIN),
        };
        self.commands = Some((commands, means));
        self
    }

    /// Works on all messages at the same time. Answers the ids of those that must come again.
    pub async fn work(&self, arrived: Vec<Arrived>) -> Vec<String> {
        let results = join_all(arrived.iter().map(|one| self.one(one))).await;
        let messages = arrived.into_iter().zip(results);
        messages
            .filter(|(_, done)| !done)
            .map(|(one, _)| one.delivery.id)
            .collect()
    }

    /// True when the message can be acknowledged.
    async fn one(&self, arrived: &Arrived) -> bool {
        let delivery = &arrived.delivery;
        let lane = arrived.lane.map_or("unknown", Lane::as_str);
        let (engine, handed) = (self.engine.clone(), delivery.clone());
        let commands = self.commands.clone();
        let mut task = tokio::spawn(async move {
            if let (Ok(Message::Command(id)), Some((commands, means))) = (serde_json::from_str(&handed.body), commands)
            {
                return Ok(commands.run(&id, means).await?);
            }
            engine.handle(&handed).await.map(|()| true)
        });
        let ended = tokio::select! {
            ended = &mut task => Some(ended),
            () = self.clock.sleep(self.left(WORK_MARGIN)) => None,
        };
        let done = match ended {
            Some(Ok(Ok(done))) => done,
            Some(Ok(Err(error))) => {
                let (code, why) = (code(&error).id, error.chain());
                tracing::warn!(code, lane, attempt = delivery.attempt, why, "A message is tried again.");
                false
            }
            // The panic's text may quote what was being read; its place stands in a log line of its own.
            Some(Err(_)) => match self.engine.panicked(delivery, "its handler panicked").await {
                Ok(buried) => buried,
                Err(error) => {
                    tracing::warn!(
                        code = code(&error).id,
                        lane,
                        why = error.chain(),
                        "A message is tried again."
                    );
                    false
                }
            },
            None => {
                // Like a crash: the ledger knows how far it came, and no call of it outlives the lease.
                task.abort();
                tracing::warn!(
                    lane,
                    attempt = delivery.attempt,
                    "A message was given up at the invocation's end."
                );
                false
            }
        };
        if !done && let Some(lane) = arrived.lane {
            self.give_back(lane, delivery).await;
        }
        done
    }

    /// Lets a message come again soon instead of after the queue's visibility time-out, which is some times as long as an
    /// invocation. When that fails, it comes then.
    async fn give_back(&self, lane: Lane, delivery: &Delivery) {
        let pause = Duration::from_secs(2_u64.saturating_pow(delivery.attempt.saturating_sub(1).min(6)));
        let given = tokio::select! {
            given = self.queue.give_back(lane, delivery, pause) => given.err().map(|why| why.to_string()),
            () = self.clock.sleep(self.left(ANSWER_MARGIN)) => Some("the invocation ends".to_owned()),
        };
        if let Some(why) = given {
            let code = codes::QUEUE_UNAVAILABLE.id;
            tracing::warn!(code, %lane, why, "A message comes again only after its visibility time-out.");
        }
    }

    fn left(&self, margin: Duration) -> Duration {
        between(self.clock.now(), before(self.deadline, margin))
    }
}

fn before(at: Timestamp, margin: Duration) -> Timestamp {
    let margin = i64::try_from(margin.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(at.as_millisecond().saturating_sub(margin)).unwrap_or(Timestamp::MIN)
}

/// The code of what stopped the work on a message.
const fn code(error: &EngineError) -> Code {
    match error {
        EngineError::Ledger(_) | EngineError::Fenced(_) => codes::LEDGER_UNAVAILABLE,
        EngineError::Queue(_) => codes::QUEUE_UNAVAILABLE,
        EngineError::Files(_) => codes::FILES_UNAVAILABLE,
        EngineError::NotAMessage(_) => codes::MESSAGE_UNREADABLE,
        EngineError::Configuration(_) => codes::CONFIG_FOLDER,
        EngineError::Seal(_) | EngineError::Canonical(_) => codes::RECEIPT_NOT_SIGNED,
        EngineError::Refused(_) => codes::GUARD_REFUSED,
    }
}

#[cfg(test)]
mod tests;
