//! The door itself, the same for every source and for both ways to run.
//!
//! | answer | when |
//! |---|---|
//! | 200 | everything in the body is queued, also what we cannot read: the vendor's 4xx would lose it for good |
//! | 400 | a verification without a challenge |
//! | 401 | the secret is missing, wrong, or there twice; the body was not looked at |
//! | 404, 405 | another path, another method |
//! | 413 | a body over [`BODY_LIMIT`] |
//! | 503 | a queue or the file store did not take everything; the vendor repeats, repeats are recognised |
//!
//! Neither log lines nor answers hold a secret, a body or any part of one.

use std::collections::HashSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{FutureExt as _, join, join_all};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rollcall_model::{ConnectionId, Files, Lane, Queue};
use rollcall_runtime::telemetry::metrics::{DoorTrouble, SignalsTaken};
use rollcall_runtime::{Clock, Code, Secret, codes};
use tracing::{Instrument as _, debug, error, info, info_span, warn};

use crate::envelope::{Origin, Sealed};
use crate::source::{Source, Split, fingerprint};
use crate::verify::{HeaderSecret, UnusableSecret};
use crate::{okta, onelogin};

/// The largest body a door takes, in bytes: what one synchronous Lambda invocation can carry (*AWS Lambda Developer Guide*,
/// "Lambda quotas"), the same on one machine.
pub const BODY_LIMIT: usize = 6 * 1024 * 1024;

/// One HTTP request.
#[derive(Clone)]
pub struct DoorRequest {
    /// Its method.
    pub method: Method,
    /// Its path, without query: `/okta`.
    pub path: String,
    /// Its headers; a header sent twice must be here twice.
    pub headers: HeaderMap,
    /// Its body, decoded from base64 where the transport encodes it.
    pub body: Bytes,
}

impl fmt::Debug for DoorRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DoorRequest({} …, {} bytes)", self.method, self.body.len())
    }
}

/// The answer to it.
#[derive(Clone, Debug)]
pub struct DoorReply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What a door needs to know.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// The kind of system that sends.
    pub source: Source,
    /// The connection that the signals belong to; it begins their keys.
    pub connection: ConnectionId,
    /// The path it listens on: `/okta`.
    pub path: String,
    /// The header with the secret.
    pub header: HeaderName,
    /// The whole value that the header must have, `Bearer …` included where the vendor sends that.
    pub current: Secret,
    /// The value before, while the secret is being rotated.
    pub previous: Option<Secret>,
}

/// Why a door cannot open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoorSettingsError {
    /// The path is not one.
    #[error("a door's path begins with a slash and has no query, such as /okta")]
    Path,
    /// The connection's name would make ambiguous keys.
    #[error("a connection's name holds letters, digits, dots, dashes and underscores only")]
    Connection,
    /// The secret can never match.
    #[error("the hook's secret cannot be used: {0}")]
    Secret(#[from] UnusableSecret),
}

impl DoorSettingsError {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Path | Self::Connection => codes::CONFIG_INVALID,
            Self::Secret(_) => codes::CONFIG_SECRET_UNUSABLE,
        }
    }
}

/// A door.
pub struct Door {
    source: Source,
    connection: ConnectionId,
    path: String,
    secret: HeaderSecret,
    queue: Arc<dyn Queue>,
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
}

/// A request that is not taken.
struct Refusal {
    status: StatusCode,
    code: Code,
    allow: Option<&'static str>,
}

impl Refusal {
    const fn new(status: StatusCode, code: Code) -> Self {
        Self {
            status,
            code,
            allow: None,
        }
    }
}

impl Door {
    /// Opens a door onto a queue; large bodies go to `files`.
    pub fn new(
        settings: &DoorSettings,
        queue: Arc<dyn Queue>,
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DoorSettingsError> {
        let name = settings.connection.as_str();
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return Err(DoorSettingsError::Connection);
        }
        let path = settings.path.as_str();
        if !path.starts_with('/') || path.contains(['?', '#']) || path.contains(char::is_whitespace) {
            return Err(DoorSettingsError::Path);
        }
        Ok(Self {
            source: settings.source,
            connection: settings.connection.clone(),
            path: path.trim_end_matches('/').to_owned(),
            secret: HeaderSecret::new(settings.header.clone(), &settings.current, settings.previous.as_ref())?,
            queue,
            files,
            clock,
        })
    }

