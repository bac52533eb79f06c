//! Everybody, who has an application, and who is in a group.

use http::StatusCode;
use rollcall_model::{
    AccountClass, AccountRef, Assigned, Assignment, Call, Failure, GroupRead, ListedAccount, Member, Page,
};
use serde_json::Value;

use super::accounts::quote;
use super::client::{Client, read_failure};
use super::subject::{USERS, canary, person, profile_text, state};
use crate::encode::percent;
use crate::exchange::{json, text};

const APPS: &str = "/api/v1/apps/{id}/users";
const GROUPS: &str = "/api/v1/groups";
/// States of an assignment that gives nothing (Okta Apps API, "AppUser status").
const NOT_GIVEN: &[&str] = &["DEPROVISIONED", "INACTIVE", "REVOKED", "UNASSIGNED", "SUSPENDED"];

/// A page of all users, the deactivated ones among them: the plain list leaves those out, a search does not.
pub(super) async fn accounts(
    client: &Client,
    call: &Call,
    fields: &[String],
    cursor: Option<&str>,
) -> Result<Page<ListedAccount>, Failure> {
    let unproven = match cursor {
        Some(_) => None,
        None => canary(client, call).await?.err(),
    };
    let first = format!("/api/v1/users?search={}&limit=200", percent("status pr"));
    let (users, next) = client
        .page(call, USERS, "listing users", cursor.unwrap_or(&first))
        .await?;
    let items = users.iter().filter_map(|user| listed(client, user, fields)).collect();
    Ok(Page { items, next, unproven })
}

fn listed(client: &Client, user: &Value, fields: &[String]) -> Option<ListedAccount> {
    let account = AccountRef::new(&client.settings.connection, text(user, "id")?);
    let state = state(user).ok();
    let login = profile_text(user, "login").unwrap_or_default().to_owned();
    let values = fields
        .iter()
        .filter_map(|field| Some((field.clone(), profile_text(user, field)?.to_owned())))
        .collect();
    let names = ["email", "employeeNumber"]
        .iter()
        .filter_map(|field| profile_text(user, field).map(str::to_lowercase))
        .collect();
    Some(ListedAccount {
        class: AccountClass::Human,
        username: login,
        active: state.is_some_and(|state| !state.has_left()),
        names,
        values,
        person: state.map(|state| Box::new(person(client, &account, user, state, Vec::new()))),
        account,
    })
}

/// A page of everybody who has an application.
pub(super) async fn assignments(
    client: &Client,
    call: &Call,
    app: &str,
    cursor: Option<&str>,
) -> Result<Page<Assignment>, Failure> {
    let first = format!("/api/v1/apps/{}/users?limit=500", percent(app));
    let what = "listing who has an application";
    let (users, next) = client.page(call, APPS, what, cursor.unwrap_or(&first)).await?;
    let items = users
        .iter()
        .filter(|user| gives(user))
        .filter_map(|user| {
            Some(Assignment {
                account: AccountRef::new(&client.settings.connection, text(user, "id")?),
                external_id: text(user, "externalId").map(str::to_owned),
                username: user
                    .pointer("/credentials/userName")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            })
        })
        .collect();
    Ok(Page {
        items,
        next,
        unproven: None,
    })
}

fn gives(assignment: &Value) -> bool {
    text(assignment, "status").is_none_or(|status| !NOT_GIVEN.contains(&status))
}

/// Whether an account has an application now. That it has not is believed beside a proof that users can be seen.
pub(super) async fn assigned(
    client: &Client,
    call: &Call,
    account: &AccountRef,
    app: &str,
) -> Result<Assigned, Failure> {
    let what = "reading whether the application is assigned";
    let path = format!("/api/v1/apps/{}/users/{}", percent(app), percent(&account.id));
    let response = client.get(call, APPS, what, &path).await?;
    match response.status() {
        StatusCode::NOT_FOUND => {
            // The application must be there to have no such user.
            let app_path = format!("/api/v1/apps/{}", percent(app));
            let (known, canary) = futures::join!(client.get(call, APPS, what, &app_path), canary(client, call));
            if !known?.status().is_success() {
                return Ok(Assigned::Unproven(format!(
                    "Okta shows no application {app}: correct `app`, or let the integration see applications"
                )));
            }
            Ok(match canary? {
                Ok(_) => Assigned::No,
                Err(why) => Assigned::Unproven(why),
            })
        }
        status if status.is_success() => Ok(if gives(&json(what, &response, true)?) {
            Assigned::Yes
        } else {
            Assigned::No
        }),
        _ => Err(read_failure(what, &response)),
    }
}

/// The members of the group of exactly this name.
pub(super) async fn members(client: &Client, call: &Call, name: &str) -> Result<GroupRead, Failure> {
    let search = format!("profile.name eq {}", quote(name));
    let path = format!("/api/v1/groups?search={}&limit=200", percent(&search));
    let groups = client.list(call, GROUPS, "searching the group", &path).await?;
    let named: Vec<&Value> = groups
        .iter()
        .filter(|group| group.pointer("/profile/name").and_then(Value::as_str) == Some(name))
        .collect();
    let id = match named.as_slice() {
        [one] => text(one, "id").unwrap_or_default(),
        [] => return no_group(client, call, name).await,
        several => {
            return Ok(GroupRead::Unproven(format!(
                "{} groups are called {name}",
                several.len()
            )));
        }
    };
    let path = format!("/api/v1/groups/{}/users?limit=200", percent(id));
    let users = client.list(call, GROUPS, "reading the group's members", &path).await?;
    let members = users
        .iter()
        .filter_map(|user| {
            Some(Member {
                id: text(user, "id")?.to_owned(),
                login: profile_text(user, "login").unwrap_or_default().to_lowercase(),
                email: profile_text(user, "email").map(str::to_lowercase),
            })
        })
        .collect();
    Ok(GroupRead::Members(members))
}

/// No group of that name is believed when any other group shows: a tenant always has some.
async fn no_group(client: &Client, call: &Call, name: &str) -> Result<GroupRead, Failure> {
    let (others, _) = client
        .page(call, GROUPS, "looking for any group", "/api/v1/groups?limit=1")
        .await?;
    Ok(if others.is_empty() {
        GroupRead::Unproven(format!(
            "Okta shows no group at all, so not {name} either: let the integration read groups"
        ))
    } else {
        GroupRead::NoSuchGroup
    })
}
