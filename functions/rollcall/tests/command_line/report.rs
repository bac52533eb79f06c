//! `rollcall run report` on what real runs leave behind.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{BINARY, demo};
use serde_json::Value;

/// What a command says and how it ends, run in a folder.
fn rollcall(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(BINARY)
        .args(args)
        .current_dir(folder)
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

/// The demo's document, and where its state lies.
fn told(folder: &Path) -> (Value, PathBuf) {
    let document = demo(folder);
    let data = PathBuf::from(document["data"].as_str().unwrap());
    (document, data)
}

#[test]
fn a_page_is_made_of_the_ledger_and_the_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (document, data) = told(folder.path());
    let data = data.to_str().unwrap();
    let run = document["runs"][0]["id"].as_str().unwrap();

    let (code, said) = rollcall(folder.path(), &["run", "report", run, "--data", data]);
    assert_eq!(code, 0, "{said}");
    let page = folder.path().join(format!("{run}.html"));
    let html = std::fs::read_to_string(&page).unwrap();
    for expected in [
        "Amara",
        "salesforce/freeze",
        "as it was signed",
        "user.deactivated",
        "#security",
        run,
    ] {
        assert!(html.contains(expected), "{expected}");
    }
    let mode = std::fs::metadata(&page).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it names people");

    // Again over what is there, for a program.
    let other = folder.path().join("page.html");
    let args = ["run", "report", run, "--data", data, "--out", "page.html", "--json"];
    assert_eq!(rollcall(folder.path(), &args).0, 0);
    let (code, said) = rollcall(folder.path(), &args);
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&told["file"], &told["state"]),
        (&Value::from("page.html"), &Value::from("Incomplete"))
    );
    assert_eq!(told["bytes"], std::fs::metadata(&other).unwrap().len());

    // The protected person's run waits for a review, which is named.
    let held = document["runs"][1]["id"].as_str().unwrap();
    let (code, said) = rollcall(folder.path(), &["run", "report", held, "--data", data]);
    assert_eq!(code, 0, "{said}");
    let html = std::fs::read_to_string(folder.path().join(format!("{held}.html"))).unwrap();
    assert!(
        html.contains("The stage ") && html.contains("There is no receipt yet"),
        "held"
    );

    // A receipt that somebody touched is said to be wrong.
    let receipt = PathBuf::from(document["receipt"].as_str().unwrap());
    let text = std::fs::read_to_string(&receipt).unwrap();
    let altered = text.replacen("\"state\": \"Incomplete\"", "\"state\": \"Done\"", 1);
    assert_ne!(altered, text, "there was something to alter");
    std::fs::write(&receipt, altered).unwrap();
    assert_eq!(rollcall(folder.path(), &["run", "report", run, "--data", data]).0, 0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("not as it was signed"), "the receipt was altered");
}

#[test]
fn what_cannot_be_made_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let (document, data) = told(folder.path());
    let data = data.to_str().unwrap();
    let (code, said) = rollcall(folder.path(), &["run", "report", "run_none", "--data", data]);
    assert_eq!(code, 1);
    assert!(
        said.contains("there is no run run_none: `rollcall explain` lists the latest runs"),
        "{said}"
    );
    let run = document["runs"][0]["id"].as_str().unwrap();
    let (code, said) = rollcall(
        folder.path(),
        &["run", "report", run, "--data", data, "--out", "no/such/folder/x.html"],
    );
    assert_eq!(code, 1);
    assert!(said.contains("name another file with --out"), "{said}");
    let (code, said) = rollcall(folder.path(), &["run", "report", run, "--data", "elsewhere"]);
    assert_eq!(code, 1);
    assert!(said.contains("there is no ledger at elsewhere/rollcall.db"), "{said}");
}
