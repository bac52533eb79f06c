//! `rollcall explain`: the whole story of a person, an event or a run, from the ledger alone.

mod story;

use rollcall_evidence::Statement;
use rollcall_model::ledger::{Disposition, StoredEvent, documents};
use rollcall_model::{PersonKey, Run, RunId, SignalKey};
use serde_json::json;

use crate::Exit;
use crate::Place;
use crate::cli::ExplainOptions;
use crate::local::Store;
use crate::out::{Out, moment, plain};
use story::Story;

/// What stands for the story of a quiet run.
const VEILED: &str = "(quiet: its story is for operators with the role `confidential`)";
/// The latest runs that the table shows, and the most that are told of one person.
const LATEST: usize = 20;

pub(crate) async fn run(options: &ExplainOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let Some(what) = &options.what else {
        return latest(&store, place.sees_quiet(&options.config), out).await;
    };
    if let Some(statement) = forgotten(what, &store).await? {
        return show_forgotten(what, &statement, out);
    }
    let sees = place.sees_quiet(&options.config);
    let found = find(what, &store).await?;
    let Some(found) = found.and_then(|found| if sees { Some(found) } else { found.for_everybody(what) }) else {
        anyhow::bail!(
            "nothing is known of {what}: give a person's sign-in name, an event's key or a run's id; without any, the latest runs are listed"
        );
    };
    let (open, veiled): (Vec<&Run>, Vec<&Run>) = found.runs.iter().partition(|run| sees || !run.plan.quiet);
    let mut stories = Vec::new();
    for run in open {
        stories.push(Story::of(run, &store).await?);
    }
    if let Some(event) = &found.event {
        show_event(event, out);
    }
    if found.runs.is_empty() {
        out.line("No run came of it.");
    }
    for (number, story) in stories.iter().enumerate() {
        if number > 0 || found.event.is_some() {
            out.line("");
        }
        story.show(out);
    }
    for run in &veiled {
        out.line(format!("{}  {VEILED}", run.id));
    }
    let told = stories.iter().map(Story::document);
    let named = veiled.iter().map(|run| json!({"id": run.id, "quiet": true}));
    out.document(&json!({
        "event": found.event.as_ref().map(event_document),
        "runs": told.chain(named).collect::<Vec<_>>(),
    }))?;
    Ok(Exit::SUCCESS)
}

/// The statement about whoever a run was for, or whom a `fg_…` stands for, if they were forgotten.
async fn forgotten(what: &str, store: &Store) -> anyhow::Result<Option<Statement>> {
    let run = store.ledger.run(&RunId::new(what)).await?;
    let id = run.as_ref().map_or(Some(what), Run::forgotten);
    match id {
        Some(id) => Ok(rollcall_engine::forgotten(store.ledger.as_ref(), id).await?),
        None => Ok(None),
    }
}

fn show_forgotten(what: &str, statement: &Statement, out: &Out) -> anyhow::Result<Exit> {
    out.title(&format!("{}: the person was forgotten.", plain(what)));
    out.line(format!("  at         {}", moment(statement.at)));
    out.line(format!("  asked by   {}", plain(&statement.by)));
    out.line(format!(
        "  statement  {}",
        rollcall_evidence::Forgotten::name(&statement.id)
    ));
    for one in &statement.runs {
        out.line(format!("  receipt    receipts/{}.json", plain(one.run.as_str())));
    }
    out.line(
        "\nThe receipts still verify: `rollcall receipt verify FILE`. Nothing tells any more whom they are about.",
    );
    out.document(&json!({"forgotten": statement}))?;
    Ok(Exit::SUCCESS)
}

struct Found {
    event: Option<StoredEvent>,
    runs: Vec<Run>,
}

impl Found {
    /// What is left of it for somebody who may not read about quiet runs: a quiet run is there only for who names its id. That
    /// one was found by a person or by an event would say who leaves.
    fn for_everybody(mut self, what: &str) -> Option<Self> {
        let all = self.runs.len();
        self.runs.retain(|run| !run.plan.quiet || run.id.as_str() == what);
        (self.runs.len() == all || !self.runs.is_empty()).then_some(self)
    }
}

