//! Where faults strike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rollcall_simulators::Fault as VendorFault;
use tokio::sync::Notify;

use crate::ids::Dice;

/// What goes wrong at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The worker dies before the use.
    CrashBefore,
    /// The worker dies after the use.
    CrashAfter,
    /// The use fails and nothing happened.
    Fails,
    /// The use happens and its answer is lost.
    AnswerLost,
    /// A vendor's own fault; it strikes calls of vendors alone.
    Vendor(VendorFault),
}

impl Fault {
    /// Every fault that can strike anywhere.
    pub const ALL: [Self; 4] = [Self::CrashBefore, Self::CrashAfter, Self::Fails, Self::AnswerLost];

    /// Every fault of a vendor that passes.
    pub fn of_vendors() -> Vec<Self> {
        let passing = VendorFault::ALL.into_iter().filter(|fault| fault.passes());
        passing.map(Self::Vendor).collect()
    }
}

/// Whether a point is a call of a vendor.
pub fn is_call(what: &str) -> bool {
    what.split_once(' ')
        .is_some_and(|(_, target)| target.split('/').next().is_some_and(|host| host.ends_with(".example")))
}

/// A fault at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The point's number, from 1, counted over all workers.
    pub point: u64,
    /// What goes wrong.
    pub fault: Fault,
}

/// Counts points and strikes at some of them.
pub struct Injector {
    count: AtomicU64,
    strikes: Mutex<Vec<Strike>>,
    struck: Mutex<Vec<(u64, String, Fault)>>,
    log: Mutex<Vec<String>>,
    /// How many times a worker gives way at a point at the most: the schedule of several workers follows from the dice.
    yields: u64,
    dice: Dice,
}

impl Injector {
    /// Strikes as listed; with several workers, `yields` over 0 mixes them by `seed`.
    pub fn new(strikes: Vec<Strike>, yields: u64, seed: u64) -> Self {
        Self {
            count: AtomicU64::new(0),
            strikes: Mutex::new(strikes),
            struck: Mutex::new(Vec::new()),
            log: Mutex::new(Vec::new()),
            yields,
            dice: Dice::new(seed),
        }
    }

    /// How many points there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// What was struck.
    pub fn struck(&self) -> Vec<(u64, String, Fault)> {
        self.struck.lock().expect("no panic holds it").clone()
    }

    /// What every point was, in order.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic holds it").clone()
    }

    /// A point is reached. Answers the fault to act out.
    async fn reach(&self, what: &str) -> Option<Fault> {
        for _ in 0..self.dice.roll(self.yields + 1) {
            tokio::task::yield_now().await;
        }
        let point = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.log.lock().expect("no panic holds it").push(what.to_owned());
        let fault = {
            let mut strikes = self.strikes.lock().expect("no panic holds it");
            let at = strikes.iter().position(|strike| strike.point == point)?;
            strikes.swap_remove(at).fault
        };
        if matches!(fault, Fault::Vendor(_)) && !is_call(what) {
            return None;
        }
        self.struck
            .lock()
            .expect("no panic holds it")
            .push((point, what.to_owned(), fault));
        Some(fault)
    }
}

/// One worker's way to the outside: it dies alone.
#[derive(Clone)]
pub struct Life {
    injector: Arc<Injector>,
    crash: Arc<Notify>,
}

impl Life {
    /// A new worker's life.
    pub fn new(injector: Arc<Injector>) -> Self {
        Self {
            injector,
            crash: Arc::new(Notify::new()),
        }
    }

    /// Resolves when this worker has died.
    pub async fn ended(&self) {
        self.crash.notified().await;
    }

    /// A point is reached. Answers the fault to act out; `CrashBefore` never returns.
    pub async fn reach(&self, what: &str) -> Option<Fault> {
        let fault = self.injector.reach(what).await;
        if fault == Some(Fault::CrashBefore) {
            self.die().await;
        }
        fault
    }

    /// The worker dies here: it is told to whoever runs it, and this future never goes on.
    pub async fn die(&self) {
        self.crash.notify_one();
        std::future::pending::<()>().await;
    }
}
