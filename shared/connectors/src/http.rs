//! The real transport: one HTTP client for the whole process.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::redirect;
use rollcall_model::{HttpRequest, HttpResponse, Transport, TransportError, chain};
use url::{Host, Url};

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an idle connection is kept; a frozen Lambda wakes up with dead ones.
const IDLE: Duration = Duration::from_secs(20);

/// How the transport is to behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpSettings {
    /// Allows `http:` to hosts other than this machine. Off by default: credentials travel in these requests.
    pub plain_http: bool,
    /// The largest body that is read, in bytes; [`LARGEST_BODY`] when absent.
    pub largest_body: Option<usize>,
}

/// Sends requests over HTTPS, and over HTTP to this machine. Redirects are not followed, nothing is repeated.
#[derive(Debug, Default)]
pub struct ReqwestTransport {
    settings: HttpSettings,
    outside: OnceLock<Result<reqwest::Client, String>>,
    // This machine is never reached through a proxy, whatever the environment says.
    loopback: OnceLock<Result<reqwest::Client, String>>,
}

impl ReqwestTransport {
    /// A transport; the clients behind it are made at first use.
    pub fn new(settings: HttpSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    fn client(&self, loopback: bool) -> Result<&reqwest::Client, TransportError> {
        let slot = if loopback { &self.loopback } else { &self.outside };
        slot.get_or_init(|| {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT)
                .pool_idle_timeout(IDLE);
            let builder = if loopback { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| causes(&error))
        })
        .as_ref()
        .map_err(|why| TransportError::Connect(why.clone()))
    }

    async fn exchange(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| TransportError::Connect(format!("not an address: {error}")))?;
        let loopback = is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && (loopback || self.settings.plain_http)) {
            return Err(TransportError::Connect(
                "the address is not https: a credential is never sent in the clear".to_owned(),
            ));
        }
        let mut response = self
            .client(loopback)?
            .request(parts.method, url)
            .headers(parts.headers)
            .body(body)
            .timeout(timeout)
            .send()
            .await
            .map_err(|error| unanswered(&error, timeout))?;
        let largest = self.settings.largest_body.unwrap_or(LARGEST_BODY);
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(largest).unwrap_or(u64::MAX) {
            return Err(TransportError::TooLarge(largest));
        }
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        let mut whole = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error, timeout))? {
            if whole.len() + chunk.len() > largest {
                return Err(TransportError::TooLarge(largest));
            }
            whole.extend_from_slice(&chunk);
        }
        *answer.body_mut() = whole.freeze();
        Ok(answer)
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        Box::pin(self.exchange(request, timeout)).await
    }
}

/// True for `localhost` and the loopback addresses.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Tells apart what was never sent, what took too long and what broke. A time-out while connecting counts as not connected.
fn unanswered(error: &reqwest::Error, timeout: Duration) -> TransportError {
    if error.is_connect() {
        TransportError::Connect(causes(error))
    } else if error.is_timeout() {
        TransportError::Timeout(timeout)
    } else {
        TransportError::Broken(causes(error))
    }
}

/// What caused an error. Its own text is left out: it names the address, which may carry a name or an e-mail.
fn causes(error: &reqwest::Error) -> String {
    std::error::Error::source(error).map_or_else(|| "the request could not be made".to_owned(), chain)
}

#[cfg(test)]
mod tests;
