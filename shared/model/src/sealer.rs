//! Sealing as a service: whoever runs the engine asks for a receipt or a statement and never holds the key.

use async_trait::async_trait;

use crate::ids::RunId;

/// Why there is no receipt yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The sealer, its key or its stores did not answer; worth another try.
    #[error("it cannot be sealed now: {0}")]
    Unavailable(String),
    /// The ledger holds nothing that may be sealed: no such run, a run that is not ending, a journal that does not match its
    /// chain, nobody who was forgotten.
    #[error("sealing is refused: {0}")]
    Refused(String),
}

/// Makes, signs and keeps what must be proven, out of what the ledger holds. The caller names it and says nothing else, so it can
/// have nothing signed that is not written down.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals the receipt of a run whose ending is written down and answers its name in the files: `receipts/<run>.json`.
    ///
    /// A repetition answers the same name. [`SealError::Refused`] for a run that is not ending.
    async fn seal(&self, run: &RunId) -> Result<String, SealError>;

    /// Seals the statement that somebody was forgotten, by what stands for them (`fg_…`), and answers its name in the files.
    ///
    /// A repetition answers the same name. [`SealError::Refused`] when the ledger holds no such statement.
    async fn seal_forgotten(&self, id: &str) -> Result<String, SealError>;
}
