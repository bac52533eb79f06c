//! A bug of ours that strikes again and again: it costs one event or one run, never the worker, and never others their turn.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use rollcall_model::ledger::{Inbox, InboxRow, Lock, RunClaim};
use rollcall_model::{RunId, RunState};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use tracing::Instrument as _;

use crate::drain::{Drained, Taken, Until};
use crate::{Engine, EngineError};

impl Engine {
    /// Deals with an inbox's first row; a panic, or an error that no repetition mends, counts as a try, so that the row ends
    /// in the dead letters instead of coming back for ever.
    pub(crate) async fn take_or_count(
        &self,
        row: &InboxRow,
        lock: &Lock,
        inbox: Inbox,
        drained: &mut Drained,
    ) -> Result<Taken, EngineError> {
        let before = inbox.clone();
        let why = match AssertUnwindSafe(self.take(row, lock, inbox, drained))
            .catch_unwind()
            .await
        {
            Ok(Err(error)) if !error.is_passing() => error.chain(),
            Ok(taken) => return taken,
            Err(panic) => format!("panic: {}", text(panic.as_ref())),
        };
        self.later(lock, before, row, codes::HANDLER_PANICKED, &why, None).await
    }

    /// Drives a run; a panic counts as a try of its stage, and after too many the run ends not green. Answers a run that goes on, as
    /// [`Engine::drive`] does.
    pub(crate) async fn drive_or_count(
        &self,
        claim: RunClaim,
        lock: &mut Lock,
        fresh: bool,
        until: Until,
    ) -> Result<Option<RunClaim>, EngineError> {
        let id = claim.run.id.clone();
        let span = tracing::info_span!("run", run = %id);
        let work = async {
            match AssertUnwindSafe(self.drive(claim, lock, fresh, until))
                .catch_unwind()
                .await
            {
                Ok(driven) => driven,
                Err(panic) => {
                    self.stumbled(&id, lock, &format!("panic: {}", text(panic.as_ref())))
                        .await?;
                    Ok(None)
                }
            }
        };
        work.instrument(span).await
    }

    async fn stumbled(&self, id: &RunId, lock: &Lock, why: &str) -> Result<(), EngineError> {
        let now = self.now();
        let Some(mut claim) = self.parts.ledger.claim_run(id, &lock.holder, now).await?.mine() else {
            return Err(EngineError::Fenced(id.to_string()));
        };
        claim.run.attempts += 1;
        claim.run.note(now, why.to_owned());
        tracing::error!(code = codes::HANDLER_PANICKED.id, run = %id, "The work on a run panicked.");
        self.alert(codes::HANDLER_PANICKED, &format!("{id}/panic"), why).await?;
        if claim.run.attempts >= self.settings.tries && claim.run.ending.is_none() {
            self.decide_ending(&mut claim, RunState::Incomplete { why: why.to_owned() })
                .await?;
        }
        let until = plus(self.now(), self.settings.pause(claim.run.attempts, None));
        self.park(&mut claim, until, why).await
    }
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it left no text")
}
