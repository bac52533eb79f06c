//! What only looks, while vendors do wrong and workers die: nothing is changed, nothing is believed that was not seen, and the next look
//! says what it would have said.

use rollcall_harness::inject::{Fault, is_call};
use rollcall_harness::looks::{check, linked, preflight};
use rollcall_harness::{Faults, Report};

/// Nothing was wrong in at least so many stories.
fn stood(report: &Report, stories: u64) {
    println!("{report}");
    assert!(report.runs > stories, "enough was struck: {}", report.runs);
    assert_eq!(report.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_check_calls_nothing_good_that_it_could_not_see() {
    stood(
        &check("check, every call", Faults::Each(&Fault::of_vendors())).await,
        300,
    );
}

#[tokio::test]
async fn a_preflight_says_what_it_could_not_look_at() {
    stood(
        &preflight("preflight, every call", Faults::Each(&Fault::of_vendors())).await,
        100,
    );
}

#[tokio::test]
async fn whatever_a_vendor_does_wrong_while_everybody_is_linked_links_nobody_wrongly() {
    stood(
        &linked("link, every call", Faults::Each(&Fault::of_vendors()), is_call).await,
        100,
    );
}

#[tokio::test]
async fn linking_survives_every_fault_at_every_point() {
    stood(
        &linked("link, every point", Faults::by_form(&Fault::ALL), |_| true).await,
        50,
    );
}
