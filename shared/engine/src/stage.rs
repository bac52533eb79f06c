//! One try of one stage: read the source again, find the accounts, observe, plan, guard, apply.

use rollcall_runtime::{Code, codes};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Lock, RunClaim, Settle};
use rollcall_model::plan::{Goal, StagePlan, TellMoment, Verdict};
use rollcall_model::{ConnectionId, Outcome, Run, RunState, SourceState};
use rollcall_policy::decide::{EventFacts, Facts, ListReads, Memberships};
use rollcall_policy::{Configuration, StageInputs, decide};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::telemetry::metrics::TimeToCut;
use serde_json::json;

use crate::accounts::Planned;
use crate::apply::Came;
use crate::guard::{InTheWay, Verdict as Guarded};
use crate::journal::Journalled;
use crate::{Engine, EngineError};

/// A pause shorter than this is a hiccup, which nobody needs to hear about.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// Why a change of a run in observe mode was not made.
pub(crate) const OBSERVED_ONLY: &str = "observe mode: planned, not done";

/// How a decision ends with which a stage was planned in observe mode.
pub(crate) const OBSERVED_MARK: &str = ", observe only";

/// What the note of such a stage says.
pub(crate) const OBSERVED_NOTE: &str = ": observe mode, ";

/// How long a paused run sleeps when nobody wakes it: `resume` does.
pub(crate) const PAUSED: Duration = Duration::from_mins(1);

/// How a try of a stage ended.
pub(crate) enum StageEnd {
    /// The stage is through; the run's cursor stands on the next.
    Next,
    /// Something is not green yet.
    Again {
        /// How long to wait.
        after: Duration,
        /// What is not green.
        why: String,
    },
    /// A person must decide, before this moment.
    Held(Timestamp),
    /// The run ends.
    Ended(RunState),
}

impl Engine {
    pub(crate) async fn stage(
        &self,
        claim: &mut RunClaim,
        subject: &mut Lock,
        locks: &mut Vec<Lock>,
        fresh: bool,
    ) -> Result<StageEnd, EngineError> {
        let configuration = self.pinned(&claim.run.plan.config).await?;
        if !fresh && let Some(end) = self.read_again(claim).await? {
            return Ok(end);
        }
        if let Some(end) = self.given_back(claim).await? {
            return Ok(end);
        }
        if let Some(why) = superseded(claim) {
            self.decided(claim, "superseded", json!({"why": why})).await?;
            self.abandon(claim, &why).await?;
            self.restored(claim, &why).await?;
            return Ok(StageEnd::Ended(RunState::Superseded { why }));
        }
        let reads = self.lists(&configuration, &claim.holder).await;
        let mut known = Known::of(&configuration, &claim.run, reads);
        known.converting = self.converting(&configuration, claim).await;
        match decide::stage_stop(&configuration, &known.facts(&claim.run), claim.run.stage) {
            decide::Stop::Go => {}
            decide::Stop::Stopped(why) => {
                self.decided(claim, "stopped", json!({"why": why})).await?;
                self.abandon(claim, &why).await?;
                return Ok(StageEnd::Ended(RunState::Superseded { why }));
            }
            decide::Stop::Unknown(why) => return self.not_yet(claim, codes::CONDITION_UNKNOWN, why, None).await,
        }
        // A call that an earlier holder began may still be under way until its deadline; nothing is read before.
        let journalled = if fresh {
            Journalled::default()
        } else {
            self.journalled(claim).await?
        };
        if let Some(wait) = self.unfinished(claim, &journalled.open) {
            if wait > self.settings.sleep_in_place || !self.has_time_for(wait) {
                return Ok(StageEnd::Again {
                    after: wait,
                    why: "a call of an earlier try may still be under way".to_owned(),
                });
            }
            self.parts.clock.sleep(wait).await;
            self.renew(claim, subject, locks).await?;
        }

        let (found, asked) = self.find(&configuration, claim).await?;
        if !self.lock_accounts(claim, subject, locks, &found).await? {
            return Ok(StageEnd::Again {
                after: Duration::from_secs(2),
                why: "another worker holds an account of this person".to_owned(),
            });
        }
        let Planned {
            mut plan,
            found,
            patient,
        } = self
            .plan(&configuration, &known, claim, found, &journalled.seen)
            .await?;
        self.go_on_with(claim, &mut plan, &journalled);
        count_replan(claim, &plan);
        if let Some(end) = self.moved(claim, &plan, &journalled).await? {
            self.keep(claim, &found).await?;
            return Ok(end);
        }
        match self.guard(&configuration, &known, claim, &plan).await? {
            // Nothing holds it any more, so a review that is still open has nothing left to decide.
            Guarded::Go if matches!(claim.run.state, RunState::Held { .. }) => claim.run.state = RunState::Open,
            Guarded::Go => {}
            Guarded::ObserveOnly(in_the_way) => {
                self.keep(claim, &found).await?;
                return self.observe_only(claim, &plan, &in_the_way).await;
            }
            Guarded::Hold(until) => {
                self.keep(claim, &found).await?;
                return Ok(StageEnd::Held(until));
            }
        }

        // What an earlier try could not even name (a connection that it could not read) is not a change any more.
        let planned: BTreeSet<_> = plan.items.iter().map(|item| item.change.key()).collect();
        claim.run.changes.retain(|record| {
            record.change.stage != plan.stage || record.outcome.is_green() || planned.contains(&record.change.key())
        });
        let hash = plan.hash()?;
        let stage = stage_name(claim);
        self.decided(
            claim,
            &format!("{stage} planned {hash}"),
            json!({"plan": plan, "attempt": claim.run.attempts + 1}),
        )
        .await?;
        claim.run.stage_hashes.insert(stage, hash);
        claim.run.stage_plan = Some(plan.clone());
        if let Some(mark) = &mut claim.run.read {
            mark.let_go = false;
        }
        self.settle(claim, Settle::Keep).await?;

        let mut applied = self.apply(claim, subject, locks, &plan, &journalled).await?;
        // Nothing of this stands before a cut: it costs writes, and a later try makes up for it.
        self.keep(claim, &found).await?;
        self.name_service_accounts(claim, &plan).await?;
        applied.waits_for_people = self.ask_people(&configuration, claim, &plan, &found).await?;
        applied.asked = applied.asked.max(asked).max(patient);
        self.judge(claim, subject, locks, &plan, applied).await
    }

