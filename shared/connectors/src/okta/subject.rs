//! What the directory says of one account: the user with its manager, groups and roles.

use std::collections::BTreeMap;

use http::StatusCode;
use rollcall_model::{AccountRef, Call, Failure, Lane, Manager, Person, PersonKey, SourceState, SubjectRead};
use serde_json::{Value, json};

use super::admins;
use super::client::{Client, read_failure};
use super::{ManagerLink, OktaAuth};
use crate::encode::percent;
use crate::exchange::{json, text};

/// Rate-limit rows of Okta's table.
pub(super) const ONE_USER: &str = "/api/v1/users/{idOrLogin}";
pub(super) const USERS: &str = "/api/v1/users";
pub(super) const ME: &str = "/api/v1/users/me";

/// Reads one account. User, groups and roles are asked for side by side and the manager after them, so that it takes two
/// calls one after the other once there is a token (three when a canary has to be asked).
pub(super) async fn read(client: &Client, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
    let id = percent(&account.id);
    client.sign_in(call).await?;
    let (user, groups, roles, linked) = futures::join!(
        user(client, call, "reading the user", &account.id),
        groups(client, call, &id),
        admins::roles(client, call, &account.id),
        linked_manager(client, call, &id),
    );
    let Some(user) = user? else {
        return match canary(client, call).await? {
            Ok(_) => Ok(SubjectRead::Gone),
            Err(why) => Ok(SubjectRead::Unproven(why)),
        };
    };
    // The key of the read also matches logins; an event's id must come back as that very id.
    if text(&user, "id") != Some(account.id.as_str()) {
        return Ok(SubjectRead::Unproven(
            "Okta answered with another user than the one asked for".to_owned(),
        ));
    }
    let state = match state(&user) {
        Ok(state) => state,
        Err(status) => {
            return Ok(SubjectRead::Unproven(format!(
                "Okta states a user status that this version does not know: {status}"
            )));
        }
    };
    let groups = groups?;
    let mut person = person(client, account, &user, state, groups);
    match roles {
        Ok(roles) => person.roles = admins::role_names(&roles),
        Err(failure) if failure.is_retryable() => return Err(failure),
        Err(failure) => note(&mut person, "okta.roles", &failure),
    }
    match manager(client, call, &user, linked).await {
        Ok(manager) => person.manager = manager,
        // A cut never waits for a manager; everything slower reads again instead of handing over to the wrong person.
        Err(failure) if failure.may_pass() && call.lane != Lane::Urgent => return Err(failure),
        Err(failure) => note(&mut person, "okta.manager", &failure),
    }
    Ok(SubjectRead::Present(Box::new(person)))
}

/// Records on the person that a part of it could not be read.
fn note(person: &mut Person, name: &str, failure: &Failure) {
    person
        .attributes
        .insert(name.to_owned(), json!(format!("unknown: {failure}")));
}

/// The user of this id or login, or `me`; `None` when Okta says that there is none.
pub(super) async fn user(client: &Client, call: &Call, what: &str, key: &str) -> Result<Option<Value>, Failure> {
    let bucket = if key == "me" { ME } else { ONE_USER };
    let response = client
        .get(call, bucket, what, &format!("/api/v1/users/{}", percent(key)))
        .await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => json(what, &response, true).map(Some),
        _ => Err(read_failure(what, &response)),
    }
}

/// Why nothing is proven without a canary.
const NO_CANARY: &str = "no such user, and no canary is configured that would prove it: set one for this connection";

/// The id of the user that must be there, without a look at it. The inner error says why there is none.
pub(super) async fn canary_id(client: &Client, call: &Call) -> Result<Result<String, String>, Failure> {
    if let Some(id) = &client.settings.canary {
        return Ok(Ok(id.clone()));
    }
    Ok(client.own_user(call).await?.ok_or_else(|| NO_CANARY.to_owned()))
}

/// Asks for a user that must be there. The inner error says why the read proves nothing; the canary's id otherwise.
pub(super) async fn canary(client: &Client, call: &Call) -> Result<Result<String, String>, Failure> {
    let what = "reading the canary";
    let (bucket, path) = match (&client.settings.canary, &client.settings.auth) {
        (Some(id), _) => (ONE_USER, format!("/api/v1/users/{}", percent(id))),
        (None, OktaAuth::Ssws(_)) => (ME, "/api/v1/users/me".to_owned()),
        (None, OktaAuth::ServiceApp { .. }) => return Ok(Err(NO_CANARY.to_owned())),
    };
    let response = client.get(call, bucket, what, &path).await?;
    if !response.status().is_success() {
        return Ok(Err(format!(
            "no such user, but the canary is not there either ({}): grant the app an admin role that sees users, or correct the canary",
            response.status().as_u16()
        )));
    }
    let body = json(what, &response, true)?;
    Ok(text(&body, "id")
        .map(str::to_owned)
        .ok_or_else(|| "the canary has no id".to_owned()))
}

/// Status and `transitioningToStatus` as a state. A user on the way out has left for the purpose of cutting; one on the way
/// back in has not (Okta Users API, "User status"). `Err` holds a status that is not known.
pub(super) fn state(user: &Value) -> Result<SourceState, String> {
    let status = text(user, "status").unwrap_or("none");
    match text(user, "transitioningToStatus") {
        Some("DEPROVISIONED") => return Ok(SourceState::Deactivating),
        Some("ACTIVE" | "PROVISIONED") if matches!(status, "STAGED" | "DEPROVISIONED") => {
            return Ok(SourceState::Active);
        }
        _ => {}
    }
    match status {
        "STAGED" => Ok(SourceState::Staged),
        // Activated, and waiting for the person in some way.
        "PROVISIONED" | "ACTIVE" | "PASSWORD_EXPIRED" | "RECOVERY" => Ok(SourceState::Active),
        "LOCKED_OUT" => Ok(SourceState::Locked),
        "SUSPENDED" => Ok(SourceState::Suspended),
        "DEPROVISIONED" => Ok(SourceState::Deactivated),
        other => Err(crate::encode::short(other, 40)),
    }
}

