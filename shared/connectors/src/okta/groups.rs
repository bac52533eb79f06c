//! Memberships of one user: which may be ended, which are somebody else's to end, and doing it.
//!
//! A membership that a group rule gives can be ended too, but Okta then puts the user on the rule's exclusion list, which holds
//! a hundred and keeps a later rehire out. Imported groups are written by their source and `Everyone` by nobody: Okta refuses
//! both (Okta Groups and Group Rules API).

use std::collections::BTreeMap;

use futures::StreamExt as _;
use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::apply::{AT_ONCE, harmless, summed};
use super::client::Client;
use super::members::GROUPS;
use super::retry;
use super::subject::{USERS, canary, user};
use crate::encode::{percent, short};
use crate::exchange::{items, text};

/// What a user is a member of, by who decides about it. Each list is of `{id, name}` in order of id.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// Given by hand in Okta.
    pub(super) own: Vec<Value>,
    /// Given by an active group rule, with the rules' names.
    by_rule: Vec<Value>,
    imported: Vec<Value>,
    built_in: Vec<Value>,
}

impl Memberships {
    /// What is left, for evidence and reference.
    pub(super) fn left(&self) -> Value {
        json!({ "by_rule": self.by_rule, "imported": self.imported, "built_in": self.built_in })
    }

    fn holds(&self, id: &str) -> bool {
        [&self.own, &self.by_rule, &self.imported, &self.built_in]
            .into_iter()
            .flatten()
            .any(|group| text(group, "id") == Some(id))
    }
}

/// Reads groups and rules side by side; the rules only where they are needed.
pub(super) async fn memberships(
    client: &Client,
    call: &Call,
    id: &str,
    with_rules: bool,
) -> Result<Memberships, Failure> {
    let path = format!("/api/v1/users/{}/groups?limit=200", percent(id));
    let (groups, rules) = futures::join!(client.list(call, USERS, "reading the user's groups", &path), async {
        if with_rules {
            client
                .list(
                    call,
                    GROUPS,
                    "reading the group rules",
                    "/api/v1/groups/rules?limit=200",
                )
                .await
        } else {
            Ok(Vec::new())
        }
    });
    Ok(sorted(id, &groups?, &rules?))
}

fn sorted(user: &str, groups: &[Value], rules: &[Value]) -> Memberships {
    let mut found = Memberships::default();
    let by_id: BTreeMap<&str, &Value> = groups
        .iter()
        .filter_map(|group| Some((text(group, "id")?, group)))
        .collect();
    for (id, group) in by_id {
        let name = group
            .pointer("/profile/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let shown = json!({ "id": id, "name": name });
        match text(group, "type") {
            Some("OKTA_GROUP") => {
                let givers = givers(user, id, rules);
                if givers.is_empty() {
                    found.own.push(shown);
                } else {
                    found.by_rule.push(json!({ "id": id, "name": name, "rules": givers }));
                }
            }
            Some("BUILT_IN") => found.built_in.push(shown),
            // A kind that is not known is not taken either.
            _ => found.imported.push(shown),
        }
    }
    found
}

/// Names of the active rules that put people into a group. A rule that excludes the user gives them nothing.
fn givers(user: &str, group: &str, rules: &[Value]) -> Vec<String> {
    let lists = |rule: &Value, pointer: &str, wanted: &str| {
        let list = rule.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one.as_str() == Some(wanted)))
    };
    rules
        .iter()
        .filter(|rule| text(rule, "status") == Some("ACTIVE"))
        .filter(|rule| lists(rule, "/actions/assignUserToGroups/groupIds", group))
        .filter(|rule| !lists(rule, "/conditions/people/users/exclude", user))
        .map(|rule| {
            text(rule, "name")
                .or_else(|| text(rule, "id"))
                .unwrap_or("a rule")
                .to_owned()
        })
        .collect()
}

/// The groups of a parameter as `{id, name}`, each once and in order of id.
pub(super) fn wanted(with: &Value) -> Vec<Value> {
    let group = |group: &Value| {
        let id = group.as_str().or_else(|| text(group, "id"))?.trim();
        let name = text(group, "name").unwrap_or(id);
        (!id.is_empty()).then(|| (id.to_owned(), json!({ "id": id, "name": name })))
    };
    let all: BTreeMap<String, Value> = items(with, "groups").iter().filter_map(group).collect();
    all.into_values().collect()
}

