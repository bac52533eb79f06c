//! What AWS does only under load, told to a scripted server: conflicts, requests to slow down, batches taken in part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::scripted::{Reply, Scripted};
use async_trait::async_trait;
use rollcall_ledger::aws::{self, SdkConfig};
use rollcall_ledger::dynamodb::DynamoTable;
use rollcall_ledger::sqs::{LaneUrls, SqsQueue};
use rollcall_ledger::table::{Key, Table, When, Write, Written};
use rollcall_model::{Lane, LedgerError, Queue, QueueError, Timestamp};
use rollcall_runtime::Clock;

/// A clock that only notes how long it was asked to wait.
#[derive(Default)]
struct Patient {
    waits: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, duration: Duration) {
        self.waits.lock().unwrap().push(duration);
    }
}

/// The configuration with credentials of nobody, so that these tests need no environment.
async fn config(url: &str) -> SdkConfig {
    let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
    let provider = aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials);
    let region = aws_sdk_dynamodb::config::Region::new("us-east-1");
    crate::support::config(url)
        .await
        .to_builder()
        .credentials_provider(provider)
        .region(region)
        .build()
}

async fn table(replies: Vec<Reply>) -> (DynamoTable, Scripted, Arc<Patient>) {
    let server = Scripted::with(replies).await;
    let clock = Arc::new(Patient::default());
    let table = DynamoTable::new(
        aws::dynamodb(&config(&server.url).await),
        "t",
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    (table, server, clock)
}

async fn queue(replies: Vec<Reply>) -> (SqsQueue, Scripted) {
    let server = Scripted::with(replies).await;
    let client = aws::sqs(&config(&server.url).await);
    let url = format!("{}/000000000000/work", server.url);
    let lanes = BTreeMap::from([(
        Lane::Work,
        LaneUrls {
            queue: url.clone(),
            dead: Some(format!("{url}-dead")),
        },
    )]);
    (SqsQueue::new(client, lanes), server)
}

fn put(sk: &str) -> Write {
    Write::Put {
        key: Key::new("P", sk),
        body: "{}".into(),
        due_at: None,
        expires_at: None,
        when: When::Absent,
    }
}

/// The requests so far; their members come in any order.
fn parsed(server: &Scripted) -> Vec<serde_json::Value> {
    server
        .requests()
        .iter()
        .map(|request| serde_json::from_str(request).unwrap())
        .collect()
}

fn cancelled(codes: &[&str]) -> Reply {
    let reasons: Vec<String> = codes.iter().map(|code| format!("{{\"Code\":\"{code}\"}}")).collect();
    Reply::error(
        "TransactionCanceledException",
        &format!(",\"CancellationReasons\":[{}]", reasons.join(",")),
    )
}

#[tokio::test]
async fn a_transaction_in_conflict_is_tried_again_after_a_pause_as_the_same_request() {
    let conflict = cancelled(&["None", "TransactionConflict"]);
    let (table, server, clock) = table(vec![conflict.clone(), conflict, Reply::ok("{}")]).await;
    assert_eq!(table.write(&[put("a"), put("b")], "n").await.unwrap(), Written::All);
    let requests = parsed(&server);
    assert_eq!(requests.len(), 3);
    assert!(
        requests.iter().all(|request| request == &requests[0]),
        "the same token, so the same request"
    );
    let waits = clock.waits.lock().unwrap().clone();
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|wait| *wait > Duration::ZERO));
}

#[tokio::test]
async fn a_token_that_is_known_for_another_request_is_replaced() {
    let mistaken = Reply::error("IdempotentParameterMismatchException", "");
    let (table, server, _) = table(vec![mistaken, Reply::ok("{}")]).await;
    assert_eq!(table.write(&[put("a"), put("b")], "n").await.unwrap(), Written::All);
    let requests = parsed(&server);
    assert_ne!(requests[0]["ClientRequestToken"], requests[1]["ClientRequestToken"]);
    assert_eq!(requests[0]["TransactItems"], requests[1]["TransactItems"]);
}

