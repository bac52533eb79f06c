//! Deactivation, what blocks it, and the licences that come back.

use rollcall_model::Executed;

use super::*;

const DEACTIVATE: &str = "salesforce/deactivate";
const REACTIVATE: &str = "salesforce/reactivate";

async fn look(world: &World, salesforce: &Salesforce, account: &AccountRef, action: &str) -> Observation {
    let seen = salesforce
        .observe(&world.clock.call(), Some(account), &uses(&[action]))
        .await
        .unwrap();
    seen[0].clone()
}

fn licence(of: &Value, kind: &str) -> Option<Value> {
    let found = of.as_array().unwrap().iter().find(|one| one["kind"] == kind);
    found.map(|one| one["used"].clone())
}

#[tokio::test]
async fn a_licence_comes_back_and_what_came_back_is_told() {
    let world = World::new();
    let org = &world.org;
    let set = org.add_permission_set_licence("Field Service", 5);
    let row = org.give(&world.jordan, &set);
    let salesforce = world.connect(None);
    let account = world.account();
    let seen = look(&world, &salesforce, &account, DEACTIVATE).await;
    assert_eq!(known(&seen).value, json!({ "active": true }));
    assert_eq!(
        org.calls().len(),
        3,
        "a token, the licences, the user: {:?}",
        org.calls()
    );
    let change = planned(DEACTIVATE, Some(account.clone()), known(&seen), Value::Null);
    // Entitlements go before the user in the same stage, after it was planned.
    org.remove_record("PermissionSetLicenseAssign", &row);
    let applied = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
    let (before, after) = (
        &applied.reference["licences"]["before"],
        &applied.reference["licences"]["after"],
    );
    assert_eq!(
        (licence(before, "user"), licence(after, "user")),
        (Some(json!(2)), Some(json!(1)))
    );
    assert_eq!(
        (licence(before, "permission-set"), licence(after, "permission-set")),
        (Some(json!(1)), Some(json!(0)))
    );
    assert_eq!(
        before.as_array().unwrap().len(),
        2,
        "the integration's licence is not touched: {before}"
    );
    assert!(!org.is_active(&world.jordan));
    let seen = look(&world, &salesforce, &account, DEACTIVATE).await;
    assert_eq!(known(&seen).value, change.after);
    let action = catalogue().get(DEACTIVATE).unwrap().clone();
    assert_eq!(action.plan(known(&seen), &Value::Null), Planned::AlreadySo);

    let seen = look(&world, &salesforce, &account, REACTIVATE).await;
    let back = planned(REACTIVATE, Some(account.clone()), known(&seen), Value::Null);
    salesforce.apply(&world.clock.call(), &back, "m").await.unwrap();
    assert!(org.is_active(&world.jordan));
    assert_eq!(
        (org.counters().get("deactivate"), org.counters().get("activate")),
        (1, 1)
    );
}

#[tokio::test]
async fn what_blocks_is_told_in_salesforces_words_whatever_the_code() {
    for (code, text, way) in [
        (
            "FIELD_INTEGRITY_EXCEPTION",
            "You cannot deactivate this user. You cannot deactivate a user who is the default owner of cases",
            "Support Settings",
        ),
        (
            "SOMETHING_NEW",
            "You cannot disable the Web to Lead Default Creator.",
            "Web-to-Lead",
        ),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "a trigger said no",
            "Considerations",
        ),
    ] {
        let world = World::new();
        world.org.set_frozen(&world.jordan, true);
        world.org.block_deactivation(&world.jordan, code, text);
        let salesforce = world.connect(None);
        let seen = look(&world, &salesforce, &world.account(), DEACTIVATE).await;
        let change = planned(DEACTIVATE, Some(world.account()), known(&seen), Value::Null);
        let failure = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(
            (&failure.class, failure.executed),
            (&FailureClass::NeedsHuman, Executed::No)
        );
        for part in [code, text, way] {
            assert!(failure.reason.contains(part), "{part}: {failure}");
        }
        assert!(world.org.is_active(&world.jordan) && world.org.is_frozen(&world.jordan));
        world.org.unblock_deactivation(&world.jordan);
        salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
    }
}

