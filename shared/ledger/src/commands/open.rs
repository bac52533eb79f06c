//! Opening runs: one open run per person and goal.

use std::collections::BTreeMap;

use rollcall_model::journal::Chain;
use rollcall_model::ledger::{Disposition, Head, Holder, Inbox, Lock, RunClaim, documents};
use rollcall_model::{Answer, ConnectionId, Exception, LedgerError, Run};

use super::drain::Dealing;
use super::items::{HeadItem, RunItem, RunName};
use super::keys;
use super::locks::under;
use super::settle::guard_due;
use super::writing::{Done, TRIES, as_read, exhausted, put, put_due};
use super::{OWN_SEQUENCE, TableLedger};
use crate::table::{Item, Key, WRITE_LIMIT, When, Write};

/// The most connections that one run may write to: opening it, with the ends of their journal sequences, is one write.
pub const CONNECTION_LIMIT: usize = 16;

/// What is there before an opening.
enum Before {
    /// Nothing stands in the way.
    Free,
    /// We had opened it.
    Ours(Box<RunClaim>),
    /// The goal has an open run, or this run was opened by somebody else; its id.
    Taken(String),
}

impl TableLedger {
    pub(super) async fn open_from_inbox(
        &self,
        run: &Run,
        holder: &Holder,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
    ) -> Result<Answer<(RunClaim, Inbox)>, LedgerError> {
        let sequences = sequences(run)?;
        let disposition = Disposition::Run(run.id.clone());
        let dealing = Dealing {
            disposition: &disposition,
            joins: Some(&run.id),
            opening: true,
            known: &run.triggers,
            until: lock.holder.until,
        };
        for _ in 0..TRIES {
            match self.before_opening(run, holder).await? {
                Before::Taken(other) => return Ok(Answer::Lost(other)),
                Before::Ours(claim) => {
                    let inbox = self.deal_rest(lock, inbox, upto, &dealing).await?;
                    return Ok(Answer::AlreadyMine((*claim, inbox)));
                }
                Before::Free => {}
            }
            let [held, head] = self
                .read_all([keys::lock(&lock.key), keys::inbox(&inbox.account)])
                .await?;
            if !self.holds(lock, held.as_ref()).await? {
                return Ok(Answer::Stale);
            }
            let now = self.refreshed(inbox.clone(), head.as_ref()).await?;
            if now.drained != inbox.drained || upto > now.seq {
                return Ok(Answer::Stale);
            }
            let (mut parts, claim) = self.opening(run, holder, &sequences).await?;
            parts.push(under(lock));
            let mut drained = now.drained;
            if let Some(head) = head.filter(|_| upto > now.drained) {
                let room = WRITE_LIMIT.saturating_sub(parts.len() + 1);
                let (rows, place) = self.dealt_rows(&now.rows, upto, room, &dealing).await?;
                drained = place;
                parts.extend(rows);
                parts.push(self.drained_to(&head, drained).await?);
            }
            let done = self.write(&parts, &holder.name).await?;
            if done != Done::No {
                let now = if drained > now.drained {
                    super::drain::drained_inbox(now, drained)
                } else {
                    now
                };
                let now = self.deal_rest(lock, &now, upto, &dealing).await?;
                return Ok(won(done, (claim, now)));
            }
        }
        exhausted()
    }

    pub(super) async fn open_without_inbox(&self, run: &Run, holder: &Holder) -> Result<Answer<RunClaim>, LedgerError> {
        let sequences = sequences(run)?;
        for _ in 0..TRIES {
            match self.before_opening(run, holder).await? {
                Before::Taken(other) => return Ok(Answer::Lost(other)),
                Before::Ours(claim) => return Ok(Answer::AlreadyMine(*claim)),
                Before::Free => {}
            }
            let (parts, claim) = self.opening(run, holder, &sequences).await?;
            let done = self.write(&parts, &holder.name).await?;
            if done != Done::No {
                return Ok(won(done, claim));
            }
        }
        exhausted()
    }

    /// Rows that did not fit into the opening. The run is open whatever becomes of them, so a lost lock is not this
    /// command's answer: the rows stay in the inbox that is returned, and whoever has the lock finds them there.
    async fn deal_rest(
        &self,
        lock: &Lock,
        inbox: &Inbox,
        upto: u64,
        dealing: &Dealing<'_>,
    ) -> Result<Inbox, LedgerError> {
        if inbox.drained >= upto {
            return Ok(inbox.clone());
        }
        match self.deal(lock, inbox, upto, dealing).await? {
            Answer::Won(inbox) | Answer::AlreadyMine(inbox) => Ok(inbox),
            Answer::Lost(_) | Answer::Stale => self.read_inbox(&inbox.account).await,
        }
    }

