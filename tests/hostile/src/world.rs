//! A clock that stands, names that count, and a way to wait without a server.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_runtime::{Clock, Ids};

/// It is always 2 March 2026, 08:15.
pub(crate) struct Standing;

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        moment()
    }

    async fn sleep(&self, _: Duration) {}
}

pub(crate) fn moment() -> Timestamp {
    Timestamp::from_millisecond(1_772_439_300_123).expect("a constant")
}

/// Names that count.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Ids for Counting {
    fn unique(&self) -> String {
        format!("id-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn salt(&self) -> [u8; 32] {
        [7; 32]
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Standing)
}

pub(crate) fn ids() -> Arc<dyn Ids> {
    Arc::new(Counting::default())
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
}

/// Waits for something that waits for nobody.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(work))
}
