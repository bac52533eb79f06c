//! Okta: the source of truth. Event hooks say that something changed; the state is then read from the management API.
//!
//! Signs in with an API token or, as Okta recommends, as a service app with `private_key_jwt` and DPoP. Before the first call
//! and with every new token the tenant is asked for its organisation id: a host that names another one gets nothing.
//!
//! [`READ_SCOPES`] are what a service app needs in order to read, together with an admin role that lets it see users, groups and
//! roles: a scope without the role makes Okta answer with empty lists instead of errors, which is why no absence is believed
//! without a canary. [`CUT_SCOPES`] are what it needs beside them where accounts of the tenant itself are cut, with a role that
//! may change users (for administrators' accounts: super administrator), [`DISMANTLE_SCOPES`] with a role that may change groups
//! where they are dismantled, and [`ASSIGNMENT_SCOPES`] where assignments of applications are looked at; [`LOG_SCOPES`] where a hook's
//! silence is to be noticed. An app to which only some of them are granted still does what these allow.

mod accounts;
pub(crate) mod actions;
mod admins;
mod apply;
mod assignments;
mod client;
mod dismantle;
mod dpop;
mod events;
mod examine;
mod factors;
mod groups;
mod holdings;
mod lifecycle;
mod listing;
mod logs;
mod masters;
mod members;
mod own;
mod retry;
mod states;
mod subject;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_model::connector::{ActionUse, Assigned, Assignment, GroupRead, ListedAccount, Logged, Page, Probe};
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event, Failure,
    Observation, Signal, SubjectRead, Transport,
};
use rollcall_runtime::{Clock, Ids, Secret};

use crate::exchange::Exchange;
use client::Client;

/// The least scopes that reading needs (Okta OAuth 2.0 scopes).
pub const READ_SCOPES: &[&str] = &["okta.users.read", "okta.groups.read", "okta.roles.read"];

/// What cutting accounts of the tenant needs beside [`READ_SCOPES`].
pub const CUT_SCOPES: &[&str] = &["okta.users.manage", "okta.apiTokens.read", "okta.apiTokens.manage"];

/// What taking accounts of the tenant apart needs beside these and [`ASSIGNMENT_SCOPES`].
pub const DISMANTLE_SCOPES: &[&str] = &["okta.groups.manage"];

/// What looking at applications and their users needs.
pub const ASSIGNMENT_SCOPES: &[&str] = &["okta.apps.read"];

/// What comparing the hook with the System Log needs.
pub const LOG_SCOPES: &[&str] = &["okta.logs.read"];

/// How to sign in.
#[derive(Clone, Debug)]
pub enum OktaAuth {
    /// An API token. It has the rights of the user who made it and dies with them.
    Ssws(Secret),
    /// A service app.
    ServiceApp {
        /// The app's client id (`0oa…`).
        client_id: String,
        /// The private key, PEM.
        key: Secret,
        /// The id under which the public key is registered.
        kid: String,
        /// The scopes to ask for. [`READ_SCOPES`] must be granted; of the others those that are granted are used.
        scopes: Vec<String>,
    },
}

/// How the tenant says who somebody's manager is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ManagerLink {
    /// `profile.managerId` (an Okta id, a login or an employee number) and `profile.manager` (a name or login).
    #[default]
    Profile,
    /// A linked object of this name on the user, read with `okta.linkedObjects.read`.
    LinkedObject(String),
}

/// One tenant.
#[derive(Clone, Debug)]
pub struct OktaSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// `https://corp.okta.com`.
    pub base_url: String,
    /// The organisation id that the host must state (`00o…`).
    pub tenant_id: String,
    /// How to sign in.
    pub auth: OktaAuth,
    /// Ids under which our own doings appear in events: the client id, an API token's id (`00T…`).
    pub own_ids: Vec<String>,
    /// A user id that always exists, to prove that a read could have seen one. Without it an API token uses its own user;
    /// a service app has none, and then no absence is ever proven.
    pub canary: Option<String>,
    /// How to find the manager.
    pub manager: ManagerLink,
}

/// A connection to one Okta tenant.
pub struct Okta {
    client: Client,
}

impl Okta {
    /// A connection. Nothing is sent yet.
    pub fn new(
        settings: OktaSettings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            client: Client::new(settings, Exchange::new(transport, clock), ids),
        }
    }
}

#[async_trait]
impl Connector for Okta {
    fn connection(&self) -> &ConnectionId {
        &self.client.settings.connection
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        events::normalise(&self.client.settings, signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.client.sign_in(call).await
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        Box::pin(subject::read(&self.client, call, account)).await
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        Box::pin(accounts::find(&self.client, call, query)).await
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        Box::pin(states::observe(&self.client, call, account, actions)).await
    }

    async fn apply(&self, call: &Call, change: &Change, _marker: &str) -> Result<Applied, Failure> {
        Box::pin(apply::apply(&self.client, call, change)).await
    }

    async fn find_effect(&self, _call: &Call, change: &Change, _marker: &str) -> Result<Option<Applied>, Failure> {
        Err(Failure::give_up(format!(
            "{} leaves no marker in Okta to search for",
            change.action
        )))
    }

    async fn list_accounts(
        &self,
        call: &Call,
        fields: &[String],
        cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        Box::pin(listing::page(&self.client, call, fields, cursor)).await
    }

    async fn assignments(&self, call: &Call, app: &str, cursor: Option<&str>) -> Result<Page<Assignment>, Failure> {
        Box::pin(assignments::page(&self.client, call, app, cursor)).await
    }

    async fn assigned(&self, call: &Call, account: &AccountRef, app: &str) -> Result<Assigned, Failure> {
        Box::pin(assignments::assigned(&self.client, call, account, app)).await
    }

    fn compares_log(&self) -> bool {
        true
    }

    async fn logged(
        &self,
        call: &Call,
        kinds: &[String],
        since: Timestamp,
        until: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<Logged>, Failure> {
        Box::pin(logs::page(&self.client, call, kinds, since, until, cursor)).await
    }

    async fn group_members(&self, call: &Call, group: &str) -> Result<GroupRead, Failure> {
        Box::pin(members::of(&self.client, call, group)).await
    }

    async fn examine(&self, call: &Call) -> Vec<Probe> {
        Box::pin(examine::all(&self.client, call)).await
    }
}
