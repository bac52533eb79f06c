//! Everybody is linked beforehand, and nothing that is read ever takes a link away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use rollcall_engine::{LinkOptions, LinkReport, LinkedConnection};
use rollcall_harness::WorldSpec;
use rollcall_harness::looks::KEPT;
use rollcall_model::connector::ActionUse;
use rollcall_model::ledger::documents;
use rollcall_model::{
    AccountClass, AccountQuery, AccountRef, AccountSearch, Applied, Call, Change, ConnectionId, Connector, Event,
    Failure, Lane, ListedAccount, Observation, Page, Person, PersonKey, Signal, SourceState, SubjectRead,
};
use rollcall_policy::link::Joined;
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{CHIDI, MINUTE, Stage, edited};
use rollcall_simulators::world::{LEAVER, MANAGER};

/// What a connection's list shows, page by page; what else it is asked, the real connector answers.
type Script = Arc<Mutex<Vec<Result<Page<ListedAccount>, Failure>>>>;

struct Lists {
    inner: Arc<dyn Connector>,
    script: Script,
}

#[async_trait]
impl Connector for Lists {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        self.inner.normalise(signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.inner.sign_in(call).await
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        self.inner.read_subject(call, account).await
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        self.inner.find_accounts(call, query).await
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        self.inner.observe(call, account, actions).await
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        self.inner.apply(call, change, marker).await
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.inner.find_effect(call, change, marker).await
    }

    async fn list_accounts(
        &self,
        call: &Call,
        fields: &[String],
        cursor: Option<&str>,
    ) -> Result<Page<ListedAccount>, Failure> {
        // A cursor that is no place of the script is the real connector's.
        let place: Option<usize> = cursor.map_or(Some(0), |cursor| cursor.parse().ok());
        let page = place.and_then(|place| self.script.lock().expect("no panic before").get(place).cloned());
        match page {
            Some(page) => page,
            None => self.inner.list_accounts(call, fields, cursor).await,
        }
    }
}

/// A company whose lists are scripted.
struct Company {
    stage: Stage,
    okta: Script,
    salesforce: Script,
    onelogin: Script,
    /// The real directory.
    directory: Arc<OnceLock<Arc<dyn Connector>>>,
}

const DIRECTORY: &str = "onelogin-main";

impl Company {
    /// With everybody in the source as the directory itself reads them.
    async fn new() -> Self {
        let scripts: [Script; 3] = Default::default();
        let [okta, salesforce, onelogin] = scripts.clone();
        let directory: Arc<OnceLock<Arc<dyn Connector>>> = Arc::default();
        let real = Arc::clone(&directory);
        let wrap = move |connectors: &mut BTreeMap<ConnectionId, Arc<dyn Connector>>| {
            for (name, script) in ["okta-main", "sf-us", DIRECTORY].into_iter().zip(&scripts) {
                let inner = connectors.remove(&name.into()).expect("it is configured");
                if name == "okta-main" {
                    real.get_or_init(|| Arc::clone(&inner));
                }
                let script = Arc::clone(script);
                connectors.insert(name.into(), Arc::new(Lists { inner, script }));
            }
        };
        let spec = edited(|files| {
            let root = files.get_mut("rollcall.yaml").expect("the fixture has one");
            *root = root
                .replace("sf-us: salesforce,", "sf-us: salesforce, onelogin-main: onelogin,")
                .replace("okta: login, ", "okta: login, onelogin: username, ");
            let tenants = files.get_mut("env/test.yaml").expect("the harness makes one");
            *tenants = tenants.replace(
                "tenants:\n",
                "tenants:\n  onelogin-main: {url: https://corp.onelogin.example, id: \"424242\"}\n",
            );
        });
        let stage = Stage::new(WorldSpec {
            wrap: Some(Arc::new(wrap)),
            ..spec
        })
        .await;
        let company = Self {
            stage,
            okta,
            salesforce,
            onelogin,
            directory,
        };
        let mut people = Vec::new();
        for login in [LEAVER, CHIDI, MANAGER] {
            people.push(company.read(login).await);
        }
        company.source(people.iter().map(listed).collect());
        let account = |id: &str, username: &str| ListedAccount {
            account: AccountRef::new(DIRECTORY, id),
            class: AccountClass::Human,
            username: username.to_owned(),
            active: true,
            names: Vec::new(),
            values: BTreeMap::from([("username".to_owned(), username.to_owned())]),
            person: None,
        };
        *company.onelogin.lock().expect("no panic before") = vec![Ok(Page {
            items: vec![account("7001", LEAVER), account("7002", "stranger@corp.example")],
            ..page(Vec::new())
        })];
        company
    }

