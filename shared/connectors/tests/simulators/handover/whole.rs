//! A whole hand-over.

use super::*;

#[tokio::test]
async fn everything_changes_hands_or_is_named() {
    let world = World::new();
    let org = &world.org;
    org.enable_teams();
    let accounts = world.seed("Account", 4, |place| json!({ "Name": format!("A{place}") }));
    let contacts = world.seed(
        "Contact",
        250,
        |place| json!({ "LastName": "C", "AccountId": accounts[place % 4] }),
    );
    let stages = ["Prospecting", "Closed Won"];
    let deals = world.seed("Opportunity", 6, |place| {
        json!({ "Name": "O", "StageName": stages[place % 2], "CloseDate": "2026-05-01", "AccountId": accounts[0] })
    });
    let cases = world.seed(
        "Case",
        3,
        |place| json!({ "Subject": "S", "Status": if place == 0 { "Closed" } else { "New" } }),
    );
    let leads = world.seed(
        "Lead",
        3,
        |place| json!({ "LastName": "L", "Company": "Corp", "Status": "Open", "IsConverted": place == 1 }),
    );
    world.seed(
        "Event",
        2,
        |place| json!({ "Subject": "E", "EndDateTime": format!("2026-0{}-01T08:00:00.000+0000", 2 + place * 2) }),
    );
    let projects = world.seed("Project__c", 3, |_| json!({ "Name": "P", "Account__c": accounts[1] }));
    // Reviewed, not owned; and owned and reviewed.
    org.seed_records(
        "Project__c",
        2,
        |_| json!({ "Name": "R", "OwnerId": world.kim, "Reviewer__c": world.jordan }),
    )
    .unwrap();
    org.set_record("Project__c", &projects[0], json!({ "Reviewer__c": world.jordan }));
    world.seed(
        "Invoice__c",
        2,
        |_| json!({ "Project__c": projects[0], "Approver__c": world.jordan }),
    );

    let members = [&world.kim, &world.jordan].map(|user| {
        json!({ "AccountId": accounts[0], "UserId": user, "TeamMemberRole": "Sponsor", "AccountAccessLevel": "Edit" })
    });
    for member in members {
        org.seed_records("AccountTeamMember", 1, |_| member.clone()).unwrap();
    }
    let queue = org.add_queue("Support", &["Case"]);
    org.set_assignment_rule("Case", Some(&queue));
    org.lock_row(&contacts[7], 2);
    org.approval_lock(&projects[1]);
    for deal in [&deals[0], &deals[2]] {
        org.refuse_by_rule(deal, "Deals in \"Legal Hold\", stay");
    }

    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed, "{:#?}", ended.done);
    assert!(ended.done.is_whole());
    for (object, field, figures) in [
        ("Account", "OwnerId", [4, 0, 4, 0, 0, 0]),
        ("Contact", "OwnerId", [250, 0, 250, 0, 0, 0]),
        ("Opportunity", "OwnerId", [6, 0, 1, 3, 2, 0]),
        ("Case", "OwnerId", [3, 0, 2, 1, 0, 0]),
        ("Lead", "OwnerId", [3, 0, 2, 1, 0, 0]),
        ("Event", "OwnerId", [2, 0, 1, 1, 0, 0]),
        ("Project__c", "OwnerId", [3, 0, 2, 0, 1, 0]),
        ("Project__c", "Reviewer__c", [3, 0, 0, 3, 0, 0]),
        ("Invoice__c", "Approver__c", [2, 0, 0, 2, 0, 0]),
    ] {
        assert_eq!(ended.figures(object, field), figures, "{object}.{field}");
    }
    changed_at_most(org, 1);
    // The order of work: what others hang on comes first.
    let order: Vec<&str> = ended.done.tallies.iter().map(|tally| tally.object.as_str()).collect();
    let place = |name: &str| order.iter().position(|one| *one == name).unwrap();
    assert!(
        place("Account") < place("Contact") && place("Contact") < place("Opportunity"),
        "{order:?}"
    );
    assert!(
        place("Lead") < place("Project__c") && place("Project__c") < place("Event"),
        "{order:?}"
    );
    // The assignment rule was kept away, the team is whole but for the leaver.
    assert_eq!(world.owner("Case", &cases[2]), world.sam);
    assert_eq!(world.owner("Lead", &leads[1]), world.jordan);
    assert_eq!(org.records_of("AccountTeamMember", "UserId", &world.kim).len(), 1);
    assert_eq!(org.records_of("AccountTeamMember", "UserId", &world.jordan).len(), 0);
    // Reasons are Salesforce's own, exactly.
    let lines = desk.lines(&ended.done.evidence);
    let refused = lines.iter().find(|line| line[1] == deals[0]).unwrap();
    assert_eq!(refused[3..5], [world.jordan.clone(), world.sam.clone()]);
    assert_eq!(
        refused[6],
        "\"FIELD_CUSTOM_VALIDATION_EXCEPTION: Deals in \"\"Legal Hold\"\", stay\""
    );
    assert_eq!(ended.tally("Project__c", "OwnerId").refusals["ENTITY_IS_LOCKED"], 1);
    assert_eq!(ended.tally("Account", "OwnerId").to[&world.sam], 4);
    assert!(
        ended
            .done
            .notes
            .iter()
            .any(|note| note.contains("2 × FIELD_CUSTOM_VALIDATION_EXCEPTION"))
    );
    println!(
        "250 contacts and 23 other records: {} calls, {} saves",
        org.calls().len(),
        desk.said.lock().unwrap().len()
    );
}