#[tokio::test]
async fn the_last_administrator_and_ourselves_are_refused() {
    let world = World::new();
    let salesforce = world.connect(None);
    let sam = AccountRef::new("sf-us", world.org.user_id("sam@corp.example").unwrap());
    let seen = look(&world, &salesforce, &sam, DEACTIVATE).await;
    let evidence = &known(&seen).evidence;
    assert_eq!(
        (&evidence["admin"], &evidence["admins_left"]),
        (&json!(true), &json!(0))
    );
    let change = planned(DEACTIVATE, Some(sam), known(&seen), Value::Null);
    let failure = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert!(failure.reason.contains("CANNOT_DISABLE_LAST_ADMIN"), "{failure}");
    assert_eq!(failure.class, FailureClass::NeedsHuman);

    let own = AccountRef::new("sf-us", world.org.user_id("rollcall@corp.example").unwrap());
    for name in [
        DEACTIVATE,
        REACTIVATE,
        "salesforce/remove-entitlements",
        "salesforce/restore-entitlements",
    ] {
        let seen = look(&world, &salesforce, &own, name).await;
        let action = catalogue().get(name).unwrap().clone();
        let with = json!({ "what": "all", "entitlements": [] });
        assert!(matches!(action.plan(known(&seen), &with), Planned::Refuse(_)), "{name}");
        let mut ours = change.clone();
        (ours.action, ours.account) = (name.to_owned(), Some(own.clone()));
        let refused = salesforce.apply(&world.clock.call(), &ours, "m").await.unwrap_err();
        assert!(refused.reason.contains("own user"), "{name}: {refused}");
    }
    assert_eq!(world.org.counters().get("deactivate"), 0);
}

#[tokio::test]
async fn without_a_free_licence_nobody_comes_back_by_themselves() {
    let world = World::new();
    let salesforce = world.connect(None);
    world.org.set_active(&world.jordan, false);
    world.org.set_licences("SFDC", 1);
    let seen = look(&world, &salesforce, &world.account(), REACTIVATE).await;
    let change = planned(REACTIVATE, Some(world.account()), known(&seen), Value::Null);
    let failure = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    assert!(failure.reason.contains("free or buy"), "{failure}");
    world.org.set_licences("SFDC", 2);
    salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert!(world.org.is_active(&world.jordan));
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_deactivates_once() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution] {
        let world = World::new();
        let salesforce = world.connect(None);
        let seen = look(&world, &salesforce, &world.account(), DEACTIVATE).await;
        let change = planned(DEACTIVATE, Some(world.account()), known(&seen), Value::Null);
        world.org.faults().add(FaultRule::once("/composite/sobjects", fault));
        let failure = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!((failure.is_retryable(), failure.executed), (true, Executed::Maybe));
        let seen = look(&world, &salesforce, &world.account(), DEACTIVATE).await;
        assert_eq!(known(&seen).value, change.after);
        salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
        assert_eq!(world.org.counters().get("deactivate"), 1);
    }
}

#[tokio::test]
async fn an_inventory_that_does_not_show_stops_nobody() {
    let world = World::new();
    let salesforce = world.connect(None);
    world.org.deny(Permission::ViewSetup);
    let seen = look(&world, &salesforce, &world.account(), DEACTIVATE).await;
    let unread = &known(&seen).evidence["licences"]["unread"];
    assert!(unread.as_str().unwrap().contains("View Setup"), "{unread}");
    let change = planned(DEACTIVATE, Some(world.account()), known(&seen), Value::Null);
    let applied = salesforce.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert!(
        applied.reference["licences"]["after"]["unread"].is_string(),
        "{}",
        applied.reference
    );
    assert!(!world.org.is_active(&world.jordan));

    world.org.deny(Permission::ViewAllUsers);
    let hidden = look(&world, &salesforce, &world.account(), DEACTIVATE).await;
    assert!(matches!(hidden, Observation::Unknown(why) if why.contains("View All Users")));
}

#[tokio::test]
async fn one_look_answers_the_whole_dismantling() {
    let world = World::new();
    let salesforce = world.connect(None);
    let names = [
        "salesforce/remove-entitlements",
        "salesforce/freeze",
        DEACTIVATE,
        "salesforce/end-sessions",
    ];
    let seen = salesforce
        .observe(&world.clock.call(), Some(&world.account()), &uses(&names))
        .await
        .unwrap();
    let values: Vec<&Value> = seen.iter().map(|one| &known(one).value).collect();
    assert_eq!(
        values,
        [
            &json!({ "entitlements": [] }),
            &json!({ "frozen": false }),
            &json!({ "active": true }),
            &json!({ "sessions": "some" }),
        ]
    );
    assert_eq!(world.org.calls().len(), 5, "a token and four looks");
}
