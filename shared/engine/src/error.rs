//! Why a message could not be dealt with now. Each of these leaves the ledger consistent; the message comes again.

use rollcall_model::digest::CanonicalError;
use rollcall_model::{FileError, LedgerError, QueueError, SealError};

/// What stopped the work on a message.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger did not answer as it should.
    #[error("ledger")]
    Ledger(#[from] LedgerError),
    /// The queue did not answer as it should.
    #[error("queue")]
    Queue(#[from] QueueError),
    /// The file store did not answer as it should.
    #[error("files")]
    Files(#[from] FileError),
    /// There is no receipt yet.
    #[error("receipt")]
    Seal(#[from] SealError),
    /// A document has no canonical form, so it cannot be hashed.
    #[error("hash")]
    Canonical(#[from] CanonicalError),
    /// Somebody else has taken over what we held; they go on with it.
    #[error("the claim on {0} has passed to another worker")]
    Fenced(String),
    /// The message cannot be understood at all.
    #[error("not a message: {0}")]
    NotAMessage(String),
    /// A run's pinned configuration cannot be read.
    #[error("configuration: {0}")]
    Configuration(String),
    /// What somebody asked for cannot be done; says why and what to do.
    #[error("{0}")]
    Refused(String),
}

impl EngineError {
    /// True when another time, or another worker, may well succeed with the very same thing.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Ledger(_) | Self::Queue(_) | Self::Files(_) | Self::Seal(SealError::Unavailable(_)) | Self::Fenced(_)
        )
    }

    /// The error with its causes, for one log line.
    pub fn chain(&self) -> String {
        rollcall_model::chain(self)
    }
}
