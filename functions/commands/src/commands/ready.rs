//! `rollcall ready`: what a playbook planned in observe mode beside what people did, and whether that is enough to go further.
//! Reads the vendors, changes nothing in them.

use std::time::Duration;

use jiff::SignedDuration;
use rollcall_engine::{EngineError, ReadyReport, ReadyWish};
use rollcall_policy::ready::{Became, Compared, Readiness, Still, Terms};
use serde_json::{Value, json};

use crate::cli::ReadyOptions;
use crate::out::{Out, moment, plain};
use crate::{Exit, Place};

const LEASE: Duration = Duration::from_mins(1);
const HOUR_MS: i64 = 3_600_000;
/// As many lines of one kind as somebody reads; programs get all.
const SHOWN: usize = 20;

pub(crate) async fn run(options: &ReadyOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let configuration = place.configuration(&options.config)?;
    let sees_quiet = place
        .me(&configuration)?
        .may(rollcall_policy::configuration::Role::Confidential);
    let machine = place.machine(configuration, &store, LEASE).await?;
    let wish = ReadyWish {
        playbook: options.playbook.clone(),
        since: store.clock.now() - SignedDuration::from_hours(24) * i32::try_from(options.days)?,
        terms: Terms {
            people: options.people,
            agreement: options.agreement,
            within_ms: i64::from(options.within) * HOUR_MS,
        },
    };
    let mut report = match machine.engine.ready(&wish).await {
        Ok(report) => report,
        Err(EngineError::Refused(why)) => anyhow::bail!("{why}"),
        Err(error) => return Err(error.into()),
    };
    if !sees_quiet {
        veil(&mut report);
    }
    let ready = missing(&report.readiness, &options.mode).is_empty();
    out.document(&document(&report, &options.mode, ready))?;
    show(&report, options, out);
    Ok(if ready { Exit::SUCCESS } else { Exit::from(1) })
}

/// Of a quiet run its id is all that is said, and no reason, which may name the person.
fn veil(report: &mut ReadyReport) {
    for person in report.people.iter_mut().filter(|person| person.quiet) {
        person.login = person.run.to_string();
        person.person = rollcall_model::PersonKey::new(person.run.as_str());
        for why in &mut person.held {
            "(quiet)".clone_into(why);
        }
        for change in &mut person.changes {
            match &mut change.became {
                Became::Else { why } | Became::NotByUs { why } | Became::Unread { why } => {
                    "(quiet)".clone_into(why);
                }
                _ => {}
            }
        }
    }
}

fn missing<'a>(readiness: &'a Readiness, mode: &str) -> &'a [String] {
    if mode == "enforce" {
        &readiness.missing_for_enforce
    } else {
        &readiness.missing_for_review
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "JSON objects, made here: naming a member makes it"
)]
fn document(report: &ReadyReport, mode: &str, ready: bool) -> Value {
    let mut document = json!(report);
    document["for"] = json!(mode);
    document["ready"] = json!(ready);
    let people = document["people"].as_array_mut().into_iter().flatten();
    for person in people.filter(|person| person["quiet"] == true) {
        for change in person["changes"].as_array_mut().into_iter().flatten() {
            // It ends with the vendor's id of the account.
            change["key"] = Value::Null;
        }
    }
    document
}

fn show(report: &ReadyReport, options: &ReadyOptions, out: &Out) {
    let readiness = &report.readiness;
    out.title(&format!(
        "{}: {} people observed in the last {} days, {} can be judged",
        plain(&report.playbook),
        readiness.people,
        options.days,
        readiness.judged_people
    ));
    table(readiness, out);
    list("Not done", report, out, |change| {
        matches!(change.became, Became::NotYet).then(|| format!("planned {}", moment(change.planned_at)))
    });
    list("Done late", report, out, |change| {
        (change.late == Some(true)).then(|| format!("planned {}", moment(change.planned_at)))
    });
    list("Another state than Rollcall's", report, out, |change| {
        match &change.became {
            Became::Else { why } => Some(plain(why)),
            _ => None,
        }
    });
    list(
        "Rollcall would not have done it by itself",
        report,
        out,
        |change| match &change.became {
            Became::NotByUs { why } => Some(plain(why)),
            _ => None,
        },
    );
    list("Cannot be told", report, out, |change| match &change.became {
        Became::Unread { why } => Some(plain(why)),
        _ => None,
    });
    lines(
        "Would have been held",
        report.people.iter().flat_map(|person| {
            person
                .held
                .iter()
                .map(move |why| format!("{}  {}", plain(&person.login), plain(why)))
        }),
        out,
    );
    lines(
        "Active again: Rollcall would have cut somebody who works here",
        report.people.iter().filter_map(|person| match &person.still {
            Still::TookBack { why } => Some(format!("{}  {}  {}", plain(&person.login), person.run, plain(why))),
            _ => None,
        }),
        out,
    );
    lines(
        "Cannot be read in the source now",
        report.people.iter().filter_map(|person| match &person.still {
            Still::Unread { why } => Some(format!("{}  {}  {}", plain(&person.login), person.run, plain(why))),
            _ => None,
        }),
        out,
    );
    out.line("");
    out.line(readiness.agreement.map_or_else(
        || "Nothing can be judged yet.".to_owned(),
        |percent| format!("People did the same in {percent} % of the changes that can be judged."),
    ));
    for mode in ["review", "enforce"] {
        let missing = missing(readiness, mode);
        if missing.is_empty() {
            out.title(&format!("{} is ready for {mode}.", plain(&report.playbook)));
        } else {
            out.title(&format!("{} is not ready for {mode}:", plain(&report.playbook)));
            for what in missing {
                out.line(format!("  {what}"));
            }
        }
    }
}

fn table(readiness: &Readiness, out: &Out) {
    if readiness.places.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = readiness
        .places
        .iter()
        .map(|(place, counts)| {
            let mut row = vec![place.connection.to_string(), plain(&place.stage), plain(&place.step)];
            row.extend(
                [
                    counts.same,
                    counts.late,
                    counts.not_done,
                    counts.not_due,
                    counts.other,
                    counts.not_by_us,
                    counts.unread,
                    counts.before,
                ]
                .map(|count| count.to_string()),
            );
            row
        })
        .collect();
    out.table(
        &[
            "connection",
            "stage",
            "step",
            "same",
            "of them late",
            "not done",
            "still time",
            "otherwise",
            "not by us",
            "unread",
            "so before",
        ],
        &rows,
    );
}

/// The changes of which something is to be said, under their title.
fn list(title: &str, report: &ReadyReport, out: &Out, say: impl Fn(&Compared) -> Option<String>) {
    let all = report.people.iter().flat_map(|person| {
        let say = &say;
        person.changes.iter().filter_map(move |change| {
            let said = say(change)?;
            Some(format!(
                "{}  {} {}  {said}",
                plain(&person.login),
                change.connection,
                plain(&change.action)
            ))
        })
    });
    lines(title, all, out);
}

fn lines(title: &str, all: impl Iterator<Item = String>, out: &Out) {
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        return;
    }
    out.title(&format!("\n{title}"));
    for line in all.iter().take(SHOWN) {
        out.line(format!("  {line}"));
    }
    if all.len() > SHOWN {
        out.line(format!("  and {} more: --json has all", all.len() - SHOWN));
    }
}
