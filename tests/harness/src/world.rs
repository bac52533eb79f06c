//! One company, one ledger, and workers that die and are replaced.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_engine::{Engine, Parts, Settings};
use rollcall_evidence::approval::Keys;
use rollcall_evidence::{FileSigner, LocalSealer};
use rollcall_inbound::door::{Door, DoorRequest};
use rollcall_ledger::table::Table;
use rollcall_ledger::{MemoryFiles, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::{
    ConnectionId, Connector, Files, HttpRequest, HttpResponse, Lane, Ledger, Queue, Timestamp, Transport,
    TransportError,
};
use rollcall_policy::Configuration;
use rollcall_runtime::{Clock, Ids, Secrets};
use rollcall_simulators::okta::Delivery;
use rollcall_simulators::salesforce::Org;
use rollcall_simulators::world::LeaverWorld;
use rollcall_simulators::{Fault as VendorFault, FaultRule, Faults, Reply, Simulator};

use crate::clock::JumpClock;
use crate::ids::SeededIds;
use crate::inject::{Injector, Life, Strike};
use crate::owner::{self, Owned};
use crate::wire::Wire;
use crate::wrap::{FaultFiles, FaultQueue, FaultTable, FaultTransport};

/// What a world is made with.
#[derive(Clone)]
pub struct WorldSpec {
    /// Follows through to names and schedules.
    pub seed: u64,
    /// Faults to inject.
    pub strikes: Vec<Strike>,
    /// How much workers are mixed at each point.
    pub yields: u64,
    /// The table to use instead of SQLite in memory.
    pub table: Option<Arc<dyn Table>>,
    /// The queue to use instead of SQLite in memory.
    pub queue: Option<Arc<dyn Queue>>,
    /// The files to use instead of memory.
    pub files: Option<Arc<dyn Files>>,
    /// How far time jumps when nobody has anything to do: further where looking around is slow.
    pub idle: Duration,
    /// The settings of the engine.
    pub settings: Settings,
    /// Changes the files of the configuration, the environment `env/test.yaml` among them, before they are loaded.
    pub edit: Option<Edit>,
    /// Puts something else in the place of a worker's connectors.
    pub wrap: Option<Wrap>,
    /// Two directories, two orgs and people with several accounts, instead of one directory and one org.
    pub company: bool,
    /// The leaver owns records, and the playbook dismantles right after the cut.
    pub owns: bool,
}

/// Changes configuration files, by their path in the folder.
pub type Edit = Arc<dyn Fn(&mut Texts) + Send + Sync>;

/// Changes the connectors of a worker as it is made.
pub type Wrap = Arc<dyn Fn(&mut BTreeMap<ConnectionId, Arc<dyn Connector>>) + Send + Sync>;

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            strikes: Vec::new(),
            yields: 0,
            table: None,
            queue: None,
            files: None,
            idle: Duration::from_millis(500),
            settings: Settings::default(),
            edit: None,
            wrap: None,
            company: false,
            owns: false,
        }
    }
}

/// Everything around the workers.
pub struct World {
    /// The vendors.
    pub vendors: Arc<LeaverWorld>,
    /// What the vendors held at the beginning.
    pub before: Before,
    /// What the leaver owned at the beginning.
    pub owned: Option<Owned>,
    /// Virtual time.
    pub clock: Arc<JumpClock>,
    /// Where faults strike.
    pub injector: Arc<Injector>,
    /// The ledger as an observer reads it: no faults.
    pub ledger: Arc<dyn Ledger>,
    /// The queue as an observer uses it: no faults.
    pub queue: Arc<dyn Queue>,
    /// The files as an observer reads them: no faults.
    pub files: Arc<dyn Files>,
    /// The receipt key.
    pub signer: Arc<FileSigner>,
    /// The approval key.
    pub approver: Arc<FileSigner>,
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// Workers that are at a message.
    pub busy: AtomicU64,
    /// How far time jumps when nobody has anything to do.
    pub idle: Duration,
    /// What the ledger writes, to be looked at.
    pub table: Arc<dyn Table>,
    /// The secrets that went over the wire.
    pub wire: Arc<Wire>,
    settings: Settings,
    ids: Arc<SeededIds>,
    secrets: Secrets,
    workers: AtomicU64,
    wrap: Option<Wrap>,
    /// The secrets of a configuration of its own.
    _folder: Option<tempfile::TempDir>,
}

/// What all worlds of a process share: a key and the configuration, whose making costs more than a whole story.
struct Common {
    signer: Arc<FileSigner>,
    approver: Arc<FileSigner>,
    configuration: Arc<Configuration>,
    _folder: tempfile::TempDir,
}

static COMMON: OnceLock<Common> = OnceLock::new();
static COMPANY: OnceLock<Common> = OnceLock::new();
static OWNER: OnceLock<Common> = OnceLock::new();

