//! `tell`: who is told at which moment.

use rollcall_model::ids::ConnectionId;
use rollcall_model::plan::{StageSpec, TellMoment};

use super::Scene;
use crate::configuration::{Kind, Tell};
use crate::expression::{Names, Type};
use crate::facts::Object;
use crate::files;
use crate::reader::{Fields, Reader};
use crate::text;
use crate::yaml::Node;

/// Ways of telling that the design names and this version does not have.
const LATER: &[&str] = &["page", "mail", "ticket", "report", "template"];

pub(super) fn read(reader: &mut Reader, node: Option<&Node>, stages: &[StageSpec], scene: &Scene<'_>) -> Vec<Tell> {
    let Some(node) = node else {
        return Vec::new();
    };
    let fields = reader.fields(node, "tell", files::TELL);
    let mut tells = Vec::new();
    for moment in [TellMoment::Cut, TellMoment::Done, TellMoment::Held, TellMoment::Failed] {
        let Some((key, value)) = fields.member(moment.as_str()) else {
            continue;
        };
        if moment == TellMoment::Cut && !stages.iter().any(|stage| stage.name == "cut") {
            reader.problem(
                &key.at,
                "the moment `cut` never comes: the playbook has no `cut`",
                "use `done`",
            );
        }
        for item in reader.several(value, moment.as_str()) {
            message(reader, item, moment, scene, &mut tells);
        }
    }
    tells
}

fn message(reader: &mut Reader, node: &Node, moment: TellMoment, scene: &Scene<'_>, tells: &mut Vec<Tell>) {
    let mut known = files::MESSAGE.to_vec();
    known.extend(LATER);
    let fields = reader.fields(node, moment.as_str(), &known);
    let mut is_later = false;
    for name in LATER {
        if let Some((key, _)) = fields.member(name) {
            is_later = true;
            reader.problem(
                &key.at,
                format!("`{name}` is not there yet in this version"),
                "there are `post` (a Slack channel) and `dm` (a person in Slack)",
            );
        }
    }
    if !fields.has("post") && !fields.has("dm") {
        if !is_later {
            reader.problem(
                &node.at,
                format!("`{}` tells nobody", moment.as_str()),
                "add `post: \"#channel\"` or `dm: \"${person.manager}\"`",
            );
        }
        return;
    }
    let connection = by(reader, &fields, node, scene);
    let text = reader
        .required(&fields, "text", moment.as_str(), "\"{{ run.summary }}\"")
        .and_then(|node| {
            let text = reader.text(node, "text")?;
            if let Err(error) = text::check(&text) {
                reader.problem(&node.within(error.line, 0), error.what, error.next);
            }
            Some(text)
        });
    let mut recipients = Vec::new();
    for name in ["post", "dm"] {
        let Some((key, value)) = fields.member(name) else {
            continue;
        };
        let action = format!("slack/{name}");
        if scene.actions.get(&action).is_none() {
            reader.problem(
                &key.at,
                format!("`{name}` needs the action `{action}`, which this version does not have"),
                "remove it",
            );
        }
        for item in reader.several(value, name) {
            if let Some(to) = recipient(reader, item, name, scene) {
                recipients.push((action.clone(), to));
            }
        }
    }
    if let Some((connection, text)) = connection.zip(text) {
        tells.extend(recipients.into_iter().map(|(action, to)| Tell {
            moment,
            connection: connection.clone(),
            action,
            to,
            text: text.clone(),
        }));
    }
}

/// The Slack connection: the only one, or the one that `by` names.
fn by(reader: &mut Reader, fields: &Fields<'_>, node: &Node, scene: &Scene<'_>) -> Option<ConnectionId> {
    let slacks: Vec<&ConnectionId> = scene
        .connections
        .iter()
        .filter(|(_, kind)| **kind == Kind::Slack)
        .map(|(id, _)| id)
        .collect();
    let names: Vec<&str> = slacks.iter().map(|id| id.as_str()).collect();
    if let Some(node) = fields.get("by") {
        let name = reader.text(node, "by")?;
        let found = slacks.iter().find(|id| id.as_str() == name).map(|id| (*id).clone());
        if found.is_none() {
            reader.problem(
                &node.at,
                format!("`{name}` is no Slack connection"),
                format!("Slack connections are {}", names.join(", ")),
            );
        }
        return found;
    }
    match slacks.as_slice() {
        [only] => Some((*only).clone()),
        [] => {
            reader.problem(
                &node.at,
                "there is no Slack connection to tell by",
                "declare one under `connections`, for example `slack: slack`",
            );
            None
        }
        _ => {
            reader.problem(
                &node.at,
                "there are several Slack connections",
                format!("add `by:` and one of {}", names.join(", ")),
            );
            None
        }
    }
}

fn recipient(reader: &mut Reader, node: &Node, way: &str, scene: &Scene<'_>) -> Option<String> {
    let (to, kind) = reader.template(node, way, &Names::new(scene.lists, false))?;
    let is_literal = !to.contains("${");
    let (fits, next) = match way {
        "post" => (
            (is_literal && is_channel(&to)) || (!is_literal && kind == Type::Text),
            "name a channel in quotes, for example \"#security\", or its id",
        ),
        _ => (
            (is_literal && to.contains('@'))
                || (!is_literal
                    && matches!(
                        kind,
                        Type::Text | Type::Dynamic | Type::Fact(Object::Person | Object::Manager)
                    )),
            "write an e-mail address, `${person}` or `${person.manager}`",
        ),
    };
    if !fits {
        reader.problem(&node.at, format!("`{to}` is nobody that `{way}` can reach"), next);
    }
    Some(to)
}

pub(super) fn is_channel(text: &str) -> bool {
    match text.strip_prefix('#') {
        Some(name) => !name.is_empty() && !name.contains([' ', '#', '@']),
        None => {
            text.len() >= 6
                && text.starts_with(['C', 'G', 'D'])
                && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        }
    }
}
