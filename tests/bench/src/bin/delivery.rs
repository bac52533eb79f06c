//! What the first and the second delivery of an event cost the ledger on DynamoDB, beside one raw conditional put of the same text.
//! `delivery URL NUMBER` makes a table of its own at the server of that address, takes so many events one after the other, each with its
//! raw peers, so that all see the same machine, and prints the medians as one line of JSON, in microseconds.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use jiff::Timestamp;
use rollcall_ledger::dynamodb::{DynamoTable, create_table};
use rollcall_ledger::{MemoryFiles, TableLedger};
use rollcall_model::{AccountRef, Answer, Event, EventKind, Ledger, Signal, SignalBody, SignalFormat};
use rollcall_runtime::SystemClock;
use serde_json::json;

/// What was measured, by name.
type Took = BTreeMap<&'static str, Vec<Duration>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (url, number) = (arguments.next(), arguments.next());
    let number: usize = number
        .and_then(|text| text.parse().ok())
        .context("usage: delivery URL NUMBER")?;
    let client = client(&url.context("usage: delivery URL NUMBER")?);
    let name = format!("bench-{}", Timestamp::now().as_millisecond());
    create_table(&client, &name, &SystemClock).await?;
    let table = Arc::new(DynamoTable::new(client.clone(), name.clone(), Arc::new(SystemClock)));
    let ledger = TableLedger::new(table, Arc::new(MemoryFiles::new()));
    let mut took = Took::new();
    for place in 0..number {
        // The first ones open connections and fill caches of the server's.
        let warm = place < number / 5;
        one(
            &client,
            &name,
            &ledger,
            place,
            if warm { None } else { Some(&mut took) },
        )
        .await?;
    }
    let medians: BTreeMap<_, _> = took.into_iter().map(|(name, all)| (name, median(all))).collect();
    writeln!(std::io::stdout(), "{}", json!(medians))?;
    client.delete_table().table_name(&name).send().await?;
    Ok(())
}

fn client(url: &str) -> Client {
    let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "bench");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}

/// One event of each kind, taken twice, and the raw calls.
async fn one(
    client: &Client,
    name: &str,
    ledger: &TableLedger,
    place: usize,
    mut took: Option<&mut Took>,
) -> anyhow::Result<()> {
    let mut keep = |what: &'static str, began: Instant| {
        if let Some(took) = took.as_deref_mut() {
            took.entry(what).or_default().push(began.elapsed());
        }
    };
    let raw = raw(place);
    for (what, expected) in [("raw_put", true), ("raw_put_again", false)] {
        let began = Instant::now();
        let done = put(client, name, &format!("raw-{place}"), &raw).await?;
        keep(what, began);
        anyhow::ensure!(done == expected, "{what} of {place} was {done}");
    }
    let began = Instant::now();
    transaction(client, name, place, &raw).await?;
    keep("raw_transaction", began);

    let (event, signal) = event(place, "accept", raw.clone(), EventKind::UserDeactivated);
    let later = event.received_at + Duration::from_mins(1);
    for (what, first) in [("accept", true), ("accept_again", false)] {
        let began = Instant::now();
        let answer = ledger
            .accept(&event, &signal, later, &format!("{what}-{place}"))
            .await?;
        keep(what, began);
        let expected = if first { Answer::Won(()) } else { lost() };
        anyhow::ensure!(answer == expected, "{what} of {place}: {answer:?}");
    }
    let (event, signal) = self::event(place, "aside", raw, EventKind::SignIn);
    for (what, first) in [("set_aside", true), ("set_aside_again", false)] {
        let began = Instant::now();
        let answer = ledger
            .set_aside(
                &event,
                &signal,
                "no playbook asks for it",
                event.received_at,
                &format!("{what}-{place}"),
            )
            .await?;
        keep(what, began);
        let expected = if first { Answer::Won(()) } else { lost() };
        anyhow::ensure!(answer == expected, "{what} of {place}: {answer:?}");
    }
    Ok(())
}

fn lost() -> Answer<()> {
    Answer::Lost("this event was accepted before".to_owned())
}

/// A LogEvent's text of the usual size.
fn raw(place: usize) -> String {
    let text = include_str!("../../../fixtures/payloads/okta/01-user-lifecycle-deactivate.json");
    let mut hook: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(event) = hook.pointer_mut("/data/events/0") {
        return json!({"place": place, "event": event.take()}).to_string();
    }
    String::new()
}

fn event(place: usize, kind: &str, raw: String, what: EventKind) -> (Event, Signal) {
    let now = Timestamp::now();
    let key = format!("okta-main:{kind}-{place}");
    let event = Event {
        key: key.as_str().into(),
        source: "okta-main".into(),
        kind: what,
        vendor_type: "user.lifecycle.deactivate".to_owned(),
        account: Some(AccountRef::new("okta-main", format!("00u{place:017}"))),
        app: None,
        actor: Some("00uADMINISTRATOR0001".to_owned()),
        ours: false,
        succeeded: true,
        occurred_at: now,
        received_at: now,
    };
    let signal = Signal {
        key: key.as_str().into(),
        source: "okta-main".into(),
        format: SignalFormat::OktaLogEvent,
        received_at: now,
        body: SignalBody::Inline(raw),
    };
    (event, signal)
}

/// One conditional put; whether it was the first.
async fn put(client: &Client, name: &str, key: &str, raw: &str) -> anyhow::Result<bool> {
    let sent = client
        .put_item()
        .table_name(name)
        .item("pk", AttributeValue::S(key.to_owned()))
        .item("sk", AttributeValue::S("-".to_owned()))
        .item("body", AttributeValue::S(raw.to_owned()))
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await;
    match sent {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// What taking an event in writes at the least: the event, its place in the account's inbox, and the inbox, together or not at all.
async fn transaction(client: &Client, name: &str, place: usize, raw: &str) -> anyhow::Result<()> {
    let mut items = Vec::new();
    for (part, body) in [("event", raw), ("row", raw), ("inbox", "{}")] {
        let put = Put::builder()
            .table_name(name)
            .item("pk", AttributeValue::S(format!("raw-{part}-{place}")))
            .item("sk", AttributeValue::S("-".to_owned()))
            .item("body", AttributeValue::S(body.to_owned()))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        items.push(TransactWriteItem::builder().put(put).build());
    }
    client
        .transact_write_items()
        .set_transact_items(Some(items))
        .send()
        .await?;
    Ok(())
}

/// In microseconds.
fn median(mut all: Vec<Duration>) -> u128 {
    all.sort_unstable();
    all.get(all.len() / 2).map_or(0, Duration::as_micros)
}
