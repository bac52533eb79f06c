//! `mode` in `env/<environment>.yaml`: how far playbooks may go.

use std::collections::BTreeMap;

use rollcall_model::ids::ConnectionId;

use super::Scene;
use crate::configuration::{Mode, ModeRule, Modes};
use crate::expression::Names;
use crate::reader::Reader;
use crate::suggest::nearest;
use crate::yaml::{Data, Node};

pub(super) fn read(reader: &mut Reader, node: Option<&Node>, scene: &Scene<'_>, playbooks: &[String]) -> Modes {
    // New is `observe`: nothing is written until somebody says so.
    let mut modes = Modes {
        default: Mode::Observe,
        playbooks: BTreeMap::new(),
        connections: BTreeMap::new(),
    };
    let Some(node) = node else {
        return modes;
    };
    for (key, value) in reader.members(node, "mode") {
        let id = ConnectionId::new(key.name.clone());
        if key.name == "default" {
            modes.default = reader.word(value, "default", WORDS).map_or(Mode::Observe, mode);
        } else if playbooks.contains(&key.name) {
            if let Some(rule) = mode_rule(reader, value, &key.name, scene) {
                modes.playbooks.insert(key.name.clone(), rule);
            }
        } else if scene.connections.contains_key(&id) {
            if let Some(rule) = mode_rule(reader, value, &key.name, scene) {
                modes.connections.insert(id, rule);
            }
        } else {
            let mut known: Vec<&str> = playbooks.iter().map(String::as_str).collect();
            known.extend(scene.connections.keys().map(ConnectionId::as_str));
            let next = nearest(&key.name, &known).map_or_else(
                || format!("name `default`, a playbook or a connection: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            reader.problem(
                &key.at,
                format!("no playbook or connection is called `{}`", key.name),
                next,
            );
        }
    }
    modes
}

const WORDS: &[&str] = &["observe", "review", "enforce"];

pub(super) fn mode(word: &str) -> Mode {
    match word {
        "enforce" => Mode::Enforce,
        "review" => Mode::Review,
        _ => Mode::Observe,
    }
}

fn mode_rule(reader: &mut Reader, node: &Node, what: &str, scene: &Scene<'_>) -> Option<ModeRule> {
    if !matches!(node.data, Data::Map(_)) {
        return reader.word(node, what, WORDS).map(|word| ModeRule::Always(mode(word)));
    }
    let fields = reader.fields(node, what, WORDS);
    let names = Names::new(scene.lists, false);
    let cohorts = WORDS
        .iter()
        .filter_map(|word| {
            let condition = reader.condition(fields.get(word)?, word, &names)?;
            Some((mode(word), condition))
        })
        .collect();
    Some(ModeRule::Cohorts(cohorts))
}
