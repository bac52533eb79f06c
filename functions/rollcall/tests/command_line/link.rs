//! `rollcall link` on simulated vendors.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use crate::support::Stage;
use rollcall_simulators::world::LEAVER;
use serde_json::Value;

fn account(stage: &Stage) -> String {
    format!("sf-us/{}", stage.world.leaver_user)
}

fn linked(stage: &Stage, document: &Value) -> usize {
    let links = document["connections"]["sf-us"]["links"].as_array().unwrap();
    links
        .iter()
        .filter(|link| link["account"]["id"] == stage.world.leaver_user.as_str())
        .count()
}

#[tokio::test]
async fn the_leaver_is_linked_before_anything_happens_and_can_be_shown() {
    let stage = Stage::set().await;
    let said = stage.rollcall(&["link", "--dry-run", "--json"]).await;
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(linked(&stage, &said.json()), 1, "{}", said.all());
    let said = stage.rollcall(&["link", "show", LEAVER]).await;
    assert_eq!(said.code, 1, "a dry run keeps nothing: {}", said.all());

    let said = stage.rollcall(&["link"]).await;
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(
        said.text.contains("sf-us") && said.text.contains(" % (") && said.errors.contains("accounts listed"),
        "{}",
        said.all()
    );
    let said = stage.rollcall(&["link", "show", LEAVER]).await;
    assert!(said.text.contains(&account(&stage)), "{}", said.all());

    let said = stage.rollcall(&["link", "--json"]).await;
    let document = said.json();
    assert_eq!(document["connections"]["sf-us"]["written"], 0, "{document}");
    let coverage = &document["connections"]["sf-us"]["coverage"];
    assert!(coverage["percent"].as_u64().unwrap() <= 100 && coverage["people"].as_u64().unwrap() >= 3);
    assert_eq!(stage.world.salesforce.counters().get("update-user"), 0);
}

#[tokio::test]
async fn an_account_that_was_denied_stays_unlinked_until_it_is_confirmed() {
    let stage = Stage::set().await;
    stage.rollcall(&["link"]).await;
    let account = account(&stage);
    let said = stage.rollcall(&["link", "deny", LEAVER, &account]).await;
    assert!(said.code == 0 && said.text.contains("any more"), "{}", said.all());
    let said = stage.rollcall(&["link", "--json"]).await;
    assert_eq!(linked(&stage, &said.json()), 0, "{}", said.all());
    let said = stage.rollcall(&["link", "confirm", LEAVER, &account]).await;
    assert_eq!(said.code, 0, "{}", said.all());
    let said = stage.rollcall(&["link", "--json"]).await;
    assert_eq!(linked(&stage, &said.json()), 1, "{}", said.all());

    // It is not taken from them by naming somebody else.
    let said = stage
        .rollcall(&["link", "confirm", "chidi.okafor@corp.example", &account])
        .await;
    assert!(said.code == 1 && said.errors.contains("link deny"), "{}", said.all());
    for wrong in ["sf-us", "sf-emea/005", "okta-main/00u1"] {
        let said = stage.rollcall(&["link", "confirm", LEAVER, wrong]).await;
        assert_eq!(said.code, 1, "{wrong}: {}", said.all());
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_listed_is_named_and_fails_the_command() {
    let stage = Stage::set().await;
    let file = stage.folder.path().join("config/env/test.yaml");
    let environment = std::fs::read_to_string(&file).unwrap();
    let wrong = environment.replace(rollcall_simulators::world::SALESFORCE_ORG, "00D5f000009WRONGAA");
    std::fs::write(&file, wrong).unwrap();
    let said = stage.rollcall(&["link"]).await;
    assert_eq!(said.code, 1, "{}", said.all());
    assert!(
        said.text.contains("nothing was written") && said.text.contains("00D5f000009WRONGAA"),
        "{}",
        said.all()
    );
    let said = stage.rollcall(&["link", "--connection", "slack"]).await;
    assert!(said.code == 1 && said.errors.contains("slack"), "{}", said.all());
}
