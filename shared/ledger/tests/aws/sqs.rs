//! What we rely on from SQS standard queues, asked of a local AWS. Each test says one promise by its name.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::queues::{self, client, create};
use crate::support::{required, unique};
use rollcall_ledger::sqs::{LaneUrls, SqsQueue};
use rollcall_model::queue::MESSAGE_LIMIT;
use rollcall_model::{Delivery, Lane, Queue, QueueError};

/// After how many deliveries a message is a dead letter here.
const MAX_RECEIVES: u32 = 2;
const HIDDEN: Duration = Duration::from_secs(30);

/// One lane with its dead letters; receiving waits up to four seconds, so that no test sleeps.
async fn new_queue() -> SqsQueue {
    let client = client().await;
    let lane = queues::lane(&client, Lane::Work, MAX_RECEIVES).await;
    SqsQueue::new(client, BTreeMap::from([(Lane::Work, lane)])).waiting(Duration::from_secs(4))
}

async fn send(queue: &SqsQueue, bodies: &[&str]) {
    let bodies: Vec<String> = bodies.iter().map(|&body| body.to_owned()).collect();
    queue.send(Lane::Work, &bodies, Duration::ZERO).await.unwrap();
}

async fn receive(queue: &SqsQueue, most: usize, visibility: Duration) -> Vec<Delivery> {
    queue.receive(Lane::Work, most, visibility).await.unwrap()
}

/// Receives without waiting.
async fn look(queue: &SqsQueue) -> Vec<Delivery> {
    receive(&queue.clone().waiting(Duration::ZERO), 10, HIDDEN).await
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    let mut bodies: Vec<&str> = deliveries.iter().map(|delivery| delivery.body.as_str()).collect();
    bodies.sort_unstable();
    bodies
}

/// Lets everything on the queue die.
async fn kill_all(queue: &SqsQueue, messages: usize) {
    for _ in 0..MAX_RECEIVES {
        let taken = receive(queue, messages, HIDDEN).await;
        assert_eq!(taken.len(), messages);
        for delivery in &taken {
            queue.give_back(Lane::Work, delivery, Duration::ZERO).await.unwrap();
        }
    }
    assert!(look(queue).await.is_empty());
}

#[tokio::test]
async fn what_is_sent_arrives_as_it_was_with_its_first_attempt() {
    let queue = new_queue().await;
    let strange = "{\"name\":\"Zoë 漢字 \u{1f600} <&> \\u0000 \\\" \\\\\"}";
    send(&queue, &[strange]).await;
    let taken = receive(&queue, 10, HIDDEN).await;
    assert_eq!(bodies(&taken), [strange]);
    assert_eq!(taken[0].attempt, 1);
    assert!(look(&queue).await.is_empty(), "hidden while it is being worked on");
}

#[tokio::test]
async fn a_character_that_xml_has_not_still_gets_through() {
    let queue = new_queue().await;
    let name = "a\u{ffff}b\u{fffe}c";
    send(&queue, &[&serde_json::to_string(name).unwrap()]).await;
    let taken = receive(&queue, 1, HIDDEN).await;
    assert_eq!(serde_json::from_str::<String>(&taken[0].body).unwrap(), name);
}

