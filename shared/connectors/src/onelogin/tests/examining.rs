use rollcall_model::connector::ProbeResult;
use rollcall_model::connector::ProbeResult::{Bad, Good, Unknown, Warning};

use super::*;
use crate::scripted::urgent;

/// What an examination asks of an account in which everything is right, each answer by its path.
fn asked() -> Vec<(String, u16, Value)> {
    let mut owner = user_body(OWNER, 1);
    owner["username"] = json!("rollcall");
    owner["external_id"] = Value::Null;
    let plain =
        |id: u64| json!({ "id": id, "username": format!("user-{id}"), "directory_id": null, "trusted_idp_id": null });
    [
        ("/api/2/users?limit=1", json!([{ "id": 1 }])),
        ("/api/2/roles?limit=1", json!([{ "id": 1 }])),
        ("/api/2/users/90000002", user_body("90000002", 1)),
        (
            "/api/2/users?limit=100&user_ids=90000002",
            json!([{ "id": 90_000_002 }]),
        ),
        ("/api/1/privileges", json!([{ "id": "p", "name": "Super user" }])),
        ("/api/1/privileges/p/users", json!([OWNER])),
        ("/api/1/privileges/p/roles", json!([])),
        (
            "/api/2/roles?fields=admins&limit=100",
            json!([{ "id": 5, "name": "Sales", "admins": [] }]),
        ),
        ("/api/1/groups", json!({ "data": [] })),
        ("/api/2/mfa/users/90000002/devices", json!([])),
        (
            "/auth/rate_limit",
            json!({ "data": { "X-RateLimit-Limit": 5000, "X-RateLimit-Remaining": 4988, "X-RateLimit-Reset": 832 } }),
        ),
        ("/api/2/users/90000001", owner),
        (
            "/api/2/users?limit=100&fields=id,username,email,directory_id,trusted_idp_id",
            json!([plain(1), plain(2), plain(3), plain(4), plain(5)]),
        ),
        ("/api/2/mappings?limit=100", json!([])),
    ]
    .into_iter()
    .map(|(path, body)| (path.to_owned(), 200, body))
    .collect()
}

async fn examine(change: impl FnOnce(&mut OneLoginSettings, &mut Vec<(String, u16, Value)>)) -> Vec<Probe> {
    let mut settings = settings();
    settings.own_user_ids = vec![OWNER.to_owned()];
    let mut all = asked();
    change(&mut settings, &mut all);
    let steps = all
        .into_iter()
        .map(|(path, status, body)| step(&line("GET", &path), status, &body));
    let script = Script::new([token()].into_iter().chain(steps));
    let (onelogin, _) = connect(settings, &script);
    let probes = onelogin.examine(&urgent()).await;
    script.done();
    probes
}

fn answer(all: &mut [(String, u16, Value)], path: &str, status: u16, body: Value) {
    let found = all.iter_mut().find(|(known, ..)| known == path).unwrap();
    (found.1, found.2) = (status, body);
}

fn of<'a>(probes: &'a [Probe], what: &str) -> (ProbeResult, &'a str) {
    let probe = probes.iter().find(|probe| probe.what == what).unwrap();
    (probe.result, probe.found.as_str())
}

#[tokio::test]
async fn an_account_in_which_everything_is_right_is_good_in_every_probe() {
    let probes = examine(|_, _| ()).await;
    let names: Vec<_> = probes.iter().map(|probe| (probe.what.as_str(), probe.result)).collect();
    assert_eq!(
        names,
        [
            ("tenant", Good),
            ("scopes", Good),
            ("canary", Good),
            ("permissions", Good),
            ("quota", Good),
            ("own-credential", Good),
            ("second-master", Good)
        ],
        "{probes:#?}"
    );
    assert_eq!(
        of(&probes, "quota").1,
        "4988 of 5000 v1 calls are left, renewed in 832 s"
    );
    assert!(
        of(&probes, "own-credential")
            .1
            .contains("rollcall (90000001) is active; privileges: Super user")
    );
}

