//! Calls to one org: token, renewal, limits, pages, composite queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rollcall_model::{Call, Executed, Failure, HttpResponse};
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Ids, Secret};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::SalesforceSettings;
use super::retry::{self, Refusal};
use super::token::{self, Access, Refused};
use crate::encode::percent;
use crate::exchange::{self, Exchange, header, items, request, text};
use crate::pace::Pace;

/// The one quota that the header tells of.
const QUOTA: &str = "the org's daily API requests";
/// The quota rolls over 24 hours; after this long its state is worth asking again.
const QUOTA_MEMORY: Duration = Duration::from_mins(10);
/// No list that is read of one account is longer than this many pages.
pub(super) const MOST_PAGES: usize = 100;

/// The failure of a list that has more pages.
pub(super) fn endless(what: &str) -> Failure {
    Failure::give_up(format!("{what}: the list does not end after {MOST_PAGES} pages"))
}

#[derive(Default)]
struct SignIn {
    access: Option<Access>,
    wrong_org: Option<String>,
    generation: u64,
}

/// Rows, or the refusal of this one query among several.
pub(super) type Rows = Result<Vec<Value>, Refusal>;

/// A read inside a composite call.
pub(super) enum Ask {
    /// A query; at most five of them fit into one call.
    Query(String),
    /// A path below [`Client::data`], as written: references to earlier parts stay what they are.
    Path(String),
}

/// A request below the instance.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    /// Beside, and in place of, those that every request carries.
    pub(super) headers: &'a [(&'static str, &'static str)],
    pub(super) body: Bytes,
}

/// What a JSON body says of itself.
pub(super) const JSON_BODY: &[(&str, &str)] = &[("content-type", "application/json")];

/// The bodies of a composite call, or the refusals of single parts.
pub(super) type Parts = BTreeMap<String, Result<Value, Refusal>>;

/// A client of one org.
pub(super) struct Client {
    pub(super) settings: SalesforceSettings,
    pub(super) exchange: Exchange,
    ids: Arc<dyn Ids>,
    pace: Pace,
    sign_in: Mutex<SignIn>,
    /// `DeleteToken` values as last read, by user: they are secrets, so they never enter evidence, and keeping them for the
    /// change that follows saves it a call.
    pub(super) delete_tokens: std::sync::Mutex<BTreeMap<String, Vec<Secret>>>,
    /// Set once the org has refused the field `EmployeeNumber`, so that no later search asks for it.
    pub(super) numbers_hidden: AtomicBool,
}

impl Client {
    pub(super) fn new(settings: SalesforceSettings, exchange: Exchange, ids: Arc<dyn Ids>) -> Self {
        Self {
            pace: Pace::of(settings.connection.as_str()),
            settings,
            exchange,
            ids,
            sign_in: Mutex::default(),
            delete_tokens: std::sync::Mutex::default(),
            numbers_hidden: AtomicBool::new(false),
        }
    }

    /// The token to use, which also says who we are.
    pub(super) async fn access(&self, call: &Call) -> Result<Access, Failure> {
        let mut sign_in = self.sign_in.lock().await;
        if let Some(why) = &sign_in.wrong_org {
            return Err(Failure::credential(why.clone()));
        }
        if let Some(access) = &sign_in.access {
            return Ok(access.clone());
        }
        let generation = sign_in.generation + 1;
        match token::grant(&self.exchange, self.ids.as_ref(), &self.settings, call, generation).await {
            Ok(access) => {
                sign_in.generation = generation;
                sign_in.access = Some(access.clone());
                Ok(access)
            }
            Err(Refused::Call(failure)) => Err(failure),
            Err(Refused::WrongOrg(why)) => {
                sign_in.wrong_org = Some(why.clone());
                Err(Failure::credential(why))
            }
        }
    }

