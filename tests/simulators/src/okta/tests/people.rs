//! Users: status and side effects.

use super::*;

#[test]
fn lifecycle_follows_the_vendors_table() {
    // status before, action, HTTP status, error code, status after
    let table = [
        (Status::Staged, "activate", 200, "", Status::Active),
        (Status::Deprovisioned, "activate", 200, "", Status::Active),
        (Status::Active, "activate", 403, "E0000016", Status::Active),
        (Status::Provisioned, "reactivate", 200, "", Status::Provisioned),
        (Status::Active, "reactivate", 403, "E0000038", Status::Active),
        (Status::Active, "suspend", 200, "", Status::Suspended),
        (Status::Suspended, "suspend", 400, "E0000001", Status::Suspended),
        (Status::Provisioned, "suspend", 400, "E0000001", Status::Provisioned),
        (Status::Deprovisioned, "suspend", 400, "E0000001", Status::Deprovisioned),
        (Status::Suspended, "unsuspend", 200, "", Status::Active),
        (Status::Active, "unsuspend", 400, "E0000001", Status::Active),
        (Status::LockedOut, "unlock", 200, "", Status::Active),
        (Status::Active, "unlock", 403, "E0000032", Status::Active),
        (Status::Staged, "deactivate", 200, "", Status::Deprovisioned),
        (Status::Suspended, "deactivate", 200, "", Status::Deprovisioned),
        (Status::LockedOut, "deactivate", 200, "", Status::Deprovisioned),
        (
            Status::Deprovisioned,
            "deactivate",
            404,
            "E0000007",
            Status::Deprovisioned,
        ),
        (Status::Active, "reset_factors", 200, "", Status::Active),
        (
            Status::Deprovisioned,
            "reset_factors",
            403,
            "E0000038",
            Status::Deprovisioned,
        ),
        (Status::Active, "expire_password", 200, "", Status::PasswordExpired),
        (Status::Suspended, "expire_password", 403, "E0000038", Status::Suspended),
        (
            Status::Active,
            "reset_password?sendEmail=false",
            200,
            "",
            Status::Recovery,
        ),
        (Status::Active, "reset_password", 400, "E0000028", Status::Active),
        (
            Status::Suspended,
            "reset_password?sendEmail=true",
            403,
            "E0000017",
            Status::Suspended,
        ),
        (Status::Active, "dance", 404, "E0000008", Status::Active),
    ];
    for (before, action, http, code, after) in table {
        let world = World::new();
        let id = world.with_status("someone@example.com", before);
        let got = world.call("POST", &format!("/api/v1/users/{id}/lifecycle/{action}"));
        assert_eq!(
            (got.status, got.code()),
            (http, code),
            "{before:?} {action}: {}",
            got.json
        );
        assert_eq!(world.okta.user_status(&id), Some(after), "{before:?} {action}");
    }
}

#[test]
fn activation_without_a_password_stays_half_way() {
    let world = World::new();
    let seed = UserSeed {
        status: Status::Staged,
        has_password: false,
        ..UserSeed::active("new@example.com", "N", "W")
    };
    let id = world.okta.add_user(seed).unwrap();
    let got = world.call(
        "POST",
        &format!("/api/v1/users/{id}/lifecycle/activate?sendEmail=false"),
    );
    assert!(got.json["activationUrl"].as_str().unwrap().starts_with(BASE));
    assert_eq!(world.okta.user_status(&id), Some(Status::Provisioned));
}

