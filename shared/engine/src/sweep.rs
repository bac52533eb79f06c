//! The clock's sweep: what became due and whose wake was lost goes back to a queue.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::Due;
use rollcall_model::{Lane, Ledger, Message, Queue};

use crate::{Engine, EngineError};

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Wakes sent.
    pub woken: usize,
}

impl Engine {
    /// Sends a wake for everything that is due.
    pub async fn sweep(&self) -> Result<Swept, EngineError> {
        sweep(self.parts.ledger.as_ref(), self.parts.queue.as_ref(), self.now()).await
    }
}

/// Sends a wake for everything that is due. It decides nothing (a wake too many loses the claim), so whoever sweeps needs
/// neither the configuration nor a secret.
pub async fn sweep(ledger: &dyn Ledger, queue: &dyn Queue, now: Timestamp) -> Result<Swept, EngineError> {
    let due = ledger.due(now, 500).await?;
    let mut urgent = Vec::new();
    let mut work = Vec::new();
    for one in due {
        let (lane, message) = match one {
            Due::Account(account) => (&mut urgent, Message::WakeAccount(account)),
            Due::Run(run) => (&mut work, Message::WakeRun(run)),
            Due::Timer(timer) => (&mut work, Message::WakeTimer(timer)),
        };
        if let Ok(body) = serde_json::to_string(&message) {
            lane.push(body);
        }
    }
    let woken = urgent.len() + work.len();
    for (lane, bodies) in [(Lane::Urgent, urgent), (Lane::Work, work)] {
        if !bodies.is_empty() {
            queue.send(lane, &bodies, Duration::ZERO).await?;
        }
    }
    if woken > 0 {
        tracing::info!(woken, "Due work was woken.");
    }
    Ok(Swept { woken })
}
