//! `rollcall pause` and `rollcall resume`: the stop button.

use std::time::Duration;

use rollcall_model::ledger::documents;
use rollcall_model::{Lane, Message, RunState};
use serde_json::json;

use crate::Exit;
use crate::Place;
use crate::cli::{PauseOptions, ResumeOptions};
use crate::out::Out;

/// As many runs as are looked at for waiting ones; more are found by the clock.
const MOST_RUNS: usize = 10_000;

pub(crate) async fn pause(options: &PauseOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let what = known(&options.what)?;
    let store = place.existing(&options.data)?;
    let stop = json!({"cut": options.include_cuts, "at": store.clock.now(), "by": place.who()});
    store.ledger.put_document(documents::PAUSE, what, &stop).await?;
    let cuts = if options.include_cuts {
        "cuts included"
    } else {
        "cuts go on"
    };
    out.title(&format!("Paused: {what} ({cuts})."));
    out.line("Hooks are still taken in; nothing else is written before the next change.");
    out.line(format!("`rollcall resume {what}` lets it go on."));
    out.document(&json!({"paused": what, "cut": options.include_cuts}))?;
    Ok(Exit::SUCCESS)
}

pub(crate) async fn resume(options: &ResumeOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let what = known(&options.what)?;
    let store = place.existing(&options.data)?;
    if store.ledger.document(documents::PAUSE, what).await?.is_none() {
        let others: Vec<String> = store
            .ledger
            .documents(documents::PAUSE, 200)
            .await?
            .into_iter()
            .map(|stop| stop.id)
            .collect();
        let which = if others.is_empty() {
            "nothing is paused".to_owned()
        } else {
            format!("paused are {}", others.join(", "))
        };
        anyhow::bail!("{what} is not paused: {which}");
    }
    store.ledger.remove_document(documents::PAUSE, what).await?;
    let mut wakes = Vec::new();
    for run in store.ledger.runs(None, MOST_RUNS).await? {
        if matches!(run.state, RunState::Waiting { .. }) {
            wakes.push(serde_json::to_string(&Message::WakeRun(run.id))?);
        }
    }
    if !wakes.is_empty() {
        store.queue.send(Lane::Work, &wakes, Duration::ZERO).await?;
    }
    let left: Vec<String> = store
        .ledger
        .documents(documents::PAUSE, 200)
        .await?
        .into_iter()
        .map(|stop| stop.id)
        .collect();
    out.title(&format!(
        "Resumed: {what}. {} waiting runs were woken and are planned again.",
        wakes.len()
    ));
    if !left.is_empty() {
        out.line(format!("Still paused: {}.", left.join(", ")));
    }
    out.document(&json!({"resumed": what, "woken": wakes.len(), "still_paused": left}))?;
    Ok(Exit::SUCCESS)
}

/// `all`, `connection/NAME` or `playbook/NAME`.
fn known(what: &str) -> anyhow::Result<&str> {
    let named = ["connection/", "playbook/"]
        .iter()
        .any(|kind| what.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
    anyhow::ensure!(
        what == "all" || named,
        "`{what}` cannot be paused: write all, connection/NAME or playbook/NAME"
    );
    Ok(what)
}