pub(super) fn person(
    client: &Client,
    account: &AccountRef,
    user: &Value,
    state: SourceState,
    groups: Vec<String>,
) -> Person {
    let none = Value::Null;
    let profile = user.get("profile").unwrap_or(&none);
    let login = text(profile, "login").unwrap_or_default().to_lowercase();
    let mut attributes: BTreeMap<String, Value> = profile
        .as_object()
        .map(|members| {
            members
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        })
        .unwrap_or_default();
    attributes.insert(
        "okta.status".to_owned(),
        user.get("status").cloned().unwrap_or_default(),
    );
    if let Some(provider) = user.pointer("/credentials/provider/type") {
        attributes.insert("okta.provider".to_owned(), provider.clone());
    }
    Person {
        key: PersonKey::new(format!("{}:{}", client.settings.connection, account.id)),
        account: account.clone(),
        state,
        display: display(profile).unwrap_or_else(|| login.clone()),
        login,
        email: text(profile, "email").map(str::to_lowercase),
        manager: None,
        groups,
        roles: Vec::new(),
        attributes,
    }
}

fn display(profile: &Value) -> Option<String> {
    let whole = || {
        let parts: Vec<&str> = ["firstName", "lastName"]
            .iter()
            .filter_map(|part| text(profile, part))
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    text(profile, "displayName").map(str::to_owned).or_else(whole)
}

/// Names of all groups. Membership decides who is protected, so a list that cannot be read whole is a failure.
async fn groups(client: &Client, call: &Call, id: &str) -> Result<Vec<String>, Failure> {
    let all = client
        .list(
            call,
            USERS,
            "reading the user's groups",
            &format!("/api/v1/users/{id}/groups?limit=200"),
        )
        .await?;
    Ok(all
        .iter()
        .filter_map(|group| group.pointer("/profile/name")?.as_str())
        .map(str::to_owned)
        .collect())
}

/// The manager's id by a linked object, which Okta gives as an address only.
async fn linked_manager(client: &Client, call: &Call, id: &str) -> Result<Option<String>, Failure> {
    let ManagerLink::LinkedObject(name) = &client.settings.manager else {
        return Ok(None);
    };
    let what = "reading the manager link";
    let response = client
        .get(
            call,
            USERS,
            what,
            &format!("/api/v1/users/{id}/linkedObjects/{}", percent(name)),
        )
        .await?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        status if !status.is_success() => return Err(read_failure(what, &response)),
        _ => {}
    }
    let body = json(what, &response, true)?;
    let id = body
        .as_array()
        .and_then(|all| all.first())
        .and_then(|link| link.pointer("/_links/self/href")?.as_str())
        .and_then(|address| address.trim_end_matches('/').rsplit('/').next());
    Ok(id.map(str::to_owned))
}

/// The manager as an account where it resolves, as the words of the profile where it does not.
async fn manager(
    client: &Client,
    call: &Call,
    user: &Value,
    linked: Result<Option<String>, Failure>,
) -> Result<Option<Manager>, Failure> {
    let profile = user.get("profile").cloned().unwrap_or_default();
    let (named, words) = match &client.settings.manager {
        ManagerLink::LinkedObject(_) => (linked?, None),
        ManagerLink::Profile => (
            text(&profile, "managerId").map(str::to_owned),
            text(&profile, "manager").map(str::to_owned),
        ),
    };
    if named.is_none() && words.is_none() {
        return Ok(None);
    }
    // `manager` is a name in some tenants and a login in others; only what looks like a login is worth a call.
    let key = named
        .clone()
        .or_else(|| words.clone().filter(|words| words.contains('@')));
    let found = match key {
        Some(key) => match self::user(client, call, "reading the manager", &key).await? {
            None if named.is_some() => by_employee_number(client, call, &key).await?,
            found => found,
        },
        None => None,
    };
    let bare = Manager {
        display: words.clone().or(named),
        ..Manager::default()
    };
    Ok(Some(match found {
        None => bare,
        Some(found) => {
            let profile = found.get("profile").cloned().unwrap_or_default();
            Manager {
                account: text(&found, "id").map(|id| AccountRef::new(&client.settings.connection, id)),
                login: text(&profile, "login").map(str::to_lowercase),
                email: text(&profile, "email").map(str::to_lowercase),
                display: display(&profile).or(bare.display),
            }
        }
    }))
}

/// The one user with this employee number; several are nobody.
async fn by_employee_number(client: &Client, call: &Call, number: &str) -> Result<Option<Value>, Failure> {
    let search = format!("profile.employeeNumber eq {}", super::accounts::quote(number));
    let found = client
        .list(
            call,
            USERS,
            "searching the manager",
            &format!("/api/v1/users?search={}&limit=2", percent(&search)),
        )
        .await?;
    Ok(match found.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    })
}

/// Used by the search, which reads the same shape.
pub(super) fn profile_text<'a>(user: &'a Value, field: &str) -> Option<&'a str> {
    text(user.get("profile")?, field)
}

/// Further names that a list may call the account by, lower-cased: its e-mail address and its employee number.
pub(super) fn names(user: &Value) -> Vec<String> {
    ["email", "employeeNumber"]
        .iter()
        .filter_map(|field| profile_text(user, field))
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}
