//! Every metric, one struct each with one `emit`. What each means is in the [`super::table`].

use std::time::Duration;

use jiff::Timestamp;

use super::emf::Record;
use super::table::{self, Metric};

fn record(metric: &'static Metric, divided: &[&str], value: f64, at: Timestamp) {
    Record {
        at,
        metric,
        divided,
        value,
    }
    .emit();
}

/// A count as CloudWatch takes it. Counts of one request, batch or hand-over stay far below 2^32.
fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Milliseconds between two moments; a vendor's clock that is ahead of ours makes no negative times.
fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    let passed = to.as_millisecond().saturating_sub(from.as_millisecond());
    count(u64::try_from(passed).unwrap_or(0))
}

/// [`table::SIGNALS_TAKEN`].
#[derive(Clone, Copy, Debug)]
pub struct SignalsTaken<'a> {
    /// The door's connection.
    pub connection: &'a str,
    /// The queue.
    pub lane: &'a str,
    /// How many.
    pub signals: usize,
}

impl SignalsTaken<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        let signals = u64::try_from(self.signals).unwrap_or(u64::MAX);
        record(&table::SIGNALS_TAKEN, &[self.connection, self.lane], count(signals), at);
    }
}

/// [`table::DOOR_TROUBLE`].
#[derive(Clone, Copy, Debug)]
pub struct DoorTrouble<'a> {
    /// The door's connection.
    pub connection: &'a str,
    /// The code's id.
    pub code: &'a str,
}

impl DoorTrouble<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        record(&table::DOOR_TROUBLE, &[self.connection, self.code], 1.0, at);
    }
}

/// [`table::TIME_TO_CUT`] and [`table::TIME_TO_CUT_FROM_EVENT`].
#[derive(Clone, Copy, Debug)]
pub struct TimeToCut<'a> {
    /// Where the cut is green.
    pub connection: &'a str,
    /// When the door had the first event.
    pub received_at: Timestamp,
    /// The event's own time.
    pub event_at: Timestamp,
    /// When the last of its changes was green.
    pub cut_at: Timestamp,
}

impl TimeToCut<'_> {
    /// Writes both.
    pub fn emit(&self, at: Timestamp) {
        for (metric, from) in [
            (&table::TIME_TO_CUT, self.received_at),
            (&table::TIME_TO_CUT_FROM_EVENT, self.event_at),
        ] {
            record(metric, &[self.connection], milliseconds(from, self.cut_at), at);
        }
    }
}

/// [`table::RUNS_ENDED`].
#[derive(Clone, Copy, Debug)]
pub struct RunEnded<'a> {
    /// The name of its final state.
    pub outcome: &'a str,
}

impl RunEnded<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        record(&table::RUNS_ENDED, &[self.outcome], 1.0, at);
    }
}

/// [`table::CUT_INCOMPLETE`].
#[derive(Clone, Copy, Debug)]
pub struct CutIncomplete;

impl CutIncomplete {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::CUT_INCOMPLETE, &[], 1.0, at);
    }
}

/// [`table::ACCESS_RETURNED`].
#[derive(Clone, Copy, Debug)]
pub struct AccessReturned<'a> {
    /// Where it came back.
    pub connection: &'a str,
}

impl AccessReturned<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        record(&table::ACCESS_RETURNED, &[self.connection], 1.0, at);
    }
}

/// [`table::GUARD_TRIPPED`].
#[derive(Clone, Copy, Debug)]
pub struct GuardTripped;

impl GuardTripped {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::GUARD_TRIPPED, &[], 1.0, at);
    }
}

/// [`table::CREDENTIAL_FAILING`].
#[derive(Clone, Copy, Debug)]
pub struct CredentialFailing;

impl CredentialFailing {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::CREDENTIAL_FAILING, &[], 1.0, at);
    }
}

/// [`table::CREDENTIAL_DAYS_LEFT`].
#[derive(Clone, Copy, Debug)]
pub struct CredentialDaysLeft {
    /// Whole days; negative when it has ended.
    pub days: i32,
}

impl CredentialDaysLeft {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::CREDENTIAL_DAYS_LEFT, &[], f64::from(self.days), at);
    }
}

/// [`table::ROWS_REFUSED`].
#[derive(Clone, Copy, Debug)]
pub struct RowsRefused<'a> {
    /// Whose records.
    pub connection: &'a str,
    /// How many.
    pub rows: u64,
}

impl RowsRefused<'_> {
    /// Writes it, when there are any.
    pub fn emit(&self, at: Timestamp) {
        if self.rows > 0 {
            record(&table::ROWS_REFUSED, &[self.connection], count(self.rows), at);
        }
    }
}

/// [`table::RETRIES`].
#[derive(Clone, Copy, Debug)]
pub struct Retry<'a> {
    /// Whose call.
    pub connection: &'a str,
}

impl Retry<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        record(&table::RETRIES, &[self.connection], 1.0, at);
    }
}

/// [`table::QUOTA_USED`].
#[derive(Clone, Copy, Debug)]
pub struct QuotaUsed<'a> {
    /// Whose quota.
    pub connection: &'a str,
    /// 0 to 100.
    pub percent: u8,
}

impl QuotaUsed<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        record(&table::QUOTA_USED, &[self.connection], f64::from(self.percent), at);
    }
}

/// [`table::REVIEW_AGE`].
#[derive(Clone, Copy, Debug)]
pub struct ReviewAge {
    /// Of the oldest open review; zero without one.
    pub age: Duration,
}

impl ReviewAge {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::REVIEW_AGE, &[], count(self.age.as_secs()), at);
    }
}

/// [`table::CUT_WAITING`].
#[derive(Clone, Copy, Debug)]
pub struct CutWaiting {
    /// Of the oldest cut that is due and not whole; zero without one.
    pub age: Duration,
}

impl CutWaiting {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::CUT_WAITING, &[], count(self.age.as_secs()), at);
    }
}

/// [`table::HOOK_SILENT`].
#[derive(Clone, Copy, Debug)]
pub struct HookSilent<'a> {
    /// Whose hook.
    pub connection: &'a str,
    /// Whether its log speaks of what it did not deliver.
    pub silent: bool,
}

impl HookSilent<'_> {
    /// Writes it.
    pub fn emit(&self, at: Timestamp) {
        let silent = if self.silent { 1.0 } else { 0.0 };
        record(&table::HOOK_SILENT, &[self.connection], silent, at);
    }
}

/// [`table::CLOCK_TICKED`].
#[derive(Clone, Copy, Debug)]
pub struct ClockTicked;

impl ClockTicked {
    /// Writes it.
    pub fn emit(self, at: Timestamp) {
        record(&table::CLOCK_TICKED, &[], 1.0, at);
    }
}
