//! Roles, privileges and the administration of roles of one user: what is held, by whom it was given, and giving or taking it.
//!
//! OneLogin has no call that changes several roles or privileges of one user at once, only such that change several users of one
//! role or privilege; so each is one call, some side by side. What is taken twice or given twice is so already (OneLogin Roles API
//! v2, Privileges API v1).

use std::collections::BTreeMap;

use futures::StreamExt as _;
use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Change, Executed, Failure};
use serde_json::{Value, json};

use super::client::{Client, id_text};
use super::retry;
use super::rights::Rights;
use crate::encode::{percent, short};
use crate::exchange::{items, text};

/// The kinds, by their name in states and parameters.
pub(super) const ROLES: &str = "roles";
pub(super) const PRIVILEGES: &str = "privileges";
pub(super) const ADMINISTERED: &str = "role_admin";

/// Calls made side by side.
const AT_ONCE: usize = 8;

/// Roles by who gives them, each list in order of id.
pub(super) struct Roles {
    pub(super) own: Vec<Value>,
    pub(super) by_mapping: Vec<Value>,
}

/// Sorts a user's roles. Which mapping fits whom cannot be asked, so a role counts as given when any enabled one gives it.
pub(super) fn roles(held: &[String], rights: &Rights, mappings: &[Value]) -> Roles {
    let mut found = Roles {
        own: Vec::new(),
        by_mapping: Vec::new(),
    };
    let mut ids: Vec<&String> = held.iter().collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let name = rights.role_name(id);
        let givers = givers(id, mappings);
        if givers.is_empty() {
            found.own.push(json!({ "id": id, "name": name }));
        } else {
            found
                .by_mapping
                .push(json!({ "id": id, "name": name, "mappings": givers }));
        }
    }
    found
}

/// Names of the enabled mappings that give a role.
fn givers(role: &str, mappings: &[Value]) -> Vec<String> {
    let gives = |action: &Value| {
        matches!(text(action, "action"), Some("add_role" | "set_role"))
            && items(action, "value")
                .iter()
                .any(|id| id_text(Some(id)).as_deref() == Some(role))
    };
    mappings
        .iter()
        .filter(|mapping| mapping.get("enabled") != Some(&Value::Bool(false)))
        .filter(|mapping| items(mapping, "actions").iter().any(gives))
        .map(|mapping| short(text(mapping, "name").unwrap_or("a mapping"), 80))
        .collect()
}

/// The entitlements of a parameter as `{id, name}`, each once and in order of id.
pub(super) fn wanted(with: &Value, kind: &str) -> Vec<Value> {
    let one = |given: &Value| {
        let id = id_text(Some(given)).or_else(|| id_text(given.get("id")))?;
        let name = text(given, "name").unwrap_or(&id).to_owned();
        Some((id.clone(), json!({ "id": id, "name": name })))
    };
    let all: BTreeMap<String, Value> = items(with, kind).iter().filter_map(one).collect();
    all.into_values().collect()
}

/// Those of the wanted ones that are not among the held ids.
pub(super) fn missing(with: &Value, kind: &str, held: &[String]) -> Vec<Value> {
    let mut all = wanted(with, kind);
    all.retain(|one| text(one, "id").is_some_and(|id| !held.iter().any(|held| held == id)));
    all
}

