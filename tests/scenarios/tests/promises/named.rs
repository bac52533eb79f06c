//! A plan that somebody read and named is carried out as it was read, or refused with what moved.

use rollcall_engine::{EngineError, Proposal};
use rollcall_model::RunState;
use rollcall_model::plan::{Goal, Verdict};
use rollcall_scenarios::{MINUTE, Stage, outcomes, replaced};
use rollcall_simulators::salesforce::{Permission, UserSeed};
use serde_json::json;

/// The leaver is deactivated and no hook said so: somebody plans the leave by hand.
async fn proposed() -> (Stage, Proposal) {
    let stage = Stage::plain().await;
    stage
        .world
        .vendors
        .deactivate(stage.now())
        .expect("the directory deactivates");
    stage.world.vendors.okta.take_deliveries(stage.now());
    let proposal = stage
        .engine
        .propose(Goal::Leave, &stage.world.vendors.leaver)
        .await
        .expect("a plan is made");
    (stage, proposal)
}

fn login_id(proposal: &Proposal) -> String {
    let found = proposal
        .stage
        .items
        .iter()
        .find_map(|item| item.change.evidence["login"].as_str());
    found.expect("the freeze names the log-in row").to_owned()
}

#[tokio::test]
async fn a_plan_changes_nothing_and_is_carried_out_as_it_was_read() {
    let (mut stage, proposal) = proposed().await;
    assert_eq!(
        proposal
            .stage
            .items
            .iter()
            .filter(|item| item.verdict == Verdict::Run)
            .count(),
        3
    );
    assert_eq!(proposal.person.display, "Amara Okafor");
    assert_eq!(stage.cuts(), 0);
    assert_eq!(stage.runs().await.len(), 0);
    assert_eq!(stage.channel(), Vec::<String>::new());

    let asked = stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    assert!(!asked.already);
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(
        (run.id.clone(), run.state.clone()),
        (asked.run, RunState::Done),
        "{:?}",
        outcomes(&run)
    );
    assert!(stage.is_cut());
    assert_eq!(
        run.stage_hashes.get("cut"),
        Some(&proposal.stage.hash().expect("a plan has a hash"))
    );
    let read: Vec<_> = proposal.stage.items.iter().map(|item| item.change.key()).collect();
    let done: Vec<_> = run
        .changes
        .iter()
        .filter(|record| record.change.stage == "cut")
        .map(|record| record.change.key())
        .collect();
    assert_eq!(read, done, "exactly what was read");
}

#[tokio::test]
async fn planning_twice_without_a_change_gives_the_same_hash() {
    let (stage, proposal) = proposed().await;
    // A session more is evidence, not a difference: "all sessions" is still what ends.
    stage.world.vendors.salesforce.add_session(
        &stage.world.vendors.leaver_user,
        rollcall_simulators::salesforce::SessionKind::Ui,
    );
    let again = stage
        .engine
        .propose(Goal::Leave, &stage.world.vendors.leaver)
        .await
        .expect("a plan is made");
    assert_eq!(proposal.hash, again.hash);
}

#[tokio::test]
async fn a_world_that_moved_in_between_is_refused_naming_what_moved() {
    let (mut stage, proposal) = proposed().await;
    let seed = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("amara.second@corp.example")
    };
    let second = stage.world.vendors.salesforce.add_user(seed);
    stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    stage.settle().await;
    let run = stage.run().await;
    let RunState::Refused { why } = &run.state else {
        panic!("{:?}", run.state)
    };
    assert!(
        why.contains("moved") && why.contains(&second) && why.contains("new"),
        "{why}"
    );
    assert!(stage.is_whole(), "nothing of it was done");
    assert_eq!(stage.cuts(), 0);
}

