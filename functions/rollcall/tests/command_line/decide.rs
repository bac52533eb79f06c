//! What an approver does: read what waits, decide it, and agree to announced leavers.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Command;

use crate::support::{Serving, Stage, post};
use rollcall_model::RunState;
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::world::LEAVER;
use serde_json::json;

const LEASE_MS: u64 = 10_000;

/// The account that the tests, and so the commands that they run, run as.
fn account() -> String {
    let said = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// A stage on which the leaver is protected, and on which roles decide; ours are these.
async fn stage(login: &str, roles: &str) -> Stage {
    let stage = Stage::set().await;
    let config = stage.folder.path().join("config");
    let root = std::fs::read_to_string(config.join("rollcall.yaml")).unwrap();
    let bare = root.replace(", approvers: okta-main/RC-Approvers", "");
    assert_ne!(root, bare);
    std::fs::write(config.join("rollcall.yaml"), bare).unwrap();
    let tenants = std::fs::read_to_string(config.join("env/test.yaml")).unwrap();
    let who = account();
    let environment = format!("{tenants}operators:\n  {who}: {{login: {login}, roles: [{roles}]}}\n");
    std::fs::write(config.join("env/test.yaml"), environment).unwrap();
    let okta = &stage.world.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.leaver).unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_waits_is_listed_shown_and_decided_once_by_who_runs_the_command() {
    let stage = stage("priya.raman@corp.example", "operator, approver").await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    let nothing = stage.rollcall(&["reviews"]).await;
    assert!(
        nothing.code == 0 && nothing.text.contains("Nothing waits"),
        "{}",
        nothing.all()
    );
    assert!(post(&serving.door, &stage.deactivate()).await);
    stage.runs_when(|run| matches!(run.state, RunState::Held { .. })).await;

    let listed = stage.rollcall(&["reviews", "list", "--json"]).await;
    assert_eq!(listed.code, 0, "{}", listed.all());
    let review = listed.json()["reviews"][0].clone();
    assert_eq!(review["person"], json!(LEAVER));
    let (id, hash) = (review["id"].as_str().unwrap(), review["plan_hash"].as_str().unwrap());
    let shown = stage.rollcall(&["reviews", "show", id]).await;
    assert_eq!(shown.code, 0, "{}", shown.all());
    for part in [
        "is in the list `protected`",
        "frozen: false → true",
        hash,
        "rollcall reviews approve",
    ] {
        assert!(shown.text.contains(part), "no {part} in\n{}", shown.text);
    }
    let wrong = stage.rollcall(&["reviews", "approve", id, "000000000000"]).await;
    assert!(
        wrong.code == 1 && wrong.errors.contains("the plan has moved, look again"),
        "{}",
        wrong.all()
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));

    let short = hash.get(..12).unwrap();
    let approved = stage.rollcall(&["reviews", "approve", id, short]).await;
    assert!(
        approved.code == 0 && approved.text.contains("Approved, as priya.raman@corp.example"),
        "{}",
        approved.all()
    );
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    assert!(runs.iter().all(|run| run.state == RunState::Done), "{:?}", runs.first());
    assert!(stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    let twice = stage.rollcall(&["reviews", "refuse", id, short]).await;
    assert!(
        twice.code == 1 && twice.errors.contains("has approved"),
        "{}",
        twice.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_has_no_role_reads_and_decides_nothing() {
    let stage = stage("omar.said@corp.example", "viewer").await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    assert!(post(&serving.door, &stage.deactivate()).await);
    stage.runs_when(|run| matches!(run.state, RunState::Held { .. })).await;
    let review = stage.rollcall(&["reviews", "--json"]).await.json()["reviews"][0].clone();
    let (id, hash) = (review["id"].as_str().unwrap(), review["plan_hash"].as_str().unwrap());
    let refused = stage.rollcall(&["reviews", "approve", id, hash]).await;
    assert!(
        refused.code == 1 && refused.errors.contains("is no approver"),
        "{}",
        refused.all()
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leavers_are_announced_from_a_file_and_who_announced_them_does_not_approve_them() {
    let stage = stage("priya.raman@corp.example", "approver").await;
    let file = stage.folder.path().join("hr.csv");
    let path = file.to_str().unwrap();
    let window = "2126-11-27T10:00/11:00[Europe/London]";
    std::fs::write(&file, "name;login\nAmara Okafor;amara.okafor@corp.example\nNobody;\n").unwrap();
    let bad = stage
        .rollcall(&["expect", "leavers", "--file", path, "--window", window])
        .await;
    assert!(
        bad.code == 1 && bad.text.contains("row 3: nobody is named") && bad.text.contains("nothing was announced"),
        "{}",
        bad.all()
    );
    let none = stage.rollcall(&["expect", "list"]).await;
    assert!(none.text.contains("No leavers are announced."), "{}", none.all());

    std::fs::write(&file, "name;login\nAmara Okafor;Amara.Okafor@corp.example\n").unwrap();
    let announced = stage
        .rollcall(&["expect", "leavers", "--file", path, "--window", window, "--json"])
        .await;
    assert_eq!(announced.code, 0, "{}", announced.all());
    let document = announced.json();
    assert_eq!(
        (&document["window"]["from"], &document["people"], &document["approved"]),
        (&json!("2126-11-27T10:00:00Z"), &json!(1), &json!(false))
    );
    let id = document["id"].as_str().unwrap();
    let shown = stage.rollcall(&["expect", "show", id]).await;
    assert!(
        shown.text.contains(LEAVER) && shown.text.contains("waits for 2 approvals"),
        "{}",
        shown.all()
    );
    let own = stage.rollcall(&["expect", "approve", id]).await;
    assert!(
        own.code == 1 && own.errors.contains("you announced these leavers"),
        "{}",
        own.all()
    );
    let cancelled = stage.rollcall(&["expect", "cancel", id]).await;
    assert_eq!(cancelled.code, 0, "{}", cancelled.all());
    let gone = stage.rollcall(&["expect", "show", id]).await;
    assert!(
        gone.code == 1 && gone.errors.contains("rollcall expect list"),
        "{}",
        gone.all()
    );
}
