//! Retention: what was kept long enough goes.
//!
//! One timer for all of it, so that one worker looks, and so that the clock, which only wakes, need not be able to delete.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::files::folders;
use rollcall_model::ledger::Timer;
use rollcall_runtime::clock::plus;
use serde_json::json;

use crate::{Engine, EngineError};

/// The kind of this timer.
pub(crate) const KIND: &str = "retention";

/// How far apart the looks are: what is kept for days is not kept to the minute, and a look lists files.
const EVERY: Duration = Duration::from_hours(1);
/// When the next look is while there is more: a pass must end within a worker's time.
const SOON: Duration = Duration::from_mins(1);
/// How many runs one pass removes, and how many reviews.
const MOST: usize = 25;
/// How many expired items one pass removes, where the table does not do it by itself.
const MOST_EXPIRED: usize = 1_000;
/// How long a day's memory of a vendor is kept.
const KEPT: Duration = Duration::from_hours(48);
/// How much longer than runs the parts of items are kept that lie in files: whatever still refers to one was written since.
const LONGER: Duration = Duration::from_hours(24 * 90);

impl Engine {
    /// Sets the timer, once.
    pub(crate) async fn set_retention(&self) -> Result<(), EngineError> {
        let timer = Timer {
            id: format!("{KIND}/all"),
            due_at: Some(plus(self.now(), EVERY)),
            body: json!({}),
            version: 0,
        };
        let nonce = self.parts.ids.unique();
        // `Stale`: an earlier start set it.
        self.parts.ledger.set_timer(&timer, &nonce).await?;
        Ok(())
    }

    /// Removes what was kept long enough, and writes the timer on. Two workers that do it at once remove the same.
    pub(crate) async fn retire(&self, timer: &Timer) -> Result<(), EngineError> {
        let (parts, now) = (&self.parts, self.now());
        let kept = &self.configuration().retention;
        let retired = parts.ledger.retire(before(now, kept.runs), MOST).await?;
        let mut gone = retired + parts.ledger.sweep(MOST_EXPIRED).await?;
        for (prefix, span) in [
            (folders::SIGNALS, kept.events),
            (folders::KEPT, KEPT),
            (folders::EXPECTED, kept.runs),
            (folders::EVIDENCE, kept.runs.saturating_add(LONGER)),
            (folders::BODIES, kept.runs.saturating_add(LONGER)),
        ] {
            gone += parts.files.expire(prefix, before(now, span)).await?;
        }
        if gone > 0 {
            tracing::info!(gone, "What was kept long enough was removed.");
        }
        let next = if retired < MOST { EVERY } else { SOON };
        self.put_timer(timer, &timer.body, Some(plus(now, next))).await
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH)
}
