//! What became of a change.

use serde::{Deserialize, Serialize};

/// The end of one change. Green are `Changed`, `AlreadySo` and `Skipped`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "reason")]
pub enum Outcome {
    /// We did it and read it back.
    Changed,
    /// It was so before we came.
    AlreadySo,
    /// The vendor took it and is still at it.
    Pending,
    /// A condition of the playbook said no; its reason.
    Skipped(String),
    /// The source no longer says so; nothing more is done.
    Superseded(String),
    /// The vendor or the guard refused; why.
    Refused(String),
    /// A blind effect may or may not have happened and is not repeated.
    Unsure(String),
    /// The state could not be read with certainty; never green.
    Unknown(String),
    /// It failed for good; why and what to do.
    Failed(String),
}

impl Outcome {
    /// True when nothing is left to do and nothing is in doubt.
    pub fn is_green(&self) -> bool {
        matches!(self, Self::Changed | Self::AlreadySo | Self::Skipped(_))
    }

    /// True when nothing more will be tried for this change.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown(_))
    }

    /// The outcome of this name and reason, as a journal has them; nothing for a name that is none.
    pub fn named(name: &str, reason: Option<&str>) -> Option<Self> {
        let reason = || reason.unwrap_or_default().to_owned();
        Some(match name {
            "Changed" => Self::Changed,
            "AlreadySo" => Self::AlreadySo,
            "Pending" => Self::Pending,
            "Skipped" => Self::Skipped(reason()),
            "Superseded" => Self::Superseded(reason()),
            "Refused" => Self::Refused(reason()),
            "Unsure" => Self::Unsure(reason()),
            "Unknown" => Self::Unknown(reason()),
            "Failed" => Self::Failed(reason()),
            _ => return None,
        })
    }

    /// The outcome's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Changed => "Changed",
            Self::AlreadySo => "AlreadySo",
            Self::Pending => "Pending",
            Self::Skipped(_) => "Skipped",
            Self::Superseded(_) => "Superseded",
            Self::Refused(_) => "Refused",
            Self::Unsure(_) => "Unsure",
            Self::Unknown(_) => "Unknown",
            Self::Failed(_) => "Failed",
        }
    }

    /// The reason, where the outcome has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Changed | Self::AlreadySo | Self::Pending => None,
            Self::Skipped(reason)
            | Self::Superseded(reason)
            | Self::Refused(reason)
            | Self::Unsure(reason)
            | Self::Unknown(reason)
            | Self::Failed(reason) => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_reason_give_the_outcome_back() {
        let why = || "because".to_owned();
        for outcome in [
            Outcome::Changed,
            Outcome::AlreadySo,
            Outcome::Pending,
            Outcome::Skipped(why()),
            Outcome::Superseded(why()),
            Outcome::Refused(why()),
            Outcome::Unsure(why()),
            Outcome::Unknown(why()),
            Outcome::Failed(why()),
        ] {
            assert_eq!(Outcome::named(outcome.name(), outcome.reason()), Some(outcome));
        }
        assert_eq!(Outcome::named("Done", None), None);
    }
}
