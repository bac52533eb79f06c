//! Everything that can be typed.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use rollcall_commands::Cli;

/// The page about the operator's command: the help text of every subcommand.
pub(crate) fn page() -> String {
    let mut text = format!(
        "{}# The operator's command\n\n`--json` works with every command and prints one document instead of text.\n",
        crate::MADE
    );
    let mut root = bare(Cli::command().term_width(100));
    root.build();
    section(&mut text, "rollcall", root);
    text
}

fn section(text: &mut String, name: &str, mut command: Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for sub in command.get_subcommands() {
        section(text, &format!("{name} {}", sub.get_name()), sub.clone());
    }
}

/// Without what this machine's environment says.
fn bare(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| argument.hide_env_values(true));
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, bare))
}
