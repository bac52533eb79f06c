//! Signals (raw, as a sender delivered them) and events (vendor-neutral).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{AccountRef, ConnectionId, Digest, SignalKey};

/// Which queue a message travels on. Queues are unordered; order comes from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// What may remove a person's access.
    Urgent,
    /// Other changes, continuations, hand-over.
    Work,
    /// Noise and the unknown.
    Bulk,
}

impl Lane {
    /// All lanes, most pressing first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Work, Self::Bulk];

    /// The lane's name in queue names and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Work => "work",
            Self::Bulk => "bulk",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// How the raw element is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalFormat {
    /// One Okta LogEvent.
    OktaLogEvent,
    /// One OneLogin event object (already unwrapped from its `event` member).
    OneloginEvent,
}

/// The raw element, byte for byte as the sender wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalBody {
    /// The text itself.
    Inline(String),
    /// Too large for a message: the digest under which the files store it.
    File(Digest),
}

/// What a door puts on a queue: the raw element with just enough around it to route it. Nothing is interpreted here, so a
/// bug in reading it can be fixed and the signal read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Stable identity.
    pub key: SignalKey,
    /// Which connection's door took it.
    pub source: ConnectionId,
    /// How to read the body.
    pub format: SignalFormat,
    /// When the door had it.
    pub received_at: Timestamp,
    /// The raw element.
    pub body: SignalBody,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What happened, in vendor-neutral words.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
            /// Anything else, by the vendor's own name: kept, never dropped, and never acted on.
            Unknown(String),
        }

        impl EventKind {
            /// Every known kind's text, for checks of configuration and for the generated reference.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// The text used in playbooks and logs.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for EventKind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)+
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// An account was created.
    UserCreated = "user.created",
    /// An account became usable.
    UserActivated = "user.activated",
    /// An account was deactivated.
    UserDeactivated = "user.deactivated",
    /// An account is being or has been deleted.
    UserDeleted = "user.deleted",
    /// An account was suspended.
    UserSuspended = "user.suspended",
    /// A suspension ended.
    UserUnsuspended = "user.unsuspended",
    /// An account was locked out.
    UserLocked = "user.locked",
    /// A lock-out ended.
    UserUnlocked = "user.unlocked",
    /// Attributes of the person changed.
    ProfileUpdated = "profile.updated",
    /// Membership of a group or role changed.
    GroupChanged = "group.changed",
    /// An application was assigned.
    AppAssigned = "app.assigned",
    /// An application assignment was removed.
    AppRemoved = "app.removed",
    /// Administrative privileges changed.
    PrivilegeChanged = "privilege.changed",
    /// A sign-in factor was added, removed or reset.
    FactorChanged = "factor.changed",
    /// A policy, credential or hook of the tenant changed.
    TenantChanged = "tenant.changed",
    /// A sign-in or session event.
    SignIn = "sign-in",
    /// A risk or threat signal.
    Threat = "threat",
}

impl fmt::Display for EventKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// A signal, understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The signal's identity.
    pub key: SignalKey,
    /// The connection that reported it.
    pub source: ConnectionId,
    /// What happened.
    pub kind: EventKind,
    /// The vendor's own event type.
    pub vendor_type: String,
    /// The account acted upon, when the event names one.
    pub account: Option<AccountRef>,
    /// The application whose assignment changed, by the vendor's id.
    pub app: Option<String>,
    /// Who did it, by the vendor's id.
    pub actor: Option<String>,
    /// True when our own credential did it.
    pub ours: bool,
    /// False when the vendor reports an attempt that failed; such an event is kept and never acted on.
    pub succeeded: bool,
    /// The vendor's time of the event; the door's time when the vendor gave none.
    pub occurred_at: Timestamp,
    /// When the door had it.
    pub received_at: Timestamp,
}
