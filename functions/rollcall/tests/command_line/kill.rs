//! `kill -9` of `rollcall serve` at any moment, and the end is the same.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::{Duration, Instant};

use crate::support::{Serving, Stage, post};

/// Twenty kills. A killed worker's work is taken up when its lease has ended, so the lease is short here.
const KILLS: u32 = 20;
const LEASE_MS: u64 = 2_000;
/// As many rounds at the same time as the machine carries without falling over its own leases.
const SIDE_BY_SIDE: u32 = 4;

/// How long the whole takes when nobody is killed: the kills are spread over a little more than that.
async fn unharmed() -> Duration {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    let delivery = stage.deactivate();
    let begun = Instant::now();
    assert!(post(&serving.door, &delivery).await);
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    let took = begun.elapsed();
    stage.assert_cut_once(&runs).await;
    took
}

/// One round: hook, kill after `first`, start again, and kill once more `second` after that; then it is left alone.
async fn round(first: Duration, second: Duration) {
    let stage = Stage::set().await;
    let mut serving = Serving::start(&stage, LEASE_MS).await;
    let delivery = stage.deactivate();
    let (door, sent) = (serving.door.clone(), delivery.clone());
    let posting = tokio::spawn(async move { post(&door, &sent).await });
    tokio::time::sleep(first).await;
    serving.kill();
    let taken = posting.await.unwrap();

    let mut serving = Serving::start(&stage, LEASE_MS).await;
    if !taken {
        // As Okta does after a time-out: once more, the same body.
        assert!(post(&serving.door, &delivery).await);
    }
    tokio::time::sleep(second).await;
    serving.kill();

    let serving = Serving::start(&stage, LEASE_MS).await;
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    stage.assert_cut_once(&runs).await;
    drop(serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_comes_to_the_same_end() {
    let whole = unharmed()
        .await
        .clamp(Duration::from_millis(200), Duration::from_millis(1_500));
    // Moments that are spread evenly and yet differ from run to run.
    let jitter = u32::from(std::process::id().to_le_bytes()[0]);
    let mut left: Vec<u32> = (0..KILLS).collect();
    while !left.is_empty() {
        let some = left.split_off(left.len().saturating_sub(SIDE_BY_SIDE as usize));
        let rounds = some.into_iter().map(|place| {
            let first = whole * (place * 256 + jitter) / (KILLS * 256);
            let second = whole * ((place * 7 % KILLS) * 256 + jitter) / (KILLS * 256);
            tokio::spawn(round(first, second))
        });
        for round in rounds.collect::<Vec<_>>() {
            round.await.unwrap();
        }
    }
}
