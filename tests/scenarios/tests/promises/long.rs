//! A change of many calls is worked off in pieces, goes on from what was saved last, and ends once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_engine::{Engine, Parts, Settings, sweep};
use rollcall_evidence::LocalSealer;
use rollcall_evidence::approval::Keys;
use rollcall_harness::WorldSpec;
use rollcall_model::action::{Action, EffectClass, Planned, Undo};
use rollcall_model::connector::ActionUse;
use rollcall_model::ledger::documents;
use rollcall_model::plan::{StageSpec, StepSpec};
use rollcall_model::{
    AccountClass, AccountQuery, AccountRef, AccountSearch, Advance, Applied, Call, Change, ConnectionId, Connector,
    Desk, EntryKind, Event, Failure, Observation, Outcome, Run, RunState, Signal, State, SubjectRead,
};
use rollcall_policy::Configuration;
use rollcall_runtime::{Clock as _, RandomIds, codes};
use rollcall_scenarios::{HOUR, MINUTE, Stage, record};
use serde_json::{Value, json};

const LONG: &str = "test/hand-over";
const LAST: &str = "test/switch-off";

/// An action of these scenarios.
struct Made(&'static str, bool);

impl Action for Made {
    fn name(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "For scenarios."
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Staged
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn reversible(&self) -> bool {
        false
    }

    fn long(&self) -> bool {
        self.1
    }

    fn undo(&self, _: &Change, _: &Value) -> Undo {
        Undo::Nothing("for scenarios")
    }

    fn plan(&self, observed: &State, _: &Value) -> Planned {
        if observed.value == json!({"done": true}) {
            Planned::AlreadySo
        } else {
            Planned::Change {
                after: json!({"done": true}),
            }
        }
    }
}

/// What the next piece of work comes to.
type Piece = dyn Fn(u64) -> Next + Send + Sync;

enum Next {
    /// It takes this long, and there is more.
    Takes(Duration),
    /// The vendor is at it.
    Waits(Duration),
    /// It fails after it has saved that it began.
    FailsAfterSaving(Failure),
    /// It fails at once.
    Fails(Failure),
    /// It never comes back: the process dies.
    Dies,
    /// It is through.
    Ends(Outcome),
}

/// What was done, in order.
#[derive(Default)]
struct Log {
    /// Numbers of pieces that were begun.
    pieces: Mutex<Vec<u64>>,
    /// The account was switched off, after this many pieces.
    off: Mutex<Vec<usize>>,
    /// The state of the records at the vendor: a later plan finds nothing left to do.
    gone: std::sync::atomic::AtomicBool,
    /// The process has died at a piece.
    died: tokio::sync::Notify,
}

impl Log {
    fn pieces(&self) -> Vec<u64> {
        self.pieces.lock().expect("nobody panicked").clone()
    }

    fn off(&self) -> Vec<usize> {
        self.off.lock().expect("nobody panicked").clone()
    }
}

struct Front {
    inner: Arc<dyn Connector>,
    log: Arc<Log>,
    next: Arc<Piece>,
    clock: Arc<rollcall_harness::clock::JumpClock>,
}

#[async_trait]
impl Connector for Front {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        self.inner.normalise(signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.inner.sign_in(call).await
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        self.inner.read_subject(call, account).await
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        self.inner.find_accounts(call, query).await
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        if !actions.iter().any(|action| action.action.starts_with("test/")) {
            return self.inner.observe(call, account, actions).await;
        }
        let is_done = |action: &ActionUse| match action.action.as_str() {
            LONG => self.log.gone.load(std::sync::atomic::Ordering::Relaxed),
            _ => !self.log.off().is_empty(),
        };
        let state = |action| State {
            value: json!({"done": is_done(action)}),
            evidence: Value::Null,
        };
        Ok(actions.iter().map(|action| Observation::Known(state(action))).collect())
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        if change.action != LAST {
            return self.inner.apply(call, change, marker).await;
        }
        let pieces = self.log.pieces().len();
        self.log.off.lock().expect("nobody panicked").push(pieces);
        Ok(Applied {
            request_id: None,
            reference: Value::Null,
        })
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.inner.find_effect(call, change, marker).await
    }

    async fn advance(
        &self,
        change: &Change,
        _: &str,
        state: Option<&Value>,
        desk: &dyn Desk,
    ) -> Result<Advance, Failure> {
        assert_eq!(
            change.before,
            json!({"done": false}),
            "it is gone on with as it was begun"
        );
        let number = state.and_then(|state| state["number"].as_u64()).unwrap_or(0);
        self.log.pieces.lock().expect("nobody panicked").push(number);
        // From the first piece on the vendor shows the records as moved.
        self.log.gone.store(true, std::sync::atomic::Ordering::Relaxed);
        let saved = json!({"number": number + 1});
        match (self.next)(number) {
            Next::Takes(span) => {
                let name = desk
                    .store(&format!("{number:04}.csv"), number.to_string().into_bytes().into())
                    .await?;
                assert_eq!(desk.fetch(&name).await?, number.to_string().into_bytes());
                self.clock.advance(span);
                assert!(desk.call().deadline > self.clock.now(), "no call may outlive the lease");
                desk.save(&format!("piece {number}"), &saved).await?;
                Ok(Advance::More)
            }
            Next::Waits(after) => {
                desk.save(&format!("job {number}"), &saved).await?;
                Ok(Advance::Later {
                    after,
                    why: "the vendor's job".to_owned(),
                })
            }
            Next::FailsAfterSaving(failure) => {
                desk.save(&format!("piece {number}"), &saved).await?;
                Err(failure)
            }
            Next::Fails(failure) => Err(failure),
            Next::Dies => {
                self.log.died.notify_one();
                std::future::pending().await
            }
            Next::Ends(outcome) => Ok(Advance::Done {
                applied: Applied {
                    request_id: Some("req-last".to_owned()),
                    reference: json!({"moved": number}),
                },
                outcome,
            }),
        }
    }
}

/// A world in which a leave hands over an hour after the cut, and then switches the account off.
struct Theatre {
    stage: Stage,
    log: Arc<Log>,
    next: Arc<Piece>,
    connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
    configuration: Arc<Configuration>,
    engine: Engine,
}

impl Theatre {
    async fn new(next: impl Fn(u64) -> Next + Send + Sync + 'static) -> Self {
        let real: Arc<OnceLock<BTreeMap<ConnectionId, Arc<dyn Connector>>>> = Arc::default();
        let kept = Arc::clone(&real);
        let spec = WorldSpec {
            wrap: Some(Arc::new(
                move |connectors: &mut BTreeMap<ConnectionId, Arc<dyn Connector>>| {
                    let _ = kept.set(connectors.clone());
                },
            )),
            ..WorldSpec::default()
        };
        let stage = Stage::new(spec).await;
        let mut connectors = real.get().expect("a worker was made").clone();
        let log: Arc<Log> = Arc::default();
        let next: Arc<Piece> = Arc::new(next);
        let inner = connectors
            .remove(&ConnectionId::from("sf-us"))
            .expect("the fixture has it");
        let front = Front {
            inner,
            log: Arc::clone(&log),
            next: Arc::clone(&next),
            clock: Arc::clone(&stage.world.clock),
        };
        connectors.insert("sf-us".into(), Arc::new(front));
        let mut configuration = (*stage.world.configuration).clone();
        let step = |id: &str, action: &str, after: Option<&str>| StepSpec {
            id: id.to_owned(),
            actions: vec![action.to_owned()],
            connections: vec!["sf-us".into()],
            with: Value::Null,
            condition: None,
            after: after.map(str::to_owned),
            classes: AccountClass::OWN.to_vec(),
            accounts: Vec::new(),
        };
        let leaver = configuration.playbooks.get_mut("leaver").expect("the fixture has it");
        leaver.stages.retain(|stage| stage.name == "cut");
        leaver.stages.push(StageSpec {
            name: "dismantle".to_owned(),
            after_ms: 3_600_000,
            unless: None,
            steps: vec![step("records", LONG, None), step("off", LAST, Some("records"))],
        });
        let configuration = Arc::new(configuration);
        let engine = worker(&stage, &connectors, &configuration);
        Self {
            stage,
            log,
            next,
            connectors,
            configuration,
            engine,
        }
    }

    /// The worker is another process.
    fn replace_worker(&mut self) {
        self.engine = worker(&self.stage, &self.connectors, &self.configuration);
    }

    /// Works for this long; a message that is never done with costs its worker's life and comes again.
    async fn pass(&mut self, span: Duration) {
        let until = rollcall_runtime::clock::plus(self.stage.now(), span);
        let mut deaths = 0;
        while self.stage.now() < until {
            while let Some((lane, delivery)) = self.stage.world.receive().await {
                let handled = tokio::select! {
                    biased;
                    () = self.log.died.notified() => None,
                    handled = self.engine.handle(&delivery) => Some(handled),
                };
                if let Some(handled) = handled {
                    handled.expect("memory answers");
                    let queue = self.stage.queue();
                    queue.acknowledge(lane, &delivery).await.expect("memory answers");
                } else {
                    deaths += 1;
                    assert!(deaths < 3, "it dies again and again");
                    self.replace_worker();
                }
            }
            // A sweep finds what no wake came for; whoever is due and was woken has gone on by then.
            sweep(self.stage.ledger(), self.stage.queue(), self.stage.now())
                .await
                .expect("memory answers");
            self.stage.world.clock.advance(Duration::from_secs(20));
        }
    }

    async fn run(&self) -> Run {
        self.stage.run().await
    }

    fn leaves_no_piece_out(&self, upto: u64) {
        assert_eq!(
            self.log.pieces(),
            (0..=upto).collect::<Vec<_>>(),
            "each piece once, in order"
        );
    }
}

fn worker(
    stage: &Stage,
    connectors: &BTreeMap<ConnectionId, Arc<dyn Connector>>,
    configuration: &Arc<Configuration>,
) -> Engine {
    let world = &stage.world;
    let mut actions = rollcall_connectors::catalogue();
    actions.add(Arc::new(Made(LONG, true)));
    actions.add(Arc::new(Made(LAST, false)));
    let parts = Parts {
        ledger: Arc::clone(&world.ledger),
        queue: Arc::clone(&world.queue),
        files: Arc::clone(&world.files),
        sealer: Arc::new(LocalSealer::new(
            Arc::clone(&world.ledger),
            Arc::clone(&world.files),
            world.signer.clone(),
        )),
        approvals: Arc::new(Keys::from(*world.approver.public_key())),
        clock: world.clock.clone(),
        ids: Arc::new(RandomIds),
        connectors: connectors.clone(),
        actions,
        configuration: Arc::clone(configuration),
    };
    Engine::new(parts, Settings::default())
}

#[tokio::test]
async fn a_long_change_goes_on_over_many_leases_and_what_follows_it_waits() {
    let mut theatre = Theatre::new(|number| match number {
        60 => Next::Ends(Outcome::Changed),
        _ => Next::Takes(Duration::from_secs(7)),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 2).await;
    let run = theatre.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
    theatre.leaves_no_piece_out(60);
    assert_eq!(theatre.log.off(), [61], "switched off once, after the last piece");
    let long = record(&run, LONG);
    assert_eq!(
        (&long.outcome, &long.reference),
        (&Outcome::Changed, &json!({"moved": 60}))
    );
    assert!(
        long.ended_at.as_second() - long.started_at.as_second() >= 60 * 7,
        "from its first piece to its last"
    );
    let journal = theatre.stage.ledger().journal(&run.id).await.expect("memory answers");
    let of_long = |kind| {
        let key = long.change.key();
        journal
            .iter()
            .filter(|entry| entry.change.as_ref() == Some(&key) && entry.public.kind == kind)
            .count()
    };
    assert_eq!(
        (
            of_long(EntryKind::Intent),
            of_long(EntryKind::Progress),
            of_long(EntryKind::Observed)
        ),
        (1, 60, 1)
    );
    let evidence = format!(
        "evidence/{}/sf-us/{}/0007.csv",
        run.id, theatre.stage.world.vendors.leaver_user
    );
    assert_eq!(theatre.stage.world.files.get(&evidence).await.expect("it is kept"), "7");
}

#[tokio::test]
async fn waiting_for_the_vendors_job_uses_up_no_tries_and_reads_little_of_the_journal() {
    let mut theatre = Theatre::new(|number| match number {
        50 => Next::Ends(Outcome::Changed),
        _ => Next::Waits(MINUTE * 10),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 5).await;
    let run = theatre.run().await;
    assert!(
        matches!(&run.state, RunState::Waiting { why, .. } if why.contains("the vendor's job")),
        "{:?}",
        run.state
    );
    assert_eq!(run.attempts, 0);
    assert_eq!(record(&run, LONG).outcome, Outcome::Pending);
    assert!(matches!(&record(&run, LAST).outcome, Outcome::Unknown(why) if why.contains("waits for step records")));
    let done = theatre.log.pieces().len() as u64;
    assert!(done > 15, "{done}");
    let mark = run.read.expect("what was read is marked");
    let journal = theatre
        .stage
        .ledger()
        .journal_after(&run.id, &mark.upto)
        .await
        .expect("memory answers");
    assert!(
        journal.len() < 12,
        "{} entries are left to read of {done} pieces",
        journal.len()
    );
    theatre.pass(HOUR * 6).await;
    let run = theatre.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
    theatre.leaves_no_piece_out(50);
    assert_eq!(theatre.log.off().len(), 1);
}

#[tokio::test]
async fn a_worker_that_dies_costs_nothing_that_was_saved() {
    let died = std::sync::atomic::AtomicBool::new(false);
    let mut theatre = Theatre::new(move |number| match number {
        12 => Next::Ends(Outcome::Changed),
        5 if !died.swap(true, std::sync::atomic::Ordering::Relaxed) => Next::Dies,
        _ => Next::Takes(Duration::from_secs(1)),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 2).await;
    let run = theatre.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
    let mut pieces = theatre.log.pieces();
    assert_eq!(pieces.iter().filter(|number| **number == 5).count(), 2, "{pieces:?}");
    pieces.dedup();
    assert_eq!(pieces, (0..=12).collect::<Vec<_>>(), "on from what was saved last");
}

#[tokio::test]
async fn a_hand_over_that_failed_for_good_does_not_lead_to_switching_off() {
    let mut theatre = Theatre::new(|number| match number {
        3 => Next::Fails(Failure::needs_human(
            "nobody may take over: name somebody who is licensed",
        )),
        _ => Next::Takes(Duration::from_secs(1)),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 2).await;
    let run = theatre.run().await;
    assert!(
        matches!(&run.state, RunState::Incomplete { why } if why.contains("licensed")),
        "{:?}",
        run.state
    );
    assert!(matches!(record(&run, LONG).outcome, Outcome::Failed(_)));
    assert!(matches!(&record(&run, LAST).outcome, Outcome::Refused(why) if why.contains("step records")));
    assert_eq!(theatre.log.off(), Vec::<usize>::new());
}

#[tokio::test]
async fn a_hand_over_that_gets_on_may_stumble_more_often_than_a_stage_may_fail() {
    let mut theatre = Theatre::new(|number| match number {
        40 => Next::Ends(Outcome::Changed),
        _ => Next::FailsAfterSaving(Failure::retry("the vendor hung up")),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 4).await;
    let run = theatre.run().await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.notes);
    theatre.leaves_no_piece_out(40);
}

#[tokio::test]
async fn a_hand_over_that_does_not_get_on_ends_after_the_usual_tries() {
    let mut theatre = Theatre::new(|_| Next::Fails(Failure::retry("the vendor hung up"))).await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 8).await;
    let run = theatre.run().await;
    assert!(
        matches!(&run.state, RunState::Incomplete { why } if why.contains("hung up")),
        "{:?}",
        run.state
    );
    assert_eq!(theatre.log.pieces().len(), 12);
    assert_eq!(theatre.log.off(), Vec::<usize>::new());
}

#[tokio::test]
async fn whoever_is_back_is_not_handed_over_any_further() {
    let mut theatre = Theatre::new(|_| Next::Waits(MINUTE * 10)).await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR * 2).await;
    let before = theatre.log.pieces().len();
    assert!(before > 2);
    theatre.stage.returns_unheard();
    theatre.pass(HOUR).await;
    let run = theatre.run().await;
    assert!(matches!(run.state, RunState::Superseded { .. }), "{:?}", run.state);
    assert_eq!(theatre.log.pieces().len(), before, "not one piece more");
    assert!(matches!(record(&run, LONG).outcome, Outcome::Superseded(_)));
    assert!(
        run.notes.iter().any(|note| note.text.contains("abandoned")),
        "{:?}",
        run.notes
    );
    let findings = theatre.stage.findings().await;
    let undo = format!("rollcall undo {}", run.id);
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains(codes::PERSON_RESTORED.id) && finding.contains(&undo)),
        "{findings:?}"
    );
}

#[tokio::test]
async fn the_stop_button_stops_between_two_pieces_and_resume_goes_on() {
    let mut theatre = Theatre::new(|number| match number {
        30 => Next::Ends(Outcome::Changed),
        _ => Next::Waits(MINUTE),
    })
    .await;
    theatre.stage.leaves().await;
    theatre.pass(HOUR + MINUTE * 10).await;
    theatre
        .stage
        .ledger()
        .put_document(documents::PAUSE, "connection/sf-us", &json!({"cut": false}))
        .await
        .expect("memory takes it");
    let before = theatre.log.pieces().len();
    assert!((2..30).contains(&before), "{before}");
    theatre.pass(HOUR * 3).await;
    assert_eq!(theatre.log.pieces().len(), before);
    assert_eq!(theatre.run().await.attempts, 0);
    let resume = theatre
        .stage
        .ledger()
        .remove_document(documents::PAUSE, "connection/sf-us");
    resume.await.expect("memory takes it");
    theatre.pass(HOUR * 2).await;
    assert_eq!(theatre.run().await.state, RunState::Done);
    theatre.leaves_no_piece_out(30);
    assert!(Arc::strong_count(&theatre.next) > 1);
}
