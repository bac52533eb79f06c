//! Who gets the records.

use super::*;

#[tokio::test]
async fn who_may_not_have_an_object_leaves_it_to_the_next() {
    let world = World::new();
    let accounts = world.seed("Account", 2, |_| json!({ "Name": "A" }));
    let leads = world.seed("Lead", 3, |_| json!({ "LastName": "L", "Company": "Corp" }));
    world.org.may_not_read(&world.sam, "Lead");
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed);
    assert_eq!(world.owner("Account", &accounts[1]), world.sam);
    assert_eq!(world.owner("Lead", &leads[2]), world.robin);
    assert_eq!(ended.tally("Lead", "OwnerId").to, [(world.robin.clone(), 3)].into());
    changed_at_most(&world.org, 1);

    // Nobody may: refused with Salesforce's reason, not lost.
    let world = World::new();
    world.seed("Lead", 3, |_| json!({ "LastName": "L", "Company": "Corp" }));
    for user in [&world.sam, &world.robin, &world.kim] {
        world.org.may_not_read(user, "Lead");
    }
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.figures("Lead", "OwnerId"), [3, 0, 0, 0, 3, 0]);
    assert_eq!(
        ended.tally("Lead", "OwnerId").refusals,
        [("TRANSFER_REQUIRES_READ".to_owned(), 3)].into()
    );
}

#[tokio::test]
async fn who_is_leaving_frozen_or_inactive_is_passed_over() {
    let prepare: [fn(&World, &TestDesk); 3] = [
        |world, _| world.org.set_active(&world.sam, false),
        |world, _| world.org.set_frozen(&world.sam, true),
        |world, desk| {
            desk.leaving.lock().unwrap().insert(world.sam.clone());
        },
    ];
    for (place, prepare) in prepare.iter().enumerate() {
        let world = World::new();
        let accounts = world.seed("Account", 1, |_| json!({ "Name": "A" }));
        let desk = world.desk();
        prepare(&world, &desk);
        world.run(&desk, HAND_OVER, World::to_sam()).await;
        assert_eq!(world.owner("Account", &accounts[0]), world.robin, "{place}");
    }
    // The manager, too: up the chain.
    let world = World::new();
    let accounts = world.seed("Account", 1, |_| json!({ "Name": "A" }));
    world.org.set_active(&world.sam, false);
    world.org.set_active(&world.robin, false);
    let desk = world.desk();
    world.run(&desk, HAND_OVER, World::to_sam()).await;
    assert_eq!(world.owner("Account", &accounts[0]), world.kim);
}

#[tokio::test]
async fn a_circle_of_managers_ends_and_nobody_left_is_said() {
    let world = World::new();
    world
        .org
        .set_record("User", &world.kim, json!({ "ManagerId": world.jordan }));
    let accounts = world.seed("Account", 2, |_| json!({ "Name": "A" }));
    for user in [&world.robin, &world.kim] {
        world.org.set_active(user, false);
    }
    let desk = world.desk();
    let ended = world
        .run(
            &desk,
            HAND_OVER,
            json!({ "to": ["successor", "manager", "managers-chain"] }),
        )
        .await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed);
    assert_eq!(ended.figures("Account", "OwnerId"), [2, 0, 0, 0, 2, 0]);
    assert_eq!(
        ended.tally("Account", "OwnerId").refusals,
        [("NO_TARGET".to_owned(), 2)].into()
    );
    let lines = desk.lines(&ended.done.evidence);
    let reason = &lines.iter().find(|line| line[1] == accounts[0]).unwrap()[6];
    for says in ["successor: nobody is named", "manager", "is inactive", "managers-chain"] {
        assert!(reason.contains(says), "{reason}");
    }
    assert_eq!(world.org.owner_changes(), [].into());
}

#[tokio::test]
async fn objects_have_their_own_targets_and_look_ups_move_where_told() {
    let world = World::new();
    let queue = world.org.add_queue("Support", &["Case"]);
    let cases = world.seed("Case", 2, |_| json!({ "Subject": "S", "Status": "New" }));
    let accounts = world.seed("Account", 1, |_| json!({ "Name": "A" }));
    let projects = world.seed(
        "Project__c",
        2,
        |_| json!({ "Name": "P", "Reviewer__c": world.jordan, "Backup_Owner__c": world.jordan }),
    );
    let desk = world.desk();
    let with = json!({
        "to": ["user:kim@corp.example"],
        "objects": { "Case": "queue:Support", "Account": ["queue:Support", "manager"], "Nothing__c": "manager" },
        "fields": { "Project__c.Reviewer__c": "move", "Project__c.Nobody__c": "move" },
    });
    let ended = world.run(&desk, HAND_OVER, with).await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed, "{:#?}", ended.done);
    assert_eq!(
        world.owner("Case", &cases[0]),
        queue,
        "{:#?}",
        desk.lines(&ended.done.evidence)
    );
    assert_eq!(world.owner("Account", &accounts[0]), world.robin);
    let project = world.org.record("Project__c", &projects[0]).unwrap();
    assert_eq!(
        (
            &project["OwnerId"],
            &project["Reviewer__c"],
            &project["Backup_Owner__c"]
        ),
        (&json!(world.kim), &json!(world.kim), &json!(world.jordan))
    );
    assert_eq!(ended.figures("Project__c", "Reviewer__c"), [2, 0, 2, 0, 0, 0]);
    assert_eq!(ended.figures("Project__c", "Backup_Owner__c"), [2, 0, 0, 2, 0, 0]);
    for says in ["Nothing__c", "Project__c.Nobody__c"] {
        assert!(
            ended.done.notes.iter().any(|note| note.contains(says)),
            "{:?}",
            ended.done.notes
        );
    }
}
