//! Announced leavers: people whose leaving within a window two approvers have agreed to beforehand, so that the limits do not
//! hold them. Nothing else is lifted: the protected, the last administrator and every other hold stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_evidence::approval::{self, Question};
use rollcall_model::ledger::{Document, Ledger, documents};
use rollcall_model::{Answer, Decision, Digest, Person, SignedApproval, Verifier, digest};
use rollcall_runtime::clock::between;
use rollcall_runtime::codes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approvals::{ahead, not_announced};
use crate::reviews::{Approver, said_by};
use crate::{Engine, EngineError};

/// How many approvers must agree.
const NEEDED: usize = 2;
/// The longest window: an announcement is for one planned occasion and not a standing permission.
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// Announcements and approvals that are looked at.
const MOST: usize = 5_000;
/// Between the id of an announcement and the name of an approver in a document's id.
const APPROVAL: char = '~';

/// From this moment up to, and not including, that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Window {
    fn holds(self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}

/// An approver's agreement to exactly one announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The approver, as authenticated.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// When what they agreed to was announced: an approval does not outlive a cancelled announcement.
    pub announced_at: Timestamp,
    /// Their signed word.
    pub signed: SignedApproval,
}

/// An announcement of leavers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Its name: the beginning of its digest.
    pub id: String,
    /// Digest over the people and the window.
    pub digest: Digest,
    /// When they are expected to leave.
    pub window: Window,
    /// How many they are.
    pub people: usize,
    /// Who announced them, as authenticated.
    pub requested_by: String,
    /// When.
    pub requested_at: Timestamp,
    /// Agreements that count: of different approvers, none of whom announced it.
    pub approvals: Vec<Approval>,
    /// Agreements that do not count, because they are not what an approval key in use has signed about this announcement.
    pub unproven: usize,
}

impl Expectation {
    /// What an approver is asked.
    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            about: &self.id,
            hash: &self.digest,
            until: self.window.to,
        }
    }

    /// Whether enough approvers have agreed.
    pub fn is_approved(&self) -> bool {
        self.approvals.len() >= NEEDED
    }

    /// How many more approvers must agree.
    pub fn still_needed(&self) -> usize {
        NEEDED.saturating_sub(self.approvals.len())
    }
}

/// What is stored of an announcement; the people are a file beside it.
#[derive(Serialize, Deserialize)]
struct Stored {
    digest: Digest,
    window: Window,
    people: usize,
    requested_by: String,
    requested_at: Timestamp,
}

/// The people of announcements that count, by digest.
#[derive(Default)]
pub(crate) struct Cache(Mutex<BTreeMap<Digest, Arc<BTreeSet<String>>>>);

fn digest_of(people: &BTreeSet<String>, window: Window) -> Result<Digest, EngineError> {
    Ok(digest::digest(&json!({"people": people, "window": window}))?)
}

fn file(digest: &Digest) -> String {
    format!("expected/{digest}.json")
}

impl Engine {
    /// Keeps an announcement. It counts for nothing until two approvers have agreed to it. The same people in the same window
    /// are the same announcement.
    pub async fn announce(
        &self,
        people: &BTreeSet<String>,
        window: Window,
        by: &Approver,
    ) -> Result<Expectation, EngineError> {
        let now = self.now();
        let refuse = |why: &str| Err(EngineError::Refused(why.to_owned()));
        if window.to <= window.from {
            return refuse("the window ends before it begins");
        }
        if window.to <= now {
            return refuse("the window is over already");
        }
        if between(window.from, window.to) > LONGEST {
            return refuse("a window is seven days at the most: announce what comes later when it comes");
        }
        if people.is_empty() {
            return refuse("nobody is announced");
        }
        let digest = digest_of(people, window)?;
        let id = digest.as_str().chars().take(12).collect::<String>();
        let stored = Stored {
            digest: digest.clone(),
            window,
            people: people.len(),
            requested_by: by.recorded().to_owned(),
            requested_at: now,
        };
        let body = serde_json::to_vec(people).map_err(|why| EngineError::Refused(why.to_string()))?;
        self.parts.files.put(&file(&digest), body.into()).await?;
        let nonce = self.parts.ids.unique();
        let answer = self
            .parts
            .ledger
            .add_document(documents::EXPECTED, &id, &json!(stored), &nonce)
            .await?;
        if matches!(answer, Answer::Won(())) {
            tracing::info!(expectation = id, people = people.len(), "Leavers were announced.");
        }
        self.expectation(&id).await
    }

    /// Every announcement, in order of its window; those that are over included.
    pub async fn expectations(&self) -> Result<Vec<Expectation>, EngineError> {
        listed(self.parts.ledger.as_ref(), Some(self.parts.approvals.as_ref())).await
    }

