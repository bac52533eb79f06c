//! Taking records back.

use super::*;

#[tokio::test]
async fn all_is_as_it_was_and_a_second_time_changes_nothing() {
    let world = World::new();
    world.org.enable_teams();
    let accounts = world.seed("Account", 5, |_| json!({ "Name": "A" }));
    let contacts = world.seed(
        "Contact",
        230,
        |place| json!({ "LastName": "C", "AccountId": accounts[place % 5] }),
    );
    world.seed("Project__c", 2, |_| json!({ "Name": "P", "Reviewer__c": world.jordan }));
    world
        .org
        .seed_records("AccountTeamMember", 1, |_| {
            json!({ "AccountId": accounts[0], "UserId": world.kim, "TeamMemberRole": "Sponsor", "AccountAccessLevel": "Edit" })
        })
        .unwrap();
    world.org.refuse_by_rule(&contacts[3], "stays");
    let before = String::from_utf8(world.org.snapshot()).unwrap();
    let desk = world.desk();
    let mut with = World::to_sam();
    with["fields"] = json!({ "Project__c.Reviewer__c": "move" });
    let gone = world.run(&desk, HAND_OVER, with.clone()).await;
    gone.check(&desk);
    assert_ne!(String::from_utf8(world.org.snapshot()).unwrap(), before);

    // What the journal says of the change is what takes it back.
    let all = catalogue();
    let change = planned(
        HAND_OVER,
        None,
        &State {
            value: json!({ "handed-over": false }),
            evidence: Value::Null,
        },
        with,
    );
    let undo = all
        .get(HAND_OVER)
        .unwrap()
        .undo(&change, &serde_json::to_value(&gone.done).unwrap());
    let rollcall_model::Undo::By { action, with } = undo else {
        panic!("{undo:?}")
    };
    assert_eq!(action, TAKE_BACK);
    let next = desk.next();
    let back = world.run(&next, TAKE_BACK, with.clone()).await;
    back.check(&next);
    assert_eq!(
        (back.outcome.clone(), back.done.total().moved),
        (Outcome::Changed, gone.done.total().moved)
    );
    assert_eq!(String::from_utf8(world.org.snapshot()).unwrap(), before);
    changed_at_most(&world.org, 2);

    let next = next.next();
    let again = world.run(&next, TAKE_BACK, with).await;
    again.check(&next);
    assert_eq!(again.outcome, Outcome::AlreadySo);
    assert_eq!(again.done.total().kept, gone.done.total().moved);
    changed_at_most(&world.org, 2);
}

#[tokio::test]
async fn only_what_still_belongs_to_whom_we_gave_it_goes_back() {
    let world = World::new();
    let accounts = world.seed("Account", 4, |_| json!({ "Name": "A" }));
    let desk = world.desk();
    let gone = world.run(&desk, HAND_OVER, World::to_sam()).await;
    world
        .org
        .set_record("Account", &accounts[1], json!({ "OwnerId": world.kim }));
    world
        .org
        .set_record("Account", &accounts[2], json!({ "IsDeleted": true }));
    let next = desk.next();
    let back = world
        .run(&next, TAKE_BACK, json!({ "evidence": gone.done.evidence }))
        .await;
    back.check(&next);
    assert_eq!(back.outcome, Outcome::Changed);
    assert_eq!(back.figures("Account", "OwnerId"), [4, 0, 2, 0, 0, 2]);
    assert_eq!(world.owner("Account", &accounts[0]), world.jordan);
    assert_eq!(world.owner("Account", &accounts[1]), world.kim);
    let lines = next.lines(&back.done.evidence);
    let reason = |id: &str| lines.iter().find(|line| line[1] == id).unwrap()[6].clone();
    assert!(reason(&accounts[1]).contains(&world.kim) && reason(&accounts[2]).contains("deleted"));

    // Salesforce gives nothing to somebody inactive: reactivation comes first, and until then it is said.
    let world = World::new();
    world.seed("Account", 2, |_| json!({ "Name": "A" }));
    let desk = world.desk();
    let gone = world.run(&desk, HAND_OVER, World::to_sam()).await;
    world.org.set_active(&world.jordan, false);
    let next = desk.next();
    let back = world
        .run(&next, TAKE_BACK, json!({ "evidence": gone.done.evidence }))
        .await;
    back.check(&next);
    assert_eq!(
        back.tally("Account", "OwnerId").refusals,
        [("INACTIVE_OWNER_OR_USER".to_owned(), 2)].into()
    );
}
