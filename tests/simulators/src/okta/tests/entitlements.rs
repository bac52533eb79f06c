//! Groups, admin roles and apps.

use super::*;

#[test]
fn groups_outside_okta_are_not_writable_and_rules_remember_removals() {
    let world = World::new();
    let sales = world.okta.add_group("Sales", GroupKind::Okta);
    let imported = world.okta.add_group("From AD", GroupKind::App);
    world.okta.add_group_rule("Sales people", "department", "Sales", &sales);
    let id = world.user("mover@example.com");
    assert_eq!(
        world
            .call("PUT", &format!("/api/v1/groups/{imported}/users/{id}"))
            .code(),
        "E0000006"
    );
    let everyone = world.get("/api/v1/groups?q=Everyone").json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        world
            .call("DELETE", &format!("/api/v1/groups/{everyone}/users/{id}"))
            .code(),
        "E0000006"
    );

    world.call_with(
        "POST",
        &format!("/api/v1/users/{id}"),
        json!({ "profile": { "department": "Sales" } }),
    );
    assert_eq!(world.okta.groups(&id), std::slice::from_ref(&sales));
    let joined = world.okta.events().pop().unwrap();
    assert_eq!(
        (&joined["actor"]["type"], &joined["transaction"]["type"]),
        (&json!("SystemPrincipal"), &json!("JOB"))
    );

    let member = format!("/api/v1/groups/{sales}/users/{id}");
    assert_eq!(
        (
            world.call("DELETE", &member).status,
            world.call("DELETE", &member).status
        ),
        (204, 204)
    );
    assert_eq!(world.okta.counters().get("remove-member"), 1);
    assert!(
        world
            .kinds()
            .contains(&"group.user_membership.rule.add_exclusion".to_owned())
    );
    let rule = world.get("/api/v1/groups/rules").json[0].clone();
    assert_eq!(rule["conditions"]["people"]["users"]["exclude"], json!([id]));
    world.call_with(
        "POST",
        &format!("/api/v1/users/{id}"),
        json!({ "profile": { "title": "Rehired" } }),
    );
    assert_eq!(
        world.okta.groups(&id),
        Vec::<String>::new(),
        "an excluded user does not come back by the rule"
    );
}

#[test]
fn rules_are_paged_and_an_inactive_one_neither_gives_nor_takes_nor_excludes() {
    let world = World::new();
    let sales = world.okta.add_group("Sales", GroupKind::Okta);
    let id = world.user("mover@example.com");
    let rule = world.okta.add_group_rule("Sales people", "department", "Sales", &sales);
    let department = |name: &str| {
        let body = json!({ "profile": { "department": name } });
        world.call_with("POST", &format!("/api/v1/users/{id}"), body);
    };
    department("Sales");
    assert_eq!(world.okta.groups(&id), std::slice::from_ref(&sales));
    world.okta.set_group_rule_active(&rule, false).unwrap();
    assert_eq!(world.get("/api/v1/groups/rules").json[0]["status"], "INACTIVE");
    department("Legal");
    assert_eq!(
        world.okta.groups(&id),
        std::slice::from_ref(&sales),
        "what it gave stays"
    );
    world.call("DELETE", &format!("/api/v1/groups/{sales}/users/{id}"));
    assert_eq!(world.okta.excluded_by(&rule), Vec::<String>::new());
    department("Sales");
    assert!(world.okta.groups(&id).is_empty());
    world.okta.set_group_rule_active(&rule, true).unwrap();
    department("Legal");
    department("Sales");
    assert_eq!(world.okta.groups(&id), std::slice::from_ref(&sales));
    assert!(world.okta.set_group_rule_active("0prNobody", true).is_err());

    for number in 0..60 {
        world
            .okta
            .add_group_rule(&format!("Rule {number}"), "title", "None", &sales);
    }
    let first = world.get("/api/v1/groups/rules");
    assert_eq!(first.json.as_array().unwrap().len(), 50);
    let rest = world.get(&first.link("next").unwrap());
    assert_eq!((rest.json.as_array().unwrap().len(), rest.link("next")), (11, None));
    assert_eq!(world.get("/api/v1/groups/rules?limit=0").status, 400);
    assert_eq!(world.get("/api/v1/groups/rules?after=x").code(), "E0000029");
}

