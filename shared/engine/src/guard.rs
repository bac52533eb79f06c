//! The guard's side that needs the ledger: limits, the last administrator, reviews, the stop button.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Reservation, RunClaim, documents};
use rollcall_model::plan::{CUT, Change, Goal, StagePlan, TellMoment};
use rollcall_model::{Answer, ConnectionId, Digest, Review, ReviewId, ReviewState, RunState, StagePlan as Plan};
use rollcall_policy::configuration::Held;
use rollcall_policy::decide::{GuardInputs, Guarded, Hold, HoldCode, LastAdmin, Limit};
use rollcall_policy::{Configuration, Mode, decide};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::metrics::GuardTripped;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::stage::Known;
use crate::{Engine, EngineError};

/// What the guard says of a stage's plan.
pub(crate) enum Verdict {
    /// Apply it.
    Go,
    /// Keep it, do nothing; what would have stood in its way if the mode had been `enforce`.
    ObserveOnly(InTheWay),
    /// A person must decide, before this moment.
    Hold(Timestamp),
}

/// What the guard would have done in the mode `enforce`. Places in limits are named and not taken: nothing is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InTheWay {
    /// Why the stage would have been held.
    #[serde(default)]
    pub(crate) held: Vec<String>,
    /// The limits that would have counted it, with how many an hour may pass.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u32>,
}

impl InTheWay {
    fn of(enforced: Guarded) -> Self {
        let last = enforced.admins.iter().filter(|admin| admin.others == 0);
        let last = last.map(|admin| format!("last administrator of {}", admin.connection));
        Self {
            held: enforced.holds.into_iter().map(|hold| hold.reason).chain(last).collect(),
            limits: enforced
                .limits
                .into_iter()
                .map(|limit| (limit.key, limit.per_hour))
                .collect(),
        }
    }
}

pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// Two administrators whose access goes within this time of one another are not both counted as the one who stays.
const NEIGHBOURS: Duration = Duration::from_mins(10);

/// The end of the name of a review that asks about a last administrator.
const LAST_ADMIN: &str = "-last-admin";

/// A place that is not to be had.
struct Taken {
    reason: String,
    /// When it is worth asking again although nobody has decided; none when time alone changes nothing.
    over_at: Option<Timestamp>,
}

impl Engine {
    pub(crate) async fn guard(
        &self,
        configuration: &Configuration,
        known: &Known,
        claim: &mut RunClaim,
        plan: &StagePlan,
    ) -> Result<Verdict, EngineError> {
        let inputs = self.guard_inputs(configuration, claim).await?;
        let mut guarded = decide::guard(configuration, &known.facts(&claim.run), plan, &inputs);
        if claim.run.plan.goal == Goal::Undo {
            // Limits are there against a burst of leavers, and so is the question how many people are known.
            guarded.limits.clear();
            let is_about_leaving = |hold: &Hold| matches!(hold.code, HoldCode::Coverage | HoldCode::Returned);
            guarded.holds.retain(|hold| !is_about_leaving(hold));
        }
        if guarded.mode == Mode::Observe {
            let enforced = decide::guard_in(Mode::Enforce, configuration, &known.facts(&claim.run), plan, &inputs);
            return Ok(Verdict::ObserveOnly(InTheWay::of(enforced)));
        }
        let mut last_admins = Vec::new();
        for admin in &guarded.admins {
            last_admins.extend(self.keep_an_admin(claim, admin).await?);
        }
        // Whoever approved a plan was not asked about an administrator who has become the last one since.
        let asked = review_id(claim, plan, !last_admins.is_empty())?;
        let approved = self.is_agreed(configuration, claim, plan, &asked).await?;
        let mut reasons: Vec<String> = guarded.holds.iter().map(|hold| hold.reason.clone()).collect();
        let mut taken = last_admins;
        // A stage that waits for somebody anyway takes no place from those that do not.
        if approved || (reasons.is_empty() && taken.is_empty()) {
            for limit in &guarded.limits {
                taken.extend(self.take_a_place(claim, limit).await?);
            }
        }
        if approved || (reasons.is_empty() && taken.is_empty()) {
            return Ok(Verdict::Go);
        }
        let over_at = if reasons.is_empty() {
            taken
                .iter()
                .map(|taken| taken.over_at)
                .collect::<Option<Vec<_>>>()
                .and_then(|ends| ends.into_iter().max())
        } else {
            None
        };
        reasons.extend(taken.into_iter().map(|taken| taken.reason));
        self.hold_for_review(configuration, claim, plan, asked, reasons, over_at)
            .await
    }

