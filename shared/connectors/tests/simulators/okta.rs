use rollcall_connectors::okta::{
    ASSIGNMENT_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, LOG_SCOPES, ManagerLink, Okta, OktaAuth, OktaSettings, READ_SCOPES,
};
use rollcall_model::{AccountQuery, Completeness, Connector as _, FailureClass, MatchKey, SourceState, SubjectRead};
use rollcall_runtime::RandomIds;
use rollcall_simulators::okta as simulator;
use rollcall_simulators::{Fault, FaultRule};

use super::*;

const BASE: &str = "https://id.example.com";
pub(crate) const ORG: &str = "00oExampleOrg000001";

pub(crate) struct World {
    pub(crate) sim: Arc<simulator::Okta>,
    pub(crate) clock: Arc<Moment>,
    pub(crate) admin: String,
    pub(crate) alice: String,
    pub(crate) token: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Moment::new();
        let sim = Arc::new(simulator::Okta::new(ORG, clock.now()));
        sim.set_base_url(BASE);
        let admin = sim
            .add_user(simulator::UserSeed::active("ada@example.com", "Ada", "Admin"))
            .unwrap();
        sim.add_role(&admin, "SUPER_ADMIN").unwrap();
        let seed = simulator::UserSeed::active("alice@example.com", "Alice", "Okafor").with("employeeNumber", "00042");
        let alice = sim.add_user(seed.with("managerId", admin.as_str())).unwrap();
        let token = sim.add_ssws_token("ssws-token", &admin).unwrap();
        for name in ["Sales-AE", "RC-Quiet"] {
            let group = sim.add_group(name, simulator::GroupKind::Okta);
            sim.add_member(&group, &alice).unwrap();
        }
        Self {
            sim,
            clock,
            admin,
            alice,
            token,
        }
    }

    pub(crate) fn app(&self, dpop: bool) -> OktaAuth {
        self.app_with(
            dpop,
            &[READ_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, ASSIGNMENT_SCOPES, LOG_SCOPES].concat(),
        )
    }

    /// An app that asks for everything and to which only some of it is granted.
    pub(crate) fn app_with(&self, dpop: bool, granted: &[&str]) -> OktaAuth {
        let (key, jwk) = key();
        self.sim
            .add_service_app(simulator::ServiceApp {
                client_id: "0oaRollcall".to_owned(),
                jwks: jwk,
                scopes: granted.iter().map(|&scope| scope.to_owned()).collect(),
                admin_roles: vec!["SUPER_ADMIN".to_owned()],
                dpop,
            })
            .unwrap();
        OktaAuth::ServiceApp {
            client_id: "0oaRollcall".to_owned(),
            key,
            kid: "key-1".to_owned(),
            scopes: [READ_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, ASSIGNMENT_SCOPES, LOG_SCOPES]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    pub(crate) fn connect(&self, auth: OktaAuth, tenant: &str) -> Okta {
        let settings = OktaSettings {
            connection: "okta-main".into(),
            base_url: BASE.to_owned(),
            tenant_id: tenant.to_owned(),
            auth,
            own_ids: vec![self.token.clone()],
            canary: Some(self.admin.clone()),
            manager: ManagerLink::Profile,
        };
        let wire = Wire {
            simulator: self.sim.clone(),
            clock: self.clock.clone(),
        };
        Okta::new(settings, Arc::new(wire), self.clock.clone(), Arc::new(RandomIds))
    }
}

pub(crate) fn ssws() -> OktaAuth {
    OktaAuth::Ssws(Secret::new("ssws-token"))
}

#[tokio::test]
async fn every_way_of_signing_in_reads_the_same_person() {
    for way in ["ssws", "bearer", "dpop"] {
        let world = World::new();
        let auth = if way == "ssws" {
            ssws()
        } else {
            world.app(way == "dpop")
        };
        let okta = world.connect(auth, ORG);
        let account = AccountRef::new("okta-main", &world.alice);
        for state in [SourceState::Active, SourceState::Suspended] {
            let read = okta.read_subject(&world.clock.call(), &account).await.unwrap();
            let SubjectRead::Present(person) = read else {
                panic!("{way}: {read:?}")
            };
            assert_eq!(person.state, state, "{way}");
            assert_eq!(
                (person.display.as_str(), person.login.as_str()),
                ("Alice Okafor", "alice@example.com")
            );
            assert!(
                ["Sales-AE", "RC-Quiet"]
                    .iter()
                    .all(|name| person.groups.iter().any(|group| group == name))
            );
            let manager = person.manager.unwrap();
            assert_eq!(manager.account.unwrap().id, world.admin, "{way}");
            // An hour on, the token is another one.
            world.clock.pass(Duration::from_hours(1));
            if state == SourceState::Active {
                world
                    .sim
                    .admin_suspend(&world.alice, &world.admin, world.clock.now())
                    .unwrap();
            }
        }
    }
}

#[tokio::test]
async fn leaving_is_seen_while_it_happens_and_after() {
    let world = World::new();
    world.sim.set_deactivation_time(Duration::from_secs(30));
    let okta = world.connect(ssws(), ORG);
    let account = AccountRef::new("okta-main", &world.alice);
    world
        .sim
        .admin_deactivate(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    for state in [SourceState::Deactivating, SourceState::Deactivated] {
        let read = okta.read_subject(&world.clock.call(), &account).await.unwrap();
        assert!(
            matches!(&read, SubjectRead::Present(person) if person.state == state),
            "{read:?}"
        );
        world.clock.pass(Duration::from_mins(1));
    }
    world
        .sim
        .admin_delete(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    world.clock.pass(Duration::from_mins(1));
    assert_eq!(
        okta.read_subject(&world.clock.call(), &account).await.unwrap(),
        SubjectRead::Gone
    );
}

#[tokio::test]
async fn another_tenant_is_refused_before_the_token_is_sent() {
    let world = World::new();
    let okta = world.connect(ssws(), "00oAnother");
    let account = AccountRef::new("okta-main", &world.alice);
    let refused = okta.read_subject(&world.clock.call(), &account).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Credential);
    assert_eq!(world.sim.calls().len(), 1);
}

#[tokio::test]
async fn searching_finds_and_proves() {
    let world = World::new();
    let okta = world.connect(world.app(true), ORG);
    let key = |value: &str| MatchKey {
        field: "employeeNumber".to_owned(),
        value: value.to_owned(),
        sure: true,
    };
    world.clock.pass(Duration::from_mins(1));
    let found = okta
        .find_accounts(
            &world.clock.call(),
            &AccountQuery {
                keys: vec![key("00042")],
                linked: Vec::new(),
            },
        )
        .await
        .unwrap();
    assert_eq!((found.accounts.len(), &found.completeness), (1, &Completeness::Proven));
    let none = okta
        .find_accounts(
            &world.clock.call(),
            &AccountQuery {
                keys: vec![key("\" or id pr")],
                linked: Vec::new(),
            },
        )
        .await
        .unwrap();
    assert_eq!((none.accounts.len(), &none.completeness), (0, &Completeness::Proven));
    world.sim.faults().add(FaultRule::once("search=", Fault::EmptyList));
    let emptied = okta
        .find_accounts(
            &world.clock.call(),
            &AccountQuery {
                keys: vec![key("00042")],
                linked: Vec::new(),
            },
        )
        .await
        .unwrap();
    assert!(matches!(emptied.completeness, Completeness::Unproven(_)), "{emptied:?}");
}

#[tokio::test]
async fn every_fault_is_a_failure_and_the_next_try_works() {
    for fault in [
        Fault::RateLimited(Duration::from_secs(20)),
        Fault::ServerError,
        Fault::Unavailable,
        Fault::Timeout,
        Fault::Reset,
        Fault::TruncatedPage,
        Fault::Html,
    ] {
        let world = World::new();
        let okta = world.connect(ssws(), ORG);
        let account = AccountRef::new("okta-main", &world.alice);
        world.sim.faults().add(FaultRule::once("/groups", fault));
        let failure = okta.read_subject(&world.clock.call(), &account).await.unwrap_err();
        assert!(failure.is_retryable(), "{fault:?}: {failure:?}");
        let read = okta.read_subject(&world.clock.call(), &account).await.unwrap();
        assert!(matches!(read, SubjectRead::Present(_)), "{fault:?}");
    }
    let world = World::new();
    let okta = world.connect(world.app(true), ORG);
    world.sim.faults().add(FaultRule::once("/groups", Fault::TokenExpired));
    let read = okta
        .read_subject(&world.clock.call(), &AccountRef::new("okta-main", &world.alice))
        .await
        .unwrap();
    assert!(matches!(read, SubjectRead::Present(_)));
}
