//! A worker's engine, and when it is made anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_engine::{Engine, EngineError, Parts, Settings};
use rollcall_evidence::approval::Keys;
use rollcall_model::{ConnectionId, Connector, Timestamp, Transport};
use rollcall_policy::{Configuration, Problems};
use rollcall_runtime::clock::between;
use rollcall_runtime::{Code, Ids, RandomIds, codes};

use super::{Batch, Commands, KeyFault, LambdaSealer, Stack, WorkerSettings, public_key};
use crate::connect::{WiringError, connectors};

/// How long an engine's secrets are used before they are fetched again: a rotated one is in use after this.
const SECRETS_FOR: Duration = Duration::from_mins(15);

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration folder does not pass its checks.
    #[error("{0}")]
    Configuration(Problems),
    /// A connection cannot be made.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The approval key's public half is not to be had.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The configuration cannot be kept for later stages.
    #[error("{}", .0.chain())]
    Start(EngineError),
}

impl OpenError {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Configuration(_) => codes::CONFIG_FOLDER,
            Self::Wiring(WiringError::Setting { .. }) => codes::CONFIG_INVALID,
            Self::Wiring(WiringError::Secret { .. }) => codes::CONFIG_SECRET,
            Self::Key(why) => why.code(),
            Self::Start(_) => codes::FILES_UNAVAILABLE,
        }
    }
}

/// Serves the messages of a stack.
pub struct Worker {
    settings: WorkerSettings,
    stack: Stack,
    transport: Arc<dyn Transport>,
    ids: Arc<dyn Ids>,
    configuration: Arc<Configuration>,
    commands: Option<Arc<dyn Commands>>,
    current: Mutex<Made>,
}

/// The connected systems by name.
type Connectors = BTreeMap<ConnectionId, Arc<dyn Connector>>;

/// An engine with its connectors, and when it was made.
struct Made {
    engine: Engine,
    connectors: Connectors,
    at: Timestamp,
}

impl Worker {
    /// Loads the configuration, fetches the secrets and keeps the configuration for later stages.
    pub async fn open(settings: WorkerSettings, stack: Stack) -> Result<Self, OpenError> {
        let actions = rollcall_connectors::catalogue();
        let configuration = rollcall_policy::load(&settings.config, &settings.environment, &actions);
        let configuration = Arc::new(configuration.map_err(OpenError::Configuration)?);
        let transport: Arc<dyn Transport> = Arc::new(ReqwestTransport::new(HttpSettings::default()));
        let ids: Arc<dyn Ids> = Arc::new(RandomIds);
        let at = stack.clock.now();
        let (engine, connectors) = engine(&settings, &stack, &transport, &ids, &configuration).await?;
        engine.start().await.map_err(OpenError::Start)?;
        Ok(Self {
            settings,
            stack,
            transport,
            ids,
            configuration,
            commands: None,
            current: Mutex::new(Made { engine, connectors, at }),
        })
    }

    /// Runs commands, too.
    #[must_use]
    pub fn with_commands(mut self, commands: Arc<dyn Commands>) -> Self {
        self.commands = Some(commands);
        self
    }

    /// What serves the messages of an invocation that ends at a moment.
    pub async fn until(&self, deadline: Timestamp) -> Batch {
        let (engine, connectors) = self.engine().await;
        let (queue, clock) = (Arc::clone(&self.stack.queue), Arc::clone(&self.stack.clock));
        let batch = Batch::new(&engine, queue, clock, deadline);
        match &self.commands {
            None => batch,
            Some(commands) => {
                let folder = self.settings.config.clone();
                batch.with_commands(Arc::clone(commands), connectors, self.stack.clone(), folder)
            }
        }
    }

    /// Where the worker's queues are.
    pub fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    /// The engine, with secrets that are not too old. When they cannot be fetched, the old ones stay in use: most of them
    /// have not changed.
    async fn engine(&self) -> (Engine, Connectors) {
        let now = self.stack.clock.now();
        {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if between(current.at, now) < SECRETS_FOR {
                return (current.engine.clone(), current.connectors.clone());
            }
            // Whatever comes of it, the next try is due as late as this one was.
            current.at = now;
        }
        let made = engine(
            &self.settings,
            &self.stack,
            &self.transport,
            &self.ids,
            &self.configuration,
        )
        .await;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok(made) => (current.engine, current.connectors) = made,
            Err(why) => {
                tracing::error!(code = why.code().id, %why, "Secrets could not be fetched again; the old ones stay.");
            }
        }
        (current.engine.clone(), current.connectors.clone())
    }
}

/// An engine with secrets as they are now.
async fn engine(
    settings: &WorkerSettings,
    stack: &Stack,
    transport: &Arc<dyn Transport>,
    ids: &Arc<dyn Ids>,
    configuration: &Arc<Configuration>,
) -> Result<(Engine, Connectors), OpenError> {
    let key = async {
        let key = public_key(&stack.aws, &settings.approval_key).await;
        key.map_err(OpenError::from)
    };
    let (clock, transport) = (Arc::clone(&stack.clock), Arc::clone(transport));
    let connected = async {
        connectors(configuration, &stack.secrets, transport, clock, Arc::clone(ids))
            .await
            .map_err(OpenError::from)
    };
    let (key, connectors) = futures::try_join!(key, connected)?;
    let parts = Parts {
        ledger: Arc::clone(&stack.ledger),
        queue: Arc::clone(&stack.queue),
        files: Arc::clone(&stack.files),
        sealer: Arc::new(LambdaSealer::new(&stack.aws, settings.seal.as_str())),
        approvals: Arc::new(Keys::from(key)),
        clock: Arc::clone(&stack.clock),
        ids: Arc::clone(ids),
        connectors: connectors.clone(),
        actions: rollcall_connectors::catalogue(),
        configuration: Arc::clone(configuration),
    };
    Ok((Engine::new(parts, Settings::default()), connectors))
}
