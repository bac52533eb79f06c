//! How many calls a leaver costs.

use rollcall_model::RunState;
use rollcall_scenarios::Stage;

/// The most calls one after the other that a system may take for a cut.
const SEQUENTIAL: usize = 7;
/// The most calls of a Salesforce leaver before any record is handed over.
const SALESFORCE: usize = 40;

#[tokio::test]
async fn a_cut_takes_at_most_seven_calls_one_after_the_other_in_each_system() {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    let vendors = &stage.world.vendors;
    let paths = |calls: Vec<(http::Method, String)>| -> Vec<String> {
        calls
            .into_iter()
            .map(|(method, path)| format!("{method} {}", path.split('?').next().unwrap_or_default()))
            .collect()
    };
    let salesforce = paths(vendors.salesforce.calls());
    // Tokens are revoked side by side, so all of them count as one.
    let mut sequential = salesforce.clone();
    sequential.dedup_by(|one, other| one == other && one.ends_with("/services/oauth2/revoke"));
    let okta = paths(vendors.okta.calls());
    println!(
        "Salesforce: {} calls, {} one after the other; Okta: {} calls",
        salesforce.len(),
        sequential.len(),
        okta.len()
    );
    assert!(sequential.len() <= SEQUENTIAL, "{salesforce:#?}");
    assert!(okta.len() <= SEQUENTIAL, "{okta:#?}");
    assert!(salesforce.len() <= SALESFORCE, "{salesforce:#?}");
    assert_eq!(
        salesforce
            .iter()
            .filter(|call| call.ends_with("/services/oauth2/revoke"))
            .count() as u64,
        stage.world.before.tokens
    );
}

#[tokio::test]
async fn many_tokens_and_sessions_do_not_make_the_path_longer() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    for number in 0..30 {
        vendors
            .salesforce
            .add_token(&vendors.leaver_user, &format!("App {number}"));
        vendors
            .salesforce
            .add_session(&vendors.leaver_user, rollcall_simulators::salesforce::SessionKind::Ui);
    }
    stage.leaves().await;
    stage.settle().await;
    assert!(stage.is_cut());
    let mut calls: Vec<String> = vendors
        .salesforce
        .calls()
        .into_iter()
        .map(|(_, path)| path.split('?').next().unwrap_or_default().to_owned())
        .collect();
    calls.dedup_by(|one, other| one == other && one.ends_with("/services/oauth2/revoke"));
    assert!(calls.len() <= SEQUENTIAL, "{calls:#?}");
}
