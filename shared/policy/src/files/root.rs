//! `rollcall.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::OneOrMore;
use crate::configuration::Kind;

pub(crate) const ROOT: &[&str] = &[
    "version",
    "connections",
    "source",
    "sets",
    "match",
    "lists",
    "tables",
    "guard",
];

/// `rollcall.yaml`: what there is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    /// The version of the format: 1.
    pub version: u32,
    /// Every connected tenant by the name that playbooks use, and its kind.
    pub connections: BTreeMap<String, Kind>,
    /// The directory whose word about people counts: a connection of kind okta or onelogin.
    pub source: String,
    /// Names for several connections together.
    #[schemars(default)]
    pub sets: Option<BTreeMap<String, OneOrMore<String>>>,
    /// How a person's accounts are found: each row names the fields that hold the same value, per kind.
    #[serde(rename = "match")]
    pub matching: Vec<MatchRowFile>,
    /// Lists of people, for `person.in('name')`. The list `protected` holds every stage for a decision.
    #[schemars(default)]
    pub lists: Option<BTreeMap<String, ListFile>>,
    /// Tables by name: paths of CSV files, with commas or semicolons.
    #[schemars(default)]
    pub tables: Option<BTreeMap<String, String>>,
    /// Limits and approvers.
    #[schemars(default)]
    pub guard: Option<GuardFile>,
}

pub(crate) const MATCH: &[&str] = &["sure", "okta", "onelogin", "salesforce", "slack"];

/// A row of `match`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRowFile {
    /// True when an equal value means the same person; false when it is only a hint, which a person must confirm.
    pub sure: bool,
    /// Okta's profile attribute: `login`, `email`, `employeeNumber`.
    #[schemars(default)]
    pub okta: Option<String>,
    /// OneLogin's field: `username`, `email`, `external_id`.
    #[schemars(default)]
    pub onelogin: Option<String>,
    /// Salesforce's field of User: `FederationIdentifier`, `EmployeeNumber`, `Email`, `Username`.
    #[schemars(default)]
    pub salesforce: Option<String>,
    /// Slack's field: `email`.
    #[schemars(default)]
    pub slack: Option<String>,
}

pub(crate) const LIST: &[&str] = &["group", "csv", "people"];

/// A list of people: exactly one of the three.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    /// A group of the source, read at run time: `okta-main/RC-Protected`.
    #[schemars(default)]
    pub group: Option<String>,
    /// A table whose first column holds logins, e-mail addresses or vendor ids.
    #[schemars(default)]
    pub csv: Option<String>,
    /// Logins, e-mail addresses or vendor ids.
    #[schemars(default)]
    pub people: Option<Vec<String>>,
}

pub(crate) const GUARD: &[&str] = &["cut", "dismantle", "approvers"];

/// Limits and approvers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardFile {
    /// How many runs may cut in an hour before the rest is held: `30/h`, which is the default.
    #[schemars(default)]
    pub cut: Option<String>,
    /// The same for dismantling and plain steps: `10/h` is the default.
    #[schemars(default)]
    pub dismantle: Option<String>,
    /// The group whose members decide reviews: `okta-main/RC-Approvers`.
    #[schemars(default)]
    pub approvers: Option<String>,
}
