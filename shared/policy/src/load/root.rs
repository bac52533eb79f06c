//! `rollcall.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::ids::ConnectionId;

use super::{guard, retention};
use crate::configuration::{Guard, Kind, MatchRow, Retention};
use crate::files;
use crate::reader::Reader;
use crate::suggest::nearest;
use crate::yaml::{At, Data, Node};

/// `rollcall.yaml` as read.
pub(super) struct Root {
    pub connections: BTreeMap<ConnectionId, Kind>,
    /// Directories whose suspension of somebody means that they have left.
    pub leaving: BTreeSet<ConnectionId>,
    pub source: ConnectionId,
    pub sets: BTreeMap<String, Vec<ConnectionId>>,
    pub matching: Vec<MatchRow>,
    pub lists: BTreeMap<String, RawList>,
    /// Path by table name.
    pub tables: BTreeMap<String, (String, At)>,
    pub guard: Guard,
    pub retention: Retention,
}

/// A list as written.
pub(super) enum RawList {
    Group(ConnectionId, String),
    Csv(String, At),
    Object(String),
    People(Vec<String>),
}

pub(super) fn read(reader: &mut Reader, tree: &Node) -> Option<Root> {
    let fields = reader.fields(tree, "rollcall.yaml", files::ROOT);
    if let Some(version) = reader.required(&fields, "version", "rollcall.yaml", "1")
        && let Some(text) = reader.text(version, "version")
        && text != "1"
    {
        reader.problem(
            &version.at,
            format!("version {text} of the format is unknown"),
            "this version of Rollcall reads `version: 1`",
        );
    }
    let (connections, leaving) = reader
        .required(&fields, "connections", "rollcall.yaml", "{okta-main: okta}")
        .map(|node| connections(reader, node))
        .unwrap_or_default();
    // A wrong source is a problem already; any directory will do to find the other ones.
    let source = source(reader, fields.get("source"), &fields.node.at, &connections).or_else(|| {
        let mut directories = connections.iter().filter(|(_, kind)| kind.is_directory());
        directories.next().map(|(id, _)| id.clone())
    });
    let sets = fields
        .get("sets")
        .map(|node| sets(reader, node, &connections))
        .unwrap_or_default();
    let matching = reader
        .required(
            &fields,
            "match",
            "rollcall.yaml",
            "[{sure: true, okta: login, salesforce: FederationIdentifier}]",
        )
        .map(|node| matching(reader, node))
        .unwrap_or_default();
    let lists = fields
        .get("lists")
        .map(|node| lists(reader, node, &connections))
        .unwrap_or_default();
    let tables = fields
        .get("tables")
        .map(|node| tables(reader, node))
        .unwrap_or_default();
    let guard = guard::read(reader, fields.get("guard"), &connections);
    let retention = retention::read(reader, fields.get("retention"));
    Some(Root {
        connections,
        leaving,
        source: source?,
        sets,
        matching,
        lists,
        tables,
        guard,
        retention,
    })
}

/// The kinds by name, and the directories that suspend leavers.
fn connections(reader: &mut Reader, node: &Node) -> (BTreeMap<ConnectionId, Kind>, BTreeSet<ConnectionId>) {
    let (mut connections, mut leaving) = (BTreeMap::new(), BTreeSet::new());
    for (key, value) in reader.members(node, "connections") {
        if !reader.name(&key.name, &key.at, "connection") {
            continue;
        }
        let id = ConnectionId::new(key.name.clone());
        if !matches!(value.data, Data::Map(_)) {
            connections.extend(kind(reader, value, "connections").map(|kind| (id, kind)));
            continue;
        }
        let fields = reader.fields(value, &key.name, files::CONNECTION);
        let Some(kind) = reader
            .required(&fields, "kind", &key.name, "onelogin")
            .and_then(|node| kind(reader, node, "kind"))
        else {
            continue;
        };
        if let Some((suspended, node)) = fields.member("suspended")
            && reader.word(node, "suspended", &["left"]).is_some()
        {
            if !kind.is_directory() {
                reader.problem(
                    &suspended.at,
                    format!("`{id}` is {kind}, which is no directory: nobody leaves by its word"),
                    "remove `suspended`",
                );
            }
            leaving.insert(id.clone());
        }
        connections.insert(id, kind);
    }
    (connections, leaving)
}

