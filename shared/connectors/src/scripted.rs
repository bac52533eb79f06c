//! A transport that knows exactly which requests will come and answers each as written. A request that is not on the list, or
//! one that is still on it at the end, fails the test.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rollcall_model::{Call, HttpRequest, HttpResponse, Lane, Transport, TransportError};
use rollcall_runtime::{Clock, Ids};
use serde_json::Value;

type Check = Box<dyn Fn(&HttpRequest) + Send>;

/// One expected request with its answer.
pub(crate) struct Step {
    line: String,
    check: Option<Check>,
    answer: Result<HttpResponse, TransportError>,
}

/// `GET https://…` answered with JSON.
pub(crate) fn step(line: &str, status: u16, body: &Value) -> Step {
    raw(line, status, "application/json", &body.to_string())
}

/// The same with any body.
pub(crate) fn raw(line: &str, status: u16, kind: &str, body: &str) -> Step {
    let answer = http::Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("date", "Mon, 02 Mar 2026 08:00:00 GMT")
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    Step {
        line: line.to_owned(),
        check: None,
        answer: Ok(answer),
    }
}

/// A request that gets no answer.
pub(crate) fn lost(line: &str, error: TransportError) -> Step {
    Step {
        line: line.to_owned(),
        check: None,
        answer: Err(error),
    }
}

impl Step {
    /// Adds a response header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(answer) = &mut self.answer {
            answer.headers_mut().append(name, value.parse().unwrap());
        }
        self
    }

    /// Looks at the request.
    pub(crate) fn check(mut self, check: impl Fn(&HttpRequest) + Send + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }
}

/// The transport. Requests made side by side may come in any order among themselves, so the first step with the same line is taken.
pub(crate) struct Script(Mutex<VecDeque<Step>>, Mutex<Vec<String>>, Mutex<Vec<Duration>>);

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self(
            Mutex::new(steps.into_iter().collect()),
            Mutex::default(),
            Mutex::default(),
        ))
    }

    /// Every step was used.
    pub(crate) fn done(&self) {
        let left: Vec<String> = self.0.lock().unwrap().iter().map(|step| step.line.clone()).collect();
        assert_eq!(left, Vec::<String>::new(), "requests that never came");
    }

    /// The time-outs given, in order.
    pub(crate) fn timeouts(&self) -> Vec<Duration> {
        self.2.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let line = format!("{} {}", request.method(), request.uri());
        self.1.lock().unwrap().push(line.clone());
        self.2.lock().unwrap().push(timeout);
        let step = {
            let mut steps = self.0.lock().unwrap();
            let position = steps.iter().position(|step| step.line == line);
            let Some(position) = position else {
                panic!("nobody expected {line}\nso far: {:#?}", self.1.lock().unwrap());
            };
            steps.remove(position).unwrap()
        };
        if let Some(check) = &step.check {
            check(&request);
        }
        step.answer
    }
}

/// A clock that stands until it is moved.
pub(crate) struct StandingClock(Mutex<Timestamp>);

impl StandingClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(start())))
    }

    pub(crate) fn move_on(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = rollcall_runtime::clock::plus(*now, by);
    }
}

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {
        panic!("a connector never waits");
    }
}

/// Names that count.
#[derive(Default)]
pub(crate) struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn unique(&self) -> String {
        format!("id-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn salt(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// 2026-03-02T08:00:00Z.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// An urgent call with a minute to go.
pub(crate) fn urgent() -> Call {
    Call {
        deadline: rollcall_runtime::clock::plus(start(), Duration::from_mins(1)),
        lane: Lane::Urgent,
    }
}

/// The same in another lane.
pub(crate) fn in_lane(lane: Lane) -> Call {
    Call { lane, ..urgent() }
}

/// The body of a request as JSON.
pub(crate) fn sent_json(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// A form body as pairs.
pub(crate) fn sent_form(request: &HttpRequest) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

/// Header and claims of a JSON Web Token, unverified.
pub(crate) fn token_parts(token: &str) -> (Value, Value) {
    use base64::Engine as _;
    let mut parts = token.split('.').map(|part| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
    });
    (parts.next().flatten().unwrap(), parts.next().flatten().unwrap())
}

/// A new RSA key in PEM, the same one for the whole test process: making one is slow.
pub(crate) fn rsa_pem() -> rollcall_runtime::Secret {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let pem = PEM.get_or_init(|| {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        use base64::Engine as _;
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    });
    rollcall_runtime::Secret::new(pem.clone())
}

/// A payload of the fixtures.
pub(crate) fn fixture(path: &str) -> String {
    let whole = format!("{}/../../tests/fixtures/payloads/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}
