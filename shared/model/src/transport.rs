//! One HTTP exchange, as connectors see it. The real one is a shared client; the fault harness puts simulators behind it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// A request with its whole body; the URI is absolute.
pub type HttpRequest = http::Request<Bytes>;
/// A response with its whole body.
pub type HttpResponse = http::Response<Bytes>;

/// Why no response came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made, so nothing was executed.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The total time-out passed; the call may have been executed.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke after the request was (partly) sent; the call may have been executed.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The body is larger than the connector allows.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Sends requests.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and waits for the whole answer, at most `timeout` in total. Redirects are not followed.
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError>;
}
