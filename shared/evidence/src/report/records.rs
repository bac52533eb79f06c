//! Records by object: what was counted, where each went, and whether that adds up.

mod bar;

use std::collections::BTreeMap;

use rollcall_model::{ChangeRecord, HandOver, Tally};

use super::markup::{Html, counted, grouped};
use super::{Folds, Report, badge, section};
use bar::Sum;

/// Bytes of all hand-overs together.
const BUDGET: usize = 450_000;
/// Bytes of the list of refusals, and the most for each other list.
const LIST: usize = 40_000;
/// Rows that are shown without a fold.
const FEW: usize = 30;

/// A change that handed records over, or says that it did.
struct Handed<'a> {
    record: &'a ChangeRecord,
    /// None: its reference cannot be read.
    what: Option<HandOver>,
}

fn handed<'a>(report: &Report<'a>) -> Vec<Handed<'a>> {
    let run = report.run;
    run.changes
        .iter()
        .filter(|record| record.reference.get("tallies").is_some())
        .map(|record| Handed {
            record,
            what: serde_json::from_value(record.reference.clone()).ok(),
        })
        .collect()
}

/// Records moved, records in all, and whether every record is accounted for.
pub(super) fn summary(report: &Report<'_>) -> (u128, u128, bool) {
    let (mut sum, mut whole) = (Sum::default(), true);
    for one in handed(report) {
        let tallies = one.what.map(|what| what.tallies);
        whole &= tallies.is_some();
        for tally in tallies.unwrap_or_default() {
            whole &= is_whole(&tally);
            sum += Sum::of(&tally);
        }
    }
    (sum.moved, sum.all(), whole)
}

fn is_whole(tally: &Tally) -> bool {
    tally.uninspected.is_none() && Sum::of(tally).balances()
}

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    section(html, "records", "Records by object");
    let all = handed(report);
    if all.is_empty() {
        html.raw("<p>No records were handed over in this run.</p></section>\n");
        refusals(html, &all);
        return;
    }
    html.raw(
        "<p>Every record stands in exactly one place: <strong>counted + arrived = moved + kept + refused + \
         gone</strong>. <em>Counted</em> named the person when work began, <em>arrived</em> came to while it \
         went on; <em>kept</em> was left on purpose, <em>refused</em> is what the vendor did not let us change, \
         <em>gone</em> was changed or deleted by somebody else meanwhile.</p>\n",
    );
    bar::legend(html);
    let end = html.len() + BUDGET;
    let mut left = 0;
    for one in &all {
        if html.len() >= end {
            left += 1;
            continue;
        }
        let change = &one.record.change;
        html.raw("<h3>").text(change.connection.as_str()).raw(" <small>");
        html.code(&change.action);
        if let (Some(account), true) = (&change.account, report.open()) {
            html.raw(" ").code(&account.id);
        }
        html.raw("</small></h3>\n");
        let Some(what) = &one.what else {
            html.raw(
                "<p class=\"alert\">The numbers of this hand-over cannot be read by this version: look at them \
                 with <code>rollcall explain RUN --json</code>.</p>\n",
            );
            continue;
        };
        if what.tallies.is_empty() {
            html.raw("<p class=\"equation\">Owns no record in any object that was looked at.</p>\n");
        } else {
            equation(html, what);
            uninspected(html, what, LIST.min(end.saturating_sub(html.len())));
            tables(report, html, what, change.connection.as_str(), end);
        }
        recipients(report, html, what, LIST.min(end.saturating_sub(html.len())));
        rest(report, html, what, LIST.min(end.saturating_sub(html.len())));
    }
    html.left_out(left, "<code>rollcall explain RUN --json</code> has every hand-over.")
        .raw("</section>\n");
    refusals(html, &all);
}

/// The equation over all objects, in numbers, and whether it holds in every row.
fn equation(html: &mut Html, what: &HandOver) {
    let mut sum = Sum::default();
    what.tallies.iter().for_each(|tally| sum += Sum::of(tally));
    let wrong = what.tallies.iter().filter(|tally| !Sum::of(tally).balances()).count() as u128;
    html.raw("<p class=\"equation\">");
    sum.write(html);
    html.raw(" ");
    if wrong == 0 {
        badge(html, "good", "holds in every row");
    } else {
        badge(
            html,
            "bad",
            &format!("does not hold in {}", counted(wrong, "row", "rows")),
        );
    }
    html.raw("</p>\n");
}

