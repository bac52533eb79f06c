//! Every endpoint that the simulators have, as method and path, and a way to write down which of them were asked.
//!
//! The routers decide by patterns over the parts of a path, which nothing can list; this list stands beside them. Two checks keep
//! both together: `tests/fidelity/coverage.py` fails when a router does not answer a line, answers a path that no line has, or knows a
//! word that no line has.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use http::header::USER_AGENT;
use jiff::Timestamp;
use serde_json::json;

use crate::wire::{Reply, Request, Simulator};

/// Method (`*` for any) and path; a part in braces stands for any one.
pub type Line = (&'static str, &'static str);

/// A vendor whose endpoints are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Okta.
    Okta,
    /// OneLogin.
    OneLogin,
    /// Salesforce.
    Salesforce,
    /// Slack.
    Slack,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Okta, Self::OneLogin, Self::Salesforce, Self::Slack];

    /// The endpoints of this vendor's simulator.
    pub const fn routes(self) -> &'static [Line] {
        match self {
            Self::Okta => OKTA,
            Self::OneLogin => ONELOGIN,
            Self::Salesforce => SALESFORCE,
            Self::Slack => SLACK,
        }
    }

    /// The line of the list that a call belongs to: of those that fit, the one with the most words of its own.
    pub fn route(self, method: &Method, path: &str) -> Option<Line> {
        let fits = |line: &&Line| (line.0 == "*" || line.0 == method.as_str()) && fit(line.1, path);
        let words = |line: &&Line| line.1.split('/').filter(|part| !part.starts_with('{')).count();
        self.routes().iter().filter(fits).max_by_key(words).copied()
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Okta => "okta",
            Self::OneLogin => "onelogin",
            Self::Salesforce => "salesforce",
            Self::Slack => "slack",
        })
    }
}

fn fit(template: &str, path: &str) -> bool {
    let mut parts = path.trim_end_matches('/').split('/');
    let all = template.split('/').all(|wanted| {
        parts
            .next()
            .is_some_and(|part| wanted.eq_ignore_ascii_case(part) || (wanted.starts_with('{') && !part.is_empty()))
    });
    all && parts.next().is_none()
}

/// Every endpoint as a line of text: vendor, method, path.
pub fn list() -> String {
    let mut text = String::new();
    for vendor in Vendor::ALL {
        for (method, path) in vendor.routes() {
            // Writing into a string cannot fail.
            let _always = writeln!(text, "{vendor} {method} {path}");
        }
    }
    text
}

/// A simulator whose calls are written down, one line of JSON each: vendor, method, path without its query, the line of the list it
/// belongs to (`null` when it has none), status (`null` when nothing came back), and what the client calls itself.
pub struct Recorded<W> {
    /// Whose endpoints they are.
    pub vendor: Vendor,
    /// Who answers.
    pub simulator: Arc<dyn Simulator>,
    /// Where the lines go.
    pub into: Arc<Mutex<W>>,
}

impl<W: Write + Send + 'static> Simulator for Recorded<W> {
    fn answer(&self, request: &Request, now: Timestamp) -> Reply {
        let reply = self.simulator.answer(request, now);
        let status = match &reply {
            Reply::Answer(response)
            | Reply::Late(_, response)
            | Reply::Truncated(response, _)
            | Reply::Dripping(response) => Some(response.status().as_u16()),
            Reply::Silence | Reply::Reset => None,
        };
        let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let path = request.uri().path();
        let line = json!({
            "vendor": self.vendor.to_string(), "method": request.method().as_str(), "path": path,
            "route": self.vendor.route(request.method(), path).map(|line| line.1), "status": status, "agent": agent,
        });
        let mut into = self.into.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(into, "{line}").and_then(|()| into.flush()) {
            tracing::error!(%error, "a call could not be written down");
        }
        reply
    }
}

