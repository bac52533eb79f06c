//! Serves the whole simulated company for the tests of a deployed stack: every vendor behind a port of its own, told what happens
//! in the company by lines of JSON.
//!
//! `company [--estate] [--scopes a,b] [--okta-url URL]` serves on loopback, prints one line of JSON (addresses, credentials, ids) and then answers each line
//! of its standard input with one line. With `--okta-url` Okta is told to clients at that address, where something stands between them
//! and it; `behind` of its tenant says where it really is. It stops when its standard input closes. The lines are
//! `{"do": NAME, …}`; `{"error": TEXT}` is the answer to one that cannot be done:
//!
//! | `do` | more | answer |
//! |---|---|---|
//! | `verification` | | the headers and the challenge of Okta's one-time question |
//! | `hire` | `number` | somebody new like the leaver: `{"login"}` |
//! | `furnish` | `login` | they get in Okta what a leaver can hold: consents, an API token, factors, an admin role, a group by hand, names in apps |
//! | `crowd` | `number` | so many more people are in Okta, and in nothing else |
//! | `leave` | `login`, `ago_s` | an administrator deactivates them in Okta, now or so many seconds ago: the deliveries of the hook, headers and body |
//! | `unassign` | `login`, `app` | an administrator takes one application of Okta from them: the deliveries of the hook |
//! | `look` | `login` | what their accounts are like now |
//! | `cuts` | | of everybody who left and is cut: when each system was found without them, in microseconds since 1970 |
//! | `calls` | | every call to a vendor since the last time this was asked |
//! | `counters` | | accepted changes by connection and name |
//! | `delay` | `ms` | from now on every answer of a vendor takes that long |

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_simulators::keys::ServiceKey;
use rollcall_simulators::okta::{GroupKind, ServiceApp, UserSeed};
use rollcall_simulators::salesforce::{AppKey, ConnectedApp, Org};
use rollcall_simulators::world::{
    APAC_INTEGRATION, APAC_ORG, Company, Cuts, EMEA_INTEGRATION, EMEA_ORG, HOOK, INTEGRATION, LEAVER, LeaverWorld,
    MANAGER, OKTA_ORG, ONELOGIN_ACCOUNT, PROTECTED, SALESFORCE_ORG, SERVICE, SLACK_TEAM,
};
use rollcall_simulators::{Reply, Request, Served, Simulator, serve};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

type Failure = Box<dyn Error + Send + Sync>;

const CLIENT: &str = "0oaRollcallCloud0001";
const KEY_ID: &str = "cloud-1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let (mut estate, mut scopes, mut okta_url) = (false, Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--estate" => estate = true,
            "--scopes" => {
                let list = arguments.next().ok_or("--scopes needs a list")?;
                scopes = list.split(',').map(str::to_owned).collect();
            }
            "--okta-url" => okta_url = Some(arguments.next().ok_or("--okta-url needs an address")?),
            _ => {
                let usage = "usage: company [--estate] [--scopes a,b] [--okta-url URL]";
                return Err(format!("{usage}, not {argument}").into());
            }
        }
    }
    let stage = Stage::set(estate, scopes, okta_url).await?;
    writeln!(std::io::stdout(), "{}", stage.description)?;
    let stage = Arc::new(stage);
    // Reading blocks, so it has a thread of its own; the vendors answer on this one meanwhile.
    let told = Arc::clone(&stage);
    // Looks at leavers from a thread of its own, which ends with the process.
    let watched = Arc::clone(&stage);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(watched.cuts.look(&watched.world));
        }
    });
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let answer = serde_json::from_str(&line)
                .map_err(Failure::from)
                .and_then(|order: Value| told.obey(&order))
                .unwrap_or_else(|why| json!({ "error": why.to_string() }));
            if writeln!(std::io::stdout(), "{answer}").is_err() {
                break;
            }
        }
    })
    .await?;
    Ok(())
}

/// One call to a vendor.
struct Seen {
    at_ms: i64,
    connection: &'static str,
    method: String,
    path: String,
    /// Who called: the first digits of the digest of the `authorization` header, so one process with its token.
    by: String,
}

