use std::time::Duration;

use rollcall_model::{Lane, SourceState};

use super::*;
use crate::scripted::{in_lane, urgent};

async fn read(
    call: &Call,
    settings: OneLoginSettings,
    steps: impl IntoIterator<Item = Step>,
) -> Result<SubjectRead, Failure> {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings, &script);
    let answer = onelogin.read_subject(call, &account()).await;
    script.done();
    answer
}

fn with(body: &Value, changes: &Value) -> Value {
    let mut body = body.clone();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_person_comes_with_roles_group_manager_and_rights() {
    let body = with(
        &user_body(USER, 1),
        &json!({ "role_ids": [610_001, 610_009], "group_id": 700_100, "manager_user_id": "90001077" }),
    );
    let mut steps = vec![token(), user(&body)];
    steps.extend(privileges(&json!([90_009_999]), &json!({ "roles": [610_001] })));
    steps.push(roles(&json!([
        { "id": 610_001, "name": "Sales", "admins": [] },
        { "id": 610_002, "name": "Interns", "admins": [90_001_001] },
    ])));
    // A role that is newer than the list.
    steps.push(get(
        "/api/2/roles/610009",
        &json!({ "id": 610_009, "name": "Brand new" }),
    ));
    steps.push(get(
        "/api/1/groups",
        &json!({ "status": {}, "pagination": { "after_cursor": null }, "data": [{ "id": 700_100, "name": "Staff" }] }),
    ));
    steps.push(user(&with(
        &user_body("90001077", 1),
        &json!({ "username": "", "firstname": "Kofi", "lastname": "Mensah" }),
    )));
    let SubjectRead::Present(person) = read(&urgent(), settings(), steps).await.unwrap() else {
        panic!()
    };
    assert_eq!(person.key.as_str(), "onelogin-main:90001001");
    assert_eq!(
        (person.login.as_str(), person.email.as_deref()),
        ("amara.okafor", Some("amara.okafor@example.com"))
    );
    assert_eq!(
        (person.display.as_str(), person.state),
        ("Amara Okafor", SourceState::Active)
    );
    assert_eq!(person.groups, ["Sales", "Brand new", "Staff"]);
    assert_eq!(
        person.roles,
        ["Super user", "role-admin:Interns"],
        "a privilege by a role counts too"
    );
    assert_eq!(person.attribute("external_id"), Some("HR-10021"));
    assert_eq!(person.attribute("custom_attributes.cost_center"), Some("C-42"));
    assert_eq!(person.attributes["custom_attributes.badge"], Value::Null);
    assert!(!person.attributes.contains_key("custom_attributes"));
    let manager = person.manager.unwrap();
    assert_eq!(manager.account.unwrap().id, "90001077");
    assert_eq!(
        manager.login.as_deref(),
        Some("amara.okafor@example.com"),
        "no username, so the address"
    );
    assert_eq!(manager.display.as_deref(), Some("Kofi Mensah"));
}

#[tokio::test]
async fn every_status_and_state_has_its_meaning() {
    use SourceState::{Active, Deactivated, Locked, Staged, Suspended};
    for (status, state, activated, expected) in [
        (json!(0), json!(1), false, Some(Staged)),
        (json!(0), json!(1), true, Some(Deactivated)),
        (json!(1), json!(1), true, Some(Active)),
        (json!(1), json!(0), true, Some(Active)),
        (json!(2), json!(1), true, Some(Suspended)),
        (json!(3), json!(1), true, Some(Locked)),
        (json!(4), json!(1), true, Some(Active)),
        (json!(5), json!(1), true, Some(Active)),
        (json!(6), json!(1), true, Some(Staged)),
        (json!(7), json!(1), true, Some(Active)),
        (json!(8), json!(1), true, Some(Active)),
        (json!(1), json!(2), true, Some(Deactivated)),
        (json!(1), json!(3), true, Some(Suspended)),
        (json!(3), json!(3), true, Some(Suspended)),
        (json!(0), json!(3), true, Some(Deactivated)),
        (json!(1), Value::Null, true, Some(Active)),
        (json!(9), json!(1), true, None),
        (json!("1"), json!(1), true, None),
        (Value::Null, json!(1), true, None),
        (json!(1), json!(4), true, None),
    ] {
        let activated_at = if activated {
            json!("2024-03-01T08:00:00.000Z")
        } else {
            Value::Null
        };
        let body = with(
            &user_body(USER, 1),
            &json!({ "status": status, "state": state, "activated_at": activated_at }),
        );
        let found = read(
            &urgent(),
            settings(),
            [token(), user(&body)].into_iter().chain(no_rights()),
        )
        .await;
        match (found.unwrap(), expected) {
            (SubjectRead::Present(person), Some(expected)) => assert_eq!(person.state, expected, "{body}"),
            (SubjectRead::Unproven(why), None) => assert!(why.contains("does not know"), "{why}"),
            (found, _) => panic!("{body}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_user_is_gone_only_beside_a_canary_and_when_v1_does_not_know_them_either() {
    let steps = |rest: Vec<Step>| [token(), missing(USER)].into_iter().chain(no_rights()).chain(rest);
    let read = async |settings, rest| read(&urgent(), settings, steps(rest)).await.unwrap();
    assert_eq!(
        read(settings(), vec![canary(), missing_on_v1(USER, 404)]).await,
        SubjectRead::Gone
    );
    for (rest, words) in [
        (
            vec![missing("90000002"), missing_on_v1(USER, 404)],
            "canary 90000002 is not there either",
        ),
        (vec![canary(), missing_on_v1(USER, 403)], "may not see it"),
        (vec![canary(), missing_on_v1(USER, 200)], "one half"),
    ] {
        let SubjectRead::Unproven(why) = read(settings(), rest).await else {
            panic!()
        };
        assert!(why.contains(words), "{why}");
    }
    // Without a configured canary anybody else in the list is one.
    let mut bare = settings();
    bare.canary = None;
    let list = |ids: &[u64]| {
        let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        get("/api/2/users?limit=2", &json!(rows))
    };
    let somebody = vec![list(&[90_001_001, 5]), missing_on_v1(USER, 404)];
    assert_eq!(read(bare.clone(), somebody).await, SubjectRead::Gone);
    for nobody in [list(&[]), list(&[90_001_001])] {
        let found = read(bare.clone(), vec![nobody, missing_on_v1(USER, 404)]).await;
        assert!(matches!(found, SubjectRead::Unproven(_)), "{found:?}");
    }
    // The owner of the credential is one, too; a user cannot be their own.
    bare.own_user_ids = vec![OWNER.to_owned()];
    let owner = vec![user(&user_body(OWNER, 1)), missing_on_v1(USER, 404)];
    assert_eq!(read(bare.clone(), owner).await, SubjectRead::Gone);
    bare.canary = Some(USER.to_owned());
    let found = read(bare, vec![missing_on_v1(USER, 404)]).await;
    assert!(matches!(found, SubjectRead::Unproven(_)), "{found:?}");
}

#[tokio::test]
async fn a_manager_or_a_list_of_administrators_never_delays_an_urgent_read() {
    let body = with(&user_body(USER, 1), &json!({ "manager_user_id": 90_001_077 }));
    let busy = || step(&line("GET", "/api/2/users/90001077"), 503, &json!({}));
    let limited =
        || step(&line("GET", "/api/1/privileges"), 429, &v1(429, "rate limit", "x")).with("x-ratelimit-reset", "3000");
    let steps = || vec![token(), user(&body), limited(), roles(&json!([]))];
    let urgent_steps = steps().into_iter().chain([busy()]);
    let SubjectRead::Present(person) = read(&urgent(), settings(), urgent_steps).await.unwrap() else {
        panic!()
    };
    for name in ["onelogin.manager", "onelogin.privileges"] {
        let said = person.attributes[name].as_str().unwrap();
        assert!(said.starts_with("unknown: "), "{said}");
    }
    let waits = read(&in_lane(Lane::Work), settings(), steps()).await.unwrap_err();
    assert_eq!(waits.retry_after(), Some(Duration::from_secs(3001)));
    let steps = [token(), user(&body)].into_iter().chain(no_rights()).chain([busy()]);
    assert!(
        read(&in_lane(Lane::Work), settings(), steps)
            .await
            .unwrap_err()
            .is_retryable()
    );
}

#[tokio::test]
async fn a_group_that_cannot_be_named_fails_the_read_in_every_lane() {
    let body = with(&user_body(USER, 1), &json!({ "group_id": 700_100 }));
    let steps = [
        token(),
        user(&body),
        step(&line("GET", "/api/1/groups"), 503, &json!({})),
    ];
    let failure = read(&urgent(), settings(), steps.into_iter().chain(no_rights()))
        .await
        .unwrap_err();
    assert!(failure.is_retryable(), "membership decides who is protected: {failure}");
}

#[tokio::test]
async fn an_id_that_is_no_number_is_never_sent() {
    let script = Script::new([]);
    let (onelogin, _) = connect(settings(), &script);
    for id in ["", "../roles", "1 or 1", "９"] {
        let account = AccountRef::new("onelogin-main", id);
        let read = onelogin.read_subject(&urgent(), &account).await.unwrap();
        assert!(matches!(read, SubjectRead::Unproven(_)), "{id}");
    }
}
