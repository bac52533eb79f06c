//! Telling people: messages are changes too, and they can fail without failing the run.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_model::ledger::{Lock, RunClaim};
use rollcall_model::plan::{PlanItem, TellMoment, TellSpec, Verdict};
use rollcall_model::{ChangeRecord, ConnectionId, Lane, Outcome, RunState};
use rollcall_policy::Configuration;
use rollcall_policy::decide::{self, TextFacts};

use crate::stage::Known;
use crate::{Engine, EngineError};

const TELL: &str = "tell";

impl Engine {
    /// Plans the messages of a moment, once per run and occasion: text and addressee are fixed now, whatever happens later.
    pub(crate) async fn plan_tell(
        &self,
        claim: &mut RunClaim,
        moment: TellMoment,
        occasion: &str,
    ) -> Result<(), EngineError> {
        let own = claim.run.plan.tell.clone();
        self.plan_messages(claim, own, moment, occasion).await
    }

    /// The same for messages that are not the playbook's own.
    pub(crate) async fn plan_messages(
        &self,
        claim: &mut RunClaim,
        messages: Vec<TellSpec>,
        moment: TellMoment,
        occasion: &str,
    ) -> Result<(), EngineError> {
        let configuration = self.pinned(&claim.run.plan.config).await?;
        let reads = self.lists(&configuration, &claim.holder).await;
        let known = Known::of(&configuration, &claim.run, reads);
        let texts = texts(&configuration, claim);
        let plan = rollcall_model::RunPlan {
            tell: messages,
            ..claim.run.plan.clone()
        };
        let facts = decide::Facts {
            plan: &plan,
            ..known.facts(&claim.run)
        };
        let items = decide::tell_changes(&configuration, &self.parts.actions, &facts, moment, &texts);
        let now = self.now();
        let quiet = if matches!(moment, TellMoment::Cut | TellMoment::Done) {
            self.nothing_to_tell(claim).await?
        } else {
            None
        };
        for mut item in items {
            if !occasion.is_empty() {
                item.change.step = format!("{}-{occasion}", item.change.step);
            }
            if claim.run.record(&item.change.key()).is_some() {
                continue;
            }
            let outcome = match item.verdict {
                _ if quiet.is_some() => Outcome::Skipped(quiet.unwrap_or_default().to_owned()),
                Verdict::Run => Outcome::Pending,
                Verdict::AlreadySo => Outcome::AlreadySo,
                Verdict::Skip(why) => Outcome::Skipped(why),
                Verdict::Refuse(why) => Outcome::Refused(why),
                Verdict::Unknown(why) | Verdict::Ask(why) => Outcome::Failed(why),
            };
            claim.run.put_record(ChangeRecord {
                change: item.change,
                outcome,
                started_at: now,
                ended_at: now,
                request_id: None,
                reference: serde_json::Value::Null,
            });
        }
        Ok(())
    }

