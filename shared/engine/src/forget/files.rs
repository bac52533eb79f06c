//! What the files hold of somebody.

use std::collections::BTreeSet;

use bytes::Bytes;
use rollcall_model::files::folders;
use rollcall_model::ledger::Whom;
use rollcall_model::redact::Names;
use rollcall_model::{FileError, RunId};

use crate::{Engine, EngineError};

/// Names of one listing.
const PAGE: usize = 500;

/// What looking through the files found.
#[derive(Default)]
pub(super) struct InFiles {
    /// Files that are theirs or name them.
    pub(super) theirs: u64,
    pub(super) obstacles: BTreeSet<String>,
    pub(super) notes: BTreeSet<String>,
}

impl Engine {
    /// The names of all parts of the ledger that lie in files.
    pub(super) async fn bodies(&self) -> Result<Vec<String>, EngineError> {
        self.every_file(folders::BODIES).await
    }

    async fn every_file(&self, prefix: &str) -> Result<Vec<String>, EngineError> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let after = all.last().cloned();
            let page = self.parts.files.list(prefix, after.as_deref(), PAGE).await?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }

    /// A file's text; none when it is gone by now, or is no text.
    async fn text_in(&self, name: &str) -> Result<Option<String>, EngineError> {
        match self.parts.files.get(name).await {
            Ok(body) => Ok(String::from_utf8(body.to_vec()).ok()),
            Err(FileError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn names_in(&self, name: &str, names: &Names) -> Result<bool, EngineError> {
        let text = self.text_in(name).await?;
        Ok(text.is_some_and(|text| without(names, name, &text).is_some()))
    }

    pub(super) async fn look_through_files(&self, whom: &Whom) -> Result<InFiles, EngineError> {
        let names = whom.texts();
        let mut found = InFiles::default();
        for file in self.every_file(folders::EVIDENCE).await? {
            let run = run_of(&file);
            if run.as_ref().is_some_and(|run| whom.runs.contains(run)) {
                found.theirs += 1;
            } else if self.names_in(&file, &names).await? {
                found.theirs += 1;
                if let Some(run) = run
                    && self
                        .parts
                        .ledger
                        .run(&run)
                        .await?
                        .is_some_and(|run| !run.state.is_final())
                {
                    found
                        .obstacles
                        .insert(format!("evidence of {run}, which has not ended, names them"));
                }
            }
        }
        for prefix in [folders::KEPT, folders::SIGNALS, folders::EXPECTED] {
            for file in self.every_file(prefix).await? {
                found.theirs += u64::from(self.names_in(&file, &names).await?);
            }
        }
        for file in self.every_file(folders::CONFIGURATIONS).await? {
            if self.names_in(&file, &names).await? {
                found.notes.insert(
                    "the configuration names them, now or in an earlier version: what you wrote there yourself stays; take it out of the folder".to_owned(),
                );
            }
        }
        Ok(found)
    }

    /// `bodies` were there before the ledger was gone through, `kept` is what it refers to since: of the rest, older contents of
    /// items, goes what names them.
    pub(super) async fn destroy_files(
        &self,
        whom: &Whom,
        bodies: &[String],
        kept: &BTreeSet<String>,
    ) -> Result<(), EngineError> {
        let (names, files) = (whom.texts(), &self.parts.files);
        for file in self.every_file(folders::EVIDENCE).await? {
            if run_of(&file).is_some_and(|run| whom.runs.contains(&run)) {
                files.remove(&file).await?;
            } else {
                self.clear_file(&file, &names).await?;
            }
        }
        for file in self.every_file(folders::KEPT).await? {
            // It is kept to save calls, and nothing else.
            if self.names_in(&file, &names).await? {
                files.remove(&file).await?;
            }
        }
        for prefix in [folders::SIGNALS, folders::EXPECTED] {
            for file in self.every_file(prefix).await? {
                self.clear_file(&file, &names).await?;
            }
        }
        for file in bodies.iter().filter(|file| !kept.contains(*file)) {
            if self.names_in(file, &names).await? {
                files.remove(file).await?;
            }
        }
        Ok(())
    }

    /// Takes their names out of a file that is somebody else's, too.
    async fn clear_file(&self, file: &str, names: &Names) -> Result<(), EngineError> {
        if let Some(text) = self.text_in(file).await?
            && let Some(other) = without(names, file, &text)
        {
            self.parts.files.replace(file, Bytes::from(other)).await?;
        }
        Ok(())
    }
}

/// A file's text without their names; none when none stands in it. What a change read or was told is of its connection, and so are the
/// ids in it.
fn without(names: &Names, file: &str, text: &str) -> Option<String> {
    let connection = file
        .strip_prefix(folders::EVIDENCE)
        .and_then(|rest| rest.split('/').nth(1));
    match connection {
        Some(connection) => names.out_of_text_of(connection, text),
        None => names.out_of(text),
    }
}

/// Whose evidence a file is.
fn run_of(file: &str) -> Option<RunId> {
    let rest = file.strip_prefix(folders::EVIDENCE)?;
    rest.split('/').next().map(RunId::new)
}
