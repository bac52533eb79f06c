//! Error codes: stable names that appear in logs, alerts and answers, each with a page in `docs/errors/`.

/// A code with its one-line meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `RC0001`.
    pub id: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}
