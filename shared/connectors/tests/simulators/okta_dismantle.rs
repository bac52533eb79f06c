//! Okta as a target: groups, factors and the account itself, and the way back.

use rollcall_connectors::okta::{CUT_SCOPES, Okta, READ_SCOPES};
use rollcall_model::{Connector as _, FailureClass, Undo};
use rollcall_simulators::okta::{GroupKind, Status, UserSeed};
use rollcall_simulators::{Fault, FaultRule};
use serde_json::json;

use super::okta::{ORG, World, ssws};
use super::*;

const REMOVE: &str = "okta/remove-groups";
const ADD: &str = "okta/add-groups";
const RESET: &str = "okta/reset-factors";
const DEACTIVATE: &str = "okta/deactivate";
const REACTIVATE: &str = "okta/reactivate";

fn action_use(action: &str, with: &Value) -> ActionUse {
    ActionUse {
        action: action.to_owned(),
        with: with.clone(),
    }
}

impl World {
    fn alice(&self) -> AccountRef {
        AccountRef::new("okta-main", &self.alice)
    }

    async fn look(&self, okta: &Okta, action: &str, with: &Value) -> State {
        let read = okta
            .observe(&self.clock.call(), Some(&self.alice()), &[action_use(action, with)])
            .await;
        known(&read.unwrap()[0]).clone()
    }