    /// Keeps who the person is and which accounts are theirs, for later runs and for the operator's look-ups.
    async fn keep(&self, claim: &RunClaim, found: &StageInputs) -> Result<(), EngineError> {
        if claim.run.stage == 0 && claim.run.attempts == 0 {
            self.remember(&claim.run).await?;
        }
        self.link(claim, found).await
    }

    /// What the try came to: on to the next stage, again later, or the end.
    async fn judge(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
        plan: &StagePlan,
        applied: Came,
    ) -> Result<StageEnd, EngineError> {
        let now = self.now();
        self.mark_cut(claim, plan);
        let open: Vec<String> = claim
            .run
            .changes
            .iter()
            .filter(|record| record.change.stage == plan.stage && !record.outcome.is_final())
            .filter(|record| !applied.patience.excuses(&record.change.key()))
            .map(|record| {
                let reason = record.outcome.reason().unwrap_or("the vendor is still at it");
                format!("{} {}: {reason}", record.change.connection, record.change.action)
            })
            .collect();
        let working = applied.patience.working.clone();
        if working.is_some() {
            claim.run.read.get_or_insert_default().let_go = true;
        }
        if let Some(why) = applied.paused {
            // Nobody's fault and nobody's news: it goes on when somebody resumes.
            return Ok(StageEnd::Again { after: PAUSED, why });
        }
        if let (Some(until), Some(why)) = (waits_only(claim, plan, &applied), open.first()) {
            // Everything that needs nobody is done; the rest goes on when somebody has decided, or when their time is over.
            self.tell(claim, subject, locks).await?;
            return Ok(StageEnd::Again {
                after: between(self.now(), until).max(Duration::from_secs(1)),
                why: why.clone(),
            });
        }
        if let (Some((after, why)), true) = (&working, open.is_empty()) {
            // Waiting for a vendor's job is no failed try, and what failed before it is over: a hand-over of days meets many a hiccup.
            claim.run.attempts = 0;
            claim.run.read.get_or_insert_default().rest = Some(plus(now, *after));
            return Ok(StageEnd::Again {
                after: *after,
                why: why.clone(),
            });
        }
        if let Some(first) = open.first() {
            claim.run.attempts += 1;
            let why = first.clone();
            claim.run.note(now, format!("{} not complete: {why}", plan.stage));
            self.alert(
                codes::STAGE_INCOMPLETE,
                &format!("{}/{}/incomplete", claim.run.id, plan.stage),
                &why,
            )
            .await?;
            // The last try of what fails is the one after the last long change is through: no job is left half-way.
            if claim.run.attempts >= self.settings.tries && working.is_none() {
                if goes_on(claim) {
                    return self.next_stage(claim, subject, locks).await;
                }
                return Ok(StageEnd::Ended(RunState::Incomplete { why }));
            }
            let after = self.settings.pause(claim.run.attempts, applied.asked);
            let after = working.map_or(after, |(working, _)| working.min(after));
            if after < WORTH_TELLING {
                return Ok(StageEnd::Again { after, why });
            }
            // Somebody should know while there is still something to mend; telling them must not hold up the next try.
            self.plan_tell(claim, TellMoment::Failed, &plan.stage).await?;
            self.tell(claim, subject, locks).await?;
            return Ok(StageEnd::Again {
                after: after.saturating_sub(between(now, self.now())),
                why,
            });
        }
        let failed = claim
            .run
            .changes
            .iter()
            .find(|record| record.change.stage == plan.stage && !record.outcome.is_green())
            .map(|record| {
                let reason = record.outcome.reason().unwrap_or_default();
                format!(
                    "{} {}: {} ({reason})",
                    record.change.connection,
                    record.change.action,
                    record.outcome.name()
                )
            });
        if let Some(why) = failed {
            self.alert(
                codes::STAGE_FAILED,
                &format!("{}/{}/failed", claim.run.id, plan.stage),
                &why,
            )
            .await?;
            if !goes_on(claim) {
                return Ok(StageEnd::Ended(RunState::Incomplete { why }));
            }
        }
        if plan.stage == "cut" {
            self.plan_tell(claim, TellMoment::Cut, "").await?;
        }
        self.next_stage(claim, subject, locks).await
    }

