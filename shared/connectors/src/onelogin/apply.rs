//! Making one change to one user.

use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Change, Failure, HttpResponse};
use serde_json::{Value, json};

use super::actions::{LOG_OUT, OWN, SUSPEND, UNSUSPEND};
use super::client::{Client, is_id};
use super::dismantle::{
    ADD_PRIVILEGES, ADD_ROLES, DEACTIVATE, REACTIVATE, REMOVE_DEVICES, REMOVE_PRIVILEGES, REMOVE_ROLES,
};
use super::entitlements::{ADMINISTERED, PRIVILEGES, ROLES};
use super::states::no_action;
use super::status::{self, ACTIVE, SUSPENDED};
use super::subject::absence;
use super::{devices, entitlements, lifecycle, retry};
use crate::exchange::{json, text};

/// Apps that are named in a result; more are counted only.
const MOST_NAMES: usize = 100;

/// Makes the change.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change) -> Result<Applied, Failure> {
    let id = change.account.as_ref().map(|account| account.id.as_str());
    let Some(id) = id.filter(|id| is_id(id)) else {
        return Err(Failure::give_up(format!(
            "{} needs a OneLogin user, and the account's id is none",
            change.action
        )));
    };
    if client.is_own(id) {
        return Err(Failure::give_up(format!("{}: refused, {OWN}", change.action)));
    }
    match change.action.as_str() {
        SUSPEND | UNSUSPEND => set_status(client, call, change, id).await,
        LOG_OUT => log_out(client, call, id).await,
        REMOVE_ROLES => entitlements::take(client, call, change, id, &[ROLES]).await,
        ADD_ROLES => entitlements::give(client, call, change, id, &[ROLES]).await,
        REMOVE_PRIVILEGES => entitlements::take(client, call, change, id, &[PRIVILEGES, ADMINISTERED]).await,
        ADD_PRIVILEGES => entitlements::give(client, call, change, id, &[PRIVILEGES, ADMINISTERED]).await,
        REMOVE_DEVICES => devices::remove(client, call, id).await,
        DEACTIVATE | REACTIVATE => lifecycle::set(client, call, change, id).await,
        other => Err(no_action(other)),
    }
}

/// `PUT /api/2/users/{id}` with the status alone: what is not sent stays. v1 refuses `status`. Mappings are kept out, because
/// one with a `set_status` action would answer for itself.
async fn set_status(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    let wanted = text(&change.after, "status").unwrap_or_default();
    let (what, number) = match wanted {
        SUSPENDED => ("suspending", 2),
        ACTIVE => ("lifting the suspension", 1),
        _ => {
            return Err(Failure::give_up(format!(
                "{}: the change does not say which status the user ends in",
                change.action
            )));
        }
    };
    let path = format!("/api/2/users/{id}?mappings=disabled");
    let body = json!({ "status": number });
    let response = client.answer(call, what, Method::PUT, &path, Some(&body)).await?;
    if response.status() == StatusCode::NOT_FOUND {
        return missing(client, call, what, id, &response, number == 2).await;
    }
    if !response.status().is_success() {
        return Err(retry::failure(what, &response));
    }
    let user = json(what, &response, false)?;
    // An answer that does not show the user is believed; the read-back decides.
    if user.get("status").is_some() && status::word(&user).as_ref() != Ok(&wanted) {
        return Err(Failure::retry(format!(
            "{what}: OneLogin took the change, and the user is {} afterwards",
            status::word(&user).unwrap_or("in an unknown status")
        ))
        .maybe_executed()
        .with_request_id(retry::request_id(&response)));
    }
    Ok(Applied {
        request_id: retry::request_id(&response),
        reference: json!({ "status": wanted }),
    })
}

/// `PUT /api/1/users/{id}/logout`. What it leaves open is asked for beside it and never fails it.
async fn log_out(client: &Client, call: &Call, id: &str) -> Result<Applied, Failure> {
    let what = "logging out";
    let path = format!("/api/1/users/{id}/logout");
    client.sign_in(call).await?;
    let (response, apps) = futures::join!(
        client.answer(call, what, Method::PUT, &path, None),
        apps(client, call, id),
    );
    let response = response?;
    if response.status() == StatusCode::NOT_FOUND {
        return missing(client, call, what, id, &response, true).await;
    }
    if !response.status().is_success() {
        return Err(retry::failure(what, &response));
    }
    let reference = match apps {
        Ok(names) => json!({
            "open_app_sessions": names.iter().take(MOST_NAMES).collect::<Vec<_>>(),
            "apps": names.len(),
        }),
        Err(failure) => json!({ "open_app_sessions": format!("unknown: {failure}") }),
    };
    Ok(Applied {
        request_id: retry::request_id(&response),
        reference,
    })
}

/// Names of the apps in which sessions may live on. Invisible ones too: somebody may be signed in to them all the same.
async fn apps(client: &Client, call: &Call, id: &str) -> Result<Vec<String>, Failure> {
    let path = format!("/api/2/users/{id}/apps?ignore_visibility=true");
    let listed = client.get(call, "reading the user's apps", &path).await?;
    let rows = listed.as_ref().and_then(Value::as_array);
    let mut names: Vec<String> = rows
        .into_iter()
        .flatten()
        .filter_map(|app| text(app, "name"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// A user who is certainly gone can neither sign in nor have a session.
pub(super) async fn missing(
    client: &Client,
    call: &Call,
    what: &str,
    id: &str,
    response: &HttpResponse,
    done_by_absence: bool,
) -> Result<Applied, Failure> {
    let failure = retry::failure(what, response);
    match absence(client, call, id).await? {
        Ok(()) if done_by_absence => Ok(Applied {
            request_id: failure.request_id,
            reference: json!({ "user": status::GONE }),
        }),
        Ok(()) => Err(failure),
        Err(why) => {
            let unproven = Failure::needs_human(format!("{}: {why}", failure.reason));
            Err(unproven.with_request_id(failure.request_id))
        }
    }
}
