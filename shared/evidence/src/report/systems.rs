//! What was done, by system: every change with its account, its outcome and why, and the vendor's own id of the request.

use std::collections::BTreeMap;

use rollcall_model::{ChangeKey, ChangeRecord, EntryKind, Outcome};
use serde_json::Value;

use super::markup::{Html, counted};
use super::{Folds, Report, badge, class_of, section};
use crate::timeline::in_order;
use crate::timeline::words::{duration, short};

/// Bytes of all tables together.
const BUDGET: usize = 600_000;
/// Changes of a system that are shown without a fold.
const FEW: usize = 25;
/// Characters of a state.
const STATE: usize = 160;

/// What the journal adds to a change.
#[derive(Default)]
struct Journalled<'a> {
    tries: u32,
    request_id: Option<&'a str>,
}

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    section(html, "systems", "By system");
    let records: Vec<&ChangeRecord> = report.changes().collect();
    if records.is_empty() {
        html.raw("<p>No change was planned.</p></section>\n");
        return;
    }
    let journalled = journalled(report);
    let mut left = 0;
    let begun = html.len();
    for connection in in_order(&records) {
        let own: Vec<&ChangeRecord> = records
            .iter()
            .copied()
            .filter(|record| record.change.connection == *connection)
            .collect();
        html.raw("<h3>").text(connection.as_str()).raw("</h3>\n");
        summary(html, &own);
        let attention = own.iter().any(|record| !record.outcome.is_green());
        let budget = BUDGET.saturating_sub(html.len() - begun);
        let folded = own.len() > FEW && budget > 0;
        if folded {
            let open = attention && report.folds == Folds::Attention;
            html.raw(if open {
                "<details open><summary>"
            } else {
                "<details><summary>"
            });
            html.own(&counted(own.len() as u128, "change", "changes"))
                .raw("</summary>\n");
        }
        left += table(report, html, &own, &journalled, connection.as_str(), budget);
        if folded {
            html.raw("</details>\n");
        }
        sessions(report, html, &own);
    }
    html.left_out(left, "<code>rollcall explain RUN</code> lists every change.")
        .raw("</section>\n");
}

fn summary(html: &mut Html, records: &[&ChangeRecord]) {
    let mut counts: BTreeMap<&'static str, (u128, &'static str)> = BTreeMap::new();
    for record in records {
        let (count, class) = counts.entry(record.outcome.name()).or_default();
        *count += 1;
        *class = class_of(&record.outcome);
    }
    html.raw("<p class=\"counts\">");
    for (name, (count, class)) in counts {
        badge(html, class, &format!("{count} {name}"));
        html.raw(" ");
    }
    html.raw("</p>\n");
}

fn table(
    report: &Report<'_>,
    html: &mut Html,
    records: &[&ChangeRecord],
    journalled: &BTreeMap<&ChangeKey, Journalled<'_>>,
    place: &str,
    budget: usize,
) -> usize {
    if budget == 0 {
        return records.len();
    }
    html.table(
        "changes",
        place,
        &["Change", "Account", "Outcome", "Began", "#Took", "Vendor’s request id"],
    );
    let mut stage = "";
    let left = html.rows(budget, records, |html, record| {
        let change = &record.change;
        if change.stage != stage {
            html.raw(if stage.is_empty() {
                "<tbody>"
            } else {
                "</tbody>\n<tbody>"
            });
            stage = &change.stage;
            html.raw("<tr class=\"stage\"><th scope=\"rowgroup\" colspan=\"6\">")
                .text(stage);
            if let Some(hash) = report.run.stage_hashes.get(stage) {
                html.raw(" <small>plan ").code(&short(hash.as_str())).raw("</small>");
            }
            html.raw("</th></tr>\n");
        }
        let key = change.key();
        row(report, html, record, journalled.get(&key));
    });
    html.end_table();
    left
}

