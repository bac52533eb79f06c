#[path = "onelogin_dismantle.rs"]
mod dismantle;
#[path = "onelogin_limits.rs"]
mod limits;

use rollcall_connectors::onelogin::{OneLogin, OneLoginSettings};
use rollcall_model::connector::{GroupRead, ProbeResult};
use rollcall_model::{
    AccountClass, AccountQuery, Completeness, Connector as _, FailureClass, MatchKey, SourceState, SubjectRead,
};
use rollcall_runtime::RandomIds;
use rollcall_simulators::onelogin::{ClientCredential, MappingAction, OneLogin as Tenant, Scope, Status, UserSeed};
use rollcall_simulators::{Fault, FaultRule};
use serde_json::json;

use super::*;

const HOST: &str = "https://corp.onelogin.example";
const SUSPEND: &str = "onelogin/suspend";
const LOG_OUT: &str = "onelogin/log-out";

struct World {
    tenant: Arc<Tenant>,
    clock: Arc<Moment>,
    owner: i64,
    admin: i64,
    amara: i64,
    super_user: String,
}

impl World {
    fn new() -> Self {
        Self::with_scope(Scope::ManageAll)
    }

    fn with_scope(scope: Scope) -> Self {
        let clock = Moment::new();
        let tenant = Arc::new(Tenant::new(424_242, clock.now()));
        tenant.set_base_url(HOST);
        let owner = tenant.add_user(UserSeed::active("rollcall@corp.example", "Rollcall", "Service"));
        let admin = tenant.add_user(UserSeed::active("priya@corp.example", "Priya", "Raman"));
        let amara = tenant.add_user(
            UserSeed::active("amara@corp.example", "Amara", "Okafor")
                .with("external_id", "00042")
                .with("manager_user_id", admin)
                .with_custom("cost_center", "C-42"),
        );
        let super_user = tenant.add_privilege("Super user", &["*"]);
        tenant.grant_privilege(&super_user, owner);
        tenant.grant_privilege(&super_user, admin);
        tenant.add_credential(ClientCredential {
            client_id: "ours".to_owned(),
            client_secret: "secret".to_owned(),
            scope,
            owner,
        });
        Self {
            tenant,
            clock,
            owner,
            admin,
            amara,
            super_user,
        }
    }

    fn connect(&self) -> OneLogin {
        self.connect_to("424242")
    }

    fn connect_to(&self, account_id: &str) -> OneLogin {
        let settings = OneLoginSettings {
            connection: "onelogin-main".into(),
            base_url: HOST.to_owned(),
            account_id: account_id.to_owned(),
            client_id: Some("ours".to_owned()),
            secret: Some(Secret::new("secret")),
            own_client_ids: vec!["ours".to_owned()],
            own_user_ids: vec![self.owner.to_string()],
            canary: None,
        };
        let wire = Wire {
            simulator: self.tenant.clone(),
            clock: self.clock.clone(),
        };
        OneLogin::new(settings, Arc::new(wire), self.clock.clone(), Arc::new(RandomIds))
    }

    fn amara(&self) -> AccountRef {
        AccountRef::new("onelogin-main", self.amara.to_string())
    }