#[tokio::test]
async fn second_masters_are_counted_and_named_with_what_to_switch_off() {
    let probes = examine(|_, all| {
        let rows: Vec<Value> = (1..=5)
            .map(|id| json!({ "id": id, "username": format!("User-{id}"), "directory_id": (id != 5).then_some(40_001), "trusted_idp_id": (id == 5).then_some(9) }))
            .collect();
        answer(all, "/api/2/users?limit=100&fields=id,username,email,directory_id,trusted_idp_id", 200, json!(rows));
        answer(
            all,
            "/api/2/mappings?limit=100",
            200,
            json!([
                { "id": 1, "name": "Wake up", "enabled": true, "actions": [{ "action": "set_status", "value": ["1"] }] },
                { "id": 2, "name": "Give sales", "enabled": true, "actions": [{ "action": "add_role", "value": ["5", 6] }] },
                { "id": 3, "name": "Asleep", "enabled": false, "actions": [{ "action": "set_status", "value": ["1"] }] },
            ]),
        );
    })
    .await;
    let (result, found) = of(&probes, "second-master");
    assert_eq!(result, Warning);
    for words in [
        "4 of 5 users are mastered by a directory (user-1, user-2, user-3, …)",
        "1 of 5 users are mastered by a trusted identity provider (user-5)",
        "mappings that set the status: Wake up",
        "mappings that give roles: Give sales (Sales, 6)",
    ] {
        assert!(found.contains(words), "{found}");
    }
    assert!(!found.contains("Asleep"), "{found}");
    let next = probes.last().unwrap().next.as_deref().unwrap();
    assert!(
        next.contains("switch off the mappings") && next.contains("directory"),
        "{next}"
    );
}

#[tokio::test]
async fn a_narrow_scope_shows_in_what_cannot_be_read() {
    let refused = v1(401, "Unauthorized", "Insufficient Permission");
    let probes = examine(|_, all| {
        for path in [
            "/api/2/roles?limit=1",
            "/api/1/privileges",
            "/api/2/roles?fields=admins&limit=100",
            "/api/2/mappings?limit=100",
            "/api/2/mfa/users/90000002/devices",
        ] {
            answer(all, path, 401, refused.clone());
        }
        all.retain(|(path, ..)| !path.starts_with("/api/1/privileges/"));
    })
    .await;
    let (result, found) = of(&probes, "scopes");
    assert!(result == Bad && found.contains("Read Users or Manage Users"), "{found}");
    let (result, found) = of(&probes, "permissions");
    assert!(
        result == Warning && found.contains("privileges not readable") && found.contains("MFA devices not readable"),
        "{found}"
    );
    assert_eq!(of(&probes, "second-master").0, Unknown, "the mappings were not seen");
}

#[tokio::test]
async fn the_owner_of_the_credential_is_looked_at() {
    let path = "/api/2/users/90000001";
    for (status, body, result, words) in [
        (404, not_found(), Bad, "is not there"),
        (200, user_body(OWNER, 2), Bad, "is suspended"),
        (200, user_body(OWNER, 1), Warning, "everyday account"),
        (503, json!({}), Unknown, "503"),
    ] {
        let probes = examine(|_, all| answer(all, path, status, body)).await;
        let (found, said) = of(&probes, "own-credential");
        assert!(found == result && said.contains(words), "{said}");
    }
    let unnamed = examine(|settings, all| {
        settings.own_user_ids.clear();
        all.retain(|(known, ..)| known != path);
    })
    .await;
    assert_eq!(of(&unnamed, "own-credential").0, Warning);
}

#[tokio::test]
async fn a_canary_who_is_not_there_and_a_quota_that_runs_out_are_told() {
    let probes = examine(|_, all| {
        answer(all, "/api/2/users/90000002", 404, not_found());
        let low =
            json!({ "data": { "X-RateLimit-Limit": 5000, "X-RateLimit-Remaining": 499, "X-RateLimit-Reset": 832 } });
        answer(all, "/auth/rate_limit", 200, low);
    })
    .await;
    assert_eq!((of(&probes, "canary").0, of(&probes, "quota").0), (Bad, Warning));
}

#[tokio::test]
async fn without_a_token_every_other_probe_is_unknown() {
    let refused = step(
        &line("POST", "/auth/oauth2/v2/token"),
        401,
        &v1(401, "Unauthorized", "Authentication Failure"),
    );
    let script = Script::new([refused]);
    let (onelogin, _) = connect(settings(), &script);
    let probes = onelogin.examine(&urgent()).await;
    script.done();
    assert_eq!(probes[0].result, Bad);
    assert!(
        probes.len() == 7 && probes.iter().skip(1).all(|probe| probe.result == Unknown),
        "{probes:?}"
    );
}
