//! One worker that works for as long as a scenario wants.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rollcall_engine::{Approver, EngineError, Expectation, expectation_statement, review_statement};
use rollcall_evidence::approval::{self, Question};
use rollcall_harness::world::{VISIBILITY, Worker};
use rollcall_harness::{World, WorldSpec};
use rollcall_model::ledger::{Due, documents};
use rollcall_model::{
    Decision, Delivery, Lane, Ledger, Queue, ReviewId, Run, RunState, SignedApproval, Statement, Timestamp,
};
use rollcall_policy::Configuration;
use rollcall_runtime::Clock as _;
use rollcall_runtime::clock::{between, plus};
use rollcall_simulators::world::CHANNEL;
use serde_json::Value;

use crate::HOUR;

/// How often the clock sweeps.
const SWEEP: Duration = Duration::from_secs(60);
/// How often an idle worker looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long it looks away at the most when nothing has come for long.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// A world with one worker in it.
pub struct Stage {
    /// The world.
    pub world: World,
    /// The worker.
    pub engine: Worker,
    next_sweep: Timestamp,
    look: Duration,
}

impl Stage {
    /// A worker in a new world.
    pub async fn new(spec: WorldSpec) -> Self {
        let world = World::new(spec).await;
        let engine = world.worker().await;
        let next_sweep = world.clock.now();
        Self {
            world,
            engine,
            next_sweep,
            look: LOOK,
        }
    }

    /// A worker in the world of the fixture.
    pub async fn plain() -> Self {
        Self::new(WorldSpec::default()).await
    }

    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The ledger, without faults.
    pub fn ledger(&self) -> &dyn Ledger {
        self.world.ledger.as_ref()
    }

    /// The queues, without faults.
    pub fn queue(&self) -> &dyn Queue {
        self.world.queue.as_ref()
    }

    /// The worker is replaced by a new one, with nothing in memory.
    pub async fn replace_worker(&mut self) {
        self.engine = self.world.worker().await;
    }

    /// The configuration is another, for the worker and all that follow it.
    pub async fn reconfigure(&mut self, edit: impl FnOnce(&mut Configuration)) {
        let mut configuration = (*self.world.configuration).clone();
        edit(&mut configuration);
        self.world.configuration = Arc::new(configuration);
        self.replace_worker().await;
    }

    /// Posts what Okta's hooks have to deliver now; how many deliveries there were. The door must take each.
    pub async fn deliver(&self) -> usize {
        self.world.clock.advance(Duration::from_millis(5));
        let deliveries = self.world.vendors.okta.take_deliveries(self.now());
        for delivery in &deliveries {
            assert_eq!(self.world.post(delivery).await, 200, "the door takes it");
        }
        deliveries.len()
    }

    /// An administrator deactivates the leaver, and Okta's hook says so.
    pub async fn leaves(&self) {
        self.world
            .vendors
            .deactivate(self.now())
            .expect("the directory deactivates");
        assert!(self.deliver().await > 0, "the hook delivers something");
    }

    /// An administrator deactivates somebody by their sign-in name, and Okta's hook says so.
    pub async fn leaves_too(&self, login: &str) {
        let okta = &self.world.vendors.okta;
        let id = okta.user_id(login).expect("the directory has them");
        okta.admin_deactivate(&id, &self.world.vendors.administrator, self.now())
            .expect("the directory deactivates");
        assert!(self.deliver().await > 0, "the hook delivers something");
    }

    /// An administrator takes an application from the leaver, and Okta's hook says so.
    pub async fn app_removed(&self, app: &str) {
        let vendors = &self.world.vendors;
        vendors
            .okta
            .admin_remove_app(&vendors.leaver, app, &vendors.administrator, self.now())
            .expect("the directory takes the application away");
        assert!(self.deliver().await > 0, "the hook delivers something");
    }

