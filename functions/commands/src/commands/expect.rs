//! `rollcall expect`: leavers who are announced beforehand, so that the limits do not hold them.

use std::time::Duration;

use anyhow::Context as _;
use rollcall_engine::{Engine, Expectation, expectation_statement, read_people};
use rollcall_evidence::approval;
use rollcall_model::Timestamp;
use serde_json::{Value, json};

use super::reviews::{approver, said};
use crate::Exit;
use crate::Place;
use crate::cli::{ExpectCommand, ExpectOptions, LeaversOptions};
use crate::operator::Me;
use crate::out::{Out, moment, plain};
use crate::window;

const LEASE: Duration = Duration::from_mins(1);
/// Bad rows that a person reads through; the rest are counted.
const SHOWN: usize = 20;
/// People that `show` prints as text.
const PEOPLE: usize = 50;

pub(crate) async fn run(options: &ExpectOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.open(&options.places.data(), LEASE)?;
    let configuration = place.configuration(&options.places.config())?;
    let me = place.me(&configuration)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    let now = store.clock.now();
    let engine = machine.engine.as_ref();
    match &options.command {
        ExpectCommand::Leavers(leavers) => announce(leavers, engine, &me, now, place, out).await,
        ExpectCommand::List => list(engine, now, out).await,
        ExpectCommand::Show(which) => show(&which.id, engine, now, out).await,
        ExpectCommand::Approve(which) => {
            let signed = if let Some(signed) = place.approval()? {
                signed.clone()
            } else {
                let ledger = store.ledger.as_ref();
                let statement = said(expectation_statement(ledger, &which.id, me.recorded(), now).await)?;
                approval::sign(statement, &store.approval_key()?).await?
            };
            let known = said(engine.approve_expectation(&which.id, &signed, &approver(&me)).await)?;
            out.title(&format!("Approved {}, as {}.", known.id, plain(me.recorded())));
            told(&known, now, out)
        }
        ExpectCommand::Cancel(which) => {
            let known = said(engine.cancel_expectation(&which.id).await)?;
            out.title(&format!("Cancelled {}.", known.id));
            out.line(format!("The limits count its {} people again.", known.people));
            out.document(&document(&known, now))?;
            Ok(Exit::SUCCESS)
        }
    }
}

async fn announce(
    options: &LeaversOptions,
    engine: &Engine,
    me: &Me,
    now: Timestamp,
    place: &Place,
    out: &Out,
) -> anyhow::Result<Exit> {
    let window = window::parse(&options.window)?;
    let file = options.file.display();
    let text =
        String::from_utf8(place.read(&options.file)?).with_context(|| format!("{file} cannot be read as UTF-8"))?;
    let people = match read_people(&text) {
        Ok(people) => people,
        Err(bad) => {
            out.title(&format!("{file} has {} bad rows; nothing was announced.", bad.len()));
            for row in bad.iter().take(SHOWN) {
                out.line(format!("  {}", plain(&row.to_string())));
            }
            if bad.len() > SHOWN {
                out.line(format!("  and {} more", bad.len() - SHOWN));
            }
            let rows: Vec<Value> = bad.iter().map(|row| json!({"row": row.line, "why": row.why})).collect();
            out.document(&json!({"announced": false, "bad_rows": rows}))?;
            return Ok(Exit::from(1));
        }
    };
    let known = said(engine.announce(&people, window, &approver(me)).await)?;
    out.title(&format!("Announced {}: {} people.", known.id, known.people));
    told(&known, now, out)
}

/// Where an announcement stands, and what comes next.
fn told(known: &Expectation, now: Timestamp, out: &Out) -> anyhow::Result<Exit> {
    out.line(format!(
        "  window  {} to {}",
        moment(known.window.from),
        moment(known.window.to)
    ));
    out.line(format!("  digest  {}", known.digest));
    out.line(format!("  state   {}", state(known, now)));
    if !known.is_approved() && known.window.to > now {
        out.line(format!("  next    rollcall expect approve {}", known.id));
        out.line(format!(
            "          by {} of the approvers, none of them {}; until then it counts for nothing",
            known.still_needed(),
            plain(&known.requested_by)
        ));
    }
    out.document(&document(known, now))?;
    Ok(Exit::SUCCESS)
}

fn state(known: &Expectation, now: Timestamp) -> String {
    if known.window.to <= now {
        "over".to_owned()
    } else if !known.is_approved() {
        let more = known.still_needed();
        format!("waits for {more} {}", if more == 1 { "approval" } else { "approvals" })
    } else if known.window.from <= now {
        "counts now".to_owned()
    } else {
        "approved".to_owned()
    }
}

async fn list(engine: &Engine, now: Timestamp, out: &Out) -> anyhow::Result<Exit> {
    let all = engine.expectations().await?;
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|known| {
            vec![
                known.id.clone(),
                moment(known.window.from),
                moment(known.window.to),
                known.people.to_string(),
                plain(&known.requested_by),
                state(known, now),
            ]
        })
        .collect();
    if rows.is_empty() {
        out.line("No leavers are announced.");
    } else {
        out.table(&["id", "from", "to", "people", "announced by", "state"], &rows);
        out.line("\n`rollcall expect show ID` tells who is announced and who has agreed.");
    }
    out.document(&json!({"expected": all.iter().map(|known| document(known, now)).collect::<Vec<_>>()}))?;
    Ok(Exit::SUCCESS)
}

async fn show(id: &str, engine: &Engine, now: Timestamp, out: &Out) -> anyhow::Result<Exit> {
    let known = said(engine.expectation(id).await)?;
    let people = said(engine.expected_people(&known).await)?;
    if out.json {
        let mut document = document(&known, now);
        if let Some(members) = document.as_object_mut() {
            members.insert("names".to_owned(), json!(people));
        }
        out.document(&document)?;
        return Ok(Exit::SUCCESS);
    }
    out.title(&format!("{}: {} people", known.id, known.people));
    out.line(format!(
        "  by      {} at {}",
        plain(&known.requested_by),
        moment(known.requested_at)
    ));
    for approval in &known.approvals {
        out.line(format!("  agreed  {} at {}", plain(&approval.by), moment(approval.at)));
    }
    told(&known, now, out)?;
    out.line("");
    for name in people.iter().take(PEOPLE) {
        out.line(format!("  {}", plain(name)));
    }
    if people.len() > PEOPLE {
        out.line(format!("  and {} more; --json prints all", people.len() - PEOPLE));
    }
    Ok(Exit::SUCCESS)
}

fn document(known: &Expectation, now: Timestamp) -> Value {
    let mut document = json!(known);
    if let Some(members) = document.as_object_mut() {
        members.insert("state".to_owned(), json!(state(known, now)));
        members.insert("approved".to_owned(), json!(known.is_approved()));
    }
    document
}
