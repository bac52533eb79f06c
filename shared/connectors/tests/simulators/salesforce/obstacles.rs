//! What a deactivation would meet, looked at beforehand.

use std::collections::BTreeMap;

use rollcall_model::Preflight;

use super::*;

async fn preflight(world: &World) -> Preflight {
    let salesforce = world.connect(None);
    salesforce
        .preflight(&world.clock.call(), &world.account())
        .await
        .unwrap()
}

fn kinds(found: &Preflight) -> BTreeMap<&str, (&str, bool)> {
    let all = found.obstacles.iter();
    all.map(|one| (one.kind.as_str(), (one.found.as_str(), one.blocks)))
        .collect()
}

fn uninspected(found: &Preflight, part: &str) -> bool {
    found.uninspected.iter().any(|one| one.contains(part))
}

/// An org in which everything names the user.
fn entangled() -> World {
    let world = World::new();
    let org = &world.org;
    let user = world.jordan.as_str();
    org.add_hierarchy_field("Mentor__c");
    let pat = org.add_user(UserSeed::new("pat@corp.example"));
    org.set_record(
        "User",
        &pat,
        json!({ "DelegatedApproverId": user, "Mentor__c": user, "Name": "Pat Kim" }),
    );
    org.add_record(
        "ProcessInstanceWorkitem",
        json!({ "ProcessInstanceId": "04g5f0000000001AAA", "ActorId": user }),
    );
    org.add_record("Dashboard", json!({ "Title": "Pipeline", "RunningUserId": user }));
    for (name, kind) in [("Nightly sync", "7"), ("Weekly pipeline", "8")] {
        let detail = org.add_record("CronJobDetail", json!({ "Name": name, "JobType": kind }));
        org.add_record(
            "CronTrigger",
            json!({ "CronJobDetailId": detail, "OwnerId": user, "State": "WAITING" }),
        );
    }
    org.add_record(
        "AsyncApexJob",
        json!({ "JobType": "BatchApex", "Status": "Queued", "CreatedById": user }),
    );
    org.add_record(
        "AsyncApexJob",
        json!({ "JobType": "Future", "Status": "Completed", "CreatedById": user }),
    );
    let north = org.add_record("Territory2", json!({ "Name": "North" }));
    org.add_record(
        "UserTerritory2Association",
        json!({ "UserId": user, "Territory2Id": north }),
    );
    org.add_record(
        "Report",
        json!({ "Name": "My numbers", "FolderName": "Private Reports", "OwnerId": user }),
    );
    org.add_record("AccountShare", json!({ "UserOrGroupId": user, "RowCause": "Manual" }));
    org.add_record("AccountShare", json!({ "UserOrGroupId": user, "RowCause": "Owner" }));
    let lonely = org.add_queue("Returns", &["Case"]);
    let shared = org.add_queue("Tier 2", &["Case"]);
    org.join_group(&lonely, user);
    org.join_group(&shared, user);
    org.join_group(&shared, &pat);
    world
}

#[tokio::test]
async fn everything_that_names_the_user_is_found_with_its_way_out() {
    let world = entangled();
    let found = preflight(&world).await;
    let kinds = kinds(&found);
    for (kind, text, blocks) in [
        ("delegated-approver", "Pat Kim", true),
        ("pending-approval", "1 ", true),
        ("hierarchy-field", "Mentor__c of 1 user: Pat Kim", true),
        ("running-user", "1 dashboard: Pipeline", false),
        ("scheduled-job", "1 scheduled job: Nightly sync", false),
        ("scheduled-report", "1 scheduled report: Weekly pipeline", false),
        ("running-job", "1 job: BatchApex", false),
        ("territory", "1 ", false),
        ("private-report", "1 private report: My numbers", false),
        ("oauth-token", "2 tokens: Mail, Phone", false),
        ("account-share", "1 ", false),
        ("last-queue-member", "Returns", false),
    ] {
        let (found, does_block) = kinds.get(kind).unwrap_or_else(|| panic!("no {kind}: {kinds:?}"));
        assert!(found.contains(text) && *does_block == blocks, "{kind}: {found}");
    }
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    assert!(found.obstacles.iter().all(|one| !one.way_out.is_empty()));
    assert!(uninspected(&found, "default case owner"), "{:?}", found.uninspected);
    // A token; the user; eighteen queries by four, with the queues' members and the custom field among them.
    assert!(world.org.calls().len() <= 7, "{:?}", world.org.calls());
    let writes: u64 = world.org.counters().all().values().sum();
    assert_eq!(writes, 0, "nothing is changed");
}

