//! Approvals as signed statements: who says yes or no to exactly what, in a form that whoever acts on it can check and cannot
//! make.
//!
//! The statement is canonical JSON and some 300 bytes long; AWS KMS signs messages of up to 4096 bytes (KMS API reference,
//! `Sign`, `Message`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rollcall_model::digest::CanonicalError;
use rollcall_model::{
    APPROVAL_FORMAT, Decision, Digest, Review, ReviewState, Signature, SignedApproval, Signer, SignerError, Statement,
    Verifier,
};

use crate::public_key::PublicKey;
use crate::receipt::ALGORITHM;

/// What is asked, as whoever counts the answer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The review's id, or that of an announcement.
    pub about: &'a str,
    /// The hash that the answer must bind to.
    pub hash: &'a Digest,
    /// The last moment at which an answer counts.
    pub until: Timestamp,
}

impl<'a> Question<'a> {
    /// What a review asks.
    pub fn of(review: &'a Review) -> Self {
        Self {
            about: review.id.as_str(),
            hash: &review.plan_hash,
            until: review.expires_at,
        }
    }

    /// The statement that answers it.
    pub fn answer(&self, decision: Decision, by: &str, at: Timestamp) -> Statement {
        Statement {
            format: APPROVAL_FORMAT.to_owned(),
            about: self.about.to_owned(),
            hash: self.hash.clone(),
            decision,
            by: by.to_owned(),
            at,
            expires_at: self.until,
        }
    }
}

/// Why an approval does not count. None of these texts names a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It carries no statement.
    #[error("it is not signed")]
    Unsigned,
    /// A version of the statement that this program does not know.
    #[error("its statement is of another format than {APPROVAL_FORMAT}")]
    Format,
    /// It answers another question.
    #[error("its statement is about something else")]
    About,
    /// It binds to another plan.
    #[error("its statement names another hash")]
    Hash,
    /// What is recorded is not what was signed.
    #[error("what is recorded is not what its statement says")]
    Recorded,
    /// It was made after its time.
    #[error("its statement was made at {at}, and it counted until {until} only")]
    Late {
        /// When it was made.
        at: Timestamp,
        /// Until when it counted.
        until: Timestamp,
    },
    /// It has no canonical form, so nobody can have signed it.
    #[error("its statement has no canonical form")]
    Canonical,
    /// No key that counts here made the signature.
    #[error("its signature is by no approval key in use (key id {0})")]
    Signature(String),
}

/// Why a statement could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The key's holder could not sign.
    #[error("the approval could not be signed")]
    Signer(#[from] SignerError),
    /// The statement has no canonical form.
    #[error("the approval has no canonical form")]
    Canonical(#[from] CanonicalError),
}

/// Signs a statement.
pub async fn sign(statement: Statement, signer: &dyn Signer) -> Result<SignedApproval, ApprovalError> {
    let signature = signer.sign(&statement.to_bytes()?).await?;
    Ok(SignedApproval { statement, signature })
}

/// Checks that a statement answers exactly this question, was made in time, and is signed by a key that counts.
pub fn check(signed: &SignedApproval, question: &Question<'_>, keys: &dyn Verifier) -> Result<(), Doubt> {
    let statement = &signed.statement;
    let bytes = statement.to_bytes().map_err(|_| Doubt::Canonical)?;
    if !keys.verifies(&bytes, &signed.signature) {
        // The id stands in a log line and comes from whoever wrote the approval.
        let id = &signed.signature.key_id;
        let id = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        return Err(Doubt::Signature(id));
    }
    if statement.format != APPROVAL_FORMAT {
        return Err(Doubt::Format);
    }
    if statement.about != question.about {
        return Err(Doubt::About);
    }
    if statement.hash != *question.hash {
        return Err(Doubt::Hash);
    }
    let until = statement.expires_at.min(question.until);
    if statement.at > until {
        return Err(Doubt::Late {
            at: statement.at,
            until,
        });
    }
    Ok(())
}

/// Checks that a review's recorded decision is the signed answer to what it asks. An open review has nothing to check.
pub fn check_review(review: &Review, keys: &dyn Verifier) -> Result<(), Doubt> {
    let signed = match &review.state {
        ReviewState::Open => return Ok(()),
        ReviewState::Approved { signed, .. } | ReviewState::Refused { signed, .. } => signed,
    };
    let signed = signed.as_deref().ok_or(Doubt::Unsigned)?;
    check(signed, &Question::of(review), keys)?;
    if signed.clone().into_state() == review.state {
        Ok(())
    } else {
        Err(Doubt::Recorded)
    }
}

/// The public keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<PublicKey>);

impl Keys {
    /// These keys and no others.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl From<PublicKey> for Keys {
    fn from(key: PublicKey) -> Self {
        Self::new([key])
    }
}

impl Verifier for Keys {
    fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        signature.algorithm == ALGORITHM
            && STANDARD.decode(&signature.value).is_ok_and(|value| {
                let mut keys = self.0.iter().filter(|key| key.key_id() == signature.key_id);
                keys.any(|key| key.verifies(bytes, &value))
            })
    }
}

#[cfg(test)]
mod tests;
