//! The failure matrix as tests: no violation at any point, with any fault, in any of the stories.

use rollcall_harness::inject::Fault;
use rollcall_harness::matrix::{exhaustive, seeded};
use rollcall_harness::story::{Happens, Story};

/// `tests/run --full` tells more stories.
fn seeds() -> u64 {
    if std::env::var_os("ROLLCALL_FULL").is_some() { 2_000 } else { 200 }
}

#[tokio::test]
async fn the_leaver_survives_every_fault_at_every_point() {
    let report = exhaustive("leaver, every point", Story::default(), &Fault::ALL, || None, |_| true).await;
    println!("{report}");
    assert!(report.points > 50, "the story has points to strike");
    assert_eq!(report.runs, 1 + report.points * 4, "every point was struck with every fault");
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn the_leaver_who_returns_survives_every_fault_at_every_point() {
    let story = Story { happens: Happens::LeavesAndReturns, ..Story::default() };
    let report = exhaustive("leaver who returns, every point", story, &Fault::ALL, || None, |_| true).await;
    println!("{report}");
    assert!(report.points > 30, "the story has points to strike");
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn duplicates_orders_and_two_workers_make_no_difference() {
    let report = seeded("by seed: arrival, workers, strikes", 0..seeds()).await;
    println!("{report}");
    assert!(report.struck.values().sum::<u64>() > 50, "faults were struck");
    assert_eq!(report.violations, Vec::<String>::new());
}
