//! What strangers send to a door's socket, and what a terminal, a page and a log show of somebody who chose a hostile name.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::support::{Serving, Stage, files, post};
use jiff::Timestamp;
use rollcall_model::{Lane, RunState};
use rollcall_simulators::world::LEAVER;
use serde_json::json;

/// A terminal that is steered, a line that looks like a log's, a mention, a template, a formula and markup.
const NAME: &str = "=1+1 <!channel> <@U0PRIYA0001> {{ person.login }} ${person.email} <script>alert(1)</script>\u{1b}[2J\u{1b}]0;owned\u{7}\r\nERROR All access was cut.\n\u{9b}31m\u{202e}";

/// Nothing but text and line breaks.
fn is_text(what: &str, said: &str) {
    let steers = said.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(steers, None, "{what}: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hostile_name_steers_no_terminal_no_page_and_no_log() {
    let stage = Stage::set().await;
    let world = &stage.world;
    world
        .okta
        .admin_update(
            &world.leaver,
            &[
                ("displayName", json!(NAME)),
                ("department", json!(NAME)),
                ("title", json!(NAME)),
            ],
            &world.administrator,
            Timestamp::now(),
        )
        .unwrap();
    world.okta.take_deliveries(Timestamp::now());
    let mut serving = Serving::start(&stage, 10_000).await;
    assert!(post(&serving.door, &stage.deactivate()).await);
    let runs = stage.runs_when(|run| run.state == RunState::Done).await;
    serving.kill();
    let run = runs.first().unwrap();
    assert!(
        run.person.display.contains('\u{1b}'),
        "the name is kept as it is: {:?}",
        run.person.display
    );
    let page = stage.folder.path().join("page.html").display().to_string();
    for line in [
        &["explain"][..],
        &["explain", LEAVER],
        &["explain", run.id.as_str()],
        &["today"],
        &["reviews"],
        &["leave", "list"],
        &["plan", LEAVER],
        &["preflight", LEAVER],
        &["link", "--dry-run"],
        &["link", "show", LEAVER],
        &["undo", run.id.as_str()],
        &["run", "report", run.id.as_str(), "--out", &page],
    ] {
        let said = stage.rollcall(line).await;
        is_text(&line.join(" "), &said.text);
        is_text(&line.join(" "), &said.errors);
        // A name takes no line of its own.
        assert!(!said.text.contains("\nERROR"), "{line:?}: {}", said.all());
    }
    let explained = stage.rollcall(&["explain", run.id.as_str()]).await;
    assert!(
        explained.text.contains("<!channel>"),
        "the name is shown: {}",
        explained.all()
    );
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(
        html.contains("&lt;script&gt;alert(1)") && !html.contains("<script>alert"),
        "{html}"
    );
    is_text("the page", &html.replace('\t', " "));
    let log = std::fs::read_to_string(stage.log()).unwrap();
    is_text("the log", &log);
    assert!(!log.contains("All access was cut") && !log.contains("channel"), "{log}");
    for text in world.slack.messages("security").iter().map(|message| &message.text) {
        assert!(
            !text.contains(['<', '>', '\u{1b}', '\r']) && !text.contains("\nERROR"),
            "{text:?}"
        );
        assert!(text.contains("{{ person.login }} ${person.email}"), "{text:?}");
    }
}

/// The demo signs in the way production does: a service app with a private key and DPoP, a signed assertion, a client secret, a bot's
/// token, two webhooks. Its logs are turned up as far as they go.
#[test]
fn no_secret_of_any_kind_is_in_what_a_machine_writes_at_its_loudest() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(crate::support::BINARY)
        .args(["demo", "--once", "--json"])
        .env("TMPDIR", folder.path())
        .env("ROLLCALL_LOG", "trace")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let data = PathBuf::from(document["data"].as_str().unwrap());
    let root = data.parent().unwrap();
    let mut secrets = Vec::new();
    for path in files(&root.join("secrets"))
        .into_iter()
        .chain(files(&data.join("keys")))
    {
        if path.extension().is_some_and(|end| end == "pub") {
            continue;
        }
        // A key by each of its lines: a log that shows one shows too much.
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        secrets.extend(
            lines
                .filter(|line| line.len() > 12)
                .map(|line| (path.clone(), line.to_owned())),
        );
    }
    let kinds = [
        "okta.pem",
        "okta-hook",
        "salesforce.pem",
        "slack-token",
        "onelogin-secret",
        "onelogin-hook",
        "receipt.pem",
        "approve.pem",
    ];
    for kind in kinds {
        assert!(
            secrets.iter().any(|(path, _)| path.ends_with(kind)),
            "{kind} is looked for: {secrets:?}"
        );
    }
    let mut said = vec![
        ("standard output".to_owned(), output.stdout),
        ("the log".to_owned(), output.stderr),
    ];
    assert!(said[1].1.len() > 10_000, "the log is loud");
    for path in files(root) {
        if !path.starts_with(root.join("secrets")) && !path.starts_with(data.join("keys")) {
            said.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    assert!(
        said.iter()
            .any(|(place, body)| place.contains("rollcall.db") && holds(body, "salesforce/freeze")),
        "what is looked through can be read"
    );
    let schemes = [
        "Bearer ",
        "DPoP ey",
        "SSWS ",
        "eyJhbGciOi",
        "eyJ0eXAiOi",
        "client_assertion=",
        "assertion=ey",
    ];
    for (place, body) in &said {
        for (path, secret) in &secrets {
            assert!(!holds(body, secret), "{place} tells {}", path.display());
        }
        // Tokens that were given on the way, and proofs of possession, by what they look like.
        for scheme in schemes {
            assert!(!holds(body, scheme), "{place} holds {scheme}…");
        }
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Sends bytes to a server and reads until it has answered and closed, or has nothing more to say.
fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1_500))).unwrap();
    // A server that has refused already may close while the rest is still on its way.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read) = stream.read(&mut piece) {
        if read == 0 {
            break;
        }
        answer.extend(piece.iter().take(read));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_trick_with_headers_gets_past_the_secret_or_brings_a_second_request_along() {
    let stage = Stage::set().await;
    let serving = Serving::start(&stage, 10_000).await;
    let (address, path) = serving.door.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let secret = stage.world.credentials.hook_secret.clone();
    let body = r#"{"data":{"events":[{"uuid":"smuggled","eventType":"system.noise"}]}}"#;
    let length = body.len();
    let post = |headers: &str, body: &str| {
        format!("POST /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n{body}")
    };
    let whole = format!("content-length: {length}\r\n");
    let inner = post(&format!("authorization: guess\r\n{whole}"), body);
    let long = "x".repeat(1_000_000);
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let refused: Vec<(&str, String)> = vec![
        ("no secret", post(&whole, body)),
        (
            "twice",
            post(
                &format!("authorization: {secret}\r\nauthorization: {secret}\r\n{whole}"),
                body,
            ),
        ),
        (
            "right, then wrong",
            post(
                &format!("authorization: {secret}\r\nAuthorization: guess\r\n{whole}"),
                body,
            ),
        ),
        (
            "wrong, then right",
            post(
                &format!("authorization: guess\r\nAUTHORIZATION: {secret}\r\n{whole}"),
                body,
            ),
        ),
        (
            "in one value",
            post(&format!("authorization: {secret}, {secret}\r\n{whole}"), body),
        ),
        (
            "folded",
            post(&format!("authorization: guess\r\n {secret}\r\n{whole}"), body),
        ),
        (
            "folded behind another",
            post(&format!("x-other: a\r\n\tauthorization: {secret}\r\n{whole}"), body),
        ),
        (
            "blank before the colon",
            post(&format!("authorization : {secret}\r\n{whole}"), body),
        ),
        (
            "a bare line feed in a value",
            post(&format!("x-other: a\nauthorization: guess\r\n{whole}"), body),
        ),
        (
            "a bare carriage return",
            post(&format!("x-other: a\rauthorization: {secret}\r\n{whole}"), body),
        ),
        ("NUL", post(&format!("authorization: {secret}\0\r\n{whole}"), body)),
        (
            "encoded breaks",
            post(&format!("x-other: a%0d%0aauthorization: {secret}\r\n{whole}"), body),
        ),
        (
            "underscore for dash and other names",
            post(
                &format!("x_authorization: {secret}\r\nproxy-authorization: {secret}\r\n{whole}"),
                body,
            ),
        ),
        (
            "over-long",
            post(&format!("authorization: {secret}{long}\r\n{whole}"), body),
        ),
        (
            "many headers",
            post(
                &format!("{}authorization: {secret}\r\n{whole}", "a: b\r\n".repeat(5_000)),
                body,
            ),
        ),
        (
            "two lengths",
            post(
                &format!("authorization: {secret}\r\ncontent-length: 3\r\n{whole}"),
                body,
            ),
        ),
        (
            "no number",
            post(
                &format!("authorization: {secret}\r\ncontent-length: +{length}\r\n"),
                body,
            ),
        ),
        (
            "an unknown coding",
            post(
                &format!("authorization: {secret}\r\ntransfer-encoding: xchunked\r\n{whole}"),
                body,
            ),
        ),
        (
            "a wrong secret in front of a second request",
            post(
                &format!("authorization: guess\r\ncontent-length: {}\r\n", inner.len()),
                &inner,
            ),
        ),
        (
            "length and chunks",
            post(
                &format!("authorization: guess\r\ntransfer-encoding: chunked\r\n{whole}"),
                &chunked,
            ),
        ),
        (
            "an absolute target elsewhere",
            format!(
                "POST http://evil.example/other HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: {secret}\r\n{whole}\r\n{body}"
            ),
        ),
        (
            "a trailer",
            post(
                "transfer-encoding: chunked\r\ntrailer: authorization\r\n",
                &format!("{length:x}\r\n{body}\r\n0\r\nauthorization: {secret}\r\n\r\n"),
            ),
        ),
    ];
    for (what, request) in &refused {
        let answer = exchange(address, request.as_bytes());
        assert!(!answer.contains(" 200 "), "{what}: {answer}");
        assert!(
            !answer.contains(&secret) && !answer.contains("smuggled"),
            "{what}: {answer}"
        );
    }
    let queue = stage.queue();
    for lane in Lane::ALL {
        let there = queue.receive(lane, 10, Duration::from_secs(1)).await.unwrap();
        assert!(there.is_empty(), "{lane}: {there:?}");
    }
    assert!(stage.ledger().runs(None, 10).await.unwrap().is_empty());
    // The same words in the right way are taken, so that nothing above was refused for another reason.
    let right = exchange(
        address,
        post(&format!("authorization: {secret}\r\n{whole}"), body).as_bytes(),
    );
    assert!(right.starts_with("HTTP/1.1 200 "), "{right}");
}
