//! What the ledger says of accounts already.

use std::collections::hash_map::Entry;

use rollcall_model::ledger::{Document, documents};
use rollcall_model::{AccountRef, ConnectionId, PersonKey};
use rollcall_policy::link::Stored;
use serde_json::Value;

use super::decide::Links;
use crate::{Engine, EngineError};

/// More documents of a kind than any company has. A list that is as long as this may be cut short, and half of what is stored
/// is not what is stored.
const MOST: usize = 5_000_000;

impl Engine {
    /// Every stored link and every decision against one.
    pub(super) async fn stored_links(&self) -> Result<Stored, EngineError> {
        let mut stored = Stored::default();
        for document in self.all(documents::OWNER).await? {
            if let (Some(account), Some(person)) = (account(&document.id), person(&document.body)) {
                stored.owners.insert(account, person);
            }
        }
        // Runs of earlier versions left no owner, only the person's list.
        for document in self.all(documents::LINKS).await? {
            let key = PersonKey::new(document.id);
            let links: Links = serde_json::from_value(document.body).unwrap_or_default();
            for (connection, ids) in links {
                for id in ids {
                    if let Entry::Vacant(none) = stored.owners.entry(AccountRef::new(&connection, id)) {
                        none.insert(key.clone());
                    }
                }
            }
        }
        for document in self.all(documents::DENIED).await? {
            if let Some((person, of)) = document.id.split_once(' ')
                && let Some(account) = account(of)
            {
                stored.denied.insert((PersonKey::new(person), account));
            }
        }
        Ok(stored)
    }

    async fn all(&self, kind: &str) -> Result<Vec<Document>, EngineError> {
        let found = self.parts.ledger.documents(kind, MOST).await?;
        if found.len() >= MOST {
            return Err(EngineError::Refused(format!(
                "the ledger has more than {MOST} documents of the kind {kind}"
            )));
        }
        Ok(found)
    }
}

/// The account that a document is called after.
pub(super) fn account(id: &str) -> Option<AccountRef> {
    let (connection, id) = id.split_once('/')?;
    (!connection.is_empty() && !id.is_empty()).then(|| AccountRef::new(ConnectionId::new(connection), id))
}

/// The person's key in `{"person": key}`.
pub(super) fn person(body: &Value) -> Option<PersonKey> {
    body.get("person").and_then(Value::as_str).map(PersonKey::new)
}