#[tokio::test]
async fn calls_are_counted() {
    let world = World::new();
    for place in 0..60 {
        let prefix = format!("b{}{}", char::from(b'A' + place / 26), char::from(b'A' + place % 26));
        world.org.add_custom_object(&format!("Thing_{place}__c"), &prefix, &[]);
    }
    world.seed("Account", 3, |_| json!({ "Name": "A" }));
    world.seed("Thing_7__c", 2, |_| json!({ "Name": "T" }));
    let candidates = 60 + 14;
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    assert_eq!((ended.outcome.clone(), ended.done.total().moved), (Outcome::Changed, 5));
    let cold = world.org.calls().len();
    assert!(
        cold * 10 <= 400 + 12 * candidates,
        "{cold} calls for {candidates} objects"
    );

    // Descriptions are kept for a day, and there is nothing left to do.
    let warm = desk.next();
    *warm.kept.lock().unwrap() = desk.kept.lock().unwrap().clone();
    world.org.clear_calls();
    let again = world.run(&warm, HAND_OVER, World::to_sam()).await;
    assert_eq!(again.outcome, Outcome::AlreadySo);
    let second = world.org.calls().len();
    assert!(
        second * 10 <= 100 + 3 * candidates,
        "{second} calls for {candidates} objects"
    );
    println!("{candidates} candidate objects: {cold} calls with cold descriptions, {second} with kept ones");
}

#[tokio::test]
async fn what_comes_meanwhile_is_handed_over_too() {
    let world = World::new();
    world.seed("Account", 3, |_| json!({ "Name": "A" }));
    let desk = world.desk();
    let (org, jordan) = (world.org.clone(), world.jordan.clone());
    let mut left = 2;
    *desk.on_save.lock().unwrap() = Some(Box::new(move |what| {
        if left > 0 && what.contains("is through") {
            left -= 1;
            org.seed_records(
                "Lead",
                1,
                |_| json!({ "LastName": "L", "Company": "Corp", "OwnerId": jordan }),
            )
            .unwrap();
        }
    }));
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed, "{:#?}", ended.done);
    assert_eq!(ended.figures("Lead", "OwnerId"), [0, 2, 2, 0, 0, 0]);
    assert!(!world.org.owned_by(&world.jordan).contains_key("Lead"));

    // When they never stop coming, that is said.
    let world = World::new();
    world.seed("Account", 1, |_| json!({ "Name": "A" }));
    let desk = world.desk();
    let (org, jordan) = (world.org.clone(), world.jordan.clone());
    *desk.on_save.lock().unwrap() = Some(Box::new(move |what| {
        if what.contains("is through") {
            org.seed_records(
                "Lead",
                1,
                |_| json!({ "LastName": "L", "Company": "Corp", "OwnerId": jordan }),
            )
            .unwrap();
        }
    }));
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert!(
        matches!(&ended.outcome, Outcome::Unknown(why) if why.contains("not inspected: Lead")),
        "{:?}",
        ended.outcome
    );
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_never_green() {
    let world = World::new();
    world.seed("Account", 2, |_| json!({ "Name": "A" }));
    world.seed("Contract", 1, |_| json!({ "Status": "Draft" }));
    world.org.refuse_queries("Contract");
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.figures("Account", "OwnerId"), [2, 0, 2, 0, 0, 0]);
    assert!(
        ended
            .tally("Contract", "OwnerId")
            .uninspected
            .as_ref()
            .unwrap()
            .starts_with("INSUFFICIENT_ACCESS")
    );
    assert!(
        matches!(&ended.outcome, Outcome::Unknown(why) if why.contains("Contract")),
        "{:?}",
        ended.outcome
    );
    assert!(!ended.done.is_whole());
}

