//! Taking a run back: planned, read, applied like any other, and remembered, so that the next event does not do it all again.
//!
//! The exception is written with the undoing run, in one write. While it holds, events for that person and playbook open
//! nothing. It is also how a run that still waits for a later stage learns that it was taken back.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{RunClaim, documents};
use rollcall_model::plan::Goal;
use rollcall_model::{
    AccountRef, Event, EventKind, Exception, Message, Outcome, PersonKey, Run, RunId, RunState, SourceState,
};
use rollcall_policy::decide::{self, Left};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ask::Proposal;
use crate::whose::Subject;
use crate::{Engine, EngineError};

/// How often a run looks whether the undo of it has come to its end.
pub(crate) const LOOK: Duration = Duration::from_mins(1);
/// As many of a person's runs as are looked through.
const RECENT: usize = 20;

/// What is to be taken back.
#[derive(Clone, Debug)]
pub struct UndoWish {
    /// The run.
    pub run: RunId,
    /// Only this stage of it: `cut`, `dismantle`.
    pub stage: Option<String>,
    /// How long the playbook leaves the person alone when the source says nothing new meanwhile.
    pub keep: Duration,
}

/// What makes a proposal one to take a run back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoTerms {
    /// The run that is taken back.
    pub run: RunId,
    /// Only this stage of it.
    pub stage: Option<String>,
    /// How long the playbook leaves the person alone, in milliseconds.
    pub keep_ms: i64,
    /// Changes with which nothing was lost.
    pub nothing: Vec<Left>,
    /// Changes that the vendor has no way to take back.
    pub not: Vec<Left>,
}

/// Whether somebody has taken a run back.
pub(crate) enum TakenBack {
    /// Nobody has.
    No,
    /// The undo of it is at work; why it waits.
    Underway(String),
    /// It is; why.
    Yes(String),
}

impl Engine {
    /// Makes the plan that takes a run back as things stand now, keeps it under its hash, and changes nothing.
    ///
    /// # Errors
    ///
    /// `Refused` when there is no such run or stage, or nothing of it can be taken back; says what to do.
    pub async fn propose_undo(&self, wish: &UndoWish) -> Result<Proposal, EngineError> {
        let run = self.parts.ledger.run(&wish.run).await?.ok_or_else(|| {
            EngineError::Refused(format!("there is no run {}: `rollcall explain` lists them", wish.run))
        })?;
        if run.plan.goal == Goal::Undo {
            return Err(EngineError::Refused(format!(
                "{} is itself an undo, of {}: to take access away again, ask for a leave (`rollcall plan`)",
                run.id,
                run.undoes.as_ref().map_or("another run", RunId::as_str)
            )));
        }
        if let Some(stage) = &wish.stage
            && !run.plan.stages.iter().any(|spec| spec.name == *stage)
        {
            let names: Vec<&str> = run.plan.stages.iter().map(|spec| spec.name.as_str()).collect();
            return Err(EngineError::Refused(format!(
                "{} has no stage {stage}: it has {}",
                run.id,
                names.join(", ")
            )));
        }
        let configuration = self.configuration();
        let undo = decide::undo_plan(&self.parts.actions, &run, &configuration.digest, wish.stage.as_deref());
        if undo.plan.stages.is_empty() {
            let left = undo.not.iter().chain(&undo.nothing);
            let left: Vec<String> = left.map(|left| format!("{}: {}", left.change, left.why)).collect();
            let left = if left.is_empty() {
                "it changed nothing".to_owned()
            } else {
                left.join("; ")
            };
            return Err(EngineError::Refused(format!(
                "nothing of {} can be taken back: {left}",
                run.id
            )));
        }
        let person = match self.subject(&run.plan.subject, None).await? {
            Subject::Known(known) => known.person,
            Subject::Unreadable(why, _) => {
                return Err(EngineError::Refused(format!(
                    "the source cannot be read, and the exception needs its word: {why}"
                )));
            }
        };
        let terms = UndoTerms {
            run: run.id.clone(),
            stage: wish.stage.clone(),
            keep_ms: i64::try_from(wish.keep.as_millis()).unwrap_or(i64::MAX),
            nothing: undo.nothing,
            not: undo.not,
        };
        self.keep_proposal(undo.plan, person, Some(terms)).await
    }

