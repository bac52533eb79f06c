use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{info, info_span, warn};

use super::emf::Record;
use super::*;

/// A writer that keeps what it is given.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a_line_is_one_flat_object_with_the_request_id_of_its_span() {
    let kept = Kept::default();
    tracing::subscriber::with_default(machine(levels(None).0, kept.clone()), || {
        let span = info_span!("request", request_id = "r-1", late = tracing::field::Empty);
        let _inside = span.enter();
        span.record("late", 7);
        let _inner = info_span!("hook", connection = "okta-main").entered();
        warn!(
            code = "RC0101",
            taken = 3_u64,
            fine = false,
            level = "odd",
            "Line\nwith a break."
        );
    });
    let text = kept.text();
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(text.starts_with("{\"timestamp\":\"20"), "{text}");
    let line = &kept.lines()[0];
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["message"], "Line\nwith a break.");
    assert_eq!(line["request_id"], "r-1");
    assert_eq!(line["late"], 7);
    assert_eq!(line["connection"], "okta-main");
    assert_eq!(line["code"], "RC0101");
    assert_eq!(line["taken"], 3);
    assert_eq!(line["fine"], false);
    assert_eq!(line["field_level"], "odd");
    let at: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(at.as_second() > 1_700_000_000);
}

#[test]
fn levels_are_read_by_place_and_fall_back_to_info() {
    let logged = |text: Option<&str>| {
        let kept = Kept::default();
        let (filter, understood) = levels(text);
        tracing::subscriber::with_default(machine(filter, kept.clone()), || {
            tracing::debug!("fine");
            info!("coarse");
        });
        (kept.lines().len(), understood)
    };
    assert_eq!(logged(None), (1, true));
    assert_eq!(logged(Some(" ")), (1, true));
    assert_eq!(logged(Some("warn")), (0, true));
    assert_eq!(logged(Some("error,rollcall_runtime=debug")), (2, true));
    assert_eq!(logged(Some("info,rollcall_runtime=loud")), (1, false));
}

#[test]
fn people_get_text() {
    let kept = Kept::default();
    tracing::subscriber::with_default(people(levels(None).0, kept.clone()), || {
        info!(connection = "okta-main", "The hook took 3 signals.");
    });
    let text = kept.text();
    assert!(text.contains("INFO The hook took 3 signals. connection="), "{text}");
    assert!(!text.contains('{') && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_metric_line_has_the_shape_cloudwatch_reads() {
    let record = Record {
        at: jiff::Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        metric: &table::SIGNALS_TAKEN,
        divided: &["okta-main", "urgent"],
        value: 3.0,
    };
    let line: Value = serde_json::from_str(&record.line_of(None)).unwrap();
    assert_eq!(
        line,
        json!({
            "_aws": {
                "Timestamp": 1_700_000_000_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Rollcall",
                    "Dimensions": [["Connection", "Lane"]],
                    "Metrics": [{"Name": "SignalsTaken", "Unit": "Count"}],
                }],
            },
            "Connection": "okta-main", "Lane": "urgent", "SignalsTaken": 3.0,
        })
    );
}

#[test]
fn the_stack_divides_every_series_and_an_undivided_one_is_in_the_same_line() {
    let record = |metric: &'static table::Metric, divided| Record {
        at: jiff::Timestamp::UNIX_EPOCH,
        metric,
        divided,
        value: 1.0,
    };
    let sets = |line: String| {
        let line: Value = serde_json::from_str(&line).unwrap();
        (
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone(),
            line["Stack"].clone(),
        )
    };
    let returned = record(&table::ACCESS_RETURNED, &["sf-us"] as &[&str]);
    assert_eq!(
        sets(returned.line_of(Some("prod"))),
        (json!([["Stack", "Connection"], ["Stack"]]), json!("prod"))
    );
    assert_eq!(sets(returned.line_of(None)), (json!([["Connection"], []]), Value::Null));
    let ticked = record(&table::CLOCK_TICKED, &[]);
    assert_eq!(sets(ticked.line_of(Some("prod"))), (json!([["Stack"]]), json!("prod")));
    assert_eq!(sets(ticked.line_of(None)), (json!([[]]), Value::Null));
}

#[test]
fn the_page_adds_up_counts_and_keeps_the_last_of_a_gauge() {
    let mut kept = emf::Kept::default();
    let mut take = |metric: &'static table::Metric, divided: &[&str], value: f64| {
        let at = jiff::Timestamp::UNIX_EPOCH;
        kept.take(
            &Record {
                at,
                metric,
                divided,
                value,
            },
            None,
        );
    };
    take(&table::REVIEW_AGE, &[], 90.0);
    take(&table::REVIEW_AGE, &[], 0.0);
    take(&table::RUNS_ENDED, &["Done"], 1.0);
    take(&table::RUNS_ENDED, &["Done"], 1.0);
    take(&table::RUNS_ENDED, &["Incomplete"], 1.0);
    take(&table::TIME_TO_CUT, &["sf-us"], 150.0);
    take(&table::TIME_TO_CUT, &["sf-us"], 250.0);
    let page = kept.page();
    let plain: Vec<&str> = page.lines().filter(|line| !line.starts_with("# HELP")).collect();
    assert_eq!(
        plain,
        [
            "# TYPE rollcall_review_age_seconds gauge",
            "rollcall_review_age_seconds 0",
            "# TYPE rollcall_runs_ended_total counter",
            "rollcall_runs_ended_total{outcome=\"Done\"} 2",
            "rollcall_runs_ended_total{outcome=\"Incomplete\"} 1",
            "# TYPE rollcall_time_to_cut_milliseconds summary",
            "rollcall_time_to_cut_milliseconds_sum{connection=\"sf-us\"} 400",
            "rollcall_time_to_cut_milliseconds_count{connection=\"sf-us\"} 2",
        ]
    );
    assert_eq!(page.matches("# HELP ").count(), 3, "{page}");
}

// One test for all of this, because the sink and what is kept belong to the process.
#[test]
fn metrics_go_to_the_sink_and_are_kept() {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let taking = lines.clone();
    emf::send_to(emf::Sink::Lines(Box::new(move |line| {
        taking.lock().unwrap().push(line.to_owned());
    })));
    for signals in [2, 3] {
        metrics::SignalsTaken {
            connection: "a\"b",
            lane: "urgent",
            signals,
        }
        .emit(at);
    }
    metrics::DoorTrouble {
        connection: "okta-main",
        code: "RC0101",
    }
    .emit(at);
    emf::send_to(emf::Sink::Off);
    metrics::DoorTrouble {
        connection: "okta-main",
        code: "RC0101",
    }
    .emit(at);
    assert_eq!(lines.lock().unwrap().len(), 3);
    let page = emf::prometheus();
    assert!(
        page.contains("rollcall_signals_taken_total{connection=\"a\\\"b\",lane=\"urgent\"} 5\n"),
        "{page}"
    );
    assert!(
        page.contains("rollcall_door_trouble_total{connection=\"okta-main\",code=\"RC0101\"} 2\n"),
        "{page}"
    );
}