    /// Calls one path below the instance; only a success comes back.
    pub(super) async fn send(
        &self,
        call: &Call,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<HttpResponse, Failure> {
        let reads = method == Method::GET;
        let outgoing = Outgoing {
            method,
            path,
            headers: if body.is_some() { JSON_BODY } else { &[] },
            body: body.map(Value::to_string).unwrap_or_default().into(),
        };
        let response = self.exchange_with(call, what, &outgoing).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let failure = retry::failure(what, &response);
        Err(if reads { harmless(failure) } else { failure })
    }

    /// Calls one path below the instance and hands back whatever the vendor answers. A refused token is renewed once: sessions
    /// end by the org's own time-out, which no answer announces. A 401 was certainly not executed, so a write may be sent again.
    pub(super) async fn exchange_with(
        &self,
        call: &Call,
        what: &str,
        outgoing: &Outgoing<'_>,
    ) -> Result<HttpResponse, Failure> {
        self.pace.admit(QUOTA, call.lane, self.exchange.clock.now())?;
        let mut renewed = false;
        loop {
            let access = self.access(call).await?;
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("application/json"));
            headers.insert("authorization", access.authorization.clone());
            headers.insert("sforce-call-options", HeaderValue::from_static("client=rollcall"));
            for (name, value) in outgoing.headers {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let address = format!("{}{}", access.instance, outgoing.path);
            let sent = request(outgoing.method.clone(), &address, headers, outgoing.body.clone())?;
            let response = self.exchange.send(call, what, sent).await?;
            self.learn(&response);
            let stale = response.status() == StatusCode::UNAUTHORIZED && retry::refusal(&response).wants_new_token();
            if !stale || renewed {
                return Ok(response);
            }
            renewed = true;
            let mut sign_in = self.sign_in.lock().await;
            if sign_in.generation == access.generation {
                sign_in.access = None;
            }
        }
    }

    /// `/services/data/v66.0`.
    pub(super) fn data(&self) -> String {
        format!("/services/data/{}", self.settings.api_version)
    }

    /// Several queries in one call, each to its last page.
    pub(super) async fn queries(
        &self,
        call: &Call,
        what: &str,
        queries: &[(&str, String)],
    ) -> Result<BTreeMap<String, Rows>, Failure> {
        let asks: Vec<(&str, Ask)> = queries
            .iter()
            .map(|(name, soql)| (*name, Ask::Query(soql.clone())))
            .collect();
        let mut all = BTreeMap::new();
        for (name, part) in self.ask(call, what, &asks).await? {
            all.insert(name, self.rows(call, what, part).await?);
        }
        Ok(all)
    }

    /// Several reads in one call, each on its own. Nothing of it changes anything, so a lost answer leaves nothing open. All of
    /// it fails when one part failed in a way that passes.
    pub(super) async fn ask(&self, call: &Call, what: &str, asks: &[(&str, Ask)]) -> Result<Parts, Failure> {
        let parts: Vec<Value> = asks
            .iter()
            .map(|(name, ask)| {
                let url = match ask {
                    Ask::Query(soql) => format!("{}/query?q={}", self.data(), percent(soql)),
                    Ask::Path(path) => format!("{}/{path}", self.data()),
                };
                json!({ "method": "GET", "referenceId": name, "url": url })
            })
            .collect();
        let body = json!({ "allOrNone": false, "compositeRequest": parts });
        let response = self
            .send(
                call,
                what,
                Method::POST,
                &format!("{}/composite", self.data()),
                Some(&body),
            )
            .await
            .map_err(harmless)?;
        let answer = exchange::json(what, &response, true)?;
        let mut all = BTreeMap::new();
        for part in items(&answer, "compositeResponse") {
            let name = text(part, "referenceId").unwrap_or_default();
            let status = part
                .get("httpStatusCode")
                .and_then(Value::as_u64)
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(0);
            let body = part.get("body").cloned().unwrap_or_default();
            let outcome = if status == 200 {
                Ok(body)
            } else {
                let refusal = Refusal::of(status, &body);
                let failure = refusal.failure(what);
                if failure.is_retryable() {
                    return Err(harmless(failure));
                }
                Err(refusal)
            };
            all.insert(name.to_owned(), outcome);
        }
        if asks.iter().all(|(name, _)| all.contains_key(*name)) {
            Ok(all)
        } else {
            Err(Failure::retry(format!("{what}: the answer leaves out a query")))
        }
    }

    /// The rows of a query that was part of a composite call, to the last page.
    pub(super) async fn rows(&self, call: &Call, what: &str, part: Result<Value, Refusal>) -> Result<Rows, Failure> {
        match part {
            Ok(first) => Ok(Ok(self.rest_of(call, what, first).await?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// One query to its last page.
    pub(super) async fn query(&self, call: &Call, what: &str, soql: &str) -> Result<Vec<Value>, Failure> {
        let path = format!("{}/query?q={}", self.data(), percent(soql));
        let response = self.send(call, what, Method::GET, &path, None).await?;
        let page = exchange::json(what, &response, true)?;
        self.rest_of(call, what, page).await
    }

    /// The rows of a page and of all that follow it. Pages may be shorter than asked for: only `done` ends the list, and a list that
    /// ends before its own total is no list (an account that it leaves out would keep its access).
    async fn rest_of(&self, call: &Call, what: &str, first: Value) -> Result<Vec<Value>, Failure> {
        let total = first.get("totalSize").and_then(Value::as_u64).unwrap_or(0);
        let mut rows = Vec::new();
        let mut page = first;
        for _ in 0..MOST_PAGES {
            let (found, next) = page_of(what, &page)?;
            rows.extend_from_slice(found);
            let Some(next) = next else {
                let found = rows.len() as u64;
                return if found < total {
                    Err(Failure::retry(format!("{what}: {found} of {total} records came")))
                } else {
                    Ok(rows)
                };
            };
            let response = self.send(call, what, Method::GET, next, None).await?;
            page = exchange::json(what, &response, true)?;
        }
        Err(endless(what))
    }

    /// `Sforce-Limit-Info: api-usage=18/5000`, possibly with more after it.
    fn learn(&self, response: &HttpResponse) {
        let usage = header(response, "sforce-limit-info")
            .and_then(|info| info.split("api-usage=").nth(1))
            .and_then(|usage| usage.split([';', ' ', ',']).next())
            .and_then(|usage| usage.split_once('/'))
            .and_then(|(used, limit)| Some((used.parse::<u64>().ok()?, limit.trim().parse::<u64>().ok()?)));
        if let Some((used, limit)) = usage {
            let now = self.exchange.clock.now();
            let left = limit.saturating_sub(used);
            self.pace.learn(QUOTA, limit, left, plus(now, QUOTA_MEMORY), now);
        }
    }
}

/// The rows of one page, and the path of the next, which the last page does not have.
pub(super) fn page_of<'a>(what: &str, page: &'a Value) -> Result<(&'a [Value], Option<&'a str>), Failure> {
    if !page.get("records").is_some_and(Value::is_array) {
        return Err(Failure::retry(format!("{what}: the answer holds no records")));
    }
    let rows = items(page, "records");
    if page.get("done") == Some(&Value::Bool(true)) {
        return Ok((rows, None));
    }
    let next = text(page, "nextRecordsUrl").filter(|path| is_next_page(path));
    match next {
        Some(next) => Ok((rows, Some(next))),
        None => Err(Failure::retry(format!(
            "{what}: the list is not done and names no next page"
        ))),
    }
}

/// True for `/services/data/v66.0/query/01g…-2000` and nothing that leads elsewhere.
pub(super) fn is_next_page(path: &str) -> bool {
    path.strip_prefix("/services/data/")
        .and_then(|rest| rest.split_once("/query/"))
        .is_some_and(|(version, place)| {
            version.starts_with('v')
                && !version.contains('/')
                && !place.is_empty()
                && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// The failure of a call that changes nothing even when it is executed.
pub(super) fn harmless(mut failure: Failure) -> Failure {
    failure.executed = Executed::No;
    failure
}
