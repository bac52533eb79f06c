//! Roles, privileges, MFA devices and the account itself, and the way back.

use rollcall_model::Undo;

use super::*;

const ROLES: &str = "onelogin/remove-roles";
const ADD_ROLES: &str = "onelogin/add-roles";
const PRIVILEGES: &str = "onelogin/remove-privileges";
const ADD_PRIVILEGES: &str = "onelogin/add-privileges";
const DEVICES: &str = "onelogin/remove-devices";
const DEACTIVATE: &str = "onelogin/deactivate";
const REACTIVATE: &str = "onelogin/reactivate";

impl World {
    async fn look(&self, onelogin: &OneLogin, action: &str, with: &Value) -> State {
        let asked = ActionUse {
            action: action.to_owned(),
            with: with.clone(),
        };
        let seen = onelogin
            .observe(&self.clock.call(), Some(&self.amara()), &[asked])
            .await
            .unwrap();
        known(&seen[0]).clone()
    }

    async fn planned(&self, onelogin: &OneLogin, action: &str, with: &Value) -> Change {
        let state = self.look(onelogin, action, with).await;
        planned(action, Some(self.amara()), &state, with.clone())
    }

    /// Plans from what is read, makes the change, and gives it with what is read afterwards.
    async fn take(&self, onelogin: &OneLogin, action: &str, with: Value) -> (Change, Value, State) {
        let change = self.planned(onelogin, action, &with).await;
        let applied = onelogin.apply(&self.clock.call(), &change, "m").await.unwrap();
        let after = self.look(onelogin, action, &with).await;
        assert_eq!(after.value, change.after, "{action} is read back");
        assert_eq!(plan(action, &after, &with), Planned::AlreadySo, "{action} twice");
        (change, applied.reference, after)
    }
}

fn plan(action: &str, state: &State, with: &Value) -> Planned {
    catalogue().get(action).unwrap().plan(state, with)
}

/// The action that takes a change back, with its parameters.
fn way_back(change: &Change) -> (&'static str, Value) {
    match catalogue().get(&change.action).unwrap().undo(change, &Value::Null) {
        Undo::By { action, with } => (action, with),
        other => panic!("{other:?}"),
    }
}

fn all() -> Value {
    json!({ "what": "all" })
}

#[tokio::test]
async fn roles_go_and_come_back_exactly_and_what_a_mapping_gives_is_left() {
    let world = World::new();
    let tenant = &world.tenant;
    let (sales, crm, mapped, off) = (
        tenant.add_role("Sales"),
        tenant.add_role("CRM"),
        tenant.add_role("Mapped"),
        tenant.add_role("Once mapped"),
    );
    tenant.add_mapping(
        "Finance people",
        &[("department", "Finance")],
        MappingAction::AddRole(mapped),
    );
    for role in [sales, crm, mapped, off] {
        tenant.add_role_member(role, world.amara);
    }
    let onelogin = world.connect();
    let (change, reference, _) = world.take(&onelogin, ROLES, all()).await;
    assert_eq!(
        change.before["roles"],
        json!([
            { "id": sales.to_string(), "name": "Sales" },
            { "id": crm.to_string(), "name": "CRM" },
            { "id": off.to_string(), "name": "Once mapped" },
        ])
    );
    let left =
        json!({ "by_mapping": [{ "id": mapped.to_string(), "name": "Mapped", "mappings": ["Finance people"] }] });
    assert_eq!((&reference["left"], &change.evidence["left"]), (&left, &left));
    assert_eq!(tenant.roles_of(world.amara), [mapped]);
    let (action, with) = way_back(&change);
    assert_eq!(action, ADD_ROLES);
    world.take(&onelogin, ADD_ROLES, with).await;
    assert_eq!(tenant.roles_of(world.amara), [sales, crm, mapped, off]);

    for with in [Value::Null, json!({ "what": "managed" })] {
        let state = world.look(&onelogin, ROLES, &with).await;
        assert!(matches!(plan(ROLES, &state, &with), Planned::Skip(why) if why.contains("Sales, CRM, Once mapped")));
    }
}

