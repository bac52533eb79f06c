//! Following a run while it goes on: a line for each thing that the journal gets to know.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_model::{Entry, EntryKind, Ledger, RunId};

use crate::out::{Out, plain};

/// Prints what is new in a run's journal since the last look.
pub struct Watch<'a> {
    ledger: &'a Arc<dyn Ledger>,
    out: &'a Out,
    /// The moment that the lines count from.
    from: Timestamp,
    seen: BTreeMap<(RunId, String), u64>,
}

impl<'a> Watch<'a> {
    /// Follows what `ledger` gets to know; lines count from `from`.
    pub fn new(ledger: &'a Arc<dyn Ledger>, out: &'a Out, from: Timestamp) -> Self {
        Self {
            ledger,
            out,
            from,
            seen: BTreeMap::new(),
        }
    }

    /// Looks once.
    pub async fn look(&mut self, run: &RunId) -> anyhow::Result<()> {
        if self.out.json {
            return Ok(());
        }
        let mut fresh: Vec<Entry> = Vec::new();
        for entry in self.ledger.journal(run).await? {
            let seen = self
                .seen
                .entry((run.clone(), entry.connection.to_string()))
                .or_default();
            if entry.public.seq > *seen {
                *seen = entry.public.seq;
                fresh.push(entry);
            }
        }
        fresh.sort_by_key(|entry| entry.public.at);
        for entry in &fresh {
            self.out.line(self.line(entry));
        }
        Ok(())
    }

    fn line(&self, entry: &Entry) -> String {
        let after = entry.public.at.as_millisecond() - self.from.as_millisecond();
        let what: Vec<String> = entry.public.what.split(' ').map(shortened).collect();
        let what = plain(&what.join(" "));
        let said = match (&entry.public.kind, &entry.public.outcome) {
            (EntryKind::Intent, _) => format!("{what} …"),
            (_, Some(outcome)) => format!("{what}: {outcome}"),
            (_, None) => what,
        };
        format!("  {after:>6} ms  {:<10}  {said}", entry.connection.as_str())
    }
}

/// A digest by its beginning, any other word as it is.
fn shortened(word: &str) -> String {
    let is_digest = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        format!("{}…", crate::out::short(word))
    } else {
        word.to_owned()
    }
}
