//! What an answer about one record means (SOAP API Developer Guide, "Core Data Types: StatusCode"): a table, tested as one.

use serde_json::Value;

use crate::encode::short;
use crate::exchange::{items, text};

/// What to do with a record that the vendor did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again, so many times in all.
    Again(u8),
    /// The new owner may not have it: another one.
    Onward,
    /// It is not there any more.
    Gone,
    /// It may not be there any more: look.
    Look,
    /// For good.
    Refused,
}

/// Tries of a record whose row was locked, besides the first.
pub(super) const ROW_TRIES: u8 = 5;
/// The same inside jobs, which take longer.
pub(super) const JOB_TRIES: u8 = 3;
/// Tries of a record that an approval locks, besides the first.
const APPROVAL_TRIES: u8 = 3;

/// The verdict on a code.
pub(super) fn verdict(code: &str) -> Verdict {
    match code {
        "UNABLE_TO_LOCK_ROW"
        | "QUERY_TIMEOUT"
        | "REQUEST_RUNNING_TOO_LONG"
        | "SERVER_UNAVAILABLE"
        | "UNKNOWN_EXCEPTION"
        | "TOO_MANY_APEX_REQUESTS" => Verdict::Again(ROW_TRIES),
        "ENTITY_IS_LOCKED" => Verdict::Again(APPROVAL_TRIES),
        // The last one is what a queue gets that does not serve the object.
        "TRANSFER_REQUIRES_READ"
        | "INACTIVE_OWNER_OR_USER"
        | "OP_WITH_INVALID_USER_TYPE_EXCEPTION"
        | "INVALID_OPERATION" => Verdict::Onward,
        "ENTITY_IS_DELETED" => Verdict::Gone,
        "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND" => Verdict::Look,
        _ => Verdict::Refused,
    }
}

/// A refusal of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The vendor's code.
    pub(super) code: String,
    /// The code with the vendor's text.
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn new(code: &str, message: &str) -> Self {
        let code = if code.is_empty() { "NO_ERROR_CODE" } else { code };
        let reason = if message.is_empty() {
            code.to_owned()
        } else {
            format!("{code}: {}", short(message, 1_000))
        };
        Self {
            code: short(code, 60),
            reason,
        }
    }

    /// An element of a collections answer that is no success.
    pub(super) fn of_element(element: &Value) -> Self {
        let first = items(element, "errors").first().unwrap_or(&Value::Null);
        let code = text(first, "statusCode").or_else(|| text(first, "errorCode"));
        Self::new(code.unwrap_or_default(), text(first, "message").unwrap_or_default())
    }

    /// `CODE:message:fields --`, which is free text after the first colon (Bulk API 2.0, "Get Job Failed Record Results").
    pub(super) fn of_cell(cell: &str) -> Self {
        let (code, rest) = cell.split_once(':').unwrap_or((cell, ""));
        let message = rest.trim_end_matches("--").trim_end().trim_end_matches(':');
        Self::new(code.trim(), message.trim())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_code_has_its_verdict() {
        for (code, wanted) in [
            ("UNABLE_TO_LOCK_ROW", Verdict::Again(5)),
            ("UNKNOWN_EXCEPTION", Verdict::Again(5)),
            ("ENTITY_IS_LOCKED", Verdict::Again(3)),
            ("TRANSFER_REQUIRES_READ", Verdict::Onward),
            ("INACTIVE_OWNER_OR_USER", Verdict::Onward),
            ("INVALID_OPERATION", Verdict::Onward),
            ("ENTITY_IS_DELETED", Verdict::Gone),
            ("INVALID_CROSS_REFERENCE_KEY", Verdict::Look),
            ("ENTITY_IS_ARCHIVED", Verdict::Refused),
            ("CHILD_SHARE_FAILS_PARENT", Verdict::Refused),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Verdict::Refused),
            ("INSUFFICIENT_ACCESS_OR_READONLY", Verdict::Refused),
            ("CANNOT_UPDATE_CONVERTED_LEAD", Verdict::Refused),
            ("SOMETHING_NEW", Verdict::Refused),
        ] {
            assert_eq!(verdict(code), wanted, "{code}");
        }
    }

    #[test]
    fn reasons_keep_the_vendors_words() {
        let cell = "FIELD_CUSTOM_VALIDATION_EXCEPTION:Accounts in \"Legal Hold\": may not, ever:OwnerId --";
        let refused = Refused::of_cell(cell);
        assert_eq!(refused.code, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
        assert_eq!(
            refused.reason,
            "FIELD_CUSTOM_VALIDATION_EXCEPTION: Accounts in \"Legal Hold\": may not, ever:OwnerId"
        );
        assert_eq!(
            Refused::of_cell("UNABLE_TO_LOCK_ROW:unable:--").reason,
            "UNABLE_TO_LOCK_ROW: unable"
        );
        assert_eq!(Refused::of_cell("").code, "NO_ERROR_CODE");
        let element = json!({ "success": false, "errors": [{ "statusCode": "ENTITY_IS_LOCKED", "message": "no", "fields": [] }] });
        assert_eq!(Refused::of_element(&element), Refused::new("ENTITY_IS_LOCKED", "no"));
        assert_eq!(Refused::of_element(&json!({ "success": false })).code, "NO_ERROR_CODE");
    }
}
