//! What is left of somebody is taken apart later, and not at all when the world has changed by then.

use rollcall_model::plan::StageSpec;
use rollcall_model::{Run, RunState};
use rollcall_policy::Configuration;
use rollcall_runtime::{Code, codes};
use rollcall_scenarios::{HOUR, MINUTE, Stage, outcomes_of, replaced};
use rollcall_simulators::okta::{GroupKind, UserSeed};

/// A stage on which the leaver is cut and waits two hours to be taken apart, and the group of those under legal hold.
async fn waiting() -> (Stage, String) {
    let spec = replaced(
        "rollcall.yaml",
        "  service: {csv: tables/service.csv}\n",
        "  service: {csv: tables/service.csv}\n  hold: {group: okta-main/Legal-Hold}\n",
    );
    let mut stage = Stage::new(spec).await;
    let hold = stage.world.vendors.okta.add_group("Legal-Hold", GroupKind::Okta);
    stage.reconfigure(dismantles).await;
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Waiting { .. }), "{:?}", run.state);
    assert!(stage.is_cut());
    (stage, hold)
}

fn dismantles(configuration: &mut Configuration) {
    let leaver = configuration.playbooks.get_mut("leaver").expect("the fixture has it");
    let mut steps = leaver.stages[0].steps.clone();
    steps[0].actions = vec!["salesforce/end-sessions".to_owned()];
    steps[0].id = "again".to_owned();
    leaver.stages.truncate(1);
    leaver.stages.push(StageSpec {
        name: "dismantle".to_owned(),
        after_ms: 7_200_000,
        unless: Some("person.active || person.converting || person.in('hold')".to_owned()),
        steps,
    });
}

async fn at_its_hour(mut stage: Stage) -> (Stage, Run) {
    stage.pass(HOUR * 3).await;
    let run = stage.runs().await.remove(0);
    (stage, run)
}

async fn finds(stage: &Stage, code: Code, text: &str) -> bool {
    let findings = stage.findings().await;
    findings
        .iter()
        .any(|finding| finding.contains(code.id) && finding.contains(text))
}

#[tokio::test]
async fn whoever_is_still_gone_is_taken_apart_at_the_hour() {
    let (_, run) = at_its_hour(waiting().await.0).await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
    assert_eq!(
        outcomes_of(&run, "dismantle"),
        [("salesforce/end-sessions", "AlreadySo")]
    );
}

#[tokio::test]
async fn whoever_is_back_within_the_window_is_not_taken_apart_and_the_undo_is_offered() {
    let (stage, _) = waiting().await;
    stage.returns_unheard();
    let (stage, run) = at_its_hour(stage).await;
    assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    assert_eq!(outcomes_of(&run, "dismantle"), []);
    assert!(finds(&stage, codes::PERSON_RESTORED, &format!("rollcall undo {}", run.id)).await);
}

#[tokio::test]
async fn a_return_that_the_directory_reports_is_looked_at_at_once() {
    let (mut stage, _) = waiting().await;
    let vendors = stage.world.vendors.clone();
    stage.world.clock.advance(MINUTE);
    vendors
        .okta
        .admin_activate(&vendors.leaver, &vendors.administrator, stage.now())
        .expect("the directory activates");
    assert!(stage.deliver().await > 0);
    stage.work_for(MINUTE * 2).await;
    let run = stage.run().await;
    assert!(
        matches!(run.state, RunState::Superseded { .. }),
        "not an hour later: {:?}",
        run.state
    );
    assert!(finds(&stage, codes::PERSON_RESTORED, &format!("rollcall undo {}", run.id)).await);
}

#[tokio::test]
async fn whoever_comes_back_after_the_end_is_a_finding_and_nothing_else() {
    let (mut stage, run) = at_its_hour(waiting().await.0).await;
    assert_eq!(run.state, RunState::Done);
    let vendors = stage.world.vendors.clone();
    vendors
        .okta
        .admin_activate(&vendors.leaver, &vendors.administrator, stage.now())
        .expect("the directory activates");
    assert!(stage.deliver().await > 0);
    stage.work_for(MINUTE * 5).await;
    assert_eq!(stage.runs().await.len(), 1);
    assert!(stage.is_cut(), "nothing is given back by itself");
    assert!(finds(&stage, codes::PERSON_RETURNED, run.id.as_str()).await);
    assert!(!finds(&stage, codes::PERSON_RESTORED, run.id.as_str()).await);
}

#[tokio::test]
async fn a_legal_hold_stops_the_dismantling() {
    let (stage, hold) = waiting().await;
    let vendors = &stage.world.vendors;
    vendors
        .okta
        .add_member(&hold, &vendors.leaver)
        .expect("the directory takes it");
    let (_, run) = at_its_hour(stage).await;
    assert!(
        matches!(&run.state, RunState::Superseded { why } if why.contains("dismantle is stopped")),
        "{:?}",
        run.state
    );
    assert_eq!(outcomes_of(&run, "dismantle"), []);
}

#[tokio::test]
async fn another_active_account_with_the_same_number_is_a_conversion() {
    let (stage, _) = waiting().await;
    let okta = &stage.world.vendors.okta;
    okta.add_user(
        UserSeed::active("amara.okafor.staff@corp.example", "Amara", "Okafor").with("employeeNumber", "E1042"),
    )
    .expect("the directory takes it");
    let (_, run) = at_its_hour(stage).await;
    assert!(
        matches!(&run.state, RunState::Superseded { why } if why.contains("converting")),
        "{:?}",
        run.state
    );
}

#[tokio::test]
async fn somebody_with_another_number_is_no_conversion() {
    let (stage, _) = waiting().await;
    let okta = &stage.world.vendors.okta;
    okta.add_user(UserSeed::active("amara.okafor.two@corp.example", "Amara", "Okafor").with("employeeNumber", "E2042"))
        .expect("the directory takes it");
    let (_, run) = at_its_hour(stage).await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
}
