//! Announced leavers: people whose leaving within a window two approvers have agreed to beforehand, so that the limits do not
//! hold them. Nothing else is lifted: the protected, the last administrator and every other hold stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Document, documents};
use rollcall_model::{Answer, Digest, Person, digest};
use rollcall_runtime::clock::between;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::reviews::Approver;
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
    /// The digest that they agreed to.
    pub digest: Digest,
    /// When what they agreed to was announced: an approval does not outlive a cancelled announcement.
    pub announced_at: Timestamp,
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
}

impl Expectation {
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

/// Every announcement, in order of its window; those that are over included. May be stale.
pub async fn expectations(ledger: &dyn Ledger) -> Result<Vec<Expectation>, EngineError> {
    let listed = ledger.documents(documents::EXPECTED, MOST).await?;
    let mut found = gathered(listed);
    found.sort_by_key(|one| (one.window.from, one.id.clone()));
    Ok(found)
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
        expectations(self.parts.ledger.as_ref()).await
    }

    /// An announcement by its id.
    pub async fn expectation(&self, id: &str) -> Result<Expectation, EngineError> {
        let all = self.expectations().await?;
        all.into_iter().find(|one| one.id == id).ok_or_else(|| {
            EngineError::Refused(format!(
                "no leavers are announced as {id}: `rollcall expect list` shows what is"
            ))
        })
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

    /// Agrees to an announcement. Refused for whoever announced it, for whoever is no approver, and twice by the same.
    pub async fn approve_expectation(&self, id: &str, by: &Approver) -> Result<Expectation, EngineError> {
        let expectation = self.expectation(id).await?;
        let now = self.now();
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
        let who = by.recorded().to_lowercase();
        let approval = Approval {
            by: who.clone(),
            at: now,
            digest: expectation.digest.clone(),
            announced_at: expectation.requested_at,
        };
        let place = format!("{id}{APPROVAL}{who}");
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
        tracing::info!(expectation = id, by = who, "An announcement of leavers was approved.");
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

/// Announcements with the approvals that count for them.
fn gathered(listed: Vec<Document>) -> Vec<Expectation> {
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
            approvals.retain(|one| {
                one.digest == stored.digest
                    && one.announced_at == stored.requested_at
                    && one.by != stored.requested_by.to_lowercase()
            });
            approvals.sort_by(|one, other| one.by.cmp(&other.by));
            approvals.dedup_by(|one, other| one.by == other.by);
            Some(Expectation {
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
