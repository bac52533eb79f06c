//! Whatever a vendor's call does wrong, once, at whatever place: the leaver ends green, and effects happen once by class.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_harness::oracle;
use rollcall_harness::story::Story;
use rollcall_model::{Failure, Outcome, RunState};
use rollcall_runtime::codes;
use rollcall_scenarios::{HOUR, MANAGER_IN_SLACK, MINUTE, Stage, outcomes, record, told};
use rollcall_simulators::world::LeaverWorld;
use rollcall_simulators::{Fault, FaultRule, Faults};

use crate::stand_in::{self, Instead};

/// Sign-in name of the leaver's manager.
const MANAGER: &str = "sam.lindqvist@corp.example";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Vendor {
    Okta,
    Salesforce,
    Slack,
}

impl Vendor {
    const ALL: [Self; 3] = [Self::Okta, Self::Salesforce, Self::Slack];

    fn switch(self, vendors: &LeaverWorld) -> &Faults {
        match self {
            Self::Okta => vendors.okta.faults(),
            Self::Salesforce => vendors.salesforce.faults(),
            Self::Slack => vendors.slack.faults(),
        }
    }

    fn calls(self, vendors: &LeaverWorld) -> Vec<String> {
        let calls = match self {
            Self::Okta => vendors.okta.calls(),
            Self::Salesforce => vendors.salesforce.calls(),
            Self::Slack => vendors.slack.calls(),
        };
        calls
            .into_iter()
            .map(|(method, path)| format!("{method} {}", path.split('?').next().unwrap_or_default()))
            .collect()
    }
}

#[tokio::test]
async fn every_fault_at_every_call_of_every_vendor_ends_green_with_effects_once_by_class() {
    let mut plain = Stage::plain().await;
    plain.leaves().await;
    plain.settle().await;
    let calls: BTreeMap<Vendor, Vec<String>> = Vendor::ALL
        .map(|vendor| (vendor, vendor.calls(&plain.world.vendors)))
        .into();
    assert!(calls.values().all(|calls| calls.len() >= 4), "{calls:#?}");

    let mut wrong = Vec::new();
    let mut stories = 0;
    for (vendor, calls) in &calls {
        for (place, call) in calls.iter().enumerate() {
            // What a lost permission comes to is told by the failure matrix: no later try makes it good.
            for fault in Fault::ALL.into_iter().filter(|fault| fault.passes()) {
                stories += 1;
                let label = format!("{vendor:?} call {} ({call}) {fault:?}", place + 1);
                for violation in struck(*vendor, place, call, fault).await {
                    wrong.push(format!("{label}: {violation}"));
                }
            }
        }
    }
    println!("{stories} stories, {} violations", wrong.len());
    assert!(wrong.is_empty(), "{} of {stories}:\n{}", wrong.len(), wrong.join("\n"));
}

/// One leaver with one fault at one call; everything that is not as it must be.
async fn struck(vendor: Vendor, place: usize, call: &str, fault: Fault) -> Vec<String> {
    let mut stage = Stage::plain().await;
    let rule = FaultRule {
        method: None,
        path_contains: String::new(),
        skip: place as u64,
        times: 1,
        fault,
    };
    vendor.switch(&stage.world.vendors).add(rule);
    let began = stage.now();
    stage.leaves().await;
    stage.settle().await;
    let took = rollcall_runtime::clock::between(began, stage.now());
    let mut wrong = oracle::violations(&stage.world, Story::default(), (took < HOUR).then_some(took)).await;
    let texts = stage.channel();
    if told(&texts, "Not finished") > 1 || texts.len() > 2 {
        wrong.push(format!("told too much: {texts:?}"));
    }
    // A cut never waits for the manager's name, so a manager who could not be read at that moment is not told.
    let of_manager = vendor == Vendor::Okta
        && call.ends_with(
            &stage
                .world
                .vendors
                .okta
                .user_id(MANAGER)
                .expect("the directory has them"),
        );
    let most = stage.direct(MANAGER_IN_SLACK).len();
    if most > 1 || (most == 0 && !of_manager) {
        wrong.push(format!(
            "the manager was told {} times",
            stage.direct(MANAGER_IN_SLACK).len()
        ));
    }
    let runs = stage.runs().await;
    for run in &runs {
        for record in run.changes.iter().filter(|record| !record.outcome.is_green()) {
            wrong.push(format!("{} {:?}", record.change.key(), record.outcome));
        }
    }
    wrong
}

