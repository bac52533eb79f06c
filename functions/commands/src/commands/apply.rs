//! `rollcall apply`: exactly the plan that was read, carried out here to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rollcall_engine::{Engine, EngineError, what_moved};
use rollcall_evidence::Timeline;
use rollcall_model::{Delivery, Message, Run, RunId, RunState};
use rollcall_runtime::clock::between;
use serde_json::{Value, json};

use crate::Exit;
use crate::Place;
use crate::cli::ApplyOptions;
use crate::local::{Machine, Store};
use crate::out::Out;
use crate::report::run_document;
use crate::watch::Watch;

const LEASE: Duration = Duration::from_mins(1);
/// Longer waits are left to `rollcall serve`.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn run(options: &ApplyOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let configuration = place.configuration(&options.config)?;
    let me = place.me(&configuration)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    carry_out(&machine, &store, &options.hash, me.recorded(), out).await
}

/// Exactly the plan with this hash, to its end.
pub(super) async fn carry_out(
    machine: &Machine,
    store: &Store,
    hash: &str,
    by: &str,
    out: &Out,
) -> anyhow::Result<Exit> {
    let asked = match machine.engine.apply_named_by(hash, Some(by)).await {
        Ok(asked) => asked,
        Err(EngineError::Refused(why)) => return refused(&why, out),
        Err(error) => return Err(error.into()),
    };
    out.line(if asked.already {
        format!("{} carries out this plan already.", asked.run)
    } else {
        format!("{} carries it out:", asked.run)
    });
    let run = drive(&machine.engine, store, &asked.run, out).await?;
    told(&run, store, out).await
}

/// Nothing was begun.
fn refused(why: &str, out: &Out) -> anyhow::Result<Exit> {
    out.title("Refused; nothing was begun.");
    out.line(format!("  {why}"));
    out.document(&json!({"state": "Refused", "why": why}))?;
    Ok(Exit::from(1))
}

/// Does the work of a worker for one run: until it ends, is held, or waits longer than a person does.
pub async fn drive(engine: &Arc<Engine>, store: &Store, id: &RunId, out: &Out) -> anyhow::Result<Run> {
    let wake = Delivery {
        id: format!("apply-{id}"),
        receipt: String::new(),
        body: serde_json::to_string(&Message::WakeRun(id.clone()))?,
        attempt: 1,
    };
    let mut watch = Watch::new(&store.ledger, out, store.clock.now());
    loop {
        let (engine, wake) = (Arc::clone(engine), wake.clone());
        let work = tokio::spawn(async move { engine.handle(&wake).await });
        while !work.is_finished() {
            watch.look(id).await?;
            tokio::time::sleep(LOOK).await;
        }
        work.await??;
        watch.look(id).await?;
        let run = store
            .ledger
            .run(id)
            .await?
            .with_context(|| format!("{id} is no longer in the ledger"))?;
        let pause = match &run.state {
            RunState::Waiting { until, .. } => between(store.clock.now(), *until),
            RunState::Open => Duration::from_millis(250),
            _ => return Ok(run),
        };
        if pause > LONGEST_WAIT {
            return Ok(run);
        }
        tokio::time::sleep(pause.max(LOOK)).await;
    }
}

pub(super) async fn told(run: &Run, store: &Store, out: &Out) -> anyhow::Result<Exit> {
    let journal = store.ledger.journal(&run.id).await?;
    out.line("");
    out.line(
        Timeline {
            run,
            journal: &journal,
            events: &[],
            colour: out.colour,
        }
        .to_string()
        .trim_end(),
    );
    let moved = what_moved(&run.state);
    if let Some(moved) = &moved {
        out.title("\nRefused, because this has moved since the plan was made:");
        for one in moved {
            out.line(format!("  {one}"));
        }
        out.line("Nothing was changed. `rollcall plan` shows how it stands now.");
    }
    if matches!(run.state, RunState::Waiting { .. }) {
        out.line(match store.stack {
            None => "\n`rollcall serve` goes on with it when its time has come.",
            Some(_) => "\nThe stack's worker goes on with it when its time has come.",
        });
    }
    let mut document = run_document(run);
    if let Some(members) = document.as_object_mut() {
        members.insert("moved".to_owned(), json!(moved));
        members.insert(
            "receipt".to_owned(),
            run.receipt
                .as_ref()
                .map_or(Value::Null, |name| json!(store.files.locate(name))),
        );
    }
    out.document(&document)?;
    let ended_badly = run.state.is_final() && run.state != RunState::Done;
    Ok(if ended_badly { Exit::from(1) } else { Exit::SUCCESS })
}
