//! A connector whose failures are counted: what is refused or tried again is known in one place, whoever made the call.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_model::connector::{ActionUse, Assigned, Assignment, GroupRead, ListedAccount, Logged, Page, Probe};
use rollcall_model::plan::Change;
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Advance, Applied, Call, ConnectionId, Connector, Desk, Event, Failure,
    FailureClass, Observation, Preflight, Signal, SubjectRead,
};
use rollcall_runtime::Clock;
use rollcall_runtime::telemetry::metrics::{CredentialFailing, Retry};
use serde_json::Value;

/// The connector, and the clock that times what is counted.
pub(crate) struct Noticing {
    inner: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
}

impl Noticing {
    pub(crate) fn over(inner: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }

    fn note<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &result {
            let now = self.clock.now();
            match failure.class {
                FailureClass::Credential => {
                    tracing::warn!(
                        code = rollcall_runtime::codes::VENDOR_CREDENTIAL.id,
                        connection = %self.inner.connection(),
                        why = failure.reason,
                        "A credential is refused."
                    );
                    CredentialFailing.emit(now);
                }
                FailureClass::Retry { .. } => Retry {
                    connection: self.inner.connection().as_str(),
                }
                .emit(now),
                FailureClass::GiveUp | FailureClass::NeedsHuman => {}
            }
        }
        result
    }
}

#[async_trait]
impl Connector for Noticing {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        self.inner.normalise(signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        // What fails fails again with the first call, where it is noted.
        self.inner.sign_in(call).await
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        self.note(self.inner.read_subject(call, account).await)
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        self.note(self.inner.find_accounts(call, query).await)
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        self.note(self.inner.observe(call, account, actions).await)
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        self.note(self.inner.apply(call, change, marker).await)
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.note(self.inner.find_effect(call, change, marker).await)
    }

    async fn list_accounts(
        &self,
        call: &Call,
        fields: &[String],
        cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        self.note(self.inner.list_accounts(call, fields, cursor).await)
    }

    async fn assignments(&self, call: &Call, app: &str, cursor: Option<&str>) -> Result<Page<Assignment>, Failure> {
        self.note(self.inner.assignments(call, app, cursor).await)
    }

    async fn assigned(&self, call: &Call, account: &AccountRef, app: &str) -> Result<Assigned, Failure> {
        self.note(self.inner.assigned(call, account, app).await)
    }

    fn compares_log(&self) -> bool {
        self.inner.compares_log()
    }

    async fn logged(
        &self,
        call: &Call,
        kinds: &[String],
        since: Timestamp,
        until: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<Logged>, Failure> {
        self.note(self.inner.logged(call, kinds, since, until, cursor).await)
    }

    async fn group_members(&self, call: &Call, group: &str) -> Result<GroupRead, Failure> {
        self.note(self.inner.group_members(call, group).await)
    }

    async fn advance(
        &self,
        change: &Change,
        marker: &str,
        state: Option<&Value>,
        desk: &dyn Desk,
    ) -> Result<Advance, Failure> {
        self.note(self.inner.advance(change, marker, state, desk).await)
    }

    async fn preflight(&self, call: &Call, account: &AccountRef) -> Result<Preflight, Failure> {
        self.note(self.inner.preflight(call, account).await)
    }

    async fn examine(&self, call: &Call) -> Vec<Probe> {
        self.inner.examine(call).await
    }
}
