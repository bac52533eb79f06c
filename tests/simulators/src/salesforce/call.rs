//! A call below the REST base path and what goes back, free of HTTP, so that a composite can run calls of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::errors::Refusal;
use super::state::Row;
use crate::wire::Response;

/// API versions answered for.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 45..=67;

/// What goes back, before it becomes HTTP.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// For bodies that are no JSON.
    text: Option<(Bytes, &'static str)>,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            text: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            text: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn text(status: u16, text: &'static str) -> Self {
        Self::bytes(status, Bytes::from_static(text.as_bytes()), "text/html;charset=UTF-8")
    }

    pub(super) fn bytes(status: u16, bytes: Bytes, kind: &'static str) -> Self {
        Self {
            status,
            body: None,
            text: Some((bytes, kind)),
            headers: Vec::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let (bytes, kind) = match (self.body, self.text) {
            (Some(body), _) => (Bytes::from(body.to_string()), Some("application/json;charset=UTF-8")),
            (None, Some((bytes, kind))) => (bytes, Some(kind)),
            (None, None) => (Bytes::new(), None),
        };
        let mut response = Response::new(bytes);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(kind) = kind {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, refusal.rest_body())
    }
}

/// A call below `/services/data/vNN.0`, from the wire or from inside a composite.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// `v66.0`
    pub(super) version: String,
    /// Decoded path segments after the version.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Bytes,
    pub(super) batch: Option<usize>,
    pub(super) modified_since: Option<Timestamp>,
}

impl Call {
    /// Reads a path such as `/services/data/v66.0/query?q=…`; `None` when it leads elsewhere.
    pub(super) fn at(method: Method, target: &str, body: Bytes) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut segments = path
            .strip_prefix("/services/data/")?
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decoded);
        let version = segments.next()?;
        let number: u32 = version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
        VERSIONS.contains(&number).then(|| Self {
            method,
            version,
            path: segments.collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body,
            batch: None,
            modified_since: None,
        })
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Row, Refusal> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(Refusal::new(
                400,
                "JSON_PARSER_ERROR",
                "The HTTP entity body must be a JSON object",
            )),
            Err(error) => Err(Refusal::new(
                400,
                "JSON_PARSER_ERROR",
                format!("{error} at [line:{}, column:{}]", error.line(), error.column()),
            )),
        }
    }
}

fn decoded(segment: &str) -> String {
    // A plus sign is itself in a path; only a query turns it into a space.
    let pair = format!("p={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
