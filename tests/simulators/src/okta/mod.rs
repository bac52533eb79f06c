//! An Okta org: management API, token endpoint, System Log and event hooks, as strict as the vendor.
//!
//! Built from Okta's own pages (Core Okta API, Users, Groups, Roles, System Log query, Event hooks, service apps, DPoP,
//! rate limits, error codes), its OpenAPI document 2026.06.3, and traffic recorded by its SDKs. Where Okta leaves something
//! open, the stricter reading is taken, so that a client which survives here does not depend on luck.
//!
//! ```
//! use rollcall_simulators::okta::{Okta, Status, UserSeed};
//!
//! let now = "2026-03-02T08:00:00Z".parse().unwrap();
//! let okta = Okta::new("00oExampleOrg000001", now);
//! let admin = okta.add_user(UserSeed::active("ada@example.com", "Ada", "Admin")).unwrap();
//! let bob = okta.add_user(UserSeed::active("bob@example.com", "Bob", "Example")).unwrap();
//! okta.admin_suspend(&bob, &admin, now).unwrap();
//! assert_eq!(okta.user_status(&bob), Some(Status::Suspended));
//! assert!(okta.admin_suspend(&bob, &admin, now).is_err(), "a second suspension is refused");
//! ```

mod access;
mod apps;
mod auth;
mod bindings;
mod call;
mod console;
mod events;
mod filter;
mod grants;
mod groups;
mod held;
mod hooks;
mod jwt;
mod lifecycle;
mod limits;
mod listing;
mod logs;
mod oauth;
mod problem;
mod render;
mod roles;
mod route;
mod seed;
mod state;
mod tokens;
mod users;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use self::console::Refused;
pub use self::hooks::{Delivery, DeliveryFailure, Hook, HookRefused, Verification};
pub use self::seed::{SeedError, ServiceApp, UserSeed};
pub use self::state::{BodyStyle, GroupKind, Status};

use self::call::{Answer, Call, Outcome, segments};
use self::events::{Actor, Origin, entity};
use self::limits::{Standing, bucket};
use self::problem::Problem;
use self::state::{Org, whole_millis};
use crate::faults::{Fault, Faults};
use crate::wire::{Counters, Reply, Request, Response, Simulator};

/// One Okta org.
#[derive(Debug)]
pub struct Okta {
    org: Mutex<Org>,
    counters: Arc<Counters>,
    calls: Mutex<Vec<(Method, String)>>,
    faults: Faults,
    /// The moment at which seeded objects were made.
    start: Timestamp,
}

impl Okta {
    /// An org with nobody in it, whose objects are made at `now`. The same id and calls give the same ids again.
    pub fn new(org_id: &str, now: Timestamp) -> Self {
        let start = whole_millis(now);
        let counters = Arc::new(Counters::default());
        Self {
            org: Mutex::new(Org::new(org_id, start, Arc::clone(&counters))),
            counters,
            calls: Mutex::new(Vec::new()),
            faults: Faults::default(),
            start,
        }
    }

