//! What the directory says of one account: the user with manager, roles, group and rights.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use rollcall_model::{AccountRef, Call, Failure, Lane, Manager, Person, PersonKey, SourceState, SubjectRead};
use serde_json::{Value, json};

use super::client::{Client, id_text, is_id};
use super::rights::{NAMES_FRESH, Rights, rights, role_ids};
use super::{retry, status};
use crate::exchange::{items, text};

/// Reads one account. User and rights are asked for side by side, and manager and group after them.
pub(super) async fn read(client: &Client, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
    if !is_id(&account.id) {
        return Ok(SubjectRead::Unproven(
            "the account's id is none of OneLogin's: ids are numbers".to_owned(),
        ));
    }
    client.sign_in(call).await?;
    let (user, rights) = futures::join!(
        user(client, call, "reading the user", &account.id),
        rights(client, call)
    );
    let Some(user) = user? else {
        return Ok(match absence(client, call, &account.id).await? {
            Ok(()) => SubjectRead::Gone,
            Err(why) => SubjectRead::Unproven(why),
        });
    };
    if id_text(user.get("id")).as_deref() != Some(account.id.as_str()) {
        return Ok(SubjectRead::Unproven(
            "OneLogin answered with another user than the one asked for".to_owned(),
        ));
    }
    let state = match status::state(&user) {
        Ok(state) => state,
        Err(stated) => {
            return Ok(SubjectRead::Unproven(format!(
                "OneLogin states what this version does not know: {stated}"
            )));
        }
    };
    if let Some(failure) = rights.worth_waiting_for(call) {
        return Err(failure);
    }
    let (groups, manager) = futures::join!(groups(client, call, &user, &rights), manager(client, call, &user));
    let mut person = person(client, &user, account, state);
    person.groups = groups?;
    let held = role_ids(&user);
    person.roles = rights.privileges_of(&account.id, &held);
    let administered = rights.administered_by(&account.id);
    person
        .roles
        .extend(administered.into_iter().map(|role| format!("role-admin:{role}")));
    for (name, failure) in [
        ("onelogin.privileges", rights.privileges.as_ref().err()),
        ("onelogin.roles", rights.roles.as_ref().err()),
    ] {
        if let Some(failure) = failure {
            note(&mut person, name, failure);
        }
    }
    match manager {
        Ok(manager) => person.manager = manager,
        // A cut never waits for a manager; everything slower reads again instead of handing over to the wrong person.
        Err(failure) if failure.may_pass() && call.lane != Lane::Urgent => return Err(failure),
        Err(failure) => note(&mut person, "onelogin.manager", &failure),
    }
    Ok(SubjectRead::Present(Box::new(person)))
}

/// Records on the person that a part of it could not be read.
fn note(person: &mut Person, name: &str, failure: &Failure) {
    person
        .attributes
        .insert(name.to_owned(), json!(format!("unknown: {failure}")));
}

/// The user of this id; `None` for 404, which is also what a user gets whom the credential may not see.
pub(super) async fn user(client: &Client, call: &Call, what: &str, id: &str) -> Result<Option<Value>, Failure> {
    client.get(call, what, &format!("/api/2/users/{id}")).await
}

/// Whether a user who is 404 is really gone: the canary must be there, and v1, which answers 403 for a user who is there and
/// may not be seen, must not know the user either. `Err` inside says why the 404 proves nothing.
pub(super) async fn absence(client: &Client, call: &Call, id: &str) -> Result<Result<(), String>, Failure> {
    let what = "asking for the missing user once more";
    let path = format!("/api/1/users/{id}");
    let (canary, other) = futures::join!(
        canary(client, call, id),
        client.answer(call, what, Method::GET, &path, None),
    );
    if let Err(why) = canary? {
        return Ok(Err(why));
    }
    let other = other?;
    Ok(match other.status() {
        StatusCode::NOT_FOUND => Ok(()),
        StatusCode::FORBIDDEN => Err(
            "the user is there, and the credential may not see it: check the privileges of the credential's owner"
                .to_owned(),
        ),
        status if status.is_success() => {
            Err("one half of OneLogin's API knows the user and the other does not".to_owned())
        }
        _ => Err(retry::failure(what, &other).reason),
    })
}

/// Asks for somebody who must be there, but for this user. `Err` inside says why reading proves nothing.
pub(super) async fn canary(client: &Client, call: &Call, but: &str) -> Result<Result<(), String>, Failure> {
    let what = "reading the canary";
    let Some(id) = canary_id(client) else {
        let page = client.page(call, what, "/api/2/users?limit=2", None).await?;
        let other = page
            .rows
            .iter()
            .any(|row| id_text(row.get("id")).is_some_and(|id| id != but));
        return Ok(if other {
            Ok(())
        } else {
            Err("the list of users shows nobody else, so that it proves nothing: configure a canary".to_owned())
        });
    };
    if id == but {
        return Ok(Err(
            "it is the canary itself that is missing: configure another one".to_owned()
        ));
    }
    Ok(match user(client, call, what, id).await? {
        Some(_) => Ok(()),
        None => Err(format!(
            "the canary {id} is not there either: correct it, or check the privileges of the credential's owner"
        )),
    })
}

