//! Lambda's event as the messages that were sent.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda_runtime::Context;
use rollcall_model::{Delivery, Timestamp};
use rollcall_wiring::cloud::{Arrived, StackSettings};

/// The messages of an event.
pub(crate) fn arrived(event: SqsEvent, stack: &StackSettings) -> Vec<Arrived> {
    event.records.into_iter().map(|record| one(record, stack)).collect()
}

fn one(record: SqsMessage, stack: &StackSettings) -> Arrived {
    let attempt = record.attributes.get("ApproximateReceiveCount");
    Arrived {
        lane: record.event_source_arn.and_then(|arn| stack.lane_of(&arn)),
        delivery: Delivery {
            // An answer that names no id makes Lambda repeat the whole batch (*AWS Lambda Developer Guide*, "Handling errors
            // for an SQS event source"), which is right for a message that has none.
            id: record.message_id.unwrap_or_default(),
            receipt: record.receipt_handle.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
            attempt: attempt.and_then(|count| count.parse().ok()).unwrap_or(1),
        },
    }
}

/// When the invocation ends.
pub(crate) fn deadline(context: &Context) -> Timestamp {
    let milliseconds = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails, panics")]

    use std::collections::BTreeMap;

    use rollcall_model::Lane;
    use serde_json::json;

    use super::*;

    fn stack() -> StackSettings {
        let url = |lane: Lane| format!("https://queue.example/1/rc-{lane}");
        let queues = Lane::ALL
            .into_iter()
            .map(|lane| {
                let queue = url(lane);
                (lane, rollcall_ledger::sqs::LaneUrls { queue, dead: None })
            })
            .collect::<BTreeMap<_, _>>();
        StackSettings {
            table: "rc".to_owned(),
            queues,
            bucket: "rc-files".to_owned(),
        }
    }

    #[test]
    fn an_event_becomes_the_messages_that_were_sent() {
        // As in the *AWS Lambda Developer Guide*, "Using Lambda with Amazon SQS".
        let event: SqsEvent = serde_json::from_value(json!({"Records": [{
            "messageId": "m-1", "receiptHandle": "r-1", "body": "{\"wake-run\":\"run_1\"}",
            "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1545082649183"},
            "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:rc-urgent", "awsRegion": "us-east-2",
        }, {"eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:other"}]}))
        .unwrap();
        let expected = |lane, id: &str, receipt: &str, body: &str, attempt| Arrived {
            lane,
            delivery: Delivery {
                id: id.to_owned(),
                receipt: receipt.to_owned(),
                body: body.to_owned(),
                attempt,
            },
        };
        let first = expected(Some(Lane::Urgent), "m-1", "r-1", "{\"wake-run\":\"run_1\"}", 3);
        assert_eq!(arrived(event, &stack()), [first, expected(None, "", "", "", 1)]);
    }

    #[test]
    fn the_deadline_is_that_of_the_invocation() {
        let mut context = Context::default();
        context.deadline = 1_772_438_400_500;
        assert_eq!(deadline(&context).to_string(), "2026-03-02T08:00:00.5Z");
        context.deadline = u64::MAX;
        assert_eq!(deadline(&context), Timestamp::MAX);
    }
}
