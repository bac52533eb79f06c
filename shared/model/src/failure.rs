//! How a vendor call fails: decided in one table per connector, obeyed everywhere else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to do about a failed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// Try again, not before this long.
    Retry {
        /// How long the vendor asks us to wait, when it says so.
        after: Option<Duration>,
    },
    /// The vendor will never take this call.
    GiveUp,
    /// A person must change something (a permission, a setting, a blocker).
    NeedsHuman,
    /// Our credential is refused: alert the connection's owner.
    Credential,
}

/// Whether the call may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Executed {
    /// Certainly not.
    No,
    /// It may have; read before repeating.
    Maybe,
}

/// One failed vendor call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What to do.
    pub class: FailureClass,
    /// What happened, for people: the vendor's code and the next step; never a secret, never a whole body.
    pub reason: String,
    /// Whether the call may have had its effect.
    pub executed: Executed,
    /// The vendor's request id, when one came back.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure that is worth another try and had no effect.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self {
            class: FailureClass::Retry { after: None },
            reason: reason.into(),
            executed: Executed::No,
            request_id: None,
        }
    }

    /// A failure that no repetition mends and that had no effect.
    pub fn give_up(reason: impl Into<String>) -> Self {
        Self {
            class: FailureClass::GiveUp,
            reason: reason.into(),
            executed: Executed::No,
            request_id: None,
        }
    }

    /// A failure that somebody must mend and that had no effect.
    pub fn needs_human(reason: impl Into<String>) -> Self {
        Self {
            class: FailureClass::NeedsHuman,
            reason: reason.into(),
            executed: Executed::No,
            request_id: None,
        }
    }

    /// A refused credential.
    pub fn credential(reason: impl Into<String>) -> Self {
        Self {
            class: FailureClass::Credential,
            reason: reason.into(),
            executed: Executed::No,
            request_id: None,
        }
    }

    /// The same failure of a call that may have had its effect.
    #[must_use]
    pub fn maybe_executed(mut self) -> Self {
        self.executed = Executed::Maybe;
        self
    }

    /// The same failure with the vendor's request id.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// How long the vendor asks us to wait, when it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.class {
            FailureClass::Retry { after } => *after,
            _ => None,
        }
    }

    /// True when trying again later can help without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        matches!(self.class, FailureClass::Retry { .. })
    }

    /// True when it says nothing of what was asked: another try, or the same with a credential that is accepted, may be answered.
    pub fn may_pass(&self) -> bool {
        self.is_retryable() || self.class == FailureClass::Credential
    }
}
