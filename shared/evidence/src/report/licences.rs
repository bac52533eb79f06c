//! Licences before and after: which became free.
//!
//! A change says what it found and left in its reference, `{"licences": {"before": […], "after": […]}}`. An item is a name, or
//! an object with a `name` (or `label`, `licence`, `id`) whose other plain members are shown beside it. An item that stands in
//! `before` and no longer in `after` is free; of one that stands in both with a smaller `used`, the difference is.

use rollcall_model::ChangeRecord;
use serde_json::Value;

use super::markup::Html;
use super::{Report, badge, section};

/// Bytes of the list.
const BUDGET: usize = 60_000;

struct Licence<'a> {
    name: &'a str,
    used: Option<u64>,
    rest: Vec<(&'a str, String)>,
}

impl<'a> Licence<'a> {
    fn of(item: &'a Value) -> Option<Self> {
        if let Some(name) = item.as_str() {
            return Some(Self {
                name,
                used: None,
                rest: Vec::new(),
            });
        }
        let members = item.as_object()?;
        let (key, name) = ["name", "label", "licence", "id"]
            .iter()
            .find_map(|key| Some((*key, members.get(*key)?.as_str()?)))?;
        let rest = members
            .iter()
            .filter(|(member, _)| *member != key)
            .filter_map(|(member, value)| {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                };
                Some((member.as_str(), text))
            })
            .collect();
        Some(Self {
            name,
            used: members.get("used").and_then(Value::as_u64),
            rest,
        })
    }
}

fn side<'a>(record: &'a ChangeRecord, name: &str) -> Vec<Licence<'a>> {
    record
        .reference
        .pointer(&format!("/licences/{name}"))
        .and_then(Value::as_array)
        .map(|items| items.iter().filter_map(Licence::of).collect())
        .unwrap_or_default()
}

/// One licence of a change, and how many of it became free.
struct Row<'a> {
    record: &'a ChangeRecord,
    licence: Licence<'a>,
    freed: u64,
}

fn rows<'a>(report: &Report<'a>) -> Option<Vec<Row<'a>>> {
    let run = report.run;
    let mut told = false;
    let mut rows = Vec::new();
    for record in run
        .changes
        .iter()
        .filter(|record| record.reference.get("licences").is_some())
    {
        told = true;
        let mut after = side(record, "after");
        for licence in side(record, "before") {
            let left = after
                .iter()
                .position(|left| left.name == licence.name)
                .map(|place| after.remove(place));
            let freed = match left {
                None => licence.used.unwrap_or(1),
                Some(left) => match (licence.used, left.used) {
                    (Some(before), Some(after)) => before.saturating_sub(after),
                    _ => 0,
                },
            };
            rows.push(Row { record, licence, freed });
        }
    }
    told.then_some(rows)
}

/// How many licences became free; none when no change looked at licences.
pub(super) fn freed(report: &Report<'_>) -> Option<u128> {
    rows(report).map(|rows| rows.iter().map(|row| u128::from(row.freed)).sum())
}

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    section(html, "licences", "Licences");
    let Some(rows) = rows(report) else {
        html.raw("<p>No change of this run looked at licences.</p></section>\n");
        return;
    };
    if rows.is_empty() {
        html.raw("<p>There was no licence to free.</p></section>\n");
        return;
    }
    html.table("", "Licences", &["Licence", "Connection", "Before", "Now"]);
    let left = html.rows(BUDGET, rows, |html, row| {
        html.raw("<tr><th scope=\"row\">")
            .text(row.licence.name)
            .raw("</th><td>");
        html.text(row.record.change.connection.as_str()).raw("</td><td>");
        if row.licence.rest.is_empty() {
            html.raw("held");
        }
        for (place, (name, value)) in row.licence.rest.iter().enumerate() {
            html.raw(if place > 0 { ", " } else { "" })
                .text(name)
                .raw(" ")
                .text(value);
        }
        html.raw("</td><td>");
        match row.freed {
            0 => badge(html, "idle", "still in use"),
            1 => badge(html, "good", "freed"),
            many => badge(html, "good", &format!("{many} freed")),
        }
        html.raw("</td></tr>\n");
    });
    html.end_table()
        .left_out(left, "<code>rollcall explain RUN --json</code> has all.")
        .raw("</section>\n");
}
