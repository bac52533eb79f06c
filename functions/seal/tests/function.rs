//! The function itself: a run in a real ledger becomes a receipt in a real bucket, signed by KMS and checked offline.
//!
//! DynamoDB Local holds the ledger and a local AWS the bucket and the key; Lambda's Runtime API is a loopback port.
#![cfg(feature = "servers")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails, panics"
)]

#[path = "../../worker/tests/cloud/mod.rs"]
mod cloud;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use cloud::Cloud;
use rollcall_evidence::{Forgotten, PublicKey, verify};
use rollcall_ledger::contract::Bench;
use rollcall_ledger::contract::samples::{at, draft, run};
use rollcall_ledger::dynamodb::{DynamoTable, create_table};
use rollcall_ledger::s3::S3Files;
use rollcall_ledger::{TableLedger, aws};
use rollcall_model::ledger::{Settle, documents};
use rollcall_model::{Files, Ledger, RunId, RunState};
use rollcall_runtime::{Ids, RandomIds, SystemClock};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_rollcall-seal");

/// The address of a test server. A missing one is a failure, never a skip: whoever asks for these tests wants them run.
fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run this through tests/run or tests/servers/with"))
}

/// A table, a bucket with Object Lock and a key of this test's own.
struct Place {
    bench: Bench,
    files: Arc<dyn Files>,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    kms: aws_sdk_kms::Client,
    name: String,
    key: String,
}

impl Place {
    async fn new() -> Self {
        let loaded = aws::load().await;
        let at_url = |url: String| loaded.to_builder().endpoint_url(url).build();
        let (local, tables) = (
            at_url(required("ROLLCALL_TEST_AWS_URL")),
            at_url(required("ROLLCALL_TEST_DYNAMODB_URL")),
        );
        let name = format!("seal-{}", RandomIds.unique());
        let (s3, dynamodb) = (aws::s3(&local), aws::dynamodb(&tables));
        create_table(&dynamodb, &name, &SystemClock).await.unwrap();
        let bucket = s3.create_bucket().bucket(&name).object_lock_enabled_for_bucket(true);
        bucket.send().await.unwrap();
        let files: Arc<dyn Files> = Arc::new(S3Files::new(s3.clone(), name.clone(), ""));
        let table = DynamoTable::new(dynamodb.clone(), name.clone(), Arc::new(SystemClock));
        let ledger: Arc<dyn Ledger> = Arc::new(TableLedger::new(Arc::new(table), Arc::clone(&files)));
        let kms = aws_sdk_kms::Client::new(&local);
        let key = new_key(&kms).await;
        Self {
            bench: Bench::new(ledger, name.clone()),
            files,
            s3,
            dynamodb,
            kms,
            name,
            key,
        }
    }

    fn start(&self) -> Cloud {
        Cloud::start(
            BINARY,
            &[
                // The account and the region in which this test made its key.
                ("AWS_REGION", &required("AWS_REGION")),
                ("AWS_ACCESS_KEY_ID", &required("AWS_ACCESS_KEY_ID")),
                ("AWS_SECRET_ACCESS_KEY", &required("AWS_SECRET_ACCESS_KEY")),
                ("AWS_ENDPOINT_URL", &required("ROLLCALL_TEST_AWS_URL")),
                ("AWS_ENDPOINT_URL_DYNAMODB", &required("ROLLCALL_TEST_DYNAMODB_URL")),
                ("ROLLCALL_TABLE", &self.name),
                ("ROLLCALL_BUCKET", &self.name),
                ("ROLLCALL_RECEIPT_KEY", &self.key),
                ("ROLLCALL_RECEIPT_DAYS", "30"),
            ],
        )
    }

