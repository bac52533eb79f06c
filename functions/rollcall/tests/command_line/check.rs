//! `rollcall check`, offline and online.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use crate::support::{FIXTURES, rollcall};
use serde_json::Value;

fn folder(name: &str) -> String {
    Path::new(FIXTURES).join("config").join(name).display().to_string()
}

#[tokio::test]
async fn a_good_folder_passes_with_every_test_of_its_playbooks() {
    let said = rollcall(vec![
        "check".to_owned(),
        "--offline".to_owned(),
        "--config".to_owned(),
        folder("leaver"),
    ])
    .await;
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(
        said.text.contains("a protected person waits for an approver") && !said.text.contains('✗'),
        "{}",
        said.text
    );

    let said = rollcall(vec![
        "check".to_owned(),
        "--offline".to_owned(),
        "--json".to_owned(),
        "--config".to_owned(),
        folder("leaver"),
    ])
    .await;
    let document = said.json();
    assert_eq!(document["ok"], true);
    assert_eq!(document["environments"], serde_json::json!(["prod", "sandbox"]));
    let tests = document["tests"].as_array().unwrap();
    assert!(
        tests.len() >= 20 && tests.iter().all(|test| test["passed"] == true),
        "{document}"
    );
}

#[tokio::test]
async fn every_broken_folder_is_refused_with_places() {
    let broken = Path::new(FIXTURES).join("config/broken");
    let mut folders = 0;
    for entry in std::fs::read_dir(broken).unwrap() {
        let path = entry.unwrap().path();
        let args = ["check", "--offline", "--json", "--config", path.to_str().unwrap()]
            .map(str::to_owned)
            .to_vec();
        let said = rollcall(args).await;
        assert_eq!(said.code, 1, "{}: {}", path.display(), said.all());
        let document = said.json();
        let problems = document["problems"].as_array().unwrap();
        assert!(!problems.is_empty(), "{}", path.display());
        // What the loader's own tests expect of this folder; its parts that need actions of their own test catalogue differ.
        let expected = std::fs::read_to_string(path.join("expected.txt")).unwrap();
        let first = problems.iter().find(|problem| problem["line"].as_u64() > Some(0));
        if let Some(problem) = first {
            let place = format!(
                "{}:{}:{}: {}",
                text(problem, "file"),
                problem["line"],
                problem["column"],
                text(problem, "what")
            );
            assert!(expected.contains(&place), "{place}\n{expected}");
        }
        folders += 1;
    }
    assert!(folders >= 5);
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[tokio::test]
async fn a_failing_test_is_shown_and_fails_the_check() {
    let stage = tempfile::tempdir().unwrap();
    for part in [
        "rollcall.yaml",
        "env/prod.yaml",
        "people/amara.yaml",
        "tables/service.csv",
    ] {
        let to = stage.path().join(part);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(FIXTURES).join("config/leaver").join(part), to).unwrap();
    }
    std::fs::create_dir_all(stage.path().join("playbooks")).unwrap();
    let playbook = "uses: rollcall/leaver@1\nwith: {salesforce: sf-us}\ntests:\n  - name: wrong on purpose\n    when: user.deactivated\n    expect: {cut: []}\n";
    std::fs::write(stage.path().join("playbooks/leaver.yaml"), playbook).unwrap();
    let said = rollcall(
        ["check", "--offline", "--config", stage.path().to_str().unwrap()]
            .map(str::to_owned)
            .to_vec(),
    )
    .await;
    assert_eq!(said.code, 1, "{}", said.all());
    assert!(
        said.text.contains("playbooks/leaver.yaml:4")
            && said.text.contains("wrong on purpose")
            && said.text.contains("1 failed"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn schemas_are_written_for_editors() {
    let stage = tempfile::tempdir().unwrap();
    let to = stage.path().join("schema");
    let args = [
        "check",
        "--offline",
        "--config",
        &folder("leaver"),
        "--schemas",
        to.to_str().unwrap(),
    ]
    .map(str::to_owned)
    .to_vec();
    let said = rollcall(args).await;
    assert_eq!(said.code, 0, "{}", said.all());
    let mut count = 0;
    for file in std::fs::read_dir(&to).unwrap() {
        let schema: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        assert!(schema["$schema"].is_string());
        count += 1;
    }
    assert!(count >= 3, "{count}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let said = rollcall(
        ["check", "--offline", "--config", "nowhere"]
            .map(str::to_owned)
            .to_vec(),
    )
    .await;
    assert!(said.code == 1 && said.errors.contains("nowhere"), "{}", said.all());
}

/// A look of `check --json` as `result found`.
fn look<'a>(probes: &'a Value, what: &str) -> Vec<(&'a str, &'a str)> {
    let probes = probes.as_array().unwrap().iter();
    probes
        .filter(|probe| probe["what"] == what)
        .map(|probe| (text(probe, "result"), text(probe, "found")))
        .collect()
}

fn online(stage: &crate::support::Stage, more: &[&str]) -> Vec<String> {
    let config = stage.folder.path().join("config").display().to_string();
    let data = stage.data().display().to_string();
    let mut all = ["check", "--config", &config, "--env", "test", "--data", &data]
        .map(str::to_owned)
        .to_vec();
    all.extend(more.iter().map(|one| (*one).to_owned()));
    all
}

#[tokio::test]
async fn each_connection_is_looked_at_and_no_state_is_made() {
    let stage = crate::support::Stage::set().await;
    let said = rollcall(online(&stage, &["--json"])).await;
    let document = said.json();
    assert_eq!(document["online"]["environment"], "test");
    let connections = document["online"]["connections"].as_object().unwrap();
    assert_eq!(
        connections.keys().map(String::as_str).collect::<Vec<_>>(),
        ["okta-main", "sf-us", "slack"]
    );
    assert!(
        connections
            .values()
            .all(|probes| !probes.as_array().unwrap().is_empty())
    );
    let tenant = look(&connections["sf-us"], "tenant");
    assert!(matches!(tenant.as_slice(), [("good", _)]), "{document}");
    let cross = &document["online"]["configuration"];
    assert_eq!(look(cross, "limits")[0].0, "good");
    assert_eq!(look(cross, "tell")[0].0, "good");
    assert_eq!(look(cross, "approvers").len(), 1);
    assert_eq!(look(cross, "list protected").len(), 1);
    // The exit code says whether anything is bad.
    let bad = document.to_string().contains("\"result\":\"bad\"");
    assert_eq!((said.code, &document["ok"]), (i32::from(bad), &Value::from(!bad)));
    assert!(!stage.data().exists(), "the ledger is not opened");
    for effect in ["freeze", "revoke-token", "end-session", "update-user"] {
        assert_eq!(stage.world.salesforce.counters().get(effect), 0, "{effect}");
    }
}

#[tokio::test]
async fn a_connection_without_its_secret_is_bad_and_the_others_are_looked_at_all_the_same() {
    let stage = crate::support::Stage::set().await;
    std::fs::remove_file(stage.folder.path().join("slack")).unwrap();
    let said = rollcall(online(&stage, &["--json"])).await;
    assert_eq!(said.code, 1, "{}", said.all());
    let document = said.json();
    assert_eq!(document["ok"], false);
    let connections = &document["online"]["connections"];
    assert_eq!(look(&connections["slack"], "secret")[0].0, "bad");
    assert_eq!(look(&connections["sf-us"], "tenant")[0].0, "good");
    assert_eq!(look(&document["online"]["configuration"], "tell")[0].0, "bad");

    let said = rollcall(online(&stage, &["--connection", "slack"])).await;
    assert_eq!(said.code, 1, "{}", said.all());
    assert!(
        said.text.contains("✗  secret") && !said.text.contains("\nsf-us"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn a_wrong_tenant_is_bad() {
    let stage = crate::support::Stage::set().await;
    let file = stage.folder.path().join("config/env/test.yaml");
    let environment = std::fs::read_to_string(&file).unwrap();
    let wrong = environment.replace(rollcall_simulators::world::SALESFORCE_ORG, "00D5f000009WRONGAA");
    assert_ne!(environment, wrong);
    std::fs::write(&file, wrong).unwrap();
    let said = rollcall(online(&stage, &["--connection", "sf-us", "--json"])).await;
    assert_eq!(said.code, 1, "{}", said.all());
    let document = said.json();
    assert_eq!(look(&document["online"]["connections"]["sf-us"], "tenant")[0].0, "bad");
}

#[tokio::test]
async fn a_connection_that_is_not_there_is_refused_by_name() {
    let stage = crate::support::Stage::set().await;
    let said = rollcall(online(&stage, &["--connection", "sf-emea"])).await;
    assert_eq!(said.code, 1, "{}", said.all());
    assert!(
        said.errors.contains("sf-emea") && said.errors.contains("sf-us"),
        "{}",
        said.all()
    );
    let said = rollcall(online(&stage, &["--offline", "--connection", "sf-us"])).await;
    assert_eq!(said.code, 2, "{}", said.all());
}