    /// Keeps the moment at which each connection's cut was green for the first time, and counts it then.
    fn mark_cut(&self, claim: &mut RunClaim, plan: &StagePlan) {
        for (connection, cut_at) in green_cuts(claim, plan) {
            let run = &mut claim.run;
            if run.cut_at.contains_key(&connection) {
                continue;
            }
            if run.plan.goal != Goal::Undo {
                let measured = TimeToCut {
                    connection: connection.as_str(),
                    received_at: run.received_at,
                    event_at: run.event_at,
                    cut_at,
                };
                measured.emit(self.now());
            }
            run.cut_at.insert(connection, cut_at);
        }
    }

    /// The stage is through: the cursor stands on the next one.
    async fn next_stage(&self, claim: &mut RunClaim, subject: &Lock, locks: &[Lock]) -> Result<StageEnd, EngineError> {
        let now = self.now();
        if stage_name(claim) == "cut" {
            self.cut_waits_no_longer(claim).await?;
        }
        claim.run.stage += 1;
        claim.run.attempts = 0;
        claim.run.replans = 0;
        claim.run.stage_plan = None;
        claim.run.state = RunState::Open;
        let after = claim
            .run
            .plan
            .stages
            .get(claim.run.stage)
            .map_or(0, |next| next.after_ms);
        claim.run.stage_due_at = plus(now, Duration::from_millis(u64::try_from(after).unwrap_or(0)));
        self.settle(claim, Settle::Keep).await?;
        self.tell(claim, subject, locks).await?;
        Ok(StageEnd::Next)
    }

