use rollcall_model::event::{Event, Signal, SignalBody, SignalFormat};
use rollcall_model::{EventKind, Outcome, ReviewId};

use super::*;
use crate::samples::{self, at};

fn story(run: &Run, journal: &[Entry], events: &[StoredEvent]) -> String {
    Timeline {
        run,
        journal,
        events,
        colour: false,
    }
    .to_string()
}

#[test]
fn a_finished_leaver_reads_like_this() {
    let run = samples::run();
    let (journal, _) = samples::journal(&run);
    let expected = "\
leave: Amara Okonkwo <amara.okonkwo@corp.example>
  playbook    leaver
  state       Done
  because of  user.deactivated from okta-main (user.lifecycle.deactivate)
  happened    2026-03-02 08:15:29.000 UTC
  received    2026-03-02 08:15:30.123 UTC, 1.12 s later
  ended       2026-03-03 08:15:31.623 UTC
  run         leave-7f3a

Time to cut, from the door
  sf-emea  ██████████░░░░░░░░░░░░░░      61 ms
  sf-us    ████████████████████████     152 ms
           everywhere after 152 ms; 1.27 s from the event's own time

What was done
  cut  plan 378bfce5cda2…
    sf-us
      ✓ freeze      salesforce/freeze        Changed        78 ms
      ✓ freeze      salesforce/end-sessions  Changed        34 ms
    sf-emea
      ✓ freeze      salesforce/freeze        AlreadySo      19 ms
      – freeze      salesforce/end-sessions  Skipped         1 ms  Amara has no session there
  dismantle  plan 429f5d860706…
    sf-us
      ✓ deactivate  salesforce/deactivate    Changed       1.24 s
    sf-emea
      ✓ deactivate  salesforce/deactivate    Changed       110 ms

Who was told
  ✓ cut     #security  by slack, Changed

Along the way
  08:15:30.161  cut planned 378bfce5cda2…
  08:15:30.358  Bodil Berg was not asked
  2026-03-03 08:15:31.623  ended Done

Proof
  journal     12 entries (rollcall 2, sf-emea 4, sf-us 6)
  receipt     receipts/leave-7f3a.json
";
    assert_eq!(story(&run, &journal, &[]), expected);
}

#[test]
fn a_run_at_work_says_what_is_still_to_come() {
    let mut run = samples::run();
    let (journal, _) = samples::journal(&run);
    run.state = RunState::Waiting {
        until: at(30_000),
        why: "sf-us did not answer".to_owned(),
    };
    run.stage = 0;
    run.stage_hashes.clear();
    run.stage_due_at = at(30_000);
    run.cut_at.remove(&"sf-us".into());
    run.changes.truncate(2);
    run.changes[1].outcome = Outcome::Unknown("the vendor was silent".to_owned());
    run.ended_at = None;
    run.receipt = None;
    run.notes.clear();
    // Two tries of the second change: its intent stands twice.
    let first = journal
        .iter()
        .filter(|entry| entry.connection.as_str() == "sf-us")
        .take(3);
    let again = first.clone().last();
    let journal: Vec<Entry> = first.chain(again).cloned().collect();
    let expected = "\
leave: Amara Okonkwo <amara.okonkwo@corp.example>
  playbook    leaver
  state       Waiting until 2026-03-02 08:16:00.123 UTC: sf-us did not answer
  because of  user.deactivated from okta-main (user.lifecycle.deactivate)
  happened    2026-03-02 08:15:29.000 UTC
  received    2026-03-02 08:15:30.123 UTC, 1.12 s later
  run         leave-7f3a

Time to cut, from the door
  sf-emea  ████████████████████████      61 ms
  sf-us    not cut yet

What was done
  cut
    sf-us
      ✓ freeze  salesforce/freeze        Changed      78 ms
      ? freeze  salesforce/end-sessions  Unknown      34 ms  2 tries  the vendor was silent
  dismantle: not begun

Proof
  journal     4 entries (sf-us 4)
";
    assert_eq!(story(&run, &journal, &[]), expected);
}

#[test]
fn what_never_happened_is_not_told() {
    let mut run = samples::run();
    run.state = RunState::Superseded {
        why: "okta-main says active again".to_owned(),
    };
    run.cause = rollcall_model::run::Cause::default();
    run.event_at = at(30);
    run.changes.clear();
    run.cut_at.clear();
    run.stage_hashes.remove("dismantle");
    run.notes.clear();
    run.receipt = None;
    run.person.email = None;
    run.person.display = "Amara\u{1b}[2J".to_owned();
    let expected = "\
leave: Amara\u{fffd}[2J <amara.okonkwo@corp.example>
  playbook    leaver
  state       Superseded: okta-main says active again
  happened    2026-03-02 08:15:30.153 UTC
  received    2026-03-02 08:15:30.123 UTC, 30 ms earlier
  ended       2026-03-03 08:15:31.623 UTC
  run         leave-7f3a

Time to cut, from the door
  sf-emea  no cut recorded
  sf-us    no cut recorded

What was done
  cut  plan 378bfce5cda2…: nothing to do
  dismantle: not run
";
    assert_eq!(story(&run, &[], &[]), expected);
}

