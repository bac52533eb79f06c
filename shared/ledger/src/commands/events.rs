//! Taking events in, and reading inboxes.

use std::sync::PoisonError;

use jiff::Timestamp;
use rollcall_model::ledger::{Disposition, Inbox, InboxRow, StoredEvent};
use rollcall_model::{AccountRef, Answer, Event, LedgerError, Signal, SignalKey};

use super::TableLedger;
use super::items::{EventItem, InboxItem};
use super::keys;
use super::writing::{Done, TRIES, as_read, exhausted, expiring, put_due};
use crate::table::Item;

/// How many rows are asked for in one read (DynamoDB reads up to 100 items at once).
const ROWS_A_READ: u64 = 100;

impl TableLedger {
    pub(super) async fn accept_event(
        &self,
        event: &Event,
        signal: &Signal,
        due_at: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        let expires_at = self.expiry(due_at);
        for _ in 0..TRIES {
            let (stored, inbox) = match &event.account {
                None => (self.read(keys::event(&event.key)).await?, None),
                Some(account) => {
                    let [stored, inbox] = self.read_all([keys::event(&event.key), keys::inbox(account)]).await?;
                    (stored, inbox)
                }
            };
            if let Some(stored) = stored {
                let stored: EventItem = self.decode(&stored).await?;
                return Ok(if stored.nonce == nonce {
                    Answer::AlreadyMine(())
                } else {
                    Answer::Lost("this event was accepted before".to_owned())
                });
            }
            let mut parts = Vec::with_capacity(3);
            let mut seq = None;
            if let Some(account) = &event.account {
                let mut head = match &inbox {
                    Some(item) => self.decode::<InboxItem>(item).await?,
                    None => InboxItem {
                        account: account.clone(),
                        seq: 0,
                        drained: 0,
                        attempts: 0,
                    },
                };
                head.seq += 1;
                seq = Some(head.seq);
                let due_at = due_at.as_millisecond();
                let due_at = inbox
                    .as_ref()
                    .and_then(|item| item.due_at)
                    .map_or(due_at, |earlier| earlier.min(due_at));
                parts.push(put_due(
                    keys::inbox(account),
                    self.encode("inbox", &head).await?,
                    Some(due_at),
                    as_read(inbox.as_ref()),
                ));
                let row = InboxRow {
                    seq: head.seq,
                    event: event.clone(),
                };
                parts.push(expiring(
                    keys::inbox_row(account, head.seq),
                    self.encode("inbox row", &row).await?,
                    expires_at,
                ));
            }
            let item = EventItem {
                event: event.clone(),
                signal: signal.clone(),
                seq,
                nonce: nonce.to_owned(),
                made: None,
            };
            let body = self.encode("event", &item).await?;
            parts.insert(0, expiring(keys::event(&event.key), body, expires_at));
            match self.write(&parts, nonce).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn set_event_aside(
        &self,
        event: &Event,
        signal: &Signal,
        why: &str,
        now: Timestamp,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        let key = keys::event(&event.key);
        let item = EventItem {
            event: event.clone(),
            signal: signal.clone(),
            seq: None,
            nonce: nonce.to_owned(),
            made: Some(Disposition::Nothing(why.to_owned())),
        };
        let body = self.encode("event", &item).await?;
        let part = expiring(key, body, self.expiry(now));
        Ok(match self.write(&[part], nonce).await? {
            Done::Now => Answer::Won(()),
            Done::Before => Answer::AlreadyMine(()),
            Done::No => Answer::Lost("this event was accepted before".to_owned()),
        })
    }

    pub(super) async fn stored_event(&self, key: &SignalKey) -> Result<Option<StoredEvent>, LedgerError> {
        let [event, made] = self.read_all([keys::event(key), keys::disposition(key)]).await?;
        let Some(event) = event else { return Ok(None) };
        let event: EventItem = self.decode(&event).await?;
        let disposition = match made {
            Some(item) => Some(self.decode::<Disposition>(&item).await?),
            None => event.made,
        };
        Ok(Some(StoredEvent {
            event: event.event,
            signal: event.signal,
            seq: event.seq,
            disposition,
        }))
    }

    pub(super) async fn read_inbox(&self, account: &AccountRef) -> Result<Inbox, LedgerError> {
        let item = self.read(keys::inbox(account)).await?;
        self.inbox_from(account, item.as_ref()).await
    }

    /// The inbox whose head was read as `item`. A row goes when its time is over, and never before, so a row that the head names
    /// and that is not there is one that nobody dealt with for as long as events are kept: too late for it.
    pub(super) async fn inbox_from(&self, account: &AccountRef, item: Option<&Item>) -> Result<Inbox, LedgerError> {
        let mut inbox = Inbox {
            account: account.clone(),
            version: 0,
            seq: 0,
            drained: 0,
            attempts: 0,
            rows: Vec::new(),
        };
        let Some(item) = item else { return Ok(inbox) };
        let head: InboxItem = self.decode(item).await?;
        inbox.version = item.version;
        inbox.seq = head.seq;
        inbox.drained = head.drained;
        inbox.attempts = head.attempts;
        let mut next = head.drained + 1;
        while next <= head.seq {
            let last = head.seq.min(next + ROWS_A_READ - 1);
            let wanted: Vec<_> = (next..=last).map(|seq| keys::inbox_row(account, seq)).collect();
            for (key, row) in wanted.iter().zip(self.table.get(&wanted).await?) {
                match row {
                    Some(row) => inbox.rows.push(self.decode(&row).await?),
                    None if self.keeping.read().unwrap_or_else(PoisonError::into_inner).is_some() => {}
                    None => {
                        return Err(LedgerError::Corrupt {
                            item: format!("{}/{}", key.pk, key.sk),
                            why: "the inbox names a row that is not there".to_owned(),
                        });
                    }
                }
            }
            next = last + 1;
        }
        // Rows whose time is over are dealt with as far as anybody can; otherwise their head would never be let go of.
        inbox.drained = inbox.rows.first().map_or(head.seq, |row| row.seq - 1);
        Ok(inbox)
    }
}
