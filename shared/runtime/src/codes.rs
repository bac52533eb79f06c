//! Error codes: stable names that appear in logs, alerts and answers, each with a page in `docs/errors/`.
//!
//! The first two digits say where to look: `01` a door, `02` configuration, `03` ledger, queues and files, `04` a vendor,
//! `05` guards and reviews, `06` receipts. A code never changes its meaning and is never used again.

use std::fmt;

/// A code with its one-line meaning and its page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `RC0101`.
    pub id: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// The page of `docs/errors/` (Markdown): meaning, likely cause, what to do.
    pub page: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.id)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.id, self.meaning)
    }
}

impl Code {
    /// The code with this id, in any case: `rc0101` finds `RC0101`.
    pub fn find(id: &str) -> Option<Self> {
        ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
    }
}

// `include_str!` refuses to compile a code that has no page; the test below refuses a page that has no code.
macro_rules! codes {
    ($($name:ident = $id:literal, $meaning:literal;)+) => {
        $(
            #[doc = concat!("`", $id, "`: ", $meaning)]
            pub const $name: Code = Code {
                id: $id,
                meaning: $meaning,
                page: include_str!(concat!("../../../docs/errors/", $id, ".md")),
            };
        )+

        /// Every code, by id.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    DOOR_SECRET = "RC0101", "The request did not carry the door's secret exactly once.";
    DOOR_ADDRESS = "RC0102", "The request was for a path or method that the door does not serve.";
    DOOR_TOO_LARGE = "RC0103", "The body is larger than a door takes.";
    DOOR_NOT_TAKEN = "RC0104", "A queue or the file store did not take all of a hook's events.";
    DOOR_UNREADABLE = "RC0105", "A verified body could not be split into events; it was kept whole.";
    DOOR_BAD_ELEMENT = "RC0106", "A verified body held an element that is no event of that vendor.";
    DOOR_CHALLENGE = "RC0107", "A verification request carried no usable challenge.";
    DOOR_PANIC = "RC0108", "A request made the door panic; the request was refused, the door goes on.";

    CONFIG_MISSING = "RC0201", "A setting that has no default is missing.";
    CONFIG_INVALID = "RC0202", "A setting has a value that cannot be used.";
    CONFIG_SECRET = "RC0203", "A secret could not be fetched from where its reference points.";
    CONFIG_SECRET_UNUSABLE = "RC0204", "A secret was fetched and cannot be used as it is.";
    CONFIG_LOG_LEVEL = "RC0205", "ROLLCALL_LOG is no list of levels; `info` is used.";
    CONFIG_FOLDER = "RC0206", "The configuration folder does not pass its checks.";

    LEDGER_UNAVAILABLE = "RC0301", "The ledger did not answer as it should.";
    QUEUE_UNAVAILABLE = "RC0302", "A queue did not answer as it should.";
    FILES_UNAVAILABLE = "RC0303", "The file store did not answer as it should.";
    MESSAGE_UNREADABLE = "RC0304", "A queue held a text that is no message of ours.";
    DEAD_LETTERS = "RC0305", "Messages were delivered too often and lie with the dead letters.";
    MESSAGE_AGAIN = "RC0306", "A message could not be dealt with now and comes again.";
    HANDLER_PANICKED = "RC0307", "The handling of one message panicked.";

    VENDOR_CREDENTIAL = "RC0401", "A vendor refused our credential.";
    VENDOR_WRONG_TENANT = "RC0402", "A credential belongs to another tenant than the configured one.";
    VENDOR_PERMISSION = "RC0403", "Our credential lacks a permission that a read or change needs.";
    VENDOR_LIMIT = "RC0404", "A vendor's rate limit holds our calls back.";
    VENDOR_UNAVAILABLE = "RC0405", "A vendor did not answer as it should.";
    VENDOR_UNPROVEN = "RC0406", "A read could not prove that it was complete.";
    VENDOR_FOREIGN_USE = "RC0407", "Our own credential did something that no run of ours recorded.";
    SOURCE_UNREADABLE = "RC0408", "What the source says of a person cannot be read; nothing is done until it can.";
    STAGE_INCOMPLETE = "RC0409", "A stage of a run is not complete and is tried again.";
    STAGE_FAILED = "RC0410", "A stage of a run ended with something that no repetition mends.";
    ACCESS_RETURNED = "RC0411", "Access that was cut has come back.";
    CUT_UNREAD = "RC0412", "A cut could not be read again, so nobody knows whether it still holds.";
    LEAVE_LATE = "RC0413", "The hour of an agreed leave has come and it cannot begin.";
    SERVICE_ACCOUNT = "RC0414", "Somebody who left answered for a service account; it needs a new secret and a new owner.";
    PERSON_RESTORED = "RC0415", "Somebody whose access was cut is active again; what was changed stays so until it is taken back.";
    PERSON_RETURNED = "RC0416", "Somebody whose leave has ended is active again; nothing gives their access back by itself.";
    LEFT_ALONE = "RC0417", "An event opened nothing: an undo keeps the playbook from the person.";
    HOOK_SILENT = "RC0418", "A vendor's own log holds events that its hook never delivered.";
    HOOK_UNWATCHED = "RC0419", "A hook cannot be compared with its vendor's log, so its silence would not be noticed.";

    GUARD_HELD = "RC0501", "A guard held a stage until a person decides.";
    GUARD_REFUSED = "RC0502", "A plan was refused: what it was made for has moved.";
    REVIEW_OVERDUE = "RC0503", "A review waits for a decision past its time.";
    REVIEW_FORGED = "RC0504", "An approval does not verify.";
    CONDITION_UNKNOWN = "RC0505", "A stage's condition cannot be told, so the stage does not start.";

    RECEIPT_NOT_SIGNED = "RC0601", "A receipt could not be signed.";
    RECEIPT_NOT_VALID = "RC0602", "A receipt does not verify.";
    RECEIPT_CHAIN_BROKEN = "RC0603", "A run's journal does not match its chain.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn ids_are_unique_ordered_and_well_formed() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        for code in ALL {
            assert_eq!(code.id.len(), 6, "{code}");
            assert!(code.id.starts_with("RC0") && code.id[2..].bytes().all(|b| b.is_ascii_digit()));
            assert!(code.meaning.ends_with('.') && !code.meaning.contains('\n'), "{code}");
        }
    }

    #[test]
    fn every_page_has_a_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        let codes: BTreeSet<String> = ALL.iter().map(|code| format!("{code}.md")).collect();
        assert_eq!(pages, codes);
    }

    #[test]
    fn every_page_says_what_it_means_why_and_what_to_do() {
        for code in ALL {
            let mut lines = code.page.lines();
            assert_eq!(
                lines.next(),
                Some(format!("# {}: {}", code.id, code.meaning).as_str()),
                "the title of {code}"
            );
            let headings: Vec<&str> = lines.filter(|line| line.starts_with('#')).collect();
            assert_eq!(
                headings,
                ["## Meaning", "## Likely cause", "## What to do"],
                "the headings of {code}"
            );
            for part in code.page.split("\n## ").skip(1) {
                assert!(
                    part.lines().skip(1).any(|line| line.len() > 20),
                    "an empty part of {code}"
                );
            }
        }
    }

    #[test]
    fn the_index_lists_every_code() {
        let index = include_str!("../../../docs/errors/README.md");
        for code in ALL {
            assert!(
                index.contains(&format!("| [{0}]({0}.md) | {1} |", code.id, code.meaning)),
                "{code} is missing from the index"
            );
        }
        assert_eq!(index.matches("| [RC").count(), ALL.len());
    }

    #[test]
    fn a_code_is_found_by_its_id() {
        assert_eq!(Code::find("rc0101"), Some(DOOR_SECRET));
        assert_eq!(Code::find("RC9999"), None);
        assert_eq!(DOOR_SECRET.to_string(), "RC0101");
    }
}
