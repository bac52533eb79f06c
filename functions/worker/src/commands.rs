//! Commands that somebody asked the stack for, run as the operator that they are.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_commands::local::Store;
use rollcall_commands::remote::{Lent, Worked, run_order};
use rollcall_model::LedgerError;
use rollcall_runtime::RandomIds;
use rollcall_wiring::cloud::{Commands, Means};

/// Runs the commands of a stack.
pub(crate) struct Runner {
    /// The stack's name, for texts.
    stack: String,
}

impl Runner {
    /// For the stack of this name.
    pub(crate) fn new(stack: String) -> Self {
        Self { stack }
    }
}

#[async_trait]
impl Commands for Runner {
    async fn run(&self, id: &str, means: Means) -> Result<bool, LedgerError> {
        let Means {
            engine,
            connectors,
            stack,
            folder,
            until,
        } = means;
        let store = Store {
            folder: PathBuf::new(),
            stack: Some(self.stack.clone()),
            ledger: stack.ledger,
            queue: stack.queue,
            files: stack.files,
            clock: stack.clock,
            ids: Arc::new(RandomIds),
        };
        let lent = Lent {
            store,
            configuration: Arc::clone(engine.configuration()),
            folder,
            engine,
            connectors,
            secrets: stack.secrets,
        };
        Ok(run_order(id, until, lent).await? == Worked::Settled)
    }
}
