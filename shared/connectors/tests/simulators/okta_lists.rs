//! Okta's lists: accounts, assignments, members, and the look at the connection itself.

use std::collections::BTreeSet;

use rollcall_connectors::okta::READ_SCOPES;
use rollcall_model::connector::{Assigned, GroupRead, Probe, ProbeResult};
use rollcall_model::{AccountClass, AccountQuery, Connector as _, MatchKey};
use rollcall_simulators::okta::{GroupKind, UserSeed};
use rollcall_simulators::{Fault, FaultRule};

use super::okta::{ORG, World, ssws};
use super::*;

#[tokio::test]
async fn every_account_is_listed_once_deactivated_ones_too() {
    let world = World::new();
    for number in 0..450 {
        let seed = UserSeed::active(&format!("user{number}@example.com"), "User", "Example");
        let id = world
            .sim
            .add_user(seed.with("employeeNumber", format!("N{number}")))
            .unwrap();
        if number % 3 == 0 {
            world
                .sim
                .admin_deactivate(&id, &world.admin, world.clock.now())
                .unwrap();
        }
    }
    let okta = world.connect(ssws(), ORG);
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let fields = ["employeeNumber".to_owned(), "status".to_owned()];
        let page = okta
            .list_accounts(&world.clock.call(), &fields, cursor.as_deref())
            .await
            .unwrap();
        assert_eq!(page.unproven, None);
        pages += 1;
        for listed in page.items {
            let person = listed.person.unwrap();
            assert_eq!(listed.active, !person.state.has_left());
            assert_eq!(listed.active, listed.values["status"] == "ACTIVE");
            if let Some(number) = listed
                .values
                .get("employeeNumber")
                .filter(|number| number.starts_with('N'))
            {
                assert!(listed.names.contains(&number.to_lowercase()) && listed.names.contains(&listed.username));
            }
            ids.push(listed.account.id);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(
        (ids.len(), unique.len(), pages),
        (452, 452, 3),
        "302 and 150 by two hundred"
    );
    let elsewhere = okta.list_accounts(&world.clock.call(), &[], Some("/api/v1/apps")).await;
    assert!(elsewhere.is_err());
    world.sim.faults().add(FaultRule::once("/users?", Fault::EmptyList));
    let nobody = okta.list_accounts(&world.clock.call(), &[], None).await.unwrap();
    assert!(nobody.items.is_empty() && nobody.unproven.is_some());
}

#[tokio::test]
async fn accounts_of_administrators_are_found_as_such() {
    let world = World::new();
    world.sim.add_role(&world.alice, "HELP_DESK_ADMIN").unwrap();
    let okta = world.connect(ssws(), ORG);
    let key = MatchKey {
        field: "email".to_owned(),
        value: "alice@example.com".to_owned(),
        sure: true,
    };
    let query = AccountQuery {
        keys: vec![key],
        linked: Vec::new(),
    };
    let found = okta.find_accounts(&world.clock.call(), &query).await.unwrap();
    assert_eq!(found.accounts[0].class, AccountClass::Admin);
    assert_eq!(found.accounts[0].names, ["alice@example.com", "00042"]);
    let world = World::new();
    let okta = world.connect(ssws(), ORG);
    let found = okta.find_accounts(&world.clock.call(), &query).await.unwrap();
    assert_eq!(found.accounts[0].class, AccountClass::Human);
}

#[tokio::test]
async fn assignments_say_what_the_app_calls_its_users_and_end_when_taken() {
    let world = World::new();
    let crm = world.sim.add_app("CRM", true);
    world.sim.assign_app(&crm, &world.alice, None).unwrap();
    world
        .sim
        .set_app_user(&crm, &world.alice, Some("0055f00000A"), Some("alice@crm.example"))
        .unwrap();
    for number in 0..500 {
        let id = world
            .sim
            .add_user(UserSeed::active(&format!("user{number}@example.com"), "U", "E"))
            .unwrap();
        world.sim.assign_app(&crm, &id, None).unwrap();
    }
    for auth in [ssws(), world.app(true)] {
        let okta = world.connect(auth, ORG);
        let first = okta.assignments(&world.clock.call(), &crm, None).await.unwrap();
        let alice = first.items.iter().find(|one| one.account.id == world.alice).unwrap();
        assert_eq!(alice.external_id.as_deref(), Some("0055f00000A"));
        assert_eq!(alice.username.as_deref(), Some("alice@crm.example"));
        let rest = okta
            .assignments(&world.clock.call(), &crm, first.next.as_deref())
            .await
            .unwrap();
        assert_eq!((first.items.len(), rest.items.len(), rest.next), (500, 1, None));
    }
    let okta = world.connect(ssws(), ORG);
    let alice = AccountRef::new("okta-main", &world.alice);
    let now = world.clock.now();
    assert_eq!(
        okta.assigned(&world.clock.call(), &alice, &crm).await.unwrap(),
        Assigned::Yes
    );
    world
        .sim
        .admin_remove_app(&world.alice, &crm, &world.admin, now)
        .unwrap();
    assert_eq!(
        okta.assigned(&world.clock.call(), &alice, &crm).await.unwrap(),
        Assigned::No
    );
    let unknown = okta
        .assigned(&world.clock.call(), &alice, "0oaNobodyKnows")
        .await
        .unwrap();
    assert!(matches!(unknown, Assigned::Unproven(_)), "{unknown:?}");
}

#[tokio::test]
async fn a_group_is_read_by_its_exact_name_over_all_pages() {
    let world = World::new();
    let group = world.sim.add_group("RC-Protected", GroupKind::Okta);
    world.sim.add_group("RC-Protected-old", GroupKind::Okta);
    for number in 0..250 {
        let login = format!("User{number}@Example.com");
        let id = world.sim.add_user(UserSeed::active(&login, "U", "E")).unwrap();
        world.sim.add_member(&group, &id).unwrap();
    }
    let okta = world.connect(ssws(), ORG);
    let read = okta.group_members(&world.clock.call(), "RC-Protected").await.unwrap();
    let GroupRead::Members(members) = read else {
        panic!("{read:?}")
    };
    assert_eq!(members.len(), 250);
    assert_eq!(members[0].login, "user0@example.com");
    for none in ["rc-protected", "\" or id pr", "RC-Protect"] {
        let read = okta.group_members(&world.clock.call(), none).await.unwrap();
        assert_eq!(read, GroupRead::NoSuchGroup, "{none}");
    }
    world.sim.faults().add(FaultRule::once("/groups?", Fault::EmptyList));
    let hidden = okta.group_members(&world.clock.call(), "RC-Protected").await.unwrap();
    assert!(matches!(hidden, GroupRead::Unproven(_)), "{hidden:?}");
    world.sim.add_group("RC-Protected", GroupKind::App);
    let twice = okta.group_members(&world.clock.call(), "RC-Protected").await.unwrap();
    assert!(matches!(twice, GroupRead::Unproven(_)), "{twice:?}");
}

fn of<'a>(probes: &'a [Probe], what: &str) -> Vec<&'a Probe> {
    probes.iter().filter(|probe| probe.what == what).collect()
}