#[tokio::test]
async fn lists_that_stay_empty_are_never_taken_for_an_empty_world() {
    // While Okta shows no groups, nobody can be told to be protected or not, and the cut goes on: it takes nothing for good.
    let mut stage = Stage::plain().await;
    stage
        .world
        .vendors
        .okta
        .faults()
        .add(FaultRule::always("/groups", Fault::EmptyList));
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);

    // While every list of Salesforce is empty, nothing is green.
    let mut stage = Stage::plain().await;
    stage
        .world
        .vendors
        .salesforce
        .faults()
        .add(FaultRule::always("/composite", Fault::EmptyList));
    stage.leaves().await;
    stage.work_for(MINUTE * 30).await;
    let run = stage.run().await;
    assert!(!run.state.is_final(), "{:?} {:?}", run.state, outcomes(&run));
    assert!(
        !outcomes(&run).iter().any(|(_, outcome)| *outcome == "AlreadySo"),
        "{:?}",
        outcomes(&run)
    );
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 0);
    stage.world.vendors.salesforce.faults().clear();
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn one_failing_cut_step_never_stops_the_next_one() {
    let refused = Failure::needs_human(
        "freezing: Salesforce answered 403 INSUFFICIENT_ACCESS: grant the integration user the permission",
    );
    let (spec, _) = stand_in::with("sf-us", Instead::Refuses("salesforce/freeze", refused));
    let mut stage = Stage::new(spec).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let RunState::Incomplete { why } = &run.state else {
        panic!("{:?}", run.state)
    };
    assert!(why.contains("salesforce/freeze") && why.contains("403"), "{why}");
    assert!(matches!(&record(&run, "salesforce/freeze").outcome, Outcome::Failed(why) if why.contains("403")));
    let vendors = &stage.world.vendors;
    assert!(!vendors.salesforce.is_frozen(&vendors.leaver_user));
    assert_eq!(
        vendors.salesforce.tokens_of(&vendors.leaver_user),
        Vec::<String>::new(),
        "tokens are revoked all the same"
    );
    assert_eq!(
        vendors.salesforce.sessions_of(&vendors.leaver_user),
        Vec::<String>::new(),
        "and sessions ended"
    );
    assert_eq!(run.cut_at.len(), 0, "the system does not count as cut");
    let texts = stage.channel();
    assert_eq!(
        (told(&texts, "Not finished: Amara Okafor"), texts.len()),
        (1, 1),
        "{texts:?}"
    );
    let findings = stage.findings().await;
    assert!(
        findings.len() == 1 && findings[0].contains(codes::STAGE_FAILED.id),
        "{findings:?}"
    );
    assert_eq!(
        stage.direct(MANAGER_IN_SLACK).len(),
        0,
        "nobody is told that it is done"
    );
    assert!(run.receipt.is_some(), "what was not done is proven as well");
}

#[tokio::test]
async fn a_failing_step_that_a_retry_mends_leaves_no_trace_but_the_note() {
    let busy = Failure::retry("freezing: Salesforce answered 400 UNABLE_TO_LOCK_ROW");
    let (spec, on) = stand_in::with("sf-us", Instead::Refuses("salesforce/freeze", busy));
    let mut stage = Stage::new(spec).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(!stage.run().await.state.is_final());
    on.store(false, std::sync::atomic::Ordering::Relaxed);
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(
        outcomes(&run).iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(),
        ["Changed"; 3]
    );
    assert_eq!(
        (stage.did("freeze"), stage.did("revoke-token")),
        (1, stage.world.before.tokens)
    );
}

#[tokio::test]
async fn when_the_days_calls_of_an_org_are_used_up_it_is_left_alone_for_a_quarter_of_an_hour() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    vendors
        .salesforce
        .faults()
        .add(FaultRule::once("/composite", Fault::RateLimited(HOUR)));
    let began = stage.now();
    stage.leaves().await;
    while rollcall_runtime::clock::between(began, stage.now()) < MINUTE * 14 {
        stage.work_for(Duration::from_secs(5)).await;
        let reads = vendors
            .salesforce
            .calls()
            .iter()
            .filter(|(_, path)| path.ends_with("/composite"))
            .count();
        assert_eq!(
            reads,
            1,
            "after {:?}",
            rollcall_runtime::clock::between(began, stage.now())
        );
    }
    assert_eq!(
        told(&stage.channel(), "Not finished: Amara Okafor"),
        1,
        "people know that it takes longer"
    );
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_begins_nothing_and_the_event_waits_for_it() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    vendors.okta.faults().add(FaultRule::always("", Fault::Unavailable));
    stage.leaves().await;
    stage.work_for(MINUTE * 20).await;
    assert_eq!((stage.runs().await.len(), stage.cuts()), (0, 0));
    let findings = stage.findings().await;
    assert!(
        findings.len() == 1 && findings[0].contains(codes::SOURCE_UNREADABLE.id),
        "one alert: {findings:?}"
    );
    vendors.okta.faults().clear();
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
    assert_eq!(stage.dead().await, Vec::<String>::new());
}
