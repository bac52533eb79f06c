//! One call, taken apart; and what comes back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::problem::{self, Dialect, Problem};
use super::state::Scope;
use crate::wire::Request;

/// A request after authentication.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// The raw path, as in the request line.
    pub(super) raw_path: &'a str,
    /// Decoded query pairs.
    pub(super) query: Vec<(String, String)>,
    pub(super) request: &'a Request,
    pub(super) dialect: Dialect,
    /// The credential that calls.
    pub(super) client_id: String,
    pub(super) scope: Scope,
    /// In whole milliseconds.
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// The first value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A boolean query parameter, false when absent.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A moment in a query parameter.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.param(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| problem::bad_request(self.dialect, &format!("{name} is not an ISO 8601 time")))
            })
            .transpose()
    }

    /// A whole number in a query parameter.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.param(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| problem::bad_request(self.dialect, &format!("{name} is not a number")))
            })
            .transpose()
    }

    /// A comma list of whole numbers in a query parameter, which may also be repeated.
    pub(super) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        let mut found = None;
        for (_, text) in self.query.iter().filter(|(key, _)| key == name) {
            let list = found.get_or_insert_with(Vec::new);
            for part in text.split(',') {
                let number = part.trim().parse::<i64>();
                list.push(number.map_err(|_| problem::bad_request(self.dialect, &format!("{name} is not a number")))?);
            }
        }
        Ok(found)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Problem> {
        let json = self
            .request
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| {
                let essence = kind.split(';').next().unwrap_or_default().trim();
                essence.eq_ignore_ascii_case("application/json")
            });
        if !json {
            return Err(problem::bad_request(
                self.dialect,
                "Content-Type must be application/json",
            ));
        }
        serde_json::from_slice(self.request.body())
            .map_err(|_| problem::bad_request(self.dialect, "The request body is not valid JSON"))
    }

    /// The JSON object in the body.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Problem> {
        match self.json()? {
            Value::Object(object) => Ok(object),
            _ => Err(problem::bad_request(self.dialect, "Expected object in request")),
        }
    }

    /// The raw array of ids in the body; numbers or texts with a number.
    pub(super) fn id_array(&self) -> Result<Vec<i64>, Problem> {
        let refused = || problem::bad_request(self.dialect, "Expected array in request");
        if self.request.body().is_empty() {
            return Err(refused());
        }
        ids(&self.json()?).ok_or_else(refused)
    }
}

/// Ids from an array of numbers or texts.
pub(super) fn ids(value: &Value) -> Option<Vec<i64>> {
    value
        .as_array()?
        .iter()
        .map(|id| id.as_i64().or_else(|| id.as_str().and_then(|text| text.parse().ok())))
        .collect()
}

/// An accepted call's answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// 200 with a body.
    pub(super) fn ok(body: Value) -> Self {
        Self::with(200, body)
    }

    /// A status and a body.
    pub(super) fn with(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            headers: Vec::new(),
        }
    }

    /// 204.
    pub(super) fn nothing() -> Self {
        Self {
            status: 204,
            ..Self::default()
        }
    }

    /// The v1 envelope without data.
    pub(super) fn done() -> Self {
        Self::ok(json!({"status": success()}))
    }

    /// The v1 envelope with data.
    pub(super) fn data(data: Value) -> Self {
        let mut body = Map::new();
        body.insert("status".to_owned(), success());
        body.insert("data".to_owned(), data);
        Self::ok(Value::Object(body))
    }
}

/// The v1 `status` of an accepted call.
pub(super) fn success() -> Value {
    json!({"error": false, "code": 200, "type": "success", "message": "Success"})
}

/// What a handler says.
pub(super) type Outcome = Result<Answer, Problem>;

/// Splits a path into percent-decoded segments.
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

/// One page of a v2 list. The cursor is base64 of `limit=N&page=M`: an offset, so rows shift while they are read, and it
/// carries no filters.
pub(super) fn page(call: &Call<'_>, base: &str, rows: Vec<Value>, default: usize, most: usize) -> Outcome {
    let number = |text: &str, name: &str| {
        text.parse::<usize>()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| problem::bad_request(Dialect::V2, &format!("Invalid {name}")))
    };
    let (mut limit, mut page) = (default, 1);
    if let Some(text) = call.param("limit") {
        limit = number(text, "limit")?.min(most);
    }
    if let Some(text) = call.param("page") {
        page = number(text, "page")?;
    }
    if let Some(cursor) = call.param("cursor") {
        (limit, page) = read_cursor(cursor).ok_or_else(|| problem::bad_request(Dialect::V2, "Invalid cursor"))?;
        limit = limit.min(most);
    }
    let total = rows.len();
    let pages = total.div_ceil(limit);
    let items: Vec<Value> = rows
        .into_iter()
        .skip((page - 1).saturating_mul(limit))
        .take(limit)
        .collect();
    let mut headers = vec![
        ("Current-Page", page.to_string()),
        ("Page-Items", limit.to_string()),
        ("Total-Count", total.to_string()),
        ("Total-Pages", pages.to_string()),
    ];
    let mut links = Vec::new();
    let mut neighbour = |name: &'static str, rel: &str, page: usize| {
        let cursor = write_cursor(limit, page);
        links.push(format!("<{base}{}?cursor={cursor}>; rel=\"{rel}\"", call.raw_path));
        headers.push((name, cursor));
    };
    if page > 1 {
        neighbour("Before-Cursor", "prev", page - 1);
    }
    if page < pages {
        neighbour("After-Cursor", "next", page + 1);
    }
    headers.push(("Link", links.join(", ")));
    Ok(Answer {
        status: 200,
        body: Some(Value::Array(items)),
        headers,
    })
}

/// The cursor of that page.
pub(super) fn write_cursor(limit: usize, page: usize) -> String {
    STANDARD.encode(format!("limit={limit}&page={page}"))
}

fn read_cursor(text: &str) -> Option<(usize, usize)> {
    let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (limit, page) = plain.strip_prefix("limit=")?.split_once("&page=")?;
    let (limit, page) = (limit.parse().ok()?, page.parse().ok()?);
    (limit > 0 && page > 0).then_some((limit, page))
}
