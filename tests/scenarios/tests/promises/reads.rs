//! Absence is never evidence, and "no account" is green only when an account would have been seen.

use std::time::Duration;

use rollcall_model::{Outcome, RunState};
use rollcall_runtime::codes;
use rollcall_scenarios::{HOUR, MANAGER_IN_SLACK, MINUTE, Stage, outcomes, told};
use rollcall_simulators::salesforce::{Permission, UserSeed};
use serde_json::json;

/// While a permission is missing nothing is green and people know; when it is given back the retry goes green and says so.
async fn a_missing_permission(permission: Permission, hide_rights: bool, names: &str) {
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.hide_permission_access(hide_rights);
    org.deny(permission);
    stage.leaves().await;
    stage.work_for(MINUTE * 10).await;

    let run = stage.run().await;
    assert!(
        !run.state.is_final() && run.state != RunState::Done,
        "{permission:?}: {:?}",
        run.state
    );
    let unknown: Vec<_> = run
        .changes
        .iter()
        .filter(|record| matches!(record.outcome, Outcome::Unknown(_)))
        .collect();
    // What hides one thing hides the proof of another; the first reason names what to grant.
    let why = unknown
        .first()
        .and_then(|record| record.outcome.reason())
        .unwrap_or_default();
    assert!(why.contains(names), "{permission:?}: {:?}", outcomes(&run));
    assert!(run.attempts > 1, "it is tried again");
    assert!(
        run.cut_at.is_empty(),
        "{permission:?}: nothing says that access was cut"
    );
    let texts = stage.channel();
    assert_eq!(
        (told(&texts, "Not finished: Amara Okafor"), texts.len()),
        (1, 1),
        "{permission:?}: {texts:?}"
    );
    assert!(texts[0].contains(names), "{texts:?}");
    let findings = stage.findings().await;
    assert_eq!(
        findings
            .iter()
            .filter(|finding| finding.contains(codes::STAGE_INCOMPLETE.id))
            .count(),
        1,
        "{findings:?}"
    );
    assert!(!stage.is_cut());

    org.allow(permission);
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{permission:?}: {:?}", outcomes(&run));
    assert!(stage.is_cut(), "{permission:?}");
    let texts = stage.channel();
    assert_eq!((told(&texts, "Amara Okafor is out"), texts.len()), (1, 2), "{texts:?}");
    assert_eq!(stage.direct(MANAGER_IN_SLACK).len(), 1);
    assert_eq!(stage.did("freeze"), 1);
}

#[tokio::test]
async fn salesforce_answering_empty_because_a_permission_is_missing_is_unknown_alerted_and_retried_never_green() {
    for hide_rights in [false, true] {
        a_missing_permission(Permission::ManageUsers, hide_rights, "Manage Users").await;
        a_missing_permission(Permission::ViewAllUsers, hide_rights, "View All Users").await;
    }
    a_missing_permission(Permission::CustomizeApplication, false, "Customize Application").await;
}

#[tokio::test]
async fn no_account_at_all_is_already_so_and_green() {
    let mut stage = Stage::plain().await;
    let vendors = &stage.world.vendors;
    let nowhere = json!({"EmployeeNumber": null, "FederationIdentifier": null, "Email": "somebody.else@corp.example"});
    vendors.salesforce.set_record("User", &vendors.leaver_user, nowhere);
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(
        outcomes(&run).iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(),
        ["AlreadySo"; 3]
    );
    assert_eq!(stage.cuts(), 0);
    assert_eq!(told(&stage.channel(), "Not finished"), 0);
}

#[tokio::test]
async fn an_account_that_only_an_unsure_match_finds_is_unknown_by_itself_and_not_touched() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    // A second user with the leaver's e-mail address and nothing else of theirs.
    let like = UserSeed {
        email: Some("amara.okafor@corp.example".to_owned()),
        ..UserSeed::new("a.okafor@corp.example.shared")
    };
    let other = vendors.salesforce.add_user(like);
    vendors.salesforce.add_token(&other, "Mobile");
    stage.leaves().await;
    stage.work_for(MINUTE * 3).await;
    let run = stage.run().await;
    assert!(!run.state.is_final(), "{:?}", run.state);
    for record in run.changes.iter().filter(|record| record.change.stage == "cut") {
        let ambiguous = record
            .change
            .account
            .as_ref()
            .is_some_and(|account| account.id == other);
        match (&record.outcome, ambiguous) {
            (Outcome::Changed, false) => {}
            (Outcome::Unknown(why), true) => assert!(
                why.contains("ambiguous") && why.contains("a.okafor@corp.example.shared"),
                "{why}"
            ),
            (outcome, _) => panic!("{}: {outcome:?}", record.change.key()),
        }
    }
    assert!(stage.is_cut(), "the sure account is cut all the same");
    assert!(!vendors.salesforce.is_frozen(&other));
    assert_eq!(vendors.salesforce.tokens_of(&other).len(), 1);
    assert_eq!(stage.did("freeze"), 1);
    let texts = stage.channel();
    assert_eq!((told(&texts, "Held: Amara Okafor"), texts.len()), (1, 1), "{texts:?}");
    // It does not go green by waiting long.
    stage.work_for(HOUR * 50).await;
    let run = stage.run().await;
    assert!(
        matches!(&run.state, RunState::Incomplete { why } if why.contains("nobody decided")),
        "{:?}",
        run.state
    );
    assert!(!vendors.salesforce.is_frozen(&other));
}

