//! Tokens, scopes, budgets, mappings, moving lists and lost answers.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn a_token_lives_ten_hours_and_a_refused_one_is_renewed() {
    let world = World::new();
    let onelogin = world.connect();
    world.state(&onelogin, &world.amara()).await;
    world.clock.pass(Duration::from_hours(9));
    // Somebody who asks now gets the same token with its first date, and must not count ten hours from here.
    let other = world.connect();
    world.state(&other, &world.amara()).await;
    assert_eq!(world.tenant.counters().get("issue-token"), 1);
    world.clock.pass(Duration::from_mins(61));
    world.tenant.clear_calls();
    world.state(&other, &world.amara()).await;
    let first = world.tenant.calls()[0].1.clone();
    assert_eq!(
        first, "/auth/oauth2/v2/token",
        "the end was known, so nothing was refused"
    );
    world.tenant.expire_tokens();
    world.state(&other, &world.amara()).await;
    assert_eq!(world.tenant.counters().get("issue-token"), 3);
}

#[tokio::test]
async fn another_account_and_a_dead_credential_are_refused() {
    let world = World::new();
    let foreign = world.connect_to("7");
    let failure = foreign
        .read_subject(&world.clock.call(), &world.amara())
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::Credential);
    let before = world.tenant.calls().len();
    foreign
        .read_subject(&world.clock.call(), &world.amara())
        .await
        .unwrap_err();
    assert_eq!(world.tenant.calls().len(), before, "nothing more is sent");

    let onelogin = world.connect();
    let state = world.state(&onelogin, &world.amara()).await;
    world
        .tenant
        .admin_delete(world.owner, world.admin, world.clock.now())
        .unwrap();
    let change = planned(SUSPEND, Some(world.amara()), &state, Value::Null);
    for connector in [onelogin, world.connect()] {
        let failure = connector.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Credential, "{failure}");
        assert!(failure.reason.contains("was probably deleted"), "{failure}");
    }
}

#[tokio::test]
async fn a_narrow_scope_is_a_matter_for_people_in_either_half() {
    for status in [401, 403] {
        let world = World::with_scope(Scope::ReadUsers);
        world.tenant.set_v2_scope_status(status);
        let onelogin = world.connect();
        let state = world.state(&onelogin, &world.amara()).await;
        let change = planned(SUSPEND, Some(world.amara()), &state, Value::Null);
        for change in [change, log_out(world.amara())] {
            let failure = onelogin.apply(&world.clock.call(), &change, "m").await.unwrap_err();
            assert_eq!(failure.class, FailureClass::NeedsHuman, "{failure}");
        }
        assert_eq!(world.tenant.status_of(world.amara), Some(Status::Active));
    }
}

#[tokio::test]
async fn an_exhausted_v1_budget_neither_stops_the_suspension_nor_hides_when_it_ends() {
    let world = World::new();
    let onelogin = world.connect();
    world.tenant.use_calls(5_000, world.clock.now());
    let state = world.state(&onelogin, &world.amara()).await;
    let change = planned(SUSPEND, Some(world.amara()), &state, Value::Null);
    onelogin.apply(&world.clock.call(), &change, "m").await.unwrap();
    let failure = onelogin
        .apply(&world.clock.call(), &log_out(world.amara()), "m")
        .await
        .unwrap_err();
    let wait = failure.retry_after().unwrap();
    assert!(
        wait > Duration::from_mins(59) && wait <= Duration::from_secs(3601),
        "{wait:?}"
    );
    world.clock.pass(wait);
    onelogin
        .apply(&world.clock.call(), &log_out(world.amara()), "m")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_mapping_does_not_answer_for_the_suspension() {
    let world = World::new();
    world.tenant.add_mapping(
        "Wake up",
        &[("external_id", "00042")],
        MappingAction::SetStatus(Status::Active),
    );
    let onelogin = world.connect();
    let state = world.state(&onelogin, &world.amara()).await;
    let change = planned(SUSPEND, Some(world.amara()), &state, Value::Null);
    onelogin.apply(&world.clock.call(), &change, "m").await.unwrap();
    world.clock.pass(Duration::from_mins(5));
    assert_eq!(world.state(&onelogin, &world.amara()).await.value, change.after);
    let probes = onelogin.examine(&world.clock.call()).await;
    let second = probes.iter().find(|probe| probe.what == "second-master").unwrap();
    assert_eq!(second.result, ProbeResult::Warning);
    assert!(second.found.contains("Wake up"), "{second:?}");
    assert!(
        probes.iter().all(|probe| probe.result != ProbeResult::Bad),
        "{probes:?}"
    );
}

#[tokio::test]
async fn a_deletion_during_a_sweep_loses_nobody() {
    let world = World::new();
    world.tenant.set_page_sizes(2, 2);
    let last: Vec<i64> = (1..=5)
        .map(|number| {
            let name = format!("user{number}@corp.example");
            world.tenant.add_user(UserSeed::active(&name, "User", "Example"))
        })
        .collect();
    let onelogin = world.connect();
    let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = onelogin
            .list_accounts(&world.clock.call(), &["external_id".to_owned()], cursor.as_deref())
            .await
            .unwrap();
        seen.extend(page.items.into_iter().map(|item| item.account.id));
        pages += 1;
        if pages == 1 {
            world
                .tenant
                .admin_delete(world.amara, world.admin, world.clock.now())
                .unwrap();
            world
                .tenant
                .admin_delete(world.admin, world.owner, world.clock.now())
                .unwrap();
        }
        assert_eq!(page.unproven, None);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    for id in last {
        assert!(seen.contains(&id.to_string()), "{id} is missing in {seen:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading_back() {
    for (fault, executed) in [(Fault::AnswerLost, true), (Fault::Timeout, false)] {
        let world = World::new();
        let onelogin = world.connect();
        let before = world.state(&onelogin, &world.amara()).await;
        let change = planned(SUSPEND, Some(world.amara()), &before, Value::Null);
        world.tenant.faults().add(FaultRule::once("mappings=disabled", fault));
        let failure = onelogin.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(failure.executed, rollcall_model::Executed::Maybe);
        let after = world.state(&onelogin, &world.amara()).await;
        assert_eq!(after.value == change.after, executed);
    }
}