/// Names for a sentence.
pub(super) fn named(held: Vec<&Value>) -> String {
    const MOST: usize = 20;
    let more = held.len().saturating_sub(MOST);
    let mut names: Vec<String> = held
        .into_iter()
        .filter_map(|one| text(one, "name").or_else(|| text(one, "id")))
        .take(MOST)
        .map(|name| short(name, 80))
        .collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

/// Takes what the plan found.
pub(super) async fn take(
    client: &Client,
    call: &Call,
    change: &Change,
    user: &str,
    kinds: &[&'static str],
) -> Result<Applied, Failure> {
    let all = of_kinds(kinds, |kind| items(&change.before, kind).to_vec());
    let count = all.len();
    each(client, call, user, all, false).await?;
    let left = change.evidence.get("left").cloned().unwrap_or_default();
    Ok(Applied {
        request_id: None,
        reference: json!({ "removed": count, "left": left }),
    })
}

/// Gives what the plan found missing.
pub(super) async fn give(
    client: &Client,
    call: &Call,
    change: &Change,
    user: &str,
    kinds: &[&'static str],
) -> Result<Applied, Failure> {
    let all = of_kinds(kinds, |kind| items(&change.before, &format!("missing_{kind}")).to_vec());
    let count = all.len();
    each(client, call, user, all, true).await?;
    Ok(Applied {
        request_id: None,
        reference: json!({ "added": count }),
    })
}

/// One entitlement of a kind.
struct Held {
    kind: &'static str,
    shown: Value,
}

fn of_kinds(kinds: &[&'static str], list: impl Fn(&str) -> Vec<Value>) -> Vec<Held> {
    kinds
        .iter()
        .flat_map(|kind| list(kind).into_iter().map(|shown| Held { kind, shown }))
        .collect()
}

/// All are tried, and what failed is told as one failure.
async fn each(client: &Client, call: &Call, user: &str, all: Vec<Held>, gives: bool) -> Result<(), Failure> {
    let count = all.len();
    client.sign_in(call).await?;
    let results: Vec<Result<(), Failure>> = futures::stream::iter(all)
        .map(|held| one(client, call, user, held, gives))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    summed(count, "entitlements", failures).map_or(Ok(()), Err)
}

async fn one(client: &Client, call: &Call, user: &str, held: Held, gives: bool) -> Result<(), Failure> {
    let Held { kind, shown } = held;
    let id = text(&shown, "id").unwrap_or_default();
    let name = short(text(&shown, "name").unwrap_or(id), 80);
    let noun = match kind {
        ROLES => "role",
        PRIVILEGES => "privilege",
        _ => "administration of the role",
    };
    let what = format!("{} the {noun} {name}", if gives { "giving" } else { "taking" });
    let number: Value = user.parse::<i64>().map_or_else(|_| json!(user), |number| json!(number));
    let (id, people) = (percent(id), if kind == ROLES { "users" } else { "admins" });
    let (method, path, body) = match (kind, gives) {
        (PRIVILEGES, true) => (
            Method::POST,
            format!("/api/1/privileges/{id}/users"),
            Some(json!({ "users": [number] })),
        ),
        (PRIVILEGES, false) => (Method::DELETE, format!("/api/1/privileges/{id}/users/{user}"), None),
        (_, true) => (
            Method::POST,
            format!("/api/2/roles/{id}/{people}"),
            Some(json!([number])),
        ),
        // The body is a bare array; an object is refused.
        (_, false) => (
            Method::DELETE,
            format!("/api/2/roles/{id}/{people}"),
            Some(json!([number])),
        ),
    };
    let response = client.answer(call, &what, method, &path, body.as_ref()).await?;
    match response.status() {
        status if status.is_success() => Ok(()),
        // Neither a role that is gone nor a user who is gone leaves anything to take.
        StatusCode::NOT_FOUND if !gives => Ok(()),
        StatusCode::NOT_FOUND => Err(Failure::give_up(format!(
            "{what}: OneLogin answered 404, it or the user is no longer there"
        ))
        .with_request_id(retry::request_id(&response))),
        _ => Err(retry::failure(&what, &response)),
    }
}

/// Several failures as one: the first that somebody must mend, otherwise the first. As soon as one part was or may have been done,
/// so was the whole.
pub(super) fn summed(count: usize, what: &str, failures: Vec<Failure>) -> Option<Failure> {
    let failed = failures.len();
    let partly = failed < count || failures.iter().any(|failure| failure.executed == Executed::Maybe);
    let worst = failures.iter().position(|failure| !failure.is_retryable()).unwrap_or(0);
    let mut failure = failures.into_iter().nth(worst)?;
    failure.reason = format!("{failed} of {count} {what} failed, first: {}", failure.reason);
    Some(if partly { failure.maybe_executed() } else { failure })
}
