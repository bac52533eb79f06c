//! Every metric in one table: what it is called, what it counts, by what it is divided, and the alarm that watches it.
//! The reference page and `/metrics` are made from it.

use super::dimensions::{CODE, CONNECTION, LANE, OUTCOME};
use super::emf::Unit;

/// How the values of one series come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They are added up.
    Sum,
    /// The last one counts.
    Gauge,
    /// Each is one measurement of many: their number and their sum say how it went.
    Span,
}

/// How exactly a fact is counted when a worker dies at the very moment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Each value stands by itself: it is written when it is measured.
    Measured,
    /// Written before the ledger has the fact: a death in between writes it again. For what an alarm must not miss.
    AtLeastOnce,
    /// Written after the ledger has the fact: a death in between loses it. For what a sum must not overstate.
    AtMostOnce,
}

impl Counted {
    /// In a few words, for the reference.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "each time it is measured",
            Self::AtLeastOnce => "once; again if the worker dies at that moment",
            Self::AtMostOnce => "once; not at all if the worker dies at that moment",
        }
    }
}

/// What watches a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// When it goes off.
    pub when: &'static str,
    /// The page of `docs/runbooks/`, without `.md`.
    pub runbook: &'static str,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// How values come together.
    pub kind: Kind,
    /// What divides it, beside [`STACK`](super::dimensions::STACK).
    pub dimensions: &'static [&'static str],
    /// Whether there is also one series over all of these, for an alarm that cannot know their values.
    pub undivided: bool,
    /// Who writes it.
    pub by: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// How exactly.
    pub counted: Counted,
    /// The alarm of the template, if one watches it.
    pub alarm: Option<Alarm>,
}

const fn sum(name: &'static str, by: &'static str, counted: Counted, meaning: &'static str) -> Metric {
    Metric {
        name,
        unit: Unit::Count,
        kind: Kind::Sum,
        dimensions: &[],
        undivided: false,
        by,
        meaning,
        counted,
        alarm: None,
    }
}

const fn gauge(name: &'static str, unit: Unit, by: &'static str, meaning: &'static str) -> Metric {
    Metric {
        unit,
        kind: Kind::Gauge,
        ..sum(name, by, Counted::Measured, meaning)
    }
}

const fn span(name: &'static str, meaning: &'static str) -> Metric {
    Metric {
        unit: Unit::Milliseconds,
        kind: Kind::Span,
        dimensions: &[CONNECTION],
        ..sum(name, WORKER, Counted::AtLeastOnce, meaning)
    }
}

const fn alarm(when: &'static str, runbook: &'static str) -> Alarm {
    Alarm { when, runbook }
}

const DOORS: &str = "doors";
const WORKER: &str = "worker";
const CLOCK: &str = "clock";

