//! The one-machine back end: one SQLite file for ledger and queues, shared by several processes.
//!
//! Writes are `BEGIN IMMEDIATE` with full synchronisation in write-ahead mode, so what was answered survives a power cut; those that
//! wait at the same moment share a transaction. The schema is versioned by `user_version` and only ever added to: an older binary goes
//! on working on a newer file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_model::{Lane, LedgerError};
use rollcall_runtime::clock::{Clock, SystemClock};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use tokio::sync::{Notify, oneshot};

use crate::table::{Item, Key, Table, When, Write, Written};
use crate::together::{self, Job, Waiting};

/// How long a connection waits for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// The schema, one entry a version. Entries are never changed, only added, and only add.
const SCHEMA: &[&str] = &[
    "
    CREATE TABLE items (
        pk TEXT NOT NULL,
        sk TEXT NOT NULL,
        version INTEGER NOT NULL,
        nonce TEXT NOT NULL,
        due_at INTEGER,
        expires_at INTEGER,
        body TEXT NOT NULL,
        PRIMARY KEY (pk, sk)
    ) STRICT;
    CREATE INDEX items_due ON items (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        lane TEXT NOT NULL,
        body TEXT NOT NULL,
        visible_at INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0,
        handed INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX messages_visible ON messages (lane, dead, visible_at);
",
    "
    CREATE INDEX items_expiring ON items (expires_at) WHERE expires_at IS NOT NULL;
",
];

/// Why the file did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file could not be opened or brought to the present schema.
    #[error("the ledger file {path} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Several changes shared a transaction that could not be begun or committed.
    #[error("nothing was committed: {0}")]
    Uncommitted(String),
    /// The thread that owns the file is gone.
    #[error("the thread of the ledger file ended")]
    Gone,
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl From<SqliteError> for LedgerError {
    fn from(error: SqliteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

enum Access {
    /// In place, in the caller's thread: nothing else happens in between, so tests can repeat a run exactly.
    Inline(Mutex<Connection>),
    /// In a thread of its own, because a synchronous write takes milliseconds.
    Thread(mpsc::Sender<Job>),
}

/// An open SQLite file, for a [`SqliteTable`] and a [`crate::SqliteQueue`] together.
pub struct Sqlite {
    access: Access,
    arrivals: [Notify; Lane::ALL.len()],
}

impl Sqlite {
    /// A ledger in memory, worked on in place.
    pub fn memory() -> Result<Arc<Self>, SqliteError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection)?;
        Ok(Arc::new(Self::over(Access::Inline(Mutex::new(connection)))))
    }

    /// A ledger in a file, which is made (mode 0600) when it is not there. Its thread ends with the last handle.
    pub fn open(path: &Path) -> Result<Arc<Self>, SqliteError> {
        let mut connection = open(path).map_err(|source| SqliteError::Open {
            path: path.to_owned(),
            source,
        })?;
        let (jobs, work) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("rollcall-sqlite".to_owned())
            .spawn(move || together::work(&mut connection, &work))
            .map_err(|error| SqliteError::Open {
                path: path.to_owned(),
                source: error.into(),
            })?;
        Ok(Arc::new(Self::over(Access::Thread(jobs))))
    }

    fn over(access: Access) -> Self {
        Self {
            access,
            arrivals: [Notify::new(), Notify::new(), Notify::new()],
        }
    }

    /// Tells of messages that this process put on a lane: one call of whoever waits, also when nobody waits yet.
    pub(crate) fn arrivals(&self, lane: Lane) -> &Notify {
        let [urgent, work, bulk] = &self.arrivals;
        match lane {
            Lane::Urgent => urgent,
            Lane::Work => work,
            Lane::Bulk => bulk,
        }
    }

    /// Makes a change: whole when it answers, and nothing of it when it fails.
    pub(crate) async fn change<T, F>(&self, job: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (waiting, answered) = Waiting::new(job);
        match &self.access {
            Access::Inline(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                together::commit(&mut connection, vec![Box::new(waiting)]);
            }
            Access::Thread(jobs) => jobs
                .send(Job::Change(Box::new(waiting)))
                .map_err(|_| SqliteError::Gone)?,
        }
        answered.await.map_err(|_| SqliteError::Gone)?
    }

    /// Reads, or does something to the whole file.
    pub(crate) async fn call<T, F>(&self, job: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match &self.access {
            Access::Inline(connection) => {
                // A job that panicked has dropped its transaction, which rolled it back.
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(job(&mut connection)?)
            }
            Access::Thread(jobs) => {
                let (answer, answered) = oneshot::channel();
                jobs.send(Job::Alone(Box::new(move |connection| {
                    // Nobody waits any more when the caller's future was dropped; the job has happened all the same.
                    let _ = answer.send(job(connection));
                })))
                .map_err(|_| SqliteError::Gone)?;
                Ok(answered.await.map_err(|_| SqliteError::Gone)??)
            }
        }
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self.access {
            Access::Inline(_) => "Sqlite(memory)",
            Access::Thread(_) => "Sqlite(file)",
        })
    }
}

