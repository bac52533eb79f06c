use rollcall_model::action::EffectClass;
use rollcall_model::plan::Change;
use rollcall_model::{AccountRef, Digest};
use serde_json::{Value, json};

use super::*;

const HOUR: i64 = 3_600_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millisecond(1_772_000_000_000 + hours * HOUR).unwrap()
}

fn item(account: Option<&str>, before: &Value, verdict: Verdict) -> PlanItem {
    PlanItem {
        change: Change {
            stage: "cut".to_owned(),
            step: "freeze".to_owned(),
            connection: "sf-us".into(),
            account: account.map(|id| AccountRef::new("sf-us", id)),
            action: "salesforce/freeze".to_owned(),
            effect: EffectClass::Set,
            settle_ms: 0,
            with: Value::Null,
            before: before.clone(),
            after: json!({"frozen": true}),
            evidence: Value::Null,
        },
        verdict,
    }
}

fn plan(items: Vec<PlanItem>) -> StagePlan {
    StagePlan {
        run_plan: Digest::new("r"),
        stage: "cut".to_owned(),
        items,
    }
}

fn one(planned: PlanItem, now: Vec<PlanItem>) -> Became {
    let compared = compare(&plan(vec![planned]), &plan(now), |_| true);
    compared.into_iter().next().unwrap().1
}

fn whole() -> Value {
    json!({"frozen": false})
}

#[test]
fn each_state_that_an_account_can_be_in_now_has_its_word() {
    let planned = || item(Some("005"), &whole(), Verdict::Run);
    let now = |before: Value, verdict| vec![item(Some("005"), &before, verdict)];
    assert_eq!(
        one(planned(), now(json!({"frozen": true}), Verdict::AlreadySo)),
        Became::Same
    );
    assert_eq!(one(planned(), now(whole(), Verdict::Run)), Became::NotYet);
    let moved = one(planned(), now(json!({"frozen": "half"}), Verdict::Run));
    assert!(
        matches!(&moved, Became::Else { why } if why.contains("half")),
        "{moved:?}"
    );
    let gone = one(planned(), Vec::new());
    assert!(
        matches!(&gone, Became::Else { why } if why.contains("no longer found")),
        "{gone:?}"
    );
    let unproven = one(planned(), now(whole(), Verdict::Unknown("a short page".to_owned())));
    assert!(
        matches!(&unproven, Became::Unread { why } if why == "a short page"),
        "{unproven:?}"
    );
}

#[test]
fn an_account_that_is_proven_to_be_gone_is_as_good_as_done() {
    let planned = item(Some("005"), &whole(), Verdict::Run);
    assert_eq!(
        one(planned.clone(), vec![item(None, &Value::Null, Verdict::AlreadySo)]),
        Became::Same
    );
    let unproven = vec![item(
        None,
        &Value::Null,
        Verdict::Unknown("nobody was asked".to_owned()),
    )];
    assert!(matches!(one(planned, unproven), Became::Unread { .. }));
}

#[test]
fn what_rollcall_would_not_have_done_is_no_agreement_and_no_disagreement() {
    let now = || vec![item(Some("005"), &json!({"frozen": true}), Verdict::AlreadySo)];
    for verdict in [
        Verdict::Refuse("own user".to_owned()),
        Verdict::Ask("an unsure match".to_owned()),
        Verdict::Unknown("no proof".to_owned()),
    ] {
        let became = one(item(Some("005"), &whole(), verdict), now());
        assert!(matches!(became, Became::NotByUs { .. }), "{became:?}");
    }
    assert_eq!(
        one(item(Some("005"), &whole(), Verdict::AlreadySo), now()),
        Became::Before
    );
    let planned = plan(vec![item(Some("005"), &whole(), Verdict::Run)]);
    let unread = compare(&planned, &plan(now()), |_| false).remove(0).1;
    assert!(
        matches!(unread, Became::Unread { .. }),
        "an action without a reading says nothing"
    );
}

