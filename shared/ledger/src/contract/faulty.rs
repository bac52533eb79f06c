//! A table that misbehaves by script, the same way at each repetition.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use rollcall_model::LedgerError;

use crate::table::{Item, Key, Table, Write, Written};

/// One thing that goes wrong with one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has not happened.
    Before,
    /// It happens, and the answer is lost.
    After,
    /// The answer is lost, and it happens only after a later operation has begun.
    Late,
    /// It is asked to slow down.
    Throttle,
    /// A list of due items is as of an earlier moment.
    Stale,
    /// A write is refused, as if somebody else had been there first.
    Raced,
}

/// As many operations faults at random last for: what needs many in a row to succeed must come to its end once they are over.
const OUTAGE: u64 = 2_000;

/// When which fault strikes.
#[derive(Clone, Debug)]
pub enum Script {
    /// Nothing goes wrong.
    Quiet,
    /// One fault, at the operation with this number, from 0.
    Once(u64, Fault),
    /// One fault at every operation.
    Always(Fault),
    /// Faults at random, for the first 2,000 operations: a seed, and how many of a thousand operations go wrong.
    Random {
        /// The seed: the same seed makes the same faults for the same operations.
        seed: u64,
        /// Of a thousand operations.
        per_mille: u64,
    },
}

/// A [`Table`] that misbehaves. It also gives way between operations, so that futures on one thread interleave.
pub struct FaultyTable {
    inner: Arc<dyn Table>,
    script: Script,
    state: Mutex<State>,
}

struct State {
    operations: u64,
    random: u64,
    late: Vec<(Vec<Write>, String)>,
    due: Vec<Item>,
}

impl FaultyTable {
    /// A table that follows the script.
    pub fn new(inner: Arc<dyn Table>, script: Script) -> Self {
        let random = match script {
            Script::Random { seed, .. } => seed,
            _ => 0,
        };
        Self {
            inner,
            script,
            state: Mutex::new(State {
                operations: 0,
                random,
                late: Vec::new(),
                due: Vec::new(),
            }),
        }
    }

    /// How many operations were asked for.
    pub fn operations(&self) -> u64 {
        self.with(|state| state.operations)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives way, lets late writes happen, and says what goes wrong with the operation that begins.
    async fn begin(&self) -> Option<Fault> {
        let (fault, wait, late) = self.with(|state| {
            let number = state.operations;
            state.operations += 1;
            let fault = match self.script {
                Script::Quiet => None,
                Script::Once(at, fault) => (number == at).then_some(fault),
                Script::Always(fault) => Some(fault),
                Script::Random { per_mille, .. } => {
                    let faults = [
                        Fault::Before,
                        Fault::After,
                        Fault::After,
                        Fault::Late,
                        Fault::Throttle,
                        Fault::Stale,
                    ];
                    let strikes = next(&mut state.random) % 1000 < per_mille && number < OUTAGE;
                    let which = next(&mut state.random) % faults.len() as u64;
                    strikes.then(|| faults[usize::try_from(which).unwrap()])
                }
            };
            let wait = next(&mut state.random) % 3;
            (fault, wait, std::mem::take(&mut state.late))
        });
        for _ in 0..wait {
            GiveWay(false).await;
        }
        for (parts, nonce) in late {
            // Nobody waits for its answer.
            let _ = self.inner.write(&parts, &nonce).await;
        }
        fault
    }

    fn error(fault: Fault) -> LedgerError {
        match fault {
            Fault::Throttle => LedgerError::Throttled,
            other => LedgerError::Unavailable(format!("scripted: {other:?}")),
        }
    }
}

#[async_trait]
impl Table for FaultyTable {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        match self.begin().await {
            None | Some(Fault::Stale) => self.inner.write(parts, nonce).await,
            Some(Fault::After) => {
                self.inner.write(parts, nonce).await?;
                Err(Self::error(Fault::After))
            }
            Some(Fault::Late) => {
                self.with(|state| state.late.push((parts.to_vec(), nonce.to_owned())));
                Err(Self::error(Fault::Late))
            }
            Some(Fault::Raced) => Ok(Written::Refused { part: 0, found: None }),
            Some(fault) => Err(Self::error(fault)),
        }
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        match self.begin().await {
            None | Some(Fault::Stale | Fault::Raced) => self.inner.get(keys).await,
            Some(fault) => Err(Self::error(fault)),
        }
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        match self.begin().await {
            None | Some(Fault::Stale | Fault::Raced) => self.inner.query(pk, prefix, backwards, most).await,
            Some(fault) => Err(Self::error(fault)),
        }
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        match self.begin().await {
            None | Some(Fault::Stale | Fault::Raced) => self.inner.scan(after, most).await,
            Some(fault) => Err(Self::error(fault)),
        }
    }

    async fn sweep(&self, most: usize) -> Result<usize, LedgerError> {
        self.inner.sweep(most).await
    }

    async fn compact(&self) -> Result<(), LedgerError> {
        self.inner.compact().await
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        match self.begin().await {
            None | Some(Fault::Raced) => {
                let due = self.inner.due(now, most).await?;
                self.with(|state| state.due.clone_from(&due));
                Ok(due)
            }
            Some(Fault::Stale) => Ok(self.with(|state| state.due.clone())),
            Some(fault) => Err(Self::error(fault)),
        }
    }
}

/// The next number of a splitmix64 sequence.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A future that lets others go first, once.
struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
