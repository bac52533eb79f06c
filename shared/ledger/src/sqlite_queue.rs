//! Queues in the SQLite file, with the semantics of SQS standard.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_model::queue::{DELAY_LIMIT, MESSAGE_LIMIT, Named};
use rollcall_model::redact::Names;
use rollcall_model::{Delivery, Lane, Queue, QueueError};
use rollcall_runtime::clock::Clock;
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::{Sqlite, SqliteError, limit};

/// How queues behave; SQS has the same two settings on a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long a delivery stays hidden when the receiver asks for no time of its own (zero).
    pub visibility: Duration,
    /// A message that was handed out this often goes to the dead letters instead of being handed out again.
    pub max_receives: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            visibility: Duration::from_mins(1),
            max_receives: 5,
        }
    }
}

/// [`Queue`] over SQLite.
pub struct SqliteQueue {
    sqlite: Arc<Sqlite>,
    clock: Arc<dyn Clock>,
    settings: QueueSettings,
}

impl From<SqliteError> for QueueError {
    fn from(error: SqliteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl SqliteQueue {
    /// Queues in an open file.
    pub fn new(sqlite: Arc<Sqlite>, clock: Arc<dyn Clock>, settings: QueueSettings) -> Self {
        Self {
            sqlite,
            clock,
            settings,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn after(&self, delay: Duration) -> i64 {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        self.now().saturating_add(delay)
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, lane: Lane, bodies: &[String], delay: Duration) -> Result<(), QueueError> {
        for body in bodies {
            if body.len() > MESSAGE_LIMIT {
                return Err(QueueError::TooLarge {
                    size: body.len(),
                    limit: MESSAGE_LIMIT,
                });
            }
        }
        if bodies.is_empty() {
            return Ok(());
        }
        // A longer delay than SQS knows is cut short here too, so that both back ends wake at the same moment.
        let (bodies, visible_at) = (bodies.to_vec(), self.after(delay.min(DELAY_LIMIT)));
        let job = move |connection: &Connection| {
            for body in &bodies {
                connection
                    .prepare_cached("INSERT INTO messages (lane, body, visible_at) VALUES (?1, ?2, ?3)")?
                    .execute(params![lane.as_str(), body, visible_at])?;
            }
            Ok(())
        };
        self.sqlite.change(job).await?;
        self.sqlite.arrivals(lane).notify_one();
        Ok(())
    }

    async fn arrival(&self, lane: Lane) {
        self.sqlite.arrivals(lane).notified().await;
    }

    async fn receive(&self, lane: Lane, most: usize, visibility: Duration) -> Result<Vec<Delivery>, QueueError> {
        let visibility = if visibility.is_zero() {
            self.settings.visibility
        } else {
            visibility
        };
        let (now, hidden_until) = (self.now(), self.after(visibility));
        let max_receives = self.settings.max_receives;
        let any = move |connection: &mut Connection| {
            connection
                .prepare_cached("SELECT 1 FROM messages WHERE lane = ?1 AND dead = 0 AND visible_at <= ?2")?
                .query_row(params![lane.as_str(), now], |_| Ok(()))
                .optional()
        };
        // An empty queue costs a read, and waits for no change.
        if self.sqlite.call(any).await?.is_none() {
            return Ok(Vec::new());
        }
        let job = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE messages SET dead = 1 WHERE lane = ?1 AND dead = 0
                     AND visible_at <= ?2 AND receives >= ?3",
                )?
                .execute(params![lane.as_str(), now, max_receives])?;
            connection
                .prepare_cached(
                    "UPDATE messages SET visible_at = ?3, receives = receives + 1, handed = handed + 1
                     WHERE id IN (SELECT id FROM messages WHERE lane = ?1 AND dead = 0
                                  AND visible_at <= ?2 ORDER BY visible_at, id LIMIT ?4)
                     RETURNING id, handed, body, receives",
                )?
                .query_map(params![lane.as_str(), now, hidden_until, limit(most)], delivery)?
                .collect()
        };
        Ok(self.sqlite.change(job).await?)
    }

    async fn acknowledge(&self, lane: Lane, delivery: &Delivery) -> Result<(), QueueError> {
        let Some((id, handed)) = handle(&delivery.receipt) else {
            return Ok(());
        };
        // A receipt counts until the message is handed out again; after that it belongs to the newer delivery.
        let job = move |connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM messages WHERE id = ?1 AND handed = ?2 AND lane = ?3 AND dead = 0")?
                .execute(params![id, handed, lane.as_str()])
        };
        self.sqlite.change(job).await?;
        Ok(())
    }

    async fn give_back(&self, lane: Lane, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        let Some((id, handed)) = handle(&delivery.receipt) else {
            return Ok(());
        };
        let visible_at = self.after(delay);
        let job = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE messages SET visible_at = ?4
                     WHERE id = ?1 AND handed = ?2 AND lane = ?3 AND dead = 0",
                )?
                .execute(params![id, handed, lane.as_str(), visible_at])
        };
        self.sqlite.change(job).await?;
        self.sqlite.arrivals(lane).notify_one();
        Ok(())
    }

    async fn dead(&self, lane: Lane, most: usize) -> Result<Vec<Delivery>, QueueError> {
        let job = move |connection: &mut Connection| {
            connection
                .prepare_cached(
                    "SELECT id, handed, body, receives FROM messages
                     WHERE lane = ?1 AND dead = 1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![lane.as_str(), limit(most)], delivery)?
                .collect()
        };
        Ok(self.sqlite.call(job).await?)
    }

    async fn forget(&self, names: &Names, dry: bool) -> Result<Option<Named>, QueueError> {
        let names = names.clone();
        let job = move |connection: &Connection| {
            let found = connection
                .prepare("SELECT id, body, dead FROM messages")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String, bool)>>>()?;
            let mut named = Named::default();
            for (id, _, dead) in found.iter().filter(|(_, body, _)| names.stand_in(body)) {
                if !dead {
                    named.live += 1;
                    continue;
                }
                named.dead += 1;
                if !dry {
                    connection
                        .prepare_cached("DELETE FROM messages WHERE id = ?1 AND dead = 1")?
                        .execute(params![id])?;
                }
            }
            Ok(named)
        };
        Ok(Some(self.sqlite.change(job).await?))
    }

    async fn redrive(&self, lane: Lane) -> Result<usize, QueueError> {
        let now = self.now();
        let job = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE messages SET dead = 0, receives = 0, visible_at = ?2
                     WHERE lane = ?1 AND dead = 1",
                )?
                .execute(params![lane.as_str(), now])
        };
        let count = self.sqlite.change(job).await?;
        self.sqlite.arrivals(lane).notify_one();
        Ok(count)
    }
}

fn delivery(row: &rusqlite::Row<'_>) -> rusqlite::Result<Delivery> {
    let id: i64 = row.get(0)?;
    let handed: i64 = row.get(1)?;
    Ok(Delivery {
        id: format!("m{id}"),
        receipt: format!("{id}.{handed}"),
        body: row.get(2)?,
        attempt: row.get(3)?,
    })
}

/// What a receipt refers to: the message, and which of its deliveries.
fn handle(receipt: &str) -> Option<(i64, i64)> {
    let (id, handed) = receipt.split_once('.')?;
    Some((id.parse().ok()?, handed.parse().ok()?))
}
