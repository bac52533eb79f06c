//! Whether a playbook may go beyond observe mode: what it planned there, beside what people did by hand since.
//!
//! Each stage that was planned in observe mode lies in the journal. The same stage is planned again with the configuration
//! that its run pinned; nothing is changed and nobody is claimed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_model::ledger::{Holder, RunClaim, documents};
use rollcall_model::plan::StagePlan;
use rollcall_model::{ChangeKey, Entry, EntryKind, Run, RunState};
use rollcall_policy::ready::{self, Became, Compared, ObservedPerson, Readiness, Sightings, Still, Terms};
use serde::Serialize;
use serde_json::json;

use crate::accounts::Planned;
use crate::guard::{HOUR, InTheWay};
use crate::journal::OWN;
use crate::stage::{Known, OBSERVED_MARK, OBSERVED_NOTE};
use crate::watch::Reason;
use crate::{Engine, EngineError};

/// As many runs as are looked through, newest first.
const MOST: usize = 5_000;

/// Which playbook, and what is asked for.
#[derive(Clone, Debug)]
pub struct ReadyWish {
    /// The playbook's name.
    pub playbook: String,
    /// Runs that were opened before are not looked at.
    pub since: Timestamp,
    /// What is asked for.
    pub terms: Terms,
}

/// What observe mode planned and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyReport {
    /// The playbook.
    pub playbook: String,
    /// Everybody whose newest run of it was planned in observe mode, newest first.
    pub people: Vec<ObservedPerson>,
    /// What that comes to.
    pub readiness: Readiness,
}

/// A stage as it was planned in observe mode.
struct Watched {
    at: Timestamp,
    plan: StagePlan,
    in_the_way: InTheWay,
}

impl Engine {
    /// Compares what a playbook planned in observe mode with what the accounts say now. Changes nothing in any system; what
    /// was seen is kept, so that a later look knows whether people were late.
    ///
    /// # Errors
    ///
    /// `Refused` when there is no such playbook.
    pub async fn ready(&self, wish: &ReadyWish) -> Result<ReadyReport, EngineError> {
        let playbooks = &self.configuration().playbooks;
        if !playbooks.contains_key(&wish.playbook) {
            let known: Vec<&str> = playbooks.keys().map(String::as_str).collect();
            return Err(EngineError::Refused(format!(
                "there is no playbook {}: name one of {}",
                wish.playbook,
                known.join(", ")
            )));
        }
        let mut seen = BTreeSet::new();
        let mut people = Vec::new();
        let mut places = BTreeMap::new();
        for run in self.parts.ledger.runs(None, MOST).await? {
            let fits = run.plan.playbook == wish.playbook && run.opened_at >= wish.since;
            // The newest word on somebody counts: who was deactivated twice has left once.
            if !fits || !is_observed(&run) || !seen.insert((run.plan.person.clone(), run.plan.scope.clone())) {
                continue;
            }
            people.push(self.observed(&run, wish.terms, &mut places).await?);
        }
        let readiness = ready::judge(&people, wish.terms, self.now());
        Ok(ReadyReport {
            playbook: wish.playbook.clone(),
            people,
            readiness,
        })
    }

    /// One person's run. `places` counts who would have taken one of an hour's places, by limit and hour.
    async fn observed(
        &self,
        run: &Run,
        terms: Terms,
        places: &mut BTreeMap<(String, i64), u32>,
    ) -> Result<ObservedPerson, EngineError> {
        let mut person = ObservedPerson {
            run: run.id.clone(),
            person: run.plan.person.clone(),
            login: run.person.login.clone(),
            quiet: run.plan.quiet,
            opened_at: run.opened_at,
            still: Still::Says,
            held: Vec::new(),
            changes: Vec::new(),
        };
        let (stages, unreadable) = watched(&self.parts.ledger.journal(&run.id).await?);
        for stage in &stages {
            person.held.extend(stage.in_the_way.held.iter().cloned());
            person.held.extend(over(stage, places));
        }
        if unreadable {
            person.still = Still::Unread {
                why: "what was planned for them cannot be read from the journal any more".to_owned(),
            };
            return Ok(person);
        }
        if let RunState::Superseded { why } = &run.state
            && took_back(run)
        {
            person.still = Still::TookBack { why: why.clone() };
            return Ok(person);
        }
        let holder = self.holder();
        let (described, said) = match self.reason(run, &holder).await? {
            Reason::Holds(described, said) => (*described, said),
            Reason::Over(why) => {
                person.still = Still::TookBack { why };
                return Ok(person);
            }
            Reason::Unread(why) => {
                person.still = Still::Unread { why };
                return Ok(person);
            }
        };
        let mut now = run.clone();
        now.person = described;
        now.said = Some(said);
        let mut sightings = self.sightings(run).await?;
        let before = sightings.clone();
        for stage in &stages {
            let Some(plan) = self.plan_again(&now, stage, &holder).await? else {
                continue;
            };
            let compared = ready::compare(&stage.plan, &plan, |action| self.is_observable(action));
            for (item, mut became) in compared {
                let key = item.change.key();
                let sighting = sightings.get(&key).copied().unwrap_or_default();
                let sighting = sighting.look(&mut became, self.now());
                if sighting != Sightings::default() {
                    sightings.insert(key.clone(), sighting);
                }
                let late = matches!(became, Became::Same)
                    .then(|| sighting.late(stage.at, terms.within_ms))
                    .flatten();
                person.changes.push(Compared {
                    stage: item.change.stage,
                    step: item.change.step,
                    connection: item.change.connection,
                    action: item.change.action,
                    key,
                    planned_at: stage.at,
                    became,
                    late,
                });
            }
        }
        if sightings != before {
            self.parts
                .ledger
                .put_document(documents::OBSERVED, run.id.as_str(), &json!(sightings))
                .await?;
        }
        Ok(person)
    }

