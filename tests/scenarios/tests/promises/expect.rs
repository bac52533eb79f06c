//! Announced leavers: two approvers lift the limits for exactly the people and the hour that they read.

use std::collections::BTreeSet;

use rollcall_engine::{EngineError, Expectation, Window};
use rollcall_harness::WorldSpec;
use rollcall_model::RunState;
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{CHIDI, HOUR, MINUTE, Stage, replaced, signed_in, with_approvers};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::world::LEAVER;

const PRIYA: &str = "priya.raman@corp.example";
const LENA: &str = "lena.brandt@corp.example";
const HR: &str = "hana.ruiz@corp.example";

/// A company that cuts nobody without a decision: its limit is nothing.
async fn strict() -> Stage {
    let spec: WorldSpec = replaced("rollcall.yaml", "cut: 30/h", "cut: 1/h");
    let mut stage = Stage::new(with_approvers(spec, &[PRIYA, LENA, HR])).await;
    stage
        .reconfigure(|configuration| configuration.guard.cut.per_hour = 0)
        .await;
    stage
}

fn people(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn this_hour(stage: &Stage) -> Window {
    Window {
        from: stage.now(),
        to: plus(stage.now(), HOUR),
    }
}

async fn announced(stage: &Stage, names: &[&str], window: Window) -> Expectation {
    let announced = stage.engine.announce(&people(names), window, &signed_in(HR)).await;
    announced.expect("anybody may announce")
}

async fn approve(stage: &Stage, id: &str, by: &str) -> Result<Expectation, String> {
    match stage.announcement_approved(id, &signed_in(by)).await {
        Ok(known) => Ok(known),
        Err(EngineError::Refused(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

async fn approved(stage: &Stage, names: &[&str], window: Window) -> Expectation {
    let known = announced(stage, names, window).await;
    approve(stage, &known.id, PRIYA).await.expect("one approver");
    approve(stage, &known.id, LENA).await.expect("and another")
}

#[tokio::test]
async fn an_approved_announcement_lets_exactly_its_people_pass_the_limit() {
    let mut stage = strict().await;
    let known = approved(&stage, &[LEAVER, "somebody.else@corp.example"], this_hour(&stage)).await;
    assert!(known.is_approved());
    stage.leaves().await;
    stage.leaves_too(CHIDI).await;
    stage.work_for(MINUTE).await;
    let runs = stage.runs().await;
    let state = |login: &str| {
        let run = runs.iter().find(|run| run.person.login == login).expect("they left");
        run.state.clone()
    };
    assert_eq!(state(LEAVER), RunState::Done);
    assert!(stage.is_cut());
    assert!(matches!(state(CHIDI), RunState::Held { .. }), "{:?}", state(CHIDI));
    let vendors = &stage.world.vendors;
    assert!(!vendors.salesforce.is_frozen(&vendors.colleague_user));
    let run = runs.iter().find(|run| run.person.login == LEAVER).expect("she left");
    assert!(
        run.notes.iter().any(|note| note.text.contains(&known.id)),
        "{:?}",
        run.notes
    );
}

#[tokio::test]
async fn people_are_known_by_their_number_or_their_id_as_well() {
    for name in ["e1042", "the id"] {
        let mut stage = strict().await;
        let id = stage.world.vendors.leaver.to_lowercase();
        let name = if name == "the id" { id.as_str() } else { name };
        approved(&stage, &[name], this_hour(&stage)).await;
        stage.leaves().await;
        stage.work_for(MINUTE).await;
        assert_eq!(stage.run().await.state, RunState::Done, "{name}");
    }
}

#[tokio::test]
async fn an_announcement_counts_only_with_two_approvers_who_did_not_make_it() {
    let mut stage = strict().await;
    let known = announced(&stage, &[LEAVER], this_hour(&stage)).await;
    let own = approve(&stage, &known.id, HR).await.unwrap_err();
    assert!(own.contains("you announced"), "{own}");
    let stranger = approve(&stage, &known.id, CHIDI).await.unwrap_err();
    assert!(stranger.contains("is not in the group"), "{stranger}");
    let one = approve(&stage, &known.id, PRIYA).await.expect("an approver");
    assert_eq!((one.is_approved(), one.still_needed()), (false, 1));
    let again = approve(&stage, &known.id, "Priya.Raman@corp.example")
        .await
        .unwrap_err();
    assert!(again.contains("already"), "{again}");
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(
        matches!(stage.run().await.state, RunState::Held { .. }),
        "one is not enough"
    );
    assert!(stage.is_whole());
    approve(&stage, &known.id, LENA).await.expect("another approver");
    // The run asks again at its next rung, and passes.
    stage.world.clock.advance(MINUTE * 15);
    stage.work_for(MINUTE * 2).await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn an_announcement_counts_in_its_window_only() {
    let mut stage = strict().await;
    let now = stage.now();
    let later = Window {
        from: plus(now, HOUR),
        to: plus(now, HOUR * 2),
    };
    approved(&stage, &[LEAVER], later).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(
        matches!(stage.run().await.state, RunState::Held { .. }),
        "its hour has not come"
    );
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_cancelled_announcement_counts_no_more_and_its_approvals_do_not_come_back_with_it() {
    let mut stage = strict().await;
    let window = this_hour(&stage);
    let known = approved(&stage, &[LEAVER], window).await;
    stage
        .engine
        .cancel_expectation(&known.id)
        .await
        .expect("it can be cancelled");
    assert!(stage.engine.expectations().await.expect("memory answers").is_empty());
    stage.world.clock.advance(MINUTE);
    let again = announced(&stage, &[LEAVER], window).await;
    assert_eq!(again.id, known.id, "the same people in the same window");
    assert_eq!(again.approvals, []);
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(matches!(stage.run().await.state, RunState::Held { .. }));
}

#[tokio::test]
async fn an_announcement_does_not_lift_protection() {
    let mut stage = strict().await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    approved(&stage, &[LEAVER], this_hour(&stage)).await;
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    let review = stage.review(&stage.run().await).await;
    assert!(
        review.reasons.iter().all(|why| !why.contains("limit")),
        "{:?}",
        review.reasons
    );
    assert!(review.reasons.iter().any(|why| why.contains("protected")));
    assert!(stage.is_whole());
}

#[tokio::test]
async fn people_who_are_not_those_that_were_announced_are_nobody() {
    let mut stage = strict().await;
    let known = approved(&stage, &["somebody.else@corp.example"], this_hour(&stage)).await;
    let forged = serde_json::to_vec(&people(&[LEAVER])).expect("names are JSON");
    let name = format!("expected/{}.json", known.digest);
    stage
        .world
        .files
        .put(&name, forged.into())
        .await
        .expect("memory takes files");
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert!(
        matches!(stage.run().await.state, RunState::Held { .. }),
        "the digest does not fit"
    );
    assert!(stage.is_whole());
}

#[tokio::test]
async fn five_thousand_people_are_announced_and_found() {
    let mut stage = strict().await;
    let mut names: BTreeSet<String> = (0..4_999).map(|n| format!("person{n}@corp.example")).collect();
    names.insert(LEAVER.to_owned());
    let known = stage.engine.announce(&names, this_hour(&stage), &signed_in(HR)).await;
    let id = known.expect("it is not too many").id;
    approve(&stage, &id, PRIYA).await.expect("one");
    approve(&stage, &id, LENA).await.expect("two");
    stage.leaves().await;
    stage.work_for(MINUTE).await;
    assert_eq!(stage.run().await.state, RunState::Done);
}

#[tokio::test]
async fn a_window_that_is_over_backwards_or_too_long_is_refused() {
    let stage = strict().await;
    let now = stage.now();
    let ago = plus(now, HOUR);
    stage.world.clock.advance(HOUR * 2);
    for (from, to) in [
        (now, ago),
        (plus(now, HOUR * 4), plus(now, HOUR * 3)),
        (now, plus(now, HOUR * 24 * 8)),
    ] {
        let window = Window { from, to };
        let refused = stage.engine.announce(&people(&[LEAVER]), window, &signed_in(HR)).await;
        assert!(matches!(refused, Err(EngineError::Refused(_))), "{from} to {to}");
    }
}
