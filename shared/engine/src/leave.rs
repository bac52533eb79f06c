//! An agreed hour: somebody leaves then, whatever their directory says by that time.
//!
//! Until its hour an agreed leave is a timer and nothing else, so it can be called off. At its hour the same path begins as
//! for every leaver: a run plan, a run, the guard. Whoever is first, the hour or the directory, opens the run; the other
//! finds it open.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Ledger, Lock, Timer, documents};
use rollcall_model::plan::Goal;
use rollcall_model::run::Cause;
use rollcall_model::{AccountRef, Answer, Person, PersonKey, Run, RunId, RunPlan, RunState, digest};
use rollcall_policy::Configuration;
use rollcall_policy::decide::{self, Wish};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::whose::Subject;
use crate::{Engine, EngineError};

/// The kind of these timers.
pub(crate) const KIND: &str = "leave";

/// When an agreed leave is looked at again that an open run with less to do stands in the way of.
const AFTER_THE_OTHER: Duration = Duration::from_mins(1);

/// As many agreed leaves as are looked through.
const MOST: usize = 10_000;

/// Who is to leave, when, and how.
#[derive(Clone, Debug)]
pub struct LeaveWish {
    /// `connection/id`, or an id in the source.
    pub who: String,
    /// The hour; one that has passed means now.
    pub at: Timestamp,
    /// The run's id stands for the person everywhere.
    pub quiet: bool,
    /// Who takes over what the person owned: a sign-in name.
    pub successor: Option<String>,
    /// The operator, as authenticated.
    pub asked_by: String,
}

/// Where an agreed leave stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LeaveState {
    /// Its hour has not come; it can be called off.
    Waiting,
    /// Its hour has come; it cannot be called off any more.
    Beginning,
    /// It has its run.
    Begun {
        /// The run.
        run: RunId,
    },
    /// A run for the same person and goal was open already: the directory was first.
    Covered {
        /// That run.
        run: RunId,
    },
    /// Somebody called it off.
    Cancelled {
        /// Who.
        by: String,
        /// When.
        cancelled_at: Timestamp,
    },
}

impl LeaveState {
    /// True while there is something left to be done.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Beginning)
    }
}

/// A leave that was agreed for an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedLeave {
    /// What to name when calling it off: `lv_5f1c…`.
    pub id: String,
    /// Who.
    pub person: PersonKey,
    /// Their account in the source.
    pub subject: AccountRef,
    /// Their name for people; none when it is quiet.
    #[serde(default)]
    pub display: Option<String>,
    /// The hour.
    pub at: Timestamp,
    /// The run's id stands for the person everywhere.
    pub quiet: bool,
    /// Who takes over what they owned: a sign-in name.
    #[serde(default)]
    pub successor: Option<String>,
    /// The operator who asked.
    pub asked_by: String,
    /// When they asked.
    pub asked_at: Timestamp,
    /// Tries at its hour that came to nothing so far.
    #[serde(default)]
    pub tries: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub state: LeaveState,
}

/// Agreed leaves that wait for their hour, next first. May be stale.
pub async fn leaves(ledger: &dyn Ledger) -> Result<Vec<AgreedLeave>, EngineError> {
    let mut waiting: Vec<AgreedLeave> = ledger
        .timers(KIND, MOST)
        .await?
        .into_iter()
        .filter_map(|timer| serde_json::from_value(timer.body).ok())
        .filter(|leave: &AgreedLeave| leave.state.is_open())
        .collect();
    waiting.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(waiting)
}

/// An agreed leave by its id, whatever became of it.
pub async fn agreed_leave(ledger: &dyn Ledger, id: &str) -> Result<Option<AgreedLeave>, EngineError> {
    let timer = ledger.timer(&timer_id(id)).await?;
    Ok(timer.and_then(|timer| serde_json::from_value(timer.body).ok()))
}

/// Calls an agreed leave off, unless its hour has come: then it is refused, saying what became of it.
pub async fn cancel_leave(
    ledger: &dyn Ledger,
    id: &str,
    by: &str,
    now: Timestamp,
    nonce: &str,
) -> Result<AgreedLeave, EngineError> {
    loop {
        let found = ledger.timer(&timer_id(id)).await?;
        let Some((timer, mut leave)) = found.and_then(|timer| {
            let leave = serde_json::from_value::<AgreedLeave>(timer.body.clone()).ok()?;
            Some((timer, leave))
        }) else {
            return Err(EngineError::Refused(format!(
                "no leave {id} is agreed: `rollcall leave list` shows those that wait"
            )));
        };
        let late = match &leave.state {
            LeaveState::Waiting => {
                leave.state = LeaveState::Cancelled {
                    by: by.to_owned(),
                    cancelled_at: now,
                };
                let cancelled = Timer {
                    due_at: None,
                    body: json!(leave),
                    ..timer
                };
                match ledger.set_timer(&cancelled, nonce).await? {
                    Answer::Won(()) | Answer::AlreadyMine(()) => return Ok(leave),
                    // Its hour came in this very moment, or somebody else calls it off: what it is now decides.
                    Answer::Lost(_) | Answer::Stale => continue,
                }
            }
            LeaveState::Cancelled { by: other, .. } if other == by => return Ok(leave),
            LeaveState::Cancelled { by, cancelled_at } => format!("{id} was called off by {by} at {cancelled_at}"),
            LeaveState::Beginning => format!("{id} has begun: it cannot be called off any more"),
            LeaveState::Begun { run } => {
                format!(
                    "{id} has begun as {run}, so it cannot be called off: `rollcall explain {run}` tells where it stands"
                )
            }
            LeaveState::Covered { run } => format!(
                "{id} has nothing left to do: {run} was open for this person before its hour; `rollcall explain {run}`"
            ),
        };
        return Err(EngineError::Refused(late));
    }
}

