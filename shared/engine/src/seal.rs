//! The end of a run: its journal becomes a signed receipt, and the goal is free again.

use bytes::Bytes;
use rollcall_evidence::{Receipt, seal};
use rollcall_model::RunState;
use rollcall_model::ledger::{RunClaim, Settle};
use serde_json::json;

use crate::{Engine, EngineError};

impl Engine {
    /// Seals and finishes. A try that died half-way is simply repeated: the ending is written down already, the last journal
    /// entry is recognised by its nonce, and the receipt is stored under the run's name.
    pub(crate) async fn seal(&self, claim: &mut RunClaim, ending: RunState) -> Result<(), EngineError> {
        let nonce = format!("{}-ended", claim.run.id);
        self.decided_as(claim, &format!("ended {}", ending.name()), json!({"why": ending.why()}), &nonce).await?;
        let journal = self.parts.ledger.journal(&claim.run.id).await?;
        let heads: Vec<_> = claim.heads.values().map(|head| head.chain.clone()).collect();
        let name = format!("receipts/{}.json", claim.run.id);
        let mut ended = claim.run.clone();
        ended.state = ending.clone();
        ended.ending = None;
        let unsigned = Receipt::of(&ended, &journal, &heads, &self.settings.binary_version).map_err(|why| EngineError::Receipt(why.to_string()))?;
        let receipt = seal(unsigned, self.parts.signer.as_ref()).await.map_err(|why| EngineError::Receipt(why.to_string()))?;
        let text = receipt.to_text().map_err(|why| EngineError::Receipt(why.to_string()))?;
        self.parts.files.put(&name, Bytes::from(text)).await?;
        claim.run.state = ending;
        claim.run.ending = None;
        claim.run.receipt = Some(name);
        self.settle(claim, Settle::Finish).await?;
        tracing::info!(run = %claim.run.id, state = claim.run.state.name(), "Run ended.");
        Ok(())
    }
}