#[tokio::test]
async fn a_plan_that_was_refused_as_moved_is_carried_out_once_the_world_is_as_it_was() {
    let (mut stage, proposal) = proposed().await;
    let org = stage.world.vendors.salesforce.clone();
    let seed = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("amara.second@corp.example")
    };
    let second = org.add_user(seed);
    let hash = proposal.hash.as_str();
    let first = stage.engine.apply_named(hash).await.expect("it is begun");
    stage.settle().await;
    // Somebody bars the second account themselves, and there is nothing to do about it any more.
    let now = stage.engine.propose(Goal::Leave, &stage.world.vendors.leaver).await;
    let items = now.expect("a plan is made").stage.items;
    let mut of_second = items.iter().map(|item| &item.change).filter(|change| {
        let account = change.account.as_ref();
        account.is_some_and(|account| account.id == second)
    });
    let login = of_second.find_map(|change| change.evidence["login"].as_str());
    org.set_record("UserLogin", login.expect("its log-in row"), json!({"IsFrozen": true}));
    let again = stage.engine.apply_named(hash).await.expect("it is begun");
    assert!(!again.already && again.run != first.run, "{again:?}");
    let same = stage.engine.apply_named(hash).await.expect("it is known");
    assert_eq!((&same.run, same.already), (&again.run, true));
    stage.settle().await;
    let run = stage.ledger().run(&again.run).await.expect("memory answers");
    assert_eq!(run.expect("it is there").state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn what_cannot_be_read_for_a_moment_has_not_moved() {
    let (mut stage, proposal) = proposed().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ViewAllUsers);
    let asked = stage.engine.apply_named(proposal.hash.as_str()).await;
    asked.expect("it is begun");
    stage.work_for(MINUTE).await;
    assert!(!stage.run().await.state.is_final(), "{:?}", stage.run().await.state);
    org.allow(Permission::ViewAllUsers);
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_change_that_meanwhile_reached_its_end_has_not_moved() {
    let (mut stage, proposal) = proposed().await;
    stage
        .world
        .vendors
        .salesforce
        .set_record("UserLogin", &login_id(&proposal), json!({"IsFrozen": true}));
    stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(
        outcomes(&run),
        [
            ("salesforce/freeze", "AlreadySo"),
            ("salesforce/revoke-tokens", "Changed"),
            ("salesforce/end-sessions", "Changed")
        ]
    );
    assert!(stage.is_cut());
    assert_eq!(stage.did("freeze"), 0);
}

#[tokio::test]
async fn a_person_who_returned_in_between_is_not_cut_by_a_named_plan() {
    let (mut stage, proposal) = proposed().await;
    stage.returns_unheard();
    stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    stage.settle().await;
    assert!(matches!(stage.run().await.state, RunState::Superseded { .. }));
    assert!(stage.is_whole());
}

#[tokio::test]
async fn the_same_hash_applied_twice_is_one_run() {
    let (mut stage, proposal) = proposed().await;
    let first = stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is begun");
    let second = stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is known");
    assert_eq!((&first.run, first.already, second.already), (&second.run, false, true));
    stage.settle().await;
    let third = stage
        .engine
        .apply_named(proposal.hash.as_str())
        .await
        .expect("it is known");
    assert!(third.already && third.run == first.run);
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(
        (stage.did("freeze"), stage.did("revoke-token")),
        (1, stage.world.before.tokens)
    );
}

#[tokio::test]
async fn a_plan_of_another_configuration_or_an_unknown_hash_is_refused_with_what_to_do() {
    let (stage, proposal) = proposed().await;
    let Err(EngineError::Refused(why)) = stage.engine.apply_named(&"f".repeat(64)).await else {
        panic!("an unknown hash is refused")
    };
    assert!(why.contains("rollcall plan"), "{why}");
    let other = Stage::new(replaced("rollcall.yaml", "cut: 30/h", "cut: 29/h")).await;
    let document = stage
        .ledger()
        .document("plan", proposal.hash.as_str())
        .await
        .expect("memory answers")
        .expect("it is kept");
    other
        .ledger()
        .put_document("plan", proposal.hash.as_str(), &document.body)
        .await
        .expect("memory takes it");
    let Err(EngineError::Refused(why)) = other.engine.apply_named(proposal.hash.as_str()).await else {
        panic!("another configuration is refused")
    };
    assert!(why.contains("configuration has changed"), "{why}");
}
