//! By which names the state may hold somebody.

use std::collections::BTreeSet;

use rollcall_model::ledger::{Document, Whom, documents};
use rollcall_model::{AccountRef, Goal, Outcome, Person, PersonKey, Run, RunId};
use rollcall_policy::decide::{self, Membership};
use rollcall_runtime::clock::between;
use serde_json::Value;

use crate::whose::Subject;
use crate::{Engine, EngineError};

/// More documents of a kind than any company has.
const MOST: usize = 5_000_000;
/// More runs than anybody has.
const RUNS: usize = 10_000;
/// The list of people of whom nothing may be destroyed.
const HOLD: &str = "hold";

/// Somebody, with what was read on the way.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) whom: Whom,
    pub(super) runs: Vec<Run>,
    /// They, as they were described each time.
    pub(super) described: Vec<Person>,
    /// What the operator must know and cannot be done here.
    pub(super) notes: BTreeSet<String>,
}

impl Gathered {
    fn describe(&mut self, person: &Person) {
        let whom = &mut self.whom;
        whom.persons.insert(person.key.clone());
        whom.accounts.insert(person.account.clone());
        let names = [Some(&person.display), Some(&person.login), person.email.as_ref()];
        whom.names
            .extend(names.into_iter().flatten().filter(|name| !name.is_empty()).cloned());
        if !self.described.contains(person) {
            self.described.push(person.clone());
        }
    }
}

impl Engine {
    /// Everything that the ledger says of somebody: a sign-in name or address that it knows, `connection/id`, a person's key or
    /// a run of theirs.
    pub(super) async fn gather(&self, id: String, who: &str) -> Result<Gathered, EngineError> {
        let links = self.every(documents::LINK).await?;
        let owners = self.every(documents::OWNER).await?;
        let names = self.every(documents::NAME).await?;
        let mut found = Gathered::default();
        found.whom.id = id;
        let connections = self.configuration().connections.iter();
        found.whom.connections = connections
            .map(|(id, connection)| (id.to_string(), connection.kind.as_str().to_owned()))
            .collect();
        let named = PersonKey::new(who);
        if !self.parts.ledger.runs(Some(&named), 1).await?.is_empty() {
            found.whom.persons.insert(named);
        }
        found.whom.persons.extend(self.find_person(who).await?);
        for document in links.iter().chain(&owners).filter(|document| document.id == who) {
            found.whom.persons.extend(key_of(&document.body));
        }
        if let Some(run) = self.parts.ledger.run(&RunId::new(who)).await?
            && run.forgotten().is_none()
        {
            found.whom.persons.insert(run.plan.person);
        }
        // What is found names more of them: until nothing new is.
        loop {
            let before = found.whom.clone();
            self.gather_runs(&mut found).await?;
            self.gather_links(&mut found, &links, &owners, &names).await?;
            if found.whom == before {
                break;
            }
        }
        if found.runs.is_empty() && found.described.is_empty() && found.whom.accounts.is_empty() {
            return Err(EngineError::Refused(format!(
                "nothing is known of {who}: give a sign-in name, `connection/id` or a run's id as `rollcall explain` shows them; whoever has been forgotten is known by no name"
            )));
        }
        self.add_matched(&mut found);
        homonyms(&mut found, &links);
        Ok(found)
    }

    async fn every(&self, kind: &str) -> Result<Vec<Document>, EngineError> {
        Ok(self.parts.ledger.documents(kind, MOST).await?)
    }

    async fn gather_runs(&self, found: &mut Gathered) -> Result<(), EngineError> {
        for person in found.whom.persons.clone() {
            for run in self.parts.ledger.runs(Some(&person), RUNS).await? {
                if !found.whom.runs.insert(run.id.clone()) {
                    continue;
                }
                found.whom.persons.insert(run.plan.person.clone());
                found.whom.accounts.insert(run.plan.subject.clone());
                let changed = run.changes.iter().filter_map(|record| record.change.account.clone());
                found.whom.accounts.extend(changed);
                found.describe(&run.person);
                found.runs.push(run);
            }
        }
        Ok(())
    }