#[tokio::test]
async fn a_good_connection_is_found_good_and_nothing_is_changed() {
    for way in ["ssws", "bearer", "dpop"] {
        let world = World::new();
        let auth = if way == "ssws" {
            ssws()
        } else {
            world.app(way == "dpop")
        };
        let okta = world.connect(auth, ORG);
        let probes = okta.examine(&world.clock.call()).await;
        let whats: BTreeSet<&str> = probes.iter().map(|probe| probe.what.as_str()).collect();
        assert_eq!(
            whats.into_iter().collect::<Vec<_>>(),
            [
                "canary",
                "own-credential",
                "permissions",
                "quota",
                "scopes",
                "second-master",
                "tenant"
            ]
        );
        assert!(
            probes.iter().all(|probe| probe.result == ProbeResult::Good),
            "{way}: {probes:#?}"
        );
        assert!(world.sim.counters().all().is_empty(), "{way}");
        let written = world.sim.calls();
        assert!(
            written
                .iter()
                .all(|(method, path)| method == http::Method::GET || path == "/oauth2/v1/token"),
            "{written:?}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_or_acts_beside_us_is_named() {
    let world = World::new();
    let hr = world.sim.add_app("HR feed", true);
    world
        .sim
        .set_app_features(&hr, &["PROFILE_MASTERING", "IMPORT_NEW_USERS"])
        .unwrap();
    let crm = world.sim.add_app("CRM", true);
    world.sim.set_app_features(&crm, &["PUSH_USER_DEACTIVATION"]).unwrap();
    let asleep = world.sim.add_app("Old CRM", false);
    world
        .sim
        .set_app_features(&asleep, &["PUSH_USER_DEACTIVATION"])
        .unwrap();
    world
        .sim
        .add_user(UserSeed {
            provider: "ACTIVE_DIRECTORY".to_owned(),
            ..UserSeed::active("from.ad@example.com", "From", "Directory")
        })
        .unwrap();
    let granted = [READ_SCOPES, &["okta.users.manage", "okta.apps.read"]].concat();
    let okta = world.connect(world.app_with(false, &granted), ORG);
    let probes = okta.examine(&world.clock.call()).await;
    let scopes = of(&probes, "scopes")[0];
    assert_eq!(scopes.result, ProbeResult::Warning);
    let next = scopes.next.as_deref().unwrap();
    assert!(
        next.contains("okta.apiTokens.read") && next.contains("okta.apiTokens.manage"),
        "{next}"
    );
    assert!(next.contains("okta.groups.manage"), "{next}");
    assert!(
        scopes
            .found
            .contains("missing for dismantling accounts of this tenant: okta.groups.manage")
    );
    assert!(!next.contains("okta.users") && !next.contains("okta.apps"), "{next}");
    let permissions = of(&probes, "permissions")[0];
    assert_eq!(permissions.result, ProbeResult::Warning);
    assert!(permissions.found.contains("not API tokens"), "{permissions:?}");
    let masters: Vec<String> = of(&probes, "second-master")
        .iter()
        .map(|probe| format!("{} -> {}", probe.found, probe.next.as_deref().unwrap_or_default()))
        .collect();
    let told = masters.join("\n");
    assert!(masters.len() == 3 && !told.contains("Old CRM"), "{told}");
    assert!(told.contains("1 of the 3 users are mastered outside Okta"), "{told}");
    assert!(
        told.contains("switch off in CRM: Provisioning, To App, Deactivate Users"),
        "{told}"
    );
    assert!(told.contains("HR feed") && told.contains("Sourcing"), "{told}");

    // A token of a person, unnamed in the configuration.
    let world = World::new();
    world.sim.add_ssws_token("alices-token", &world.alice).unwrap();
    let okta = world.connect(
        rollcall_connectors::okta::OktaAuth::Ssws(Secret::new("alices-token")),
        ORG,
    );
    let probes = okta.examine(&world.clock.call()).await;
    let own = of(&probes, "own-credential");
    assert!(
        own[0].result == ProbeResult::Warning && own[0].found.contains("alice@example.com"),
        "{own:?}"
    );
    assert_eq!(of(&probes, "scopes")[0].result, ProbeResult::Bad, "{probes:#?}");
    assert_eq!(of(&probes, "permissions")[0].result, ProbeResult::Bad);

    let okta = world.connect(ssws(), "00oAnother");
    let probes = okta.examine(&world.clock.call()).await;
    assert_eq!(probes.len(), 7);
    assert_eq!(probes[0].result, ProbeResult::Bad);
    assert!(probes[1..].iter().all(|probe| probe.result == ProbeResult::Unknown));
}

#[tokio::test]
async fn the_log_holds_what_a_hook_delivers_under_the_key_that_its_delivery_has() {
    let world = World::new();
    let okta = world.connect(world.app(true), ORG);
    let since = world.clock.now();
    let mut gone = BTreeSet::new();
    for number in 0..1_100 {
        let seed = UserSeed::active(&format!("leaver{number}@example.com"), "Leaver", "Example");
        let id = world.sim.add_user(seed).unwrap();
        world
            .sim
            .admin_deactivate(&id, &world.admin, world.clock.now())
            .unwrap();
        gone.insert(id);
    }
    let until = since.checked_add(std::time::Duration::from_mins(1)).unwrap();
    let kinds = ["user.deactivated".to_owned(), "user.signed-in".to_owned()];
    let (mut keys, mut left, mut cursor) = (BTreeSet::new(), BTreeSet::new(), None);
    loop {
        let call = world.clock.call();
        let page = okta
            .logged(&call, &kinds, since, until, cursor.as_deref())
            .await
            .unwrap();
        for one in page.items {
            let signal = rollcall_model::Signal {
                key: one.key.clone(),
                source: okta.connection().clone(),
                format: one.format,
                received_at: until,
                body: rollcall_model::SignalBody::Inline(one.raw.clone()),
            };
            let event = okta.normalise(&signal, &one.raw);
            assert_eq!(event.kind, rollcall_model::EventKind::UserDeactivated);
            left.insert(event.account.unwrap().id);
            assert!(one.key.as_str().starts_with("okta-main:"), "{}", one.key);
            keys.insert(one.key);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(left, gone);
    assert_eq!(keys.len(), 1_100);

    // Kinds that no hook delivers are not asked for.
    let before = world.sim.calls().len();
    let page = okta
        .logged(&world.clock.call(), &["user.signed-in".to_owned()], since, until, None)
        .await
        .unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(world.sim.calls().len(), before);
    let foreign = okta
        .logged(&world.clock.call(), &kinds, since, until, Some("/api/v1/users?after=x"))
        .await
        .unwrap_err();
    assert!(foreign.reason.contains("none of the log's"), "{}", foreign.reason);
}

#[tokio::test]
async fn without_its_scope_the_log_is_not_read_and_the_failure_names_it() {
    let world = World::new();
    let okta = world.connect(world.app_with(false, READ_SCOPES), ORG);
    let now = world.clock.now();
    let refused = okta
        .logged(&world.clock.call(), &["user.deactivated".to_owned()], now, now, None)
        .await
        .unwrap_err();
    assert!(refused.reason.contains("okta.logs.read"), "{}", refused.reason);
}
