//! What a person asks for: a plan to read, and exactly that plan to be carried out.

use std::time::Duration;

use rollcall_model::ledger::{Lock, LockKey, documents};
use rollcall_model::plan::{Goal, StagePlan};
use rollcall_model::run::Cause;
use rollcall_model::{
    AccountRef, Answer, Call, ConnectionId, Digest, Lane, Message, Person, PersonKey, Run, RunId, RunPlan, RunState,
    SubjectRead, digest,
};
use rollcall_policy::decide;
use rollcall_runtime::clock::plus;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accounts::Planned;
use crate::moved::what_moved;
use crate::opening::run_id;
use crate::preflight::Looked;
use crate::stage::Known;
use crate::undo::UndoTerms;
use crate::{Engine, EngineError};

/// A plan as somebody may read and name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What to name when applying: the digest of the run plan and the stage plan together.
    pub hash: Digest,
    /// The person as the source describes them.
    pub person: Person,
    /// What the run may do.
    pub run_plan: RunPlan,
    /// What its first stage would do now.
    pub stage: StagePlan,
    /// What stands in the way of a later stage that takes apart what is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preflight: Vec<Looked>,
    /// What it takes back, when it takes something back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoTerms>,
}

/// What became of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The run that carries it out.
    pub run: RunId,
    /// True when this run was open or ended already.
    pub already: bool,
}

impl Engine {
    /// Finds a person by a name that an earlier run kept, by `connection/id`, or by what the source answers to as a key.
    pub async fn find_person(&self, who: &str) -> Result<Option<PersonKey>, EngineError> {
        let named = self.parts.ledger.document(documents::NAME, &who.to_lowercase()).await?;
        Ok(named.and_then(|document| serde_json::from_value(document.body.get("person")?.clone()).ok()))
    }

    /// Makes the plan that a run with this goal would have for a person now, keeps it under its hash, and changes nothing.
    pub async fn propose(&self, goal: Goal, who: &str) -> Result<Proposal, EngineError> {
        let configuration = self.configuration();
        let found = decide::planned_playbook(configuration, goal).ok_or_else(|| {
            EngineError::Refused(format!(
                "no playbook takes planned runs with the goal {goal}: add `{{planned: {goal}}}` to the `on` of one"
            ))
        })?;
        let person = self.read_person(who).await?;
        let run_plan = decide::run_plan(
            configuration,
            &found,
            &person,
            &person.account,
            &decide::Wish::default(),
        )
        .ok_or_else(|| EngineError::Refused(format!("there is no playbook {}", found.playbook)))?;
        self.keep_proposal(run_plan, person, None).await
    }

    /// Plans the first stage of a run plan and keeps both under their hash.
    pub(crate) async fn keep_proposal(
        &self,
        run_plan: RunPlan,
        person: Person,
        undo: Option<UndoTerms>,
    ) -> Result<Proposal, EngineError> {
        let configuration = self.configuration();
        let run = self.asked_run(run_plan, person, "proposal")?;
        let holder = self.holder();
        let claim = rollcall_model::ledger::RunClaim {
            run,
            version: 0,
            holder,
            heads: std::collections::BTreeMap::default(),
            joined: 0,
        };
        let (inputs, _) = self.find(configuration, &claim).await?;
        let reads = self.lists(configuration, &claim.holder).await;
        let known = Known::of(configuration, &claim.run, reads);
        let Planned { plan: stage, .. } = self
            .plan(
                configuration,
                &known,
                &claim,
                inputs,
                &std::collections::BTreeMap::default(),
            )
            .await?;
        let hash = match &undo {
            None => digest::digest(&json!({"run_plan": claim.run.plan_hash, "stage": stage.hash()?}))?,
            Some(undo) => {
                digest::digest(&json!({"run_plan": claim.run.plan_hash, "stage": stage.hash()?, "undo": undo}))?
            }
        };
        let preflight = self.before_dismantling(&claim.run.plan, &claim.run.person).await;
        let proposal = Proposal {
            hash: hash.clone(),
            person: claim.run.person,
            run_plan: claim.run.plan,
            stage,
            preflight,
            undo,
        };
        self.parts
            .ledger
            .put_document(documents::PLAN, hash.as_str(), &json!(proposal))
            .await?;
        Ok(proposal)
    }

    /// Reads somebody in the source: by `connection/id`, or by an id in the source.
    ///
    /// # Errors
    ///
    /// `Refused` when there is nobody, or the read proves nothing; says why.
    pub async fn read_person(&self, who: &str) -> Result<Person, EngineError> {
        let account = self.account_of(who);
        let connector = self
            .connector(&account.connection)
            .ok_or_else(|| EngineError::Refused(format!("connection {} is not configured", account.connection)))?;
        let call = Call {
            deadline: plus(self.now(), self.settings.call),
            lane: Lane::Work,
        };
        match connector.read_subject(&call, &account).await {
            Ok(SubjectRead::Present(person)) => Ok(*person),
            Ok(SubjectRead::Gone) => Err(EngineError::Refused(format!("{account} does not exist"))),
            Ok(SubjectRead::Unproven(why)) => Err(EngineError::Refused(format!("{account} cannot be read: {why}"))),
            Err(failure) => Err(EngineError::Refused(format!(
                "{account} cannot be read: {}",
                failure.reason
            ))),
        }
    }

