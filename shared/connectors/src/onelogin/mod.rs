//! OneLogin: a directory whose users are read, searched, suspended and logged out.
//!
//! Signs in with an API credential pair (client id and secret). Every token answer names the account; the token of another one
//! is dropped unused and nothing more is sent. The scope that everything here needs is *Manage All*; what each level of scope
//! gives:
//!
//! | for | scope |
//! |---|---|
//! | reading and finding users, events | Read Users |
//! | suspending, deactivating, the way back from either, logging out | Manage Users |
//! | reading roles, role administrators, mappings, MFA devices | Read All |
//! | giving and taking roles and their administration, removing MFA devices | Manage All |
//! | privileges | Manage All, and the Delegated Administration subscription |
//!
//! Facts about the vendor that shape this folder: lists are paged by offset, so rows can be missed while others change and are
//! read again ([`client`](self)); a user that a credential may not see is 404 like one that does not exist; a credential whose
//! owner was deleted answers 500 to everything; logging out ends the portal's session and leaves those inside apps open.

mod accounts;
pub(crate) mod actions;
mod apply;
mod client;
mod devices;
mod dismantle;
mod entitlements;
mod events;
mod examine;
mod groups;
mod holdings;
mod lifecycle;
mod lists;
mod retry;
mod rights;
mod second_master;
mod states;
mod status;
mod subject;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_model::connector::{ActionUse, GroupRead, ListedAccount, Page, Probe};
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event, Failure,
    Observation, Signal, SubjectRead, Transport,
};
use rollcall_runtime::{Clock, Ids, Secret};

use crate::exchange::Exchange;
use client::Client;

/// One OneLogin account.
#[derive(Clone, Debug)]
pub struct OneLoginSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// `https://corp.onelogin.com`.
    pub base_url: String,
    /// The account's number, which every event and every token repeats. An event of another account is unknown, a token of
    /// another account is never used.
    pub account_id: String,
    /// The API credential to sign in with. Without it and its secret only events are read.
    pub client_id: Option<String>,
    /// The credential's secret; empty counts as none.
    pub secret: Option<Secret>,
    /// `client_id` of our own API credentials.
    pub own_client_ids: Vec<String>,
    /// The users behind our own credentials, by id: their doings in the portal count as ours, and nothing is done to them.
    /// OneLogin does not tell whose a credential is.
    pub own_user_ids: Vec<String>,
    /// A user id that always exists, to prove that a read could have seen one. Without it the first of our own users is taken,
    /// and without any whoever else the list shows.
    pub canary: Option<String>,
}

/// A connection to one OneLogin account.
pub struct OneLogin {
    client: Client,
}

impl OneLogin {
    /// A connection. Nothing is sent yet. No call to OneLogin carries a name of ours, so the source of names is not used.
    pub fn new(
        settings: OneLoginSettings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        _ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            client: Client::new(settings, Exchange::new(transport, clock)),
        }
    }
}

#[async_trait]
impl Connector for OneLogin {
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
            "{} leaves nothing that could be searched for",
            change.action
        )))
    }

    async fn list_accounts(
        &self,
        call: &Call,
        fields: &[String],
        cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        Box::pin(lists::accounts(&self.client, call, fields, cursor)).await
    }

    async fn group_members(&self, call: &Call, group: &str) -> Result<GroupRead, Failure> {
        Box::pin(groups::members(&self.client, call, group)).await
    }

    async fn examine(&self, call: &Call) -> Vec<Probe> {
        Box::pin(examine::examine(&self.client, call)).await
    }
}