const OKTA: &[Line] = &[
    ("GET", "/.well-known/okta-organization"),
    ("POST", "/oauth2/v1/token"),
    ("GET", "/api/v1/users"),
    ("POST", "/api/v1/users"),
    ("GET", "/api/v1/users/{id}"),
    ("POST", "/api/v1/users/{id}"),
    ("PUT", "/api/v1/users/{id}"),
    ("DELETE", "/api/v1/users/{id}"),
    ("POST", "/api/v1/users/{id}/lifecycle/activate"),
    ("POST", "/api/v1/users/{id}/lifecycle/reactivate"),
    ("POST", "/api/v1/users/{id}/lifecycle/deactivate"),
    ("POST", "/api/v1/users/{id}/lifecycle/suspend"),
    ("POST", "/api/v1/users/{id}/lifecycle/unsuspend"),
    ("POST", "/api/v1/users/{id}/lifecycle/unlock"),
    ("POST", "/api/v1/users/{id}/lifecycle/reset_factors"),
    ("POST", "/api/v1/users/{id}/lifecycle/expire_password"),
    ("POST", "/api/v1/users/{id}/lifecycle/reset_password"),
    ("DELETE", "/api/v1/users/{id}/sessions"),
    ("GET", "/api/v1/users/{id}/grants"),
    ("DELETE", "/api/v1/users/{id}/grants"),
    ("GET", "/api/v1/users/{id}/grants/{grant}"),
    ("DELETE", "/api/v1/users/{id}/grants/{grant}"),
    ("GET", "/api/v1/users/{id}/clients"),
    ("DELETE", "/api/v1/users/{id}/clients/{client}/tokens"),
    ("GET", "/api/v1/users/{id}/factors"),
    ("DELETE", "/api/v1/users/{id}/factors/{factor}"),
    ("GET", "/api/v1/users/{id}/groups"),
    ("GET", "/api/v1/users/{id}/roles"),
    ("POST", "/api/v1/users/{id}/roles"),
    ("GET", "/api/v1/users/{id}/roles/{role}"),
    ("DELETE", "/api/v1/users/{id}/roles/{role}"),
    ("GET", "/api/v1/users/{id}/linkedObjects/{relationship}"),
    ("GET", "/api/v1/groups"),
    ("POST", "/api/v1/groups"),
    ("GET", "/api/v1/groups/rules"),
    ("GET", "/api/v1/groups/{id}"),
    ("PUT", "/api/v1/groups/{id}"),
    ("DELETE", "/api/v1/groups/{id}"),
    ("GET", "/api/v1/groups/{id}/users"),
    ("PUT", "/api/v1/groups/{id}/users/{user}"),
    ("DELETE", "/api/v1/groups/{id}/users/{user}"),
    ("GET", "/api/v1/apps"),
    ("GET", "/api/v1/apps/{id}"),
    ("GET", "/api/v1/apps/{id}/users"),
    ("GET", "/api/v1/apps/{id}/users/{user}"),
    ("DELETE", "/api/v1/apps/{id}/users/{user}"),
    ("GET", "/api/v1/iam/assignees/users"),
    ("GET", "/api/v1/iam/resource-sets/{set}/bindings/{role}/members"),
    (
        "GET",
        "/api/v1/iam/resource-sets/{set}/bindings/{role}/members/{member}",
    ),
    (
        "DELETE",
        "/api/v1/iam/resource-sets/{set}/bindings/{role}/members/{member}",
    ),
    ("GET", "/api/v1/logs"),
    ("GET", "/api/v1/api-tokens"),
    ("GET", "/api/v1/api-tokens/{id}"),
    ("DELETE", "/api/v1/api-tokens/{id}"),
    ("DELETE", "/api/v1/api-tokens/current"),
];

const ONELOGIN: &[Line] = &[
    ("POST", "/auth/oauth2/v2/token"),
    ("POST", "/auth/oauth2/token"),
    ("POST", "/auth/oauth2/revoke"),
    ("GET", "/auth/rate_limit"),
    ("GET", "/api/1/events"),
    ("GET", "/api/1/events/types"),
    ("GET", "/api/1/events/{id}"),
    ("GET", "/api/1/users"),
    ("POST", "/api/1/users"),
    ("GET", "/api/1/users/custom_attributes"),
    ("PUT", "/api/1/users/set_password_clear_text/{id}"),
    ("GET", "/api/1/users/{id}"),
    ("PUT", "/api/1/users/{id}"),
    ("DELETE", "/api/1/users/{id}"),
    ("GET", "/api/1/users/{id}/roles"),
    ("GET", "/api/1/users/{id}/apps"),
    ("PUT", "/api/1/users/{id}/set_state"),
    ("PUT", "/api/1/users/{id}/lock_user"),
    ("PUT", "/api/1/users/{id}/logout"),
    ("PUT", "/api/1/users/{id}/add_roles"),
    ("PUT", "/api/1/users/{id}/remove_roles"),
    ("PUT", "/api/1/users/{id}/set_custom_attributes"),
    ("GET", "/api/1/roles"),
    ("GET", "/api/1/roles/{id}"),
    ("GET", "/api/1/groups"),
    ("GET", "/api/1/groups/{id}"),
    ("GET", "/api/1/privileges"),
    ("POST", "/api/1/privileges"),
    ("GET", "/api/1/privileges/{id}"),
    ("PUT", "/api/1/privileges/{id}"),
    ("DELETE", "/api/1/privileges/{id}"),
    ("GET", "/api/1/privileges/{id}/users"),
    ("GET", "/api/1/privileges/{id}/roles"),
    ("POST", "/api/1/privileges/{id}/users"),
    ("POST", "/api/1/privileges/{id}/roles"),
    ("DELETE", "/api/1/privileges/{id}/users/{user}"),
    ("DELETE", "/api/1/privileges/{id}/roles/{role}"),
    ("GET", "/api/2/users"),
    ("POST", "/api/2/users"),
    ("GET", "/api/2/users/custom_attributes"),
    ("GET", "/api/2/users/{id}"),
    ("PUT", "/api/2/users/{id}"),
    ("DELETE", "/api/2/users/{id}"),
    ("POST", "/api/2/users/{id}/unlock"),
    ("GET", "/api/2/users/{id}/apps"),
    ("GET", "/api/2/roles"),
    ("POST", "/api/2/roles"),
    ("GET", "/api/2/roles/{id}"),
    ("PUT", "/api/2/roles/{id}"),
    ("DELETE", "/api/2/roles/{id}"),
    ("GET", "/api/2/roles/{id}/users"),
    ("POST", "/api/2/roles/{id}/users"),
    ("DELETE", "/api/2/roles/{id}/users"),
    ("GET", "/api/2/roles/{id}/admins"),
    ("POST", "/api/2/roles/{id}/admins"),
    ("DELETE", "/api/2/roles/{id}/admins"),
    ("GET", "/api/2/roles/{id}/apps"),
    ("PUT", "/api/2/roles/{id}/apps"),
    ("GET", "/api/2/apps"),
    ("GET", "/api/2/apps/{id}"),
    ("GET", "/api/2/apps/{id}/users"),
    ("GET", "/api/2/mappings"),
    ("GET", "/api/2/mfa/users/{id}/devices"),
    ("DELETE", "/api/2/mfa/users/{id}/devices/{device}"),
];