/// Signals that a door put on a queue.
pub const SIGNALS_TAKEN: Metric = Metric {
    dimensions: &[CONNECTION, LANE],
    ..sum(
        "SignalsTaken",
        DOORS,
        Counted::AtMostOnce,
        "Signals that a door put on a queue.",
    )
};
/// A door's refusals and reservations.
pub const DOOR_TROUBLE: Metric = Metric {
    dimensions: &[CONNECTION, CODE],
    ..sum(
        "DoorTrouble",
        DOORS,
        Counted::Measured,
        "Requests that a door refused, could not take whole, or took with a reservation; the code says which.",
    )
};
/// From the door to the cut.
pub const TIME_TO_CUT: Metric = span(
    "TimeToCut",
    "From the door's receipt of the first event (an agreed leave: from its hour) to the end of the connection's cut, once a run and connection.",
);
/// From the event to the cut.
pub const TIME_TO_CUT_FROM_EVENT: Metric = span(
    "TimeToCutFromEvent",
    "The same from the event's own time, so with the vendor's delay in it.",
);
/// Runs that have ended.
pub const RUNS_ENDED: Metric = Metric {
    dimensions: &[OUTCOME],
    ..sum("RunsEnded", WORKER, Counted::AtMostOnce, "Runs that have ended.")
};
/// A cut that is not whole.
pub const CUT_INCOMPLETE: Metric = Metric {
    alarm: Some(alarm("≥ 1 in 5 minutes", "cut-incomplete")),
    ..sum(
        "CutIncomplete",
        WORKER,
        Counted::AtLeastOnce,
        "Runs that ended although their cut is not whole: a change failed for good, stayed unreadable to the last try, or nobody decided about a held cut in time. A cut that somebody refused does not count.",
    )
};
/// Access that came back.
pub const ACCESS_RETURNED: Metric = Metric {
    dimensions: &[CONNECTION],
    undivided: true,
    alarm: Some(alarm("≥ 1 in 5 minutes, over all connections", "access-returned")),
    ..sum(
        "AccessReturned",
        WORKER,
        Counted::AtLeastOnce,
        "Connections in which a cut was found undone when it was read again.",
    )
};
/// The guard held a stage.
pub const GUARD_TRIPPED: Metric = Metric {
    alarm: Some(alarm("≥ 1 in 5 minutes", "guard-tripped")),
    ..sum(
        "GuardTripped",
        WORKER,
        Counted::AtLeastOnce,
        "Stages that the guard held for a review; once, however often the plan moves while it waits. Reviews about one account or one change do not count.",
    )
};
/// A refused credential.
pub const CREDENTIAL_FAILING: Metric = Metric {
    alarm: Some(alarm("≥ 1 in 5 minutes", "credential-refused")),
    ..sum(
        "CredentialFailing",
        WORKER,
        Counted::Measured,
        "Uses of a connection that failed because the vendor refused our credential, or because the tenant is another than the configured one.",
    )
};
/// A credential that ends.
pub const CREDENTIAL_DAYS_LEFT: Metric = Metric {
    alarm: Some(alarm("< 30", "credential-expiring")),
    ..gauge(
        "CredentialDaysLeft",
        Unit::Count,
        CLOCK,
        "Whole days until the first credential ends whose end the configuration states (`expires`); negative afterwards. Absent where none is stated.",
    )
};
/// Rows that a vendor refused.
pub const ROWS_REFUSED: Metric = Metric {
    dimensions: &[CONNECTION],
    ..sum(
        "RowsRefused",
        WORKER,
        Counted::AtLeastOnce,
        "Records of a hand-over that the vendor refused to move, counted at its end.",
    )
};
/// Calls that are made again.
pub const RETRIES: Metric = Metric {
    dimensions: &[CONNECTION],
    ..sum(
        "Retries",
        WORKER,
        Counted::Measured,
        "Uses of a connection that failed in a way that another try may mend: no answer, a limit, a vendor that is at it.",
    )
};
/// Used-up quota.
pub const QUOTA_USED: Metric = Metric {
    dimensions: &[CONNECTION],
    ..gauge(
        "QuotaUsed",
        Unit::Percent,
        WORKER,
        "How much of the vendor's fullest quota is used, by its own headers: Okta `X-Rate-Limit-*`, OneLogin `X-RateLimit-*`, Salesforce `Sforce-Limit-Info`. Slack states none. Written each minute at the most, and at each further tenth.",
    )
};
/// The oldest open review.
pub const REVIEW_AGE: Metric = gauge(
    "ReviewAge",
    Unit::Seconds,
    CLOCK,
    "Age of the oldest review that nobody has decided; 0 without one. Of more than 500 open reviews the newest 500 are looked at.",
);
/// The oldest cut that waits.
pub const CUT_WAITING: Metric = Metric {
    alarm: Some(alarm("> 900", "cut-waiting")),
    ..gauge(
        "CutWaiting",
        Unit::Seconds,
        CLOCK,
        "How long the oldest cut has been due that is held, paused or not whole yet; 0 without one.",
    )
};
/// A silent hook.
pub const HOOK_SILENT: Metric = Metric {
    dimensions: &[CONNECTION],
    undivided: true,
    alarm: Some(alarm("≥ 1", "hook-silent")),
    ..gauge(
        "HookSilent",
        Unit::Count,
        WORKER,
        "Whether the connection's own log holds events, older than ten minutes, that its hook never delivered: 1, otherwise 0. Written every 15 minutes a source connection.",
    )
};
/// The clock ticked.
pub const CLOCK_TICKED: Metric = Metric {
    alarm: Some(alarm("missing for 5 minutes", "clock-stopped")),
    ..sum(
        "ClockTicked",
        CLOCK,
        Counted::AtMostOnce,
        "Sweeps that came to their end.",
    )
};

/// Every metric.
pub const ALL: &[Metric] = &[
    SIGNALS_TAKEN,
    DOOR_TROUBLE,
    TIME_TO_CUT,
    TIME_TO_CUT_FROM_EVENT,
    RUNS_ENDED,
    CUT_INCOMPLETE,
    ACCESS_RETURNED,
    GUARD_TRIPPED,
    CREDENTIAL_FAILING,
    CREDENTIAL_DAYS_LEFT,
    ROWS_REFUSED,
    RETRIES,
    QUOTA_USED,
    REVIEW_AGE,
    CUT_WAITING,
    HOOK_SILENT,
    CLOCK_TICKED,
];

impl Metric {
    /// The metric of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|metric| metric.name == name)
    }

    /// `rollcall_signals_taken_total`: its family on the `/metrics` page.
    pub fn family(&self) -> String {
        let mut text = format!("rollcall_{}", snake(self.name));
        if let Some(unit) = self.unit.suffix() {
            text.push('_');
            text.push_str(unit);
        }
        if self.kind == Kind::Sum {
            text.push_str("_total");
        }
        text
    }
}

/// `SignalsTaken` as `signals_taken`.
pub(super) fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (place, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_has_a_runbook_that_names_its_metric() {
        for metric in ALL {
            let Some(alarm) = metric.alarm else { continue };
            let path = format!(
                "{}/../../docs/runbooks/{}.md",
                env!("CARGO_MANIFEST_DIR"),
                alarm.runbook
            );
            let page = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
            assert!(page.contains(&format!("`{}`", metric.name)), "{path}");
        }
    }

    #[test]
    fn names_are_found_and_none_is_there_twice() {
        for metric in ALL {
            assert_eq!(Metric::find(metric.name), Some(metric));
            assert_eq!(ALL.iter().filter(|other| other.name == metric.name).count(), 1);
        }
        assert_eq!(SIGNALS_TAKEN.family(), "rollcall_signals_taken_total");
        assert_eq!(TIME_TO_CUT.family(), "rollcall_time_to_cut_milliseconds");
        assert_eq!(QUOTA_USED.family(), "rollcall_quota_used_percent");
        assert_eq!(CREDENTIAL_DAYS_LEFT.family(), "rollcall_credential_days_left");
    }
}
