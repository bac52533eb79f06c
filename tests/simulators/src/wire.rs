//! What crosses the wire between a client and a simulator.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

/// One HTTP request with its whole body.
pub type Request = http::Request<Bytes>;
/// One HTTP response with its whole body.
pub type Response = http::Response<Bytes>;

/// What the wire does with a request.
#[derive(Debug)]
pub enum Reply {
    /// The response arrives.
    Answer(Response),
    /// The response arrives after this long.
    Late(Duration, Response),
    /// Nothing ever comes back; the client runs into its own time-out. The call may or may not have been executed.
    Silence,
    /// The connection is closed without a response. The call may or may not have been executed.
    Reset,
    /// The response's head announces the whole body, but the connection closes after this many bytes of it.
    Truncated(Response, usize),
    /// The head arrives at once and the body a byte at a time, too slowly for any client's patience.
    Dripping(Response),
}

/// A vendor's server as a state machine.
pub trait Simulator: Send + Sync + 'static {
    /// Executes one request at the moment `now`.
    fn answer(&self, request: &Request, now: Timestamp) -> Reply;
}

/// Counts of what was really done, by effect name (for example `freeze`, `revoke-token`, `post-message`), so that a test
/// can say "once" and mean it. Only accepted changes of state count; refused calls and repeated no-ops do not.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<String, u64>>);

impl Counters {
    /// Adds one to the count of `effect`.
    pub fn add(&self, effect: &str) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *map.entry(effect.to_owned()).or_insert(0) += 1;
    }

    /// The count of `effect` so far.
    pub fn get(&self, effect: &str) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(effect)
            .copied()
            .unwrap_or(0)
    }

    /// All counts.
    pub fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
