//! How long things may take.

use std::time::Duration;

/// Times and limits of the engine. The defaults suit both ways of running.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a claim lasts. A dead worker's work is taken up after it.
    pub lease: Duration,
    /// How long before the end of the lease the last call must have ended, and how long after a deadline a successor waits:
    /// the clocks of two machines may differ by this much.
    pub margin: Duration,
    /// The longest total time-out of one vendor call.
    pub call: Duration,
    /// Waits up to this long are slept in place while access is being cut; longer ones are parked.
    pub sleep_in_place: Duration,
    /// Pauses between tries of a stage that is not green: the last one repeats.
    pub backoff: Vec<Duration>,
    /// After this many tries a stage ends as it is.
    pub tries: u32,
    /// After this many tries of draining an inbox its events go to the dead letters.
    pub drain_tries: u32,
    /// Deliveries of one message after which it goes to the dead letters with its reason.
    pub deliveries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            margin: Duration::from_secs(2),
            call: Duration::from_secs(15),
            sleep_in_place: Duration::from_secs(20),
            backoff: [1, 5, 20, 60, 300, 900].map(Duration::from_secs).to_vec(),
            tries: 12,
            drain_tries: 12,
            deliveries: 4,
        }
    }
}

impl Settings {
    /// The pause after this many failed tries (1 for the first), at least as long as the vendor asked.
    pub fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let own = self
            .backoff
            .get(index)
            .or_else(|| self.backoff.last())
            .copied()
            .unwrap_or(Duration::from_mins(1));
        own.max(asked.unwrap_or_default())
    }
}
