//! The trait that each connected system implements.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, Lane, Signal, SignalFormat};
use crate::failure::Failure;
use crate::ids::{AccountRef, ConnectionId, SignalKey};
use crate::long::{Advance, Desk, Preflight};
use crate::person::{Account, AccountClass, Person};
use crate::plan::Change;

/// What the engine tells a connector about the call it makes.
#[derive(Clone, Debug)]
pub struct Call {
    /// No request may outlive this moment; a connector's total time-out ends before it.
    pub deadline: Timestamp,
    /// Whose share of the vendor's quota it uses; `urgent` always keeps a reserve.
    pub lane: Lane,
}

/// A state as read: `value` is compared and hashed, `evidence` (ids, counts) is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The predicate's state: `{"frozen": false}`, `{"sessions": "some"}`.
    pub value: Value,
    /// Ids and counts behind it; outside every hash.
    pub evidence: Value,
}

/// The answer to "what is the state".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Read with certainty.
    Known(State),
    /// The read could not have seen it (a permission is missing, the canary was not there); why.
    Unknown(String),
}

/// Whether a search could have seen an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// The same query returned our canary and every key was tried.
    Proven,
    /// Absence proves nothing here; why.
    Unproven(String),
}

/// One value to search an account by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchKey {
    /// The target vendor's field: `FederationIdentifier`.
    pub field: String,
    /// The value to look for.
    pub value: String,
    /// Declared sure: a hit is the person.
    pub sure: bool,
}

/// A search for one person's accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountQuery {
    /// Values to try, all of them.
    pub keys: Vec<MatchKey>,
    /// Vendor ids that the ledger links to the person.
    pub linked: Vec<String>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSearch {
    /// Every account that matched, in order of id.
    pub accounts: Vec<Account>,
    /// Whether an empty or short answer means anything.
    pub completeness: Completeness,
}

/// The source's word on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectRead {
    /// The account and its person. A deleted account that the read could have seen is present with state `Deleted` only
    /// when a person is still known from before; otherwise it is [`SubjectRead::Gone`].
    Present(Box<Person>),
    /// No such account, and the read could have seen one.
    Gone,
    /// The read proves nothing; why.
    Unproven(String),
}

/// A call that the vendor answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// What the vendor named the result, kept in the journal: Slack's channel and `ts`, a ticket's key.
    pub reference: Value,
}

/// An account as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAccount {
    /// Where and which.
    pub account: AccountRef,
    /// What it is for, as far as the list tells.
    pub class: AccountClass,
    /// Sign-in name there.
    pub username: String,
    /// Whether it can be used at all.
    pub active: bool,
    /// Further names, as in [`Account::names`].
    pub names: Vec<String>,
    /// The fields that were asked for, where they hold text.
    pub values: BTreeMap<String, String>,
    /// The person behind it, when the connection is a directory; groups, roles and the manager are not read.
    pub person: Option<Box<Person>>,
}

/// An event as a vendor's own log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The same identity as a hook's delivery of it.
    pub key: SignalKey,
    /// How to read it.
    pub format: SignalFormat,
    /// The event as text, in the shape that a hook delivers.
    pub raw: String,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next page with; none on the last.
    pub next: Option<String>,
    /// Why the list proves nothing, when it does not: rows may be hidden.
    pub unproven: Option<String>,
}

/// That a directory gives an application to one of its accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The directory's account.
    pub account: AccountRef,
    /// The application's own id of the user, as the directory keeps it.
    pub external_id: Option<String>,
    /// The application's sign-in name of the user, as the directory keeps it.
    pub username: Option<String>,
}

/// Whether a directory gives an application to an account now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It does.
    Yes,
    /// It does not, and the read could have seen it.
    No,
    /// The read proves nothing; why.
    Unproven(String),
}

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The vendor's id.
    pub id: String,
    /// Sign-in name, lower-cased.
    pub login: String,
    /// E-mail address, lower-cased.
    pub email: Option<String>,
}

/// The members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRead {
    /// All of them.
    Members(Vec<Member>),
    /// No group of that name, and the read could have seen one.
    NoSuchGroup,
    /// The read proves nothing; why.
    Unproven(String),
}

/// How one look at a connection turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeResult {
    /// As it should be.
    Good,
    /// Works, but somebody should look.
    Warning,
    /// Does not work, or must not be used like this.
    Bad,
    /// Could not be found out.
    Unknown,
}