    /// An announcement by its id.
    pub async fn expectation(&self, id: &str) -> Result<Expectation, EngineError> {
        let all = self.expectations().await?;
        all.into_iter()
            .find(|one| one.id == id)
            .ok_or_else(|| not_announced(id))
    }

    /// The people of an announcement, checked against its digest.
    pub async fn expected_people(&self, expectation: &Expectation) -> Result<BTreeSet<String>, EngineError> {
        let bytes = self.parts.files.get(&file(&expectation.digest)).await?;
        let people: BTreeSet<String> = serde_json::from_slice(&bytes)
            .map_err(|why| EngineError::Refused(format!("the people of {} cannot be read: {why}", expectation.id)))?;
        if digest_of(&people, expectation.window)? != expectation.digest {
            return Err(EngineError::Refused(format!(
                "the people of {} are not those that were announced: cancel it and announce them again",
                expectation.id
            )));
        }
        Ok(people)
    }

    /// Takes a signed agreement to an announcement ([`expectation_statement`](crate::expectation_statement) makes what is
    /// signed). Refused when the signature is not by the approval key or the statement is by somebody else than `by`, for whoever
    /// announced it, for whoever is no approver, and twice by the same.
    pub async fn approve_expectation(
        &self,
        id: &str,
        approval: &SignedApproval,
        by: &Approver,
    ) -> Result<Expectation, EngineError> {
        let expectation = self.expectation(id).await?;
        let now = self.now();
        let statement = &approval.statement;
        if let Err(doubt) = agrees(&expectation.question(), approval, self.parts.approvals.as_ref()) {
            self.not_agreed(id, &doubt).await?;
            return Err(EngineError::Refused(format!(
                "{id} is not approved: {doubt} ({})",
                codes::REVIEW_FORGED
            )));
        }
        if self.is_ahead(statement.at) {
            return Err(EngineError::Refused(format!(
                "{id} is not approved: {}",
                ahead(statement.at)
            )));
        }
        if statement.at < expectation.requested_at {
            return Err(EngineError::Refused(
                "the approval is older than the announcement: approve it again".to_owned(),
            ));
        }
        said_by(statement, by)?;
        if by.is(&expectation.requested_by) {
            return Err(EngineError::Refused(
                "you announced these leavers, so two others approve them".to_owned(),
            ));
        }
        if expectation.window.to <= now {
            return Err(EngineError::Refused("its window is over".to_owned()));
        }
        self.is_approver(by).await?;
        // What is approved must be what the files hold.
        self.expected_people(&expectation).await?;
        let who = statement.by.to_lowercase();
        let approval = Approval {
            by: who.clone(),
            at: statement.at,
            announced_at: expectation.requested_at,
            signed: approval.clone(),
        };
        let place = format!("{id}{APPROVAL}{who}");
        // The same word handed on twice, by a queue or after a lost answer.
        if expectation.approvals.contains(&approval) {
            return Ok(expectation);
        }
        if expectation.approvals.iter().any(|one| one.by == who) {
            return Err(EngineError::Refused(format!(
                "{who} has approved {id} already: somebody else approves it, too"
            )));
        }
        // One that is left of a cancelled announcement does not count, and makes room.
        self.parts
            .ledger
            .put_document(documents::EXPECTED, &place, &json!(approval))
            .await?;
        tracing::info!(expectation = id, "An announcement of leavers was approved.");
        self.expectation(id).await
    }

    /// Takes an announcement back: from now on the limits count its people again.
    pub async fn cancel_expectation(&self, id: &str) -> Result<Expectation, EngineError> {
        let expectation = self.expectation(id).await?;
        self.parts.ledger.remove_document(documents::EXPECTED, id).await?;
        for approval in &expectation.approvals {
            let place = format!("{id}{APPROVAL}{}", approval.by);
            self.parts.ledger.remove_document(documents::EXPECTED, &place).await?;
        }
        tracing::info!(expectation = id, "An announcement of leavers was cancelled.");
        Ok(expectation)
    }

    /// The approved announcement that names the person and whose window holds now. What cannot be read announces nobody: then
    /// the limits count, as they always do.
    pub(crate) async fn expected(&self, person: &Person, now: Timestamp) -> Result<Option<String>, EngineError> {
        let names = names(person);
        for one in self.expectations().await? {
            if one.unproven > 0 && now < one.window.to {
                let some = format!("{} of its approvals are not signed as they should be", one.unproven);
                self.not_agreed(&one.id, &some).await?;
            }
            if !one.is_approved() || !one.window.holds(now) {
                continue;
            }
            match self.announced(&one).await {
                Ok(people) if names.iter().any(|name| people.contains(name)) => return Ok(Some(one.id)),
                Ok(_) => {}
                Err(error) => {
                    let why = error.chain();
                    tracing::warn!(expectation = one.id, why, "Announced leavers cannot be read.");
                }
            }
        }
        Ok(None)
    }