    /// Plans from what is read, makes the change, and gives it with what is read afterwards.
    async fn take(&self, okta: &Okta, action: &str, with: Value) -> (Change, Value, State) {
        let state = self.look(okta, action, &with).await;
        let change = planned(action, Some(self.alice()), &state, with.clone());
        let applied = okta.apply(&self.clock.call(), &change, "m").await.unwrap();
        let after = self.look(okta, action, &with).await;
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

/// A user in every kind of group: two by hand, one by a rule, one by a rule that is off, one by a rule that excludes the user,
/// one imported, and `Everyone`.
fn grouped() -> (World, Vec<String>, String) {
    let mut world = World::new();
    let (ruled, once_ruled, excluded, imported) = (
        world.sim.add_group("By rule", GroupKind::Okta),
        world.sim.add_group("Was by rule", GroupKind::Okta),
        world.sim.add_group("Not by rule", GroupKind::Okta),
        world.sim.add_group("From AD", GroupKind::App),
    );
    let active = world.sim.add_group_rule("Legal people", "department", "Legal", &ruled);
    let off = world
        .sim
        .add_group_rule("Old people", "department", "Legal", &once_ruled);
    let keeps_out = world
        .sim
        .add_group_rule("All but her", "department", "Legal", &excluded);
    let seed = UserSeed::active("bea@example.com", "Bea", "Okafor").with("department", "Legal");
    world.alice = world.sim.admin_create(seed, &world.admin, world.clock.now()).unwrap();
    world.sim.set_group_rule_active(&off, false).unwrap();
    // Taken out once, which excludes her, and put back by hand.
    world
        .sim
        .admin_membership(&excluded, &world.alice, false, &world.admin, world.clock.now());
    assert_eq!(world.sim.excluded_by(&keeps_out), [world.alice.clone()]);
    for group in [&excluded, &imported] {
        world.sim.add_member(group, &world.alice).unwrap();
    }
    let by_hand = world.sim.add_group("By hand", GroupKind::Okta);
    world.sim.add_member(&by_hand, &world.alice).unwrap();
    assert_eq!(world.sim.groups(&world.alice).len(), 5);
    (world, vec![by_hand, once_ruled, excluded], active)
}

#[tokio::test]
async fn groups_given_by_hand_go_and_come_back_exactly() {
    for way in ["ssws", "dpop"] {
        let (world, mut own, rule) = grouped();
        own.sort();
        world.sim.add_role(&world.alice, "HELP_DESK_ADMIN").unwrap();
        let auth = if way == "ssws" { ssws() } else { world.app(true) };
        let okta = world.connect(auth, ORG);
        let before = world.sim.groups(&world.alice);

        let (change, reference, after) = world.take(&okta, REMOVE, all()).await;
        let taken: Vec<&str> = change.before["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(taken, own, "{way}");
        assert!(
            change.before["groups"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["name"] == "By hand")
        );
        assert_eq!(after.value, json!({ "groups": [] }));
        assert_eq!(plan(REMOVE, &after, &all()), Planned::AlreadySo, "twice");
        for left in [&change.evidence["left"], &reference["left"]] {
            assert_eq!(left["groups"]["by_rule"][0]["name"], json!("By rule"), "{left}");
            assert_eq!(left["groups"]["by_rule"][0]["rules"], json!(["Legal people"]));
            assert_eq!(left["groups"]["imported"][0]["name"], json!("From AD"));
            assert_eq!(left["groups"]["built_in"][0]["name"], json!("Everyone"));
            assert_eq!(left["admin_roles"], json!(["HELP_DESK_ADMIN"]));
        }
        assert_eq!(world.sim.groups(&world.alice).len(), 2);
        assert_eq!(world.sim.roles(&world.alice), ["HELP_DESK_ADMIN"]);
        assert_eq!(
            world.sim.excluded_by(&rule),
            Vec::<String>::new(),
            "a rehire is not kept out"
        );

        let (action, with) = way_back(&change);
        assert_eq!(action, ADD);
        let (back, _, restored) = world.take(&okta, ADD, with.clone()).await;
        assert_eq!(world.sim.groups(&world.alice), before, "exactly as it was");
        assert_eq!(restored.value, json!({ "missing": [] }));
        assert_eq!(plan(ADD, &restored, &with), Planned::AlreadySo, "a second undo");
        assert_eq!(
            (back.after, world.sim.counters().get("remove-member")),
            (json!({ "missing": [] }), 4)
        );
    }
}

#[tokio::test]
async fn what_is_not_managed_stays_unless_all_is_said() {
    let (world, own, _) = grouped();
    let okta = world.connect(ssws(), ORG);
    for with in [Value::Null, json!({ "what": "managed" })] {
        let state = world.look(&okta, REMOVE, &with).await;
        let Planned::Skip(why) = plan(REMOVE, &state, &with) else {
            panic!("{state:?}")
        };
        assert!(why.contains("By hand") && why.contains("what: all"), "{why}");
    }
    let state = world.look(&okta, REMOVE, &Value::Null).await;
    assert!(matches!(
        plan(REMOVE, &state, &json!({ "what": "some" })),
        Planned::Refuse(_)
    ));
    assert_eq!(state.value["groups"].as_array().unwrap().len(), own.len());
}

#[tokio::test]
async fn a_deactivated_users_groups_are_taken_too() {
    let (world, _, _) = grouped();
    let okta = world.connect(ssws(), ORG);
    world
        .sim
        .admin_deactivate(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    let (change, _, after) = world.take(&okta, REMOVE, all()).await;
    assert_eq!(change.evidence["okta_status"], json!("DEPROVISIONED"));
    assert_eq!(after.value, json!({ "groups": [] }));
    world
        .sim
        .admin_delete(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    let gone = world.look(&okta, REMOVE, &all()).await;
    assert_eq!(plan(REMOVE, &gone, &all()), Planned::AlreadySo);
    let (_, with) = way_back(&change);
    let gone = world.look(&okta, ADD, &with).await;
    assert!(matches!(plan(ADD, &gone, &with), Planned::Refuse(why) if why.contains("deleted")));
    let nothing = okta.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert_eq!(nothing.reference, json!({ "status": "deleted" }));
}

#[tokio::test]
async fn lost_answers_and_races_do_not_take_too_much() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution] {
        let (world, own, _) = grouped();
        let okta = world.connect(ssws(), ORG);
        let state = world.look(&okta, REMOVE, &all()).await;
        let change = planned(REMOVE, Some(world.alice()), &state, all());
        world
            .sim
            .faults()
            .add(FaultRule::once(&format!("/groups/{}/users/", own[0]), fault));
        let failure = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(failure.executed, rollcall_model::Executed::Maybe);
        assert!(failure.reason.starts_with("1 of 3 groups failed"), "{failure}");
        // Since the plan somebody put her into another group, and a rule took one over.
        let new = world.sim.add_group("New", GroupKind::Okta);
        world.sim.add_member(&new, &world.alice).unwrap();
        world.sim.add_member(&own[0], &world.alice).unwrap();
        world.sim.add_group_rule("Taken over", "department", "Legal", &own[0]);
        okta.apply(&world.clock.call(), &change, "m").await.unwrap();
        let held = world.sim.groups(&world.alice);
        assert!(held.contains(&new) && held.contains(&own[0]), "{held:?}");
        assert!(!held.contains(&own[1]) && !held.contains(&own[2]), "{held:?}");
    }
}

#[tokio::test]
async fn a_group_that_makes_administrators_is_told_to_the_guard_and_may_be_refused() {
    let world = World::new();
    let admins = world.sim.add_group("Owners", GroupKind::Okta);
    world.sim.add_group_role(&admins, "SUPER_ADMIN").unwrap();
    let okta = world.connect(ssws(), ORG);
    let plain = world.look(&okta, REMOVE, &all()).await;
    assert_eq!(plain.evidence.get("admin"), None);
    world.sim.add_member(&admins, &world.alice).unwrap();
    let state = world.look(&okta, REMOVE, &all()).await;
    assert_eq!(
        (&state.evidence["admin"], &state.evidence["admins_left"]),
        (&json!(true), &json!(1))
    );

    let key = key();
    let app = simulator_app(&world, &key.1, "USER_ADMIN");
    let okta = world.connect(app, ORG);
    let change = planned(REMOVE, Some(world.alice()), &state, all());
    let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert!(refused.reason.contains("makes administrators"), "{refused}");
}

fn simulator_app(world: &World, jwk: &Value, role: &str) -> rollcall_connectors::okta::OktaAuth {
    let auth = world.app(false);
    world
        .sim
        .add_service_app(rollcall_simulators::okta::ServiceApp {
            client_id: "0oaRollcall".to_owned(),
            jwks: jwk.clone(),
            scopes: [READ_SCOPES, CUT_SCOPES, &["okta.groups.manage"]]
                .concat()
                .iter()
                .map(|scope| (*scope).to_owned())
                .collect(),
            admin_roles: vec![role.to_owned(), "READ_ONLY_ADMIN".to_owned()],
            dpop: false,
        })
        .unwrap();
    auth
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named_where_it_is_needed() {
    let (world, own, _) = grouped();
    let okta = world.connect(world.app_with(false, &[READ_SCOPES, CUT_SCOPES].concat()), ORG);
    let state = world.look(&okta, REMOVE, &all()).await;
    let change = planned(REMOVE, Some(world.alice()), &state, all());
    let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert!(refused.reason.contains("okta.groups.manage"), "{refused}");
    assert_eq!(world.sim.groups(&world.alice).len(), own.len() + 2);
    // Apps that are not shown do not hold a deactivation up, and are told as not known.
    let (change, _, _) = world.take(&okta, DEACTIVATE, Value::Null).await;
    assert!(
        change.evidence["apps"].as_str().unwrap().contains("okta.apps.read"),
        "{change:?}"
    );
}

#[tokio::test]
async fn factors_are_reset_once_and_not_after_a_deactivation() {
    let mut world = World::new();
    let factors = vec![
        ("push".to_owned(), "OKTA".to_owned()),
        ("sms".to_owned(), "OKTA".to_owned()),
    ];
    let seed = UserSeed {
        factors: factors.clone(),
        ..UserSeed::active("fay@example.com", "Fay", "Factor")
    };
    world.alice = world.sim.add_user(seed).unwrap();
    let okta = world.connect(world.app(false), ORG);
    world
        .sim
        .admin_suspend(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    let (change, _, after) = world.take(&okta, RESET, Value::Null).await;
    assert_eq!(
        (&change.before, &after.value),
        (&json!({ "factors": "some" }), &json!({ "factors": "none" }))
    );
    assert_eq!(
        change.evidence["factors"][0],
        json!({ "type": "push", "provider": "OKTA" })
    );
    assert_eq!(
        (
            world.sim.factors(&world.alice),
            world.sim.counters().get("reset-factors")
        ),
        (0, 1)
    );
    assert_eq!(plan(RESET, &after, &Value::Null), Planned::AlreadySo);
    let undo = catalogue().get(RESET).unwrap().undo(&change, &Value::Null);
    assert!(matches!(undo, Undo::Not(why) if why.contains("anew")));

    let seed = UserSeed {
        factors,
        status: Status::Deprovisioned,
        ..UserSeed::active("late@example.com", "Late", "Factor")
    };
    world.alice = world.sim.add_user(seed).unwrap();
    let state = world.look(&okta, RESET, &Value::Null).await;
    assert!(
        matches!(plan(RESET, &state, &Value::Null), Planned::Skip(why) if why.contains("push, sms")),
        "{state:?}"
    );
    // Planned before the deactivation and too late.
    let late = Change {
        account: Some(world.alice()),
        ..change
    };
    let refused = okta.apply(&world.clock.call(), &late, "m").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert!(refused.reason.contains("before the deactivation"), "{refused}");
}

#[tokio::test]
async fn a_deactivation_is_pending_while_it_runs_and_is_asked_for_once() {
    let world = World::new();
    world.sim.set_deactivation_time(Duration::from_secs(30));
    let crm = world.sim.add_app("CRM", true);
    world.sim.assign_app(&crm, &world.alice, None).unwrap();
    let mail = world.sim.add_app("Mail", true);
    let group = world.sim.groups(&world.alice)[0].clone();
    world.sim.assign_app(&mail, &world.alice, Some(&group)).unwrap();
    let okta = world.connect(world.app(false), ORG);
    let (change, _, running) = world.take(&okta, DEACTIVATE, Value::Null).await;
    assert_eq!(change.evidence["apps"], json!(["CRM", "Mail (by a group)"]));
    assert_eq!(running.value, json!({ "status": "deactivating" }));
    assert_ne!(running.value, change.after, "not over yet");
    // The next try finds it under way and sends nothing.
    let (again, reference, _) = world.take(&okta, DEACTIVATE, Value::Null).await;
    assert_eq!(
        (&again.after, &reference),
        (&change.after, &json!({ "status": "deactivating" }))
    );
    let posted = |world: &World| {
        let calls = world.sim.calls();
        calls
            .iter()
            .filter(|(_, path)| path.ends_with("/lifecycle/deactivate?sendEmail=false"))
            .count()
    };
    assert_eq!(posted(&world), 1);
    world.clock.pass(Duration::from_secs(30));
    let over = world.look(&okta, DEACTIVATE, &Value::Null).await;
    assert_eq!(over.value, json!({ "status": "deprovisioned" }));
    assert_eq!(plan(DEACTIVATE, &over, &Value::Null), Planned::AlreadySo);
    assert_eq!(world.sim.apps(&world.alice).len(), 0);
    // Decided on what was so before: a second call is refused, and what is found counts.
    okta.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert_eq!((posted(&world), world.sim.counters().get("deactivate")), (2, 1));
}

#[tokio::test]
async fn the_way_back_from_a_deactivation_restores_what_okta_allows() {
    for (suspended, password, ends) in [
        (false, true, Status::Active),
        (true, true, Status::Suspended),
        (false, false, Status::Provisioned),
        (true, false, Status::Provisioned),
    ] {
        let mut world = World::new();
        let seed = UserSeed {
            has_password: password,
            ..UserSeed::active("rae@example.com", "Rae", "Return")
        };
        world.alice = world.sim.add_user(seed).unwrap();
        let crm = world.sim.add_app("CRM", true);
        world.sim.assign_app(&crm, &world.alice, None).unwrap();
        let okta = world.connect(ssws(), ORG);
        if suspended {
            world
                .sim
                .admin_suspend(&world.alice, &world.admin, world.clock.now())
                .unwrap();
        }
        let (change, _, _) = world.take(&okta, DEACTIVATE, Value::Null).await;
        let (action, with) = way_back(&change);
        assert_eq!((action, &with["lost_apps"]), (REACTIVATE, &json!(["CRM"])));
        assert_eq!(with.get("status").is_some(), suspended);
        let (back, reference, after) = world.take(&okta, REACTIVATE, with.clone()).await;
        assert_eq!(
            world.sim.user_status(&world.alice),
            Some(ends),
            "{suspended} {password}"
        );
        assert_eq!(after.value, back.after, "{suspended} {password}");
        assert!(
            !reference.to_string().contains("welcome"),
            "the activation link is nobody's here: {reference}"
        );
        assert_eq!(plan(REACTIVATE, &after, &with), Planned::AlreadySo, "a second undo");
        assert!(world.sim.apps(&world.alice).is_empty(), "assignments stay lost");
        let mails = world
            .sim
            .calls()
            .iter()
            .filter(|(_, path)| path.contains("activate") && !path.contains("sendEmail=false"))
            .count();
        assert_eq!(mails, 0);
        // The suspension's own way back follows in a full undo, and then nothing of this is repeated.
        if suspended && password {
            let (_, _, lifted) = world.take(&okta, "okta/unsuspend", Value::Null).await;
            assert_eq!(lifted.value, json!({ "status": "active" }));
            let state = world.look(&okta, REACTIVATE, &with).await;
            assert_eq!(plan(REACTIVATE, &state, &with), Planned::AlreadySo);
        }
    }
}

#[tokio::test]
async fn a_lost_activation_still_leaves_the_user_barred() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution] {
        let world = World::new();
        let okta = world.connect(ssws(), ORG);
        world
            .sim
            .admin_suspend(&world.alice, &world.admin, world.clock.now())
            .unwrap();
        let (change, _, _) = world.take(&okta, DEACTIVATE, Value::Null).await;
        let (_, with) = way_back(&change);
        let state = world.look(&okta, REACTIVATE, &with).await;
        let back = planned(REACTIVATE, Some(world.alice()), &state, with.clone());
        world.sim.faults().add(FaultRule::once("/lifecycle/activate", fault));
        okta.apply(&world.clock.call(), &back, "m").await.unwrap();
        assert_eq!(world.sim.user_status(&world.alice), Some(Status::Suspended));
        assert_eq!(world.look(&okta, REACTIVATE, &with).await.value, back.after);
    }
    let world = World::new();
    let okta = world.connect(ssws(), ORG);
    let state = world.look(&okta, DEACTIVATE, &Value::Null).await;
    let change = planned(DEACTIVATE, Some(world.alice()), &state, Value::Null);
    world
        .sim
        .faults()
        .add(FaultRule::once("/lifecycle/deactivate", Fault::AnswerLost));
    let failure = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(failure.executed, rollcall_model::Executed::Maybe);
    assert_eq!(world.look(&okta, DEACTIVATE, &Value::Null).await.value, change.after);
}

#[tokio::test]
async fn the_last_super_administrator_is_told_and_our_own_user_refused() {
    let world = World::new();
    let okta = world.connect(ssws(), ORG);
    world.sim.add_role(&world.alice, "SUPER_ADMIN").unwrap();
    let state = world.look(&okta, DEACTIVATE, &Value::Null).await;
    assert_eq!(
        (&state.evidence["admin"], &state.evidence["admins_left"]),
        (&json!(true), &json!(1))
    );
    for action in [REMOVE, ADD, RESET, DEACTIVATE, REACTIVATE] {
        let used = action_use(action, &json!({ "groups": ["00g1"], "what": "all" }));
        let ours = State {
            value: json!({ "ours": true }),
            evidence: Value::Null,
        };
        assert!(matches!(plan(action, &ours, &used.with), Planned::Refuse(why) if why.contains("our own")));
        let world = World::new();
        let okta = world.connect(ssws(), ORG);
        let change = Change {
            stage: "dismantle".to_owned(),
            step: "1".to_owned(),
            connection: "okta-main".into(),
            account: Some(AccountRef::new("okta-main", &world.admin)),
            action: action.to_owned(),
            effect: rollcall_model::EffectClass::Set,
            settle_ms: 0,
            with: used.with,
            before: Value::Null,
            after: Value::Null,
            evidence: Value::Null,
        };
        let read = okta
            .observe(&world.clock.call(), change.account.as_ref(), &uses(&[action]))
            .await
            .unwrap();
        assert_eq!(known(&read[0]).value, json!({ "ours": true }));
        let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::GiveUp, "{action}");
        assert!(world.sim.counters().all().is_empty(), "{action}");
    }
}
