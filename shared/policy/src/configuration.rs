//! A configuration that was loaded and checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ids::{ConnectionId, Digest};
use rollcall_model::person::Person;
use rollcall_model::plan::{Goal, StageSpec, TellMoment};
use rollcall_runtime::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::cases::Case;
use crate::expression::Condition;

/// A kind of system that a connection can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Okta Workforce Identity.
    Okta,
    /// OneLogin.
    Onelogin,
    /// Salesforce.
    Salesforce,
    /// Slack.
    Slack,
}

impl Kind {
    /// All kinds, in order of name.
    pub const ALL: [Self; 4] = [Self::Okta, Self::Onelogin, Self::Salesforce, Self::Slack];

    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Onelogin => "onelogin",
            Self::Salesforce => "salesforce",
            Self::Slack => "slack",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// True for directories: they can be the source and have a hook.
    pub const fn is_directory(self) -> bool {
        matches!(self, Self::Okta | Self::Onelogin)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// How far a playbook may go. Ordered from the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Plan only, to compare with what people do by hand.
    Observe,
    /// A person decides about every stage.
    Review,
    /// Apply what the guard lets through.
    Enforce,
}

impl Mode {
    /// The mode's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Review => "review",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The mode of one playbook or connection.
#[derive(Clone, Debug)]
pub enum ModeRule {
    /// The same for everybody.
    Always(Mode),
    /// By cohort: the most permissive mode whose condition holds for the person, else the default.
    Cohorts(Vec<(Mode, Condition)>),
}

/// Modes as the environment gives them.
#[derive(Clone, Debug)]
pub struct Modes {
    /// For playbooks that have no entry of their own.
    pub default: Mode,
    /// By playbook name: replaces the default.
    pub playbooks: BTreeMap<String, ModeRule>,
    /// By connection name: makes stricter, never more permissive.
    pub connections: BTreeMap<ConnectionId, ModeRule>,
}

/// How Okta is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OktaAuth {
    /// An API token (`Authorization: SSWS …`).
    Ssws {
        /// Where the token is.
        secret: SecretRef,
    },
    /// A service application with a private key.
    ServiceApp {
        /// The application's client id.
        client_id: String,
        /// Where the private key is: PEM.
        key: SecretRef,
        /// The key's id, when the application has several.
        kid: Option<String>,
    },
}

/// How Salesforce is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SalesforceFlow {
    /// OAuth 2.0 JWT bearer: `secret` is the private key (PEM) behind the connected app's certificate.
    Jwt {
        /// The connected app's consumer key.
        consumer_key: String,
        /// The integration user's username.
        username: String,
    },
    /// OAuth 2.0 client credentials: `secret` is the consumer secret.
    ClientCredentials {
        /// The connected app's consumer key.
        consumer_key: String,
    },
}

/// Settings of a tenant by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantSettings {
    /// Okta.
    Okta {
        /// How it is called.
        auth: OktaAuth,
        /// Vendor ids of our own credentials beside the one the token belongs to: events by them are ours.
        own_ids: Vec<String>,
        /// Vendor id of the user whose presence proves that a read was complete; absent = the token's own user.
        canary: Option<String>,
    },
    /// OneLogin.
    Onelogin {
        /// Where the client secret is.
        secret: Option<SecretRef>,
        /// The API credential's client id.
        client_id: Option<String>,
        /// Vendor ids of our own credentials: events by them are ours.
        own_ids: Vec<String>,
        /// Vendor id of the user whose presence proves that a read was complete; absent = "no account" is never believed.
        canary: Option<String>,
    },
    /// Salesforce.
    Salesforce {
        /// How it is called.
        flow: SalesforceFlow,
        /// Where the private key or the consumer secret is.
        secret: SecretRef,
        /// `vNN.0`; absent = the connector's own.
        api_version: Option<String>,
        /// True for a sandbox.
        sandbox: bool,
        /// Where tokens come from; absent = the tenant's `url`.
        login_url: Option<String>,
        /// Hosts that a token answer may name beside the tenant's own.
        hosts: Vec<String>,
        /// More records than this of one object are handed over by a bulk job; absent = the connector's own.
        bulk_above: Option<usize>,
    },
    /// Slack.
    Slack {
        /// Where the bot token is.
        secret: SecretRef,
    },
}

