//! OneLogin: its events are read, so that a webhook door in front of it loses nothing. Reading and changing accounts comes in a
//! later version; until then every other question is answered with a failure that says so.

mod events;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_model::connector::ActionUse;
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event, Failure,
    Observation, Signal, SubjectRead, Transport,
};
use rollcall_runtime::{Clock, Ids};

/// One OneLogin account.
#[derive(Clone, Debug)]
pub struct OneLoginSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// The account's number, which every event repeats. An event of another account is unknown.
    pub account_id: String,
    /// `client_id` of our own API credentials.
    pub own_client_ids: Vec<String>,
    /// Users whose doings in the portal count as ours, by id. Usually none: the owner of a credential is also a person.
    pub own_user_ids: Vec<String>,
}

/// A connection to one OneLogin account.
pub struct OneLogin {
    settings: OneLoginSettings,
}

impl OneLogin {
    /// A connection. The handles are taken for the day when it makes calls.
    pub fn new(
        settings: OneLoginSettings,
        _transport: Arc<dyn Transport>,
        _clock: Arc<dyn Clock>,
        _ids: Arc<dyn Ids>,
    ) -> Self {
        Self { settings }
    }

    fn not_yet(what: &str) -> Failure {
        Failure::give_up(format!(
            "the OneLogin connector reads events only: {what} is not in this version"
        ))
    }
}

#[async_trait]
impl Connector for OneLogin {
    fn connection(&self) -> &ConnectionId {
        &self.settings.connection
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        events::normalise(&self.settings, signal, raw)
    }

    async fn read_subject(&self, _call: &Call, _account: &AccountRef) -> Result<SubjectRead, Failure> {
        Err(Self::not_yet("reading a user"))
    }

    async fn find_accounts(&self, _call: &Call, _query: &AccountQuery) -> Result<AccountSearch, Failure> {
        Err(Self::not_yet("searching users"))
    }

    async fn observe(
        &self,
        _call: &Call,
        _account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        Err(Self::not_yet(
            actions.first().map_or("an action", |first| &first.action),
        ))
    }

    async fn apply(&self, _call: &Call, change: &Change, _marker: &str) -> Result<Applied, Failure> {
        Err(Self::not_yet(&change.action))
    }

    async fn find_effect(&self, _call: &Call, change: &Change, _marker: &str) -> Result<Option<Applied>, Failure> {
        Err(Self::not_yet(&change.action))
    }
}
