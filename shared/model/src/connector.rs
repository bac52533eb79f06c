//! The trait that each connected system implements.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, Lane, Signal};
use crate::failure::Failure;
use crate::ids::{AccountRef, ConnectionId};
use crate::person::{Account, Person};
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

/// A connected system. Implementations hold their own client and token cache, and check the tenant's id whenever they get a
/// token: a wrong tenant refuses every call.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The connection this is.
    fn connection(&self) -> &ConnectionId;

    /// Reads a signal of this connection. Never fails: what cannot be understood is an unknown event.
    fn normalise(&self, signal: &Signal, raw: &str) -> Event;

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
}

/// An action with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionUse {
    /// The action's name.
    pub action: String,
    /// Its parameters, all expressions already evaluated.
    pub with: Value,
}
