//! Shipped playbooks, used by reference with parameters: `uses: rollcall/leaver@1`.
//!
//! A shipped playbook is a playbook file with `parameters`. `${with.NAME}` as a whole value stands for what the user's
//! `with` gives, or the parameter's default; a member whose parameter is optional and absent disappears, and so do a step
//! that has no connection left, a stage without a step, a trigger without a directory and a message that has nobody left to go
//! to. In a list, a parameter that is itself a list stands for its items.

use std::collections::BTreeMap;

use crate::reader::Reader;
use crate::yaml::{self, Data, Key, Node};

/// Every shipped playbook by reference.
const SHIPPED: &[(&str, &str)] = &[
    (
        "rollcall/app-removed@1",
        include_str!("../../playbooks/app-removed.yaml"),
    ),
    ("rollcall/leaver@1", include_str!("../../playbooks/leaver.yaml")),
];

/// Where shipped playbooks are taken from: this binary, or a stored configuration.
#[derive(Clone, Debug)]
pub(crate) struct Library(BTreeMap<String, String>);

impl Library {
    pub(crate) fn built_in() -> Self {
        Self(
            SHIPPED
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    pub(crate) fn stored(texts: &BTreeMap<String, String>) -> Self {
        Self(texts.clone())
    }

    pub(crate) fn text(&self, reference: &str) -> Option<&str> {
        self.0.get(reference).map(String::as_str)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The shipped playbook with the user's parameters filled in. Places of filled-in values are the user's.
pub(crate) fn expand(
    reader: &mut Reader,
    library: &Library,
    reference: &str,
    uses: &Node,
    with: Option<&Node>,
    source: &str,
) -> Option<Node> {
    let Some(text) = library.text(reference) else {
        let names = library.names();
        let next = crate::suggest::nearest(reference, &names).map_or_else(
            || format!("shipped are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        reader.problem(
            &uses.at,
            format!("no playbook `{reference}` is shipped with this version"),
            next,
        );
        return None;
    };
    let file = format!("<{reference}>");
    let tree = yaml::parse(&file, text, &mut reader.problems)?;
    let Data::Map(members) = tree.data else {
        reader.problem(
            &tree.at,
            "a shipped playbook is not a mapping",
            "report this as a fault of Rollcall",
        );
        return None;
    };
    let declared = members
        .iter()
        .find(|(key, _)| key.name == "parameters")
        .map(|(_, value)| value);
    let before = reader.problems.len();
    let values = parameters(reader, declared, uses, with, reference, source);
    if reader.problems.len() > before {
        return None;
    }
    let body = members
        .iter()
        .filter(|(key, _)| key.name != "parameters")
        .cloned()
        .collect();
    fill(
        Node {
            at: tree.at,
            data: Data::Map(body),
        },
        &values,
    )
}

/// The value of each parameter; `None` for an optional one that is absent.
fn parameters(
    reader: &mut Reader,
    declared: Option<&Node>,
    uses: &Node,
    with: Option<&Node>,
    reference: &str,
    source: &str,
) -> BTreeMap<String, Option<Node>> {
    let mut values = BTreeMap::new();
    let declared = declared.map_or::<&[(Key, Node)], _>(&[], |node| reader.members(node, "parameters"));
    let known: Vec<&str> = declared.iter().map(|(key, _)| key.name.as_str()).collect();
    let given = with.map(|node| reader.fields(node, "with", &known));
    for (key, about) in declared {
        let fields = reader.fields(about, &key.name, &["about", "default", "optional", "example"]);
        let own = given.and_then(|given| given.get(&key.name)).cloned();
        let value = own.or_else(|| {
            fields.get("default").map(|node| match &node.data {
                // The configuration's own source, whatever it is called.
                Data::Scalar(text, style) if text == "$source" => Node {
                    at: uses.at.clone(),
                    data: Data::Scalar(source.to_owned(), *style),
                },
                _ => node.clone(),
            })
        });
        if value.is_none() && !fields.has("optional") {
            let text = |name: &str| match fields.get(name).map(|node| &node.data) {
                Some(Data::Scalar(text, _)) => text.clone(),
                _ => "…".to_owned(),
            };
            let at = with.map_or(&uses.at, |with| &with.at);
            reader.problem(
                at,
                format!("`{reference}` needs `{}`: {}", key.name, text("about")),
                format!("add `with: {{{}: {}}}`", key.name, text("example")),
            );
        }
        values.insert(key.name.clone(), value);
    }
    values
}

/// Fills a tree in; `None` when the whole of it stands on an absent parameter.
fn fill(node: Node, values: &BTreeMap<String, Option<Node>>) -> Option<Node> {
    let Node { at, data } = node;
    let data = match data {
        Data::Scalar(text, style) => {
            let name = text.strip_prefix("${with.").and_then(|rest| rest.strip_suffix('}'));
            match name.and_then(|name| values.get(name)) {
                Some(value) => return value.clone(),
                None => Data::Scalar(text, style),
            }
        }
        Data::List(items) => {
            let mut filled = Vec::new();
            for item in items {
                let stands_for_all = matches!(&item.data, Data::Scalar(text, _) if text.starts_with("${with."));
                match fill(item, values) {
                    Some(Node {
                        data: Data::List(several),
                        ..
                    }) if stands_for_all => filled.extend(several),
                    Some(one) => filled.push(one),
                    None => {}
                }
            }
            Data::List(filled)
        }
        Data::Map(members) => {
            let mut lost = Vec::new();
            let mut filled: Vec<(Key, Node)> = Vec::new();
            for (key, value) in members {
                match fill(value, values) {
                    Some(value) => filled.push((key, value)),
                    None => lost.push(key.name),
                }
            }
            let is_mute = !lost.is_empty() && filled.iter().all(|(key, _)| key.name == "text" || key.name == "by");
            // A step without a place and a trigger without a sender are nothing.
            let is_nowhere = lost.iter().any(|name| name == "in" || name == "from");
            let is_empty = |node: &Node| matches!(&node.data, Data::List(items) if items.is_empty());
            let is_idle = filled.iter().any(|(key, node)| key.name == "steps" && is_empty(node));
            if is_mute || is_nowhere || is_idle {
                return None;
            }
            Data::Map(filled)
        }
    };
    Some(Node { at, data })
}