    /// Whether somebody has agreed to this plan, or to one that does all of it: the plan of a later try is what is left of the
    /// plan that was approved, and is no new question.
    async fn is_agreed(
        &self,
        configuration: &Configuration,
        claim: &mut RunClaim,
        plan: &StagePlan,
        asked: &ReviewId,
    ) -> Result<bool, EngineError> {
        let held = &configuration.guard.held;
        // An agreement that the last administrator goes is one that the plan is carried out.
        for id in [asked.clone(), review_id(claim, plan, true)?] {
            if let Some(review) = self.review(&id).await?
                && is_approved(&review, held, self.now())
                && review.plan_hash == plan.hash()?
            {
                claim.run.agreed = Some(plan.clone());
                return Ok(true);
            }
        }
        // An approval is bound to a hash, and so are these plans: what the run remembers is believed only with the approval.
        let remembered = [claim.run.agreed.clone(), claim.run.stage_plan.clone()];
        for before in remembered
            .into_iter()
            .flatten()
            .filter(|before| is_within(plan, before))
        {
            let id = review_id(claim, &before, asked.as_str().ends_with(LAST_ADMIN))?;
            if let Some(review) = self.review(&id).await?
                && is_approved(&review, held, self.now())
                && review.plan_hash == before.hash()?
            {
                claim.run.agreed = Some(before);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the guard must know beside the plan.
    async fn guard_inputs(
        &self,
        configuration: &Configuration,
        claim: &mut RunClaim,
    ) -> Result<GuardInputs, EngineError> {
        let now = self.now();
        let mut coverage = BTreeMap::new();
        if configuration.guard.linked.is_some() {
            for counted in self.parts.ledger.documents(documents::COVERAGE, 1_000).await? {
                let percent = counted.body.get("percent").and_then(Value::as_u64);
                if let Some(percent) = percent.and_then(|percent| u32::try_from(percent).ok()) {
                    coverage.insert(ConnectionId::new(&counted.id), percent);
                }
            }
        }
        let expected = self.expected(&claim.run.person, now).await?;
        if let Some(id) = &expected {
            let note = format!("announced as {id}: the limits do not count this leave");
            if claim.run.notes.iter().all(|known| known.text != note) {
                claim.run.note(now, note);
            }
        }
        Ok(GuardInputs {
            coverage,
            returned: claim.run.returned,
            expected: expected.is_some(),
        })
    }

    /// Takes a place in this hour's limit; otherwise says which is full and what to do.
    async fn take_a_place(&self, claim: &RunClaim, limit: &Limit) -> Result<Option<Taken>, EngineError> {
        let window = self.window(HOUR);
        let Some(taken) = self.reserve(claim, &limit.key, window, limit.per_hour).await? else {
            return Ok(None);
        };
        let next = plus(window, HOUR);
        let (stage, place) = limit.key.split_once('/').map_or_else(
            || (limit.key.as_str(), String::new()),
            |(stage, connection)| (stage, format!(" in {connection}")),
        );
        Ok(Some(Taken {
            reason: format!(
                "the limit of {} an hour for {stage}{place} is reached ({taken}): approve it (`rollcall reviews`), wait until {next} when it goes on by itself, or announce a planned layoff with `rollcall expect leavers`",
                limit.per_hour
            ),
            over_at: Some(next),
        }))
    }

    /// Takes one of the places that leave an administrator in a connection, now and in the next ten minutes, so that two who
    /// leave at nearly the same time do not each count on the other.
    async fn keep_an_admin(&self, claim: &RunClaim, admin: &LastAdmin) -> Result<Option<Taken>, EngineError> {
        let LastAdmin { connection, others } = admin;
        if *others == 0 {
            return Ok(Some(Taken {
                reason: format!(
                    "last administrator of {connection}: nobody else could administer it afterwards; make somebody else an administrator there, or approve it (`rollcall reviews`)"
                ),
                over_at: None,
            }));
        }
        let window = self.window(NEIGHBOURS);
        let next = plus(window, NEIGHBOURS);
        for window in [window, next] {
            let key = format!("admin/{connection}");
            if let Some(taken) = self.reserve(claim, &key, window, *others).await? {
                let over_at = plus(next, NEIGHBOURS);
                return Ok(Some(Taken {
                    reason: format!(
                        "last administrator of {connection} but for those who are leaving just now ({taken}): it is counted again at {over_at}; make somebody else an administrator there, or approve it (`rollcall reviews`)"
                    ),
                    over_at: Some(over_at),
                }));
            }
        }
        Ok(None)
    }

    /// The beginning of the window of this length that holds now.
    fn window(&self, length: Duration) -> Timestamp {
        let now = self.now().as_millisecond();
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(now - now.rem_euclid(length)).unwrap_or_else(|_| self.now())
    }

    /// Takes a place for the run; otherwise says how many are taken.
    async fn reserve(
        &self,
        claim: &RunClaim,
        key: &str,
        window: Timestamp,
        limit: u32,
    ) -> Result<Option<String>, EngineError> {
        let reservation = Reservation {
            key: key.to_owned(),
            window,
            limit,
            member: claim.run.id.to_string(),
        };
        Ok(match self.parts.ledger.reserve(&reservation).await? {
            Answer::Lost(taken) => Some(taken),
            Answer::Won(()) | Answer::AlreadyMine(()) | Answer::Stale => None,
        })
    }

    async fn hold_for_review(
        &self,
        configuration: &Configuration,
        claim: &mut RunClaim,
        plan: &Plan,
        id: ReviewId,
        reasons: Vec<String>,
        over_at: Option<Timestamp>,
    ) -> Result<Verdict, EngineError> {
        let now = self.now();
        // Another plan of a stage that waits already is another question, and no younger one.
        let before = match &claim.run.state {
            RunState::Held { review } if *review != id => self.review(review).await?,
            _ => None,
        };
        let waits_already = before.is_some();
        let (opened_at, expires_at) = before
            .filter(|before| before.state == ReviewState::Open && before.stage == plan.stage)
            .map_or_else(
                || (now, plus(now, configuration.guard.held.expires)),
                |before| (before.opened_at, before.expires_at),
            );
        let why = reasons.join("; ");
        let review = Review {
            id: id.clone(),
            run: claim.run.id.clone(),
            stage: plan.stage.clone(),
            plan_hash: plan.hash()?,
            reasons,
            opened_at,
            expires_at,
            state: ReviewState::Open,
            about: rollcall_model::ReviewAbout::Stage,
            asked_by: claim.run.asked_by.clone(),
        };
        if !waits_already && self.parts.ledger.review(&id).await?.is_none() {
            GuardTripped.emit(now);
        }
        if matches!(self.parts.ledger.open_review(&review).await?, Answer::Won(())) {
            self.decided(
                claim,
                &format!("{} held {}", plan.stage, review.plan_hash),
                json!({"reasons": review.reasons, "plan": plan}),
            )
            .await?;
            tracing::warn!(code = codes::GUARD_HELD.id, run = %claim.run.id, review = %id, reasons = review.reasons.len(), "A stage is held for a review.");
        }
        let note = format!("{} held: {why}", plan.stage);
        if claim.run.notes.last().is_none_or(|last| last.text != note) {
            claim.run.note(now, note);
        }
        // A review that was opened before ends when it said that it would, and one that is decided is looked at now.
        let known = self.review(&id).await?;
        let expires_at = known.map_or(expires_at, |known| {
            if known.state == ReviewState::Open {
                known.expires_at
            } else {
                now
            }
        });
        // Another plan is another question.
        let occasion = format!("{}-{}", plan.stage, short(&review.plan_hash));
        // While it waits nothing is carried out, so a plan that moves meanwhile is no sign of accounts that keep changing.
        claim.run.replans = 0;
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
            let includes_cut = stop.body.get("cut").and_then(Value::as_bool).unwrap_or(false);
            (concerned && (includes_cut || change.stage != CUT))
                .then(|| format!("paused: {}; `rollcall resume {}` goes on", stop.id, stop.id))
        }))
    }
}

