//! What people and programs read: text or one JSON document. On a terminal it is printed as it comes; for somebody elsewhere it
//! is kept and sent.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How a command ended, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exit(pub u8);

impl Exit {
    /// All is well.
    pub const SUCCESS: Self = Self(0);
    /// Something is not, and it has been said.
    pub const FAILURE: Self = Self(1);
    /// What was typed is no command.
    pub const USAGE: Self = Self(2);
}

impl From<u8> for Exit {
    fn from(code: u8) -> Self {
        Self(code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// What a command has said to somebody elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Everything that would stand on standard output, each line ended.
    pub text: String,
    /// Files that it would write, by the name that it would write them under.
    pub files: BTreeMap<String, Vec<u8>>,
}

enum Sink {
    Terminal,
    Kept(Mutex<Said>),
}

/// Where output goes, in one of two forms.
pub struct Out {
    /// One document for a program instead of text.
    pub json: bool,
    /// Whether lines may stand out.
    pub colour: bool,
    sink: Sink,
}

impl Out {
    /// Standard output of this process.
    pub fn new(json: bool) -> Self {
        let colour = !json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            json,
            colour,
            sink: Sink::Terminal,
        }
    }

    /// Kept, for somebody elsewhere. Never in colour: nobody knows where it is read.
    pub fn kept(json: bool) -> Self {
        Self {
            json,
            colour: false,
            sink: Sink::Kept(Mutex::default()),
        }
    }

    /// What was kept so far; nothing of what went to a terminal.
    pub fn said(&self) -> Said {
        match &self.sink {
            Sink::Terminal => Said::default(),
            Sink::Kept(said) => said.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn put(&self, text: &str) {
        match &self.sink {
            // A closed pipe is the reader's choice, not an error of ours.
            Sink::Terminal => {
                let _ = writeln!(std::io::stdout().lock(), "{text}");
            }
            Sink::Kept(said) => {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.text.push_str(text);
                said.text.push('\n');
            }
        }
    }

    /// A line for people; nothing when a program reads.
    pub fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            self.put(text.as_ref());
        }
    }

    /// What a stack has printed already, as it is.
    pub fn raw(&self, text: &str) {
        if let Some(text) = text.strip_suffix('\n') {
            self.put(text);
        } else if !text.is_empty() {
            self.put(text);
        }
    }

    /// A line that stands out, where the terminal can show it.
    pub fn title(&self, text: &str) {
        if self.colour {
            self.line(format!("\u{1b}[1m{text}\u{1b}[0m"));
        } else {
            self.line(text);
        }
    }

    /// Rows as aligned columns under their names.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let shown = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> = cells
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            padded.join("  ").trim_end().to_owned()
        };
        self.title(&shown(&mut head.iter().copied()));
        for row in rows {
            self.line(shown(&mut row.iter().map(String::as_str)));
        }
    }

    /// The document for programs; nothing when a person reads.
    pub fn document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            self.put(&serde_json::to_string_pretty(document)?);
        }
        Ok(())
    }

    /// Where a long command is, on standard error: one line that changes on a terminal. Nothing of it is kept.
    pub fn progress(&self, text: &str) {
        if matches!(self.sink, Sink::Kept(_)) {
            return;
        }
        let mut error = std::io::stderr().lock();
        // A closed standard error is the caller's choice.
        let _ = if error.is_terminal() {
            write!(error, "\r\u{1b}[K{text}")
        } else {
            writeln!(error, "{text}")
        };
    }

    /// The changing line has done its work.
    pub fn progress_done(&self) {
        let mut error = std::io::stderr().lock();
        if matches!(self.sink, Sink::Terminal) && error.is_terminal() {
            let _ = writeln!(error, "\r\u{1b}[K");
        }
    }

    /// A file that a command makes: written here, or kept with what was said. Only its owner reads it, and it is there whole or
    /// not at all.
    pub fn file(&self, path: &std::path::Path, content: &[u8]) -> std::io::Result<()> {
        match &self.sink {
            Sink::Terminal => write_private(path, content),
            Sink::Kept(said) => {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.files.insert(path.display().to_string(), content.to_vec());
                Ok(())
            }
        }
    }
}

/// Writes a file that only its owner reads: beside its place first, so that it is there whole or not at all.
pub fn write_private(file: &std::path::Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut open| open.write_all(content))
        .and_then(|()| std::fs::rename(&part, file));
    if written.is_err() {
        // What is left of a page that could not be written is of no use; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Texts come from vendors: a control character in one must not steer the terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

/// A moment as people read it.
pub fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The beginning of a digest, enough to recognise it.
pub fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// An error with its causes, as one line.
pub fn chain(error: &anyhow::Error) -> String {
    rollcall_model::chain(error.as_ref())
}

/// Says on standard error why a command failed.
pub fn complain(why: &str) {
    let _ = writeln!(std::io::stderr().lock(), "rollcall: {why}");
}

/// Says why a command failed, with its causes.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    complain(&chain(error));
    Exit::FAILURE.into()
}
