//! Sealing where the key is: in the function `seal`, and on one machine.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rollcall_model::ledger::documents;
use rollcall_model::{Files, Ledger, LedgerError, Run, RunId, SealError, Sealer, Signer, SignerError, chain};

use crate::forgotten::{Forgotten, Statement};
use crate::receipt::{Receipt, SealError as SigningError, seal};

/// Reads a run, its ending, its journal and the journal's heads from the ledger, and makes, signs and keeps the receipt. It
/// never writes the ledger.
pub struct LocalSealer {
    ledger: Arc<dyn Ledger>,
    files: Arc<dyn Files>,
    signer: Arc<dyn Signer>,
}

/// The version that receipts and statements name: all crates of this program have one.
pub const VERSION: &str = concat!("rollcall ", env!("CARGO_PKG_VERSION"));

impl LocalSealer {
    /// A sealer over its parts.
    pub fn new(ledger: Arc<dyn Ledger>, files: Arc<dyn Files>, signer: Arc<dyn Signer>) -> Self {
        Self { ledger, files, signer }
    }

    /// Stores a document under its name, which is where a repetition finds it.
    async fn keep(&self, name: String, text: Result<String, serde_json::Error>) -> Result<String, SealError> {
        let text = text.map_err(|why| SealError::Refused(chain(&why)))?;
        let stored = self.files.put(&name, Bytes::from(text)).await;
        stored.map_err(|why| SealError::Unavailable(why.to_string()))?;
        Ok(name)
    }

    async fn unsealed(&self, run: &RunId) -> Result<Run, SealError> {
        let found = self.ledger.run(run).await.map_err(|why| ledger(&why))?;
        found.ok_or_else(|| SealError::Refused(format!("the ledger holds no run {run}")))
    }
}

#[async_trait]
impl Sealer for LocalSealer {
    async fn seal(&self, id: &RunId) -> Result<String, SealError> {
        let mut run = self.unsealed(id).await?;
        if run.state.is_final() {
            // It was sealed before it ended, and nothing of it has changed since.
            return run
                .receipt
                .ok_or_else(|| SealError::Refused(format!("run {id} has ended without a receipt")));
        }
        let Some(ending) = run.ending.take() else {
            return Err(SealError::Refused(format!(
                "run {id} is not ending: a receipt is made when how it ends is written down"
            )));
        };
        run.state = ending;
        // The heads first: an entry that is written in between makes the journal longer than they say, which is refused.
        let heads = self.ledger.chains(id).await.map_err(|why| ledger(&why))?;
        let journal = self.ledger.journal(id).await.map_err(|why| ledger(&why))?;
        let unsigned = Receipt::of(&run, &journal, &heads, VERSION).map_err(|why| SealError::Refused(chain(&why)))?;
        let receipt = seal(unsigned, self.signer.as_ref())
            .await
            .map_err(|why| unsigned_yet(&why))?;
        self.keep(name_of(id), receipt.to_text()).await
    }

    async fn seal_forgotten(&self, id: &str) -> Result<String, SealError> {
        let found = self.ledger.document(documents::FORGOTTEN, id).await;
        let Some(found) = found.map_err(|why| ledger(&why))? else {
            return Err(SealError::Refused(format!("the ledger holds nobody forgotten as {id}")));
        };
        let statement: Statement = serde_json::from_value(found.body)
            .map_err(|why| SealError::Refused(format!("what the ledger holds of {id} is no statement: {why}")))?;
        if statement.id != id {
            return Err(SealError::Refused(format!(
                "the statement {id} is about {}",
                statement.id
            )));
        }
        // A statement that names a run of somebody who is still known would say of them what is not so.
        for named in &statement.runs {
            let run = self.ledger.run(&named.run).await.map_err(|why| ledger(&why))?;
            if run.is_some_and(|run| run.forgotten() != Some(id)) {
                return Err(SealError::Refused(format!(
                    "whose run {} is, was not forgotten as {id}",
                    named.run
                )));
            }
        }
        let sealed = Forgotten::seal(statement, self.signer.as_ref())
            .await
            .map_err(|why| unsigned_yet(&why))?;
        self.keep(Forgotten::name(id), sealed.to_text()).await
    }
}

/// The name of a run's receipt in the files.
pub fn name_of(run: &RunId) -> String {
    format!("receipts/{run}.json")
}

fn unsigned_yet(why: &SigningError) -> SealError {
    match why {
        SigningError::Signer(SignerError::Unavailable(_)) => SealError::Unavailable(chain(why)),
        SigningError::Answer(_) | SigningError::Canonical(_) => SealError::Refused(chain(why)),
    }
}

fn ledger(why: &LedgerError) -> SealError {
    match why {
        LedgerError::Unavailable(_) | LedgerError::Throttled => SealError::Unavailable(why.to_string()),
        LedgerError::Corrupt { .. } | LedgerError::Unfit { .. } => SealError::Refused(why.to_string()),
    }
}