/// A vendor whose calls are written down and may be slow.
struct Watched {
    connection: &'static str,
    vendor: Arc<dyn Simulator>,
    seen: Arc<Mutex<Vec<Seen>>>,
    delay_ms: Arc<AtomicU64>,
}

impl Simulator for Watched {
    fn answer(&self, request: &Request, now: Timestamp) -> Reply {
        let header = request.headers().get(http::header::AUTHORIZATION);
        let digest = header.map(|value| Sha256::digest(value.as_bytes()));
        let by = digest.map_or_else(String::new, |digest| {
            let digits = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
            digits.collect()
        });
        let seen = Seen {
            at_ms: now.as_millisecond(),
            connection: self.connection,
            method: request.method().to_string(),
            path: request.uri().to_string(),
            by,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        match (self.vendor.answer(request, now), self.delay_ms.load(Ordering::Relaxed)) {
            (Reply::Answer(response), delay) if delay > 0 => Reply::Late(Duration::from_millis(delay), response),
            (reply, _) => reply,
        }
    }
}

struct Stage {
    world: LeaverWorld,
    description: Value,
    seen: Arc<Mutex<Vec<Seen>>>,
    delay_ms: Arc<AtomicU64>,
    cuts: Cuts,
    /// Serve until dropped.
    _served: Vec<Served>,
}

impl Stage {
    async fn set(with_estate: bool, scopes: Vec<String>, okta_url: Option<String>) -> Result<Self, Failure> {
        let now = Timestamp::now();
        let world = if with_estate {
            LeaverWorld::estate(now)?
        } else {
            LeaverWorld::company(now)?
        };
        let key = ServiceKey::rsa(KEY_ID)?;
        world.okta.add_service_app(ServiceApp {
            client_id: CLIENT.to_owned(),
            jwks: key.public.clone(),
            scopes,
            admin_roles: vec!["SUPER_ADMIN".to_owned()],
            dpop: true,
        })?;
        let company = world.company.as_ref().ok_or("there is no company")?;
        let estate = world.estate.as_ref();
        let mut orgs = vec![
            (
                "sf-us",
                SALESFORCE_ORG,
                &world.salesforce,
                &world.credentials.consumer_key,
                INTEGRATION,
            ),
            (
                "sf-emea",
                EMEA_ORG,
                &company.emea,
                &company.emea_consumer_key,
                EMEA_INTEGRATION,
            ),
        ];
        if let Some(estate) = estate {
            orgs.push((
                "sf-apac",
                APAC_ORG,
                &estate.apac,
                &estate.apac_consumer_key,
                APAC_INTEGRATION,
            ));
        }

        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let delay_ms = Arc::<AtomicU64>::default();
        let (mut served, mut tenants) = (Vec::new(), Map::new());
        let watch = |connection, vendor| Watched {
            connection,
            vendor,
            seen: Arc::clone(&seen),
            delay_ms: Arc::clone(&delay_ms),
        };
        for (connection, id, org, consumer_key, user) in orgs {
            org.add_app(ConnectedApp {
                consumer_key: consumer_key.clone(),
                name: "Rollcall".to_owned(),
                public_key: Some(AppKey::Jwk(key.public.clone())),
                client_secret: None,
                run_as: None,
                pre_authorised: vec![user.to_owned()],
            });
            let one = start(watch(connection, Arc::clone(org) as _)).await?;
            org.set_base_url(&one.url);
            tenants.insert(
                connection.to_owned(),
                json!({"url": one.url, "id": id, "consumer_key": consumer_key, "username": user, "secret": key.private_pem}),
            );
            served.push(one);
        }
        let one = start(watch("okta-main", Arc::clone(&world.okta) as _)).await?;
        let okta_url = okta_url.unwrap_or_else(|| one.url.clone());
        world.okta.set_base_url(&okta_url);
        let canary = world.okta.user_id(SERVICE).ok_or("Rollcall's own user is missing")?;
        tenants.insert(
            "okta-main".to_owned(),
            json!({
                "url": okta_url, "behind": one.url, "id": OKTA_ORG, "client_id": CLIENT, "kid": KEY_ID, "secret": key.private_pem, "canary": canary,
                "hook_secret": world.credentials.hook_secret, "token": world.credentials.okta_token,
            }),
        );
        served.push(one);
        let one = start(watch("onelogin-main", Arc::clone(&company.onelogin) as _)).await?;
        company.onelogin.set_base_url(&one.url);
        tenants.insert(
            "onelogin-main".to_owned(),
            json!({
                "url": one.url, "id": ONELOGIN_ACCOUNT.to_string(), "client_id": company.client_id,
                "secret": company.client_secret, "hook_secret": company.webhook_secret,
            }),
        );
        served.push(one);
        let one = start(watch("slack", Arc::clone(&world.slack) as _)).await?;
        world.slack.set_base_url(&one.url);
        tenants.insert(
            "slack".to_owned(),
            json!({"url": format!("{}/api", one.url), "id": SLACK_TEAM, "secret": world.credentials.slack_token}),
        );
        served.push(one);

        let [onelogin_app, us_app, emea_app] = &company.apps;
        let description = json!({
            "tenants": tenants,
            "apps": {"onelogin-main": onelogin_app, "sf-us": us_app, "sf-emea": emea_app},
            "leaver": LEAVER, "protected": PROTECTED, "manager": MANAGER,
        });
        Ok(Self {
            world,
            description,
            seen,
            delay_ms,
            cuts: Cuts::default(),
            _served: served,
        })
    }

