//! Decisions that wait for a human.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::{self, CanonicalError};
use crate::ids::{AccountRef, Digest, ReviewId, RunId};
use crate::plan::ChangeKey;
use crate::signer::Signature;

/// Name and version of the statement that an approver signs.
pub const APPROVAL_FORMAT: &str = "rollcall-approval/1";

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// What was asked may be done.
    Approved,
    /// It may not.
    Refused,
}

impl Decision {
    /// `approved`, `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

/// What an approver says about exactly one thing. Its canonical JSON is what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`APPROVAL_FORMAT`]: nothing else that a key of ours signs begins so.
    pub format: String,
    /// The review's id, or that of an announcement of leavers.
    pub about: String,
    /// The whole hash of the plan, or the announcement's digest.
    pub hash: Digest,
    /// Yes or no.
    pub decision: Decision,
    /// The approver, as authenticated by whoever signed.
    pub by: String,
    /// When it was signed, by the signer's clock.
    pub at: Timestamp,
    /// A statement that is made later than this does not count: the end of the review, or of the announced window.
    pub expires_at: Timestamp,
}

impl Statement {
    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        digest::canonical(self)
    }
}

/// A statement with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedApproval {
    /// What is said.
    pub statement: Statement,
    /// Ed25519 over the statement's bytes.
    pub signature: Signature,
}

impl SignedApproval {
    /// The state of a review that was decided so.
    pub fn into_state(self) -> ReviewState {
        let (by, at) = (self.statement.by.clone(), self.statement.at);
        let (decision, signed) = (self.statement.decision, Some(Box::new(self)));
        match decision {
            Decision::Approved => ReviewState::Approved { by, at, signed },
            Decision::Refused => ReviewState::Refused { by, at, signed },
        }
    }
}

/// Where a review stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// Nobody has decided.
    Open,
    /// Approved, by whom.
    Approved {
        /// The approver, as authenticated.
        by: String,
        /// When.
        at: Timestamp,
        /// Their signed word. None only where nobody decided and `on_expiry` did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Box<SignedApproval>>,
    },
    /// Refused, by whom.
    Refused {
        /// The approver, as authenticated.
        by: String,
        /// When.
        at: Timestamp,
        /// Their signed word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Box<SignedApproval>>,
    },
}

/// What a review is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewAbout {
    /// A whole stage.
    #[default]
    Stage,
    /// Whether an account is the person's.
    Account(AccountRef),
    /// One change of a stage.
    Change(ChangeKey),
}

/// One stage of one run, held until somebody decides about exactly this plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Identity: run, stage and plan hash.
    pub id: ReviewId,
    /// The run that waits.
    pub run: RunId,
    /// The stage that waits.
    pub stage: String,
    /// What would be done: a decision binds to this hash and to nothing else.
    pub plan_hash: Digest,
    /// Why it is held.
    pub reasons: Vec<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// After this moment a decision no longer counts.
    pub expires_at: Timestamp,
    /// The decision.
    pub state: ReviewState,
    /// What is asked.
    #[serde(default)]
    pub about: ReviewAbout,
    /// Who asked for the run; they may not decide.
    #[serde(default)]
    pub asked_by: Option<String>,
}
