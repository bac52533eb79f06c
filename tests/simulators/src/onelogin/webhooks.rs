//! Event webhooks (the "Event Broadcaster"): what is posted when, and again when.
//!
//! The simulator makes the request bodies; whoever drives it posts them and reports failures, so that no socket is opened
//! here. A body is made at ten events or ten seconds after the first, and only the answer 200 counts: anything else, 202 and
//! 204 included, brings the same body again, three attempts in all, and then it is lost (OneLogin, "Event webhooks"). Whether
//! the three include the first is not documented; the smaller number is taken.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::OneLogin;
use super::events::Event;
use super::state::{Tenant, signed, whole_millis};

/// The most events of one body.
const BATCH: usize = 10;
/// The longest wait of an event.
const FLUSH: SignedDuration = SignedDuration::from_secs(10);
/// Attempts in all.
const ATTEMPTS: u8 = 3;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One array of flat events.
    JsonArray,
    /// "SIEM (NDJSON)": one line per event, each wrapped in an `event` member.
    Ndjson,
}

/// A webhook as the administrator types it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique here.
    pub name: String,
    /// The listener URL.
    pub url: String,
    /// How bodies are written.
    pub format: Format,
    /// Custom headers; the only thing that authenticates a delivery.
    pub headers: Vec<(String, String)>,
    /// Posts to the URL with `/_bulk` behind it, as the vendor's sample listener expects.
    pub bulk_path: bool,
}

/// A request that OneLogin would make now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The webhook's name.
    pub webhook: String,
    /// Where to post.
    pub url: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte; the same in every attempt.
    pub body: Vec<u8>,
    /// 1 to 3.
    pub attempt: u8,
    /// The moment at which it is to be posted.
    pub due: Timestamp,
}

/// How a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFailure {
    /// No answer in time.
    Timeout,
    /// A status. 200 is no failure and brings nothing.
    Status(u16),
}

#[derive(Debug)]
struct Row {
    webhook: Webhook,
    enabled: bool,
    waiting: VecDeque<(Timestamp, Event)>,
}

/// All webhooks and how deliveries are made.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct WebhookState {
    rows: Vec<Row>,
    twice: bool,
    scrambled: bool,
    lose_every: Option<u64>,
    seen: u64,
    spacing: SignedDuration,
    sparse: bool,
    hide_v2_client: bool,
}

impl WebhookState {
    /// Queues an event for every enabled webhook; there is no filter.
    pub(super) fn queue(&mut self, event: &Event, now: Timestamp) {
        self.seen += 1;
        if self
            .lose_every
            .is_some_and(|every| every > 0 && self.seen.is_multiple_of(every))
        {
            return;
        }
        for row in self.rows.iter_mut().filter(|row| row.enabled) {
            row.waiting.push_back((now, event.clone()));
        }
    }
}

impl Row {
    /// Takes the batches that are due: whole ones, and a part when its first event has waited long enough.
    fn due(&mut self, now: Timestamp) -> Vec<Vec<Event>> {
        let mut batches = Vec::new();
        while self.waiting.len() >= BATCH || self.ripe().is_some_and(|at| at <= now) {
            let size = self.waiting.len().min(BATCH);
            batches.push(self.waiting.drain(..size).map(|(_, event)| event).collect());
        }
        batches
    }

    fn ripe(&self) -> Option<Timestamp> {
        let (first, _) = self.waiting.front()?;
        let whole = self.waiting.get(BATCH - 1).map(|(at, _)| *at);
        let late = first.saturating_add(FLUSH).unwrap_or(*first);
        Some(whole.map_or(late, |at| at.min(late)))
    }
}

impl Tenant {
    fn deliveries(&mut self, now: Timestamp) -> Vec<Delivery> {
        let (account, hooks) = (self.account_id, &mut self.webhooks);
        let (sparse, hide) = (hooks.sparse, hooks.hide_v2_client);
        let mut deliveries = Vec::new();
        for row in &mut hooks.rows {
            for mut events in row.due(now) {
                if hooks.scrambled {
                    events.reverse();
                }
                let events: Vec<Value> = events
                    .iter()
                    .map(|event| event.for_webhook(account, sparse, hide))
                    .collect();
                let delivery = post(&row.webhook, &events, now);
                if hooks.twice {
                    deliveries.push(delivery.clone());
                }
                deliveries.push(delivery);
            }
        }
        if hooks.scrambled {
            deliveries.reverse();
        }
        deliveries
    }
}

