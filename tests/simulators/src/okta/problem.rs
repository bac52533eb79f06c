//! Refusals in Okta's own shapes.
//!
//! The management API answers `{errorCode, errorSummary, errorLink, errorId, errorCauses}`; the OAuth endpoints answer
//! `{error, error_description}` (Okta, "Okta API error codes" and "OpenID Connect & OAuth 2.0 API").

use serde_json::{Value, json};

/// What the body of a refusal looks like.
#[derive(Clone, Debug)]
enum Shape {
    /// The management API's error object.
    Api {
        code: &'static str,
        summary: String,
        causes: Vec<String>,
    },
    /// The authorization server's error object.
    OAuth { error: &'static str, description: String },
    /// No body at all, as some of Okta's 401 and 403 answers.
    Empty,
}

/// A refused call.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: u16,
    /// Headers beside the common ones.
    pub(super) headers: Vec<(&'static str, String)>,
    shape: Shape,
}

impl Problem {
    /// An error object with this code and summary.
    pub(super) fn new(status: u16, code: &'static str, summary: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            shape: Shape::Api {
                code,
                summary: summary.into(),
                causes: Vec::new(),
            },
        }
    }

    /// An error of the authorization server.
    pub(super) fn oauth(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            shape: Shape::OAuth {
                error,
                description: description.into(),
            },
        }
    }

    /// A status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            shape: Shape::Empty,
        }
    }

    /// Adds a cause.
    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        if let Shape::Api { causes, .. } = &mut self.shape {
            causes.push(cause.into());
        }
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The error code or OAuth error, and its text.
    pub(super) fn code_and_text(&self) -> (&'static str, String) {
        match &self.shape {
            Shape::Api { code, summary, causes } => match causes.first() {
                Some(cause) => (code, format!("{summary} ({cause})")),
                None => (code, summary.clone()),
            },
            Shape::OAuth { error, description } => (error, description.clone()),
            Shape::Empty => ("", format!("status {} without a body", self.status)),
        }
    }

    /// The body; `error_id` must be unique.
    pub(super) fn body(&self, error_id: &str) -> Option<Value> {
        match &self.shape {
            Shape::Api { code, summary, causes } => {
                let causes: Vec<Value> = causes.iter().map(|cause| json!({ "errorSummary": cause })).collect();
                Some(json!({
                    "errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": error_id, "errorCauses": causes,
                }))
            }
            Shape::OAuth { error, description } => Some(json!({ "error": error, "error_description": description })),
            Shape::Empty => None,
        }
    }
}

/// 400 `E0000001`: validation of `field` failed.
pub(super) fn invalid(field: &str, cause: impl Into<String>) -> Problem {
    Problem::new(400, "E0000001", format!("Api validation failed: {field}")).because(cause)
}

/// 404 `E0000007` with the kind of resource in parentheses.
pub(super) fn not_found(id: &str, kind: &str) -> Problem {
    Problem::new(404, "E0000007", format!("Not found: Resource not found: {id} ({kind})"))
}

/// 403 `E0000006`.
pub(super) fn forbidden() -> Problem {
    Problem::new(
        403,
        "E0000006",
        "You do not have permission to perform the requested action",
    )
}

/// 403 `E0000038`: not in the user's present status.
pub(super) fn wrong_status() -> Problem {
    Problem::new(
        403,
        "E0000038",
        "This operation is not allowed in the user's current status.",
    )
}

/// 404 `E0000008`: no such path.
pub(super) fn no_such_path() -> Problem {
    Problem::new(404, "E0000008", "The requested path was not found")
}

/// 405 `E0000022`.
pub(super) fn no_such_method() -> Problem {
    Problem::new(
        405,
        "E0000022",
        "The endpoint does not support the provided HTTP method",
    )
}

/// 401 `E0000011`.
pub(super) fn invalid_token() -> Problem {
    Problem::new(401, "E0000011", "Invalid token provided")
}

/// 400 `E0000003`: the body is missing, malformed or of the wrong type.
pub(super) fn malformed() -> Problem {
    Problem::new(400, "E0000003", "The request body was not well-formed.")
}

/// 429 `E0000047`.
pub(super) fn too_many_requests() -> Problem {
    Problem::new(
        429,
        "E0000047",
        "API call exceeded rate limit due to too many requests.",
    )
}