    /// An administrator activates the leaver again; the hook's delivery is thrown away, because the engine must read the
    /// truth and not wait to be told.
    pub fn returns_unheard(&self) {
        let vendors = &self.world.vendors;
        self.world.clock.advance(Duration::from_millis(5));
        vendors
            .okta
            .admin_activate(&vendors.leaver, &vendors.administrator, self.now())
            .expect("the directory activates");
        vendors.give_back();
        self.world.clock.advance(Duration::from_millis(5));
        vendors.okta.take_deliveries(self.now());
    }

    /// Works until this much time has passed, or until all is at rest.
    pub async fn work_for(&mut self, span: Duration) {
        let until = plus(self.now(), span);
        while self.now() < until {
            if !self.step(until).await && self.at_rest().await {
                return;
            }
        }
    }

    /// Works until this much time has passed, whatever rests meanwhile.
    pub async fn pass(&mut self, span: Duration) {
        let until = plus(self.now(), span);
        while self.now() < until {
            self.step(until).await;
        }
    }

    /// Time passes while no worker looks; then one works until all is at rest.
    pub async fn later(&mut self, span: Duration) {
        self.world.clock.advance(span);
        self.settle().await;
    }

    /// Works until all is at rest: every run has ended or is held, no inbox waits, no message is left. Panics when that
    /// takes more than two virtual days.
    pub async fn settle(&mut self) {
        let bound = plus(self.now(), HOUR * 48);
        let mut quiet = false;
        loop {
            assert!(
                self.now() < bound,
                "not at rest after two days: {:#?}",
                self.states().await
            );
            if self.step(bound).await || !self.at_rest().await {
                quiet = false;
            } else if quiet {
                return;
            } else {
                // A message that is hidden comes back when its visibility ends; only then is it really over.
                quiet = true;
                self.world.clock.advance(VISIBILITY + Duration::from_secs(1));
            }
        }
    }

    /// Works on messages, and sweeps once a minute, for this long; a worker that dies is replaced. How many have died.
    pub async fn work_through_deaths(&mut self, span: Duration) -> u32 {
        let until = plus(self.now(), span);
        let mut deaths = 0;
        while self.now() < until {
            let died = if self.now() >= self.next_sweep {
                self.next_sweep = plus(self.now(), SWEEP);
                tokio::select! {
                    biased;
                    () = self.engine.life.ended() => true,
                    _ = self.engine.sweep() => false,
                }
            } else if let Some((lane, delivery)) = self.world.receive().await {
                tokio::select! {
                    biased;
                    () = self.engine.life.ended() => true,
                    () = self.handle(lane, &delivery) => false,
                }
            } else {
                self.world.clock.advance(LOOK);
                false
            };
            if died {
                deaths += 1;
                self.replace_worker().await;
            }
        }
        deaths
    }

    /// One message, or a little time. True when there was a message.
    async fn step(&mut self, until: Timestamp) -> bool {
        if self.now() >= self.next_sweep {
            self.next_sweep = plus(self.now(), SWEEP);
            self.engine.tick().await.expect("memory answers");
        }
        if let Some((lane, delivery)) = self.world.receive().await {
            self.handle(lane, &delivery).await;
            self.look = LOOK;
            return true;
        }
        // A wait that the ledger tells of is crossed in one step; otherwise something may come at any moment.
        let next = match self.next_wait().await {
            Some(end) => end,
            None => {
                let look = self.look;
                self.look = (look * 2).min(LONGEST_LOOK);
                plus(self.now(), look)
            }
        };
        let next = next.min(self.next_sweep).min(until);
        self.world.clock.advance(between(self.now(), next).max(LOOK));
        false
    }

