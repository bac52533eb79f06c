//! The end of a run: its journal becomes a signed receipt, and the goal is free again.

use rollcall_model::ledger::{RunClaim, Settle};
use rollcall_model::{Answer, RunState};
use serde_json::json;

use crate::{Engine, EngineError};

impl Engine {
    /// Seals and finishes. A try that died half-way is simply repeated: the ending is written down already, the last journal
    /// entry is recognised by its nonce, and the receipt is stored under the run's name. Whoever seals reads the ledger and is
    /// told nothing, so what the receipt says of the run is written back first.
    ///
    /// False when an event joined the run in the meantime: the claim is renewed and names it, and the caller looks again.
    pub(crate) async fn seal(&self, claim: &mut RunClaim, ending: RunState) -> Result<bool, EngineError> {
        self.name_triggers(claim).await?;
        let nonce = format!("{}-ended", claim.run.id);
        self.decided_as(
            claim,
            &format!("ended {}", ending.name()),
            json!({"why": ending.why()}),
            &nonce,
        )
        .await?;
        claim.run.ending = Some(ending.clone());
        self.settle(claim, Settle::Keep).await?;
        let name = self.parts.sealer.seal(&claim.run.id).await?;
        claim.run.state = ending;
        claim.run.ending = None;
        claim.run.receipt = Some(name);
        let nonce = self.parts.ids.unique();
        match self
            .parts
            .ledger
            .settle(claim, Settle::FinishUnlessJoined, &nonce)
            .await?
        {
            Answer::Won(()) | Answer::AlreadyMine(()) => {
                tracing::info!(run = %claim.run.id, state = claim.run.state.name(), "Run ended.");
                Ok(true)
            }
            Answer::Lost(_) => Err(EngineError::Fenced(claim.run.id.to_string())),
            Answer::Stale => {
                let holder = claim.holder.clone();
                match self
                    .parts
                    .ledger
                    .claim_run(&claim.run.id, &holder, self.now())
                    .await?
                    .mine()
                {
                    Some(renewed) => *claim = renewed,
                    None => return Err(EngineError::Fenced(claim.run.id.to_string())),
                }
                Ok(false)
            }
        }
    }

    /// Names the events that joined since the run was opened.
    async fn name_triggers(&self, claim: &mut RunClaim) -> Result<(), EngineError> {
        for key in self.parts.ledger.triggers(&claim.run.id).await? {
            if !claim.run.triggers.contains(&key) {
                claim.run.triggers.push(key);
            }
        }
        Ok(())
    }
}
