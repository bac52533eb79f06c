//! What a machine must not decide about one account or one change: a person is asked, and the others do not wait for it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use jiff::Timestamp;
use rollcall_model::ledger::{Holder, RunClaim, documents};
use rollcall_model::plan::{Change, ChangeKey, StagePlan, TellMoment, Verdict};
use rollcall_model::{
    Account, AccountClass, AccountRef, Answer, ConnectionId, Digest, Lane, Outcome, PersonKey, Review, ReviewAbout,
    ReviewId, ReviewState, Run, digest,
};
use rollcall_policy::decide::ListReads;
use rollcall_policy::{Configuration, StageInputs};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use serde_json::{Value, json};

use crate::{Engine, EngineError};

/// What people said about single changes.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// True when the change may be made.
    pub(crate) decided: BTreeMap<ChangeKey, bool>,
    /// Nobody said anything in time.
    pub(crate) too_late: BTreeSet<ChangeKey>,
}

impl Engine {
    /// Lists that must be read before anything is decided.
    pub(crate) async fn lists(&self, configuration: &Configuration, holder: &Holder) -> ListReads {
        let call = self.call(holder, Lane::Urgent);
        self.read_lists(configuration, &call).await
    }

    /// What the ledger and people know of the accounts that a search found: whose they are, and whose they are not.
    pub(crate) async fn know_accounts(&self, claim: &RunClaim, found: &mut StageInputs) -> Result<(), EngineError> {
        let person = &claim.run.plan.person;
        let strangers = found.accounts.iter().flat_map(|(connection, search)| {
            let linked = found.linked.get(connection);
            search
                .accounts
                .iter()
                .filter(move |account| linked.is_none_or(|ids| !ids.contains(&account.account.id)))
        });
        let known = try_join_all(strangers.map(|account| self.know(claim, person, account))).await?;
        for (account, owner, said) in known {
            match said {
                Some(true) => {
                    found.confirmed.insert(account.clone());
                }
                Some(false) => {
                    found.denied.insert(account.clone());
                }
                None => {}
            }
            if let Some(owner) = owner.filter(|owner| owner != person) {
                found.owners.insert(account, owner);
            }
        }
        Ok(())
    }

    async fn know(
        &self,
        claim: &RunClaim,
        person: &PersonKey,
        account: &Account,
    ) -> Result<(AccountRef, Option<PersonKey>, Option<bool>), EngineError> {
        let (name, denied) = (account.account.to_string(), format!("{person} {}", account.account));
        let (owner, denied) = futures::try_join!(
            self.parts.ledger.document(documents::OWNER, &name),
            self.parts.ledger.document(documents::DENIED, &denied),
        )?;
        let owner: Option<PersonKey> =
            owner.and_then(|owner| serde_json::from_value(owner.body.get("person")?.clone()).ok());
        let mut said = denied.map(|_| false);
        if said.is_none() && (!account.sure || owner.as_ref().is_some_and(|owner| owner != person)) {
            let review = self.review(&account_review(claim, &account.account)).await?;
            // The decision outlives the run: the next one does not ask again.
            said = match review.map(|review| review.state) {
                Some(ReviewState::Approved { .. }) => {
                    self.confirm_account(person, &account.account).await?;
                    Some(true)
                }
                Some(ReviewState::Refused { .. }) => {
                    self.deny_account(person, &account.account).await?;
                    Some(false)
                }
                Some(ReviewState::Open) | None => None,
            };
        }
        Ok((account.account.clone(), owner, said))
    }