#[tokio::test]
async fn privileges_and_administered_roles_go_and_come_back_and_what_a_role_gives_is_named() {
    for bare in [false, true] {
        let world = World::new();
        let tenant = &world.tenant;
        tenant.set_bare_privilege_users(bare);
        let (desk, reports) = (
            tenant.add_privilege("Help desk", &["users:List"]),
            tenant.add_privilege("Reports", &["reports:List"]),
        );
        let (role, led) = (tenant.add_role("Desk"), tenant.add_role("Interns"));
        tenant.add_role_member(role, world.amara);
        tenant.grant_privilege_to_role(&reports, role);
        tenant.grant_privilege(&desk, world.amara);
        tenant.grant_privilege(&world.super_user, world.amara);
        tenant.add_role_admin(led, world.amara);
        let onelogin = world.connect();
        let (change, _, _) = world.take(&onelogin, PRIVILEGES, all()).await;
        let mut names: Vec<&str> = change.before["privileges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["Help desk", "Super user"]);
        assert_eq!(
            change.before["role_admin"],
            json!([{ "id": led.to_string(), "name": "Interns" }])
        );
        assert_eq!(change.evidence["left"]["by_role"][0]["roles"], json!(["Desk"]));
        assert_eq!(
            (&change.evidence["admin"], &change.evidence["admins_left"]),
            (&json!(true), &json!(2)),
            "the owner and the administrator are left"
        );
        assert!(tenant.privileges_of(world.amara).is_empty());
        assert!(tenant.administered_roles_of(world.amara).is_empty());
        let (action, with) = way_back(&change);
        assert_eq!(action, ADD_PRIVILEGES);
        world.take(&onelogin, ADD_PRIVILEGES, with).await;
        let mut back = tenant.privileges_of(world.amara);
        back.sort();
        assert_eq!(back, ["Help desk", "Super user"]);
        assert_eq!(tenant.administered_roles_of(world.amara), [led]);
    }
}

#[tokio::test]
async fn devices_go_and_nothing_brings_them_back() {
    let world = World::new();
    world.tenant.add_device(world.amara, "OneLogin Protect", "Phone");
    world.tenant.add_device(world.amara, "Temporary token", "Code");
    let onelogin = world.connect();
    let (change, reference, _) = world.take(&onelogin, DEVICES, Value::Null).await;
    assert_eq!(
        (change.before.clone(), reference),
        (json!({ "devices": "some" }), json!({ "removed": 2 }))
    );
    assert_eq!(
        change.evidence["devices"],
        json!(["OneLogin Protect", "Temporary token"])
    );
    assert_eq!(world.tenant.counters().get("remove-device"), 2);
    let undo = catalogue().get(DEVICES).unwrap().undo(&change, &Value::Null);
    assert!(matches!(undo, Undo::Not(why) if why.contains("anew")));
}

#[tokio::test]
async fn a_deactivated_user_comes_back_as_before() {
    for before in [Status::Active, Status::Suspended, Status::PasswordExpired] {
        let mut world = World::new();
        world.amara = world
            .tenant
            .add_user(UserSeed::active("rae@corp.example", "Rae", "Return").with_status(before));
        let onelogin = world.connect();
        let (change, _, _) = world.take(&onelogin, DEACTIVATE, Value::Null).await;
        assert_eq!(change.after, json!({ "status": "deactivated" }));
        assert_eq!(world.tenant.status_of(world.amara), Some(Status::Unactivated));
        let (action, with) = way_back(&change);
        assert_eq!((action, with.is_null()), (REACTIVATE, before == Status::Active));
        world.take(&onelogin, REACTIVATE, with).await;
        assert_eq!(world.tenant.status_of(world.amara), Some(before));
        assert_eq!(world.tenant.counters().get("deactivate"), 1);
    }
    // A mapping that answers for the status does not run on our call.
    let world = World::new();
    world.tenant.add_mapping(
        "Wake up",
        &[("external_id", "00042")],
        MappingAction::SetStatus(Status::Active),
    );
    let onelogin = world.connect();
    world.take(&onelogin, DEACTIVATE, Value::Null).await;
    world.clock.pass(Duration::from_mins(1));
    assert_eq!(
        world.look(&onelogin, DEACTIVATE, &Value::Null).await.value,
        json!({ "status": "deactivated" })
    );
}

#[tokio::test]
async fn lost_answers_are_read_back_and_repeating_does_no_harm() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution] {
        let world = World::new();
        let role = world.tenant.add_role("Sales");
        world.tenant.add_role_member(role, world.amara);
        world.tenant.grant_privilege(&world.super_user, world.amara);
        world.tenant.add_device(world.amara, "OneLogin Protect", "Phone");
        let onelogin = world.connect();
        let mut made = Vec::new();
        for (action, part) in [
            (ROLES, format!("/roles/{role}/users")),
            (PRIVILEGES, format!("/users/{}", world.amara)),
            (DEVICES, format!("/mfa/users/{}/devices/", world.amara)),
            (DEACTIVATE, "mappings=disabled".to_owned()),
        ] {
            let change = world.planned(&onelogin, action, &all()).await;
            world.tenant.faults().add(FaultRule::once(&part, fault));
            let failure = onelogin.apply(&world.clock.call(), &change, "m").await.unwrap_err();
            assert_eq!(failure.executed, rollcall_model::Executed::Maybe, "{action}: {failure}");
            world.tenant.faults().clear();
            assert_eq!(
                world.look(&onelogin, action, &all()).await.value,
                change.after,
                "{action}"
            );
            made.push(change);
        }
        for change in &made {
            onelogin.apply(&world.clock.call(), change, "m").await.unwrap();
        }
        let counters = world.tenant.counters();
        assert_eq!(
            ["remove-role", "revoke-privilege", "remove-device", "deactivate"].map(|name| counters.get(name)),
            [1, 1, 1, 1]
        );
    }
}

