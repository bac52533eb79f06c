//! Slack: telling people. Messages are changes too: each carries our key in its metadata, so that after a lost answer the
//! message is looked for instead of sent twice.
//!
//! The token is a bot's (`xoxb-…`); `auth.test` must name the configured workspace before anything else is sent with it.
//! Texts are sent as written: escaping `&`, `<` and `>` in values from outside is the template's part, because only it knows
//! what is markup and what is a value.

pub(crate) mod actions;
mod client;
mod examine;
mod messages;
mod retry;
mod search;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_model::connector::ActionUse;
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event, EventKind, Failure,
    Observation, Probe, Signal, State, SubjectRead, Transport,
};
use rollcall_runtime::{Clock, Ids, Secret};
use serde_json::{Value, json};

use crate::exchange::Exchange;
use client::Client;

/// Slack's own address.
pub const BASE_URL: &str = "https://slack.com/api/";

/// One workspace.
#[derive(Clone, Debug)]
pub struct SlackSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// [`BASE_URL`], unless something stands in for Slack.
    pub base_url: String,
    /// The workspace that the token must belong to (`T…`).
    pub team_id: String,
    /// The bot's token.
    pub token: Secret,
}

/// A connection to one workspace.
pub struct Slack {
    client: Client,
}

impl Slack {
    /// A connection. Nothing is sent yet.
    pub fn new(
        settings: SlackSettings,
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
impl Connector for Slack {
    fn connection(&self) -> &ConnectionId {
        &self.client.settings.connection
    }

    fn normalise(&self, signal: &Signal, _raw: &str) -> Event {
        // No door takes Slack events in this version; a signal that claims to be one is kept and never acted on.
        Event {
            key: signal.key.clone(),
            source: signal.source.clone(),
            kind: EventKind::Unknown("slack".to_owned()),
            vendor_type: "slack".to_owned(),
            account: None,
            app: None,
            actor: None,
            ours: false,
            succeeded: true,
            occurred_at: signal.received_at,
            received_at: signal.received_at,
        }
    }

    async fn read_subject(&self, _call: &Call, _account: &AccountRef) -> Result<SubjectRead, Failure> {
        Err(Failure::give_up("Slack is no source"))
    }

    async fn find_accounts(&self, _call: &Call, _query: &AccountQuery) -> Result<AccountSearch, Failure> {
        Err(Failure::give_up(
            "Slack is for messages only in this version: it has no accounts to change",
        ))
    }

    /// A message that is about to be planned was not posted: whether it was after all, only its marker can tell.
    async fn observe(
        &self,
        _call: &Call,
        _account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        let unposted = Observation::Known(State {
            value: json!({ "posted": false }),
            evidence: Value::Null,
        });
        Ok(vec![unposted; actions.len()])
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        Box::pin(messages::apply(&self.client, call, change, marker)).await
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        Box::pin(search::find(&self.client, call, change, marker)).await
    }

    async fn examine(&self, call: &Call) -> Vec<Probe> {
        Box::pin(examine::examine(&self.client, call)).await
    }
}
