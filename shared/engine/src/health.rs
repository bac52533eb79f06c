//! Whether Rollcall is healthy, as far as its ledger tells: what the clock measures with every tick.
//!
//! The clock has neither the configuration nor a secret, and looks each minute, so each question is one short list: reviews
//! that nobody has decided; cuts that wait, which the worker notes as it lets go of them; and credentials that end, which
//! the worker notes as it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Document, RunClaim, documents};
use rollcall_model::plan::{CUT, Goal};
use rollcall_model::{Ledger, Queue, Run, RunId};
use rollcall_runtime::clock::between;
use rollcall_runtime::telemetry::metrics::{ClockTicked, CredentialDaysLeft, CutWaiting, ReviewAge};
use serde_json::{Value, json};

use crate::{Engine, EngineError, Swept, sweep};

/// As many open reviews as are looked at; they come newest first.
const REVIEWS: usize = 500;
/// As many waiting cuts as are looked at.
const WAITING: usize = 500;
/// As many of the oldest notes of waiting cuts as are compared with their runs.
const COMPARED: usize = 10;
/// As many credentials as are looked at.
const CREDENTIALS: usize = 500;
const DAY: i64 = 86_400;

/// What the clock measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Age of the oldest review that nobody has decided; zero without one.
    pub review_age: Duration,
    /// How long the oldest cut is due that is held or not whole; zero without one.
    pub cut_waiting: Duration,
    /// Whole days until the first credential ends; none when no end is known.
    pub days_left: Option<i32>,
}

impl Health {
    /// Writes its metrics.
    pub fn emit(&self, now: Timestamp) {
        ReviewAge { age: self.review_age }.emit(now);
        CutWaiting { age: self.cut_waiting }.emit(now);
        if let Some(days) = self.days_left {
            CredentialDaysLeft { days }.emit(now);
        }
    }
}

/// One tick of the clock: wakes what is due, measures, and says that it has ticked. A sweep that fails is no tick.
pub async fn tick(ledger: &dyn Ledger, queue: &dyn Queue, now: Timestamp) -> Result<Swept, EngineError> {
    let swept = sweep(ledger, queue, now).await?;
    measure(ledger, now).await?.emit(now);
    ClockTicked.emit(now);
    Ok(swept)
}

/// Measures. It reads three short lists, and the runs of a few notes when cuts wait.
pub async fn measure(ledger: &dyn Ledger, now: Timestamp) -> Result<Health, EngineError> {
    let reviews = ledger.reviews(true, REVIEWS).await?;
    let opened = reviews.iter().map(|review| review.opened_at).min();
    let since = waiting_since(ledger).await?;
    let ends = ledger.documents(documents::CREDENTIAL, CREDENTIALS).await?;
    let ends = ends.iter().filter_map(|end| moment(end, "expires")).min();
    let age = |since: Option<Timestamp>| since.map_or(Duration::ZERO, |since| between(since, now));
    Ok(Health {
        review_age: age(opened),
        cut_waiting: age(since),
        days_left: ends.map(|end| {
            let days = end.as_second().saturating_sub(now.as_second()).div_euclid(DAY);
            i32::try_from(days).unwrap_or(i32::MAX)
        }),
    })
}

/// Since when the oldest cut waits. A note whose run has gone on without it (its worker lost the run to another while it wrote)
/// says nothing.
async fn waiting_since(ledger: &dyn Ledger) -> Result<Option<Timestamp>, EngineError> {
    let notes = ledger.documents(documents::CUT_WAITS, WAITING).await?;
    let mut notes: Vec<(Timestamp, RunId)> = notes
        .iter()
        .filter_map(|note| Some((moment(note, "since")?, RunId::new(note.id.clone()))))
        .collect();
    notes.sort();
    for (since, id) in notes.iter().take(COMPARED) {
        if ledger.run(id).await?.is_some_and(|run| is_at_its_cut(&run)) {
            return Ok(Some(*since));
        }
    }
    // More stale notes than that there are never at once; if there are, too early an alarm is better than none.
    Ok(notes.get(COMPARED).map(|(since, _)| *since))
}

fn moment(document: &Document, name: &str) -> Option<Timestamp> {
    document.body.get(name).and_then(Value::as_str)?.parse().ok()
}

/// Whether a run's cut is still to be made or finished.
fn is_at_its_cut(run: &Run) -> bool {
    let cut = run.plan.stages.iter().position(|stage| stage.name == CUT);
    run.plan.goal != Goal::Undo
        && run.ending.is_none()
        && !run.state.is_final()
        && cut.is_some_and(|cut| run.stage == cut)
}

/// Whether a run that ends now ends with a cut that is not whole.
pub(crate) fn leaves_cut_open(run: &Run) -> bool {
    let Some(cut) = run.plan.stages.iter().position(|stage| stage.name == CUT) else {
        return false;
    };
    let mut changes = run.changes.iter().filter(|record| record.change.stage == CUT);
    run.plan.goal != Goal::Undo && (run.stage <= cut || changes.any(|record| !record.outcome.is_green()))
}

impl Engine {
    /// One tick of a clock that runs beside this worker.
    pub async fn tick(&self) -> Result<Swept, EngineError> {
        tick(self.parts.ledger.as_ref(), self.parts.queue.as_ref(), self.now()).await
    }

    /// Notes that a run is let go of while its cut is due and not whole: before it is let go of, so that it is still ours.
    pub(crate) async fn note_waiting_cut(&self, claim: &RunClaim) -> Result<(), EngineError> {
        let run = &claim.run;
        if is_at_its_cut(run) && run.stage_due_at <= self.now() {
            let note = json!({"since": run.stage_due_at});
            let ledger = &self.parts.ledger;
            ledger
                .put_document(documents::CUT_WAITS, run.id.as_str(), &note)
                .await?;
        }
        Ok(())
    }

    /// The cut is through, or the run ends without it. Most runs never waited, and a look costs less than a write.
    pub(crate) async fn cut_waits_no_longer(&self, claim: &RunClaim) -> Result<(), EngineError> {
        let (ledger, id) = (&self.parts.ledger, claim.run.id.as_str());
        if ledger.document(documents::CUT_WAITS, id).await?.is_some() {
            ledger.remove_document(documents::CUT_WAITS, id).await?;
        }
        Ok(())
    }

    /// Notes for the clock which connections' credentials end, and when, by the present configuration.
    pub(crate) async fn note_credentials(&self) -> Result<(), EngineError> {
        let ledger = &self.parts.ledger;
        let known: BTreeMap<String, Value> = ledger
            .documents(documents::CREDENTIAL, CREDENTIALS)
            .await?
            .into_iter()
            .map(|end| (end.id, end.body))
            .collect();
        let connections = &self.parts.configuration.connections;
        let stated: BTreeMap<&str, Value> = connections
            .values()
            .filter_map(|one| Some((one.id.as_str(), json!({"expires": one.tenant.expires?}))))
            .collect();
        for (id, end) in &stated {
            if known.get(*id) != Some(end) {
                ledger.put_document(documents::CREDENTIAL, id, end).await?;
            }
        }
        for id in known.keys().filter(|id| !stated.contains_key(id.as_str())) {
            ledger.remove_document(documents::CREDENTIAL, id).await?;
        }
        Ok(())
    }
}