impl Common {
    fn new(vendors: &LeaverWorld, edit: Option<&Edit>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            signer: Arc::new(FileSigner::create(&folder.path().join("receipt.pem")).expect("a key can be made")),
            approver: Arc::new(FileSigner::create(&folder.path().join("approve.pem")).expect("a key can be made")),
            configuration: Arc::new(crate::story::configuration(vendors, folder.path(), edit)),
            _folder: folder,
        }
    }
}

/// Access as it is before anybody leaves.
pub struct Before {
    /// The leaver's OAuth tokens.
    pub tokens: u64,
    /// The leaver's sessions.
    pub sessions: u64,
    /// The colleague's OAuth tokens.
    pub colleague_tokens: Vec<String>,
    /// The colleague's sessions.
    pub colleague_sessions: Vec<String>,
    /// Every org of the whole company.
    pub orgs: Vec<OrgBefore>,
}

/// One org before anything happens.
pub struct OrgBefore {
    /// The connection's name.
    pub name: &'static str,
    /// The org.
    pub org: Arc<Org>,
    /// Users who lose everything when the leaver leaves.
    pub cut: Vec<UserBefore>,
    /// Users whom nobody may touch.
    pub untouched: Vec<UserBefore>,
}

/// What a user of an org has.
pub struct UserBefore {
    /// Who.
    pub id: String,
    /// OAuth tokens.
    pub tokens: Vec<String>,
    /// Sessions.
    pub sessions: Vec<String>,
}

impl OrgBefore {
    fn of(name: &'static str, org: &Arc<Org>, cut: &[&String], untouched: &[&String]) -> Self {
        let users = |ids: &[&String]| {
            ids.iter()
                .map(|id| UserBefore {
                    id: (*id).clone(),
                    tokens: org.tokens_of(id),
                    sessions: org.sessions_of(id),
                })
                .collect()
        };
        Self {
            name,
            cut: users(cut),
            untouched: users(untouched),
            org: Arc::clone(org),
        }
    }

    fn all(vendors: &LeaverWorld) -> Vec<Self> {
        let Some(company) = &vendors.company else {
            return Vec::new();
        };
        let (_, protected_us, protected_emea) = &company.protected_accounts;
        vec![
            Self::of(
                "sf-us",
                &vendors.salesforce,
                &[&vendors.leaver_user, &company.leaver_admin],
                &[&vendors.colleague_user, protected_us],
            ),
            Self::of(
                "sf-emea",
                &company.emea,
                &[&company.leaver_emea],
                &[&company.colleague_emea, &company.service_emea, protected_emea],
            ),
        ]
    }
}

impl Before {
    fn of(vendors: &LeaverWorld) -> Self {
        let org = &vendors.salesforce;
        let (tokens, sessions) = (
            org.tokens_of(&vendors.leaver_user),
            org.sessions_of(&vendors.leaver_user),
        );
        assert!(
            !tokens.is_empty() && !sessions.is_empty(),
            "there is access to take away"
        );
        Self {
            tokens: tokens.len() as u64,
            sessions: sessions.len() as u64,
            colleague_tokens: org.tokens_of(&vendors.colleague_user),
            colleague_sessions: org.sessions_of(&vendors.colleague_user),
            orgs: OrgBefore::all(vendors),
        }
    }
}

/// One worker with its own clients; it dies alone.
pub struct Worker {
    engine: Engine,
    /// Its way to the outside.
    pub life: Life,
}

