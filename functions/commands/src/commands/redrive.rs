//! `rollcall redrive`: dead letters back to where they belong.

use std::time::Duration;

use rollcall_model::ledger::{Document, documents};
use rollcall_model::{Lane, Message};
use serde_json::{Value, json};

use super::again;
use crate::Exit;
use crate::Place;
use crate::cli::RedriveOptions;
use crate::local::Store;
use crate::out::{Out, plain};

/// More dead letters than a person looks through at once; the rest shows when these are gone.
const MOST: usize = 1_000;

pub(crate) async fn run(options: &RedriveOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let mut letters = store.ledger.documents(documents::DEAD, MOST).await?;
    if options.list {
        return list(&letters, &store, out).await;
    }
    if let Some(id) = &options.id {
        letters.retain(|letter| letter.id == *id);
        anyhow::ensure!(
            !letters.is_empty(),
            "there is no dead letter {id} in the ledger: `rollcall redrive --list` shows what there is"
        );
    }
    let (mut sent, mut left) = (Vec::new(), Vec::new());
    for letter in letters {
        match send(&letter, &store).await? {
            Ok(lane) => {
                out.line(format!("{}  sent to {lane}", plain(&letter.id)));
                sent.push(letter.id);
            }
            Err(why) => {
                out.line(format!("{}  left where it is: {why}", plain(&letter.id)));
                left.push(json!({"id": letter.id, "why": why}));
            }
        }
    }
    let mut from_queues = 0;
    if options.id.is_none() {
        for lane in Lane::ALL {
            from_queues += store.queue.redrive(lane).await?;
        }
    }
    out.title(&format!(
        "{} letters of the ledger and {from_queues} of the queues were sent; {} were left.",
        sent.len(),
        left.len()
    ));
    out.document(&json!({"sent": sent, "from_queues": from_queues, "left": left}))?;
    Ok(if left.is_empty() { Exit::SUCCESS } else { Exit::from(1) })
}

/// Sends one, and only then takes it out: dying in between costs a repetition, which the ledger recognises.
async fn send(letter: &Document, store: &Store) -> anyhow::Result<Result<Lane, String>> {
    let body = letter.body.get("body").and_then(Value::as_str).unwrap_or_default();
    let message = match serde_json::from_str::<Message>(body) {
        Ok(Message::Signal(signal)) => Message::Signal(again::afresh(signal, store).await?),
        Ok(message) => message,
        Err(why) => return Ok(Err(format!("it is not a message of ours ({why})"))),
    };
    let lane = again::lane(&message, store).await?;
    store
        .queue
        .send(lane, &[serde_json::to_string(&message)?], Duration::ZERO)
        .await?;
    store.ledger.remove_document(documents::DEAD, &letter.id).await?;
    Ok(Ok(lane))
}

async fn list(letters: &[Document], store: &Store, out: &Out) -> anyhow::Result<Exit> {
    let text = |letter: &Document, name: &str| {
        letter
            .body
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for letter in letters {
        let what = what(&text(letter, "body"));
        rows.push(vec![
            plain(&letter.id),
            "ledger".to_owned(),
            what.clone(),
            text(letter, "at"),
            plain(&text(letter, "why")),
        ]);
        all.push(json!({"id": letter.id, "where": "ledger", "what": what, "at": text(letter, "at"), "why": text(letter, "why")}));
    }
    for lane in Lane::ALL {
        for delivery in store.queue.dead(lane, MOST).await? {
            let (what, why) = (what(&delivery.body), format!("handed out {} times", delivery.attempt));
            rows.push(vec![
                plain(&delivery.id),
                format!("queue {lane}"),
                what.clone(),
                String::new(),
                why.clone(),
            ]);
            all.push(json!({"id": delivery.id, "where": format!("queue/{lane}"), "what": what, "why": why}));
        }
    }
    if rows.is_empty() {
        out.line("There are no dead letters.");
    } else {
        out.table(&["id", "where", "what", "since", "why"], &rows);
        out.line("\nOnce the cause is mended, `rollcall redrive` sends them back, `rollcall redrive ID` one of the ledger's.");
    }
    out.document(&json!({"letters": all}))?;
    Ok(Exit::SUCCESS)
}

/// A message in a few words; never its content.
fn what(body: &str) -> String {
    match serde_json::from_str::<Message>(body) {
        Ok(Message::Signal(signal)) => format!("signal {}", plain(signal.key.as_str())),
        Ok(Message::WakeAccount(account)) => format!("wake of {}", plain(&account.to_string())),
        Ok(Message::WakeRun(run)) => format!("wake of {run}"),
        Ok(Message::WakeTimer(timer)) => format!("wake of timer {}", plain(&timer)),
        Ok(Message::Command(id)) => format!("command {}", plain(&id)),
        Err(_) => format!("{} bytes that are no message", body.len()),
    }
}