    fn company(&self) -> Result<&Company, Failure> {
        self.world.company.as_ref().ok_or_else(|| "there is no company".into())
    }

    fn obey(&self, order: &Value) -> Result<Value, Failure> {
        let text = |name: &str| -> Result<&str, Failure> {
            let value = order.get(name).and_then(Value::as_str);
            value.ok_or_else(|| format!("{name} is missing").into())
        };
        let number = |name: &str| -> Result<u64, Failure> {
            let value = order.get(name).and_then(Value::as_u64);
            value.ok_or_else(|| format!("{name} is missing").into())
        };
        Ok(match text("do")? {
            "verification" => {
                let question = self.world.okta.verification(HOOK).ok_or("the hook is missing")?;
                json!({"headers": headers(&question.headers), "challenge": question.challenge})
            }
            "hire" => {
                let hired = self.world.hire(usize::try_from(number("number")?)?)?;
                json!({ "login": hired.login })
            }
            "furnish" => {
                self.furnish(text("login")?)?;
                json!({})
            }
            "crowd" => {
                for place in 0..number("number")? {
                    let login = format!("crowd{place:04}@corp.example");
                    let one = UserSeed::active(&login, "Kim", &format!("Crowd{place:04}"));
                    self.world
                        .okta
                        .add_user(one.with("employeeNumber", format!("C{place:04}")))?;
                }
                json!({})
            }
            "leave" => {
                let ago = order.get("ago_s").and_then(Value::as_u64).unwrap_or(0);
                self.leave(text("login")?, Duration::from_secs(ago))?
            }
            "unassign" => {
                let (okta, now) = (&self.world.okta, Timestamp::now());
                let user = okta.user_id(text("login")?).ok_or("nobody has that login")?;
                okta.admin_remove_app(&user, text("app")?, &self.world.administrator, now)
                    .map_err(|refused| format!("{refused:?}"))?;
                self.deliveries(now)
            }
            "look" => self.look(text("login")?)?,
            "cuts" => json!(self.cuts.cut()),
            "calls" => {
                let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
                let calls = seen.into_iter().map(|one| {
                    json!({
                        "at_ms": one.at_ms, "connection": one.connection, "method": one.method, "path": one.path, "by": one.by,
                    })
                });
                calls.collect()
            }
            "counters" => json!(self.counters()?),
            "delay" => {
                self.delay_ms.store(number("ms")?, Ordering::Relaxed);
                json!({})
            }
            other => return Err(format!("nobody knows how to do {other}").into()),
        })
    }

