//! A OneLogin account: token endpoint, both halves of the management API, Events API and event webhooks.
//!
//! Built from OneLogin's own pages (OAuth 2.0 tokens, users, roles, privileges, events, event webhooks, query parameters),
//! its SDKs, and published recordings of its traffic. Where the vendor leaves something open, the stricter reading is taken,
//! or a switch chooses; each switch says what is uncertain.
//!
//! ```
//! use rollcall_simulators::onelogin::{OneLogin, Status, UserSeed};
//!
//! let now = "2026-11-20T09:00:00Z".parse().unwrap();
//! let onelogin = OneLogin::new(424_242, now);
//! let admin = onelogin.add_user(UserSeed::active("ada@example.com", "Ada", "Admin"));
//! let bob = onelogin.add_user(UserSeed::active("bob@example.com", "Bob", "Example"));
//! onelogin.admin_suspend(bob, admin, now).unwrap();
//! assert_eq!(onelogin.status_of(bob), Some(Status::Suspended));
//! assert!(onelogin.admin_suspend(bob, admin, now).is_err(), "a second suspension is refused");
//! ```

mod auth;
mod call;
mod change;
mod events;
mod limits;
mod logs;
mod mfa;
mod people;
mod portal;
mod privileges;
mod problem;
mod query;
mod roles;
mod route;
mod seed;
mod settings;
mod state;
mod users;
mod webhooks;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::events::{EventClass, EventSource};
pub use self::portal::Refused;
pub use self::seed::UserSeed;
pub use self::state::{ClientCredential, MappingAction, Scope, State, Status};
pub use self::webhooks::{Delivery, DeliveryFailure, Format, Webhook};

use self::call::{Answer, Outcome};
use self::limits::Standing;
use self::problem::{Dialect, Problem};
use self::state::{Tenant, signed, whole_millis};
use crate::faults::{Fault, Faults};
use crate::wire::{Counters, Reply, Request, Response, Simulator};

/// One OneLogin account.
#[derive(Debug)]
pub struct OneLogin {
    tenant: Mutex<Tenant>,
    counters: Arc<Counters>,
    calls: Mutex<Vec<(Method, String)>>,
    faults: Faults,
    /// The moment at which seeded objects were made.
    start: Timestamp,
}

impl OneLogin {
    /// An account with nobody in it, whose objects are made at `now`. The same calls give the same ids again.
    pub fn new(account_id: u64, now: Timestamp) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            tenant: Mutex::new(Tenant::new(account_id, Arc::clone(&counters))),
            counters,
            calls: Mutex::new(Vec::new()),
            faults: Faults::default(),
            start: whole_millis(now),
        }
    }

    /// Sets the URL that clients use, without a trailing slash. Its first label is the subdomain.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut self.tenant().base);
    }

    /// The URL that clients use.
    pub fn base_url(&self) -> String {
        self.tenant().base.clone()
    }

    /// The account's number, as in tokens and events.
    pub fn account_id(&self) -> u64 {
        self.tenant().account_id
    }

    /// Accepted changes by name: `create`, `update`, `suspend`, `unsuspend`, `activate`, `deactivate`, `lock`, `unlock`,
    /// `delete`, `logout` (only when a session in the portal ended), `set-state`, `set-group`, `set-password`,
    /// `set-custom-attributes`, `add-role`, `remove-role`, `add-role-admin`, `remove-role-admin`, `grant-privilege`,
    /// `revoke-privilege`, `remove-device`, `create-role`, `update-role`, `delete-role`, `create-privilege`,
    /// `update-privilege`, `delete-privilege`, `issue-token`, `revoke-token`. The portal's, mappings' and directories'
    /// changes count too.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every call so far as (method, path and query), refused ones and those struck by a fault included.
    pub fn calls(&self) -> Vec<(Method, String)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault switch.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for OneLogin {
    fn answer(&self, request: &Request, now: Timestamp) -> Reply {
        let now = whole_millis(now);
        let target = request
            .uri()
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((request.method().clone(), target));
        let fault = self.faults.strike(request);
        let mut tenant = self.tenant();
        tenant.settle(now);
        let Some(fault) = fault else {
            return Reply::Answer(tenant.serve(request, now));
        };
        if let Some(reply) = fault.before() {
            return reply;
        }
        let dialect = dialect(request);
        let answer = match &fault {
            Fault::RateLimited(ahead) => {
                let standing = (dialect == Dialect::V1).then(|| Standing {
                    limit: 5_000,
                    remaining: 0,
                    reset: signed(*ahead).as_secs(),
                    exceeded: true,
                });
                respond(Err(tenant.over_limit(dialect)), standing, now)
            }
            Fault::RateLimitedUntold => respond(Err(tenant.over_limit(dialect)), None, now),
            Fault::ServerError => respond(Err(problem::internal(dialect)), None, now),
            Fault::ServerErrorAfterExecution => {
                tenant.serve(request, now);
                respond(Err(problem::internal(dialect)), None, now)
            }
            Fault::Unavailable => respond(Err(problem::unavailable(dialect)), None, now),
            Fault::TokenExpired => {
                tenant.expire_token(request);
                respond(Err(problem::unauthorized(dialect)), None, now)
            }
            Fault::PermissionRemoved => respond(Err(problem::out_of_scope(dialect, 401)), None, now),
            Fault::EmptyList | Fault::HalfList | Fault::RepeatedPage => {
                spoiled(&fault, request, tenant.serve(request, now))
            }
            Fault::Timeout
            | Fault::Reset
            | Fault::BadGateway
            | Fault::Html
            | Fault::AnswerLost
            | Fault::Dripping
            | Fault::TruncatedPage
            | Fault::NonceChanged => tenant.serve(request, now),
        };
        fault.after(answer)
    }
}

