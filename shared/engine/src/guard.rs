//! The guard's side that needs the ledger: limits, reviews, the stop button.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Reservation, RunClaim, documents};
use rollcall_model::plan::{Change, StagePlan, TellMoment};
use rollcall_model::{Answer, Digest, Review, ReviewId, ReviewState, RunState, StagePlan as Plan};
use rollcall_policy::{Configuration, Mode, decide};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use serde_json::json;

use crate::stage::Known;
use crate::{Engine, EngineError};

/// What the guard says of a stage's plan.
pub(crate) enum Verdict {
    /// Apply it.
    Go,
    /// Keep it, do nothing.
    ObserveOnly,
    /// A person must decide, before this moment.
    Hold(Timestamp),
}

const HOUR_MS: i64 = 3_600_000;
const HOUR: Duration = Duration::from_hours(1);

impl Engine {
    pub(crate) async fn guard(
        &self,
        configuration: &Configuration,
        known: &Known,
        claim: &mut RunClaim,
        plan: &StagePlan,
    ) -> Result<Verdict, EngineError> {
        let guarded = decide::guard(
            configuration,
            &known.facts(&claim.run),
            plan,
            &decide::GuardInputs {
                returned: claim.run.returned,
                ..decide::GuardInputs::default()
            },
        );
        if guarded.mode == Mode::Observe {
            return Ok(Verdict::ObserveOnly);
        }
        let mut reasons: Vec<String> = guarded.holds.iter().map(|hold| hold.reason.clone()).collect();
        // When it is worth asking again although nobody has decided: a limit ends with its hour, anything else does not end.
        let mut over_at = None;
        for limit in &guarded.limits {
            let now = self.now().as_millisecond();
            let window = Timestamp::from_millisecond(now - now.rem_euclid(HOUR_MS)).unwrap_or_else(|_| self.now());
            let reservation = Reservation {
                key: limit.key.clone(),
                window,
                limit: limit.per_hour,
                member: claim.run.id.to_string(),
            };
            if let Answer::Lost(taken) = self.parts.ledger.reserve(&reservation).await? {
                let next = plus(window, HOUR);
                if guarded.holds.is_empty() {
                    over_at = over_at.max(Some(next));
                }
                reasons.push(format!(
                    "the limit {} of {} an hour is reached ({taken}): approve, or wait until {next}",
                    limit.key, limit.per_hour
                ));
            }
        }
        if reasons.is_empty() {
            return Ok(Verdict::Go);
        }
        let id = review_id(claim, plan)?;
        if let Some(review) = self.parts.ledger.review(&id).await?
            && matches!(review.state, ReviewState::Approved { .. })
            && review.expires_at > self.now()
        {
            return Ok(Verdict::Go);
        }
        self.hold_for_review(claim, plan, id, reasons, over_at).await
    }

    async fn hold_for_review(
        &self,
        claim: &mut RunClaim,
        plan: &Plan,
        id: ReviewId,
        reasons: Vec<String>,
        over_at: Option<Timestamp>,
    ) -> Result<Verdict, EngineError> {
        let now = self.now();
        let expires_at = plus(now, self.settings.review);
        let why = reasons.join("; ");
        let review = Review {
            id: id.clone(),
            run: claim.run.id.clone(),
            stage: plan.stage.clone(),
            plan_hash: plan.hash()?,
            reasons,
            opened_at: now,
            expires_at,
            state: ReviewState::Open,
            about: rollcall_model::ReviewAbout::Stage,
            asked_by: claim.run.asked_by.clone(),
        };
        if matches!(self.parts.ledger.open_review(&review).await?, Answer::Won(())) {
            self.decided(
                claim,
                &format!("{} held {}", plan.stage, review.plan_hash),
                json!({"reasons": review.reasons, "plan": plan}),
            )
            .await?;
            tracing::warn!(code = codes::GUARD_HELD.id, run = %claim.run.id, review = %id, why, "A stage is held for a review.");
        }
        let note = format!("{} held: {why}", plan.stage);
        if claim.run.notes.last().is_none_or(|last| last.text != note) {
            claim.run.note(now, note);
        }
        // A review that was opened before ends when it said that it would, and one that is decided is looked at now.
        let known = self.parts.ledger.review(&id).await?;
        let expires_at = known.map_or(expires_at, |known| {
            if known.state == ReviewState::Open {
                known.expires_at
            } else {
                now
            }
        });
        // Another plan is another question.
        let occasion = format!("{}-{}", plan.stage, short(&review.plan_hash));
        claim.run.stage_plan = Some(plan.clone());
        claim.run.state = RunState::Held { review: id };
        self.plan_tell(claim, TellMoment::Held, &occasion).await?;
        Ok(Verdict::Hold(
            over_at.map_or(expires_at, |over_at| over_at.min(expires_at)),
        ))
    }

    /// Why this change may not be made now, if somebody has stopped writes: asked before every one. Cuts go on unless the
    /// stop includes them.
    pub(crate) async fn paused(&self, playbook: &str, change: &Change) -> Result<Option<String>, EngineError> {
        let stops = self.parts.ledger.documents(documents::PAUSE, 200).await?;
        Ok(stops.into_iter().find_map(|stop| {
            let concerned = stop.id == "all"
                || stop.id.strip_prefix("playbook/") == Some(playbook)
                || stop.id.strip_prefix("connection/") == Some(change.connection.as_str());
            let includes_cut = stop
                .body
                .get("cut")
                .and_then(serde_json::Value::as_bool)
                .unwrap_or(false);
            (concerned && (includes_cut || change.stage != "cut"))
                .then(|| format!("paused: {}; `rollcall resume {}` goes on", stop.id, stop.id))
        }))
    }
}

fn review_id(claim: &RunClaim, plan: &StagePlan) -> Result<ReviewId, EngineError> {
    let hash = plan.hash()?;
    Ok(ReviewId::new(format!(
        "{}-{}-{}",
        claim.run.id,
        plan.stage,
        short(&hash)
    )))
}

fn short(hash: &Digest) -> &str {
    hash.as_str().get(..12).unwrap_or_default()
}
