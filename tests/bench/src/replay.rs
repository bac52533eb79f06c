//! What a client sent, kept, and sent once more as fast as it is answered: the time that the other side alone takes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_model::{HttpRequest, HttpResponse, Transport, TransportError};
use serde_json::{Value, json};

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

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

    fn keep(&self, head: &Value, body: &[u8]) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{head}")?;
        file.write_all(body)?;
        file.flush()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
            .collect();
        let mut head = json!({
            "method": request.method().as_str(),
            "path": request.uri().path_and_query().map_or("/", |path| path.as_str()),
            "headers": headers,
            "length": request.body().len(),
        });
        let body = request.body().clone();
        let answer = self.inner.send(request, timeout).await?;
        if let Some(members) = head.as_object_mut() {
            members.insert("status".to_owned(), answer.status().as_u16().into());
        }
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
        let head: Value = serde_json::from_str(&line)?;
        line.clear();
        let mut body = vec![0; usize::try_from(head["length"].as_u64().context("no length")?)?];
        file.read_exact(&mut body)?;
        let request = request(url, &head, body.into(), token.as_ref())?;
        let began = Instant::now();
        let answer = transport.send(request, PATIENCE).await?;
        took += began.elapsed();
        sent += 1;
        let status = answer.status().as_u16();
        anyhow::ensure!(head["status"] == status, "{head} was answered with {status}");
        if let Some(new) = serde_json::from_slice::<Value>(answer.body())
            .ok()
            .and_then(|answer| answer["access_token"].as_str().map(|token| format!("Bearer {token}")))
        {
            token = Some(HeaderValue::try_from(new)?);
        }
    }
    Ok((sent, took))
}

fn request(url: &str, head: &Value, body: Bytes, token: Option<&HeaderValue>) -> anyhow::Result<HttpRequest> {
    let text = |member: &Value| member.as_str().map(str::to_owned).context("no text");
    let mut request = HttpRequest::new(body);
    *request.method_mut() = text(&head["method"])?.parse()?;
    *request.uri_mut() = format!("{url}{}", text(&head["path"])?).parse()?;
    for pair in head["headers"].as_array().into_iter().flatten() {
        let (name, value) = (text(&pair[0])?, text(&pair[1])?);
        request
            .headers_mut()
            .append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    if let Some(token) = token.filter(|_| request.headers().contains_key(header::AUTHORIZATION)) {
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
    }
    Ok(request)
}
