//! Reading, listing and claiming runs.

use jiff::Timestamp;
use rollcall_model::ledger::{Due, Holder, RunClaim};
use rollcall_model::{Answer, ConnectionId, Goal, LedgerError, PersonKey, Run, RunId, SignalKey};

use super::items::{HeadItem, InboxItem, RunItem, RunName, TimerItem, TriggerItem};
use super::keys;
use super::open::head_at;
use super::settle::guard_due;
use super::writing::{Done, TRIES, exhausted, put, put_due};
use super::{EVERYTHING, TableLedger};
use crate::table::{When, Write};

/// How many runs are read at once (DynamoDB reads up to 100 items at once).
const RUNS_A_READ: usize = 50;

impl TableLedger {
    pub(super) async fn read_run(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        match self.read(keys::run(id)).await? {
            Some(item) => {
                let run = self.decode::<RunItem>(&item).await?.run;
                Ok(Some(self.salted_if_kept(run).await?))
            }
            None => Ok(None),
        }
    }

    pub(super) async fn list_runs(&self, person: Option<&PersonKey>, most: usize) -> Result<Vec<Run>, LedgerError> {
        let partition = person.map_or_else(|| keys::RUNS.to_owned(), keys::person_partition);
        let names = self.table.query(&partition, keys::LISTED, true, most).await?;
        let mut runs = Vec::with_capacity(names.len());
        for some in names.chunks(RUNS_A_READ) {
            let mut places = Vec::with_capacity(some.len());
            for name in some {
                places.push(keys::run(&self.decode::<RunName>(name).await?.run));
            }
            for item in self.table.get(&places).await?.into_iter().flatten() {
                runs.push(self.decode::<RunItem>(&item).await?.run);
            }
        }
        Ok(runs)
    }

    pub(super) async fn open_run_of(
        &self,
        person: &PersonKey,
        goal: Goal,
        scope: Option<&ConnectionId>,
    ) -> Result<Option<RunId>, LedgerError> {
        match self.read(keys::open(person, goal, scope)).await? {
            Some(item) => Ok(Some(self.decode::<RunName>(&item).await?.run)),
            None => Ok(None),
        }
    }

    pub(super) async fn joined_events(&self, run: &RunId) -> Result<Vec<SignalKey>, LedgerError> {
        let items = self
            .table
            .query(&keys::run_partition(run), keys::TRIGGERS, false, EVERYTHING)
            .await?;
        let mut events = Vec::with_capacity(items.len());
        for item in &items {
            events.push(self.decode::<TriggerItem>(item).await?.event);
        }
        Ok(events)
    }

    pub(super) async fn claim_one_run(
        &self,
        id: &RunId,
        holder: &Holder,
        now: Timestamp,
    ) -> Result<Answer<RunClaim>, LedgerError> {
        for _ in 0..TRIES {
            let [item, wake] = self.read_all([keys::run(id), keys::wake(id)]).await?;
            let Some(item) = item else {
                return Ok(Answer::Stale);
            };
            let RunItem {
                run,
                lease,
                nonce,
                finished,
            } = self.decode(&item).await?;
            if finished {
                // A decision that came while its run was ending left a wake, which nobody else takes away any more.
                if let Some(wake) = wake {
                    let done = Write::Delete {
                        key: wake.key,
                        when: When::Version(wake.version),
                    };
                    self.write(&[done], "ended").await?;
                }
                return Ok(Answer::Lost("the run has ended".to_owned()));
            }
            if let Some(lease) = lease.as_ref().filter(|lease| lease.bars(&holder.name, now)) {
                return Ok(Answer::Lost(lease.name.clone()));
            }
            let again = lease.is_some_and(|lease| lease.name == holder.name);
            let joined = self.joins(&run).await?;
            let run = self.salted(run).await?;
            let taken = RunItem {
                run,
                lease: Some(holder.into()),
                nonce,
                finished,
            };
            let mut parts = vec![put_due(
                keys::run(id),
                self.encode("run", &taken).await?,
                Some(guard_due(holder)),
                When::Version(item.version),
            )];
            let mut claim = RunClaim {
                run: taken.run,
                version: item.version + 1,
                holder: holder.clone(),
                heads: std::collections::BTreeMap::new(),
                joined,
            };
            // Each end is written, so that whatever an earlier holder still appends names a version that is gone.
            for item in self.head_items(id).await? {
                let head: HeadItem = self.decode(&item).await?;
                parts.push(put(item.key, item.body, When::Version(item.version)));
                let connection = head.chain.connection.clone();
                claim.heads.insert(connection, head_at(head, item.version + 1));
            }
            if let Some(wake) = wake {
                parts.push(Write::Delete {
                    key: wake.key,
                    when: When::Version(wake.version),
                });
            }
            match self.write(&parts, &format!("claim {}", holder.name)).await? {
                Done::Now if !again => return Ok(Answer::Won(claim)),
                Done::Now | Done::Before => return Ok(Answer::AlreadyMine(claim)),
                Done::No => {}
            }
        }
        exhausted()
    }

    /// How far the joining of events to this run has come; zero when it is not the open run of its goal.
    async fn joins(&self, run: &Run) -> Result<u64, LedgerError> {
        let place = keys::open(&run.plan.person, run.plan.goal, run.plan.scope.as_ref());
        match self.read(place).await? {
            Some(open) if self.decode::<RunName>(&open).await?.run == run.id => Ok(open.version),
            _ => Ok(0),
        }
    }

    pub(super) async fn list_due(&self, now: Timestamp, most: usize) -> Result<Vec<Due>, LedgerError> {
        let mut due = Vec::new();
        for item in self.table.due(now.as_millisecond(), most).await? {
            let found = match item.key.sk.as_str() {
                keys::INBOX => Due::Account(self.decode::<InboxItem>(&item).await?.account),
                keys::RUN | keys::WAKE => match item.key.pk.strip_prefix("RUN#") {
                    Some(id) => Due::Run(RunId::new(id)),
                    None => continue,
                },
                place if place.starts_with(keys::TIMER) => Due::Timer(self.decode::<TimerItem>(&item).await?.id),
                _ => continue,
            };
            if !due.contains(&found) {
                due.push(found);
            }
        }
        Ok(due)
    }
}
