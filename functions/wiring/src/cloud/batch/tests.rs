#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails, panics"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use rollcall_engine::{Parts, Settings};
use rollcall_evidence::approval::Keys;
use rollcall_ledger::{MemoryFiles, Sqlite, SqliteTable, TableLedger};
use rollcall_model::ledger::documents;
use rollcall_model::{
    ConnectionId, FileError, Files, Ledger, Message, QueueError, RunId, SealError, Sealer, Signal, SignalBody,
    SignalFormat, SignalKey, digest,
};
use rollcall_runtime::RandomIds;
use tokio::sync::Notify;

use super::*;

/// Time stands still until somebody lets it pass.
struct Still {
    passes: Notify,
}

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-03-02T08:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, _: Duration) {
        self.passes.notified().await;
    }
}

/// A store in which reading one body panics, reading another never ends and reading a third fails.
struct Trap(Arc<Still>);

#[async_trait]
impl Files for Trap {
    async fn put(&self, _: &str, _: bytes::Bytes) -> Result<(), FileError> {
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<bytes::Bytes, FileError> {
        assert!(name != at("panics"), "planted");
        if name == at("hangs") {
            self.0.passes.notify_waiters();
            std::future::pending::<()>().await;
        }
        Err(FileError::Missing(name.to_owned()))
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

fn at(what: &str) -> String {
    format!("signals/{}", digest::sha256(what.as_bytes()))
}

/// Remembers what it was given back.
#[derive(Default)]
struct Returned(Mutex<Vec<(Lane, String, Duration)>>);

#[async_trait]
impl Queue for Returned {
    async fn send(&self, _: Lane, _: &[String], _: Duration) -> Result<(), QueueError> {
        Ok(())
    }

    async fn receive(&self, _: Lane, _: usize, _: Duration) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _: Lane, _: &Delivery) -> Result<(), QueueError> {
        panic!("Lambda acknowledges")
    }

    async fn give_back(&self, lane: Lane, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        self.0.lock().unwrap().push((lane, delivery.id.clone(), delay));
        Err(QueueError::Unavailable("refused".to_owned()))
    }

    async fn dead(&self, _: Lane, _: usize) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }

    async fn redrive(&self, _: Lane) -> Result<usize, QueueError> {
        Ok(0)
    }
}

struct Nobody;

#[async_trait]
impl Sealer for Nobody {
    async fn seal(&self, _: &RunId) -> Result<String, SealError> {
        Err(SealError::Unavailable("no key".to_owned()))
    }

    async fn seal_forgotten(&self, _: &str) -> Result<String, SealError> {
        Err(SealError::Unavailable("no key".to_owned()))
    }
}

struct Bench {
    batch: Batch,
    ledger: Arc<dyn Ledger>,
    returned: Arc<Returned>,
}

fn bench() -> Bench {
    let clock = Arc::new(Still { passes: Notify::new() });
    let table = SqliteTable::with_clock(Sqlite::memory().unwrap(), clock.clone());
    let ledger: Arc<dyn Ledger> = Arc::new(TableLedger::new(Arc::new(table), Arc::new(MemoryFiles::new())));
    let returned = Arc::new(Returned::default());
    let actions = rollcall_connectors::catalogue();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config/leaver");
    let configuration = rollcall_policy::load(&fixture, "prod", &actions).unwrap();
    let parts = Parts {
        ledger: ledger.clone(),
        queue: returned.clone(),
        files: Arc::new(Trap(clock.clone())),
        sealer: Arc::new(Nobody),
        approvals: Arc::new(Keys::default()),
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
        connectors: BTreeMap::new(),
        actions,
        configuration: Arc::new(configuration),
    };
    let engine = Engine::new(parts, Settings::default());
    let deadline = "2026-03-02T08:01:00Z".parse().unwrap();
    Bench {
        batch: Batch::new(&engine, returned.clone(), clock, deadline),
        ledger,
        returned,
    }
}

/// A message with a body that lies in the trap.
fn message(what: &str, attempt: u32) -> Arrived {
    let signal = Signal {
        key: SignalKey::new(format!("okta-main:{what}")),
        source: ConnectionId::new("okta-main"),
        format: SignalFormat::OktaLogEvent,
        received_at: "2026-03-02T07:59:59Z".parse().unwrap(),
        body: SignalBody::File(digest::sha256(what.as_bytes())),
    };
    text(what, attempt, &serde_json::to_string(&Message::Signal(signal)).unwrap())
}

fn text(id: &str, attempt: u32, body: &str) -> Arrived {
    Arrived {
        lane: Some(Lane::Urgent),
        delivery: Delivery {
            id: id.to_owned(),
            receipt: format!("receipt of {id}"),
            body: body.to_owned(),
            attempt,
        },
    }
}

async fn dead(ledger: &Arc<dyn Ledger>) -> Vec<(String, String)> {
    let letters = ledger.documents(documents::DEAD, 10).await.unwrap();
    let why = |body: &serde_json::Value| body["why"].as_str().unwrap().to_owned();
    letters
        .into_iter()
        .map(|letter| (letter.id, why(&letter.body)))
        .collect()
}

#[tokio::test]
async fn a_panic_costs_its_own_message_only() {
    let bench = bench();
    let wake = r#"{"wake-run":"run_none"}"#;
    let messages = vec![
        message("panics", 1),
        text("wake", 1, wake),
        message("missing", 3),
        text("gibberish", 1, "{"),
    ];
    assert_eq!(bench.batch.work(messages).await, ["panics", "missing"]);
    let returned = bench.returned.0.lock().unwrap().clone();
    let pause = |seconds| Duration::from_secs(seconds);
    assert_eq!(
        returned,
        [
            (Lane::Urgent, "panics".to_owned(), pause(1)),
            (Lane::Urgent, "missing".to_owned(), pause(4))
        ]
    );
    let letters = dead(&bench.ledger).await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].0 == "gibberish" && letters[0].1.starts_with("not a message"));
}

#[tokio::test]
async fn at_its_last_delivery_a_message_goes_to_the_dead_letters_with_its_reason() {
    let bench = bench();
    let last = Settings::default().deliveries;
    let messages = vec![message("panics", last), message("missing", last)];
    assert_eq!(bench.batch.work(messages).await, Vec::<String>::new());
    let letters = dead(&bench.ledger).await;
    let why = |id: &str| &letters.iter().find(|(letter, _)| letter == id).unwrap().1;
    assert_eq!(why("panics"), "panic: its handler panicked");
    assert!(why("missing").starts_with("files: "), "{letters:?}");
    assert!(bench.returned.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_done_at_the_invocations_end_is_given_up_and_comes_again() {
    let bench = bench();
    let unknown = Arrived {
        lane: None,
        ..message("hangs", 1)
    };
    assert_eq!(bench.batch.work(vec![unknown]).await, ["hangs"]);
    assert!(
        bench.returned.0.lock().unwrap().is_empty(),
        "nobody knows the queue to give it back to"
    );
}

#[tokio::test]
async fn an_empty_batch_has_no_failures() {
    assert!(bench().batch.work(Vec::new()).await.is_empty());
}
