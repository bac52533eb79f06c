//! The clock's sweep: what became due and whose wake was lost goes back to a queue, and what was kept long enough goes.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::files::folders;
use rollcall_model::ledger::{Due, documents};
use rollcall_model::{Files, Lane, Ledger, Message, Queue};
use rollcall_policy::configuration::Retention;
use rollcall_runtime::clock::between;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Engine, EngineError};

/// The document that says how long things are kept, so that the clock needs no configuration.
pub(crate) const RETENTION: &str = "retention";
/// The document that says when everything was last gone through.
const RETIRED: &str = "retired";
/// How much one pass retires; when there is more, the next sweep goes on.
const MOST: usize = 100;
/// How long nothing more is looked for once nothing was left: a pass reads lists and lists files, and what is kept for days is
/// not kept to the minute.
const PAUSE: Duration = Duration::from_hours(1);
/// How long a day's memory of a vendor is kept.
const KEPT: Duration = Duration::from_hours(48);
/// How much longer than runs the parts of items are kept that lie in files: whatever still refers to one was written since.
const LONGER: Duration = Duration::from_hours(24 * 90);

/// How long things are kept, as the ledger has it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    runs_ms: i64,
    events_ms: i64,
}

impl Kept {
    pub(crate) fn of(retention: &Retention) -> Self {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self {
            runs_ms: ms(retention.runs),
            events_ms: ms(retention.events),
        }
    }
}

/// Removes what was kept long enough; how much. Nothing, as long as no worker has said how long that is, and for an hour after a
/// pass that left nothing. Where the store has rules for that (a table's time to live, a bucket's lifecycle), they do their part.
pub async fn retire(ledger: &dyn Ledger, files: &dyn Files, now: Timestamp) -> Result<usize, EngineError> {
    let last = ledger.document(documents::CONFIG, RETIRED).await?;
    let last = last.and_then(|last| serde_json::from_value::<Timestamp>(last.body).ok());
    if last.is_some_and(|last| between(last, now) < PAUSE) {
        return Ok(0);
    }
    let kept = ledger.document(documents::CONFIG, RETENTION).await?;
    let Some(kept) = kept.and_then(|kept| serde_json::from_value::<Kept>(kept.body).ok()) else {
        return Ok(0);
    };
    let before = |span: i64| {
        Timestamp::from_millisecond(now.as_millisecond().saturating_sub(span)).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let mut gone = ledger.retire(before(kept.runs_ms), MOST).await?;
    let is_all = gone < MOST;
    gone += ledger.sweep(1_000).await?;
    for (prefix, span) in [
        (folders::SIGNALS, kept.events_ms),
        (folders::KEPT, ms(KEPT)),
        (folders::EXPECTED, kept.runs_ms),
        (folders::EVIDENCE, kept.runs_ms.saturating_add(ms(LONGER))),
        (folders::BODIES, kept.runs_ms.saturating_add(ms(LONGER))),
    ] {
        gone += files.expire(prefix, before(span)).await?;
    }
    if is_all {
        ledger.put_document(documents::CONFIG, RETIRED, &json!(now)).await?;
    }
    if gone > 0 {
        tracing::info!(gone, "What was kept long enough was removed.");
    }
    Ok(gone)
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Wakes sent.
    pub woken: usize,
}

impl Engine {
    /// Sends a wake for everything that is due.
    pub async fn sweep(&self) -> Result<Swept, EngineError> {
        // What is due comes first: that something is removed later harms nobody.
        let swept = self.wake_due().await?;
        retire(self.parts.ledger.as_ref(), self.parts.files.as_ref(), self.now()).await?;
        Ok(swept)
    }

    async fn wake_due(&self) -> Result<Swept, EngineError> {
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