fn post(webhook: &Webhook, events: &[Value], now: Timestamp) -> Delivery {
    let (body, kind) = match webhook.format {
        Format::JsonArray => (Value::Array(events.to_vec()).to_string(), "application/json"),
        Format::Ndjson => {
            let lines: Vec<String> = events.iter().map(|event| json!({"event": event}).to_string()).collect();
            (format!("{}\n", lines.join("\n")), "application/x-ndjson")
        }
    };
    let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
    let own = webhook.headers.iter();
    headers.extend(own.map(|(name, value)| (name.to_lowercase(), value.clone())));
    let suffix = if webhook.bulk_path { "/_bulk" } else { "" };
    Delivery {
        webhook: webhook.name.clone(),
        url: format!("{}{suffix}", webhook.url.trim_end_matches('/')),
        headers,
        body: body.into_bytes(),
        attempt: 1,
        due: now,
    }
}

impl OneLogin {
    /// Adds a webhook, or replaces the one of that name. It receives every event from now on.
    pub fn add_webhook(&self, webhook: Webhook) {
        let rows = &mut self.tenant().webhooks.rows;
        rows.retain(|row| row.webhook.name != webhook.name);
        rows.push(Row {
            webhook,
            enabled: true,
            waiting: VecDeque::new(),
        });
    }

    /// Switches a webhook off or on. What happens while it is off is never delivered later.
    pub fn set_webhook_enabled(&self, name: &str, enabled: bool) {
        let mut tenant = self.tenant();
        for row in tenant.webhooks.rows.iter_mut().filter(|row| row.webhook.name == name) {
            row.enabled = enabled;
        }
    }

    /// Delivers everything twice, with equal bytes.
    pub fn set_duplicates(&self, twice: bool) {
        self.tenant().webhooks.twice = twice;
    }

    /// Reverses the order of events in a body, and of bodies.
    pub fn set_scrambled(&self, scrambled: bool) {
        self.tenant().webhooks.scrambled = scrambled;
    }

    /// Loses every n-th event on the way to the webhooks; the Events API still has it. `None` loses none.
    pub fn set_loss(&self, every: Option<u64>) {
        self.tenant().webhooks.lose_every = every;
    }

    /// Sets the time between attempts (zero at first; not documented).
    pub fn set_retry_spacing(&self, spacing: Duration) {
        self.tenant().webhooks.spacing = signed(spacing);
    }

    /// Leaves null members out of webhook bodies, as older payloads do, or writes them (at first).
    pub fn set_sparse_bodies(&self, sparse: bool) {
        self.tenant().webhooks.sparse = sparse;
    }

    /// Makes `client_id` null in webhook events that a v2 call caused; whether the vendor does so is uncertain.
    pub fn set_webhook_hides_v2_client(&self, hidden: bool) {
        self.tenant().webhooks.hide_v2_client = hidden;
    }

    /// The deliveries that are due, and takes them off the queue. The caller posts them.
    pub fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        tenant.settle(now);
        tenant.deliveries(now)
    }

    /// When the next waiting events become due, if any wait.
    pub fn next_delivery_at(&self) -> Option<Timestamp> {
        self.tenant().webhooks.rows.iter().filter_map(Row::ripe).min()
    }

    /// Reports how posting a delivery failed. Gives the next attempt to post at its `due`, up to the third; after that, and
    /// for [`DeliveryFailure::Status`] 200, nothing.
    pub fn delivery_failed(&self, delivery: &Delivery, failure: DeliveryFailure, now: Timestamp) -> Option<Delivery> {
        if failure == DeliveryFailure::Status(200) || delivery.attempt >= ATTEMPTS {
            return None;
        }
        let spacing = self.tenant().webhooks.spacing;
        Some(Delivery {
            attempt: delivery.attempt + 1,
            due: now.saturating_add(spacing).unwrap_or(now),
            ..delivery.clone()
        })
    }
}