    /// Reads the source again: at every resume, before anything is done.
    async fn read_again(&self, claim: &mut RunClaim) -> Result<Option<StageEnd>, EngineError> {
        let account = claim.run.plan.subject.clone();
        // Only a cut goes on without what it can do without: a hand-over that does not know the manager would find nobody to give to.
        let call = self.call(&claim.holder, crate::accounts::lane(claim));
        let Some(connector) = self.connector(&account.connection) else {
            let why = format!("connection {} is no longer configured", account.connection);
            return Ok(Some(StageEnd::Ended(RunState::Incomplete { why })));
        };
        let person = claim.run.person.account.clone();
        let described = async {
            match self.connector(&person.connection).filter(|_| person != account) {
                Some(source) => Some(source.read_subject(&call, &person).await),
                None => None,
            }
        };
        // The directory that reported says whether the run has its reason; the source says who the person is.
        let (said, described) = futures::join!(connector.read_subject(&call, &account), described);
        let (why, asked) = match said.and_then(|said| Ok((said, described.transpose()?))) {
            Ok(
                (rollcall_model::SubjectRead::Unproven(why), _) | (_, Some(rollcall_model::SubjectRead::Unproven(why))),
            ) => (why, None),
            Ok((said, described)) => {
                claim.run.said = Some(match &said {
                    rollcall_model::SubjectRead::Present(read) => read.state,
                    _ => SourceState::Deleted,
                });
                match described.unwrap_or(said) {
                    rollcall_model::SubjectRead::Present(read) => claim.run.person = *read,
                    _ => claim.run.person.state = SourceState::Deleted,
                }
                return Ok(None);
            }
            Err(failure) => {
                let asked = failure.retry_after();
                (failure.reason, asked)
            }
        };
        let why = format!("the source cannot be read: {why}");
        self.not_yet(claim, codes::SOURCE_UNREADABLE, why, asked)
            .await
            .map(Some)
    }

    /// A run about one application has its reason while the directory does not give it to the subject again.
    async fn given_back(&self, claim: &mut RunClaim) -> Result<Option<StageEnd>, EngineError> {
        let plan = &claim.run.plan;
        let Some((app, scope)) = plan.unassigned.clone().zip(plan.scope.clone()) else {
            return Ok(None);
        };
        let call = self.call(&claim.holder, rollcall_model::Lane::Urgent);
        match self.given_again(&call, &plan.subject, &app, &scope).await {
            Ok(None) => Ok(None),
            Ok(Some(why)) => {
                self.decided(claim, "superseded", json!({"why": why})).await?;
                Ok(Some(StageEnd::Ended(RunState::Superseded { why })))
            }
            Err((why, asked)) => {
                let why = format!("whether the application was given back cannot be told: {why}");
                self.not_yet(claim, codes::SOURCE_UNREADABLE, why, asked)
                    .await
                    .map(Some)
            }
        }
    }

    /// Something that must be known cannot be: try again later, and say so once.
    async fn not_yet(
        &self,
        claim: &mut RunClaim,
        code: Code,
        why: String,
        asked: Option<Duration>,
    ) -> Result<StageEnd, EngineError> {
        claim.run.attempts += 1;
        claim.run.note(self.now(), why.clone());
        self.alert(code, &format!("{}/{}", claim.run.id, code.id), &why).await?;
        if claim.run.attempts >= self.settings.tries {
            return Ok(StageEnd::Ended(RunState::Incomplete { why }));
        }
        let after = self.settings.pause(claim.run.attempts, asked);
        Ok(StageEnd::Again { after, why })
    }

    /// How long calls of earlier tries may still be under way.
    fn unfinished(
        &self,
        claim: &RunClaim,
        open: &BTreeMap<rollcall_model::ChangeKey, crate::journal::OpenIntent>,
    ) -> Option<Duration> {
        let let_go = claim.run.read.as_ref().is_some_and(|mark| mark.let_go);
        let is_idle = |key: &rollcall_model::ChangeKey| {
            let known = claim.run.record(key);
            let_go && known.is_some_and(|known| self.is_long(&known.change.action))
        };
        let latest = open
            .iter()
            .filter(|(key, _)| !is_idle(key))
            .map(|(_, intent)| intent.deadline)
            .max()?;
        let wait = between(self.now(), plus(latest, self.settings.margin));
        (wait > Duration::ZERO).then_some(wait)
    }

