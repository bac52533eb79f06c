//! Which faults are struck where, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rollcall_ledger::table::Table;

use crate::ids::Dice;
use crate::inject::{Fault, Strike};
use crate::oracle::violations;
use crate::story::{Arrives, Happens, Story, tell};
use crate::world::{World, WorldSpec};

/// What a series of stories came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Points of the story without faults.
    pub points: u64,
    /// Stories told.
    pub runs: u64,
    /// Strikes that really happened, by fault.
    pub struck: BTreeMap<Fault, u64>,
    /// What was wrong: which story, and what.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let struck: Vec<String> = self
            .struck
            .iter()
            .map(|(fault, count)| format!("{fault:?} {count}"))
            .collect();
        write!(
            out,
            "{:<34} points {:>4}  runs {:>5}  violations {:>3}  [{}]",
            self.name,
            self.points,
            self.runs,
            self.violations.len(),
            struck.join(", ")
        )?;
        for violation in self.violations.iter().take(10) {
            write!(out, "\n    {violation}")?;
        }
        Ok(())
    }
}

impl Report {
    /// A series of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Books a story that was told: what was struck in it, and what was wrong at its end.
    pub(crate) fn book(&mut self, world: &World, label: &str, wrong: &[String]) {
        self.runs += 1;
        let struck = world.injector.struck();
        for (_, _, fault) in &struck {
            *self.struck.entry(*fault).or_insert(0) += 1;
        }
        if !wrong.is_empty() {
            let struck: Vec<String> = struck
                .into_iter()
                .map(|(point, what, fault)| format!("{fault:?} at {point} ({what})"))
                .collect();
            self.violations
                .push(format!("{label}; {}: {}", struck.join(", "), wrong.join("; ")));
        }
    }

    /// Strikes every point that is wanted of a story whose points are `log`, those up to `from` left out. `told` tells it once more
    /// with a strike, and what was wrong.
    pub(crate) async fn strike(
        &mut self,
        log: &[String],
        from: u64,
        faults: Faults<'_>,
        only: impl Fn(&str) -> bool,
        told: impl AsyncFn(Strike) -> (World, Vec<String>),
    ) {
        self.points = log.len() as u64 - from;
        let wanted = (1..).zip(log).filter(|(point, what)| *point > from && only(what));
        for (number, (point, _)) in wanted.enumerate() {
            for fault in faults.at(number) {
                let strike = Strike { point, fault: *fault };
                let (world, wrong) = told(strike).await;
                self.book(&world, &format!("{strike:?}"), &wrong);
            }
        }
    }
}

/// Tells one story in a world of its own and books what was wrong.
pub async fn once(report: &mut Report, spec: WorldSpec, story: Story) -> u64 {
    let label = format!("seed {} {story:?} {:?}", spec.seed, spec.strikes);
    let (world, wrong) = told(spec, story).await;
    report.book(&world, &label, &wrong);
    world.injector.count()
}

async fn told(spec: WorldSpec, story: Story) -> (World, Vec<String>) {
    let world = World::new(spec).await;
    let took = tell(&world, story).await;
    let wrong = violations(&world, story, took).await;
    (world, wrong)
}

/// Whether it is the long form of `tests/run`, which takes its time.
pub fn is_full() -> bool {
    std::env::var_os("ROLLCALL_FULL").is_some()
}

/// Which faults strike each point.
#[derive(Clone, Copy, Debug)]
pub enum Faults<'a> {
    /// Every one, one after the other.
    Each(&'a [Fault]),
    /// One; the next point the next one.
    InTurn(&'a [Fault]),
}

impl<'a> Faults<'a> {
    /// Every one in the long form of `tests/run`, and otherwise one at each point, in turn.
    pub fn by_form(faults: &'a [Fault]) -> Self {
        if is_full() {
            Self::Each(faults)
        } else {
            Self::InTurn(faults)
        }
    }

    pub(crate) fn at(self, number: usize) -> &'a [Fault] {
        match self {
            Self::Each(all) => all,
            Self::InTurn(all) => {
                let turn = number % all.len();
                &all[turn..=turn]
            }
        }
    }
}

