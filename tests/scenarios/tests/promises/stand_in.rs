//! A connector in front of the real one, which does something else where a scenario wants it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rollcall_harness::WorldSpec;
use rollcall_model::connector::ActionUse;
use rollcall_model::ledger::documents;
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event, Failure, Ledger,
    Observation, Signal, SubjectRead,
};

/// What happens instead.
pub enum Instead {
    /// Reading this account of the source panics.
    PanicsReading(String),
    /// Understanding a signal whose text holds this panics.
    PanicsUnderstanding(&'static str),
    /// Making a change by this action is refused.
    Refuses(&'static str, Failure),
    /// Making a change by this action panics.
    PanicsMaking(&'static str),
    /// In the moment in which a change by this action is made, somebody presses the stop button for this, cuts included.
    Presses(&'static str, Arc<OnceLock<Arc<dyn Ledger>>>, &'static str),
}

/// Stands in front of a connection while it is switched on.
pub struct StandIn {
    inner: Arc<dyn Connector>,
    instead: Arc<Instead>,
    on: Arc<AtomicBool>,
}

/// A world in which one connection has a stand-in, with the switch.
pub fn with(connection: &'static str, instead: Instead) -> (WorldSpec, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(true));
    let (switch, instead) = (Arc::clone(&on), Arc::new(instead));
    let wrap = move |connectors: &mut std::collections::BTreeMap<ConnectionId, Arc<dyn Connector>>| {
        let inner = connectors
            .remove(&ConnectionId::new(connection))
            .expect("the fixture has the connection");
        let stand_in = StandIn {
            inner,
            instead: Arc::clone(&instead),
            on: Arc::clone(&switch),
        };
        connectors.insert(connection.into(), Arc::new(stand_in));
    };
    (
        WorldSpec {
            wrap: Some(Arc::new(wrap)),
            ..WorldSpec::default()
        },
        on,
    )
}

impl StandIn {
    fn instead(&self) -> Option<&Instead> {
        self.on.load(Ordering::Relaxed).then_some(self.instead.as_ref())
    }
}

#[async_trait]
impl Connector for StandIn {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        if let Some(Instead::PanicsUnderstanding(text)) = self.instead() {
            assert!(!raw.contains(text), "a bug in reading events");
        }
        self.inner.normalise(signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.inner.sign_in(call).await
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        if let Some(Instead::PanicsReading(id)) = self.instead() {
            assert!(*id != account.id, "a bug in reading people");
        }
        self.inner.read_subject(call, account).await
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        self.inner.find_accounts(call, query).await
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        self.inner.observe(call, account, actions).await
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        match self.instead() {
            Some(Instead::Refuses(action, failure)) if change.action == *action => return Err(failure.clone()),
            Some(Instead::PanicsMaking(action)) => assert!(change.action != *action, "a bug in making changes"),
            Some(Instead::Presses(action, ledger, what)) if change.action == *action => {
                let ledger = ledger.get().expect("the world is there");
                ledger
                    .put_document(documents::PAUSE, what, &serde_json::json!({"cut": true}))
                    .await
                    .expect("memory answers");
            }
            _ => {}
        }
        self.inner.apply(call, change, marker).await
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.inner.find_effect(call, change, marker).await
    }
}
