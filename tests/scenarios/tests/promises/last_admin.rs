//! The last administrator of a connection is never barred without a decision, not even when two leave at once.

use rollcall_engine::Approver;
use rollcall_harness::WorldSpec;
use rollcall_model::RunState;
use rollcall_runtime::clock::between;
use rollcall_scenarios::{CHIDI, HOUR, MINUTE, Stage, signed_in, with_admins};
use rollcall_simulators::okta::GroupKind;

/// An organisation in which everybody is an administrator, so many beside each; roles decide.
async fn organisation(left: u64) -> Stage {
    let mut stage = Stage::new(with_admins(WorldSpec::default(), left)).await;
    stage
        .reconfigure(|configuration| configuration.guard.approvers = None)
        .await;
    stage
}

fn approver() -> Approver {
    Approver {
        role: true,
        ..signed_in("priya.raman@corp.example")
    }
}

#[tokio::test]
async fn the_last_administrator_is_held_and_a_decision_lets_them_go() {
    let mut stage = organisation(0).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    let review = stage.review(&stage.run().await).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("last administrator of sf-us")),
        "{:?}",
        review.reasons
    );
    // Time alone does not make another administrator.
    stage.world.clock.advance(MINUTE * 40);
    stage.work_for(MINUTE * 2).await;
    assert!(stage.is_whole());
    let decided = stage
        .review_decided(&review.id, review.plan_hash.as_str(), true, &approver())
        .await;
    decided.expect("an approver decides");
    stage.work_for(MINUTE * 2).await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn of_two_administrators_who_leave_at_once_one_stays_until_they_are_counted_again() {
    let mut stage = organisation(1).await;
    stage.leaves().await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let runs = stage.runs().await;
    let held: Vec<_> = runs
        .iter()
        .filter(|run| matches!(run.state, RunState::Held { .. }))
        .collect();
    assert_eq!(
        held.len(),
        1,
        "{:?}",
        runs.iter().map(|run| &run.state).collect::<Vec<_>>()
    );
    assert_eq!(
        runs.iter().filter(|run| run.state == RunState::Done).count(),
        1,
        "the other has gone"
    );
    let review = stage.review(held[0]).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("last administrator of sf-us")),
        "{:?}",
        review.reasons
    );
    // The stand-in still counts somebody else by then, so it goes on by itself.
    stage.world.clock.advance(MINUTE * 21);
    stage.work_for(MINUTE * 2).await;
    assert!(stage.runs().await.iter().all(|run| run.state == RunState::Done));
}

#[tokio::test]
async fn administrators_who_leave_on_both_sides_of_a_window_exclude_one_another_too() {
    let mut stage = organisation(1).await;
    // To the last minute of a window of ten.
    let second = stage.now().as_second().rem_euclid(600);
    stage
        .world
        .clock
        .advance(std::time::Duration::from_secs(u64::try_from(600 - second).unwrap_or(0)) + MINUTE * 9);
    let began = stage.now();
    stage.leaves().await;
    stage.work_for(MINUTE / 2).await;
    stage.world.clock.advance(MINUTE);
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    assert!(between(began, stage.now()) < MINUTE * 5, "they leave within minutes");
    let runs = stage.runs().await;
    assert_eq!(runs[0].state, RunState::Done);
    assert!(matches!(runs[1].state, RunState::Held { .. }), "{:?}", runs[1].state);
}

#[tokio::test]
async fn an_approval_from_before_does_not_cover_an_administrator_who_has_become_the_last() {
    // The first question is about protection; somebody else could still administer the organisation.
    let mut stage = organisation(1).await;
    stage
        .reconfigure(|configuration| configuration.guard.held.remind = HOUR * 5)
        .await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    let first = stage.review(&stage.run().await).await;
    assert!(first.reasons.iter().all(|why| !why.contains("last administrator")));
    // That somebody leaves, and then the first question is answered.
    stage.world.clock.advance(MINUTE * 30);
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    assert_eq!(stage.runs().await[1].state, RunState::Done);
    let decided = stage
        .review_decided(&first.id, first.plan_hash.as_str(), true, &approver())
        .await;
    decided.expect("it is still the same plan");
    stage.work_for(MINUTE).await;
    let second = stage.review(&stage.runs().await[0]).await;
    assert_ne!(second.id, first.id, "it is another question");
    assert!(
        second
            .reasons
            .iter()
            .any(|why| why.contains("last administrator of sf-us")),
        "{:?}",
        second.reasons
    );
    assert!(stage.is_whole());
    let decided = stage
        .review_decided(&second.id, second.plan_hash.as_str(), true, &approver())
        .await;
    decided.expect("which can be answered, too");
    stage.work_for(MINUTE).await;
    assert_eq!(stage.runs().await[0].state, RunState::Done);
}
