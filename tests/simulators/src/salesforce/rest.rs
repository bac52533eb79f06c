//! From a request to an answer: faults, authentication, routing.

use std::time::Duration;

use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::{self, Answer, Call};
use super::errors::Refusal;
use super::rules::Caller;
use super::state::State;
use super::{Org, Permission, oauth};
use crate::faults::Fault;
use crate::wire::{Reply, Request, Simulator};

/// Longest URI, and URI with headers, in bytes (App Limits Cheat Sheet, "API Request Limits").
const LONGEST_URI: usize = 16_384;
const REVOKE: &str = "/services/oauth2/revoke";

impl Simulator for Org {
    fn answer(&self, request: &Request, now: Timestamp) -> Reply {
        let mut state = self.lock();
        state.now = state.now.max(now);
        let target = request
            .uri()
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str)
            .to_owned();
        state.calls.push((request.method().clone(), target));
        let fault = self.faults.strike(request);
        let oauth = request.uri().path().starts_with("/services/oauth2/");
        if let Some(reply) = fault.as_ref().and_then(Fault::before) {
            return reply;
        }
        let refused = match fault {
            Some(Fault::RateLimited(wait)) => Some(rate_limited(oauth, wait)),
            Some(Fault::RateLimitedUntold) => Some(rate_limited(oauth, Duration::ZERO)),
            Some(Fault::ServerError) => Some(server_error()),
            Some(Fault::Unavailable) => {
                let message = "There was a server-side problem. Please try again later.";
                Some(Refusal::new(503, "SERVER_UNAVAILABLE", message).into())
            }
            // Revoking carries the token to revoke and none of ours: nothing of ours can have expired or been taken away.
            Some(Fault::TokenExpired | Fault::PermissionRemoved) if request.uri().path() == REVOKE => None,
            Some(Fault::TokenExpired) if oauth => Some(oauth::denied(("invalid_grant", "expired authorization code"))),
            Some(Fault::TokenExpired) => Some(Refusal::invalid_session().into()),
            Some(Fault::PermissionRemoved) if oauth => {
                Some(oauth::denied(("invalid_grant", "user hasn't approved this consumer")))
            }
            Some(Fault::PermissionRemoved) => {
                let message = "This feature is not currently enabled for this user type: API";
                Some(Refusal::new(403, "FUNCTIONALITY_NOT_ENABLED", message).into())
            }
            _ => None,
        };
        if let Some(answer) = refused {
            return Reply::Answer(answer.into_response());
        }
        state.advance_jobs();
        let mut answer = state.respond(request);
        for effect in state.commit() {
            self.counters.add(effect);
        }
        drop(state);
        let Some(fault) = fault else {
            return Reply::Answer(answer.into_response());
        };
        if fault == Fault::ServerErrorAfterExecution {
            return Reply::Answer(server_error().into_response());
        }
        if answer.status == 200 {
            spoil(&fault, request, answer.body.as_mut());
        }
        fault.after(answer.into_response())
    }
}

/// REST has no 429: quota trouble is a 403. A short wait stands for too many long calls at once, a long one for the day's quota.
fn rate_limited(oauth: bool, wait: Duration) -> Answer {
    if oauth {
        return Answer::json(
            429,
            json!({ "error": "rate_limit_exceeded", "error_description": "login rate exceeded" }),
        );
    }
    let limit = if wait < Duration::from_hours(1) {
        "ConcurrentPerOrgLongTxn"
    } else {
        "TotalRequests"
    };
    Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", format!("{limit} Limit exceeded.")).into()
}

fn server_error() -> Answer {
    let message = "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345 (1234567890)";
    Refusal::new(500, "UNKNOWN_EXCEPTION", message).into()
}

