//! Prints the failure matrix: `cargo run -p rollcall-harness --bin harness [-- SEED | --seeds FROM TO]`.
//!
//! Without arguments: every point of the leaver, alone, in the whole company and with records to hand over, struck once with every fault, then stories by
//! seed. With a seed: that story
//! alone, with every point, so that a violation can be looked at.

use std::process::ExitCode;

use rollcall_harness::inject::Fault;
use rollcall_harness::matrix::{Faults, exhaustive, from_seed, seeded};
use rollcall_harness::story::{Happens, Story, tell};
use rollcall_harness::{World, oracle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [seed] = arguments.as_slice()
        && let Ok(seed) = seed.parse()
    {
        return one(seed).await;
    }
    let seeds = match arguments.as_slice() {
        [flag, from, to] if flag == "--seeds" => from.parse().unwrap_or(0)..to.parse().unwrap_or(0),
        _ => 0..500,
    };
    let started = std::time::Instant::now();
    let mut violations = 0;
    let leaves = Story::default();
    let returns = Story {
        happens: Happens::LeavesAndReturns,
        ..leaves
    };
    let mut book = |report: rollcall_harness::Report| {
        println!("{report}");
        violations += report.violations.len();
    };
    book(
        exhaustive(
            "leaver, every point",
            leaves,
            Faults::Each(&Fault::ALL),
            || None,
            |_| true,
        )
        .await,
    );
    book(
        exhaustive(
            "leaver who returns, every point",
            returns,
            Faults::Each(&Fault::ALL),
            || None,
            |_| true,
        )
        .await,
    );
    let company = Story {
        company: true,
        ..leaves
    };
    let both = Story {
        happens: Happens::LeavesEverywhere,
        ..company
    };
    book(
        exhaustive(
            "company, every point",
            company,
            Faults::Each(&Fault::ALL),
            || None,
            |_| true,
        )
        .await,
    );
    book(
        exhaustive(
            "company, both directories",
            both,
            Faults::Each(&Fault::ALL),
            || None,
            |_| true,
        )
        .await,
    );
    let owner = Story { owns: true, ..leaves };
    book(
        exhaustive(
            "owner, every point",
            owner,
            Faults::Each(&Fault::ALL),
            || None,
            |_| true,
        )
        .await,
    );
    book(seeded("by seed: arrival, workers, strikes", seeds.clone(), false).await);
    book(seeded("company, by seed", seeds, true).await);
    println!("{violations} violations in {:.1} s", started.elapsed().as_secs_f32());
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn one(seed: u64) -> ExitCode {
    let (spec, story) = from_seed(seed, false);
    println!("{story:?} {:?}", spec.strikes);
    let world = World::new(spec).await;
    let took = tell(&world, story).await;
    for (index, what) in world.injector.log().iter().enumerate() {
        println!("{:>4} {what}", index + 1);
    }
    for run in world.ledger.runs(None, 10).await.unwrap_or_default() {
        println!("{} {:?} {:?}", run.id, run.state, run.triggers);
        for note in &run.notes {
            println!("  {} {}", note.at, note.text);
        }
        for record in &run.changes {
            println!("  {} {:?}", record.change.key(), record.outcome);
        }
    }
    let wrong = oracle::violations(&world, story, took).await;
    for violation in &wrong {
        println!("! {violation}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
