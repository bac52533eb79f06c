//! Signing in to Okta, the tenant check, paging and limits.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use rollcall_model::{Call, Executed, Failure, HttpResponse};
use rollcall_runtime::Ids;
use rollcall_runtime::clock::plus;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::dpop::ProofKey;
use super::retry;
use super::subject::ME;
use super::token::{self, Granted};
use super::{OktaAuth, OktaSettings};
use crate::encode::short;
use crate::exchange::{Exchange, header, json, number, request, secret_header, text};
use crate::pace::Pace;

/// A token is renewed this long before its end (Okta service apps: "cache it until about five minutes before").
const EARLY: Duration = Duration::from_mins(5);
/// No list that Rollcall reads of one person is longer than this many pages; beyond it the vendor is repeating itself.
const MOST_PAGES: usize = 200;

/// What a call is signed with.
#[derive(Clone)]
struct Access {
    authorization: HeaderValue,
    /// The key that a DPoP token is bound to, and the hash of the token that each proof repeats.
    proof: Option<(Arc<ProofKey>, String)>,
    /// Counts renewals, so that of several calls refused at once only the first renews.
    generation: u64,
}

/// What is known of the tenant and the token. One lock: calls that start together share one sign-in.
#[derive(Default)]
struct SignIn {
    access: Option<Access>,
    /// When the token is to be renewed; absent for one that does not end by the clock.
    renew_at: Option<Timestamp>,
    wrong_tenant: Option<String>,
    /// Once the app has asked for DPoP it keeps its key for the life of the process.
    proof_key: Option<Arc<ProofKey>>,
    /// The scopes of the token.
    scopes: Vec<String>,
    generation: u64,
}

/// A client of one tenant.
pub(super) struct Client {
    pub(super) settings: OktaSettings,
    pub(super) exchange: Exchange,
    ids: Arc<dyn Ids>,
    pace: Pace,
    sign_in: Mutex<SignIn>,
    own_user: Mutex<Option<String>>,
}

impl Client {
    pub(super) fn new(settings: OktaSettings, exchange: Exchange, ids: Arc<dyn Ids>) -> Self {
        Self {
            pace: Pace::of(settings.connection.as_str()),
            settings,
            exchange,
            ids,
            sign_in: Mutex::default(),
            own_user: Mutex::default(),
        }
    }

    /// The tenant's address without a final slash.
    pub(super) fn base(&self) -> &str {
        self.settings.base_url.trim_end_matches('/')
    }

    /// Reads one address below the tenant. 2xx, 403 and 404 come back as they are; everything else is a failure.
    /// `bucket` is the row of Okta's rate-limit table that the call counts against.
    pub(super) async fn get(&self, call: &Call, bucket: &str, what: &str, path: &str) -> Result<HttpResponse, Failure> {
        let response = self.send(call, bucket, what, Method::GET, path).await?;
        match response.status() {
            status if status.is_success() || matches!(status.as_u16(), 403 | 404) => Ok(response),
            _ => Err(read_failure(what, &response)),
        }
    }

