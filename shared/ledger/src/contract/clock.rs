//! A clock that moves only when somebody sleeps.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_runtime::clock::Clock;

/// Time that passes by sleeping: `sleep` returns at once and the clock shows a later moment.
#[derive(Debug)]
pub struct StepClock {
    milliseconds: AtomicI64,
}

impl StepClock {
    /// A clock that shows `at`.
    pub fn starting_at(at: Timestamp) -> Self {
        Self {
            milliseconds: AtomicI64::new(at.as_millisecond()),
        }
    }
}

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst)).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        let step = i64::try_from(duration.as_millis()).unwrap();
        self.milliseconds.fetch_add(step, Ordering::SeqCst);
    }
}
