//! The way to a cut: what stands before it, and what does not.

use std::time::Duration;

use rollcall_harness::WorldSpec;
use rollcall_harness::inject::is_call;
use rollcall_model::ledger::{Holder, LockKey};
use rollcall_model::{AccountRef, Lane, Message, RunState};
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{Stage, told};

/// Where in the log of the outside something happens first.
fn first(log: &[String], what: impl Fn(&str) -> bool) -> usize {
    let found = log.iter().position(|line| what(line));
    found.unwrap_or_else(|| panic!("it is not there:\n{}", log.join("\n")))
}

fn is_freeze(what: &str) -> bool {
    what.starts_with("PATCH ") && what.contains("/sobjects/UserLogin/")
}

/// Asking Okta for the leaver's groups, which only a reading of the person does.
fn is_reading(stage: &Stage, what: &str) -> bool {
    what.starts_with("GET ") && what.contains(&format!("/users/{}/groups", stage.world.vendors.leaver))
}

/// Three events of one person have come in while somebody else held the account.
#[tokio::test]
async fn many_events_of_one_change_are_one_reading_and_join_after_the_cut() {
    let mut stage = Stage::plain().await;
    let subject = AccountRef::new("okta-main", &stage.world.vendors.leaver);
    let holder = Holder {
        name: "another".to_owned(),
        until: plus(stage.now(), Duration::from_mins(5)),
    };
    let keys = [LockKey::Account(subject.clone())];
    let locks = stage.ledger().claim(&keys, &holder, stage.now()).await;
    let locks = locks.expect("memory answers").mine().expect("nobody holds it");
    stage.leaves().await;
    for _ in 0..2 {
        stage.returns_unheard();
        stage.leaves().await;
    }
    stage.work_for(Duration::from_secs(5)).await;
    assert_eq!(stage.cuts(), 0, "the account is another's");
    // Not even a token is asked for: whoever works on the account has one.
    let log = stage.world.injector.log();
    let asked: Vec<&String> = log.iter().filter(|what| is_call(what)).collect();
    assert!(asked.is_empty(), "{asked:?}");
    let waiting = stage.ledger().inbox(&subject).await.expect("memory answers").rows.len();
    assert_eq!(waiting, 3);
    let before = stage.world.injector.log().len();
    stage.ledger().release(&locks).await.expect("memory answers");
    let wake = serde_json::to_string(&Message::WakeAccount(subject)).expect("a message");
    let sent = stage.queue().send(Lane::Work, &[wake], Duration::ZERO).await;
    sent.expect("memory answers");
    stage.settle().await;

    let log = stage.world.injector.log().split_off(before);
    let cut = first(&log, is_freeze);
    let readings = |part: &[String]| part.iter().filter(|what| is_reading(&stage, what)).count();
    assert_eq!(readings(&log[..cut]), 1, "{log:#?}");
    assert_eq!(readings(&log[cut..]), 0, "the others were there before it: {log:#?}");
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.triggers.len(), 3, "each event is named: {:?}", run.triggers);
    let texts = stage.channel();
    assert_eq!((told(&texts, "Amara Okafor is out"), texts.len()), (1, 1), "{texts:?}");
}

#[tokio::test]
async fn tokens_for_the_cut_are_asked_for_while_the_directory_is_read() {
    let mut stage = Stage::new(WorldSpec {
        yields: 3,
        seed: 1,
        ..WorldSpec::default()
    })
    .await;
    stage.leaves().await;
    stage.settle().await;
    let log = stage.world.injector.log();
    let token = first(&log, |what| {
        what.starts_with("POST ") && what.contains("/services/oauth2/token")
    });
    let opened = first(&log, |what| what.contains("RUN#"));
    assert!(token < opened, "{log:#?}");
    assert!(stage.is_cut());
}