    /// A plan that a person named is refused when the world moved; an automatic one is made again, three times at most. What cannot be
    /// read now has not moved: it is tried again, and compared with the named plan then. Nor has what we were at ourselves when a worker
    /// died: it is half made.
    async fn moved(
        &self,
        claim: &mut RunClaim,
        plan: &StagePlan,
        journalled: &Journalled,
    ) -> Result<Option<StageEnd>, EngineError> {
        if let Some(bound) = claim.run.bound.clone().filter(|bound| bound.stage == plan.stage) {
            let unread = unread(plan);
            let begun = |plan: &StagePlan| {
                let mut plan = without(plan, &unread);
                plan.items
                    .retain(|item| !journalled.open.contains_key(&item.change.key()));
                plan
            };
            let moved = begun(&bound).moved(&begun(plan));
            if !moved.is_empty() {
                let why = format!("the plan that was named has moved: {}", moved.join("; "));
                self.decided(claim, "refused: moved", json!({"moved": moved})).await?;
                return Ok(Some(StageEnd::Ended(RunState::Refused { why })));
            }
        } else if claim.run.replans > 3 {
            let why = "the accounts keep changing while the plan is carried out".to_owned();
            return Ok(Some(StageEnd::Ended(RunState::Incomplete { why })));
        }
        Ok(None)
    }

    /// Mode `observe`: the plan is kept, nothing is done. `rollcall ready` reads it again.
    async fn observe_only(
        &self,
        claim: &mut RunClaim,
        plan: &StagePlan,
        in_the_way: &InTheWay,
    ) -> Result<StageEnd, EngineError> {
        let now = self.now();
        let hash = plan.hash()?;
        self.decided(
            claim,
            &format!("{} planned {hash}{OBSERVED_MARK}", plan.stage),
            json!({"plan": plan, "in_the_way": in_the_way}),
        )
        .await?;
        claim.run.stage_hashes.insert(plan.stage.clone(), hash);
        for item in &plan.items {
            let outcome = match &item.verdict {
                Verdict::AlreadySo => Outcome::AlreadySo,
                _ => Outcome::Skipped(OBSERVED_ONLY.to_owned()),
            };
            claim.run.put_record(rollcall_model::ChangeRecord {
                change: item.change.clone(),
                outcome,
                started_at: now,
                ended_at: now,
                request_id: None,
                reference: serde_json::Value::Null,
            });
        }
        claim.run.note(
            now,
            format!(
                "{}{OBSERVED_NOTE}{} changes planned and none made",
                plan.stage,
                plan.items.len()
            ),
        );
        if plan.stage == "cut" {
            self.cut_waits_no_longer(claim).await?;
        }
        claim.run.stage += 1;
        claim.run.stage_plan = None;
        let after = claim
            .run
            .plan
            .stages
            .get(claim.run.stage)
            .map_or(0, |next| next.after_ms);
        claim.run.stage_due_at = plus(now, Duration::from_millis(u64::try_from(after).unwrap_or(0)));
        Ok(StageEnd::Next)
    }
}

/// Whether a run goes on to its next stage although this one is not green: what an undo cannot give back of one stage is no
/// reason to keep what it can give back of another.
fn goes_on(claim: &RunClaim) -> bool {
    let run = &claim.run;
    run.plan.goal == Goal::Undo && run.stage + 1 < run.plan.stages.len()
}

/// How a run ends whose stages are all through.
pub(crate) fn ending(run: &Run) -> RunState {
    let stages: BTreeSet<&str> = run.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    let left = run
        .changes
        .iter()
        .find(|record| stages.contains(record.change.stage.as_str()) && !record.outcome.is_green());
    left.map_or(RunState::Done, |record| RunState::Incomplete {
        why: format!(
            "{} {}: {} ({})",
            record.change.connection,
            record.change.action,
            record.outcome.name(),
            record.outcome.reason().unwrap_or("the vendor is still at it")
        ),
    })
}

