//! The MFA devices of one user, and removing all of them.

use futures::StreamExt as _;
use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Executed, Failure};
use serde_json::{Value, json};

use super::client::{Client, id_text};
use super::entitlements::summed;
use super::retry;
use crate::encode::percent;
use crate::exchange::text;

/// Calls made side by side.
const AT_ONCE: usize = 8;

/// The devices that OneLogin lists; a temporary token is one too. Nothing for a user who is 404.
pub(super) async fn listed(client: &Client, call: &Call, user: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/api/2/mfa/users/{user}/devices");
    let answer = client.get(call, "reading the MFA devices", &path).await?;
    match answer {
        None => Ok(Vec::new()),
        Some(Value::Array(devices)) => Ok(devices),
        Some(_) => Err(Failure::retry("reading the MFA devices: the answer is not a list")),
    }
}

/// Whether there are any, and which kinds.
pub(super) fn predicate(devices: &[Value]) -> (Value, Value) {
    let held = if devices.is_empty() { "none" } else { "some" };
    let mut kinds: Vec<&str> = devices
        .iter()
        .map(|device| {
            ["type_display_name", "auth_factor_name"]
                .iter()
                .find_map(|name| text(device, name))
                .unwrap_or("unknown")
        })
        .collect();
    kinds.sort_unstable();
    (
        json!({ "devices": held }),
        json!({ "count": devices.len(), "devices": kinds }),
    )
}

/// `DELETE /api/2/mfa/users/{id}/devices/{device}` for each that is there now; one that is gone is done.
pub(super) async fn remove(client: &Client, call: &Call, user: &str) -> Result<Applied, Failure> {
    let devices = listed(client, call, user).await.map_err(|mut failure| {
        failure.executed = Executed::No;
        failure
    })?;
    let ids: Vec<String> = devices
        .iter()
        .filter_map(|device| id_text(device.get("device_id")))
        .collect();
    let count = ids.len();
    let results: Vec<Result<(), Failure>> = futures::stream::iter(ids)
        .map(|device| one(client, call, user, device))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    match summed(count, "MFA devices", failures) {
        Some(failure) => Err(failure),
        None => Ok(Applied {
            request_id: None,
            reference: json!({ "removed": count }),
        }),
    }
}

async fn one(client: &Client, call: &Call, user: &str, device: String) -> Result<(), Failure> {
    let what = "removing an MFA device";
    let path = format!("/api/2/mfa/users/{user}/devices/{}", percent(&device));
    let response = client.answer(call, what, Method::DELETE, &path, None).await?;
    match response.status() {
        status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
        _ => Err(retry::failure(what, &response)),
    }
}