fn open(path: &Path) -> Result<Connection, OpenError> {
    private_file(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // Changing the journal mode does not wait for other processes by itself.
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Ok(()) => break,
            Err(error) if tries < 100 && is_busy(&error) => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is removed is people's data: it does not stay in free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Makes the file before SQLite would, because it holds people's data; SQLite gives its side files the same mode.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let have = usize::try_from(version).unwrap_or(0);
    if have < SCHEMA.len() {
        for step in SCHEMA.iter().skip(have) {
            transaction.execute_batch(step)?;
        }
        let version = i64::try_from(SCHEMA.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()
}

/// [`Table`] over SQLite.
pub struct SqliteTable {
    sqlite: Arc<Sqlite>,
    clock: Arc<dyn Clock>,
}

impl SqliteTable {
    /// A table in an open file; expiry goes by the machine's clock.
    pub fn new(sqlite: Arc<Sqlite>) -> Self {
        Self::with_clock(sqlite, Arc::new(SystemClock))
    }

    /// A table in an open file; expiry goes by this clock.
    pub fn with_clock(sqlite: Arc<Sqlite>, clock: Arc<dyn Clock>) -> Self {
        Self { sqlite, clock }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

#[async_trait]
impl Table for SqliteTable {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        let (parts, nonce, now) = (parts.to_vec(), nonce.to_owned(), self.now());
        let job = move |connection: &Connection| write(connection, &parts, &nonce, now);
        Ok(self.sqlite.change(job).await?)
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        let (keys, now) = (keys.to_vec(), self.now());
        let job = move |connection: &mut Connection| {
            // One transaction, so that several items are read as of one moment.
            let transaction = connection.transaction()?;
            keys.iter()
                .map(|key| find(&transaction, key, now))
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        Ok(self.sqlite.call(job).await?)
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        let (pk, prefix, now) = (pk.to_owned(), prefix.to_owned(), self.now());
        let job = move |connection: &mut Connection| {
            let order = if backwards { "DESC" } else { "ASC" };
            // The last code point sorts after everything that can follow the prefix.
            let end = format!("{prefix}\u{10ffff}");
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM items WHERE pk = ?1 AND sk >= ?2 AND sk < ?3
                 AND (expires_at IS NULL OR expires_at > ?4) ORDER BY sk {order} LIMIT ?5"
            ))?;
            statement
                .query_map(params![pk, prefix, end, now, limit(most)], item)?
                .collect()
        };
        Ok(self.sqlite.call(job).await?)
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        let (after, now) = (after.cloned(), self.now());
        let (pk, sk) = after.map_or_else(Default::default, |key| (key.pk, key.sk));
        let job = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM items WHERE (pk, sk) > (?1, ?2)
                 AND (expires_at IS NULL OR expires_at > ?3) ORDER BY pk, sk LIMIT ?4"
            ))?;
            statement
                .query_map(params![pk, sk, now, limit(most)], item)?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        let items = self.sqlite.call(job).await?;
        let next = items
            .last()
            .filter(|_| items.len() >= most)
            .map(|item| item.key.clone());
        Ok((items, next))
    }

    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        let now = self.now();
        let job = move |connection: &Connection| {
            // Nothing to remove costs no synchronous write.
            let any = connection
                .prepare_cached("SELECT 1 FROM items WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT 1")?
                .query_row(params![now], |_| Ok(()))
                .optional()?;
            if any.is_none() {
                return Ok(0);
            }
            connection
                .prepare_cached(
                    "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items
                     WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT ?2)",
                )?
                .execute(params![now, limit(most)])
        };
        Ok(self.sqlite.change(job).await?)
    }

    /// Deleted rows are overwritten at once (`secure_delete`); what older versions of the file and the write-ahead log still
    /// hold goes with a new copy of the whole file.
    async fn compact(&self) -> Result<(), LedgerError> {
        let job = |connection: &mut Connection| {
            connection.execute_batch("VACUUM")?;
            let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(busy == 0)
        };
        if self.sqlite.call(job).await? {
            Ok(())
        } else {
            Err(LedgerError::Unavailable(
                "another process reads the ledger's file, so its log could not be emptied".to_owned(),
            ))
        }
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        let job = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM items WHERE due_at IS NOT NULL AND due_at <= ?1
                 AND (expires_at IS NULL OR expires_at > ?1) ORDER BY due_at, pk, sk LIMIT ?2"
            ))?;
            statement.query_map(params![now, limit(most)], item)?.collect()
        };
        Ok(self.sqlite.call(job).await?)
    }
}

