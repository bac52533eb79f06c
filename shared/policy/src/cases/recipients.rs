//! Who would get the records of a step, as far as that can be told without asking a vendor.
//!
//! Whether somebody is active, licensed and may read the records is the vendor's word. A rehearsal takes it for given of
//! everybody who is named, unless the test says that they are missing, and knows of nobody above the manager.

use rollcall_model::person::Manager;
use rollcall_model::plan::{Change, Verdict};
use serde_json::Value;

use super::rehearse::Rehearsal;
use super::{Case, Recipient, Target};
use crate::decide::{Facts, PEOPLE};
use crate::load::HAND_OVER;

pub(super) fn compare(facts: &Facts<'_>, rehearsal: &Rehearsal, case: &Case) -> Vec<String> {
    case.expect
        .recipients
        .iter()
        .filter_map(|expected| {
            let found = found(facts, rehearsal, case, expected);
            if found.iter().any(|name| name.eq_ignore_ascii_case(&expected.who)) {
                return None;
            }
            let Recipient {
                step, connection, who, ..
            } = expected;
            let what = expected.object.as_deref().unwrap_or("to");
            Some(format!(
                "{step}.{connection}.{what}: expected \"{who}\", is [{}]",
                found.join(", ")
            ))
        })
        .collect()
}

/// Every name by which the first target that is there may be called; what stands in the way when nothing is handed over.
fn found(facts: &Facts<'_>, rehearsal: &Rehearsal, case: &Case, expected: &Recipient) -> Vec<String> {
    let items = rehearsal.plans.iter().flat_map(|plan| &plan.items);
    let of_step =
        items.filter(|item| item.change.step == expected.step && item.change.connection == expected.connection);
    // A step may do more than to hand over.
    let mut handing = of_step.filter(|item| item.change.action == HAND_OVER);
    let change = match handing.next() {
        None => return vec!["nothing is planned".to_owned()],
        Some(item) if item.verdict != Verdict::Run => return vec![format!("{:?}", item.verdict)],
        Some(item) => &item.change,
    };
    let by_object = expected.object.as_ref().map(|object| {
        let objects = change.with.get("objects").and_then(Value::as_object);
        objects
            .into_iter()
            .flatten()
            .find_map(|(name, targets)| name.eq_ignore_ascii_case(object).then_some(targets))
    });
    let targets = match by_object {
        None => change.with.get("to"),
        Some(targets) => targets,
    };
    let targets: Vec<&str> = match targets {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        // What the action does when it is told nothing.
        _ => vec!["successor", "manager", "managers-chain"],
    };
    targets
        .into_iter()
        .find_map(|target| names(facts, case, change, target))
        .unwrap_or_else(|| vec!["nobody".to_owned()])
}

/// What a target may be called; `None` when it is not there.
fn names(facts: &Facts<'_>, case: &Case, change: &Change, target: &str) -> Option<Vec<String>> {
    let is_there = |one: Target, name: &str| {
        change.with.pointer(&format!("/{PEOPLE}/{name}")).is_some()
            && !case.given.missing.contains(&(change.connection.clone(), one))
    };
    match target {
        "successor" => {
            let login = facts.plan.successor.clone()?;
            is_there(Target::Successor, target).then(|| vec![target.to_owned(), login])
        }
        "manager" => {
            let Manager { login, email, .. } = facts.person.manager.clone()?;
            is_there(Target::Manager, target).then(|| {
                let mut names = vec![target.to_owned()];
                names.extend(login);
                names.extend(email);
                names
            })
        }
        "managers-chain" => None,
        other => {
            let name = other.strip_prefix("user:").filter(|name| !name.is_empty());
            let mut names = vec![other.to_owned()];
            names.extend(name.map(str::to_owned));
            Some(names)
        }
    }
}