/// Whether a review was approved, and not too long ago: an approval counts for as long as a review may wait for one.
pub(crate) fn is_approved(review: &Review, held: &Held, now: Timestamp) -> bool {
    matches!(&review.state, ReviewState::Approved { at, .. } if plus(*at, held.expires) > now)
}

/// Whether everything that a plan would do is what an earlier plan of the same stage would have done.
fn is_within(plan: &StagePlan, before: &StagePlan) -> bool {
    let does = |plan: &StagePlan| -> Vec<Change> {
        let run = plan
            .items
            .iter()
            .filter(|item| item.verdict == rollcall_model::plan::Verdict::Run);
        run.map(|item| Change {
            evidence: Value::Null,
            ..item.change.clone()
        })
        .collect()
    };
    let known = does(before);
    plan.run_plan == before.run_plan
        && plan.stage == before.stage
        && does(plan).iter().all(|change| known.contains(change))
}

fn review_id(claim: &RunClaim, plan: &StagePlan, last_admin: bool) -> Result<ReviewId, EngineError> {
    let hash = plan.hash()?;
    let question = if last_admin { LAST_ADMIN } else { "" };
    Ok(ReviewId::new(format!(
        "{}-{}-{}{question}",
        claim.run.id,
        plan.stage,
        short(&hash)
    )))
}

pub(crate) fn short(hash: &Digest) -> &str {
    hash.as_str().get(..12).unwrap_or_default()
}
