use std::collections::BTreeMap;

use rollcall_connectors::salesforce::{API_VERSION, Salesforce, SalesforceFlow, SalesforceSettings};
use rollcall_model::{AccountClass, AccountQuery, Completeness, Connector as _, FailureClass, MatchKey, ProbeResult};
use rollcall_runtime::RandomIds;
use rollcall_simulators::salesforce::{AppKey, ConnectedApp, Org, Permission, SessionKind, UserSeed, Usernames};
use rollcall_simulators::{Fault, FaultRule};
use serde_json::json;

use super::*;

const ORG: &str = "00D000000000001AAA";
const HOST: &str = "https://us.my.salesforce.example";
const CUT: [&str; 3] = [
    "salesforce/freeze",
    "salesforce/revoke-tokens",
    "salesforce/end-sessions",
];

struct World {
    org: Arc<Org>,
    clock: Arc<Moment>,
    jordan: String,
}

impl World {
    fn new() -> Self {
        let clock = Moment::new();
        let org = Arc::new(Org::new(ORG, false, clock.now()));
        org.set_base_url(HOST);
        org.add_user(UserSeed::new("rollcall@corp.example").integration());
        org.add_user(UserSeed::new("sam@corp.example").admin());
        let mut seed = UserSeed::new("jordan@corp.example");
        seed.federation_identifier = Some("jordan@corp.example".to_owned());
        seed.employee_number = Some("00042".to_owned());
        let jordan = org.add_user(seed);
        org.add_session(&jordan, SessionKind::Ui);
        org.add_session(&jordan, SessionKind::Api);
        org.add_token(&jordan, "Mail");
        org.add_token(&jordan, "Phone");
        org.add_app(ConnectedApp {
            consumer_key: "ck".to_owned(),
            name: "Rollcall".to_owned(),
            public_key: Some(AppKey::Jwk(key().1)),
            client_secret: Some("cs".to_owned()),
            run_as: Some("rollcall@corp.example".to_owned()),
            pre_authorised: vec!["rollcall@corp.example".to_owned()],
        });
        Self { org, clock, jordan }
    }

    fn connect(&self, flow: Option<SalesforceFlow>) -> Salesforce {
        let settings = SalesforceSettings {
            connection: "sf-us".into(),
            login_url: HOST.to_owned(),
            my_domain_url: HOST.to_owned(),
            org_id: ORG.to_owned(),
            sandbox: false,
            api_version: API_VERSION.to_owned(),
            flow: flow.unwrap_or(SalesforceFlow::JwtBearer {
                consumer_key: "ck".to_owned(),
                username: "rollcall@corp.example".to_owned(),
                key: key().0,
            }),
            allowed_hosts: vec!["us.my.salesforce.example".to_owned()],
        };
        let wire = Wire {
            simulator: self.org.clone(),
            clock: self.clock.clone(),
        };
        Salesforce::new(settings, Arc::new(wire), self.clock.clone(), Arc::new(RandomIds))
    }

    fn account(&self) -> AccountRef {
        AccountRef::new("sf-us", &self.jordan)
    }
}

fn by(field: &str, value: &str) -> AccountQuery {
    AccountQuery {
        keys: vec![MatchKey {
            field: field.to_owned(),
            value: value.to_owned(),
            sure: true,
        }],
        linked: Vec::new(),
    }
}

