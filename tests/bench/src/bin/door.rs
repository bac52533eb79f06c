//! What a door's own work costs: the secret checked, the body split, each event's key and message made, with a queue that takes
//! everything and keeps nothing. `door SECONDS BODY…` prints a line of JSON for each body, a file as Okta sends it.
//! `door --requests NUMBER BODY` handles exactly so many and looks at no clock: what is left of two runs of different length when one
//! is taken from the other is the same every time (tests/bench/instructions.py).

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rollcall_inbound::Source;
use rollcall_inbound::door::{Door, DoorRequest, DoorSettings};
use rollcall_model::{Delivery, FileError, Files, Lane, Queue, QueueError};
use rollcall_runtime::{Secret, SystemClock};
use serde_json::json;

const SECRET: &str = "Bearer 4f0c6f1e8f6c4b2f9f5a0d3c7e1b8a92";
/// Requests between two looks at the clock.
const BATCH: u64 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut first = arguments.next();
    let counted = first.as_deref() == Some("--requests");
    if counted {
        first = arguments.next();
    }
    let most: f64 = first
        .and_then(|text| text.parse().ok())
        .context("usage: door SECONDS BODY… or door --requests NUMBER BODY")?;
    for file in arguments {
        let body = Bytes::from(std::fs::read(&file).with_context(|| format!("{file} cannot be read"))?);
        let queue = Arc::new(Nowhere::default());
        let settings = DoorSettings {
            source: Source::Okta,
            connection: "okta-main".into(),
            path: "/okta".to_owned(),
            header: HeaderName::from_static("authorization"),
            current: Secret::new(SECRET),
            previous: None,
        };
        let door = Door::new(
            &settings,
            Arc::clone(&queue) as _,
            Arc::new(NoFiles),
            Arc::new(SystemClock),
        )?;
        let request = || DoorRequest {
            method: Method::POST,
            path: "/okta".to_owned(),
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("authorization"),
                HeaderValue::from_static(SECRET),
            )]),
            body: body.clone(),
        };
        // The first requests fill caches.
        for _ in 0..BATCH {
            let reply = door.handle(request()).await;
            anyhow::ensure!(reply.status.is_success(), "{file} was refused: {}", reply.status);
        }
        queue.taken.store(0, Ordering::Relaxed);
        let (began, mut requests) = (Instant::now(), 0_u64);
        #[expect(clippy::cast_precision_loss, reason = "nobody asks for so many")]
        while if counted {
            (requests as f64) < most
        } else {
            began.elapsed() < Duration::from_secs_f64(most)
        } {
            for _ in 0..BATCH {
                black_box(door.handle(request()).await);
            }
            requests += BATCH;
        }
        let took = began.elapsed();
        let events = queue.taken.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let each = took.as_secs_f64() * 1e6 / events as f64;
        let line = json!({"events_a_body": events / requests, "requests": requests, "us_an_event": each});
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

/// A queue that counts.
#[derive(Default)]
struct Nowhere {
    taken: AtomicU64,
}

#[async_trait]
impl Queue for Nowhere {
    async fn send(&self, _lane: Lane, bodies: &[String], _delay: Duration) -> Result<(), QueueError> {
        self.taken.fetch_add(bodies.len() as u64, Ordering::Relaxed);
        black_box(bodies);
        Ok(())
    }

    async fn receive(&self, _lane: Lane, _most: usize, _hidden: Duration) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _lane: Lane, _delivery: &Delivery) -> Result<(), QueueError> {
        Ok(())
    }

    async fn give_back(&self, _lane: Lane, _delivery: &Delivery, _delay: Duration) -> Result<(), QueueError> {
        Ok(())
    }

    async fn dead(&self, _lane: Lane, _most: usize) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }

    async fn redrive(&self, _lane: Lane) -> Result<usize, QueueError> {
        Ok(0)
    }
}

/// No body here is large enough for a file.
struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, name: &str, _body: Bytes) -> Result<(), FileError> {
        Err(FileError::Unavailable(name.to_owned()))
    }

    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        Err(FileError::Unavailable(name.to_owned()))
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}
