//! Bodies too large for a message or a ledger item, evidence, receipts.

use async_trait::async_trait;
use bytes::Bytes;

/// Why a file could not be stored or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing is stored under this name.
    #[error("no file {0}")]
    Missing(String),
    /// The store did not answer as it should; worth another try.
    #[error("the file store failed: {0}")]
    Unavailable(String),
}

/// What names of files begin with, so that no two rooms use one folder for two things.
pub mod folders {
    /// Raw messages that are too long for a queue, by digest.
    pub const SIGNALS: &str = "signals/";
    /// Parts of the ledger that are too long for an item, by digest.
    pub const BODIES: &str = "bodies/";
    /// Configurations that runs pinned, by digest.
    pub const CONFIGURATIONS: &str = "configurations/";
    /// Receipts, and the statements about people who were forgotten.
    pub const RECEIPTS: &str = "receipts/";
    /// What long changes did, record by record, by run.
    pub const EVIDENCE: &str = "evidence/";
    /// What is remembered of a vendor for a day, by day.
    pub const KEPT: &str = "kept/";
    /// People who were announced, by digest.
    pub const EXPECTED: &str = "expected/";

    /// Every one.
    pub const ALL: &[&str] = &[SIGNALS, BODIES, CONFIGURATIONS, RECEIPTS, EVIDENCE, KEPT, EXPECTED];
}

/// A store of immutable bodies by name. Names are slash-separated ASCII: `signals/<sha256>`, `receipts/<run>.json`.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a body; storing the same name again replaces it with the same content.
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError>;
    /// Reads a body.
    async fn get(&self, name: &str) -> Result<Bytes, FileError>;
    /// Up to `most` names that begin with `prefix` and come after `after`, in order.
    async fn list(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, FileError> {
        let _ = (after, most);
        Err(FileError::Unavailable(format!("this store does not list {prefix}")))
    }
    /// Removes a body for good, older versions of it included as far as the store lets us. One that is not there is removed.
    async fn remove(&self, name: &str) -> Result<(), FileError> {
        Err(FileError::Unavailable(format!("this store does not remove {name}")))
    }
    /// Stores another body under a name and leaves no older version of it.
    async fn replace(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        self.put(name, body).await
    }
    /// Removes what lies under a prefix and was stored before a moment, all or a part of it; how many.
    async fn expire(&self, prefix: &str, before: jiff::Timestamp) -> Result<usize, FileError> {
        let _ = (prefix, before);
        Ok(0)
    }
    /// Where people find it: a path or a URL.
    fn locate(&self, name: &str) -> String;
}