#[tokio::test]
async fn more_than_one_batch_is_sent_and_received_whole() {
    let queue = new_queue().await;
    let numbers: Vec<String> = (0..23).map(|number| format!("{number:02}")).collect();
    queue.send(Lane::Work, &numbers, Duration::ZERO).await.unwrap();
    let taken = receive(&queue, 100, HIDDEN).await;
    assert_eq!(bodies(&taken), numbers.iter().map(String::as_str).collect::<Vec<_>>());
    queue.send(Lane::Work, &[], Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn messages_of_the_largest_size_are_cut_into_calls_of_a_mebibyte() {
    let queue = new_queue().await;
    let large: Vec<String> = ["a", "b", "c", "d", "e"]
        .map(|letter| letter.repeat(MESSAGE_LIMIT))
        .to_vec();
    queue.send(Lane::Work, &large, Duration::ZERO).await.unwrap();
    let taken = receive(&queue, 10, HIDDEN).await;
    assert_eq!(bodies(&taken), large.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_anything_is_sent() {
    let queue = new_queue().await;
    let sent = [String::from("small"), "x".repeat(MESSAGE_LIMIT + 1)];
    let error = queue.send(Lane::Work, &sent, Duration::ZERO).await.unwrap_err();
    assert_eq!(
        error,
        QueueError::TooLarge {
            size: MESSAGE_LIMIT + 1,
            limit: MESSAGE_LIMIT
        }
    );
    assert!(look(&queue).await.is_empty());
}

#[tokio::test]
async fn an_acknowledged_message_is_gone() {
    let queue = new_queue().await;
    send(&queue, &["one", "two"]).await;
    let taken = receive(&queue, 2, HIDDEN).await;
    for delivery in &taken {
        queue.acknowledge(Lane::Work, delivery).await.unwrap();
        queue.acknowledge(Lane::Work, delivery).await.unwrap();
    }
    for delivery in &taken {
        // Giving back what is gone brings nothing back.
        let _ = queue.give_back(Lane::Work, delivery, Duration::ZERO).await;
    }
    assert!(look(&queue).await.is_empty());
}

#[tokio::test]
async fn a_message_whose_visibility_ended_comes_again_with_a_higher_attempt() {
    let queue = new_queue().await;
    send(&queue, &["one"]).await;
    let first = receive(&queue, 1, Duration::from_secs(1)).await;
    let second = receive(&queue, 1, HIDDEN).await;
    assert_eq!((second[0].id.as_str(), second[0].attempt), (first[0].id.as_str(), 2));
    assert_ne!(second[0].receipt, first[0].receipt);
}

#[tokio::test]
async fn an_acknowledgement_that_comes_too_late_is_no_error_and_takes_nobody_elses_message() {
    let queue = new_queue().await;
    send(&queue, &["one"]).await;
    let first = receive(&queue, 1, Duration::from_secs(1)).await;
    let second = receive(&queue, 1, HIDDEN).await;
    assert_eq!(second[0].id, first[0].id);
    // Whether SQS still removes a message by an old receipt is left open by its documentation; either way both holders are told
    // that all is well, and the one who works on it last ends it.
    queue.acknowledge(Lane::Work, &first[0]).await.unwrap();
    queue.acknowledge(Lane::Work, &second[0]).await.unwrap();
    send(&queue, &["two"]).await;
    assert_eq!(bodies(&receive(&queue, 10, HIDDEN).await), ["two"]);
}

#[tokio::test]
async fn a_message_given_back_is_visible_at_once_or_after_its_delay() {
    let queue = new_queue().await;
    send(&queue, &["one"]).await;
    let taken = receive(&queue, 1, HIDDEN).await;
    queue
        .give_back(Lane::Work, &taken[0], Duration::from_millis(1))
        .await
        .unwrap();
    assert!(look(&queue).await.is_empty(), "rounded up to a second, never early");
    assert_eq!(receive(&queue, 1, HIDDEN).await[0].attempt, 2);
}

#[tokio::test]
async fn a_delayed_message_is_not_seen_before_its_time() {
    let queue = new_queue().await;
    queue
        .send(Lane::Work, &["later".to_owned()], Duration::from_millis(900))
        .await
        .unwrap();
    assert!(look(&queue).await.is_empty());
    assert_eq!(bodies(&receive(&queue, 1, HIDDEN).await), ["later"]);
}

#[tokio::test]
async fn a_delay_beyond_the_limit_of_sqs_is_cut_to_it() {
    let queue = new_queue().await;
    queue
        .send(Lane::Work, &["much later".to_owned()], Duration::from_secs(100_000))
        .await
        .unwrap();
    assert!(look(&queue).await.is_empty());
}

#[tokio::test]
async fn a_message_delivered_too_often_is_a_dead_letter_with_its_body() {
    let queue = new_queue().await;
    send(&queue, &["poison"]).await;
    kill_all(&queue, 1).await;
    let letters = queue.dead(Lane::Work, 10).await.unwrap();
    assert_eq!(bodies(&letters), ["poison"]);
    assert_eq!(
        bodies(&queue.dead(Lane::Work, 10).await.unwrap()),
        ["poison"],
        "looking takes nothing away"
    );
}

#[tokio::test]
async fn dead_letters_go_back_to_their_lane_once() {
    let queue = new_queue().await;
    let numbers: Vec<String> = (0..12).map(|number| format!("{number:02}")).collect();
    queue.send(Lane::Work, &numbers, Duration::ZERO).await.unwrap();
    kill_all(&queue, 12).await;
    assert_eq!(queue.dead(Lane::Work, 5).await.unwrap().len(), 5);
    assert_eq!(queue.redrive(Lane::Work).await.unwrap(), 12);
    let taken = receive(&queue, 20, HIDDEN).await;
    assert_eq!(bodies(&taken), numbers.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        taken.iter().all(|delivery| delivery.attempt == 1),
        "the count begins anew"
    );
    assert!(queue.dead(Lane::Work, 10).await.unwrap().is_empty());
    assert_eq!(queue.redrive(Lane::Work).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lane_without_a_queue_or_dead_letters_says_so() {
    let client = client().await;
    let url = create(&client, &unique("bulk"), None).await;
    let queue = SqsQueue::new(
        client,
        BTreeMap::from([(Lane::Bulk, LaneUrls { queue: url, dead: None })]),
    );
    queue.warm_up(Lane::Bulk).await.unwrap();
    let error = queue
        .send(Lane::Urgent, &["x".to_owned()], Duration::ZERO)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("urgent"), "{error}");
    assert!(
        queue
            .dead(Lane::Bulk, 1)
            .await
            .unwrap_err()
            .to_string()
            .contains("dead letters")
    );
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_an_error_that_says_so() {
    let client = client().await;
    let missing = format!("{}/000000000000/{}", required("ROLLCALL_TEST_AWS_URL"), unique("none"));
    let queue = SqsQueue::new(
        client,
        BTreeMap::from([(
            Lane::Work,
            LaneUrls {
                queue: missing,
                dead: None,
            },
        )]),
    );
    let error = queue
        .send(Lane::Work, &["x".to_owned()], Duration::ZERO)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("NonExistentQueue") || error.to_string().contains("QueueDoesNotExist"),
        "{error}"
    );
    assert!(queue.warm_up(Lane::Work).await.is_err());
}