fn uninspected(html: &mut Html, what: &HandOver, budget: usize) {
    let unseen: Vec<(&Tally, &String)> = what
        .tallies
        .iter()
        .filter_map(|tally| Some((tally, tally.uninspected.as_ref()?)))
        .collect();
    if unseen.is_empty() {
        return;
    }
    html.raw(
        "<div class=\"alert\"><p><strong>Not looked at, or not to the end</strong>; the numbers are not the \
         whole:</p><ul>\n",
    );
    let left = html.rows(budget, unseen, |html, (tally, why)| {
        html.raw("<li>");
        name(html, tally);
        html.raw(": ").text(why).raw("</li>\n");
    });
    html.raw("</ul>")
        .left_out(left, "their rows below say so.")
        .raw("</div>\n");
}

fn name(html: &mut Html, tally: &Tally) {
    html.clipped(&tally.object, 80).raw("<wbr>.").clipped(&tally.field, 80);
}

/// First what needs a look and the largest, then, folded, the rest.
fn tables(report: &Report<'_>, html: &mut Html, what: &HandOver, place: &str, end: usize) {
    let mut order: Vec<&Tally> = what.tallies.iter().collect();
    if order.len() > FEW {
        order.sort_by_key(|tally| {
            let attention = !is_whole(tally) || tally.refused > 0;
            (!attention, std::cmp::Reverse(Sum::of(tally).all()))
        });
    }
    let (first, rest) = order.split_at(order.len().min(FEW));
    let mut left = table(report, html, first, place, end.saturating_sub(html.len()));
    if !rest.is_empty() {
        let attention = rest.iter().any(|tally| !is_whole(tally) || tally.refused > 0);
        let open = attention && report.folds == Folds::Attention;
        html.raw(if open {
            "<details open><summary>"
        } else {
            "<details><summary>"
        });
        html.own(&counted(
            rest.len() as u128,
            "more object and field",
            "more objects and fields",
        ));
        html.raw(if attention {
            "</summary>\n"
        } else {
            ", nothing refused and all accounted for</summary>\n"
        });
        left += table(report, html, rest, place, end.saturating_sub(html.len()));
        html.raw("</details>\n");
    }
    html.left_out(
        left,
        "the equation above counts them, and the evidence files hold every record.",
    );
}

fn table(report: &Report<'_>, html: &mut Html, tallies: &[&Tally], place: &str, budget: usize) -> usize {
    if budget == 0 {
        return tallies.len();
    }
    html.table(
        "records",
        place,
        &[
            "Object and field",
            "Where they went",
            "#Counted",
            "#Arrived",
            "#Moved",
            "#Kept",
            "#Refused",
            "#Gone",
            "Adds up",
        ],
    );
    let left = html.rows(budget, tallies, |html, tally| {
        let sum = Sum::of(tally);
        html.raw("<tr><th scope=\"row\">");
        name(html, tally);
        if report.open() && !tally.to.is_empty() {
            html.raw("<small class=\"to\">to ");
            for (place, (whom, many)) in most_first(&tally.to).into_iter().take(3).enumerate() {
                html.raw(if place > 0 { ", " } else { "" }).clipped(whom, 40).raw(" ");
                html.number(u128::from(many));
            }
            html.raw(if tally.to.len() > 3 {
                " and others</small>"
            } else {
                "</small>"
            });
        }
        html.raw("</th><td class=\"bar\">");
        bar::write(html, &sum, &format!("{}.{}", tally.object, tally.field));
        for number in [sum.counted, sum.arrived, sum.moved, sum.kept, sum.refused, sum.gone] {
            html.raw("</td><td class=\"n\">").number(number);
        }
        html.raw("</td><td>");
        match (&tally.uninspected, sum.balances()) {
            (Some(_), _) => badge(html, "warn", "not all seen"),
            (None, true) => badge(html, "good", "yes"),
            (None, false) => badge(html, "bad", &sum.difference()),
        }
        html.raw("</td></tr>\n");
    });
    html.end_table();
    left
}

fn most_first(counts: &BTreeMap<String, u64>) -> Vec<(&String, u64)> {
    let mut all: Vec<(&String, u64)> = counts.iter().map(|(name, count)| (name, *count)).collect();
    all.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(two.0)));
    all
}

