//! Names of things. Each is its own type, so that a run id never lands where a plan hash belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Wraps a value that is known to be of this kind.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The text as stored.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl From<&str> for $type {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    };
}

name! {
    /// One configured tenant, by the name that the configuration gives it: `okta-main`, `sf-emea`.
    ConnectionId
}
name! {
    /// One goal for one person, from its opening to its receipt. Derived from the event that opened it, so that a repeated
    /// opening finds the first.
    RunId
}
name! {
    /// The stable identity of a signal, the same over every redelivery and every hook: `okta-main:<LogEvent uuid>`.
    SignalKey
}
name! {
    /// One human across systems, as the ledger links their accounts.
    PersonKey
}
name! {
    /// Lower-case hexadecimal SHA-256 of a canonical JSON document, or HMAC-SHA256 where the text says so.
    Digest
}
name! {
    /// A decision that waits for a human.
    ReviewId
}

/// A person's presence in one connection, by the vendor's own immutable id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountRef {
    /// The tenant.
    pub connection: ConnectionId,
    /// The vendor's id (Okta `00u…`, Salesforce `005…` in its 18-character form).
    pub id: String,
}

impl AccountRef {
    /// An account by its connection and the vendor's id.
    pub fn new(connection: impl Into<ConnectionId>, id: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            id: id.into(),
        }
    }
}

impl From<&ConnectionId> for ConnectionId {
    fn from(value: &ConnectionId) -> Self {
        value.clone()
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.connection, self.id)
    }
}
