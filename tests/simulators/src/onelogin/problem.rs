//! Refusals, in the two dialects of the vendor (reference: OneLogin API, "Error handling", both versions).
//!
//! v1 always answers a `status` object whose `message` is a text or an object; v2 has four shapes.

use serde_json::{Value, json};

/// Which half of the API speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/api/1`, and `/auth`.
    V1,
    /// `/api/2`.
    V2,
}

/// A refused call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Problem {
    /// The text that a person would read.
    pub(super) fn text(&self) -> String {
        let message = self
            .body
            .get("message")
            .or_else(|| self.body.get("status").and_then(|status| status.get("message")));
        match message {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Object(parts)) => parts
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            _ => self.body.to_string(),
        }
    }
}

/// A v1 refusal.
pub(super) fn v1(code: u16, kind: &str, message: impl Into<Value>) -> Problem {
    let message = message.into();
    Problem {
        status: code,
        body: json!({"status": {"error": true, "code": code, "type": kind, "message": message}}),
    }
}

/// A v2 refusal of the common shape.
pub(super) fn v2(code: u16, name: &str, message: &str) -> Problem {
    Problem {
        status: code,
        body: json!({"message": message, "name": name, "statusCode": code}),
    }
}

/// 400 for a v1 attribute that may not be written.
pub(super) fn excluded(attribute: &str) -> Problem {
    v1(
        400,
        "bad request",
        json!({
            "description": format!("{attribute} is an excluded attribute for put request for user"),
            "attribute": attribute,
        }),
    )
}

/// 400 for an attribute nobody has defined.
pub(super) fn unknown_attribute(name: &str) -> Problem {
    v2(400, "BadRequestError", &format!("unknown attribute: {name}"))
}

/// 422 for a field that the caller may not set.
pub(super) fn not_allowed(field: &str) -> Problem {
    Problem {
        status: 422,
        body: json!({
            "code": 422,
            "message": "Validation Failed",
            "errors": [{"field": field, "message": ["Field is not allowed"]}],
        }),
    }
}

/// 422 for a sort field that cannot be sorted by.
pub(super) fn sort_field(field: &str) -> Problem {
    Problem {
        status: 422,
        body: json!({
            "message": format!("Invalid sort field: {field}"),
            "field": field,
            "name": "UnprocessableEntityFieldError",
            "statusCode": 422,
        }),
    }
}

/// 422 with a reason.
pub(super) fn invalid(dialect: Dialect, reason: &str) -> Problem {
    match dialect {
        Dialect::V1 => v1(422, "Unprocessable Entity", reason),
        Dialect::V2 => v2(422, "UnprocessableEntityError", &format!("Validation failed: {reason}")),
    }
}

/// 400 with a reason.
pub(super) fn bad_request(dialect: Dialect, reason: &str) -> Problem {
    match dialect {
        Dialect::V1 => v1(400, "bad request", reason),
        Dialect::V2 => v2(400, "BadRequestError", reason),
    }
}

/// 401 for a missing, unknown or expired token.
pub(super) fn unauthorized(dialect: Dialect) -> Problem {
    match dialect {
        Dialect::V1 => v1(401, "Unauthorized", "Authentication Failure"),
        Dialect::V2 => v2(401, "UnauthorizedError", "Unauthorized"),
    }
}

/// A scope that does not reach: 401 on v1. What v2 says is not documented; 401 unless `v2_status` is something else.
pub(super) fn out_of_scope(dialect: Dialect, v2_status: u16) -> Problem {
    match dialect {
        Dialect::V1 => v1(401, "Unauthorized", "Insufficient Permission"),
        Dialect::V2 if v2_status == 403 => v2(403, "ForbiddenError", "Forbidden"),
        Dialect::V2 => v2(v2_status, "UnauthorizedError", "Unauthorized"),
    }
}

/// 404 for an object.
pub(super) fn not_found(dialect: Dialect) -> Problem {
    let text = "The resource with the given id could not be found";
    match dialect {
        Dialect::V1 => v1(404, "not found", text),
        Dialect::V2 => v2(404, "NotFoundError", text),
    }
}

/// 404 for a path.
pub(super) fn no_route(dialect: Dialect) -> Problem {
    match dialect {
        Dialect::V1 => v1(404, "not found", "No Route Exists"),
        Dialect::V2 => v2(404, "NotFoundError", "No Route Exists"),
    }
}

/// 500, also what a credential without an owner gets.
pub(super) fn internal(dialect: Dialect) -> Problem {
    match dialect {
        Dialect::V1 => v1(500, "Internal Server Error", "Internal Server Error"),
        Dialect::V2 => v2(500, "InternalServerError", "Internal Server Error"),
    }
}

/// 503.
pub(super) fn unavailable(dialect: Dialect) -> Problem {
    match dialect {
        Dialect::V1 => v1(503, "Service Unavailable", "Service Unavailable"),
        Dialect::V2 => v2(503, "ServiceUnavailableError", "Service Unavailable"),
    }
}

/// 429; the body is not documented, so a v1 error object is assumed.
pub(super) fn too_many(dialect: Dialect) -> Problem {
    match dialect {
        Dialect::V1 => v1(429, "rate limit", "Rate Limit Exceeded"),
        Dialect::V2 => v2(429, "TooManyRequestsError", "Too Many Requests"),
    }
}
