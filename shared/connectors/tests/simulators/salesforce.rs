#[path = "salesforce/administrators.rs"]
mod administrators;
#[path = "salesforce/deactivating.rs"]
mod deactivating;
#[path = "salesforce/entitling.rs"]
mod entitling;
#[path = "salesforce/examining.rs"]
mod examining;
#[path = "salesforce/listing.rs"]
mod listing;
#[path = "salesforce/obstacles.rs"]
mod obstacles;
#[path = "salesforce/orgs.rs"]
mod orgs;

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
            bulk_above: rollcall_connectors::salesforce::BULK_ABOVE,
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
            world.org.faults().add(FaultRule::once(path, fault));
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