    async fn read(&self, login: &str) -> Person {
        let id = self
            .stage
            .world
            .vendors
            .okta
            .user_id(login)
            .expect("the directory has them");
        let call = Call {
            deadline: plus(self.stage.now(), MINUTE),
            lane: Lane::Work,
        };
        let okta = self.directory.get().expect("there is a worker");
        match okta.read_subject(&call, &AccountRef::new("okta-main", id)).await {
            Ok(SubjectRead::Present(person)) => *person,
            other => panic!("{other:?}"),
        }
    }

    /// What the source's list shows from now on, on two pages.
    fn source(&self, mut items: Vec<ListedAccount>) {
        let rest = items.split_off(1);
        *self.okta.lock().expect("no panic before") = vec![
            Ok(Page {
                items,
                next: Some("1".to_owned()),
                unproven: None,
            }),
            Ok(Page {
                items: rest,
                ..page(Vec::new())
            }),
        ];
    }

    async fn link(&self) -> LinkReport {
        self.stage
            .engine
            .link_everyone(&LinkOptions::default(), &|_| {})
            .await
            .expect("the source can be listed")
    }

    async fn kept(&self) -> Vec<(String, String, serde_json::Value)> {
        let mut all = Vec::new();
        for kind in KEPT {
            let found = self.stage.documents(kind).await.into_iter();
            all.extend(found.map(|(id, body)| (kind.to_owned(), id, body)));
        }
        all
    }

    fn leaver(&self) -> (PersonKey, AccountRef) {
        let vendors = &self.stage.world.vendors;
        (
            PersonKey::new(format!("okta-main:{}", vendors.leaver)),
            AccountRef::new("sf-us", &vendors.leaver_user),
        )
    }

    async fn owner(&self, account: &AccountRef) -> Option<PersonKey> {
        self.stage.engine.owner_of(account).await.expect("memory answers")
    }
}

fn page(items: Vec<ListedAccount>) -> Page<ListedAccount> {
    Page {
        items,
        next: None,
        unproven: None,
    }
}

fn listed(person: &Person) -> ListedAccount {
    // A list does not show groups, roles and managers.
    let mut behind = person.clone();
    behind.groups.clear();
    behind.roles.clear();
    behind.manager = None;
    ListedAccount {
        account: person.account.clone(),
        class: AccountClass::Human,
        username: person.login.clone(),
        active: person.state == SourceState::Active,
        names: Vec::new(),
        values: BTreeMap::new(),
        person: Some(Box::new(behind)),
    }
}

fn joined<'a>(report: &'a LinkReport, connection: &str) -> &'a Joined {
    match &report.connections[&ConnectionId::new(connection)] {
        LinkedConnection::Joined { joined, .. } => joined,
        LinkedConnection::Left { why } => panic!("{connection}: {why}"),
    }
}

fn written(report: &LinkReport) -> usize {
    report
        .connections
        .values()
        .map(|one| match one {
            LinkedConnection::Joined { written, .. } => *written,
            LinkedConnection::Left { .. } => 0,
        })
        .sum()
}

