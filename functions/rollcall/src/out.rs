//! What people and programs read: text or one JSON document on standard output, errors on standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

/// Standard output in one of two forms.
pub(crate) struct Out {
    pub(crate) json: bool,
    pub(crate) colour: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let colour = !json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour }
    }

    /// A line for people; nothing when a program reads.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            // A closed pipe is the reader's choice, not an error of ours.
            let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
        }
    }

    /// The document for programs; nothing when a person reads.
    pub(crate) fn document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(document)?;
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
        Ok(())
    }
}

/// Says why a command failed, with its causes.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let _ = writeln!(std::io::stderr().lock(), "rollcall: {}", causes.join(": "));
    ExitCode::from(1)
}
