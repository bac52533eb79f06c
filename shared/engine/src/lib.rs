//! The life of a run: accept, observe, decide, guard, apply, park, resume, receipt.
//!
//! One [`Engine`] serves every message, in a Lambda function or on one machine; it knows traits only. A message leads to an
//! account; the account is claimed and its inbox drained; events open runs or join them; runs are driven stage by stage
//! until they wait, are held or end. Whatever happens in between (a crash, a lost answer, a second worker), the ledger says
//! where to go on, and each effect's class says what to do about a call whose answer nobody saw.

mod accounts;
mod apply;
mod approvals;
mod ask;
mod ask_person;
mod converting;
mod drain;
mod drive;
mod error;
mod expect;
mod forget;
mod guard;
mod health;
mod hold;
mod hook;
mod intake;
mod journal;
mod judge;
mod leave;
mod link;
mod lists;
mod long;
mod make;
mod moved;
mod noticing;
mod opening;
mod pass;
mod people;
mod preflight;
mod read_back;
mod ready;
mod reason;
mod restored;
mod retention;
mod reviews;
mod rows;
mod seal;
mod settings;
mod stage;
mod stumble;
mod sweep;
mod tell;
mod timer;
mod undo;
mod watch;
mod whose;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::Keeping;
use rollcall_model::{ActionCatalogue, ConnectionId, Connector, Digest, Files, Ledger, Queue, Sealer, Verifier};
use rollcall_policy::{Bundle, Configuration};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::{Clock, Ids};

pub use approvals::{expectation_statement, review_statement};
pub use ask::{Asked, Proposal};
pub use error::EngineError;
pub use expect::{Approval, Expectation, Window, listed as expectations};
pub use forget::{ForgetWish, Forgetting, forgotten};
pub use health::{Health, measure, tick};
pub use leave::{AgreedLeave, LeaveState, LeaveWish, agreed_leave, cancel_leave, leaves};
pub use link::{Confirmed, LinkOptions, LinkProgress, LinkReport, LinkedConnection, PersonLinks};
pub use moved::what_moved;
pub use people::{BadRow, read_people};
pub use preflight::Looked;
pub use ready::{ReadyReport, ReadyWish};
pub use restored::{Restored, mark_restored};
pub use reviews::Approver;
pub use settings::Settings;
pub use sweep::{Swept, sweep};
pub use undo::{UndoTerms, UndoWish};

/// Everything a run needs of the outside.
pub struct Parts {
    /// Durable state.
    pub ledger: Arc<dyn Ledger>,
    /// Wakes and continuations go here.
    pub queue: Arc<dyn Queue>,
    /// Large bodies, configurations, receipts.
    pub files: Arc<dyn Files>,
    /// Makes receipts, out of what the ledger holds.
    pub sealer: Arc<dyn Sealer>,
    /// The public keys of whoever takes approvals in: no other approval counts.
    pub approvals: Arc<dyn Verifier>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Names.
    pub ids: Arc<dyn Ids>,
    /// The connected systems by the names that the configuration gives them.
    pub connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
    /// Every action this binary knows.
    pub actions: ActionCatalogue,
    /// The configuration in force for new runs.
    pub configuration: Arc<Configuration>,
}

/// Serves messages. A clone shares everything with its original.
#[derive(Clone)]
pub struct Engine {
    parts: Arc<Parts>,
    settings: Settings,
    /// Configurations that older runs pinned, by digest.
    pinned: Arc<Mutex<BTreeMap<Digest, Arc<Configuration>>>>,
    /// Lists as last read.
    lists: Arc<lists::Cache>,
    /// People of announcements that count now.
    announced: Arc<expect::Cache>,
    /// The end of the invocation that this engine serves; none on one machine.
    ends_at: Option<Timestamp>,
}

impl Engine {
    /// An engine over its parts.
    pub fn new(mut parts: Parts, settings: Settings) -> Self {
        for connector in parts.connectors.values_mut() {
            let noticing = noticing::Noticing::over(Arc::clone(connector), Arc::clone(&parts.clock));
            *connector = Arc::new(noticing);
        }
        let current = Arc::clone(&parts.configuration);
        parts.ledger.keep(Keeping {
            events: current.retention.events,
        });
        let pinned = Arc::new(Mutex::new(BTreeMap::from([(current.digest.clone(), current)])));
        Self {
            parts: Arc::new(parts),
            settings,
            pinned,
            lists: Arc::default(),
            announced: Arc::default(),
            ends_at: None,
        }
    }

    /// The same engine for an invocation that ends at a known moment: no lease, and so no vendor call, outlives it, and a run
    /// that would need longer is parked for the next invocation.
    #[must_use]
    pub fn ending_at(&self, ends_at: Timestamp) -> Self {
        Self {
            ends_at: Some(ends_at),
            ..self.clone()
        }
    }

    /// Stores the configuration under its digest, so that runs opened now can be finished by a later version, and notes for the
    /// clock what it says of credentials. Sets the timers of its hooks.
    pub async fn start(&self) -> Result<(), EngineError> {
        let name = configuration_name(&self.parts.configuration.digest);
        let bundle = serde_json::to_vec(&self.parts.configuration.to_bundle())
            .map_err(|why| EngineError::Configuration(why.to_string()))?;
        self.parts.files.put(&name, bundle.into()).await?;
        self.note_credentials().await?;
        self.set_retention().await?;
        self.watch_hooks().await
    }

    /// The configuration in force for new runs.
    pub fn configuration(&self) -> &Arc<Configuration> {
        &self.parts.configuration
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.parts.ledger
    }

    /// The configuration that a run pinned.
    async fn pinned(&self, digest: &Digest) -> Result<Arc<Configuration>, EngineError> {
        if let Some(found) = self.pinned.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Arc::clone(found));
        }
        let stored = self.parts.files.get(&configuration_name(digest)).await?;
        let bundle: Bundle =
            serde_json::from_slice(&stored).map_err(|why| EngineError::Configuration(why.to_string()))?;
        let loaded = Configuration::from_bundle(&bundle, &self.parts.actions)
            .map_err(|why| EngineError::Configuration(why.to_string()))?;
        let loaded = Arc::new(loaded);
        self.pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest.clone(), Arc::clone(&loaded));
        Ok(loaded)
    }

    fn connector(&self, connection: &ConnectionId) -> Option<&Arc<dyn Connector>> {
        self.parts.connectors.get(connection)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// When a lease that starts now ends.
    fn lease_end(&self) -> Timestamp {
        let own = plus(self.now(), self.settings.lease);
        self.ends_at.map_or(own, |ends_at| own.min(ends_at))
    }

    /// Whether a wait of this length leaves time for another try before the invocation ends.
    fn has_time_for(&self, wait: Duration) -> bool {
        self.ends_at
            .is_none_or(|ends_at| between(self.now(), ends_at) >= wait + self.settings.call)
    }
}

fn configuration_name(digest: &Digest) -> String {
    format!("configurations/{digest}.json")
}
