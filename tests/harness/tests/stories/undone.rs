//! The failure matrix of undos: whatever strikes while a leave is taken back, everybody has in the end what they have without.

use rollcall_harness::inject::{Fault, is_call};
use rollcall_harness::matrix::Faults;
use rollcall_harness::story::Story;
use rollcall_harness::undone::exhaustive;

#[tokio::test]
async fn an_undo_of_a_cut_in_two_directories_and_two_orgs_survives_every_fault() {
    let company = Story {
        company: true,
        ..Story::default()
    };
    let report = exhaustive(
        "undo of the company's cut",
        company,
        Faults::by_form(&Fault::ALL),
        |_| true,
    )
    .await;
    println!("{report}");
    assert!(report.points > 50, "there are points to strike: {}", report.points);
    assert!(report.struck.len() == 4, "every fault was struck: {:?}", report.struck);
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn an_undo_of_a_dismantling_survives_every_fault() {
    let owner = Story {
        owns: true,
        ..Story::default()
    };
    let report = exhaustive("undo of an owner's leave", owner, Faults::by_form(&Fault::ALL), |_| {
        true
    })
    .await;
    println!("{report}");
    assert!(report.points > 100, "there are points to strike: {}", report.points);
    assert_eq!(report.violations, Vec::<String>::new());
}

/// Every fault of a vendor that passes at every call of an undo: one at each call in turn, all of them in the long form.
async fn vendors_strike(name: &str, story: Story, calls: u64) {
    let faults = Fault::of_vendors();
    let report = exhaustive(name, story, Faults::by_form(&faults), is_call).await;
    println!("{report}");
    assert!(report.runs > calls, "enough calls were struck: {}", report.runs);
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn whatever_a_vendor_does_wrong_at_a_call_of_an_undone_cut_is_made_good() {
    let company = Story {
        company: true,
        ..Story::default()
    };
    vendors_strike("undo of the company's cut, calls", company, 30).await;
}

#[tokio::test]
async fn whatever_a_vendor_does_wrong_at_a_call_of_an_undone_dismantling_is_made_good() {
    let owner = Story {
        owns: true,
        ..Story::default()
    };
    vendors_strike("undo of an owner's leave, calls", owner, 60).await;
}
