use rollcall_connectors::slack::{Slack, SlackSettings};
use rollcall_model::{Connector as _, FailureClass, ProbeResult};
use rollcall_runtime::RandomIds;
use rollcall_simulators::{Fault, FaultRule, slack as simulator};
use serde_json::json;

use super::*;

const TEAM: &str = "T0EXAMPLE01";
const CHANNEL: &str = "C0SECURITY1";

fn world(team: &str) -> (Arc<simulator::Slack>, Arc<Moment>, Slack) {
    let clock = Moment::new();
    let sim = Arc::new(simulator::Slack::new(TEAM));
    sim.set_base_url("https://slack.example");
    sim.add_token(
        "xoxb-1",
        &[
            "chat:write",
            "channels:history",
            "im:history",
            "im:write",
            "users:read.email",
            "channels:read",
            "groups:read",
        ],
    );
    sim.add_channel(CHANNEL, "security", true);
    sim.add_user("U0JORDAN001", "jordan@corp.example", "Jordan");
    let settings = SlackSettings {
        connection: "slack".into(),
        base_url: "https://slack.example/api/".to_owned(),
        team_id: team.to_owned(),
        token: Secret::new("xoxb-1"),
    };
    let wire = Wire {
        simulator: sim.clone(),
        clock: clock.clone(),
    };
    let slack = Slack::new(settings, Arc::new(wire), clock.clone(), Arc::new(RandomIds));
    (sim, clock, slack)
}

async fn change(slack: &Slack, clock: &Moment, action: &str, with: Value) -> Change {
    let asked = [ActionUse {
        action: action.to_owned(),
        with: with.clone(),
    }];
    let seen = slack.observe(&clock.call(), None, &asked).await.unwrap();
    planned(action, None, known(&seen[0]), with)
}