impl State {
    fn respond(&mut self, request: &Request) -> Answer {
        let target = request
            .uri()
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str);
        let headers: usize = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if target.len() > LONGEST_URI {
            return Answer::text(414, "<html>URI Too Long</html>");
        }
        if target.len() + headers > LONGEST_URI {
            return Answer::text(431, "<html>Request Header Fields Too Large</html>");
        }
        match request.uri().path().trim_end_matches('/') {
            "/services/oauth2/token" => {
                let host = request
                    .headers()
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok())
                    .or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
                let host = host.unwrap_or_default().to_owned();
                self.token_endpoint(request, &host)
            }
            REVOKE => self.revoke_endpoint(request),
            "/services/oauth2/userinfo" => self.userinfo_endpoint(request),
            "/services/data" => {
                let versions: Vec<Value> =
                    call::VERSIONS.map(|number| json!({ "label": format!("API {number}"), "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0") })).collect();
                Answer::json(200, json!(versions))
            }
            _ => self.rest(request, target),
        }
    }

    fn rest(&mut self, request: &Request, target: &str) -> Answer {
        let caller = match self.authenticate(request) {
            Ok(caller) => caller,
            Err(refusal) => return refusal.into(),
        };
        let answer = if self.used_calls() >= self.settings.daily_limit {
            Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").into()
        } else if self.allows(Permission::ApiEnabled) {
            self.use_calls(1);
            self.authenticated(&caller, request, target)
        } else {
            Refusal::new(
                403,
                "API_DISABLED_FOR_ORG",
                "The REST API is not enabled for this Organization.",
            )
            .into()
        };
        let usage = format!("api-usage={}/{}", self.used_calls(), self.settings.daily_limit);
        answer.with("sforce-limit-info", usage)
    }

    fn authenticated(&mut self, caller: &Caller, request: &Request, target: &str) -> Answer {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header("content-type").unwrap_or_default();
        let upload = request.method() == http::Method::PUT && request.uri().path().contains("/jobs/ingest/");
        let wanted = if upload { "text/csv" } else { "application/json" };
        if !request.body().is_empty() && !kind.starts_with(wanted) {
            let message = format!("Content type '{kind}' is not supported.");
            return Refusal::new(415, "UNSUPPORTED_MEDIA_TYPE", message).into();
        }
        let Some(mut call) = Call::at(request.method().clone(), target, request.body().clone()) else {
            return Refusal::not_found().into();
        };
        call.batch = header("sforce-query-options")
            .and_then(|options| options.trim().strip_prefix("batchSize=")?.trim().parse().ok());
        call.modified_since = header("if-modified-since")
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
            .map(|zoned| zoned.timestamp());
        // Assignment rules run unless the call says no.
        self.business.assign =
            !header("sforce-auto-assign").is_some_and(|assign| assign.trim().eq_ignore_ascii_case("false"));
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let answer = match (call.method.as_str(), path.as_slice()) {
            ("POST", ["composite"]) => self.composite(caller, &call),
            // Not to be had inside a composite.
            (_, ["jobs", ..]) => self.jobs(caller, &call),
            _ => self.route(caller, &call),
        };
        answer.unwrap_or_else(Answer::from)
    }

    /// Finds the session behind the bearer token, counts the call on it and extends its life.
    pub(super) fn authenticate(&mut self, request: &Request) -> Result<Caller, Refusal> {
        let Some(header) = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        else {
            return Err(Refusal::new(401, "INVALID_AUTH_HEADER", "INVALID_AUTH_HEADER"));
        };
        let token = header
            .strip_prefix("Bearer ")
            .or_else(|| header.strip_prefix("OAuth "))
            .unwrap_or_default();
        let session = self.tokens.get(token).cloned().ok_or_else(Refusal::invalid_session)?;
        let row = self
            .row("AuthSession", &session)
            .filter(|row| self.session_lives(row))
            .ok_or_else(Refusal::invalid_session)?;
        let user = row
            .get("UsersId")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let calls = row.get("_Calls").and_then(Value::as_u64).unwrap_or(0);
        if self.settings.calls_per_token.is_some_and(|most| calls >= most) {
            self.remove("AuthSession", &session);
            return Err(Refusal::invalid_session());
        }
        self.set(
            "AuthSession",
            &session,
            json!({ "_Calls": calls + 1, "LastModifiedDate": super::time::wire(self.now) }),
        );
        Ok(Caller { user, session })
    }

    /// One REST call; also what a composite runs for each of its parts.
    pub(super) fn route(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
        let version = call.version.clone();
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", []) => {
                let links: serde_json::Map<String, Value> = ["composite", "limits", "query", "sobjects"]
                    .into_iter()
                    .map(|name| (name.to_owned(), json!(format!("/services/data/{version}/{name}"))))
                    .collect();
                Ok(Answer::json(200, Value::Object(links)))
            }
            ("GET", ["limits"]) => Ok(Answer::json(200, self.limits())),
            ("GET", [verb @ ("query" | "queryAll")]) => {
                let source = call
                    .query
                    .get("q")
                    .ok_or_else(|| Refusal::new(400, "MALFORMED_QUERY", "SOQL query string is missing"))?;
                self.run_query(caller, &version, source, call.batch, *verb == "queryAll")
                    .map(|body| Answer::json(200, body))
            }
            ("GET", ["query" | "queryAll", place]) => self
                .next_page(caller, &version, place)
                .map(|body| Answer::json(200, body)),
            ("GET", ["sobjects"]) => {
                let all: Vec<Value> = self.schema.all().map(|object| object.summary(&version)).collect();
                Ok(self.dated(
                    call,
                    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all }),
                ))
            }
            ("GET", ["sobjects", object]) => {
                let summary = self.object(object)?.summary(&version);
                Ok(Answer::json(
                    200,
                    json!({ "objectDescribe": summary, "recentItems": [] }),
                ))
            }
            ("GET", ["sobjects", object, "describe"]) => self.describe(call, object),
            ("POST", ["sobjects", object]) => {
                let id = self.create_record(caller, object, &call.object()?)?;
                let location = format!("/services/data/{version}/sobjects/{object}/{id}");
                Ok(Answer::json(201, json!({ "id": id, "success": true, "errors": [] })).with("location", location))
            }
            ("GET", ["sobjects", object, id]) => self
                .read_record(
                    caller,
                    &version,
                    object,
                    id,
                    call.query.get("fields").map(String::as_str),
                )
                .map(|body| Answer::json(200, body)),
            ("PATCH", ["sobjects", object, id]) => self
                .update_record(caller, object, id, &call.object()?)
                .map(|_| Answer::empty(204)),
            ("DELETE", ["sobjects", object, id]) => self.delete_record(caller, object, id).map(|_| Answer::empty(204)),
            (_, ["composite", "sobjects", ..]) => self.collections(caller, call).map(|body| Answer::json(200, body)),
            (method, ["limits" | "query" | "queryAll", ..]) => Err(Refusal::method_not_allowed(method, "GET,HEAD")),
            (method, ["sobjects", _]) => Err(Refusal::method_not_allowed(method, "GET,HEAD,POST")),
            (method, ["sobjects", _, _]) => Err(Refusal::method_not_allowed(method, "DELETE,GET,HEAD,PATCH,POST")),
            _ => Err(Refusal::not_found()),
        }
    }

    fn describe(&self, call: &Call, object: &str) -> Result<Answer, Refusal> {
        let body = self.object(object)?.describe(&call.version, &self.schema);
        Ok(self.dated(call, body))
    }

    /// A description, or 304 when the caller has the present one.
    fn dated(&self, call: &Call, body: Value) -> Answer {
        let moment = self.described();
        let modified = moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let unchanged = call
            .modified_since
            .is_some_and(|since| since.as_second() >= moment.as_second());
        let answer = if unchanged {
            Answer::empty(304)
        } else {
            Answer::json(200, body)
        };
        answer.with("last-modified", modified)
    }

    fn limits(&self) -> Value {
        let daily = self.settings.daily_limit;
        json!({
            "DailyApiRequests": { "Max": daily, "Remaining": daily.saturating_sub(self.used_calls()) },
            "DailyBulkApiBatches": { "Max": 15_000, "Remaining": 15_000_usize.saturating_sub(self.bulk.batches_used) },
            "DailyBulkV2QueryFileStorageMB": { "Max": 976_562, "Remaining": 976_562 },
            "DailyBulkV2QueryJobs": { "Max": 10_000, "Remaining": 10_000_usize.saturating_sub(self.bulk.queries_used) },
            "DataStorageMB": { "Max": 1073, "Remaining": 611 },
        })
    }
}

/// Makes a list of records wrong, and every such list among the parts of a composite answer.
fn spoil(fault: &Fault, request: &Request, body: Option<&mut Value>) {
    let Some(body) = body else { return };
    if let Some(parts) = body.get_mut("compositeResponse").and_then(Value::as_array_mut) {
        // A part that repeats itself would need an address of its own, which a query without more pages has not.
        if *fault != Fault::RepeatedPage {
            for part in parts {
                spoil(fault, request, part.get_mut("body"));
            }
        }
        return;
    }
    let Some(records) = body.get_mut("records").and_then(Value::as_array_mut) else {
        return;
    };
    match fault {
        Fault::EmptyList => *body = json!({ "totalSize": 0, "done": true, "records": [] }),
        Fault::HalfList => {
            // The total is not touched: it says how many there are.
            records.truncate(records.len() / 2);
            body["done"] = json!(true);
            if let Some(body) = body.as_object_mut() {
                body.remove("nextRecordsUrl");
            }
        }
        Fault::RepeatedPage => {
            body["done"] = json!(false);
            body["nextRecordsUrl"] = json!(request.uri().path_and_query().map(ToString::to_string));
        }
        _ => {}
    }
}