    async fn gather_links(
        &self,
        found: &mut Gathered,
        links: &[Document],
        owners: &[Document],
        names: &[Document],
    ) -> Result<(), EngineError> {
        for person in found.whom.persons.clone() {
            let linked = self.parts.ledger.document(documents::LINKS, person.as_str()).await?;
            let linked = linked.map(|linked| linked.body).unwrap_or_default();
            for (connection, ids) in linked.as_object().into_iter().flatten() {
                for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    found.whom.accounts.insert(AccountRef::new(connection.as_str(), id));
                }
            }
        }
        for document in links {
            let person = document.body.get("person").cloned().unwrap_or_default();
            if let Ok(person) = serde_json::from_value::<Person>(person)
                && found.whom.persons.contains(&person.key)
            {
                found.whom.accounts.extend(account(&document.id));
                found.describe(&person);
            }
        }
        let theirs = |documents: &[Document], whom: &Whom| -> Vec<String> {
            let theirs = documents
                .iter()
                .filter(|document| key_of(&document.body).is_some_and(|person| whom.persons.contains(&person)));
            theirs.map(|document| document.id.clone()).collect()
        };
        let owned = theirs(owners, &found.whom);
        found.whom.accounts.extend(owned.iter().filter_map(|id| account(id)));
        let called = theirs(names, &found.whom);
        found.whom.names.extend(called);
        // A directory's account had a key of its own until it was linked.
        let keys = found
            .whom
            .accounts
            .iter()
            .map(|one| format!("{}:{}", one.connection, one.id));
        let keys: Vec<PersonKey> = keys.map(PersonKey::new).collect();
        found.whom.persons.extend(keys);
        Ok(())
    }

    /// What `match` compares tells one person from another: their number, their name in a federation.
    fn add_matched(&self, found: &mut Gathered) {
        let configuration = self.configuration();
        for person in &found.described {
            for connection in configuration.connections.keys() {
                let query = decide::account_query(configuration, person, connection, &[]);
                found.whom.names.extend(query.keys.into_iter().map(|key| key.value));
            }
        }
    }

    /// What stands in the way of forgetting somebody, apart from what the ledger's pages say.
    pub(super) async fn bars(&self, found: &Gathered, even_undo: bool) -> Result<BTreeSet<String>, EngineError> {
        let mut bars = self.holds(found).await?;
        let now = self.now();
        let keep = self.configuration().retention.undo;
        for run in &found.runs {
            if !run.state.is_final() {
                bars.insert(format!(
                    "{} has not ended: `rollcall explain {}` tells what it waits for",
                    run.id, run.id
                ));
                continue;
            }
            let changed = run.changes.iter().any(|record| record.outcome == Outcome::Changed);
            let recent = run.ended_at.is_some_and(|ended| between(ended, now) < keep);
            if changed && recent && run.plan.goal != Goal::Undo && !even_undo {
                bars.insert(format!(
                    "{} can still be taken back, and could not be any more: wait until {} days after its end, or say --even-undo",
                    run.id,
                    keep.as_secs() / 86_400
                ));
            }
        }
        let texts = found.whom.texts();
        for announced in self.expectations().await? {
            if announced.window.to <= now {
                continue;
            }
            let people = self.expected_people(&announced).await?;
            if people.iter().any(|name| texts.stand_in(name)) {
                bars.insert(format!(
                    "the announcement {} names them: `rollcall expect cancel {}`",
                    announced.id, announced.id
                ));
            }
        }
        Ok(bars)
    }

    /// Whether they are under legal hold, by what was kept of them and by what their directory says now. A list or a directory
    /// that cannot be read is no permission.
    async fn holds(&self, found: &Gathered) -> Result<BTreeSet<String>, EngineError> {
        let configuration = self.configuration();
        let mut bars = BTreeSet::new();
        if !configuration.lists.contains_key(HOLD) {
            return Ok(bars);
        }
        let mut described = found.described.clone();
        let mut subjects: BTreeSet<AccountRef> = described.iter().map(|person| person.account.clone()).collect();
        if subjects.is_empty() {
            subjects.clone_from(&found.whom.accounts);
        }
        for account in subjects {
            match self.subject(&account, None).await? {
                Subject::Known(known) => described.push(known.person),
                Subject::Unreadable(why, _) => {
                    bars.insert(format!("whether they are under legal hold cannot be told: {why}"));
                }
            }
        }
        let reads = self.lists(configuration, &self.holder()).await;
        for person in &described {
            match decide::memberships(configuration, person, &reads).get(HOLD) {
                Some(Membership::In) => {
                    bars.insert("they are under legal hold (the list `hold`)".to_owned());
                }
                Some(Membership::Unknown(why)) => {
                    bars.insert(format!("whether they are under legal hold cannot be told: {why}"));
                }
                Some(Membership::Out) | None => {}
            }
        }
        Ok(bars)
    }
}

/// A name that somebody else has, too, is not looked for in what is not theirs: it would be taken from the other.
fn homonyms(found: &mut Gathered, links: &[Document]) {
    for document in links {
        let body = document.body.get("person").cloned().unwrap_or_default();
        let Ok(other) = serde_json::from_value::<Person>(body) else {
            continue;
        };
        if !found.whom.persons.contains(&other.key) && found.whom.names.remove(&other.display) {
            found.notes.insert(
                "somebody else has the same name: where it stands by itself in what is not theirs, it is left"
                    .to_owned(),
            );
        }
    }
}

fn key_of(body: &Value) -> Option<PersonKey> {
    let person = body.get("person")?;
    let key = person.as_str().or_else(|| person.get("key").and_then(Value::as_str));
    key.map(PersonKey::new)
}

fn account(id: &str) -> Option<AccountRef> {
    id.split_once('/')
        .map(|(connection, id)| AccountRef::new(connection, id))
}
