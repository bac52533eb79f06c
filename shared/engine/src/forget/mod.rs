//! Forgetting somebody: their key, who they were, and every private part. What is left proves what was done, and names nobody.
//!
//! What is to be destroyed is written down first, so that it can be gone on with when the names by which it was found are gone
//! already. Every step may be done twice; the note goes last, when a pass over everything has found nothing more.

mod files;
mod whom;

use std::collections::{BTreeMap, BTreeSet};

use rollcall_evidence::{Pseudonym, Statement, VERSION};
use rollcall_model::ledger::{Forgot, Ledger, Whom, documents};
use rollcall_model::{Answer, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Engine, EngineError};

/// How often all pages are gone through before others who write about the person are left to end first.
const PASSES: usize = 5;
/// More of them than are at work at a time.
const MOST: usize = 1_000;

/// What is to be forgotten.
#[derive(Clone, Debug)]
pub struct ForgetWish {
    /// A sign-in name, `connection/id`, a run of theirs; or `fg_…`, to go on with one that was begun.
    pub who: String,
    /// The operator, as authenticated.
    pub by: String,
    /// Also when something could still be taken back.
    pub even_undo: bool,
}

/// What forgetting somebody would destroy, or is destroying.
#[derive(Clone, Debug, Serialize)]
pub struct Forgetting {
    /// What stands for them.
    pub id: String,
    /// Their runs, whose receipts stay.
    pub runs: Vec<String>,
    /// How much there is, by what it is.
    pub found: BTreeMap<String, u64>,
    /// What stands in the way.
    pub obstacles: BTreeSet<String>,
    /// What the operator must see to.
    pub notes: BTreeSet<String>,
    /// True when it was begun before: it goes on, and nothing stands in its way.
    pub begun: bool,
}

/// The note of what is being destroyed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    whom: Whom,
    statement: Statement,
}

impl Note {
    /// Whether somebody who asks again means this one.
    fn is_about(&self, who: &str) -> bool {
        let same = |name: &str| name.eq_ignore_ascii_case(who);
        self.whom.id == who
            || self.whom.names.iter().any(|name| same(name))
            || self.whom.persons.iter().any(|key| same(key.as_str()))
            || self.whom.accounts.iter().any(|account| same(&account.to_string()))
            || self.whom.runs.iter().any(|run| same(run.as_str()))
    }
}

/// The statement about somebody who was forgotten, by what stands for them, or by a run.
pub async fn forgotten(ledger: &dyn Ledger, id: &str) -> Result<Option<Statement>, EngineError> {
    let found = ledger.document(documents::FORGOTTEN, id).await?;
    Ok(found.and_then(|found| serde_json::from_value(found.body).ok()))
}

impl Engine {
    /// Says what forgetting somebody would destroy, and what stands in the way. Changes nothing.
    pub async fn look_at_forgetting(&self, wish: &ForgetWish) -> Result<Forgetting, EngineError> {
        if let Some(note) = self.begun(&wish.who).await? {
            return Ok(told(&note, BTreeSet::new(), BTreeSet::new(), true));
        }
        let (note, bars, notes) = self.survey(wish).await?;
        Ok(told(&note, bars, notes, false))
    }

    /// Forgets somebody, or goes on with it. Answers the name of the signed statement.
    ///
    /// # Errors
    ///
    /// `Refused` with everything that stands in the way; then nothing was destroyed. Once it has begun, an error means: again.
    pub async fn forget(&self, wish: &ForgetWish) -> Result<(Statement, String), EngineError> {
        if let Some(statement) = forgotten(self.parts.ledger.as_ref(), &wish.who).await?
            && self.begun(&wish.who).await?.is_none()
        {
            let name = self.parts.sealer.seal_forgotten(&statement.id).await?;
            self.parts.ledger.compact().await?;
            return Ok((statement, name));
        }
        let note = match self.begun(&wish.who).await? {
            Some(note) => note,
            None => self.begin_forgetting(wish).await?,
        };
        self.destroy(&note.whom).await?;
        let statement = note.statement;
        self.parts
            .ledger
            .put_document(documents::FORGOTTEN, &statement.id, &json!(statement))
            .await?;
        let name = self.parts.sealer.seal_forgotten(&statement.id).await?;
        self.parts
            .ledger
            .remove_document(documents::FORGETTING, &statement.id)
            .await?;
        self.parts.ledger.compact().await?;
        tracing::info!(id = statement.id, by = statement.by, "Somebody was forgotten.");
        Ok((statement, name))
    }

    async fn begun(&self, who: &str) -> Result<Option<Note>, EngineError> {
        let begun = self.parts.ledger.documents(documents::FORGETTING, MOST).await?;
        let mut notes = begun
            .into_iter()
            .filter_map(|one| serde_json::from_value::<Note>(one.body).ok());
        Ok(notes.find(|note| note.is_about(who)))
    }

