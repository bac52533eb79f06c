//! `rollcall receipt verify` names the first thing that is wrong.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{BINARY, demo};
use rollcall_evidence::PublicKey;
use serde_json::Value;

/// A name, what is done to the receipt, and what must be said of it.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Value), &'a [&'a str]);

/// A receipt as a real run made it, and the key beside it.
fn receipt(folder: &Path) -> (PathBuf, PathBuf) {
    let document = demo(folder);
    let key = Path::new(document["data"].as_str().unwrap()).join("keys/receipt.pem.pub");
    (PathBuf::from(document["receipt"].as_str().unwrap()), key)
}

/// What the command says of this text.
fn verify(folder: &Path, text: &[u8], key: &Path) -> (i32, String) {
    let file = folder.join("tampered.json");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(BINARY)
        .args(["receipt", "verify"])
        .arg(&file)
        .arg("--key")
        .arg(key)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn whatever_is_changed_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (receipt, key) = receipt(folder.path());
    let whole = std::fs::read(&receipt).unwrap();
    let good: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(verify(folder.path(), &whole, &key).0, 0);
    let vendor = good["journals"]
        .as_array()
        .unwrap()
        .iter()
        .position(|journal| journal["sequence"] == "sf-us")
        .unwrap();
    let entries = good["journals"][vendor]["entries"].as_array().unwrap();
    let changed = entries.iter().position(|entry| entry["outcome"] == "Changed").unwrap();
    let altered = format!("entry {} of {}", changed + 1, entries.len());
    let removed = format!("entry 2 of {}", entries.len());

    let tampered = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        verify(
            folder.path(),
            serde_json::to_string_pretty(&document).unwrap().as_bytes(),
            &key,
        )
    };
    let cases: [Case<'_>; 6] = [
        (
            "altered",
            &|document| document["journals"][vendor]["entries"][changed]["outcome"] = "AlreadySo".into(),
            &["sf-us", &altered, "altered"],
        ),
        (
            "removed",
            &|document| {
                document["journals"][vendor]["entries"]
                    .as_array_mut()
                    .unwrap()
                    .remove(1);
            },
            &["sf-us", &removed, "removed"],
        ),
        (
            "reordered",
            &|document| {
                document["journals"][vendor]["entries"]
                    .as_array_mut()
                    .unwrap()
                    .swap(1, 2);
            },
            &["sf-us", "reordered"],
        ),
        (
            "inserted",
            &|document| {
                let entries = document["journals"][vendor]["entries"].as_array_mut().unwrap();
                entries.insert(2, entries[0].clone());
            },
            &["sf-us", "inserted at place 3"],
        ),
        (
            "header",
            &|document| document["header"]["state"] = "Done".into(),
            &["header", "state"],
        ),
        (
            "sequence",
            &|document| {
                document["journals"].as_array_mut().unwrap().remove(vendor);
            },
            &["sf-us", "whole sequence was removed"],
        ),
    ];
    for (name, change, said) in cases {
        let (code, text) = tampered(change);
        assert_eq!(code, 1, "{name}: {text}");
        for part in said {
            assert!(text.contains(part), "{name}: no {part:?} in {text}");
        }
    }
    let (code, text) = verify(folder.path(), &whole[..whole.len() / 2], &key);
    assert!(code == 1 && text.contains("cut off at byte"), "{text}");
}

#[test]
fn another_key_and_a_missing_one_are_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let (one, key) = receipt(folder.path());
    let other = tempfile::tempdir().unwrap();
    let (_, other_key) = receipt(other.path());
    let whole = std::fs::read(one).unwrap();
    let (code, text) = verify(folder.path(), &whole, &other_key);
    assert!(code == 1 && text.contains("not among the keys given"), "{text}");
    let (code, text) = verify(folder.path(), &whole, &folder.path().join("nowhere.pub"));
    assert!(code == 1 && text.contains("nowhere.pub cannot be read"), "{text}");
    // After a rotation both keys are given.
    let file = folder.path().join("tampered.json");
    let output = Command::new(BINARY)
        .args(["receipt", "verify"])
        .arg(file)
        .arg("--key")
        .arg(other_key)
        .arg("--key")
        .arg(key)
        .output()
        .unwrap();
    assert!(output.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotated_key_leaves_older_receipts_verifiable_with_what_stands_in_the_folder() {
    let stage = crate::support::Stage::set().await;
    let data = stage.data();
    let serving = crate::support::Serving::start(&stage, 10_000).await;
    assert!(crate::support::post(&serving.door, &stage.deactivate()).await);
    let runs = stage.runs_when(|run| run.receipt.is_some()).await;
    drop(serving);
    let receipt = data.join("files").join(runs[0].receipt.as_ref().unwrap());
    let keys = data.join("keys");
    std::fs::rename(keys.join("receipt.pem"), keys.join("receipt-2026.pem")).unwrap();
    std::fs::rename(keys.join("receipt.pem.pub"), keys.join("receipt-2026.pem.pub")).unwrap();
    // The next start makes a new key.
    drop(crate::support::Serving::start(&stage, 10_000).await);
    let [new, old] = ["receipt.pem.pub", "receipt-2026.pem.pub"].map(|name| keys.join(name));
    let id = |file: &Path| {
        PublicKey::from_pem(&std::fs::read_to_string(file).unwrap())
            .unwrap()
            .key_id()
    };
    assert_ne!(id(&new), id(&old));
    let file = receipt.to_str().unwrap();
    let said = stage.on_data(&["receipt", "verify", file]).await;
    assert!(said.code == 0 && said.text.contains(&id(&old)), "{}", said.all());
    // The new key alone does not do, and that is said.
    let said = stage
        .on_data(&["receipt", "verify", file, "--key", new.to_str().unwrap()])
        .await;
    assert!(
        said.code == 1 && said.text.contains("not among the keys given"),
        "{}",
        said.all()
    );
}
