//! The parts of Rollcall on one machine: one SQLite file, a folder, a key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "machine")]
use anyhow::Context as _;
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_engine::{Engine, Parts, Settings};
use rollcall_evidence::approval::Keys;
use rollcall_evidence::keys::public_path;
use rollcall_evidence::{FileSigner, KeyError, LocalSealer};
#[cfg(feature = "machine")]
use rollcall_ledger::{Folder, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::{ConnectionId, Connector, Files, Ledger, Queue};
use rollcall_policy::Configuration;
use rollcall_runtime::{Clock, Ids, RandomIds, Secrets, SystemClock};

use crate::cli::{ConfigOptions, DataOptions};

/// State that commands work on: this machine's, or a stack's.
#[derive(Clone)]
pub struct Store {
    /// The folder with ledger, files and keys; empty for a stack.
    pub folder: PathBuf,
    /// The stack's name, when it is one's.
    pub stack: Option<String>,
    /// Durable state.
    pub ledger: Arc<dyn Ledger>,
    /// The lanes.
    pub queue: Arc<dyn Queue>,
    /// Large bodies, configurations, receipts.
    pub files: Arc<dyn Files>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Names.
    pub ids: Arc<dyn Ids>,
}

impl Store {
    /// Who carries on with what a command leaves, for texts.
    pub fn worker(&self) -> &'static str {
        match self.stack {
            None => "`rollcall serve`",
            Some(_) => "the stack's worker",
        }
    }

    /// The option that names this state in a command.
    pub fn option(&self) -> String {
        match &self.stack {
            None => format!("--data {}", self.folder.display()),
            Some(name) => format!("--stack {name}"),
        }
    }
}

#[cfg(not(feature = "machine"))]
const NOT_HERE: &str = "this program knows no state on one machine";

#[cfg(not(feature = "machine"))]
impl Store {
    /// Refused: there is none.
    pub fn existing(_: &DataOptions) -> anyhow::Result<Self> {
        anyhow::bail!(NOT_HERE)
    }

    /// Refused: there is none.
    pub fn open(_: &Path, _: Duration) -> anyhow::Result<Self> {
        anyhow::bail!(NOT_HERE)
    }
}

/// Refused: there are none.
#[cfg(not(feature = "machine"))]
pub fn files(_: &DataOptions) -> anyhow::Result<Arc<dyn Files>> {
    anyhow::bail!(NOT_HERE)
}

/// The files of this machine.
#[cfg(feature = "machine")]
pub fn files(options: &DataOptions) -> anyhow::Result<Arc<dyn Files>> {
    Ok(Arc::new(Folder::new(options.data.join("files"))))
}

#[cfg(feature = "machine")]
impl Store {
    /// Opens the state, or says that there is none.
    pub fn existing(options: &DataOptions) -> anyhow::Result<Self> {
        let file = options.data.join("rollcall.db");
        anyhow::ensure!(
            file.exists(),
            "there is no ledger at {}: name the folder that `rollcall serve` uses with --data",
            file.display()
        );
        Self::open(&options.data, Duration::from_mins(1))
    }

    /// Opens the state, making the folder when it is not there.
    pub fn open(folder: &Path, lease: Duration) -> anyhow::Result<Self> {
        make_private(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sqlite = Sqlite::open(&folder.join("rollcall.db"))?;
        let files: Arc<dyn Files> = Arc::new(Folder::new(folder.join("files")));
        let table = Arc::new(SqliteTable::new(Arc::clone(&sqlite)));
        let settings = QueueSettings {
            visibility: lease + lease / 2,
            ..QueueSettings::default()
        };
        Ok(Self {
            folder: folder.to_owned(),
            stack: None,
            ledger: Arc::new(TableLedger::new(table, Arc::clone(&files))),
            queue: Arc::new(SqliteQueue::new(sqlite, Arc::clone(&clock), settings)),
            files,
            clock,
            ids: Arc::new(RandomIds),
        })
    }
}

impl Store {
    /// The file with the receipt key, on one machine.
    pub fn key(&self) -> PathBuf {
        key_of(&self.folder)
    }

