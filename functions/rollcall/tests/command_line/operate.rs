//! What an operator does: plan and apply, pause and resume, replay, redrive.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::time::Duration;

use crate::support::{FIXTURES, Serving, Stage, post};
use jiff::Timestamp;
use rollcall_model::ledger::documents;
use rollcall_model::{AccountRef, Lane, Message, RunState};
use rollcall_simulators::salesforce::UserSeed;
use rollcall_simulators::world::LEAVER;
use serde_json::json;

const LEASE_MS: u64 = 10_000;

fn hash(plan: &str) -> String {
    plan.split("rollcall apply ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .trim()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_is_read_and_then_carried_out_exactly() {
    let stage = Stage::set().await;
    stage.deactivate();
    let plan = stage.rollcall(&["plan", LEAVER]).await;
    assert_eq!(plan.code, 0, "{}", plan.all());
    for part in [
        "Amara Okafor",
        "okta-main says deactivated",
        "frozen: false → true",
        "tokens: some → none",
        "sessions: some → none",
        "3 to change",
        "#security",
    ] {
        assert!(plan.text.contains(part), "no {part} in\n{}", plan.text);
    }
    assert!(
        !stage.world.salesforce.is_frozen(&stage.world.leaver_user),
        "a plan changes nothing"
    );
    let again = stage
        .rollcall(&["plan", &format!("okta-main/{}", stage.world.leaver), "--json"])
        .await;
    assert_eq!(
        again.json()["hash"],
        json!(hash(&plan.text)),
        "the same world gives the same hash"
    );

    let applied = stage.rollcall(&["apply", &hash(&plan.text)]).await;
    assert_eq!(applied.code, 0, "{}", applied.all());
    assert!(
        applied.text.contains("salesforce/freeze: Changed") && applied.text.contains("Time to cut"),
        "{}",
        applied.text
    );
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    stage.assert_cut_once(&runs).await;

    let twice = stage.rollcall(&["apply", &hash(&plan.text), "--json"]).await;
    assert_eq!(
        (twice.code, &twice.json()["state"]),
        (0, &json!("Done")),
        "{}",
        twice.all()
    );
    assert_eq!(
        stage.runs_when(|run| run.state.is_final()).await.len(),
        1,
        "the same plan is one run"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_is_refused_when_the_world_has_moved_and_says_what() {
    let stage = Stage::set().await;
    stage.deactivate();
    let plan = stage.rollcall(&["plan", LEAVER]).await;
    assert_eq!(plan.code, 0, "{}", plan.all());
    // Somebody gives her a second user.
    let second = UserSeed {
        employee_number: Some("E1042".to_owned()),
        ..UserSeed::new("amara.second@corp.example")
    };
    let second = stage.world.salesforce.add_user(second);
    let applied = stage.rollcall(&["apply", &hash(&plan.text)]).await;
    assert_eq!(applied.code, 1, "{}", applied.all());
    assert!(
        applied.text.contains("moved since the plan was made")
            && applied.text.contains(&second)
            && applied.text.contains("new"),
        "{}",
        applied.text
    );
    assert!(
        !stage.world.salesforce.is_frozen(&stage.world.leaver_user),
        "nothing was done"
    );
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    assert_eq!(runs[0].state.name(), "Refused");
    let story = stage.on_data(&["explain", LEAVER]).await;
    assert!(
        story.code == 0 && story.text.contains("Refused") && story.text.contains("rollcall plan"),
        "{}",
        story.all()
    );

    let unknown = stage.rollcall(&["apply", "0000"]).await;
    assert!(
        unknown.code == 1 && unknown.text.contains("no plan 0000 is known here"),
        "{}",
        unknown.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_for_somebody_who_stays_says_so_and_cuts_nobody() {
    let stage = Stage::set().await;
    let plan = stage.rollcall(&["plan", LEAVER]).await;
    assert!(
        plan.code == 0 && plan.text.contains("would end as superseded"),
        "{}",
        plan.all()
    );
    let applied = stage.rollcall(&["apply", &hash(&plan.text), "--json"]).await;
    assert_eq!(
        (applied.code, &applied.json()["state"]),
        (1, &json!("Superseded")),
        "{}",
        applied.all()
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    let nobody = stage.rollcall(&["plan", "nobody@corp.example"]).await;
    assert!(
        nobody.code == 1 && nobody.errors.contains("knows nobody called"),
        "{}",
        nobody.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pause_stops_writes_until_it_is_resumed() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    let paused = stage.on_data(&["pause", "--include-cuts"]).await;
    assert_eq!(paused.code, 0, "{}", paused.all());
    assert!(
        post(&serving.door, &stage.deactivate()).await,
        "hooks are taken in all the same"
    );
    let runs = stage
        .runs_when(|run| matches!(run.state, RunState::Waiting { .. }))
        .await;
    assert!(
        runs[0].state.why().unwrap().contains("paused: all"),
        "{:?}",
        runs[0].state
    );
    assert!(!stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    let story = stage.on_data(&["explain", LEAVER]).await;
    assert!(story.text.contains("rollcall resume all"), "{}", story.text);
    let table = stage.on_data(&["explain"]).await;
    assert!(
        table.text.contains("Paused: all (cuts included)") && table.text.contains("Waiting"),
        "{}",
        table.text
    );

    let resumed = stage.on_data(&["resume", "--json"]).await;
    assert_eq!(
        (resumed.code, &resumed.json()["woken"]),
        (0, &json!(1)),
        "{}",
        resumed.all()
    );
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    stage.assert_cut_once(&runs).await;
    let nothing = stage.on_data(&["resume"]).await;
    assert!(
        nothing.code == 1 && nothing.errors.contains("nothing is paused"),
        "{}",
        nothing.all()
    );
    let wrong = stage.on_data(&["pause", "sf-us"]).await;
    assert!(
        wrong.code == 1 && wrong.errors.contains("connection/NAME"),
        "{}",
        wrong.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pause_lets_cuts_go_on_unless_it_includes_them() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    assert_eq!(stage.on_data(&["pause", "playbook/leaver"]).await.code, 0);
    assert!(post(&serving.door, &stage.deactivate()).await);
    stage
        .runs_when(|run| !run.cut_at.is_empty() && matches!(run.state, RunState::Waiting { .. }))
        .await;
    assert!(stage.world.salesforce.is_frozen(&stage.world.leaver_user));
    assert_eq!(
        stage.world.slack.counters().get("post-message"),
        0,
        "a message is a write, and no cut"
    );
    let story = stage.on_data(&["explain", LEAVER]).await;
    assert!(story.text.contains("rollcall resume playbook/leaver"), "{}", story.text);

    assert_eq!(stage.on_data(&["resume", "playbook/leaver"]).await.code, 0);
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    stage.assert_cut_once(&runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn captured_bodies_are_read_and_nothing_is_written() {
    let stage = Stage::set().await;
    let payloads = Path::new(FIXTURES).join("payloads/okta");
    let body = |name: &str| payloads.join(name).display().to_string();
    let said = stage
        .rollcall(&[
            "replay",
            &body("01-user-lifecycle-deactivate.json"),
            &body("19-failure-outcome-and-unknown-values.json"),
        ])
        .await;
    assert_eq!(said.code, 0, "{}", said.all());
    let first = said
        .text
        .lines()
        .find(|line| line.contains("user.lifecycle.deactivate"))
        .unwrap();
    assert!(
        first.contains("urgent") && first.contains("user.deactivated") && first.ends_with("leaver"),
        "{first}"
    );
    assert!(said.text.contains("nothing: the attempt failed"), "{}", said.text);
    assert!(!stage.data().exists(), "nothing is written");

    let junk = stage.folder.path().join("junk.json");
    std::fs::write(&junk, "no hook body").unwrap();
    let said = stage.rollcall(&["replay", junk.to_str().unwrap(), "--json"]).await;
    assert_eq!(
        (said.code, said.json()["unreadable"].as_array().unwrap().len()),
        (1, 1),
        "{}",
        said.all()
    );
    let said = stage
        .rollcall(&["replay", "--connection", "slack", junk.to_str().unwrap()])
        .await;
    assert!(
        said.code == 1 && said.errors.contains("sends no hooks"),
        "{}",
        said.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kept_signal_is_queued_again_and_does_no_harm() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, LEASE_MS).await;
    assert!(post(&serving.door, &stage.deactivate()).await);
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    let event = runs[0].triggers[0].to_string();
    let said = stage.on_data(&["replay", "--event", &event, "--json"]).await;
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(said.json()["lane"], "urgent");
    let ledger = stage.ledger();
    let begun = std::time::Instant::now();
    let runs = loop {
        let runs = ledger.runs(None, 10).await.unwrap();
        if runs.len() == 2 && runs.iter().all(|run| run.state.is_final()) {
            break runs;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the signal was read again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(runs.iter().all(|run| run.state == RunState::Done));
    assert_eq!(stage.world.salesforce.counters().get("freeze"), 1);
    assert_eq!(
        stage.world.slack.counters().get("post-message"),
        2,
        "nobody is told twice"
    );
    let unknown = stage.on_data(&["replay", "--event", "okta-main:none"]).await;
    assert!(
        unknown.code == 1 && unknown.errors.contains("no event okta-main:none"),
        "{}",
        unknown.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dead_letters_go_back_only_when_they_can() {
    let stage = Stage::set().await;
    let ledger = stage.ledger();
    let wake = serde_json::to_string(&Message::WakeAccount(AccountRef::new("okta-main", "00u1"))).unwrap();
    for (id, body) in [("m1", wake.as_str()), ("m2", "no message")] {
        let letter = json!({"body": body, "why": "because of a test", "at": Timestamp::now()});
        ledger.put_document(documents::DEAD, id, &letter).await.unwrap();
    }
    let list = stage.on_data(&["redrive", "--list"]).await;
    assert!(
        list.code == 0 && list.text.contains("wake of okta-main/00u1") && list.text.contains("because of a test"),
        "{}",
        list.all()
    );
    assert!(!list.text.contains("no message\""), "a body is never shown");

    let sent = stage.on_data(&["redrive", "--json"]).await;
    assert_eq!(sent.code, 1, "one letter cannot be sent: {}", sent.all());
    assert_eq!(
        (&sent.json()["sent"], &sent.json()["left"][0]["id"]),
        (&json!(["m1"]), &json!("m2"))
    );
    let left: Vec<String> = ledger
        .documents(documents::DEAD, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|letter| letter.id)
        .collect();
    assert_eq!(left, ["m2"]);
    let queued = stage
        .queue()
        .receive(Lane::Urgent, 10, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(
        queued.iter().map(|delivery| delivery.body.as_str()).collect::<Vec<_>>(),
        [wake.as_str()]
    );
    let unknown = stage.on_data(&["redrive", "m9"]).await;
    assert!(
        unknown.code == 1 && unknown.errors.contains("no dead letter m9"),
        "{}",
        unknown.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_without_its_folder_says_which_one() {
    let stage = Stage::set().await;
    let said = stage.on_data(&["explain"]).await;
    assert!(
        said.code == 1 && said.errors.contains("there is no ledger at") && said.errors.contains("--data"),
        "{}",
        said.all()
    );
    let help = crate::support::rollcall(vec!["--help"]).await;
    for command in [
        "demo", "serve", "check", "plan", "apply", "replay", "explain", "receipt", "redrive", "pause", "resume",
    ] {
        assert!(help.text.contains(command), "{command}");
        let args: Vec<&str> = if command == "receipt" {
            vec!["receipt", "verify", "--help"]
        } else {
            vec![command, "--help"]
        };
        let help = crate::support::rollcall(args).await;
        assert!(
            help.code == 0 && help.text.contains("Examples:"),
            "{command}: {}",
            help.all()
        );
    }
}