    async fn before_opening(&self, run: &Run, holder: &Holder) -> Result<Before, LedgerError> {
        let [open, old] = self
            .read_all([
                keys::open(&run.plan.person, run.plan.goal, run.plan.scope.as_ref()),
                keys::run(&run.id),
            ])
            .await?;
        if let Some(item) = &open {
            let other = self.decode::<RunName>(item).await?.run;
            if other != run.id {
                return Ok(Before::Taken(other.as_str().to_owned()));
            }
        }
        let Some(item) = old else {
            return Ok(Before::Free);
        };
        let old: RunItem = self.decode(&item).await?;
        // Finishing clears the lease, so a lease of ours says that the run is still ours to work on.
        if old.lease.is_none_or(|lease| lease.name != holder.name) {
            return Ok(Before::Taken(run.id.as_str().to_owned()));
        }
        let claim = RunClaim {
            version: item.version,
            holder: holder.clone(),
            heads: self.heads(&run.id).await?,
            run: self.salted(old.run).await?,
            joined: 1,
        };
        Ok(Before::Ours(Box::new(claim)))
    }

    /// The parts that every opening has, and the claim that they make.
    async fn opening(
        &self,
        run: &Run,
        holder: &Holder,
        sequences: &[ConnectionId],
    ) -> Result<(Vec<Write>, RunClaim), LedgerError> {
        let name = self.encode("run name", &RunName { run: run.id.clone() }).await?;
        let (key, salt) = self.key_for(run).await?;
        let run = Run { salt, ..run.clone() };
        let item = RunItem {
            run: run.clone(),
            lease: Some(holder.into()),
            nonce: String::new(),
            finished: false,
        };
        let listed = keys::listed(run.opened_at, &run.id);
        let person = keys::person_partition(&run.plan.person);
        let mut parts = vec![
            put(
                keys::open(&run.plan.person, run.plan.goal, run.plan.scope.as_ref()),
                name.clone(),
                When::Absent,
            ),
            put_due(
                keys::run(&run.id),
                self.encode("run", &item).await?,
                Some(guard_due(holder)),
                When::Absent,
            ),
            put(Key::new(person, listed.clone()), name.clone(), When::Absent),
            put(Key::new(keys::RUNS, listed), name, When::Absent),
            key,
        ];
        if let Some(exception) = &run.exception {
            let id = Exception::id(&exception.playbook, &exception.person);
            let body = serde_json::to_value(exception).map_err(|error| LedgerError::Unfit {
                item: format!("exception of {}", run.id),
                why: error.to_string(),
            })?;
            let place = keys::document(documents::EXCEPTION, &id);
            let old = self.read(place.clone()).await?;
            let body = self.document_body(&id, &body, &holder.name).await?;
            parts.push(put(place, body, as_read(old.as_ref())));
        }
        let mut heads = BTreeMap::new();
        for connection in sequences {
            let head = HeadItem {
                chain: Chain::empty(run.id.clone(), connection.clone()),
                nonce: String::new(),
                first: 1,
            };
            let place = keys::head(&run.id, connection);
            let body = self.encode("sequence", &head).await?;
            parts.push(put(place, body, When::Absent));
            heads.insert(connection.clone(), head_at(head, 1));
        }
        let claim = RunClaim {
            run,
            version: 1,
            holder: holder.clone(),
            heads,
            joined: 1,
        };
        Ok((parts, claim))
    }

    /// The ends of a run's journal sequences.
    pub(super) async fn heads(&self, run: &rollcall_model::RunId) -> Result<BTreeMap<ConnectionId, Head>, LedgerError> {
        let mut heads = BTreeMap::new();
        for item in self.head_items(run).await? {
            let head: HeadItem = self.decode(&item).await?;
            heads.insert(head.chain.connection.clone(), head_at(head, item.version));
        }
        Ok(heads)
    }

    pub(super) async fn head_items(&self, run: &rollcall_model::RunId) -> Result<Vec<Item>, LedgerError> {
        let partition = keys::run_partition(run);
        self.table.query(&partition, keys::HEADS, false, WRITE_LIMIT).await
    }
}

/// The end of a sequence as callers hold it.
pub(super) fn head_at(item: HeadItem, version: u64) -> Head {
    Head {
        chain: item.chain,
        version,
        nonce: item.nonce,
    }
}

fn won<T>(done: Done, value: T) -> Answer<T> {
    if done == Done::Now {
        Answer::Won(value)
    } else {
        Answer::AlreadyMine(value)
    }
}

/// The journal sequences of a run: one a connection, and the engine's own.
fn sequences(run: &Run) -> Result<Vec<ConnectionId>, LedgerError> {
    let mut all = run.plan.connections();
    all.retain(|connection| connection.as_str() != OWN_SEQUENCE);
    if all.len() > CONNECTION_LIMIT {
        return Err(LedgerError::Unfit {
            item: format!("run {} over {} connections", run.id, all.len()),
            why: format!("the limit is {CONNECTION_LIMIT} connections a run"),
        });
    }
    all.push(OWN_SEQUENCE.into());
    all.sort();
    Ok(all)
}
