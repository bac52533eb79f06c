//! The facts that expressions may name, declared and filled in one place.
//!
//! A known attribute that the person does not have is the empty text, so that `person.department == 'Sales'` is false
//! rather than an error; any other attribute is reached by `person.attributes.NAME` and asked for with `has(…)`.

use rollcall_model::person::{Account, Person};
use serde_json::{Map, Value, json};

use crate::decide::Facts;
use crate::expression::Type;

/// One of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The person as the source describes them.
    Person,
    /// The person's manager.
    Manager,
    /// The account that a step looks at.
    Account,
    /// The event that opened the run.
    Event,
    /// The run.
    Run,
}

impl Object {
    pub(crate) const ROOTS: &'static [&'static str] = &["person", "account", "event", "run"];

    pub(crate) fn root(name: &str) -> Option<Self> {
        match name {
            "person" => Some(Self::Person),
            "account" => Some(Self::Account),
            "event" => Some(Self::Event),
            "run" => Some(Self::Run),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Manager => "person.manager",
            Self::Account => "account",
            Self::Event => "event",
            Self::Run => "run",
        }
    }
}

/// Attributes of the profile that are named directly: those that Okta's default profile and OneLogin's user share the
/// meaning of.
const ATTRIBUTES: &[&str] = &[
    "city",
    "company",
    "costCenter",
    "countryCode",
    "department",
    "displayName",
    "division",
    "employeeNumber",
    "external_id",
    "firstName",
    "lastName",
    "locale",
    "managerId",
    "nickName",
    "organization",
    "preferredLanguage",
    "secondEmail",
    "timezone",
    "title",
    "userType",
];

const PERSON: &[&str] = &[
    "active",
    "attributes",
    "city",
    "company",
    "converting",
    "costCenter",
    "countryCode",
    "department",
    "display",
    "displayName",
    "division",
    "email",
    "employeeNumber",
    "external_id",
    "firstName",
    "groups",
    "lastName",
    "locale",
    "login",
    "manager",
    "managerId",
    "nickName",
    "organization",
    "preferredLanguage",
    "roles",
    "secondEmail",
    "state",
    "timezone",
    "title",
    "userType",
];

/// The names of a fact's fields.
pub(crate) fn fields(object: Object) -> &'static [&'static str] {
    match object {
        Object::Person => PERSON,
        Object::Manager => &["display", "email", "login"],
        Object::Account => &["active", "class", "connection", "id", "username"],
        Object::Event => &["kind", "source", "vendor_type"],
        Object::Run => &["goal", "playbook", "stage"],
    }
}

/// The type of a fact's field.
pub(crate) fn field(object: Object, name: &str) -> Option<Type> {
    if !fields(object).contains(&name) {
        return None;
    }
    Some(match (object, name) {
        (Object::Person | Object::Account, "active") | (Object::Person, "converting") => Type::Bool,
        (Object::Person, "attributes") => Type::Dynamic,
        (Object::Person, "groups" | "roles") => Type::List(Box::new(Type::Text)),
        (Object::Person, "manager") => Type::Fact(Object::Manager),
        _ => Type::Text,
    })
}

/// The facts of a run at one of its stages, without an account.
pub(crate) fn of_run(facts: &Facts<'_>, stage: &str) -> Value {
    let mut person = person(facts.person);
    // Left out when it could not be told: a condition that asks for it then has no answer, which is not the same as "no".
    if let (Value::Object(fields), Some(converting)) = (&mut person, facts.converting) {
        fields.insert("converting".to_owned(), Value::Bool(converting));
    }
    json!({
        "person": person,
        "event": {
            "kind": facts.event.kind,
            "source": facts.event.source,
            "vendor_type": facts.event.vendor_type,
        },
        "run": {
            "goal": facts.plan.goal.as_str(),
            "playbook": facts.plan.playbook,
            "stage": stage,
        },
    })
}

/// The same with the account that a step looks at.
pub(crate) fn with_account(mut facts: Value, account: &Account) -> Value {
    if let Value::Object(roots) = &mut facts {
        roots.insert(
            "account".to_owned(),
            json!({
                "active": account.active,
                "class": account.class,
                "connection": account.account.connection,
                "id": account.account.id,
                "username": account.username,
            }),
        );
    }
    facts
}

/// The person alone. Whether they are converting is no part of the person and is added with the run.
pub(crate) fn person(person: &Person) -> Value {
    let manager = person.manager.clone().unwrap_or_default();
    let mut fields: Map<String, Value> = ATTRIBUTES
        .iter()
        .map(|name| ((*name).to_owned(), Value::String(attribute(person, name))))
        .collect();
    let text = |text: Option<String>| Value::String(text.unwrap_or_default());
    fields.extend([
        (
            "active".to_owned(),
            Value::Bool(person.state == rollcall_model::SourceState::Active),
        ),
        (
            "attributes".to_owned(),
            Value::Object(person.attributes.clone().into_iter().collect()),
        ),
        ("display".to_owned(), Value::String(person.display.clone())),
        ("email".to_owned(), text(person.email.clone())),
        ("groups".to_owned(), json!(person.groups)),
        ("login".to_owned(), Value::String(person.login.clone())),
        (
            "manager".to_owned(),
            Value::Object(Map::from_iter([
                ("display".to_owned(), text(manager.display)),
                ("email".to_owned(), text(manager.email)),
                ("login".to_owned(), text(manager.login)),
            ])),
        ),
        ("roles".to_owned(), json!(person.roles)),
        ("state".to_owned(), Value::String(person.state.as_str().to_owned())),
    ]);
    Value::Object(fields)
}

fn attribute(person: &Person, name: &str) -> String {
    match person.attributes.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_a_declared_field() {
        for name in ATTRIBUTES {
            assert_eq!(field(Object::Person, name), Some(Type::Text), "{name}");
        }
        assert!(PERSON.is_sorted());
    }

    #[test]
    fn every_declared_field_of_a_person_is_filled() {
        let person = person(&crate::tests::amara());
        for name in PERSON.iter().filter(|name| **name != "converting") {
            assert!(person.get(name).is_some(), "{name}");
        }
    }
}
