//! What a step says of a hand-over and of entitlements: who gets which records, checked before anybody leaves.

use crate::reader::Reader;
use crate::suggest::nearest;
use crate::yaml::{Data, Key, Node};

/// The longest API name of Salesforce (Metadata API Developer Guide, "CustomObject": 40 characters, beside a namespace of 15
/// and the suffix).
const LONGEST_NAME: usize = 80;
/// The action that gives records to somebody else.
pub(crate) const HAND_OVER: &str = "salesforce/hand-over-records";
/// Targets that name nobody in particular.
const ROLES: &[&str] = &["successor", "manager", "managers-chain"];
const FORMS: &str = "write successor, manager, managers-chain, user:LOGIN or queue:NAME";

/// Checks the parameters of the actions that this module knows; those of others are left alone.
pub(super) fn check(reader: &mut Reader, with: &Node, actions: &[String]) {
    let Data::Map(members) = &with.data else { return };
    let uses = |name: &str| actions.iter().any(|action| action == name);
    for (key, value) in members {
        match key.name.as_str() {
            "to" if uses(HAND_OVER) => targets(reader, value, "to"),
            "objects" if uses(HAND_OVER) => objects(reader, value),
            "scope" if uses(HAND_OVER) => {
                reader.word(value, "scope", &["open", "all"]);
            }
            "fields" if uses(HAND_OVER) => fields(reader, value),
            "what" if uses("salesforce/remove-entitlements") => {
                reader.word(value, "what", &["all", "managed"]);
            }
            _ => {}
        }
    }
}

/// One target or several, in the order in which they are tried.
fn targets(reader: &mut Reader, node: &Node, what: &str) {
    let mut seen: Vec<String> = Vec::new();
    for item in reader.several(node, what) {
        let Some(text) = reader.text(item, what) else { continue };
        let of_kind = |kind: &str| {
            text.strip_prefix(kind)
                .is_some_and(|name| !name.is_empty() && name.trim() == name)
        };
        // A whole `${…}` is known only when it is evaluated.
        let is_later = text.starts_with("${") && text.ends_with('}');
        if !(ROLES.contains(&text.as_str()) || of_kind("user:") || of_kind("queue:") || is_later) {
            let next = nearest(&text, ROLES).map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{near}`?"));
            reader.problem(&item.at, format!("`{text}` is nobody who can get records"), next);
        }
        if seen.contains(&text) {
            reader.problem(&item.at, format!("`{text}` is named twice in `{what}`"), "name it once");
        }
        seen.push(text);
    }
}

fn objects(reader: &mut Reader, node: &Node) {
    let members = reader.members(node, "objects");
    twice(reader, members);
    for (key, value) in members {
        if !is_api_name(&key.name) {
            reader.problem(
                &key.at,
                format!("`{}` is not the API name of an object", key.name),
                "write it as Setup, Object Manager shows it: Opportunity, Project__c",
            );
        }
        targets(reader, value, &key.name);
    }
}

fn fields(reader: &mut Reader, node: &Node) {
    let members = reader.members(node, "fields");
    twice(reader, members);
    for (key, value) in members {
        let is_field = key
            .name
            .split_once('.')
            .is_some_and(|(object, field)| is_api_name(object) && is_api_name(field));
        if !is_field {
            reader.problem(
                &key.at,
                format!("`{}` is not a field of an object", key.name),
                "write the API names: Account.Key_Contact__c",
            );
        }
        reader.word(value, &key.name, &["move", "report"]);
    }
}

/// Salesforce's names ignore case, so two spellings would say two things of one object.
fn twice(reader: &mut Reader, members: &[(Key, Node)]) {
    for (place, (key, _)) in members.iter().enumerate() {
        let mut before = members.iter().take(place);
        if let Some((other, _)) = before.find(|(other, _)| other.name.eq_ignore_ascii_case(&key.name)) {
            reader.problem(
                &key.at,
                format!("`{}` is `{}` once more: Salesforce ignores case", key.name, other.name),
                "name it once",
            );
        }
    }
}

fn is_api_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.ends_with('_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
