//! Calls to one account: token, renewal, limits, pages, and whether a missing user is really gone.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rollcall_model::{Call, Executed, Failure, HttpResponse};
use rollcall_runtime::clock::plus;
use serde_json::Value;
use tokio::sync::Mutex;

use super::OneLoginSettings;
use super::retry::{self, Refusal};
use super::rights::{Kept, Privilege, Role};
use super::token::{self, Access, Refused};
use crate::encode::percent;
use crate::exchange::{Exchange, header, json, number, request};
use crate::pace::Pace;

/// The quota that v1 tells of: one counter for all credentials of the account.
const V1_QUOTA: &str = "the account's hourly v1 requests";
/// v2 tells nothing today; what it might tell is kept apart.
const V2_QUOTA: &str = "the account's v2 requests";
/// No list that is read here is longer than this many pages.
const MOST_PAGES: usize = 200;

#[derive(Default)]
struct SignIn {
    access: Option<Access>,
    wrong_tenant: Option<String>,
    generation: u64,
}

/// A list as far as it could be read.
pub(super) struct Listed {
    /// Each row once, in order of id.
    pub(super) rows: Vec<Value>,
    /// False when rows moved while it was read, twice.
    pub(super) whole: bool,
}

/// A client of one account.
pub(super) struct Client {
    pub(super) settings: OneLoginSettings,
    pub(super) exchange: Exchange,
    pace: Pace,
    sign_in: Mutex<SignIn>,
    pub(super) privileges: Kept<Vec<Privilege>>,
    pub(super) roles: Kept<BTreeMap<String, Role>>,
    pub(super) groups: Kept<BTreeMap<String, String>>,
}

impl Client {
    pub(super) fn new(settings: OneLoginSettings, exchange: Exchange) -> Self {
        Self {
            pace: Pace::of(settings.connection.as_str()),
            settings,
            exchange,
            sign_in: Mutex::default(),
            privileges: Kept::default(),
            roles: Kept::default(),
            groups: Kept::default(),
        }
    }

    /// Whether this user stands behind a credential of ours.
    pub(super) fn is_own(&self, id: &str) -> bool {
        self.settings.own_user_ids.iter().any(|own| own == id)
    }