#[test]
fn roles_have_shared_ids_and_events_with_the_whole_set() {
    let world = World::new();
    let (bob, eve) = (world.user("bob@example.com"), world.user("eve@example.com"));
    let ids: Vec<String> = [&bob, &eve]
        .map(|id| {
            let got = world.call_with(
                "POST",
                &format!("/api/v1/users/{id}/roles"),
                json!({ "type": "APP_ADMIN" }),
            );
            assert_eq!(got.status, 201);
            got.json["id"].as_str().unwrap().to_owned()
        })
        .to_vec();
    assert_eq!(ids, ["IFIFAX2BIRGUSTQ", "IFIFAX2BIRGUSTQ"]);
    world.call_with(
        "POST",
        &format!("/api/v1/users/{bob}/roles"),
        json!({ "type": "USER_ADMIN" }),
    );
    let path = format!("/api/v1/users/{bob}/roles");
    assert_eq!(world.get(&path).json[1]["id"], "KVJUKUS7IFCE2SKO");

    assert_eq!(world.call("DELETE", &format!("{path}/IFIFAX2BIRGUSTQ")).status, 204);
    let event = world.okta.events().pop().unwrap();
    assert_eq!(
        event["eventType"], "user.account.privilege.grant",
        "one role of two taken away looks like a grant"
    );
    assert_eq!(
        event["debugContext"]["debugData"]["privilegeGranted"],
        "Group administrator"
    );
    world.call("DELETE", &format!("{path}/KVJUKUS7IFCE2SKO"));
    assert_eq!(
        world.okta.events().pop().unwrap()["eventType"],
        "user.account.privilege.revoke"
    );

    let group = world.okta.add_group("Admins", GroupKind::Okta);
    world.okta.add_group_role(&group, "HELP_DESK_ADMIN").unwrap();
    world.okta.add_member(&group, &bob).unwrap();
    let derived = world.get(&path).json[0].clone();
    assert_eq!(derived["assignmentType"], "GROUP");
    let derived = format!("{path}/{}", derived["id"].as_str().unwrap());
    assert_eq!(
        world.call("DELETE", &derived).code(),
        "E0000007",
        "a role through a group is revoked at the group"
    );
    let holders = world.get("/api/v1/iam/assignees/users?limit=2").json;
    assert_eq!(holders["value"].as_array().unwrap().len(), 2);
    let next = holders["_links"]["next"]["href"]
        .as_str()
        .unwrap()
        .strip_prefix(BASE)
        .unwrap()
        .to_owned();
    assert_eq!(world.get(&next).json["value"].as_array().unwrap().len(), 1);
}

#[test]
fn group_granted_apps_cannot_be_taken_alone() {
    let world = World::new();
    let id = world.user("bob@example.com");
    let group = world.okta.add_group("CRM users", GroupKind::Okta);
    world.okta.add_member(&group, &id).unwrap();
    let crm = world.okta.add_app("CRM", true);
    world.okta.assign_app(&crm, &id, Some(&group)).unwrap();
    let listed = world
        .get(&format!("/api/v1/apps?filter=user.id+eq+%22{id}%22&expand=user/{id}"))
        .json;
    assert_eq!(listed[0]["_embedded"]["user"]["scope"], "GROUP");
    let refused = world.call("DELETE", &format!("/api/v1/apps/{crm}/users/{id}"));
    assert_eq!((refused.status, refused.code()), (403, "E0000046"));
    assert_eq!(
        world
            .call("DELETE", &format!("/api/v1/groups/{group}/users/{id}"))
            .status,
        204
    );
    assert!(world.okta.apps(&id).is_empty());
}