/// The user who must be there: configured, or the owner of our credential.
pub(super) fn canary_id(client: &Client) -> Option<&str> {
    let settings = &client.settings;
    let id = settings.canary.as_ref().or_else(|| settings.own_user_ids.first())?;
    is_id(id).then_some(id.as_str())
}

/// Everything that the user itself says, without what takes another call.
pub(super) fn person(client: &Client, user: &Value, account: &AccountRef, state: SourceState) -> Person {
    let login = login(user);
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in user.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("custom_attributes", Value::Object(custom)) => attributes.extend(
                custom
                    .iter()
                    .map(|(name, value)| (format!("custom_attributes.{name}"), value.clone())),
            ),
            _ => {
                attributes.insert(name.clone(), value.clone());
            }
        }
    }
    Person {
        key: PersonKey::new(format!("{}:{}", client.settings.connection, account.id)),
        account: account.clone(),
        state,
        display: display(user).unwrap_or_else(|| login.clone()),
        login,
        email: text(user, "email").map(|email| email.trim().to_lowercase()),
        manager: None,
        groups: Vec::new(),
        roles: Vec::new(),
        attributes,
    }
}

/// The username, or the e-mail address where there is none: OneLogin lets the username be empty.
pub(super) fn login(user: &Value) -> String {
    let named = ["username", "email"]
        .iter()
        .filter_map(|name| text(user, name).map(str::trim))
        .find(|name| !name.is_empty());
    named.unwrap_or_default().to_lowercase()
}

fn display(user: &Value) -> Option<String> {
    let parts: Vec<&str> = ["firstname", "lastname"]
        .iter()
        .filter_map(|part| text(user, part).map(str::trim))
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Names of the user's roles and of their one group. Membership decides who is protected, so what cannot be named is a failure.
async fn groups(client: &Client, call: &Call, user: &Value, rights: &Rights) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let known = rights.roles.as_ref();
    for id in role_ids(user) {
        let kept = known
            .ok()
            .and_then(|roles| roles.get(&id))
            .map(|role| role.name.clone());
        if kept.is_some() {
            names.extend(kept);
            continue;
        }
        // A role that is newer than what is kept, or a list that could not be read.
        let role = client
            .get(call, "reading a role", &format!("/api/2/roles/{id}"))
            .await?;
        names.extend(role.and_then(|role| text(&role, "name").map(str::to_owned)));
    }
    if let Some(id) = id_text(user.get("group_id")) {
        let all = group_names(client, call).await?;
        names.extend(all.get(&id).cloned());
    }
    Ok(names)
}

/// Names of all groups by id. They cost the shared v1 quota and rarely change.
pub(super) async fn group_names(
    client: &Client,
    call: &Call,
) -> Result<std::sync::Arc<BTreeMap<String, String>>, Failure> {
    let now = client.exchange.clock.now();
    client.groups.or_read(now, NAMES_FRESH, read_groups(client, call)).await
}

async fn read_groups(client: &Client, call: &Call) -> Result<BTreeMap<String, String>, Failure> {
    let what = "reading the groups";
    let mut all = BTreeMap::new();
    let mut path = "/api/1/groups".to_owned();
    // One page holds 50; more of them than this are not read.
    for _ in 0..100 {
        let answer = client.get(call, what, &path).await?.unwrap_or_default();
        all.extend(
            items(&answer, "data")
                .iter()
                .filter_map(|group| Some((id_text(group.get("id"))?, text(group, "name")?.to_owned()))),
        );
        match answer.pointer("/pagination/after_cursor").and_then(Value::as_str) {
            Some(cursor) if !cursor.is_empty() => {
                path = super::client::with_parameter("/api/1/groups", "after_cursor", cursor);
            }
            _ => return Ok(all),
        }
    }
    Err(Failure::give_up(format!("{what}: the list does not end")))
}

/// The manager as an account where it resolves, as the words of the profile where it does not.
async fn manager(client: &Client, call: &Call, user: &Value) -> Result<Option<Manager>, Failure> {
    let id = id_text(user.get("manager_user_id")).filter(|id| id != "0");
    let words = id_text(user.get("manager_ad_id"));
    let found = match id.as_deref().filter(|id| is_id(id)) {
        Some(id) => self::user(client, call, "reading the manager", id).await?,
        None => None,
    };
    Ok(match found {
        Some(found) => Some(Manager {
            account: id_text(found.get("id")).map(|id| AccountRef::new(&client.settings.connection, id)),
            login: Some(login(&found)).filter(|login| !login.is_empty()),
            email: text(&found, "email").map(|email| email.trim().to_lowercase()),
            display: display(&found),
        }),
        None => id.or(words).map(|named| Manager {
            display: Some(named),
            ..Manager::default()
        }),
    })
}