    /// A run with two entries, and how it ends when that is written down.
    async fn run(&self, id: &str, ending: Option<RunState>) -> RunId {
        let run = run(&format!("{}-{id}", self.name), &format!("{id}-p"), &["sf-us"]);
        let mut claim = self.bench.open(&run, &self.bench.holder("1", at(600))).await;
        let head = claim
            .heads
            .values_mut()
            .find(|head| head.chain.connection.as_str() == "sf-us");
        let drafts = vec![draft("freeze"), draft("sessions")];
        let ledger = &self.bench.ledger;
        let appended = ledger
            .append(head.unwrap(), None, drafts, at(1), b"salt", "n1")
            .await
            .unwrap();
        self.bench.won(appended);
        claim.run.ending = ending;
        self.bench
            .won(ledger.settle(&mut claim, Settle::Keep, "n2").await.unwrap());
        run.id
    }

    async fn public_key(&self, key: &str) -> PublicKey {
        let answer = self.kms.get_public_key().key_id(key).send().await.unwrap();
        PublicKey::from_der(answer.public_key().unwrap().as_ref()).unwrap()
    }

    /// Everything in the table, whatever it is.
    async fn table(&self) -> BTreeMap<String, String> {
        let scanned = self
            .dynamodb
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .send()
            .await
            .unwrap();
        let items = scanned.items().iter();
        items
            .map(|item| (format!("{:?}{:?}", item["pk"], item["sk"]), sorted(item)))
            .collect()
    }

    async fn receipt(&self, run: &RunId) -> Vec<u8> {
        self.files.get(&format!("receipts/{run}.json")).await.unwrap().to_vec()
    }
}

fn sorted(item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>) -> String {
    format!("{:?}", item.iter().collect::<BTreeMap<_, _>>())
}

async fn new_key(kms: &aws_sdk_kms::Client) -> String {
    let asked = kms.create_key().key_spec(KeySpec::from("ECC_NIST_EDWARDS25519"));
    let made = asked.key_usage(KeyUsageType::SignVerify).send().await.unwrap();
    made.key_metadata().unwrap().arn().unwrap().to_owned()
}