/// How a source's hook proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The header that carries the secret; absent = the door's own default.
    pub header: Option<String>,
    /// Where the accepted values are: the present one first, then the one being rotated out.
    pub secrets: Vec<SecretRef>,
}

/// One tenant of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Base address without a final slash; for Slack that of its Web API, `https://slack.com/api` by default.
    pub url: String,
    /// The tenant's own id, checked at every token: Okta org id, OneLogin subdomain id, Salesforce organisation id, Slack
    /// team id.
    pub id: String,
    /// The rest, by kind.
    pub settings: TenantSettings,
    /// The hook of a source.
    pub hook: Option<Hook>,
    /// When its credential ends, as far as somebody has written it down.
    pub expires: Option<Timestamp>,
}

/// One configured tenant by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// What kind of system it is.
    pub kind: Kind,
    /// A directory whose suspension of somebody means that they have left.
    pub suspension_is_leaving: bool,
    /// The application of the source that stands for this connection: who loses it there loses access here.
    pub app: Option<String>,
    /// Where it is in this environment.
    pub tenant: Tenant,
}

/// One row of `match`: which field of each kind holds the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRow {
    /// A hit is the person.
    pub sure: bool,
    /// Field by kind.
    pub fields: BTreeMap<Kind, String>,
}

/// Where a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    /// A group of a directory, by name.
    Group {
        /// The directory.
        connection: ConnectionId,
        /// The group's name.
        name: String,
    },
    /// The first column of a table: logins, e-mail addresses or vendor ids.
    Csv {
        /// The file.
        path: String,
        /// Its values, lower-cased.
        values: Vec<String>,
    },
    /// An object in the files beside the ledger, read at run time: one name a line, or a CSV whose first column counts.
    Object {
        /// Its name: `lists/hold.csv`.
        name: String,
    },
    /// Named in the configuration: logins, e-mail addresses or vendor ids, lower-cased.
    People(Vec<String>),
}

/// A table as parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

/// What one licence costs a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceCost {
    /// In hundredths of the currency's unit.
    pub hundredths: u64,
    /// Its three letters: `EUR`.
    pub currency: String,
}

/// So many in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub per_hour: u32,
}

/// Guard settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// How many runs may cut in one connection in an hour.
    pub cut: Rate,
    /// How many runs may dismantle in one connection in an hour; also the limit of playbooks with plain `steps`.
    pub dismantle: Rate,
    /// The group whose members may decide reviews: connection and name.
    pub approvers: Option<(ConnectionId, String)>,
    /// Limits of single connections, which replace the general ones there.
    pub connections: BTreeMap<ConnectionId, Limits>,
    /// Of a hundred active people, how many must be linked in a connection before the mode `enforce` counts there.
    pub linked: Option<u32>,
    /// What becomes of a stage that nobody decides about.
    pub held: Held,
}

/// The limits of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many runs may cut there in an hour.
    pub cut: Option<Rate>,
    /// How many runs may dismantle there in an hour.
    pub dismantle: Option<Rate>,
}

/// How a held stage presses for a decision. All times count from its opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `held` is told again after this long, and again each time as long has passed.
    pub remind: Duration,
    /// After this long those are told, too, to whom a held stage is escalated.
    pub escalate: Duration,
    /// To whom: channels (`#it-leads`) and addresses.
    pub escalate_to: Vec<String>,
    /// After this long a held cut is told as a failure: somebody is paged.
    pub page: Duration,
    /// After this long no decision counts any more.
    pub expires: Duration,
    /// What then becomes of a held cut. Any other stage is refused.
    pub on_expiry: OnExpiry,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Runs that have ended, with their journals and evidence; reviews; and what is known of people who left.
    pub runs: Duration,
    /// Events, raw messages, claims that were let go. Longer than a vendor may deliver an event again, so that none counts
    /// twice.
    pub events: Duration,
    /// For how long a run's data is needed to take it back: `rollcall forget` asks before it destroys them sooner.
    pub undo: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs: Duration::from_hours(24 * 400),
            events: Duration::from_hours(24 * 30),
            undo: Duration::from_hours(24 * 30),
        }
    }
}