#[tokio::test]
async fn a_user_who_is_gone_holds_nothing_and_gets_nothing_back() {
    let world = World::new();
    let role = world.tenant.add_role("Sales");
    world.tenant.add_role_member(role, world.amara);
    let onelogin = world.connect();
    let change = world.planned(&onelogin, ROLES, &all()).await;
    let (_, with) = way_back(&change);
    world
        .tenant
        .admin_delete(world.amara, world.admin, world.clock.now())
        .unwrap();
    onelogin.apply(&world.clock.call(), &change, "m").await.unwrap();
    for action in [ROLES, PRIVILEGES, DEVICES, DEACTIVATE] {
        let state = world.look(&onelogin, action, &all()).await;
        assert_eq!(plan(action, &state, &all()), Planned::AlreadySo, "{action}: {state:?}");
    }
    let state = world.look(&onelogin, ADD_ROLES, &with).await;
    assert!(matches!(plan(ADD_ROLES, &state, &with), Planned::Refuse(why) if why.contains("gone")));
    let state = world.look(&onelogin, REACTIVATE, &Value::Null).await;
    assert!(matches!(plan(REACTIVATE, &state, &Value::Null), Planned::Refuse(_)));
}

#[tokio::test]
async fn scopes_bar_the_actions_and_are_named_and_our_own_user_is_refused() {
    let world = World::with_scope(Scope::ReadAll);
    let role = world.tenant.add_role("Sales");
    world.tenant.add_role_member(role, world.amara);
    world.tenant.add_device(world.amara, "OneLogin Protect", "Phone");
    let onelogin = world.connect();
    for action in [ROLES, DEVICES, DEACTIVATE] {
        let change = world.planned(&onelogin, action, &all()).await;
        let refused = onelogin.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::NeedsHuman, "{action}");
        assert!(refused.reason.contains("Manage All"), "{action}: {refused}");
    }
    // Privileges are not even shown to it.
    let asked = onelogin
        .observe(&world.clock.call(), Some(&world.amara()), &uses(&[PRIVILEGES]))
        .await
        .unwrap();
    assert!(
        matches!(&asked[0], rollcall_model::Observation::Unknown(why) if why.contains("Manage All")),
        "{asked:?}"
    );

    let own = AccountRef::new("onelogin-main", world.owner.to_string());
    let change = world.planned(&onelogin, ROLES, &all()).await;
    for action in [
        ROLES,
        ADD_ROLES,
        PRIVILEGES,
        ADD_PRIVILEGES,
        DEVICES,
        DEACTIVATE,
        REACTIVATE,
    ] {
        let seen = onelogin
            .observe(&world.clock.call(), Some(&own), &uses(&[action]))
            .await
            .unwrap();
        assert!(
            matches!(plan(action, known(&seen[0]), &all()), Planned::Refuse(_)),
            "{action}"
        );
        let change = Change {
            account: Some(own.clone()),
            action: action.to_owned(),
            ..change.clone()
        };
        let refused = onelogin.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::GiveUp, "{action}");
    }
    assert_eq!(world.tenant.counters().get("remove-role"), 0);
}
