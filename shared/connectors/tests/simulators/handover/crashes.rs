//! The process ends at each thing that it does, and another one goes on.

use super::*;

/// An org in which each way of ending up occurs.
fn company() -> World {
    let world = World::new();
    world.org.enable_teams();
    let accounts = world.seed("Account", 3, |_| json!({ "Name": "A" }));
    let contacts = world.seed(
        "Contact",
        205,
        |place| json!({ "LastName": "C", "AccountId": accounts[place % 3] }),
    );
    world.seed(
        "Lead",
        2,
        |place| json!({ "LastName": "L", "Company": "Corp", "IsConverted": place == 1 }),
    );
    world
        .org
        .seed_records("AccountTeamMember", 1, |_| {
            json!({ "AccountId": accounts[0], "UserId": world.kim, "TeamMemberRole": "Sponsor", "AccountAccessLevel": "Edit" })
        })
        .unwrap();
    world.org.lock_row(&contacts[1], 1);
    world.org.refuse_by_rule(&contacts[2], "stays");
    world.org.may_not_read(&world.sam, "Lead");
    world
}

fn judge(world: &World, desk: &TestDesk, ended: &Ended, at: usize, cut: Cut) {
    ended.check(desk);
    assert!(!desk.fuse.is_blown());
    assert_eq!(ended.outcome, Outcome::Changed, "{at} {cut:?}");
    for (object, figures) in [
        ("Account", [3, 0, 3, 0, 0, 0]),
        ("Contact", [205, 0, 204, 0, 1, 0]),
        ("Lead", [2, 0, 1, 1, 0, 0]),
    ] {
        assert_eq!(ended.figures(object, "OwnerId"), figures, "{object} {at} {cut:?}");
    }
    changed_at_most(&world.org, 1);
    assert_eq!(
        world.org.records_of("AccountTeamMember", "UserId", &world.kim).len(),
        1,
        "{at} {cut:?}"
    );
}

#[tokio::test]
async fn wherever_a_hand_over_ends_another_process_finishes_it() {
    let world = company();
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    judge(&world, &desk, &ended, 0, Cut::Before);
    let things = desk.fuse.count();
    for at in 0..things {
        for cut in [Cut::Before, Cut::After] {
            let world = company();
            let desk = world.desk();
            desk.fuse.set(at, cut);
            let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
            judge(&world, &desk, &ended, at, cut);
        }
    }
    println!("{things} calls, saves and stores, each cut before and after");
}

#[tokio::test]
async fn wherever_a_taking_back_ends_another_process_finishes_it() {
    let mut at = 0;
    loop {
        let mut through = true;
        for cut in [Cut::Before, Cut::After] {
            let world = company();
            let before = String::from_utf8(world.org.snapshot()).unwrap();
            let desk = world.desk();
            let gone = world.run(&desk, HAND_OVER, World::to_sam()).await;
            let next = desk.next();
            next.fuse.set(at, cut);
            let back = world
                .run(&next, TAKE_BACK, json!({ "evidence": gone.done.evidence }))
                .await;
            back.check(&next);
            assert_eq!(back.done.total().moved, gone.done.total().moved, "{at} {cut:?}");
            assert_eq!(String::from_utf8(world.org.snapshot()).unwrap(), before, "{at} {cut:?}");
            changed_at_most(&world.org, 2);
            through &= next.fuse.count() <= at;
        }
        if through {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "{at}");
}
