//! Kinds of events.

use std::fmt::Write as _;

use anyhow::Context as _;
use rollcall_model::EventKind;

/// Where the kinds are declared: what each means is its doc comment there.
const DECLARED: &str = include_str!("../../../shared/model/src/event.rs");

/// The page that lists every kind.
pub(crate) fn page() -> anyhow::Result<String> {
    let mut text = format!(
        "{}# Kinds of events\n\nA vendor's event becomes one of these. Anything else is kept under the vendor's own name and starts nothing.\n\n\
         | kind | what happened |\n|---|---|\n",
        crate::MADE
    );
    for kind in EventKind::KNOWN {
        let about = about(kind).with_context(|| format!("{kind} has no doc comment"))?;
        let _ = writeln!(text, "| `{kind}` | {about} |");
    }
    Ok(text)
}

/// The doc comment above a kind's declaration.
fn about(kind: &str) -> Option<String> {
    let end = format!(" = \"{kind}\",");
    let lines: Vec<&str> = DECLARED.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.ends_with(&end))?;
    let comment: Vec<&str> = lines
        .get(..at)?
        .iter()
        .rev()
        .map_while(|line| line.strip_prefix("///").map(str::trim))
        .collect();
    let comment: Vec<&str> = comment.into_iter().rev().collect();
    (!comment.is_empty()).then(|| comment.join(" "))
}