    /// Gets a token, so that calls made side by side afterwards do not each try when it fails.
    pub(super) async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.access(call).await.map(drop)
    }

    async fn access(&self, call: &Call) -> Result<Access, Failure> {
        let mut sign_in = self.sign_in.lock().await;
        if let Some(why) = &sign_in.wrong_tenant {
            return Err(Failure::credential(why.clone()));
        }
        let now = self.exchange.clock.now();
        if let Some(access) = sign_in.access.as_ref().filter(|access| now < access.ends) {
            return Ok(access.clone());
        }
        sign_in.access = None;
        let generation = sign_in.generation + 1;
        match token::grant(&self.exchange, &self.settings, call, generation).await {
            Ok(access) => {
                sign_in.generation = generation;
                sign_in.access = Some(access.clone());
                Ok(access)
            }
            Err(Refused::Call(failure)) => Err(failure),
            Err(Refused::Broken(failure)) => Err(if self.knows_strangers(call).await {
                ownerless(&failure)
            } else {
                failure
            }),
            Err(Refused::WrongTenant(why)) => {
                sign_in.wrong_tenant = Some(why.clone());
                Err(Failure::credential(why))
            }
        }
    }

    /// Calls one path. 2xx, 400, 403, 404 and 422 come back as they are; everything else is a failure. A refused token is
    /// renewed once; a 401 was certainly not executed, so a write may be sent again.
    pub(super) async fn answer(
        &self,
        call: &Call,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<HttpResponse, Failure> {
        self.pace.admit(quota(path), call.lane, self.exchange.clock.now())?;
        let mut access = self.access(call).await?;
        let mut renewed = false;
        loop {
            let response = self.signed(call, what, &method, path, body, &access).await?;
            self.learn(path, &response);
            match response.status().as_u16() {
                200..=299 | 400 | 403 | 404 | 422 => return Ok(response),
                401 if !renewed && !Refusal::of(&response).is_scope() => {
                    renewed = true;
                    self.forget(access.generation).await;
                    let next = self.access(call).await?;
                    if next.authorization == access.authorization {
                        // The vendor stands by this very token, so what is refused is what it was used for.
                        return Err(retry::scope(&format!("{what}: OneLogin answered 401")));
                    }
                    access = next;
                }
                500 => {
                    let failure = of_method(&method, retry::failure(what, &response));
                    return Err(self.diagnosed(call, failure, &access).await);
                }
                _ => return Err(of_method(&method, retry::failure(what, &response))),
            }
        }
    }

    async fn signed(
        &self,
        call: &Call,
        what: &str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        access: &Access,
    ) -> Result<HttpResponse, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers.insert("authorization", access.authorization.clone());
        if body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let request = request(method.clone(), &self.address(path), headers, bytes)?;
        self.exchange.send(call, what, request).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base_url.trim_end_matches('/'))
    }

    async fn forget(&self, generation: u64) {
        let mut sign_in = self.sign_in.lock().await;
        if sign_in.generation == generation {
            sign_in.access = None;
        }
    }

    /// Whether a 500 is one answer of a vendor in trouble, or all that a credential without an owner ever gets
    /// (OneLogin, "Generate Tokens": the credential of a deleted user breaks, calls answer 500).
    async fn diagnosed(&self, call: &Call, failure: Failure, access: &Access) -> Failure {
        let what = "asking for the rate limit";
        let other = self
            .signed(call, what, &Method::GET, "/auth/rate_limit", None, access)
            .await;
        let broken = other.is_ok_and(|other| other.status() == StatusCode::INTERNAL_SERVER_ERROR);
        if broken && self.knows_strangers(call).await {
            ownerless(&failure)
        } else {
            failure
        }
    }

    /// Whether a call without any credential is refused in good order, while ours are answered 500.
    async fn knows_strangers(&self, call: &Call) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let Ok(request) = request(Method::GET, &self.address("/api/2/users?limit=1"), headers, "") else {
            return false;
        };
        let answer = self.exchange.send(call, "calling without a credential", request).await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::UNAUTHORIZED)
    }

    /// Reads one address. `None` for 404.
    pub(super) async fn get(&self, call: &Call, what: &str, path: &str) -> Result<Option<Value>, Failure> {
        let response = self.answer(call, what, Method::GET, path, None).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => json(what, &response, true).map(Some),
            _ => Err(of_method(&Method::GET, retry::failure(what, &response))),
        }
    }

    /// Reads a v2 list to its end. Pages are offsets (the cursor is `limit` and `page` in base64), so rows move when others
    /// come or go meanwhile: a list that moved is read once more and both readings are one.
    pub(super) async fn list(&self, call: &Call, what: &str, path: &str) -> Result<Listed, Failure> {
        let mut rows = BTreeMap::new();
        for _ in 0..2 {
            if self.sweep(call, what, path, &mut rows).await? {
                let rows = rows.into_values().collect();
                return Ok(Listed { rows, whole: true });
            }
        }
        Ok(Listed {
            rows: rows.into_values().collect(),
            whole: false,
        })
    }

    /// One reading; true when nothing moved.
    async fn sweep(
        &self,
        call: &Call,
        what: &str,
        path: &str,
        rows: &mut BTreeMap<String, Value>,
    ) -> Result<bool, Failure> {
        let mut cursor = None;
        let mut totals = Vec::new();
        let mut seen = 0;
        for _ in 0..MOST_PAGES {
            let page = self.page(call, what, path, cursor.as_deref()).await?;
            seen += page.rows.len();
            totals.push(page.total);
            for row in page.rows {
                if let Some(id) = id_text(row.get("id")) {
                    rows.insert(id, row);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                totals.dedup();
                return Ok(match totals.as_slice() {
                    // Without a total, a row that comes twice is all that shows a move.
                    [None] => seen == rows.len(),
                    [Some(total)] => *total <= rows.len(),
                    _ => false,
                });
            }
        }
        Err(Failure::give_up(format!(
            "{what}: the list does not end after {MOST_PAGES} pages"
        )))
    }

    /// One page of a v2 list. A cursor carries no filters, so they are repeated with it.
    pub(super) async fn page(
        &self,
        call: &Call,
        what: &str,
        path: &str,
        cursor: Option<&str>,
    ) -> Result<RawPage, Failure> {
        let path = match cursor {
            Some(cursor) => with_parameter(path, "cursor", cursor),
            None => path.to_owned(),
        };
        let response = self.answer(call, what, Method::GET, &path, None).await?;
        if !response.status().is_success() {
            return Err(of_method(&Method::GET, retry::failure(what, &response)));
        }
        let Value::Array(rows) = json(what, &response, true)? else {
            return Err(Failure::retry(format!("{what}: the answer is not a list")));
        };
        Ok(RawPage {
            rows,
            next: header(&response, "after-cursor")
                .filter(|cursor| !cursor.is_empty())
                .map(str::to_owned),
            total: number(&response, "total-count").and_then(|total| usize::try_from(total).ok()),
        })
    }

    fn learn(&self, path: &str, response: &HttpResponse) {
        let count = |name: &str| number(response, name).and_then(|count| u64::try_from(count).ok());
        if let (Some(limit), Some(remaining), Some(reset)) = (
            count("x-ratelimit-limit"),
            count("x-ratelimit-remaining"),
            retry::reset(response),
        ) {
            let now = self.exchange.clock.now();
            self.pace.learn(quota(path), limit, remaining, plus(now, reset), now);
        }
    }
}

/// A page as it came.
pub(super) struct RawPage {
    pub(super) rows: Vec<Value>,
    pub(super) next: Option<String>,
    pub(super) total: Option<usize>,
}

fn quota(path: &str) -> &'static str {
    if path.starts_with("/api/1/") {
        V1_QUOTA
    } else {
        V2_QUOTA
    }
}

/// The path with one more parameter.
pub(super) fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{name}={}", percent(value))
}

/// A read changes nothing even when it is executed.
fn of_method(method: &Method, mut failure: Failure) -> Failure {
    if method == Method::GET {
        failure.executed = Executed::No;
    }
    failure
}

/// An id as text. Ids are numbers of up to 64 bits, and in places texts.
pub(super) fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    }
}

/// Ids are digits; anything else in a path would be another address.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ownerless(failure: &Failure) -> Failure {
    let mut dead = Failure::credential(format!(
        "{}, and so it answers every call of this credential while it refuses calls without one in good order: the user who \
         made the credential was probably deleted, make a new one as a service account",
        failure.reason
    ));
    dead.executed = failure.executed;
    dead.request_id.clone_from(&failure.request_id);
    dead
}
