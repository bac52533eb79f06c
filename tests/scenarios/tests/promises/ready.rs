//! `ready`: what observe mode planned, beside what people did by hand.

use rollcall_engine::{ReadyReport, ReadyWish};
use rollcall_model::ledger::documents;
use rollcall_policy::ready::{Became, Still, Terms};
use rollcall_scenarios::{CHIDI, HOUR, Stage, edited, record};
use rollcall_simulators::okta::GroupKind;
use serde_json::json;

/// A stage in observe mode on which the leaver has left.
async fn observed(cut: &'static str) -> Stage {
    let spec = edited(move |files| {
        let environment = files.get_mut("env/test.yaml").expect("the environment is there");
        assert!(environment.contains("default: enforce"), "{environment}");
        *environment = environment.replace("default: enforce", "default: observe");
        let root = files.get_mut("rollcall.yaml").expect("the root is there");
        assert!(root.contains("cut: 30/h"), "{root}");
        *root = root.replace("cut: 30/h", &format!("cut: {cut}"));
    });
    let mut stage = Stage::new(spec).await;
    stage.leaves().await;
    stage.settle().await;
    stage
}

async fn ready(stage: &Stage, people: usize) -> ReadyReport {
    let wish = ReadyWish {
        playbook: "leaver".to_owned(),
        since: "2026-01-01T00:00:00Z".parse().expect("a moment"),
        terms: Terms {
            people,
            agreement: 95,
            within_ms: 12 * 3_600_000,
        },
    };
    stage.engine.ready(&wish).await.expect("the comparison is made")
}

/// An administrator does by hand in Salesforce what the cut would have done.
async fn by_hand(stage: &Stage) {
    let (org, user) = (&stage.world.vendors.salesforce, &stage.world.vendors.leaver_user);
    freeze_by_hand(stage, true).await;
    for token in org.tokens_of(user) {
        org.remove_record("OauthToken", &token);
    }
    for session in org.sessions_of(user) {
        org.remove_record("AuthSession", &session);
    }
    assert!(stage.is_cut(), "the administrator has cut everything");
}

/// An administrator freezes or unfreezes the leaver.
async fn freeze_by_hand(stage: &Stage, frozen: bool) {
    let run = stage.run().await;
    let login = record(&run, "salesforce/freeze").change.evidence["login"]
        .as_str()
        .expect("the plan names the log-in row")
        .to_owned();
    let org = &stage.world.vendors.salesforce;
    org.set_record("UserLogin", &login, json!({"IsFrozen": frozen}));
}

fn words(report: &ReadyReport) -> Vec<(&str, &Became)> {
    let changes = report.people.iter().flat_map(|person| &person.changes);
    changes.map(|change| (change.action.as_str(), &change.became)).collect()
}

#[tokio::test]
async fn what_people_do_the_same_makes_a_playbook_ready_and_nothing_is_changed_by_looking() {
    let mut stage = observed("30/h").await;
    let report = ready(&stage, 1).await;
    assert_eq!(report.people.len(), 1);
    assert!(
        words(&report).iter().all(|(_, became)| **became == Became::NotYet),
        "{:?}",
        words(&report)
    );
    let readiness = &report.readiness;
    assert_eq!(
        (readiness.judged_people, readiness.agreement),
        (0, None),
        "there is still time"
    );
    assert!(
        readiness.missing_for_review[0].contains("0 of at least 1"),
        "{readiness:?}"
    );
    assert!(stage.is_whole(), "a look changes nothing");

    by_hand(&stage).await;
    stage.later(HOUR).await;
    let report = ready(&stage, 1).await;
    assert!(
        words(&report).iter().all(|(_, became)| **became == Became::Same),
        "{:?}",
        words(&report)
    );
    assert!(report.people[0].changes.iter().all(|change| change.late == Some(false)));
    assert_eq!(report.readiness.agreement, Some(100));
    assert_eq!(report.readiness.missing_for_review, Vec::<String>::new());
    assert_eq!(report.readiness.missing_for_enforce, Vec::<String>::new());
    assert!(
        !ready(&stage, 2).await.readiness.missing_for_review.is_empty(),
        "one person is not two"
    );
    assert_eq!(stage.channel(), Vec::<String>::new());
    assert_eq!(stage.runs().await.len(), 1);
}

#[tokio::test]
async fn what_people_have_not_done_in_time_or_did_late_is_said() {
    let mut stage = observed("30/h").await;
    // The sessions of this world end by themselves after a day.
    stage.later(HOUR * 20).await;
    let report = ready(&stage, 1).await;
    assert_eq!(report.readiness.agreement, Some(0), "{:?}", words(&report));
    assert!(
        report.readiness.missing_for_review[0].contains("0 %"),
        "{:?}",
        report.readiness
    );
    by_hand(&stage).await;
    let report = ready(&stage, 1).await;
    assert!(
        report.people[0].changes.iter().all(|change| change.late == Some(true)),
        "the look before saw it undone when the time was over: {:?}",
        report.people[0].changes
    );
    assert_eq!(report.readiness.agreement, Some(100), "late is still the same");
    assert_eq!(stage.documents(documents::OBSERVED).await.len(), 1);
}

#[tokio::test]
async fn what_was_done_and_is_given_back_by_hand_is_another_state() {
    let stage = observed("30/h").await;
    by_hand(&stage).await;
    ready(&stage, 1).await;
    freeze_by_hand(&stage, false).await;
    let report = ready(&stage, 1).await;
    let freeze = words(&report)
        .into_iter()
        .find(|(action, _)| *action == "salesforce/freeze");
    assert!(
        matches!(freeze, Some((_, Became::Else { why })) if why.contains("not any more")),
        "{:?}",
        words(&report)
    );
    assert!(!report.readiness.missing_for_enforce.is_empty());
}

#[tokio::test]
async fn somebody_who_is_active_again_is_a_false_positive() {
    let stage = observed("30/h").await;
    stage.returns_unheard();
    let report = ready(&stage, 1).await;
    assert!(
        matches!(&report.people[0].still, Still::TookBack { why } if why.contains("active")),
        "{:?}",
        report.people[0].still
    );
    assert_eq!(report.readiness.false_positives, 1);
    assert!(
        report
            .readiness
            .missing_for_enforce
            .iter()
            .any(|what| what.contains("active again")),
        "{:?}",
        report.readiness
    );
}

#[tokio::test]
async fn what_enforce_would_have_held_is_kept_when_it_is_planned() {
    let mut stage = observed("1/h").await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    let chidi = okta.user_id(CHIDI).expect("the directory has them");
    okta.add_member(&group, &chidi).expect("the directory takes members");
    stage.leaves_too(CHIDI).await;
    stage.settle().await;
    let report = ready(&stage, 1).await;
    assert_eq!(report.people.len(), 2);
    let held: Vec<&String> = report.people.iter().flat_map(|person| &person.held).collect();
    assert!(held.iter().any(|why| why.contains("protected")), "{held:?}");
    assert!(
        held.iter().any(|why| why.contains("limit of 1 an hour for cut/sf-us")),
        "{held:?}"
    );
    assert!(stage.is_whole());
}

#[tokio::test]
async fn a_playbook_that_nobody_knows_is_refused_with_the_names_of_those_that_are() {
    let stage = Stage::plain().await;
    let wish = ReadyWish {
        playbook: "leavers".to_owned(),
        since: stage.now(),
        terms: Terms {
            people: 1,
            agreement: 95,
            within_ms: 0,
        },
    };
    let refused = stage.engine.ready(&wish).await.expect_err("there is none");
    assert!(refused.to_string().contains("leaver"), "{refused}");
}
