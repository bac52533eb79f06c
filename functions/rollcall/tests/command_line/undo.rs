//! A run is taken back from the command line, and what stands in the way of taking somebody apart is shown.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use crate::support::Stage;
use rollcall_simulators::world::LEAVER;
use serde_json::json;

/// The leaver is cut by a plan that was applied; the run that did it.
async fn cut(stage: &Stage) -> String {
    stage.deactivate();
    let plan = stage.rollcall(&["plan", LEAVER, "--json"]).await;
    assert_eq!(plan.code, 0, "{}", plan.all());
    let hash = plan.json()["hash"].as_str().unwrap().to_owned();
    let applied = stage.rollcall(&["apply", &hash]).await;
    assert_eq!(applied.code, 0, "{}", applied.all());
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    runs[0].id.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_undo_is_read_and_then_carried_out_exactly() {
    let stage = Stage::set().await;
    let run = cut(&stage).await;
    let frozen = || stage.world.salesforce.is_frozen(&stage.world.leaver_user);
    assert!(frozen());
    let plan = stage.rollcall(&["undo", &run]).await;
    assert_eq!(plan.code, 0, "{}", plan.all());
    for part in [
        "frozen: true → false",
        "1 to change",
        "Needs nothing",
        "for 30 days",
        "deactivated",
    ] {
        assert!(plan.text.contains(part), "no {part} in\n{}", plan.text);
    }
    assert!(frozen(), "a plan changes nothing");
    let hash = stage.rollcall(&["undo", &run, "--json"]).await.json()["hash"].clone();
    let applied = stage.rollcall(&["apply", hash.as_str().unwrap()]).await;
    assert_eq!(applied.code, 0, "{}", applied.all());
    assert!(!frozen());
    let story = stage.on_data(&["explain", &run]).await;
    assert!(
        story.text.contains("Left alone") && story.text.contains("until"),
        "{}",
        story.all()
    );

    let again = stage.rollcall(&["undo", &run, "--for", "7", "--yes", "--json"]).await;
    assert_eq!(
        (again.code, &again.json()["state"]),
        (0, &json!("Done")),
        "{}",
        again.all()
    );
    let unknown = stage.rollcall(&["undo", "run_0"]).await;
    assert!(
        unknown.code == 1 && unknown.all().contains("no run run_0"),
        "{}",
        unknown.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_before_names_each_account_and_changes_nothing() {
    let stage = Stage::set().await;
    let looked = stage.rollcall(&["preflight", LEAVER]).await;
    assert_eq!(looked.code, 0, "{}", looked.all());
    assert!(
        looked.text.contains("sf-us") && looked.text.contains(&stage.world.leaver_user),
        "{}",
        looked.text
    );
    let json = stage.rollcall(&["preflight", LEAVER, "--json"]).await.json();
    let accounts = json["accounts"].as_array().unwrap();
    assert!(
        accounts
            .iter()
            .any(|one| one["account"]["id"] == json!(stage.world.leaver_user)),
        "{json}"
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
}