/// Those of the wanted groups that the user is not in.
pub(super) fn missing(found: &Memberships, with: &Value) -> Vec<Value> {
    let mut all = wanted(with);
    all.retain(|group| text(group, "id").is_some_and(|id| !found.holds(id)));
    all
}

/// Names for a sentence.
pub(super) fn named(groups: &[Value]) -> String {
    const MOST: usize = 20;
    let mut names: Vec<String> = groups
        .iter()
        .filter_map(|group| text(group, "name").or_else(|| text(group, "id")))
        .take(MOST)
        .map(|name| short(name, 80))
        .collect();
    if groups.len() > MOST {
        names.push(format!("and {} more", groups.len() - MOST));
    }
    names.join(", ")
}

/// Ends the memberships that the plan found, as far as they are still there and still nobody else's to end.
pub(super) async fn remove(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    let Some(now) = read(client, call, id, true).await? else {
        return Ok(gone());
    };
    let planned = items(&change.before, "groups");
    let ends: Vec<Value> = now
        .own
        .iter()
        .filter(|group| planned.iter().any(|known| text(known, "id") == text(group, "id")))
        .cloned()
        .collect();
    each(client, call, id, &ends, Method::DELETE).await?;
    Ok(Applied {
        request_id: None,
        reference: json!({
            "removed": ends.len(),
            "left": { "groups": now.left(), "admin_roles": change.evidence.pointer("/left/admin_roles") },
        }),
    })
}

/// Puts the user into the groups that they are not in.
pub(super) async fn add(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    let Some(now) = read(client, call, id, false).await? else {
        return Err(Failure::give_up("adding to groups: the user is deleted"));
    };
    let missing = missing(&now, &change.with);
    each(client, call, id, &missing, Method::PUT).await?;
    Ok(Applied {
        request_id: None,
        reference: json!({ "added": missing.len() }),
    })
}

/// The memberships as they are before a write, which change nothing; `None` for a user who is certainly deleted.
async fn read(client: &Client, call: &Call, id: &str, with_rules: bool) -> Result<Option<Memberships>, Failure> {
    let failure = match memberships(client, call, id, with_rules).await {
        Ok(found) => return Ok(Some(found)),
        Err(failure) => harmless(failure),
    };
    if failure.is_retryable() {
        return Err(failure);
    }
    let missing = user(client, call, "reading the user again", id)
        .await
        .map_err(harmless)?
        .is_none();
    if missing && canary(client, call).await.map_err(harmless)?.is_ok() {
        return Ok(None);
    }
    Err(failure)
}

fn gone() -> Applied {
    Applied {
        request_id: None,
        reference: json!({ "status": "deleted" }),
    }
}

/// One call for each group, some side by side; all are tried, and what failed is told as one failure.
async fn each(client: &Client, call: &Call, id: &str, groups: &[Value], method: Method) -> Result<(), Failure> {
    let results: Vec<Result<(), Failure>> = futures::stream::iter(groups.to_vec())
        .map(|group| one(client, call, id, group, method.clone()))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    summed("groups", groups.len(), failures).map_or(Ok(()), Err)
}

/// `PUT` or `DELETE /groups/{id}/users/{userId}`: 204, also when it is so already.
async fn one(client: &Client, call: &Call, user: &str, group: Value, method: Method) -> Result<(), Failure> {
    let id = text(&group, "id").unwrap_or_default();
    let ends = method == Method::DELETE;
    let name = short(text(&group, "name").unwrap_or(id), 80);
    let what = if ends {
        format!("removing from the group {name}")
    } else {
        format!("adding to the group {name}")
    };
    let path = format!("/api/v1/groups/{}/users/{}", percent(id), percent(user));
    let response = client.write(call, GROUPS, &what, method, &path).await?;
    match response.status() {
        status if status.is_success() => Ok(()),
        // A group that is gone has no members.
        StatusCode::NOT_FOUND if ends => Ok(()),
        _ => Err(retry::membership(&what, &response)),
    }
}
