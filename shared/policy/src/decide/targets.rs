//! Who could take over, by the values that a connection knows them by.

use std::collections::BTreeMap;

use rollcall_model::connector::MatchKey;
use rollcall_model::ids::{AccountRef, ConnectionId, PersonKey};
use rollcall_model::person::{Manager, Person, SourceState};
use serde_json::{Map, Value, json};

use super::{Facts, account_query};
use crate::configuration::Configuration;

/// The parameter that is filled in here and by nobody else: an action that takes it learns whom to look for.
pub(crate) const PEOPLE: &str = "people";

/// `{"successor": {"keys": […]}, "manager": {"keys": […]}}`, each key `{"field", "value", "sure"}` in the connection's own match
/// fields, the sure ones first. Somebody who is not named, or of whom nothing is known that the connection has a field for, is
/// left out. The same facts give the same value, so it may stand in a plan's hash.
pub(super) fn people(configuration: &Configuration, facts: &Facts<'_>, connection: &ConnectionId) -> Value {
    let directory = &facts.person.account.connection;
    let manager = facts.person.manager.as_ref().map(|manager| {
        let login = manager.login.clone().unwrap_or_default();
        keys(
            configuration,
            &somebody(directory, &login, manager.email.clone()),
            connection,
        )
    });
    let successor = facts
        .plan
        .successor
        .as_deref()
        .map(|login| successor(configuration, facts, login, connection));
    let people: Map<String, Value> = [("manager", manager), ("successor", successor)]
        .into_iter()
        .filter_map(|(role, keys)| {
            let keys = keys.filter(|keys| !keys.is_empty())?;
            Some((role.to_owned(), json!({"keys": keys})))
        })
        .collect();
    Value::Object(people)
}

/// Takes out targets that turned out to name nobody for this person: `user:${person.manager.email}` of somebody without a manager.
pub(super) fn without_nobody(with: &mut Map<String, Value>) {
    if let Some(to) = with.get_mut("to") {
        named(to);
    }
    if let Some(Value::Object(objects)) = with.get_mut("objects") {
        objects.values_mut().for_each(named);
    }
}

fn named(targets: &mut Value) {
    let is_nobody = |target: &Value| matches!(target.as_str(), Some("" | "user:" | "queue:"));
    match targets {
        Value::Array(all) => all.retain(|target| !is_nobody(target)),
        one if is_nobody(one) => *one = json!([]),
        _ => {}
    }
}

/// A successor is named by a login of the source. Most logins are e-mail addresses, but nothing says that this one is: the
/// address is tried, and is never sure. When the manager takes over, what the source says of the manager counts.
fn successor(configuration: &Configuration, facts: &Facts<'_>, login: &str, connection: &ConnectionId) -> Vec<Value> {
    let login = login.trim().to_lowercase();
    let is_login = |manager: &&Manager| {
        facts.person.account.connection == configuration.source
            && manager
                .login
                .as_deref()
                .is_some_and(|own| own.trim().to_lowercase() == login)
    };
    if let Some(manager) = facts.person.manager.as_ref().filter(is_login) {
        let known = somebody(&configuration.source, &login, manager.email.clone());
        return keys(configuration, &known, connection);
    }
    let by_login = matched(
        configuration,
        &somebody(&configuration.source, &login, None),
        connection,
    );
    let guessed = Some(login.clone()).filter(|login| login.contains('@'));
    let by_both = matched(
        configuration,
        &somebody(&configuration.source, &login, guessed),
        connection,
    );
    shown(by_both.into_iter().map(|key| MatchKey {
        sure: key.sure && by_login.contains(&key),
        ..key
    }))
}

fn somebody(directory: &ConnectionId, login: &str, email: Option<String>) -> Person {
    Person {
        key: PersonKey::new(""),
        account: AccountRef::new(directory, ""),
        state: SourceState::Active,
        display: String::new(),
        login: login.trim().to_lowercase(),
        email: email.map(|email| email.trim().to_lowercase()),
        manager: None,
        groups: Vec::new(),
        roles: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

fn matched(configuration: &Configuration, person: &Person, connection: &ConnectionId) -> Vec<MatchKey> {
    account_query(configuration, person, connection, &[]).keys
}

fn keys(configuration: &Configuration, person: &Person, connection: &ConnectionId) -> Vec<Value> {
    shown(matched(configuration, person, connection))
}

fn shown(keys: impl IntoIterator<Item = MatchKey>) -> Vec<Value> {
    let mut keys: Vec<MatchKey> = keys.into_iter().collect();
    keys.sort_by_key(|key| !key.sure);
    keys.into_iter()
        .map(|key| json!({"field": key.field, "value": key.value, "sure": key.sure}))
        .collect()
}
