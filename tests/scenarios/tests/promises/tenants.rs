//! A wrong tenant refuses every write.

use rollcall_model::{Outcome, RunState};
use rollcall_scenarios::{Stage, outcomes, replaced, told};
use rollcall_simulators::world::{OKTA_ORG, SALESFORCE_ORG, SLACK_TEAM};

#[tokio::test]
async fn a_wrong_okta_tenant_id_refuses_everything_and_names_both_ids() {
    let mut stage = Stage::new(replaced("env/test.yaml", OKTA_ORG, "00oAnotherOrg000001")).await;
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 0, "nobody can be read, so nothing is begun");
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    assert_eq!(stage.channel(), Vec::<String>::new());
    for texts in [stage.findings().await, stage.dead().await] {
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(
            texts[0].contains(OKTA_ORG) && texts[0].contains("00oAnotherOrg000001"),
            "{texts:?}"
        );
    }
    let token = stage
        .world
        .vendors
        .okta
        .calls()
        .iter()
        .any(|(_, path)| path.starts_with("/api/"));
    assert!(!token, "the token never reaches a tenant that was not checked");
}

#[tokio::test]
async fn a_wrong_salesforce_org_id_refuses_every_write_and_names_both_ids() {
    let mut stage = Stage::new(replaced("env/test.yaml", SALESFORCE_ORG, "00D5f000009WRONGAA")).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let RunState::Incomplete { why } = &run.state else {
        panic!("{:?}", run.state)
    };
    assert!(
        why.contains(SALESFORCE_ORG) && why.contains("00D5f000009WRONGAA"),
        "{why}"
    );
    assert!(
        outcomes(&run).iter().all(|(_, outcome)| *outcome == "Unknown"),
        "{:?}",
        outcomes(&run)
    );
    assert!(stage.is_whole());
    assert_eq!(stage.cuts(), 0);
    let beyond = stage
        .world
        .vendors
        .salesforce
        .calls()
        .into_iter()
        .filter(|(_, path)| !path.starts_with("/services/oauth2/token"))
        .count();
    assert_eq!(beyond, 0, "the token of the other org is used for nothing");
    assert_eq!(told(&stage.channel(), "Amara Okafor is out"), 0);
    assert!(told(&stage.channel(), "Not finished") >= 1);
}

#[tokio::test]
async fn a_wrong_slack_workspace_id_refuses_every_message_and_names_both_ids() {
    let mut stage = Stage::new(replaced("env/test.yaml", SLACK_TEAM, "T0ANOTHER01")).await;
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    assert!(stage.is_cut(), "telling never stands in the way of a cut");
    let messages: Vec<_> = run
        .changes
        .iter()
        .filter(|record| record.change.stage == "tell")
        .collect();
    assert_eq!(messages.len(), 2);
    for record in messages {
        let Outcome::Failed(why) = &record.outcome else {
            panic!("{:?}", record.outcome)
        };
        assert!(why.contains(SLACK_TEAM) && why.contains("T0ANOTHER01"), "{why}");
    }
    assert!(
        stage.world.vendors.slack.counters().all().is_empty(),
        "no effect at all"
    );
    let beyond = stage
        .world
        .vendors
        .slack
        .calls()
        .into_iter()
        .filter(|(_, path)| !path.ends_with("auth.test"))
        .count();
    assert_eq!(beyond, 0);
}
