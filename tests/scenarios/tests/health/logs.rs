//! Logs and metrics name nobody, and whoever reads them finds the run.

use std::collections::BTreeSet;

use rollcall_model::RunState;
use rollcall_scenarios::{HOUR, MINUTE, Stage};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::salesforce::{Permission, SessionKind};
use rollcall_simulators::world::{CHANNEL, LEAVER, MANAGER, MANAGER_IN_SLACK, SERVICE};
use serde_json::Value;

use crate::Caught;

/// Lines that are about no run: no run is there yet, or any more, or the line is about the stack.
const ABOUT_NO_RUN: &[&str] = &[
    "A hook was taken.",
    "A signal goes to its queue.",
    "Due work was woken.",
    "Event accepted.",
    "Event was accepted before.",
    "vendor answered",
];

/// Everything by which somebody of the world could be known: names, sign-in names, addresses, employee numbers, and the ids
/// that the vendors give their accounts; in lower case.
fn identities(stage: &Stage) -> BTreeSet<String> {
    let vendors = &stage.world.vendors;
    let mut all: BTreeSet<String> = [
        "amara",
        "okafor",
        "chidi",
        "lindqvist",
        "priya",
        "raman",
        "e1042",
        "e1043",
        "e0007",
        "corp.example",
    ]
    .map(str::to_owned)
    .into();
    let mut add = |id: &str| {
        all.insert(id.to_lowercase());
    };
    for login in [
        LEAVER,
        MANAGER,
        SERVICE,
        "chidi.okafor@corp.example",
        "priya.raman@corp.example",
    ] {
        add(&vendors.okta.user_id(login).expect("the directory has them"));
    }
    add(&vendors.leaver_user);
    add(&vendors.leaver_user[..15]);
    add(&vendors.colleague_user);
    add(&vendors.colleague_user[..15]);
    add(MANAGER_IN_SLACK);
    add(CHANNEL);
    if let Some(company) = &vendors.company {
        let users = [
            company.leaver_onelogin.to_string(),
            company.administrator_onelogin.to_string(),
            company.leaver_admin.clone(),
            company.leaver_emea.clone(),
            company.colleague_emea.clone(),
            company.service_emea.clone(),
        ];
        for user in users {
            add(&user);
        }
    }
    all
}

/// The connections' own addresses hold the company's domain; nobody is known by it.
fn without_hosts(text: &str) -> String {
    text.to_lowercase().replace("corp.okta.example", "")
}

fn names_nobody(stage: &Stage, caught: &Caught) {
    let identities = identities(stage);
    let logs: Vec<String> = caught.logs().iter().map(Value::to_string).collect();
    assert!(logs.len() > 50, "there are logs: {}", logs.len());
    let lines = caught.lines();
    assert!(lines.len() > 10, "there are metrics: {}", lines.len());
    for line in logs.iter().chain(&lines) {
        let read = without_hosts(line);
        let named: Vec<_> = identities.iter().filter(|name| read.contains(name.as_str())).collect();
        assert!(named.is_empty(), "{named:?}: {line}");
    }
}

/// Every line is about one of the runs and says which, or is one of those that are about none.
fn runs_are_named(caught: &Caught, runs: &[String]) {
    let mut named = 0;
    for line in caught.logs() {
        let message = line["message"].as_str().unwrap_or_default();
        match line["run"].as_str() {
            Some(run) => {
                assert!(runs.iter().any(|known| known == run), "{line}");
                named += 1;
            }
            None => {
                assert!(ABOUT_NO_RUN.contains(&message), "no run: {line}");
                let text = line.to_string();
                assert!(!runs.iter().any(|run| text.contains(run)), "{line}");
            }
        }
    }
    assert!(named > 20, "{named} lines");
}

#[tokio::test]
async fn a_leaver_whose_cut_fails_and_succeeds_and_comes_undone_is_named_nowhere() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.pass(MINUTE * 15).await;
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    org.add_session(&stage.world.vendors.leaver_user, SessionKind::Ui);
    stage.later(MINUTE * 20).await;
    let runs: Vec<String> = stage.runs().await.iter().map(|run| run.id.to_string()).collect();
    assert_eq!(runs.len(), 2, "access came back");
    names_nobody(&stage, &caught);
    runs_are_named(&caught, &runs);
}

#[tokio::test]
async fn a_held_leaver_whom_nobody_decides_about_is_named_nowhere() {
    let caught = Caught::all();
    let mut stage = Stage::plain().await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.pass(MINUTE * 5).await;
    for _ in 0..24 {
        stage.later(HOUR * 3).await;
    }
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Refused { .. }));
    names_nobody(&stage, &caught);
    runs_are_named(&caught, &[run.id.to_string()]);
}

#[tokio::test]
async fn a_leaver_with_accounts_everywhere_is_named_nowhere() {
    let caught = Caught::all();
    let mut stage = Stage::company().await;
    stage.leaves().await;
    stage.settle().await;
    stage.later(HOUR * 25).await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    names_nobody(&stage, &caught);
    runs_are_named(&caught, &[run.id.to_string()]);
}