#[test]
fn looks_say_whether_people_were_late_and_only_then() {
    let within = 24 * HOUR;
    let (mut not_yet, mut same) = (Became::NotYet, Became::Same);
    let first = Sightings::default().look(&mut not_yet, at(30)).look(&mut same, at(31));
    assert_eq!(first.late(at(0), within), Some(true), "it was seen undone after a day");
    assert_eq!(
        Sightings::default().look(&mut same, at(5)).late(at(0), within),
        Some(false)
    );
    assert_eq!(
        Sightings::default().look(&mut same, at(100)).late(at(0), within),
        None,
        "nobody looked in between"
    );
    let mut undone = Became::NotYet;
    assert_eq!(first.look(&mut undone, at(40)), first);
    assert!(
        matches!(&undone, Became::Else { why } if why.contains("not any more")),
        "{undone:?}"
    );
}

fn person(number: usize, still: Still, changes: Vec<(Became, i64)>) -> ObservedPerson {
    ObservedPerson {
        run: RunId::new(format!("run_{number}")),
        person: PersonKey::new(format!("okta-main:{number}")),
        login: format!("person{number}@corp.example"),
        quiet: false,
        opened_at: at(0),
        still,
        held: Vec::new(),
        changes: changes
            .into_iter()
            .map(|(became, planned)| Compared {
                stage: "cut".to_owned(),
                step: "freeze".to_owned(),
                connection: "sf-us".into(),
                action: "salesforce/freeze".to_owned(),
                key: item(Some("005"), &whole(), Verdict::Run).change.key(),
                planned_at: at(planned),
                became,
                late: None,
            })
            .collect(),
    }
}

fn terms(people: usize) -> Terms {
    Terms {
        people,
        agreement: 95,
        within_ms: 24 * HOUR,
    }
}

#[test]
fn enough_people_who_did_the_same_are_enough() {
    let people: Vec<_> = (0..3)
        .map(|n| person(n, Still::Says, vec![(Became::Same, 0)]))
        .collect();
    let judged = judge(&people, terms(3), at(48));
    assert_eq!(judged.agreement, Some(100));
    assert_eq!(judged.missing_for_review, Vec::<String>::new());
    assert_eq!(judged.missing_for_enforce, Vec::<String>::new());
    let few = judge(&people, terms(4), at(48));
    assert!(few.missing_for_review[0].starts_with("3 of at least 4"), "{few:?}");
    assert_eq!(few.missing_for_enforce, few.missing_for_review);
}

#[test]
fn nobody_observed_is_not_ready() {
    let judged = judge(&[], terms(1), at(0));
    assert_eq!(judged.agreement, None);
    assert_eq!(judged.missing_for_review.len(), 1, "{judged:?}");
}

#[test]
fn what_people_still_have_time_for_is_not_held_against_them() {
    let fresh = vec![
        person(1, Still::Says, vec![(Became::Same, 0)]),
        person(2, Still::Says, vec![(Became::NotYet, 40)]),
    ];
    let judged = judge(&fresh, terms(1), at(48));
    assert_eq!((judged.agreement, judged.judged_people), (Some(100), 1));
    assert_eq!(judged.places[0].1.not_due, 1);
    let judged = judge(&fresh, terms(1), at(80));
    assert_eq!((judged.agreement, judged.judged_people), (Some(50), 2));
    assert!(judged.missing_for_review[0].contains("50 %"), "{judged:?}");
}

#[test]
fn somebody_who_is_back_bars_enforce_and_not_review() {
    let back = Still::TookBack {
        why: "okta-main now says active".to_owned(),
    };
    let people = vec![
        person(1, Still::Says, vec![(Became::Same, 0)]),
        person(2, back, vec![(Became::NotYet, 0)]),
    ];
    let judged = judge(&people, terms(1), at(48));
    assert_eq!((judged.false_positives, judged.agreement), (1, Some(100)));
    assert_eq!(judged.missing_for_review, Vec::<String>::new());
    assert!(judged.missing_for_enforce[0].contains("active again"), "{judged:?}");
}

#[test]
fn what_moved_and_what_would_be_held_bar_enforce() {
    let mut other = person(
        1,
        Still::Says,
        vec![
            (
                Became::Else {
                    why: "was a, is b".to_owned(),
                },
                0,
            ),
            (
                Became::NotByUs {
                    why: "unsure".to_owned(),
                },
                0,
            ),
        ],
    );
    other.held.push("protected".to_owned());
    let judged = judge(
        &[other],
        Terms {
            agreement: 0,
            ..terms(1)
        },
        at(48),
    );
    assert_eq!(judged.missing_for_review, Vec::<String>::new());
    assert_eq!(judged.missing_for_enforce.len(), 3, "{judged:?}");
}