    /// Sets the URL that clients use, without a trailing slash: it is in links, and `aud` and `htu` must match it.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut self.org().base);
    }

    /// Accepted changes by name: `deactivate`, `suspend`, `unsuspend`, `activate`, `reactivate`, `delete`, `create`,
    /// `update-profile`, `clear-sessions`, `revoke-grant`, `revoke-client-tokens`, `reset-factors`, `remove-factor`,
    /// `add-member`, `remove-member`, `add-role`, `remove-role`, `revoke-api-token`, `unassign-app`, `unlock`,
    /// `expire-password`, `reset-password`, `create-group`, `update-group`, `delete-group`; consents and tokens one by one.
    /// Console actions count too.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every call so far as (method, path and query), refused ones and those struck by a fault included.
    pub fn calls(&self) -> Vec<(Method, String)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fault switch.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for Okta {
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
        let mut org = self.org();
        org.settle(now);
        let Some(fault) = fault else {
            return Reply::Answer(org.serve(request, now));
        };
        if let Some(reply) = fault.before() {
            return reply;
        }
        let answer = match &fault {
            Fault::RateLimited(ahead) => {
                let reset = now.saturating_add(state::signed(*ahead)).unwrap_or(now).as_second();
                org.too_many(reset, now)
            }
            Fault::RateLimitedUntold => {
                let mut answer = org.too_many(0, now);
                for name in ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"] {
                    answer.headers_mut().remove(name);
                }
                answer
            }
            Fault::ServerError => org.refuse_plainly(&internal_error(), now),
            Fault::ServerErrorAfterExecution => {
                org.serve(request, now);
                org.refuse_plainly(&internal_error(), now)
            }
            Fault::Unavailable => org.refuse_plainly(&unavailable(request.method()), now),
            Fault::TokenExpired => {
                let ssws = request
                    .headers()
                    .get("authorization")
                    .is_some_and(|value| value.as_bytes().starts_with(b"SSWS"));
                let problem = if ssws {
                    problem::invalid_token()
                } else {
                    org.token_refused("The token has expired.")
                };
                org.refuse_plainly(&problem, now)
            }
            Fault::PermissionRemoved if request.uri().path() == oauth::TOKEN_PATH => {
                let problem = Problem::oauth(401, "invalid_client", "The client is not active.");
                org.refuse_plainly(&problem, now)
            }
            Fault::PermissionRemoved => org.refuse_plainly(&problem::forbidden(), now),
            Fault::NonceChanged => match org.nonce_wanted(request, now) {
                Some(problem) => org.refuse_plainly(&problem, now),
                None => org.serve(request, now),
            },
            Fault::EmptyList | Fault::HalfList | Fault::RepeatedPage => {
                let served = org.serve(request, now);
                org.spoiled(&fault, request, served)
            }
            Fault::Timeout
            | Fault::Reset
            | Fault::BadGateway
            | Fault::Html
            | Fault::AnswerLost
            | Fault::Dripping
            | Fault::TruncatedPage => org.serve(request, now),
        };
        fault.after(answer)
    }
}

impl Org {
    /// Authenticates, counts and executes one request.
    fn serve(&mut self, request: &Request, now: Timestamp) -> Response {
        let path = segments(request.uri().path());
        let lane = bucket(request.method(), &path);
        let known = self.authenticate(request, now);
        let open = matches!(path.first().map(String::as_str), Some(".well-known" | "oauth2"));
        let whose = known
            .as_ref()
            .map_or("anonymous", |principal| principal.key.as_str())
            .to_owned();
        let standing = self.limits.count(&whose, lane, now);
        if standing.exceeded {
            if standing.first && known.is_ok() {
                self.report_violation(lane, standing, now);
            }
            return self.refuse(&problem::too_many_requests(), standing, now);
        }
        let outcome = if let Some(problem) = length_required(request) {
            Err(problem)
        } else if open {
            self.open_route(request, &path, now)
        } else {
            known.and_then(|principal| {
                let request_id = self.fresh("Zk0");
                let query = request.uri().query().unwrap_or_default();
                let call = Call {
                    method: request.method(),
                    path,
                    raw_path: request.uri().path(),
                    query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
                    raw_query: query,
                    request,
                    principal,
                    now,
                    request_id,
                };
                self.route(&call)
            })
        };
        match outcome {
            Ok(answer) => self.respond(answer, standing, now),
            Err(problem) => self.refuse(&problem, standing, now),
        }
    }

