//! People's keys: made with the first run of a person, kept apart from the runs.

use rollcall_model::ledger::documents;
use rollcall_model::run::derived_salt;
use rollcall_model::{LedgerError, PersonKey, Run};
use serde_json::{Value, json};

use super::TableLedger;
use super::items::DocumentItem;
use super::keys;
use super::writing::put;
use crate::table::{When, Write};

impl TableLedger {
    /// The part of an opening that makes the person's key, or makes the opening depend on the one that there is; and the salt
    /// that the run has under it. Made in one write with the run, so there is never a run without a key, nor a second key.
    pub(super) async fn key_for(&self, run: &Run) -> Result<(Write, String), LedgerError> {
        let id = documents::key_id(&run.plan.person);
        let place = keys::document(documents::KEY, &id);
        if let Some(item) = self.read(place.clone()).await? {
            let document: DocumentItem = self.decode(&item).await?;
            let key = text_of(&document.body).ok_or_else(|| gone(run))?;
            let salt = derived_salt(key, &run.id);
            let when = When::Version(item.version);
            return Ok((Write::Check { key: place, when }, salt));
        }
        if !run.is_salted() {
            return Err(LedgerError::Unfit {
                item: format!("run {}", run.id),
                why: "it brings nothing that its person's key could be made of".to_owned(),
            });
        }
        let body = self.document_body(&id, &json!({"key": run.salt}), "").await?;
        Ok((put(place, body, When::Absent), derived_salt(&run.salt, &run.id)))
    }

    /// A run with its salt, for whoever goes on writing its journal.
    pub(super) async fn salted(&self, run: Run) -> Result<Run, LedgerError> {
        let run = self.salted_if_kept(run).await?;
        if run.is_salted() { Ok(run) } else { Err(gone(&run)) }
    }

    /// The same for reading: without a salt once the key is destroyed.
    pub(super) async fn salted_if_kept(&self, mut run: Run) -> Result<Run, LedgerError> {
        if !run.is_salted()
            && let Some(key) = self.key(&run.plan.person).await?
        {
            run.salt = derived_salt(&key, &run.id);
        }
        Ok(run)
    }

    async fn key(&self, person: &PersonKey) -> Result<Option<String>, LedgerError> {
        let document = self.read_document(documents::KEY, &documents::key_id(person)).await?;
        Ok(document.and_then(|document| text_of(&document.body).map(str::to_owned)))
    }
}

fn text_of(body: &Value) -> Option<&str> {
    body.get("key").and_then(Value::as_str).filter(|key| !key.is_empty())
}

fn gone(run: &Run) -> LedgerError {
    LedgerError::Corrupt {
        item: format!("run {}", run.id),
        why: "the key of its person is not there, so its journal cannot go on".to_owned(),
    }
}