    /// Makes a run one that takes another back: by whom, and what keeps the playbook from the person from its opening on.
    pub(crate) async fn as_undo(&self, run: &mut Run, terms: &UndoTerms, by: Option<&str>) -> Result<(), EngineError> {
        let by = by.ok_or_else(|| {
            EngineError::Refused("an undo names who asked for it: apply it with `rollcall apply`".to_owned())
        })?;
        let person = match self.subject(&run.plan.subject, None).await? {
            Subject::Known(known) => known.person,
            Subject::Unreadable(why, _) => {
                return Err(EngineError::Refused(format!(
                    "the source cannot be read, and the exception needs its word: {why}"
                )));
            }
        };
        let now = self.now();
        let keep = Duration::from_millis(u64::try_from(terms.keep_ms).unwrap_or(0));
        let exception = Exception {
            person: run.plan.person.clone(),
            playbook: run.plan.playbook.clone(),
            source: person.state,
            until: plus(now, keep),
            by: by.to_owned(),
            at: now,
            run: run.id.clone(),
            undoes: terms.run.clone(),
            stage: terms.stage.clone(),
        };
        let what = terms
            .stage
            .as_ref()
            .map_or_else(String::new, |stage| format!("{stage} of "));
        run.note(
            now,
            format!("{by} takes back {what}{}; {}", terms.run, standing(&exception)),
        );
        for left in &terms.not {
            run.note(now, format!("cannot be taken back: {}: {}", left.change, left.why));
        }
        run.person = person;
        run.asked_by = Some(by.to_owned());
        run.undoes = Some(terms.run.clone());
        run.exception = Some(exception);
        Ok(())
    }

    /// The exception of a person and playbook, whether it still holds or not.
    pub(crate) async fn exception(&self, playbook: &str, person: &PersonKey) -> Result<Option<Exception>, EngineError> {
        let id = Exception::id(playbook, person);
        let document = self.parts.ledger.document(documents::EXCEPTION, &id).await?;
        Ok(document.and_then(|document| serde_json::from_value(document.body).ok()))
    }

    /// Why an event opens nothing: somebody took back what the playbook did, and the source says what it said then. An exception
    /// that has ended is removed.
    pub(crate) async fn left_alone(&self, run: &Run) -> Result<Option<String>, EngineError> {
        let plan = &run.plan;
        let Some(exception) = self.exception(&plan.playbook, &plan.person).await? else {
            return Ok(None);
        };
        let undo = self.parts.ledger.run(&exception.run).await?;
        let is_underway = undo.is_some_and(|undo| !undo.state.is_final());
        if !is_underway && !exception.holds(run.person.state, self.now()) {
            let why = format!(
                "{} says {} now",
                run.person.account.connection,
                run.person.state.as_str()
            );
            self.end_exception(&exception, &why).await?;
            return Ok(None);
        }
        let why = format!(
            "{} was taken back by {} ({}): {}",
            exception.undoes,
            exception.by,
            exception.run,
            standing(&exception)
        );
        self.alert(
            codes::LEFT_ALONE,
            &format!("{}/{}/left-alone", exception.run, plan.subject.connection),
            &why,
        )
        .await?;
        Ok(Some(why))
    }

    /// Somebody asks for a run of this playbook after all.
    pub(crate) async fn asked_anyway(&self, run: &Run) -> Result<(), EngineError> {
        if run.plan.goal != Goal::Undo
            && let Some(exception) = self.exception(&run.plan.playbook, &run.plan.person).await?
        {
            self.end_exception(&exception, &format!("{} was asked for", run.id))
                .await?;
        }
        Ok(())
    }

    async fn end_exception(&self, exception: &Exception, why: &str) -> Result<(), EngineError> {
        let id = Exception::id(&exception.playbook, &exception.person);
        tracing::info!(run = %exception.run, why, "An exception has ended.");
        self.parts.ledger.remove_document(documents::EXCEPTION, &id).await?;
        Ok(())
    }

    /// Whether somebody has taken this run back, or is about to.
    pub(crate) async fn taken_back(&self, run: &Run) -> Result<TakenBack, EngineError> {
        if run.plan.goal == Goal::Undo {
            return Ok(TakenBack::No);
        }
        let exception = self.exception(&run.plan.playbook, &run.plan.person).await?;
        let Some(exception) = exception.filter(|exception| exception.undoes == run.id) else {
            return Ok(TakenBack::No);
        };
        let why = format!("taken back by {} ({})", exception.by, exception.run);
        Ok(
            match self.parts.ledger.run(&exception.run).await?.map(|undo| undo.state) {
                None | Some(RunState::Refused { .. }) => TakenBack::No,
                Some(state) if state.is_final() => TakenBack::Yes(why),
                Some(_) => TakenBack::Underway(why),
            },
        )
    }

    /// An undo ends: what it did to the source's own account is no new word of the source. One that was refused did nothing,
    /// so it keeps nobody from anything.
    pub(crate) async fn settle_exception(&self, claim: &RunClaim, ending: &RunState) -> Result<(), EngineError> {
        let run = &claim.run;
        let Some(exception) = self.exception(&run.plan.playbook, &run.plan.person).await? else {
            return Ok(());
        };
        if exception.run != run.id {
            return Ok(());
        }
        if matches!(ending, RunState::Refused { .. }) {
            return self.end_exception(&exception, "the undo was refused").await;
        }
        let own = &run.person.account;
        let touched = run
            .changes
            .iter()
            .any(|record| record.change.account.as_ref() == Some(own) && record.outcome == Outcome::Changed);
        if !touched {
            return Ok(());
        }
        match self.subject(&run.plan.subject, None).await? {
            Subject::Known(known) => {
                let id = Exception::id(&exception.playbook, &exception.person);
                let settled = Exception {
                    source: known.person.state,
                    ..exception
                };
                self.parts
                    .ledger
                    .put_document(documents::EXCEPTION, &id, &json!(settled))
                    .await?;
                Ok(())
            }
            // Without the source's word nobody could tell a new one from it, and a leaver would stay.
            Subject::Unreadable(why, _) => self.end_exception(&exception, &why).await,
        }
    }