fn kind(reader: &mut Reader, node: &Node, what: &str) -> Option<Kind> {
    let words = Kind::ALL.map(Kind::as_str);
    match reader.word(node, what, &words) {
        Some(word) => Kind::parse(word),
        // The kind that was probably meant, so that the name itself is known to the rest.
        None => match &node.data {
            Data::Scalar(text, _) => nearest(text, &words).and_then(Kind::parse),
            _ => None,
        },
    }
}

fn source(
    reader: &mut Reader,
    node: Option<&Node>,
    at: &At,
    connections: &BTreeMap<ConnectionId, Kind>,
) -> Option<ConnectionId> {
    let directories: Vec<&str> = connections
        .iter()
        .filter(|(_, kind)| kind.is_directory())
        .map(|(id, _)| id.as_str())
        .collect();
    let example = directories.first().copied().unwrap_or("okta-main");
    let Some(node) = node else {
        reader.problem(at, "`rollcall.yaml` lacks `source`", format!("add `source: {example}`"));
        return None;
    };
    let id = ConnectionId::new(reader.text(node, "source")?);
    match connections.get(&id) {
        Some(kind) if kind.is_directory() => Some(id),
        Some(kind) => {
            reader.problem(
                &node.at,
                format!("`{id}` is {kind}, which is no directory"),
                format!("the source is one of {}", directories.join(", ")),
            );
            None
        }
        None => {
            let next = nearest(id.as_str(), &directories).map_or_else(
                || {
                    format!(
                        "declare it under `connections`, or name one of {}",
                        directories.join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            reader.problem(&node.at, format!("there is no connection `{id}`"), next);
            None
        }
    }
}

fn known(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    connections: &BTreeMap<ConnectionId, Kind>,
) -> Option<ConnectionId> {
    let name = reader.text(node, what)?;
    named(reader, &name, &node.at, connections)
}

/// The connection of this name.
pub(super) fn named(
    reader: &mut Reader,
    name: &str,
    at: &At,
    connections: &BTreeMap<ConnectionId, Kind>,
) -> Option<ConnectionId> {
    let id = ConnectionId::new(name);
    if connections.contains_key(&id) {
        return Some(id);
    }
    let names: Vec<&str> = connections.keys().map(ConnectionId::as_str).collect();
    let next = nearest(name, &names).map_or_else(
        || format!("connections are {}", names.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    reader.problem(at, format!("there is no connection `{id}`"), next);
    None
}

fn sets(
    reader: &mut Reader,
    node: &Node,
    connections: &BTreeMap<ConnectionId, Kind>,
) -> BTreeMap<String, Vec<ConnectionId>> {
    let mut sets = BTreeMap::new();
    for (key, value) in reader.members(node, "sets") {
        if !reader.name(&key.name, &key.at, "set") {
            continue;
        }
        if connections.contains_key(&ConnectionId::new(key.name.clone())) {
            reader.problem(
                &key.at,
                format!("`{}` is also the name of a connection", key.name),
                "give the set another name",
            );
        }
        let mut members: Vec<ConnectionId> = reader
            .several(value, &key.name)
            .into_iter()
            .filter_map(|item| known(reader, item, &key.name, connections))
            .collect();
        members.sort();
        members.dedup();
        sets.insert(key.name.clone(), members);
    }
    sets
}

fn matching(reader: &mut Reader, node: &Node) -> Vec<MatchRow> {
    let mut rows = Vec::new();
    for item in reader.list(node, "match") {
        let fields = reader.fields(item, "match", files::MATCH);
        let sure = reader
            .required(&fields, "sure", "match", "true")
            .and_then(|node| reader.flag(node, "sure"));
        let row: BTreeMap<Kind, String> = Kind::ALL
            .into_iter()
            .filter_map(|kind| {
                let node = fields.get(kind.as_str())?;
                let field = reader.text(node, kind.as_str())?;
                let fits =
                    field.len() <= 80 && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
                if !fits {
                    reader.problem(
                        &node.at,
                        format!("`{field}` is not the name of a field"),
                        "use the vendor's API name: letters, digits, `_`",
                    );
                }
                Some((kind, field))
            })
            .collect();
        if row.len() < 2 {
            reader.problem(
                &item.at,
                "a row of `match` that names fewer than two kinds matches nothing",
                "name a field of the source and of a target, for example `okta: login, salesforce: FederationIdentifier`",
            );
        }
        rows.push(MatchRow {
            sure: sure.unwrap_or_default(),
            fields: row,
        });
    }
    rows
}

pub(super) fn group(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    connections: &BTreeMap<ConnectionId, Kind>,
) -> Option<(ConnectionId, String)> {
    let text = reader.text(node, what)?;
    let Some((connection, name)) = text.split_once('/').filter(|(_, name)| !name.trim().is_empty()) else {
        reader.problem(
            &node.at,
            format!("`{text}` does not name a group"),
            "write connection/Group name, for example `okta-main/RC-Protected`",
        );
        return None;
    };
    let id = ConnectionId::new(connection);
    if !connections.contains_key(&id) {
        let names: Vec<&str> = connections.keys().map(ConnectionId::as_str).collect();
        reader.problem(
            &node.at,
            format!("there is no connection `{connection}`"),
            format!("connections are {}", names.join(", ")),
        );
        return None;
    }
    Some((id, name.to_owned()))
}

fn lists(reader: &mut Reader, node: &Node, connections: &BTreeMap<ConnectionId, Kind>) -> BTreeMap<String, RawList> {
    let mut lists = BTreeMap::new();
    for (key, value) in reader.members(node, "lists") {
        if !reader.name(&key.name, &key.at, "list") {
            continue;
        }
        let fields = reader.fields(value, &key.name, files::LIST);
        let list = match (
            fields.get("group"),
            fields.get("csv"),
            fields.get("people"),
            fields.get("object"),
        ) {
            (Some(node), None, None, None) => {
                let Some((connection, name)) = group(reader, node, "group", connections) else {
                    continue;
                };
                if connections.get(&connection).is_some_and(|kind| !kind.is_directory()) {
                    reader.problem(
                        &node.at,
                        format!("`{connection}` is no directory, and its groups are no lists"),
                        "use a group of a connection of kind okta or onelogin, a table, an object or `people`",
                    );
                }
                RawList::Group(connection, name)
            }
            (None, Some(node), None, None) => match reader.text(node, "csv") {
                Some(path) => RawList::Csv(path, node.at.clone()),
                None => continue,
            },
            (None, None, None, Some(node)) => match object(reader, node) {
                Some(name) => RawList::Object(name),
                None => continue,
            },
            (None, None, Some(node), None) => {
                let mut people = Vec::new();
                if !matches!(&node.data, Data::List(items) if items.is_empty()) {
                    people = reader
                        .texts(node, "people")
                        .iter()
                        .map(|name| name.to_lowercase())
                        .collect();
                }
                RawList::People(people)
            }
            _ => {
                reader.problem(
                    &value.at,
                    format!("the list `{}` needs exactly one source", key.name),
                    "write {group: okta-main/Name}, {csv: tables/name.csv}, {object: lists/name.csv} or {people: [login, …]}",
                );
                continue;
            }
        };
        lists.insert(key.name.clone(), list);
    }
    lists
}

/// The name of an object that holds a list. Only `lists/` can be read so: receipts and configurations lie beside it.
fn object(reader: &mut Reader, node: &Node) -> Option<String> {
    let name = reader.text(node, "object")?;
    let parts = name.strip_prefix("lists/").and_then(|rest| rest.rsplit_once('.'));
    let fits = parts.is_some_and(|(stem, ending)| {
        matches!(ending, "csv" | "txt")
            && !stem.is_empty()
            && stem
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    });
    if !fits {
        reader.problem(
            &node.at,
            format!("`{name}` is not the name of an object that holds a list"),
            "write lists/name.csv or lists/name.txt; the name has letters, digits, `-` and `_`",
        );
        return None;
    }
    Some(name)
}

fn tables(reader: &mut Reader, node: &Node) -> BTreeMap<String, (String, At)> {
    let mut tables = BTreeMap::new();
    for (key, value) in reader.members(node, "tables") {
        if reader.name(&key.name, &key.at, "table")
            && let Some(path) = reader.text(value, &key.name)
        {
            tables.insert(key.name.clone(), (path, value.at.clone()));
        }
    }
    tables
}
