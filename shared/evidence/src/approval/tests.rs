use std::time::Duration;

use rollcall_model::{ReviewAbout, ReviewId, RunId};

use super::*;
use crate::samples::{self, at};

fn review() -> Review {
    Review {
        id: ReviewId::new("run_1-cut-0123456789ab"),
        run: RunId::new("run_1"),
        stage: "cut".to_owned(),
        plan_hash: Digest::new("0123456789abcdef"),
        reasons: vec!["a limit".to_owned()],
        opened_at: at(0),
        expires_at: at(3_600_000),
        state: ReviewState::Open,
        about: ReviewAbout::Stage,
        asked_by: None,
    }
}

async fn decided(review: Review, decision: Decision, signer: &dyn Signer) -> Review {
    let statement = Question::of(&review).answer(decision, "bodil@corp.example", at(60_000));
    let state = sign(statement, signer).await.unwrap().into_state();
    Review { state, ..review }
}

fn signed(review: &mut Review) -> &mut SignedApproval {
    match &mut review.state {
        ReviewState::Approved { signed, .. } | ReviewState::Refused { signed, .. } => signed.as_mut().unwrap(),
        ReviewState::Open => panic!("nobody has decided"),
    }
}

#[tokio::test]
async fn a_signed_decision_counts_for_what_it_names_and_survives_the_ledger() {
    let signer = samples::signer();
    let keys = Keys::from(*signer.public_key());
    for decision in [Decision::Approved, Decision::Refused] {
        let review = decided(review(), decision, &signer).await;
        assert_eq!(check_review(&review, &keys), Ok(()));
        let stored: Review = serde_json::from_str(&serde_json::to_string(&review).unwrap()).unwrap();
        assert_eq!(stored, review);
        assert_eq!(check_review(&stored, &keys), Ok(()));
    }
    assert_eq!(check_review(&review(), &keys), Ok(()), "nothing to check");
}

#[tokio::test]
async fn the_statement_is_short_canonical_json_of_known_bytes() {
    let review = review();
    let statement = Question::of(&review).answer(Decision::Approved, "bodil@corp.example", at(0));
    let text = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    assert_eq!(
        text,
        "{\"about\":\"run_1-cut-0123456789ab\",\"at\":\"2026-03-02T08:15:30.123Z\",\"by\":\"bodil@corp.example\",\
         \"decision\":\"approved\",\"expires_at\":\"2026-03-02T09:15:30.123Z\",\"format\":\"rollcall-approval/1\",\
         \"hash\":\"0123456789abcdef\"}"
    );
}

#[tokio::test]
async fn another_key_does_not_count() {
    let (ours, theirs) = (samples::signer(), samples::signer());
    let review = decided(review(), Decision::Approved, &theirs).await;
    let doubt = check_review(&review, &Keys::from(*ours.public_key())).unwrap_err();
    assert_eq!(doubt, Doubt::Signature(theirs.key_id().to_owned()));
    let both = Keys::new([*ours.public_key(), *theirs.public_key()]);
    assert_eq!(check_review(&review, &both), Ok(()));
    assert!(check_review(&review, &Keys::default()).is_err(), "no key at all");
}

/// Alters one part of a review.
type Alter = fn(&mut Review);

#[tokio::test]
async fn every_altered_part_is_noticed() {
    let signer = samples::signer();
    let keys = Keys::from(*signer.public_key());
    let good = decided(review(), Decision::Approved, &signer).await;
    let forged = Doubt::Signature(signer.key_id().to_owned());
    let altered: [(&str, Alter); 8] = [
        ("about", |review| signed(review).statement.about.push('x')),
        ("hash", |review| signed(review).statement.hash = Digest::new("ff")),
        ("decision", |review| {
            signed(review).statement.decision = Decision::Refused;
        }),
        ("by", |review| {
            signed(review).statement.by = "mallory@corp.example".to_owned();
        }),
        ("at", |review| signed(review).statement.at += Duration::from_millis(1)),
        ("expires_at", |review| {
            signed(review).statement.expires_at += Duration::from_hours(24);
        }),
        ("format", |review| {
            signed(review).statement.format = "rollcall-approval/2".to_owned();
        }),
        ("value", |review| {
            signed(review).signature.value.replace_range(0..4, "AAAA");
        }),
    ];
    for (part, alter) in altered {
        let mut review = good.clone();
        alter(&mut review);
        assert_eq!(check_review(&review, &keys), Err(forged.clone()), "{part}");
    }
}

#[tokio::test]
async fn a_true_statement_in_the_wrong_place_does_not_count() {
    let signer = samples::signer();
    let keys = Keys::from(*signer.public_key());
    let good = decided(review(), Decision::Approved, &signer).await;
    let with = |change: fn(&mut Review)| {
        let mut review = good.clone();
        change(&mut review);
        check_review(&review, &keys).unwrap_err()
    };
    assert_eq!(with(|review| review.id = ReviewId::new("run_2-cut")), Doubt::About);
    assert_eq!(with(|review| review.plan_hash = Digest::new("ff")), Doubt::Hash);
    let unsigned = with(|review| {
        review.state = ReviewState::Approved {
            by: "bodil@corp.example".to_owned(),
            at: at(60_000),
            signed: None,
        };
    });
    assert_eq!(unsigned, Doubt::Unsigned);
    // A refusal that was signed, recorded as an approval; and an approval under another name.
    let refused = decided(review(), Decision::Refused, &signer).await;
    let ReviewState::Refused { by, at, signed } = refused.state.clone() else {
        panic!("it was refused")
    };
    let turned = Review {
        state: ReviewState::Approved { by, at, signed },
        ..refused
    };
    assert_eq!(check_review(&turned, &keys), Err(Doubt::Recorded));
    let renamed = with(|review| {
        if let ReviewState::Approved { by, .. } = &mut review.state {
            *by = "mallory@corp.example".to_owned();
        }
    });
    assert_eq!(renamed, Doubt::Recorded);
}

#[tokio::test]
async fn an_approval_made_after_its_end_does_not_count() {
    let signer = samples::signer();
    let keys = Keys::from(*signer.public_key());
    let review = review();
    let made = async |after: Duration, expires_at| {
        let mut statement = Question::of(&review).answer(Decision::Approved, "bodil@corp.example", at(0) + after);
        statement.expires_at = expires_at;
        let state = sign(statement, &signer).await.unwrap().into_state();
        check_review(
            &Review {
                state,
                ..review.clone()
            },
            &keys,
        )
    };
    let (hour, minute) = (Duration::from_hours(1), Duration::from_mins(1));
    assert_eq!(made(hour, review.expires_at).await, Ok(()), "the last moment");
    let late = made(hour + minute, review.expires_at).await.unwrap_err();
    assert!(matches!(late, Doubt::Late { until, .. } if until == review.expires_at));
    let own = made(minute * 2, at(60_000)).await.unwrap_err();
    assert!(
        matches!(own, Doubt::Late { until, .. } if until == at(60_000)),
        "its own end is earlier"
    );
    let longer = made(hour + minute, review.expires_at + hour).await;
    assert!(longer.is_err(), "a later end of its own lengthens nothing");
}
