//! `guard` in `rollcall.yaml`: limits, approvers, and what becomes of a stage that waits for a decision.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_model::ids::ConnectionId;

use super::{root, tell};
use crate::configuration::{Guard, Held, Kind, Limits, OnExpiry, Rate};
use crate::files;
use crate::reader::{Fields, Reader};
use crate::yaml::{At, Node};

/// Limits that apply when the configuration names none.
const CUT: Rate = Rate { per_hour: 30 };
const DISMANTLE: Rate = Rate { per_hour: 10 };

pub(super) fn read(reader: &mut Reader, node: Option<&Node>, connections: &BTreeMap<ConnectionId, Kind>) -> Guard {
    let mut guard = Guard {
        cut: CUT,
        dismantle: DISMANTLE,
        approvers: None,
        connections: BTreeMap::new(),
        linked: None,
        held: Held::default(),
    };
    let Some(node) = node else {
        return guard;
    };
    let fields = reader.fields(node, "guard", files::GUARD);
    let own = limits(reader, &fields);
    guard.cut = own.cut.unwrap_or(CUT);
    guard.dismantle = own.dismantle.unwrap_or(DISMANTLE);
    guard.approvers = fields
        .get("approvers")
        .and_then(|node| root::group(reader, node, "approvers", connections));
    if let Some(node) = fields.get("connections") {
        for (key, value) in reader.members(node, "connections") {
            let Some(id) = root::named(reader, &key.name, &key.at, connections) else {
                continue;
            };
            let fields = reader.fields(value, &key.name, files::LIMITS);
            guard.connections.insert(id, limits(reader, &fields));
        }
    }
    guard.linked = fields.get("linked").and_then(|node| percent(reader, node, "linked"));
    if let Some(node) = fields.get("held") {
        held(reader, node, &mut guard.held);
    }
    guard
}

fn limits(reader: &mut Reader, fields: &Fields<'_>) -> Limits {
    let rate = |reader: &mut Reader, name: &str| fields.get(name).and_then(|node| reader.rate(node, name));
    Limits {
        cut: rate(reader, "cut"),
        dismantle: rate(reader, "dismantle"),
    }
}

fn percent(reader: &mut Reader, node: &Node, what: &str) -> Option<u32> {
    let text = reader.text(node, what)?;
    let share = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse::<u32>().ok());
    let share = share.filter(|share| (1..=100).contains(share));
    if share.is_none() {
        reader.problem(
            &node.at,
            format!("`{text}` is not a share of a hundred"),
            "write a whole number from 1% to 100%, for example 95%",
        );
    }
    share
}

fn held(reader: &mut Reader, node: &Node, held: &mut Held) {
    let fields = reader.fields(node, "held", files::HELD_STAGE);
    let mut places: Vec<(&str, &At, Duration)> = Vec::new();
    for (name, place) in [
        ("remind", &mut held.remind),
        ("escalate", &mut held.escalate),
        ("page", &mut held.page),
        ("expires", &mut held.expires),
    ] {
        let Some(node) = fields.get(name) else { continue };
        if let Some(time) = time(reader, node, name) {
            *place = time;
            places.push((name, &node.at, time));
        }
    }
    for (name, at, time) in places {
        if name != "expires" && time >= held.expires {
            reader.problem(
                at,
                format!("`{name}` comes when the review has expired already"),
                format!("make it shorter than `expires`, which is {} s", held.expires.as_secs()),
            );
        }
    }
    if let Some(node) = fields.get("escalate_to") {
        held.escalate_to = reader.texts(node, "escalate_to");
        for (to, place) in held.escalate_to.iter().zip(reader.several(node, "escalate_to")) {
            if to.contains("${") || !(to.contains('@') || tell::is_channel(to)) {
                reader.problem(
                    &place.at,
                    format!("`{to}` is nobody that can be told"),
                    "name a channel in quotes, for example \"#it-leads\", or an e-mail address",
                );
            }
        }
    } else if let Some((key, _)) = fields.member("escalate") {
        reader.problem(&key.at, "`escalate` tells nobody", "add `escalate_to: [\"#it-leads\"]`");
    }
    if let Some(node) = fields.get("on_expiry") {
        held.on_expiry = match reader.word(node, "on_expiry", &["refuse", "apply"]) {
            Some("apply") => OnExpiry::Apply,
            _ => OnExpiry::Refuse,
        };
    }
}

/// A time that is not nothing.
pub(super) fn time(reader: &mut Reader, node: &Node, what: &str) -> Option<Duration> {
    let milliseconds = u64::try_from(reader.duration(node, what)?).ok()?;
    if milliseconds == 0 {
        reader.problem(
            &node.at,
            format!("`{what}` is no time at all"),
            "write a whole number and a unit: 15m, 1h, 2d",
        );
        return None;
    }
    Some(Duration::from_millis(milliseconds))
}
