//! `playbooks/<name>.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{CaseFile, OneOrMore};
use crate::configuration::Mode;

pub(crate) const PLAYBOOK: &[&str] = &[
    "goal",
    "on",
    "cut",
    "dismantle",
    "steps",
    "tell",
    "mode",
    "tests",
    "review",
];
pub(crate) const USES: &[&str] = &["uses", "with", "tell", "mode", "tests"];

/// `playbooks/<name>.yaml`: what to do when. Either a playbook of your own, or a shipped one by reference.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "only its schema is used")]
pub enum PlaybookFile {
    /// A shipped playbook.
    Shipped(UsesFile),
    /// One of your own.
    Own(OwnPlaybookFile),
}

/// A shipped playbook by reference: `uses: rollcall/leaver@1`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsesFile {
    /// Which, with its version.
    pub uses: String,
    /// Its parameters.
    #[schemars(default)]
    pub with: Option<BTreeMap<String, Value>>,
    /// Messages that replace its own, by moment.
    #[schemars(default)]
    pub tell: Option<TellFile>,
    /// The mode that it may reach at most.
    #[schemars(default)]
    pub mode: Option<Mode>,
    /// Tests beside its own.
    #[schemars(default)]
    pub tests: Option<Vec<CaseFile>>,
}

/// A playbook of your own.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPlaybookFile {
    /// What a run is for: `leave`, `join` or `move`. A playbook with `cut` or `dismantle` is for leaving, one that answers
    /// `app.removed` for moving.
    #[schemars(default)]
    pub goal: Option<String>,
    /// What starts it.
    pub on: OneOrMore<TriggerFile>,
    /// What happens at once and can be taken back.
    #[schemars(default)]
    pub cut: Option<OneOrMore<StepFile>>,
    /// What happens later.
    #[schemars(default)]
    pub dismantle: Option<DismantleFile>,
    /// The steps of a playbook that neither cuts nor dismantles.
    #[schemars(default)]
    pub steps: Option<OneOrMore<StepFile>>,
    /// Who is told, by moment.
    #[schemars(default)]
    pub tell: Option<TellFile>,
    /// The mode that it may reach at most.
    #[schemars(default)]
    pub mode: Option<Mode>,
    /// Not yet supported by this version.
    #[schemars(default)]
    pub review: Option<Value>,
    /// Its tests, run by `rollcall check --offline`.
    #[schemars(default)]
    pub tests: Option<Vec<CaseFile>>,
}

pub(crate) const TRIGGER: &[&str] = &["from", "event", "planned"];

/// What starts a playbook: events from connections, or somebody's plan.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerFile {
    /// The directories that report it.
    #[schemars(default)]
    pub from: Option<OneOrMore<String>>,
    /// Event kinds: `user.deactivated`. `user.suspended` and `user.locked` only cut; `app.removed` concerns only the
    /// connection whose tenant names the application as its `app`.
    #[schemars(default)]
    pub event: Option<OneOrMore<String>>,
    /// A person or a date asks for this goal: `leave`, `join` or `move`.
    #[schemars(default)]
    pub planned: Option<String>,
}

pub(crate) const DISMANTLE: &[&str] = &["after", "unless", "steps"];

/// The second stage of a leave.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DismantleFile {
    /// How long after the cut: `24h`, which is the default; 0 is allowed.
    #[schemars(default)]
    pub after: Option<String>,
    /// A condition (CEL) that stops it when it holds at its start.
    #[schemars(default)]
    pub unless: Option<String>,
    /// Its steps.
    pub steps: OneOrMore<StepFile>,
}

pub(crate) const STEP: &[&str] = &["id", "use", "in", "accounts", "with", "if", "after"];

/// A step: some actions in some connections.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// Its name within the stage; the kind of its actions by default.
    #[schemars(default)]
    pub id: Option<String>,
    /// Actions, in order: `salesforce/freeze`.
    #[serde(rename = "use")]
    pub actions: OneOrMore<String>,
    /// Connections or sets; all of the kind that the actions are for.
    #[serde(rename = "in")]
    pub connections: OneOrMore<String>,
    /// Which of the person's accounts: `human`, `admin`, `portal`; human and admin by default. Service accounts never.
    #[schemars(default)]
    pub accounts: Option<OneOrMore<AccountClassFile>>,
    /// Parameters of the actions; strings may hold `${…}`.
    #[schemars(default)]
    pub with: Option<BTreeMap<String, Value>>,
    /// A condition (CEL); false skips the step and is recorded with that reason.
    #[serde(rename = "if")]
    #[schemars(default)]
    pub condition: Option<String>,
    /// A step of the same stage that must be green in the same connection first.
    #[schemars(default)]
    pub after: Option<String>,
}

/// What an account is for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountClassFile {
    /// A person's everyday account.
    Human,
    /// A person's administrative account.
    Admin,
    /// A customer's or partner's account.
    Portal,
}

pub(crate) const TELL: &[&str] = &["cut", "done", "held", "failed"];

/// Who is told, by moment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TellFile {
    /// Access is cut everywhere.
    #[schemars(default)]
    pub cut: Option<OneOrMore<MessageFile>>,
    /// Everything is done.
    #[schemars(default)]
    pub done: Option<OneOrMore<MessageFile>>,
    /// A stage waits for a decision.
    #[schemars(default)]
    pub held: Option<OneOrMore<MessageFile>>,
    /// The run ended without reaching its goal, or needs somebody.
    #[schemars(default)]
    pub failed: Option<OneOrMore<MessageFile>>,
}

pub(crate) const MESSAGE: &[&str] = &["post", "dm", "by", "text"];

/// A message.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageFile {
    /// Slack channels, in quotes: `"#security"`.
    #[schemars(default)]
    pub post: Option<OneOrMore<String>>,
    /// People in Slack: an e-mail address, `${person}` or `${person.manager}`.
    #[schemars(default)]
    pub dm: Option<OneOrMore<String>>,
    /// The Slack connection, when there are several.
    #[schemars(default)]
    pub by: Option<String>,
    /// MiniJinja: `{{ person.display }} is out: {{ run.cut }}`. It can show `person.display`, `person.email`,
    /// `person.login`, `person.state`, `person.department`, `person.title`, `person.manager.display`,
    /// `person.manager.email`, `person.manager.login`, `run.id`, `run.goal`, `run.playbook`, `run.cut`, `run.summary`,
    /// `run.why`, `run.handover`.
    pub text: String,
}