/// What becomes of a held cut that nobody decided in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnExpiry {
    /// It is not made.
    Refuse,
    /// It is made.
    Apply,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            remind: Duration::from_mins(15),
            escalate: Duration::from_hours(1),
            escalate_to: Vec::new(),
            page: Duration::from_hours(2),
            expires: Duration::from_hours(48),
            on_expiry: OnExpiry::Refuse,
        }
    }
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Ask for runs, pause, redrive.
    Operator,
    /// Decide reviews.
    Approver,
    /// See who a quiet run is about.
    Confidential,
    /// Prove the configuration against the connections, and read captured hooks with it.
    Config,
}

/// Somebody who works with Rollcall, by the name that the system they sign in to gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Their sign-in name in the source, by which they are in the group of approvers.
    pub login: Option<String>,
    /// Who they are for AWS: the ARN of their IAM user, or of the session of the role that they take. Nobody without one
    /// works with a stack.
    pub aws: Option<String>,
    /// What they may do.
    pub roles: BTreeSet<Role>,
}

/// What starts a playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An event of one of these kinds from one of these connections.
    Event {
        /// The connections.
        from: Vec<ConnectionId>,
        /// Kinds as in `EventKind::as_str`.
        kinds: Vec<String>,
    },
    /// A person, or a date, with this goal.
    Planned(Goal),
}

/// One message of a playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// When.
    pub moment: TellMoment,
    /// By which connection.
    pub connection: ConnectionId,
    /// By which action.
    pub action: String,
    /// A channel, an address, or a `${…}` expression.
    pub to: String,
    /// MiniJinja text.
    pub text: String,
}

/// A playbook, with shipped ones expanded and sets resolved.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// Its name: the file's name.
    pub name: String,
    /// What a run of it is for.
    pub goal: Goal,
    /// What starts it.
    pub on: Vec<Trigger>,
    /// Its stages, in order.
    pub stages: Vec<StageSpec>,
    /// Who is told, and when.
    pub tell: Vec<Tell>,
    /// The mode that the playbook's own file asks for at most.
    pub mode: Option<Mode>,
    /// Its tests.
    pub tests: Vec<Case>,
}

/// Everything, checked.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The environment's name.
    pub environment: String,
    /// Digest over the parsed content of every file of it, shipped playbooks included.
    pub digest: Digest,
    /// Connections by name.
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// The source of truth about people.
    pub source: ConnectionId,
    /// Sets of connections by name.
    pub sets: BTreeMap<String, Vec<ConnectionId>>,
    /// How accounts are matched, in order.
    pub matching: Vec<MatchRow>,
    /// Lists by name.
    pub lists: BTreeMap<String, ListSource>,
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// What licences cost, by their names in small letters, from the table `licences`; empty without one.
    pub licences: BTreeMap<String, LicenceCost>,
    /// Guard settings.
    pub guard: Guard,
    /// How long things are kept.
    pub retention: Retention,
    /// Modes.
    pub modes: Modes,
    /// Operators by the name under which they sign in.
    pub operators: BTreeMap<String, Operator>,
    /// Playbooks by name.
    pub playbooks: BTreeMap<String, Playbook>,
    /// Test people by file.
    pub people: BTreeMap<String, Person>,
    pub(crate) bundle: Bundle,
}

impl Configuration {
    /// The connection of this name.
    pub fn connection(&self, id: &ConnectionId) -> Option<&Connection> {
        self.connections.get(id)
    }

    /// The kind of the source.
    pub fn source_kind(&self) -> Option<Kind> {
        self.connections.get(&self.source).map(|connection| connection.kind)
    }

    /// The files that it was made from, to be stored under its digest so that a run can load exactly this configuration
    /// again.
    pub fn to_bundle(&self) -> Bundle {
        self.bundle.clone()
    }
}