#[tokio::test]
async fn our_own_integration_user_is_never_touched() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    let own = vendors
        .salesforce
        .user_id("rollcall@corp.example.integration")
        .expect("the fixture has it");
    let sessions = vendors.salesforce.sessions_of(&own).len();
    // Somebody wrote the leaver's number onto our user, and the leaver has no other account.
    vendors
        .salesforce
        .set_record("User", &own, json!({"EmployeeNumber": "E1042"}));
    vendors.salesforce.set_record(
        "User",
        &vendors.leaver_user,
        json!({"EmployeeNumber": null, "FederationIdentifier": null, "Email": "x@corp.example"}),
    );
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(run.state.is_final(), "{:?}", run.state);
    assert!(
        !outcomes(&run).iter().any(|(_, outcome)| *outcome == "Changed"),
        "{:?}",
        outcomes(&run)
    );
    assert!(!vendors.salesforce.is_frozen(&own));
    assert!(vendors.salesforce.sessions_of(&own).len() >= sessions);
    assert_eq!(stage.cuts(), 0);
}

#[tokio::test]
async fn our_own_user_is_refused_even_when_it_looks_like_a_person() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    let own = vendors
        .salesforce
        .user_id("rollcall@corp.example.integration")
        .expect("the fixture has it");
    // As an administrator of an older org might have set it up: with a person's profile.
    let theirs = vendors
        .salesforce
        .record("User", &vendors.leaver_user)
        .expect("the fixture has them");
    vendors.salesforce.set_record(
        "User",
        &own,
        json!({"EmployeeNumber": "E1042", "ProfileId": theirs["ProfileId"]}),
    );
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_ne!(run.state, RunState::Done, "{:?}", outcomes(&run));
    assert!(!vendors.salesforce.is_frozen(&own));
    assert!(stage.is_cut(), "their own account is cut");
    let refused = run
        .changes
        .iter()
        .filter(|record| record.change.account.as_ref().is_some_and(|account| account.id == own));
    for record in refused {
        assert!(
            matches!(&record.outcome, Outcome::Refused(why) if why.contains("integration's own user")),
            "{:?}",
            record.outcome
        );
    }
}

#[tokio::test]
async fn service_accounts_are_skipped_with_a_reason() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    let seed = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("nightly.export@corp.example").integration()
    };
    let service = vendors.salesforce.add_user(seed);
    vendors.salesforce.add_token(&service, "Export");
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert!(stage.is_cut());
    assert!(!vendors.salesforce.is_frozen(&service));
    assert_eq!(vendors.salesforce.tokens_of(&service).len(), 1);
    let of_service: Vec<_> = run
        .changes
        .iter()
        .filter(|record| {
            record
                .change
                .account
                .as_ref()
                .is_some_and(|account| account.id == service)
        })
        .collect();
    assert_eq!(of_service.len(), 3);
    for record in of_service {
        assert!(
            matches!(&record.outcome, Outcome::Skipped(why) if why.contains("service account")),
            "{:?}",
            record.outcome
        );
    }
}

#[tokio::test]
async fn somebody_deleted_in_the_source_after_their_deactivation_is_still_known_by_the_kept_link() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    // Somebody thaws them and they come back in; then the directory deletes them.
    let login = stage
        .run()
        .await
        .changes
        .iter()
        .find_map(|record| record.change.evidence["login"].as_str().map(str::to_owned))
        .expect("the freeze named it");
    vendors
        .salesforce
        .set_record("UserLogin", &login, json!({"IsFrozen": false}));
    vendors.salesforce.add_token(&vendors.leaver_user, "Mobile");
    assert!(!stage.is_cut());
    vendors
        .okta
        .admin_delete(&vendors.leaver, &vendors.administrator, stage.now())
        .expect("the directory deletes");
    stage.world.clock.advance(Duration::from_secs(1));
    vendors.okta.settle(stage.now());
    vendors.okta.take_deliveries(stage.now());
    assert_eq!(vendors.okta.user_status(&vendors.leaver), None, "they are gone");
    // No hook is subscribed to deletions in this company; the event comes by hand.
    let event = json!({
        "uuid": "6f3c1c1e-9a52-11f0-8de9-0242ac120002", "eventType": "user.lifecycle.delete.initiated", "published": stage.now().to_string(),
        "outcome": {"result": "SUCCESS"}, "target": [{"type": "User", "id": vendors.leaver}],
    });
    crate::poison::send_event(&stage, "6f3c1c1e-9a52-11f0-8de9-0242ac120002", &event.to_string()).await;
    stage.settle().await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].state, RunState::Done, "{:?}", outcomes(&runs[1]));
    assert_eq!(
        (runs[1].person.display.as_str(), runs[1].person.state.as_str()),
        ("Amara Okafor", "deleted")
    );
    assert!(stage.is_cut(), "the account is found by the link and cut again");
    assert_eq!(stage.did("freeze"), 2);
}

#[tokio::test]
async fn a_preflight_whose_search_proves_nothing_says_so() {
    let stage = Stage::plain().await;
    let who = format!("okta-main/{}", stage.world.vendors.leaver);
    let (_, looked) = stage.engine.preflight(&who).await.expect("the person can be read");
    assert!(looked.iter().any(|one| one.account.is_some()), "{looked:?}");
    stage.world.vendors.salesforce.deny(Permission::ViewAllUsers);
    let (_, looked) = stage.engine.preflight(&who).await.expect("the person can be read");
    let [one] = looked.as_slice() else {
        panic!("{looked:?}");
    };
    assert!(
        one.account.is_none() && one.found.uninspected[0].contains("View All Users"),
        "{looked:?}"
    );
}
