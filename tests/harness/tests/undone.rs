//! The failure matrix of undos: whatever strikes while a leave is taken back, everybody has in the end what they have without.

use rollcall_harness::inject::Fault;
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
