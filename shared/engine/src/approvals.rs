//! Which decisions count: those that the approval key has signed, about exactly what is asked. The ledger only keeps them.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_evidence::approval::{self, Question};
use rollcall_model::ledger::Ledger;
use rollcall_model::plan::CUT;
use rollcall_model::{Answer, Decision, Review, ReviewAbout, ReviewId, ReviewState, Statement, digest};
use rollcall_policy::configuration::OnExpiry;
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;

use crate::expect::listed;
use crate::hold::ON_EXPIRY;
use crate::reviews::moved;
use crate::{Engine, EngineError};

/// The fewest hexadecimal characters of a plan's hash that name it.
const NAMED: usize = 12;
/// How far the clocks of whoever signs and whoever counts may be apart.
const SKEW: Duration = Duration::from_mins(1);
/// How often a review is read again whose decision is replaced while it is looked at.
const LOOKS: usize = 5;

/// The statement that decides a review, to be signed by whoever takes decisions in: about the plan whose hash begins so (12
/// hexadecimal characters at least). `by` is the name under which the decision is recorded, as authenticated.
///
/// Refused when there is no such review, when its plan is another by now, and when its time is over. Whether `by` may decide is
/// asked by [`Engine::decide_review`].
pub async fn review_statement(
    ledger: &dyn Ledger,
    id: &ReviewId,
    plan_hash: &str,
    decision: Decision,
    by: &str,
    now: Timestamp,
) -> Result<Statement, EngineError> {
    let review = ledger.review(id).await?.ok_or_else(|| no_review(id))?;
    let named = plan_hash.trim().to_lowercase();
    if named.len() < NAMED || !named.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(EngineError::Refused(format!(
            "name the plan by the first {NAMED} characters of its hash at least: `rollcall reviews show {id}` prints it"
        )));
    }
    if !review.plan_hash.as_str().starts_with(&named) {
        return Err(moved(&review));
    }
    if now > review.expires_at {
        return Err(EngineError::Refused(format!(
            "review {id} cannot be {} any more: it expired at {}",
            decision.as_str(),
            review.expires_at
        )));
    }
    Ok(Question::of(&review).answer(decision, by, now))
}

/// The statement that agrees to an announcement of leavers, to be signed by whoever takes decisions in. Refused when nothing is
/// announced as `id`, and when its window is over.
pub async fn expectation_statement(
    ledger: &dyn Ledger,
    id: &str,
    by: &str,
    now: Timestamp,
) -> Result<Statement, EngineError> {
    let found = listed(ledger, None).await?.into_iter().find(|one| one.id == id);
    let known = found.ok_or_else(|| not_announced(id))?;
    if known.window.to <= now {
        return Err(EngineError::Refused("its window is over".to_owned()));
    }
    Ok(known.question().answer(Decision::Approved, by, now))
}

pub(crate) fn no_review(id: &ReviewId) -> EngineError {
    EngineError::Refused(format!(
        "there is no review {id}: `rollcall reviews` lists those that wait"
    ))
}

pub(crate) fn not_announced(id: &str) -> EngineError {
    EngineError::Refused(format!(
        "no leavers are announced as {id}: `rollcall expect list` shows what is"
    ))
}

impl Engine {
    /// A review with a decision that counts, or without one. A decision that does not count is a finding, and the review is
    /// open again, so that whoever may decide it still can.
    pub(crate) async fn review(&self, id: &ReviewId) -> Result<Option<Review>, EngineError> {
        for _ in 0..LOOKS {
            let Some(review) = self.parts.ledger.review(id).await? else {
                return Ok(None);
            };
            let Some(doubt) = self.doubt(&review).await? else {
                return Ok(Some(review));
            };
            self.not_counted(&review, &doubt).await?;
            match self.parts.ledger.reopen(id, &review.state).await? {
                Answer::Won(()) | Answer::AlreadyMine(()) => {
                    let state = ReviewState::Open;
                    return Ok(Some(Review { state, ..review }));
                }
                Answer::Stale | Answer::Lost(_) => {}
            }
        }
        Err(EngineError::Fenced(format!("review {id}")))
    }

    /// Why a review's decision does not count.
    async fn doubt(&self, review: &Review) -> Result<Option<String>, EngineError> {
        let at = match &review.state {
            ReviewState::Open => return Ok(None),
            ReviewState::Approved { by, at, signed: None } if by == ON_EXPIRY => {
                let counts = *at >= review.expires_at && self.applies_on_expiry(review).await?;
                return Ok((!counts).then(|| "`on_expiry` does not approve it".to_owned()));
            }
            ReviewState::Approved { at, .. } | ReviewState::Refused { at, .. } => *at,
        };
        if let Err(doubt) = approval::check_review(review, self.parts.approvals.as_ref()) {
            return Ok(Some(doubt.to_string()));
        }
        Ok(self.is_ahead(at).then(|| ahead(at)))
    }

    /// Whether the configuration that the review's run pinned lets a cut that nobody decided about be made.
    async fn applies_on_expiry(&self, review: &Review) -> Result<bool, EngineError> {
        if review.stage != CUT || review.about != ReviewAbout::Stage {
            return Ok(false);
        }
        let Some(run) = self.parts.ledger.run(&review.run).await? else {
            return Ok(false);
        };
        let configuration = self.pinned(&run.plan.config).await?;
        Ok(configuration.guard.held.on_expiry == OnExpiry::Apply)
    }

    /// Says once for each review and kind of doubt that a decision does not count. Names nobody: this goes into a log, too.
    pub(crate) async fn not_counted(&self, review: &Review, doubt: &str) -> Result<(), EngineError> {
        let why = format!(
            "a decision of review {id} does not count: {doubt}. It changed nothing: `rollcall reviews show {id}`",
            id = review.id
        );
        let kind: String = digest::sha256(doubt.as_bytes()).as_str().chars().take(8).collect();
        self.alert(codes::REVIEW_FORGED, &format!("{}/decision/{kind}", review.id), &why)
            .await
    }

    /// Whether a statement comes from a time that is still to come.
    pub(crate) fn is_ahead(&self, at: Timestamp) -> bool {
        at > plus(self.now(), SKEW)
    }
}

/// What is said of a statement from the future.
pub(crate) fn ahead(at: Timestamp) -> String {
    format!("its statement says that it was made at {at}, which is still to come: compare the clocks")
}