#[tokio::test]
async fn everybody_is_linked_from_whole_lists_and_a_repetition_writes_nothing() {
    let company = Company::new().await;
    let (person, account) = company.leaver();
    let report = company.link().await;
    assert!(report.is_whole());
    assert_eq!((report.people, report.active), (3, 3));
    assert_eq!(joined(&report, "sf-us").links.len(), 2, "the leaver and the colleague");
    assert_eq!(company.owner(&account).await.as_ref(), Some(&person));
    let links = company.stage.engine.links_of(&person).await.expect("memory answers");
    assert_eq!(
        links.accounts[&ConnectionId::new("sf-us")],
        std::slice::from_ref(&account.id)
    );
    assert_eq!(links.accounts[&ConnectionId::new(DIRECTORY)], ["7001"]);
    // By any of their names, and by an account anywhere.
    for name in [LEAVER, &account.to_string(), "onelogin-main/7001", person.as_str()] {
        let meant = company.stage.engine.person_meant(name).await.expect("memory answers");
        assert_eq!(meant.as_ref(), Some(&person), "{name}");
    }
    // A later event about the other directory's account, even its deletion, finds the source's person.
    let link = company
        .stage
        .ledger()
        .document(documents::LINK, "onelogin-main/7001")
        .await;
    let link = link.expect("memory answers").expect("it was written");
    assert_eq!(link.body["person"]["key"], person.as_str());
    let coverage: BTreeMap<String, serde_json::Value> =
        company.stage.documents(documents::COVERAGE).await.into_iter().collect();
    // The manager has a number and an address, and no user there.
    assert_eq!(
        (
            &coverage["sf-us"]["percent"],
            &coverage["sf-us"]["linked"],
            &coverage["sf-us"]["people"]
        ),
        (&100.into(), &2.into(), &3.into())
    );
    assert_eq!(joined(&report, DIRECTORY).unclaimed, 1);

    let before = company.kept().await;
    let again = company.link().await;
    assert_eq!(written(&again), 0);
    assert!(joined(&again, "sf-us").links.iter().all(|link| !link.new));
    assert_eq!(company.kept().await, before);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let company = Company::new().await;
    let options = LinkOptions {
        dry_run: true,
        ..LinkOptions::default()
    };
    let dry = company
        .stage
        .engine
        .link_everyone(&options, &|_| {})
        .await
        .expect("it can be listed");
    assert_eq!(company.kept().await, []);
    let real = company.link().await;
    assert_eq!(joined(&dry, "sf-us"), joined(&real, "sf-us"));
    assert!(written(&real) > 0 && !company.kept().await.is_empty());
}

#[tokio::test]
async fn a_source_that_proves_nothing_links_nobody() {
    let company = Company::new().await;
    let half = company.okta.lock().expect("no panic before")[0].clone();
    let unproven = Page {
        unproven: Some("the canary is not there".to_owned()),
        ..half.clone().expect("the first page is good")
    };
    for script in [
        vec![half, Err(Failure::give_up("the rest is refused"))],
        vec![Ok(unproven)],
        vec![Ok(page(Vec::new()))],
    ] {
        *company.okta.lock().expect("no panic before") = script;
        let refused = company
            .stage
            .engine
            .link_everyone(&LinkOptions::default(), &|_| {})
            .await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(company.kept().await, []);
    }
}

#[tokio::test]
async fn half_a_list_writes_nothing_for_its_connection_and_unlinks_nobody() {
    let company = Company::new().await;
    let (person, account) = company.leaver();
    company.link().await;
    let before = company.kept().await;
    let nobody = Page {
        items: Vec::new(),
        next: Some("1".to_owned()),
        unproven: None,
    };
    for (script, said) in [
        (
            vec![Ok(nobody), Err(Failure::give_up("the second page is refused"))],
            "the second page is refused",
        ),
        (
            vec![Ok(Page {
                unproven: Some("rows may be hidden".to_owned()),
                ..page(Vec::new())
            })],
            "rows may be hidden",
        ),
        (vec![Ok(page(Vec::new()))], "proves nothing"),
    ] {
        *company.salesforce.lock().expect("no panic before") = script;
        let report = company.link().await;
        assert!(!report.is_whole());
        let LinkedConnection::Left { why } = &report.connections[&ConnectionId::new("sf-us")] else {
            panic!("{report:?}");
        };
        assert!(why.contains(said), "{why}");
        assert_eq!(
            joined(&report, DIRECTORY).links.len(),
            1,
            "the other connection is linked all the same"
        );
        assert_eq!(without_coverage(company.kept().await), without_coverage(before.clone()));
        assert_eq!(company.owner(&account).await.as_ref(), Some(&person));
    }
}

fn without_coverage(kept: Vec<(String, String, serde_json::Value)>) -> Vec<(String, String, serde_json::Value)> {
    kept.into_iter()
        .filter(|(kind, ..)| kind != documents::COVERAGE)
        .collect()
}

