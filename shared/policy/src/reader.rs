//! Reading typed values off the tree, collecting every problem on the way.

use std::collections::BTreeSet;

use rollcall_runtime::SecretRef;
use serde_json::Value;

use crate::configuration::Rate;
use crate::expression::{Condition, ExpressionError, Names, Template, Type};
use crate::problem::Problems;
use crate::suggest::nearest;
use crate::units;
use crate::yaml::{At, Data, Key, Node, Style};

/// Collects problems while files are read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub problems: Problems,
}

/// The members of a mapping whose names are all known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'n> {
    pub node: &'n Node,
    members: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// A member, unless it is absent or written as nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.member(name).map(|(_, value)| value)
    }

    /// A member with its key.
    pub(crate) fn member(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        self.members
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(key, value)| (key, value))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }
}

impl Reader {
    pub(crate) fn problem(&mut self, at: &At, what: impl Into<String>, next: impl Into<String>) {
        self.problems.push(at.problem(what, next));
    }

    fn mismatch(&mut self, node: &Node, what: &str, wanted: &str) {
        self.problem(
            &node.at,
            format!("`{what}` is {}", node.kind()),
            format!("write {wanted}"),
        );
    }

    /// A mapping with any names.
    pub(crate) fn members<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Key, Node)] {
        if let Data::Map(members) = &node.data {
            members
        } else {
            self.mismatch(node, what, "a mapping, `name: value`");
            &[]
        }
    }

    /// A mapping with these names and no other.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Fields<'n> {
        let members = self.members(node, what);
        for (key, _) in members {
            if !known.contains(&key.name.as_str()) {
                let next = nearest(&key.name, known).map_or_else(
                    || format!("known here: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.problem(&key.at, format!("`{what}` has no `{}`", key.name), next);
            }
        }
        Fields { node, members }
    }

    /// A member that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        what: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(name);
        if found.is_none() {
            self.problem(
                &fields.node.at,
                format!("`{what}` lacks `{name}`"),
                format!("add `{name}: {example}`"),
            );
        }
        found
    }

    /// A text that is not empty. Plain numbers and the like count as texts.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let Data::Scalar(text, style) = &node.data else {
            self.mismatch(node, what, "a text");
            return None;
        };
        let nothing = *style == Style::Plain && matches!(text.as_str(), "" | "~" | "null");
        if nothing || text.trim().is_empty() {
            self.problem(
                &node.at,
                format!("`{what}` is empty"),
                "fill it in; a text that begins with `#` needs quotes",
            );
            return None;
        }
        Some(text.clone())
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.data {
            Data::Scalar(text, Style::Plain) if text == "true" => Some(true),
            Data::Scalar(text, Style::Plain) if text == "false" => Some(false),
            _ => {
                self.mismatch(node, what, "true or false");
                None
            }
        }
    }

    /// One of some words.
    pub(crate) fn word(&mut self, node: &Node, what: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let next = nearest(&text, words).map_or_else(
                || format!("write one of {}", words.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.problem(&node.at, format!("`{text}` is no value of `{what}`"), next);
        }
        found
    }

    /// A list of at least one, or one value that stands for a list of it.
    pub(crate) fn several<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Node> {
        match &node.data {
            Data::List(items) if items.is_empty() => {
                self.problem(&node.at, format!("`{what}` is an empty list"), "name at least one");
                Vec::new()
            }
            Data::List(items) => items.iter().collect(),
            _ => vec![node],
        }
    }

    /// A list, possibly empty.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let Data::List(items) = &node.data {
            items
        } else {
            self.mismatch(node, what, "a list");
            &[]
        }
    }

    /// Texts, each once.
    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        self.several(node, what)
            .into_iter()
            .filter_map(|item| self.text(item, what))
            .filter(|text| seen.insert(text.clone()))
            .collect()
    }

    /// Checks a name that people choose: a connection, a set, a list, a step.
    pub(crate) fn name(&mut self, name: &str, at: &At, what: &str) -> bool {
        let fits = name.len() <= 40
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        if !fits {
            self.problem(
                at,
                format!("`{name}` is not a name for a {what}"),
                "begin with a small letter; then small letters, digits, `-` and `_`, 40 at most",
            );
        }
        fits
    }

    /// Where a secret is.
    pub(crate) fn secret(&mut self, node: &Node, what: &str) -> Option<SecretRef> {
        let text = self.text(node, what)?;
        match SecretRef::parse(&text) {
            Ok(reference) => Some(reference),
            Err(error) => {
                self.problem(
                    &node.at,
                    format!("`{what}` is not a reference: {error}"),
                    "never write the secret itself here; if this was one, replace it at the vendor",
                );
                None
            }
        }
    }

    /// A duration, in milliseconds.
    pub(crate) fn duration(&mut self, node: &Node, what: &str) -> Option<i64> {
        let text = self.text(node, what)?;
        match units::duration_ms(&text) {
            Ok(milliseconds) => Some(milliseconds),
            Err(why) => {
                self.problem(
                    &node.at,
                    format!("`{text}` is not a duration: {why}"),
                    "write a whole number and a unit: 30s, 15m, 24h, 7d; or 0",
                );
                None
            }
        }
    }

    /// A rate.
    pub(crate) fn rate(&mut self, node: &Node, what: &str) -> Option<Rate> {
        let text = self.text(node, what)?;
        match units::rate(&text) {
            Ok(rate) => Some(rate),
            Err(why) => {
                self.problem(
                    &node.at,
                    format!("`{text}` is not a rate: {why}"),
                    "write so many an hour, for example 30/h",
                );
                None
            }
        }
    }

    /// A condition.
    pub(crate) fn condition(&mut self, node: &Node, what: &str, names: &Names<'_>) -> Option<Condition> {
        let text = self.text(node, what)?;
        match Condition::compile(&text, names) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.expression_problem(node, &text, &error);
                None
            }
        }
    }

    /// A text that may hold `${…}`; its type.
    pub(crate) fn template(&mut self, node: &Node, what: &str, names: &Names<'_>) -> Option<(String, Type)> {
        let text = self.text(node, what)?;
        match Template::compile(&text, names) {
            Ok(template) => Some((text, template.kind())),
            Err(error) => {
                self.expression_problem(node, &text, &error);
                None
            }
        }
    }

    fn expression_problem(&mut self, node: &Node, text: &str, error: &ExpressionError) {
        let before: String = text.chars().take(error.offset).collect();
        let line = before.matches('\n').count();
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        self.problem(&node.within(line, column), error.what.clone(), error.next.clone());
    }

    /// Any data, as a step's parameters hold it. Plans are hashed, so fractions and member names outside ASCII are refused.
    pub(crate) fn data(&mut self, node: &Node, what: &str, names: &Names<'_>) -> Value {
        match &node.data {
            Data::Scalar(text, Style::Plain) => match text.as_str() {
                "" | "~" | "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => self.plain(node, text, what, names),
            },
            Data::Scalar(..) => self.template_data(node, what, names),
            Data::List(items) => Value::Array(items.iter().map(|item| self.data(item, what, names)).collect()),
            Data::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| {
                        if !key.name.is_ascii() {
                            self.problem(
                                &key.at,
                                format!("the name `{}` is outside ASCII", key.name),
                                "use the vendor's API name",
                            );
                        }
                        (key.name.clone(), self.data(value, what, names))
                    })
                    .collect(),
            ),
        }
    }

    fn plain(&mut self, node: &Node, text: &str, what: &str, names: &Names<'_>) -> Value {
        if let Ok(whole) = text.parse::<i64>() {
            return Value::from(whole);
        }
        if text.parse::<f64>().is_ok() {
            self.problem(
                &node.at,
                format!("`{text}` has a fraction, which a plan cannot hold"),
                "write a whole number, or put it in quotes",
            );
            return Value::Null;
        }
        self.template_data(node, what, names)
    }

    fn template_data(&mut self, node: &Node, what: &str, names: &Names<'_>) -> Value {
        match &node.data {
            Data::Scalar(text, _) if text.is_empty() => Value::String(String::new()),
            _ => self
                .template(node, what, names)
                .map_or(Value::Null, |(text, _)| Value::String(text)),
        }
    }
}
