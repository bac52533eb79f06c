//! What a client sent, kept, and sent once more as fast as it is answered: the time that the other side alone takes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_model::{HttpRequest, HttpResponse, Transport, TransportError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is kept of a request beside its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    length: usize,
    /// Of the answer.
    status: u16,
}

/// Sends requests and keeps them in a file: of each a line of JSON with its head and the status of its answer, then the bytes of its body.
pub struct Recorder {
    inner: ReqwestTransport,
    file: Mutex<BufWriter<File>>,
}

impl Recorder {
    /// One that keeps into a new file.
    pub fn new(file: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            inner: ReqwestTransport::new(HttpSettings::default()),
            file: Mutex::new(BufWriter::new(File::create(file)?)),
        })
    }

    fn keep(&self, head: &Head, body: &[u8]) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *file, head)?;
        file.write_all(b"\n")?;
        file.write_all(body)?;
        file.flush()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let headers = request.headers().iter();
        let mut head = Head {
            method: request.method().to_string(),
            path: request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect(),
            length: request.body().len(),
            status: 0,
        };
        let body = request.body().clone();
        let answer = self.inner.send(request, timeout).await?;
        head.status = answer.status().as_u16();
        self.keep(&head, &body)
            .map_err(|error| TransportError::Broken(error.to_string()))?;
        Ok(answer)
    }
}

/// Sends what was kept to the server at `url`, one after the other, with the token that it gives. Answers how many requests there were and
/// how long the server took for them; an answer with another status than the first time is an error.
pub async fn replay(url: &str, file: &Path) -> anyhow::Result<(usize, Duration)> {
    let mut file = BufReader::new(File::open(file)?);
    let transport = ReqwestTransport::new(HttpSettings::default());
    let (mut sent, mut took, mut token) = (0, Duration::ZERO, None);
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 {
        let head: Head = serde_json::from_str(&line)?;
        line.clear();
        let mut body = vec![0; head.length];
        file.read_exact(&mut body)?;
        let request = request(url, &head, body.into(), token.as_ref())?;
        let began = Instant::now();
        let answer = transport.send(request, PATIENCE).await?;
        took += began.elapsed();
        sent += 1;
        let status = answer.status().as_u16();
        anyhow::ensure!(head.status == status, "{head:?} was answered with {status}");
        let new = serde_json::from_slice::<Value>(answer.body()).ok();
        if let Some(new) = new.as_ref().and_then(|answer| answer.get("access_token")?.as_str()) {
            token = Some(HeaderValue::try_from(format!("Bearer {new}"))?);
        }
    }
    Ok((sent, took))
}

fn request(url: &str, head: &Head, body: Bytes, token: Option<&HeaderValue>) -> anyhow::Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = head.method.parse()?;
    *request.uri_mut() = format!("{url}{}", head.path).parse()?;
    let headers = request.headers_mut();
    for (name, value) in &head.headers {
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    if let Some(token) = token.filter(|_| headers.contains_key(header::AUTHORIZATION)) {
        headers.insert(header::AUTHORIZATION, token.clone());
    }
    Ok(request)
}
