use std::time::Duration;

use rollcall_model::{FailureClass, Lane, Person, SourceState, TransportError};

use super::*;
use crate::scripted::{in_lane, lost, raw, urgent};

fn present(read: SubjectRead) -> Person {
    match read {
        SubjectRead::Present(person) => *person,
        other => panic!("{other:?}"),
    }
}

async fn read(steps: impl IntoIterator<Item = Step>) -> Result<SubjectRead, Failure> {
    read_with(ssws(), Lane::Urgent, steps).await
}

async fn read_with(
    settings: OktaSettings,
    lane: Lane,
    steps: impl IntoIterator<Item = Step>,
) -> Result<SubjectRead, Failure> {
    let script = Script::new([tenant("00oPROD")].into_iter().chain(steps));
    let (okta, _) = connect(settings, &script);
    let answer = okta.read_subject(&in_lane(lane), &account()).await;
    script.done();
    answer
}

#[tokio::test]
async fn a_person_is_read_with_groups_over_pages_roles_and_manager() {
    let mut body = user_body("DEPROVISIONED");
    body["profile"]["managerId"] = json!("00u9manager");
    body["profile"]["manager"] = json!("Boss, the");
    let next = format!("{BASE}/api/v1/users/{USER}/groups?after=00g2&limit=200");
    let person = present(
        read([
            user(&body),
            groups(&json!([{ "id": "00g1", "profile": { "name": "Sales-AE" } }]))
                .with("link", &format!("<{BASE}/api/v1/users/{USER}/groups?limit=200>; rel=\"self\", <{next}>; rel=\"next\"")),
            step(&format!("GET {next}"), 200, &json!([{ "id": "00g2", "profile": { "name": "Everyone" } }]))
                .with("link", &format!("<{next}>; rel=\"self\"")),
            roles(&json!([
                { "id": "ra1", "type": "HELP_DESK_ADMIN", "label": "Help Desk Administrator", "status": "ACTIVE" },
                { "id": "gra1", "type": "HELP_DESK_ADMIN", "label": "Help Desk Administrator", "assignmentType": "GROUP" },
                { "id": "ra2", "type": "CUSTOM", "label": "Badge keeper" },
                { "id": "ra3", "type": "ORG_ADMIN", "status": "INACTIVE" },
            ])),
            step(&get("/api/v1/users/00u9manager"), 200, &json!({ "id": "00u9manager", "status": "ACTIVE",
                "profile": { "login": "Boss@Example.com", "email": "boss@example.com", "firstName": "The", "lastName": "Boss" } })),
        ])
        .await
        .unwrap(),
    );
    assert_eq!(person.key.as_str(), format!("okta-main:{USER}"));
    assert_eq!(person.state, SourceState::Deactivated);
    assert_eq!(
        (person.display.as_str(), person.login.as_str()),
        ("Alice Okafor", "alice.okafor@example.com")
    );
    assert_eq!(person.groups, ["Sales-AE", "Everyone"]);
    assert_eq!(person.roles, ["Badge keeper", "HELP_DESK_ADMIN"]);
    assert_eq!(person.attribute("employeeNumber"), Some("00042"));
    assert_eq!(person.attribute("okta.status"), Some("DEPROVISIONED"));
    let manager = person.manager.unwrap();
    assert_eq!(manager.account, Some(AccountRef::new("okta-main", "00u9manager")));
    assert_eq!(
        (manager.login.as_deref(), manager.display.as_deref()),
        (Some("boss@example.com"), Some("The Boss"))
    );
}

#[tokio::test]
async fn states_follow_status_and_transition() {
    for (status, transition, state) in [
        ("STAGED", None, SourceState::Staged),
        ("PROVISIONED", None, SourceState::Active),
        ("ACTIVE", None, SourceState::Active),
        ("PASSWORD_EXPIRED", None, SourceState::Active),
        ("RECOVERY", None, SourceState::Active),
        ("LOCKED_OUT", None, SourceState::Locked),
        ("SUSPENDED", None, SourceState::Suspended),
        ("DEPROVISIONED", None, SourceState::Deactivated),
        ("ACTIVE", Some("DEPROVISIONED"), SourceState::Deactivating),
        ("SUSPENDED", Some("DEPROVISIONED"), SourceState::Deactivating),
        ("DEPROVISIONED", Some("PROVISIONED"), SourceState::Active),
        ("STAGED", Some("ACTIVE"), SourceState::Active),
        ("SUSPENDED", Some("ACTIVE"), SourceState::Suspended),
    ] {
        let mut body = user_body(status);
        if let Some(transition) = transition {
            body["transitioningToStatus"] = json!(transition);
        }
        assert_eq!(
            present(read(plain(&body)).await.unwrap()).state,
            state,
            "{status} {transition:?}"
        );
    }
    let odd = read(plain(&user_body("QUARANTINED"))).await.unwrap();
    assert!(
        matches!(&odd, SubjectRead::Unproven(why) if why.contains("QUARANTINED")),
        "{odd:?}"
    );
}

