//! The guard: protected people, limits, modes, and decisions that bind to what was read.

use rollcall_model::{Answer, Digest, Outcome, RunState};
use rollcall_scenarios::{CHIDI, HOUR, MANAGER_IN_SLACK, MINUTE, Stage, outcomes, replaced, told};
use rollcall_simulators::okta::GroupKind;

/// A stage on which the leaver is protected and has left: the run is held.
async fn held() -> Stage {
    let mut stage = Stage::plain().await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    stage.leaves().await;
    stage.settle().await;
    stage
}

fn told_once(stage: &Stage, beginning: &str) {
    let texts = stage.channel();
    assert_eq!(told(&texts, beginning), 1, "{texts:?}");
}

#[tokio::test]
async fn a_protected_person_is_held_told_once_and_nothing_is_cut_until_an_approver_decides() {
    let mut stage = held().await;
    let run = stage.run().await;
    let review = stage.review(&run).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("protected") && why.contains("an approver decides")),
        "{:?}",
        review.reasons
    );
    assert_eq!(stage.cuts(), 0);
    told_once(&stage, "Held: Amara Okafor");
    // Sweeps and wakes later nothing is said again until it is time for a reminder.
    stage.world.clock.advance(MINUTE * 5);
    stage.settle().await;
    told_once(&stage, "Held: Amara Okafor");
    assert_eq!(stage.channel().len(), 1);
    assert!(stage.is_whole());

    // A decision about another plan is no decision about this one.
    let wrong = Digest::new("0".repeat(64));
    assert_eq!(stage.decide(&review.id, &wrong, true).await, Answer::Stale);
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Held { .. }));
    assert!(stage.is_whole());

    assert_eq!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Won(()));
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", outcomes(&run));
    assert!(stage.is_cut());
    assert_eq!(
        run.stage_hashes.get("cut"),
        Some(&review.plan_hash),
        "what was approved is what was done"
    );
    told_once(&stage, "Amara Okafor is out");
    told_once(&stage, "Held: Amara Okafor");
    assert!(
        run.notes
            .iter()
            .any(|note| note.text.contains("approved by priya.raman@corp.example"))
    );
}

#[tokio::test]
async fn a_refused_review_ends_the_run_refused_with_nothing_cut() {
    let mut stage = held().await;
    let review = stage.review(&stage.run().await).await;
    assert_eq!(
        stage.decide(&review.id, &review.plan_hash, false).await,
        Answer::Won(())
    );
    assert!(
        matches!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Lost(_)),
        "a decision is made once"
    );
    stage.settle().await;
    let run = stage.run().await;
    assert!(
        matches!(&run.state, RunState::Refused { why } if why.contains("priya.raman@corp.example")),
        "{:?}",
        run.state
    );
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    told_once(&stage, "Not finished: Amara Okafor");
}

#[tokio::test]
async fn a_review_that_nobody_decides_in_time_ends_refused_and_cannot_be_decided_later() {
    let mut stage = held().await;
    let review = stage.review(&stage.run().await).await;
    stage
        .world
        .clock
        .advance(rollcall_runtime::clock::between(stage.now(), review.expires_at) + MINUTE);
    assert!(
        matches!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Lost(_)),
        "too late"
    );
    stage.settle().await;
    let run = stage.run().await;
    assert!(
        matches!(&run.state, RunState::Refused { why } if why.contains("in time")),
        "{:?}",
        run.state
    );
    assert_eq!(stage.cuts(), 0);
    told_once(&stage, "Not finished: Amara Okafor");
}

#[tokio::test]
async fn somebody_who_returns_while_their_run_is_held_is_not_cut_by_a_late_approval() {
    let mut stage = held().await;
    let review = stage.review(&stage.run().await).await;
    stage.returns_unheard();
    assert_eq!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Won(()));
    stage.settle().await;
    let run = stage.run().await;
    assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    assert!(stage.is_whole());
}

#[tokio::test]
async fn the_cut_limit_holds_the_second_leaver_and_says_what_to_do() {
    let mut stage = Stage::new(replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h")).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].state, RunState::Done);
    assert!(stage.is_cut());
    let review = stage.review(&runs[1]).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("limit") && why.contains("1 an hour") && why.contains("approve")),
        "{:?}",
        review.reasons
    );
    let vendors = stage.world.vendors.clone();
    assert!(!vendors.salesforce.is_frozen(&vendors.colleague_user));
    told_once(&stage, "Held: Chidi Okafor");

    // Waiting is one of the two things that it says can be done: in the next hour there is room again.
    stage.world.clock.advance(HOUR);
    stage.work_for(MINUTE * 5).await;
    assert!(
        vendors.salesforce.is_frozen(&vendors.colleague_user),
        "{:?}",
        stage.runs().await[1].state
    );
    assert_eq!(stage.runs().await[1].state, RunState::Done);
    told_once(&stage, "Held: Chidi Okafor");
}

#[tokio::test]
async fn an_approval_lets_a_cut_beyond_the_limit_through() {
    let mut stage = Stage::new(replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h")).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let review = stage.review(&stage.runs().await[1]).await;
    assert_eq!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Won(()));
    stage.work_for(MINUTE * 5).await;
    assert_eq!(stage.runs().await[1].state, RunState::Done);
    assert!(
        stage
            .world
            .vendors
            .salesforce
            .is_frozen(&stage.world.vendors.colleague_user)
    );
}

#[tokio::test]
async fn mode_observe_plans_changes_nothing_and_tells_nobody() {
    let mut stage = Stage::new(replaced("env/test.yaml", "default: enforce", "default: observe")).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(outcomes(&run).len(), 3, "everything is planned");
    for record in run.changes.iter().filter(|record| record.change.stage == "cut") {
        assert!(
            matches!(&record.outcome, Outcome::Skipped(why) if why.contains("observe")),
            "{:?}",
            record.outcome
        );
        assert_ne!(record.change.before, record.change.after, "the difference can be read");
    }
    assert!(run.stage_hashes.contains_key("cut"));
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    assert_eq!(stage.channel(), Vec::<String>::new());
    assert_eq!(
        stage.direct(MANAGER_IN_SLACK),
        Vec::<String>::new(),
        "nobody hears of a leave that was only planned"
    );
    assert!(run.cut_at.is_empty());
}

#[tokio::test]
async fn mode_review_holds_every_stage() {
    let mut stage = Stage::new(replaced("env/test.yaml", "default: enforce", "default: review")).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let review = stage.review(&run).await;
    assert!(
        review
            .reasons
            .iter()
            .any(|why| why.contains("mode") && why.contains("review")),
        "{:?}",
        review.reasons
    );
    assert!(stage.is_whole());
    told_once(&stage, "Held: Amara Okafor");
    assert_eq!(stage.decide(&review.id, &review.plan_hash, true).await, Answer::Won(()));
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}
