//! The lanes as SQS standard queues, each with a queue of dead letters.
//!
//! In a deployed stack the Lambda event source receives and acknowledges; what runs there sends, looks at dead letters and
//! moves them back. Receiving is here for everything else, and so that both back ends pass one suite.

mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    Message as SqsMessage, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use rollcall_model::queue::{DELAY_LIMIT, MESSAGE_LIMIT};
use rollcall_model::{Delivery, Lane, Queue, QueueError};

use self::batch::{BATCH_ENTRIES, VISIBILITY_LIMIT, batches, travelling, whole_seconds};
use crate::aws::{ATTEMPT_TIMEOUT, error_code, explain};

/// The longest that SQS holds a receive open (SQS API reference, ReceiveMessage).
pub const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// How long dead letters stay hidden while they are listed or moved.
const DEAD_VISIBILITY: Duration = Duration::from_mins(1);
/// How long a look for dead letters waits. A receive that does not wait asks only some of the servers and may miss some.
const DEAD_WAIT: Duration = Duration::from_secs(1);
/// The most batches of dead letters that one redrive moves, so that it ends even while letters keep dying.
const REDRIVE_BATCHES: usize = 1_000;

/// Where a lane's queues are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneUrls {
    /// The queue.
    pub queue: String,
    /// Its dead letters; a door that only sends needs none.
    pub dead: Option<String>,
}

/// Our [`Queue`] in SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    lanes: BTreeMap<Lane, LaneUrls>,
    wait: Duration,
}

impl SqsQueue {
    /// The given lanes; receiving does not wait.
    pub fn new(client: Client, lanes: BTreeMap<Lane, LaneUrls>) -> Self {
        Self {
            client,
            lanes,
            wait: Duration::ZERO,
        }
    }

    /// Lets a receive wait for messages, at most [`WAIT_LIMIT`].
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self {
            wait: wait.min(WAIT_LIMIT),
            ..self
        }
    }

    /// Opens the connection with a cheap signed call, so that the first event does not pay for it. Call it while a function
    /// initialises. A role that may only send is refused here, and the connection is open all the same: ignore the answer then.
    pub async fn warm_up(&self, lane: Lane) -> Result<(), QueueError> {
        self.client
            .get_queue_attributes()
            .queue_url(self.url(lane)?)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure("looking at a queue", &error))
    }

    fn urls(&self, lane: Lane) -> Result<&LaneUrls, QueueError> {
        self.lanes
            .get(&lane)
            .ok_or_else(|| QueueError::Unavailable(format!("no queue is set for the lane {lane}")))
    }

    fn url(&self, lane: Lane) -> Result<&str, QueueError> {
        Ok(&self.urls(lane)?.queue)
    }

    fn dead_url(&self, lane: Lane) -> Result<&str, QueueError> {
        let url = self.urls(lane)?.dead.as_deref();
        url.ok_or_else(|| QueueError::Unavailable(format!("no queue of dead letters is set for the lane {lane}")))
    }

    async fn send_batch(&self, url: &str, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        let entries = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(body)
                    .delay_seconds(whole_seconds(delay, DELAY_LIMIT))
                    .build()
                    .map_err(unbuilt)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .client
            .send_message_batch()
            .queue_url(url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| failure("sending", &error))?;
        all_taken("sending", answer.failed())?;
        // An answer that names fewer messages than were sent has not said that it took the rest.
        if answer.successful().len() == bodies.len() {
            Ok(())
        } else {
            let text = format!(
                "sending: {} of {} messages were confirmed",
                answer.successful().len(),
                bodies.len()
            );
            Err(QueueError::Unavailable(text))
        }
    }

    /// One receive of at most ten.
    async fn receive_batch(
        &self,
        url: &str,
        most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT + wait)
            .operation_timeout((ATTEMPT_TIMEOUT + wait) * 2)
            .build();
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(most.clamp(1, BATCH_ENTRIES)).unwrap_or(1))
            .visibility_timeout(whole_seconds(visibility, VISIBILITY_LIMIT))
            .wait_time_seconds(whole_seconds(wait, WAIT_LIMIT))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(aws_sdk_sqs::config::Builder::new().timeout_config(timeouts))
            .send()
            .await
            .map_err(|error| failure("receiving", &error))?;
        Ok(answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter_map(delivery)
            .collect())
    }

    async fn set_visible(&self, url: &str, deliveries: &[Delivery]) -> Result<(), QueueError> {
        for batch in deliveries.chunks(BATCH_ENTRIES) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(index, delivery)| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(&delivery.receipt)
                        .visibility_timeout(0)
                        .build()
                        .map_err(unbuilt)
                })
                .collect::<Result<Vec<_>, _>>()?;
            // A letter that stays hidden comes back by itself; a list must not fail for that.
            let sent = self
                .client
                .change_message_visibility_batch()
                .queue_url(url)
                .set_entries(Some(entries))
                .send()
                .await;
            if let Err(error) = sent {
                tracing::warn!(
                    why = explain(&error),
                    "dead letters stay hidden for a minute after a look at them"
                );
            }
        }
        Ok(())
    }

    async fn delete_batch(&self, url: &str, deliveries: &[Delivery]) -> Result<(), QueueError> {
        let entries = deliveries
            .iter()
            .enumerate()
            .map(|(index, delivery)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&delivery.receipt)
                    .build()
                    .map_err(unbuilt)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .client
            .delete_message_batch()
            .queue_url(url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| failure("removing dead letters", &error))?;
        all_taken("removing dead letters", answer.failed())
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, lane: Lane, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        let url = self.url(lane)?;
        let bodies: Vec<String> = bodies.iter().map(|body| travelling(body).into_owned()).collect();
        if let Some(body) = bodies.iter().find(|body| body.len() > MESSAGE_LIMIT) {
            return Err(QueueError::TooLarge {
                size: body.len(),
                limit: MESSAGE_LIMIT,
            });
        }
        for batch in batches(&bodies) {
            self.send_batch(url, batch, delay).await?;
        }
        Ok(())
    }

    async fn receive(&self, lane: Lane, most: usize, visibility: Duration) -> Result<Vec<Delivery>, QueueError> {
        let url = self.url(lane)?;
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut wait = self.wait;
        while deliveries.len() < most {
            let received = self.receive_batch(url, most - deliveries.len(), visibility, wait).await;
            match received {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => deliveries.extend(batch),
                // What was received before is in our hands already.
                Err(_) if !deliveries.is_empty() => break,
                Err(error) => return Err(error),
            }
            wait = Duration::ZERO;
        }
        Ok(deliveries)
    }

    async fn acknowledge(&self, lane: Lane, delivery: &Delivery) -> Result<(), QueueError> {
        let sent = self
            .client
            .delete_message()
            .queue_url(self.url(lane)?)
            .receipt_handle(&delivery.receipt)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is_over(&error) => Ok(()),
            Err(error) => Err(failure("acknowledging", &error)),
        }
    }

    async fn give_back(&self, lane: Lane, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        let sent = self
            .client
            .change_message_visibility()
            .queue_url(self.url(lane)?)
            .receipt_handle(&delivery.receipt)
            .visibility_timeout(whole_seconds(delay, VISIBILITY_LIMIT))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is_over(&error) => Ok(()),
            Err(error) => Err(failure("giving back", &error)),
        }
    }

    async fn dead(&self, lane: Lane, most: usize) -> Result<Vec<Delivery>, QueueError> {
        let url = self.dead_url(lane)?;
        let mut letters: Vec<Delivery> = Vec::new();
        let mut seen = BTreeSet::new();
        while letters.len() < most {
            let batch = self
                .receive_batch(url, most - letters.len(), DEAD_VISIBILITY, DEAD_WAIT)
                .await?;
            let before = letters.len();
            letters.extend(batch.into_iter().filter(|letter| seen.insert(letter.id.clone())));
            if letters.len() == before {
                break;
            }
        }
        self.set_visible(url, &letters).await?;
        Ok(letters)
    }

    async fn redrive(&self, lane: Lane) -> Result<usize, QueueError> {
        let url = self.url(lane)?;
        let dead_url = self.dead_url(lane)?;
        let mut moved = 0;
        for _ in 0..REDRIVE_BATCHES {
            let letters = self
                .receive_batch(dead_url, BATCH_ENTRIES, DEAD_VISIBILITY, DEAD_WAIT)
                .await?;
            if letters.is_empty() {
                break;
            }
            // Sent before removed: a letter may come twice, never not at all.
            let bodies: Vec<String> = letters.iter().map(|letter| letter.body.clone()).collect();
            for batch in batches(&bodies) {
                self.send_batch(url, batch, Duration::ZERO).await?;
            }
            self.delete_batch(dead_url, &letters).await?;
            moved += letters.len();
        }
        Ok(moved)
    }
}

