//! A stack in the test's own process: its state in a SQLite file, the entrances of `console` and `approve`, a worker.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_commands::local::Store;
use rollcall_commands::remote::{Done, Door, Entrance, Event, Lent, Reply, Response, Worked, run_order};
use rollcall_engine::{Engine, Parts, Settings};
use rollcall_evidence::FileSigner;
use rollcall_evidence::approval::Keys;
use rollcall_ledger::{Folder, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::{Lane, Message, RunId, SealError, Sealer, Timestamp};
use rollcall_policy::Configuration;
use rollcall_runtime::{Clock as _, RandomIds, Secrets, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/config/leaver");

/// The ARN that AWS gives a session of an operator's.
pub(crate) fn arn(session: &str) -> String {
    format!("arn:aws:sts::123456789012:assumed-role/RollcallOperator/{session}@corp.example")
}

/// Operators: one for each role, one with all, and two approvers.
const OPERATORS: &[(&str, &[&str])] = &[
    ("vera", &["viewer"]),
    ("omar", &["operator"]),
    ("priya", &["approver"]),
    ("cora", &["confidential"]),
    ("felix", &["config"]),
    ("alba", &["viewer", "operator", "approver", "confidential", "config"]),
];

/// A stack.
pub(crate) struct Stack {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) configuration: Arc<Configuration>,
    config: PathBuf,
    signer: Arc<FileSigner>,
    engine: Engine,
}

struct Nobody;

#[async_trait]
impl Sealer for Nobody {
    async fn seal(&self, _: &RunId) -> Result<String, SealError> {
        Err(SealError::Unavailable("nothing is sealed here".to_owned()))
    }

    async fn seal_forgotten(&self, _: &str) -> Result<String, SealError> {
        Err(SealError::Unavailable("nothing is sealed here".to_owned()))
    }
}

impl Stack {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        copy(Path::new(FIXTURES), &config);
        let file = config.join("rollcall.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        // Roles decide here; the group of approvers would be asked of a vendor.
        let without = text.replace(", approvers: okta-main/RC-Approvers", "");
        assert_ne!(text, without);
        std::fs::write(&file, without).unwrap();
        let mut environment = std::fs::read_to_string(config.join("env/prod.yaml")).unwrap();
        let start = environment.find("operators:").unwrap_or(environment.len());
        environment.truncate(start);
        environment.push_str("\noperators:\n");
        for (name, roles) in OPERATORS {
            writeln!(
                environment,
                "  {name}: {{login: {name}@corp.example, aws: \"{}\", roles: [{}]}}",
                arn(name),
                roles.join(", ")
            )
            .unwrap();
        }
        std::fs::write(config.join("env/prod.yaml"), environment).unwrap();
        let actions = rollcall_connectors::catalogue();
        let loaded = rollcall_policy::load(&config, "prod", &actions);
        let configuration = Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")));
        let sqlite = Sqlite::open(&folder.path().join("rollcall.db")).unwrap();
        let files = Arc::new(Folder::new(folder.path().join("files")));
        let clock = Arc::new(SystemClock);
        let table = Arc::new(SqliteTable::new(Arc::clone(&sqlite)));
        let queue = SqliteQueue::new(sqlite, clock.clone(), QueueSettings::default());
        let store = Store {
            folder: PathBuf::new(),
            stack: Some("rc-test".to_owned()),
            ledger: Arc::new(TableLedger::new(table, files.clone())),
            queue: Arc::new(queue),
            files,
            clock,
            ids: Arc::new(RandomIds),
        };
        let signer = Arc::new(FileSigner::open_or_create(&folder.path().join("approve.pem")).unwrap());
        let parts = Parts {
            ledger: Arc::clone(&store.ledger),
            queue: Arc::clone(&store.queue),
            files: Arc::clone(&store.files),
            sealer: Arc::new(Nobody),
            approvals: Arc::new(Keys::from(*signer.public_key())),
            clock: Arc::clone(&store.clock),
            ids: Arc::clone(&store.ids),
            connectors: BTreeMap::new(),
            actions: rollcall_connectors::catalogue(),
            configuration: Arc::clone(&configuration),
        };
        let engine = Engine::new(parts, Settings::default());
        Self {
            folder,
            store,
            configuration,
            config,
            signer,
            engine,
        }
    }

    fn entrance(&self, door: Door) -> Entrance {
        Entrance {
            door,
            store: self.store.clone(),
            configuration: Arc::clone(&self.configuration),
            folder: self.config.clone(),
            signer: (door == Door::Approve).then(|| self.signer.clone() as Arc<dyn rollcall_model::Signer>),
        }
    }

    /// What a function answers to an event.
    pub(crate) async fn event(&self, door: Door, event: &Value) -> Response {
        let event: Event = serde_json::from_value(event.clone()).unwrap();
        self.entrance(door).handle(&event).await
    }

    /// What it answers to a body of somebody's: the status and the document.
    pub(crate) async fn post(&self, door: Door, who: &str, body: &Value) -> (u16, Value) {
        let response = self
            .event(door, &event(Some(&arn(who)), &body.to_string(), false))
            .await;
        (response.status_code, serde_json::from_str(&response.body).unwrap())
    }

    /// What it answers to a command of somebody's.
    pub(crate) async fn ask(&self, door: Door, who: &str, argv: &[&str]) -> (u16, Value) {
        self.post(door, who, &json!({"argv": argv, "json": false})).await
    }

    /// Runs one order as a worker does, in an invocation that ends at `until`.
    pub(crate) async fn run(&self, id: &str, until: Timestamp) -> Worked {
        let lent = Lent {
            store: self.store.clone(),
            configuration: Arc::clone(&self.configuration),
            folder: self.config.clone(),
            engine: self.engine.clone(),
            connectors: BTreeMap::new(),
            secrets: Secrets::local(),
        };
        run_order(id, until, lent).await.unwrap()
    }

    /// Everything that waits on `work` is run, and acknowledged.
    pub(crate) async fn work(&self) -> usize {
        let until = SystemClock.now() + jiff::SignedDuration::from_secs(60);
        let taken = self
            .store
            .queue
            .receive(Lane::Work, 10, Duration::from_secs(30))
            .await
            .unwrap();
        for delivery in &taken {
            let Message::Command(id) = serde_json::from_str(&delivery.body).unwrap() else {
                panic!("{} is no command", delivery.body);
            };
            assert_eq!(self.run(&id, until).await, Worked::Settled);
            self.store.queue.acknowledge(Lane::Work, delivery).await.unwrap();
        }
        taken.len()
    }

    /// A command of somebody's to its end, through a worker where it needs one.
    pub(crate) async fn whole(&self, door: Door, who: &str, body: &Value) -> Done {
        let (status, reply) = self.post(door, who, body).await;
        assert_eq!(status, 200, "{reply}");
        let id = match serde_json::from_value(reply).unwrap() {
            Reply::Done(done) => return done,
            Reply::Wait { wait } => wait,
            Reply::Pending { .. } => panic!("nothing was asked"),
        };
        let question = json!({"answer": id});
        let (_, before) = self.post(door, who, &question).await;
        assert_eq!(before, json!({"pending": true}));
        assert_eq!(self.work().await, 1);
        let (status, answer) = self.post(door, who, &question).await;
        assert_eq!(status, 200);
        match serde_json::from_value(answer).unwrap() {
            Reply::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }
}

/// A request as an HTTP API with `AWS_IAM` hands it over: payload format 2.0 (*Amazon API Gateway Developer Guide*, "Create AWS
/// Lambda proxy integrations for HTTP APIs"); `authorizer.iam` as in the *AWS Lambda Developer Guide*, "Invoking Lambda function
/// URLs", whose events have that format.
pub(crate) fn event(arn: Option<&str>, body: &str, encoded: bool) -> Value {
    let mut event = json!({
        "version": "2.0", "routeKey": "POST /console", "rawPath": "/console", "rawQueryString": "",
        "headers": {
            "content-type": "application/json", "host": "api-id.execute-api.eu-west-1.amazonaws.com",
            "x-amz-date": "20260302T120000Z", "x-forwarded-for": "192.0.2.1", "authorization": "AWS4-HMAC-SHA256 Credential=…",
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-west-1.amazonaws.com", "domainPrefix": "api-id",
            "http": {"method": "POST", "path": "/console", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            "requestId": "id", "routeKey": "POST /console", "stage": "$default",
            "time": "02/Mar/2026:12:00:00 +0000", "timeEpoch": 1_772_452_800_000_i64,
        },
        "body": body, "isBase64Encoded": encoded,
    });
    if let Some(arn) = arn {
        event["requestContext"]["authorizer"] = json!({"iam": {
            "accessKey": "ASIAEXAMPLE", "accountId": "123456789012", "callerId": "AROAEXAMPLE:session",
            "cognitoIdentity": null, "principalOrgId": null, "userArn": arn, "userId": "AROAEXAMPLE:session",
        }});
    }
    event
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}
