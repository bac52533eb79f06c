//! The last administrator, and a revocation that is refused in part.

use super::*;

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
