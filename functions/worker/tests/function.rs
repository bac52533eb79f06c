//! The function itself, from its first line to its answers, in a cloud of one loopback port.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod cloud;

use cloud::Cloud;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_rollcall-worker");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/config/leaver");

fn start(changes: &[(&str, &str)]) -> Cloud {
    let usual = [
        ("ROLLCALL_CONFIG", CONFIG),
        ("ROLLCALL_ENV", "prod"),
        ("ROLLCALL_SEAL", "rc-seal"),
        ("ROLLCALL_APPROVAL_KEY", "alias/rc-approve"),
        ("ROLLCALL_OKTA_TOKEN", "planted-okta"),
        ("ROLLCALL_SF_US_KEY", "planted-salesforce"),
        ("ROLLCALL_SLACK_TOKEN", "planted-slack"),
    ];
    Cloud::start(BINARY, &[&usual, changes].concat())
}

fn record(id: &str, lane: &str, attempt: u32, body: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("receipt-{id}"), "body": body,
        "attributes": {"ApproximateReceiveCount": attempt.to_string()}, "messageAttributes": {},
        "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:eu-west-1:1:rc-{lane}"), "awsRegion": "eu-west-1",
    })
}

fn signal() -> String {
    let event = json!({
        "uuid": "u1", "eventType": "user.lifecycle.deactivate", "displayMessage": "planted-person",
        "target": [{"id": "00u1", "type": "User", "alternateId": "planted-login"}],
    });
    json!({"signal": {
        "key": "okta-main:u1", "source": "okta-main", "format": "okta-log-event", "received_at": "2026-03-02T08:00:00Z",
        "body": {"inline": event.to_string()},
    }})
    .to_string()
}

fn named<'a>(calls: &'a [(String, Value)], name: &str) -> Vec<&'a Value> {
    calls
        .iter()
        .filter(|(call, _)| call == name)
        .map(|(_, body)| body)
        .collect()
}

#[test]
fn only_the_messages_that_failed_come_again() {
    let cloud = start(&[]);
    // Accepting an event writes several items, which this table refuses.
    let refusal =
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"});
    cloud.reply("TransactWriteItems", 400, refusal);
    let event = json!({"Records": [
        record("unreadable", "bulk", 1, "planted {"),
        record("signal", "urgent", 2, &signal()),
        record("wake", "work", 1, r#"{"wake-run":"run_none"}"#),
    ]});
    let answer = cloud.invoke(event);
    assert!(
        answer["path"]
            .as_str()
            .unwrap()
            .ends_with("/invocation/request-1/response"),
        "{answer}"
    );
    assert_eq!(
        answer["answer"],
        json!({"batchItemFailures": [{"itemIdentifier": "signal"}]})
    );

    let calls = cloud.calls();
    let kept = calls
        .iter()
        .position(|(call, _)| call.starts_with("PUT /files/configurations/"))
        .unwrap();
    let first = calls.iter().position(|(call, _)| call == "TransactWriteItems").unwrap();
    assert!(kept < first, "the configuration is kept while the function initialises");
    let [returned] = named(&calls, "ChangeMessageVisibility")[..] else {
        panic!("one message is given back: {calls:?}")
    };
    assert!(returned["QueueUrl"].as_str().unwrap().ends_with("/1/rc-urgent"));
    assert_eq!(
        (&returned["ReceiptHandle"], &returned["VisibilityTimeout"]),
        (&json!("receipt-signal"), &json!(2))
    );
    let letters: Vec<String> = named(&calls, "PutItem").into_iter().map(Value::to_string).collect();
    assert!(
        letters.iter().any(|letter| letter.contains("not a message")),
        "{letters:?}"
    );

    let output = cloud.end();
    for line in output.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["message"] != "A message is tried again." || line["code"] == "RC0301",
            "{line}"
        );
    }
    assert!(output.contains("\"request_id\":\"request-1\""), "{output}");
    assert!(!output.contains("planted"), "{output}");
}

#[test]
fn at_its_last_delivery_a_message_is_put_aside_with_its_reason() {
    let cloud = start(&[]);
    let refusal =
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"});
    cloud.reply("TransactWriteItems", 400, refusal);
    let answer = cloud.invoke(json!({"Records": [record("signal", "urgent", 4, &signal())]}));
    assert_eq!(answer["answer"], json!({"batchItemFailures": []}));
    let calls = cloud.calls();
    let letters: Vec<String> = named(&calls, "PutItem").into_iter().map(Value::to_string).collect();
    assert!(
        letters
            .iter()
            .any(|letter| letter.contains("ResourceNotFoundException")),
        "{letters:?}"
    );
}

#[test]
fn a_function_that_cannot_work_says_why_and_ends() {
    for (name, value, code) in [
        ("ROLLCALL_TABLE", "", "RC0201"),
        ("ROLLCALL_QUEUE_WORK", "planted", "RC0202"),
        ("ROLLCALL_SEAL", "", "RC0201"),
        ("ROLLCALL_APPROVAL_KEY", "", "RC0201"),
        ("ROLLCALL_APPROVAL_KEY", "alias/none", "RC0203"),
        ("ROLLCALL_APPROVAL_KEY", "alias/rsa", "RC0204"),
        ("ROLLCALL_ENV", "nowhere", "RC0206"),
        ("ROLLCALL_CONFIG", "/nowhere", "RC0206"),
    ] {
        let (success, output) = start(&[(name, value)]).ended();
        assert!(!success, "{name}");
        assert!(output.contains(&format!("\"code\":\"{code}\"")), "{name}: {output}");
        assert!(!output.contains("planted"), "{output}");
    }
}