#[tokio::test]
async fn it_waits_while_the_org_has_few_calls_left_and_while_writes_are_stopped() {
    let world = World::new();
    world.seed("Account", 2, |_| json!({ "Name": "A" }));
    world.org.set_daily_limit(1_000);
    world.org.use_calls(950);
    let desk = world.desk();
    let salesforce = world.connect(&desk);
    let change = planned(
        HAND_OVER,
        Some(AccountRef::new("sf-us", &world.jordan)),
        &State {
            value: json!({ "handed-over": false }),
            evidence: Value::Null,
        },
        World::to_sam(),
    );
    let stands = salesforce.advance(&change, "m", None, &desk).await.unwrap();
    assert!(
        matches!(&stands, Advance::Later { after, why } if *after == Duration::from_mins(15) && why.contains("calls of the day")),
        "{stands:?}"
    );
    assert!(desk.saved.lock().unwrap().is_none());

    let world = World::new();
    let accounts = world.seed("Account", 2, |_| json!({ "Name": "A" }));
    let desk = world.desk();
    *desk.stop.lock().unwrap() = Some("paused by an operator".to_owned());
    let salesforce = world.connect(&desk);
    let stands = loop {
        let saved = desk.saved.lock().unwrap().clone();
        match salesforce.advance(&change, "m", saved.as_ref(), &desk).await.unwrap() {
            Advance::More => {}
            other => break other,
        }
    };
    assert!(
        matches!(&stands, Advance::Later { why, .. } if why == "paused by an operator"),
        "{stands:?}"
    );
    assert_eq!(world.owner("Account", &accounts[0]), world.jordan);
    *desk.stop.lock().unwrap() = None;
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    assert_eq!(ended.figures("Account", "OwnerId"), [2, 0, 2, 0, 0, 0]);
}

#[tokio::test]
async fn looking_costs_nothing_and_our_own_user_is_refused() {
    let world = World::new();
    let desk = world.desk();
    let salesforce = world.connect(&desk);
    let account = AccountRef::new("sf-us", &world.jordan);
    let seen = salesforce
        .observe(
            &world.clock.call(),
            Some(&account),
            &uses(&[HAND_OVER, "salesforce/freeze", TAKE_BACK]),
        )
        .await
        .unwrap();
    let values: Vec<Value> = seen.iter().map(|one| known(one).value.clone()).collect();
    assert_eq!(
        values,
        [
            json!({ "handed-over": false }),
            json!({ "frozen": false }),
            json!({ "handed-over": true })
        ]
    );
    world.org.clear_calls();
    salesforce
        .observe(&world.clock.call(), Some(&account), &uses(&[HAND_OVER]))
        .await
        .unwrap();
    assert_eq!(world.org.calls().len(), 0);
    let own = world.org.user_id("rollcall@corp.example").unwrap();
    let seen = salesforce
        .observe(
            &world.clock.call(),
            Some(&AccountRef::new("sf-us", &own)),
            &uses(&[HAND_OVER]),
        )
        .await
        .unwrap();
    assert_eq!(known(&seen[0]).value, json!({ "ours": true }));
}
