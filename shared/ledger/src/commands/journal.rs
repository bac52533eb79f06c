//! Journal sequences.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_model::journal::{Draft, Entry};
use rollcall_model::ledger::{Head, Lock};
use rollcall_model::{Answer, ConnectionId, LedgerError, RunId};

use super::items::HeadItem;
use super::keys;
use super::locks::under;
use super::open::head_at;
use super::writing::{Done, put};
use super::{EVERYTHING, TableLedger};
use crate::table::When;

impl TableLedger {
    pub(super) async fn append_entries(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        at: Timestamp,
        salt: &[u8],
        nonce: &str,
    ) -> Result<Answer<Vec<Entry>>, LedgerError> {
        if drafts.is_empty() {
            return Ok(Answer::Won(Vec::new()));
        }
        let run = head.chain.run.clone();
        if salt.is_empty() {
            // A digest without a key would disclose what it is taken of to whoever can guess it.
            return Err(LedgerError::Unfit {
                item: format!("journal entry of run {run}"),
                why: "there is no salt for its digest".to_owned(),
            });
        }
        let connection = head.chain.connection.clone();
        let place = keys::head(&run, &connection);
        // A claim brings the newest nonce along, so that a repetition after claiming again is seen without another read.
        if head.nonce == nonce {
            let expected = head.version;
            return self.appended(head, expected, &drafts, nonce).await;
        }
        let asked = drafts.clone();
        let mut chain = head.chain.clone();
        let first = chain.length + 1;
        let mut parts = Vec::with_capacity(drafts.len() + 2);
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let (entry, longer) = chain.next(draft, at, salt).map_err(|error| LedgerError::Unfit {
                item: format!("journal entry of run {run}"),
                why: error.to_string(),
            })?;
            chain = longer;
            parts.push(put(
                keys::entry(&run, &connection, entry.public.seq),
                self.encode("journal entry", &entry).await?,
                When::Absent,
            ));
            entries.push(entry);
        }
        let item = HeadItem {
            chain,
            nonce: nonce.to_owned(),
            first,
        };
        let body = self.encode("sequence", &item).await?;
        parts.insert(0, put(place.clone(), body, When::Version(head.version)));
        parts.extend(lock.map(under));
        match self.write(&parts, nonce).await? {
            Done::Now => {
                *head = head_at(item, head.version + 1);
                return Ok(Answer::Won(entries));
            }
            Done::Before => {
                *head = head_at(item, head.version + 1);
                return Ok(Answer::AlreadyMine(entries));
            }
            Done::No => {}
        }
        let now = self.read(place).await?;
        if now.is_none_or(|now| now.version == head.version) {
            // The end is as we knew it, so it was the lock.
            return match lock {
                Some(lock) => {
                    let held = self.read(keys::lock(&lock.key)).await?;
                    self.lost_to(held.as_ref()).await
                }
                None => Ok(Answer::Stale),
            };
        }
        // Only the very next version can be ours: a later one means that somebody has claimed the run since.
        let expected = head.version + 1;
        self.appended(head, expected, &asked, nonce).await
    }

    /// What an earlier call with this nonce wrote, if that is the newest write under our claim.
    async fn appended(
        &self,
        head: &mut Head,
        expected: u64,
        asked: &[Draft],
        nonce: &str,
    ) -> Result<Answer<Vec<Entry>>, LedgerError> {
        let (run, connection) = (&head.chain.run, &head.chain.connection);
        let Some(now) = self.read(keys::head(run, connection)).await? else {
            return Ok(Answer::Stale);
        };
        let item: HeadItem = self.decode(&now).await?;
        if item.nonce != nonce || now.version != expected {
            return Ok(Answer::Stale);
        }
        let places: Vec<_> = (item.first..=item.chain.length)
            .map(|seq| keys::entry(run, connection, seq))
            .collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(places.len());
        for entry in self.table.get(&places).await?.into_iter().flatten() {
            entries.push(self.decode(&entry).await?);
        }
        // A nonce used for something else must not pass for a repetition: the entry would be lost without a word.
        let same = entries.len() == asked.len()
            && entries
                .iter()
                .zip(asked)
                .all(|(entry, draft)| entry.public.kind == draft.kind && entry.public.what == draft.what);
        if !same {
            return Err(LedgerError::Unfit {
                item: format!("journal entry of run {run}"),
                why: "its nonce belongs to another entry".to_owned(),
            });
        }
        *head = head_at(item, now.version);
        Ok(Answer::AlreadyMine(entries))
    }

    pub(super) async fn read_journal_after(
        &self,
        run: &RunId,
        upto: &BTreeMap<ConnectionId, u64>,
    ) -> Result<Vec<Entry>, LedgerError> {
        // The ends say which places there are, so what was read before is not even asked for.
        let mut places = Vec::new();
        for (connection, head) in self.heads(run).await? {
            let first = upto.get(&connection).copied().unwrap_or(0) + 1;
            places.extend((first..=head.chain.length).map(|seq| keys::entry(run, &connection, seq)));
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(places.len());
        for entry in self.table.get(&places).await?.into_iter().flatten() {
            entries.push(self.decode(&entry).await?);
        }
        Ok(entries)
    }

    pub(super) async fn read_journal(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        let items = self
            .table
            .query(&keys::run_partition(run), keys::ENTRIES, false, EVERYTHING)
            .await?;
        let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
        for item in &items {
            entries.push(self.decode(item).await?);
        }
        entries.sort_by(|one, other| (&one.connection, one.public.seq).cmp(&(&other.connection, other.public.seq)));
        Ok(entries)
    }
}
