//! Every account of a person, and nobody else's.

use rollcall_model::ledger::documents;
use rollcall_model::{Outcome, ReviewAbout, RunState};
use rollcall_scenarios::{Lost, MINUTE, Stage, outcomes, told};
use rollcall_simulators::salesforce::{SessionKind, UserSeed};
use serde_json::json;

/// A user of the first org who shares nothing but the leaver's address.
fn same_address(stage: &Stage, username: &str) -> String {
    let org = &stage.world.vendors.salesforce;
    let user = org.add_user(UserSeed {
        email: Some("amara.okafor@corp.example".to_owned()),
        ..UserSeed::new(username)
    });
    org.add_session(&user, SessionKind::Ui);
    org.add_token(&user, "Mobile");
    user
}

fn is_whole(stage: &Stage, user: &str) -> bool {
    let org = &stage.world.vendors.salesforce;
    !org.is_frozen(user) && !org.tokens_of(user).is_empty() && !org.sessions_of(user).is_empty()
}

#[tokio::test]
async fn a_service_account_is_never_cut_and_named_with_what_to_do() {
    let mut stage = Stage::company().await;
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.lost(), Lost::ALL);
    stage.bystanders_are_untouched();
    let run = stage.run().await;
    let service = stage.rest().service_emea.clone();
    let of_service: Vec<&Outcome> = run
        .changes
        .iter()
        .filter(|record| {
            record
                .change
                .account
                .as_ref()
                .is_some_and(|account| account.id == service)
        })
        .map(|record| &record.outcome)
        .collect();
    assert!(!of_service.is_empty(), "it is not passed over in silence");
    assert!(
        of_service
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Skipped(why) if why.contains("new owner"))),
        "{of_service:?}"
    );
    let findings = stage.findings().await;
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("RC0414") && finding.contains(&service)),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_doubtful_account_waits_for_a_person_and_holds_up_no_other() {
    let mut stage = Stage::company().await;
    let doubtful = same_address(&stage, "amara.private@mail.example");
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let run = stage.run().await;
    assert!(!run.state.is_final(), "{:?}", run.state);
    assert_eq!(stage.lost(), Lost::ALL, "everything that is surely hers is cut at once");
    assert!(is_whole(&stage, &doubtful), "the doubtful account is not");
    let reviews = stage.ledger().reviews(true, 10).await.expect("memory answers");
    let [review] = reviews.as_slice() else {
        panic!("one review, not {reviews:?}")
    };
    assert!(matches!(&review.about, ReviewAbout::Account(account) if account.id == doubtful));
    let texts = stage.channel();
    assert_eq!(told(&texts, "Held: Amara Okafor"), 1, "{texts:?}");

    stage.decide(&review.id, &review.plan_hash, true).await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", outcomes(&run), run.notes);
    assert!(!is_whole(&stage, &doubtful));
    let org = &stage.world.vendors.salesforce;
    assert!(org.is_frozen(&doubtful));
}

#[tokio::test]
async fn a_doubtful_account_that_is_somebody_elses_is_left_alone_for_good() {
    let mut stage = Stage::company().await;
    let doubtful = same_address(&stage, "other.amara@corp.example");
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let review = stage
        .ledger()
        .reviews(true, 10)
        .await
        .expect("memory answers")
        .remove(0);
    stage.decide(&review.id, &review.plan_hash, false).await;
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done, "{:?} {:?}", outcomes(&run), run.notes);
    assert!(is_whole(&stage, &doubtful));
    // The next time nobody is asked again.
    stage.returns_unheard();
    stage.leaves().await;
    stage.settle().await;
    assert!(is_whole(&stage, &doubtful));
    assert!(
        stage
            .ledger()
            .reviews(true, 10)
            .await
            .expect("memory answers")
            .is_empty()
    );
}

#[tokio::test]
async fn a_recycled_address_does_not_cut_its_new_owner() {
    let mut stage = Stage::company().await;
    let new_owner = same_address(&stage, "amara.osei@corp.example");
    // Somebody linked the account beforehand: it is another person's.
    let account = format!("sf-us/{new_owner}");
    stage
        .ledger()
        .put_document(documents::OWNER, &account, &json!({"person": "okta-main:00uOSEI"}))
        .await
        .expect("memory takes it");
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(stage.lost(), Lost::ALL);
    assert!(is_whole(&stage, &new_owner), "the address alone says nothing");
}

#[tokio::test]
async fn an_account_whose_address_and_login_changed_is_found_by_its_link() {
    let mut stage = Stage::company().await;
    // A first leave links everything; then she comes back and all is given back.
    stage.leaves().await;
    stage.settle().await;
    let (org, user) = (
        std::sync::Arc::clone(&stage.world.vendors.salesforce),
        stage.world.vendors.leaver_user.clone(),
    );
    stage.returns_unheard();
    org.set_record(
        "User",
        &user,
        json!({"Username": "a.smith@corp.example", "Email": "a.smith@corp.example", "FederationIdentifier": null, "EmployeeNumber": null}),
    );
    org.set_frozen(&user, false);
    org.add_session(&user, SessionKind::Ui);
    org.add_token(&user, "Mobile");
    stage.world.clock.advance(MINUTE);
    stage.leaves().await;
    stage.settle().await;
    assert!(org.is_frozen(&user) && org.sessions_of(&user).is_empty() && org.tokens_of(&user).is_empty());
    let runs = stage.runs().await;
    assert_eq!(runs.last().expect("two runs").state, RunState::Done);
}

#[tokio::test]
async fn an_account_that_is_linked_to_somebody_else_and_matches_surely_is_asked_about() {
    let mut stage = Stage::company().await;
    let account = format!("sf-emea/{}", stage.rest().leaver_emea);
    stage
        .ledger()
        .put_document(documents::OWNER, &account, &json!({"person": "okta-main:00uSWAPPED"}))
        .await
        .expect("memory takes it");
    stage.leaves().await;
    stage.work_for(MINUTE * 5).await;
    let lost = stage.lost();
    assert!(lost.okta && lost.onelogin && lost.us && lost.us_admin, "{lost:?}");
    assert!(!lost.emea, "swapped numbers cut nobody until somebody has looked");
    let reviews = stage.ledger().reviews(true, 10).await.expect("memory answers");
    assert!(
        reviews
            .iter()
            .any(|review| matches!(&review.about, ReviewAbout::Account(found) if found.to_string() == account))
    );
}
