//! Hands over many records with the Bulk API on loopback. Each part has a process of its own, so that its memory and CPU time are its own:
//!
//! - `hand_over org RECORDS [STUCK]`: a simulated org in which somebody owns so many records of twelve objects, half a percent of them
//!   locked by somebody else for a moment. The first STUCK jobs never end. Says where it is in one line of JSON and ends with its
//!   standard input.
//! - `hand_over client URL LEAVER RECORDS [at-once [FILE]]`: gives everything to the leaver's manager, and prints what it took as one line
//!   of JSON. Evidence goes into files, as it does elsewhere. With `at-once` no pause is waited for, only its time goes by: a stuck job is
//!   given up after hours. With a file, what it sent is kept there. Linux only.
//! - `hand_over replay URL FILE`: sends what was kept to another such org, and prints what that took.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rollcall_bench::replay::{Recorder, replay};
use rollcall_bench::{cpu, peak};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_connectors::salesforce::{API_VERSION, BULK_ABOVE, Salesforce, SalesforceFlow, SalesforceSettings};
use rollcall_model::{
    AccountRef, Advance, Call, Change, Connector as _, Desk, EffectClass, Failure, HandOver, Lane, Outcome, Transport,
};
use rollcall_runtime::{Clock, RandomIds, Secret, SystemClock};
use rollcall_simulators::salesforce::{ConnectedApp, Org, Pace, UserSeed};
use serde_json::{Value, json};

