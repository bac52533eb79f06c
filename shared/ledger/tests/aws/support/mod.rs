//! What the tests of the cloud back ends share.

pub(crate) mod lossy;
pub(crate) mod queues;
pub(crate) mod scripted;

use rollcall_ledger::aws::{self, SdkConfig};
use rollcall_runtime::{Ids, RandomIds};
use std::time::Duration;

/// The address of a test server. A missing one is a failure, never a skip: whoever asks for these tests wants them run.
pub(crate) fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run this through tests/run or tests/servers/with"))
}

/// The configuration as binaries load it, with an end point of ours and shorter pauses between tries.
pub(crate) async fn config(url: &str) -> SdkConfig {
    let loaded = aws::load().await;
    let retries = loaded
        .retry_config()
        .expect("the loader sets it")
        .clone()
        .with_initial_backoff(Duration::from_millis(1))
        .with_max_backoff(Duration::from_millis(2));
    loaded.to_builder().endpoint_url(url).retry_config(retries).build()
}

/// A name that no other test has.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", RandomIds.unique())
}
