//! What a leaver holds: sessions, consents, API tokens, custom roles, apps.

use std::time::Duration;

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn clear(id: &str, query: &str) -> String {
    format!("/api/v1/users/{id}/sessions{query}")
}

#[test]
fn sessions_tokens_and_devices_are_cleared_as_far_as_asked() {
    let world = World::new();
    let id = world.user("bob@example.com");
    world.okta.add_refresh_token(&id, "0oaMail").unwrap();
    world.okta.add_refresh_token(&id, "0oaWiki").unwrap();
    world.okta.remember_device(&id).unwrap();
    let opened = world.okta.open_session(&id, world.now).unwrap();
    assert!(world.okta.sessions_of(&id).contains(&opened));

    let kept = world.call("DELETE", &clear(&id, "?oauthTokens=false&forgetDevices=false"));
    assert_eq!(kept.status, 204);
    let left = || {
        (
            world.okta.sessions(&id),
            world.okta.refresh_tokens(&id),
            world.okta.remembered_devices(&id),
        )
    };
    assert_eq!(left(), (0, 2, 1));
    world.call("DELETE", &clear(&id, ""));
    assert_eq!(
        left(),
        (0, 2, 0),
        "devices go unless they are to stay, tokens stay unless they are to go"
    );
    world.call("DELETE", &clear(&id, "?oauthTokens=true&forgetDevices=true"));
    assert_eq!(left(), (0, 0, 0));
    assert_eq!(world.okta.counters().get("clear-sessions"), 3);
    world.call("DELETE", &clear(&id, "?oauthTokens=true&forgetDevices=true"));
    assert_eq!(world.okta.counters().get("clear-sessions"), 3, "nothing left to clear");
    let by_login = world.call("DELETE", &clear("bob@example.com", ""));
    assert_eq!((by_login.status, by_login.code()), (404, "E0000007"));
}

#[test]
fn nobody_signs_in_who_is_barred() {
    for (status, enters) in [
        (Status::Active, true),
        (Status::PasswordExpired, true),
        (Status::Suspended, false),
        (Status::Deprovisioned, false),
        (Status::LockedOut, false),
        (Status::Staged, false),
        (Status::Provisioned, false),
    ] {
        let world = World::new();
        let id = world.with_status("bob@example.com", status);
        let before = world.okta.sessions(&id);
        let opened = world.okta.open_session(&id, world.now);
        assert_eq!(opened.is_ok(), enters, "{status:?}");
        assert_eq!(world.okta.sessions(&id), before + u32::from(enters));
    }
}

#[test]
fn consents_are_paged_and_revoked_one_by_one_or_together() {
    let world = World::new();
    let id = world.user("bob@example.com");
    let all: Vec<String> = (0..25)
        .map(|number| world.okta.add_grant(&id, "0oaMail", &format!("scope{number}")).unwrap())
        .collect();
    let path = format!("/api/v1/users/{id}/grants");
    let first = world.get(&path);
    assert_eq!(first.json.as_array().unwrap().len(), 20);
    let rest = world.get(&first.link("next").unwrap());
    assert_eq!((rest.json.as_array().unwrap().len(), rest.link("next")), (5, None));
    assert_eq!(
        world.get(&format!("{path}?limit=200")).json.as_array().unwrap().len(),
        25
    );
    assert_eq!(world.get(&format!("{path}?after=nonsense")).code(), "E0000029");

    let one = format!("{path}/{}", all[0]);
    assert_eq!(world.get(&one).json["scopeId"], "scope0");
    assert_eq!(
        (world.call("DELETE", &one).status, world.call("DELETE", &one).status),
        (204, 404)
    );
    assert_eq!(world.okta.counters().get("revoke-grant"), 1);
    for _ in 0..2 {
        assert_eq!(world.call("DELETE", &path).status, 204);
    }
    assert_eq!(world.okta.counters().get("revoke-grant"), 25);
    assert_eq!(world.call("PUT", &path).code(), "E0000022");
}

#[test]
fn api_tokens_are_renewed_by_use_and_die_by_idleness_revocation_or_deactivation() {
    let mut world = World::new();
    let id = world.user("bob@example.com");
    let stale = world.now - SignedDuration::from_hours(20 * 24);
    let old = world.okta.add_api_token(&id, "Old script", stale, 30 * DAY).unwrap();
    let short = world
        .okta
        .add_api_token(&id, "Short", world.now, Duration::from_mins(5))
        .unwrap();
    let shown = world.get(&format!("/api/v1/api-tokens/{old}")).json;
    assert_eq!((&shown["userId"], &shown["tokenWindow"]), (&json!(id), &json!("P30D")));
    assert_eq!(shown["expiresAt"], "2026-03-12T08:00:00.000Z");
    assert_eq!(
        world.get(&format!("/api/v1/api-tokens/{short}")).json["tokenWindow"],
        "PT5M"
    );
    let own = |world: &World| world.get(&format!("/api/v1/api-tokens/{}", world.token_id)).json["expiresAt"].clone();
    assert_eq!(own(&world), "2026-04-01T08:00:00.000Z");
    world.pass(3600);
    assert_eq!(own(&world), "2026-04-01T09:00:00.000Z", "this very call was a use");

    let listed = world.get("/api/v1/api-tokens").json;
    let ids: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&old.as_str()) && !ids.contains(&short.as_str()),
        "an hour is more than five minutes"
    );
    let one = format!("/api/v1/api-tokens/{old}");
    assert_eq!(
        (world.call("DELETE", &one).status, world.call("DELETE", &one).status),
        (204, 404)
    );
    assert_eq!(world.okta.counters().get("revoke-api-token"), 1);
    let last = world.okta.add_api_token(&id, "Another", world.now, 30 * DAY).unwrap();
    world.okta.admin_deactivate(&id, &world.admin, world.now).unwrap();
    assert!(!world.okta.token_exists(&last));
    assert_eq!(
        world.okta.counters().get("revoke-api-token"),
        1,
        "nobody revoked that one"
    );

    assert_eq!(world.call("DELETE", "/api/v1/api-tokens/current").status, 204);
    assert_eq!(
        world.get("/api/v1/api-tokens").code(),
        "E0000011",
        "a token may end itself"
    );
}

