//! What every source has in common: elements, their keys, the check of one element.

use rollcall_model::digest::sha256;
use rollcall_model::{ConnectionId, Lane, SignalFormat, SignalKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{okta, onelogin};

/// A kind of system that sends hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Okta event hooks.
    Okta,
    /// OneLogin event webhooks.
    Onelogin,
}

impl Source {
    /// How the worker is to read this source's elements.
    pub const fn format(self) -> SignalFormat {
        match self {
            Self::Okta => SignalFormat::OktaLogEvent,
            Self::Onelogin => SignalFormat::OneloginEvent,
        }
    }

    /// Cuts a body into elements.
    pub fn split(self, body: &[u8]) -> Split<'_> {
        match self {
            Self::Okta => okta::split(body),
            Self::Onelogin => onelogin::split(body),
        }
    }
}

/// What a body was.
#[derive(Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// A hook body with these elements, possibly none.
    Elements(Vec<Element<'a>>),
    /// No hook body of this source at all.
    Unreadable,
}

/// One element of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Exactly the bytes that were sent.
    pub raw: &'a [u8],
    /// The vendor's own id; nothing when the element has none that can serve as a key, or is not valid.
    pub id: Option<String>,
    /// The queue it belongs on.
    pub lane: Lane,
}

impl<'a> Element<'a> {
    /// An element that could not be understood: kept, by its fingerprint, where noise goes.
    pub(crate) fn bad(raw: &'a [u8]) -> Self {
        Self {
            raw,
            id: None,
            lane: Lane::Bulk,
        }
    }

    /// Its identity over all deliveries: the vendor's id, else the SHA-256 of its bytes.
    pub fn key(&self, connection: &ConnectionId) -> SignalKey {
        match &self.id {
            Some(id) => SignalKey::new(format!("{connection}:{id}")),
            None => fingerprint(connection, self.raw),
        }
    }
}

/// The identity of bytes without an id of their own.
pub fn fingerprint(connection: &ConnectionId, raw: &[u8]) -> SignalKey {
    SignalKey::new(format!("{connection}:sha256-{}", sha256(raw)))
}

/// The longest vendor id that becomes a key. Vendors send UUIDs; the ledger's keys have a limit.
const ID_LIMIT: usize = 128;

/// A vendor's id if it can serve in a key: visible ASCII of a sane length.
pub(crate) fn usable_id(id: String) -> Option<String> {
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && !id.is_empty() && id.len() <= ID_LIMIT).then_some(id)
}

/// Reads the few members that `T` names; nothing unless the whole element is valid JSON in valid UTF-8.
pub(crate) fn head<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> Option<T> {
    serde_json::from_str(std::str::from_utf8(raw).ok()?).ok()
}

/// A member's text; nothing when it is absent, null or of another kind.
pub(crate) fn text(member: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(member?.get()).ok()
}