/// Counts an automatic plan that differs from the one before it. A system that could not be read then or now has not moved: its
/// changes become unknown and known again without anybody having touched an account.
fn count_replan(claim: &mut RunClaim, plan: &StagePlan) {
    let Some(before) = claim
        .run
        .stage_plan
        .as_ref()
        .filter(|before| before.stage == plan.stage)
    else {
        return;
    };
    let mut unread_ever = unread(before);
    unread_ever.extend(unread(plan));
    if !without(before, &unread_ever)
        .moved(&without(plan, &unread_ever))
        .is_empty()
    {
        claim.run.replans += 1;
    }
}

/// The connections of which something could not be read for a plan.
fn unread(plan: &StagePlan) -> BTreeSet<ConnectionId> {
    let unknown = plan
        .items
        .iter()
        .filter(|item| matches!(item.verdict, Verdict::Unknown(_)));
    unknown.map(|item| item.change.connection.clone()).collect()
}

/// A plan as far as it is about other connections.
fn without(plan: &StagePlan, connections: &BTreeSet<ConnectionId>) -> StagePlan {
    let mut plan = plan.clone();
    plan.items.retain(|item| !connections.contains(&item.change.connection));
    plan
}

/// What conditions may know, owned, so that facts can borrow from it.
pub(crate) struct Known {
    event: EventFacts,
    memberships: Memberships,
    pub(crate) reads: ListReads,
    /// Whether the person seems to be converting; nothing when it was not asked or cannot be told.
    pub(crate) converting: Option<bool>,
}

impl Known {
    pub(crate) fn of(configuration: &Configuration, run: &Run, reads: ListReads) -> Self {
        let cause = &run.cause;
        let event = EventFacts {
            kind: cause.kind.clone(),
            source: cause.source.clone(),
            vendor_type: cause.vendor_type.clone(),
        };
        Self {
            event,
            memberships: decide::memberships(configuration, &run.person, &reads),
            reads,
            converting: None,
        }
    }

    pub(crate) fn facts<'a>(&'a self, run: &'a Run) -> Facts<'a> {
        Facts {
            plan: &run.plan,
            plan_hash: &run.plan_hash,
            person: &run.person,
            event: &self.event,
            memberships: &self.memberships,
            converting: self.converting,
        }
    }
}

/// The connections whose cut is green, and since when.
fn green_cuts(claim: &RunClaim, plan: &StagePlan) -> BTreeMap<ConnectionId, Timestamp> {
    if plan.stage != "cut" {
        return BTreeMap::new();
    }
    let mut ends: BTreeMap<_, Option<Timestamp>> = BTreeMap::new();
    for record in claim
        .run
        .changes
        .iter()
        .filter(|record| record.change.stage == plan.stage)
    {
        let end = ends
            .entry(record.change.connection.clone())
            .or_insert(Some(record.ended_at));
        *end = match (*end, record.outcome.is_green()) {
            (Some(at), true) => Some(at.max(record.ended_at)),
            _ => None,
        };
    }
    ends.into_iter()
        .filter_map(|(connection, at)| Some((connection, at?)))
        .collect()
}

pub(crate) fn stage_name(claim: &RunClaim) -> String {
    claim
        .run
        .plan
        .stages
        .get(claim.run.stage)
        .map_or_else(String::new, |stage| stage.name.clone())
}

/// Why the subject's directory no longer says what the run needs.
fn superseded(claim: &RunClaim) -> Option<String> {
    let run = &claim.run;
    if run.plan.unassigned.is_some() {
        return None;
    }
    let said = run.said.unwrap_or(run.person.state);
    (!run.plan.agrees_with(said)).then(|| format!("{} now says {}", run.plan.subject.connection, said.as_str()))
}

/// Until when to wait when nothing but people's decisions is missing.
fn waits_only(claim: &RunClaim, plan: &StagePlan, applied: &Came) -> Option<Timestamp> {
    let until = applied.waits_for_people?;
    let asks = |key: &rollcall_model::ChangeKey| {
        plan.items
            .iter()
            .any(|item| matches!(item.verdict, Verdict::Ask(_)) && item.change.key() == *key)
    };
    claim
        .run
        .changes
        .iter()
        .filter(|record| record.change.stage == plan.stage && !record.outcome.is_final())
        .filter(|record| !applied.patience.behind.contains(&record.change.key()))
        .all(|record| asks(&record.change.key()))
        .then_some(until)
}