#[tokio::test]
async fn a_cut_takes_seven_calls_one_after_the_other_and_leaves_nothing() {
    for flow in [
        None,
        Some(SalesforceFlow::ClientCredentials {
            consumer_key: "ck".to_owned(),
            secret: Secret::new("cs"),
        }),
    ] {
        let world = World::new();
        let salesforce = world.connect(flow);
        let found = salesforce
            .find_accounts(&world.clock.call(), &by("EmployeeNumber", "00042"))
            .await
            .unwrap();
        assert_eq!(found.completeness, Completeness::Proven);
        let ids: Vec<_> = found
            .accounts
            .iter()
            .map(|account| account.account.id.clone())
            .collect();
        assert_eq!(ids, [world.jordan.as_str()]);
        let seen = salesforce
            .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
            .await
            .unwrap();
        for (action, seen) in CUT.iter().zip(&seen) {
            let change = planned(action, Some(world.account()), known(seen), Value::Null);
            salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
        }
        let after = salesforce
            .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
            .await
            .unwrap();
        let after: Vec<_> = after.iter().map(|one| known(one).value.clone()).collect();
        assert_eq!(
            after,
            [
                json!({ "frozen": true }),
                json!({ "tokens": "none" }),
                json!({ "sessions": "none" })
            ]
        );
        assert!(world.org.is_frozen(&world.jordan));
        assert_eq!(
            (
                world.org.sessions_of(&world.jordan).len(),
                world.org.tokens_of(&world.jordan).len()
            ),
            (0, 0)
        );
        // Two tokens are revoked side by side: eight calls, seven one after the other.
        assert_eq!(world.org.calls().len(), 8, "{:#?}", world.org.calls());
        for (effect, count) in [("freeze", 1), ("revoke-token", 2), ("end-session", 2)] {
            assert_eq!(world.org.counters().get(effect), count, "{effect}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_is_never_an_empty_answer() {
    let world = World::new();
    let salesforce = world.connect(None);
    world.org.deny(Permission::ViewAllUsers);
    let found = salesforce
        .find_accounts(&world.clock.call(), &by("EmployeeNumber", "00042"))
        .await
        .unwrap();
    assert!(matches!(found.completeness, Completeness::Unproven(_)), "{found:?}");
    world.org.allow(Permission::ViewAllUsers);
    let nobody = salesforce
        .find_accounts(&world.clock.call(), &by("EmployeeNumber", "' OR Id != '"))
        .await
        .unwrap();
    assert_eq!((nobody.accounts.len(), nobody.completeness), (0, Completeness::Proven));

    world.org.deny(Permission::ManageUsers);
    let seen = salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap();
    assert!(
        matches!(&seen[0], Observation::Unknown(why) if why.contains("Manage Users")),
        "{seen:?}"
    );
    assert!(
        matches!(&seen[2], Observation::Unknown(why) if why.contains("Manage Users")),
        "{seen:?}"
    );
    world.org.allow(Permission::ManageUsers);
    world.org.deny(Permission::CustomizeApplication);
    let seen = salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap();
    assert_eq!(known(&seen[0]).value, json!({ "frozen": false }));
    assert!(
        matches!(&seen[1], Observation::Unknown(why) if why.contains("Customize Application")),
        "{seen:?}"
    );
    assert_eq!(known(&seen[2]).value, json!({ "sessions": "some" }));
    world.org.deny(Permission::ApiEnabled);
    let barred = salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap_err();
    assert_eq!(barred.class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn an_org_that_does_not_state_our_rights_is_judged_by_what_it_shows() {
    let world = World::new();
    let kim = world.org.add_user(UserSeed::new("kim@corp.example"));
    let kim = AccountRef::new("sf-us", kim);
    world.org.hide_permission_access(true);
    let salesforce = world.connect(None);
    let call = || world.clock.call();
    let search = by("EmployeeNumber", "00042");
    let found = salesforce.find_accounts(&call(), &search).await.unwrap();
    assert_eq!((found.accounts.len(), found.completeness), (1, Completeness::Proven));
    let seen = salesforce
        .observe(&call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap();
    assert_eq!(known(&seen[1]).value, json!({ "tokens": "some" }));
    let seen = salesforce.observe(&call(), Some(&kim), &uses(&CUT)).await.unwrap();
    assert_eq!(known(&seen[1]).value, json!({ "tokens": "none" }));

    // Without the org's word, no other row means no proof.
    world.org.deny(Permission::ViewAllUsers);
    let found = salesforce.find_accounts(&call(), &search).await.unwrap();
    assert!(matches!(found.completeness, Completeness::Unproven(_)), "{found:?}");
    let seen = salesforce.observe(&call(), Some(&kim), &uses(&CUT)).await.unwrap();
    assert!(
        seen.iter().all(|one| matches!(one, Observation::Unknown(_))),
        "{seen:?}"
    );
}

#[tokio::test]
async fn classes_and_a_user_who_never_signed_in() {
    let world = World::new();
    let mut seed = UserSeed::new("kim@corp.example");
    seed.ever_logged_in = false;
    let kim = world.org.add_user(seed);
    let salesforce = world.connect(None);
    for (name, class) in [
        ("sam", AccountClass::Admin),
        ("jordan", AccountClass::Human),
        ("kim", AccountClass::Human),
    ] {
        let found = salesforce
            .find_accounts(&world.clock.call(), &by("Username", &format!("{name}@corp.example")))
            .await
            .unwrap();
        assert_eq!(found.accounts[0].class, class, "{name}");
    }
    let kim = AccountRef::new("sf-us", kim);
    let seen = salesforce
        .observe(&world.clock.call(), Some(&kim), &uses(&CUT))
        .await
        .unwrap();
    assert_eq!(known(&seen[0]).value, json!({ "frozen": "no-login-row" }));
    assert_eq!(known(&seen[2]).value, json!({ "sessions": "none" }));
}

#[tokio::test]
async fn lost_answers_are_seen_to_have_had_their_effect() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution] {
        let world = World::new();
        let salesforce = world.connect(None);
        let seen = salesforce
            .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
            .await
            .unwrap();
        for (index, (action, path)) in CUT
            .iter()
            .zip(["/UserLogin/", "/oauth2/revoke", "/composite/sobjects"])
            .enumerate()
        {
            world.org.faults().add(FaultRule::once(path, fault.clone()));
            let change = planned(action, Some(world.account()), known(&seen[index]), Value::Null);
            let failure = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
            assert_eq!(
                (failure.is_retryable(), failure.executed),
                (true, rollcall_model::Executed::Maybe),
                "{action} {fault:?}"
            );
            let now = salesforce
                .observe(&world.clock.call(), Some(&world.account()), &uses(&[action]))
                .await
                .unwrap();
            assert_eq!(known(&now[0]).value, change.after, "{action} {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_ended_session_is_renewed_and_an_org_is_checked() {
    let world = World::new();
    let salesforce = world.connect(None);
    salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap();
    world.clock.pass(Duration::from_hours(5));
    salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap();

    let other = Arc::new(Org::new("00D000000000002AAA", false, world.clock.now()));
    other.set_base_url(HOST);
    other.add_user(UserSeed::new("rollcall@corp.example").integration());
    other.add_app(ConnectedApp {
        consumer_key: "ck".to_owned(),
        name: "Rollcall".to_owned(),
        public_key: Some(AppKey::Jwk(key().1)),
        client_secret: None,
        run_as: None,
        pre_authorised: vec!["rollcall@corp.example".to_owned()],
    });
    let stranger = World {
        org: other,
        clock: world.clock.clone(),
        jordan: world.jordan.clone(),
    };
    let refused = stranger
        .connect(None)
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT))
        .await
        .unwrap_err();
    assert_eq!(refused.class, FailureClass::Credential);
    assert_eq!(stranger.org.calls().len(), 1);
}

#[tokio::test]
async fn everybody_is_listed_once_whatever_the_pages() {
    let world = World::new();
    let mut gone = UserSeed::new("gone@corp.example");
    gone.is_active = false;
    gone.employee_number = Some("00099".to_owned());
    let gone = world.org.add_user(gone);
    let mut customer = UserSeed::new("customer@client.example");
    customer.user_type = "PowerCustomerSuccess";
    let customer = world.org.add_user(customer);
    for number in 0..20 {
        world
            .org
            .add_user(UserSeed::new(&format!("user{number:02}@corp.example")));
    }
    world.org.set_page_size(6);
    world.org.set_short_pages(true);
    let salesforce = world.connect(None);
    let fields = ["Title".to_owned(), "EmployeeNumber".to_owned()];
    let (mut all, mut cursor, mut pages) = (BTreeMap::new(), None, 0);
    loop {
        let page = salesforce
            .list_accounts(&world.clock.call(), &fields, cursor.as_deref())
            .await
            .unwrap();
        assert_eq!(page.unproven, None);
        for one in page.items {
            assert!(all.insert(one.account.id.clone(), one).is_none());
        }
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 25);
    // A token, and one call for each page.
    assert_eq!(world.org.calls().len(), pages + 1);
    let own = world.org.user_id("rollcall@corp.example").unwrap();
    let sam = world.org.user_id("sam@corp.example").unwrap();
    for (id, class, active, names) in [
        (
            &world.jordan,
            AccountClass::Human,
            true,
            &["jordan@corp.example", "00042"][..],
        ),
        (&gone, AccountClass::Human, false, &["gone@corp.example", "00099"]),
        (&customer, AccountClass::Portal, true, &["customer@client.example"]),
        (&own, AccountClass::Service, true, &["rollcall@corp.example"]),
        (&sam, AccountClass::Admin, true, &["sam@corp.example"]),
    ] {
        let one = &all[id];
        assert_eq!((one.class, one.active), (class, active), "{one:?}");
        assert_eq!(one.names, names);
    }
    assert_eq!(
        all[&world.jordan].values,
        [("EmployeeNumber".to_owned(), "00042".to_owned())].into()
    );
}

#[tokio::test]
async fn a_list_that_hides_rows_says_so_and_one_that_ended_begins_again() {
    let world = World::new();
    world.org.set_page_size(2);
    let salesforce = world.connect(None);
    let call = || world.clock.call();
    world.org.hide_field("User", "EmployeeNumber");
    let page = salesforce.list_accounts(&call(), &[], None).await.unwrap();
    assert_eq!((page.items.len(), page.unproven), (2, None));
    world.clock.pass(Duration::from_hours(49));
    let ended = salesforce
        .list_accounts(&call(), &[], page.next.as_deref())
        .await
        .unwrap_err();
    assert_eq!(ended.class, FailureClass::GiveUp);
    world.org.deny(Permission::ViewAllUsers);
    let blind = salesforce.list_accounts(&call(), &[], None).await.unwrap();
    assert_eq!(blind.items.len(), 1);
    assert!(blind.unproven.unwrap().contains("View All Users"));
    let asked = salesforce
        .list_accounts(&call(), &["EmployeeNumber".to_owned()], None)
        .await
        .unwrap_err();
    assert_eq!(asked.class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn all_accounts_of_a_person_are_found_and_a_recycled_address_is_no_proof() {
    let world = World::new();
    let with_address = |username: &str| UserSeed {
        email: Some("Jordan@corp.example".to_owned()),
        ..UserSeed::new(username)
    };
    let admin = world.org.add_user(with_address("jordan@corp.example.admin").admin());
    let before = world.org.add_user(UserSeed {
        is_active: false,
        employee_number: Some("00007".to_owned()),
        ..with_address("jordan.old@corp.example")
    });
    let portal = world.org.add_user(UserSeed {
        user_type: "CspLitePortal",
        ..with_address("jordan@client.example")
    });
    let robot = world
        .org
        .add_user(with_address("jordan-sync@corp.example").integration());
    let salesforce = world.connect(None);
    let query = AccountQuery {
        keys: vec![
            MatchKey {
                field: "FederationIdentifier".to_owned(),
                value: "jordan@corp.example".to_owned(),
                sure: true,
            },
            MatchKey {
                field: "Email".to_owned(),
                value: "jordan@corp.example".to_owned(),
                sure: false,
            },
        ],
        linked: Vec::new(),
    };
    let found = salesforce.find_accounts(&world.clock.call(), &query).await.unwrap();
    assert_eq!(found.completeness, Completeness::Proven);
    let found: BTreeMap<_, _> = found
        .accounts
        .iter()
        .map(|one| {
            (
                one.account.id.clone(),
                (one.class, one.active, one.sure, one.names.clone()),
            )
        })
        .collect();
    let mail = || "jordan@corp.example".to_owned();
    assert_eq!(
        found,
        [
            (
                world.jordan.clone(),
                (AccountClass::Human, true, true, vec![mail(), "00042".to_owned()])
            ),
            (admin, (AccountClass::Admin, true, false, vec![mail()])),
            (
                before,
                (AccountClass::Human, false, false, vec![mail(), "00007".to_owned()])
            ),
            (portal, (AccountClass::Portal, true, false, vec![mail()])),
            (robot, (AccountClass::Service, true, false, vec![mail()])),
        ]
        .into()
    );
}

#[tokio::test]
async fn a_freeze_knows_how_many_administrators_it_leaves() {
    let world = World::new();
    let boss = AccountRef::new("sf-us", world.org.add_user(UserSeed::new("boss@corp.example").admin()));
    let sam = world.org.user_id("sam@corp.example").unwrap();
    let seeds = [
        UserSeed {
            is_frozen: true,
            ..UserSeed::new("cold@corp.example").admin()
        },
        UserSeed {
            is_active: false,
            ..UserSeed::new("left@corp.example").admin()
        },
        UserSeed {
            ever_logged_in: false,
            ..UserSeed::new("new@corp.example").admin()
        },
        UserSeed::new("human@corp.example"),
    ];
    for seed in seeds {
        world.org.add_user(seed);
    }
    let salesforce = world.connect(None);
    let evidence = async |account: &AccountRef| {
        let seen = salesforce
            .observe(&world.clock.call(), Some(account), &uses(&CUT[..1]))
            .await
            .unwrap();
        known(&seen[0]).evidence.clone()
    };
    let left = |evidence: &Value| (evidence["admin"].clone(), evidence["admins_left"].clone());
    assert_eq!(left(&evidence(&boss).await), (json!(true), json!(1)));
    assert_eq!(world.org.calls().len(), 2, "a token and one call");
    assert!(evidence(&world.account()).await.get("admin").is_none());
    world.org.set_active(&sam, false);
    assert_eq!(left(&evidence(&boss).await), (json!(true), json!(0)));

    world.org.set_active(&sam, true);
    world.org.deny(Permission::ViewSetup);
    let hidden = evidence(&boss).await;
    assert!(hidden.get("admin").is_none(), "{hidden}");
    assert!(
        hidden["admins_unknown"].as_str().unwrap().contains("View Setup"),
        "{hidden}"
    );
}

#[tokio::test]
async fn what_one_call_still_revokes_is_not_lost_to_what_none_does() {
    let world = World::new();
    let salesforce = world.connect(None);
    let seen = salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&CUT[1..2]))
        .await
        .unwrap();
    let change = planned(CUT[1], Some(world.account()), known(&seen[0]), Value::Null);
    world.org.set_delete_tokens_work(false);
    world
        .org
        .faults()
        .add(FaultRule::once("/oauth2/revoke", Fault::Unavailable));
    let first = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert!(first.is_retryable(), "{first:?}");
    let second = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(second.class, FailureClass::NeedsHuman);
    world.org.set_delete_tokens_work(true);
    salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert_eq!(world.org.tokens_of(&world.jordan).len(), 0);
}

#[tokio::test]
async fn an_examination_tells_each_fault_by_name_and_changes_nothing() {
    let world = World::new();
    let salesforce = world.connect(None);
    let results = async || {
        let probes = salesforce.examine(&world.clock.call()).await;
        let told: BTreeMap<String, (ProbeResult, String)> = probes
            .into_iter()
            .map(|probe| (probe.what, (probe.result, probe.found)))
            .collect();
        told
    };
    let good = results().await;
    for what in ["tenant", "scopes", "canary", "permissions", "own-credential", "quota"] {
        assert_eq!(good[what].0, ProbeResult::Good, "{what}: {good:?}");
    }
    for (permission, name) in [
        (Permission::ViewAllUsers, "View All Users"),
        (Permission::ManageUsers, "Manage Users"),
        (Permission::CustomizeApplication, "Customize Application"),
        (Permission::ViewSetup, "View Setup and Configuration"),
    ] {
        world.org.deny(permission);
        let told = results().await;
        assert!(told["permissions"].1.contains(name), "{told:?}");
        assert_eq!(
            told["canary"].0 == ProbeResult::Bad,
            permission == Permission::ViewAllUsers
        );
        world.org.allow(permission);
    }
    world.org.deny(Permission::ApiEnabled);
    let told = results().await;
    assert!(told["permissions"].1.contains("API Enabled"), "{told:?}");
    world.org.allow(Permission::ApiEnabled);

    let own = world.org.user_id("rollcall@corp.example").unwrap();
    world.org.add_session(&own, SessionKind::Ui);
    let other = world.org.add_user(UserSeed::new("sync@corp.example").integration());
    world
        .org
        .set_record("User", &world.jordan, json!({ "LastModifiedById": other }));
    world.org.set_daily_limit(1000);
    world.org.use_calls(850);
    let probes = salesforce.examine(&world.clock.call()).await;
    let found = |what: &str, words: &str| {
        let found = probes
            .iter()
            .find(|probe| probe.what == what && probe.result == ProbeResult::Warning);
        assert!(
            found.is_some_and(|probe| probe.found.contains(words)),
            "{what}: {probes:?}"
        );
    };
    found("own-credential", "browser");
    found("second-master", "sync@corp.example");
    found("quota", "of 1000 API calls");
    for effect in ["freeze", "revoke-token", "end-session", "update-user", "update"] {
        assert_eq!(world.org.counters().get(effect), 0);
    }
}

/// Several orgs behind one network, each at its own host.
struct Network(BTreeMap<&'static str, Wire>);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.0[host.as_str()].send(request, timeout).await
    }
}

#[tokio::test]
async fn two_orgs_side_by_side_share_nothing() {
    let clock = Moment::new();
    let hosts = [
        ("sf-us", "us.my.salesforce.example", "00D000000000001AAA"),
        ("sf-eu", "eu.my.salesforce.example", "00D000000000002AAA"),
    ];
    let usernames = Usernames::default();
    let orgs: Vec<Arc<Org>> = hosts
        .iter()
        .map(|(name, host, id)| {
            let org = Org::with_usernames(id, false, clock.now(), usernames.clone());
            org.set_base_url(&format!("https://{host}"));
            let own = format!("rollcall@{name}.example");
            org.add_user(UserSeed::new(&own).integration());
            // A username is unique over all orgs in the world; the person is the same by the number.
            let jordan = org.add_user(UserSeed {
                email: Some("jordan@corp.example".to_owned()),
                employee_number: Some("00042".to_owned()),
                ..UserSeed::new(&format!("jordan@{name}.example"))
            });
            org.add_session(&jordan, SessionKind::Ui);
            org.add_token(&jordan, "Mail");
            org.add_app(ConnectedApp {
                consumer_key: "ck".to_owned(),
                name: "Rollcall".to_owned(),
                public_key: Some(AppKey::Jwk(key().1)),
                client_secret: None,
                run_as: None,
                pre_authorised: vec![own],
            });
            Arc::new(org)
        })
        .collect();
    let wires = hosts.iter().zip(&orgs).map(|((_, host, _), org)| {
        let wire = Wire {
            simulator: org.clone(),
            clock: clock.clone(),
        };
        (*host, wire)
    });
    let network: Arc<dyn Transport> = Arc::new(Network(wires.collect()));
    let connections: Vec<Salesforce> = hosts
        .iter()
        .map(|(name, host, id)| {
            let settings = SalesforceSettings {
                connection: (*name).into(),
                login_url: format!("https://{host}"),
                my_domain_url: format!("https://{host}"),
                org_id: (*id).to_owned(),
                sandbox: false,
                api_version: API_VERSION.to_owned(),
                flow: SalesforceFlow::JwtBearer {
                    consumer_key: "ck".to_owned(),
                    username: format!("rollcall@{name}.example"),
                    key: key().0,
                },
                allowed_hosts: vec![(*host).to_owned()],
            };
            Salesforce::new(settings, network.clone(), clock.clone(), Arc::new(RandomIds))
        })
        .collect();
    let (call, query) = (clock.call(), by("EmployeeNumber", "00042"));
    let (us, eu) = tokio::join!(
        connections[0].find_accounts(&call, &query),
        connections[1].find_accounts(&call, &query),
    );
    let accounts: Vec<AccountRef> = [us, eu]
        .map(|found| found.unwrap())
        .iter()
        .map(|found| {
            assert_eq!(found.accounts.len(), 1);
            found.accounts[0].account.clone()
        })
        .collect();
    // Both orgs count their ids alike, so only the connection tells the two accounts apart.
    assert_eq!(accounts[0].id, accounts[1].id);
    assert_ne!(accounts[0], accounts[1]);

    let seen = connections[1]
        .observe(&clock.call(), Some(&accounts[1]), &uses(&CUT))
        .await
        .unwrap();
    for (action, seen) in CUT.iter().zip(&seen) {
        let change = planned(action, Some(accounts[1].clone()), known(seen), Value::Null);
        connections[1].apply(&clock.call(), &change, "m").await.unwrap();
    }
    let access = |org: &Org, id: &str| (org.is_frozen(id), org.tokens_of(id).len(), org.sessions_of(id).len());
    assert_eq!(access(&orgs[1], &accounts[1].id), (true, 0, 0));
    assert_eq!(access(&orgs[0], &accounts[0].id), (false, 1, 2));
    assert_eq!(orgs[0].calls().len(), 2, "a token and a search");

    // A token of the one opens nothing in the other.
    let token = orgs[0].log_in(&orgs[0].user_id("rollcall@sf-us.example").unwrap());
    for (org, status) in [(&orgs[0], 200), (&orgs[1], 401)] {
        let mut request = HttpRequest::default();
        *request.uri_mut() = "/services/data/v66.0/limits".parse().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let Reply::Answer(answer) = org.answer(&request, clock.now()) else {
            panic!("no answer")
        };
        assert_eq!(answer.status().as_u16(), status);
    }
}