    async fn not_agreed(&self, id: &str, doubt: &str) -> Result<(), EngineError> {
        let why =
            format!("an approval of the announced leavers {id} does not count: {doubt}. `rollcall expect show {id}`");
        self.alert(codes::REVIEW_FORGED, &format!("expected/{id}/approval"), &why)
            .await
    }

    /// The same people, read once per engine.
    async fn announced(&self, expectation: &Expectation) -> Result<Arc<BTreeSet<String>>, EngineError> {
        let kept = |cache: &Cache| {
            let kept = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(&expectation.digest).cloned()
        };
        if let Some(people) = kept(&self.announced) {
            return Ok(people);
        }
        let people = Arc::new(self.expected_people(expectation).await?);
        let mut kept = self.announced.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A handful of occasions at most hold at one time; the rest is read again if it ever counts again.
        if kept.len() > 16 {
            kept.clear();
        }
        kept.insert(expectation.digest.clone(), Arc::clone(&people));
        Ok(people)
    }
}

/// Whether this is a yes to what is asked.
fn agrees(question: &Question<'_>, signed: &SignedApproval, keys: &dyn Verifier) -> Result<(), String> {
    approval::check(signed, question, keys).map_err(|doubt| doubt.to_string())?;
    match signed.statement.decision {
        Decision::Approved => Ok(()),
        Decision::Refused => Err("its statement is a refusal".to_owned()),
    }
}

/// Every announcement, in order of its window, with the approvals that these keys have signed; with none when no key is given.
pub async fn listed(ledger: &dyn Ledger, keys: Option<&dyn Verifier>) -> Result<Vec<Expectation>, EngineError> {
    let listed = ledger.documents(documents::EXPECTED, MOST).await?;
    let mut found = gathered(listed, keys);
    found.sort_by_key(|one| (one.window.from, one.id.clone()));
    Ok(found)
}

/// Announcements with the approvals that count for them.
fn gathered(listed: Vec<Document>, keys: Option<&dyn Verifier>) -> Vec<Expectation> {
    let (approvals, announced): (Vec<Document>, Vec<Document>) =
        listed.into_iter().partition(|document| document.id.contains(APPROVAL));
    let mut by_id: BTreeMap<String, Vec<Approval>> = BTreeMap::new();
    for document in approvals {
        if let (Some((id, _)), Ok(approval)) = (
            document.id.split_once(APPROVAL),
            serde_json::from_value::<Approval>(document.body.clone()),
        ) {
            by_id.entry(id.to_owned()).or_default().push(approval);
        }
    }
    announced
        .into_iter()
        .filter_map(|document| {
            let stored: Stored = serde_json::from_value(document.body).ok()?;
            let mut approvals = by_id.remove(&document.id).unwrap_or_default();
            approvals.retain(|one| one.announced_at == stored.requested_at);
            let all = approvals.len();
            let question = Question {
                about: &document.id,
                hash: &stored.digest,
                until: stored.window.to,
            };
            approvals.retain(|one| {
                let statement = &one.signed.statement;
                one.by == statement.by.to_lowercase()
                    && one.at == statement.at
                    && one.at >= stored.requested_at
                    && keys.is_some_and(|keys| agrees(&question, &one.signed, keys).is_ok())
            });
            let unproven = all - approvals.len();
            approvals.retain(|one| one.by != stored.requested_by.to_lowercase());
            approvals.sort_by(|one, other| one.by.cmp(&other.by));
            approvals.dedup_by(|one, other| one.by == other.by);
            Some(Expectation {
                unproven,
                id: document.id,
                digest: stored.digest,
                window: stored.window,
                people: stored.people,
                requested_by: stored.requested_by,
                requested_at: stored.requested_at,
                approvals,
            })
        })
        .collect()
}

/// Everything that an announcement may call a person by.
fn names(person: &Person) -> Vec<String> {
    let account = &person.account;
    [
        Some(person.login.clone()),
        person.email.clone(),
        person.attribute("employeeNumber").map(str::to_owned),
        Some(account.id.clone()),
        Some(account.to_string()),
    ]
    .into_iter()
    .flatten()
    .map(|name| name.trim().to_lowercase())
    .filter(|name| !name.is_empty())
    .collect()
}
