//! What was typed, for a stack.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, Command, ExpectCommand, RunCommand};

/// Options that name a place, which a stack has already.
const PLACES: [&str; 4] = ["config", "env", "data", "stack"];

/// What was typed, and which places were.
#[derive(Debug)]
pub struct Typed {
    /// The command line.
    pub cli: Cli,
    /// The options among `--config`, `--env`, `--data` and `--stack` that were typed; those of the environment do not count.
    pub places: Vec<&'static str>,
}

impl Typed {
    /// An option that names a place and means nothing for a stack.
    pub fn misplaced(&self) -> Option<&'static str> {
        self.places.iter().find(|place| **place != "stack").copied()
    }
}

/// Reads a command line, the program's name first.
pub fn parse<I: IntoIterator<Item = T>, T: Into<OsString> + Clone>(line: I) -> Result<Typed, clap::Error> {
    let matches = Cli::command().try_get_matches_from(line)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let mut places = Vec::new();
    typed(&matches, &mut places);
    Ok(Typed { cli, places })
}

fn typed(matches: &ArgMatches, places: &mut Vec<&'static str>) {
    for place in PLACES {
        // Not every command has each; to ask for the source of one that a command has not is a fault of the caller.
        let known = matches.try_contains_id(place).unwrap_or(false);
        if known && matches.value_source(place) == Some(ValueSource::CommandLine) && !places.contains(&place) {
            places.push(place);
        }
    }
    if let Some((_, sub)) = matches.subcommand() {
        typed(sub, places);
    }
}

/// The caller's files that a command reads.
pub fn inputs(command: &Command) -> Vec<PathBuf> {
    match command {
        Command::Replay(options) => options.files.clone(),
        Command::Expect(options) => match &options.command {
            ExpectCommand::Leavers(options) => vec![options.file.clone()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Whether a command may write a file of this name on the caller's machine: where they said, or by itself a page in the present
/// folder. A stack cannot choose the place.
pub fn outputs(command: &Command, name: &str) -> bool {
    let Command::Run(RunCommand::Report(options)) = command else {
        return false;
    };
    if let Some(path) = &options.out {
        return Path::new(name) == path;
    }
    let page = Path::new(name).extension().is_some_and(|extension| extension == "html");
    page && !name.starts_with('.') && !name.contains('/')
}
