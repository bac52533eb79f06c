//! Event hooks: subscriptions, and the deliveries that are due.
//!
//! The simulator makes the request bodies; whoever drives it posts them and reports failures, so that no socket is opened
//! here. Rules are Okta's ("Event hooks", concepts): at most one retry, only after a time-out or a 5xx, with the same
//! `eventId`; a 4xx is final; two hooks on one type deliver the same event `uuid` under two `eventId`s.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Okta;
use super::events::{Actor, Origin, entity, for_hook};
use super::state::{BodyStyle, Org, signed, stamp, whole_millis};

/// Event types that a hook may subscribe to (Okta, "Event types", flag `event-hook-eligible`, release 2026.08.1).
static ELIGIBLE: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("hook_eligible.txt").lines().collect());

/// The most event types of one hook.
const MOST_TYPES: usize = 300;

/// An event hook, active and verified.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The hook's id, `who…`.
    pub id: String,
    /// Where Okta posts.
    pub url: String,
    /// The name of the header that carries the secret, usually `authorization`.
    pub header: String,
    /// The header's whole value.
    pub secret: String,
    /// Subscribed event types.
    pub events: Vec<String>,
}

/// A request that Okta would make now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The hook it belongs to.
    pub hook_id: String,
    /// The envelope's `eventId`; kept on a retry.
    pub event_id: String,
    /// Where to post.
    pub url: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// 1, or 2 for the retry.
    pub attempt: u8,
}

/// The one-time `GET` that proves a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Where to send it.
    pub url: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What the receiver must repeat.
    pub challenge: String,
}

/// How a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFailure {
    /// No complete response within three seconds.
    Timeout,
    /// A status outside 2xx.
    Status(u16),
}

/// A subscription was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookRefused {
    /// The type exists in the System Log only, or not at all.
    #[error("event type {0} cannot be delivered to a hook")]
    NotEligible(String),
    /// More than 300 types.
    #[error("a hook takes at most 300 event types, not {0}")]
    TooManyTypes(usize),
    /// Another hook has the id.
    #[error("hook {0} exists already")]
    Exists(String),
}

#[derive(Debug)]
struct Row {
    hook: Hook,
    types: BTreeSet<String>,
    active: bool,
    waiting: VecDeque<(Timestamp, Value)>,
}

/// All hooks of an org and how deliveries are made.
#[derive(Debug)]
pub(super) struct HookState {
    rows: Vec<Row>,
    style: BodyStyle,
    delay: SignedDuration,
    batch: usize,
    twice: bool,
    scrambled: bool,
}

impl Default for HookState {
    fn default() -> Self {
        let (delay, batch) = (SignedDuration::ZERO, 1);
        Self {
            rows: Vec::new(),
            style: BodyStyle::default(),
            delay,
            batch,
            twice: false,
            scrambled: false,
        }
    }
}

impl HookState {
    /// Ids of the hooks that receive this type.
    pub(super) fn subscribers(&self, kind: &str) -> Vec<String> {
        self.receiving(kind).map(|row| row.hook.id.clone()).collect()
    }

    fn receiving(&self, kind: &str) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.active && row.types.contains(kind))
    }

    /// Queues an event for every hook that receives its type.
    pub(super) fn queue(&mut self, kind: &str, event: &Value, now: Timestamp) {
        let due = now.saturating_add(self.delay).unwrap_or(now);
        for row in self
            .rows
            .iter_mut()
            .filter(|row| row.active && row.types.contains(kind))
        {
            row.waiting.push_back((due, event.clone()));
        }
    }
}

impl Org {
    fn add_hook(&mut self, hook: Hook) -> Result<(), HookRefused> {
        if hook.events.len() > MOST_TYPES {
            return Err(HookRefused::TooManyTypes(hook.events.len()));
        }
        if let Some(other) = hook.events.iter().find(|kind| !ELIGIBLE.contains(kind.as_str())) {
            return Err(HookRefused::NotEligible(other.clone()));
        }
        if self.hooks.rows.iter().any(|row| row.hook.id == hook.id) {
            return Err(HookRefused::Exists(hook.id));
        }
        let types = hook.events.iter().cloned().collect();
        self.hooks.rows.push(Row {
            hook,
            types,
            active: true,
            waiting: VecDeque::new(),
        });
        Ok(())
    }

    fn deliveries(&mut self, now: Timestamp) -> Vec<Delivery> {
        let mut batches = Vec::new();
        let (size, scrambled) = (self.hooks.batch.max(1), self.hooks.scrambled);
        for row in &mut self.hooks.rows {
            let mut due = Vec::new();
            while row.waiting.front().is_some_and(|(at, _)| *at <= now) {
                due.extend(row.waiting.pop_front().map(|(_, event)| event));
            }
            if scrambled {
                due.reverse();
            }
            batches.extend(due.chunks(size).map(|events| (row.hook.clone(), events.to_vec())));
        }
        let mut deliveries = Vec::new();
        for (hook, events) in batches {
            let delivery = self.delivery(&hook, &events, now);
            if self.hooks.twice {
                deliveries.push(delivery.clone());
            }
            deliveries.push(delivery);
        }
        deliveries
    }

