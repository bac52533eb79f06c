//! Decisions that wait for a human.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountRef, Digest, ReviewId, RunId};
use crate::plan::ChangeKey;

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
    },
    /// Refused, by whom.
    Refused {
        /// The approver, as authenticated.
        by: String,
        /// When.
        at: Timestamp,
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
