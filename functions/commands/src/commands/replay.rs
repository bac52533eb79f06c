//! `rollcall replay`: captured hook bodies read as the door and the worker would read them, and nothing written; or a kept
//! signal once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_inbound::{Source, Split};
use rollcall_model::{ConnectionId, Connector, Event, Lane, Message, Signal, SignalBody, SignalKey};
use rollcall_policy::{Configuration, Kind, decide};
use rollcall_runtime::{Clock as _, RandomIds, SystemClock};
use serde_json::json;

use super::again;
use crate::Exit;
use crate::Place;
use crate::cli::ReplayOptions;
use crate::out::{Out, plain};

pub(crate) async fn run(options: &ReplayOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    if let Some(key) = &options.event {
        return queue_again(key, options, place, out).await;
    }
    anyhow::ensure!(
        !options.files.is_empty(),
        "name captured hook bodies, or an accepted event with --event"
    );
    let configuration = place.configuration(&options.config)?;
    let reader = Reader::new(&configuration, &options.connection).await?;
    let mut read = Vec::new();
    let mut unreadable = Vec::new();
    for file in &options.files {
        match reader.file(&place.read(file)?) {
            Some(events) => read.extend(
                events
                    .into_iter()
                    .map(|(lane, event)| (file.display().to_string(), lane, event)),
            ),
            None => unreadable.push(file.display().to_string()),
        }
    }
    show(&configuration, &read, &unreadable, out)?;
    Ok(if unreadable.is_empty() {
        Exit::SUCCESS
    } else {
        Exit::from(1)
    })
}

/// Reads bodies of one connection. No secret is fetched: reading needs none.
struct Reader {
    connection: ConnectionId,
    source: Source,
    connector: Arc<dyn Connector>,
}

impl Reader {
    async fn new(configuration: &Configuration, connection: &str) -> anyhow::Result<Self> {
        let id = ConnectionId::new(connection);
        let known: Vec<&str> = configuration.connections.keys().map(ConnectionId::as_str).collect();
        let found = configuration.connection(&id).with_context(|| {
            format!(
                "there is no connection {connection}: name one of {} with --connection",
                known.join(", ")
            )
        })?;
        let source = match found.kind {
            Kind::Okta => Source::Okta,
            Kind::Onelogin => Source::Onelogin,
            Kind::Salesforce | Kind::Slack => anyhow::bail!(
                "{connection} is {}, which sends no hooks that this version reads",
                found.kind
            ),
        };
        let transport = Arc::new(ReqwestTransport::new(HttpSettings::default()));
        let connector = rollcall_wiring::reader(found, transport, Arc::new(SystemClock), Arc::new(RandomIds)).await?;
        Ok(Self {
            connection: id,
            source,
            connector,
        })
    }

    /// The events of one file; nothing when it is no hook body.
    fn file(&self, body: &[u8]) -> Option<Vec<(Lane, Event)>> {
        let Split::Elements(elements) = self.source.split(body) else {
            return None;
        };
        let read = elements.iter().map(|element| {
            let raw = String::from_utf8_lossy(element.raw).into_owned();
            let signal = Signal {
                key: element.key(&self.connection),
                source: self.connection.clone(),
                format: self.source.format(),
                received_at: SystemClock.now(),
                body: SignalBody::Inline(raw.clone()),
            };
            (element.lane, self.connector.normalise(&signal, &raw))
        });
        Some(read.collect())
    }
}

fn show(
    configuration: &Configuration,
    read: &[(String, Lane, Event)],
    unreadable: &[String],
    out: &Out,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (file, lane, event) in read {
        let playbooks: Vec<String> = decide::goals(configuration, event)
            .into_iter()
            .map(|found| found.playbook)
            .collect();
        let starts = if playbooks.is_empty() {
            why_nothing(event)
        } else {
            playbooks.join(", ")
        };
        let account = event
            .account
            .as_ref()
            .map_or_else(|| "-".to_owned(), |account| account.id.clone());
        *counts.entry(event.kind.to_string()).or_default() += 1;
        rows.push(vec![
            plain(event.key.as_str()),
            lane.to_string(),
            plain(event.kind.as_str()),
            plain(&event.vendor_type),
            plain(&account),
            plain(event.actor.as_deref().unwrap_or("-")),
            starts,
        ]);
        documents.push(json!({"file": file, "lane": lane, "event": event, "playbooks": playbooks}));
    }
    if !rows.is_empty() {
        out.table(
            &["key", "lane", "kind", "vendor's type", "account", "by", "starts"],
            &rows,
        );
    }
    for file in unreadable {
        out.line(format!(
            "{file}: no hook body of this connection; the door would keep it whole"
        ));
    }
    let kinds: Vec<String> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {}", plain(kind)))
        .collect();
    out.title(&format!(
        "\n{} events: {}. Nothing was written.",
        read.len(),
        kinds.join(", ")
    ));
    out.document(&json!({"events": documents, "unreadable": unreadable}))
}

/// Why an event starts nothing.
fn why_nothing(event: &Event) -> String {
    let why = if event.ours {
        "nothing: our own doing"
    } else if !event.succeeded {
        "nothing: the attempt failed"
    } else if event.account.is_none() {
        "nothing: it names no account"
    } else {
        "nothing: no playbook asks for it"
    };
    why.to_owned()
}

/// Puts an accepted event's kept signal on its queue again.
async fn queue_again(key: &str, options: &ReplayOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let stored = store.ledger.event(&SignalKey::new(key)).await?.with_context(|| {
        format!("no event {key} was accepted here: `rollcall explain` lists the latest runs and their events")
    })?;
    let signal = again::afresh(stored.signal, &store).await?;
    let as_new = signal.key.as_str() != key;
    let identity = signal.key.clone();
    let message = Message::Signal(signal);
    let lane = again::lane(&message, &store).await?;
    store
        .queue
        .send(lane, &[serde_json::to_string(&message)?], Duration::ZERO)
        .await?;
    out.title(&format!("{} was put on {lane} again.", plain(key)));
    if as_new {
        out.line(format!(
            "It was dealt with before, so it is taken as {}; the source's present word decides.",
            plain(identity.as_str())
        ));
    }
    out.line(match store.stack {
        None => "A running `rollcall serve` takes it at once.",
        Some(_) => "The stack's worker takes it at once.",
    });
    out.document(&json!({"event": key, "queued_as": identity, "lane": lane}))?;
    Ok(Exit::SUCCESS)
}
