//! Playbook tests: `given` a person and their accounts, `when` an event, `expect` what the plan must be. Run offline.
//!
//! Everything that a test does not say is as in ordinary life: one sure account of the person's own in every connection,
//! every search complete, every action with something to do, everybody linked, nobody in a list that is read at run time. `expect` is partial: what it does not name is not compared.

mod compare;
mod recipients;
mod rehearse;

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::action::ActionCatalogue;
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::{Person, SourceState};
use rollcall_model::plan::Goal;
use serde_json::Value;

use crate::configuration::{Configuration, Mode};

/// What a search finds in a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// One sure account of the person's own.
    #[default]
    Account,
    /// One sure administrative account.
    Admin,
    /// One portal account.
    Portal,
    /// One service account.
    Service,
    /// One account that matched by an unsure field only.
    Unsure,
    /// None, and the search could have seen one.
    None,
    /// None, and the search proves nothing.
    Unproven,
    /// The connection could not be read.
    Unreadable,
}

impl Presence {
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("account", Self::Account),
        ("admin", Self::Admin),
        ("portal", Self::Portal),
        ("service", Self::Service),
        ("unsure", Self::Unsure),
        ("none", Self::None),
        ("unproven", Self::Unproven),
        ("unreadable", Self::Unreadable),
    ];
}

/// What a test begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The person; absent = somebody ordinary.
    pub person: Option<Person>,
    /// The person's state; absent = what the event implies.
    pub state: Option<SourceState>,
    /// What is found where the test names no connection.
    pub everywhere: Presence,
    /// What is found, by connection.
    pub accounts: BTreeMap<ConnectionId, Presence>,
    /// The state that an action finds, by its name; absent = something to do.
    pub states: BTreeMap<String, Value>,
    /// Lists that the person is in, beside those that the person's own groups and names put them in.
    pub lists: Vec<String>,
    /// Whether the person is converting; absent = they are not.
    pub converting: Option<Converting>,
    /// The sign-in name of whoever takes over.
    pub successor: Option<String>,
    /// Who of those that could take over is not in a connection: neither they nor, for a manager, anybody above them.
    pub missing: BTreeSet<(ConnectionId, Target)>,
}

/// Whether the person of a test is converting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Converting {
    /// They are.
    Yes,
    /// They are not.
    No,
    /// It cannot be told.
    Unknown,
}

/// Who could take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Whoever was named to.
    Successor,
    /// The manager, as the source names them.
    Manager,
}

impl Target {
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("manager", Self::Manager), ("successor", Self::Successor)];
}

/// Who must get the records of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The step.
    pub step: String,
    /// Where.
    pub connection: ConnectionId,
    /// An object that the step names under `objects`; absent = all others.
    pub object: Option<String>,
    /// Who: `manager`, a sign-in name, an e-mail address, `queue:Orphans`.
    pub who: String,
}

/// What happens in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// An event.
    Event {
        /// Its kind.
        kind: String,
        /// The connection that reports it.
        from: ConnectionId,
        /// The application that was taken away; absent = that of the first connection of the playbook that has one.
        app: Option<String>,
        /// True when our own credential did it.
        ours: bool,
        /// True for an attempt that failed.
        failed: bool,
    },
    /// Somebody asks for this goal.
    Planned(Goal),
}

/// Whether a stage is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It is, and a reason contains this.
    Because(String),
}

/// What a test compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// True when the playbook must not run at all.
    pub nothing: Option<bool>,
    /// The names of the run's stages.
    pub stages: Option<Vec<String>>,
    /// Connections in which a stage would change something, by stage.
    pub changed: BTreeMap<String, Vec<ConnectionId>>,
    /// Connections where no account is and that counts as done.
    pub no_account: Option<Vec<ConnectionId>>,
    /// Connections where everything is skipped.
    pub skip: Option<Vec<ConnectionId>>,
    /// Connections where something is unknown.
    pub unknown: Option<Vec<ConnectionId>>,
    /// Connections where a person must decide about an account or a change.
    pub ask: Option<Vec<ConnectionId>>,
    /// Stages that their `unless` stops.
    pub stopped: Vec<String>,
    /// Whether some stage is held.
    pub held: Option<Held>,
    /// The strictest mode of its stages.
    pub mode: Option<Mode>,
    /// Text that a message of a moment contains; it is compared with `recipient: text`.
    pub tell: BTreeMap<String, String>,
    /// Who gets which records.
    pub recipients: Vec<Recipient>,
}

/// One test of a playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name, when it has one.
    pub name: Option<String>,
    /// Where it is written.
    pub file: String,
    /// Where in the file.
    pub line: usize,
    /// What it begins with.
    pub given: Given,
    /// What happens.
    pub when: When,
    /// What must come of it.
    pub expect: Expect,
}

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The playbook.
    pub playbook: String,
    /// The test's name, or its place among the playbook's tests.
    pub name: String,
    /// Where it is written.
    pub file: String,
    /// Where in the file.
    pub line: usize,
    /// Each thing that is not as expected; empty when it passed.
    pub differences: Vec<String>,
}

impl TestResult {
    /// True when everything is as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs every test of every playbook, in order.
pub fn run_tests(configuration: &Configuration, catalogue: &ActionCatalogue) -> Vec<TestResult> {
    let mut results = Vec::new();
    for playbook in configuration.playbooks.values() {
        for (place, case) in playbook.tests.iter().enumerate() {
            results.push(TestResult {
                playbook: playbook.name.clone(),
                name: case.name.clone().unwrap_or_else(|| format!("test {}", place + 1)),
                file: case.file.clone(),
                line: case.line,
                differences: rehearse::run(configuration, catalogue, playbook, case),
            });
        }
    }
    results
}

#[cfg(test)]
mod tests;
