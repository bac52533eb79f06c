//! A clock that jumps: whoever sleeps moves time for everybody, which is just what a stalled worker looks like to the others.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_model::Timestamp;
use rollcall_runtime::Clock;
use rollcall_runtime::clock::plus;

/// Virtual time.
pub struct JumpClock(Mutex<Timestamp>);

impl JumpClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves time on.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no panic holds the clock");
        *now = plus(*now, by);
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic holds the clock")
    }

    async fn sleep(&self, duration: Duration) {
        let until = plus(self.now(), duration);
        tokio::task::yield_now().await;
        let mut now = self.0.lock().expect("no panic holds the clock");
        *now = (*now).max(until);
    }
}
