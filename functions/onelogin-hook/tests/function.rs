//! The function itself, from its first line to its answers, in a cloud of one loopback port.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]
#![expect(dead_code, reason = "the cloud serves more than this test asks of it")]

#[path = "../../okta-hook/tests/cloud/mod.rs"]
mod cloud;

use cloud::{Cloud, SECRET};
use serde_json::{Value, json};

#[test]
fn a_batch_of_lines_is_queued_and_answered_with_exactly_200() {
    let cloud = Cloud::start(
        env!("CARGO_BIN_EXE_rollcall-onelogin-hook"),
        &[("ROLLCALL_HOOK_HEADER", "X-Rollcall")],
    );
    // {"event":{"uuid":"a","event_type_id":21}}, CRLF, {"event":{"uuid":"b","event_type_id":5}}; in base64, because API
    // Gateway encodes bodies whose type it does not know to be text.
    let body = "eyJldmVudCI6eyJ1dWlkIjoiYSIsImV2ZW50X3R5cGVfaWQiOjIxfX0NCnsiZXZlbnQiOnsidXVpZCI6ImIiLCJldmVudF90eXBlX2lkIjo1fX0=";
    let answer = cloud.invoke("POST", "/onelogin/_bulk", &json!({"x-rollcall": SECRET}), body, true);
    assert_eq!(answer["answer"]["statusCode"], 200);
    let mut keys: Vec<String> = cloud
        .calls()
        .iter()
        .flat_map(|(_, call)| call["Entries"].as_array().cloned().unwrap_or_default())
        .map(|entry| serde_json::from_str::<Value>(entry["MessageBody"].as_str().unwrap()).unwrap())
        .map(|message| {
            format!(
                "{} {}",
                message["signal"]["key"].as_str().unwrap(),
                message["signal"]["format"]
            )
        })
        .collect();
    keys.sort();
    assert_eq!(keys, ["main:a \"onelogin-event\"", "main:b \"onelogin-event\""]);
    assert_eq!(
        cloud.invoke("POST", "/onelogin", &json!({"authorization": SECRET}), body, true)["answer"]["statusCode"],
        401
    );
}
