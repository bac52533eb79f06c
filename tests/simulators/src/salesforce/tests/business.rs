//! Owning records, and giving them to somebody else.

use http::Method;
use serde_json::{Value, json};

use super::super::{Changes, SeedError, UserSeed, id18};
use super::{World, code, world};

impl World {
    /// A collection of owner changes: each result's code, or `ok`.
    fn give(&self, object: &str, ids: &[String], owner: &str) -> Vec<String> {
        let records: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "attributes": { "type": object }, "id": id, "OwnerId": owner }))
            .collect();
        let (status, body) = self.rest(
            Method::PATCH,
            "/composite/sobjects",
            &json!({ "allOrNone": false, "records": records }),
        );
        assert_eq!(status, 200, "{body}");
        body.as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["errors"][0]["statusCode"].as_str().unwrap_or("ok").to_owned())
            .collect()
    }

    fn seeded(&self, object: &str, count: usize) -> Vec<String> {
        let fields = |place: usize| match object {
            "Lead" => json!({ "LastName": format!("L{place}"), "Company": "Corp", "OwnerId": self.leaver }),
            "Contact" => json!({ "LastName": format!("C{place}"), "OwnerId": self.leaver }),
            "Task" | "Event" | "Case" => json!({ "Subject": format!("S{place}"), "OwnerId": self.leaver }),
            _ => json!({ "Name": format!("N{place}"), "OwnerId": self.leaver }),
        };
        self.org.seed_records(object, count, fields).unwrap().ids().collect()
    }

    fn owner(&self, object: &str, id: &str) -> String {
        self.org.record(object, id).unwrap()["OwnerId"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn the_list_and_the_describe_of_a_user_name_what_points_at_it() {
    let world = world();
    let (_, list) = world.get("/sobjects");
    let entry = |name: &str| {
        let all = list["sobjects"].as_array().unwrap();
        all.iter()
            .find(|entry| entry["name"] == name)
            .cloned()
            .unwrap_or(Value::Null)
    };
    assert_eq!(entry("AccountShare")["associateEntityType"], "Share");
    assert_eq!(entry("AccountShare")["associateParentEntity"], "Account");
    assert_eq!(entry("Project__ChangeEvent")["queryable"], false);
    assert_eq!(entry("Project__ChangeEvent")["keyPrefix"], Value::Null);
    assert_eq!(entry("AccountFeed")["associateEntityType"], Value::Null);
    assert_eq!(entry("Routing__c")["customSetting"], true);
    assert_eq!(entry("Old_Request__c")["deprecatedAndHidden"], true);
    assert_eq!(entry("AccountTeamMember"), Value::Null);

    let (_, user) = world.get("/sobjects/User/describe");
    let points = |object: &str, field: &str| {
        let all = user["childRelationships"].as_array().unwrap();
        all.iter()
            .find(|child| child["childSObject"] == object && child["field"] == field)
            .cloned()
            .unwrap_or(Value::Null)
    };
    for (object, field) in [
        ("Account", "OwnerId"),
        ("Account", "LastModifiedById"),
        ("AccountShare", "UserOrGroupId"),
        ("AccountHistory", "CreatedById"),
        ("CaseChangeEvent", "OwnerId"),
        ("Project__c", "Reviewer__c"),
        ("Invoice__c", "Approver__c"),
        ("User", "ManagerId"),
    ] {
        assert_eq!(points(object, field)["childSObject"], object, "{object}.{field}");
    }
    assert_eq!(points("Account", "OwnerId")["relationshipName"], Value::Null);
    assert_eq!(
        points("Project__c", "Backup_Owner__c")["relationshipName"],
        "Backed_Up_Projects__r"
    );
    assert_eq!(points("Old_Request__c", "OwnerId")["deprecatedAndHidden"], true);
    assert_eq!(points("Invoice__c", "OwnerId"), Value::Null);

    let owners = |object: &str| {
        let (_, body) = world.get(&format!("/sobjects/{object}/describe"));
        let fields = body["fields"].as_array().unwrap().clone();
        fields
            .into_iter()
            .find(|field| field["name"] == "OwnerId")
            .map(|field| field["referenceTo"].clone())
    };
    assert_eq!(owners("Account"), Some(json!(["User"])));
    assert_eq!(owners("Case"), Some(json!(["Group", "User"])));
    assert_eq!(owners("Invoice__c"), None);
    assert_eq!(owners("Product2"), None);
}

#[test]
fn a_description_is_dated_and_changes_with_the_objects() {
    let world = world();
    let bearer = format!("Bearer {}", world.token);
    let describe = |since: &str| {
        let headers = [("authorization", bearer.as_str()), ("if-modified-since", since)];
        let answer = world.send(Method::GET, "/services/data/v66.0/sobjects/User/describe", &headers, "");
        let modified = answer.headers()["last-modified"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), modified)
    };
    let (status, first) = describe("Mon, 02 Mar 2020 09:00:00 GMT");
    assert_eq!((status, describe(&first).0), (200, 304));
    world.org.enable_teams();
    let (status, second) = describe(&first);
    assert_eq!((status, describe(&second).0), (200, 304));
    world.org.hide_object("Case");
    assert_eq!(describe(&second).0, 200);
}

#[test]
fn one_statement_over_all_look_ups_counts_and_pages() {
    let world = world();
    let projects = world
        .org
        .seed_records("Project__c", 40, |place| {
            let (owner, reviewer) = match place % 4 {
                0 => (&world.leaver, None),
                1 => (&world.admin, Some(&world.leaver)),
                2 => (&world.leaver, Some(&world.leaver)),
                _ => (&world.admin, None),
            };
            json!({ "Name": format!("P{place}"), "OwnerId": owner, "Reviewer__c": reviewer, "Status__c": "Running" })
        })
        .unwrap();
    let leaver = &world.leaver;
    let held = format!("(OwnerId = '{leaver}' OR Reviewer__c = '{leaver}' OR Backup_Owner__c = '{leaver}')");
    let count = world.query(&format!("SELECT COUNT() FROM Project__c WHERE {held}"));
    assert_eq!(count["totalSize"], 30);
    let mut seen = Vec::new();
    let mut last = "000000000000000".to_owned();
    loop {
        let page = world.ids(&format!(
            "SELECT Id, OwnerId, Reviewer__c FROM Project__c WHERE {held} AND Id > '{last}' ORDER BY Id LIMIT 7"
        ));
        let Some(end) = page.last() else { break };
        last.clone_from(end);
        seen.extend(page);
    }
    let expected: Vec<String> = (0..40)
        .filter(|place| place % 4 != 3)
        .map(|place| projects.id(place))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(
        world.ids(&format!(
            "SELECT Id FROM Project__c WHERE Id IN ('{}', '{}') AND {held}",
            projects.id(3),
            projects.id(4)
        )),
        [projects.id(4)]
    );
    let named = world.query(
        "SELECT Id, Owner.Name, Account__r.Name FROM Project__c WHERE Status__c = 'running' ORDER BY Name DESC LIMIT 1",
    );
    assert_eq!(named["records"][0]["Owner"]["Name"], "admin");
    assert_eq!(named["records"][0]["Account__r"], Value::Null);
}

#[test]
fn open_is_told_by_switches_and_dates() {
    let world = world();
    let leaver = &world.leaver;
    let stages = ["Prospecting", "Closed Won", "Closed Lost"];
    world
        .org
        .seed_records("Opportunity", 6, |place| {
            json!({ "Name": "O", "StageName": stages[place % 3], "CloseDate": "2026-03-02", "Amount": 10.5, "OwnerId": leaver })
        })
        .unwrap();
    let count = |soql: &str| world.query(soql)["totalSize"].as_u64().unwrap();
    assert_eq!(
        count(&format!(
            "SELECT COUNT() FROM Opportunity WHERE OwnerId = '{leaver}' AND IsClosed = false"
        )),
        2
    );
    assert_eq!(
        count("SELECT COUNT() FROM Opportunity WHERE IsWon = true AND CloseDate = TODAY AND Amount > 10"),
        2
    );
    assert_eq!(count("SELECT COUNT() FROM Opportunity WHERE CloseDate < 2026-03-02"), 0);
    world
        .org
        .seed_records("Event", 3, |place| {
            let day = ["2026-03-01", "2026-03-02", "2026-04-01"][place];
            json!({ "Subject": "E", "OwnerId": leaver, "EndDateTime": format!("{day}T08:00:00.000+0000") })
        })
        .unwrap();
    assert_eq!(count("SELECT COUNT() FROM Event WHERE EndDateTime >= TODAY"), 2);
    assert_eq!(count("SELECT COUNT() FROM Event WHERE EndDateTime > TODAY"), 1);
    assert_eq!(
        count("SELECT COUNT() FROM Event WHERE EndDateTime >= 2026-03-02T09:00:00Z"),
        1
    );
    assert_eq!(count("SELECT COUNT() FROM Event WHERE EndDateTime = LAST_N_DAYS:1"), 2);
    let old = world.seeded("Task", 2);
    world.org.set_record("Task", &old[0], json!({ "IsArchived": true }));
    assert_eq!(count("SELECT COUNT() FROM Task"), 1);
    let (_, all) = world.get("/queryAll?q=SELECT+COUNT()+FROM+Task");
    assert_eq!(all["totalSize"], 2);
    assert_eq!(world.give("Task", &old, &world.admin), ["ENTITY_IS_ARCHIVED", "ok"]);
}

#[test]
fn a_new_owner_is_active_and_reads_the_object() {
    let world = world();
    let accounts = world.seeded("Account", 1);
    let asleep = world.org.add_user(UserSeed {
        is_active: false,
        ..UserSeed::new("asleep@corp.example")
    });
    let chatter = world.org.add_user(UserSeed {
        user_type: "CsnOnly",
        ..UserSeed::new("chatter@corp.example")
    });
    let kept_away = world.org.add_user(UserSeed::new("away@corp.example"));
    world.org.may_not_read(&kept_away, "Account");
    let nobody = id18("0055f00000ZZZZ1").unwrap();
    for (owner, expected) in [
        (&asleep, "INACTIVE_OWNER_OR_USER"),
        (&chatter, "TRANSFER_REQUIRES_READ"),
        (&world.integration, "TRANSFER_REQUIRES_READ"),
        (&kept_away, "TRANSFER_REQUIRES_READ"),
        (&nobody, "INVALID_CROSS_REFERENCE_KEY"),
        (&world.admin, "ok"),
    ] {
        assert_eq!(world.give("Account", &accounts, owner), [expected], "{owner}");
    }
    assert_eq!(world.owner("Account", &accounts[0]), world.admin);
    assert_eq!(world.give("Contact", &world.seeded("Contact", 1), &kept_away), ["ok"]);
    world.org.set_inactive_owners_writable(false);
    world.org.set_active(&world.leaver, false);
    assert_eq!(
        world.give("Lead", &world.seeded("Lead", 1), &world.admin),
        ["INACTIVE_OWNER_OR_USER"]
    );
    world.org.set_inactive_owners_writable(true);
    assert_eq!(world.give("Lead", &world.seeded("Lead", 1), &world.admin), ["ok"]);
}

#[test]
fn a_queue_owns_what_it_is_made_for() {
    let world = world();
    let queue = world.org.add_queue("Support", &["Case"]);
    let group = world
        .org
        .add_record("Group", json!({ "Name": "Everyone", "Type": "Regular" }));
    let cases = world.seeded("Case", 1);
    assert_eq!(world.give("Case", &cases, &group), ["INVALID_OPERATION"]);
    assert_eq!(
        world.give("Lead", &world.seeded("Lead", 1), &queue),
        ["INVALID_OPERATION"]
    );
    assert_eq!(
        world.give("Account", &world.seeded("Account", 1), &queue),
        ["FIELD_INTEGRITY_EXCEPTION"]
    );
    assert_eq!(world.give("Case", &cases, &queue), ["ok"]);
    assert_eq!(world.org.owned_by(&queue), [("Case".to_owned(), 1)].into());
    assert_eq!(
        world
            .ids("SELECT Id FROM QueueSobject WHERE SobjectType = 'Case'")
            .len(),
        1
    );
}

#[test]
fn what_stands_in_the_way_of_one_record_leaves_the_others_alone() {
    let world = world();
    let leads = world.seeded("Lead", 8);
    world.org.lock_row(&leads[1], 2);
    world.org.approval_lock(&leads[2]);
    world.org.refuse_by_rule(&leads[3], "Leads in \"Legal Hold\" stay");
    world.org.set_record("Lead", &leads[4], json!({ "IsConverted": true }));
    world.org.hide_record(&leads[5]);
    assert_eq!(world.delete("Lead", &leads[6]).0, 204);
    let (locked, rest) = ("UNABLE_TO_LOCK_ROW", "ok");
    let expected = |second| {
        [
            "ok",
            second,
            "ENTITY_IS_LOCKED",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "CANNOT_UPDATE_CONVERTED_LEAD",
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "ENTITY_IS_DELETED",
            "ok",
        ]
    };
    for second in [locked, locked, rest] {
        assert_eq!(world.give("Lead", &leads, &world.admin), expected(second));
    }
    assert_eq!(world.query("SELECT COUNT() FROM Lead")["totalSize"], 6);
    assert_eq!(world.get("/queryAll?q=SELECT+COUNT()+FROM+Lead").1["totalSize"], 7);
    world.org.end_approval(&leads[2]);
    world.org.allow_by_rule(&leads[3]);
    assert_eq!(world.give("Lead", &leads[2..4], &world.admin), ["ok", "ok"]);
    let once = Changes {
        records: 5,
        changes: 5,
        most: 1,
    };
    assert_eq!(world.org.owner_changes(), [("Lead.OwnerId".to_owned(), once)].into());
}

#[test]
fn an_approval_locks_the_details_too() {
    let world = world();
    let project = world.seeded("Project__c", 1).remove(0);
    let invoice = world
        .org
        .seed_records(
            "Invoice__c",
            1,
            |_| json!({ "Name": "I", "Project__c": project, "Approver__c": world.leaver }),
        )
        .unwrap()
        .id(0);
    world.org.approval_lock(&project);
    let change = json!({ "Approver__c": world.admin });
    let (status, body) = world.patch("Invoice__c", &invoice, &change);
    assert_eq!((status, code(&body)), (400, "ENTITY_IS_LOCKED"));
    world.org.end_approval(&project);
    assert_eq!(world.patch("Invoice__c", &invoice, &change).0, 204);
    assert_eq!(world.org.referred_by(&world.admin)["Invoice__c.Approver__c"], 1);
    assert_eq!(world.org.counters().get("change-look-up"), 1);
    assert_eq!(world.delete("Project__c", &project).0, 204);
    assert_eq!(world.query("SELECT COUNT() FROM Invoice__c")["totalSize"], 0);
}

#[test]
fn a_change_of_owner_ends_the_team() {
    let world = world();
    let (status, body) = world.get("/query?q=SELECT+Id+FROM+AccountTeamMember");
    assert_eq!((status, code(&body)), (400, "INVALID_TYPE"));
    world.org.enable_teams();
    let account = world.seeded("Account", 1).remove(0);
    let member = json!({ "AccountId": account, "UserId": world.admin, "TeamMemberRole": "Sponsor", "AccountAccessLevel": "Edit" });
    assert_eq!(world.rest(Method::POST, "/sobjects/AccountTeamMember", &member).0, 201);
    let (status, body) = world.rest(Method::POST, "/sobjects/AccountTeamMember", &member);
    assert_eq!((status, code(&body)), (400, "DUPLICATE_VALUE"));
    let before = world.org.snapshot();
    assert_eq!(
        world.give("Account", std::slice::from_ref(&account), &world.admin),
        ["ok"]
    );
    assert!(world.ids("SELECT Id FROM AccountTeamMember").is_empty());
    assert_ne!(world.org.snapshot(), before);
    // Back with the old owner, and the team put back under new ids: nothing differs but stamps.
    assert_eq!(world.give("Account", &[account], &world.leaver), ["ok"]);
    assert_eq!(world.rest(Method::POST, "/sobjects/AccountTeamMember", &member).0, 201);
    assert_eq!(
        String::from_utf8(world.org.snapshot()).unwrap(),
        String::from_utf8(before).unwrap()
    );
    assert_eq!(world.org.fingerprint().len(), 64);
}

#[test]
fn an_assignment_rule_takes_what_it_is_not_kept_from() {
    let world = world();
    let queue = world.org.add_queue("Support", &["Case"]);
    world.org.set_assignment_rule("Case", Some(&queue));
    let cases = world.seeded("Case", 2);
    let bearer = format!("Bearer {}", world.token);
    let kept = |id: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("sforce-auto-assign", "FALSE"),
        ];
        let body = json!({ "OwnerId": world.admin }).to_string();
        let target = format!("/services/data/v66.0/sobjects/Case/{id}");
        world.send(Method::PATCH, &target, &headers, &body).status().as_u16()
    };
    assert_eq!(kept(&cases[0]), 204);
    assert_eq!(world.give("Case", &cases[1..], &world.admin), ["ok"]);
    assert_eq!(world.owner("Case", &cases[0]), world.admin);
    assert_eq!(world.owner("Case", &cases[1]), queue);
    assert_eq!(world.org.counters().get("assignment-rule"), 1);
}