    /// Sends what is planned and not sent. Answers how long to wait before another try, when there is to be one.
    pub(crate) async fn tell(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
    ) -> Result<Option<Duration>, EngineError> {
        if waiting(claim).next().is_none() {
            return Ok(None);
        }
        let journalled = self.journalled(claim).await?;
        // A message that was seen to arrive is not sent again because the run was not written back after it.
        for record in claim.run.changes.iter_mut().filter(|record| is_waiting(record)) {
            if let Some(seen) = journalled.seen.get(&record.change.key()) {
                record.outcome = seen.clone();
            }
        }
        let items: Vec<PlanItem> = waiting(claim)
            .map(|record| PlanItem {
                change: record.change.clone(),
                verdict: Verdict::Run,
            })
            .collect();
        if items.is_empty() {
            return Ok(None);
        }
        // Whoever comes by in the meantime has other reasons to; patience is what the vendor asked for.
        if let Some(due_at) = claim.run.tell_due_at.filter(|due_at| *due_at > self.now()) {
            return Ok(Some(rollcall_runtime::clock::between(self.now(), due_at)));
        }
        if let Some(latest) = journalled
            .open
            .iter()
            .filter(|(key, _)| key.as_str().starts_with(TELL))
            .map(|(_, intent)| intent.deadline)
            .max()
        {
            let wait = rollcall_runtime::clock::between(
                self.now(),
                rollcall_runtime::clock::plus(latest, self.settings.margin),
            );
            if !wait.is_zero() {
                // A message of an earlier try may still be on its way; a search now could miss it.
                return Ok(Some(wait));
            }
        }
        // What is planned must be written down before it is sent, or a later try would not know its text.
        self.settle(claim, rollcall_model::ledger::Settle::Keep).await?;
        let mut by_connection: BTreeMap<ConnectionId, Vec<&PlanItem>> = BTreeMap::new();
        for item in &items {
            by_connection
                .entry(item.change.connection.clone())
                .or_default()
                .push(item);
        }
        let pass = Self::pass(claim, subject, locks, &journalled, Lane::Work);
        let came = self.side_by_side(claim, &pass, by_connection).await?;
        if waiting(claim).next().is_none() {
            claim.run.tell_tries = 0;
            claim.run.tell_due_at = None;
            return Ok(None);
        }
        if came.paused.is_some() {
            return Ok(Some(crate::judge::PAUSED));
        }
        claim.run.tell_tries += 1;
        if claim.run.tell_tries >= self.settings.tries {
            for record in claim
                .run
                .changes
                .iter_mut()
                .filter(|record| record.change.stage == TELL && !record.outcome.is_final())
            {
                let why = record.outcome.reason().unwrap_or("no answer").to_owned();
                record.outcome = Outcome::Failed(format!("given up: {why}"));
            }
            return Ok(None);
        }
        let pause = self.settings.pause(claim.run.tell_tries, came.asked);
        claim.run.tell_due_at = Some(rollcall_runtime::clock::plus(self.now(), pause));
        Ok(Some(pause))
    }

    /// Why nobody is told of a success: nothing was done, or an earlier run of the same goal did it and told it.
    async fn nothing_to_tell(&self, claim: &RunClaim) -> Result<Option<&'static str>, EngineError> {
        let mut outcomes = claim
            .run
            .changes
            .iter()
            .filter(|record| record.change.stage != TELL)
            .map(|record| &record.outcome);
        if outcomes
            .clone()
            .any(|outcome| outcome.reason() == Some(crate::stage::OBSERVED_ONLY))
        {
            return Ok(Some("observe mode: nothing was done"));
        }
        if outcomes.any(|outcome| *outcome == Outcome::Changed) {
            return Ok(None);
        }
        let earlier = self.parts.ledger.runs(Some(&claim.run.plan.person), 20).await?;
        let told = earlier
            .iter()
            .any(|run| run.id != claim.run.id && run.plan.goal == claim.run.plan.goal && run.state == RunState::Done);
        Ok(told.then_some("nothing changed since an earlier run told it"))
    }
}

fn waiting(claim: &RunClaim) -> impl Iterator<Item = &ChangeRecord> {
    claim.run.changes.iter().filter(|record| is_waiting(record))
}

fn is_waiting(record: &ChangeRecord) -> bool {
    record.change.stage == TELL && !record.outcome.is_final()
}

fn texts(configuration: &Configuration, claim: &RunClaim) -> TextFacts {
    let run = &claim.run;
    let cut: Vec<String> = run
        .time_to_cut_ms()
        .iter()
        .map(|(connection, ms)| format!("{connection} {ms} ms"))
        .collect();
    let summary: Vec<String> = run
        .changes
        .iter()
        .filter(|record| record.change.stage != TELL)
        .map(|record| {
            let reason = record
                .outcome
                .reason()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            format!(
                "{} {}: {}{reason}",
                record.change.connection,
                record.change.action,
                record.outcome.name()
            )
        })
        .collect();
    let why = run
        .ending
        .as_ref()
        .and_then(RunState::why)
        .map(str::to_owned)
        .or_else(|| run.notes.last().map(|note| note.text.clone()))
        .unwrap_or_default();
    TextFacts {
        id: run.id.to_string(),
        cut: cut.join(", "),
        summary: summary.join("\n"),
        why,
        ..TextFacts::of(configuration, &run.changes)
    }
}
