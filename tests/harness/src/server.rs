//! Tables of a real server, whose clock is months ahead of a story's.

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_ledger::table::{Item, Key, Table, Write, Written};
use rollcall_model::LedgerError;

use crate::world::BEGINNING;

/// A table in which what expires does so by the server's clock as long after its writing as it does by the story's. Otherwise all
/// of it would have expired before it is written.
pub struct ServerTime<T> {
    inner: T,
    ahead_ms: i64,
}

impl<T> ServerTime<T> {
    /// Over a table of a server where it is `now`.
    pub fn new(inner: T, now: Timestamp) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("a constant");
        let ahead_ms = now.as_millisecond() - beginning.as_millisecond();
        Self { inner, ahead_ms }
    }
}

#[async_trait]
impl<T: Table> Table for ServerTime<T> {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        let mut parts = parts.to_vec();
        for part in &mut parts {
            if let Write::Put {
                expires_at: Some(at), ..
            } = part
            {
                *at += self.ahead_ms;
            }
        }
        self.inner.write(&parts, nonce).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        self.inner.get(keys).await
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        self.inner.query(pk, prefix, backwards, most).await
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        self.inner.due(now, most).await
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        self.inner.scan(after, most).await
    }
}
