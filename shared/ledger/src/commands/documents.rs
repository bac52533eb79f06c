//! Small documents that stand by themselves.

use rollcall_model::ledger::Document;
use rollcall_model::{Answer, LedgerError, Timestamp};
use serde_json::Value;

use super::TableLedger;
use super::items::DocumentItem;
use super::keys;
use super::writing::{Done, TRIES, as_read, exhausted, put};
use crate::table::{Item, When, Write};

impl TableLedger {
    pub(super) async fn read_document(&self, kind: &str, id: &str) -> Result<Option<Document>, LedgerError> {
        match self.read(keys::document(kind, id)).await? {
            Some(item) => Ok(Some(self.document_from(&item).await?)),
            None => Ok(None),
        }
    }

    pub(super) async fn replace_document(&self, kind: &str, id: &str, body: &Value) -> Result<(), LedgerError> {
        let text = self.document_body(id, body, "").await?;
        for _ in 0..TRIES {
            let place = keys::document(kind, id);
            let old = self.read(place.clone()).await?;
            let part = put(place, text.clone(), as_read(old.as_ref()));
            if self.write(&[part], "document").await? != Done::No {
                return Ok(());
            }
        }
        exhausted()
    }

    pub(super) async fn add_document_until(
        &self,
        kind: &str,
        id: &str,
        body: &Value,
        nonce: &str,
        until: Option<Timestamp>,
    ) -> Result<Answer<()>, LedgerError> {
        let text = self.document_body(id, body, nonce).await?;
        for _ in 0..TRIES {
            let place = keys::document(kind, id);
            if let Some(old) = self.read(place.clone()).await? {
                let old: DocumentItem = self.decode(&old).await?;
                return Ok(if old.nonce == nonce {
                    Answer::AlreadyMine(())
                } else {
                    Answer::Lost(format!("there is a {kind} {id} already"))
                });
            }
            let part = Write::Put {
                key: place,
                body: text.clone(),
                due_at: None,
                expires_at: until.map(Timestamp::as_millisecond),
                when: When::Absent,
            };
            match self.write(&[part], nonce).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn delete_document(&self, kind: &str, id: &str) -> Result<(), LedgerError> {
        for _ in 0..TRIES {
            let Some(old) = self.read(keys::document(kind, id)).await? else {
                return Ok(());
            };
            let part = Write::Delete {
                key: old.key,
                when: When::Version(old.version),
            };
            if self.write(&[part], "document").await? != Done::No {
                return Ok(());
            }
        }
        exhausted()
    }

    pub(super) async fn list_documents(&self, kind: &str, most: usize) -> Result<Vec<Document>, LedgerError> {
        let items = self
            .table
            .query(&keys::documents_partition(kind), keys::DOCUMENTS, false, most)
            .await?;
        let mut documents = Vec::with_capacity(items.len());
        for item in &items {
            documents.push(self.document_from(item).await?);
        }
        Ok(documents)
    }

    pub(super) async fn document_body(&self, id: &str, body: &Value, nonce: &str) -> Result<String, LedgerError> {
        let item = DocumentItem {
            id: id.to_owned(),
            body: body.clone(),
            nonce: nonce.to_owned(),
        };
        self.encode("document", &item).await
    }

    async fn document_from(&self, item: &Item) -> Result<Document, LedgerError> {
        let document: DocumentItem = self.decode(item).await?;
        Ok(Document {
            id: document.id,
            body: document.body,
            version: item.version,
        })
    }
}