    /// The key that signs approvals; made when there is none. Only the account that owns the folder can read it.
    pub fn approval_key(&self) -> Result<FileSigner, KeyError> {
        FileSigner::open_or_create(&self.folder.join("keys").join("approve.pem"))
    }
}

/// The file with the receipt key in a state folder.
pub fn key_of(folder: &Path) -> PathBuf {
    folder.join("keys").join("receipt.pem")
}

/// The file with the public half of the receipt key in a state folder.
pub fn public_key_of(folder: &Path) -> PathBuf {
    public_path(&key_of(folder))
}

/// The public keys of receipts in a state folder: the one in use, then every `receipt*.pub` that a rotation has left beside it.
pub fn receipt_keys_of(folder: &Path) -> Vec<PathBuf> {
    let present = public_key_of(folder);
    let listed = std::fs::read_dir(folder.join("keys"));
    let mut others: Vec<PathBuf> = listed
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let public = path.extension().is_some_and(|extension| extension == "pub");
            name.starts_with("receipt") && public && *path != present
        })
        .collect();
    others.sort();
    others.insert(0, present);
    others
}

#[cfg(feature = "machine")]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder.join("keys"))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Loads the configuration folder; every problem in it is one error text.
pub fn configuration(options: &ConfigOptions) -> anyhow::Result<Configuration> {
    let actions = rollcall_connectors::catalogue();
    rollcall_policy::load(&options.config, &options.env, &actions).map_err(|problems| anyhow::anyhow!("{problems}"))
}

/// Connectors to the configured vendors.
pub async fn connectors(
    configuration: &Configuration,
    store: &Store,
) -> anyhow::Result<BTreeMap<ConnectionId, Arc<dyn Connector>>> {
    let transport = Arc::new(ReqwestTransport::new(HttpSettings::default()));
    let secrets = Secrets::local();
    let all = rollcall_wiring::connectors(
        configuration,
        &secrets,
        transport,
        Arc::clone(&store.clock),
        Arc::clone(&store.ids),
    )
    .await?;
    Ok(all)
}

/// A connector to each configured vendor by itself, without any state: one whose secret is not to be had does not take the
/// others with it.
pub async fn each_connector(
    configuration: &Configuration,
    secrets: &Secrets,
) -> BTreeMap<ConnectionId, Result<Arc<dyn Connector>, String>> {
    let transport = Arc::new(ReqwestTransport::new(HttpSettings::default()));
    let mut all = BTreeMap::new();
    for id in configuration.connections.keys() {
        let mut alone = configuration.clone();
        alone.connections.retain(|other, _| other == id);
        let transport = Arc::clone(&transport);
        let made =
            rollcall_wiring::connectors(&alone, secrets, transport, Arc::new(SystemClock), Arc::new(RandomIds)).await;
        let made = match made {
            Ok(mut made) => made
                .remove(id)
                .ok_or_else(|| "it is of a kind that this version does not call".to_owned()),
            Err(error) => {
                let error = anyhow::Error::new(error);
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                Err(causes.join(": "))
            }
        };
        all.insert(id.clone(), made);
    }
    all
}

/// The engine over this machine's state, and the connectors that it uses.
pub struct Machine {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Its connectors.
    pub connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
}

/// Puts the engine together.
pub async fn machine(configuration: Configuration, store: &Store, lease: Duration) -> anyhow::Result<Machine> {
    let connectors = connectors(&configuration, store).await?;
    let receipts = FileSigner::open_or_create(&store.key())?;
    let approvals = store.approval_key()?;
    let parts = Parts {
        ledger: Arc::clone(&store.ledger),
        queue: Arc::clone(&store.queue),
        files: Arc::clone(&store.files),
        sealer: Arc::new(LocalSealer::new(
            Arc::clone(&store.ledger),
            Arc::clone(&store.files),
            Arc::new(receipts),
        )),
        approvals: Arc::new(Keys::from(*approvals.public_key())),
        clock: Arc::clone(&store.clock),
        ids: Arc::clone(&store.ids),
        connectors: connectors.clone(),
        actions: rollcall_connectors::catalogue(),
        configuration: Arc::new(configuration),
    };
    let usual = Settings::default();
    // Under a short lease the calls are short too: a connector gives up half a second before a call's deadline.
    let settings = Settings {
        lease,
        call: usual.call.min(lease / 2),
        margin: usual.margin.min(lease / 10),
        ..usual
    };
    let engine = Engine::new(parts, settings);
    engine.start().await?;
    Ok(Machine {
        engine: Arc::new(engine),
        connectors,
    })
}
