//! `rollcall demo --once`, and the commands on what it leaves behind.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::Command;

use crate::support::BINARY;
use serde_json::Value;

fn demo(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(BINARY)
        .args(["demo", "--once"])
        .args(args)
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    // A document stands alone on standard output; what is logged beside it is for people.
    let text = String::from_utf8(output.stdout).unwrap();
    let text = if args.contains(&"--json") {
        text
    } else {
        text + &String::from_utf8(output.stderr).unwrap()
    };
    (output.status.code().unwrap(), text)
}

fn rollcall(args: &[&str]) -> (i32, String) {
    let output = Command::new(BINARY).args(args).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn one_document_says_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = demo(folder.path(), &["--json"]);
    assert_eq!(code, 0, "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["event"]["kind"], "user.deactivated");
    assert_eq!(document["ok"], true, "{document}");
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1]["state"], "Held", "the protected person waits");
    let run = &runs[0];
    assert_eq!(
        (&run["state"], &run["playbook"]),
        (&Value::from("Incomplete"), &Value::from("leaver"))
    );
    let why = run["why"].as_str().unwrap();
    assert!(
        why.contains("default lead owner") && why.contains("The way out"),
        "what Salesforce refuses is named with the way out: {why}"
    );
    assert_eq!(run["plan_hash"].as_str().unwrap().len(), 64);
    let changes: Vec<(&str, &str, &str)> = run["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            assert!(change["started_ms"].as_i64().unwrap() >= 0, "{change}");
            assert!(change["took_ms"].as_i64().unwrap() >= 0, "{change}");
            assert!(change["step"].is_string(), "{change}");
            (
                change["connection"].as_str().unwrap(),
                change["stage"].as_str().unwrap(),
                change["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let count = |connection: &str, outcome: &str| {
        changes
            .iter()
            .filter(|(where_, stage, what)| (*where_, *stage, *what) == (connection, "cut", outcome))
            .count()
    };
    assert_eq!(
        (count("okta-main", "AlreadySo"), count("okta-main", "Changed")),
        (3, 1),
        "{changes:?}"
    );
    assert_eq!(count("onelogin-main", "Changed"), 2, "{changes:?}");
    assert_eq!(count("sf-us", "Changed"), 6, "two users: {changes:?}");
    assert_eq!(
        (count("sf-emea", "Changed"), count("sf-emea", "Skipped")),
        (3, 3),
        "the service account is left alone: {changes:?}"
    );
    let told = changes.iter().filter(|change| change.1 == "tell");
    assert!(
        told.clone().count() == 2 && told.clone().all(|change| change.2 == "Changed"),
        "{changes:?}"
    );
    let cut = document["time_to_cut_ms"].as_object().unwrap();
    assert_eq!(
        cut.keys().collect::<Vec<_>>(),
        ["okta-main", "onelogin-main", "sf-apac", "sf-emea", "sf-us"]
    );
    for (connection, took) in cut {
        assert!(took.as_i64().unwrap() <= 1_000, "{connection}: {cut:?}");
    }

    let handover = document["handover"].as_object().unwrap();
    let numbers = |connection: &str| {
        ["counted", "arrived", "moved", "kept", "refused", "gone"]
            .map(|name| handover[connection][name].as_u64().unwrap())
    };
    assert_eq!(handover.keys().collect::<Vec<_>>(), ["sf-emea", "sf-us"]);
    assert_eq!(numbers("sf-emea"), [5_000, 0, 5_000, 0, 0, 0]);
    assert_eq!(
        numbers("sf-us"),
        [5_000, 0, 4_846, 150, 4, 0],
        "closed deals and tasks are kept; an approval and a rule refuse"
    );

    let receipt = document["receipt"].as_str().unwrap();
    let data = document["data"].as_str().unwrap();
    let (code, text) = rollcall(&["receipt", "verify", receipt, "--data", data]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = rollcall(&[
        "receipt",
        "verify",
        receipt,
        "--key",
        &format!("{data}/keys/receipt.pem.pub"),
        "--json",
    ]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["valid"], true);

    let event = document["event"]["key"].as_str().unwrap();
    for what in [
        "amara.okafor@corp.example",
        "AMARA.okafor@corp.example",
        event,
        run["id"].as_str().unwrap(),
    ] {
        let (code, text) = rollcall(&["explain", what, "--data", data]);
        assert_eq!(code, 0, "{text}");
        for part in [
            "user.lifecycle.deactivate",
            "Time to cut",
            "salesforce/freeze",
            "Journal",
            "Amara Okafor is out: ",
            "receipts/run_",
            "rollcall plan",
        ] {
            assert!(text.contains(part), "{what}: no {part} in\n{text}");
        }
        let (_, text) = rollcall(&["explain", what, "--data", data, "--json"]);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["runs"][0]["id"], run["id"]);
        assert!(
            told["runs"][0]["salt"].is_null() && !text.contains("\"salt\""),
            "the salt stays in the ledger"
        );
    }
    let (code, text) = rollcall(&["explain", "--data", data]);
    assert!(code == 0 && text.contains(run["id"].as_str().unwrap()), "{text}");
    let (code, text) = rollcall(&["explain", "nobody@corp.example", "--data", data]);
    assert!(
        code == 1 && text.contains("nothing is known of nobody@corp.example"),
        "{text}"
    );
}

#[test]
fn a_person_reads_a_story_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = demo(folder.path(), &[]);
    assert_eq!(code, 0, "{text}");
    for part in [
        "Time to cut",
        "What was done",
        "Who was told",
        "What people read in Slack",
        "Amara Okafor is out",
        "Looked at from the outside",
        "Try next",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let (_, outside) = text.split_once("Looked at from the outside").unwrap();
    assert!(!outside.contains('✗'), "{text}");
    for secret in ["demo-hook-secret", "xoxb-", "PRIVATE KEY"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn everything_is_taken_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = demo(folder.path(), &["--undo", "--json"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0, "{}", document["checks"]);
    assert_eq!(document["undo"]["goal"], "undo");
    let compared = document["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["what"].as_str().unwrap().contains("byte for byte"));
    assert_eq!(compared.count(), 2, "both orgs were compared");
}

#[test]
fn secrets_and_keys_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = demo(folder.path(), &["--json"]);
    assert_eq!(code, 0, "{text}");
    let demo = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&demo), 0o700);
    let mut secrets = 0;
    for secret in std::fs::read_dir(demo.join("secrets")).unwrap() {
        assert_eq!(mode(&secret.unwrap().path()), 0o600);
        secrets += 1;
    }
    assert_eq!((secrets, mode(&demo.join("data/keys/receipt.pem"))), (6, 0o600));
}