/// One look at a connection: its tenant, scopes, canary, permissions, quota, or a second master of its accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What was looked at: `tenant`, `scopes`, `canary`, `permissions`, `quota`, `second-master`, `own-credential`.
    pub what: String,
    /// How it turned out.
    pub result: ProbeResult,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl Probe {
    /// A look and what to do about it, when there is something to do.
    pub fn new(what: &str, result: ProbeResult, found: impl Into<String>, next: Option<&str>) -> Self {
        Self {
            what: what.to_owned(),
            result,
            found: found.into(),
            next: next.map(str::to_owned),
        }
    }

    /// A look that could not be taken, for a reason that may pass.
    pub fn unseen(what: &str, why: impl Into<String>) -> Self {
        let next = "look again in a while: what could not be looked at proves nothing";
        Self::new(what, ProbeResult::Unknown, why, Some(next))
    }
}

/// A connected system. Implementations hold their own client and token cache, and check the tenant's id whenever they get a
/// token: a wrong tenant refuses every call.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The connection this is.
    fn connection(&self) -> &ConnectionId;

    /// Reads a signal of this connection. Never fails: what cannot be understood is an unknown event.
    fn normalise(&self, signal: &Signal, raw: &str) -> Event;

    /// Gets a token where calls need one and there is none yet. Without it the first call does so, and takes longer by a vendor's
    /// answer or more.
    async fn sign_in(&self, _call: &Call) -> Result<(), Failure> {
        Ok(())
    }

    /// Reads one account of a source, with its manager, groups and roles.
    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure>;

    /// Searches for a person's accounts, with proof that the search could have seen them.
    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure>;

    /// Reads the states behind several actions on one account, in as few calls as the vendor allows; one answer per action,
    /// in order.
    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure>;

    /// Makes one change. `marker` is our key for it, the same on every repetition.
    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure>;

    /// Searches for the effect of a findable change by its marker. `Ok(None)` only after a complete search.
    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure>;

    /// All accounts, page by page, with the named fields of each.
    async fn list_accounts(
        &self,
        _call: &Call,
        _fields: &[String],
        _cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        Err(cannot(self.connection(), "list its accounts"))
    }

    /// Everybody whom a directory gives an application to, page by page; `app` is the directory's id of it.
    async fn assignments(&self, _call: &Call, _app: &str, _cursor: Option<&str>) -> Result<Page<Assignment>, Failure> {
        Err(cannot(self.connection(), "list the assignments of an application"))
    }

    /// Whether a directory gives an application to one of its accounts now.
    async fn assigned(&self, _call: &Call, _account: &AccountRef, _app: &str) -> Result<Assigned, Failure> {
        Err(cannot(self.connection(), "say who has an application"))
    }

    /// Whether the system's own log shows the identities that its hook's deliveries have, so that the two can be compared.
    fn compares_log(&self) -> bool {
        false
    }

    /// The events of these kinds (as in `EventKind::as_str`) that the system's own log holds between two moments and that a hook
    /// delivers, page by page. Only where [`Connector::compares_log`].
    async fn logged(
        &self,
        _call: &Call,
        _kinds: &[String],
        _since: Timestamp,
        _until: Timestamp,
        _cursor: Option<&str>,
    ) -> Result<Page<Logged>, Failure> {
        Err(cannot(self.connection(), "compare its hook with its log"))
    }

    /// The members of a group, by the group's name.
    async fn group_members(&self, _call: &Call, _group: &str) -> Result<GroupRead, Failure> {
        Err(cannot(self.connection(), "read a group's members"))
    }

    /// Does a piece of a long change and says how it stands. `state` is what was saved last, nothing before the first piece.
    /// A failure leaves the change as it was saved.
    async fn advance(
        &self,
        _change: &Change,
        _marker: &str,
        _state: Option<&Value>,
        _desk: &dyn Desk,
    ) -> Result<Advance, Failure> {
        Err(cannot(self.connection(), "make changes that take many calls"))
    }

    /// What stands in the way of deactivating an account, or breaks with it. Changes nothing.
    async fn preflight(&self, _call: &Call, _account: &AccountRef) -> Result<Preflight, Failure> {
        Ok(Preflight::default())
    }

    /// Looks at everything that the connection needs in order to work, and changes nothing. Probes that could not be made say so.
    async fn examine(&self, _call: &Call) -> Vec<Probe> {
        Vec::new()
    }
}

fn cannot(connection: &ConnectionId, what: &str) -> Failure {
    Failure::give_up(format!("{connection} cannot {what}"))
}

/// An action with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionUse {
    /// The action's name.
    pub action: String,
    /// Its parameters, all expressions already evaluated.
    pub with: Value,
}