fn gone() -> [Step; 3] {
    [
        step(&get(&format!("/api/v1/users/{USER}")), 404, &not_found()),
        step(
            &get(&format!("/api/v1/users/{USER}/groups?limit=200")),
            404,
            &not_found(),
        ),
        step(&get(&format!("/api/v1/users/{USER}/roles")), 404, &not_found()),
    ]
}

#[tokio::test]
async fn a_missing_user_is_gone_only_beside_the_canary() {
    let me = step(&get("/api/v1/users/me"), 200, &json!({ "id": "00u8svcRollcall7o8p9" }));
    assert_eq!(read(gone().into_iter().chain([me])).await.unwrap(), SubjectRead::Gone);

    let mut named = ssws();
    named.canary = Some("00uCanary".to_owned());
    let blind = step(&get("/api/v1/users/00uCanary"), 404, &not_found());
    let unproven = read_with(named.clone(), Lane::Urgent, gone().into_iter().chain([blind]))
        .await
        .unwrap();
    assert!(
        matches!(&unproven, SubjectRead::Unproven(why) if why.contains("admin role")),
        "{unproven:?}"
    );
    let barred = step(
        &get("/api/v1/users/00uCanary"),
        403,
        &json!({ "errorCode": "E0000006" }),
    );
    assert!(matches!(
        read_with(named, Lane::Urgent, gone().into_iter().chain([barred]))
            .await
            .unwrap(),
        SubjectRead::Unproven(_)
    ));
}

#[tokio::test]
async fn another_user_under_the_same_key_proves_nothing() {
    let mut other = user_body("DEPROVISIONED");
    other["id"] = json!("00uSomebodyElse");
    assert!(matches!(read(plain(&other)).await.unwrap(), SubjectRead::Unproven(_)));
}

#[tokio::test]
async fn groups_that_cannot_be_read_whole_are_a_failure_and_roles_are_a_note() {
    let body = user_body("DEPROVISIONED");
    let forbidden = || {
        step(
            &get(&format!("/api/v1/users/{USER}/groups?limit=200")),
            403,
            &json!({ "errorCode": "E0000006" }),
        )
    };
    let refused = read([user(&body), forbidden(), roles(&json!([]))]).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);

    let elsewhere = groups(&json!([])).with("link", "<https://other.example.org/api/v1/users?after=1>; rel=\"next\"");
    let refused = read([user(&body), elsewhere, roles(&json!([]))]).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert!(refused.reason.contains("another host"), "{refused}");

    let no_roles = step(
        &get(&format!("/api/v1/users/{USER}/roles")),
        403,
        &json!({ "errorCode": "E0000006" }),
    );
    let person = present(read([user(&body), groups(&json!([])), no_roles]).await.unwrap());
    assert!(person.attribute("okta.roles").unwrap().starts_with("unknown: "));
    assert!(person.roles.is_empty());
}

#[tokio::test]
async fn what_is_not_whole_is_never_read_as_empty() {
    let line = get(&format!("/api/v1/users/{USER}/groups?limit=200"));
    let user_line = get(&format!("/api/v1/users/{USER}"));
    let body = user_body("ACTIVE");
    let broken: Vec<(Step, Step)> = vec![
        (user(&body), raw(&line, 200, "text/html", "<html>maintenance</html>")),
        (user(&body), raw(&line, 200, "application/json", "[{\"id\":\"00g1\"")),
        (user(&body), step(&line, 200, &json!({ "not": "a list" }))),
        (user(&body), step(&line, 500, &json!({ "errorCode": "E0000009" }))),
        (user(&body), lost(&line, TransportError::Broken("cut".to_owned()))),
        (raw(&user_line, 200, "application/json", "{\"id\":"), groups(&json!([]))),
        (
            lost(&user_line, TransportError::Timeout(Duration::from_secs(3))),
            groups(&json!([])),
        ),
        (
            lost(&user_line, TransportError::Connect("refused".to_owned())),
            groups(&json!([])),
        ),
        (
            step(&user_line, 429, &json!({ "errorCode": "E0000047" })),
            groups(&json!([])),
        ),
    ];
    for (user, groups) in broken {
        let failure = read([user, groups, roles(&json!([]))]).await.unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
        assert_eq!(failure.executed, rollcall_model::Executed::No, "{failure:?}");
    }
}