const SALESFORCE: &[Line] = &[
    ("POST", "/services/oauth2/token"),
    ("POST", "/services/oauth2/revoke"),
    ("GET", "/services/oauth2/userinfo"),
    ("GET", "/services/data"),
    ("GET", "/services/data/{version}"),
    ("GET", "/services/data/{version}/limits"),
    ("GET", "/services/data/{version}/query"),
    ("GET", "/services/data/{version}/queryAll"),
    ("GET", "/services/data/{version}/query/{place}"),
    ("GET", "/services/data/{version}/queryAll/{place}"),
    ("GET", "/services/data/{version}/sobjects"),
    ("GET", "/services/data/{version}/sobjects/{object}"),
    ("POST", "/services/data/{version}/sobjects/{object}"),
    ("GET", "/services/data/{version}/sobjects/{object}/describe"),
    ("GET", "/services/data/{version}/sobjects/{object}/{id}"),
    ("PATCH", "/services/data/{version}/sobjects/{object}/{id}"),
    ("DELETE", "/services/data/{version}/sobjects/{object}/{id}"),
    ("POST", "/services/data/{version}/composite"),
    ("POST", "/services/data/{version}/composite/sobjects"),
    ("PATCH", "/services/data/{version}/composite/sobjects"),
    ("DELETE", "/services/data/{version}/composite/sobjects"),
    ("GET", "/services/data/{version}/composite/sobjects/{object}"),
    ("POST", "/services/data/{version}/composite/sobjects/{object}"),
    ("GET", "/services/data/{version}/jobs/query"),
    ("POST", "/services/data/{version}/jobs/query"),
    ("GET", "/services/data/{version}/jobs/query/{job}"),
    ("PATCH", "/services/data/{version}/jobs/query/{job}"),
    ("DELETE", "/services/data/{version}/jobs/query/{job}"),
    ("GET", "/services/data/{version}/jobs/query/{job}/results"),
    ("GET", "/services/data/{version}/jobs/ingest"),
    ("POST", "/services/data/{version}/jobs/ingest"),
    ("GET", "/services/data/{version}/jobs/ingest/{job}"),
    ("PATCH", "/services/data/{version}/jobs/ingest/{job}"),
    ("DELETE", "/services/data/{version}/jobs/ingest/{job}"),
    ("PUT", "/services/data/{version}/jobs/ingest/{job}/batches"),
    ("GET", "/services/data/{version}/jobs/ingest/{job}/successfulResults"),
    ("GET", "/services/data/{version}/jobs/ingest/{job}/failedResults"),
    ("GET", "/services/data/{version}/jobs/ingest/{job}/unprocessedrecords"),
];

/// Slack takes a method's arguments from a query as well as from a body.
const SLACK: &[Line] = &[
    ("*", "/api/auth.test"),
    ("*", "/api/chat.postMessage"),
    ("*", "/api/chat.update"),
    ("*", "/api/users.lookupByEmail"),
    ("*", "/api/conversations.list"),
    ("*", "/api/conversations.open"),
    ("*", "/api/conversations.history"),
    ("*", "/api/conversations.replies"),
];
