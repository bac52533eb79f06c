//! Up to 200 records in one call, each on its own (REST API Developer Guide, "sObject Collections"). A call holds records of
//! one object, so setup objects never share a transaction with others.

use http::Method;
use rollcall_model::{Call, Failure};
use serde_json::{Value, json};

use super::client::Client;
use super::retry::Refusal;
use crate::exchange::{self, items};

/// Records in one call.
pub(super) const CHUNK: usize = 200;

/// What became of each record, in order: done, or the vendor's refusal.
pub(super) type Written = Vec<Result<(), Refusal>>;

/// Creates (`POST`) or updates (`PATCH`) records.
pub(super) async fn write(
    client: &Client,
    call: &Call,
    what: &str,
    method: Method,
    records: &[Value],
) -> Result<Written, Failure> {
    let path = format!("{}/composite/sobjects", client.data());
    let body = json!({ "allOrNone": false, "records": records });
    let response = client.send(call, what, method, &path, Some(&body)).await?;
    answers(what, &exchange::json(what, &response, false)?, records.len())
}

/// Deletes records by their ids.
pub(super) async fn delete(client: &Client, call: &Call, what: &str, ids: &[String]) -> Result<Written, Failure> {
    let path = format!(
        "{}/composite/sobjects?ids={}&allOrNone=false",
        client.data(),
        ids.join(",")
    );
    let response = client.send(call, what, Method::DELETE, &path, None).await?;
    answers(what, &exchange::json(what, &response, false)?, ids.len())
}

/// True when a record could not be deleted because it is gone, whichever way the vendor says so.
pub(super) fn is_gone(refusal: &Refusal) -> bool {
    matches!(
        refusal.code.as_str(),
        "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND"
    )
}

fn answers(what: &str, answer: &Value, sent: usize) -> Result<Written, Failure> {
    let rows = answer.as_array().map_or(&[][..], Vec::as_slice);
    if rows.len() != sent {
        return Err(Failure::retry(format!("{what}: {} answers for {sent} records", rows.len())).maybe_executed());
    }
    Ok(rows
        .iter()
        .map(|row| match row.get("success") {
            Some(Value::Bool(true)) => Ok(()),
            _ => Err(Refusal::of(400, &Value::from(items(row, "errors").to_vec()))),
        })
        .collect())
}
