//! Hostile input: what each target is fed with, and what must hold whatever it is.
//!
//! A target is a list of seeds (files of `corpus/`, and the payloads that other tests use), the words that its inputs are made
//! of, and a check that panics when a promise is broken. `tests/fuzz.rs` runs each: every seed as it is, then seeds that were
//! damaged at random for as long as there is time.

pub mod configuration;
pub mod door;
pub mod expression;
mod head;
pub mod mutant;
pub mod normaliser;
pub mod proof;
pub mod run;
pub mod seeds;
pub mod soql;
pub mod table;
pub mod telling;
pub mod vendor;
mod world;

pub use run::run;

/// Something that takes input from outside.
pub struct Target {
    /// What it starts from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What its inputs are made of, besides what the seeds hold.
    pub words: &'static [&'static str],
    /// Panics when a promise is broken.
    pub check: fn(&[u8]),
}

/// Every target, by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("okta_door", door::OKTA),
    ("onelogin_door", door::ONELOGIN),
    ("okta_events", normaliser::OKTA),
    ("onelogin_events", normaliser::ONELOGIN),
    ("okta_answers", vendor::OKTA),
    ("onelogin_answers", vendor::ONELOGIN),
    ("salesforce_answers", vendor::SALESFORCE),
    ("salesforce_search", soql::SEARCH),
    ("salesforce_results", table::RESULTS),
    ("salesforce_evidence", table::EVIDENCE),
    ("configuration_folder", configuration::FOLDER),
    ("expressions", expression::CEL),
    ("names_in_messages", telling::NAMES),
    ("message_templates", telling::TEMPLATES),
    ("receipts", proof::RECEIPT),
    ("approvals_and_keys", proof::STATEMENT),
];

/// What the unit tests in the file that `table` compiles once more ask for.
#[cfg(test)]
mod scripted {
    pub(crate) fn fixture(name: &str) -> String {
        let path = crate::seeds::fixtures().join("payloads").join(name);
        std::fs::read_to_string(path).expect("the sample is there")
    }
}
