//! The function itself, from its first line to its answers, in a cloud of one loopback port.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

#[path = "../../worker/tests/cloud/mod.rs"]
mod cloud;

use cloud::Cloud;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_rollcall-clock");

/// What EventBridge Scheduler sends when nothing else is configured.
fn tick() -> Value {
    json!({"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "time": "2026-03-02T08:00:00Z", "detail": "{}"})
}

#[test]
fn a_tick_looks_for_what_is_due_and_measures_with_no_configuration_and_no_secret() {
    let cloud = Cloud::start(BINARY, &[]);
    let answer = cloud.invoke(tick());
    assert!(
        answer["path"]
            .as_str()
            .unwrap()
            .ends_with("/invocation/request-1/response"),
        "{answer}"
    );
    assert_eq!(answer["answer"], json!({"woken": 0}));
    let queries: Vec<Value> = cloud
        .calls()
        .into_iter()
        .filter(|(call, _)| call == "Query")
        .map(|(_, body)| body)
        .collect();
    let (due, measured): (Vec<Value>, Vec<Value>) = queries.into_iter().partition(|query| query["IndexName"] == "due");
    assert!(!due.is_empty(), "nothing was looked for");
    let mut measured: Vec<String> = measured
        .iter()
        .map(|query| {
            query["ExpressionAttributeValues"][":pk"]["S"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    measured.sort();
    assert_eq!(measured, ["DOC#credential", "DOC#cut-waits", "REVIEWS"]);
}

#[test]
fn a_tick_that_fails_is_reported_and_the_function_lives_on() {
    let cloud = Cloud::start(BINARY, &[]);
    cloud.reply(
        "Query",
        400,
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"}),
    );
    let answer = cloud.invoke(tick());
    assert!(
        answer["path"]
            .as_str()
            .unwrap()
            .ends_with("/invocation/request-1/error"),
        "{answer}"
    );
    cloud.reply("Query", 200, json!({"Items": [], "Count": 0}));
    assert_eq!(cloud.invoke(tick())["answer"], json!({"woken": 0}));
    assert!(cloud.end().contains("\"code\":\"RC0301\""));
}

#[test]
fn a_function_that_cannot_work_says_why_and_ends() {
    let (success, output) = Cloud::start(BINARY, &[("ROLLCALL_TABLE", "")]).ended();
    assert!(!success);
    assert!(output.contains("\"code\":\"RC0201\""), "{output}");
}
