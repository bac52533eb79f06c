//! Every metric, one struct each with one `emit`.

use jiff::Timestamp;

use super::dimensions::{CODE, CONNECTION, LANE};
use super::emf::{Record, Unit};

/// A count as CloudWatch takes it. Counts of one request or batch stay far below 2^32.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A door put signals on a queue.
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
        Record {
            at,
            dimensions: &[(CONNECTION, self.connection), (LANE, self.lane)],
            values: &[("SignalsTaken", Unit::Count, count(self.signals))],
        }
        .emit();
    }
}

/// A door refused a request, could not take all of it, or took it with a reservation; the code says which.
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
        Record {
            at,
            dimensions: &[(CONNECTION, self.connection), (CODE, self.code)],
            values: &[("DoorTrouble", Unit::Count, 1.0)],
        }
        .emit();
    }
}
