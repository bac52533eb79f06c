//! Takes messages from the queues and hands each to the engine in a task of its own, so that a panic costs one message.

use rollcall_runtime::codes;
use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::Engine;
use rollcall_model::{Delivery, Lane, Queue};
use rollcall_runtime::Clock;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// How many messages of each lane are worked on at the same time, and for how long they are hidden.
#[derive(Clone, Copy, Debug)]
pub struct PumpSettings {
    /// Side by side on `urgent`.
    pub urgent: usize,
    /// Side by side on `work`.
    pub work: usize,
    /// Side by side on `bulk`.
    pub bulk: usize,
    /// How long a message is hidden; longer than the engine's lease.
    pub visibility: Duration,
    /// How often to look for what another process has sent and for what was delayed; what this one sends is taken at once.
    pub idle: Duration,
    /// How often the clock sweeps for what is due.
    pub sweep: Duration,
}

impl Default for PumpSettings {
    fn default() -> Self {
        Self {
            urgent: 16,
            work: 8,
            bulk: 2,
            visibility: Duration::from_secs(90),
            idle: Duration::from_millis(100),
            sweep: Duration::from_mins(1),
        }
    }
}

/// What is said of a panic. Its text may quote what was being read, so it stays out of logs and dead letters.
fn panicked(error: &tokio::task::JoinError) -> &'static str {
    if error.is_panic() {
        "the handler panicked; the log names the place"
    } else {
        "the handler was cancelled"
    }
}

/// The single machine's worker and clock.
pub struct Pump {
    engine: Arc<Engine>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    settings: PumpSettings,
}

impl Pump {
    /// A pump over its parts.
    pub fn new(engine: Arc<Engine>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>, settings: PumpSettings) -> Self {
        Self {
            engine,
            queue,
            clock,
            settings,
        }
    }

    /// Works until `stop` turns true; messages that are being worked on are finished first.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let lanes = [
            (Lane::Urgent, self.settings.urgent),
            (Lane::Work, self.settings.work),
            (Lane::Bulk, self.settings.bulk),
        ];
        let mut loops = JoinSet::new();
        for (lane, most) in lanes {
            loops.spawn(Arc::clone(&self).lane(lane, most, stop.clone()));
        }
        loops.spawn(Arc::clone(&self).sweeps(stop));
        while loops.join_next().await.is_some() {}
    }

    async fn sweeps(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.engine.tick().await {
                tracing::warn!(
                    code = codes::LEDGER_UNAVAILABLE.id,
                    error = error.chain(),
                    "The sweep failed; the next one repeats it."
                );
            }
            tokio::select! {
                () = self.clock.sleep(self.settings.sweep) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn lane(self: Arc<Self>, lane: Lane, most: usize, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(most));
        let mut working = JoinSet::new();
        while !*stop.borrow() {
            while working.try_join_next().is_some() {}
            let Ok(first) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let free = places.available_permits() + 1;
            let deliveries = match self.queue.receive(lane, free.min(10), self.settings.visibility).await {
                Ok(deliveries) => deliveries,
                Err(error) => {
                    tracing::warn!(code = codes::QUEUE_UNAVAILABLE.id, %lane, %error, "A queue could not be read; trying again.");
                    Vec::new()
                }
            };
            drop(first);
            if deliveries.is_empty() {
                tokio::select! {
                    () = self.queue.arrival(lane) => {}
                    () = self.clock.sleep(self.settings.idle) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
            for delivery in deliveries {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    break;
                };
                let pump = Arc::clone(&self);
                let span = tracing::info_span!("delivery", request_id = delivery.id);
                let work = async move {
                    pump.one(lane, delivery).await;
                    drop(place);
                };
                working.spawn(work.instrument(span));
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// One message: in a task of its own, whose panic is this message's failure only.
    async fn one(&self, lane: Lane, delivery: Delivery) {
        let engine = Arc::clone(&self.engine);
        let handed = delivery.clone();
        let done = match tokio::spawn(async move { engine.handle(&handed).await }.in_current_span()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(code = codes::MESSAGE_AGAIN.id, %lane, attempt = delivery.attempt, error = error.chain(), "A message is tried again.");
                false
            }
            Err(panic) => self.engine.panicked(&delivery, panicked(&panic)).await.unwrap_or(false),
        };
        let result = if done {
            self.queue.acknowledge(lane, &delivery).await
        } else {
            let exponent = delivery.attempt.min(6);
            self.queue
                .give_back(lane, &delivery, Duration::from_millis(250 * 2_u64.pow(exponent)))
                .await
        };
        if let Err(error) = result {
            // It comes again after its visibility; the ledger makes that harmless.
            tracing::warn!(code = codes::QUEUE_UNAVAILABLE.id, %lane, %error, "A message could not be settled with its queue.");
        }
    }
}
