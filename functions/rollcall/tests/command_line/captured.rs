//! What a stack sends is what a terminal would show: the same commands, kept and printed, over one state.
#![allow(clippy::unwrap_used, reason = "a test that fails, panics")]

use crate::support::{Serving, Stage, post};
use rollcall_commands::remote::parse;
use rollcall_commands::{Exit, Out, Place};
use rollcall_model::RunState;
use rollcall_simulators::world::LEAVER;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kept_output_is_the_terminals() {
    let stage = Stage::set().await;
    let mut serving = Serving::start(&stage, 10_000).await;
    assert!(post(&serving.door, &stage.deactivate()).await);
    let runs = stage.runs_when(|run| run.state == RunState::Done).await;
    serving.kill();
    let run = runs.first().unwrap().id.to_string();
    let page = stage.folder.path().join("page.html").display().to_string();
    let lines: &[&[&str]] = &[
        &["explain"],
        &["explain", "--json"],
        &["explain", LEAVER],
        &["explain", &run, "--json"],
        &["reviews"],
        &["reviews", "list", "--json"],
        &["leave", "list"],
        &["run", "report", &run, "--out", &page],
    ];
    for line in lines {
        let printed = stage.rollcall(line).await;
        let mut all: Vec<String> = std::iter::once("rollcall")
            .chain(line.iter().copied())
            .map(str::to_owned)
            .collect();
        all.extend(stage.places());
        let typed = parse(all).unwrap();
        let out = Out::kept(typed.cli.json);
        let ended = rollcall_commands::run(&typed.cli.command, &Place::Machine, &out)
            .await
            .unwrap();
        let said = out.said();
        assert_eq!(said.text, printed.text, "{line:?}");
        assert!(!said.text.is_empty(), "{line:?}");
        assert_eq!((ended, printed.code), (Exit::SUCCESS, 0), "{line:?}");
        if line.contains(&"report") {
            // The page comes back instead of being written.
            let written = std::fs::read(&page).unwrap();
            assert_eq!(until_made(said.files.get(&page).unwrap()), until_made(&written));
        } else {
            assert!(said.files.is_empty(), "{line:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn today_tells_what_happened_and_what_waits() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, 10_000).await;
    let nothing = stage.rollcall(&["today"]).await;
    assert!(
        nothing.code == 0 && nothing.text.contains("Nothing waits for you."),
        "{}",
        nothing.all()
    );
    assert!(post(&serving.door, &stage.deactivate()).await);
    let runs = stage.runs_when(|run| run.state == RunState::Done).await;
    let run = runs.first().unwrap();
    let paused = stage.on_data(&["pause", "connection/sf-us"]).await;
    assert_eq!(paused.code, 0, "{}", paused.all());
    let said = stage.rollcall(&["today", "--json"]).await;
    let today = said.json();
    assert_eq!(today["runs"]["Done"], 1, "{today}");
    let cut = &today["cuts"][0];
    assert_eq!(cut["run"], run.id.as_str());
    assert_eq!(cut["person"], LEAVER);
    assert_eq!(
        cut["time_to_cut_ms"],
        serde_json::to_value(run.time_to_cut_ms()).unwrap()
    );
    assert_eq!(today["paused"][0]["what"], "connection/sf-us");
    for empty in ["returned", "waiting", "failed", "leaves", "expected"] {
        assert_eq!(today[empty], serde_json::json!([]), "{empty}: {today}");
    }
    let text = stage.rollcall(&["today"]).await.text;
    for part in ["1 Done", LEAVER, run.id.as_str(), "rollcall resume connection/sf-us"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Nothing waits for you."), "{text}");
}

/// A report up to the moment at which it was made, which is another each time and not always as many digits.
fn until_made(page: &[u8]) -> &str {
    let page = std::str::from_utf8(page).unwrap();
    page.split_once("<footer><p>Made ").unwrap().0
}