    /// Changes by actions that cannot be read back and that the vendor accepted in this run.
    pub(crate) fn accepted(&self, run: &Run, seen: &BTreeMap<ChangeKey, Outcome>) -> BTreeSet<ChangeKey> {
        let recorded = run
            .changes
            .iter()
            .filter(|record| record.outcome == Outcome::Changed && !self.is_observable(&record.change.action))
            .map(|record| record.change.key());
        // The run may not have been written back after the journal saw it.
        let seen = seen
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Changed)
            .map(|(key, _)| key.clone());
        recorded.chain(seen).collect()
    }

    /// What people said about the changes of a plan that wait for them.
    pub(crate) async fn said(&self, claim: &RunClaim, plan: &StagePlan) -> Result<Said, EngineError> {
        let mut said = Said::default();
        for item in asking(plan) {
            let key = item.key();
            let of_change = self.review(&change_review(claim, &key)).await?;
            let of_account = match &item.account {
                Some(account) => self.review(&account_review(claim, account)).await?,
                None => None,
            };
            for review in of_change.into_iter().chain(of_account) {
                match (&review.about, &review.state) {
                    (ReviewAbout::Change(_), ReviewState::Approved { .. }) => {
                        said.decided.insert(key.clone(), true);
                    }
                    (ReviewAbout::Change(_), ReviewState::Refused { .. }) => {
                        said.decided.insert(key.clone(), false);
                    }
                    (_, ReviewState::Open) if review.expires_at <= self.now() => {
                        said.too_late.insert(key.clone());
                    }
                    _ => {}
                }
            }
        }
        Ok(said)
    }

    /// Opens a review for each account and change that waits for a person, tells of it once, and answers until when the run
    /// waits; nothing when nobody is asked.
    pub(crate) async fn ask_people(
        &self,
        configuration: &Configuration,
        claim: &mut RunClaim,
        plan: &StagePlan,
        found: &StageInputs,
    ) -> Result<Option<Timestamp>, EngineError> {
        let mut until: Option<Timestamp> = None;
        let mut asked = BTreeSet::new();
        for item in &plan.items {
            let Verdict::Ask(why) = &item.verdict else { continue };
            let change = &item.change;
            let doubtful = change.account.as_ref().filter(|account| is_doubtful(found, account));
            let (id, about, hash) = match doubtful {
                Some(account) => (
                    account_review(claim, account),
                    ReviewAbout::Account(account.clone()),
                    digest::digest(&json!({"account": account, "person": claim.run.plan.person}))?,
                ),
                None => (
                    change_review(claim, &change.key()),
                    ReviewAbout::Change(change.key()),
                    change_hash(change)?,
                ),
            };
            if !asked.insert(id.clone()) {
                continue;
            }
            let review = Review {
                id: id.clone(),
                run: claim.run.id.clone(),
                stage: plan.stage.clone(),
                plan_hash: hash,
                reasons: vec![why.clone()],
                opened_at: self.now(),
                expires_at: plus(self.now(), configuration.guard.held.expires),
                state: ReviewState::Open,
                about,
                asked_by: claim.run.asked_by.clone(),
            };
            let opened = matches!(self.parts.ledger.open_review(&review).await?, Answer::Won(()));
            if opened {
                let what = format!("{} asks {id}", plan.stage);
                self.decided(claim, &what, json!({"change": change, "why": why}))
                    .await?;
                tracing::warn!(code = codes::GUARD_HELD.id, run = %claim.run.id, review = %id, "A person must decide.");
            }
            let note = format!("{} waits for a decision ({id}): {why}", change.connection);
            if claim.run.notes.iter().all(|known| known.text != note) {
                claim.run.note(self.now(), note);
            }
            self.plan_tell(claim, TellMoment::Held, short(id.as_str())).await?;
            let known = self.review(&id).await?;
            let expires_at = known.map_or(review.expires_at, |known| match known.state {
                ReviewState::Open => known.expires_at,
                // Decided between our two looks.
                _ => self.now(),
            });
            until = Some(until.map_or(expires_at, |until| until.min(expires_at)));
        }
        Ok(until)
    }

    /// Keeps whose an account is, for every account that was not known to be the person's before.
    pub(crate) async fn own_accounts(
        &self,
        claim: &RunClaim,
        known: &BTreeMap<ConnectionId, Vec<String>>,
        links: &BTreeMap<ConnectionId, Vec<String>>,
    ) -> Result<(), EngineError> {
        let owner = json!({"person": claim.run.plan.person});
        let fresh = links.iter().flat_map(|(connection, ids)| {
            let before = known.get(connection);
            ids.iter()
                .filter(move |id| before.is_none_or(|before| !before.contains(id)))
                .map(move |id| AccountRef::new(connection, id))
        });
        let link = json!({"person": claim.run.person});
        let configuration = self.configuration();
        try_join_all(fresh.map(|account| {
            let (owner, link, ledger) = (&owner, &link, &self.parts.ledger);
            let is_directory = configuration
                .connection(&account.connection)
                .is_some_and(|known| known.kind.is_directory());
            async move {
                let name = account.to_string();
                // What a directory says of an account after its deletion must still lead to the person.
                if is_directory {
                    ledger.put_document(documents::LINK, &name, link).await?;
                }
                ledger.put_document(documents::OWNER, &name, owner).await
            }
        }))
        .await?;
        Ok(())
    }

    /// A service account that a person answered for is nobody's now: somebody has to rotate its secret and take it over.
    pub(crate) async fn name_service_accounts(&self, claim: &RunClaim, plan: &StagePlan) -> Result<(), EngineError> {
        let services: BTreeSet<&AccountRef> = plan
            .items
            .iter()
            .filter(|item| item.change.evidence.get("class") == Some(&json!(AccountClass::Service)))
            .filter_map(|item| item.change.account.as_ref())
            .collect();
        for account in services {
            let why = format!(
                "{account} is a service account of somebody who left: rotate its secret and give it a new owner"
            );
            let id = format!("{}/{account}/service", claim.run.id);
            self.alert(codes::SERVICE_ACCOUNT, &id, &why).await?;
        }
        Ok(())
    }
}

fn asking(plan: &StagePlan) -> impl Iterator<Item = &Change> {
    plan.items
        .iter()
        .filter(|item| matches!(item.verdict, Verdict::Ask(_)))
        .map(|item| &item.change)
}

/// Whether it is in doubt that an account is the person's.
fn is_doubtful(found: &StageInputs, account: &AccountRef) -> bool {
    let sure = found
        .accounts
        .get(&account.connection)
        .and_then(|search| search.accounts.iter().find(|known| known.account == *account))
        .is_some_and(|known| known.sure);
    !found.confirmed.contains(account) && (!sure || found.owners.contains_key(account))
}

fn account_review(claim: &RunClaim, account: &AccountRef) -> ReviewId {
    let name = digest::sha256(account.to_string().as_bytes());
    ReviewId::new(format!("{}-account-{}", claim.run.id, short(name.as_str())))
}

fn change_review(claim: &RunClaim, key: &ChangeKey) -> ReviewId {
    let name = digest::sha256(key.as_str().as_bytes());
    ReviewId::new(format!("{}-change-{}", claim.run.id, short(name.as_str())))
}

/// What a decision about one change binds to: everything but the evidence.
fn change_hash(change: &Change) -> Result<Digest, digest::CanonicalError> {
    digest::digest(&Change {
        evidence: Value::Null,
        ..change.clone()
    })
}

/// The last twelve characters: for a review's name those that tell it from the run's others.
fn short(name: &str) -> &str {
    name.get(name.len().saturating_sub(12)..).unwrap_or(name)
}
