//! Errors as the REST API writes them.
//!
//! REST Developer Guide, "Status Codes and Error Responses": the body is an array of `{message, errorCode, fields?}` even
//! for one error; the same error inside a Collections result is called `statusCode` (sObject Collections, "Response Body").

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// A call or a single record that the vendor refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status of the plain REST answer.
    pub(super) status: u16,
    /// `errorCode` in REST, `statusCode` in Collections.
    pub(super) code: Cow<'static, str>,
    /// The text for people.
    pub(super) message: String,
    /// Fields at fault; absent for errors that are not about a record's content.
    pub(super) fields: Option<Vec<String>>,
}

impl Refusal {
    /// An error that is not about a record's content.
    pub(super) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            fields: None,
        }
    }

    /// A record that is refused, with the fields at fault.
    pub(super) fn record(code: impl Into<Cow<'static, str>>, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = Some(fields.iter().map(|&field| field.to_owned()).collect());
        Self {
            status: 400,
            code: code.into(),
            message: message.into(),
            fields,
        }
    }

    /// The missing or invisible resource.
    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The session that is over, unknown, or past its number of calls.
    pub(super) fn invalid_session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The write for which the caller lacks a permission.
    pub(super) fn insufficient_access() -> Self {
        Self::record(
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "insufficient access rights on object id",
            &[],
        )
    }

    /// The method that the resource does not have.
    pub(super) fn method_not_allowed(method: &str, allowed: &str) -> Self {
        Self::new(
            405,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
        )
    }

    /// The body of a plain REST answer.
    pub(super) fn rest_body(&self) -> Value {
        json!([self.entry("errorCode")])
    }

    /// The element of a Collections result.
    pub(super) fn collection_entry(&self) -> Value {
        let mut entry = self.entry("statusCode");
        entry.entry("fields").or_insert_with(|| json!([]));
        json!({ "success": false, "errors": [entry] })
    }

    fn entry(&self, code_key: &str) -> Map<String, Value> {
        let mut entry = Map::new();
        entry.insert("message".to_owned(), json!(self.message));
        entry.insert(code_key.to_owned(), json!(self.code));
        if let Some(fields) = &self.fields {
            entry.insert("fields".to_owned(), json!(fields));
        }
        entry
    }
}
