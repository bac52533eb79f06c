//! A held stage presses for a decision: it reminds, escalates, pages, and in the end does what `on_expiry` says.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Lock, RunClaim, Settle};
use rollcall_model::plan::{CUT, TellMoment, TellSpec};
use rollcall_model::{Answer, Review, ReviewState, RunState, SignedApproval};
use rollcall_policy::Configuration;
use rollcall_policy::configuration::{Held, OnExpiry};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::metrics::CutIncomplete;
use serde_json::json;

use crate::guard::{is_approved, short};
use crate::health::leaves_cut_open;
use crate::{Engine, EngineError};

/// Who has decided when nobody did.
pub(crate) const ON_EXPIRY: &str = "on_expiry";
/// What an escalation says when the playbook has no message for a held stage.
const HELD_TEXT: &str = "{{ person.display }} waits for a decision: {{ run.why }}";

/// What a held stage does for want of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    /// Says it again, for the so-many-th time.
    Remind(u64),
    /// Says it to more people.
    Escalate,
    /// Says that it has failed.
    Page,
}

/// The rungs of one held stage, by the time since its review was opened.
struct Ladder<'a> {
    held: &'a Held,
    opened_at: Timestamp,
    cut: bool,
}

impl Ladder<'_> {
    /// The rungs that are reached. Of several reminders whose time has passed only the last counts.
    fn reached(&self, now: Timestamp) -> Vec<Rung> {
        let since = between(self.opened_at, now);
        let mut rungs = Vec::new();
        if let Some(times) = times(since, self.held.remind).filter(|times| *times > 0) {
            rungs.push(Rung::Remind(times));
        }
        if since >= self.held.escalate {
            rungs.push(Rung::Escalate);
        }
        if self.cut && since >= self.held.page {
            rungs.push(Rung::Page);
        }
        rungs
    }

    /// When the next rung is reached.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let since = between(self.opened_at, now);
        let reminder = times(since, self.held.remind)
            .and_then(|times| u32::try_from(times + 1).ok())
            .map(|times| self.held.remind.saturating_mul(times));
        let page = self.cut.then_some(self.held.page);
        [reminder, Some(self.held.escalate), page]
            .into_iter()
            .flatten()
            .filter(|rung| *rung > since)
            .min()
            .map(|rung| plus(self.opened_at, rung))
    }
}

/// The signed word behind a decision; none for what `on_expiry` decided.
fn signed(review: &Review) -> Option<&SignedApproval> {
    match &review.state {
        ReviewState::Approved { signed, .. } | ReviewState::Refused { signed, .. } => signed.as_deref(),
        ReviewState::Open => None,
    }
}

/// How often a pause fits into a span; nothing when there is no pause.
fn times(span: Duration, pause: Duration) -> Option<u64> {
    let times = span.as_millis().checked_div(pause.as_millis())?;
    u64::try_from(times).ok()
}

impl Engine {
    /// Looks at the review of a held run before anything is read again. False when the run's ending was decided, or when the
    /// review has just been and is to be read again.
    pub(crate) async fn look_at_review(&self, claim: &mut RunClaim) -> Result<bool, EngineError> {
        let RunState::Held { review } = &claim.run.state else {
            return Ok(true);
        };
        let configuration = self.pinned(&claim.run.plan.config).await?;
        let held = &configuration.guard.held;
        let now = self.now();
        let mut undecided = true;
        let why = match self.review(review).await? {
            Some(review) => match &review.state {
                ReviewState::Approved { by, .. } if is_approved(&review, held, now) => {
                    let by = by.clone();
                    self.goes_on(claim, &review, &by).await?;
                    return Ok(true);
                }
                ReviewState::Approved { by, .. } => {
                    format!("what {by} approved was not done in time, and the approval has run out")
                }
                ReviewState::Refused { by, .. } => {
                    undecided = false;
                    format!("the review was refused by {by}")
                }
                // What it was held for may be over (a limit's hour, the leave itself): everything is read and asked again, and
                // held again when it still is.
                ReviewState::Open if review.expires_at > now => return Ok(true),
                ReviewState::Open if review.stage == CUT && held.on_expiry == OnExpiry::Apply => {
                    self.approve_on_expiry(claim, &review).await?;
                    return Ok(false);
                }
                ReviewState::Open => "nobody decided the review in time".to_owned(),
            },
            None => "nobody decided the review in time".to_owned(),
        };
        if undecided && leaves_cut_open(&claim.run) {
            CutIncomplete.emit(now);
        }
        self.decide_ending(claim, RunState::Refused { why }).await?;
        Ok(false)
    }

