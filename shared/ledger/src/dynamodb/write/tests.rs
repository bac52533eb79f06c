use aws_sdk_dynamodb::types::CancellationReason;

use super::*;
use crate::table::Key;

const NOW: i64 = 1_000;

fn put(when: When) -> Write {
    Write::Put {
        key: Key::new("P", "a"),
        body: "{}".to_owned(),
        due_at: None,
        expires_at: None,
        when,
    }
}

fn item(version: u64, nonce: &str, expires_at: Option<i64>) -> Item {
    Item {
        key: Key::new("P", "a"),
        version,
        nonce: nonce.to_owned(),
        due_at: None,
        expires_at,
        body: "{}".to_owned(),
    }
}

fn judged(parts: &[Write], refusals: Vec<Refusal>) -> (Option<Written>, Vec<Condition>) {
    let mut conditions: Vec<Condition> = parts.iter().map(Condition::of).collect();
    let written = judge(parts, &mut conditions, refusals, "mine", NOW);
    (written, conditions)
}

#[test]
fn our_own_item_among_several_refusals_is_the_answer() {
    let parts = [put(When::Version(1)), put(When::Absent)];
    let refusals = vec![
        Refusal {
            part: 0,
            found: Some(item(9, "theirs", None)),
        },
        Refusal {
            part: 1,
            found: Some(item(1, "mine", None)),
        },
    ];
    let (written, _) = judged(&parts, refusals);
    assert_eq!(
        written,
        Some(Written::Refused {
            part: 1,
            found: Some(item(1, "mine", None))
        })
    );
}

#[test]
fn our_nonce_on_another_version_is_not_taken_for_this_write() {
    let parts = [put(When::Version(5)), put(When::Absent)];
    let refusals = vec![
        Refusal {
            part: 0,
            found: Some(item(7, "theirs", None)),
        },
        Refusal {
            part: 1,
            found: Some(item(4, "mine", None)),
        },
    ];
    let (written, _) = judged(&parts, refusals);
    assert_eq!(
        written,
        Some(Written::Refused {
            part: 0,
            found: Some(item(7, "theirs", None))
        })
    );
}

#[test]
fn an_expired_item_in_the_way_of_a_new_one_is_named_in_the_next_try() {
    let parts = [put(When::Absent)];
    let (written, conditions) = judged(
        &parts,
        vec![Refusal {
            part: 0,
            found: Some(item(4, "old", Some(NOW))),
        }],
    );
    assert_eq!(written, None);
    assert_eq!(
        conditions,
        [Condition::Expired {
            version: 4,
            nonce: "old".to_owned()
        }]
    );
}

#[test]
fn an_item_that_has_not_expired_refuses() {
    let parts = [put(When::Absent)];
    let found = item(4, "old", Some(NOW + 1));
    let (written, _) = judged(
        &parts,
        vec![Refusal {
            part: 0,
            found: Some(found.clone()),
        }],
    );
    assert_eq!(
        written,
        Some(Written::Refused {
            part: 0,
            found: Some(found)
        })
    );
}

#[test]
fn an_expired_item_counts_as_gone_for_a_write_of_a_later_version() {
    let parts = [put(When::Version(3))];
    let (written, _) = judged(
        &parts,
        vec![Refusal {
            part: 0,
            found: Some(item(4, "old", Some(NOW))),
        }],
    );
    assert_eq!(written, Some(Written::Refused { part: 0, found: None }));
}

#[test]
fn an_expired_item_that_vanished_meanwhile_is_absent_again() {
    let parts = [put(When::Absent)];
    let mut conditions = vec![Condition::Expired {
        version: 4,
        nonce: "old".to_owned(),
    }];
    let written = judge(
        &parts,
        &mut conditions,
        vec![Refusal { part: 0, found: None }],
        "mine",
        NOW,
    );
    assert_eq!(written, None);
    assert_eq!(conditions, [Condition::Absent]);
}

fn reason(code: &str) -> CancellationReason {
    CancellationReason::builder().code(code).build()
}

#[test]
fn a_failed_condition_outranks_a_conflict_and_a_conflict_alone_is_tried_again() {
    let both = [reason("TransactionConflict"), reason("ConditionalCheckFailed")];
    let Some(Ok(Tried::Refused(refusals))) = cancelled_for(&both) else {
        panic!("refused")
    };
    assert_eq!(refusals.first().map(|refusal| refusal.part), Some(1));
    for code in [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    ] {
        assert!(
            matches!(cancelled_for(&[reason("None"), reason(code)]), Some(Ok(Tried::Again))),
            "{code}"
        );
    }
}

#[test]
fn a_cancellation_that_no_repetition_mends_is_an_error() {
    assert!(cancelled_for(&[reason("None"), reason("ItemCollectionSizeLimitExceeded")]).is_none());
    assert!(cancelled_for(&[reason("TransactionConflict"), reason("ValidationError")]).is_none());
    assert!(cancelled_for(&[]).is_none());
}
