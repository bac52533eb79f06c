//! Dealing with inbox rows: nothing to be done, or one more trigger of an open run.

use rollcall_model::ledger::{Disposition, Inbox, InboxRow, Lock};
use rollcall_model::{Answer, LedgerError, RunId};

use super::TableLedger;
use super::items::{InboxItem, RunItem, RunName, TriggerItem};
use super::keys;
use super::locks::under;
use super::writing::{Done, TRIES, exhausted, expiring, put, put_due};
use crate::table::{Item, WRITE_LIMIT, When, Write};

/// What rows are dealt with as.
pub(super) struct Dealing<'a> {
    /// What is noted with each event.
    pub(super) disposition: &'a Disposition,
    /// The run whose triggers they become.
    pub(super) joins: Option<&'a RunId>,
    /// True while the run is being opened: nobody else can see it yet, so its joins are not counted.
    pub(super) opening: bool,
    /// The end of the lease under which they are dealt with: about now.
    pub(super) until: rollcall_model::Timestamp,
    /// Events that the run names itself.
    pub(super) known: &'a [rollcall_model::SignalKey],
}

impl TableLedger {
    pub(super) async fn drain_for_nothing(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
        why: &str,
    ) -> Result<Answer<Inbox>, LedgerError> {
        let dealing = Dealing {
            disposition: &Disposition::Nothing(why.to_owned()),
            joins: None,
            opening: false,
            known: &[],
            until: lock.holder.until,
        };
        self.deal(lock, inbox, upto, &dealing).await
    }

    pub(super) async fn join_run(
        &self,
        run: &RunId,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
    ) -> Result<Answer<Inbox>, LedgerError> {
        let dealing = Dealing {
            disposition: &Disposition::Run(run.clone()),
            joins: Some(run),
            opening: false,
            known: &[],
            until: lock.holder.until,
        };
        self.deal(lock, inbox, upto, &dealing).await
    }

    /// Deals with the rows up to a place, as many at a time as one write takes. Rows that arrive meanwhile do not disturb:
    /// the lock says that nobody else drains.
    pub(super) async fn deal(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
        dealing: &Dealing<'_>,
    ) -> Result<Answer<Inbox>, LedgerError> {
        let mut inbox = inbox.clone();
        let mut wrote = false;
        let mut lost = 0;
        while lost < TRIES {
            let [held, head] = self
                .read_all([keys::lock(&lock.key), keys::inbox(&inbox.account)])
                .await?;
            if !self.holds(lock, held.as_ref()).await? {
                return self.lost_to(held.as_ref()).await;
            }
            inbox = self.refreshed(inbox, head.as_ref()).await?;
            let upto = upto.min(inbox.seq);
            let Some(head) = head.filter(|_| inbox.drained < upto) else {
                return Ok(if wrote {
                    Answer::Won(inbox)
                } else {
                    Answer::AlreadyMine(inbox)
                });
            };
            let mut parts = vec![under(lock)];
            if let Some(run) = dealing.joins.filter(|_| !dealing.opening) {
                match self.count_join(run).await? {
                    Some(part) => parts.push(part),
                    None => return Ok(Answer::Stale),
                }
            }
            let (rows, drained) = self
                .dealt_rows(&inbox.rows, upto, WRITE_LIMIT - parts.len() - 1, dealing)
                .await?;
            parts.extend(rows);
            parts.push(self.drained_to(&head, drained).await?);
            match self.write(&parts, &lock.holder.name).await? {
                Done::Now | Done::Before => {
                    wrote = true;
                    inbox = drained_inbox(inbox, drained);
                }
                Done::No => lost += 1,
            }
        }
        exhausted()
    }

    /// The inbox as it is now; what was read before is used when nothing moved.
    pub(super) async fn refreshed(&self, inbox: Inbox, head: Option<&Item>) -> Result<Inbox, LedgerError> {
        if head.map_or(0, |item| item.version) == inbox.version {
            Ok(inbox)
        } else {
            self.inbox_from(&inbox.account, head).await
        }
    }

    /// Parts that note what was made of the first rows, as many as `room` allows, and the place that they reach.
    pub(super) async fn dealt_rows(
        &self,
        rows: &[InboxRow],
        upto: u64,
        room: usize,
        dealing: &Dealing<'_>,
    ) -> Result<(Vec<Write>, u64), LedgerError> {
        let mut parts = Vec::new();
        let expires_at = self.expiry(dealing.until);
        let mut drained = rows.first().map_or(upto, |row| row.seq - 1);
        for row in rows.iter().take_while(|row| row.seq <= upto) {
            let event = &row.event.key;
            let joins = dealing.joins.filter(|_| !dealing.known.contains(event));
            if parts.len() + 1 + usize::from(joins.is_some()) > room {
                break;
            }
            let made = self.encode("disposition", dealing.disposition).await?;
            parts.push(expiring(keys::disposition(event), made, expires_at));
            if let Some(run) = joins {
                let item = TriggerItem { event: event.clone() };
                let body = self.encode("trigger", &item).await?;
                parts.push(put(keys::trigger(run, event), body, When::Absent));
            }
            drained = row.seq;
        }
        Ok((parts, drained))
    }

    /// The inbox's head, drained up to a place.
    pub(super) async fn drained_to(&self, head: &Item, drained: u64) -> Result<Write, LedgerError> {
        let mut inbox: InboxItem = self.decode(head).await?;
        inbox.drained = inbox.drained.max(drained);
        inbox.attempts = 0;
        Ok(put_due(
            head.key.clone(),
            self.encode("inbox", &inbox).await?,
            head.due_at,
            When::Version(head.version),
        ))
    }

    /// Counts a join at the goal's open run; none when this run is not the open one any more.
    async fn count_join(&self, run: &RunId) -> Result<Option<Write>, LedgerError> {
        let Some(item) = self.read(keys::run(run)).await? else {
            return Ok(None);
        };
        let plan = self.decode::<RunItem>(&item).await?.run.plan;
        let place = keys::open(&plan.person, plan.goal, plan.scope.as_ref());
        let Some(open) = self.read(place.clone()).await? else {
            return Ok(None);
        };
        if self.decode::<RunName>(&open).await?.run != *run {
            return Ok(None);
        }
        Ok(Some(put(place, open.body, When::Version(open.version))))
    }
}

/// The inbox after a write that drained it up to a place.
pub(super) fn drained_inbox(mut inbox: Inbox, drained: u64) -> Inbox {
    inbox.version += 1;
    inbox.drained = inbox.drained.max(drained);
    inbox.attempts = 0;
    inbox.rows.retain(|row| row.seq > drained);
    inbox
}
