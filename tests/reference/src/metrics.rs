//! Metrics.

use std::fmt::Write as _;

use rollcall_runtime::telemetry::emf::NAMESPACE;
use rollcall_runtime::telemetry::table::{self, Kind, Metric};

/// The page about every metric.
pub(crate) fn page() -> String {
    let mut text = format!(
        "{}# Metrics\n\nIn CloudWatch: namespace `{NAMESPACE}`, written as log lines (EMF); every series also has the dimension `Stack` where\n\
         `ROLLCALL_STACK` is set. On one machine: `/metrics` of `rollcall serve --metrics`. No dimension ever holds a person or a run.\n\n\
         A fact is counted where it happens. A stage that is tried again, a message that comes twice and a run that is resumed count\n\
         nothing anew. What is left is a worker that dies between the fact and its line; the column *counted* says what happens then.\n\
         A fact for which an alarm goes off is never missing.\n\n\
         | metric | unit | by | divided by | what it says | counted | alarm |\n|---|---|---|---|---|---|---|\n",
        crate::MADE
    );
    for metric in table::ALL {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            metric.name,
            metric.unit.as_str(),
            metric.by,
            divided(metric),
            metric.meaning,
            metric.counted.as_str(),
            alarm(metric)
        );
    }
    text.push_str(
        "\n## Names on the `/metrics` page\n\nSince the process began. A gauge is the last value; a summary has `_sum` and `_count`.\n\n| metric | name | type |\n|---|---|---|\n",
    );
    for metric in table::ALL {
        let kind = match metric.kind {
            Kind::Sum => "counter",
            Kind::Gauge => "gauge",
            Kind::Span => "summary",
        };
        let _ = writeln!(text, "| `{}` | `{}` | {kind} |", metric.name, metric.family());
    }
    text.push_str(
        "\n## Alarms on what AWS counts\n\n| what | when | do |\n|---|---|---|\n\
         | SQS `ApproximateNumberOfMessagesVisible` of each DLQ | ≥ 1 | [dead-letters](../runbooks/dead-letters.md) |\n\
         | SQS `ApproximateAgeOfOldestMessage` of `urgent` | > 60 s | [urgent-late](../runbooks/urgent-late.md) |\n\
         | Lambda `Errors`, `Throttles` | ≥ 1 | [function-errors](../runbooks/function-errors.md) |\n",
    );
    text
}

fn divided(metric: &Metric) -> String {
    let names: Vec<String> = metric.dimensions.iter().map(|name| format!("`{name}`")).collect();
    match (names.is_empty(), metric.undivided) {
        (true, _) => "–".to_owned(),
        (false, false) => names.join(", "),
        (false, true) => format!("{}; and undivided", names.join(", ")),
    }
}

fn alarm(metric: &Metric) -> String {
    metric.alarm.map_or_else(String::new, |alarm| {
        format!("{}: [{1}](../runbooks/{1}.md)", alarm.when, alarm.runbook)
    })
}
