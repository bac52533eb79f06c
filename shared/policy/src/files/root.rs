//! `rollcall.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::OneOrMore;
use crate::configuration::{Kind, OnExpiry};

pub(crate) const ROOT: &[&str] = &[
    "version",
    "connections",
    "source",
    "sets",
    "match",
    "lists",
    "tables",
    "guard",
    "retention",
];

/// `rollcall.yaml`: what there is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    /// The version of the format: 1.
    pub version: u32,
    /// Every connected tenant by the name that playbooks use, and its kind.
    pub connections: BTreeMap<String, ConnectionFile>,
    /// The directory whose word about people counts: a connection of kind okta or onelogin.
    pub source: String,
    /// Names for several connections together.
    #[schemars(default)]
    pub sets: Option<BTreeMap<String, OneOrMore<String>>>,
    /// How a person's accounts are found: each row names the fields that hold the same value, per kind.
    #[serde(rename = "match")]
    pub matching: Vec<MatchRowFile>,
    /// Lists of people, for `person.in('name')`. Three names mean something by themselves: `protected` holds every stage for a
    /// decision, `hold` every stage but the cut, and what `service` names is a service account.
    #[schemars(default)]
    pub lists: Option<BTreeMap<String, ListFile>>,
    /// Tables by name: paths of CSV files, with commas or semicolons. `licences` (licence, monthly_cost, currency) says what
    /// licences cost.
    #[schemars(default)]
    pub tables: Option<BTreeMap<String, String>>,
    /// Limits and approvers.
    #[schemars(default)]
    pub guard: Option<GuardFile>,
    /// How long things are kept.
    #[schemars(default)]
    pub retention: Option<RetentionFile>,
}

pub(crate) const RETENTION: &[&str] = &["runs", "events", "undo"];

/// How long things are kept.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionFile {
    /// Runs that have ended, with journals and evidence, reviews, and what is known of people who left: `400d` by default, `31d`
    /// at least. Receipts stay; they name nobody.
    #[schemars(default)]
    pub runs: Option<String>,
    /// Events and raw messages: `30d` by default, `7d` at least.
    #[schemars(default)]
    pub events: Option<String>,
    /// How long after its end `rollcall forget` asks before it makes an undo impossible: `30d` by default.
    #[schemars(default)]
    pub undo: Option<String>,
}

/// A connection: its kind, or its kind with more about it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ConnectionFile {
    /// Its kind.
    Kind(Kind),
    /// With details.
    Details(ConnectionDetailsFile),
}

pub(crate) const CONNECTION: &[&str] = &["kind", "suspended"];

/// A connection with details.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionDetailsFile {
    /// Its kind.
    pub kind: Kind,
    /// For a directory that suspends people when they leave: `left`. Without it a suspension only cuts.
    #[schemars(default)]
    pub suspended: Option<SuspendedFile>,
}

/// What a suspension means.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuspendedFile {
    /// The person has left.
    Left,
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

pub(crate) const LIST: &[&str] = &["group", "csv", "object", "people"];

/// A list of people: exactly one of the four.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    /// A group of a directory, read at run time: `okta-main/RC-Protected`.
    #[schemars(default)]
    pub group: Option<String>,
    /// A table whose first column holds logins, e-mail addresses or vendor ids.
    #[schemars(default)]
    pub csv: Option<String>,
    /// An object beside the ledger, read at run time: `lists/hold.csv`. One name a line, or a CSV whose first column counts.
    #[schemars(default)]
    pub object: Option<String>,
    /// Logins, e-mail addresses or vendor ids.
    #[schemars(default)]
    pub people: Option<Vec<String>>,
}

pub(crate) const GUARD: &[&str] = &["cut", "dismantle", "approvers", "connections", "linked", "held"];

/// Limits and approvers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardFile {
    /// How many runs may cut in one connection in an hour before the rest is held: `30/h`, which is the default.
    #[schemars(default)]
    pub cut: Option<String>,
    /// The same for dismantling and plain steps: `10/h` is the default.
    #[schemars(default)]
    pub dismantle: Option<String>,
    /// The group whose members decide reviews: `okta-main/RC-Approvers`.
    #[schemars(default)]
    pub approvers: Option<String>,
    /// Limits of single connections, instead of the general ones.
    #[schemars(default)]
    pub connections: Option<BTreeMap<String, LimitsFile>>,
    /// How many of the people must be linked in a connection before `enforce` counts there: `95%`. Without it, none.
    #[schemars(default)]
    pub linked: Option<String>,
    /// What becomes of a stage that waits for a decision.
    #[schemars(default)]
    pub held: Option<HeldStageFile>,
}

pub(crate) const LIMITS: &[&str] = &["cut", "dismantle"];

/// The limits of one connection.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// How many runs may cut there in an hour: `10/h`.
    #[schemars(default)]
    pub cut: Option<String>,
    /// How many runs may dismantle there in an hour.
    #[schemars(default)]
    pub dismantle: Option<String>,
}

pub(crate) const HELD_STAGE: &[&str] = &["remind", "escalate", "escalate_to", "page", "expires", "on_expiry"];

/// How a held stage presses for a decision. All times count from its opening.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldStageFile {
    /// `held` is told again after this long, and again each time as long has passed: `15m` by default.
    #[schemars(default)]
    pub remind: Option<String>,
    /// After this long `escalate_to` is told, too: `1h` by default.
    #[schemars(default)]
    pub escalate: Option<String>,
    /// To whom it is escalated: channels (`"#it-leads"`) and e-mail addresses.
    #[schemars(default)]
    pub escalate_to: Option<OneOrMore<String>>,
    /// After this long a held cut is told as `failed`, so that somebody is paged: `2h` by default.
    #[schemars(default)]
    pub page: Option<String>,
    /// After this long no decision counts any more: `2d` by default.
    #[schemars(default)]
    pub expires: Option<String>,
    /// What then becomes of a held cut: `refuse` (the default) or `apply`. Any other stage is refused.
    #[schemars(default)]
    pub on_expiry: Option<OnExpiry>,
}
