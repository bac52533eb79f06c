//! Whatever fails, and however loudly it is logged: what a stranger could sign in with is nowhere to be read.

use std::collections::BTreeMap;

use rollcall_evidence::{Folds, Report, Timeline};
use rollcall_model::RunState;
use rollcall_scenarios::{HOUR, MINUTE, Stage};
use rollcall_simulators::salesforce::Permission;
use rollcall_simulators::world::CHANNEL;
use rollcall_simulators::{Fault, FaultRule};

use crate::Caught;

/// What the configuration refers to and what travelled, each with where it is from.
fn secrets(stage: &Stage) -> BTreeMap<String, String> {
    let vendors = &stage.world.vendors;
    let (own, rest) = (&vendors.credentials, stage.rest());
    let mut all = stage.world.wire.secrets();
    for (secret, whose) in [
        (&own.hook_secret, "Okta's hook"),
        (&own.okta_token, "Okta's API token"),
        (&own.consumer_secret, "Salesforce's consumer secret"),
        (&own.slack_token, "Slack's bot token"),
        (&rest.client_secret, "OneLogin's client secret"),
        (&rest.webhook_secret, "OneLogin's webhook"),
    ] {
        let bare = secret.rsplit(' ').next().expect("a text has a last word");
        assert!(bare.len() >= 8, "{whose}: {bare:?} would be found everywhere");
        all.entry(bare.to_owned()).or_insert_with(|| whose.to_owned());
    }
    all
}

/// Everything that Rollcall wrote, kept or said, by where it is.
async fn said(stage: &Stage, caught: &Caught) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let world = &stage.world;
    all.insert(
        "logs".to_owned(),
        caught.logs().iter().map(|line| format!("{line}\n")).collect(),
    );
    all.insert("metrics".to_owned(), caught.lines().join("\n"));
    let mut after = None;
    loop {
        let (items, next) = world.table.scan(after.as_ref(), 100).await.expect("memory answers");
        for item in items {
            all.insert(format!("ledger {:?}", item.key), format!("{item:?}\n{}", item.body));
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    for name in world.files.list("", None, 10_000).await.expect("memory answers") {
        let body = world.files.get(&name).await.expect("memory answers");
        all.insert(format!("file {name}"), String::from_utf8_lossy(&body).into_owned());
    }
    all.insert(
        "messages".to_owned(),
        format!("{:?}", world.vendors.slack.messages(CHANNEL)),
    );
    all.insert("configuration".to_owned(), format!("{:?}", world.configuration));
    for run in stage.runs().await {
        let journal = world.ledger.journal(&run.id).await.expect("memory answers");
        let report = Report {
            run: &run,
            journal: &journal,
            events: &[],
            reviews: &[],
            findings: &[],
            proof: None,
            confidential: true,
            folds: Folds::default(),
            made_at: stage.now(),
            made_by: "a test",
        };
        all.insert(format!("report of {}", run.id), report.html());
        let story = Timeline {
            run: &run,
            journal: &journal,
            events: &[],
            colour: false,
        };
        all.insert(format!("story of {}", run.id), story.to_string());
        all.insert(format!("run {}", run.id), format!("{run:?}"));
    }
    all
}

#[tokio::test]
async fn no_secret_is_told_by_a_leaver_at_whom_every_vendor_fails_in_turn() {
    let caught = Caught::all();
    let mut stage = Stage::company().await;
    let vendors = stage.world.vendors.clone();
    let org = vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    for faults in [
        vendors.okta.faults(),
        org.faults(),
        vendors.slack.faults(),
        stage.rest().onelogin.faults(),
        stage.rest().emea.faults(),
    ] {
        for (place, fault) in Fault::ALL.into_iter().enumerate() {
            faults.add(FaultRule {
                skip: 3 * place as u64,
                ..FaultRule::once("", fault)
            });
        }
    }
    stage.leaves().await;
    stage.pass(MINUTE * 30).await;
    org.allow(Permission::ManageUsers);
    stage.replace_worker().await;
    stage.settle().await;
    stage.later(HOUR * 25).await;
    assert!(matches!(
        stage.run().await.state,
        RunState::Done | RunState::Incomplete { .. }
    ));
    let secrets = secrets(&stage);
    for kind in ["access_token", "client_secret", "authorization", "hook"] {
        assert!(
            secrets.values().any(|place| place.contains(kind)),
            "no {kind}: {secrets:?}"
        );
    }
    let said = said(&stage, &caught).await;
    for part in ["logs", "metrics", "messages", "configuration"] {
        assert!(said[part].len() > 100, "{part} says something");
    }
    let known = &stage.world.vendors.credentials.consumer_key;
    assert!(
        said["configuration"].contains(known),
        "what is looked through can be read"
    );
    assert!(
        said.keys().any(|place| place.starts_with("file receipts/"))
            && said.keys().any(|place| place.starts_with("ledger"))
    );
    for (place, text) in &said {
        for (secret, whose) in &secrets {
            assert!(!text.contains(secret.as_str()), "{place} tells {whose}: {secret}");
        }
    }
}