#[tokio::test]
async fn messages_threads_updates_and_direct_messages_arrive() {
    let (sim, clock, slack) = world(TEAM);
    let post = change(
        &slack,
        &clock,
        "slack/post",
        json!({ "channel": "#security", "text": "out" }),
    )
    .await;
    let posted = slack.apply(&clock.call(), &post, "m-1").await.unwrap();
    assert_eq!(posted.reference["channel"], CHANNEL);
    clock.pass(Duration::from_secs(5));
    let reply = json!({ "channel": CHANNEL, "text": "more", "thread_ts": posted.reference["ts"] });
    let reply = change(&slack, &clock, "slack/post", reply).await;
    slack.apply(&clock.call(), &reply, "m-2").await.unwrap();
    let update = json!({ "channel": CHANNEL, "ts": posted.reference["ts"], "text": "all out" });
    let update = change(&slack, &clock, "slack/update", update).await;
    slack.apply(&clock.call(), &update, "m-1").await.unwrap();
    let dm = change(
        &slack,
        &clock,
        "slack/dm",
        json!({ "email": "jordan@corp.example", "text": "hi" }),
    )
    .await;
    slack.apply(&clock.call(), &dm, "m-3").await.unwrap();
    let texts: Vec<_> = sim
        .messages(CHANNEL)
        .iter()
        .map(|message| message.text.clone())
        .collect();
    assert!(
        texts.contains(&"all out".to_owned()) && texts.contains(&"more".to_owned()),
        "{texts:?}"
    );
    assert_eq!(sim.counters().get("post-message"), 3);
    clock.pass(Duration::from_secs(30));
    for (change, marker) in [(&post, "m-1"), (&reply, "m-2"), (&dm, "m-3")] {
        // By name only as long as the answer to the post told the channel's id.
        assert!(
            slack
                .find_effect(&clock.call(), change, marker)
                .await
                .unwrap()
                .is_some(),
            "{marker}"
        );
        assert!(
            slack.find_effect(&clock.call(), change, "m-x").await.unwrap().is_none(),
            "{marker}"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_a_lost_request_is_not() {
    for (fault, arrives) in [(Fault::AnswerLost, true), (Fault::Timeout, false)] {
        let (sim, clock, slack) = world(TEAM);
        let post = change(
            &slack,
            &clock,
            "slack/post",
            json!({ "channel": CHANNEL, "text": "out" }),
        )
        .await;
        sim.faults().add(FaultRule::once("chat.postMessage", fault));
        let failure = slack.apply(&clock.call(), &post, "m-1").await.unwrap_err();
        assert_eq!(
            (failure.is_retryable(), failure.executed),
            (true, rollcall_model::Executed::Maybe)
        );
        clock.pass(Duration::from_secs(30));
        let found = slack.find_effect(&clock.call(), &post, "m-1").await.unwrap();
        assert_eq!(
            (found.is_some(), sim.counters().get("post-message")),
            (arrives, u64::from(arrives))
        );
    }
}

#[tokio::test]
async fn a_lost_answer_in_a_channel_by_name_is_found_through_the_list() {
    let (sim, clock, slack) = world(TEAM);
    // Nothing of these may be taken for #security, and the archived one leaves a gap in its page.
    sim.add_channel("C0SECURITY0", "security-old", true);
    sim.archive("C0SECURITY0");
    sim.add_private_channel("C0SECURITY2", "security-board", true);
    let post = json!({ "channel": "#security", "text": "out" });
    let post = change(&slack, &clock, "slack/post", post).await;
    sim.faults().add(FaultRule::once("chat.postMessage", Fault::AnswerLost));
    slack.apply(&clock.call(), &post, "m-1").await.unwrap_err();
    clock.pass(Duration::from_secs(30));
    sim.faults()
        .add(FaultRule::once("conversations.list", Fault::EmptyList));
    let unseen = slack.find_effect(&clock.call(), &post, "m-1").await.unwrap_err();
    assert_eq!(unseen.class, FailureClass::NeedsHuman, "{unseen:?}");
    let found = slack.find_effect(&clock.call(), &post, "m-1").await.unwrap().unwrap();
    assert_eq!(found.reference["channel"], CHANNEL);
    let listed = |(_, target): &&(_, String)| target.starts_with("/api/conversations.list?");
    assert_eq!(sim.calls().iter().filter(listed).count(), 2, "{:?}", sim.calls());

    // Public channels alone would be half an answer.
    sim.add_token("xoxb-1", &["chat:write", "channels:history", "channels:read"]);
    let post = change(&slack, &clock, "slack/post", json!({ "channel": "#it", "text": "x" })).await;
    let refused = slack.find_effect(&clock.call(), &post, "m-2").await.unwrap_err();
    assert!(
        !refused.is_retryable() && refused.reason.contains("groups:read"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn refusals_name_the_next_step() {
    let (sim, clock, slack) = world(TEAM);
    let nowhere = change(
        &slack,
        &clock,
        "slack/post",
        json!({ "channel": "#nowhere", "text": "x" }),
    )
    .await;
    assert_eq!(
        slack.apply(&clock.call(), &nowhere, "m").await.unwrap_err().class,
        FailureClass::NeedsHuman
    );
    let nobody = change(
        &slack,
        &clock,
        "slack/dm",
        json!({ "email": "nobody@corp.example", "text": "x" }),
    )
    .await;
    assert_eq!(
        slack.apply(&clock.call(), &nobody, "m").await.unwrap_err().class,
        FailureClass::GiveUp
    );
    let post = change(&slack, &clock, "slack/post", json!({ "channel": CHANNEL, "text": "x" })).await;
    sim.faults().add(FaultRule::once(
        "chat.postMessage",
        Fault::RateLimited(Duration::from_secs(12)),
    ));
    let limited = slack.apply(&clock.call(), &post, "m").await.unwrap_err();
    assert!(
        matches!(limited.class, FailureClass::Retry { after: Some(_) }),
        "{limited:?}"
    );
    sim.revoke_token("xoxb-1");
    assert_eq!(
        slack.apply(&clock.call(), &post, "m").await.unwrap_err().class,
        FailureClass::Credential
    );

    let (sim, clock, slack) = world("T0OTHER");
    let post = change(&slack, &clock, "slack/post", json!({ "channel": CHANNEL, "text": "x" })).await;
    assert_eq!(
        slack.apply(&clock.call(), &post, "m").await.unwrap_err().class,
        FailureClass::Credential
    );
    assert_eq!(sim.calls().len(), 1);
}

#[tokio::test]
async fn an_examination_names_the_missing_scopes_and_posts_nothing() {
    let (sim, clock, slack) = world(TEAM);
    let told = async |slack: &Slack| {
        let probes = slack.examine(&clock.call()).await;
        let told: std::collections::BTreeMap<String, (ProbeResult, String)> = probes
            .into_iter()
            .map(|probe| (probe.what, (probe.result, probe.found)))
            .collect();
        told
    };
    let probes = told(&slack).await;
    assert_eq!(probes["tenant"], (ProbeResult::Good, TEAM.to_owned()));
    assert_eq!(
        probes["scopes"],
        (ProbeResult::Warning, "missing: groups:history".to_owned())
    );
    for what in ["canary", "own-credential"] {
        assert_eq!(probes[what].0, ProbeResult::Good, "{probes:?}");
    }
    sim.add_token("xoxb-1", &["chat:write"]);
    let probes = told(&slack).await;
    assert!(probes["scopes"].0 == ProbeResult::Bad && probes["scopes"].1.contains("users:read.email"));
    assert!(probes["canary"].0 == ProbeResult::Bad, "{probes:?}");
    sim.revoke_token("xoxb-1");
    assert_eq!(told(&slack).await["tenant"].0, ProbeResult::Bad);
    assert_eq!(sim.counters().get("post-message"), 0);
}
