//! `rollcall leave` as it is typed.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use crate::support::Stage;
use jiff::Timestamp;
use rollcall_simulators::world::LEAVER;

/// The operating system's name of the account that runs this test.
fn me() -> String {
    let said = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Names whoever runs this test as an operator with these roles.
fn with_roles(stage: &Stage, name: &str, roles: &str) {
    let file = stage.folder.path().join("config/env/test.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let operators = format!("operators:\n  {name}: {{login: it-op@corp.example, roles: [{roles}]}}\n");
    let before = text.split("operators:").next().unwrap();
    std::fs::write(&file, format!("{before}{operators}")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leave_is_agreed_listed_and_called_off() {
    let stage = Stage::set().await;
    let agreed = stage
        .rollcall(&["leave", LEAVER, "--at", "2036-11-27T17:00[Australia/Melbourne]"])
        .await;
    assert_eq!(agreed.code, 0, "{}", agreed.all());
    assert!(
        agreed
            .text
            .contains("Amara Okafor leaves at 2036-11-27 17:00:00 Australia/Melbourne (2036-11-27 06:00:00 UTC)"),
        "{}",
        agreed.text
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    let list = stage.rollcall(&["leave", "list"]).await;
    assert!(
        list.text.contains("Amara Okafor") && list.text.contains("2036-11-27 06:00:00 UTC"),
        "{}",
        list.all()
    );
    let listed = stage.rollcall(&["leave", "list", "--json"]).await.json();
    let id = listed["leaves"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["leaves"][0]["asked_by"], me().as_str());
    let off = stage.rollcall(&["leave", "cancel", &id]).await;
    assert_eq!(off.code, 0, "{}", off.all());
    let list = stage.rollcall(&["leave", "list"]).await;
    assert!(list.text.contains("No leave is agreed"), "{}", list.all());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leave_now_is_carried_out_and_cannot_be_called_off() {
    let stage = Stage::set().await;
    let done = stage.rollcall(&["leave", LEAVER, "--at", "now"]).await;
    assert_eq!(done.code, 0, "{}", done.all());
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    stage.assert_cut_once(&runs).await;
    assert_eq!(runs[0].asked_by.as_deref(), Some(me().as_str()));
    let timers = stage.ledger().timers("leave", 10).await.unwrap();
    let id = timers[0].id.strip_prefix("leave/").unwrap();
    let late = stage.rollcall(&["leave", "cancel", id]).await;
    assert_eq!(late.code, 1);
    assert!(
        late.all().contains("has begun") && late.all().contains(runs[0].id.as_str()),
        "{}",
        late.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_hour_without_a_zone_is_refused_until_the_directory_knows_the_persons() {
    let stage = Stage::set().await;
    let refused = stage.rollcall(&["leave", LEAVER, "--at", "2036-11-27T17:00"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.all().contains("[Australia/Melbourne]"), "{}", refused.all());
    let okta = &stage.world.okta;
    okta.add_attribute("timezone");
    okta.admin_update(
        &stage.world.leaver,
        &[("timezone", "America/Los_Angeles".into())],
        &stage.world.administrator,
        Timestamp::now(),
    )
    .unwrap();
    let agreed = stage.rollcall(&["leave", LEAVER, "--at", "2036-11-27T17:00"]).await;
    assert!(
        agreed
            .text
            .contains("2036-11-27 17:00:00 America/Los_Angeles (2036-11-28 01:00:00 UTC)"),
        "{}",
        agreed.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_an_operator_may_ask_for_a_leave() {
    let stage = Stage::set().await;
    for (name, roles) in [("somebody-else", "operator"), (me().as_str(), "viewer, approver")] {
        with_roles(&stage, name, roles);
        for args in [
            &["leave", LEAVER, "--at", "now"][..],
            &["leave", "cancel", "lv_000000000000"][..],
        ] {
            let refused = stage.rollcall(args).await;
            assert_eq!(refused.code, 1, "{}", refused.all());
            assert!(
                refused.all().contains("may not ask for a leave") || refused.all().contains("no ledger"),
                "{}",
                refused.all()
            );
        }
    }
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    with_roles(&stage, &me(), "operator");
    let done = stage.rollcall(&["leave", LEAVER, "--at", "now"]).await;
    assert_eq!(done.code, 0, "{}", done.all());
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    assert_eq!(runs[0].asked_by.as_deref(), Some("it-op@corp.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quiet_leave_is_an_id_for_everybody_without_the_role_confidential() {
    let stage = Stage::set().await;
    with_roles(&stage, &me(), "operator");
    let agreed = stage
        .rollcall(&["leave", LEAVER, "--at", "2036-11-27T17:00Z", "--quiet"])
        .await;
    assert_eq!(agreed.code, 0, "{}", agreed.all());
    let second = stage.rollcall(&["leave", LEAVER, "--at", "2036-11-28T17:00Z"]).await;
    assert_eq!(second.code, 1, "who asked may know: {}", second.all());
    let timers = stage.ledger().timers("leave", 10).await.unwrap();
    let id = timers[0].id.strip_prefix("leave/").unwrap().to_owned();
    for args in [&["leave", "list"][..], &["leave", "list", "--json"][..]] {
        let list = stage.rollcall(args).await.all();
        assert!(list.contains(&id), "{list}");
        for hidden in ["Amara", "amara", "2036", &stage.world.leaver] {
            assert!(!list.contains(hidden), "{hidden} in {list}");
        }
    }
    with_roles(&stage, &me(), "operator, confidential");
    let list = stage.rollcall(&["leave", "list"]).await;
    assert!(
        list.text.contains("2036-11-27") && list.text.contains(&stage.world.leaver),
        "{}",
        list.text
    );

    // The run's story is for the same few.
    stage.rollcall(&["leave", "cancel", &id]).await;
    let done = stage.rollcall(&["leave", LEAVER, "--at", "now", "--quiet"]).await;
    assert_eq!(done.code, 0, "{}", done.all());
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    let run = runs[0].id.as_str();
    let told = stage.rollcall(&["explain", LEAVER]).await;
    assert!(told.text.contains("salesforce/freeze"), "{}", told.all());
    with_roles(&stage, &me(), "operator");
    let asked = stage.rollcall(&["explain", LEAVER]).await;
    assert_eq!(asked.code, 1, "{}", asked.all());
    assert!(
        asked.all().contains("nothing is known") && !asked.all().contains(run),
        "a run found by the person says who leaves: {}",
        asked.all()
    );
    for args in [
        &["explain", run][..],
        &["explain"][..],
        &["explain", "--json"][..],
        &["explain", run, "--json"][..],
    ] {
        let told = stage.rollcall(args).await.all();
        assert!(told.contains(run), "{args:?}: {told}");
        for hidden in ["Amara", "amara", "salesforce/freeze", &stage.world.leaver] {
            assert!(!told.contains(hidden), "{args:?}: {hidden} in {told}");
        }
    }
}
