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

    /// A line that stands out, where the terminal can show it.
    pub(crate) fn title(&self, text: &str) {
        if self.colour {
            self.line(format!("\u{1b}[1m{text}\u{1b}[0m"));
        } else {
            self.line(text);
        }
    }

    /// Rows as aligned columns under their names.
    pub(crate) fn table(&self, head: &[&str], rows: &[Vec<String>]) {
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
    pub(crate) fn document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(document)?;
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
        Ok(())
    }
}

/// Texts come from vendors: a control character in one must not steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

/// A moment as people read it.
pub(crate) fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The beginning of a digest, enough to recognise it.
pub(crate) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Says why a command failed, with its causes.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let _ = writeln!(std::io::stderr().lock(), "rollcall: {}", causes.join(": "));
    ExitCode::from(1)
}