#[test]
fn deactivation_runs_in_the_background() {
    let mut world = World::new();
    world.okta.set_deactivation_time(std::time::Duration::from_secs(30));
    let id = world.user("leaver@example.com");
    let (active, sleeping) = (
        world.okta.add_app("Team Wiki", true),
        world.okta.add_app("Old tool", false),
    );
    world.okta.assign_app(&active, &id, None).unwrap();
    world.okta.assign_app(&sleeping, &id, None).unwrap();
    let group = world.okta.add_group("Engineering", GroupKind::Okta);
    world.okta.add_member(&group, &id).unwrap();
    let own_token = world.okta.add_ssws_token("leavers-own", &id).unwrap();

    let path = format!("/api/v1/users/{id}");
    assert_eq!(world.call("POST", &format!("{path}/lifecycle/deactivate")).status, 200);
    let seen = world.get(&path).json;
    assert_eq!(
        (&seen["status"], &seen["transitioningToStatus"]),
        (&json!("ACTIVE"), &json!("DEPROVISIONED"))
    );
    assert_eq!(
        world.call("POST", &format!("{path}/lifecycle/suspend")).code(),
        "E0000001"
    );
    assert_eq!(
        world.call("POST", &format!("{path}/lifecycle/activate")).code(),
        "E0000113"
    );
    assert_eq!(
        world.call("POST", &format!("{path}/lifecycle/deactivate")).status,
        200,
        "asking again changes nothing"
    );
    assert_eq!(world.okta.counters().get("deactivate"), 1);
    assert_eq!(world.kinds(), ["user.lifecycle.deactivate"]);

    world.pass(30);
    let seen = world.get(&path).json;
    assert_eq!(
        (&seen["status"], seen.get("transitioningToStatus")),
        (&json!("DEPROVISIONED"), None)
    );
    assert_eq!(
        world.kinds(),
        ["user.lifecycle.deactivate", "application.user_membership.remove"]
    );
    assert_eq!(world.okta.events()[1]["actor"]["type"], "SystemPrincipal");
    assert_eq!(
        world.okta.apps(&id).into_keys().collect::<Vec<_>>(),
        [sleeping],
        "inactive apps keep their assignment"
    );
    assert_eq!(world.okta.groups(&id), [group], "memberships stay");
    assert!(!world.okta.token_exists(&own_token), "tokens die with their maker");
    assert_eq!(world.okta.sessions(&id), 2, "sessions are not ended by a deactivation");
}

#[test]
fn delete_takes_two_steps() {
    let world = World::new();
    let id = world.user("leaver@example.com");
    let path = format!("/api/v1/users/{id}");
    assert_eq!(world.call("DELETE", &path).status, 204);
    assert_eq!(world.get(&path).json["status"], "DEPROVISIONED");
    assert_eq!(world.call("DELETE", &path).status, 204);
    let gone = world.get(&path);
    assert_eq!((gone.status, gone.code()), (404, "E0000007"));
    assert_eq!(
        gone.json["errorSummary"],
        format!("Not found: Resource not found: {id} (User)")
    );
    assert_eq!(world.call("DELETE", &path).status, 404);
    let counted = world.okta.counters();
    assert_eq!((counted.get("deactivate"), counted.get("delete")), (1, 1));
}

#[test]
fn only_changes_of_state_count() {
    let world = World::new();
    let seed = UserSeed {
        refresh_token_clients: vec!["0oaClient".to_owned()],
        grants: vec![("0oaClient".to_owned(), "openid".to_owned())],
        ..UserSeed::active("bob@example.com", "Bob", "Example")
    };
    let id = world.okta.add_user(seed).unwrap();
    let path = format!("/api/v1/users/{id}");
    for _ in 0..2 {
        assert_eq!(world.call("DELETE", &format!("{path}/sessions")).status, 204);
    }
    assert_eq!(
        (world.okta.sessions(&id), world.okta.refresh_tokens(&id)),
        (0, 1),
        "tokens only go when asked for"
    );
    assert_eq!(world.okta.counters().get("clear-sessions"), 1);
    for _ in 0..2 {
        assert_eq!(
            world
                .call("DELETE", &format!("{path}/sessions?oauthTokens=true"))
                .status,
            204
        );
        assert_eq!(world.call("DELETE", &format!("{path}/grants")).status, 204);
    }
    assert_eq!(world.okta.refresh_tokens(&id), 0);
    assert_eq!(
        (
            world.okta.counters().get("clear-sessions"),
            world.okta.counters().get("revoke-grant")
        ),
        (2, 1)
    );
    assert_eq!(
        world.call("DELETE", "/api/v1/users/bob@example.com/sessions").status,
        404,
        "sessions go by id only"
    );
}

