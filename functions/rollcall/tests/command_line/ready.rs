//! `rollcall ready`: what observe mode planned, beside what people did, in text and as a document, with an exit code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::path::Path;

use crate::support::Stage;
use rollcall_simulators::world::LEAVER;
use serde_json::json;

/// A stage in observe mode on which the leaver's run was planned.
async fn observed() -> Stage {
    let stage = Stage::set().await;
    let file = Path::new(&stage.places()[1]).join("env/test.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("default: enforce"), "{text}");
    std::fs::write(&file, text.replace("default: enforce", "default: observe")).unwrap();
    stage.deactivate();
    let plan = stage.rollcall(&["plan", LEAVER, "--json"]).await;
    let hash = plan.json()["hash"].as_str().unwrap().to_owned();
    let applied = stage.rollcall(&["apply", &hash]).await;
    assert_eq!(applied.code, 0, "{}", applied.all());
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_says_what_is_missing_and_when_nothing_is() {
    let stage = observed().await;
    let (org, user) = (&stage.world.salesforce, &stage.world.leaver_user);
    assert!(!org.is_frozen(user), "observe mode changes nothing");

    let early = stage
        .rollcall(&["ready", "leaver", "--people", "1", "--within", "0"])
        .await;
    assert_eq!(early.code, 1, "{}", early.all());
    for part in [
        "1 people observed",
        "Not done",
        LEAVER,
        "salesforce/freeze",
        "is not ready for review",
        "0 %",
    ] {
        assert!(early.text.contains(part), "no {part} in\n{}", early.text);
    }
    assert!(!org.is_frozen(user), "a look changes nothing");

    let run = stage.runs_when(|run| run.state.is_final()).await.remove(0);
    let freeze = run
        .changes
        .iter()
        .find(|record| record.change.action == "salesforce/freeze")
        .unwrap();
    let login = freeze.change.evidence["login"].as_str().unwrap();
    org.set_record("UserLogin", login, json!({"IsFrozen": true}));
    for token in org.tokens_of(user) {
        org.remove_record("OauthToken", &token);
    }
    for session in org.sessions_of(user) {
        org.remove_record("AuthSession", &session);
    }
    let ready = stage
        .rollcall(&["ready", "leaver", "--people", "1", "--for", "enforce"])
        .await;
    assert_eq!(ready.code, 0, "{}", ready.all());
    for part in ["leaver is ready for review.", "leaver is ready for enforce.", "100 %"] {
        assert!(ready.text.contains(part), "no {part} in\n{}", ready.text);
    }
    let few = stage.rollcall(&["ready", "leaver", "--json"]).await;
    let document = few.json();
    assert_eq!(
        (few.code, &document["ready"], &document["for"]),
        (1, &json!(false), &json!("review"))
    );
    assert_eq!(document["readiness"]["agreement"], json!(100), "{document}");
    assert_eq!(
        document["people"][0]["changes"][0]["became"],
        json!("same"),
        "{document}"
    );

    let unknown = stage.rollcall(&["ready", "leavers"]).await;
    assert!(
        unknown.code == 1 && unknown.all().contains("name one of leaver"),
        "{}",
        unknown.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restoration_is_noted_with_its_moment_and_not_from_the_future() {
    let stage = observed().await;
    let noted = stage.rollcall(&["restored", "--as-of", "2026-01-01T00:00:00Z"]).await;
    assert_eq!(noted.code, 0, "{}", noted.all());
    assert!(noted.text.contains("2026-01-01 00:00:00 UTC"), "{}", noted.text);
    let kept = stage.ledger().document("restored", "ledger").await.unwrap().unwrap();
    assert_eq!(kept.body["as_of"], json!("2026-01-01T00:00:00Z"));
    assert!(kept.body["by"].is_string(), "{:?}", kept.body);
    let wrong = stage.rollcall(&["restored", "--as-of", "2999-01-01T00:00:00Z"]).await;
    assert!(wrong.code == 1 && wrong.all().contains("not past"), "{}", wrong.all());
}
