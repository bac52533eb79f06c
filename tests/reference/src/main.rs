//! Writes `docs/reference/`. With `--typed` it reads command lines instead, one JSON document a line, `{"words": [..], "whole": bool}`, and
//! answers each with a line: why it cannot be typed, or null.

use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--typed") {
        return typed();
    }
    let folder = rollcall_reference::folder();
    for (name, text) in rollcall_reference::files()? {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn typed() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?).context("a line is no JSON document")?;
        let words = asked
            .get("words")
            .and_then(Value::as_array)
            .context("a line has no `words`")?;
        let words: Vec<String> = words
            .iter()
            .map(|word| word.as_str().map(str::to_owned).context("a word is no text"))
            .collect::<anyhow::Result<_>>()?;
        let whole = asked.get("whole").and_then(Value::as_bool).unwrap_or(true);
        writeln!(out, "{}", json!(rollcall_reference::refused(&words, whole)))?;
    }
    Ok(())
}