#[tokio::test]
async fn managers_resolve_by_id_login_number_or_link_and_stay_words_otherwise() {
    let boss = json!({ "id": "00u9manager", "profile": { "login": "boss@example.com" } });
    let with = |id: Value, words: Value| {
        let mut body = user_body("ACTIVE");
        body["profile"]["managerId"] = id;
        body["profile"]["manager"] = words;
        plain(&body)
    };
    let search = get("/api/v1/users?search=profile.employeeNumber%20eq%20%22007%22&limit=2");
    for (steps, more, account, words) in [
        (with(json!(null), json!("Bo Ss")), vec![], None, Some("Bo Ss")),
        (
            with(json!(null), json!("boss@example.com")),
            vec![step(&get("/api/v1/users/boss%40example.com"), 200, &boss)],
            Some("00u9manager"),
            Some("boss@example.com"),
        ),
        (
            with(json!("007"), json!(null)),
            vec![
                step(&get("/api/v1/users/007"), 404, &not_found()),
                step(&search, 200, &json!([boss])),
            ],
            Some("00u9manager"),
            Some("007"),
        ),
        (
            with(json!("007"), json!(null)),
            vec![
                step(&get("/api/v1/users/007"), 404, &not_found()),
                step(&search, 200, &json!([boss, boss])),
            ],
            None,
            Some("007"),
        ),
        (
            with(json!("007"), json!("Bo")),
            vec![
                step(&get("/api/v1/users/007"), 404, &not_found()),
                step(&search, 200, &json!([])),
            ],
            None,
            Some("Bo"),
        ),
    ] {
        let manager = present(read(steps.into_iter().chain(more)).await.unwrap())
            .manager
            .unwrap();
        assert_eq!(manager.account.map(|account| account.id).as_deref(), account);
        assert_eq!(manager.display.as_deref(), words);
    }
    let mut linked = ssws();
    linked.manager = ManagerLink::LinkedObject("manager".to_owned());
    let link = get(&format!("/api/v1/users/{USER}/linkedObjects/manager"));
    let href = json!([{ "_links": { "self": { "href": format!("{BASE}/api/v1/users/00u9manager") } } }]);
    let steps = plain(&user_body("ACTIVE")).into_iter().chain([
        step(&link, 200, &href),
        step(&get("/api/v1/users/00u9manager"), 200, &boss),
    ]);
    let manager = present(read_with(linked.clone(), Lane::Urgent, steps).await.unwrap())
        .manager
        .unwrap();
    assert_eq!(manager.account, Some(AccountRef::new("okta-main", "00u9manager")));
    let none = plain(&user_body("ACTIVE"))
        .into_iter()
        .chain([step(&link, 404, &not_found())]);
    assert_eq!(
        present(read_with(linked, Lane::Urgent, none).await.unwrap()).manager,
        None
    );
}

#[tokio::test]
async fn a_cut_does_not_wait_for_the_manager_and_the_rest_does() {
    let steps = || {
        let mut body = user_body("DEPROVISIONED");
        body["profile"]["managerId"] = json!("00u9manager");
        plain(&body).into_iter().chain([step(
            &get("/api/v1/users/00u9manager"),
            503,
            &json!({ "errorCode": "E0000181" }),
        )])
    };
    let person = present(read(steps()).await.unwrap());
    assert_eq!(person.manager, None);
    assert!(person.attribute("okta.manager").unwrap().contains("E0000181"));
    assert!(read_with(ssws(), Lane::Work, steps()).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_manager_whose_reading_is_refused_for_our_credential_is_not_taken_for_none() {
    let mut body = user_body("ACTIVE");
    body["profile"]["managerId"] = json!("00u9manager");
    let refused = step(
        &get("/api/v1/users/00u9manager"),
        401,
        &json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }),
    );
    let steps = plain(&body).into_iter().chain([refused]);
    let failure = read_with(ssws(), Lane::Work, steps).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Credential, "{failure}");
}

#[tokio::test]
async fn the_last_tenth_of_a_quota_is_left_to_urgent_calls() {
    let low = |step: Step| {
        step.with("x-rate-limit-limit", "600")
            .with("x-rate-limit-remaining", "40")
            .with("x-rate-limit-reset", "1772438430")
    };
    let [user, groups, roles] = plain(&user_body("ACTIVE"));
    // Groups and roles count against another row of the table, which has plenty.
    let [_, more_groups, more_roles] = plain(&user_body("ACTIVE"));
    let first = [tenant("00oPROD"), low(user), groups, roles];
    let steps = first
        .into_iter()
        .chain(plain(&user_body("ACTIVE")))
        .chain([more_groups, more_roles])
        .chain(plain(&user_body("ACTIVE")));
    let script = Script::new(steps);
    let (okta, clock) = connect(ssws(), &script);
    okta.read_subject(&in_lane(Lane::Work), &account()).await.unwrap();
    okta.read_subject(&urgent(), &account()).await.unwrap();
    let refused = okta.read_subject(&in_lane(Lane::Work), &account()).await.unwrap_err();
    assert_eq!(
        refused.class,
        FailureClass::Retry {
            after: Some(Duration::from_secs(31))
        }
    );
    clock.move_on(Duration::from_secs(31));
    okta.read_subject(&in_lane(Lane::Work), &account()).await.unwrap();
    script.done();
}
