//! Test people: `people/*.yaml`, and people written inline in a test.

use std::collections::BTreeMap;

use rollcall_model::ids::{AccountRef, ConnectionId, PersonKey};
use rollcall_model::person::{Manager, Person, SourceState};
use serde_json::Value;

use super::source_file;
use crate::expression::Names;
use crate::files;
use crate::reader::Reader;
use crate::yaml::Node;

pub(super) const STATES: &[&str] = &[
    "staged",
    "active",
    "suspended",
    "locked",
    "deactivating",
    "deactivated",
    "deleted",
];

/// Reads every file of `people/`.
pub(super) fn read(
    reader: &mut Reader,
    all: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    source: &ConnectionId,
) -> BTreeMap<String, Person> {
    let paths: Vec<&String> = all.keys().filter(|path| path.starts_with("people/")).collect();
    let mut people = BTreeMap::new();
    for path in paths {
        if let Some(tree) = source_file(reader, all, contents, path)
            && let Some(person) = person(reader, &tree, path, source)
        {
            people.insert(path.clone(), person);
        }
    }
    people
}

/// Reads one person. `path` names them when the file gives no id.
pub(super) fn person(reader: &mut Reader, node: &Node, path: &str, source: &ConnectionId) -> Option<Person> {
    let fields = reader.fields(node, "person", files::PERSON);
    let login = reader
        .required(&fields, "login", "person", "amara@example.com")
        .and_then(|node| reader.text(node, "login"))?;
    let text = |reader: &mut Reader, name: &str| fields.get(name).and_then(|node| reader.text(node, name));
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".yaml");
    let id = text(reader, "id").unwrap_or_else(|| stem.to_owned());
    let display = text(reader, "display").unwrap_or_else(|| login.clone());
    let email = text(reader, "email").map(|email| email.to_lowercase());
    let state = fields
        .get("state")
        .and_then(|node| reader.word(node, "state", STATES))
        .map_or(SourceState::Active, state);
    let names = |reader: &mut Reader, name: &str| {
        fields.get(name).map_or_else(Vec::new, |node| {
            let items = reader.list(node, name);
            items.iter().filter_map(|item| reader.text(item, name)).collect()
        })
    };
    // Every directory puts everybody into one group at least; a test person is in it too.
    let mut groups: Vec<String> = names(reader, "groups");
    if !groups.iter().any(|group| group == "Everyone") {
        groups.push("Everyone".to_owned());
    }
    let roles = names(reader, "roles");
    let manager = fields.get("manager").map(|node| manager(reader, node));
    let lists = BTreeMap::new();
    let attributes = fields
        .get("attributes")
        .and_then(
            |node| match reader.data(node, "attributes", &Names::new(&lists, false)) {
                Value::Object(attributes) => Some(attributes.into_iter().collect()),
                _ => None,
            },
        )
        .unwrap_or_default();
    Some(Person {
        key: PersonKey::new(format!("{source}:{id}")),
        account: AccountRef::new(source, id),
        state,
        display,
        login: login.to_lowercase(),
        email,
        manager,
        groups,
        roles,
        attributes,
    })
}

fn manager(reader: &mut Reader, node: &Node) -> Manager {
    let fields = reader.fields(node, "manager", files::MANAGER);
    let mut text = |name: &str| fields.get(name).and_then(|node| reader.text(node, name));
    Manager {
        account: None,
        login: text("login"),
        email: text("email"),
        display: text("display"),
    }
}

pub(super) fn state(word: &str) -> SourceState {
    match word {
        "staged" => SourceState::Staged,
        "suspended" => SourceState::Suspended,
        "locked" => SourceState::Locked,
        "deactivating" => SourceState::Deactivating,
        "deactivated" => SourceState::Deactivated,
        "deleted" => SourceState::Deleted,
        _ => SourceState::Active,
    }
}
