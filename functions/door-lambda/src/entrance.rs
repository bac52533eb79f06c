//! A door whose secret can be rotated while the function lives.
//!
//! The secret is fetched when the function starts. A request that it does not match makes the function fetch it again, at
//! most once a minute, and try the same request once more: Okta takes a 401 as final, so a warm function with yesterday's
//! secret would lose events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use rollcall_inbound::{Door, DoorReply, DoorRequest, DoorSettings, DoorSettingsError};
use rollcall_model::{Files, Queue, Timestamp};
use rollcall_runtime::clock::between;
use rollcall_runtime::{Clock, Code, SecretError, SecretRef, Secrets, codes};
use tracing::{error, info};

use crate::settings::Settings;

/// The shortest time between two looks at the store of secrets, however many wrong requests come.
pub const REFRESH_PAUSE: Duration = Duration::from_mins(1);

/// Why the door cannot open.
#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    /// A secret could not be fetched.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The settings cannot work.
    #[error(transparent)]
    Door(#[from] DoorSettingsError),
}

impl EntranceError {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Secret(_) => codes::CONFIG_SECRET,
            Self::Door(why) => why.code(),
        }
    }
}

/// What the door works with.
#[derive(Clone)]
pub struct Parts {
    /// Takes the signals.
    pub queue: Arc<dyn Queue>,
    /// Takes large bodies.
    pub files: Arc<dyn Files>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Fetches the hook's secrets.
    pub secrets: Secrets,
    /// Makes the store of secrets forget what it remembers of a reference.
    pub forget: Arc<dyn Fn(&SecretRef) + Send + Sync>,
}

/// The door of this function.
pub struct Entrance {
    settings: Settings,
    parts: Parts,
    state: Mutex<State>,
}

struct State {
    door: Arc<Door>,
    fetched_at: Timestamp,
}

impl Entrance {
    /// Fetches the secrets and opens the door.
    pub async fn open(settings: Settings, parts: Parts) -> Result<Self, EntranceError> {
        let door = Arc::new(door(&settings, &parts).await?);
        let fetched_at = parts.clock.now();
        Ok(Self {
            settings,
            parts,
            state: Mutex::new(State { door, fetched_at }),
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: DoorRequest) -> DoorReply {
        let door = self.state().door.clone();
        let reply = door.handle(request.clone()).await;
        if reply.status != StatusCode::UNAUTHORIZED || !self.may_refresh() {
            return reply;
        }
        match self.refresh().await {
            Some(door) => door.handle(request).await,
            None => reply,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True for the first that asks in each [`REFRESH_PAUSE`].
    fn may_refresh(&self) -> bool {
        let now = self.parts.clock.now();
        let mut state = self.state();
        let due = between(state.fetched_at, now) >= REFRESH_PAUSE;
        if due {
            state.fetched_at = now;
        }
        due
    }

    async fn refresh(&self) -> Option<Arc<Door>> {
        (self.parts.forget)(&self.settings.secret);
        self.settings
            .previous
            .iter()
            .for_each(|previous| (self.parts.forget)(previous));
        match door(&self.settings, &self.parts).await {
            Ok(door) => {
                info!("The hook's secrets were fetched again.");
                let door = Arc::new(door);
                self.state().door = door.clone();
                Some(door)
            }
            Err(why) => {
                error!(code = why.code().id, %why, "The hook's secrets could not be fetched again; the old ones stay.");
                None
            }
        }
    }
}

async fn door(settings: &Settings, parts: &Parts) -> Result<Door, EntranceError> {
    let current = parts.secrets.fetch(&settings.secret).await?;
    let previous = match &settings.previous {
        Some(reference) => Some(parts.secrets.fetch(reference).await?),
        None => None,
    };
    let door = DoorSettings {
        source: settings.source,
        connection: settings.connection.clone(),
        path: settings.path.clone(),
        header: settings.header.clone(),
        current,
        previous,
    };
    Ok(Door::new(
        &door,
        parts.queue.clone(),
        parts.files.clone(),
        parts.clock.clone(),
    )?)
}

#[cfg(test)]
mod tests;
