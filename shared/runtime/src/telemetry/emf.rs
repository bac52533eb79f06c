//! CloudWatch's embedded metric format: a metric is a JSON line in the log, read out of it by CloudWatch (AWS
//! documentation, *Amazon CloudWatch User Guide*, "Specification: Embedded metric format").
//!
//! The same numbers are kept in the process, for a `/metrics` page where there is no CloudWatch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::dimensions::{self, STACK};
use super::table::{Kind, Metric, snake};

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "Rollcall";

/// Where lines go.
pub enum Sink {
    /// Nowhere (the default); the numbers are still kept.
    Off,
    /// Standard output, where Lambda's log is read.
    Stdout,
    /// Somebody's own function; it gets the line without its end.
    Lines(Box<dyn Fn(&str) + Send + Sync>),
}

static SINK: RwLock<Sink> = RwLock::new(Sink::Off);
static KEPT: Mutex<Kept> = Mutex::new(Kept(BTreeMap::new()));

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
    /// A longer duration.
    Seconds,
    /// A part of a whole, in hundredths.
    Percent,
}

impl Unit {
    /// CloudWatch's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Percent => "Percent",
        }
    }

    /// What a Prometheus name ends with.
    pub(super) const fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Count => None,
            Self::Milliseconds => Some("milliseconds"),
            Self::Seconds => Some("seconds"),
            Self::Percent => Some("percent"),
        }
    }
}

/// One value of one series.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The time of the measurement.
    pub at: Timestamp,
    /// What is measured.
    pub metric: &'static Metric,
    /// The values of the metric's dimensions, in their order.
    pub divided: &'a [&'a str],
    /// The value, in the metric's unit.
    pub value: f64,
}

impl Record<'_> {
    /// The line of this process' stack, without its end.
    pub fn line(&self) -> String {
        self.line_of(dimensions::stack())
    }

    /// The line of a stack, or of none. A metric that is also wanted undivided has both series in it: each list of
    /// `Dimensions` is one (specification, "DimensionSet object").
    pub fn line_of(&self, stack: Option<&str>) -> String {
        let all = self.dimensions(stack);
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let mut sets = vec![names];
        if self.metric.undivided {
            sets.push(stack.map(|_| STACK).into_iter().collect());
        }
        let metrics = json!([{"Name": self.metric.name, "Unit": self.metric.unit.as_str()}]);
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": self.at.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}],
            }),
        );
        for (name, value) in all {
            line.insert(name.to_owned(), json!(value));
        }
        line.insert(self.metric.name.to_owned(), json!(self.value));
        Value::Object(line).to_string()
    }

    /// Writes the line and keeps its value.
    pub fn emit(&self) {
        KEPT.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(self, dimensions::stack());
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

    fn dimensions<'b>(&'b self, stack: Option<&'b str>) -> Vec<(&'static str, &'b str)> {
        let own = self.metric.dimensions.iter().copied().zip(self.divided.iter().copied());
        stack.map(|stack| (STACK, stack)).into_iter().chain(own).collect()
    }

    /// `{connection="okta-main",lane="urgent"}`; nothing for a series without dimensions.
    fn labels(&self, stack: Option<&str>) -> String {
        let labels: Vec<String> = self
            .dimensions(stack)
            .into_iter()
            .map(|(name, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{}=\"{value}\"", snake(name))
            })
            .collect();
        if labels.is_empty() {
            return String::new();
        }
        format!("{{{}}}", labels.join(","))
    }
}

/// What the process has measured: by metric, and there by the values of its dimensions, which are few. Doors count each hook here, so
/// nothing is made of names and values but once for a series.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<&'static str, (&'static Metric, Vec<Series>)>);

#[derive(Debug)]
struct Series {
    divided: Vec<String>,
    labels: String,
    number: u64,
    sum: f64,
    last: f64,
}

impl Kept {
    pub(super) fn take(&mut self, record: &Record<'_>, stack: Option<&str>) {
        let metric = record.metric;
        let (_, all) = self.0.entry(metric.name).or_insert_with(|| (metric, Vec::new()));
        let same = |series: &Series| series.divided.iter().eq(record.divided.iter());
        let place = all.iter().position(same).unwrap_or(all.len());
        if place == all.len() {
            all.push(Series {
                divided: record.divided.iter().map(ToString::to_string).collect(),
                labels: record.labels(stack),
                number: 0,
                sum: 0.0,
                last: 0.0,
            });
        }
        if let Some(series) = all.get_mut(place) {
            series.number += 1;
            series.sum += record.value;
            series.last = record.value;
        }
    }

    /// Prometheus' text format, version 0.0.4 (*Exposition formats*, "Text-based format").
    pub(super) fn page(&self) -> String {
        let mut text = String::new();
        let by_family: BTreeMap<_, _> = self
            .0
            .values()
            .map(|(metric, all)| (metric.family(), (metric, all)))
            .collect();
        for (family, (metric, all)) in by_family {
            let kind = match metric.kind {
                Kind::Sum => "counter",
                Kind::Gauge => "gauge",
                Kind::Span => "summary",
            };
            let _ = writeln!(text, "# HELP {family} {}\n# TYPE {family} {kind}", metric.meaning);
            let mut all: Vec<&Series> = all.iter().collect();
            all.sort_by(|one, other| one.labels.cmp(&other.labels));
            for series in all {
                let labels = &series.labels;
                let _ = match metric.kind {
                    Kind::Sum => writeln!(text, "{family}{labels} {}", series.sum),
                    Kind::Gauge => writeln!(text, "{family}{labels} {}", series.last),
                    Kind::Span => writeln!(
                        text,
                        "{family}_sum{labels} {}\n{family}_count{labels} {}",
                        series.sum, series.number
                    ),
                };
            }
        }
        text
    }
}

/// What was measured since the process began, in Prometheus' text format.
pub fn prometheus() -> String {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).page()
}
