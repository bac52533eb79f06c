//! `status` and `state` of a user in words (OneLogin Users API, "User status" and "state").

use rollcall_model::SourceState;
use serde_json::Value;

/// Deactivated, or rejected: nobody can sign in.
pub(super) const DEACTIVATED: &str = "deactivated";
/// Can sign in.
pub(super) const ACTIVE: &str = "active";
/// Barred.
pub(super) const SUSPENDED: &str = "suspended";
/// No such user.
pub(super) const GONE: &str = "gone";

/// What actions compare. `Err` holds what is not known.
pub(super) fn word(user: &Value) -> Result<&'static str, String> {
    let number = |name: &str| user.get(name).filter(|value| !value.is_null());
    match number("state").map(Value::as_i64) {
        Some(Some(2)) => return Ok(DEACTIVATED),
        None | Some(Some(0 | 1 | 3)) => {}
        Some(_) => return Err(stated(user, "state")),
    }
    let activated = user.get("activated_at").is_some_and(|at| !at.is_null());
    Ok(match number("status").and_then(Value::as_i64) {
        Some(0) if activated => DEACTIVATED,
        Some(0) => "unactivated",
        Some(1) => ACTIVE,
        Some(2) => SUSPENDED,
        Some(3) => "locked",
        Some(4) => "password-expired",
        Some(5) => "awaiting-password-reset",
        Some(6) => "unused",
        Some(7) => "password-pending",
        Some(8) => "security-questions",
        _ => return Err(stated(user, "status")),
    })
}

/// The directory's state. A user without a licence cannot sign in, and can again as soon as one is free.
pub(super) fn state(user: &Value) -> Result<SourceState, String> {
    let by_status = match word(user)? {
        "unactivated" | "unused" => SourceState::Staged,
        DEACTIVATED => SourceState::Deactivated,
        SUSPENDED => SourceState::Suspended,
        "locked" => SourceState::Locked,
        // Activated, and waiting for the person in some way.
        _ => SourceState::Active,
    };
    let unlicensed = user.get("state").and_then(Value::as_i64) == Some(3);
    Ok(match by_status {
        SourceState::Active | SourceState::Locked if unlicensed => SourceState::Suspended,
        other => other,
    })
}

fn stated(user: &Value, name: &str) -> String {
    let value = user.get(name).map_or_else(|| "none".to_owned(), Value::to_string);
    format!("{name} {}", crate::encode::short(&value, 40))
}
