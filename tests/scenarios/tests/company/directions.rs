//! Who says so, and what follows from it in which system.

use std::time::Duration;

use rollcall_model::RunState;
use rollcall_scenarios::{HOUR, Lost, MINUTE, Stage, outcomes, told};
use rollcall_simulators::world::PROTECTED;

#[tokio::test]
async fn a_deactivation_in_okta_cuts_onelogin_and_both_orgs_with_every_account_of_the_person() {
    let mut stage = Stage::company().await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", outcomes(&run), run.notes);
    assert_eq!(stage.lost(), Lost::ALL);
    stage.bystanders_are_untouched();
    let cut: Vec<String> = run.cut_at.keys().map(ToString::to_string).collect();
    assert_eq!(cut, ["okta-main", "onelogin-main", "sf-emea", "sf-us"]);
}

#[tokio::test]
async fn a_suspension_in_onelogin_cuts_okta_and_both_orgs_and_goes_no_further() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().leaver_onelogin, stage.rest().administrator_onelogin);
    stage
        .in_onelogin(|onelogin, now| onelogin.admin_suspend(user, by, now).expect("OneLogin suspends"))
        .await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", outcomes(&run), run.notes);
    assert_eq!(stage.lost(), Lost::ALL);
    assert!(run.plan.stages.iter().all(|stage| stage.name == "cut"), "cut only");
    assert_eq!(run.plan.subject.connection.as_str(), "onelogin-main");
    assert_eq!(
        run.person.account.connection.as_str(),
        "okta-main",
        "the source says who it is"
    );
    stage.bystanders_are_untouched();
}

#[tokio::test]
async fn a_suspension_in_onelogin_that_is_taken_back_before_anybody_looks_cuts_nobody() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().leaver_onelogin, stage.rest().administrator_onelogin);
    stage
        .in_onelogin(|onelogin, now| {
            onelogin.admin_suspend(user, by, now).expect("OneLogin suspends");
            onelogin.admin_activate(user, by, now).expect("OneLogin activates");
        })
        .await;
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Superseded { .. }));
    assert_eq!(stage.lost(), Lost::NOTHING);
}

#[tokio::test]
async fn a_deletion_in_onelogin_is_still_about_the_person_that_the_account_was_linked_to() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().leaver_onelogin, stage.rest().administrator_onelogin);
    // An earlier run, or `rollcall link`, has seen whose account it is.
    stage.leaves().await;
    stage.settle().await;
    stage.returns_unheard();
    let vendors = &stage.world.vendors;
    assert!(vendors.salesforce.is_frozen(&vendors.leaver_user));
    stage.world.clock.advance(HOUR * 48);
    stage
        .in_onelogin(|onelogin, now| onelogin.admin_delete(user, by, now).expect("OneLogin deletes"))
        .await;
    stage.settle().await;
    let runs = stage.runs().await;
    let last = runs.last().expect("there is a run");
    assert_eq!(last.state, RunState::Done, "{:?} {:?}", outcomes(last), last.notes);
    assert_eq!(last.plan.person, runs[0].plan.person, "the same person");
    assert_eq!(last.plan.subject.id, user.to_string());
    assert_eq!(
        stage.lost(),
        Lost::ALL,
        "okta was active again and is cut, because OneLogin's word counts"
    );
}

#[tokio::test]
async fn two_directories_that_report_one_leaver_at_once_make_one_run() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().leaver_onelogin, stage.rest().administrator_onelogin);
    stage.leaves().await;
    stage
        .in_onelogin(|onelogin, now| onelogin.admin_deactivate(user, by, now).expect("OneLogin deactivates"))
        .await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", outcomes(&run));
    assert_eq!(stage.lost(), Lost::ALL);
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 1);
}

#[tokio::test]
async fn the_later_word_of_the_other_directory_opens_no_second_run() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().leaver_onelogin, stage.rest().administrator_onelogin);
    stage.leaves().await;
    stage.settle().await;
    stage.world.clock.advance(MINUTE * 10);
    stage
        .in_onelogin(|onelogin, now| onelogin.admin_deactivate(user, by, now).expect("OneLogin deactivates"))
        .await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn an_application_taken_away_cuts_that_org_alone() {
    let mut stage = Stage::company().await;
    let app = stage.rest().apps[1].clone();
    stage.app_removed(&app).await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", outcomes(&run), run.notes);
    assert_eq!(
        stage.lost(),
        Lost {
            us: true,
            us_admin: true,
            ..Lost::NOTHING
        }
    );
    stage.bystanders_are_untouched();
}

#[tokio::test]
async fn two_applications_taken_away_together_are_two_runs_and_each_cuts_its_own() {
    let mut stage = Stage::company().await;
    let [_, us, emea] = stage.rest().apps.clone();
    stage.app_removed(&us).await;
    stage.app_removed(&emea).await;
    stage.settle().await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert!(
        runs.iter().all(|run| run.state == RunState::Done),
        "{:?}",
        runs.iter().map(outcomes).collect::<Vec<_>>()
    );
    assert_eq!(
        stage.lost(),
        Lost {
            us: true,
            us_admin: true,
            emea: true,
            ..Lost::NOTHING
        }
    );
}

#[tokio::test]
async fn an_application_that_is_given_back_before_anybody_looks_cuts_nobody() {
    let mut stage = Stage::company().await;
    let app = stage.rest().apps[1].clone();
    stage.app_removed(&app).await;
    let vendors = &stage.world.vendors;
    vendors
        .okta
        .assign_app(&app, &vendors.leaver, None)
        .expect("Okta assigns");
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Superseded { .. }));
    assert_eq!(stage.lost(), Lost::NOTHING);
}

#[tokio::test]
async fn applications_that_a_deactivation_takes_away_open_no_runs_beside_the_leave() {
    let mut stage = Stage::company().await;
    stage.leaves().await;
    stage.world.clock.advance(Duration::from_secs(1));
    stage.deliver().await;
    stage.settle().await;
    assert_eq!(stage.run().await.plan.playbook, "leaver");
}

#[tokio::test]
async fn a_protected_person_is_held_whichever_directory_says_that_they_left() {
    let mut stage = Stage::company().await;
    let (user, by) = (stage.rest().protected_accounts.0, stage.rest().administrator_onelogin);
    stage
        .in_onelogin(|onelogin, now| onelogin.admin_deactivate(user, by, now).expect("OneLogin deactivates"))
        .await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(
        matches!(run.state, RunState::Held { .. }),
        "{PROTECTED}: {:?}",
        run.state
    );
    let lost = stage.lost_by_protected();
    assert!(!lost.okta && !lost.us && !lost.emea, "{lost:?}");
}