    /// What needs no authentication.
    fn open_route(&mut self, request: &Request, path: &[String], now: Timestamp) -> Outcome {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method().as_str(), parts.as_slice()) {
            ("GET", [".well-known", "okta-organization"]) => Ok(Answer::ok(json!({
                "id": self.id,
                "_links": { "organization": { "href": self.base } },
                "pipeline": "idx",
            }))),
            ("POST", ["oauth2", "v1", "token"]) => self.token(request, now),
            (_, [".well-known", "okta-organization"] | ["oauth2", "v1", "token"]) => Err(problem::no_such_method()),
            _ => Err(problem::no_such_path()),
        }
    }

    fn report_violation(&mut self, lane: &str, standing: Standing, now: Timestamp) {
        let target = vec![
            entity(lane, "URL Pattern", "unknown", lane),
            entity("bucket", "Bucket Uuid", "unknown", lane),
        ];
        let details = [
            ("urlPattern", lane.to_owned()),
            ("threshold", standing.limit.to_string()),
            ("timeSpan", "1".to_owned()),
            ("timeUnit", "MINUTES".to_owned()),
            (
                "rateLimitSecondsToReset",
                (standing.reset - now.as_second()).to_string(),
            ),
        ];
        let origin = Origin {
            actor: Actor::System("unknown".to_owned()),
            ..Origin::job("unknown".to_owned())
        };
        self.emit("system.org.rate_limit.violation", target, &details, &origin, now);
    }

    fn respond(&mut self, answer: Answer, standing: Standing, now: Timestamp) -> Response {
        let body = answer.body.map(|body| body.to_string()).unwrap_or_default();
        let mut response = self.frame(answer.status, body, standing, now);
        if self.joined_links && !answer.links.is_empty() {
            let joined: Vec<String> = answer
                .links
                .iter()
                .map(|(rel, href)| format!("<{href}>; rel=\"{rel}\""))
                .collect();
            put(&mut response, "link", &joined.join(", "));
        } else {
            for (rel, href) in &answer.links {
                put(&mut response, "link", &format!("<{href}>; rel=\"{rel}\""));
            }
        }
        for (name, value) in &answer.headers {
            put(&mut response, name, value);
        }
        response
    }

    fn refuse(&mut self, problem: &Problem, standing: Standing, now: Timestamp) -> Response {
        let error_id = self.fresh("oae");
        let body = problem
            .body(&error_id)
            .map(|body: Value| body.to_string())
            .unwrap_or_default();
        let mut response = self.frame(problem.status, body, standing, now);
        for (name, value) in &problem.headers {
            put(&mut response, name, value);
        }
        response
    }

    /// A refusal outside of any bucket.
    fn refuse_plainly(&mut self, problem: &Problem, now: Timestamp) -> Response {
        let reset = now
            .saturating_add(SignedDuration::from_secs(60))
            .unwrap_or(now)
            .as_second();
        self.refuse(
            problem,
            Standing {
                limit: 600,
                remaining: 599,
                reset,
                exceeded: false,
                first: false,
            },
            now,
        )
    }

    /// 429 with a reset at that second.
    fn too_many(&mut self, reset: i64, now: Timestamp) -> Response {
        let standing = Standing {
            limit: 600,
            remaining: 0,
            reset,
            exceeded: true,
            first: false,
        };
        self.refuse(&problem::too_many_requests(), standing, now)
    }

    /// The same answer with a wrong list, if it was a list.
    fn spoiled(&self, fault: &Fault, request: &Request, mut response: Response) -> Response {
        let Ok(Value::Array(mut list)) = serde_json::from_slice(response.body()) else {
            return response;
        };
        if !response.status().is_success() {
            return response;
        }
        match fault {
            Fault::RepeatedPage => {
                let target = request
                    .uri()
                    .path_and_query()
                    .map_or("", http::uri::PathAndQuery::as_str);
                response.headers_mut().remove("link");
                put(&mut response, "link", &format!("<{}{target}>; rel=\"next\"", self.base));
            }
            Fault::HalfList => {
                list.truncate(list.len() / 2);
                response.headers_mut().remove("link");
            }
            _ => {
                list.clear();
                response.headers_mut().remove("link");
            }
        }
        *response.body_mut() = Bytes::from(Value::Array(list).to_string());
        response
    }

    /// A response with the headers that all of Okta's have.
    fn frame(&mut self, status: u16, body: String, standing: Standing, now: Timestamp) -> Response {
        let request_id = self.fresh("Zk0");
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        if !response.body().is_empty() {
            put(&mut response, "content-type", "application/json");
        }
        put(&mut response, "x-okta-request-id", &request_id);
        put(&mut response, "cache-control", "no-cache, no-store");
        put(&mut response, "x-rate-limit-limit", &standing.limit.to_string());
        put(&mut response, "x-rate-limit-remaining", &standing.remaining.to_string());
        put(&mut response, "x-rate-limit-reset", &standing.reset.to_string());
        // Clients measure the wait against the server's clock, so the date is the simulator's and not the wall's.
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
        if let Ok(date) = date {
            put(&mut response, "date", &date);
        }
        response
    }
}

/// Adds a header; one that cannot be written is left out.
fn put(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().append(name, value);
    }
}

/// An empty `POST` or `PUT` must say `Content-Length: 0` (Okta, "Core Okta API").
fn length_required(request: &Request) -> Option<Problem> {
    let writes = matches!(*request.method(), Method::POST | Method::PUT);
    let stated =
        request.headers().contains_key("content-length") || request.headers().contains_key("transfer-encoding");
    (writes && !stated && request.body().is_empty()).then(|| Problem::empty(411))
}

fn internal_error() -> Problem {
    Problem::new(500, "E0000009", "Internal Server Error")
}

/// Read-only mode refuses writes; reads meet another kind of 503.
fn unavailable(method: &Method) -> Problem {
    if *method == Method::GET {
        Problem::new(503, "E0000181", "The service is temporarily unavailable.")
    } else {
        Problem::new(503, "E0000010", "Service is in read only mode")
    }
}
