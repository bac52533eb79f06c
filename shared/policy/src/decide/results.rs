//! What a run's changes came to, as texts for people: records handed over, licences freed, sessions left open.

use std::collections::BTreeMap;

use rollcall_model::ids::ConnectionId;
use rollcall_model::long::{HandOver, Tally};
use rollcall_model::run::ChangeRecord;
use serde_json::Value;

use super::TextFacts;
use crate::configuration::Configuration;

impl TextFacts {
    /// What the changes of a run came to; everything else is left empty for the caller to fill.
    ///
    /// Read from the references of the records: a [`HandOver`], `{"licences": {"freed": ["…"]}}` of a change that gave licences
    /// back, and `{"open_app_sessions": ["…"]}` of a directory's log-out. References of any other shape say nothing here.
    pub fn of(configuration: &Configuration, changes: &[ChangeRecord]) -> Self {
        Self {
            handover: handover(changes),
            licences: licences(configuration, changes),
            open_app_sessions: open_app_sessions(changes),
            ..Self::default()
        }
    }
}

fn lines<T>(by_connection: BTreeMap<&ConnectionId, T>, line: impl Fn(T) -> String) -> String {
    let lines: Vec<String> = by_connection
        .into_iter()
        .map(|(connection, what)| format!("{connection}: {}", line(what)))
        .collect();
    lines.join("\n")
}

/// A line for each connection in which records were handed over, the accounts there together.
fn handover(changes: &[ChangeRecord]) -> String {
    let mut by_connection: BTreeMap<&ConnectionId, HandOver> = BTreeMap::new();
    for record in changes {
        // Any other action's reference lacks the members that a hand-over must have.
        let Ok(one) = serde_json::from_value::<HandOver>(record.reference.clone()) else {
            continue;
        };
        let all = by_connection.entry(&record.change.connection).or_default();
        all.tallies.extend(one.tallies);
    }
    lines(by_connection, |all| counted(&all))
}

fn counted(all: &HandOver) -> String {
    let Tally {
        counted,
        arrived,
        moved,
        kept,
        refused,
        gone,
        to,
        refusals,
        ..
    } = all.total();
    let mut text = format!("{counted} counted");
    if arrived > 0 {
        text.push_str(&format!(", {arrived} arrived meanwhile"));
    }
    text.push_str(&format!(
        ": {moved} moved{}, {kept} kept, {refused} refused{}, {gone} gone",
        many("to ", &to),
        many("", &refusals),
    ));
    let unseen: Vec<String> = all
        .tallies
        .iter()
        .filter_map(|tally| {
            let why = tally.uninspected.as_ref()?;
            Some(format!("{}.{} ({why})", tally.object, tally.field))
        })
        .collect();
    if !unseen.is_empty() {
        text.push_str(&format!("; not looked at to the end: {}", unseen.join(", ")));
    }
    text
}

/// ` (to 005A 7, 005B 2)`, the greatest first; nothing when there is none.
fn many(lead: &str, by_name: &BTreeMap<String, u64>) -> String {
    let mut all: Vec<(&String, &u64)> = by_name.iter().collect();
    all.sort_by(|one, two| two.1.cmp(one.1).then(one.0.cmp(two.0)));
    if all.is_empty() {
        return String::new();
    }
    let all: Vec<String> = all.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!(" ({lead}{})", all.join(", "))
}

fn open_app_sessions(changes: &[ChangeRecord]) -> String {
    let mut by_connection: BTreeMap<&ConnectionId, Vec<String>> = BTreeMap::new();
    for record in changes {
        let Some(told) = record.reference.get("open_app_sessions") else {
            continue;
        };
        let mut names: Vec<String> = match told {
            // Why they could not be seen.
            Value::String(why) => vec![why.clone()],
            Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let seen = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let all = record.reference.get("apps").and_then(Value::as_u64).unwrap_or(seen);
        if all > seen {
            names.push(format!("{} more", all - seen));
        }
        by_connection
            .entry(&record.change.connection)
            .or_default()
            .extend(names);
    }
    by_connection.retain(|_, names| !names.is_empty());
    lines(by_connection, |mut names| {
        names.dedup();
        names.join(", ")
    })
}

/// A line for each connection in which licences became free, with what they cost a month together where that is known.
fn licences(configuration: &Configuration, changes: &[ChangeRecord]) -> String {
    let mut by_connection: BTreeMap<&ConnectionId, BTreeMap<String, u64>> = BTreeMap::new();
    for record in changes.iter().filter(|record| record.outcome.is_green()) {
        let freed = record.reference.pointer("/licences/freed").and_then(Value::as_array);
        for name in freed.into_iter().flatten().filter_map(Value::as_str) {
            let all = by_connection.entry(&record.change.connection).or_default();
            *all.entry(name.to_owned()).or_default() += 1;
        }
    }
    let everywhere: Vec<(String, u64)> = by_connection
        .values()
        .flatten()
        .map(|(name, many)| (name.clone(), *many))
        .collect();
    let is_several = by_connection.len() > 1;
    let mut text = lines(by_connection, |freed| {
        let names: Vec<String> = freed.iter().map(|(name, many)| format!("{name} {many}")).collect();
        let freed: Vec<(String, u64)> = freed.into_iter().collect();
        format!("{}{}", names.join(", "), costing("; ", configuration, &freed))
    });
    if is_several {
        text.push_str(&costing("\nin all: ", configuration, &everywhere));
    }
    text
}

/// What they cost together, by currency; which of them the table does not know. Nothing where there is no table.
fn costing(lead: &str, configuration: &Configuration, freed: &[(String, u64)]) -> String {
    if configuration.licences.is_empty() {
        return String::new();
    }
    let (mut sums, mut unknown): (BTreeMap<&str, u64>, Vec<&str>) = (BTreeMap::new(), Vec::new());
    for (name, many) in freed {
        match configuration.licences.get(&name.to_lowercase()) {
            Some(cost) => {
                *sums.entry(&cost.currency).or_default() += cost.hundredths * many;
            }
            None if unknown.contains(&name.as_str()) => {}
            None => unknown.push(name),
        }
    }
    let mut parts: Vec<String> = sums
        .iter()
        .map(|(currency, hundredths)| format!("{}.{:02} {currency} a month", hundredths / 100, hundredths % 100))
        .collect();
    if !unknown.is_empty() {
        parts.push(format!("no cost known of {}", unknown.join(", ")));
    }
    format!("{lead}{}", parts.join(", "))
}
