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
    /// Read from the references of the records: a [`HandOver`], `{"licences": {"before": […], "after": […]}}` of a change that
    /// gives licences back, and `{"open_app_sessions": ["…"]}` of a directory's log-out. References of any other shape say nothing here.
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
    let arrived = match arrived {
        0 => String::new(),
        some => format!(", {some} arrived meanwhile"),
    };
    let unseen: Vec<String> = all
        .tallies
        .iter()
        .filter_map(|tally| {
            let why = tally.uninspected.as_ref()?;
            Some(format!("{}.{} ({why})", tally.object, tally.field))
        })
        .collect();
    let unseen = match unseen.as_slice() {
        [] => String::new(),
        some => format!("; not looked at to the end: {}", some.join(", ")),
    };
    format!(
        "{counted} counted{arrived}: {moved} moved{}, {kept} kept, {refused} refused{}, {gone} gone{unseen}",
        many("to ", &to),
        many("", &refusals),
    )
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

/// A line for each connection in which licences became free, with what they cost a month together where that is known. A change
/// carries the organisation's inventory from before and after it, so what somebody else did in between counts, too. Several
/// changes in one connection may have the same inventory before them, so their differences do not add up: the greatest number
/// before and the smallest after count.
fn licences(configuration: &Configuration, changes: &[ChangeRecord]) -> String {
    let mut by_connection: BTreeMap<&ConnectionId, Inventories> = BTreeMap::new();
    for record in changes {
        let Some(told) = record.reference.get("licences") else {
            continue;
        };
        let seen = by_connection.entry(&record.change.connection).or_default();
        match (inventory(told.get("before")), inventory(told.get("after"))) {
            (Ok(before), Ok(after)) => {
                for (id, (name, used)) in before {
                    let left = after.get(&id).map_or(0, |(_, used)| *used);
                    let kind = seen.used.entry(id).or_insert((name, used, left));
                    (kind.1, kind.2) = (kind.1.max(used), kind.2.min(left));
                }
            }
            (Err(why), _) | (_, Err(why)) => seen.unread = Some(why),
        }
    }
    let mut by_connection: BTreeMap<&ConnectionId, Freed> = by_connection
        .into_iter()
        .map(|(connection, seen)| (connection, seen.freed()))
        .collect();
    by_connection.retain(|_, freed| !freed.names.is_empty() || freed.unread.is_some());
    let mut everywhere: BTreeMap<String, u64> = BTreeMap::new();
    for (name, many) in by_connection.values().flat_map(|freed| &freed.names) {
        *everywhere.entry(name.clone()).or_default() += many;
    }
    let is_several = by_connection.values().filter(|freed| !freed.names.is_empty()).count() > 1;
    let text = lines(by_connection, |freed| {
        let mut parts: Vec<String> = Vec::new();
        if !freed.names.is_empty() {
            let names: Vec<String> = freed
                .names
                .iter()
                .map(|(name, many)| format!("{name} {many}"))
                .collect();
            parts.push(names.join(", "));
            parts.extend(costing(configuration, &freed.names));
        }
        parts.extend(freed.unread.map(|why| format!("the licences could not be read: {why}")));
        parts.join("; ")
    });
    match costing(configuration, &everywhere).filter(|_| is_several) {
        Some(sum) => format!("{text}\nin all: {sum}"),
        None => text,
    }
}

/// What was seen in one connection.
#[derive(Default)]
struct Inventories {
    /// By the vendor's id: name, most used before, fewest used after.
    used: BTreeMap<String, (String, u64, u64)>,
    unread: Option<String>,
}

impl Inventories {
    fn freed(self) -> Freed {
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        for (name, before, after) in self.used.into_values().filter(|(_, before, after)| before > after) {
            *names.entry(name).or_default() += before - after;
        }
        Freed {
            names,
            unread: self.unread,
        }
    }
}

/// What became free in one connection.
struct Freed {
    names: BTreeMap<String, u64>,
    unread: Option<String>,
}

/// Name and number of the used ones by the vendor's id, from `[{"id", "name", "used"}, …]`; why there is none, from
/// `{"unread": why}`.
fn inventory(listed: Option<&Value>) -> Result<BTreeMap<String, (String, u64)>, String> {
    let Some(Value::Array(all)) = listed else {
        let why = listed.and_then(|listed| listed.get("unread")).and_then(Value::as_str);
        return Err(why.unwrap_or("no inventory was kept").to_owned());
    };
    Ok(all
        .iter()
        .filter_map(|one| {
            let text = |field: &str| one.get(field).and_then(Value::as_str).map(str::to_owned);
            let used = one.get("used").and_then(Value::as_u64)?;
            Some((text("id")?, (text("name")?, used)))
        })
        .collect())
}

/// What they cost together, by currency; which of them the table does not know. Nothing where there is no table.
fn costing(configuration: &Configuration, freed: &BTreeMap<String, u64>) -> Option<String> {
    if configuration.licences.is_empty() {
        return None;
    }
    let (mut sums, mut unknown): (BTreeMap<&str, u64>, Vec<&str>) = (BTreeMap::new(), Vec::new());
    for (name, many) in freed {
        match configuration.licences.get(&name.to_lowercase()) {
            Some(cost) => {
                *sums.entry(&cost.currency).or_default() += cost.hundredths * many;
            }
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
    Some(parts.join(", "))
}