/// A run's id, an event's key, or a person by name, account or key.
async fn find(what: &str, store: &Store) -> anyhow::Result<Option<Found>> {
    if let Some(run) = store.ledger.run(&RunId::new(what)).await? {
        return Ok(Some(Found {
            event: None,
            runs: vec![run],
        }));
    }
    if let Some(event) = store.ledger.event(&SignalKey::new(what)).await? {
        let runs = match &event.disposition {
            Some(Disposition::Run(id)) => store.ledger.run(id).await?.into_iter().collect(),
            _ => Vec::new(),
        };
        return Ok(Some(Found {
            event: Some(event),
            runs,
        }));
    }
    let named = store.ledger.document(documents::NAME, &what.to_lowercase()).await?;
    let linked = match &named {
        Some(_) => None,
        None => store.ledger.document(documents::LINK, what).await?,
    };
    let key = named
        .as_ref()
        .and_then(|name| name.body.get("person"))
        .or_else(|| linked.as_ref().and_then(|link| link.body.pointer("/person/key")));
    let key = key
        .and_then(|key| key.as_str())
        .map_or_else(|| PersonKey::new(what), PersonKey::new);
    let runs = store.ledger.runs(Some(&key), LATEST).await?;
    Ok((!runs.is_empty()).then_some(Found { event: None, runs }))
}

/// The latest runs, and what is paused.
async fn latest(store: &Store, sees: bool, out: &Out) -> anyhow::Result<Exit> {
    let runs = store.ledger.runs(None, LATEST).await?;
    let stops = store.ledger.documents(documents::PAUSE, 200).await?;
    for stop in &stops {
        let cuts = stop
            .body
            .get("cut")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(false);
        out.line(format!(
            "Paused: {} ({})",
            plain(&stop.id),
            if cuts { "cuts included" } else { "cuts go on" }
        ));
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let cut: Vec<String> = run
                .time_to_cut_ms()
                .iter()
                .map(|(connection, ms)| format!("{connection} {ms} ms"))
                .collect();
            vec![
                run.id.to_string(),
                moment(run.opened_at),
                run.plan.goal.to_string(),
                if sees || !run.plan.quiet {
                    plain(&run.person.login)
                } else {
                    "(quiet)".to_owned()
                },
                plain(&run.plan.playbook),
                run.state.name().to_owned(),
                cut.join(", "),
            ]
        })
        .collect();
    if rows.is_empty() {
        out.line("There are no runs yet.");
    } else {
        out.table(
            &["run", "opened", "goal", "person", "playbook", "state", "cut after"],
            &rows,
        );
        out.line("\n`rollcall explain RUN` or `rollcall explain PERSON` tells the whole story.");
    }
    out.document(&json!({
        "paused": stops.iter().map(|stop| &stop.id).collect::<Vec<_>>(),
        "runs": runs.iter().map(|run| json!({
            "id": run.id, "opened_at": run.opened_at, "goal": run.plan.goal, "person": (sees || !run.plan.quiet).then_some(&run.person.login), "playbook": run.plan.playbook,
            "state": run.state.name(), "time_to_cut_ms": run.time_to_cut_ms(), "triggers": if sees || !run.plan.quiet { run.triggers.as_slice() } else { &[] },
        })).collect::<Vec<_>>(),
    }))?;
    Ok(Exit::SUCCESS)
}

fn show_event(stored: &StoredEvent, out: &Out) {
    let event = &stored.event;
    out.title(&format!("event {}", plain(event.key.as_str())));
    out.line(format!(
        "  kind       {} ({}) from {}",
        plain(event.kind.as_str()),
        plain(&event.vendor_type),
        event.source
    ));
    if let Some(account) = &event.account {
        out.line(format!("  account    {}", plain(&account.to_string())));
    }
    if let Some(actor) = &event.actor {
        out.line(format!(
            "  by         {}{}",
            plain(actor),
            if event.ours { ", our own credential" } else { "" }
        ));
    }
    out.line(format!("  happened   {}", moment(event.occurred_at)));
    out.line(format!("  received   {}", moment(event.received_at)));
    let came = match &stored.disposition {
        Some(Disposition::Run(run)) => format!("it opened or joined {run}"),
        Some(Disposition::Nothing(why)) => format!("nothing was to be done: {}", plain(why)),
        None if stored.seq.is_none() => "kept; it names no account".to_owned(),
        None => "accepted, not yet dealt with".to_owned(),
    };
    out.line(format!("  came of it {came}"));
}

fn event_document(stored: &StoredEvent) -> serde_json::Value {
    json!({"event": stored.event, "disposition": stored.disposition})
}
