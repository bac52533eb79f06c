//! Forgetting somebody: page by page over the whole ledger, because a name may stand anywhere.
//!
//! What is theirs goes. Of their runs and journals stays what a receipt shows: it names nobody. From what is somebody else's
//! their names are taken out. Each item is written by itself under the version that was read, so a pass that died is simply
//! begun again, and a pass that finds nothing says that it is done.

use rollcall_model::ledger::{Forgot, Whom, documents};
use rollcall_model::redact::Names;
use rollcall_model::{AccountRef, Entry, LedgerError, Review, ReviewAbout, ReviewState, RunId, SignalBody, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TableLedger;
use super::items::{EventItem, InboxItem, LockItem, RunItem};
use super::writing::Done;
use super::{body, keys};
use crate::table::{Item, Key, When, Write};

/// Items of one page.
const PAGE: usize = 200;

/// What becomes of an item.
enum Fate {
    /// Nothing in it is theirs.
    Stays,
    /// It is theirs, and goes; what it is.
    Goes(&'static str),
    /// It stays, with this content; what was taken out of it.
    Becomes(String, &'static str),
    /// It must not be touched, so nobody can be forgotten now; why.
    Bars(String),
}

impl TableLedger {
    pub(super) async fn forget_page(
        &self,
        whom: &Whom,
        after: Option<&(String, String)>,
        now: Timestamp,
        dry: bool,
    ) -> Result<Forgot, LedgerError> {
        let names = whom.texts();
        let after = after.map(|(pk, sk)| Key::new(pk.as_str(), sk.as_str()));
        let (items, next) = self.table.scan(after.as_ref(), PAGE).await?;
        let mut forgot = Forgot {
            next: next.map(|key| (key.pk, key.sk)),
            ..Forgot::default()
        };
        for item in items {
            let fate = match self.fate(whom, &names, &item, now).await {
                // What cannot be read may name anybody.
                Err(LedgerError::Corrupt { item, why }) => Fate::Bars(format!("the item {item} cannot be read: {why}")),
                fate => fate?,
            };
            let (part, what) = match fate {
                Fate::Stays => {
                    forgot.bodies.extend(body::file_of(&item.body));
                    continue;
                }
                Fate::Bars(why) => {
                    forgot.bodies.extend(body::file_of(&item.body));
                    forgot.obstacles.insert(why);
                    continue;
                }
                Fate::Goes(what) => {
                    let part = Write::Delete {
                        key: item.key.clone(),
                        when: When::Version(item.version),
                    };
                    (part, what)
                }
                Fate::Becomes(text, what) => {
                    forgot.bodies.extend(body::file_of(&text));
                    let part = Write::Put {
                        key: item.key.clone(),
                        body: text,
                        due_at: item.due_at,
                        expires_at: item.expires_at,
                        when: When::Version(item.version),
                    };
                    (part, what)
                }
            };
            if !dry {
                if what == "events" {
                    self.forget_signal(&item).await?;
                }
                // Somebody wrote it meanwhile: the next pass reads what they wrote.
                if self.write(&[part], &format!("forget {}", whom.id)).await? == Done::No {
                    forgot.bodies.extend(body::file_of(&item.body));
                }
            }
            *forgot.destroyed.entry(what.to_owned()).or_default() += 1;
        }
        Ok(forgot)
    }

    async fn fate(&self, whom: &Whom, names: &Names, item: &Item, now: Timestamp) -> Result<Fate, LedgerError> {
        let Key { pk, sk } = &item.key;
        if let Some(run) = pk.strip_prefix("RUN#") {
            let run = RunId::new(run);
            return if whom.runs.contains(&run) {
                self.of_their_run(whom, item).await
            } else {
                self.of_another_run(names, item).await
            };
        }
        if let Some(kind) = pk.strip_prefix("DOC#") {
            return self.of_document(whom, names, kind, item).await;
        }
        let named = names.stand_in(pk) || names.stand_in(sk);
        if pk.starts_with("OPEN#") && named {
            return Ok(Fate::Bars("a run of theirs is open".to_owned()));
        }
        if pk.starts_with("LOCK#") && named {
            let lock: LockItem = self.decode(item).await?;
            return Ok(match lock.lease.filter(|lease| lease.until > now) {
                Some(lease) => Fate::Bars(format!(
                    "a worker has claimed one of their accounts until {}",
                    lease.until
                )),
                None => Fate::Goes("claims"),
            });
        }
        if pk.starts_with("ACC#") && named {
            let place = sk.strip_prefix("IN#").and_then(|place| place.parse::<u64>().ok());
            let head = match place {
                None => Some(item.clone()),
                Some(_) => self.read(Key::new(pk.as_str(), keys::INBOX)).await?,
            };
            if let Some(head) = head {
                let account = self.decode::<InboxItem>(&head).await?.account;
                let waiting = self.inbox_from(&account, Some(&head)).await?.rows;
                if waiting.iter().any(|row| place.is_none_or(|place| row.seq == place)) {
                    return Ok(Fate::Bars("an event about them waits to be dealt with".to_owned()));
                }
            }
            return Ok(Fate::Goes("inbox rows"));
        }
        if pk.starts_with("EV#") {
            return self.of_event(whom, names, item).await;
        }
        if pk.starts_with("TIMERS#") {
            let timer: Value = self.decode(item).await?;
            return Ok(match timer.get("body") {
                Some(body) if is_theirs(whom, body) => {
                    let open = matches!(text(body, "state"), Some("waiting" | "beginning"));
                    if open {
                        Fate::Bars("a leave is agreed for them: `rollcall leave list`".to_owned())
                    } else {
                        Fate::Goes("timers")
                    }
                }
                _ => self.cleared(names, item, timer, "mentions").await?,
            });
        }
        if pk.starts_with("REVIEW#") {
            return self.of_review(whom, names, item, named).await;
        }
        if named {
            return Ok(Fate::Goes("list entries"));
        }
        let body: Value = self.decode(item).await?;
        self.cleared(names, item, body, "mentions").await
    }

    /// Their run keeps what its receipt shows, its journal the public parts.
    async fn of_their_run(&self, whom: &Whom, item: &Item) -> Result<Fate, LedgerError> {
        let sk = item.key.sk.as_str();
        if sk == keys::RUN {
            let mut kept: RunItem = self.decode(item).await?;
            if kept.run.forgotten().is_some() {
                return Ok(Fate::Stays);
            }
            if !kept.finished {
                return Ok(Fate::Bars(format!(
                    "{} has not ended: `rollcall explain {}` tells what it waits for",
                    kept.run.id, kept.run.id
                )));
            }
            kept.run.forget(&whom.id);
            return Ok(Fate::Becomes(self.encode("run", &kept).await?, "runs"));
        }
        if sk.starts_with(keys::ENTRIES) {
            let mut entry: Entry = self.decode(item).await?;
            if entry.private.is_null() && entry.change.is_none() {
                return Ok(Fate::Stays);
            }
            entry.private = Value::Null;
            entry.change = None;
            return Ok(Fate::Becomes(
                self.encode("journal entry", &entry).await?,
                "journal entries",
            ));
        }
        Ok(if sk.starts_with(keys::HEADS) {
            Fate::Stays
        } else {
            Fate::Goes("list entries")
        })
    }

    /// Somebody else's run may name them: a manager, a successor, whoever approved it.
    async fn of_another_run(&self, names: &Names, item: &Item) -> Result<Fate, LedgerError> {
        let sk = item.key.sk.as_str();
        if sk == keys::RUN {
            let kept: Value = self.decode(item).await?;
            let finished = kept.get("finished").and_then(Value::as_bool) == Some(true);
            let id = item.key.pk.trim_start_matches("RUN#");
            return Ok(match self.cleared(names, item, kept, "mentions").await? {
                Fate::Becomes(..) if !finished => {
                    Fate::Bars(format!("{id} of somebody else names them and has not ended"))
                }
                Fate::Becomes(text, what) => {
                    // A run that could not be read again would be worse than one that names them.
                    parsed::<RunItem>(item, &text, self).await?;
                    Fate::Becomes(text, what)
                }
                other => other,
            });
        }
        if sk.starts_with(keys::ENTRIES) {
            let mut entry: Entry = self.decode(item).await?;
            let change = entry.change.as_ref().is_some_and(|key| names.stand_in(key.as_str()));
            if !names.clear(&mut entry.private) && !change {
                return Ok(Fate::Stays);
            }
            let run = RunId::new(item.key.pk.trim_start_matches("RUN#"));
            let owner = self.read(keys::run(&run)).await?;
            let finished = match owner {
                Some(owner) => self.decode::<RunItem>(&owner).await?.finished,
                None => true,
            };
            if !finished {
                return Ok(Fate::Bars(format!(
                    "{run} of somebody else names them and has not ended"
                )));
            }
            if change {
                entry.change = None;
            }
            return Ok(Fate::Becomes(self.encode("journal entry", &entry).await?, "mentions"));
        }
        Ok(Fate::Stays)
    }

    async fn of_document(&self, whom: &Whom, names: &Names, kind: &str, item: &Item) -> Result<Fate, LedgerError> {
        let id = item.key.sk.trim_start_matches(keys::DOCUMENTS);
        match kind {
            documents::KEY => {
                let theirs = whom.persons.iter().any(|person| documents::key_id(person) == id);
                return Ok(if theirs { Fate::Goes("keys") } else { Fate::Stays });
            }
            documents::FORGETTING | documents::FORGOTTEN => return Ok(Fate::Stays),
            _ => {}
        }
        let body: Value = self.decode(item).await?;
        let inner = body.get("body").cloned().unwrap_or_default();
        let theirs = match kind {
            documents::LINK => text(inner.get("person").unwrap_or(&Value::Null), "key")
                .is_some_and(|key| whom.persons.iter().any(|person| person.as_str() == key)),
            documents::OWNER | documents::NAME => is_theirs(whom, &inner),
            documents::OBSERVED => whom.runs.contains(&RunId::new(id)),
            documents::PLAN | documents::DEAD => names.stand_in_document(&inner),
            _ => false,
        };
        Ok(if theirs || names.stand_in(id) {
            Fate::Goes(match kind {
                documents::PLAN => "plans",
                documents::DEAD => "dead letters",
                documents::FINDING => "findings",
                documents::EXPECTED => "announcements",
                documents::EXCEPTION => "exceptions",
                documents::OBSERVED => "observations",
                _ => "links and names",
            })
        } else {
            self.cleared(names, item, body, "mentions").await?
        })
    }

    async fn of_event(&self, whom: &Whom, names: &Names, item: &Item) -> Result<Fate, LedgerError> {
        if item.key.sk == "EVENT" {
            let event: EventItem = self.decode(item).await?;
            if event
                .event
                .account
                .is_some_and(|account| whom.accounts.contains(&account))
            {
                return Ok(Fate::Goes("events"));
            }
        }
        if names.stand_in(&item.key.pk) {
            return Ok(Fate::Goes("events"));
        }
        let body: Value = self.decode(item).await?;
        // What was made of an event names the run that came of it: for theirs it goes with the event.
        let run = body.get("run").and_then(Value::as_str);
        if item.key.sk == "MADE" && run.is_some_and(|run| whom.runs.contains(&RunId::new(run))) {
            return Ok(Fate::Goes("events"));
        }
        self.cleared(names, item, body, "mentions").await
    }

    async fn of_review(&self, whom: &Whom, names: &Names, item: &Item, named: bool) -> Result<Fate, LedgerError> {
        let mut review: Review = self.decode(item).await?;
        if !whom.runs.contains(&review.run) {
            if named {
                return Ok(Fate::Goes("reviews"));
            }
            let body: Value = self.decode(item).await?;
            return Ok(match self.cleared(names, item, body, "mentions").await? {
                Fate::Becomes(..) if review.state == ReviewState::Open => Fate::Bars(format!(
                    "the review {} of somebody else names them and is open",
                    review.id
                )),
                other => other,
            });
        }
        if named {
            return Ok(Fate::Goes("reviews"));
        }
        if review.reasons.is_empty() && review.about == ReviewAbout::Stage {
            return Ok(Fate::Stays);
        }
        review.reasons.clear();
        review.about = ReviewAbout::Stage;
        Ok(Fate::Becomes(self.encode("review", &review).await?, "reviews"))
    }

    /// An item without their names.
    async fn cleared(
        &self,
        names: &Names,
        item: &Item,
        mut body: Value,
        what: &'static str,
    ) -> Result<Fate, LedgerError> {
        if !names.clear(&mut body) {
            return Ok(Fate::Stays);
        }
        let text = self.encode(&item.key.pk, &body).await?;
        Ok(Fate::Becomes(text, what))
    }

    /// The raw message of an event that is about to go.
    async fn forget_signal(&self, item: &Item) -> Result<(), LedgerError> {
        if item.key.sk != "EVENT" {
            return Ok(());
        }
        let event: EventItem = self.decode(item).await?;
        if let SignalBody::File(digest) = &event.signal.body {
            let removed = self.files.remove(&format!("signals/{digest}")).await;
            removed.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
        }
        Ok(())
    }
}

/// Whether a document says by its person, account or run whose it is.
fn is_theirs(whom: &Whom, body: &Value) -> bool {
    let person = text(body, "person").is_some_and(|person| whom.persons.iter().any(|one| one.as_str() == person));
    let run = text(body, "run").is_some_and(|run| whom.runs.contains(&RunId::new(run)));
    let subject = body
        .get("subject")
        .and_then(|subject| serde_json::from_value::<AccountRef>(subject.clone()).ok());
    person || run || subject.is_some_and(|subject| whom.accounts.contains(&subject))
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// Reads what is about to be written, so that nothing unreadable is.
async fn parsed<T: DeserializeOwned>(item: &Item, text: &str, ledger: &TableLedger) -> Result<T, LedgerError> {
    let other = Item {
        body: text.to_owned(),
        ..item.clone()
    };
    ledger.decode(&other).await
}