#[test]
fn objects_that_the_caller_may_not_use() {
    let world = world();
    let cases = world.seeded("Case", 1);
    world.org.refuse_queries("Contract");
    world.org.demand_filter("ContentDocument");
    world.org.refuse_edits("Case");
    world.org.hide_object("Visit__c");
    for (object, expected) in [
        ("Contract", "INSUFFICIENT_ACCESS"),
        ("ContentDocument", "MALFORMED_QUERY"),
        ("Visit__c", "INVALID_TYPE"),
        ("AccountChangeEvent", "INVALID_TYPE_FOR_OPERATION"),
    ] {
        let (status, body) = world.get(&format!("/query?q=SELECT+COUNT()+FROM+{object}"));
        assert!(status >= 400 && code(&body) == expected, "{object}: {body}");
    }
    assert_eq!(world.get("/sobjects/Visit__c/describe").0, 404);
    assert_eq!(world.get("/sobjects/Contract/describe").0, 200);
    let (_, user) = world.get("/sobjects/User/describe");
    let children = user["childRelationships"].as_array().unwrap();
    assert!(!children.iter().any(|child| child["childSObject"] == "Visit__c"));
    assert_eq!(
        world.give("Case", &cases, &world.admin),
        ["INSUFFICIENT_ACCESS_OR_READONLY"]
    );
    world.org.show_object("Visit__c");
    assert_eq!(world.get("/query?q=SELECT+COUNT()+FROM+Visit__c").0, 200);
}