impl Tenant {
    /// Executes one request.
    fn serve(&mut self, request: &Request, now: Timestamp) -> Response {
        let path = call::segments(request.uri().path());
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let (outcome, standing) = match parts.as_slice() {
            ["auth", below @ ..] => (self.auth(request, below, now), None),
            ["api", "1", below @ ..] => {
                let standing = self.limits.count(now);
                let outcome = if standing.exceeded {
                    Err(self.over_limit(Dialect::V1))
                } else {
                    self.route(request, Dialect::V1, below, now)
                };
                (outcome, Some(standing))
            }
            ["api", "2", below @ ..] => (self.route(request, Dialect::V2, below, now), None),
            _ => (Err(problem::no_route(Dialect::V1)), None),
        };
        respond(outcome, standing, now)
    }

    /// 429 with the chosen body.
    fn over_limit(&self, dialect: Dialect) -> Problem {
        match &self.limits.refusal {
            Some(body) => Problem {
                status: 429,
                body: body.clone(),
            },
            None => problem::too_many(dialect),
        }
    }
}

fn dialect(request: &Request) -> Dialect {
    if request.uri().path().starts_with("/api/2/") {
        Dialect::V2
    } else {
        Dialect::V1
    }
}

fn respond(outcome: Outcome, standing: Option<Standing>, now: Timestamp) -> Response {
    let answer = outcome.unwrap_or_else(|problem| Answer::with(problem.status, problem.body));
    let text = answer.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or_default();
    if !response.body().is_empty() {
        put(&mut response, "content-type", "application/json; charset=utf-8");
    }
    for (name, value) in &answer.headers {
        put(&mut response, name, value);
    }
    if let Some(standing) = standing
        && let Value::Object(headers) = standing.data()
    {
        for (name, value) in headers {
            put(&mut response, &name, &value.to_string());
        }
    }
    // Clients measure waits against the server's clock, so the date is the simulator's and not the wall's.
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Ok(date) = date {
        put(&mut response, "date", &date);
    }
    response
}

/// Adds a header; one that cannot be written is left out.
fn put(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().append(name, value);
    }
}

/// The same answer with a wrong list, if it was a list.
fn spoiled(fault: &Fault, request: &Request, mut response: Response) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let wrong = |list: &mut Vec<Value>| match fault {
        Fault::EmptyList => list.clear(),
        Fault::HalfList => list.truncate(list.len() / 2),
        _ => {}
    };
    let repeated = *fault == Fault::RepeatedPage;
    match serde_json::from_slice(response.body()) {
        Ok(Value::Array(mut list)) => {
            wrong(&mut list);
            *response.body_mut() = Bytes::from(Value::Array(list).to_string());
            response.headers_mut().remove("after-cursor");
            response.headers_mut().remove("link");
            let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
            if let (true, Some(limit), Some(page)) = (repeated, number("page-items"), number("current-page")) {
                put(&mut response, "after-cursor", &call::write_cursor(limit, page));
            }
        }
        Ok(Value::Object(mut body)) => {
            let Some(Value::Array(list)) = body.get_mut("data") else {
                return response;
            };
            wrong(list);
            if let Some(pagination) = body.get_mut("pagination") {
                let own = parameter(request, "after_cursor");
                match (own, repeated) {
                    (Some(cursor), true) => {
                        pagination["after_cursor"] = json!(cursor);
                        pagination["next_link"] = json!(request.uri().to_string());
                    }
                    // The first page of a v1 list has no cursor that would lead to it.
                    (None, true) => {}
                    _ => *pagination = logs::no_more(false),
                }
            }
            *response.body_mut() = Bytes::from(Value::Object(body).to_string());
        }
        _ => {}
    }
    response
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
