//! Reads every user of a directory once and prints what it took as one line of JSON. `directory HOW URL ORG TOKEN`, where HOW is
//!
//! - `rollcall`: as `rollcall link` does, page by page through the connector;
//! - `bare`: the same pages with the same HTTP client, which reads each answer to its end, follows its link and looks at nothing else;
//! - `parsed`: the same, and each page is made into JSON values.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use rollcall_bench::{cpu, peak};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_connectors::okta::{ManagerLink, Okta, OktaAuth, OktaSettings};
use rollcall_model::{Call, Connector as _, Lane, Transport as _};
use rollcall_runtime::{RandomIds, Secret, SystemClock};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const GONE: &str = "/api/v1/users?filter=status%20eq%20%22DEPROVISIONED%22&limit=200";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, url, org, token] = arguments.as_slice() else {
        anyhow::bail!("usage: directory rollcall|bare|parsed URL ORG TOKEN");
    };
    let began = Instant::now();
    let users = match how.as_str() {
        "rollcall" => Some(rollcall(url, org, token).await?),
        "bare" => bare(url, token, false).await?,
        "parsed" => bare(url, token, true).await?,
        other => anyhow::bail!("nobody knows how to read {other}"),
    };
    let line = json!({
        "users": users,
        "ms": began.elapsed().as_millis(),
        "cpu_ms": cpu()?.as_millis(),
        "peak_kb": peak()?,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// How many users the connector listed.
async fn rollcall(url: &str, org: &str, token: &str) -> anyhow::Result<usize> {
    let settings = OktaSettings {
        connection: "okta-main".into(),
        base_url: url.to_owned(),
        tenant_id: org.to_owned(),
        auth: OktaAuth::Ssws(Secret::new(token)),
        own_ids: Vec::new(),
        canary: None,
        manager: ManagerLink::Profile,
    };
    let transport = Arc::new(ReqwestTransport::new(HttpSettings::default()));
    let okta = Okta::new(settings, transport, Arc::new(SystemClock), Arc::new(RandomIds));
    let fields = ["employeeNumber", "login", "email"].map(str::to_owned);
    let (mut users, mut cursor) = (0, None);
    loop {
        let call = Call {
            deadline: Timestamp::now() + PATIENCE,
            lane: Lane::Bulk,
        };
        let page = okta
            .list_accounts(&call, &fields, cursor.as_deref())
            .await
            .map_err(|failure| anyhow::anyhow!("{}", failure.reason))?;
        anyhow::ensure!(page.unproven.is_none(), "{:?}", page.unproven);
        for account in &page.items {
            anyhow::ensure!(
                account.person.is_some() && !account.values.is_empty(),
                "{account:?} is half read"
            );
        }
        users += page.items.len();
        cursor = page.next;
        if cursor.is_none() {
            return Ok(users);
        }
    }
}

/// How many users the pages hold, when they are parsed.
async fn bare(url: &str, token: &str, parsed: bool) -> anyhow::Result<Option<usize>> {
    let transport = ReqwestTransport::new(HttpSettings::default());
    let mut users = 0;
    for first in ["/api/v1/users?limit=200", GONE] {
        let mut next = Some(format!("{url}{first}"));
        while let Some(address) = next {
            let request = http::Request::builder()
                .method(Method::GET)
                .uri(&address)
                .header("accept", "application/json")
                .header("authorization", format!("SSWS {token}"))
                .body(Bytes::new())?;
            let answer = transport.send(request, PATIENCE).await?;
            anyhow::ensure!(answer.status().is_success(), "{address}: {}", answer.status());
            if parsed {
                let page: Vec<Value> = serde_json::from_slice(answer.body()).context("a page is a list")?;
                users += page.len();
            }
            next = answer
                .headers()
                .get_all("link")
                .iter()
                .filter_map(|link| link.to_str().ok()?.strip_suffix(">; rel=\"next\"")?.strip_prefix('<'))
                .map(str::to_owned)
                .next();
        }
    }
    Ok(parsed.then_some(users))
}
