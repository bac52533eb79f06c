use std::path::PathBuf;

use rollcall_model::{Outcome, RunState};
use serde_json::json;

use super::samples::{self, MARKUP, Sample};
use super::*;
use crate::samples as leavers;
use crate::samples::PERSONAL;

/// What somebody reads, with a space where one element ends and another begins.
fn words(html: &str) -> String {
    const INLINE: [&str; 5] = ["bdi", "code", "span", "time", "wbr"];
    let body = html.split_once("</style>").map_or(html, |(_, body)| body);
    let mut text = String::new();
    for (place, piece) in body.split('<').enumerate() {
        let (tag, rest) = piece.split_once('>').filter(|_| place > 0).unwrap_or(("", piece));
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap();
        if !INLINE.contains(&name) {
            text.push(' ');
        }
        text.push_str(rest);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The section of this id.
fn part<'a>(html: &'a str, id: &str) -> &'a str {
    let from = html.find(&format!("<section id=\"{id}\"")).unwrap();
    let rest = &html[from..];
    &rest[..rest.find("</section>").unwrap()]
}

#[tokio::test]
async fn a_leaver_is_told_from_event_to_receipt() {
    let html = samples::leaver().sealed().await.html();
    let head = words(&html[..html.find("<main").unwrap()]);
    for expected in [
        "Amara Okonkwo",
        "Incomplete",
        "sf-us: Patent_Case__c could not be inspected",
        "Successor sam.lindqvist@corp.example",
        "user.deactivated from okta-main (user.lifecycle.deactivate)",
        "2026-03-02 08:15:30.123 UTC, 1.12 s later",
        "Changes green 9 of 10",
        "Licences freed 2",
    ] {
        assert!(head.contains(expected), "{expected}\n{head}");
    }
    let systems = words(part(&html, "systems"));
    for expected in [
        "salesforce/freeze freeze 005000000000AMRIAX ✓ Changed",
        "plan 378bfce5cda2…",
        "4a-0000-9fc1e2d07b",
        "Amara has no session there",
        "Expense Desk, Travel Desk",
    ] {
        assert!(systems.contains(expected), "{expected}\n{systems}");
    }
    let receipt = words(part(&html, "receipt"));
    for expected in [
        "/var/lib/rollcall/files/receipts/leave-7f3a.json",
        "✓ as it was signed",
        "rollcall receipt verify /var/lib",
    ] {
        assert!(receipt.contains(expected), "{expected}\n{receipt}");
    }
    assert!(
        words(part(&html, "reviews")).contains("✓ approved by bodil@corp.example"),
        "who decided"
    );
    assert!(
        words(part(&html, "messages")).contains("#security by slack ✓ sent"),
        "who was told"
    );
    assert!(words(part(&html, "findings")).contains("RC0407"));
    assert!(
        words(part(&html, "chronology")).contains("Account: job closed, 2305 rows"),
        "progress"
    );
}

#[test]
fn the_equation_is_shown_and_judged() {
    let html = samples::leaver().html();
    let records = words(part(&html, "records"));
    for expected in [
        "5,009 counted + 7 arrived = 4,391 moved + 613 kept + 9 refused + 3 gone ✓ holds in every row",
        "Patent_Case__c.OwnerId: INSUFFICIENT_ACCESS: the integration user may not read Patent_Case__c",
        "00G000000000INBOUN 400",
        "Two private reports of Amara Okonkwo",
        "? not all seen",
    ] {
        assert!(records.contains(expected), "{expected}\n{records}");
    }
    assert!(html.contains("aria-label=\"Account.OwnerId: 2,305 moved, 4 refused, 3 gone\""));
    let refusals = words(part(&html, "refusals"));
    assert!(
        refusals.contains("ENTITY_IS_LOCKED sf-us 4 Opportunity.OwnerId, Contract.OwnerId"),
        "{refusals}"
    );
    assert!(refusals.contains("1 more were refused without a code."), "{refusals}");
    assert!(words(&html).contains("not every record accounted for"));

    let html = samples::unbalanced().html();
    let records = words(part(&html, "records"));
    for expected in [
        "3,514 counted + 2 arrived ≠ 3,505 moved + 0 kept + 4 refused + 3 gone ✗ does not hold in 1 row",
        "✗ no: 4 nowhere",
        "The numbers of this hand-over cannot be read",
        "Owns no record in any object that was looked at.",
    ] {
        assert!(records.contains(expected), "{expected}\n{records}");
    }
    assert!(!html.contains("<tbody></tbody>"), "a table without a row");
}

#[test]
fn hostile_texts_stay_texts() {
    let sample = samples::hostile();
    let html = sample.html();
    assert_eq!(html.matches("<script").count(), 0);
    assert_eq!(html.matches("<img").count(), 0);
    assert_eq!(html.matches("</style>").count(), 1);
    assert_eq!(html.matches("</title><title").count(), 0);
    assert!(!html.contains(MARKUP));
    assert!(
        !html.contains('\u{202e}'),
        "nothing turns the direction of what follows"
    );
    assert!(html.contains("שרה نور 👩🏽‍💻"), "other scripts stay");
    assert!(html.contains("(10,000 characters)"));
    assert!(html.len() < 200_000, "{}", html.len());
    let title = &html[html.find("<title>").unwrap()..html.find("</title>").unwrap()];
    assert!(title.len() < 700, "{title}");
}

