//! Deactivating a user and giving a status back: `PUT /api/2/users/{id}` with the status alone, mappings kept out. v1 refuses
//! `status`.

use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::apply::missing;
use super::client::Client;
use super::retry;
use super::status::{self, ACTIVE, DEACTIVATED, SUSPENDED};
use crate::exchange::{json, text};

/// The number of a status that a deactivated user can get (OneLogin Users API, "User status").
pub(super) fn number(word: &str) -> Option<i64> {
    Some(match word {
        ACTIVE => 1,
        SUSPENDED => 2,
        "locked" => 3,
        "password-expired" => 4,
        "awaiting-password-reset" => 5,
        "password-pending" => 7,
        "security-questions" => 8,
        _ => return None,
    })
}

/// The status before a deactivation. A status of 0 is what that writes, whether the user shows a date of activation or not.
pub(super) fn to_deactivate(user: &Value) -> Result<&'static str, String> {
    Ok(match status::word(user)? {
        "unactivated" => DEACTIVATED,
        other => other,
    })
}

/// The status before a reactivation: a rejected user is not told apart from a deactivated one elsewhere.
pub(super) fn to_reactivate(user: &Value) -> Result<&'static str, String> {
    let word = status::word(user)?;
    let rejected = user.get("state").and_then(Value::as_i64) == Some(2);
    Ok(if rejected { "rejected" } else { word })
}

/// Sets the status that the change ends in.
pub(super) async fn set(client: &Client, call: &Call, change: &Change, id: &str) -> Result<Applied, Failure> {
    let wanted = text(&change.after, "status").unwrap_or_default();
    let (what, status) = match (wanted, number(wanted)) {
        // OneLogin has no number of its own for it: it is the status from before an activation.
        (DEACTIVATED, _) => ("deactivating", 0),
        (_, Some(number)) => ("reactivating", number),
        _ => {
            return Err(Failure::give_up(format!(
                "{}: the change does not say which status the user ends in",
                change.action
            )));
        }
    };
    let path = format!("/api/2/users/{id}?mappings=disabled");
    let body = json!({ "status": status });
    let response = client.answer(call, what, Method::PUT, &path, Some(&body)).await?;
    if response.status() == StatusCode::NOT_FOUND {
        return missing(client, call, what, id, &response, status == 0).await;
    }
    if !response.status().is_success() {
        return Err(retry::failure(what, &response));
    }
    let user = json(what, &response, false)?;
    // An answer that does not show the user is believed; the read-back decides.
    let shown = user.get("status").and_then(Value::as_i64);
    if shown.is_some_and(|shown| shown != status) {
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
