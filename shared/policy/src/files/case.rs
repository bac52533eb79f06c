//! A playbook's tests, and the people in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::OneOrMore;
use crate::configuration::Mode;

pub(crate) const CASE: &[&str] = &["name", "given", "when", "expect"];

/// A test.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// A name for the report.
    #[schemars(default)]
    pub name: Option<String>,
    /// What it begins with; somebody ordinary with an account everywhere by default.
    #[schemars(default)]
    pub given: Option<GivenFile>,
    /// What happens: an event kind from the source, or a mapping.
    pub when: WhenFile,
    /// What must come of it; what is not named is not compared.
    pub expect: ExpectFile,
}

pub(crate) const GIVEN: &[&str] = &[
    "person",
    "state",
    "accounts",
    "states",
    "lists",
    "converting",
    "successor",
];

/// What a test begins with. `sf-emea.manager: none` and `sf-emea.successor: none` say that they cannot take over there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = {
    "^[a-z][a-z0-9_-]*\\.(manager|successor)$": { "enum": ["account", "none"] }
}))]
pub struct GivenFile {
    /// A file of `people/`, or the person inline.
    #[schemars(default)]
    pub person: Option<PersonOrPath>,
    /// The person's state in the source; what the event implies by default.
    #[schemars(default)]
    pub state: Option<String>,
    /// What searches find: `account`, `admin`, `portal`, `service`, `unsure`, `none`, `unproven` or `unreadable`; one word
    /// for everywhere, or by connection or set.
    #[schemars(default)]
    pub accounts: Option<AccountsFile>,
    /// The state that an action finds, by its name: `salesforce/freeze: {frozen: true}`. Without it there is something to
    /// do.
    #[schemars(default)]
    pub states: Option<BTreeMap<String, Value>>,
    /// Lists that the person is in, beside those that their own groups and names put them in.
    #[schemars(default)]
    pub lists: Option<OneOrMore<String>>,
    /// Whether the person is converting: `true`, `false` or `unknown`; `false` by default.
    #[schemars(default)]
    pub converting: Option<ConvertingFile>,
    /// The sign-in name of whoever takes over.
    #[schemars(default)]
    pub successor: Option<String>,
}

/// True, false, or `unknown`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ConvertingFile {
    /// It is so, or not.
    Flag(bool),
    /// `unknown`.
    Word(String),
}

/// A person by file or inline.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "only its schema is used")]
pub enum PersonOrPath {
    /// `people/amara.yaml`.
    Path(String),
    /// Inline.
    Person(PersonFile),
}

/// What searches find.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AccountsFile {
    /// Everywhere.
    Everywhere(String),
    /// By connection or set.
    By(BTreeMap<String, String>),
}

/// What happens.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WhenFile {
    /// An event kind, from the source.
    Kind(String),
    /// With details.
    Details(WhenDetailsFile),
}

pub(crate) const WHEN: &[&str] = &["event", "from", "app", "ours", "failed", "planned"];

/// What happens, with details.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenDetailsFile {
    /// The event kind.
    #[schemars(default)]
    pub event: Option<String>,
    /// The connection that reports it; the source by default.
    #[schemars(default)]
    pub from: Option<String>,
    /// With `app.removed`: the source's id of the application; that of the first connection of the playbook that has an `app`
    /// by default.
    #[schemars(default)]
    pub app: Option<String>,
    /// True when our own credential did it.
    #[schemars(default)]
    pub ours: Option<bool>,
    /// True for an attempt that failed.
    #[schemars(default)]
    pub failed: Option<bool>,
    /// Instead of an event: somebody asks for this goal.
    #[schemars(default)]
    pub planned: Option<String>,
}

pub(crate) const EXPECT: &[&str] = &[
    "nothing",
    "stages",
    "cut",
    "dismantle",
    "steps",
    "no_account",
    "skip",
    "unknown",
    "ask",
    "stopped",
    "held",
    "mode",
    "tell",
];

