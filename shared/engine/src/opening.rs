//! What an event opens: a run as it is before anything happened, or the reason for which it needs none.

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall_model::ledger::documents;
use rollcall_model::run::Cause;
use rollcall_model::{Digest, Event, EventKind, Goal, Person, Run, RunId, RunState, digest};
use rollcall_policy::configuration::Trigger;
use rollcall_policy::decide::{self, ListReads, PlaybookMatch, Wish};
use rollcall_runtime::clock::{between, plus};
use serde_json::json;

use crate::whose::Known;
use crate::{Engine, EngineError};

impl Engine {
    /// A directory that deactivates somebody also takes their applications away, one event each: what the leave does anyway is
    /// not done once more for each of them.
    pub(crate) fn covered_by_leave(&self, found: &PlaybookMatch, person: &Person) -> Option<&'static str> {
        found.about.as_ref()?;
        let left = person.state.has_left();
        let answered = self.configuration().playbooks.values().any(|playbook| {
            playbook.goal == Goal::Leave
                && playbook.on.iter().any(|trigger| match trigger {
                    Trigger::Event { from, kinds } => {
                        from.contains(&person.account.connection)
                            && kinds.iter().any(|kind| kind == EventKind::UserDeactivated.as_str())
                    }
                    Trigger::Planned(_) => false,
                })
        });
        (left && answered).then_some("the person has left: the leave takes this away too")
    }

    /// Why a run would only repeat what another directory's word has just led to: two directories report one leaver, and the
    /// later one's word comes when everything is done. Nothing is lost by that: a cut is read again later, and whoever was back
    /// in between was reported by the directory that has the say. A stale list costs a run that finds everything so.
    pub(crate) async fn echo(&self, run: &Run) -> Result<Option<String>, EngineError> {
        if run.plan.goal != Goal::Leave || run.plan.scope.is_some() || !run.person.state.has_left() {
            return Ok(None);
        }
        let earlier = self.parts.ledger.runs(Some(&run.plan.person), 5).await?;
        let Some(last) = earlier.iter().find(|earlier| earlier.plan.goal == Goal::Leave) else {
            return Ok(None);
        };
        let same = last.state == RunState::Done
            && last.plan.stages == run.plan.stages
            && last.plan.holds_while == run.plan.holds_while
            && last.plan.subject.connection != run.plan.subject.connection
            && last
                .ended_at
                .is_some_and(|ended| between(ended, self.now()) < Duration::from_hours(24));
        Ok(same.then(|| {
            format!(
                "run {}, opened by {}, has done this",
                last.id, last.plan.subject.connection
            )
        }))
    }

    pub(crate) fn new_run(
        &self,
        found: &PlaybookMatch,
        known: &Known,
        reads: &ListReads,
        event: &Event,
    ) -> Result<Run, EngineError> {
        let (configuration, person) = (self.configuration(), &known.person);
        let subject = event.account.as_ref().unwrap_or(&person.account);
        let wish = Wish {
            quiet: decide::is_quiet(&decide::memberships(configuration, person, reads)),
            ..Wish::default()
        };
        let plan = decide::run_plan(configuration, found, person, subject, &wish)
            .ok_or_else(|| EngineError::Refused(format!("there is no playbook {}", found.playbook)))?;
        let due = plan.stages.first().map_or(0, |stage| stage.after_ms);
        // The same event opens the same run however often it is taken from the inbox.
        let mut run = self.asked_run(plan, person.clone(), event.key.as_str())?;
        run.cause = Cause {
            kind: event.kind.as_str().to_owned(),
            source: event.source.to_string(),
            vendor_type: event.vendor_type.clone(),
        };
        run.said = Some(known.said);
        run.triggers = vec![event.key.clone()];
        run.event_at = event.occurred_at;
        run.received_at = event.received_at;
        run.stage_due_at = plus(run.opened_at, Duration::from_millis(u64::try_from(due).unwrap_or(0)));
        Ok(run)
    }

    /// Keeps what later look-ups need: who the account is, and by which names operators ask for the person.
    pub(crate) async fn remember(&self, run: &Run) -> Result<(), EngineError> {
        let person = &run.person;
        if person.login.is_empty() {
            return Ok(());
        }
        let ledger = &self.parts.ledger;
        let subjects: BTreeSet<String> = [&person.account, &run.plan.subject].map(ToString::to_string).into();
        for subject in subjects {
            ledger
                .put_document(documents::LINK, &subject, &json!({"person": person}))
                .await?;
        }
        // Most people sign in with their address: one name then, written once.
        let names: BTreeSet<String> = [Some(person.login.as_str()), person.email.as_deref()]
            .into_iter()
            .flatten()
            .map(str::to_lowercase)
            .collect();
        for name in names {
            ledger
                .put_document(documents::NAME, &name, &json!({"person": person.key}))
                .await?;
        }
        Ok(())
    }
}

pub(crate) fn run_id(cause: &str, playbook: &str, plan_hash: &Digest) -> RunId {
    let full = digest::sha256(format!("{cause}\n{playbook}\n{plan_hash}").as_bytes());
    RunId::new(format!("run_{}", full.as_str().get(..20).unwrap_or_default()))
}
