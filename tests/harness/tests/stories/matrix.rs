//! The failure matrix as tests: no violation at any point, with any fault, in any of the stories.

use rollcall_harness::inject::{Fault, Strike, is_call};
use rollcall_harness::matrix::{Faults, Report, exhaustive, is_full, noisy, once, seeded};
use rollcall_harness::story::{self, Happens, Story};
use rollcall_harness::world::{World, WorldSpec};
use rollcall_model::RunState;
use rollcall_simulators::Fault as VendorFault;

/// More stories in the long form.
fn seeds() -> u64 {
    if is_full() { 2_000 } else { 200 }
}

#[tokio::test]
async fn the_leaver_survives_every_fault_at_every_point() {
    let report = exhaustive(
        "leaver, every point",
        Story::default(),
        Faults::Each(&Fault::ALL),
        || None,
        |_| true,
    )
    .await;
    println!("{report}");
    assert!(report.points > 50, "the story has points to strike");
    assert_eq!(
        report.runs,
        1 + report.points * 4,
        "every point was struck with every fault"
    );
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn the_leaver_who_returns_survives_every_fault_at_every_point() {
    let story = Story {
        happens: Happens::LeavesAndReturns,
        ..Story::default()
    };
    let report = exhaustive(
        "leaver who returns, every point",
        story,
        Faults::Each(&Fault::ALL),
        || None,
        |_| true,
    )
    .await;
    println!("{report}");
    assert!(report.points > 30, "the story has points to strike");
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn duplicates_orders_and_two_workers_make_no_difference() {
    let report = seeded("by seed: arrival, workers, strikes", 0..seeds(), false).await;
    println!("{report}");
    assert!(report.struck.values().sum::<u64>() > 50, "faults were struck");
    assert_eq!(report.violations, Vec::<String>::new());
}

/// A worker dies right after the vendor took a message; the next one's search for it fails once, wherever that is.
#[tokio::test]
async fn a_search_that_fails_after_a_crash_never_sends_a_message_twice() {
    let world = World::new(WorldSpec::default()).await;
    story::tell(&world, Story::default()).await.expect("the story ends");
    let log = world.injector.log();
    let posted = log
        .iter()
        .position(|what| what.ends_with("chat.postMessage"))
        .expect("a message is posted") as u64
        + 1;
    let mut report = Report {
        name: "crash after a message, then a failure".to_owned(),
        ..Report::default()
    };
    for later in 1..=60 {
        for fault in [Fault::Fails, Fault::AnswerLost] {
            let strikes = vec![
                Strike {
                    point: posted,
                    fault: Fault::CrashAfter,
                },
                Strike {
                    point: posted + later,
                    fault,
                },
            ];
            once(
                &mut report,
                WorldSpec {
                    strikes,
                    ..WorldSpec::default()
                },
                Story::default(),
            )
            .await;
        }
    }
    println!("{report}");
    assert_eq!(report.violations, Vec::<String>::new());
}

/// The whole company's story.
fn company(happens: Happens) -> Story {
    Story {
        happens,
        company: true,
        ..Story::default()
    }
}

#[tokio::test]
async fn every_cut_step_in_two_directories_and_two_orgs_survives_every_fault_at_every_point() {
    let story = company(Happens::Leaves);
    let report = exhaustive(
        "company, every point",
        story,
        Faults::by_form(&Fault::ALL),
        || None,
        |_| true,
    )
    .await;
    println!("{report}");
    assert!(report.points > 100, "the story has points to strike");
    let each = if is_full() { 4 } else { 1 };
    assert_eq!(report.runs, 1 + report.points * each, "every point was struck");
    assert_eq!(report.struck.len(), 4, "every fault was struck");
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_leaver_whom_both_directories_report_survives_a_crash_at_every_point() {
    let story = company(Happens::LeavesEverywhere);
    let faults = [Fault::CrashBefore, Fault::CrashAfter];
    let report = exhaustive(
        "company, both directories",
        story,
        Faults::by_form(&faults),
        || None,
        |_| true,
    )
    .await;
    println!("{report}");
    assert!(report.points > 100, "the story has points to strike");
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn in_the_whole_company_duplicates_orders_and_two_workers_make_no_difference() {
    let report = seeded("company, by seed", 0..seeds() / 2, true).await;
    println!("{report}");
    assert!(report.struck.values().sum::<u64>() > 20, "faults were struck");
    assert_eq!(report.violations, Vec::<String>::new());
}

/// A leaver with records and entitlements: small batches, a bulk job, a rule, a row that is locked for a moment.
fn owner(happens: Happens) -> Story {
    Story {
        happens,
        owns: true,
        ..Story::default()
    }
}

/// Where a hand-over can be torn apart: what is written to the vendor and to its jobs, what the journal of the connection says of
/// it, and the evidence.
fn tears(what: &str) -> bool {
    let call = what.contains("salesforce.example")
        && (what.contains("/jobs/") || ["PATCH ", "PUT ", "DELETE "].iter().any(|verb| what.starts_with(verb)));
    call || what.ends_with("/HEAD#sf-us") || what.starts_with("put evidence/")
}

/// Every fault at every point takes long, so `tests/run --full` does that. Otherwise, of those that matter most, a worker dies after
/// every other one, and the answers of the rest are lost.
#[tokio::test]
async fn dismantling_survives_every_fault_at_every_point() {
    let full = is_full();
    let faults = if full {
        Faults::Each(&Fault::ALL)
    } else {
        Faults::InTurn(&[Fault::CrashAfter, Fault::AnswerLost])
    };
    let only = |what: &str| full || tears(what);
    let report = exhaustive("owner, every point", owner(Happens::Leaves), faults, || None, only).await;
    println!("{report}");
    assert!(report.points > 300, "the story has points to strike");
    assert!(report.runs > 50, "enough of them were struck: {}", report.runs);
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn an_owner_who_returns_keeps_everything_whatever_strikes() {
    let story = owner(Happens::LeavesAndReturns);
    let faults = [Fault::CrashAfter, Fault::AnswerLost];
    let report = exhaustive("owner who returns", story, Faults::by_form(&faults), || None, |_| true).await;
    println!("{report}");
    assert!(report.points > 30, "the story has points to strike");
    assert_eq!(report.violations, Vec::<String>::new());
}

/// Every fault of a vendor that passes at every call of every connector: one at each call in turn, all of them in the long form.
async fn vendors_strike(name: &str, story: Story, calls: usize) {
    let faults = Fault::of_vendors();
    let report = exhaustive(name, story, Faults::by_form(&faults), || None, is_call).await;
    println!("{report}");
    assert!(report.runs > calls as u64, "enough calls were struck: {}", report.runs);
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn whatever_a_vendor_does_wrong_at_a_call_of_a_cut_is_made_good() {
    vendors_strike("company, every call", company(Happens::Leaves), 60).await;
}

#[tokio::test]
async fn whatever_a_vendor_does_wrong_at_a_call_of_dismantling_is_made_good() {
    vendors_strike("owner, every call", owner(Happens::Leaves), 100).await;
}

/// Whoever has lost a permission cannot be helped by trying again: what is left over says what to grant, and nothing else is wrong.
#[tokio::test]
async fn a_permission_that_is_gone_is_told_with_what_to_grant() {
    let every = if is_full() { 1 } else { 8 };
    let plain = World::new(WorldSpec {
        owns: true,
        ..WorldSpec::default()
    })
    .await;
    story::tell(&plain, owner(Happens::Leaves))
        .await
        .expect("the story ends");
    let calls: Vec<u64> = (1..)
        .zip(plain.injector.log())
        .filter(|(_, what)| is_call(what))
        .map(|(point, _)| point)
        .collect();
    let mut refused = 0;
    for point in calls.into_iter().step_by(every) {
        let spec = WorldSpec {
            owns: true,
            strikes: vec![Strike {
                point,
                fault: Fault::Vendor(VendorFault::PermissionRemoved),
            }],
            ..WorldSpec::default()
        };
        let world = World::new(spec).await;
        story::tell(&world, owner(Happens::Leaves))
            .await
            .expect("the story ends");
        for run in world.ledger.runs(None, 10).await.expect("memory answers") {
            match &run.state {
                RunState::Done => {}
                RunState::Incomplete { why } => {
                    refused += 1;
                    assert!(why.contains("grant"), "point {point}: {why}");
                }
                other => panic!("point {point}: {other:?}"),
            }
        }
    }
    println!("{refused} refusals");
    assert!(refused > 0, "it was struck where it hurts");
}

#[tokio::test]
async fn one_call_in_twenty_goes_wrong_and_everything_is_made_good() {
    let seeds = if is_full() { 500 } else { 20 };
    for (name, story) in [
        ("company, 5 % of the calls", company(Happens::Leaves)),
        ("owner, 5 % of the calls", owner(Happens::Leaves)),
    ] {
        let report = noisy(name, story, 0..seeds, 5).await;
        println!("{report}");
        assert!(report.struck.values().sum::<u64>() > seeds, "faults were struck");
        assert_eq!(report.violations, Vec::<String>::new());
    }
}