#[tokio::test]
async fn a_put_in_conflict_with_a_transaction_is_tried_again() {
    let (table, server, _) = table(vec![Reply::error("TransactionConflictException", ""), Reply::ok("{}")]).await;
    assert_eq!(table.write(&[put("a")], "n").await.unwrap(), Written::All);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_conflict_without_end_says_throttled() {
    let (table, _, clock) = table(vec![cancelled(&["TransactionConflict", "None"])]).await;
    assert_eq!(
        table.write(&[put("a"), put("b")], "n").await,
        Err(LedgerError::Throttled)
    );
    assert_eq!(clock.waits.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn being_throttled_without_end_says_throttled_for_writes_and_reads() {
    let slow = Reply::error("ProvisionedThroughputExceededException", "");
    let (throttled, _, _) = table(vec![slow.clone()]).await;
    assert_eq!(throttled.write(&[put("a")], "n").await, Err(LedgerError::Throttled));
    assert_eq!(throttled.get(&[Key::new("P", "a")]).await, Err(LedgerError::Throttled));
    let (throttled, _, _) = table(vec![cancelled(&["ThrottlingError", "None"])]).await;
    assert_eq!(
        throttled.write(&[put("a"), put("b")], "n").await,
        Err(LedgerError::Throttled)
    );
}

#[tokio::test]
async fn keys_that_a_batch_read_left_out_are_asked_for_again() {
    let row = |sk: &str| {
        format!(
            "{{\"pk\":{{\"S\":\"P\"}},\"sk\":{{\"S\":\"{sk}\"}},\"v\":{{\"N\":\"1\"}},\"nonce\":{{\"S\":\"n\"}},\"body\":{{\"S\":\"{sk}\"}}}}"
        )
    };
    let first = format!(
        "{{\"Responses\":{{\"t\":[{}]}},\"UnprocessedKeys\":{{\"t\":{{\"ConsistentRead\":true,\"Keys\":[{{\"pk\":{{\"S\":\"P\"}},\"sk\":{{\"S\":\"b\"}}}}]}}}}}}",
        row("a")
    );
    let second = format!("{{\"Responses\":{{\"t\":[{}]}},\"UnprocessedKeys\":{{}}}}", row("b"));
    let (table, server, _) = table(vec![Reply::ok(first), Reply::ok(second)]).await;
    let read = table.get(&[Key::new("P", "a"), Key::new("P", "b")]).await.unwrap();
    assert_eq!(
        read.into_iter().map(|item| item.unwrap().body).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(server.requests().len(), 2);
    assert!(!server.requests()[1].contains("\"S\":\"a\""), "only what was left");
}

#[tokio::test]
async fn keys_that_are_left_out_for_ever_say_throttled() {
    let keys = "[{\"pk\":{\"S\":\"P\"},\"sk\":{\"S\":\"a\"}},{\"pk\":{\"S\":\"P\"},\"sk\":{\"S\":\"b\"}}]";
    let none = format!("{{\"Responses\":{{}},\"UnprocessedKeys\":{{\"t\":{{\"Keys\":{keys}}}}}}}");
    let (table, _, _) = table(vec![Reply::ok(none)]).await;
    let read = table.get(&[Key::new("P", "a"), Key::new("P", "b")]).await;
    assert_eq!(read, Err(LedgerError::Throttled));
}

#[tokio::test]
async fn an_error_that_no_repetition_mends_is_reported_at_once_without_the_items() {
    let refused = ",\"CancellationReasons\":[{\"Code\":\"ValidationError\",\"Message\":\"m\",\"Item\":{\"body\":{\"S\":\"planted\"}}}]";
    let (table, server, _) = table(vec![Reply::error("TransactionCanceledException", refused)]).await;
    let error = table.write(&[put("a"), put("b")], "n").await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Unavailable(why) if why.contains("TransactionCanceledException")),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("planted"));
    assert_eq!(server.requests().len(), 1);
}

fn taken(id: usize) -> String {
    format!("{{\"Id\":\"{id}\",\"MessageId\":\"m{id}\",\"MD5OfMessageBody\":\"x\"}}")
}

#[tokio::test]
async fn a_batch_taken_in_part_is_an_error() {
    let failed = "{\"Id\":\"1\",\"Code\":\"InternalError\",\"SenderFault\":false,\"Message\":\"try later\"}";
    let (queue, _) = queue(vec![Reply::ok(format!(
        "{{\"Successful\":[{}],\"Failed\":[{failed}]}}",
        taken(0)
    ))])
    .await;
    let error = queue
        .send(Lane::Work, &["a".into(), "b".into()], Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        QueueError::Unavailable("sending: 1 refused, the first with InternalError: try later".to_owned())
    );
}

#[tokio::test]
async fn a_batch_that_confirms_fewer_messages_than_were_sent_is_an_error() {
    let (queue, _) = queue(vec![Reply::ok(format!(
        "{{\"Successful\":[{}],\"Failed\":[]}}",
        taken(0)
    ))])
    .await;
    let error = queue
        .send(Lane::Work, &["a".into(), "b".into()], Duration::ZERO)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("1 of 2"), "{error}");
}

#[tokio::test]
async fn a_second_batch_that_fails_fails_the_send() {
    let all: Vec<String> = (0..10).map(taken).collect();
    let first = Reply::ok(format!("{{\"Successful\":[{}],\"Failed\":[]}}", all.join(",")));
    let (queue, _) = queue(vec![first, Reply::error("AccessDenied", "")]).await;
    let bodies: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let error = queue.send(Lane::Work, &bodies, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
}

#[tokio::test]
async fn dead_letters_stay_when_sending_them_back_fails() {
    let letter = "{\"Messages\":[{\"MessageId\":\"m\",\"ReceiptHandle\":\"r\",\"MD5OfBody\":\"9dd4e461268c8034f5c8564e155c67a6\",\"Body\":\"x\"}]}";
    let failed = "{\"Successful\":[],\"Failed\":[{\"Id\":\"0\",\"Code\":\"InternalError\",\"SenderFault\":false}]}";
    let (queue, server) = queue(vec![Reply::ok(letter), Reply::ok(failed)]).await;
    assert!(queue.redrive(Lane::Work).await.is_err());
    assert_eq!(server.requests().len(), 2, "received, sent; nothing removed");
}

#[tokio::test]
async fn a_delivery_that_is_over_is_acknowledged_and_given_back_without_an_error() {
    let delivery = rollcall_model::Delivery {
        id: "m".into(),
        receipt: "r".into(),
        body: String::new(),
        attempt: 1,
    };
    for code in [
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
        "ReceiptHandleIsInvalid",
    ] {
        let (queue, _) = queue(vec![Reply::error(code, "")]).await;
        queue.give_back(Lane::Work, &delivery, Duration::ZERO).await.unwrap();
        queue.acknowledge(Lane::Work, &delivery).await.unwrap();
    }
    let (queue, _) = queue(vec![Reply::error("AccessDenied", "")]).await;
    assert!(queue.give_back(Lane::Work, &delivery, Duration::ZERO).await.is_err());
    assert!(queue.acknowledge(Lane::Work, &delivery).await.is_err());
}
