//! One vendor call within its deadline: what both ends of every connector share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use rollcall_model::{Call, Failure, HttpRequest, HttpResponse, Transport, TransportError};
use rollcall_runtime::Clock;
use rollcall_runtime::clock::between;
use serde_json::Value;

/// The longest that one call may take in total.
pub(crate) const LONGEST: Duration = Duration::from_secs(15);
/// How long before its deadline a call is over, so that a successor never meets it.
pub(crate) const MARGIN: Duration = Duration::from_millis(500);

/// Sends requests within deadlines and turns what went wrong on the way into failures.
pub(crate) struct Exchange {
    transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Exchange {
    pub(crate) fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self { transport, clock }
    }

    /// Sends one request. `what` names the call in reasons and logs. A call whose deadline is past is not sent.
    pub(crate) async fn send(&self, call: &Call, what: &str, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let left = between(self.clock.now(), call.deadline).saturating_sub(MARGIN);
        if left.is_zero() {
            return Err(Failure::retry(format!("{what}: not sent, its deadline is past")));
        }
        let reads = request.method() == Method::GET;
        let answer = self.transport.send(request, left.min(LONGEST)).await;
        match answer {
            Ok(response) => {
                tracing::debug!(call = what, status = response.status().as_u16(), "vendor answered");
                if is_page(&response) {
                    let failure = Failure::retry(format!(
                        "{what}: a page for people came instead of an answer: something between here and the vendor sent it"
                    ));
                    return Err(in_doubt(failure, reads));
                }
                Ok(response)
            }
            Err(error) => {
                tracing::debug!(call = what, %error, "vendor did not answer");
                Err(lost(what, &error, reads))
            }
        }
    }
}

/// Whether a proxy or a login page answered with success in the vendor's place: no vendor's interface answers in HTML, and a change
/// whose status alone counts would be taken for made.
fn is_page(response: &HttpResponse) -> bool {
    response.status().is_success()
        && header(response, "content-type").is_some_and(|kind| kind.trim_start().starts_with("text/html"))
        && response.body().trim_ascii_start().starts_with(b"<")
}

/// The failure of a call that got no answer.
fn lost(what: &str, error: &TransportError, reads: bool) -> Failure {
    let failure = match error {
        TransportError::TooLarge(_) => Failure::give_up(format!("{what}: {error}")),
        _ => Failure::retry(format!("{what}: {error}")),
    };
    match error {
        TransportError::Connect(_) => failure,
        _ => in_doubt(failure, reads),
    }
}

/// A call whose answer says nothing: unless it only read, what it was to change may have been changed.
fn in_doubt(failure: Failure, reads: bool) -> Failure {
    if reads { failure } else { failure.maybe_executed() }
}

/// A request. Fails only when an address or a credential holds what no header or address may hold.
pub(crate) fn request(
    method: Method,
    address: &str,
    headers: HeaderMap,
    body: impl Into<Bytes>,
) -> Result<HttpRequest, Failure> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(address)
        .body(body.into())
        .map_err(|_| Failure::give_up("the connection's address is not a valid address"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A header value that logs never show.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Failure::credential(
            "the connection's secret holds a character that no header may hold: set it again without line breaks",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body as JSON. `reads` says whether the call could have had an effect: an unreadable answer to a write leaves that open.
pub(crate) fn json(what: &str, response: &HttpResponse, reads: bool) -> Result<Value, Failure> {
    serde_json::from_slice(response.body()).map_err(|_| {
        let kind = header(response, "content-type").unwrap_or("no content type");
        let failure = Failure::retry(format!(
            "{what}: {} with a body that is not complete JSON ({})",
            response.status().as_u16(),
            crate::encode::short(kind, 60)
        ));
        in_doubt(failure, reads)
    })
}

/// A response header as text.
pub(crate) fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A response header as a whole number.
pub(crate) fn number(response: &HttpResponse, name: &str) -> Option<i64> {
    header(response, name)?.trim().parse().ok()
}

/// `Retry-After` as a time to wait: seconds, or an HTTP date against the server's own `Date` (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let text = header(response, "retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let now = http_date(header(response, "date")?)?;
    Some(between(now, until))
}

/// `Mon, 02 Mar 2026 08:15:30 GMT`.
pub(crate) fn http_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// A member of an object as text; absent, null and empty are the same.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The elements of a member that is an array; none when it is anything else.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
