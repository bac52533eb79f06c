//! Sealing as a service: whoever runs the engine asks for a receipt and never holds the key.

use async_trait::async_trait;

use crate::ids::RunId;

/// Why there is no receipt yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The sealer, its key or its stores did not answer; worth another try.
    #[error("the receipt cannot be sealed now: {0}")]
    Unavailable(String),
    /// The ledger holds nothing that may be sealed: no such run, a run that is not ending, a journal that does not match its
    /// chain.
    #[error("the receipt is refused: {0}")]
    Refused(String),
}

/// Makes, signs and keeps the receipt of a run, out of what the ledger holds. The caller names a run and nothing else, so it
/// can have nothing signed that is not written down.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals the receipt of a run whose ending is written down and answers its name in the files: `receipts/<run>.json`.
    ///
    /// A repetition answers the same name. [`SealError::Refused`] for a run that is not ending.
    async fn seal(&self, run: &RunId) -> Result<String, SealError>;
}
