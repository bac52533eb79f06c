//! Decisions about what is held: who may make them, and what they bind to.

use std::time::Duration;

use rollcall_evidence::approval::{self, Doubt, Question};
use rollcall_model::{
    Answer, Call, Lane, Message, Review, ReviewAbout, ReviewId, ReviewState, RunState, SignedApproval, Statement,
};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;

use crate::approvals::{ahead, no_review};
use crate::{Engine, EngineError};

/// Somebody who decides, as the system that they signed in to knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// The name of the account that they signed in with.
    pub account: String,
    /// Their sign-in name in the source, when the configuration knows it.
    pub login: Option<String>,
    /// Whether the configuration gives them the role of an approver. It counts only where no group of approvers is configured.
    pub role: bool,
}

impl Approver {
    /// The name under which a decision of theirs is recorded: the sign-in name where there is one.
    pub fn recorded(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.account)
    }

    /// Whether this is one of their names.
    pub(crate) fn is(&self, name: &str) -> bool {
        same(name, &self.account) || self.login.as_deref().is_some_and(|login| same(name, login))
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

impl Engine {
    /// Takes the signed decision of a review: once, before it runs out, about exactly the plan that waits
    /// ([`review_statement`](crate::review_statement) makes what is signed). The run is woken.
    ///
    /// Refused with the reason when the signature is not by the approval key or the statement is by somebody else than `by`; when
    /// `by` may not decide, asked for the run, or is the person that it is about; when the plan has moved; and when somebody
    /// has decided already.
    pub async fn decide_review(
        &self,
        id: &ReviewId,
        approval: &SignedApproval,
        by: &Approver,
    ) -> Result<Review, EngineError> {
        let mut review = self.review(id).await?.ok_or_else(|| no_review(id))?;
        let statement = &approval.statement;
        let done = statement.decision.as_str();
        if let Err(doubt) = approval::check(approval, &Question::of(&review), self.parts.approvals.as_ref()) {
            if doubt == Doubt::Hash {
                return Err(moved(&review));
            }
            let doubt = doubt.to_string();
            self.not_counted(&review, &doubt).await?;
            return Err(EngineError::Refused(format!(
                "review {id} is not {done}: {doubt} ({})",
                codes::REVIEW_FORGED
            )));
        }
        if self.is_ahead(statement.at) {
            let why = ahead(statement.at);
            return Err(EngineError::Refused(format!("review {id} is not {done}: {why}")));
        }
        said_by(statement, by)?;
        self.may_decide(&review, by).await?;
        let decision = approval.clone().into_state();
        match &review.state {
            ReviewState::Open => {}
            // The same word handed on twice, by a queue or after a lost answer.
            decided if *decided == decision => return Ok(review),
            ReviewState::Approved { by, at, .. } => {
                return Err(EngineError::Refused(format!(
                    "{by} has approved review {id} already, at {at}"
                )));
            }
            ReviewState::Refused { by, at, .. } => {
                return Err(EngineError::Refused(format!(
                    "{by} has refused review {id} already, at {at}"
                )));
            }
        }
        if self.has_moved(&review).await? {
            return Err(moved(&review));
        }
        let now = self.now();
        match self.parts.ledger.approve(id, &review.plan_hash, &decision, now).await? {
            Answer::Won(()) | Answer::AlreadyMine(()) => {}
            Answer::Lost(why) => {
                return Err(EngineError::Refused(format!(
                    "review {id} cannot be {done} any more: {why}"
                )));
            }
            Answer::Stale => return Err(moved(&review)),
        }
        tracing::info!(review = %id, run = %review.run, done, "A review was decided.");
        self.wake(&Message::WakeRun(review.run.clone()), Duration::ZERO).await?;
        review.state = decision;
        Ok(review)
    }

    /// Who asked for a run does not decide about it, and nobody decides about themselves.
    async fn may_decide(&self, review: &Review, by: &Approver) -> Result<(), EngineError> {
        if review.asked_by.as_deref().is_some_and(|asked| by.is(asked)) {
            return Err(EngineError::Refused(
                "you asked for this run, so somebody else decides about it".to_owned(),
            ));
        }
        if let Some(run) = self.parts.ledger.run(&review.run).await? {
            let person = &run.person;
            if by.is(&person.login) || person.email.as_deref().is_some_and(|email| by.is(email)) {
                return Err(EngineError::Refused(
                    "this run is about you, so somebody else decides about it".to_owned(),
                ));
            }
        }
        self.is_approver(by).await
    }

    /// Whether somebody is an approver now: a member of the configured group, or without one a holder of the role.
    pub(crate) async fn is_approver(&self, by: &Approver) -> Result<(), EngineError> {
        let Some((connection, group)) = &self.configuration().guard.approvers else {
            return if by.role {
                Ok(())
            } else {
                Err(EngineError::Refused(format!(
                    "{} is no approver: `operators` in the configuration gives the role `approver`, or `guard: {{approvers: CONNECTION/GROUP}}` names a group",
                    by.recorded()
                )))
            };
        };
        let Some(login) = &by.login else {
            return Err(EngineError::Refused(format!(
                "{} is not known in {connection}: `operators` in the configuration says which login is theirs",
                by.account
            )));
        };
        let call = Call {
            deadline: plus(self.now(), self.settings.call),
            lane: Lane::Work,
        };
        let members = self
            .group(connection, group, &call)
            .await
            .map_err(|why| EngineError::Refused(format!("nobody's decision can be taken now: {why}")))?;
        let is_in = members
            .iter()
            .any(|one| same(&one.login, login) || one.email.as_deref().is_some_and(|email| same(email, login)));
        if is_in {
            return Ok(());
        }
        Err(EngineError::Refused(format!(
            "{login} is not in the group {group} of {connection}, whose members decide"
        )))
    }

    /// Whether a review is no longer what its run asks: the run has ended, or asks about another plan by now.
    pub async fn has_moved(&self, review: &Review) -> Result<bool, EngineError> {
        let Some(run) = self.parts.ledger.run(&review.run).await? else {
            return Ok(true);
        };
        if run.state.is_final() || run.ending.is_some() {
            return Ok(true);
        }
        if review.about != ReviewAbout::Stage {
            return Ok(false);
        }
        if let RunState::Held { review: asked } = &run.state
            && *asked != review.id
        {
            return Ok(true);
        }
        let present = run
            .stage_plan
            .as_ref()
            .map(rollcall_model::StagePlan::hash)
            .transpose()?;
        Ok(present.is_some_and(|hash| hash != review.plan_hash))
    }
}

/// A statement counts for whoever it says it is by, and for nobody else.
pub(crate) fn said_by(statement: &Statement, by: &Approver) -> Result<(), EngineError> {
    if by.is(&statement.by) {
        return Ok(());
    }
    Err(EngineError::Refused(
        "the decision was signed for another name than yours: decide again under your own".to_owned(),
    ))
}

pub(crate) fn moved(review: &Review) -> EngineError {
    EngineError::Refused(format!(
        "the plan has moved, look again: `rollcall explain {}` tells where the run stands",
        review.run
    ))
}
