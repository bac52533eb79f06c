//! OneLogin event webhooks (OneLogin API documentation, *Events: Webhooks*).
//!
//! A body is a JSON array of at most ten flat events, or, in the SIEM format, one object a line with the event under
//! `event`. The content decides which it is: the content type that OneLogin sends is not documented. The only proof of the
//! sender is a header of the administrator's choice. Only a 200 counts; anything else is repeated at most twice. The
//! vendor's own sample listener serves `/_bulk`, so a door serves `<path>/_bulk` too.

use rollcall_model::Lane;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scan::Scan;
use crate::source::{Element, Split, head, text, usable_id};

/// What a listener of the SIEM format may have behind its path.
pub const BULK_SUFFIX: &str = "/_bulk";

/// Event types that may remove a person's access, by the names that OneLogin's types endpoint gives them.
///
/// A lock-out is not among them: anyone outside can cause one by guessing passwords, and must not be able to crowd out
/// leavers.
const URGENT: &[u64] = &[
    15,  // DEACTIVATED_USER
    17,  // DELETED_USER
    21,  // SUSPENDED_USER
    28,  // USER_RECENTLY_REMOVED
    207, // MANUALLY_REMOVED_LOGIN
    530, // API_DESTROY_USER
    551, // SUSPENDED_USER_VIA_API
];

/// Event types that report some other change to a person, an entitlement or the tenant, or a threat. Inclusive ranges,
/// ascending.
const WORK: &[(u64, u64)] = &[
    (1, 4),       // apps of a role; USER_ASSUMED_USER; USER_ASSIGNED_ROLE
    (11, 14),     // password changed; unlocked, created, updated
    (16, 16),     // ACTIVATED_USER
    (18, 19),     // password reset by an administrator; USER_LOCKED
    (22, 22),     // USER_ADDED_OTP_DEVICE
    (24, 25),     // USER_REMOVED_OTP_DEVICE; PROVISIONING_EXCEPTION
    (32, 33),     // reactivated; imported from a directory
    (36, 36),     // USER_LOST_OTP_DEVICE
    (48, 55),     // imported; failed operations; provisioning into apps
    (59, 65),     // linked; nothing was deprovisioned; failed provisioning
    (70, 76),     // privileges; trusted identity providers
    (80, 84),     // the person in a directory
    (101, 101),   // SELF_REGISTRATION_APPROVED
    (106, 106),   // USER_CHANGE_PASSWORD_FAILED
    (110, 112),   // logins of an app; default identity provider
    (116, 116),   // CREATE_USER_FAILED
    (119, 120),   // default identity provider; unlocked in a directory
    (145, 152),   // smart passwords; roles given and taken, their administrators
    (156, 158),   // policies
    (170, 172),   // factor definitions
    (174, 176),   // desktop single sign-on
    (179, 182),   // API credentials
    (189, 193),   // mappings
    (197, 197),   // ACCOUNT_SETTINGS_UPDATED
    (206, 206),   // MANUALLY_ADDED_LOGIN
    (211, 212),   // password set by an administrator; locked in a directory
    (215, 215),   // ADMIN_CHANGED_ACCOUNT_SETTINGS
    (219, 219),   // WORKDAY_REAL_TIME_NOTIFICATION
    (223, 228),   // licences
    (237, 237),   // DELETE_USER_FAILED
    (239, 240),   // IMPORT_USER_FAILED; USER_REVEALED_PASSWORD
    (250, 252),   // provisioning problems
    (255, 255),   // MANUALLY_UPDATED_LOGIN
    (291, 291),   // USER_CREATED_BY_TIDP
    (306, 306),   // MANUALLY_ADDED_LOGIN_FAILURE
    (330, 334),   // links to a directory; USER_NOT_UPDATED_IN_APP
    (410, 412),   // webhooks
    (510, 514),   // password, attributes and roles set by API
    (516, 521),   // logged out by API; failed operations
    (523, 524),   // failed operations
    (526, 526),   // API_LOCK_USER_FAILED
    (529, 529),   // API_UPDATE_USER
    (531, 534),   // locked, created by API; failed operations
    (540, 540),   // API_ADDED_OTP_DEVICE
    (550, 550),   // FORCE_LOGOUT_USER
    (552, 555),   // reactivated, locked, unlocked by API; EXTERNAL_ASSUME_USER
    (931, 932),   // adaptive login
    (950, 950),   // OL_OTP_PUSH_REJECT
    (1100, 1101), // bypass tokens
    (1600, 1600), // PROFILE_DEVICES_DELETE_DEVICE
    (1608, 1608), // PROFILE_CHANGE_PASSWORD
    (1801, 1802), // roles created and deleted
    (2003, 2003), // smart hooks
    (2007, 2007),
    (2009, 2009),
    (2012, 2012),
    (2015, 2015),
    (2017, 2017),
    (2100, 2113), // delegated privileges
    (3020, 3022), // groups
    (9009, 9011), // off-boarding workflow
    (9013, 9013), // USER_COMPLETED_WORKFLOW
    (9044, 9045), // failed operations
    (9052, 9052), // ROLE_UPDATE_SUCCESS
];

/// The queue for an event of this type; a type that nobody knows is no reason to hurry.
pub fn lane(event_type_id: u64) -> Lane {
    if URGENT.contains(&event_type_id) {
        Lane::Urgent
    } else if WORK
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&event_type_id))
    {
        Lane::Work
    } else {
        Lane::Bulk
    }
}

/// Cuts a body into events, each without its `event` wrapper. Whatever the body is, every part of it that is not white space
/// or a separator is in some element.
pub fn split(body: &[u8]) -> Split<'_> {
    let mut scan = Scan::new(body);
    if scan.take(b'[') {
        let mut raws = scan.elements().found;
        let rest = scan.rest();
        if !rest.is_empty() {
            raws.push(rest);
        }
        return Split::Elements(raws.into_iter().map(element).collect());
    }
    // One object may be spread over lines; a body that is one value is not one object a line.
    let whole = scan.rest();
    if scan.value().is_some_and(|value| value.len() == whole.len()) {
        return Split::Elements(vec![element(whole)]);
    }
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Split::Elements(lines.filter(|line| !line.is_empty()).map(element).collect())
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow)]
    create: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type_id: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Create<'a> {
    #[serde(borrow, rename = "_id")]
    id: Option<&'a RawValue>,
}

fn element(raw: &[u8]) -> Element<'_> {
    let Some(outer) = object(raw) else {
        return Element::bad(raw);
    };
    match outer.event.map(|event| event.get().as_bytes()) {
        Some(inner) if inner.starts_with(b"{") => match object(inner) {
            Some(head) => known(inner, &head),
            None => Element::bad(inner),
        },
        _ => known(raw, &outer),
    }
}

fn object(raw: &[u8]) -> Option<Head<'_>> {
    head(raw).filter(|_| raw.starts_with(b"{"))
}

fn known<'a>(raw: &'a [u8], head: &Head<'_>) -> Element<'a> {
    // The two ids normally agree; where they do not, `uuid` is the event's.
    let create = || {
        let create: Create<'_> = serde_json::from_str(head.create?.get()).ok()?;
        text(create.id).and_then(usable_id)
    };
    Element {
        raw,
        id: text(head.uuid).and_then(usable_id).or_else(create),
        lane: number(head.event_type_id).map_or(Lane::Bulk, lane),
    }
}

/// A whole number, also as a text.
fn number(member: Option<&RawValue>) -> Option<u64> {
    member?.get().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests;