    /// The run that was taken back may wait for a later stage: it looks now.
    pub(crate) async fn wake_undone(&self, run: &Run) -> Result<(), EngineError> {
        match &run.undoes {
            Some(undone) => self.wake(&Message::WakeRun(undone.clone()), Duration::ZERO).await,
            None => Ok(()),
        }
    }

    /// Somebody may be back. A run that waits to take apart what is left looks at the source now and not at its hour; whoever
    /// comes back after it is named, because nothing gives them their access.
    pub(crate) async fn returned(&self, account: &AccountRef, event: &Event) -> Result<(), EngineError> {
        if !may_be_return(event) {
            return Ok(());
        }
        let Subject::Known(known) = self.subject(account, Some(event)).await? else {
            // Nothing is known, so nothing is done; whoever waits reads the source for themselves.
            return Ok(());
        };
        if known.said != SourceState::Active {
            return Ok(());
        }
        let person = &known.person;
        for playbook in self.configuration().playbooks.keys() {
            if let Some(exception) = self.exception(playbook, &person.key).await?
                && !exception.holds(person.state, self.now())
            {
                let why = format!("{} says {} now", account.connection, person.state.as_str());
                self.end_exception(&exception, &why).await?;
            }
        }
        let runs = self.parts.ledger.runs(Some(&person.key), RECENT).await?;
        let Some(leave) = runs
            .iter()
            .find(|run| run.plan.goal == Goal::Leave && run.plan.scope.is_none())
        else {
            return Ok(());
        };
        if leave.plan.subject != *account || leave.plan.agrees_with(known.said) {
            return Ok(());
        }
        if leave.state.is_final() {
            let undone = runs.iter().any(|run| run.undoes.as_ref() == Some(&leave.id));
            if matches!(leave.state, RunState::Done | RunState::Incomplete { .. }) && !undone && changed(leave) {
                let why = format!(
                    "{account} is active again and {} has taken their access away: nothing gives it back by itself",
                    leave.id
                );
                self.alert(codes::PERSON_RETURNED, &format!("{}/returned", leave.id), &why)
                    .await?;
            }
            return Ok(());
        }
        self.look_now(&leave.id).await
    }

    /// A waiting run is due now.
    async fn look_now(&self, id: &RunId) -> Result<(), EngineError> {
        let holder = self.holder();
        let Some(mut claim) = self.parts.ledger.claim_run(id, &holder, self.now()).await?.mine() else {
            // Whoever holds it reads the source anyway.
            return Ok(());
        };
        let until = self.now();
        if claim.run.ending.is_none() && matches!(claim.run.state, RunState::Waiting { .. }) {
            claim.run.stage_due_at = claim.run.stage_due_at.min(until);
            if let Some(mark) = &mut claim.run.read {
                mark.rest = None;
            }
        }
        self.settle(&mut claim, rollcall_model::ledger::Settle::Park(until))
            .await?;
        self.wake(&Message::WakeRun(id.clone()), Duration::ZERO).await
    }

    /// Somebody whose access was cut is active again before it was taken apart: what was changed stays so until it is taken
    /// back, and that is a person's to decide.
    pub(crate) async fn restored(&self, claim: &mut RunClaim, why: &str) -> Result<(), EngineError> {
        let run = &claim.run;
        if run.plan.goal != Goal::Leave || !changed(run) {
            return Ok(());
        }
        let id = run.id.clone();
        let text = format!("{why}, and what {id} changed stays so: `rollcall undo {id}` takes it back");
        self.alert(codes::PERSON_RESTORED, &format!("{id}/restored"), &text)
            .await?;
        claim.run.note(self.now(), text);
        Ok(())
    }
}

fn changed(run: &Run) -> bool {
    let changes = run.changes.iter().filter(|record| record.change.account.is_some());
    changes.clone().any(|record| record.outcome == Outcome::Changed)
}

/// Until when, in words.
fn standing(exception: &Exception) -> String {
    let until: Timestamp = exception.until;
    format!(
        "{} leaves them alone until {until}, or until the source says something other than {}",
        exception.playbook,
        exception.source.as_str()
    )
}

/// Whether an event may say that somebody is back.
pub(crate) fn may_be_return(event: &Event) -> bool {
    let is_return = matches!(
        event.kind,
        EventKind::UserActivated | EventKind::UserUnsuspended | EventKind::UserCreated
    );
    is_return && event.succeeded && !event.ours
}
