use rollcall_model::ProbeResult::{self, Bad, Good, Unknown, Warning};

use super::*;
use crate::scripted::urgent;

const ALL: &str = "channels:history,channels:read,chat:write,groups:history,groups:read,im:history,im:write,users:read.email,team:read";
const NAMES: [&str; 6] = ["tenant", "scopes", "canary", "permissions", "own-credential", "quota"];

fn identity(team: &str, bot: bool, scopes: Option<&str>) -> Step {
    let mut body = json!({ "ok": true, "team_id": team, "user_id": "U0ROLLCALL1" });
    if bot {
        body["bot_id"] = json!("B0ROLLCALL1");
    }
    let step = step(&format!("POST {API}/auth.test"), 200, &body);
    match scopes {
        Some(scopes) => step.with("x-oauth-scopes", scopes),
        None => step,
    }
}

fn lookup(body: &Value) -> Step {
    step(
        &format!("GET {API}/users.lookupByEmail?email=rollcall-canary%40nobody.invalid"),
        200,
        body,
    )
}

async fn examine(steps: impl IntoIterator<Item = Step>) -> Vec<(ProbeResult, String)> {
    let script = Script::new(steps);
    let probes = connect(&script).examine(&urgent()).await;
    script.done();
    let names: Vec<&str> = probes.iter().map(|probe| probe.what.as_str()).collect();
    assert_eq!(names, NAMES);
    probes.into_iter().map(|probe| (probe.result, probe.found)).collect()
}

fn results(probes: &[(ProbeResult, String)]) -> Vec<ProbeResult> {
    probes.iter().map(|(result, _)| *result).collect()
}

fn nobody() -> Value {
    json!({ "ok": false, "error": "users_not_found" })
}

#[tokio::test]
async fn a_workspace_as_it_should_be_leaves_open_only_what_it_cannot_tell() {
    let team = "T0EXAMPLE01";
    // The workspace is checked again before the first method that reads.
    let probes = examine([
        identity(team, true, Some(ALL)),
        identity(team, true, None),
        lookup(&nobody()),
    ])
    .await;
    assert_eq!(
        results(&probes),
        [Good, Good, Good, Unknown, Good, Unknown],
        "{probes:?}"
    );
    assert!(probes[3].1.contains("channel") && probes[5].1.contains("limits"));
}

#[tokio::test]
async fn missing_scopes_are_named_and_a_person_s_token_is_told() {
    let team = "T0EXAMPLE01";
    let without = |scope: &str| ALL.replace(&format!("{scope},"), "");
    let missing =
        json!({ "ok": false, "error": "missing_scope", "needed": "users:read.email", "provided": "chat:write" });
    for (scopes, result, words) in [
        (Some(without("users:read.email")), Bad, "missing: users:read.email"),
        (Some(without("groups:read")), Warning, "missing: groups:read"),
        (Some("chat:write".to_owned()), Bad, "channels:history, channels:read"),
        (None, Unknown, "does not name"),
    ] {
        let probes = examine([
            identity(team, false, scopes.as_deref()),
            identity(team, false, None),
            lookup(&missing),
        ])
        .await;
        assert_eq!(probes[1].0, result, "{probes:?}");
        assert!(probes[1].1.contains(words), "{probes:?}");
        // What the search says counts, whatever the header says.
        assert_eq!(probes[2].0, Bad);
        assert!(probes[2].1.contains("add the scope users:read.email"), "{probes:?}");
        assert_eq!(probes[4].0, Warning);
    }
    let busy = json!({ "ok": false, "error": "internal_error" });
    let probes = examine([
        identity(team, true, Some(ALL)),
        identity(team, true, None),
        lookup(&busy),
    ])
    .await;
    assert_eq!(probes[2].0, Unknown);
}

#[tokio::test]
async fn another_workspace_is_told_and_asked_nothing_more() {
    let probes = examine([identity("T0STRANGER1", true, Some(ALL))]).await;
    assert_eq!(
        results(&probes),
        [Bad, Good, Unknown, Unknown, Good, Unknown],
        "{probes:?}"
    );
    assert!(probes[0].1.contains("T0STRANGER1") && probes[0].1.contains("T0EXAMPLE01"));
    let revoked = json!({ "ok": false, "error": "token_revoked" });
    let probes = examine([step(&format!("POST {API}/auth.test"), 200, &revoked)]).await;
    assert_eq!(results(&probes), [Bad, Unknown, Unknown, Unknown, Unknown, Unknown]);
    assert!(probes.iter().all(|(_, found)| !found.contains("planted")));
}