fn timer_id(id: &str) -> String {
    format!("{KIND}/{id}")
}

impl Engine {
    /// Keeps an agreed leave until its hour. One whose hour has passed is begun by whoever handles the wake that is sent.
    ///
    /// # Errors
    ///
    /// `Refused` when no playbook takes planned leaves, the person cannot be read, or a leave is agreed for them already.
    pub async fn plan_leave(&self, wish: LeaveWish) -> Result<AgreedLeave, EngineError> {
        let configuration = self.configuration();
        decide::planned_playbook(configuration, Goal::Leave).ok_or_else(no_playbook)?;
        let person = self.read_person(&wish.who).await?;
        let quiet = wish.quiet || self.is_quiet(configuration, &person).await;
        // That a quiet leave is agreed is for the one who asked to know, so a second one is taken: it finds the first's run.
        let other = leaves(self.parts.ledger.as_ref())
            .await?
            .into_iter()
            .find(|other| other.person == person.key && (!other.quiet || other.asked_by == wish.asked_by));
        if let Some(other) = other {
            return Err(EngineError::Refused(format!(
                "a leave is agreed for this person already: {} at {}, asked for by {}; `rollcall leave cancel {}` calls it off",
                other.id, other.at, other.asked_by, other.id
            )));
        }
        self.keep_leaver(&person).await?;
        let now = self.now();
        let salt = digest::hex(&self.parts.ids.salt());
        let leave = AgreedLeave {
            // Not derived from the person: nobody may find out by trying whom a quiet one is about.
            id: format!("lv_{}", salt.get(..12).unwrap_or(&salt)),
            person: person.key,
            subject: person.account,
            display: (!quiet).then_some(person.display),
            at: wish.at,
            quiet,
            successor: wish.successor,
            asked_by: wish.asked_by,
            asked_at: now,
            tries: 0,
            state: LeaveState::Waiting,
        };
        let timer = Timer {
            id: timer_id(&leave.id),
            due_at: None,
            body: json!(leave),
            version: 0,
        };
        self.put_timer(&timer, &leave, Some(self.first_look(leave.at))).await?;
        tracing::info!(leave = leave.id, at = %leave.at, "A leave is agreed.");
        Ok(leave)
    }

    /// An agreed leave is due: nearly its hour, or its hour. Answers the run that it has.
    pub(crate) async fn begin_leave(
        &self,
        timer: &Timer,
        mut leave: AgreedLeave,
        lock: &Lock,
    ) -> Result<Option<RunId>, EngineError> {
        if !leave.state.is_open() {
            self.put_timer(timer, &leave, None).await?;
            return Ok(None);
        }
        if leave.at > self.now() {
            self.put_timer(timer, &leave, Some(self.first_look(leave.at))).await?;
            return Ok(None);
        }
        let person = match self.subject(&leave.subject, None).await? {
            Subject::Known(known) => known.person,
            Subject::Unreadable(why, asked) => return self.leave_later(timer, leave, &why, asked).await,
        };
        let run = match self.agreed_run(&leave, person).await {
            Ok(run) => run,
            Err(error) if !error.is_passing() => return self.leave_later(timer, leave, &error.chain(), None).await,
            Err(error) => return Err(error),
        };
        let mut timer = timer.clone();
        if leave.state == LeaveState::Waiting {
            // From this write on it cannot be called off. It stays due, so whoever comes after a crash goes on from here.
            leave.state = LeaveState::Beginning;
            let due_at = timer.due_at;
            self.put_beginning(&timer, &leave, due_at).await?;
            timer.version += 1;
        }
        let (state, driven) = match self.parts.ledger.open_asked(&run, &lock.holder).await? {
            Answer::Won(claim) | Answer::AlreadyMine(claim) => {
                tracing::info!(run = %claim.run.id, leave = leave.id, "Run opened at its agreed hour.");
                self.asked_anyway(&run).await?;
                (LeaveState::Begun { run: run.id.clone() }, Some(run.id))
            }
            // A try of ours that died after it had opened the run.
            Answer::Lost(open) if open == run.id.as_str() => (
                LeaveState::Begun { run: run.id.clone() },
                self.unfinished_run(&run.id).await?,
            ),
            Answer::Lost(open) => {
                let open = RunId::new(open);
                if self.does_less(&open, &run.plan).await? {
                    let again = plus(self.now(), AFTER_THE_OTHER);
                    self.put_timer(&timer, &leave, Some(again)).await?;
                    return Ok(None);
                }
                tracing::info!(run = %open, leave = leave.id, "An agreed leave finds the person's run open.");
                (LeaveState::Covered { run: open }, None)
            }
            Answer::Stale => return Err(EngineError::Fenced(run.id.to_string())),
        };
        leave.state = state;
        self.put_timer(&timer, &leave, None).await?;
        Ok(driven)
    }