#[test]
fn a_quiet_run_names_nobody_to_those_who_may_not_know() {
    let mut sample = samples::quiet();
    let html = sample.html();
    for personal in PERSONAL
        .into_iter()
        .chain(["sam.lindqvist", "bodil", "SAMLAX", "Expense Desk", "INBOUN"])
    {
        assert!(!html.contains(personal), "{personal}");
    }
    let text = words(&html);
    for expected in [
        "leave-7f3a",
        "This run is quiet.",
        "5,009 counted",
        "salesforce/freeze freeze one account ✓ Changed",
        "4a-0000-9fc1e2d07b",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
    sample.confidential = true;
    let text = sample.html();
    assert!(text.contains("Amara Okonkwo") && text.contains("sam.lindqvist@corp.example"));
    assert!(!text.contains("This run is quiet."));
}

#[test]
fn a_run_with_nothing_in_it_says_so() {
    let text = words(&samples::empty().html());
    for expected in [
        "Open The run is under way",
        "No change was planned.",
        "No records were handed over in this run.",
        "The vendors refused no record.",
        "No change of this run looked at licences.",
        "Nothing about this run needed attention.",
        "nobody had to decide",
        "Nobody was told.",
        "There is no receipt yet",
        "Nothing is recorded beside",
        "Changes green 0 of 0",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_waiting_run_says_for_what_and_a_lost_answer_is_drawn() {
    let mut run = leavers::run();
    let (mut journal, _) = leavers::journal(&run);
    journal.retain(|entry| entry.public.at < leavers::at(100));
    run.changes.truncate(1);
    run.changes[0].outcome = Outcome::Unknown("the vendor was silent".to_owned());
    run.state = RunState::Waiting {
        until: leavers::at(30_000),
        why: "sf-us did not answer".to_owned(),
    };
    run.stage = 0;
    run.stage_hashes.clear();
    run.cut_at.clear();
    run.ended_at = None;
    run.receipt = None;
    let mut sample = Sample::of(run);
    sample.journal = journal;
    let html = sample.html();
    assert!(html.contains("cut/freeze salesforce/freeze: no outcome yet"));
    let text = words(&html);
    for expected in [
        "Waiting until",
        "sf-us did not answer",
        "not cut yet",
        "0 of 2 systems",
        "Ended not yet",
        "Unknown the vendor was silent",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn an_endless_run_stays_below_two_megabytes_and_says_what_is_missing() {
    let sample = samples::endless();
    let html = sample.html();
    assert!(html.len() < 2_000_000, "{}", html.len());
    let text = words(&html);
    assert!(text.contains("more are not shown here: rollcall explain RUN lists every change."));
    assert!(text.contains("the equation above counts them, and the evidence files hold every record."));
    assert!(html.contains("<details open>"));
    let closed = Sample {
        folds: Folds::Closed,
        ..sample
    };
    assert!(!closed.html().contains("<details open>"));
}

#[test]
fn licences_that_are_used_less_or_not_at_all_are_free() {
    let mut run = leavers::run();
    run.changes[5].reference = json!({"licences": {
        "before": ["Chatter", {"name": "Salesforce", "used": 12, "total": 20}, {"label": "Knowledge"}],
        "after": [{"name": "Salesforce", "used": 11, "total": 20}, {"label": "Knowledge"}],
    }});
    let html = Sample::of(run).html();
    let text = words(part(&html, "licences"));
    for expected in [
        "Chatter sf-us held ✓ freed",
        "Salesforce sf-us total 20, used 12 ✓ freed",
        "Knowledge sf-us held – still in use",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(words(&html).contains("Licences freed 2"));
}

#[test]
fn a_receipt_that_is_wrong_or_of_another_run_is_said_to_be() {
    let mut sample = samples::empty();
    sample.proof = Some(Proof {
        place: "receipts/x.json".to_owned(),
        receipt: Err("no file receipts/x.json".to_owned()),
        checked: None,
    });
    assert!(words(&sample.html()).contains("The receipt could not be read: no file receipts/x.json"));
}

#[tokio::test]
async fn a_receipt_of_another_run_does_not_count() {
    let mut sample = samples::leaver().sealed().await;
    sample.run.id = "leave-other".into();
    assert!(words(part(&sample.html(), "receipt")).contains("✗ another run the receipt is about leave-7f3a"));
    if let Some(proof) = &mut sample.proof {
        proof.checked = Some(Err("sf-us: entry 4 of 6 was altered".to_owned()));
    }
    assert!(words(part(&sample.html(), "receipt")).contains("✗ not as it was signed sf-us: entry 4 of 6 was altered"));
}

/// The pages that a browser opens, see tests/browser; written into the folder of `ROLLCALL_PAGES` when it is set.
#[tokio::test]
async fn pages_for_a_browser() {
    let pages = vec![
        ("cut", Sample::of(leavers::run()).sealed().await),
        ("leaver", samples::leaver().sealed().await),
        ("hostile", samples::hostile().sealed().await),
        ("quiet", samples::quiet().sealed().await),
        ("unbalanced", samples::unbalanced().sealed().await),
        ("empty", samples::empty()),
        ("endless", samples::endless().sealed().await),
    ];
    let folder = std::env::var_os("ROLLCALL_PAGES").map(PathBuf::from);
    for (name, sample) in pages {
        let html = sample.html();
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        assert!(html.ends_with("</html>\n"), "{name}");
        for outside in ["http:", "https:", "src=", "url(", "@import", " style=", " on"] {
            let markup: Vec<&str> = html
                .split('<')
                .skip(1)
                .filter_map(|piece| piece.split('>').next())
                .collect();
            assert!(
                !markup.iter().any(|tag| tag.contains(outside) && !tag.contains("&lt;")),
                "{name}: {outside}"
            );
        }
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        }
    }
}