    /// Answers one request. A panic while it is handled costs this request only.
    pub async fn handle(&self, request: DoorRequest) -> DoorReply {
        let span = info_span!("hook", connection = %self.connection);
        async {
            match AssertUnwindSafe(self.answer(request)).catch_unwind().await {
                Ok(Ok(reply)) => reply,
                Ok(Err(refusal)) => self.refuse(&refusal),
                Err(_) => {
                    error!(code = codes::DOOR_PANIC.id, "The request made the door panic.");
                    self.refuse(&Refusal::new(StatusCode::SERVICE_UNAVAILABLE, codes::DOOR_PANIC))
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn answer(&self, request: DoorRequest) -> Result<DoorReply, Refusal> {
        self.check_address(&request)?;
        if !self.secret.accepts(&request.headers) {
            warn!(
                code = codes::DOOR_SECRET.id,
                "A request without the right secret was refused."
            );
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, codes::DOOR_SECRET));
        }
        if request.method == Method::GET {
            return challenge(&request.headers);
        }
        if request.body.len() > BODY_LIMIT {
            let bytes = request.body.len();
            warn!(
                code = codes::DOOR_TOO_LARGE.id,
                bytes, "A body over the limit was refused."
            );
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, codes::DOOR_TOO_LARGE));
        }
        self.take(request.body).await
    }