#[test]
fn custom_roles_show_their_binding_and_make_an_administrator() {
    let world = World::new();
    let id = world.user("bob@example.com");
    world
        .okta
        .add_custom_role(&id, "Branch help desk", "cr0Branch", "iamBranch")
        .unwrap();
    let role = world.get(&format!("/api/v1/users/{id}/roles")).json[0].clone();
    assert_eq!(
        (&role["type"], &role["label"], &role["role"], &role["resource-set"]),
        (
            &json!("CUSTOM"),
            &json!("Branch help desk"),
            &json!("cr0Branch"),
            &json!("iamBranch")
        )
    );
    let holders = world.get("/api/v1/iam/assignees/users").json;
    assert!(
        holders["value"]
            .as_array()
            .unwrap()
            .iter()
            .any(|holder| holder["id"] == id)
    );
    let members = "/api/v1/iam/resource-sets/iamBranch/bindings/cr0Branch/members";
    let member = world.get(members).json["members"][0].clone();
    assert_eq!(member["_links"]["self"]["href"], format!("{BASE}/api/v1/users/{id}"));
    let one = format!("{members}/{}", member["id"].as_str().unwrap());
    assert_eq!(world.call("DELETE", &one).status, 204);
    assert_eq!(world.okta.roles(&id), Vec::<String>::new());
    let told = world.okta.events().pop().unwrap();
    assert_eq!(told["eventType"], "user.account.privilege.revoke");
    assert_eq!(
        told["debugContext"]["debugData"]["privilegeRevoked"],
        "Branch help desk"
    );
    assert_eq!(world.call("DELETE", &one).status, 404);
}

#[test]
fn the_last_super_administrator_stays_one() {
    let world = World::new();
    let bob = world.user("bob@example.com");
    let role = |id: &str| format!("/api/v1/users/{id}/roles/{}", roles::assignment_id("SUPER_ADMIN"));
    assert_eq!(world.call("DELETE", &role(&world.admin)).code(), "E0000006");
    world.okta.add_role(&bob, "SUPER_ADMIN").unwrap();
    assert_eq!(world.call("DELETE", &role(&bob)).status, 204);
    assert_eq!(world.call("DELETE", &role(&world.admin)).code(), "E0000006");
}

#[test]
fn an_app_taken_away_is_told_with_all_three_targets_and_loses_its_own_id() {
    let world = World::new();
    let bob = world.user("bob@example.com");
    let crm = world.okta.add_app("CRM", true);
    world
        .okta
        .set_app_features(&crm, &["PUSH_NEW_USERS", "PUSH_USER_DEACTIVATION"])
        .unwrap();
    world
        .okta
        .admin_assign_app(&bob, &crm, &world.admin, world.now)
        .unwrap();
    world
        .okta
        .set_app_user(&crm, &bob, Some("0055f00000A"), Some("bob@crm.example"))
        .unwrap();
    let path = format!("/api/v1/apps/{crm}/users/{bob}");
    let shown = world.get(&path).json;
    assert_eq!(
        (&shown["externalId"], &shown["credentials"]["userName"]),
        (&json!("0055f00000A"), &json!("bob@crm.example"))
    );
    let app = world.get(&format!("/api/v1/apps/{crm}")).json;
    assert_eq!(app["features"], json!(["PUSH_NEW_USERS", "PUSH_USER_DEACTIVATION"]));

    world
        .okta
        .add_hook(Hook {
            id: "who".to_owned(),
            url: "https://hooks.example.com/okta".to_owned(),
            header: "authorization".to_owned(),
            secret: "the secret".to_owned(),
            events: vec!["application.user_membership.remove".to_owned()],
        })
        .unwrap();
    world
        .okta
        .admin_remove_app(&bob, &crm, &world.admin, world.now)
        .unwrap();
    assert_eq!(
        world
            .okta
            .admin_remove_app(&bob, &crm, &world.admin, world.now)
            .unwrap_err()
            .code,
        "E0000007"
    );
    assert_eq!(world.get(&path).status, 404);
    let sent = world.okta.take_deliveries(world.now);
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let event = &body["data"]["events"][0];
    assert_eq!(
        (event["actor"]["id"].as_str(), sent.len()),
        (Some(world.admin.as_str()), 1)
    );
    let kinds: Vec<&str> = event["target"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["AppUser", "AppInstance", "User"]);
    world
        .okta
        .admin_assign_app(&bob, &crm, &world.admin, world.now)
        .unwrap();
    assert_eq!(
        world.get(&path).json["externalId"],
        Value::Null,
        "what the app called the user is gone"
    );
    world.okta.admin_deactivate(&bob, &world.admin, world.now).unwrap();
    assert!(world.okta.apps(&bob).is_empty());
    let cascade = world.okta.events().pop().unwrap();
    assert_eq!(
        (&cascade["eventType"], &cascade["actor"]["type"]),
        (&json!("application.user_membership.remove"), &json!("SystemPrincipal"))
    );
    let refused = world.okta.admin_assign_app(&bob, &crm, &world.admin, world.now);
    assert_eq!(refused.unwrap_err().code, "E0000117");
}
