//! Queues: at least once, unordered, hidden for a time, dead after too many deliveries.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::queue::MESSAGE_LIMIT;
use rollcall_model::{Delivery, Lane, Queue, QueueError};
use rollcall_runtime::clock::Clock;

use super::samples::seconds;

/// Queues under test: empty at the start of each promise.
#[derive(Clone)]
pub struct QueueBench {
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// The time that the queues go by.
    pub clock: Arc<dyn Clock>,
    /// How often the queues hand a message out before it is dead.
    pub max_receives: u32,
}

impl QueueBench {
    async fn send(&self, lane: Lane, bodies: &[&str], delay: Duration) {
        let bodies: Vec<String> = bodies.iter().map(|&body| body.to_owned()).collect();
        self.queue.send(lane, &bodies, delay).await.unwrap();
    }

    /// Receives until there are as many as wanted; a receive may come back with fewer than there are.
    async fn receive(&self, lane: Lane, wanted: usize, visibility: Duration) -> Vec<Delivery> {
        let mut all = Vec::new();
        for _ in 0..20 {
            let some = self.queue.receive(lane, 10, visibility).await.unwrap();
            all.extend(some);
            if all.len() >= wanted {
                return all;
            }
            self.clock.sleep(Duration::from_millis(50)).await;
        }
        panic!("wanted {wanted} messages, got {all:?}");
    }

    async fn nothing(&self, lane: Lane) {
        let some = self.queue.receive(lane, 10, seconds(30)).await.unwrap();
        assert_eq!(some, [], "there should be nothing");
    }
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    let mut bodies: Vec<_> = deliveries.iter().map(|one| one.body.as_str()).collect();
    bodies.sort_unstable();
    bodies
}

/// What was sent arrives as it was sent, in its lane, and is gone once acknowledged.
pub async fn what_is_sent_arrives_until_acknowledged(bench: &QueueBench) {
    let sent: Vec<String> = (10..22).map(|n| format!("{{\"é\": \"🦀 {n}\"}}")).collect();
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    bench.send(Lane::Urgent, &sent, Duration::ZERO).await;
    bench.nothing(Lane::Work).await;
    let got = bench.receive(Lane::Urgent, 12, seconds(1)).await;
    assert_eq!(bodies(&got), sent);
    assert!(got.iter().all(|one| one.attempt == 1));
    for delivery in &got {
        bench.queue.acknowledge(Lane::Urgent, delivery).await.unwrap();
    }
    bench.clock.sleep(Duration::from_millis(1100)).await;
    bench.nothing(Lane::Urgent).await;
    bench.queue.send(Lane::Bulk, &[], Duration::ZERO).await.unwrap();
}

/// A delivered message is hidden, and comes back when its time is over, with the same id and a higher count.
pub async fn an_unacknowledged_message_comes_back(bench: &QueueBench) {
    bench.send(Lane::Work, &["one"], Duration::ZERO).await;
    let first = bench.receive(Lane::Work, 1, seconds(1)).await.remove(0);
    bench.nothing(Lane::Work).await;
    bench.clock.sleep(Duration::from_millis(1100)).await;
    let second = bench.receive(Lane::Work, 1, seconds(30)).await.remove(0);
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert_eq!((first.attempt, second.attempt), (1, 2));
    bench.queue.acknowledge(Lane::Work, &second).await.unwrap();
}

/// A message given back is there again after the delay that was asked for.
pub async fn a_message_given_back_is_there_again(bench: &QueueBench) {
    bench.send(Lane::Work, &["one"], Duration::ZERO).await;
    let first = bench.receive(Lane::Work, 1, seconds(30)).await.remove(0);
    let back = bench.queue.give_back(Lane::Work, &first, seconds(1)).await;
    back.unwrap();
    bench.nothing(Lane::Work).await;
    bench.clock.sleep(Duration::from_millis(1100)).await;
    let second = bench.receive(Lane::Work, 1, seconds(30)).await.remove(0);
    let back = bench.queue.give_back(Lane::Work, &second, Duration::ZERO);
    back.await.unwrap();
    let third = bench.receive(Lane::Work, 1, seconds(30)).await;
    assert_eq!((third[0].attempt, &third[0].id), (3, &first.id));
}

/// A delayed message is not there before its time.
pub async fn a_delayed_message_waits(bench: &QueueBench) {
    bench.send(Lane::Work, &["later"], seconds(2)).await;
    bench.send(Lane::Work, &["now"], Duration::ZERO).await;
    let first = bench.receive(Lane::Work, 1, seconds(30)).await;
    assert_eq!(bodies(&first), ["now"]);
    bench.nothing(Lane::Work).await;
    bench.clock.sleep(Duration::from_millis(2100)).await;
    let later = bench.receive(Lane::Work, 1, seconds(30)).await;
    assert_eq!(bodies(&later), ["later"]);
}

/// A message handed out too often is dead: kept with its body, and back in its lane after a redrive.
pub async fn a_message_handed_out_too_often_is_dead(bench: &QueueBench) {
    bench.send(Lane::Bulk, &["poison"], Duration::ZERO).await;
    for round in 1..=bench.max_receives {
        let got = bench.receive(Lane::Bulk, 1, seconds(30)).await.remove(0);
        assert_eq!(got.attempt, round);
        let back = bench.queue.give_back(Lane::Bulk, &got, Duration::ZERO);
        back.await.unwrap();
    }
    bench.nothing(Lane::Bulk).await;
    let mut dead = Vec::new();
    for _ in 0..20 {
        dead = bench.queue.dead(Lane::Bulk, 10).await.unwrap();
        if !dead.is_empty() {
            break;
        }
        bench.clock.sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bodies(&dead), ["poison"]);
    assert_eq!(bench.queue.dead(Lane::Work, 10).await.unwrap(), []);
    let mut redriven = 0;
    for _ in 0..60 {
        redriven += bench.queue.redrive(Lane::Bulk).await.unwrap();
        if redriven > 0 {
            break;
        }
        bench.clock.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(redriven, 1);
    let got = bench.receive(Lane::Bulk, 1, seconds(30)).await.remove(0);
    assert_eq!(got.body, "poison");
    bench.queue.acknowledge(Lane::Bulk, &got).await.unwrap();
    assert_eq!(bench.queue.redrive(Lane::Bulk).await.unwrap(), 0);
}

/// A message of the largest size goes through whole; a larger one is refused before anything is sent.
pub async fn a_message_too_large_is_refused(bench: &QueueBench) {
    let largest = "x".repeat(MESSAGE_LIMIT);
    let five = vec![largest.clone(); 5];
    let sent = bench.queue.send(Lane::Bulk, &five, Duration::ZERO).await;
    sent.unwrap();
    let got = bench.receive(Lane::Bulk, 5, seconds(30)).await;
    assert!(got.iter().all(|one| one.body == largest));
    for delivery in &got {
        bench.queue.acknowledge(Lane::Bulk, delivery).await.unwrap();
    }
    let bodies = ["small".to_owned(), format!("{largest}x")];
    let refused = bench.queue.send(Lane::Bulk, &bodies, Duration::ZERO).await;
    let size = MESSAGE_LIMIT + 1;
    let limit = MESSAGE_LIMIT;
    assert_eq!(refused, Err(QueueError::TooLarge { size, limit }));
    bench.nothing(Lane::Bulk).await;
}