#[tokio::test]
async fn nothing_in_the_way_is_told_beside_what_no_query_shows() {
    let world = World::new();
    for token in world.org.tokens_of(&world.jordan) {
        world.org.remove_record("OauthToken", &token);
    }
    let found = preflight(&world).await;
    assert_eq!(found.obstacles, []);
    assert!(uninspected(&found, "Setup only"), "{:?}", found.uninspected);
}

#[tokio::test]
async fn a_missing_permission_or_feature_is_named_and_never_taken_for_nothing() {
    for (denied, labels) in [
        (
            Permission::ViewSetup,
            &["scheduled jobs", "territories", "administrators"][..],
        ),
        (
            Permission::ViewAllData,
            &["approvals", "dashboards", "accounts shared"][..],
        ),
        (Permission::ManagePrivateReports, &["private reports"][..]),
        (Permission::CustomizeApplication, &["apps that hold a token"][..]),
        (Permission::ManageUsers, &["queues"][..]),
    ] {
        let world = entangled();
        world.org.deny(denied);
        let found = preflight(&world).await;
        for label in labels {
            assert!(
                uninspected(&found, label),
                "{denied:?} {label}: {:?}",
                found.uninspected
            );
        }
    }
    let world = entangled();
    for object in ["UserTerritory2Association", "Dashboard", "LeadShare"] {
        world.org.hide_object(object);
    }
    let found = preflight(&world).await;
    for object in ["UserTerritory2Association", "Dashboard", "LeadShare"] {
        assert!(uninspected(&found, object), "{object}: {:?}", found.uninspected);
    }
    assert!(kinds(&found).contains_key("last-queue-member"), "the rest is looked at");
    world.org.hide_permission_access(true);
    let found = preflight(&world).await;
    assert!(
        uninspected(&found, "does not say whether we have"),
        "{:?}",
        found.uninspected
    );
}

#[tokio::test]
async fn the_last_administrator_and_ourselves_are_blockers() {
    let world = World::new();
    let salesforce = world.connect(None);
    for (name, kind) in [
        ("sam@corp.example", "last-admin"),
        ("rollcall@corp.example", "own-user"),
    ] {
        let account = AccountRef::new("sf-us", world.org.user_id(name).unwrap());
        let found = salesforce.preflight(&world.clock.call(), &account).await.unwrap();
        assert_eq!(kinds(&found).get(kind).map(|found| found.1), Some(true), "{found:?}");
    }
    world.org.add_user(UserSeed::new("second@corp.example").admin());
    let sam = AccountRef::new("sf-us", world.org.user_id("sam@corp.example").unwrap());
    let found = salesforce.preflight(&world.clock.call(), &sam).await.unwrap();
    assert!(!kinds(&found).contains_key("last-admin"), "{found:?}");
    assert!(!uninspected(&found, "administrators"), "{:?}", found.uninspected);
}

#[tokio::test]
async fn half_a_list_is_told_as_such() {
    let world = entangled();
    let user = world.jordan.as_str();
    for name in ["Mobile", "Data Loader"] {
        world.org.add_token(user, name);
    }
    let whole = preflight(&world).await;
    assert!(!uninspected(&whole, "were shown"), "{whole:#?}");
    let mut told = 0;
    for skip in 0..6 {
        world.org.faults().add(FaultRule {
            skip,
            ..FaultRule::once("/composite", Fault::HalfList)
        });
        let found = world
            .connect(None)
            .preflight(&world.clock.call(), &world.account())
            .await;
        world.org.faults().clear();
        // Half of what decides about everything else is asked for again by whoever asked.
        let Ok(half) = found else { continue };
        if half.obstacles != whole.obstacles {
            told += 1;
            assert!(uninspected(&half, "were shown; look again"), "{skip}: {half:#?}");
        }
    }
    assert!(told >= 2, "{told} lists were halved where it counts");
}

#[tokio::test]
async fn an_empty_answer_without_our_own_rights_in_it_is_not_nothing() {
    let world = entangled();
    let whole = preflight(&world).await;
    let mut told = 0;
    for skip in 0..5 {
        world.org.faults().add(FaultRule {
            skip,
            ..FaultRule::once("/composite", Fault::EmptyList)
        });
        let found = world
            .connect(None)
            .preflight(&world.clock.call(), &world.account())
            .await;
        world.org.faults().clear();
        // Without our own user in it nothing is looked at at all.
        let Ok(empty) = found else { continue };
        let lost = kinds(&whole).len() - kinds(&empty).len();
        if lost > 0 {
            told += 1;
            assert!(uninspected(&empty, "nothing showed"), "{skip}: {empty:#?}");
            assert!(
                !kinds(&empty).contains_key("last-queue-member")
                    || kinds(&whole)["last-queue-member"] == kinds(&empty)["last-queue-member"]
            );
        }
    }
    assert!(told >= 2, "{told} answers were emptied where it counts");
}