/// Strikes every point of a story with the faults that are asked for. `table` makes a fresh table for each world.
pub async fn exhaustive(
    name: &str,
    story: Story,
    faults: Faults<'_>,
    table: impl Fn() -> Option<Arc<dyn Table>>,
    only: impl Fn(&str) -> bool,
) -> Report {
    let mut report = Report::named(name);
    let spec = |strikes| {
        let usual = WorldSpec::default();
        let table = table();
        // Looking around costs requests there, so time passes in larger steps while nothing happens.
        let idle = if table.is_some() {
            Duration::from_secs(5)
        } else {
            usual.idle
        };
        WorldSpec {
            strikes,
            table,
            idle,
            company: story.company,
            owns: story.owns,
            ..usual
        }
    };
    let (world, wrong) = told(spec(Vec::new()), story).await;
    report.book(&world, "without faults", &wrong);
    if wrong.is_empty() {
        let log = world.injector.log();
        let again = async |strike| told(spec(vec![strike]), story).await;
        report.strike(&log, 0, faults, only, again).await;
    }
    report
}

/// Stories by seed: how events arrive, how many workers there are, how they are mixed and what strikes all follow from it.
/// Consecutive seeds walk the pairs of the dimensions, so that each pair of choices occurs often.
pub async fn seeded(name: &str, seeds: std::ops::Range<u64>, company: bool) -> Report {
    let mut report = Report::named(name);
    for seed in seeds {
        let (spec, story) = from_seed(seed, company);
        let points = once(&mut report, spec, story).await;
        report.points = report.points.max(points);
    }
    report
}

/// One story by seed again and again, in which `percent` of the vendors' calls go wrong, each in a way of its own.
pub async fn noisy(name: &str, story: Story, seeds: std::ops::Range<u64>, percent: u64) -> Report {
    let mut report = Report::named(name);
    for seed in seeds {
        let dice = Dice::new(seed);
        let faults = Fault::of_vendors();
        let mut strikes = Vec::new();
        for point in 1..=MOST_POINTS {
            if dice.roll(100) < percent {
                let which = usize::try_from(dice.roll(faults.len() as u64)).expect("a place in the list");
                strikes.push(Strike {
                    point,
                    fault: faults[which],
                });
            }
        }
        let spec = WorldSpec {
            seed,
            strikes,
            company: story.company,
            owns: story.owns,
            ..WorldSpec::default()
        };
        let points = once(&mut report, spec, story).await;
        report.points = report.points.max(points);
    }
    report
}

/// More points than a story has in which much goes wrong.
const MOST_POINTS: u64 = 5_000;

/// The story of a seed: the same for the same seed.
pub fn from_seed(seed: u64, company: bool) -> (WorldSpec, Story) {
    let dice = Dice::new(seed);
    let arrives = [Arrives::Once, Arrives::Twice, Arrives::TwoHooks, Arrives::Scrambled];
    let story = Story {
        happens: match dice.roll(4) {
            0 => Happens::LeavesAndReturns,
            1 if company => Happens::LeavesEverywhere,
            _ => Happens::Leaves,
        },
        arrives: arrives[usize::try_from(seed % 4).expect("below four")],
        workers: usize::try_from(1 + (seed / 4) % 2).expect("one or two"),
        company,
        owns: false,
    };
    // The whole company's story has several times as many points.
    let points = if company { 500 } else { 180 };
    let count = (seed / 8) % 4;
    let strikes = (0..count)
        .map(|_| Strike {
            point: 1 + dice.roll(points),
            fault: Fault::ALL[usize::try_from(dice.roll(4)).expect("below four")],
        })
        .collect();
    let spec = WorldSpec {
        seed,
        strikes,
        yields: if story.workers > 1 { 1 + dice.roll(4) } else { 0 },
        company,
        ..WorldSpec::default()
    };
    (spec, story)
}