const COLUMNS: &str = "pk, sk, version, nonce, due_at, expires_at, body";

pub(crate) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        key: Key {
            pk: row.get(0)?,
            sk: row.get(1)?,
        },
        version: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
        nonce: row.get(3)?,
        due_at: row.get(4)?,
        expires_at: row.get(5)?,
        body: row.get(6)?,
    })
}

fn find(connection: &Connection, key: &Key, now: i64) -> rusqlite::Result<Option<Item>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM items WHERE pk = ?1 AND sk = ?2
             AND (expires_at IS NULL OR expires_at > ?3)"
        ))?
        .query_row(params![key.pk, key.sk, now], item)
        .optional()
}

fn write(connection: &Connection, parts: &[Write], nonce: &str, now: i64) -> rusqlite::Result<Written> {
    for (index, part) in parts.iter().enumerate() {
        let (Write::Put { when, .. } | Write::Delete { when, .. } | Write::Check { when, .. }) = part;
        let found = find(connection, part.key(), now)?;
        let holds = match when {
            When::Absent => found.is_none(),
            When::Version(version) => found.as_ref().is_some_and(|item| item.version == *version),
        };
        if !holds {
            // None of the parts has happened yet.
            return Ok(Written::Refused { part: index, found });
        }
    }
    for part in parts {
        match part {
            Write::Put {
                key,
                body,
                due_at,
                expires_at,
                when,
            } => {
                let version = match when {
                    When::Absent => 1,
                    When::Version(version) => i64::try_from(version + 1).unwrap_or(i64::MAX),
                };
                connection
                    .prepare_cached(
                        "INSERT INTO items (pk, sk, version, nonce, due_at, expires_at, body)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (pk, sk) DO UPDATE SET version = excluded.version,
                         nonce = excluded.nonce, due_at = excluded.due_at,
                         expires_at = excluded.expires_at, body = excluded.body",
                    )?
                    .execute(params![key.pk, key.sk, version, nonce, due_at, expires_at, body])?;
            }
            Write::Delete { key, .. } => {
                connection
                    .prepare_cached("DELETE FROM items WHERE pk = ?1 AND sk = ?2")?
                    .execute(params![key.pk, key.sk])?;
            }
            Write::Check { .. } => {}
        }
    }
    Ok(Written::All)
}
