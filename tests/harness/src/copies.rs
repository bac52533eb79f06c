//! Tables that are copied in the middle of a story, as a backup does, and put in the place of the one that goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rollcall_ledger::table::{Item, Key, Table, When, Write, Written};
use rollcall_model::LedgerError;

/// Every item of a table, in order of key.
pub async fn items(table: &dyn Table) -> Vec<Item> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = table.scan(after.as_ref(), 500).await.expect("the table answers");
        all.extend(page);
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

/// Puts items into an empty table as they are, with their versions and nonces: a version grows with each write.
pub async fn fill(table: &dyn Table, items: &[Item]) {
    for item in items {
        for version in 1..=item.version {
            let write = Write::Put {
                key: item.key.clone(),
                body: item.body.clone(),
                due_at: item.due_at,
                expires_at: item.expires_at,
                when: if version == 1 {
                    When::Absent
                } else {
                    When::Version(version - 1)
                },
            };
            let nonce = if version == item.version {
                item.nonce.clone()
            } else {
                format!("{}-{version}", item.nonce)
            };
            let written = table.write(&[write], &nonce).await.expect("the table answers");
            assert_eq!(written, Written::All, "{:?}", item.key);
        }
    }
}

/// How a copy of a table as it is now is made.
#[async_trait]
pub trait Copies: Send + Sync {
    /// The table that is written to.
    fn table(&self) -> &dyn Table;

    /// A new table with the same items.
    async fn copy(&self) -> Arc<dyn Table>;
}

/// A table of which a copy is made after a write, and which gives way to that copy later.
pub struct Restorable {
    source: Box<dyn Copies>,
    /// After which write the copy is made, from 1.
    after: usize,
    writes: AtomicUsize,
    copy: Mutex<Option<Arc<dyn Table>>>,
    restored: Mutex<Option<Arc<dyn Table>>>,
}

impl Restorable {
    /// Copies after this write.
    pub fn new(source: Box<dyn Copies>, after: usize) -> Self {
        Self {
            source,
            after,
            writes: AtomicUsize::new(0),
            copy: Mutex::default(),
            restored: Mutex::default(),
        }
    }

    /// How many writes there were.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// From now on the copy is the table. False when there is none, because the story was shorter.
    pub fn restore(&self) -> bool {
        let copy = locked(&self.copy).clone();
        let is_there = copy.is_some();
        *locked(&self.restored) = copy;
        is_there
    }

    fn restored(&self) -> Option<Arc<dyn Table>> {
        locked(&self.restored).clone()
    }
}

#[async_trait]
impl Table for Restorable {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        if let Some(table) = self.restored() {
            return table.write(parts, nonce).await;
        }
        let written = self.source.table().write(parts, nonce).await;
        if self.writes.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
            *locked(&self.copy) = Some(self.source.copy().await);
        }
        written
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        match self.restored() {
            Some(table) => table.get(keys).await,
            None => self.source.table().get(keys).await,
        }
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        match self.restored() {
            Some(table) => table.query(pk, prefix, backwards, most).await,
            None => self.source.table().query(pk, prefix, backwards, most).await,
        }
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        match self.restored() {
            Some(table) => table.due(now, most).await,
            None => self.source.table().due(now, most).await,
        }
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        match self.restored() {
            Some(table) => table.scan(after, most).await,
            None => self.source.table().scan(after, most).await,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
