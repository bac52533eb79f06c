//! What the journal says about changes that an earlier try began.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, Lock, RunClaim};
use rollcall_model::plan::ChangeKey;
use rollcall_model::{Answer, ConnectionId, Entry, EntryKind};
use serde_json::Value;

use crate::{Engine, EngineError};

/// The sequence of the engine's own decisions.
pub(crate) const OWN: &str = "rollcall";

/// An intent without an observation: the call may have been made, and may still be under way until its deadline.
#[derive(Clone, Debug)]
pub(crate) struct OpenIntent {
    pub(crate) deadline: Timestamp,
}

/// Intents that nobody saw the end of, by change.
pub(crate) fn open_intents(entries: &[Entry]) -> BTreeMap<ChangeKey, OpenIntent> {
    let mut open = BTreeMap::new();
    for entry in entries {
        let Some(change) = &entry.change else { continue };
        match entry.public.kind {
            EntryKind::Intent => {
                let deadline = entry.deadline.unwrap_or(entry.public.at);
                open.insert(change.clone(), OpenIntent { deadline });
            }
            EntryKind::Observed => {
                open.remove(change);
            }
            EntryKind::Decision => {}
        }
    }
    open
}

impl Engine {
    /// Writes entries at the end of one sequence; the claim having passed on is an error that ends the work.
    pub(crate) async fn append(&self, head: &mut Head, lock: Option<&Lock>, drafts: Vec<Draft>, salt: &str) -> Result<(), EngineError> {
        if drafts.is_empty() {
            return Ok(());
        }
        let nonce = self.parts.ids.unique();
        self.append_as(head, lock, drafts, salt, &nonce).await
    }

    /// The same with a nonce that a later try would use again.
    pub(crate) async fn append_as(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        salt: &str,
        nonce: &str,
    ) -> Result<(), EngineError> {
        let at = self.now();
        match self.parts.ledger.append(head, lock, drafts, at, salt.as_bytes(), nonce).await? {
            Answer::Won(_) | Answer::AlreadyMine(_) => Ok(()),
            Answer::Lost(_) | Answer::Stale => Err(EngineError::Fenced(format!("{} of {}", head.chain.connection, head.chain.run))),
        }
    }

    /// Writes a decision of the engine.
    pub(crate) async fn decided(&self, claim: &mut RunClaim, what: &str, private: Value) -> Result<(), EngineError> {
        let nonce = self.parts.ids.unique();
        self.decided_as(claim, what, private, &nonce).await
    }

    /// The same with a nonce that a later try would use again.
    pub(crate) async fn decided_as(&self, claim: &mut RunClaim, what: &str, private: Value, nonce: &str) -> Result<(), EngineError> {
        let draft = Draft {
            kind: EntryKind::Decision,
            change: None,
            what: what.to_owned(),
            outcome: None,
            request_id: None,
            deadline: None,
            private,
        };
        let salt = claim.run.salt.clone();
        let head = claim
            .heads
            .get_mut(&ConnectionId::from(OWN))
            .ok_or_else(|| EngineError::Fenced(format!("the journal of {}", claim.run.id)))?;
        self.append_as(head, None, vec![draft], &salt, nonce).await
    }
}