    fn delivery(&mut self, hook: &Hook, events: &[Value], now: Timestamp) -> Delivery {
        let event_id = self.uuid();
        let style = self.hooks.style;
        let events: Vec<Value> = events.iter().map(|event| for_hook(event, style)).collect();
        let envelope = json!({
            "eventType": "com.okta.event_hook",
            "eventTypeVersion": "1.0",
            "cloudEventsVersion": "0.1",
            "source": format!("{}/api/v1/eventHooks/{}", self.base, hook.id),
            "eventId": event_id,
            "data": { "events": events },
            "eventTime": stamp(now),
            "contentType": "application/json",
        });
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
            (hook.header.to_lowercase(), hook.secret.clone()),
        ];
        Delivery {
            hook_id: hook.id.clone(),
            event_id,
            url: hook.url.clone(),
            headers,
            body: envelope.to_string().into_bytes(),
            attempt: 1,
        }
    }

    fn delivery_failed(&mut self, delivery: &Delivery, failure: DeliveryFailure, now: Timestamp) -> Option<Delivery> {
        let again = match failure {
            DeliveryFailure::Timeout => true,
            DeliveryFailure::Status(status) => status >= 500,
        };
        if again && delivery.attempt == 1 {
            return Some(Delivery {
                attempt: 2,
                ..delivery.clone()
            });
        }
        let origin = Origin {
            actor: Actor::System("unknown".to_owned()),
            ..Origin::job("unknown".to_owned())
        };
        let reason = match failure {
            DeliveryFailure::Timeout => "timeout".to_owned(),
            DeliveryFailure::Status(status) => format!("status {status}"),
        };
        let target = vec![entity(&delivery.hook_id, "EventHook", "unknown", &delivery.url)];
        self.emit(
            "event_hook.delivery",
            target,
            &[("deliveryFailure", reason)],
            &origin,
            now,
        );
        None
    }
}

impl Okta {
    /// Adds an active, verified hook. Refuses types that Okta does not deliver to hooks, more than 300 types, and a used id.
    pub fn add_hook(&self, hook: Hook) -> Result<(), HookRefused> {
        self.org().add_hook(hook)
    }

    /// Switches a hook off or on. What happens while it is off is never delivered later.
    pub fn set_hook_active(&self, hook_id: &str, active: bool) {
        for row in self.org().hooks.rows.iter_mut().filter(|row| row.hook.id == hook_id) {
            row.active = active;
        }
    }

    /// Chooses how absent values appear in deliveries.
    pub fn set_body_style(&self, style: BodyStyle) {
        self.org().hooks.style = style;
    }

    /// Holds events back for `delay` (zero at first; Okta takes 8 to 10 s) and puts up to `most` of them into one body (one
    /// at first).
    pub fn set_batching(&self, delay: Duration, most: usize) {
        let mut org = self.org();
        org.hooks.delay = signed(delay);
        org.hooks.batch = most;
    }

    /// Delivers everything twice, with equal bytes and an equal `eventId`.
    pub fn set_duplicates(&self, twice: bool) {
        self.org().hooks.twice = twice;
    }

    /// Reverses the order of waiting events, inside bodies and between them.
    pub fn set_scrambled(&self, scrambled: bool) {
        self.org().hooks.scrambled = scrambled;
    }

    /// The deliveries that are due, and takes them off the queue. The caller posts them.
    pub fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        org.deliveries(now)
    }

    /// When the next waiting event becomes due, if any waits.
    pub fn next_delivery_at(&self) -> Option<Timestamp> {
        self.org()
            .hooks
            .rows
            .iter()
            .filter_map(|row| row.waiting.front().map(|(at, _)| *at))
            .min()
    }

    /// Reports that posting a delivery failed. Gives the retry to post, once and only after a time-out or a 5xx; otherwise
    /// the events are gone for the hook and `event_hook.delivery` is in the System Log.
    pub fn delivery_failed(&self, delivery: &Delivery, failure: DeliveryFailure, now: Timestamp) -> Option<Delivery> {
        self.org().delivery_failed(delivery, failure, whole_millis(now))
    }

    /// The one-time verification request of a hook: a `GET` to its URL with the secret's header and a challenge, which the
    /// receiver repeats as `{"verification": "<challenge>"}`.
    pub fn verification(&self, hook_id: &str) -> Option<Verification> {
        let mut org = self.org();
        let challenge = org.secret("");
        let row = org.hooks.rows.iter().find(|row| row.hook.id == hook_id)?;
        let headers = vec![
            ("x-okta-verification-challenge".to_owned(), challenge.clone()),
            (row.hook.header.to_lowercase(), row.hook.secret.clone()),
        ];
        Some(Verification {
            url: row.hook.url.clone(),
            headers,
            challenge,
        })
    }
}