    fn furnish(&self, login: &str) -> Result<(), Failure> {
        let okta = &self.world.okta;
        let user = okta.user_id(login).ok_or("nobody has that login")?;
        for scope in ["okta.users.read", "okta.groups.read", "okta.apps.read"] {
            okta.add_grant(&user, "0oaReportingTool0001", scope)?;
        }
        // Not used for long: one in use is asked about before it is revoked.
        let (month, long_ago) = (
            Duration::from_hours(30 * 24),
            Timestamp::now().checked_sub(Duration::from_hours(20 * 24))?,
        );
        okta.add_api_token(&user, "Nightly export", long_ago, month)?;
        okta.add_factor(&user, "push", "OKTA")?;
        okta.add_factor(&user, "sms", "OKTA")?;
        okta.add_role(&user, "SUPER_ADMIN")?;
        let group = okta.add_group("Given by hand", GroupKind::Okta);
        okta.add_member(&group, &user)?;
        if let Some(company) = &self.world.company {
            let [_, us, _] = &company.apps;
            okta.set_app_user(us, &user, None, Some(login))?;
        }
        Ok(())
    }

    fn leave(&self, login: &str, ago: Duration) -> Result<Value, Failure> {
        let now = Timestamp::now().checked_sub(ago)?;
        let user = self.world.okta.user_id(login).ok_or("nobody has that login")?;
        self.cuts.watch(&self.world, login);
        self.world
            .okta
            .admin_deactivate(&user, &self.world.administrator, now)
            .map_err(|refused| format!("{refused:?}"))?;
        Ok(self.deliveries(now))
    }

    /// What Okta's hook has to deliver now.
    fn deliveries(&self, now: Timestamp) -> Value {
        let deliveries = self.world.okta.take_deliveries(now);
        let bodies = deliveries.into_iter().map(
            |delivery| json!({"headers": headers(&delivery.headers), "body": String::from_utf8_lossy(&delivery.body)}),
        );
        bodies.collect()
    }

    /// What a person's accounts are like.
    fn look(&self, login: &str) -> Result<Value, Failure> {
        let (world, company) = (&self.world, self.company()?);
        let okta = world.okta.user_id(login).ok_or("nobody has that login")?;
        let org = |org: &Org, username: String| {
            let user = org.user_id(&username)?;
            Some(json!({
                "username": username, "frozen": org.is_frozen(&user), "active": org.is_active(&user),
                "sessions": org.sessions_of(&user).len(), "tokens": org.tokens_of(&user).len(),
            }))
        };
        // Whoever administers an org with a second user has `.admin` before the `@` there.
        let second = login.replacen('@', ".admin@", 1);
        let us = [login.to_owned(), second].map(|username| org(&world.salesforce, username));
        let onelogin = company.onelogin.user_id(login).map(|user| {
            let status = company.onelogin.status_of(user).map(|status| format!("{status:?}"));
            json!({"status": status, "sessions": company.onelogin.sessions_of(user).len()})
        });
        Ok(json!({
            "okta-main": {
                "status": world.okta.user_status(&okta).map(|status| format!("{status:?}")),
                "sessions": world.okta.sessions(&okta), "refresh_tokens": world.okta.refresh_tokens(&okta),
                "grants": world.okta.grants(&okta),
            },
            "onelogin-main": onelogin,
            "sf-us": us.into_iter().flatten().collect::<Vec<_>>(),
            "sf-emea": org(&company.emea, format!("{login}.emea")).into_iter().collect::<Vec<_>>(),
        }))
    }

    fn counters(&self) -> Result<BTreeMap<&'static str, BTreeMap<String, u64>>, Failure> {
        let company = self.company()?;
        Ok(BTreeMap::from([
            ("okta-main", self.world.okta.counters().all()),
            ("onelogin-main", company.onelogin.counters().all()),
            ("sf-us", self.world.salesforce.counters().all()),
            ("sf-emea", company.emea.counters().all()),
            ("slack", self.world.slack.counters().all()),
        ]))
    }
}

async fn start(vendor: Watched) -> Result<Served, Failure> {
    Ok(serve(Arc::new(vendor), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?)
}

fn headers(all: &[(String, String)]) -> Value {
    let pairs = all
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    Value::Object(pairs.collect())
}
