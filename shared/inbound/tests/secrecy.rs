//! Nothing secret and nothing of a body in any log line or answer.
//!
//! Alone in its process: a log line's first use on a thread without a subscriber, beside this one, could hide it here.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::Method;
use rollcall_inbound::Source;
use rollcall_model::Lane;
use rollcall_model::queue::MESSAGE_LIMIT;
use rollcall_runtime::telemetry::machine;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;

use support::{Backend, PREVIOUS, SECRET, door, okta_body, request, settings};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_secrets_nor_bodies_are_logged_or_answered() {
    let lines = Lines::default();
    let everything = Targets::new().with_default(tracing::Level::TRACE);
    let guard = tracing::subscriber::set_default(machine(everything, lines.clone()));
    let leaver = r#"{"uuid":"u1","eventType":"user.lifecycle.deactivate","name":"planted-person"}"#;
    let large = format!(
        "{{\"uuid\":\"u2\",\"name\":\"planted-person{}\"}}",
        "x".repeat(MESSAGE_LIMIT)
    );
    let body = okta_body(&[leaver, "{\"planted-person\":", &large]);
    let mut answers = Vec::new();
    for source in [Source::Okta, Source::Onelogin] {
        for backend in [
            Backend::default(),
            Backend {
                failing_lane: Some(Lane::Urgent),
                ..Backend::default()
            },
            Backend {
                failing_files: true,
                ..Backend::default()
            },
            Backend {
                panics: true,
                ..Backend::default()
            },
        ] {
            let backend = Arc::new(backend);
            let door = door(source, &backend);
            for (method, path, secret, body) in [
                (Method::POST, "/hook", Some(SECRET), body.as_str()),
                (Method::POST, "/hook", Some(PREVIOUS), "planted-person is no hook"),
                (Method::POST, "/hook", Some("Bearer planted-guess"), body.as_str()),
                (Method::POST, "/planted-path", Some(SECRET), body.as_str()),
                (Method::PUT, "/hook", Some(SECRET), body.as_str()),
                (Method::GET, "/hook", Some(SECRET), ""),
            ] {
                let request = request(method, path, secret, body.to_owned());
                answers.push(format!("{request:?}"));
                answers.push(format!("{:?}", door.handle(request).await));
            }
        }
    }
    answers.push(format!("{:?}", settings(Source::Okta)));
    drop(guard);
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // What should be there is there, so the search below reads the right thing.
    for code in ["RC0101", "RC0102", "RC0104", "RC0105", "RC0106", "RC0107", "RC0108"] {
        assert!(
            logged.contains(&format!("\"code\":\"{code}\"")),
            "{code} was not logged"
        );
    }
    assert!(
        logged.lines().all(|line| line.contains("\"connection\":\"main\"")),
        "{logged}"
    );
    for text in answers.iter().chain([&logged]) {
        assert!(!text.contains("planted"), "{text}");
    }
}