    /// The same as [`Engine::put_timer`], without a wake: we go on ourselves.
    async fn put_beginning(
        &self,
        timer: &Timer,
        leave: &AgreedLeave,
        due_at: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let next = Timer {
            due_at,
            body: json!(leave),
            ..timer.clone()
        };
        let nonce = self.parts.ids.unique();
        self.parts
            .ledger
            .set_timer(&next, &nonce)
            .await?
            .mine()
            .ok_or_else(|| EngineError::Fenced(format!("timer {}", timer.id)))
    }

    /// Its hour has come and it cannot begin: somebody must know, and it is tried again.
    async fn leave_later(
        &self,
        timer: &Timer,
        mut leave: AgreedLeave,
        why: &str,
        asked: Option<Duration>,
    ) -> Result<Option<RunId>, EngineError> {
        leave.tries += 1;
        self.alert(codes::LEAVE_LATE, &format!("{}/late", timer.id), why)
            .await?;
        let again = plus(self.now(), self.settings.pause(leave.tries, asked));
        self.put_timer(timer, &leave, Some(again)).await?;
        Ok(None)
    }

    /// The run of an agreed leave: the same for the same leave, however often it is made.
    async fn agreed_run(&self, leave: &AgreedLeave, person: Person) -> Result<Run, EngineError> {
        let configuration = self.configuration();
        let found = decide::planned_playbook(configuration, Goal::Leave).ok_or_else(no_playbook)?;
        let wish = Wish {
            asked: true,
            quiet: leave.quiet || self.is_quiet(configuration, &person).await,
            successor: leave.successor.clone(),
        };
        let plan = decide::run_plan(configuration, &found, &person, &leave.subject, &wish)
            .ok_or_else(|| EngineError::Refused(format!("there is no playbook {}", found.playbook)))?;
        let said = person.state;
        let mut run = self.asked_run(plan, person, &timer_id(&leave.id))?;
        run.cause = Cause {
            kind: "leave.agreed".to_owned(),
            source: leave.subject.connection.to_string(),
            vendor_type: String::new(),
        };
        run.said = Some(said);
        run.asked_by = Some(leave.asked_by.clone());
        // The time to the cut counts from the hour that was agreed.
        run.received_at = leave.at.max(leave.asked_at);
        run.event_at = run.received_at;
        run.note(
            run.opened_at,
            format!("asked for by {} for {} ({})", leave.asked_by, leave.at, leave.id),
        );
        Ok(run)
    }

    /// A run that still goes on.
    pub(crate) async fn unfinished_run(&self, id: &RunId) -> Result<Option<RunId>, EngineError> {
        let run = self.parts.ledger.run(id).await?;
        Ok(run.filter(|run| !run.state.is_final()).map(|run| run.id))
    }

    /// Whether the open run in the way only cuts, and so leaves something for ours.
    async fn does_less(&self, open: &RunId, plan: &RunPlan) -> Result<bool, EngineError> {
        let open = self.parts.ledger.run(open).await?;
        Ok(open.is_some_and(|open| {
            matches!(
                open.state,
                RunState::Open | RunState::Waiting { .. } | RunState::Held { .. }
            ) && open.plan.stages.len() < plan.stages.len()
        }))
    }

    /// Whether somebody is kept quiet by the configuration's list.
    async fn is_quiet(&self, configuration: &Configuration, person: &Person) -> bool {
        let reads = self.lists(configuration, &self.holder()).await;
        decide::is_quiet(&decide::memberships(configuration, person, &reads))
    }

    /// Keeps who an account is, in case it is gone when the hour comes.
    async fn keep_leaver(&self, person: &Person) -> Result<(), EngineError> {
        if !person.login.is_empty() {
            self.parts
                .ledger
                .put_document(documents::LINK, &person.account.to_string(), &json!({"person": person}))
                .await?;
        }
        Ok(())
    }
}

pub(crate) fn no_playbook() -> EngineError {
    EngineError::Refused(
        "no playbook takes planned runs with the goal leave: add `{planned: leave}` to the `on` of one".to_owned(),
    )
}
