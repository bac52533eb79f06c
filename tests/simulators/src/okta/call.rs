//! One management call, taken apart; and what comes back.

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::auth::Principal;
use super::problem::{self, Problem};
use crate::wire::Request;

/// A request after authentication.
pub(super) struct Call<'a> {
    /// The method.
    pub(super) method: &'a Method,
    /// Percent-decoded path segments, without the leading slash.
    pub(super) path: Vec<String>,
    /// The raw path, as in the request line.
    pub(super) raw_path: &'a str,
    /// Decoded query pairs.
    pub(super) query: Vec<(String, String)>,
    /// The raw query.
    pub(super) raw_query: &'a str,
    /// The whole request, for headers.
    pub(super) request: &'a Request,
    /// Who calls.
    pub(super) principal: Principal,
    /// The moment of the call, in whole milliseconds.
    pub(super) now: Timestamp,
    /// The value of `x-okta-request-id`; also the transaction's id in the System Log.
    pub(super) request_id: String,
}

impl Call<'_> {
    /// The first value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A boolean query parameter.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.param(name)
            .map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    /// The `limit` parameter; values above `most` are cut down to it.
    pub(super) fn limit(&self, default: usize, least: usize, most: usize) -> Result<usize, Problem> {
        match self.param("limit") {
            None => Ok(default),
            Some(text) => match text.parse::<usize>() {
                Ok(limit) if limit >= least => Ok(limit.min(most)),
                _ => Err(problem::invalid("limit", "limit: The limit is not valid.")),
            },
        }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The JSON object in the body.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Problem> {
        let json = self.header("content-type").is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
        });
        if !json {
            return Err(Problem::new(
                400,
                "E0000021",
                "Bad request. Accept and/or Content-Type headers are likely not set.",
            ));
        }
        let text = std::str::from_utf8(self.body()).map_err(|_| problem::malformed())?;
        if text.chars().any(|character| u32::from(character) > 0xFFFF) {
            // Okta stores code points of at most three UTF-8 bytes ("Core Okta API", character sets).
            return Err(problem::invalid(
                "body",
                "body: Characters outside the basic multilingual plane are not supported.",
            ));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(problem::malformed()),
        }
    }

    /// The body.
    pub(super) fn body(&self) -> &Bytes {
        self.request.body()
    }
}

/// An accepted call's answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The JSON body, if any.
    pub(super) body: Option<Value>,
    /// `Link` headers as (relation, target).
    pub(super) links: Vec<(&'static str, String)>,
    /// Further headers.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// 200 with a body.
    pub(super) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            ..Self::default()
        }
    }

    /// 200 with `{}`.
    pub(super) fn done() -> Self {
        Self::ok(Value::Object(Map::new()))
    }

    /// 204.
    pub(super) fn nothing() -> Self {
        Self {
            status: 204,
            ..Self::default()
        }
    }

    /// A page of a list: `self` always, `next` while there is more.
    pub(super) fn page(items: Vec<Value>, own: String, next: Option<String>) -> Self {
        let mut links = vec![("self", own)];
        links.extend(next.map(|next| ("next", next)));
        Self {
            status: 200,
            body: Some(Value::Array(items)),
            links,
            headers: Vec::new(),
        }
    }
}

/// What a handler says.
pub(super) type Outcome = Result<Answer, Problem>;

/// Splits a path into percent-decoded segments. A plus sign stays a plus sign, unlike in a query.
pub(super) fn segments(path: &str) -> Vec<String> {
    let decode = |part: &str| {
        let query = format!("p={}", part.replace('+', "%2B").replace('&', "%26"));
        url::form_urlencoded::parse(query.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    path.trim_start_matches('/').split('/').map(decode).collect()
}

/// The link that continues a list: the same path and query with another `after`.
pub(super) fn continued(base: &str, call: &Call<'_>, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", cursor);
    for (key, value) in call.query.iter().filter(|(key, _)| key != "after") {
        query.append_pair(key, value);
    }
    format!("{base}{}?{}", call.raw_path, query.finish())
}

/// The link to the call itself.
pub(super) fn own_link(base: &str, call: &Call<'_>) -> String {
    match call.raw_query {
        "" => format!("{base}{}", call.raw_path),
        query => format!("{base}{}?{query}", call.raw_path),
    }
}
