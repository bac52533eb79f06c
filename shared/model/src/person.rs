//! A person and their accounts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{AccountRef, PersonKey};

/// What a directory says of an account at the moment of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// Not usable yet.
    Staged,
    /// Usable.
    Active,
    /// Barred for now, reversible.
    Suspended,
    /// Locked out.
    Locked,
    /// Being deactivated: counts as deactivated for cutting, and is read again before dismantling.
    Deactivating,
    /// Deactivated.
    Deactivated,
    /// No such account, and the read could have seen one.
    Deleted,
}

impl SourceState {
    /// True when the directory says that the person has left.
    pub fn has_left(self) -> bool {
        matches!(self, Self::Deactivating | Self::Deactivated | Self::Deleted)
    }

    /// The text used in conditions and stories.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Locked => "locked",
            Self::Deactivating => "deactivating",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }
}

/// The person's manager as the source names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manager {
    /// The manager's account in the source, when it resolves.
    pub account: Option<AccountRef>,
    /// Sign-in name.
    pub login: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name for people.
    pub display: Option<String>,
}

/// One human, as the source connection describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Identity across systems.
    pub key: PersonKey,
    /// The account in the source.
    pub account: AccountRef,
    /// State in the source when it was read.
    pub state: SourceState,
    /// Name for people.
    pub display: String,
    /// Sign-in name, lower-cased.
    pub login: String,
    /// E-mail address, lower-cased.
    pub email: Option<String>,
    /// The manager, when the source names one.
    pub manager: Option<Manager>,
    /// Names of groups the person is in.
    pub groups: Vec<String>,
    /// Administrative roles held in the source, by the vendor's names.
    pub roles: Vec<String>,
    /// Every profile attribute by the vendor's name.
    pub attributes: BTreeMap<String, Value>,
}

impl Person {
    /// A profile attribute as text; empty text counts as absent.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "login" => Some(self.login.as_str()),
            "email" => self.email.as_deref(),
            _ => self.attributes.get(name).and_then(Value::as_str),
        }
        .map(str::trim)
        .filter(|text| !text.is_empty())
    }
}

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountClass {
    /// A person's everyday account.
    Human,
    /// A person's separate account with administrative rights.
    Admin,
    /// A customer or partner portal account.
    Portal,
    /// An account that programs use.
    Service,
}

/// An account found in a connection for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Where and which.
    pub account: AccountRef,
    /// What it is for.
    pub class: AccountClass,
    /// Sign-in name there.
    pub username: String,
    /// Whether it can be used at all.
    pub active: bool,
    /// The fields that matched.
    pub matched_by: Vec<String>,
    /// True when at least one matching field is declared sure.
    pub sure: bool,
    /// Further names that a list may call it by: its e-mail address, its number. Lower-cased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl AccountClass {
    /// The classes that a person acts through: what a step concerns when it says nothing else.
    pub const OWN: [Self; 2] = [Self::Human, Self::Admin];

    /// The class's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Admin => "admin",
            Self::Portal => "portal",
            Self::Service => "service",
        }
    }
}