    /// Makes a change without a body. 2xx and refusals come back as they are, for what a refusal means depends on the state that
    /// it met; everything else is a failure, a refused credential and a used-up quota too.
    pub(super) async fn write(
        &self,
        call: &Call,
        bucket: &str,
        what: &str,
        method: Method,
        path: &str,
    ) -> Result<HttpResponse, Failure> {
        let response = self.send(call, bucket, what, method, path).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Err(retry::failure(what, &response)),
            status if status.is_success() || status.is_client_error() => Ok(response),
            _ => Err(retry::failure(what, &response)),
        }
    }

    /// Sends one signed request. A token or a proof that Okta refuses was refused before anything was done, so such a call is
    /// repeated once with another.
    async fn send(
        &self,
        call: &Call,
        bucket: &str,
        what: &str,
        method: Method,
        path: &str,
    ) -> Result<HttpResponse, Failure> {
        self.pace.admit(bucket, call.lane, self.exchange.clock.now())?;
        let address = format!("{}{path}", self.base());
        let mut access = self.access(call).await?;
        let mut renewed = false;
        let mut nonce_tried = false;
        loop {
            let response = self.signed(call, what, &method, &address, &access).await?;
            self.learn(bucket, &response);
            match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST
                    if !nonce_tried && took_nonce(&access, &response) =>
                {
                    nonce_tried = true;
                }
                StatusCode::UNAUTHORIZED if !renewed && self.renews() => {
                    renewed = true;
                    self.forget(access.generation).await;
                    access = self.access(call).await?;
                }
                _ => return Ok(response),
            }
        }
    }

    /// Signs in, so that calls made side by side afterwards do not each try when it fails.
    pub(super) async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.access(call).await.map(drop)
    }

    /// Reads a list to its end: the absence of `rel="next"`, never a short page (Okta API, "Pagination"). 403 and 404 come
    /// back as the failures they are.
    pub(super) async fn list(&self, call: &Call, bucket: &str, what: &str, path: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut path = path.to_owned();
        for _ in 0..MOST_PAGES {
            let (page, next) = self.page(call, bucket, what, &path).await?;
            all.extend(page);
            match next {
                None => return Ok(all),
                Some(next) => path = next,
            }
        }
        Err(Failure::give_up(format!(
            "{what}: the list does not end after {MOST_PAGES} pages"
        )))
    }

    /// Reads one page of a list, and the path of the next one.
    pub(super) async fn page(
        &self,
        call: &Call,
        bucket: &str,
        what: &str,
        path: &str,
    ) -> Result<(Vec<Value>, Option<String>), Failure> {
        let response = self.get(call, bucket, what, path).await?;
        if !response.status().is_success() {
            return Err(read_failure(what, &response));
        }
        let Value::Array(page) = json(what, &response, true)? else {
            return Err(Failure::retry(format!("{what}: the answer is not a list")));
        };
        let next = next_page(&response).map(|next| self.below(what, &next)).transpose()?;
        Ok((page, next))
    }

    /// The path of a link, which must lead to the same host: links can name another one when a tenant has a custom domain,
    /// and the credential is for the configured one.
    pub(super) fn below(&self, what: &str, link: &str) -> Result<String, Failure> {
        let (base, url) = (Url::parse(self.base()), Url::parse(link));
        match (base, url) {
            (Ok(base), Ok(url)) if url.origin() == base.origin() => Ok(match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            }),
            _ => Err(Failure::needs_human(format!(
                "{what}: the next page is on another host than the connection's url: configure the host that Okta links to"
            ))),
        }
    }

    async fn signed(
        &self,
        call: &Call,
        what: &str,
        method: &Method,
        address: &str,
        access: &Access,
    ) -> Result<HttpResponse, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers.insert("authorization", access.authorization.clone());
        if matches!(*method, Method::POST | Method::PUT) {
            // An empty POST or PUT without it is refused with 411 (Okta, "Core Okta API").
            headers.insert("content-length", HeaderValue::from_static("0"));
        }
        if let Some((key, hash)) = &access.proof {
            // A proof is good for one request: a repetition needs a new `jti` (RFC 9449, section 11.1).
            let proof = key.proof(
                method.as_str(),
                address,
                Some(hash),
                self.exchange.clock.now(),
                &self.ids.unique(),
            )?;
            headers.insert("dpop", secret_header(&proof)?);
        }
        self.exchange
            .send(call, what, request(method.clone(), address, headers, "")?)
            .await
    }

    /// The user that an API token belongs to; a service app has none. Asked for once.
    pub(super) async fn own_user(&self, call: &Call) -> Result<Option<String>, Failure> {
        let OktaAuth::Ssws(_) = &self.settings.auth else {
            return Ok(None);
        };
        let mut own = self.own_user.lock().await;
        if own.is_none() {
            let what = "reading our own user";
            let response = self.get(call, ME, what, ME).await?;
            if !response.status().is_success() {
                return Err(read_failure(what, &response));
            }
            let body = json(what, &response, true)?;
            let id = text(&body, "id").ok_or_else(|| Failure::retry(format!("{what}: the user has no id")))?;
            *own = Some(id.to_owned());
        }
        Ok(own.clone())
    }

    /// The scopes that the app's token has. An API token has none.
    pub(super) async fn scopes(&self, call: &Call) -> Result<Vec<String>, Failure> {
        self.sign_in(call).await?;
        Ok(self.sign_in.lock().await.scopes.clone())
    }

    fn renews(&self) -> bool {
        matches!(self.settings.auth, OktaAuth::ServiceApp { .. })
    }

    async fn forget(&self, generation: u64) {
        let mut sign_in = self.sign_in.lock().await;
        if sign_in.generation == generation {
            sign_in.access = None;
        }
    }

    /// What to sign a call with. The tenant is checked with every token, before anything is done with it.
    async fn access(&self, call: &Call) -> Result<Access, Failure> {
        let mut sign_in = self.sign_in.lock().await;
        if let Some(why) = &sign_in.wrong_tenant {
            return Err(Failure::credential(why.clone()));
        }
        let now = self.exchange.clock.now();
        let fresh = sign_in.renew_at.is_none_or(|renew_at| now < renew_at);
        if let (Some(access), true) = (&sign_in.access, fresh) {
            return Ok(access.clone());
        }
        sign_in.access = None;
        let (found, granted) = match &self.settings.auth {
            // The token itself must not reach a stranger, so it waits for the check.
            OktaAuth::Ssws(_) => (self.tenant_id(call).await?, None),
            // An assertion is good at its own audience only, so the two questions may be asked at once.
            OktaAuth::ServiceApp { .. } => {
                let key = sign_in.proof_key.clone();
                let (found, granted) = futures::join!(
                    self.tenant_id(call),
                    token::grant(&self.exchange, self.ids.as_ref(), &self.settings, call, key)
                );
                (found?, Some(granted))
            }
        };
        if found != self.settings.tenant_id {
            let why = format!(
                "{} belongs to tenant {}, configured {}: refusing every call",
                self.settings.connection,
                short(&found, 40),
                self.settings.tenant_id
            );
            sign_in.wrong_tenant = Some(why.clone());
            return Err(Failure::credential(why));
        }
        let generation = sign_in.generation + 1;
        let access = match (&self.settings.auth, granted) {
            (OktaAuth::Ssws(secret), _) => {
                sign_in.renew_at = None;
                Access {
                    authorization: secret_header(&format!("SSWS {}", secret.reveal()))?,
                    proof: None,
                    generation,
                }
            }
            (OktaAuth::ServiceApp { .. }, Some(granted)) => {
                let Granted {
                    authorization,
                    token_hash,
                    expires_in,
                    proof_key,
                    scopes,
                } = granted?;
                sign_in.scopes = scopes;
                sign_in.renew_at = Some(plus(now, expires_in.saturating_sub(EARLY.min(expires_in / 2))));
                sign_in.proof_key.clone_from(&proof_key);
                Access {
                    authorization,
                    proof: proof_key.zip(token_hash),
                    generation,
                }
            }
            (OktaAuth::ServiceApp { .. }, None) => return Err(Failure::retry("no token was asked for")),
        };
        sign_in.generation = generation;
        sign_in.access = Some(access.clone());
        Ok(access)
    }

    /// The id that the host itself states (`GET /.well-known/okta-organization`, no credential needed).
    async fn tenant_id(&self, call: &Call) -> Result<String, Failure> {
        let what = "checking the tenant";
        let address = format!("{}/.well-known/okta-organization", self.base());
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let response = self
            .exchange
            .send(call, what, request(Method::GET, &address, headers, "")?)
            .await?;
        if !response.status().is_success() {
            return Err(read_failure(what, &response));
        }
        let body = json(what, &response, true)?;
        text(&body, "id")
            .map(str::to_owned)
            .ok_or_else(|| Failure::retry(format!("{what}: the host states no organisation id")))
    }

    fn learn(&self, bucket: &str, response: &HttpResponse) {
        let count = |name: &str| number(response, name).and_then(|count| u64::try_from(count).ok());
        if let (Some(limit), Some(remaining), Some(reset)) = (
            count("x-rate-limit-limit"),
            count("x-rate-limit-remaining"),
            retry::reset(response),
        ) {
            let now = self.exchange.clock.now();
            self.pace.learn(bucket, limit, remaining, plus(now, reset), now);
        }
    }
}

