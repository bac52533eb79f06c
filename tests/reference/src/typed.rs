//! Whether what documentation says can be typed can be.

use clap::{Parser as _, error::ErrorKind};

use rollcall_commands::cli::Cli;

/// Why a command line does not parse, in clap's words; nothing when it does. `whole` says that it is one to be typed as it stands
/// and not a mention of a command, whose arguments may be left out.
pub fn refused(words: &[String], whole: bool) -> Option<String> {
    match Cli::try_parse_from(words) {
        Ok(_) => None,
        Err(error) => {
            let is_mention = !whole
                && matches!(
                    error.kind(),
                    ErrorKind::MissingRequiredArgument
                        | ErrorKind::MissingSubcommand
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            (!is_mention && !is_answer).then(|| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str, whole: bool) -> Option<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        refused(&words, whole)
    }

    #[test]
    fn what_can_be_typed_parses_and_what_cannot_is_refused() {
        assert_eq!(said("rollcall plan PERSON --goal leave", true), None);
        assert_eq!(said("rollcall --stack prod explain", true), None);
        assert_eq!(said("rollcall --help", true), None);
        for wrong in [
            "rollcall plans PERSON",
            "rollcall plan PERSON --gaol leave",
            "rollcall ready leaver --for all",
        ] {
            assert!(said(wrong, true).is_some(), "{wrong}");
            assert!(said(wrong, false).is_some(), "{wrong}");
        }
        assert!(
            said("rollcall plan", true).is_some(),
            "a line to type needs its arguments"
        );
        assert_eq!(said("rollcall plan", false), None, "a mention does not");
    }
}