impl std::ops::Deref for Worker {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// When every world begins.
pub const BEGINNING: &str = "2026-03-02T08:15:00Z";

/// The path of Okta's door.
pub const DOOR: &str = "/hooks/okta-main";
/// The path of OneLogin's door.
pub const ONELOGIN_DOOR: &str = "/hooks/onelogin-main";

/// How long a delivered message is hidden.
pub const VISIBILITY: Duration = Duration::from_secs(90);

impl World {
    /// A world at its beginning: nobody has left yet.
    pub async fn new(spec: WorldSpec) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("a constant");
        let vendors = if spec.company {
            LeaverWorld::company(beginning)
        } else {
            LeaverWorld::new(beginning)
        };
        let vendors = Arc::new(vendors.expect("the seeds fit the simulators"));
        vendors.okta.set_base_url("https://corp.okta.example");
        vendors.salesforce.set_base_url("https://us.my.salesforce.example");
        vendors.slack.set_base_url("https://slack.example/");
        if let Some(company) = &vendors.company {
            company.onelogin.set_base_url("https://corp.onelogin.example");
            company.emea.set_base_url("https://emea.my.salesforce.example");
        }
        let owned = spec.owns.then(|| owner::give(&vendors));
        let clock = Arc::new(JumpClock::new(beginning));
        let injector = Arc::new(Injector::new(spec.strikes, spec.yields, spec.seed));
        let sqlite = Sqlite::memory().expect("SQLite in memory opens");
        let as_clock: Arc<dyn Clock> = clock.clone();
        let table: Arc<dyn Table> = spec
            .table
            .unwrap_or_else(|| Arc::new(SqliteTable::with_clock(Arc::clone(&sqlite), Arc::clone(&as_clock))));
        let files: Arc<dyn Files> = spec.files.unwrap_or_else(|| Arc::new(MemoryFiles::default()));
        let queue: Arc<dyn Queue> = spec.queue.unwrap_or_else(|| {
            Arc::new(SqliteQueue::new(
                sqlite,
                Arc::clone(&as_clock),
                QueueSettings {
                    visibility: VISIBILITY,
                    ..QueueSettings::default()
                },
            ))
        });
        let common = match (spec.company, spec.owns) {
            (true, _) => COMPANY.get_or_init(|| Common::new(&vendors, None)),
            (false, true) => OWNER.get_or_init(|| Common::new(&vendors, Some(&(Arc::new(owner::dismantles) as Edit)))),
            (false, false) => COMMON.get_or_init(|| Common::new(&vendors, None)),
        };
        let (signer, approver) = (Arc::clone(&common.signer), Arc::clone(&common.approver));
        let folder = spec
            .edit
            .as_ref()
            .map(|_| tempfile::tempdir().expect("a temporary folder"));
        let configuration = match &folder {
            Some(folder) => Arc::new(crate::story::configuration(&vendors, folder.path(), spec.edit.as_ref())),
            None => Arc::clone(&common.configuration),
        };
        let world = Self {
            ledger: Arc::new(TableLedger::new(Arc::clone(&table), Arc::clone(&files))),
            before: Before::of(&vendors),
            owned,
            vendors,
            clock,
            injector,
            queue,
            files,
            signer,
            approver,
            configuration,
            table,
            wire: Arc::default(),
            idle: spec.idle,
            settings: spec.settings,
            ids: Arc::new(SeededIds::new(spec.seed)),
            secrets: Secrets::local(),
            busy: AtomicU64::new(0),
            workers: AtomicU64::new(0),
            wrap: spec.wrap,
            _folder: folder,
        };
        world
            .files
            .put(
                &format!("configurations/{}.json", world.configuration.digest),
                serde_json::to_vec(&world.configuration.to_bundle())
                    .expect("a bundle is JSON")
                    .into(),
            )
            .await
            .expect("memory takes files");
        world
    }

    /// A new worker with clients of its own, as a fresh process would have: every use of the outside is a point.
    pub async fn worker(&self) -> Worker {
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        let life = Life::new(Arc::clone(&self.injector));
        let clock: Arc<dyn Clock> = self.clock.clone();
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1_000 * (number + 1)));
        let files: Arc<dyn Files> = Arc::new(FaultFiles {
            inner: Arc::clone(&self.files),
            life: life.clone(),
        });
        let table: Arc<dyn Table> = Arc::new(FaultTable {
            inner: Arc::clone(&self.table),
            life: life.clone(),
        });
        let mut connectors = self.connectors(&life, &ids).await;
        if let Some(wrap) = &self.wrap {
            wrap(&mut connectors);
        }
        let ledger: Arc<dyn Ledger> = Arc::new(TableLedger::new(table, Arc::clone(&files)));
        let signer = self.signer.clone();
        let engine = Engine::new(
            Parts {
                sealer: Arc::new(LocalSealer::new(Arc::clone(&ledger), Arc::clone(&files), signer)),
                approvals: Arc::new(Keys::from(*self.approver.public_key())),
                ledger,
                queue: Arc::new(FaultQueue {
                    inner: Arc::clone(&self.queue),
                    life: life.clone(),
                }),
                files,
                clock,
                ids,
                connectors,
                actions: rollcall_connectors::catalogue(),
                configuration: Arc::clone(&self.configuration),
            },
            self.settings.clone(),
        );
        Worker { engine, life }
    }

    /// The connectors of somebody with this life, with clients of their own.
    pub(crate) async fn connectors(
        &self,
        life: &Life,
        ids: &Arc<dyn Ids>,
    ) -> BTreeMap<ConnectionId, Arc<dyn Connector>> {
        let inner = Arc::new(Vendors {
            vendors: Arc::clone(&self.vendors),
            clock: self.clock.clone(),
            wire: Arc::clone(&self.wire),
        });
        let transport = Arc::new(FaultTransport {
            inner,
            life: life.clone(),
            clock: self.clock.clone(),
        });
        let clock: Arc<dyn Clock> = self.clock.clone();
        rollcall_wiring::connectors(&self.configuration, &self.secrets, transport, clock, Arc::clone(ids))
            .await
            .expect("the fixture's secrets are there")
    }

    /// Posts a hook delivery of Okta's to the real door; answers the status.
    pub async fn post(&self, delivery: &Delivery) -> u16 {
        self.post_to(DOOR, &delivery.headers, &delivery.body).await
    }

    /// Posts a body to the real door at this path; answers the status.
    pub async fn post_to(&self, path: &str, sent: &[(String, String)], body: &[u8]) -> u16 {
        let doors = rollcall_wiring::doors(
            &self.configuration,
            &self.secrets,
            &self.queue,
            &self.files,
            &(self.clock.clone() as Arc<dyn Clock>),
        )
        .await
        .expect("the fixture's doors open");
        let (_, door): &(String, Door) = doors.iter().find(|(door, _)| door == path).expect("the door is there");
        let mut headers = http::HeaderMap::new();
        for (name, value) in sent {
            headers.append(
                http::HeaderName::try_from(name.as_str()).expect("a header name"),
                http::HeaderValue::from_str(value).expect("a header value"),
            );
        }
        let request = DoorRequest {
            method: http::Method::POST,
            path: path.to_owned(),
            headers,
            body: body.to_vec().into(),
        };
        door.handle(request).await.status.as_u16()
    }

    /// The next fault-free unique name, for observers.
    pub fn unique(&self) -> String {
        self.ids.unique()
    }

    /// Takes the next message that is visible on any lane.
    pub async fn receive(&self) -> Option<(Lane, rollcall_model::Delivery)> {
        for lane in Lane::ALL {
            if let Some(delivery) = self
                .queue
                .receive(lane, 1, VISIBILITY)
                .await
                .expect("memory answers")
                .pop()
            {
                return Some((lane, delivery));
            }
        }
        None
    }
}