/// What must come of it. Lists of connections are complete: `cut: [sf-us]` says that nothing is cut elsewhere.
/// `STEP.CONNECTION.to: NAME` says who gets the records of a step, `STEP.CONNECTION.OBJECT: NAME` those of one object.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("patternProperties" = {
    "^[a-z][a-z0-9_-]*\\.[a-z][a-z0-9_-]*\\.[A-Za-z][A-Za-z0-9_]*$": { "type": "string" }
}))]
pub struct ExpectFile {
    /// True when the playbook must not run.
    #[schemars(default)]
    pub nothing: Option<bool>,
    /// The run's stages.
    #[schemars(default)]
    pub stages: Option<Vec<String>>,
    /// Where the cut changes something.
    #[schemars(default)]
    pub cut: Option<OneOrMore<String>>,
    /// Where dismantling changes something.
    #[schemars(default)]
    pub dismantle: Option<OneOrMore<String>>,
    /// Where the steps change something.
    #[schemars(default)]
    pub steps: Option<OneOrMore<String>>,
    /// Where there is no account and that is believed.
    #[schemars(default)]
    pub no_account: Option<OneOrMore<String>>,
    /// Where everything is skipped.
    #[schemars(default)]
    pub skip: Option<OneOrMore<String>>,
    /// Where something could not be told.
    #[schemars(default)]
    pub unknown: Option<OneOrMore<String>>,
    /// Where a person must decide about an account or a change.
    #[schemars(default)]
    pub ask: Option<OneOrMore<String>>,
    /// Stages that their `unless` stops.
    #[schemars(default)]
    pub stopped: Option<OneOrMore<String>>,
    /// Whether a stage is held for a decision: true, false, or part of the reason.
    #[schemars(default)]
    pub held: Option<HeldFile>,
    /// The strictest mode of its stages.
    #[schemars(default)]
    pub mode: Option<Mode>,
    /// Part of `recipient: text` of a message, by moment.
    #[schemars(default)]
    pub tell: Option<BTreeMap<String, String>>,
}

/// Whether a stage is held.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeldFile {
    /// Yes or no.
    Flag(bool),
    /// Yes, and a reason contains this.
    Because(String),
}

pub(crate) const PERSON: &[&str] = &[
    "id",
    "login",
    "email",
    "display",
    "state",
    "groups",
    "roles",
    "manager",
    "attributes",
];

/// `people/<name>.yaml`: somebody for tests, as the source would describe them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonFile {
    /// The vendor's id; the file's name by default.
    #[schemars(default)]
    pub id: Option<String>,
    /// Sign-in name.
    pub login: String,
    /// E-mail address.
    #[schemars(default)]
    pub email: Option<String>,
    /// Name for people; the login by default.
    #[schemars(default)]
    pub display: Option<String>,
    /// `staged`, `active`, `suspended`, `locked`, `deactivating`, `deactivated` or `deleted`; what the event implies by
    /// default.
    #[schemars(default)]
    pub state: Option<String>,
    /// Names of groups; `Everyone` is added.
    #[schemars(default)]
    pub groups: Option<Vec<String>>,
    /// Administrative roles.
    #[schemars(default)]
    pub roles: Option<Vec<String>>,
    /// The manager.
    #[schemars(default)]
    pub manager: Option<ManagerFile>,
    /// Profile attributes by the vendor's names; whole numbers and texts.
    #[schemars(default)]
    pub attributes: Option<BTreeMap<String, Value>>,
}

pub(crate) const MANAGER: &[&str] = &["login", "email", "display"];

/// A manager.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagerFile {
    /// Sign-in name.
    #[schemars(default)]
    pub login: Option<String>,
    /// E-mail address.
    #[schemars(default)]
    pub email: Option<String>,
    /// Name for people.
    #[schemars(default)]
    pub display: Option<String>,
}
