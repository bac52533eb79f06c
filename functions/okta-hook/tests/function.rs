//! The function itself, from its first line to its answers, in a cloud of one loopback port.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod cloud;

use cloud::{Cloud, SECRET};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_rollcall-okta-hook");
const LEAVER: &str = r#"{"uuid":"u1","eventType":"user.lifecycle.deactivate","name":"planted-person"}"#;

fn hook() -> String {
    format!("{{\"data\":{{\"events\":[{LEAVER},{{\"uuid\":\"u2\",\"eventType\":\"user.session.start\"}}]}}}}")
}

fn secret() -> Value {
    json!({"authorization": SECRET})
}

#[test]
fn a_hook_is_queued_before_it_is_acknowledged() {
    let cloud = Cloud::start(BINARY, &[]);
    let answer = cloud.invoke("POST", "/okta", &secret(), &hook(), false);
    assert!(
        answer["path"]
            .as_str()
            .unwrap()
            .ends_with("/invocation/request-1/response"),
        "{answer}"
    );
    assert_eq!(answer["answer"]["statusCode"], 200);
    let calls = cloud.calls();
    assert_eq!(
        calls[0].0, "GetQueueAttributes",
        "the connection is opened while the function initialises"
    );
    let sent: Vec<(String, Value)> = calls[1..]
        .iter()
        .map(|(target, call)| {
            assert_eq!(target, "SendMessageBatch");
            let url = call["QueueUrl"].as_str().unwrap();
            let message = call["Entries"][0]["MessageBody"].as_str().unwrap();
            (
                url.rsplit('/').next().unwrap().to_owned(),
                serde_json::from_str(message).unwrap(),
            )
        })
        .collect();
    let (_, leaver) = sent.iter().find(|(lane, _)| lane == "urgent").unwrap();
    assert_eq!(leaver["signal"]["key"], "main:u1");
    assert_eq!(leaver["signal"]["body"]["inline"], LEAVER);
    let (_, noise) = sent.iter().find(|(lane, _)| lane == "bulk").unwrap();
    assert_eq!(noise["signal"]["key"], "main:u2");
    assert_eq!(sent.len(), 2);

    let output = cloud.end();
    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let taken = lines
        .iter()
        .find(|line| line["message"] == "A hook was taken.")
        .unwrap();
    assert_eq!(
        (&taken["request_id"], &taken["connection"], &taken["signals"]),
        (&json!("request-1"), &json!("main"), &json!(2))
    );
    let metric = lines.iter().find(|line| line["Lane"] == "urgent").unwrap();
    assert_eq!(
        (
            &metric["SignalsTaken"],
            &metric["_aws"]["CloudWatchMetrics"][0]["Namespace"]
        ),
        (&json!(1.0), &json!("Rollcall"))
    );
    assert!(!output.contains("planted"), "{output}");
}

#[test]
fn the_one_time_verification_is_answered() {
    let cloud = Cloud::start(BINARY, &[("ROLLCALL_HOOK_PATH", "/in")]);
    let headers = json!({"authorization": SECRET, "x-okta-verification-challenge": "c-1"});
    let answer = cloud.invoke("GET", "/in", &headers, "", false);
    assert_eq!(answer["answer"]["statusCode"], 200);
    assert_eq!(answer["answer"]["headers"]["content-type"], "application/json");
    assert_eq!(answer["answer"]["body"], "{\"verification\":\"c-1\"}");
    assert_eq!(
        cloud.invoke("GET", "/okta", &headers, "", false)["answer"]["statusCode"],
        404
    );
}

#[test]
fn what_is_not_taken_is_503_and_what_is_not_verified_401() {
    let cloud = Cloud::start(BINARY, &[]);
    assert_eq!(
        cloud.invoke("POST", "/okta", &json!({"authorization": "x"}), &hook(), false)["answer"]["statusCode"],
        401
    );
    cloud.refuse_sends();
    assert_eq!(
        cloud.invoke("POST", "/okta", &secret(), &hook(), false)["answer"]["statusCode"],
        503
    );
    let output = cloud.end();
    for code in ["RC0101", "RC0104"] {
        assert!(output.contains(&format!("\"code\":\"{code}\"")), "{code}: {output}");
    }
    assert!(!output.contains("planted"), "{output}");
}

#[test]
fn a_function_that_cannot_work_says_why_and_ends() {
    for (name, value, code) in [
        ("ROLLCALL_CONNECTION", "", "RC0201"),
        ("ROLLCALL_HOOK_SECRET", "planted", "RC0202"),
        ("ROLLCALL_HOOK_SECRET", "env:NOT_SET", "RC0203"),
        ("HOOK_SECRET", "", "RC0204"),
    ] {
        let (success, output) = Cloud::start(BINARY, &[(name, value)]).ended();
        assert!(!success);
        assert!(output.contains(&format!("\"code\":\"{code}\"")), "{name}: {output}");
        assert!(!output.contains("planted"), "{output}");
    }
}
