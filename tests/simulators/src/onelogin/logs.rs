//! The Events API, and the key-set paging of v1.
//!
//! A cursor is base64 without padding of `account_id:::<account>-##id:::<id>`: a position and no offset, so that paging is
//! stable while new events arrive.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Outcome};
use super::problem::{self, Dialect, Problem};
use super::state::Tenant;
use super::users::envelope;

/// `id,NAME` by line: the types that the simulator may raise, with the vendor's names.
static TYPES: LazyLock<Vec<(i64, &'static str)>> = LazyLock::new(|| {
    include_str!("event_types.txt")
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter_map(|(id, name)| Some((id.parse().ok()?, name)))
        .collect()
});

/// The default and the largest page of events.
const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 1_000;

/// `GET /api/1/events/types`. Names are the vendor's; descriptions are made from them.
pub(super) fn types() -> Answer {
    let types = TYPES.iter().map(|(id, name)| {
        let words = name.replace('_', " ").to_lowercase();
        json!({"id": id, "name": name, "description": format!("{words} %user%")})
    });
    Answer::data(types.collect())
}

/// The pagination of a list that ends here.
pub(super) fn no_more(empty_text: bool) -> Value {
    let nothing = if empty_text { json!("") } else { Value::Null };
    json!({"before_cursor": nothing, "after_cursor": nothing, "previous_link": null, "next_link": null})
}

impl Tenant {
    /// `GET /api/1/events`.
    pub(super) fn list_events(&self, call: &Call<'_>) -> Outcome {
        let (since, until) = (call.moment("since")?, call.moment("until")?);
        let kinds = call.integers("event_type_id")?;
        let (user, id) = (call.integer("user_id")?, call.integer("id")?);
        let directory = call.integer("directory_id")?;
        let (resolution, client) = (call.integer("resolution")?, call.param("client_id"));
        let created = call.moment("created_at")?;
        let mut rows = Vec::new();
        for event in &self.events {
            let number = |name: &str| event.rest.get(name).and_then(Value::as_i64);
            let fits = event.visible <= call.now
                && since.is_none_or(|since| event.at >= since)
                && until.is_none_or(|until| event.at <= until)
                && created.is_none_or(|at| event.at == at)
                && kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
                && user.is_none_or(|user| event.user_id == Some(user))
                && id.is_none_or(|id| event.id == id)
                && client.is_none_or(|client| event.client_id.as_deref() == Some(client))
                && directory.is_none_or(|directory| number("directory_id") == Some(directory))
                && resolution.is_none_or(|resolution| number("resolution") == Some(resolution));
            if fits {
                rows.push((event.id, event.for_api(self.account_id)));
            }
        }
        if let Some(fields) = call.param("fields") {
            let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
            for (_, row) in &mut rows {
                row.retain(|name, _| name == "id" || fields.contains(&name.as_str()));
            }
        }
        key_page(call, self, rows, LARGEST_PAGE)
    }

    /// `GET /api/1/events/{id}`.
    pub(super) fn one_event(&self, call: &Call<'_>, id: &str) -> Outcome {
        let id = super::route::number(id, Dialect::V1)?;
        let mut events = self.events.iter();
        let event = events
            .find(|event| event.id == id && event.visible <= call.now)
            .ok_or_else(|| problem::not_found(Dialect::V1))?;
        Ok(Answer::data(json!([event.for_api(self.account_id)])))
    }
}

/// One page of a v1 list of (id, row), by id; the newest first when `sort` is `-id`.
pub(super) fn key_page(
    call: &Call<'_>,
    tenant: &Tenant,
    mut rows: Vec<(i64, Map<String, Value>)>,
    most: usize,
) -> Outcome {
    let limit = match call.integer("limit")? {
        None => DEFAULT_PAGE.min(most),
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| problem::bad_request(Dialect::V1, "limit is out of range"))?,
    };
    // An ascending sort must be written `%2Bid`; a bare plus arrives as a space.
    let down = match call.param("sort") {
        None | Some("+id" | "id") => false,
        Some("-id") => true,
        Some(other) => {
            return Err(problem::bad_request(
                Dialect::V1,
                &format!("invalid sort field: {other}"),
            ));
        }
    };
    rows.sort_by_key(|(id, _)| if down { -id } else { *id });
    let after = read_cursor(call, tenant, "after_cursor")?;
    let before = read_cursor(call, tenant, "before_cursor")?;
    let beyond = |id: i64, mark: i64| if down { id < mark } else { id > mark };
    let from = after.map_or(0, |mark| rows.partition_point(|(id, _)| !beyond(*id, mark)));
    let from = before.map_or(from, |mark| {
        let end = rows.partition_point(|(id, _)| *id != mark && !beyond(*id, mark));
        end.saturating_sub(limit)
    });
    let total = rows.len();
    let page: Vec<(i64, Map<String, Value>)> = rows.into_iter().skip(from).take(limit).collect();
    let mut pagination = no_more(tenant.settings.last_cursor_empty);
    let mut link = String::new();
    if let Value::Object(pagination) = &mut pagination {
        let mut point = |cursor: &str, link_name: &str, id: i64| {
            let value = STANDARD_NO_PAD.encode(format!("account_id:::{}-##id:::{id}", tenant.account_id));
            let url = format!("{}{}?{cursor}={value}", tenant.base, call.raw_path);
            pagination.insert(cursor.to_owned(), json!(value));
            pagination.insert(link_name.to_owned(), json!(url));
            url
        };
        if let Some((id, _)) = page.last().filter(|_| from + page.len() < total) {
            link = format!("<{}>; rel=\"next\"", point("after_cursor", "next_link", *id));
        }
        if let Some((id, _)) = page.first().filter(|_| from > 0) {
            point("before_cursor", "previous_link", *id);
        }
    }
    let mut answer = envelope(
        pagination,
        page.into_iter().map(|(_, row)| Value::Object(row)).collect(),
    );
    answer.headers.push(("Link", link));
    Ok(answer)
}

fn read_cursor(call: &Call<'_>, tenant: &Tenant, name: &str) -> Result<Option<i64>, Problem> {
    let Some(text) = call.param(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let position = STANDARD_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(text))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|plain| {
            let (account, id) = plain.strip_prefix("account_id:::")?.split_once("-##id:::")?;
            (account == tenant.account_id.to_string())
                .then(|| id.parse().ok())
                .flatten()
        });
    match position {
        Some(id) => Ok(Some(id)),
        None => Err(problem::bad_request(Dialect::V1, "invalid cursor")),
    }
}