    async fn survey(&self, wish: &ForgetWish) -> Result<(Note, BTreeSet<String>, BTreeSet<String>), EngineError> {
        let random = digest::hex(&self.parts.ids.salt());
        let id = format!("fg_{}", random.get(..12).unwrap_or(&random));
        let mut found = self.gather(id, &wish.who).await?;
        let mut bars = self.bars(&found, wish.even_undo).await?;
        let Forgot {
            mut destroyed,
            obstacles,
            ..
        } = self.pages(&found.whom, true).await?;
        bars.extend(obstacles);
        let files = self.look_through_files(&found.whom).await?;
        bars.extend(files.obstacles);
        found.notes.extend(files.notes);
        if files.theirs > 0 {
            destroyed.insert("files".to_owned(), files.theirs);
        }
        match self.parts.queue.forget(&found.whom.texts(), true).await? {
            Some(named) => {
                if named.live > 0 {
                    bars.insert(format!("{} messages that name them wait in the queues", named.live));
                }
                if named.dead > 0 {
                    *destroyed.entry("dead letters".to_owned()).or_default() += named.dead as u64;
                }
            }
            None => {
                found
                    .notes
                    .insert("what the queues hold cannot be looked through: messages go within 14 days".to_owned());
            }
        }
        let mut runs = Vec::new();
        for run in &found.whom.runs {
            let run = self.parts.ledger.run(run).await?;
            runs.extend(run.map(|run| {
                Pseudonym {
                    person: run
                        .is_salted()
                        .then(|| digest::pseudonym(run.salt.as_bytes(), run.person.key.as_str().as_bytes())),
                    run: run.id,
                }
            }));
        }
        let statement = Statement {
            id: found.whom.id.clone(),
            at: self.now(),
            by: wish.by.clone(),
            runs,
            destroyed,
            binary_version: VERSION.to_owned(),
        };
        let note = Note {
            whom: found.whom,
            statement,
        };
        Ok((note, bars, found.notes))
    }

    async fn begin_forgetting(&self, wish: &ForgetWish) -> Result<Note, EngineError> {
        let (note, bars, _) = self.survey(wish).await?;
        if !bars.is_empty() {
            let bars: Vec<String> = bars.into_iter().collect();
            return Err(EngineError::Refused(format!(
                "they cannot be forgotten now: {}",
                bars.join("; ")
            )));
        }
        let nonce = self.parts.ids.unique();
        let answer = self
            .parts
            .ledger
            .add_document(documents::FORGETTING, &note.whom.id, &json!(note), &nonce)
            .await?;
        match answer {
            Answer::Won(()) | Answer::AlreadyMine(()) => Ok(note),
            Answer::Lost(why) => Err(EngineError::Refused(why)),
            Answer::Stale => Err(EngineError::Fenced(note.whom.id)),
        }
    }

    /// Until a pass over everything finds nothing more.
    async fn destroy(&self, whom: &Whom) -> Result<(), EngineError> {
        let bodies = self.bodies().await?;
        self.parts.ledger.sweep(usize::MAX).await?;
        for _ in 0..PASSES {
            let pass = self.pages(whom, false).await?;
            self.parts.queue.forget(&whom.texts(), false).await?;
            if let Some(why) = pass.obstacles.into_iter().next() {
                return Err(EngineError::Refused(format!(
                    "something was written about them meanwhile, so the rest waits ({why}): `rollcall forget {} --yes` goes on",
                    whom.id
                )));
            }
            if pass.destroyed.is_empty() {
                return self.destroy_files(whom, &bodies, &pass.bodies).await;
            }
        }
        Err(EngineError::Refused(format!(
            "others go on writing about them: `rollcall forget {} --yes` goes on when that has ended",
            whom.id
        )))
    }

    /// One pass over the ledger: how much was found, what stands in the way, which files are still referred to.
    async fn pages(&self, whom: &Whom, dry: bool) -> Result<Forgot, EngineError> {
        let mut pass = Forgot::default();
        loop {
            let page = self
                .parts
                .ledger
                .forget(whom, pass.next.as_ref(), self.now(), dry)
                .await?;
            for (what, count) in page.destroyed {
                *pass.destroyed.entry(what).or_default() += count;
            }
            pass.obstacles.extend(page.obstacles);
            pass.bodies.extend(page.bodies);
            pass.next = page.next;
            if pass.next.is_none() {
                return Ok(pass);
            }
        }
    }
}

fn told(note: &Note, obstacles: BTreeSet<String>, notes: BTreeSet<String>, begun: bool) -> Forgetting {
    Forgetting {
        id: note.whom.id.clone(),
        runs: note.whom.runs.iter().map(ToString::to_string).collect(),
        found: note.statement.destroyed.clone(),
        obstacles,
        notes,
        begun,
    }
}