fn delivery(message: SqsMessage) -> Option<Delivery> {
    let attempt = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    Some(Delivery {
        id: message.message_id?,
        receipt: message.receipt_handle?,
        body: message.body?,
        attempt,
    })
}

/// A batch call answers 200 even when it took only some entries.
fn all_taken(doing: &str, failed: &[BatchResultErrorEntry]) -> Result<(), QueueError> {
    match failed.first() {
        None => Ok(()),
        Some(first) => {
            let why = first.message().unwrap_or("no reason given");
            Err(QueueError::Unavailable(format!(
                "{doing}: {} refused, the first with {}: {why}",
                failed.len(),
                first.code()
            )))
        }
    }
}

/// Whether the delivery is over: removed, visible again, or in other hands by now. Nothing is left to do for this one.
fn is_over<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    // The newer protocol names errors shortly, the older one under `AWS.SimpleQueueService`.
    let code = error_code(error).map_or("", |code| code.rsplit('.').next().unwrap_or(code));
    match code {
        "MessageNotInflight" | "ReceiptHandleIsInvalid" => true,
        // "Value … for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        "InvalidParameterValue" => error
            .message()
            .is_some_and(|text| text.contains("receipt handle has expired")),
        _ => false,
    }
}

fn failure<E, R>(doing: &str, error: &SdkError<E, R>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Send + Sync + std::fmt::Debug + 'static,
{
    if error_code(error).is_some_and(crate::aws::is_throttling) {
        return QueueError::Unavailable(format!("{doing}: asked to slow down"));
    }
    QueueError::Unavailable(format!("{doing}: {}", explain(error)))
}

#[expect(clippy::needless_pass_by_value, reason = "this is what map_err hands over")]
fn unbuilt(error: aws_sdk_sqs::error::BuildError) -> QueueError {
    QueueError::Unavailable(error.to_string())
}
