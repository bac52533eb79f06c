//! Administrators: what somebody's roles are, and who would be left without them.

use futures::StreamExt as _;
use rollcall_model::{Call, Failure};
use serde_json::{Value, json};
use url::Url;

use super::client::{Client, read_failure};
use super::states::status;
use super::subject::{USERS, user};
use crate::encode::percent;
use crate::exchange::{items, json as body, text};

/// The row of Okta's rate-limit table for roles, resource sets and assignees.
const IAM: &str = "/api/v1/iam";
/// The role that no tenant may be without.
pub(super) const SUPER: &str = "SUPER_ADMIN";
/// As many super administrators are enough to know of: no guard asks for more.
const ENOUGH: usize = 10;
/// As many holders of any role are looked at, two calls each.
const MOST_LOOKED_AT: usize = 60;
/// As many of them side by side.
const AT_ONCE: usize = 6;
/// Pages of a hundred holders.
const MOST_PAGES: usize = 10;

/// What the guard has to know before somebody is suspended: `admin`, `admins_left` (active super administrators beside this
/// one, never more than there are), `admins_unknown` (why that could not be counted) and `roles`. Roles that cannot be read
/// are taken for a super administrator's.
pub(super) async fn evidence(client: &Client, call: &Call, id: &str) -> Result<Value, Failure> {
    evidence_of(client, call, id, roles(client, call, id).await).await
}

/// The same for roles that were read already.
pub(super) async fn evidence_of(
    client: &Client,
    call: &Call,
    id: &str,
    roles: Result<Vec<Value>, Failure>,
) -> Result<Value, Failure> {
    let roles = match roles {
        Ok(roles) => roles,
        Err(failure) if failure.is_retryable() => return Err(failure),
        Err(failure) => {
            return Ok(json!({ "admin": true, "admins_left": null, "admins_unknown": failure.reason }));
        }
    };
    let names = role_names(&roles);
    if !is_super(&roles) {
        return Ok(json!({ "admin": false, "roles": names }));
    }
    Ok(match others(client, call, id).await {
        Ok(left) => json!({ "admin": true, "admins_left": left, "roles": names }),
        Err(failure) if failure.is_retryable() => return Err(failure),
        Err(failure) => {
            json!({ "admin": true, "admins_left": null, "admins_unknown": failure.reason, "roles": names })
        }
    })
}

/// The user's role assignments, direct and through groups.
pub(super) async fn roles(client: &Client, call: &Call, id: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/api/v1/users/{}/roles", percent(id));
    let all = client
        .list(call, USERS, "reading the user's admin roles", &path)
        .await?;
    Ok(all
        .into_iter()
        .filter(|role| text(role, "status").is_none_or(|status| status == "ACTIVE"))
        .collect())
}

/// Names of roles, each once: the type of a standard role, whose id is the same for every user; the label of a custom one
/// with the resource set that it is bound to.
pub(super) fn role_names(roles: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = roles
        .iter()
        .filter_map(|role| match text(role, "type") {
            Some("CUSTOM") | None => {
                let label = text(role, "label")
                    .or_else(|| text(role, "role"))
                    .or_else(|| text(role, "type"))?;
                Some(match text(role, "resource-set") {
                    Some(set) => format!("{label} ({set})"),
                    None => label.to_owned(),
                })
            }
            Some(standard) => Some(standard.to_owned()),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Roles that the user has by themselves: groups give and take the others.
pub(super) fn direct(roles: &[Value]) -> Vec<Value> {
    let own = |role: &&Value| text(role, "assignmentType") != Some("GROUP");
    roles.iter().filter(own).cloned().collect()
}

/// Whether a group makes the user a super administrator.
pub(super) fn is_super_by_group(roles: &[Value]) -> bool {
    let by_group = |role: &&Value| text(role, "assignmentType") == Some("GROUP");
    roles
        .iter()
        .filter(by_group)
        .any(|role| text(role, "type") == Some(SUPER))
}

fn is_super(roles: &[Value]) -> bool {
    roles.iter().any(|role| text(role, "type") == Some(SUPER))
}

/// How many other active super administrators there are, up to [`ENOUGH`].
async fn others(client: &Client, call: &Call, id: &str) -> Result<usize, Failure> {
    let holders: Vec<String> = holders(client, call)
        .await?
        .into_iter()
        .filter(|holder| holder != id)
        .collect();
    let all = holders.len();
    let mut looks = futures::stream::iter(holders.into_iter().take(MOST_LOOKED_AT))
        .map(|holder| is_active_super(client, call, holder))
        .buffer_unordered(AT_ONCE);
    let mut found = 0;
    while let Some(look) = looks.next().await {
        if look? {
            found += 1;
        }
        if found >= ENOUGH {
            return Ok(found);
        }
    }
    if found == 0 && all > MOST_LOOKED_AT {
        return Err(Failure::needs_human(format!(
            "none of the first {MOST_LOOKED_AT} of {all} administrators is an active super administrator"
        )));
    }
    Ok(found)
}

async fn is_active_super(client: &Client, call: &Call, id: String) -> Result<bool, Failure> {
    if !is_super(&roles(client, call, &id).await?) {
        return Ok(false);
    }
    let found = user(client, call, "reading an administrator", &id).await?;
    Ok(found.and_then(|user| status(&user)).as_deref() == Some("active"))
}

/// Everybody with any role, direct or through a group. The continuation is in the body, unlike elsewhere.
async fn holders(client: &Client, call: &Call) -> Result<Vec<String>, Failure> {
    let what = "reading the administrators";
    let mut path = "/api/v1/iam/assignees/users?limit=100".to_owned();
    let mut all = Vec::new();
    for _ in 0..MOST_PAGES {
        let response = client.get(call, IAM, what, &path).await?;
        if !response.status().is_success() {
            return Err(read_failure(what, &response));
        }
        let page = body(what, &response, true)?;
        let Some(_) = page.get("value").and_then(Value::as_array) else {
            return Err(Failure::retry(format!("{what}: the answer holds no list")));
        };
        all.extend(
            items(&page, "value")
                .iter()
                .filter_map(|holder| text(holder, "id"))
                .map(str::to_owned),
        );
        match page.pointer("/_links/next/href").and_then(Value::as_str) {
            None => return Ok(all),
            Some(next) if Url::parse(next).is_err() && next.starts_with('/') => next.clone_into(&mut path),
            Some(next) => path = client.below(what, next)?,
        }
    }
    Err(Failure::needs_human(format!(
        "{what}: more than {MOST_PAGES} pages of them"
    )))
}
