use std::collections::BTreeMap;

use super::*;

#[tokio::test]
async fn an_examination_tells_each_fault_by_name_and_changes_nothing() {
    let world = World::new();
    let salesforce = world.connect(None);
    let results = async || {
        let probes = salesforce.examine(&world.clock.call()).await;
        let told: BTreeMap<String, (ProbeResult, String)> = probes
            .into_iter()
            .map(|probe| (probe.what, (probe.result, probe.found)))
            .collect();
        told
    };
    let good = results().await;
    for what in ["tenant", "scopes", "canary", "permissions", "own-credential", "quota"] {
        assert_eq!(good[what].0, ProbeResult::Good, "{what}: {good:?}");
    }
    for (permission, name) in [
        (Permission::ViewAllUsers, "View All Users"),
        (Permission::ManageUsers, "Manage Users"),
        (Permission::CustomizeApplication, "Customize Application"),
        (Permission::ViewSetup, "View Setup and Configuration"),
    ] {
        world.org.deny(permission);
        let told = results().await;
        assert!(told["permissions"].1.contains(name), "{told:?}");
        assert_eq!(
            told["canary"].0 == ProbeResult::Bad,
            permission == Permission::ViewAllUsers
        );
        world.org.allow(permission);
    }
    world.org.deny(Permission::ApiEnabled);
    let told = results().await;
    assert!(told["permissions"].1.contains("API Enabled"), "{told:?}");
    world.org.allow(Permission::ApiEnabled);

    let own = world.org.user_id("rollcall@corp.example").unwrap();
    world.org.add_session(&own, SessionKind::Ui);
    let other = world.org.add_user(UserSeed::new("sync@corp.example").integration());
    world
        .org
        .set_record("User", &world.jordan, json!({ "LastModifiedById": other }));
    world.org.set_daily_limit(1000);
    world.org.use_calls(850);
    let probes = salesforce.examine(&world.clock.call()).await;
    let found = |what: &str, words: &str| {
        let found = probes
            .iter()
            .find(|probe| probe.what == what && probe.result == ProbeResult::Warning);
        assert!(
            found.is_some_and(|probe| probe.found.contains(words)),
            "{what}: {probes:?}"
        );
    };
    found("own-credential", "browser");
    found("second-master", "sync@corp.example");
    found("quota", "of 1000 API calls");
    for effect in ["freeze", "revoke-token", "end-session", "update-user", "update"] {
        assert_eq!(world.org.counters().get(effect), 0);
    }
}
