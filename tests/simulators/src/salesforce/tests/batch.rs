//! Collections and Composite.

use super::*;

fn record(object: &str, id: &str, more: Value) -> Value {
    let mut record = more;
    record["attributes"] = json!({ "type": object });
    record["id"] = json!(id);
    record
}

#[test]
fn collections_answer_in_request_order_with_their_own_error_key() {
    let world = world();
    let login = world.login_id(&world.leaver);
    let records = [
        record("UserLogin", &login, json!({ "UserId": world.admin })),
        record("UserLogin", &login, frozen(true)),
        record("UserLogin", "0Yw5f00000LOG01CAH", frozen(true)),
    ];
    let (status, body) = world.rest(Method::PATCH, "/composite/sobjects", &json!({ "records": records }));
    assert_eq!(status, 200);
    assert_eq!(body[0]["errors"][0]["statusCode"], "INVALID_FIELD_FOR_INSERT_UPDATE");
    assert_eq!(body[1], json!({ "id": login, "success": true, "errors": [] }));
    assert_eq!(body[2]["errors"][0]["statusCode"], "INVALID_CROSS_REFERENCE_KEY");
    assert!(world.org.is_frozen(&world.leaver));
}

#[test]
fn all_or_none_takes_the_innocent_back_and_counts_nothing() {
    let world = world();
    let login = world.login_id(&world.leaver);
    let records = [
        record("UserLogin", &login, frozen(true)),
        record("UserLogin", &login, json!({ "IsPasswordLocked": true })),
    ];
    let (_, body) = world.rest(
        Method::PATCH,
        "/composite/sobjects",
        &json!({ "allOrNone": true, "records": records }),
    );
    assert_eq!(body[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(body[1]["errors"][0]["statusCode"], "FIELD_INTEGRITY_EXCEPTION");
    assert!(!world.org.is_frozen(&world.leaver));
    assert_eq!(world.org.counters().all(), [].into());
}

#[test]
fn sessions_are_deleted_many_at_once() {
    let world = world();
    let sessions = world.org.sessions_of(&world.leaver);
    let (status, body) = world.rest(
        Method::DELETE,
        &format!("/composite/sobjects?ids={},bad&allOrNone=false", sessions.join(",")),
        &Value::Null,
    );
    assert_eq!(status, 200);
    let outcomes: Vec<_> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["success"].as_bool().unwrap())
        .collect();
    // The child went with its parent before its own turn came.
    assert_eq!(outcomes, [true, false, true, false]);
    assert_eq!(
        (
            body[1]["errors"][0]["statusCode"].as_str(),
            body[3]["errors"][0]["statusCode"].as_str()
        ),
        (Some("ENTITY_IS_DELETED"), Some("MALFORMED_ID"))
    );
    assert!(world.org.sessions_of(&world.leaver).is_empty());
    assert_eq!(world.org.counters().get("end-session"), 2);
}

#[test]
fn collections_have_bounds() {
    let world = world();
    let login = world.login_id(&world.leaver);
    let many: Vec<Value> = (0..201).map(|_| record("UserLogin", &login, frozen(true))).collect();
    let (status, body) = world.rest(Method::PATCH, "/composite/sobjects", &json!({ "records": many }));
    assert_eq!((status, code(&body)), (400, "EXCEEDED_ID_LIMIT"));
    let account = world
        .org
        .add_record("Account", json!({ "Name": "Example", "OwnerId": world.leaver }));
    let mixed = [
        record("UserLogin", &login, frozen(true)),
        record("Account", &account, json!({ "OwnerId": world.admin })),
    ];
    let (status, body) = world.rest(Method::PATCH, "/composite/sobjects", &json!({ "records": mixed }));
    assert_eq!((status, code(&body)), (400, "MIXED_DML_OPERATION"));
    assert!(!world.org.is_frozen(&world.leaver));
    let read = world
        .get(&format!(
            "/composite/sobjects/User?ids={},0055f00000ZZZZ1&fields=Email",
            world.leaver
        ))
        .1;
    assert_eq!(
        (read[0]["Email"].as_str(), &read[1]),
        (Some("jordan.rivera@corp.example"), &Value::Null)
    );
}

fn part(method: &str, reference: &str, url: &str, body: &Value) -> Value {
    json!({ "method": method, "referenceId": reference, "url": format!("/services/data/v66.0{url}"), "body": body })
}

#[test]
fn a_composite_finds_the_login_and_freezes_it_in_one_call() {
    let world = world();
    let find = format!("/query?q=SELECT+Id+FROM+UserLogin+WHERE+UserId='{}'", world.leaver);
    let parts = [
        json!({ "method": "GET", "referenceId": "login", "url": format!("/services/data/v66.0{find}") }),
        part(
            "PATCH",
            "freeze",
            "/sobjects/UserLogin/@{login.records[0].Id}",
            &frozen(true),
        ),
    ];
    let (status, body) = world.rest(
        Method::POST,
        "/composite",
        &json!({ "allOrNone": false, "compositeRequest": parts }),
    );
    assert_eq!(status, 200);
    assert_eq!(body["compositeResponse"][0]["body"]["totalSize"], 1);
    assert_eq!(
        body["compositeResponse"][1],
        json!({ "body": null, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "freeze" })
    );
    assert!(world.org.is_frozen(&world.leaver));
    assert_eq!(
        world.get("/limits").1["DailyApiRequests"]["Remaining"],
        114_998,
        "a composite is one call"
    );
}

#[test]
fn an_unmet_reference_halts_only_its_own_part_unless_all_or_none() {
    let world = world();
    let nobody = "/query?q=SELECT+Id+FROM+UserLogin+WHERE+UserId='0055f00000ZZZZ1'";
    let parts = [
        part("GET", "login", nobody, &Value::Null),
        part(
            "PATCH",
            "freeze",
            "/sobjects/UserLogin/@{login.records[0].Id}",
            &frozen(true),
        ),
        part(
            "PATCH",
            "title",
            &format!("/sobjects/User/{}", world.leaver),
            &json!({ "Title": "Gone" }),
        ),
    ];
    let send = |all: bool| {
        world
            .rest(
                Method::POST,
                "/composite",
                &json!({ "allOrNone": all, "compositeRequest": parts }),
            )
            .1["compositeResponse"]
            .clone()
    };
    let answers = send(true);
    assert_eq!(answers[1]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(answers[2]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(world.org.record("User", &world.leaver).unwrap()["Title"], Value::Null);
    let answers = send(false);
    assert_eq!(
        (
            answers[1]["httpStatusCode"].as_u64(),
            answers[2]["httpStatusCode"].as_u64()
        ),
        (Some(400), Some(204))
    );
    assert_eq!(world.org.record("User", &world.leaver).unwrap()["Title"], "Gone");
    assert_eq!(world.org.counters().get("update-user"), 1);
}

#[test]
fn composites_have_bounds() {
    let world = world();
    let send = |parts: Vec<Value>| {
        code(
            &world
                .rest(Method::POST, "/composite", &json!({ "compositeRequest": parts }))
                .1,
        )
        .to_owned()
    };
    assert_eq!(
        send(
            (0..26)
                .map(|number| part("GET", &format!("r{number}"), "/limits", &Value::Null))
                .collect()
        ),
        "LIMIT_EXCEEDED"
    );
    assert_eq!(
        send(
            (0..6)
                .map(|number| part(
                    "GET",
                    &format!("r{number}"),
                    "/query?q=SELECT+Id+FROM+User",
                    &Value::Null
                ))
                .collect()
        ),
        "LIMIT_EXCEEDED"
    );
    assert_eq!(
        send(vec![
            part("GET", "same", "/limits", &Value::Null),
            part("GET", "same", "/limits", &Value::Null)
        ]),
        "INVALID_INPUT"
    );
    let account = world
        .org
        .add_record("Account", json!({ "Name": "Example", "OwnerId": world.leaver }));
    let parts = [
        part(
            "PATCH",
            "user",
            &format!("/sobjects/User/{}", world.leaver),
            &json!({ "Title": "Gone" }),
        ),
        part(
            "PATCH",
            "account",
            &format!("/sobjects/Account/{account}"),
            &json!({ "OwnerId": world.admin }),
        ),
    ];
    let (_, body) = world.rest(
        Method::POST,
        "/composite",
        &json!({ "allOrNone": true, "compositeRequest": parts }),
    );
    assert_eq!(
        body["compositeResponse"][1]["body"][0]["errorCode"],
        "MIXED_DML_OPERATION"
    );
    let (_, body) = world.rest(
        Method::POST,
        "/composite",
        &json!({ "allOrNone": false, "compositeRequest": parts }),
    );
    assert_eq!(body["compositeResponse"][1]["httpStatusCode"], 204);
}
