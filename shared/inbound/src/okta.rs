//! Okta event hooks (Okta developer documentation, *Event hooks*).
//!
//! One request holds an envelope with `data.events`, one or more LogEvents in no promised order. The sender proves itself
//! with a static header and nothing else; there is no signature. Okta waits three seconds, repeats once after a time-out or
//! a 5xx, and treats every 4xx as final. Two hooks that subscribe to one event deliver the same LogEvent `uuid` under
//! different `eventId`s, so `uuid` is the key.

mod lanes;

use rollcall_model::Lane;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use lanes::lane;

use crate::scan::Scan;
use crate::source::{Element, Split, head, text, usable_id};

/// The header of the one-time verification, whose value is to be sent back (*Event hooks*, "One-time verification request").
pub const CHALLENGE_HEADER: &str = "x-okta-verification-challenge";

/// Cuts a hook body into LogEvents. Only `data.events` is looked at; an envelope that breaks off behind it loses nothing.
pub fn split(body: &[u8]) -> Split<'_> {
    let mut found = None;
    let mut scan = Scan::new(body);
    walk(&mut scan, |scan, name| {
        name == b"\"data\""
            && scan.peek() == Some(b'{')
            && walk(scan, |scan, name| {
                let here = name == b"\"events\"" && scan.take(b'[');
                if here {
                    found.get_or_insert_with(Vec::new).extend(scan.elements().found);
                }
                here
            })
    });
    match found {
        Some(raws) => Split::Elements(raws.into_iter().map(element).collect()),
        None => Split::Unreadable,
    }
}

/// Walks over an object's members as far as they go. `visit` says whether it passed the member's value itself. False when
/// the next value is no object.
fn walk<'a>(scan: &mut Scan<'a>, mut visit: impl FnMut(&mut Scan<'a>, &[u8]) -> bool) -> bool {
    if !scan.take(b'{') {
        return false;
    }
    while let Some(name) = scan.name() {
        if !visit(scan, name) && scan.value().is_none() {
            return true;
        }
        if !scan.take(b',') {
            break;
        }
    }
    scan.take(b'}');
    true
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventType")]
    event_type: Option<&'a RawValue>,
}

fn element(raw: &[u8]) -> Element<'_> {
    match head::<Head<'_>>(raw) {
        Some(head) if raw.starts_with(b"{") => Element {
            raw,
            id: text(head.uuid).and_then(usable_id),
            lane: text(head.event_type).map_or(Lane::Bulk, |event_type| lane(&event_type)),
        },
        _ => Element::bad(raw),
    }
}

#[cfg(test)]
mod tests;