fn ask(cloud: &Cloud, request: Value) -> Value {
    cloud.invoke(request)["answer"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_ending_gets_a_receipt_that_verifies_offline_and_the_ledger_is_only_read() {
    let place = Place::new().await;
    let run = place.run("ends", Some(RunState::Done)).await;
    let before = place.table().await;
    let cloud = place.start();
    let name = format!("receipts/{run}.json");
    let answer = ask(&cloud, json!({"run": run}));
    assert_eq!(answer, json!({"receipt": name}), "{}", cloud.end());
    let text = place.receipt(&run).await;
    let verified = verify(&text, &[place.public_key(&place.key).await]);
    verified.unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (&document["header"]["state"], &document["header"]["run"]),
        (&json!("Done"), &json!(run))
    );
    let entries = document["journals"].as_array().unwrap().iter();
    let counts: Vec<_> = entries
        .map(|journal| journal["entries"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts.iter().sum::<usize>(), 2);
    assert_eq!(place.table().await, before, "the ledger is read and never written");
    let kept = place
        .s3
        .get_object_retention()
        .bucket(&place.name)
        .key(&name)
        .send()
        .await
        .unwrap();
    assert_eq!(kept.retention().unwrap().mode().unwrap().as_str(), "COMPLIANCE");
    // Asked again after a lost answer: the same name, and Ed25519 gives the same bytes.
    let cloud = place.start();
    assert_eq!(ask(&cloud, json!({"run": run})), json!({"receipt": name}));
    assert_eq!(place.receipt(&run).await, text);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_somebody_was_forgotten_is_stated_as_the_ledger_says_it_and_not_of_somebody_who_is_known() {
    let place = Place::new().await;
    let known = place.run("known", None).await;
    let statement = |id: &str, runs: Value| {
        json!({
            "id": id, "at": "2026-03-02T08:15:30Z", "by": "priya.raman@corp.example", "runs": runs,
            "destroyed": {"keys": 1}, "binary_version": "rollcall",
        })
    };
    for (id, runs) in [
        ("fg_gone", json!([{"run": "run_retired", "person": null}])),
        ("fg_known", json!([{"run": known, "person": null}])),
    ] {
        let statement = statement(id, runs);
        let put = place.bench.ledger.put_document(documents::FORGOTTEN, id, &statement);
        put.await.unwrap();
    }
    let cloud = place.start();
    let answer = ask(&cloud, json!({"forgotten": "fg_gone"}));
    assert_eq!(
        answer,
        json!({"receipt": "receipts/forgotten-fg_gone.json"}),
        "{}",
        cloud.end()
    );
    let text = place.files.get("receipts/forgotten-fg_gone.json").await.unwrap();
    let stated = Forgotten::verify(&text, &[place.public_key(&place.key).await]).unwrap();
    assert_eq!(
        (stated.statement.id.as_str(), stated.statement.destroyed["keys"]),
        ("fg_gone", 1)
    );
    let cloud = place.start();
    let answer = ask(&cloud, json!({"forgotten": "fg_known"}));
    assert_eq!(answer["errorType"], "SealRefused", "{answer}");
    assert!(place.files.get("receipts/forgotten-fg_known.json").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_does_not_hold_is_refused_by_name() {
    let place = Place::new().await;
    let open = place.run("open", None).await;
    let cloud = place.start();
    for (request, why) in [
        (json!({"run": open}), "is not ending"),
        (json!({"run": "run_none"}), "holds no run"),
        (json!({"forgotten": "fg_none"}), "holds nobody forgotten as fg_none"),
        (json!({"receipt": {"state": "Done"}}), "the request is neither"),
        (json!({"run": open, "ending": "Done"}), "the request is neither"),
    ] {
        let answer = ask(&cloud, request);
        assert_eq!(answer["errorType"], "SealRefused", "{answer}");
        let text = answer["errorMessage"].as_str().unwrap();
        assert!(text.starts_with("RC0601: ") && text.contains(why), "{text}");
    }
    assert!(place.files.get(&format!("receipts/{open}.json")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_sign_is_worth_another_try_and_says_what_is_missing() {
    let mut place = Place::new().await;
    let run = place.run("disabled", Some(RunState::Done)).await;
    let cloud = place.start();
    place.kms.disable_key().key_id(&place.key).send().await.unwrap();
    let answer = ask(&cloud, json!({"run": run}));
    assert_eq!(answer["errorType"], "SealUnavailable", "{answer}");
    assert!(
        answer["errorMessage"].as_str().unwrap().contains("kms:Sign"),
        "{answer}"
    );
    // A key that is not there cannot even be read.
    place.key = "00000000-0000-4000-8000-000000000000".to_owned();
    let (success, output) = place.start().ended();
    assert!(!success && output.contains("\"code\":\"RC0203\""), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_receipts_verify_each_by_its_own_key() {
    let mut place = Place::new().await;
    let old = place.run("old", Some(RunState::Done)).await;
    let answer = ask(&place.start(), json!({"run": old}));
    assert!(answer["receipt"].is_string(), "{answer}");
    let retired = place.public_key(&place.key).await;
    place.key = new_key(&place.kms).await;
    let new = place.run("new", Some(RunState::Done)).await;
    let answer = ask(&place.start(), json!({"run": new}));
    assert!(answer["receipt"].is_string(), "{answer}");
    let current = place.public_key(&place.key).await;
    assert_ne!(retired.key_id(), current.key_id());
    for (run, own, other) in [(&old, retired, current), (&new, current, retired)] {
        let text = place.receipt(run).await;
        assert!(verify(&text, &[retired, current]).is_ok());
        assert!(verify(&text, &[own]).is_ok());
        assert!(verify(&text, &[other]).is_err());
        let document: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["signature"]["key_id"], json!(own.key_id()));
    }
}
