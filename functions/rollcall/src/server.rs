//! `rollcall serve`: doors on one HTTP server, the pump behind them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use rollcall_engine::Engine;
use rollcall_inbound::door::{Door, DoorRequest};
use rollcall_runtime::Secrets;
use rollcall_runtime::telemetry::emf;
use rollcall_wiring::{Pump, PumpSettings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::ServeOptions;
use crate::local::{self, Store};
use crate::out::Out;

/// The largest body that the platform's gateway lets through, in bytes.
const BODY_LIMIT: usize = 6 * 1024 * 1024;
/// Prometheus' text format (*Exposition formats*, "Basic info").
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A running machine.
pub(crate) struct Running {
    /// Where the doors listen.
    pub(crate) address: SocketAddr,
    /// Path of each door.
    pub(crate) paths: Vec<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops taking new work, finishes what is under way and ends.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Where the server listens, and what it answers beside the doors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listening {
    /// The address.
    pub(crate) at: SocketAddr,
    /// Whether `/metrics` is answered.
    pub(crate) metrics: bool,
}

/// What a request may be for.
struct Served {
    doors: BTreeMap<String, Door>,
    metrics: bool,
}

/// Opens the doors and starts the pump.
pub(crate) async fn start(
    engine: Arc<Engine>,
    store: &Store,
    secrets: &Secrets,
    listening: Listening,
    pump: PumpSettings,
) -> anyhow::Result<Running> {
    let listen = listening.at;
    let doors = rollcall_wiring::doors(
        engine.configuration(),
        secrets,
        &store.queue,
        &store.files,
        &store.clock,
    )
    .await?;
    let paths = doors.iter().map(|(path, _)| path.clone()).collect();
    let served = Arc::new(Served {
        doors: doors.into_iter().collect(),
        metrics: listening.metrics,
    });
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("{listen} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let app = axum::Router::new().fallback(door).with_state(served);
    let mut closing = stopped.clone();
    let server = tokio::spawn(async move {
        let closed = async move {
            let _ = closing.changed().await;
        };
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(closed).await {
            tracing::error!(%error, "The server ended.");
        }
    });
    let pump = Arc::new(Pump::new(
        engine,
        Arc::clone(&store.queue),
        Arc::clone(&store.clock),
        pump,
    ));
    let pump = tokio::spawn(pump.run(stopped));
    Ok(Running {
        address,
        paths,
        stop,
        tasks: vec![server, pump],
    })
}

/// One request to a door.
async fn door(State(served): State<Arc<Served>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if path == "/healthz" {
        return answer(StatusCode::OK, "ok\n");
    }
    if path == "/metrics" && served.metrics {
        let mut response = Response::new(Body::from(emf::prometheus()));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
        return response;
    }
    let doors = &served.doors;
    let found = doors
        .get(&path)
        .or_else(|| path.strip_suffix("/_bulk").and_then(|path| doors.get(path)));
    let Some(door) = found else {
        return answer(StatusCode::NOT_FOUND, "no door here\n");
    };
    // One byte more than allowed is enough for the door to say so itself.
    let Ok(body) = to_bytes(body, BODY_LIMIT + 1).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "too large\n");
    };
    let reply = door
        .handle(DoorRequest {
            method: head.method,
            path,
            headers: head.headers,
            body,
        })
        .await;
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

fn answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// How the pump works under a lease of this length.
pub(crate) fn pump_settings(lease: Duration) -> PumpSettings {
    PumpSettings {
        visibility: lease + lease / 2,
        sweep: lease.min(Duration::from_mins(1)),
        ..PumpSettings::default()
    }
}

pub(crate) async fn serve(options: &ServeOptions, out: &Out) -> anyhow::Result<ExitCode> {
    let configuration = local::configuration(&options.config)?;
    let lease = Duration::from_millis(options.lease);
    let store = Store::open(&options.data.data, lease)?;
    let machine = local::machine(configuration, &store, lease).await?;
    let running = start(
        machine.engine,
        &store,
        &Secrets::local(),
        Listening {
            at: options.listen,
            metrics: options.metrics,
        },
        pump_settings(lease),
    )
    .await?;
    out.line(format!(
        "Rollcall serves on http://{} with its state in {}",
        running.address,
        store.folder.display()
    ));
    for path in &running.paths {
        out.line(format!("  door  http://{}{path}", running.address));
    }
    if options.metrics {
        out.line(format!("  metrics  http://{}/metrics", running.address));
    }
    out.document(&serde_json::json!({"address": running.address, "doors": running.paths}))?;
    until_told_to_stop().await?;
    out.line("Finishing what is under way.");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits for an interrupt or a request to end.
pub(crate) async fn until_told_to_stop() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