    /// The plan of a stage as it would be made now, for reading.
    async fn plan_again(&self, run: &Run, stage: &Watched, holder: &Holder) -> Result<Option<StagePlan>, EngineError> {
        let Some(place) = run.plan.stages.iter().position(|one| one.name == stage.plan.stage) else {
            return Ok(None);
        };
        let claim = RunClaim {
            run: Run {
                stage: place,
                ..run.clone()
            },
            version: 0,
            holder: holder.clone(),
            heads: BTreeMap::default(),
            joined: 0,
        };
        let configuration = self.pinned(&run.plan.config).await?;
        let (found, _) = self.find(&configuration, &claim).await?;
        let reads = self.lists(&configuration, holder).await;
        let mut known = Known::of(&configuration, &claim.run, reads);
        known.converting = self.converting(&configuration, &claim).await;
        let Planned { plan, .. } = self
            .plan(&configuration, &known, &claim, found, &BTreeMap::default())
            .await?;
        Ok(Some(plan))
    }

    async fn sightings(&self, run: &Run) -> Result<BTreeMap<ChangeKey, Sightings>, EngineError> {
        let kept = self.parts.ledger.document(documents::OBSERVED, run.id.as_str()).await?;
        Ok(kept
            .and_then(|kept| serde_json::from_value(kept.body).ok())
            .unwrap_or_default())
    }
}

/// Whether a stage of the run was planned in observe mode.
fn is_observed(run: &Run) -> bool {
    run.notes.iter().any(|note| note.text.contains(OBSERVED_NOTE))
}

/// Whether a superseded run ended because the source took its word back, and not because its stage was to be left out.
fn took_back(run: &Run) -> bool {
    run.plan.unassigned.is_some() || !run.plan.agrees_with(run.said.unwrap_or(run.person.state))
}

/// The stages that a run planned in observe mode, and whether one of them cannot be read.
fn watched(journal: &[Entry]) -> (Vec<Watched>, bool) {
    let mut unreadable = false;
    let decisions = journal
        .iter()
        .filter(|entry| entry.connection.as_str() == OWN && entry.public.kind == EntryKind::Decision)
        .filter(|entry| entry.public.what.ends_with(OBSERVED_MARK));
    let stages = decisions.filter_map(|entry| {
        let part = |name: &str| entry.private.get(name).cloned().unwrap_or_default();
        let Ok(plan) = serde_json::from_value(part("plan")) else {
            unreadable = true;
            return None;
        };
        Some(Watched {
            at: entry.public.at,
            plan,
            // An earlier version kept only the plan.
            in_the_way: serde_json::from_value(part("in_the_way")).unwrap_or_default(),
        })
    });
    let stages = stages.collect();
    (stages, unreadable)
}

/// The limits that a stage would have gone beyond, when everybody of its hour is counted.
fn over(stage: &Watched, places: &mut BTreeMap<(String, i64), u32>) -> Vec<String> {
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    let window = stage.at.as_millisecond().div_euclid(hour);
    let mut over = Vec::new();
    for (limit, per_hour) in &stage.in_the_way.limits {
        let taken = places.entry((limit.clone(), window)).or_default();
        *taken += 1;
        if *taken > *per_hour {
            over.push(format!(
                "the limit of {per_hour} an hour for {limit} would have been reached"
            ));
        }
    }
    over
}