    async fn state(&self, onelogin: &OneLogin, account: &AccountRef) -> State {
        let seen = onelogin
            .observe(&self.clock.call(), Some(account), &uses(&[SUSPEND]))
            .await
            .unwrap();
        known(&seen[0]).clone()
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

/// A log-out is not planned from a state, since none can be read.
fn log_out(account: AccountRef) -> Change {
    let accepted = State {
        value: json!({ "accepted": false }),
        evidence: Value::Null,
    };
    planned(LOG_OUT, Some(account), &accepted, Value::Null)
}

#[tokio::test]
async fn a_cut_suspends_first_and_then_ends_the_sessions_and_names_what_it_leaves_open() {
    let world = World::new();
    let (tenant, onelogin) = (&world.tenant, world.connect());
    let (role, mail, hidden) = (
        tenant.add_role("Sales"),
        tenant.add_app("Mail", true),
        tenant.add_app("Vault", false),
    );
    tenant.add_role_app(role, mail);
    tenant.add_role_app(role, hidden);
    tenant.add_role_member(role, world.amara);
    tenant.open_session(world.amara);
    tenant.open_app_session(world.amara, hidden);

    let found = onelogin
        .find_accounts(&world.clock.call(), &by("external_id", "00042"))
        .await
        .unwrap();
    assert_eq!(found.completeness, Completeness::Proven);
    let account = found.accounts[0].account.clone();
    assert_eq!(account, world.amara());
    let before = world.state(&onelogin, &account).await;
    let suspend = planned(SUSPEND, Some(account.clone()), &before, Value::Null);
    onelogin.apply(&world.clock.call(), &suspend, "m").await.unwrap();
    assert_eq!(tenant.status_of(world.amara), Some(Status::Suspended));
    assert_eq!(
        tenant.sessions_of(world.amara).len(),
        1,
        "a suspension alone may leave the session open"
    );
    let logged_out = onelogin
        .apply(&world.clock.call(), &log_out(account.clone()), "m")
        .await
        .unwrap();
    assert!(tenant.sessions_of(world.amara).is_empty());
    assert!(tenant.log_in(world.amara, world.clock.now()).is_err());
    assert_eq!(tenant.app_sessions_of(world.amara).len(), 1);
    assert_eq!(logged_out.reference["open_app_sessions"], json!(["Mail", "Vault"]));
    assert_eq!(world.state(&onelogin, &account).await.value, suspend.after);

    // Both again do no harm, and the inverse brings the user back.
    onelogin.apply(&world.clock.call(), &suspend, "m").await.unwrap();
    onelogin
        .apply(&world.clock.call(), &log_out(account.clone()), "m")
        .await
        .unwrap();
    let suspended = world.state(&onelogin, &account).await;
    let lift = planned("onelogin/unsuspend", Some(account), &suspended, Value::Null);
    onelogin.apply(&world.clock.call(), &lift, "m").await.unwrap();
    assert_eq!(tenant.status_of(world.amara), Some(Status::Active));
    assert_eq!(tenant.counters().get("issue-token"), 1);
}

#[tokio::test]
async fn our_own_events_are_recognised_by_the_credential() {
    let world = World::new();
    let onelogin = world.connect();
    let before = world.state(&onelogin, &world.amara()).await;
    let suspend = planned(SUSPEND, Some(world.amara()), &before, Value::Null);
    onelogin.apply(&world.clock.call(), &suspend, "m").await.unwrap();
    let events = world.tenant.events();
    let raw = events.last().unwrap().to_string();
    let signal = rollcall_model::Signal {
        key: rollcall_model::SignalKey::new("onelogin-main:x"),
        source: "onelogin-main".into(),
        format: rollcall_model::SignalFormat::OneloginEvent,
        received_at: world.clock.now(),
        body: rollcall_model::SignalBody::Inline(raw.clone()),
    };
    let event = onelogin.normalise(&signal, &raw);
    assert!(event.ours, "{raw}");
    assert_eq!(
        (event.kind.as_str(), event.account),
        ("user.suspended", Some(world.amara()))
    );
}

#[tokio::test]
async fn a_person_is_read_with_roles_group_manager_and_rights() {
    let world = World::new();
    let role = world.tenant.add_role("RC-Protected");
    world.tenant.add_role_member(role, world.amara);
    let led = world.tenant.add_role("Interns");
    world.tenant.add_role_admin(led, world.amara);
    let onelogin = world.connect();
    let SubjectRead::Present(person) = onelogin
        .read_subject(&world.clock.call(), &world.amara())
        .await
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (person.state, person.login.as_str()),
        (SourceState::Active, "amara@corp.example")
    );
    assert_eq!(
        (person.groups, person.roles),
        (vec!["RC-Protected".to_owned()], vec!["role-admin:Interns".to_owned()])
    );
    assert_eq!(person.manager.unwrap().login.as_deref(), Some("priya@corp.example"));
    assert_eq!(person.attributes["custom_attributes.cost_center"], json!("C-42"));
    let GroupRead::Members(members) = onelogin
        .group_members(&world.clock.call(), "RC-Protected")
        .await
        .unwrap()
    else {
        panic!()
    };
    let logins: Vec<_> = members.iter().map(|member| member.login.as_str()).collect();
    assert_eq!(logins, ["amara@corp.example"]);
    let none = onelogin
        .group_members(&world.clock.call(), "rc-protected")
        .await
        .unwrap();
    assert_eq!(none, GroupRead::NoSuchGroup, "names are exact");
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_a_hidden_one_is_not() {
    let world = World::new();
    let onelogin = world.connect();
    world.tenant.hide_users("ours", &[world.amara]);
    let read = onelogin
        .read_subject(&world.clock.call(), &world.amara())
        .await
        .unwrap();
    assert!(matches!(read, SubjectRead::Unproven(_)), "{read:?}");
    let mut linked = by("external_id", "00042");
    linked.linked = vec![world.amara.to_string()];
    let found = onelogin.find_accounts(&world.clock.call(), &linked).await.unwrap();
    assert!(found.accounts.is_empty() && matches!(found.completeness, Completeness::Unproven(_)));

    let world = World::new();
    let onelogin = world.connect();
    world
        .tenant
        .admin_delete(world.amara, world.admin, world.clock.now())
        .unwrap();
    let read = onelogin
        .read_subject(&world.clock.call(), &world.amara())
        .await
        .unwrap();
    assert_eq!(read, SubjectRead::Gone);
    let found = onelogin
        .find_accounts(&world.clock.call(), &linked_to(&world))
        .await
        .unwrap();
    assert_eq!((found.accounts.len(), found.completeness), (0, Completeness::Proven));
    assert_eq!(
        world.state(&onelogin, &world.amara()).await.value,
        json!({ "status": "gone" })
    );
    onelogin
        .apply(&world.clock.call(), &log_out(world.amara()), "m")
        .await
        .unwrap();
}

fn linked_to(world: &World) -> AccountQuery {
    AccountQuery {
        keys: Vec::new(),
        linked: vec![world.amara.to_string()],
    }
}

#[tokio::test]
async fn an_emptied_list_proves_nothing_and_a_linked_user_is_found_all_the_same() {
    let world = World::new();
    let onelogin = world.connect();
    world
        .tenant
        .faults()
        .add(FaultRule::always("/api/2/users?", Fault::EmptyList));
    let mut query = by("username", "amara@corp.example");
    query.linked = vec![world.amara.to_string()];
    let found = onelogin.find_accounts(&world.clock.call(), &query).await.unwrap();
    assert_eq!(found.accounts.len(), 1);
    assert!(matches!(found.completeness, Completeness::Unproven(_)));
}

#[tokio::test]
async fn a_super_user_shows_who_would_be_left() {
    let world = World::new();
    let onelogin = world.connect();
    let admin = AccountRef::new("onelogin-main", world.admin.to_string());
    for bare in [false, true] {
        world.tenant.set_bare_privilege_users(bare);
        let state = world.state(&world.connect(), &admin).await;
        assert_eq!(
            (&state.evidence["admin"], &state.evidence["admins_left"]),
            (&json!(true), &json!(1))
        );
    }
    let found = onelogin
        .find_accounts(&world.clock.call(), &by("email", "priya@corp.example"))
        .await
        .unwrap();
    assert_eq!(found.accounts[0].class, AccountClass::Admin);
    world.tenant.grant_privilege(&world.super_user, world.amara);
    world.clock.pass(Duration::from_mins(2));
    let state = world.state(&onelogin, &admin).await;
    assert_eq!(state.evidence["admins_left"], json!(2));
    let plain = world.state(&onelogin, &world.amara()).await;
    assert_eq!(
        plain.evidence["privileges"],
        json!(["Super user"]),
        "it was granted meanwhile"
    );
}