    /// An approval belongs to what the receipt proves, whoever gave it.
    async fn goes_on(&self, claim: &mut RunClaim, review: &Review, by: &str) -> Result<(), EngineError> {
        let note = format!("{} approved by {by}", review.stage);
        if claim.run.notes.last().is_some_and(|last| last.text == note) {
            return Ok(());
        }
        let whose = if by == ON_EXPIRY { " by on_expiry" } else { "" };
        self.decided_as(
            claim,
            &format!("{} approved{whose} {}", review.stage, review.plan_hash),
            json!({"by": by, "review": review.id, "reasons": review.reasons, "signed": signed(review)}),
            &format!("{}-approved", review.id),
        )
        .await?;
        claim.run.note(self.now(), note);
        Ok(())
    }

    /// Nobody decided about a cut, and the configuration says that it is made then. A decision that somebody makes in this
    /// very moment wins: whatever stands in the ledger is read again.
    async fn approve_on_expiry(&self, claim: &mut RunClaim, review: &Review) -> Result<(), EngineError> {
        let decision = ReviewState::Approved {
            by: ON_EXPIRY.to_owned(),
            at: self.now(),
            signed: None,
        };
        // The ledger takes decisions until the review runs out; this is the last one.
        let answer = self
            .parts
            .ledger
            .approve(&review.id, &review.plan_hash, &decision, review.expires_at)
            .await?;
        if matches!(answer, Answer::Won(())) {
            tracing::warn!(
                code = codes::REVIEW_OVERDUE.id,
                run = %review.run,
                review = %review.id,
                "Nobody decided about a cut; `on_expiry: apply` makes it."
            );
        }
        // The decision wakes the run, which is awake: claiming it again answers the wake, which would stay due for ever else.
        let (unwritten, joined) = (claim.run.clone(), claim.joined);
        let again = self.parts.ledger.claim_run(&review.run, &claim.holder, self.now());
        match again.await?.mine() {
            Some(renewed) => *claim = renewed,
            None => return Err(EngineError::Fenced(review.run.to_string())),
        }
        claim.run = unwritten;
        claim.joined = joined;
        Ok(())
    }

    /// Says what is due to be said about a held stage, and lets the run go until the next thing is: a rung, the end of the
    /// review, a limit's hour, or another try of telling.
    pub(crate) async fn hold(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
        until: Timestamp,
    ) -> Result<(), EngineError> {
        let rung = self.climb(claim).await?;
        let again = self.tell(claim, subject, locks).await?;
        let again = again.map(|after| plus(self.now(), after));
        let until = [rung, again].into_iter().flatten().fold(until, Timestamp::min);
        self.note_waiting_cut(claim).await?;
        self.settle(claim, Settle::Park(until)).await
    }

