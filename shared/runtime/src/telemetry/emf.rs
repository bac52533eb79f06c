//! CloudWatch's embedded metric format: a metric is a JSON line in the log, read out of it by CloudWatch (AWS
//! documentation, *Amazon CloudWatch User Guide*, "Specification: Embedded metric format").
//!
//! The same numbers are summed up in the process, for a `/metrics` page where there is no CloudWatch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "Rollcall";

/// Where lines go.
pub enum Sink {
    /// Nowhere (the default); sums are still kept.
    Off,
    /// Standard output, where Lambda's log is read.
    Stdout,
    /// Somebody's own function; it gets the line without its end.
    Lines(Box<dyn Fn(&str) + Send + Sync>),
}

static SINK: RwLock<Sink> = RwLock::new(Sink::Off);
static SUMS: Mutex<BTreeMap<String, f64>> = Mutex::new(BTreeMap::new());

/// Chooses where lines go from now on.
pub fn send_to(sink: Sink) {
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
}

/// CloudWatch's units that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration.
    Milliseconds,
    /// A size.
    Bytes,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// One line: its time, its dimensions and its values.
#[derive(Debug)]
pub struct Record<'a> {
    /// The time of the measurement.
    pub at: Timestamp,
    /// Name and value of each dimension; one series by all of them together.
    pub dimensions: &'a [(&'static str, &'a str)],
    /// Name, unit and value of each metric.
    pub values: &'a [(&'static str, Unit, f64)],
}

impl Record<'_> {
    /// The line, without its end.
    pub fn line(&self) -> String {
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Value> = self
            .values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.as_str()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": self.at.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics}],
            }),
        );
        for (name, value) in self.dimensions {
            line.insert((*name).to_owned(), json!(value));
        }
        for (name, _, value) in self.values {
            line.insert((*name).to_owned(), json!(value));
        }
        Value::Object(line).to_string()
    }

    /// Writes the line and adds its values to the sums.
    pub fn emit(&self) {
        {
            let mut sums = SUMS.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, unit, value) in self.values {
                *sums.entry(self.series(name, *unit)).or_default() += value;
            }
        }
        match &*SINK.read().unwrap_or_else(PoisonError::into_inner) {
            Sink::Off => {}
            // One write, so that lines of threads do not mix. A line that cannot be written has nowhere to be reported.
            Sink::Stdout => {
                let mut line = self.line();
                line.push('\n');
                let _ = std::io::stdout().write_all(line.as_bytes());
            }
            Sink::Lines(take) => take(&self.line()),
        }
    }

    /// `rollcall_signals_taken_total{connection="okta-main",lane="urgent"}`.
    fn series(&self, name: &str, unit: Unit) -> String {
        let mut text = format!("rollcall_{}", snake(name));
        match unit {
            Unit::Count => {}
            Unit::Milliseconds => text.push_str("_milliseconds"),
            Unit::Bytes => text.push_str("_bytes"),
        }
        text.push_str("_total{");
        for (place, (name, value)) in self.dimensions.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(text, "{comma}{}=\"{value}\"", snake(name));
        }
        text.push('}');
        text
    }
}

fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (place, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The sums since the process began, in Prometheus' text format.
pub fn prometheus() -> String {
    let sums = SUMS.lock().unwrap_or_else(PoisonError::into_inner);
    sums.iter().fold(String::new(), |mut text, (series, sum)| {
        let _ = writeln!(text, "{series} {sum}");
        text
    })
}
