//! `rollcall run report`: one HTML page about a run, from the ledger and the files alone.

use std::path::PathBuf;

use anyhow::Context as _;
use rollcall_evidence::{Finding, Folds, Proof, PublicKey, Receipt, Report, verify};
use rollcall_model::ledger::{Document, StoredEvent, documents};
use rollcall_model::{Entry, EntryKind, Review, ReviewId, Run, RunId, RunState};
use serde_json::{Value, json};

use crate::Exit;
use crate::Place;
use crate::cli::RunReportOptions;
use crate::local::{Store, public_key_of};
use crate::out::{Out, plain, short};

/// The most findings that are looked through for those of the run.
const FINDINGS: usize = 2_000;

pub(crate) async fn run(options: &RunReportOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let id = RunId::new(&options.run);
    let Some(run) = store.ledger.run(&id).await? else {
        anyhow::bail!(
            "there is no run {}: `rollcall explain` lists the latest runs, `rollcall explain PERSON` those of one person",
            plain(&options.run)
        );
    };
    let journal = store.ledger.journal(&id).await?;
    let events = events(&run, &store).await?;
    let mut reviews = Vec::new();
    for review in review_ids(&run, &journal) {
        reviews.extend(store.ledger.review(&review).await?);
    }
    reviews.sort_by_key(|review: &Review| review.opened_at);
    let all = store.ledger.documents(documents::FINDING, FINDINGS).await?;
    let findings = findings(&run, &all);
    let proof = proof(&run, &store).await;
    let html = Report {
        run: &run,
        journal: &journal,
        events: &events,
        reviews: &reviews,
        findings: &findings,
        proof: proof.as_ref(),
        confidential: place.sees_quiet(&options.config),
        folds: if options.open_none {
            Folds::Closed
        } else {
            Folds::Attention
        },
        made_at: store.clock.now(),
        made_by: env!("CARGO_PKG_VERSION"),
    }
    .html();
    let file = options
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.html", file_name(&run))));
    out.file(&file, html.as_bytes()).with_context(|| {
        format!(
            "the report cannot be written to {}: name another file with --out",
            file.display()
        )
    })?;
    out.line(format!("{}  {} KB", file.display(), html.len().div_ceil(1024)));
    out.line("Open it in a browser. It names people: keep it where only those see it who may.");
    out.document(&json!({"run": run.id, "state": run.state.name(), "file": file, "bytes": html.len()}))?;
    Ok(Exit::SUCCESS)
}

/// The run's id as a name of a file: an id is ours, but a page must never land in another folder.
fn file_name(run: &Run) -> String {
    run.id
        .as_str()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') {
                letter
            } else {
                '-'
            }
        })
        .collect()
}

/// The events that asked for it, first first.
async fn events(run: &Run, store: &Store) -> anyhow::Result<Vec<StoredEvent>> {
    let mut keys = run.triggers.clone();
    for key in store.ledger.triggers(&run.id).await? {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut events = Vec::new();
    for key in &keys {
        events.extend(store.ledger.event(key).await?);
    }
    Ok(events)
}

/// Every review of a run: those that its journal names, and the one that it waits for.
fn review_ids(run: &Run, journal: &[Entry]) -> Vec<ReviewId> {
    let mut ids: Vec<ReviewId> = journal
        .iter()
        .filter(|entry| entry.public.kind == EntryKind::Decision)
        .filter_map(|entry| {
            let what = &entry.public.what;
            if let Some((stage, hash)) = what.split_once(" held ") {
                return Some(ReviewId::new(format!("{}-{stage}-{}", run.id, short(hash))));
            }
            what.split_once(" asks ").map(|(_, id)| ReviewId::new(id))
        })
        .collect();
    if let RunState::Held { review } = &run.state {
        ids.push(review.clone());
    }
    ids.sort();
    ids.dedup();
    ids
}

/// The findings of a run are kept under its id, those of an event under the event's key.
fn findings(run: &Run, all: &[Document]) -> Vec<Finding> {
    let own = format!("{}/", run.id);
    let ours = |id: &str| {
        id.starts_with(&own)
            || run
                .triggers
                .iter()
                .any(|key| id.split_once('/').is_some_and(|(_, of)| of == key.as_str()))
    };
    let text = |body: &Value, name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut found: Vec<Finding> = all
        .iter()
        .filter(|document| ours(&document.id))
        .map(|document| Finding {
            code: text(&document.body, "code").unwrap_or_else(|| document.id.clone()),
            why: text(&document.body, "why").unwrap_or_default(),
            at: text(&document.body, "at").and_then(|at| at.parse().ok()),
        })
        .collect();
    found.sort_by_key(|finding| finding.at);
    found
}

/// The receipt, checked with the machine's key, where there is one. A page is made without it, too, and says why.
async fn proof(run: &Run, store: &Store) -> Option<Proof> {
    let name = run.receipt.as_ref()?;
    let place = store.files.locate(name);
    let text = match store.files.get(name).await {
        Ok(text) => text,
        Err(why) => {
            return Some(Proof {
                place,
                receipt: Err(why.to_string()),
                checked: None,
            });
        }
    };
    // A stack keeps no public key beside its ledger: there the page says that nobody checked it.
    let keys = match store.stack {
        None => std::fs::read_to_string(public_key_of(&store.folder)).ok(),
        Some(_) => None,
    };
    let keys = keys.and_then(|pem| PublicKey::all_from_pem(&pem).ok());
    let checked = keys.map(|keys| verify(&text, &keys).map(drop).map_err(|fault| fault.to_string()));
    let receipt = serde_json::from_slice::<Receipt>(&text).map_err(|why| why.to_string());
    Some(Proof {
        place,
        receipt,
        checked,
    })
}
