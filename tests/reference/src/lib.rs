//! The generated part of the documentation: every page of `docs/reference/`, made from the code that it is about.

mod actions;
mod commands;
mod errors;
mod events;
mod metrics;
mod personal;
mod typed;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use typed::refused;

/// Said at the top of every Markdown page.
const MADE: &str = "<!-- Generated: `cargo run -p rollcall-reference` writes this file. -->\n\n";

/// Pages with figures that a benchmark printed: nothing here can write them again.
pub const MEASURED: [&str; 2] = ["cost.md", "startup.md"];

/// Every other file of the folder: its path within it, and its text.
pub fn files() -> anyhow::Result<BTreeMap<String, String>> {
    let actions = rollcall_connectors::catalogue();
    let mut files = BTreeMap::from([
        ("README.md".to_owned(), contents()),
        ("actions.md".to_owned(), actions::page(&actions)),
        (
            "capabilities.json".to_owned(),
            pretty(&actions::capabilities(&actions))?,
        ),
        ("cli.md".to_owned(), commands::page()),
        ("errors.md".to_owned(), errors::page()),
        ("events.md".to_owned(), events::page()?),
        ("metrics.md".to_owned(), metrics::page()),
        ("personal-data.md".to_owned(), personal::page()),
    ]);
    for (name, schema) in rollcall_policy::schemas() {
        files.insert(format!("schema/{name}"), pretty(&schema)?);
    }
    Ok(files)
}

/// Where the files lie in the repository.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference"))
}

fn pretty(document: &serde_json::Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

fn contents() -> String {
    let mut text = format!("{MADE}# Reference\n\n");
    for (file, about) in [
        ("[cli.md](cli.md)", "everything that can be typed after `rollcall`"),
        (
            "[actions.md](actions.md)",
            "what can be done to accounts and who can be told, with effect classes and parameters",
        ),
        (
            "[capabilities.json](capabilities.json)",
            "the least vendor permission of each action and source, for programs",
        ),
        (
            "[events.md](events.md)",
            "the kinds of events that a playbook's `on` may name",
        ),
        (
            "[personal-data.md](personal-data.md)",
            "which personal data is kept where, what for and for how long",
        ),
        ("[errors.md](errors.md)", "every error code, with a link to its page"),
        (
            "[metrics.md](metrics.md)",
            "every metric: unit, dimensions, what it says, how exactly it is counted, and its alarm",
        ),
        (
            "[schema/](schema/)",
            "JSON Schemas of the configuration files, for editors",
        ),
        (
            "[startup.md](startup.md)",
            "how long a hook function takes to its first answer; measured, not generated",
        ),
    ] {
        text.push_str("- ");
        text.push_str(file);
        text.push_str(": ");
        text.push_str(about);
        text.push('\n');
    }
    text
}