const ORG: &str = "00D000000000001AAA";
/// Twelve objects, as an ordinary org has them.
const OBJECTS: [&str; 12] = [
    "Account",
    "Asset",
    "Campaign",
    "Case",
    "Contact",
    "Contract",
    "Event",
    "Lead",
    "Opportunity",
    "Project__c",
    "Task",
    "Visit__c",
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["org", records] => org(records.parse()?, 0),
        ["org", records, stuck] => org(records.parse()?, stuck.parse()?),
        ["client", url, leaver, records] => client(url, leaver, records.parse()?, false, None),
        ["client", url, leaver, records, "at-once"] => client(url, leaver, records.parse()?, true, None),
        ["client", url, leaver, records, "at-once", file] => {
            client(url, leaver, records.parse()?, true, Some(Path::new(file)))
        }
        ["replay", url, file] => again(url, Path::new(file)),
        _ => anyhow::bail!(
            "usage: hand_over org RECORDS [STUCK] | client URL LEAVER RECORDS [at-once [FILE]] | replay URL FILE"
        ),
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The simulated org: says where it is in one line, and ends with its standard input.
#[tokio::main(flavor = "current_thread")]
async fn org(records: usize, stuck: u32) -> anyhow::Result<()> {
    let org = Arc::new(Org::new(ORG, false, Timestamp::now()));
    org.add_user(UserSeed::new("rollcall@corp.example").integration());
    let manager = org.add_user(UserSeed::new("sam@corp.example"));
    let leaver = org.add_user(UserSeed {
        manager_id: Some(manager.clone()),
        ..UserSeed::new("amara@corp.example")
    });
    org.add_app(ConnectedApp {
        consumer_key: "key".to_owned(),
        name: "Rollcall".to_owned(),
        public_key: None,
        client_secret: Some("secret".to_owned()),
        run_as: Some("rollcall@corp.example".to_owned()),
        pre_authorised: Vec::new(),
    });
    org.set_bulk_pace(Pace::AT_ONCE);
    org.stick_bulk_jobs(stuck);
    let each = records / OBJECTS.len();
    for (place, object) in OBJECTS.iter().enumerate() {
        let count = if place == 0 {
            records - each * (OBJECTS.len() - 1)
        } else {
            each
        };
        let seeded = org.seed_records(object, count, |_| open_record(object, &leaver))?;
        // Half a percent is locked by somebody else for a moment.
        for locked in (0..seeded.len()).step_by(200) {
            org.lock_row(&seeded.id(locked), 1);
        }
    }
    let served = rollcall_simulators::serve(Arc::clone(&org) as _, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    org.set_base_url(&served.url);
    say(&json!({"url": served.url, "leaver": leaver, "manager": manager, "objects": OBJECTS}).to_string())?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

/// A record that is not closed, so that it is handed over.
fn open_record(object: &str, owner: &str) -> Value {
    let mut fields = match object {
        "Contact" => json!({"LastName": "Example"}),
        "Lead" => json!({"LastName": "Example", "Company": "Example Ltd", "Status": "Open"}),
        "Opportunity" => json!({"Name": "Example", "StageName": "Prospecting", "CloseDate": "2031-12-31"}),
        "Case" => json!({"Subject": "Example", "Status": "New"}),
        "Task" => json!({"Subject": "Example", "Status": "Not Started"}),
        "Event" => json!({"Subject": "Example", "EndDateTime": "2031-12-31T10:00:00.000+0000"}),
        "Contract" => json!({"Status": "Activated"}),
        "Visit__c" => json!({"Done__c": false}),
        _ => json!({"Name": "Example"}),
    };
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("OwnerId".to_owned(), json!(owner));
    }
    fields
}

/// The client: hands everything over and prints what it took.
#[tokio::main(flavor = "current_thread")]
async fn client(url: &str, leaver: &str, records: u64, at_once: bool, keep: Option<&Path>) -> anyhow::Result<()> {
    let transport: Arc<dyn Transport> = match keep {
        Some(file) => Arc::new(Recorder::new(file)?),
        None => Arc::new(ReqwestTransport::new(HttpSettings::default())),
    };
    let began = Instant::now();
    let handed = hand_over(url, leaver, transport, at_once).await?;
    let took = began.elapsed();
    let sum = handed.total();
    anyhow::ensure!(handed.is_whole(), "not every record is accounted for: {handed:?}");
    anyhow::ensure!(
        sum.counted + sum.arrived == records,
        "{} records were seen",
        sum.counted
    );
    say(&json!({
        "ms": took.as_millis(),
        "cpu_ms": cpu()?.as_millis(),
        "peak_kb": peak()?,
        "moved": sum.moved,
        "refused": sum.refused,
        "other": sum.kept + sum.gone,
    })
    .to_string())?;
    Ok(())
}

/// What was kept is sent again: what the org alone takes for it.
#[tokio::main(flavor = "current_thread")]
async fn again(url: &str, file: &Path) -> anyhow::Result<()> {
    let (calls, took) = replay(url, file).await?;
    say(&json!({"ms": took.as_millis(), "calls": calls}).to_string())?;
    Ok(())
}

async fn hand_over(url: &str, leaver: &str, transport: Arc<dyn Transport>, at_once: bool) -> anyhow::Result<HandOver> {
    let settings = SalesforceSettings {
        connection: "sf-us".into(),
        login_url: url.to_owned(),
        my_domain_url: url.to_owned(),
        org_id: ORG.to_owned(),
        sandbox: false,
        api_version: API_VERSION.to_owned(),
        flow: SalesforceFlow::ClientCredentials {
            consumer_key: "key".to_owned(),
            secret: Secret::new("secret"),
        },
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        bulk_above: BULK_ABOVE,
    };
    let clock = Arc::new(Ahead::default());
    let salesforce = Salesforce::new(settings, transport, Arc::clone(&clock) as _, Arc::new(RandomIds));
    let change = Change {
        stage: "dismantle".to_owned(),
        step: "records".to_owned(),
        connection: "sf-us".into(),
        account: Some(AccountRef::new("sf-us", leaver)),
        action: "salesforce/hand-over-records".to_owned(),
        effect: EffectClass::Staged,
        settle_ms: 0,
        with: json!({"to": ["manager"], "scope": "open"}),
        before: json!({"handed-over": false}),
        after: json!({"handed-over": true}),
        evidence: Value::Null,
    };
    let desk = Folder::new(Arc::clone(&clock))?;
    loop {
        let state = desk.state();
        match salesforce.advance(&change, "bench", state.as_ref(), &desk).await {
            Ok(Advance::More) => {}
            Ok(Advance::Later { after, .. }) if at_once => clock.skip(after),
            Ok(Advance::Later { after, .. }) => tokio::time::sleep(after).await,
            Ok(Advance::Done { applied, outcome }) => {
                anyhow::ensure!(outcome == Outcome::Changed, "{outcome:?}");
                return Ok(serde_json::from_value(applied.reference)?);
            }
            Err(failure) if failure.is_retryable() => clock.sleep(Duration::from_millis(250)).await,
            Err(failure) => anyhow::bail!("{}", failure.reason),
        }
    }
}

/// The system's clock, and what was skipped of it.
#[derive(Default)]
struct Ahead(AtomicU64);

impl Ahead {
    fn skip(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, span: Duration) {
        SystemClock.sleep(span).await;
    }
}

/// A desk over a folder: what is saved stays in memory, evidence goes to disk.
struct Folder {
    clock: Arc<Ahead>,
    place: tempfile::TempDir,
    state: Mutex<Option<Value>>,
}

impl Folder {
    fn new(clock: Arc<Ahead>) -> anyhow::Result<Self> {
        Ok(Self {
            clock,
            place: tempfile::tempdir()?,
            state: Mutex::new(None),
        })
    }

    fn state(&self) -> Option<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::retry(error.to_string())
}

#[async_trait]
impl Desk for Folder {
    fn call(&self) -> Call {
        Call {
            deadline: self.clock.now() + Duration::from_mins(1),
            lane: Lane::Work,
        }
    }

    async fn save(&self, _what: &str, state: &Value) -> Result<(), Failure> {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        Ok(())
    }

    async fn store(&self, name: &str, body: Bytes) -> Result<String, Failure> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| lost(&error))?;
        }
        std::fs::write(path, body).map_err(|error| lost(&error))?;
        Ok(name.to_owned())
    }

    async fn fetch(&self, name: &str) -> Result<Bytes, Failure> {
        std::fs::read(self.path(name))
            .map(Bytes::from)
            .map_err(|error| lost(&error))
    }

    async fn is_leaving(&self, _account: &AccountRef) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn stopped(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn recall(&self, _name: &str) -> Option<Bytes> {
        None
    }

    async fn remember(&self, _name: &str, _body: Bytes) {}
}
