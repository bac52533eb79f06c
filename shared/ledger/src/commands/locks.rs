//! Claims of accounts and sign-in names.

use jiff::Timestamp;
use rollcall_model::ledger::{Holder, Inbox, Lock, LockKey};
use rollcall_model::{Answer, LedgerError};

use super::TableLedger;
use super::items::{InboxItem, Lease, LockItem, Released};
use super::keys;
use super::writing::{Done, TRIES, after, as_read, exhausted, put, put_due};
use crate::table::{Item, Key, WRITE_LIMIT, When, Write};

impl TableLedger {
    pub(super) async fn claim_locks(
        &self,
        keys: &[LockKey],
        holder: &Holder,
        now: Timestamp,
    ) -> Result<Answer<Vec<Lock>>, LedgerError> {
        let mut wanted: Vec<&LockKey> = keys.iter().collect();
        wanted.sort();
        wanted.dedup();
        if wanted.len() > WRITE_LIMIT {
            return Err(LedgerError::Unfit {
                item: format!("a claim of {} accounts", wanted.len()),
                why: format!("the limit is {WRITE_LIMIT}"),
            });
        }
        if wanted.is_empty() {
            return Ok(Answer::Won(Vec::new()));
        }
        let places: Vec<Key> = wanted.iter().map(|key| keys::lock(key)).collect();
        for _ in 0..TRIES {
            let items = self.table.get(&places).await?;
            let mut parts = Vec::with_capacity(places.len());
            let mut locks = Vec::with_capacity(places.len());
            let mut ours = 0;
            for ((key, place), item) in wanted.iter().zip(&places).zip(&items) {
                let old = self.lock_item(item.as_ref()).await?;
                if let Some(lease) = &old.lease {
                    if lease.bars(&holder.name, now) {
                        return Ok(Answer::Lost(lease.name.clone()));
                    }
                    ours += usize::from(lease.name == holder.name);
                }
                let lock = LockItem {
                    lease: Some(holder.into()),
                    released: old.released,
                };
                let when = as_read(item.as_ref());
                parts.push(put(place.clone(), self.encode("lock", &lock).await?, when));
                locks.push(Lock {
                    key: (*key).clone(),
                    fence: after(when),
                    holder: holder.clone(),
                });
            }
            match self.write(&parts, &format!("claim {}", holder.name)).await? {
                Done::Now if ours < locks.len() => return Ok(Answer::Won(locks)),
                Done::Now | Done::Before => return Ok(Answer::AlreadyMine(locks)),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn release_locks(&self, locks: &[Lock]) -> Result<(), LedgerError> {
        for some in locks.chunks(WRITE_LIMIT) {
            self.release_some(some).await?;
        }
        Ok(())
    }

    async fn release_some(&self, locks: &[Lock]) -> Result<(), LedgerError> {
        let places: Vec<Key> = locks.iter().map(|lock| keys::lock(&lock.key)).collect();
        for _ in 0..TRIES {
            let items = self.table.get(&places).await?;
            let mut parts = Vec::new();
            for (lock, item) in locks.iter().zip(&items) {
                if self.holds(lock, item.as_ref()).await? {
                    parts.push(self.let_go(lock).await?);
                }
            }
            let Some(first) = locks.first().filter(|_| !parts.is_empty()) else {
                return Ok(());
            };
            let nonce = format!("release {}", first.holder.name);
            if self.write(&parts, &nonce).await? != Done::No {
                return Ok(());
            }
        }
        exhausted()
    }

    pub(super) async fn release_drained(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        due_at: Option<Timestamp>,
    ) -> Result<Answer<()>, LedgerError> {
        let place = keys::inbox(&inbox.account);
        let nonce = format!("release {}", lock.holder.name);
        for _ in 0..TRIES {
            let [held, head] = self.read_all([keys::lock(&lock.key), place.clone()]).await?;
            if let Some(answer) = self.lost_lock(lock, held.as_ref()).await? {
                return Ok(answer);
            }
            let moved = head.as_ref().map_or(0, |item| item.version) != inbox.version;
            if moved || (due_at.is_none() && inbox.drained < inbox.seq) {
                return Ok(Answer::Stale);
            }
            let mut parts = vec![self.let_go(lock).await?];
            parts.push(match &head {
                None => Write::Check {
                    key: place.clone(),
                    when: When::Absent,
                },
                Some(item) => {
                    let mut head: InboxItem = self.decode(item).await?;
                    head.attempts = match due_at {
                        Some(_) => head.attempts.saturating_add(1),
                        None => 0,
                    };
                    put_due(
                        place.clone(),
                        self.encode("inbox", &head).await?,
                        due_at.map(Timestamp::as_millisecond),
                        When::Version(item.version),
                    )
                }
            });
            match self.write(&parts, &nonce).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    /// What to answer when a lock is no longer held: by us, because we let it go in order, or by somebody else.
    async fn lost_lock(&self, lock: &Lock, item: Option<&Item>) -> Result<Option<Answer<()>>, LedgerError> {
        if self.holds(lock, item).await? {
            return Ok(None);
        }
        let now = self.lock_item(item).await?;
        let ours = Released {
            name: lock.holder.name.clone(),
            fence: lock.fence,
        };
        Ok(Some(if now.released == Some(ours) {
            Answer::AlreadyMine(())
        } else {
            lost(&now)
        }))
    }

    /// True while the lock is ours: nobody has claimed it since, even if the lease has run out.
    pub(super) async fn holds(&self, lock: &Lock, item: Option<&Item>) -> Result<bool, LedgerError> {
        let Some(item) = item.filter(|item| item.version == lock.fence) else {
            return Ok(false);
        };
        let held = self.lock_item(Some(item)).await?;
        Ok(held.lease.is_some_and(|lease| lease.name == lock.holder.name))
    }

    /// The answer for a lock that is not ours.
    pub(super) async fn lost_to<T>(&self, item: Option<&Item>) -> Result<Answer<T>, LedgerError> {
        Ok(lost(&self.lock_item(item).await?))
    }

    async fn lock_item(&self, item: Option<&Item>) -> Result<LockItem, LedgerError> {
        match item {
            Some(item) => self.decode(item).await,
            None => Ok(LockItem::default()),
        }
    }

    async fn let_go(&self, lock: &Lock) -> Result<Write, LedgerError> {
        let free = LockItem {
            lease: None::<Lease>,
            released: Some(Released {
                name: lock.holder.name.clone(),
                fence: lock.fence,
            }),
        };
        // Long after anybody could come back who held it before, nothing needs its fence any more.
        Ok(Write::Put {
            key: keys::lock(&lock.key),
            body: self.encode("lock", &free).await?,
            due_at: None,
            expires_at: self.expiry(lock.holder.until),
            when: When::Version(lock.fence),
        })
    }
}

fn lost<T>(now: &LockItem) -> Answer<T> {
    now.lease
        .as_ref()
        .map_or(Answer::Stale, |lease| Answer::Lost(lease.name.clone()))
}

/// The part of a write that makes it depend on a lock.
pub(super) fn under(lock: &Lock) -> Write {
    Write::Check {
        key: keys::lock(&lock.key),
        when: When::Version(lock.fence),
    }
}
