//! Puts a simulator behind a loopback port.
//!
//! Every connection speaks HTTP/1.1 with keep-alive. The simulator sees whole requests and the real clock; this file turns
//! each [`Reply`] into what a client would meet on the network, including answers that never come and connections that die.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::stream;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::{Reply, Response, Simulator};

/// The largest request body taken, in bytes; Salesforce's bulk upload (150 MB) is the largest that any vendor allows.
const BODY_LIMIT: usize = 160 * 1024 * 1024;
/// How long a silent reply holds its connection open before closing it.
const SILENCE: Duration = Duration::from_mins(2);
/// How long a truncated body's first part may take to leave the socket before the connection is cut.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// A simulator behind a port; the server stops when this is dropped or shut down.
#[derive(Debug)]
pub struct Served {
    /// The base URL without a trailing slash, for example `http://127.0.0.1:40111`.
    pub url: String,
    /// The address it listens on.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Served {
    /// Stops listening, closes all connections and waits until both are done.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            // The task only ends by the signal above; a join error would mean that it was aborted, which is as good.
            let _ended = task.await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Serves `simulator` on `address` (port 0 picks a free port) until the returned handle is dropped or shut down.
///
/// Fails when the address cannot be bound, and refuses any address that is not loopback.
pub async fn serve(simulator: Arc<dyn Simulator>, address: SocketAddr) -> io::Result<Served> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a simulator listens on loopback only",
        ));
    }
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept(listener, simulator, stopped));
    Ok(Served {
        url: format!("http://{address}"),
        address,
        stop: Some(stop),
        task: Some(task),
    })
}

/// Takes connections until told to stop; dropping the set of connection tasks ends every open connection.
async fn accept(listener: TcpListener, simulator: Arc<dyn Simulator>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    connections.spawn(connection(socket, Arc::clone(&simulator)));
                } else {
                    // Out of file descriptors, for example: give the open connections time to end.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }
}

async fn connection(socket: TcpStream, simulator: Arc<dyn Simulator>) {
    let _delay_is_best_effort = socket.set_nodelay(true);
    let service = service_fn(move |request| exchange(request, Arc::clone(&simulator)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "simulated connection closed");
    }
}

/// The pause before each byte of a dripping body: a whole answer takes minutes, and no read waits for long.
const DRIP: Duration = Duration::from_millis(500);

/// A reason to close the connection without a (whole) response.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the request body could not be read")]
    Request(#[source] axum::Error),
    #[error("the simulator gives no answer")]
    NoAnswer,
}

/// Hands one request to the simulator. An error makes hyper close the connection without writing a response.
async fn exchange(
    request: http::Request<Incoming>,
    simulator: Arc<dyn Simulator>,
) -> Result<http::Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_LIMIT).await.map_err(Cut::Request)?;
    match simulator.answer(&http::Request::from_parts(parts, body), Timestamp::now()) {
        Reply::Answer(response) => Ok(response.map(Body::from)),
        Reply::Late(delay, response) => {
            tokio::time::sleep(delay).await;
            Ok(response.map(Body::from))
        }
        Reply::Silence => {
            tokio::time::sleep(SILENCE).await;
            Err(Cut::NoAnswer)
        }
        Reply::Reset => Err(Cut::NoAnswer),
        Reply::Truncated(response, kept) => Ok(truncated(response, kept)),
        Reply::Dripping(response) => Ok(dripping(response)),
    }
}

/// A response whose head announces the whole body, while the connection dies after `kept` bytes of it.
fn truncated(response: Response, kept: usize) -> http::Response<Body> {
    let (mut parts, whole) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let part = whole.slice(..kept.min(whole.len().saturating_sub(1)));
    let chunks = stream::unfold(Some(part), |state| async {
        if let Some(part) = state {
            return Some((Ok::<Bytes, io::Error>(part), None));
        }
        // The pause lets the first part reach the client before the error drops what is still buffered.
        tokio::time::sleep(CUT_AFTER).await;
        Some((
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "body cut in the middle")),
            None,
        ))
    });
    http::Response::from_parts(parts, Body::from_stream(chunks))
}

/// A response whose head announces the whole body, of which a byte comes every [`DRIP`].
fn dripping(response: Response) -> http::Response<Body> {
    let (mut parts, whole) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let bytes = stream::unfold(whole, |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(DRIP).await;
        let byte = rest.split_to(1);
        Some((Ok::<Bytes, io::Error>(byte), rest))
    });
    http::Response::from_parts(parts, Body::from_stream(bytes))
}

#[cfg(test)]
mod tests;