#[tokio::test]
async fn a_recycled_address_does_not_move_a_link() {
    let company = Company::new().await;
    let (person, account) = company.leaver();
    company.link().await;
    // The leaver is somebody else by now, and a newcomer has all their names and their number.
    let mut old = company.read(LEAVER).await;
    let mut newcomer = old.clone();
    newcomer.key = PersonKey::new("okta-main:00uNEWCOMER");
    newcomer.account = AccountRef::new("okta-main", "00uNEWCOMER");
    old.login = "amara.1@corp.example".to_owned();
    old.email = Some("amara.1@corp.example".to_owned());
    old.attributes.clear();
    company.source(vec![listed(&old), listed(&newcomer)]);
    let report = company.link().await;
    let conflict = &joined(&report, "sf-us").conflicts;
    assert_eq!(conflict.len(), 1, "{conflict:?}");
    assert_eq!(
        (&conflict[0].owner, &conflict[0].claims[0].person),
        (&person, &newcomer.key)
    );
    assert_eq!(company.owner(&account).await.as_ref(), Some(&person));
    let theirs = company
        .stage
        .engine
        .links_of(&newcomer.key)
        .await
        .expect("memory answers");
    assert_eq!(theirs.accounts, BTreeMap::new());
    // Who asks for the address means the newcomer now.
    let meant = company.stage.engine.person_meant(LEAVER).await.expect("memory answers");
    assert_eq!(meant, Some(newcomer.key));
}

#[tokio::test]
async fn a_persons_word_wins_over_every_list() {
    let company = Company::new().await;
    let (person, account) = company.leaver();
    company.link().await;
    let engine = &company.stage.engine;
    assert!(engine.deny_account(&person, &account).await.expect("memory answers"));
    assert_eq!(company.owner(&account).await, None);
    company.link().await;
    assert_eq!(company.owner(&account).await, None, "the list says otherwise, in vain");
    let links = engine.links_of(&person).await.expect("memory answers");
    assert_eq!(links.denied, [account.to_string()]);
    assert!(!links.accounts.contains_key(&account.connection));

    engine.confirm_account(&person, &account).await.expect("memory answers");
    assert_eq!(company.owner(&account).await.as_ref(), Some(&person));
    assert_eq!(engine.links_of(&person).await.expect("memory answers").denied, [""; 0]);
    // Moved by a decision, and by nothing else.
    let colleague = PersonKey::new(format!(
        "okta-main:{}",
        company
            .stage
            .world
            .vendors
            .okta
            .user_id(CHIDI)
            .expect("the directory has them")
    ));
    let confirmed = engine
        .confirm_account(&colleague, &account)
        .await
        .expect("memory answers");
    assert_eq!(confirmed.was.as_ref(), Some(&person));
    company.link().await;
    assert_eq!(company.owner(&account).await.as_ref(), Some(&colleague));
    let links = engine.links_of(&person).await.expect("memory answers");
    assert!(!links.accounts.contains_key(&account.connection));
}

#[tokio::test]
async fn what_a_list_does_not_show_of_somebody_stays_as_it_was_read() {
    let company = Company::new().await;
    let full = company.read(LEAVER).await;
    assert!(!full.groups.is_empty() && full.manager.is_some());
    let body = serde_json::json!({"person": full});
    let id = full.account.to_string();
    company
        .stage
        .ledger()
        .put_document(documents::LINK, &id, &body)
        .await
        .expect("memory answers");
    company.link().await;
    let kept = company
        .stage
        .ledger()
        .document(documents::LINK, &id)
        .await
        .expect("memory answers");
    assert_eq!(kept.expect("it is there").body, body);
}

#[tokio::test]
async fn everybody_whom_the_directory_itself_lists_is_linked_the_same() {
    let company = Company::new().await;
    let scripted = company.link().await;
    let before = company.kept().await;
    // From here on the directory's own list: the same people, and those that the script left out.
    company.okta.lock().expect("no panic before").clear();
    let report = company.link().await;
    assert!(
        report.is_whole() && report.people > scripted.people,
        "{}",
        report.people
    );
    let (person, account) = company.leaver();
    assert_eq!(company.owner(&account).await.as_ref(), Some(&person));
    let after = company.kept().await;
    for (kind, id, body) in before {
        let owns = [documents::OWNER, documents::LINKS, documents::LINK].contains(&kind.as_str());
        assert!(
            !owns || after.contains(&(kind.clone(), id.clone(), body)),
            "{kind} {id}"
        );
    }
}