#[test]
fn every_event_that_asked_for_it_is_named() {
    let event = |source: &str, kind: &str, ms: u64| StoredEvent {
        event: Event {
            key: "k".into(),
            source: source.into(),
            kind: EventKind::from(kind),
            vendor_type: "vendor.type".to_owned(),
            account: None,
            app: None,
            actor: None,
            ours: false,
            succeeded: true,
            occurred_at: at(ms),
            received_at: at(ms),
        },
        signal: Signal {
            key: "k".into(),
            source: source.into(),
            format: SignalFormat::OktaLogEvent,
            received_at: at(ms),
            body: SignalBody::Inline(String::new()),
        },
        seq: None,
        disposition: None,
    };
    let mut run = samples::run();
    run.state = RunState::Held {
        review: ReviewId::from("rv-1"),
    };
    let events = [
        event("okta-main", "user.deactivated", 0),
        event("onelogin-main", "user.deleted", 2000),
    ];
    let text = story(&run, &[], &events);
    let head: Vec<&str> = text.lines().skip(2).take(3).collect();
    assert_eq!(
        head,
        [
            "  state       Held for review rv-1",
            "  because of  user.deactivated from okta-main (vendor.type), 2026-03-02 08:15:30.123 UTC",
            "  because of  user.deleted from onelogin-main (vendor.type), 2026-03-02 08:15:32.123 UTC",
        ]
    );
}

#[test]
fn a_message_that_failed_says_why() {
    let mut run = samples::run();
    let message = run
        .changes
        .iter_mut()
        .find(|record| record.change.stage == "tell")
        .unwrap();
    message.change.step = "failed-2-cut".to_owned();
    message.change.with = serde_json::json!({"email": "bodil@corp.example"});
    message.outcome = Outcome::Failed("given up: no such channel".to_owned());
    let text = story(&run, &[], &[]);
    assert!(
        text.contains("\n  ✗ failed  bodil@corp.example  by slack, Failed: given up: no such channel\n"),
        "{text}"
    );
}

#[test]
fn colours_change_nothing_but_colours() {
    let run = samples::run();
    let (journal, _) = samples::journal(&run);
    let mut timeline = Timeline {
        run: &run,
        journal: &journal,
        events: &[],
        colour: true,
    };
    let coloured = timeline.to_string();
    assert!(coloured.contains("\u{1b}[32mDone\u{1b}[0m"));
    let mut plain = String::new();
    for part in coloured.split('\u{1b}') {
        let text = part.split_once('m').filter(|(code, _)| code.starts_with('['));
        plain.push_str(text.map_or(part, |(_, text)| text));
    }
    timeline.colour = false;
    assert_eq!(plain, timeline.to_string());
}

#[test]
fn bars_are_in_proportion_and_never_empty_for_some_time() {
    let full = |ms, longest| bar(ms, longest).0.chars().count();
    assert_eq!(
        [full(100, 100), full(50, 100), full(1, 100_000), full(0, 0), full(0, 5)],
        [BAR, BAR / 2, 1, 0, 0]
    );
    assert_eq!(bar(50, 100).1.chars().count(), BAR / 2);
}

#[test]
fn sessions_that_a_sign_out_leaves_inside_apps_are_named() {
    let mut run = samples::run();
    let mut says = |reference: serde_json::Value| {
        run.changes[0].reference = reference;
        story(&run, &[], &[])
    };
    let some = says(serde_json::json!({"open_app_sessions": ["CRM", "Mail"], "apps": 5}));
    assert!(
        some.contains(" ms  sessions may live on in CRM, Mail and 3 more\n"),
        "{some}"
    );
    let all = says(serde_json::json!({"open_app_sessions": ["CRM"], "apps": 1}));
    assert!(all.contains("sessions may live on in CRM\n"), "{all}");
    let none = says(serde_json::json!({"open_app_sessions": [], "apps": 0}));
    assert!(!none.contains("sessions may"), "{none}");
    let unread = says(serde_json::json!({"open_app_sessions": "unknown: 403"}));
    assert!(unread.contains("sessions inside apps: unknown: 403\n"), "{unread}");
}
