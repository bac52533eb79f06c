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

/// A store of immutable bodies by name. Names are slash-separated ASCII: `signals/<sha256>`, `receipts/<run>.json`.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a body; storing the same name again replaces it with the same content.
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError>;
    /// Reads a body.
    async fn get(&self, name: &str) -> Result<Bytes, FileError>;
    /// Where people find it: a path or a URL.
    fn locate(&self, name: &str) -> String;
}
