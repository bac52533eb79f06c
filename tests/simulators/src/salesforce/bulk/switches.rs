//! What a test turns about bulk jobs.

use std::time::Duration;

use jiff::Timestamp;

use super::super::Org;

/// How fast jobs advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one step to the next; zero runs a job to its end when it is closed.
    pub tick: Duration,
    /// Batches of 10,000 records in one step.
    pub batches: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(1),
            batches: 10,
        }
    }
}

impl Pace {
    /// Jobs end when they are closed.
    pub const AT_ONCE: Self = Self {
        tick: Duration::ZERO,
        batches: 10,
    };

    pub(super) fn at_once(self) -> bool {
        self.tick.is_zero()
    }

    pub(super) fn after(self, moment: Timestamp) -> Timestamp {
        moment.saturating_add(self.tick).unwrap_or(moment)
    }
}

/// A job that fails as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkFailure {
    /// Batches that are done first; their rows keep their results, the others stay unprocessed.
    pub after_batches: usize,
    /// `errorMessage` of the job.
    pub message: String,
}

impl Org {
    /// Sets how fast bulk jobs advance: default one step a second, each of ten batches.
    pub fn set_bulk_pace(&self, pace: Pace) {
        self.lock().bulk.pace = pace;
    }

    /// Moves bulk jobs on to a moment without a call.
    pub fn advance_to(&self, now: Timestamp) {
        let mut state = self.lock();
        state.now = state.now.max(now);
        state.advance_jobs();
        for effect in state.commit() {
            self.counters.add(effect);
        }
    }

    /// Makes the next `jobs` ingest jobs that are closed never start.
    pub fn stick_bulk_jobs(&self, jobs: u32) {
        self.lock().bulk.stuck = jobs;
    }

    /// Makes the next ingest job that is closed fail; several calls stand for several jobs.
    pub fn fail_bulk_job(&self, failure: BulkFailure) {
        self.lock().bulk.failures.push(failure);
    }

    /// Sets how many rows the daily allocation still takes; rows beyond it appear in no result. `None` for no end.
    pub fn set_bulk_rows_left(&self, rows: Option<usize>) {
        self.lock().bulk.rows_left = rows;
    }

    /// Leaves `sf__Id` empty in every failed row, not only where there is no such record.
    pub fn set_failed_rows_blank(&self, blank: bool) {
        self.lock().bulk.blank_ids = blank;
    }

    /// Puts `sf__Error` before `sf__Id` as the manual has it, or the other way round as the wire has been seen; `None`
    /// (default) lets each job differ from the one before it.
    pub fn set_manual_columns(&self, manual: Option<bool>) {
        self.lock().bulk.manual_columns = manual;
    }

    /// Sets whether a running job keeps others from records below the same parents (default true).
    pub fn set_parent_contention(&self, contention: bool) {
        self.lock().bulk.contention = contention;
    }

    /// Sets the most rows of a page of query results (default 50,000).
    pub fn set_bulk_page(&self, rows: usize) {
        self.lock().bulk.page = rows.max(1);
    }

    /// Sets how long a job may stay open before it is cleaned away (default 24 hours).
    pub fn set_open_job_life(&self, life: Duration) {
        self.lock().bulk.open_life = life;
    }

    /// How many bulk jobs there are, by kind and state: `ingest JobComplete`.
    pub fn bulk_jobs(&self) -> std::collections::BTreeMap<String, usize> {
        let mut found = std::collections::BTreeMap::new();
        for job in self.lock().bulk.jobs.values() {
            *found.entry(format!("{} {}", job.kind(), job.stage.name())).or_insert(0) += 1;
        }
        found
    }
}
