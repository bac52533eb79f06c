//! `rollcall check --offline`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{FIXTURES, rollcall};

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