/// Takes a nonce that the server wants in the next proof (RFC 9449, section 9). True when the call is worth repeating.
fn took_nonce(access: &Access, response: &HttpResponse) -> bool {
    let wanted = header(response, "www-authenticate").is_some_and(|asked| asked.contains("use_dpop_nonce"));
    match (&access.proof, header(response, "dpop-nonce")) {
        (Some((key, _)), Some(nonce)) if wanted => {
            key.take_nonce(nonce);
            true
        }
        _ => false,
    }
}

/// The failure of a read, which changes nothing even when it was executed.
pub(super) fn read_failure(what: &str, response: &HttpResponse) -> Failure {
    let mut failure = retry::failure(what, response);
    failure.executed = Executed::No;
    failure
}

/// The address of the next page. The header may come once for each link or once with all of them (RFC 8288, section 3).
fn next_page(response: &HttpResponse) -> Option<String> {
    response
        .headers()
        .get_all("link")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(",<").map(str::to_owned).collect::<Vec<_>>())
        .flat_map(|link| link.split(", <").map(str::to_owned).collect::<Vec<_>>())
        .find_map(|link| {
            let (address, rest) = link.split_once('>')?;
            rest.contains("rel=\"next\"")
                .then(|| address.trim().trim_start_matches('<').to_owned())
        })
}
