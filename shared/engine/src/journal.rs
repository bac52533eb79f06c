//! What the journal says about changes that an earlier try began.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_model::journal::Draft;
use rollcall_model::ledger::{Head, Lock, RunClaim};
use rollcall_model::plan::ChangeKey;
use rollcall_model::{Answer, ConnectionId, Entry, EntryKind, Outcome};
use serde_json::Value;

use crate::{Engine, EngineError};

/// The sequence of the engine's own decisions.
pub(crate) const OWN: &str = "rollcall";

/// An intent without an observation: the call may have been made, and may still be under way until its deadline.
#[derive(Clone, Debug)]
pub(crate) struct OpenIntent {
    pub(crate) deadline: Timestamp,
}

/// What the journal says of each change: begun and not seen to the end, or how it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journalled {
    /// Intents that nobody saw the end of.
    pub(crate) open: BTreeMap<ChangeKey, OpenIntent>,
    /// The last outcome that was seen. The run itself may not have been written back after it.
    pub(crate) seen: BTreeMap<ChangeKey, Outcome>,
}

impl Journalled {
    /// Reads the entries in order.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut journalled = Self::default();
        for entry in entries {
            let Some(change) = &entry.change else { continue };
            match entry.public.kind {
                EntryKind::Intent => {
                    let deadline = entry.deadline.unwrap_or(entry.public.at);
                    journalled.open.insert(change.clone(), OpenIntent { deadline });
                    journalled.seen.remove(change);
                }
                EntryKind::Observed => {
                    journalled.open.remove(change);
                    let reason = entry.private.get("reason").and_then(Value::as_str);
                    let outcome = entry
                        .public
                        .outcome
                        .as_deref()
                        .and_then(|name| Outcome::named(name, reason));
                    journalled.seen.extend(outcome.map(|outcome| (change.clone(), outcome)));
                }
                EntryKind::Decision | EntryKind::Progress => {}
            }
        }
        journalled
    }
}

impl Engine {
    /// Writes entries at the end of one sequence; the claim having passed on is an error that ends the work.
    pub(crate) async fn append(
        &self,
        head: &mut Head,
        lock: Option<&Lock>,
        drafts: Vec<Draft>,
        salt: &str,
    ) -> Result<(), EngineError> {
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
        match self
            .parts
            .ledger
            .append(head, lock, drafts, at, salt.as_bytes(), nonce)
            .await?
        {
            Answer::Won(_) | Answer::AlreadyMine(_) => Ok(()),
            Answer::Lost(_) | Answer::Stale => Err(EngineError::Fenced(format!(
                "{} of {}",
                head.chain.connection, head.chain.run
            ))),
        }
    }

    /// Writes a decision of the engine.
    pub(crate) async fn decided(&self, claim: &mut RunClaim, what: &str, private: Value) -> Result<(), EngineError> {
        let nonce = self.parts.ids.unique();
        self.decided_as(claim, what, private, &nonce).await
    }

    /// The same with a nonce that a later try would use again.
    pub(crate) async fn decided_as(
        &self,
        claim: &mut RunClaim,
        what: &str,
        private: Value,
        nonce: &str,
    ) -> Result<(), EngineError> {
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
