//! Bad reads cut nobody who should not be, hold up no other system, and are said; when they are over, everything is cut.

use std::time::Duration;

use http::Method;
use rollcall_model::{Outcome, RunState};
use rollcall_scenarios::{Lost, MINUTE, Stage, outcomes};
use rollcall_simulators::{Fault, FaultRule, Faults};

/// What a read can come back as without being the truth.
fn bad_reads() -> Vec<Fault> {
    vec![
        Fault::EmptyList,
        Fault::TruncatedPage,
        Fault::Unavailable,
        Fault::ServerError,
        Fault::Html,
        Fault::Timeout,
        Fault::Reset,
        Fault::RateLimited(Duration::from_secs(30)),
    ]
}

fn faults<'a>(stage: &'a Stage, connection: &str) -> &'a Faults {
    match connection {
        "okta-main" => stage.world.vendors.okta.faults(),
        "onelogin-main" => stage.rest().onelogin.faults(),
        "sf-us" => stage.world.vendors.salesforce.faults(),
        _ => stage.rest().emea.faults(),
    }
}

/// Every read of a connection goes wrong in one way: lists and single records alike. Salesforce's queries travel in a POST.
fn spoil(stage: &Stage, connection: &str, fault: &Fault) {
    let reads = |method: Method, path: &str| FaultRule {
        method: Some(method),
        ..FaultRule::always(path, *fault)
    };
    let all = faults(stage, connection);
    match connection {
        "okta-main" => all.add(reads(Method::GET, "/api/v1/users")),
        "onelogin-main" => all.add(reads(Method::GET, "/api/")),
        _ => all.add(reads(Method::POST, "/composite")),
    }
}

async fn a_target_that_cannot_be_read(connection: &str, fault: Fault) {
    let mut stage = Stage::company().await;
    spoil(&stage, connection, &fault);
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let label = format!("{connection} {fault:?}");
    let run = stage.run().await;
    assert!(!run.state.is_final(), "{label}: {:?} {:?}", run.state, outcomes(&run));
    assert!(
        !run.cut_at.keys().any(|cut| cut.as_str() == connection),
        "{label}: nothing says that it was cut there"
    );
    let others = run.cut_at.len();
    assert_eq!(others, 3, "{label}: the others did not wait: {:?}", run.cut_at);
    let unknown = run.changes.iter().any(|record| {
        record.change.connection.as_str() == connection
            && matches!(&record.outcome, Outcome::Unknown(why) if !why.is_empty())
    });
    assert!(unknown, "{label}: it says why: {:?}", outcomes(&run));
    assert!(!stage.findings().await.is_empty(), "{label}: somebody is told");
    stage.bystanders_are_untouched();

    faults(&stage, connection).clear();
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{label}: {:?}", outcomes(&run));
    assert_eq!(stage.lost(), Lost::ALL, "{label}");
    stage.bystanders_are_untouched();
}

#[tokio::test]
async fn a_bad_read_of_onelogin_is_never_green_and_holds_up_no_other_system() {
    for fault in bad_reads() {
        a_target_that_cannot_be_read("onelogin-main", fault).await;
    }
}

#[tokio::test]
async fn a_bad_read_of_one_org_is_never_green_and_holds_up_no_other_system() {
    for fault in bad_reads() {
        a_target_that_cannot_be_read("sf-emea", fault).await;
    }
}

#[tokio::test]
async fn a_bad_read_of_the_source_cuts_nobody_until_it_is_over() {
    // What the source says of one account is a single read: an empty list is no answer to it.
    for fault in bad_reads().into_iter().filter(|fault| *fault != Fault::EmptyList) {
        let mut stage = Stage::company().await;
        spoil(&stage, "okta-main", &fault);
        stage.leaves().await;
        stage.work_for(MINUTE * 5).await;
        let lost = stage.lost();
        assert!(
            !lost.onelogin && !lost.us && !lost.us_admin && !lost.emea,
            "{fault:?}: {lost:?}"
        );
        assert!(!stage.findings().await.is_empty(), "{fault:?}: somebody is told");
        faults(&stage, "okta-main").clear();
        stage.settle().await;
        assert_eq!(stage.lost(), Lost::ALL, "{fault:?}");
        stage.bystanders_are_untouched();
    }
}

#[tokio::test]
async fn a_source_that_hides_people_reports_nobody_as_deleted() {
    let mut stage = Stage::company().await;
    // The hook says that she left; she is back, and the token has lost the role that sees people.
    stage.leaves().await;
    stage.returns_unheard();
    let okta = &stage.world.vendors.okta;
    okta.faults().add(FaultRule {
        method: Some(Method::GET),
        ..FaultRule::always("/api/v1/users", Fault::EmptyList)
    });
    stage.work_for(MINUTE * 5).await;
    let lost = stage.lost();
    assert!(!lost.onelogin && !lost.us && !lost.us_admin && !lost.emea, "{lost:?}");
    stage.world.vendors.okta.faults().clear();
    stage.settle().await;
    for run in stage.runs().await {
        assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    }
}

#[tokio::test]
async fn a_replica_that_still_calls_the_leaver_active_cuts_nobody_and_the_story_says_so() {
    let mut stage = Stage::company().await;
    stage.leaves().await;
    stage.returns_unheard();
    stage.settle().await;
    let runs = stage.runs().await;
    let leave = runs
        .iter()
        .find(|run| run.plan.playbook == "leaver")
        .expect("it is a run");
    assert!(
        matches!(&leave.state, RunState::Superseded { why } if why.contains("okta-main now says active")),
        "{:?}",
        leave.state
    );
    let lost = stage.lost();
    assert!(!lost.onelogin && !lost.us && !lost.us_admin && !lost.emea, "{lost:?}");
}
