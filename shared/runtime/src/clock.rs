//! Time comes in through a handle, so that tests can own it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells and waits for time. Instants are whole milliseconds, because that is what both ledgers store.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        whole_milliseconds(Timestamp::now())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that follows tokio's timer: with tokio's time paused it is a virtual clock that jumps to the next timer whenever
/// everything waits, which is what the fault harness runs on.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    epoch: Timestamp,
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `epoch` now. Call it inside a tokio runtime.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self {
            epoch: whole_milliseconds(epoch),
            origin: tokio::time::Instant::now(),
        }
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX);
        plus(self.epoch, Duration::from_millis(u64::try_from(passed).unwrap_or(0)))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// `at` cut to whole milliseconds.
pub fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// `at` plus a duration; the end of time when it lies beyond.
pub fn plus(at: Timestamp, duration: Duration) -> Timestamp {
    let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(at.as_millisecond().saturating_add(milliseconds)).unwrap_or(Timestamp::MAX)
}

/// How long from `from` to `to`; nothing when `to` is earlier.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0))
}
