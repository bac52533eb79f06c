//! What says whether Rollcall is healthy: its metrics, and logs that name nobody.

mod hook;
mod logs;
mod metrics;
mod secrets;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Once;

use rollcall_runtime::telemetry::{self, emf};
use serde_json::Value;

thread_local! {
    /// Every test has a thread of its own, and its world lives in it.
    static METRICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static LOGS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Log lines of this thread.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.with_borrow_mut(|logs| logs.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What one test's world says for as long as this lives: metrics as EMF lines, logs as JSON lines of every level.
pub(crate) struct Caught(#[expect(dead_code, reason = "its end ends the catching")] tracing::subscriber::DefaultGuard);

impl Caught {
    pub(crate) fn all() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            emf::send_to(emf::Sink::Lines(Box::new(|line| {
                METRICS.with_borrow_mut(|lines| lines.push(line.to_owned()));
            })));
        });
        METRICS.take();
        LOGS.take();
        let (filter, _) = telemetry::levels(Some("trace"));
        Self(tracing::subscriber::set_default(telemetry::machine(filter, || Lines)))
    }

    /// Metrics as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        METRICS.with_borrow(Clone::clone)
    }

    /// Logs as lines.
    pub(crate) fn logs(&self) -> Vec<Value> {
        let bytes = LOGS.with_borrow(Clone::clone);
        let text = String::from_utf8(bytes).expect("logs are text");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a log line is JSON"))
            .collect()
    }

    /// The values of a metric in order, by the values of its own dimensions.
    pub(crate) fn values(&self, name: &str) -> BTreeMap<String, Vec<f64>> {
        let metric = telemetry::table::Metric::find(name).expect("the metric is in the table");
        let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for line in self.lines() {
            let line: Value = serde_json::from_str(&line).expect("a metric line is JSON");
            let Some(value) = line.get(name).and_then(Value::as_f64) else {
                continue;
            };
            let divided: Vec<&str> = metric
                .dimensions
                .iter()
                .map(|dimension| line[*dimension].as_str().expect("every dimension has a value"))
                .collect();
            all.entry(divided.join(" ")).or_default().push(value);
        }
        all
    }

    /// The sum of a metric's values, by the values of its own dimensions.
    pub(crate) fn sums(&self, name: &str) -> BTreeMap<String, f64> {
        let all = self.values(name);
        all.into_iter()
            .map(|(divided, values)| (divided, values.iter().sum()))
            .collect()
    }

    /// The sum of all of a metric's values.
    pub(crate) fn total(&self, name: &str) -> f64 {
        self.sums(name).values().sum()
    }

    /// The last value of a metric without dimensions.
    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        self.values(name).get("")?.last().copied()
    }
}
