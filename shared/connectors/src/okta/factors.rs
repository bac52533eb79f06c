//! The factors of one user, and unenrolling all of them.

use http::Method;
use rollcall_model::{Applied, Call, Failure};
use serde_json::{Value, json};

use super::apply::harmless;
use super::client::Client;
use super::retry;
use super::states::status;
use super::subject::{USERS, canary, user};
use crate::encode::percent;
use crate::exchange::text;

/// The factors that Okta lists, without those that are only on offer.
pub(super) async fn listed(client: &Client, call: &Call, id: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/api/v1/users/{}/factors", percent(id));
    let all = client.list(call, USERS, "reading the factors", &path).await?;
    Ok(all
        .into_iter()
        .filter(|factor| text(factor, "status") != Some("NOT_SETUP"))
        .collect())
}

/// `none`, `some`, or `kept` by a deactivated user. The list leaves out what the enrolment policy does not ask of the caller, so
/// the link on the user, which Okta shows while there is something to reset, counts as well (Okta Users API, "Reset the factors").
pub(super) fn predicate(user: &Value, factors: &[Value]) -> (Value, Value) {
    let linked = user.pointer("/_links/resetFactors").is_some();
    let value = match (factors.is_empty() && !linked, status(user).as_deref()) {
        (true, _) => "none",
        (false, Some("deprovisioned")) => "kept",
        (false, _) => "some",
    };
    let mut shown: Vec<(&str, &str)> = factors
        .iter()
        .map(|factor| {
            (
                text(factor, "factorType").unwrap_or("unknown"),
                text(factor, "provider").unwrap_or("unknown"),
            )
        })
        .collect();
    shown.sort_unstable();
    let shown: Vec<Value> = shown
        .into_iter()
        .map(|(kind, provider)| json!({ "type": kind, "provider": provider }))
        .collect();
    (
        json!({ "factors": value }),
        json!({ "count": factors.len(), "factors": shown }),
    )
}

/// `POST /users/{id}/lifecycle/reset_factors`. A refusal is believed only when there is still something to reset.
pub(super) async fn reset(client: &Client, call: &Call, id: &str) -> Result<Applied, Failure> {
    let what = "resetting the factors";
    let path = format!("/api/v1/users/{}/lifecycle/reset_factors", percent(id));
    let response = client.write(call, USERS, what, Method::POST, &path).await?;
    let done = |reference: Value| Applied {
        request_id: retry::request_id(&response),
        reference,
    };
    if response.status().is_success() {
        return Ok(done(json!({})));
    }
    let Some(found) = user(client, call, "reading the user again", id)
        .await
        .map_err(harmless)?
    else {
        return match canary(client, call).await.map_err(harmless)? {
            Ok(_) => Ok(done(json!({ "status": "deleted" }))),
            Err(_) => Err(retry::failure(what, &response)),
        };
    };
    let factors = listed(client, call, id).await.map_err(harmless)?;
    let (value, _) = predicate(&found, &factors);
    if text(&value, "factors") == Some("none") {
        return Ok(done(value));
    }
    let status = status(&found).unwrap_or_else(|| "of no status".to_owned());
    Err(retry::lifecycle(what, &response, &status))
}