    /// Plans the messages of every rung that is reached, each once. Answers when the next one is.
    async fn climb(&self, claim: &mut RunClaim) -> Result<Option<Timestamp>, EngineError> {
        let RunState::Held { review } = &claim.run.state else {
            return Ok(None);
        };
        let Some(review) = self.review(review).await? else {
            return Ok(None);
        };
        if review.state != ReviewState::Open {
            return Ok(None);
        }
        let configuration = self.pinned(&claim.run.plan.config).await?;
        let now = self.now();
        let ladder = Ladder {
            held: &configuration.guard.held,
            opened_at: review.opened_at,
            cut: review.stage == CUT,
        };
        // Another plan of the same held stage goes on where the ladder stands, so its opening names the ladder.
        let name = format!("{}-{}", review.stage, review.opened_at.as_second());
        for rung in ladder.reached(now) {
            match rung {
                Rung::Remind(times) => {
                    let occasion = format!("{}-{}-remind-{times}", review.stage, short(&review.plan_hash));
                    self.plan_tell(claim, TellMoment::Held, &occasion).await?;
                }
                Rung::Escalate => {
                    self.overdue(&review).await?;
                    self.escalate(&configuration, claim, &format!("{name}-escalate"))
                        .await?;
                }
                Rung::Page => {
                    self.overdue(&review).await?;
                    self.plan_tell(claim, TellMoment::Failed, &format!("{name}-page"))
                        .await?;
                }
            }
        }
        Ok(ladder.next(now))
    }

    async fn overdue(&self, review: &Review) -> Result<(), EngineError> {
        let why = format!(
            "{} of {} waits for a decision since {}: `rollcall reviews show {}`",
            review.stage, review.run, review.opened_at, review.id
        );
        let id = format!("{}/{}/overdue", review.run, review.stage);
        self.alert(codes::REVIEW_OVERDUE, &id, &why).await
    }

    /// The message of a held stage to everybody to whom one is escalated: channels and addresses, by the connection that
    /// carries the playbook's own.
    async fn escalate(
        &self,
        configuration: &Configuration,
        claim: &mut RunClaim,
        occasion: &str,
    ) -> Result<(), EngineError> {
        let own = &claim.run.plan.tell;
        let held = own.iter().find(|tell| tell.moment == TellMoment::Held);
        let Some(carrier) = held.or_else(|| own.first()) else {
            return Ok(());
        };
        let text = held.map_or(HELD_TEXT, |held| held.text.as_str()).to_owned();
        let (connection, kind) = (
            carrier.connection.clone(),
            carrier.action.split('/').next().unwrap_or_default().to_owned(),
        );
        let specs = configuration
            .guard
            .held
            .escalate_to
            .iter()
            .map(|to| TellSpec {
                moment: TellMoment::Held,
                connection: connection.clone(),
                action: format!("{kind}/{}", if to.contains('@') { "dm" } else { "post" }),
                to: to.clone(),
                text: text.clone(),
            })
            .collect();
        self.plan_messages(claim, specs, TellMoment::Held, occasion).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(held: &Held, cut: bool) -> Ladder<'_> {
        Ladder {
            held,
            opened_at: Timestamp::UNIX_EPOCH,
            cut,
        }
    }

    fn at(minutes: u64) -> Timestamp {
        plus(Timestamp::UNIX_EPOCH, Duration::from_mins(minutes))
    }

    #[test]
    fn rungs_are_reached_in_their_time_and_the_next_is_always_later() {
        let held = Held::default();
        let ladder = ladder(&held, true);
        assert_eq!(ladder.reached(at(14)), []);
        assert_eq!(ladder.next(at(0)), Some(at(15)));
        assert_eq!(ladder.reached(at(15)), [Rung::Remind(1)]);
        assert_eq!(ladder.next(at(15)), Some(at(30)));
        assert_eq!(ladder.reached(at(60)), [Rung::Remind(4), Rung::Escalate]);
        assert_eq!(ladder.reached(at(121)), [Rung::Remind(8), Rung::Escalate, Rung::Page]);
        for minute in 0..3_000 {
            assert!(ladder.next(at(minute)).is_some_and(|next| next > at(minute)));
        }
    }

    #[test]
    fn only_a_cut_is_paged_for_and_a_pause_of_nothing_reminds_nobody() {
        let held = Held {
            remind: Duration::ZERO,
            ..Held::default()
        };
        assert_eq!(ladder(&held, false).reached(at(600)), [Rung::Escalate]);
        assert_eq!(ladder(&held, false).next(at(61)), None);
        assert_eq!(ladder(&held, true).next(at(61)), Some(at(120)));
    }
}
