//! What the tests of the command share: simulated vendors in the test's own process, a folder that names them, the binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_ledger::{Folder, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::{Ledger, Queue, Run, Transport as _};
use rollcall_runtime::SystemClock;
use rollcall_simulators::okta::Delivery;
use rollcall_simulators::world::{LeaverWorld, OKTA_ORG, SALESFORCE_ORG, SLACK_TEAM};
use rollcall_simulators::{Served, Simulator, serve};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rollcall");
pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
/// Long enough for a machine that builds something else at the same time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Simulated vendors and a folder.
pub(crate) struct Stage {
    pub(crate) world: LeaverWorld,
    pub(crate) folder: TempDir,
    _served: Vec<Served>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let world = LeaverWorld::new(Timestamp::now()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut served, mut urls) = (Vec::new(), Vec::new());
        let simulators: [Arc<dyn Simulator>; 3] = [world.okta.clone(), world.salesforce.clone(), world.slack.clone()];
        for simulator in simulators {
            let one = serve(simulator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
                .await
                .unwrap();
            urls.push(one.url.clone());
            served.push(one);
        }
        world.okta.set_base_url(&urls[0]);
        world.salesforce.set_base_url(&urls[1]);
        world.slack.set_base_url(&urls[2]);
        let config = folder.path().join("config");
        copy(&Path::new(FIXTURES).join("config/leaver"), &config);
        let credentials = &world.credentials;
        let secret = |name: &str, value: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, value).unwrap();
            format!("\"file:{}\"", path.display())
        };
        let environment = format!(
            "tenants:\n  okta-main: {{url: \"{}\", id: {OKTA_ORG}, secret: {}, hook: {{secrets: [{}]}}}}\n  sf-us: {{url: \"{}\", id: {SALESFORCE_ORG}, flow: client-credentials, consumer_key: {}, secret: {}, hosts: [127.0.0.1]}}\n  slack: {{url: \"{}/api\", id: {SLACK_TEAM}, secret: {}}}\nmode: {{default: enforce}}\n",
            urls[0],
            secret("okta", &credentials.okta_token),
            secret("hook", &credentials.hook_secret),
            urls[1],
            credentials.consumer_key,
            secret("salesforce", &credentials.consumer_secret),
            urls[2],
            secret("slack", &credentials.slack_token),
        );
        std::fs::write(config.join("env/test.yaml"), environment).unwrap();
        Self {
            world,
            folder,
            _served: served,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What every `serve` on this stage has logged.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// Arguments that name configuration and state.
    pub(crate) fn places(&self) -> Vec<String> {
        let config = self.folder.path().join("config").display().to_string();
        let data = self.data().display().to_string();
        ["--config", &config, "--env", "test", "--data", &data]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a command that takes configuration and state.
    pub(crate) async fn rollcall(&self, args: &[&str]) -> Said {
        let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        all.extend(self.places());
        rollcall(all).await
    }

    /// Runs a command that takes state only.
    pub(crate) async fn on_data(&self, args: &[&str]) -> Said {
        let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        all.extend(["--data".to_owned(), self.data().display().to_string()]);
        rollcall(all).await
    }

    /// The leaver is deactivated; what the hook is to deliver.
    pub(crate) fn deactivate(&self) -> Delivery {
        let now = Timestamp::now();
        self.world.deactivate(now).unwrap();
        self.world.okta.take_deliveries(now).pop().unwrap()
    }

    /// The ledger, opened beside the process that works on it.
    pub(crate) fn ledger(&self) -> Arc<dyn Ledger> {
        let table = Arc::new(SqliteTable::new(self.sqlite()));
        Arc::new(TableLedger::new(
            table,
            Arc::new(Folder::new(self.data().join("files"))),
        ))
    }

    pub(crate) fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(SqliteQueue::new(
            self.sqlite(),
            Arc::new(SystemClock),
            QueueSettings::default(),
        ))
    }

    fn sqlite(&self) -> Arc<Sqlite> {
        std::fs::create_dir_all(self.data()).unwrap();
        Sqlite::open(&self.data().join("rollcall.db")).unwrap()
    }

    /// Waits until every run fits, and answers them.
    pub(crate) async fn runs_when(&self, fits: impl Fn(&Run) -> bool) -> Vec<Run> {
        let ledger = self.ledger();
        let begun = Instant::now();
        loop {
            let runs = ledger.runs(None, 10).await.unwrap();
            if !runs.is_empty() && runs.iter().all(&fits) {
                return runs;
            }
            if begun.elapsed() >= PATIENCE {
                let runs: Vec<_> = runs.iter().map(|run| (&run.state, &run.notes)).collect();
                panic!(
                    "no end in sight: {runs:?}\n{}",
                    std::fs::read_to_string(self.log()).unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end that every run of the leaver must come to, whatever happened on the way.
    pub(crate) async fn assert_cut_once(&self, runs: &[Run]) {
        let (org, leaver) = (&self.world.salesforce, &self.world.leaver_user);
        assert_eq!(runs.len(), 1, "one run");
        let run = &runs[0];
        let journal = self.ledger().journal(&run.id).await.unwrap();
        let told = rollcall_evidence::Timeline {
            run,
            journal: &journal,
            events: &[],
            colour: false,
        };
        let entries: Vec<String> = journal
            .iter()
            .map(|entry| {
                format!(
                    "{} {} {:?} {} {:?}",
                    entry.public.at, entry.connection, entry.public.kind, entry.public.what, entry.public.outcome
                )
            })
            .collect();
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let story = format!("{told}\n{}\n{:?}\n{log}", entries.join("\n"), self.world.slack.calls());
        assert_eq!(run.state.name(), "Done", "{story}");
        assert!(org.is_frozen(leaver), "{story}");
        assert_eq!(org.counters().get("freeze"), 1, "{story}");
        assert_eq!(org.sessions_of(leaver), Vec::<String>::new(), "{story}");
        assert_eq!(org.tokens_of(leaver), Vec::<String>::new(), "{story}");
        assert!(!org.is_frozen(&self.world.colleague_user), "the colleague is untouched");
        assert_eq!(
            org.tokens_of(&self.world.colleague_user).len(),
            1,
            "the colleague is untouched"
        );
        assert_eq!(self.world.slack.messages("security").len(), 1, "{story}");
        assert_eq!(
            self.world.slack.counters().get("post-message"),
            2,
            "one in the channel, one to the manager\n{story}"
        );
        let receipt = self.data().join("files").join(run.receipt.as_ref().unwrap());
        let said = self.on_data(&["receipt", "verify", receipt.to_str().unwrap()]).await;
        assert_eq!(said.code, 0, "{}", said.all());
    }
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) errors: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8(output.stdout.clone()).unwrap(),
            errors: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    pub(crate) fn all(&self) -> String {
        format!("exit {}\n{}{}", self.code, self.text, self.errors)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {}", self.all()))
    }
}

/// Runs the binary to its end, beside the simulators.
pub(crate) async fn rollcall<S: AsRef<std::ffi::OsStr> + Send + 'static>(args: Vec<S>) -> Said {
    tokio::task::spawn_blocking(move || Said::of(&Command::new(BINARY).args(args).output().unwrap()))
        .await
        .unwrap()
}

/// `rollcall serve` as a child; killed, and only it, when it goes out of scope.
pub(crate) struct Serving {
    child: Child,
    pub(crate) door: String,
}

impl Serving {
    /// Starts it and waits until its door is open.
    pub(crate) async fn start(stage: &Stage, lease_ms: u64) -> Self {
        Self::with(stage, lease_ms, &[]).await
    }

    /// The same with further arguments.
    pub(crate) async fn with(stage: &Stage, lease_ms: u64, more: &[&str]) -> Self {
        let mut args = vec![
            "serve".to_owned(),
            "--listen".to_owned(),
            "127.0.0.1:0".to_owned(),
            "--lease".to_owned(),
            lease_ms.to_string(),
        ];
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.extend(stage.places());
        let log = stage.log();
        tokio::task::spawn_blocking(move || {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            let mut child = Command::new(BINARY)
                .args(args)
                .stdout(Stdio::piped())
                .stderr(log)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let door = loop {
                let line = lines.next().expect("the server says where its door is").unwrap();
                if let Some((_, door)) = line.split_once("door  ") {
                    break door.to_owned();
                }
            };
            // Whatever it says later is read, so that it never waits for us.
            std::thread::spawn(move || lines.for_each(drop));
            Self { child, door }
        })
        .await
        .unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Posts a delivery; whether the door took it.
pub(crate) async fn post(door: &str, delivery: &Delivery) -> bool {
    let mut request = http::Request::post(door);
    for (name, value) in delivery
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "connection"))
    {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(delivery.body.clone())).unwrap();
    let answer = ReqwestTransport::new(HttpSettings::default())
        .send(request, Duration::from_secs(3))
        .await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// What the demo, told once with its state in this folder, prints as one document.
pub(crate) fn demo(folder: &Path) -> Value {
    let output = Command::new(BINARY)
        .args(["demo", "--once", "--json"])
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}
