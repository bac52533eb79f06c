//! After the ledger was restored to an earlier moment, vendors are further along than it knows.
//!
//! What can be read back needs nothing: it is read before it is written, found done, and left alone. A message cannot be read
//! back by its state. So for some days after a restoration messages without an intent are treated as if their intent had been
//! lost with the journal: they are looked for first, and those that cannot be looked for are not sent.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{RunClaim, documents};
use rollcall_model::{Ledger, LedgerError};
use rollcall_runtime::clock::plus;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Engine, EngineError};

/// There is one ledger, and its last restoration counts.
const LEDGER: &str = "ledger";
/// How long messages are looked for first. Events of the lost time come again within days, if they come at all, and Slack is
/// searched this far back.
const LOOK_FIRST: Duration = Duration::from_hours(7 * 24);

/// That the ledger was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The moment whose state it has again.
    pub as_of: Timestamp,
    /// When somebody said so.
    pub at: Timestamp,
    /// The operator, as authenticated.
    pub by: String,
}

/// Keeps that the ledger was restored. Before workers go on with it, or messages are sent twice.
pub async fn mark_restored(ledger: &dyn Ledger, restored: &Restored) -> Result<(), LedgerError> {
    ledger.put_document(documents::RESTORED, LEDGER, &json!(restored)).await
}

impl Engine {
    /// The restoration that still counts.
    pub(crate) async fn restoration(&self) -> Result<Option<Restored>, EngineError> {
        let kept = self.parts.ledger.document(documents::RESTORED, LEDGER).await?;
        let restored: Option<Restored> = kept.and_then(|kept| serde_json::from_value(kept.body).ok());
        Ok(restored.filter(|restored| self.now() < plus(restored.at, LOOK_FIRST)))
    }

    /// The journal of a run that was open when the ledger was lost does not hold all that was done for it: its story and its
    /// receipt say so, once.
    pub(crate) async fn note_restored(&self, claim: &mut RunClaim) -> Result<(), EngineError> {
        let Some(restored) = self.restoration().await? else {
            return Ok(());
        };
        if claim.run.opened_at >= restored.at {
            return Ok(());
        }
        let note = format!(
            "the ledger was restored at {} to its state of {}: what was done in between is not in this journal, and shows here as found so",
            restored.at, restored.as_of
        );
        if claim.run.notes.iter().all(|known| known.text != note) {
            let what = format!("ledger restored to {}", restored.as_of);
            self.decided(claim, &what, json!({"restored": restored})).await?;
            claim.run.note(self.now(), note);
        }
        Ok(())
    }
}
