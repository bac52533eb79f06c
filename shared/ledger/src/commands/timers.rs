//! Timers: what is to be looked at at a moment, without a run of its own yet.

use rollcall_model::ledger::Timer;
use rollcall_model::{Answer, LedgerError, Timestamp};

use super::TableLedger;
use super::items::TimerItem;
use super::keys;
use super::writing::{Done, put_due};
use crate::table::{Item, When, Write};

impl TableLedger {
    pub(super) async fn write_timer(&self, timer: &Timer, nonce: &str) -> Result<Answer<()>, LedgerError> {
        let item = TimerItem {
            id: timer.id.clone(),
            body: timer.body.clone(),
            nonce: nonce.to_owned(),
        };
        let when = match timer.version {
            0 => When::Absent,
            version => When::Version(version),
        };
        let due = timer.due_at.map(Timestamp::as_millisecond);
        let part = put_due(keys::timer(&timer.id), self.encode("timer", &item).await?, due, when);
        Ok(match self.write(&[part], nonce).await? {
            Done::Now => Answer::Won(()),
            Done::Before => Answer::AlreadyMine(()),
            Done::No => Answer::Stale,
        })
    }

    pub(super) async fn read_timer(&self, id: &str) -> Result<Option<Timer>, LedgerError> {
        match self.read(keys::timer(id)).await? {
            Some(item) => Ok(Some(self.timer_from(&item).await?)),
            None => Ok(None),
        }
    }

    pub(super) async fn delete_timer(&self, id: &str, version: u64) -> Result<Answer<()>, LedgerError> {
        let part = Write::Delete {
            key: keys::timer(id),
            when: When::Version(version),
        };
        Ok(match self.write(&[part], "timer").await? {
            Done::Now => Answer::Won(()),
            Done::Before => Answer::AlreadyMine(()),
            Done::No => Answer::Stale,
        })
    }

    pub(super) async fn list_timers(&self, kind: &str, most: usize) -> Result<Vec<Timer>, LedgerError> {
        let items = self
            .table
            .query(&keys::timers_partition(kind), keys::TIMER, false, most)
            .await?;
        let mut timers = Vec::with_capacity(items.len());
        for item in &items {
            timers.push(self.timer_from(item).await?);
        }
        Ok(timers)
    }

    async fn timer_from(&self, item: &Item) -> Result<Timer, LedgerError> {
        let timer: TimerItem = self.decode(item).await?;
        Ok(Timer {
            id: timer.id,
            due_at: item.due_at.and_then(|due| Timestamp::from_millisecond(due).ok()),
            body: timer.body,
            version: item.version,
        })
    }
}
