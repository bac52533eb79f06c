//! The two kinds of dotted keys in tests: who cannot take over (`sf-emea.manager: none`), and who gets the records of a step
//! (`records.sf-emea.to: ops@example.com`). Every part of such a key is checked, so none can be misspelt in silence.

use std::collections::BTreeSet;

use rollcall_model::ids::ConnectionId;
use rollcall_model::plan::{StageSpec, StepSpec};
use serde_json::Value;

use super::Scene;
use super::handover::HAND_OVER;
use crate::cases::{Recipient, Target};
use crate::reader::{Fields, Reader};
use crate::suggest::nearest;
use crate::yaml::{Data, Key, Node};

/// A mapping with these names and dotted ones.
pub(super) fn fields<'n>(reader: &mut Reader, node: &'n Node, what: &str, known: &[&str]) -> Fields<'n> {
    let dotted = dotted(node);
    let all: Vec<&str> = known
        .iter()
        .copied()
        .chain(dotted.iter().map(|(key, _)| key.name.as_str()))
        .collect();
    reader.fields(node, what, &all)
}

fn dotted(node: &Node) -> Vec<(&Key, &Node)> {
    let Data::Map(members) = &node.data else {
        return Vec::new();
    };
    let members = members.iter().filter(|(key, _)| key.name.contains('.'));
    members.map(|(key, value)| (key, value)).collect()
}

/// Who is not there to take over, by connection.
pub(super) fn missing(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> BTreeSet<(ConnectionId, Target)> {
    let mut missing = BTreeSet::new();
    for (key, value) in dotted(node) {
        let (place, role) = key.name.split_once('.').unwrap_or_default();
        let words: Vec<&str> = Target::WORDS.iter().map(|(word, _)| *word).collect();
        let Some((_, role)) = Target::WORDS.iter().find(|(word, _)| *word == role) else {
            let next = nearest(role, &words).map_or_else(
                || "write `CONNECTION.manager` or `CONNECTION.successor`".to_owned(),
                |near| format!("did you mean `{place}.{near}`?"),
            );
            reader.problem(
                &key.at,
                format!("nothing of a connection is called `{role}` here"),
                next,
            );
            continue;
        };
        let found = reader.word(value, &key.name, &["none", "account"]);
        for id in scene.resolve(reader, place, &key.at) {
            if found == Some("none") {
                missing.insert((id, *role));
            }
        }
    }
    missing
}

/// Who must get which records.
pub(super) fn expected(reader: &mut Reader, node: &Node, scene: &Scene<'_>, stages: &[StageSpec]) -> Vec<Recipient> {
    let mut all = Vec::new();
    for (key, value) in dotted(node) {
        let Some(who) = reader.text(value, &key.name) else {
            continue;
        };
        let parts: Vec<&str> = key.name.split('.').collect();
        let [step, place, what] = parts.as_slice() else {
            reader.problem(
                &key.at,
                format!("`{}` does not say who gets the records of a step", key.name),
                "write `STEP.CONNECTION.to` or `STEP.CONNECTION.OBJECT`",
            );
            continue;
        };
        let Some(of) = hand_over(reader, key, step, stages) else {
            continue;
        };
        let object = (*what != "to").then(|| (*what).to_owned());
        if let Some(object) = &object {
            known_object(reader, key, object, of);
        }
        for connection in scene.resolve(reader, place, &key.at) {
            if !of.connections.contains(&connection) {
                let names: Vec<&str> = of.connections.iter().map(ConnectionId::as_str).collect();
                reader.problem(
                    &key.at,
                    format!("the step `{step}` does not work in `{connection}`"),
                    format!("it works in {}", names.join(", ")),
                );
            }
            all.push(Recipient {
                step: (*step).to_owned(),
                connection,
                object: object.clone(),
                who: who.clone(),
            });
        }
    }
    all
}

/// The step of this name that hands records over.
fn hand_over<'s>(reader: &mut Reader, key: &Key, name: &str, stages: &'s [StageSpec]) -> Option<&'s StepSpec> {
    let mut steps = stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter(|step| step.actions.iter().any(|name| name == HAND_OVER));
    let names: Vec<&str> = steps.clone().map(|step| step.id.as_str()).collect();
    let found = steps.find(|step| step.id == name);
    if found.is_none() {
        let next = match nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("no step of the playbook uses {HAND_OVER}"),
            None => format!("steps that do are {}", names.join(", ")),
        };
        reader.problem(&key.at, format!("no step `{name}` hands records over"), next);
    }
    found
}

fn known_object(reader: &mut Reader, key: &Key, object: &str, step: &StepSpec) {
    let objects = step.with.get("objects").and_then(Value::as_object);
    let names: Vec<&str> = objects.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if names.iter().any(|name| name.eq_ignore_ascii_case(object)) {
        return;
    }
    let next = nearest(object, &names).map_or_else(
        || "write `to` for the objects that it does not name".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    reader.problem(
        &key.at,
        format!("`{}` names no `{object}` under `objects`", step.id),
        next,
    );
}
