//! Salesforce: the cut of a leaver, which is freezing the user, revoking OAuth tokens and ending sessions; taking entitlements
//! away and deactivating; what stands in the way of that; and the list of all users.
//!
//! Signs in with the JWT bearer flow (the default) or with client credentials, always as one integration user. Every token
//! answer names the organisation; a token of another one is dropped unused. What the integration user needs:
//!
//! | for | permission |
//! |---|---|
//! | every call | API Enabled |
//! | finding users | View All Users |
//! | freezing, reading and ending sessions | Manage Users |
//! | reading the OAuth tokens of others | Customize Application |
//! | handing records over | Transfer Record, and Edit on every object (or Modify All Data) |
//! | telling administrators by their profile, and how many others a freeze leaves | View Setup and Configuration |
//! | entitlements and licences | Assign Permission Sets, View Setup and Configuration, Manage Package Licenses |
//! | seeing approvals, dashboards, teams and shares of others beforehand | View All Data |
//! | seeing private reports of others beforehand | Manage All Private Reports and Dashboards |
//!
//! A missing permission hides rows instead of raising errors, and the user's own rows stay visible. So an empty answer counts
//! only beside a proof that rows of others would have been seen ([`states`](self) of an account, the search for one).

mod accounts;
pub(crate) mod actions;
mod admins;
mod apply;
mod assign;
mod client;
mod collections;
mod deactivate;
mod entitlements;
mod examine;
mod handover;
mod licences;
mod list;
mod looks;
mod membership;
mod preflight;
mod retry;
mod soql;
mod states;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_model::connector::ActionUse;
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Advance, Applied, Call, Change, ConnectionId, Connector, Desk, Event,
    EventKind, Failure, ListedAccount, Observation, Page, Preflight, Probe, Signal, SubjectRead, Transport,
};
use rollcall_runtime::{Clock, Ids, Secret};
use serde_json::Value;

use crate::exchange::Exchange;
use client::Client;

/// The API version that this connector was written against (Spring '26).
pub const API_VERSION: &str = "v66.0";

/// How to sign in.
#[derive(Clone, Debug)]
pub enum SalesforceFlow {
    /// A signed assertion for a pre-authorised user.
    JwtBearer {
        /// The app's consumer key.
        consumer_key: String,
        /// The integration user's username (not the e-mail address, not the id).
        username: String,
        /// The private key of the certificate that the app is registered with, PEM.
        key: Secret,
    },
    /// The app's own secret; runs as the user that the app's policy names.
    ClientCredentials {
        /// The app's consumer key.
        consumer_key: String,
        /// The app's consumer secret.
        secret: Secret,
    },
}

/// One org.
#[derive(Clone, Debug)]
pub struct SalesforceSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// Where the JWT bearer flow signs in: `https://login.salesforce.com`, `https://test.salesforce.com` or the My Domain.
    pub login_url: String,
    /// `https://corp.my.salesforce.com`; the client credentials flow signs in only there.
    pub my_domain_url: String,
    /// The organisation id, 15 or 18 characters.
    pub org_id: String,
    /// A sandbox signs in under another audience.
    pub sandbox: bool,
    /// `v66.0`.
    pub api_version: String,
    /// How to sign in.
    pub flow: SalesforceFlow,
    /// Hosts that may be an instance although they do not end in `.salesforce.com`.
    pub allowed_hosts: Vec<String>,
    /// More records than this of one object are handed over by a bulk job; [`BULK_ABOVE`] is Salesforce's advice. At most that.
    pub bulk_above: usize,
}

/// Up to this many records Salesforce advises against bulk jobs ("Bulk API Limits", App Limits Cheat Sheet).
pub const BULK_ABOVE: usize = 2_000;

/// A connection to one org.
pub struct Salesforce {
    client: Client,
}

impl Salesforce {
    /// A connection. Nothing is sent yet.
    pub fn new(
        settings: SalesforceSettings,
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
impl Connector for Salesforce {
    fn connection(&self) -> &ConnectionId {
        &self.client.settings.connection
    }

    fn normalise(&self, signal: &Signal, _raw: &str) -> Event {
        // No door takes Salesforce events in this version; a signal that claims to be one is kept and never acted on.
        Event {
            key: signal.key.clone(),
            source: signal.source.clone(),
            kind: EventKind::Unknown("salesforce".to_owned()),
            vendor_type: "salesforce".to_owned(),
            account: None,
            app: None,
            actor: None,
            ours: false,
            succeeded: true,
            occurred_at: signal.received_at,
            received_at: signal.received_at,
        }
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.client.access(call).await.map(drop)
    }

    async fn read_subject(&self, _call: &Call, _account: &AccountRef) -> Result<SubjectRead, Failure> {
        Err(Failure::give_up(
            "Salesforce is a target, not a source, in this version",
        ))
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
        Box::pin(handover::observe(&self.client, call, account, actions)).await
    }

    async fn apply(&self, call: &Call, change: &Change, _marker: &str) -> Result<Applied, Failure> {
        Box::pin(apply::apply(&self.client, call, change)).await
    }

    async fn find_effect(&self, _call: &Call, change: &Change, _marker: &str) -> Result<Option<Applied>, Failure> {
        Err(Failure::give_up(format!(
            "{} is read back by id, not searched for",
            change.action
        )))
    }

    async fn list_accounts(
        &self,
        call: &Call,
        fields: &[String],
        cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        Box::pin(list::list(&self.client, call, fields, cursor)).await
    }

    async fn advance(
        &self,
        change: &Change,
        _marker: &str,
        state: Option<&Value>,
        desk: &dyn Desk,
    ) -> Result<Advance, Failure> {
        Box::pin(handover::advance(&self.client, change, state, desk)).await
    }

    async fn preflight(&self, call: &Call, account: &AccountRef) -> Result<Preflight, Failure> {
        Box::pin(preflight::preflight(&self.client, call, account)).await
    }

    async fn examine(&self, call: &Call) -> Vec<Probe> {
        Box::pin(examine::examine(&self.client, call)).await
    }
}