    /// Opens a run bound to a plan that was proposed: it is carried out as it was read, or refused with what moved.
    pub async fn apply_named(&self, hash: &str) -> Result<Asked, EngineError> {
        self.apply_named_by(hash, None).await
    }

    /// The same, and who asks for it, as authenticated: an undo is refused without.
    pub async fn apply_named_by(&self, hash: &str, by: Option<&str>) -> Result<Asked, EngineError> {
        let document = self
            .parts
            .ledger
            .document(documents::PLAN, hash)
            .await?
            .ok_or_else(|| {
                EngineError::Refused(format!(
                    "no plan {hash} is known here: `rollcall plan PERSON` makes one and prints its hash"
                ))
            })?;
        let proposal: Proposal = serde_json::from_value(document.body)
            .map_err(|why| EngineError::Refused(format!("the plan {hash} cannot be read: {why}")))?;
        if proposal.run_plan.config != self.configuration().digest {
            return Err(EngineError::Refused(
                "the configuration has changed since this plan was made: plan again".to_owned(),
            ));
        }
        let mut run = self.asked_run(proposal.run_plan, proposal.person, hash)?;
        let mut tries = 1;
        while let Some(known) = self.parts.ledger.run(&run.id).await? {
            if what_moved(&known.state).is_none() {
                return Ok(Asked {
                    run: known.id,
                    already: true,
                });
            }
            // The world may be again as it was when the plan was made; what was refused then did nothing, and is asked for anew.
            tries += 1;
            run = self.asked_run(run.plan, run.person, &format!("{hash} for the {tries}. time"))?;
        }
        run.bound = Some(proposal.stage);
        let terms = proposal.undo;
        if let Some(terms) = &terms {
            self.as_undo(&mut run, terms, by).await?;
        }
        let holder = self.holder();
        let key = LockKey::Account(run.plan.subject.clone());
        let Some(locks) = self
            .parts
            .ledger
            .claim(std::slice::from_ref(&key), &holder, self.now())
            .await?
            .mine()
        else {
            return Err(EngineError::Refused(
                "another worker is at this person right now: try again in a minute".to_owned(),
            ));
        };
        let result = self.open_bound(&run, &locks, &holder).await;
        self.parts.ledger.release(&locks).await?;
        let asked = result?;
        self.wake(&Message::WakeRun(asked.run.clone()), Duration::ZERO).await?;
        Ok(asked)
    }

    async fn open_bound(
        &self,
        run: &Run,
        _locks: &[Lock],
        holder: &rollcall_model::ledger::Holder,
    ) -> Result<Asked, EngineError> {
        match self.parts.ledger.open_asked(run, holder).await? {
            Answer::Won(mut claim) | Answer::AlreadyMine(mut claim) => {
                self.asked_anyway(run).await?;
                // Whoever serves messages carries it out; asking and doing are two processes.
                self.settle(&mut claim, rollcall_model::ledger::Settle::Park(self.now()))
                    .await?;
                Ok(Asked {
                    run: claim.run.id,
                    already: false,
                })
            }
            Answer::Lost(open) => Err(EngineError::Refused(format!(
                "run {open} is open for this person and goal: `rollcall explain {open}` tells where it stands"
            ))),
            Answer::Stale => Err(EngineError::Fenced(run.id.to_string())),
        }
    }

    /// `connection/id`, or an id in the source. Sign-in names are resolved by the caller, who can say which were ambiguous.
    fn account_of(&self, who: &str) -> AccountRef {
        match who.split_once('/') {
            Some((connection, id)) if self.connector(&ConnectionId::new(connection)).is_some() => {
                AccountRef::new(connection, id)
            }
            _ => AccountRef::new(&self.configuration().source, who),
        }
    }

    /// A run as it is before anything happened. The same cause gives the same id.
    pub(crate) fn asked_run(&self, plan: RunPlan, person: Person, cause: &str) -> Result<Run, EngineError> {
        let now = self.now();
        let plan_hash = plan.hash()?;
        Ok(Run {
            id: run_id(cause, &plan.playbook, &plan_hash),
            plan_hash,
            bound: None,
            person,
            state: RunState::Open,
            stage: 0,
            attempts: 0,
            tell_tries: 0,
            tell_due_at: None,
            replans: 0,
            stage_plan: None,
            stage_hashes: std::collections::BTreeMap::default(),
            changes: Vec::new(),
            cut_at: std::collections::BTreeMap::default(),
            cause: Cause::default(),
            triggers: Vec::new(),
            event_at: now,
            received_at: now,
            opened_at: now,
            stage_due_at: now,
            ending: None,
            ended_at: None,
            salt: digest::hex(&self.parts.ids.salt()),
            receipt: None,
            notes: Vec::new(),
            said: None,
            asked_by: None,
            undoes: None,
            returned: 0,
            exception: None,
            agreed: None,
            read: None,
            plan,
        })
    }
}
