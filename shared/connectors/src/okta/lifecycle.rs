//! Statuses that a call changes: suspension, deactivation and their inverses.
//!
//! Lifecycle calls are not idempotent: a second one is refused, so on a refusal the user is read and what is found decides (Okta
//! Users API, "User lifecycle"). A deactivation and an activation go on after the answer, with `transitioningToStatus` set; such a
//! user is not sent the call again, and the change is pending until the record says so.

use http::Method;
use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::apply::{done, harmless};
use super::assignments::APPS;
use super::client::Client;
use super::retry;
use super::states::status;
use super::subject::{USERS, canary, user};
use crate::encode::{percent, short};
use crate::exchange::text;

/// A call below `/users/{id}/lifecycle/`.
pub(super) struct Verb {
    what: &'static str,
    path: &'static str,
    /// Whether a user of this status is where the call leads.
    there: fn(&str) -> bool,
}

pub(super) const SUSPEND: Verb = Verb {
    what: "suspending",
    path: "suspend",
    there: |now| matches!(now, "suspended" | "deprovisioned" | "deleted"),
};
pub(super) const UNSUSPEND: Verb = Verb {
    what: "unsuspending",
    path: "unsuspend",
    there: |now| now == "active",
};
const DEACTIVATE: Verb = Verb {
    what: "deactivating",
    path: "deactivate?sendEmail=false",
    there: |now| matches!(now, "deprovisioned" | "deleted"),
};
/// Without a mail: the person learns of it from people. The answer holds a link to activate, which is nobody's but theirs and is
/// not kept.
const ACTIVATE: Verb = Verb {
    what: "activating",
    path: "activate?sendEmail=false",
    there: |now| !matches!(now, "deprovisioned" | "deleted" | "staged" | "of no status"),
};

/// Makes the call and judges a refusal by the user as it is then.
pub(super) async fn step(client: &Client, call: &Call, id: &str, verb: &Verb) -> Result<Applied, Failure> {
    let path = format!("/api/v1/users/{}/lifecycle/{}", percent(id), verb.path);
    let response = client.write(call, USERS, verb.what, Method::POST, &path).await?;
    if response.status().is_success() {
        return Ok(done(&response, json!({})));
    }
    let now = match user(client, call, "reading the user again", id).await {
        Ok(Some(user)) => status(&user).unwrap_or_else(|| "of no status".to_owned()),
        Ok(None) => match canary(client, call).await.map_err(harmless)? {
            Ok(_) => "deleted".to_owned(),
            Err(_) => return Err(retry::failure(verb.what, &response)),
        },
        // The refusal stands: nothing was done.
        Err(failure) => return Err(harmless(failure)),
    };
    if (verb.there)(&now) {
        return Ok(done(&response, json!({ "status": now })));
    }
    Err(retry::lifecycle(verb.what, &response, &now))
}

/// `POST …/deactivate`, unless Okta is at it already.
pub(super) async fn deactivate(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    if text(&change.before, "status") == Some("deactivating") {
        return Ok(under_way("deactivating"));
    }
    step(client, call, id, &DEACTIVATE).await
}

/// `POST …/activate`, unless Okta is at it already; and a suspension where the user is to come back barred.
pub(super) async fn reactivate(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    let activated = if text(&change.before, "status") == Some("activating") {
        Ok(under_way("activating"))
    } else {
        step(client, call, id, &ACTIVATE).await
    };
    if !comes_back_barred(&change.with) {
        return activated;
    }
    // Also after an answer that was lost: whoever is active now would not be looked at again.
    let maybe = activated
        .as_ref()
        .err()
        .is_none_or(|failure| failure.executed == rollcall_model::Executed::Maybe);
    if !maybe {
        return activated;
    }
    let found = user(client, call, "reading the activated user", id).await;
    match found
        .map(|user| user.and_then(|user| status(&user)))
        .map_err(Failure::maybe_executed)?
        .as_deref()
    {
        Some("active") => step(client, call, id, &SUSPEND).await.map_err(|failure| Failure {
            reason: format!("the user is active again and not suspended: {}", failure.reason),
            ..failure.maybe_executed()
        }),
        _ => activated,
    }
}

/// Whether a reactivation is to leave the user barred.
pub(super) fn comes_back_barred(with: &Value) -> bool {
    text(with, "status") == Some("suspended")
}

fn under_way(status: &str) -> Applied {
    Applied {
        request_id: None,
        reference: json!({ "status": status }),
    }
}

/// The status before a deactivation: a running one is told from one that has ended.
pub(super) fn to_deactivate(user: &Value) -> Option<String> {
    let moving = text(user, "transitioningToStatus") == Some("DEPROVISIONED");
    if moving && text(user, "status") != Some("DEPROVISIONED") {
        return Some("deactivating".to_owned());
    }
    text(user, "status").map(str::to_lowercase)
}

/// The status before a reactivation. Who is neither deactivated nor on the way is `activated`, or, where the user is to come back
/// barred, `active` or `barred`: without a password nobody signs in either, and Okta suspends active users only.
pub(super) fn to_reactivate(user: &Value, with: &Value) -> Option<&'static str> {
    let status = text(user, "status")?;
    Some(match (status, text(user, "transitioningToStatus")) {
        (_, Some("DEPROVISIONED")) => "deactivating",
        ("STAGED" | "DEPROVISIONED", Some("ACTIVE" | "PROVISIONED")) => "activating",
        ("DEPROVISIONED", _) => "deprovisioned",
        ("STAGED", _) => "staged",
        _ if !comes_back_barred(with) => "activated",
        ("SUSPENDED" | "PROVISIONED", _) => "barred",
        _ => "active",
    })
}

/// Names of the apps that are assigned to the user, which a deactivation ends; what reaches the user by a group says so.
pub(super) async fn assigned_apps(client: &Client, call: &Call, id: &str) -> Result<Vec<Value>, Failure> {
    let filter = format!("user.id eq {}", super::accounts::quote(id));
    let path = format!(
        "/api/v1/apps?filter={}&expand=user%2F{}&limit=200",
        percent(&filter),
        percent(id)
    );
    let apps = client.list(call, APPS, "reading the user's apps", &path).await?;
    let mut names: Vec<String> = apps
        .iter()
        .filter_map(|app| {
            let name = short(text(app, "label").or_else(|| text(app, "id"))?, 100);
            let by_group = app.pointer("/_embedded/user/scope").and_then(Value::as_str) == Some("GROUP");
            Some(if by_group { format!("{name} (by a group)") } else { name })
        })
        .collect();
    names.sort();
    names.dedup();
    Ok(names.into_iter().map(Value::from).collect())
}