#[test]
fn a_collection_rolls_back_whole_and_refuses_setup_objects_beside_business() {
    let world = world();
    let accounts = world.seeded("Account", 2);
    world.org.refuse_by_rule(&accounts[1], "stays");
    let record = |id: &str| json!({ "attributes": { "type": "Account" }, "id": id, "OwnerId": world.admin });
    let before = world.org.snapshot();
    let body = json!({ "allOrNone": true, "records": [record(&accounts[0]), record(&accounts[1])] });
    let (_, results) = world.rest(Method::PATCH, "/composite/sobjects", &body);
    assert_eq!(
        results[0]["errors"][0]["statusCode"],
        "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    );
    assert_eq!(results[1]["errors"][0]["fields"], json!(["OwnerId"]));
    assert_eq!(world.org.snapshot(), before);
    assert!(world.org.owner_changes().is_empty() && world.org.counters().get("change-owner") == 0);
    let user = json!({ "attributes": { "type": "User" }, "id": world.leaver, "Title": "X" });
    let body = json!({ "records": [record(&accounts[0]), user] });
    let (status, refused) = world.rest(Method::PATCH, "/composite/sobjects", &body);
    assert_eq!((status, code(&refused)), (400, "MIXED_DML_OPERATION"));
}

#[test]
fn a_record_is_made_with_what_it_needs() {
    let world = world();
    let make = |object: &str, body: Value| world.rest(Method::POST, &format!("/sobjects/{object}"), &body);
    let (status, body) = make("Opportunity", json!({ "Name": "O" }));
    assert_eq!((status, code(&body)), (400, "REQUIRED_FIELD_MISSING"));
    let (status, body) = make(
        "Opportunity",
        json!({ "Name": "O", "StageName": "Closed Won", "CloseDate": "2 March" }),
    );
    assert_eq!((status, code(&body)), (400, "JSON_PARSER_ERROR"));
    let (status, body) = make(
        "Opportunity",
        json!({ "Name": "O", "StageName": "Closed Won", "CloseDate": "2026-03-02", "Amount": 5 }),
    );
    assert_eq!(status, 201, "{body}");
    let made = world.org.record("Opportunity", body["id"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&made["IsWon"], &made["OwnerId"]),
        (&json!(true), &json!(world.integration))
    );
    let error = world
        .org
        .seed_records("Account", 2, |place| json!({ "Name": "A", "Nope": place }))
        .unwrap_err();
    assert!(matches!(error, SeedError::NoField { place: 0, .. }), "{error}");
    assert!(matches!(
        world.org.seed_records("User", 1, |_| json!({})),
        Err(SeedError::NoBusiness(_))
    ));
    world.org.add_custom_object("Deal__c", "a77", &["Sponsor__c"]);
    let deal = world.org.add_record(
        "Deal__c",
        json!({ "Name": "D", "Sponsor__c": world.leaver, "OwnerId": world.admin }),
    );
    assert_eq!(
        world.ids(&format!("SELECT Id FROM Deal__c WHERE Sponsor__c = '{}'", world.leaver)),
        [deal]
    );
}