    fn check_address(&self, request: &DoorRequest) -> Result<(), Refusal> {
        let path = request.path.trim_end_matches('/');
        let behind = path.strip_prefix(&self.path);
        let (suffix, allow) = match self.source {
            Source::Okta => (None, "GET, POST"),
            Source::Onelogin => (Some(onelogin::BULK_SUFFIX), "POST"),
        };
        if behind.is_none() || (behind != Some("") && behind != suffix) {
            debug!(code = codes::DOOR_ADDRESS.id, "A request to another path was refused.");
            return Err(Refusal::new(StatusCode::NOT_FOUND, codes::DOOR_ADDRESS));
        }
        let served = request.method == Method::POST || (self.source == Source::Okta && request.method == Method::GET);
        if !served {
            debug!(
                code = codes::DOOR_ADDRESS.id,
                "A request with another method was refused."
            );
            return Err(Refusal {
                allow: Some(allow),
                ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, codes::DOOR_ADDRESS)
            });
        }
        Ok(())
    }

    /// Queues everything in a verified body.
    async fn take(&self, body: Bytes) -> Result<DoorReply, Refusal> {
        let sealed = self.seal(&body).map_err(|_| {
            // Only a failure of the serialiser leads here; its text could quote the body.
            error!(
                code = codes::DOOR_NOT_TAKEN.id,
                "A signal could not be written as a message."
            );
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, codes::DOOR_NOT_TAKEN)
        })?;
        let count = sealed.len();
        let (large, small): (Vec<_>, Vec<_>) = sealed.into_iter().partition(|sealed| sealed.file.is_some());
        // What fits into messages never waits for the file store.
        let (small, large) = join(self.send(small), async {
            let (stored, all_stored) = self.store(large).await;
            self.send(stored).await && all_stored
        })
        .await;
        if !(small && large) {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, codes::DOOR_NOT_TAKEN));
        }
        info!(signals = count, bytes = body.len(), "A hook was taken.");
        Ok(reply(StatusCode::OK, None, Bytes::new()))
    }

    /// Every element of a body as a message, each key once.
    fn seal(&self, body: &Bytes) -> Result<Vec<Sealed>, serde_json::Error> {
        let origin = Origin {
            source: self.connection.clone(),
            format: self.source.format(),
            received_at: self.clock.now(),
        };
        let elements = match self.source.split(body) {
            Split::Elements(elements) => elements,
            Split::Unreadable => {
                let key = fingerprint(&self.connection, body);
                warn!(code = codes::DOOR_UNREADABLE.id, %key, bytes = body.len(), "A body that is no hook was kept whole.");
                self.trouble(codes::DOOR_UNREADABLE);
                return Ok(vec![origin.seal_as_file(key, Lane::Bulk, body.clone())?]);
            }
        };
        let mut seen = HashSet::with_capacity(elements.len());
        let mut sealed = Vec::with_capacity(elements.len());
        for element in elements {
            let key = element.key(&self.connection);
            if !seen.insert(key.clone()) {
                continue;
            }
            if element.id.is_none() {
                warn!(code = codes::DOOR_BAD_ELEMENT.id, %key, bytes = element.raw.len(), "An element without an id was kept.");
                self.trouble(codes::DOOR_BAD_ELEMENT);
            }
            sealed.push(origin.seal(key, element.lane, element.raw)?);
        }
        Ok(sealed)
    }

    /// Stores what is too large; those that were stored, and whether all were.
    async fn store(&self, large: Vec<Sealed>) -> (Vec<Sealed>, bool) {
        let stores = large.into_iter().map(async |mut sealed| {
            let file = sealed.file.take()?;
            match self.files.put(&file.name, file.body).await {
                Ok(()) => Some(sealed),
                Err(why) => {
                    error!(code = codes::DOOR_NOT_TAKEN.id, key = %sealed.key, %why, "A signal's body was not stored.");
                    None
                }
            }
        });
        let results = join_all(stores).await;
        let all = results.iter().all(Option::is_some);
        (results.into_iter().flatten().collect(), all)
    }

    /// Sends to each lane at once, so that a failing one holds up no other; true when all of it was taken.
    async fn send(&self, sealed: Vec<Sealed>) -> bool {
        let mut lanes = Lane::ALL.map(|lane| (lane, Vec::new()));
        for sealed in sealed {
            debug!(key = %sealed.key, lane = %sealed.lane, "A signal goes to its queue.");
            if let Some((_, bodies)) = lanes.iter_mut().find(|(lane, _)| *lane == sealed.lane) {
                bodies.push(sealed.text);
            }
        }
        let sends = lanes.map(|(lane, bodies)| self.send_lane(lane, bodies));
        join_all(sends).await.into_iter().all(|taken| taken)
    }

    async fn send_lane(&self, lane: Lane, bodies: Vec<String>) -> bool {
        if bodies.is_empty() {
            return true;
        }
        let signals = bodies.len();
        match self.queue.send(lane, &bodies, Duration::ZERO).await {
            Ok(()) => {
                let connection = self.connection.as_str();
                SignalsTaken {
                    connection,
                    lane: lane.as_str(),
                    signals,
                }
                .emit(self.clock.now());
                true
            }
            Err(why) => {
                error!(code = codes::DOOR_NOT_TAKEN.id, %lane, signals, %why, "A queue did not take all signals.");
                false
            }
        }
    }

    fn trouble(&self, code: Code) {
        DoorTrouble {
            connection: self.connection.as_str(),
            code: code.id,
        }
        .emit(self.clock.now());
    }

    fn refuse(&self, refusal: &Refusal) -> DoorReply {
        self.trouble(refusal.code);
        let body = format!("{{\"error\":\"{}\"}}", refusal.code);
        let mut reply = reply(refusal.status, Some("application/json"), body.into());
        if let Some(allow) = refusal.allow {
            reply.headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        reply
    }
}

/// Okta's one-time verification: the challenge goes back as JSON (*Event hooks*, "One-time verification request").
fn challenge(headers: &HeaderMap) -> Result<DoorReply, Refusal> {
    let mut values = headers.get_all(okta::CHALLENGE_HEADER).iter();
    let text = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().filter(|text| !text.is_empty()),
        _ => None,
    };
    let Some(text) = text else {
        warn!(code = codes::DOOR_CHALLENGE.id, "A verification carried no challenge.");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, codes::DOOR_CHALLENGE));
    };
    info!("The hook was verified.");
    let body = serde_json::json!({ "verification": text }).to_string();
    Ok(reply(StatusCode::OK, Some("application/json"), body.into()))
}

fn reply(status: StatusCode, content_type: Option<&'static str>, body: Bytes) -> DoorReply {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    DoorReply { status, headers, body }
}