/// The vendors in this very thread.
struct Vendors {
    vendors: Arc<LeaverWorld>,
    clock: Arc<JumpClock>,
    wire: Arc<Wire>,
}

impl Vendors {
    /// Who answers at a host, and the switch of its faults.
    fn vendor(&self, host: &str) -> Option<(&dyn Simulator, &Faults)> {
        let world = &self.vendors;
        let company = world.company.as_ref();
        Some(match (host, company) {
            ("corp.okta.example", _) => (world.okta.as_ref(), world.okta.faults()),
            ("us.my.salesforce.example", _) => (world.salesforce.as_ref(), world.salesforce.faults()),
            ("slack.example", _) => (world.slack.as_ref(), world.slack.faults()),
            ("corp.onelogin.example", Some(company)) => (company.onelogin.as_ref(), company.onelogin.faults()),
            ("emea.my.salesforce.example", Some(company)) => (company.emea.as_ref(), company.emea.faults()),
            _ => return None,
        })
    }
}

#[async_trait]
impl Transport for Vendors {
    async fn send(&self, mut request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        // A real client states the length of every body, an empty one included.
        if !request.headers().contains_key(http::header::CONTENT_LENGTH) && request.method() != http::Method::GET {
            let length = http::HeaderValue::from(request.body().len());
            request.headers_mut().insert(http::header::CONTENT_LENGTH, length);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        if !request.headers().contains_key(http::header::HOST)
            && let Ok(value) = http::HeaderValue::from_str(&host)
        {
            request.headers_mut().insert(http::header::HOST, value);
        }
        let now = self.clock.now();
        self.wire.sent(&request);
        let Some((vendor, faults)) = self.vendor(&host) else {
            return Err(TransportError::Connect(format!("no such host: {host}")));
        };
        if let Some(fault) = request.extensions_mut().remove::<VendorFault>() {
            faults.add(FaultRule::once("", fault));
        }
        let reply = vendor.answer(&request, now);
        if let Reply::Answer(response) | Reply::Late(_, response) | Reply::Truncated(response, _) = &reply {
            self.wire.answered(response, &host);
        }
        match reply {
            Reply::Answer(response) => Ok(response),
            Reply::Late(after, response) if after < timeout => {
                self.clock.sleep(after).await;
                Ok(response)
            }
            Reply::Late(..) | Reply::Silence | Reply::Dripping(_) => {
                self.clock.sleep(timeout).await;
                Err(TransportError::Timeout(timeout))
            }
            Reply::Reset => Err(TransportError::Broken("reset".to_owned())),
            Reply::Truncated(response, at) => {
                let (head, body) = response.into_parts();
                let _ = (head, body.slice(..at.min(body.len())));
                Err(TransportError::Broken("the body ended early".to_owned()))
            }
        }
    }
}

/// Text by name, for configuration files made at run time.
pub type Texts = BTreeMap<String, String>;