fn row(report: &Report<'_>, html: &mut Html, record: &ChangeRecord, journalled: Option<&Journalled<'_>>) {
    let change = &record.change;
    html.raw("<tr><th scope=\"row\">");
    action(html, &change.action);
    html.raw(" <small>").text(&change.step).raw("</small></th><td>");
    match (&change.account, report.open()) {
        (Some(account), true) => html.code(&account.id),
        (Some(_), false) => html.raw("one account"),
        (None, _) => html.raw("–"),
    };
    html.raw("</td><td>");
    badge(html, class_of(&record.outcome), record.outcome.name());
    if report.open() {
        if let Some(why) = record.outcome.reason() {
            html.raw(" <span class=\"why\">").text(why).raw("</span>");
        }
        if record.outcome == Outcome::Changed && !(change.before.is_null() && change.after.is_null()) {
            html.raw("<div class=\"states\"><span class=\"quiet\">from </span><code>")
                .clipped(&change.before.to_string(), STATE);
            html.raw("</code> <span aria-hidden=\"true\">→</span><span class=\"quiet\"> to </span> <code>")
                .clipped(&change.after.to_string(), STATE)
                .raw("</code></div>");
        }
    }
    html.raw("</td><td class=\"when\">")
        .time_of_day(record.started_at, report.run.received_at);
    html.raw("</td><td class=\"n\">");
    html.own(&duration(
        record.ended_at.as_millisecond() - record.started_at.as_millisecond(),
    ));
    if let Some(tries) = journalled.map(|journalled| journalled.tries).filter(|tries| *tries > 1) {
        html.raw(" <small>").number(u128::from(tries)).raw(" tries</small>");
    }
    html.raw("</td><td>");
    match record
        .request_id
        .as_deref()
        .or(journalled.and_then(|journalled| journalled.request_id))
    {
        Some(id) => html.code(id),
        None => html.raw("–"),
    };
    html.raw("</td></tr>\n");
}

/// An action's name, which may break behind its kind.
fn action(html: &mut Html, name: &str) {
    html.raw("<code>");
    match name.split_once('/') {
        Some((kind, verb)) => html.text(kind).raw("/<wbr>").text(verb),
        None => html.text(name),
    };
    html.raw("</code>");
}

/// Sessions of applications that no directory can end, as a log-out names them.
fn sessions(report: &Report<'_>, html: &mut Html, records: &[&ChangeRecord]) {
    for told in records
        .iter()
        .filter_map(|record| record.reference.get("open_app_sessions"))
    {
        match told {
            Value::Array(names) if names.is_empty() => {}
            Value::Array(names) if report.open() => {
                html.raw("<p class=\"note\">Sessions that stay open in applications until they end by themselves: ");
                for (place, name) in names.iter().filter_map(Value::as_str).take(50).enumerate() {
                    html.raw(if place > 0 { ", " } else { "" }).clipped(name, 100);
                }
                html.raw(if names.len() > 50 {
                    " and more.</p>\n"
                } else {
                    ".</p>\n"
                });
            }
            Value::Array(names) => {
                html.raw("<p class=\"note\">Sessions that stay open in applications until they end by themselves: ");
                html.number(names.len() as u128).raw(".</p>\n");
            }
            Value::String(why) if report.open() => {
                html.raw("<p class=\"note\">Which sessions of applications stay open is not known: ")
                    .text(why)
                    .raw("</p>\n");
            }
            _ => {}
        }
    }
}

/// How often each change was tried, and the vendor's last request id, by the journal.
fn journalled<'a>(report: &Report<'a>) -> BTreeMap<&'a ChangeKey, Journalled<'a>> {
    let mut all: BTreeMap<&ChangeKey, Journalled<'_>> = BTreeMap::new();
    for entry in report.journal {
        let Some(change) = &entry.change else { continue };
        let one = all.entry(change).or_default();
        match entry.public.kind {
            EntryKind::Intent => one.tries += 1,
            EntryKind::Observed => one.request_id = entry.public.request_id.as_deref().or(one.request_id),
            EntryKind::Progress | EntryKind::Decision => {}
        }
    }
    all
}
