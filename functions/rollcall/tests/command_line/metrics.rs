//! `/metrics` of `rollcall serve`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use crate::support::{Serving, Stage, post};
use bytes::Bytes;
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_model::{HttpResponse, Transport as _};

async fn metrics(door: &str) -> HttpResponse {
    let address = door.replace("/hooks/okta-main", "/metrics");
    let request = http::Request::get(address).body(Bytes::new()).unwrap();
    let transport = ReqwestTransport::new(HttpSettings::default());
    transport.send(request, Duration::from_secs(3)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_counts_what_happened_and_names_nobody() {
    let stage = Stage::set().await;
    let serving = Serving::with(&stage, 60_000, &["--metrics"]).await;
    assert!(post(&serving.door, &stage.deactivate()).await);
    stage.runs_when(|run| run.state.is_final()).await;
    // The end is counted after the ledger has it.
    let mut page = String::new();
    for _ in 0..100 {
        let answer = metrics(&serving.door).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["content-type"],
            "text/plain; version=0.0.4; charset=utf-8"
        );
        page = String::from_utf8(answer.body().to_vec()).unwrap();
        if page.contains("rollcall_runs_ended_total") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for line in [
        "# TYPE rollcall_runs_ended_total counter",
        "rollcall_runs_ended_total{outcome=\"Done\"} 1",
        "# TYPE rollcall_time_to_cut_milliseconds summary",
        "rollcall_time_to_cut_milliseconds_count{connection=\"sf-us\"} 1",
        "# TYPE rollcall_review_age_seconds gauge",
        "rollcall_review_age_seconds 0",
        "rollcall_cut_waiting_seconds 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}:\n{page}");
    }
    assert!(page.contains("rollcall_signals_taken_total{connection=\"okta-main\",lane=\"urgent\"}"));
    assert!(page.contains("rollcall_clock_ticked_total "), "{page}");
    let read = page.to_lowercase();
    for name in [
        "amara",
        "okafor",
        "corp.example",
        "run_",
        &stage.world.leaver.to_lowercase(),
    ] {
        assert!(!read.contains(name), "{name}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flag_there_is_no_page() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, 60_000).await;
    assert_eq!(metrics(&serving.door).await.status(), 404);
}
