//! `rollcall leave`: somebody leaves at an agreed hour, or now; which leaves wait; calling one off.

use std::time::{Duration, Instant};

use rollcall_engine::{AgreedLeave, LeaveState, LeaveWish, agreed_leave, cancel_leave, leaves};
use rollcall_model::{Delivery, Message, RunId};
use rollcall_policy::Configuration;
use rollcall_policy::configuration::Role;
use serde_json::{Value, json};

use super::reviews::said;
use super::{apply, plan};
use crate::Exit;
use crate::Place;
use crate::cli::{CancelLeaveOptions, LeaveCommand, LeaveOptions, ListLeavesOptions};
use crate::hour::Hour;
use crate::local::{Machine, Store};
use crate::operator::{self, Me};
use crate::out::{Out, moment, plain};

const LEASE: Duration = Duration::from_mins(1);
/// How long another process, which was faster, is given to open the run.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn run(options: &LeaveOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    match &options.command {
        Some(LeaveCommand::List(options)) => list(options, place, out).await,
        Some(LeaveCommand::Cancel(options)) => cancel(options, place, out).await,
        None => agree(options, place, out).await,
    }
}

async fn agree(options: &LeaveOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let (Some(who), Some(at)) = (&options.person, &options.at) else {
        anyhow::bail!("name the person and the hour: rollcall leave PERSON --at TIME[ZONE], or --at now");
    };
    let configuration = place.configuration(&options.config)?;
    let me = place.me(&configuration)?;
    let store = place.open(&options.data, LEASE)?;
    allowed(&me, &configuration, &store)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    let who = plan::resolve(&machine, &store, who).await?;
    let person = said(machine.engine.read_person(&who).await)?;
    let hour = Hour::parse(at, store.clock.now(), person.attribute("timezone"))?;
    let wish = LeaveWish {
        who: person.account.to_string(),
        at: hour.at,
        quiet: options.quiet,
        successor: options.to.clone(),
        asked_by: me.recorded().to_owned(),
    };
    let leave = said(machine.engine.plan_leave(wish).await)?;
    if leave.at <= store.clock.now() {
        return begin(&machine, &store, &leave, out).await;
    }
    out.title(&format!("Agreed: {} leaves at {}.", shown(&leave, true), hour.shown()));
    out.line("Nothing is done before; what the directory says meanwhile is heeded at once.");
    out.line(format!("`rollcall leave cancel {}` calls it off until then.", leave.id));
    out.document(&document(&leave, true))?;
    Ok(Exit::SUCCESS)
}

/// A leave whose hour has come is carried out here, as `apply` does it.
async fn begin(machine: &Machine, store: &Store, leave: &AgreedLeave, out: &Out) -> anyhow::Result<Exit> {
    let wake = Delivery {
        id: format!("leave-{}", leave.id),
        receipt: String::new(),
        body: serde_json::to_string(&Message::WakeTimer(format!("leave/{}", leave.id)))?,
        attempt: 1,
    };
    machine.engine.handle(&wake).await?;
    let begun = Instant::now();
    loop {
        let now = agreed_leave(store.ledger.as_ref(), &leave.id).await?;
        match now.map(|leave| leave.state) {
            Some(LeaveState::Begun { run }) => return follow(machine, store, &run, out).await,
            Some(LeaveState::Covered { run }) => {
                out.line(format!("{run} was open for this person before:"));
                return follow(machine, store, &run, out).await;
            }
            Some(LeaveState::Cancelled { by, .. }) => anyhow::bail!("{by} has called it off"),
            Some(LeaveState::Waiting | LeaveState::Beginning) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(LOOK).await;
            }
            _ => anyhow::bail!(
                "{} cannot begin yet; {} goes on trying, and `rollcall leave list` shows it",
                leave.id,
                store.worker()
            ),
        }
    }
}

async fn follow(machine: &Machine, store: &Store, run: &RunId, out: &Out) -> anyhow::Result<Exit> {
    let run = apply::drive(&machine.engine, store, run, out).await?;
    apply::told(&run, store, out).await
}

async fn list(options: &ListLeavesOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let sees = place.sees_quiet(&options.config);
    let waiting = leaves(store.ledger.as_ref()).await?;
    let rows: Vec<Vec<String>> = waiting
        .iter()
        .map(|leave| {
            let open = sees || !leave.quiet;
            let hidden = || "(quiet)".to_owned();
            vec![
                leave.id.clone(),
                if open { moment(leave.at) } else { hidden() },
                if open { shown(leave, sees) } else { hidden() },
                if open { plain(&leave.asked_by) } else { hidden() },
            ]
        })
        .collect();
    if rows.is_empty() {
        out.line("No leave is agreed.");
    } else {
        out.table(&["id", "at", "who", "asked for by"], &rows);
        out.line("\n`rollcall leave cancel ID` calls one off until its hour.");
    }
    let documents: Vec<Value> = waiting
        .iter()
        .map(|leave| document(leave, sees || !leave.quiet))
        .collect();
    out.document(&json!({"leaves": documents}))?;
    Ok(Exit::SUCCESS)
}

async fn cancel(options: &CancelLeaveOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let configuration = place.configuration(&options.config)?;
    let me = place.me(&configuration)?;
    let store = place.existing(&options.data)?;
    allowed(&me, &configuration, &store)?;
    let nonce = store.ids.unique();
    let ledger = store.ledger.as_ref();
    said(cancel_leave(ledger, &options.id, me.recorded(), store.clock.now(), &nonce).await)?;
    out.title(&format!("Called off: {}.", plain(&options.id)));
    out.document(&json!({"cancelled": options.id, "by": me.recorded()}))?;
    Ok(Exit::SUCCESS)
}

/// Whether this operator may ask for a leave: the configuration says who is an operator, or, where it names nobody, whoever
/// owns the folder with the state.
fn allowed(me: &Me, configuration: &Configuration, store: &Store) -> anyhow::Result<()> {
    if configuration.operators.is_empty() && store.stack.is_none() {
        anyhow::ensure!(
            operator::owns(&store.folder),
            "{} does not own {}, and the configuration names no `operators`: only the owner of the state may ask for a leave",
            me.name,
            store.folder.display()
        );
        return Ok(());
    }
    anyhow::ensure!(
        me.may(Role::Operator),
        "{} may not ask for a leave: give them the role `operator` under `operators` in the environment's file",
        me.name
    );
    Ok(())
}

/// The person, for who may know.
fn shown(leave: &AgreedLeave, sees: bool) -> String {
    match &leave.display {
        Some(display) => plain(display),
        None if sees => plain(leave.person.as_str()),
        None => leave.id.clone(),
    }
}

fn document(leave: &AgreedLeave, open: bool) -> Value {
    if !open {
        return json!({"id": leave.id, "quiet": true});
    }
    json!({
        "id": leave.id, "at": leave.at, "person": leave.person, "account": leave.subject, "display": leave.display,
        "quiet": leave.quiet, "successor": leave.successor, "asked_by": leave.asked_by, "asked_at": leave.asked_at,
    })
}