    /// The end of the first wait that the ledger tells of; nothing when something may come at any moment.
    async fn next_wait(&self) -> Option<Timestamp> {
        let runs = self.world.ledger.runs(None, 100).await.expect("memory answers");
        let open: Vec<_> = runs.iter().filter(|run| !run.state.is_final()).collect();
        let ends = open.iter().map(|run| match run.state {
            RunState::Waiting { until, .. } => Some(until),
            RunState::Held { .. } => Some(self.next_sweep),
            _ => None,
        });
        let ends = ends.collect::<Option<Vec<_>>>()?;
        ends.into_iter().chain(self.timers().await).min()
    }

    /// When each timer is due.
    async fn timers(&self) -> Vec<Timestamp> {
        let mut due = Vec::new();
        for kind in ["leave", "watch"] {
            let timers = self.world.ledger.timers(kind, 100).await.expect("memory answers");
            due.extend(timers.into_iter().filter_map(|timer| timer.due_at));
        }
        due
    }

    /// One message as a worker deals with it: a panic costs this message only.
    pub async fn handle(&self, lane: Lane, delivery: &Delivery) {
        let done = match AssertUnwindSafe(self.engine.handle(delivery)).catch_unwind().await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => false,
            Err(panic) => {
                let what = panic.downcast_ref::<&str>().copied().unwrap_or("no text");
                self.engine.panicked(delivery, what).await.expect("memory answers")
            }
        };
        if done {
            self.queue().acknowledge(lane, delivery).await.expect("memory answers");
        } else {
            self.queue()
                .give_back(lane, delivery, Duration::from_secs(1))
                .await
                .expect("memory answers");
        }
    }

    async fn at_rest(&self) -> bool {
        let runs = self.world.ledger.runs(None, 100).await.expect("memory answers");
        let held = |run: &Run| matches!(run.state, RunState::Held { .. });
        if !runs.iter().all(|run| run.state.is_final() || held(run)) {
            return false;
        }
        let far = plus(self.now(), HOUR * 24 * 365);
        let due = self.world.ledger.due(far, 100).await.expect("memory answers");
        due.iter().all(|due| match due {
            Due::Run(id) => runs.iter().any(|run| run.id == *id && held(run)),
            Due::Account(_) => false,
            // One whose hour has not come rests until then.
            Due::Timer(_) => true,
        }) && self.timers().await.iter().all(|due| *due > self.now())
    }

    async fn states(&self) -> Vec<(RunState, u32)> {
        self.runs()
            .await
            .into_iter()
            .map(|run| (run.state, run.attempts))
            .collect()
    }

    /// All runs, oldest first.
    pub async fn runs(&self) -> Vec<Run> {
        let mut runs = self.world.ledger.runs(None, 100).await.expect("memory answers");
        runs.reverse();
        runs
    }

    /// The only run.
    pub async fn run(&self) -> Run {
        let mut runs = self.runs().await;
        assert_eq!(
            runs.len(),
            1,
            "{:?}",
            runs.iter().map(|run| &run.state).collect::<Vec<_>>()
        );
        runs.remove(0)
    }

    /// Texts in the security channel, oldest first.
    pub fn channel(&self) -> Vec<String> {
        self.world
            .vendors
            .slack
            .messages(CHANNEL)
            .into_iter()
            .map(|message| message.text)
            .collect()
    }

    /// Texts of direct messages to somebody.
    pub fn direct(&self, user: &str) -> Vec<String> {
        let slack = &self.world.vendors.slack;
        let dm = slack.dm_with(user);
        dm.map(|id| slack.messages(&id).into_iter().map(|message| message.text).collect())
            .unwrap_or_default()
    }

    /// How often something was really done in Salesforce.
    pub fn did(&self, effect: &str) -> u64 {
        self.world.vendors.salesforce.counters().get(effect)
    }

    /// Everything that was really done to people in Salesforce.
    pub fn cuts(&self) -> u64 {
        [
            "freeze",
            "unfreeze",
            "revoke-token",
            "revoke-access-token",
            "end-session",
            "deactivate",
            "update-user",
        ]
        .map(|effect| self.did(effect))
        .iter()
        .sum()
    }

    /// True when the leaver is frozen and has neither token nor session.
    pub fn is_cut(&self) -> bool {
        let (org, user) = (&self.world.vendors.salesforce, &self.world.vendors.leaver_user);
        org.is_frozen(user) && org.tokens_of(user).is_empty() && org.sessions_of(user).is_empty()
    }

    /// True when the leaver has all the access of the beginning.
    pub fn is_whole(&self) -> bool {
        let (org, user, before) = (
            &self.world.vendors.salesforce,
            &self.world.vendors.leaver_user,
            &self.world.before,
        );
        !org.is_frozen(user)
            && org.tokens_of(user).len() as u64 == before.tokens
            && org.sessions_of(user).len() as u64 == before.sessions
    }

    /// Documents of a kind as `(id, body)`.
    pub async fn documents(&self, kind: &str) -> Vec<(String, Value)> {
        let found = self.world.ledger.documents(kind, 100).await.expect("memory answers");
        found.into_iter().map(|document| (document.id, document.body)).collect()
    }

    /// What needs somebody's attention, as text.
    pub async fn findings(&self) -> Vec<String> {
        self.documents(documents::FINDING)
            .await
            .into_iter()
            .map(|(id, body)| format!("{id}: {body}"))
            .collect()
    }

    /// Dead letters, as text.
    pub async fn dead(&self) -> Vec<String> {
        self.documents(documents::DEAD)
            .await
            .into_iter()
            .map(|(id, body)| format!("{id}: {body}"))
            .collect()
    }

    /// The review that a run waits for.
    pub async fn review(&self, run: &Run) -> rollcall_model::Review {
        let RunState::Held { review } = &run.state else {
            panic!("{} is not held: {:?}", run.id, run.state)
        };
        self.world
            .ledger
            .review(review)
            .await
            .expect("memory answers")
            .expect("the review is there")
    }

    /// Decides a review as an approver would.
    pub async fn decide(
        &self,
        id: &ReviewId,
        hash: &rollcall_model::Digest,
        approved: bool,
    ) -> rollcall_model::Answer<()> {
        let ledger = &self.world.ledger;
        let review = ledger.review(id).await.expect("memory answers");
        let decision = if approved {
            Decision::Approved
        } else {
            Decision::Refused
        };
        let question = review.as_ref().map_or(
            Question {
                about: id.as_str(),
                hash,
                until: self.now(),
            },
            Question::of,
        );
        let signed = self
            .sign(question.answer(decision, "priya.raman@corp.example", self.now()))
            .await;
        let decision = signed.into_state();
        let decided = ledger.approve(id, hash, &decision, self.now()).await;
        decided.expect("memory answers")
    }

    /// Signs with the approval key.
    pub async fn sign(&self, statement: Statement) -> SignedApproval {
        let signed = approval::sign(statement, self.world.approver.as_ref());
        signed.await.expect("a key from a file signs")
    }

    /// Decides a review as the command does: signs for `by`, and hands it to the engine.
    pub async fn review_decided(
        &self,
        id: &ReviewId,
        hash: &str,
        approve: bool,
        by: &Approver,
    ) -> Result<rollcall_model::Review, EngineError> {
        let decision = if approve { Decision::Approved } else { Decision::Refused };
        let ledger = self.world.ledger.as_ref();
        let statement = review_statement(ledger, id, hash, decision, by.recorded(), self.now()).await?;
        let signed = self.sign(statement).await;
        self.engine.decide_review(id, &signed, by).await
    }

    /// Agrees to an announcement as the command does.
    pub async fn announcement_approved(&self, id: &str, by: &Approver) -> Result<Expectation, EngineError> {
        let ledger = self.world.ledger.as_ref();
        let statement = expectation_statement(ledger, id, by.recorded(), self.now()).await?;
        let signed = self.sign(statement).await;
        self.engine.approve_expectation(id, &signed, by).await
    }
}