fn recipients(report: &Report<'_>, html: &mut Html, what: &HandOver, budget: usize) {
    let mut to: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    for tally in &what.tallies {
        for (whom, many) in &tally.to {
            let (records, objects) = to.entry(whom).or_default();
            *records += u128::from(*many);
            *objects += 1;
        }
    }
    if to.is_empty() || budget == 0 {
        return;
    }
    if !report.open() {
        html.raw("<p>Given to ")
            .own(&counted(to.len() as u128, "user or queue", "users and queues"))
            .raw(".</p>\n");
        return;
    }
    let mut to: Vec<(&str, (u128, u128))> = to.into_iter().collect();
    to.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(two.0)));
    html.raw("<h4>To whom</h4>");
    html.table(
        "narrow",
        "To whom",
        &["User or queue, by the vendor’s id", "#Records", "#Objects and fields"],
    );
    let left = html.rows(budget, to, |html, (whom, (records, objects))| {
        html.raw("<tr><th scope=\"row\">")
            .code(whom)
            .raw("</th><td class=\"n\">");
        html.number(records)
            .raw("</td><td class=\"n\">")
            .number(objects)
            .raw("</td></tr>\n");
    });
    html.end_table().left_out(left, "the evidence files name every one.");
}

/// The evidence, and what was seen beside.
fn rest(report: &Report<'_>, html: &mut Html, what: &HandOver, budget: usize) {
    if report.open() && !what.notes.is_empty() && budget > 0 {
        html.raw("<h4>For people</h4><ul>\n");
        let left = html.rows(budget, &what.notes, |html, note| {
            html.raw("<li>").text(note).raw("</li>\n");
        });
        html.raw("</ul>\n")
            .left_out(left, "<code>rollcall explain RUN --json</code> has all.");
    }
    if what.evidence.is_empty() || budget == 0 {
        return;
    }
    html.raw("<details><summary>Evidence: ")
        .own(&counted(what.evidence.len() as u128, "file", "files"))
        .raw(", a line for each record</summary><ul class=\"files\">\n");
    let left = html.rows(budget / 2, &what.evidence, |html, file| {
        html.raw("<li>").code(file).raw("</li>\n");
    });
    html.raw("</ul>")
        .left_out(left, "the run’s folder of evidence has all.")
        .raw("</details>\n");
}

/// Refusals by the vendor's code, over all hand-overs.
fn refusals(html: &mut Html, all: &[Handed<'_>]) {
    let mut codes: BTreeMap<(&str, &str), (u128, Vec<&Tally>)> = BTreeMap::new();
    let mut unnamed = 0_u128;
    for one in all {
        for tally in one.what.iter().flat_map(|what| &what.tallies) {
            let mut named = 0_u128;
            for (code, many) in &tally.refusals {
                let (count, objects) = codes.entry((code, one.record.change.connection.as_str())).or_default();
                *count += u128::from(*many);
                objects.push(tally);
                named += u128::from(*many);
            }
            unnamed += u128::from(tally.refused).saturating_sub(named);
        }
    }
    section(html, "refusals", "Refusals by code");
    if codes.is_empty() && unnamed == 0 {
        html.raw("<p>The vendors refused no record.</p></section>\n");
        return;
    }
    let mut rows: Vec<_> = codes.into_iter().collect();
    rows.sort_by(|one, two| two.1.0.cmp(&one.1.0).then(one.0.cmp(&two.0)));
    html.table(
        "refusals",
        "Refusals",
        &["Vendor’s code", "Connection", "#Records", "Objects"],
    );
    let left = html.rows(LIST, rows, |html, ((code, connection), (count, objects))| {
        html.raw("<tr><th scope=\"row\">")
            .code(code)
            .raw("</th><td>")
            .text(connection);
        html.raw("</td><td class=\"n\">").number(count).raw("</td><td>");
        for (place, tally) in objects.iter().take(6).enumerate() {
            html.raw(if place > 0 { ", " } else { "" });
            name(html, tally);
        }
        if objects.len() > 6 {
            html.own(&format!(" and {} more", grouped(objects.len() as u128 - 6)));
        }
        html.raw("</td></tr>\n");
    });
    html.end_table().left_out(left, "the evidence files have every one.");
    if unnamed > 0 {
        html.raw("<p class=\"note\">")
            .number(unnamed)
            .raw(" more were refused without a code.</p>\n");
    }
    html.raw("</section>\n");
}
