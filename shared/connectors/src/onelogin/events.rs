//! OneLogin webhook events in vendor-neutral words (OneLogin Events API, "Event types"; the account's own list of types wins
//! over any printed one, so a number that is not here is an unknown event and never an error).
//!
//! The same change has several numbers, depending on whether a person, either version of the API, a mapping or a directory
//! made it: classes are mapped, not single numbers.

use jiff::Timestamp;
use rollcall_model::{AccountRef, Event, EventKind, Signal};
use rollcall_runtime::clock::whole_milliseconds;
use serde_json::Value;

use super::OneLoginSettings;
use crate::exchange::text;

/// A sign-in of more than this risk is a threat: OneLogin's bands call 51 to 100 high.
const HIGH_RISK: i64 = 50;

/// Reads one event object.
pub(super) fn normalise(settings: &OneLoginSettings, signal: &Signal, raw: &str) -> Event {
    let parsed: Value = serde_json::from_str(raw).unwrap_or_default();
    // The SIEM form wraps each event once more; a door unwraps it, and doing so again does no harm.
    let event = parsed.get("event").filter(|inner| inner.is_object()).unwrap_or(&parsed);
    let number = event.get("event_type_id").and_then(Value::as_i64);
    let vendor_type = number.map_or_else(|| "unreadable".to_owned(), |number| number.to_string());
    let tenant = id(event, "account_id");
    let foreign = tenant.as_deref().is_some_and(|tenant| tenant != settings.account_id);
    let kind = match number {
        Some(number) if !foreign => kind(number, event),
        Some(number) => EventKind::Unknown(format!("onelogin:{number} of another account")),
        None => EventKind::Unknown(vendor_type.clone()),
    };
    // Somebody who acts as somebody else is the one who acts.
    let actor = id(event, "assuming_acting_user_id").or_else(|| id(event, "actor_user_id"));
    let credential = text(event, "client_id");
    Event {
        key: signal.key.clone(),
        source: signal.source.clone(),
        kind,
        account: id(event, "user_id")
            .filter(|_| !foreign)
            .map(|id| AccountRef::new(&signal.source, id)),
        app: id(event, "app_id"),
        ours: credential.is_some_and(|used| settings.own_client_ids.iter().any(|own| own == used))
            || actor.as_ref().is_some_and(|user| settings.own_user_ids.contains(user)),
        actor: credential
            .map(str::to_owned)
            .or(actor)
            .or_else(|| text(event, "actor_system").map(str::to_owned)),
        succeeded: !number.is_some_and(is_failure),
        occurred_at: text(event, "event_timestamp")
            .and_then(moment)
            .unwrap_or(signal.received_at),
        received_at: signal.received_at,
        vendor_type,
    }
}

/// Ids are numbers of up to 64 bits; as text they are safe everywhere.
fn id(event: &Value, name: &str) -> Option<String> {
    match event.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// `2026-11-20 09:15:02 UTC` or `2026-11-20 09:15:02+0530`.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace(" UTC", "+0000");
    Timestamp::strptime("%Y-%m-%d %H:%M:%S%z", text)
        .ok()
        .map(whole_milliseconds)
}

/// Attempts that failed: sign-ins, bad API requests, provisioning, mappings.
fn is_failure(number: i64) -> bool {
    matches!(
        number,
        6 | 9 | 25 | 61
            ..=65 | 69 | 77 | 79 | 90 | 106 | 123 | 218 | 247 | 250 | 251 | 334 | 400 | 401 | 402 | 527 | 532 | 1002
    )
}

fn kind(number: i64, event: &Value) -> EventKind {
    use EventKind as Kind;
    match number {
        13 | 33 | 48 | 101 | 291 | 533 => Kind::UserCreated,
        14 | 330..=333 | 512 | 529 => Kind::ProfileUpdated,
        16 | 32 | 552 => Kind::UserActivated,
        15 => Kind::UserDeactivated,
        21 | 551 => Kind::UserSuspended,
        17 | 28 | 530 => Kind::UserDeleted,
        19 | 531 | 553 => Kind::UserLocked,
        12 | 554 => Kind::UserUnlocked,
        4 | 147..=150 | 513 | 514 => Kind::GroupChanged,
        206 => Kind::AppAssigned,
        207 => Kind::AppRemoved,
        22 | 24 | 36 | 40 | 540 | 1100 | 1101 | 1400 | 1600 | 10 | 11 | 18 | 211 | 510 | 511 | 1608 => {
            Kind::FactorChanged
        }
        70..=73 | 151 | 152 | 2100..=2113 => Kind::PrivilegeChanged,
        // Somebody acts as somebody else, reads a password, or a push that nobody asked for was refused.
        3 | 240 | 555 | 950 => Kind::Threat,
        74..=76
        | 112
        | 119
        | 156..=158
        | 170..=172
        | 174..=176
        | 179..=182
        | 189..=193
        | 197
        | 202
        | 215
        | 410..=412
        | 931
        | 932
        | 2003
        | 2007
        | 2009
        | 2012
        | 2015
        | 2017 => Kind::TenantChanged,
        5..=9 | 29 | 68 | 69 | 77 | 78 | 90 | 122 | 123 | 516 | 527 | 550 | 1001 | 1002 | 1010 => sign_in(event),
        other => Kind::Unknown(format!("onelogin:{other}")),
    }
}

/// Risk has no event of its own: it rides on sign-ins.
fn sign_in(event: &Value) -> EventKind {
    match event.get("risk_score").and_then(Value::as_i64) {
        Some(score) if score > HIGH_RISK => EventKind::Threat,
        _ => EventKind::SignIn,
    }
}
