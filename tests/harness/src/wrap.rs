//! Wrappers that put a point around every use of the outside.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rollcall_ledger::table::{Item, Key, Table, Write, Written};
use rollcall_model::{
    Delivery, FileError, Files, HttpRequest, HttpResponse, Lane, LedgerError, Queue, QueueError, Transport,
    TransportError,
};

use crate::inject::{Fault, Life};

macro_rules! pointed {
    ($self:ident, $what:expr, $use:expr, $failed:expr, $lost:expr) => {{
        let fault = $self.life.reach($what).await;
        match fault {
            Some(Fault::Fails) => $failed,
            Some(Fault::AnswerLost) => {
                let _ = $use.await;
                $lost
            }
            Some(Fault::CrashAfter) => {
                let _ = $use.await;
                $self.life.die().await;
                unreachable!("a dead worker does not go on")
            }
            _ => $use.await,
        }
    }};
}

/// The ledger's table.
pub struct FaultTable {
    /// The real one.
    pub inner: Arc<dyn Table>,
    /// Where faults strike.
    pub life: Life,
}

fn unavailable() -> LedgerError {
    LedgerError::Unavailable("injected".to_owned())
}

#[async_trait]
impl Table for FaultTable {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        let what = format!(
            "write {}",
            parts
                .first()
                .map_or_else(String::new, |part| format!("{}/{}", part.key().pk, part.key().sk))
        );
        pointed!(
            self,
            &what,
            self.inner.write(parts, nonce),
            Err(unavailable()),
            Err(unavailable())
        )
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        let what = format!(
            "get {}",
            keys.first()
                .map_or_else(String::new, |key| format!("{}/{}", key.pk, key.sk))
        );
        pointed!(
            self,
            &what,
            self.inner.get(keys),
            Err(unavailable()),
            Err(unavailable())
        )
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        let what = format!("query {pk}/{prefix}");
        pointed!(
            self,
            &what,
            self.inner.query(pk, prefix, backwards, most),
            Err(unavailable()),
            Err(unavailable())
        )
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        pointed!(
            self,
            "scan",
            self.inner.scan(after, most),
            Err(unavailable()),
            Err(unavailable())
        )
    }

    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        self.inner.sweep(most).await
    }

    async fn compact(&self) -> Result<(), LedgerError> {
        self.inner.compact().await
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        self.inner.due(now, most).await
    }
}

/// A queue.
pub struct FaultQueue {
    /// The real one.
    pub inner: Arc<dyn Queue>,
    /// Where faults strike.
    pub life: Life,
}

fn queue_failed() -> QueueError {
    QueueError::Unavailable("injected".to_owned())
}

#[async_trait]
impl Queue for FaultQueue {
    async fn send(&self, lane: Lane, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        pointed!(
            self,
            &format!("send {lane}"),
            self.inner.send(lane, bodies, delay),
            Err(queue_failed()),
            Err(queue_failed())
        )
    }

    async fn receive(&self, lane: Lane, most: usize, visibility: Duration) -> Result<Vec<Delivery>, QueueError> {
        self.inner.receive(lane, most, visibility).await
    }

    async fn acknowledge(&self, lane: Lane, delivery: &Delivery) -> Result<(), QueueError> {
        pointed!(
            self,
            &format!("acknowledge {lane}"),
            self.inner.acknowledge(lane, delivery),
            Err(queue_failed()),
            Err(queue_failed())
        )
    }

    async fn give_back(&self, lane: Lane, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        self.inner.give_back(lane, delivery, delay).await
    }

    async fn dead(&self, lane: Lane, most: usize) -> Result<Vec<Delivery>, QueueError> {
        self.inner.dead(lane, most).await
    }

    async fn forget(
        &self,
        names: &rollcall_model::redact::Names,
        dry: bool,
    ) -> Result<Option<rollcall_model::queue::Named>, QueueError> {
        self.inner.forget(names, dry).await
    }

    async fn redrive(&self, lane: Lane) -> Result<usize, QueueError> {
        self.inner.redrive(lane).await
    }
}

/// A file store.
pub struct FaultFiles {
    /// The real one.
    pub inner: Arc<dyn Files>,
    /// Where faults strike.
    pub life: Life,
}

fn file_failed() -> FileError {
    FileError::Unavailable("injected".to_owned())
}

#[async_trait]
impl Files for FaultFiles {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        pointed!(
            self,
            &format!("put {name}"),
            self.inner.put(name, body.clone()),
            Err(file_failed()),
            Err(file_failed())
        )
    }

    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        pointed!(
            self,
            &format!("read {name}"),
            self.inner.get(name),
            Err(file_failed()),
            Err(file_failed())
        )
    }

    async fn list(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, FileError> {
        self.inner.list(prefix, after, most).await
    }

    async fn remove(&self, name: &str) -> Result<(), FileError> {
        pointed!(
            self,
            &format!("remove {name}"),
            self.inner.remove(name),
            Err(file_failed()),
            Err(file_failed())
        )
    }

    async fn replace(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        pointed!(
            self,
            &format!("replace {name}"),
            self.inner.replace(name, body.clone()),
            Err(file_failed()),
            Err(file_failed())
        )
    }

    async fn expire(&self, prefix: &str, before: rollcall_model::Timestamp) -> Result<usize, FileError> {
        self.inner.expire(prefix, before).await
    }

    fn locate(&self, name: &str) -> String {
        self.inner.locate(name)
    }
}

/// The way to the vendors.
pub struct FaultTransport {
    /// The real one.
    pub inner: Arc<dyn Transport>,
    /// Where faults strike.
    pub life: Life,
    /// For time-outs: a request that would be sent after its time-out has passed is never sent.
    pub clock: Arc<dyn rollcall_runtime::Clock>,
}

#[async_trait]
impl Transport for FaultTransport {
    async fn send(&self, mut request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let started = self.clock.now();
        let what = format!(
            "{} {}{}",
            request.method(),
            request.uri().host().unwrap_or_default(),
            request.uri().path()
        );
        let fault = self.life.reach(&what).await;
        if rollcall_runtime::clock::between(started, self.clock.now()) >= timeout {
            return Err(TransportError::Timeout(timeout));
        }
        match fault {
            Some(Fault::Fails) => Err(TransportError::Connect("injected".to_owned())),
            Some(Fault::AnswerLost) => {
                let _ = self.inner.send(request, timeout).await;
                Err(TransportError::Broken("injected".to_owned()))
            }
            Some(Fault::CrashAfter) => {
                let _ = self.inner.send(request, timeout).await;
                self.life.die().await;
                unreachable!("a dead worker does not go on")
            }
            Some(Fault::Vendor(fault)) => {
                request.extensions_mut().insert(fault);
                self.inner.send(request, timeout).await
            }
            _ => self.inner.send(request, timeout).await,
        }
    }
}