#[test]
fn profile_writes_are_checked_and_leave_the_etag_to_the_profile() {
    let world = World::new();
    let id = world.user("bob@example.com");
    let path = format!("/api/v1/users/{id}");
    let etag = world.get(&path).header("etag").to_owned();
    world.call("POST", &format!("{path}/lifecycle/suspend"));
    assert_eq!(world.get(&path).header("etag"), etag, "the ETag ignores the status");

    let got = world.call_with(
        "POST",
        &path,
        json!({ "profile": { "title": "Lead", "nickName": "B" } }),
    );
    assert_eq!((got.status, &got.json["profile"]["title"]), (200, &json!("Lead")));
    assert_ne!(got.header("etag"), etag);
    let event = world.okta.events().pop().unwrap();
    assert_eq!(
        event["debugContext"]["debugData"]["changedAttributes"],
        "nickName,title"
    );

    let mut guarded = request("POST", &path, Some(json!({ "profile": { "title": "Other" } })));
    guarded.headers_mut().insert("if-match", etag.parse().unwrap());
    assert_eq!(world.send(&guarded).code(), "E0000231");

    let cleared = world.call_with("POST", &path, json!({ "profile": { "title": null } }));
    assert_eq!(cleared.json["profile"].get("title"), None);
    assert_eq!(
        world
            .call_with("POST", &path, json!({ "profile": { "shoeSize": 44 } }))
            .code(),
        "E0000001"
    );
    assert_eq!(
        world
            .call_with("POST", &path, json!({ "profile": { "title": "\u{1F600}" } }))
            .code(),
        "E0000001"
    );
    assert_eq!(
        world
            .call_with("POST", &path, json!({ "profile": { "login": "ada@example.com" } }))
            .code(),
        "E0000001"
    );
    let mastered = UserSeed {
        provider: "ACTIVE_DIRECTORY".to_owned(),
        ..UserSeed::active("ad@example.com", "A", "D")
    };
    let mastered = world.okta.add_user(mastered).unwrap();
    let refused = world.call_with(
        "POST",
        &format!("/api/v1/users/{mastered}"),
        json!({ "profile": { "title": "X" } }),
    );
    assert_eq!((refused.status, refused.code()), (403, "E0000023"));
}

#[test]
fn console_actions_have_the_persons_name_on_them() {
    let world = World::new();
    let id = world.user("bob@example.com");
    world.okta.admin_deactivate(&id, &world.admin, world.now).unwrap();
    let event = world.okta.events().pop().unwrap();
    assert_eq!(
        (&event["actor"]["id"], &event["actor"]["type"]),
        (&json!(world.admin), &json!("User"))
    );
    assert_eq!(event["transaction"]["detail"], json!({}));
    assert_eq!(
        event["debugContext"]["debugData"]["requestUri"],
        format!("/admin/user/deactivate/{id}")
    );
    assert_eq!(
        world
            .okta
            .admin_deactivate(&id, &world.admin, world.now)
            .unwrap_err()
            .code,
        "E0000007"
    );
    world.okta.admin_activate(&id, &world.admin, world.now).unwrap();
    assert_eq!(world.okta.user_status(&id), Some(Status::Active));
}

#[test]
fn managers_are_read_through_links() {
    let world = World::new();
    let boss = world.user("boss@example.com");
    let seed = UserSeed {
        manager: Some(boss.clone()),
        ..UserSeed::active("bob@example.com", "Bob", "Example")
    };
    let bob = world.okta.add_user(seed).unwrap();
    let got = world.get(&format!("/api/v1/users/{bob}/linkedObjects/manager"));
    assert_eq!(
        got.json,
        json!([{ "_links": { "self": { "href": format!("{BASE}/api/v1/users/{boss}") } } }])
    );
    assert_eq!(
        world.get(&format!("/api/v1/users/{boss}/linkedObjects/manager")).json,
        json!([])
    );
}
