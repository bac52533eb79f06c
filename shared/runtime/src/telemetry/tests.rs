use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{info, info_span, warn};

use super::emf::{Record, Unit};
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
        dimensions: &[("Connection", "okta-main"), ("Lane", "urgent")],
        values: &[("SignalsTaken", Unit::Count, 3.0), ("Waited", Unit::Milliseconds, 1.5)],
    };
    let line: Value = serde_json::from_str(&record.line()).unwrap();
    assert_eq!(
        line,
        json!({
            "_aws": {
                "Timestamp": 1_700_000_000_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Rollcall",
                    "Dimensions": [["Connection", "Lane"]],
                    "Metrics": [{"Name": "SignalsTaken", "Unit": "Count"}, {"Name": "Waited", "Unit": "Milliseconds"}],
                }],
            },
            "Connection": "okta-main", "Lane": "urgent", "SignalsTaken": 3.0, "Waited": 1.5,
        })
    );
}

// One test for all of this, because the sink and the sums belong to the process.
#[test]
fn metrics_go_to_the_sink_and_into_the_sums() {
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
