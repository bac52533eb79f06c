//! Commands for a stack: who may ask for what, who somebody is, and that a command is run once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails, panics")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use rollcall_commands::remote::{Door, Where, Worked, parse, rule};
use rollcall_model::Timestamp;
use rollcall_model::ledger::documents;
use rollcall_runtime::{Clock, SystemClock};
use serde_json::{Value, json};

use support::{Stack, arn, event};

const ALL: &[&str] = &["vera", "omar", "priya", "cora", "felix"];
const OPERATOR: &[&str] = &["omar"];
const PROVER: &[&str] = &["omar", "felix"];
const APPROVER: &[&str] = &["priya"];

/// Each command, where it runs, and who of the operators with one role each may ask for it.
const TABLE: &[(&str, Place, &[&str])] = &[
    ("explain", Place::Console, ALL),
    ("today", Place::Console, ALL),
    ("run report run_1", Place::Console, ALL),
    ("reviews", Place::Console, ALL),
    ("reviews list", Place::Console, ALL),
    ("reviews show r", Place::Console, ALL),
    ("redrive --list", Place::Console, ALL),
    ("leave list", Place::Console, ALL),
    ("redrive", Place::Console, OPERATOR),
    ("pause", Place::Console, OPERATOR),
    ("resume", Place::Console, OPERATOR),
    ("leave cancel lv_1", Place::Console, OPERATOR),
    ("replay --event k", Place::Console, OPERATOR),
    ("plan a@corp.example", Place::Worker, OPERATOR),
    ("preflight a@corp.example", Place::Worker, OPERATOR),
    ("apply 5f1c", Place::Worker, OPERATOR),
    ("undo run_1", Place::Worker, OPERATOR),
    ("leave a@corp.example --at now", Place::Worker, OPERATOR),
    ("link", Place::Worker, OPERATOR),
    ("link --dry-run", Place::Worker, OPERATOR),
    ("link confirm a@corp.example sf-us/1", Place::Worker, OPERATOR),
    ("link deny a@corp.example sf-us/1", Place::Worker, OPERATOR),
    ("link show a@corp.example", Place::Worker, ALL),
    ("expect leavers --file hr.csv --window w", Place::Worker, OPERATOR),
    ("expect cancel 1", Place::Worker, OPERATOR),
    ("expect list", Place::Worker, ALL),
    ("expect show 1", Place::Worker, ALL),
    ("check", Place::Worker, PROVER),
    ("replay hook.json", Place::Worker, PROVER),
    ("reviews approve r 5f1c0a9b7d3e", Place::Approve, APPROVER),
    ("reviews refuse r 5f1c0a9b7d3e", Place::Approve, APPROVER),
    ("expect approve 1", Place::Approve, APPROVER),
    ("serve", Place::Here, &[]),
    ("check --offline", Place::Here, &[]),
    ("check --schemas s", Place::Here, &[]),
    ("receipt verify r.json", Place::Here, &[]),
    ("answer cmd_1", Place::Here, &[]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Console,
    Worker,
    Approve,
    Here,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_has_a_place_and_takes_a_role() {
    let stack = Stack::new();
    for (line, place, may) in TABLE {
        let argv: Vec<&str> = line.split(' ').collect();
        let typed = parse(std::iter::once(&"rollcall").chain(&argv)).unwrap();
        let found = match rule(&typed.cli.command).place {
            Where::Console => Place::Console,
            Where::Worker => Place::Worker,
            Where::Approve => Place::Approve,
            Where::Here(_) => Place::Here,
        };
        assert_eq!(found, *place, "{line}");
        let door = if *place == Place::Approve {
            Door::Approve
        } else {
            Door::Console
        };
        for who in ALL {
            let (status, reply) = stack.ask(door, who, &argv).await;
            let error = reply["error"].as_str().unwrap_or_default();
            match place {
                Place::Here => {
                    assert_eq!(status, 400, "{line} {who}: {reply}");
                    assert!(error.starts_with("a stack does not run `"), "{line} {who}: {error}");
                }
                _ if !may.contains(who) => {
                    assert_eq!(status, 403, "{line} {who}: {reply}");
                    let named = error.starts_with(&format!("{who} may not `")) && error.contains("env/prod.yaml");
                    assert!(named && error.contains("it takes the role "), "{line} {who}: {error}");
                }
                Place::Console => assert_eq!(status, 200, "{line} {who}: {reply}"),
                Place::Worker => assert!(
                    reply["wait"].as_str().unwrap().starts_with("cmd_"),
                    "{line} {who}: {reply}"
                ),
                // There is no such review: it is refused for that, and not for the role.
                Place::Approve => assert_eq!(status, 409, "{line} {who}: {reply}"),
            }
        }
        // The other door sends it on, whatever the role.
        if *place != Place::Here {
            let other = if door == Door::Approve {
                Door::Console
            } else {
                Door::Approve
            };
            let (status, reply) = stack.ask(other, "alba", &argv).await;
            assert_eq!(status, 400, "{line}: {reply}");
        }
    }
}

#[tokio::test]
async fn only_what_the_api_has_verified_says_who_somebody_is() {
    let stack = Stack::new();
    let asked = |arn: Option<&str>, body: &Value| event(arn, &body.to_string(), false);
    let explain = json!({"argv": ["explain"]});
    let denied = async |event: &Value, status: u16, says: &str| {
        let response = stack.event(Door::Console, event).await;
        assert_eq!(response.status_code, status, "{}", response.body);
        assert!(response.body.contains(says), "{}", response.body);
    };
    // Nobody: another authorisation, none, an empty name.
    denied(&asked(None, &explain), 403, "AWS_IAM").await;
    denied(&asked(Some(""), &explain), 403, "AWS_IAM").await;
    let mut other = asked(None, &explain);
    other["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": arn("alba"), "userArn": arn("alba")}}});
    denied(&other, 403, "AWS_IAM").await;
    let mut header = asked(None, &explain);
    header["headers"]["x-amzn-iam-user-arn"] = json!(arn("alba"));
    header["requestContext"]["identity"] = json!({"userArn": arn("alba")});
    denied(&header, 403, "AWS_IAM").await;
    // Somebody whom the configuration does not name: another session, the role without one, another account.
    for stranger in [
        arn("mallory"),
        "arn:aws:sts::123456789012:assumed-role/RollcallOperator".to_owned(),
        arn("alba").replace("123456789012", "210987654321"),
        arn("alba").replace("RollcallOperator", "RollcallOperatorX"),
        arn("alba").to_uppercase(),
        "alba".to_owned(),
    ] {
        denied(&asked(Some(&stranger), &explain), 403, "is no operator of this stack").await;
    }
    // Nor does the body say it, or what was typed.
    for field in ["caller", "operator", "userArn", "me", "approval"] {
        let mut body = explain.clone();
        body[field] = json!(arn("alba"));
        denied(
            &asked(Some(&arn("vera")), &body),
            400,
            "the body is no request of this version",
        )
        .await;
    }
    for argv in [
        ["explain", "--config", "/tmp/mine"],
        ["explain", "--env", "sandbox"],
        ["explain", "--data", "/tmp/mine"],
        ["explain", "--stack", "other"],
    ] {
        let body = json!({"argv": argv});
        denied(&asked(Some(&arn("alba")), &body), 400, "leave --").await;
    }
    let flag = json!({"argv": ["explain", "--operator", "alba"]});
    denied(&asked(Some(&arn("vera")), &flag), 400, "--operator").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_be_encoded_and_the_answer_is_json_that_nobody_keeps() {
    let stack = Stack::new();
    let body = STANDARD.encode(json!({"argv": ["explain"], "json": true, "width": 80}).to_string());
    let response = stack
        .event(Door::Console, &event(Some(&arn("vera")), &body, true))
        .await;
    let shown = serde_json::to_value(&response).unwrap();
    assert_eq!(shown["statusCode"], 200);
    assert_eq!(
        shown["headers"],
        json!({"cache-control": "no-store", "content-type": "application/json"})
    );
    let reply: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!((&reply["error"], &reply["exit"]), (&Value::Null, &json!(0)));
    let document: Value = serde_json::from_str(reply["lines"].as_str().unwrap()).unwrap();
    assert_eq!(document["runs"], json!([]));
    let broken = stack.event(Door::Console, &event(Some(&arn("vera")), "{", false)).await;
    assert_eq!(broken.status_code, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_for_who_asked() {
    let stack = Stack::new();
    let (_, reply) = stack.ask(Door::Console, "omar", &["expect", "list"]).await;
    let question = json!({"answer": reply["wait"]});
    stack.work().await;
    for (who, status) in [("omar", 200), ("alba", 404), ("vera", 404)] {
        assert_eq!(stack.post(Door::Console, who, &question).await.0, status, "{who}");
    }
    let (status, _) = stack.post(Door::Console, "omar", &json!({"answer": "cmd_none"})).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_delivered_twice_is_run_once() {
    let stack = Stack::new();
    let wait = async || {
        let body = json!({"argv": ["expect", "list"]});
        let (_, reply) = stack.post(Door::Console, "omar", &body).await;
        reply["wait"].as_str().unwrap().to_owned()
    };
    let answered = async |id: &str| stack.post(Door::Console, "omar", &json!({"answer": id})).await.1;
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    // Delivered again after its end: the answer stays, and nobody took it twice.
    let id = wait().await;
    assert_eq!(stack.run(&id, later).await, Worked::Settled);
    let first = answered(&id).await;
    assert_eq!(first["lines"], "No leavers are announced.\n");
    let taken = stack.store.ledger.document(documents::TAKEN, &id).await.unwrap();
    assert_eq!(stack.run(&id, later).await, Worked::Settled);
    assert_eq!(answered(&id).await, first);
    assert_eq!(stack.store.ledger.document(documents::TAKEN, &id).await.unwrap(), taken);
    // Delivered again while another invocation is at it: it waits. That one died: it is said, and not run.
    for (until, worked) in [(later, Worked::Busy), (Timestamp::UNIX_EPOCH, Worked::Settled)] {
        let id = wait().await;
        let taken = json!({"until": until});
        let added = stack
            .store
            .ledger
            .add_document(documents::TAKEN, &id, &taken, "other")
            .await;
        assert!(matches!(added.unwrap(), rollcall_model::Answer::Won(())));
        assert_eq!(stack.run(&id, later).await, worked);
        let answer = answered(&id).await;
        if worked == Worked::Busy {
            assert_eq!(answer, json!({"pending": true}));
        } else {
            assert!(
                answer["error"].as_str().unwrap().contains("it is not run twice"),
                "{answer}"
            );
            assert_eq!(answer["lines"], "");
        }
    }
    assert_eq!(stack.run("cmd_unknown", later).await, Worked::Settled);
}

/// A clock that starts something whenever it is asked, as a ledger's client does with its connections.
#[derive(Default)]
struct Starting {
    started: AtomicUsize,
    ended: Arc<AtomicUsize>,
}

#[async_trait]
impl Clock for Starting {
    fn now(&self) -> Timestamp {
        self.started.fetch_add(1, Ordering::SeqCst);
        let ended = Arc::clone(&self.ended);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            ended.fetch_add(1, Ordering::SeqCst);
        });
        SystemClock.now()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_starts_does_not_end_with_it() {
    let mut stack = Stack::new();
    let body = json!({"argv": ["expect", "list"]});
    let (_, reply) = stack.post(Door::Console, "omar", &body).await;
    let clock = Arc::new(Starting::default());
    stack.store.clock = clock.clone();
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    assert_eq!(stack.run(reply["wait"].as_str().unwrap(), later).await, Worked::Settled);
    let started = clock.started.load(Ordering::SeqCst);
    assert!(started > 1, "the command asked for the time: {started}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(clock.ended.load(Ordering::SeqCst), started);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_nobody_took_in_time_is_not_run() {
    let stack = Stack::new();
    let order = json!({
        "argv": ["pause"], "json": false, "caller": arn("omar"), "at": Timestamp::now() - SignedDuration::from_mins(11),
    });
    let ledger = &stack.store.ledger;
    ledger
        .add_document(documents::COMMAND, "cmd_old", &order, "n")
        .await
        .unwrap();
    assert_eq!(
        stack
            .run("cmd_old", Timestamp::now() + SignedDuration::from_secs(60))
            .await,
        Worked::Settled
    );
    let (_, answer) = stack.post(Door::Console, "omar", &json!({"answer": "cmd_old"})).await;
    assert!(
        answer["error"].as_str().unwrap().contains("nothing was done"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_asks_for_the_role_again_and_decides_nothing_unsigned() {
    let stack = Stack::new();
    for (who, argv, says) in [
        ("vera", vec!["link"], "may not `link` any more"),
        ("mallory", vec!["link"], "is no operator of this stack any more"),
        (
            "priya",
            vec!["expect", "approve", "1"],
            "a worker does not run `expect approve` in this way",
        ),
        ("omar", vec!["pause"], "a worker does not run `pause` in this way"),
    ] {
        let id = format!("cmd_{who}");
        let order = json!({"argv": argv, "json": false, "caller": arn(who), "at": Timestamp::now()});
        let ledger = &stack.store.ledger;
        ledger.add_document(documents::COMMAND, &id, &order, "n").await.unwrap();
        stack.run(&id, Timestamp::now() + SignedDuration::from_secs(60)).await;
        let answer = ledger.document(documents::ANSWER, &id).await.unwrap().unwrap().body;
        assert!(answer["error"].as_str().unwrap().contains(says), "{who}: {answer}");
        assert_eq!(answer["lines"], "", "{who}");
    }
    assert_eq!(stack.store.ledger.documents(documents::PAUSE, 9).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_agrees_through_approve_and_never_to_their_own() {
    let stack = Stack::new();
    let to = Timestamp::now() + SignedDuration::from_hours(2);
    let window = format!("{}/{to}", Timestamp::now() + SignedDuration::from_hours(1));
    let body = json!({
        "argv": ["expect", "leavers", "--file", "hr.csv", "--window", window, "--json"],
        "files": {"hr.csv": STANDARD.encode("login\namara.okafor@corp.example\n")},
    });
    let announced = stack.whole(Door::Console, "alba", &body).await;
    assert_eq!((announced.exit, announced.error), (0, None));
    let announced: Value = serde_json::from_str(&announced.lines).unwrap();
    let id = announced["id"].as_str().unwrap();
    assert_eq!(announced["requested_by"], "alba@corp.example");
    let approve = json!({"argv": ["expect", "approve", id]});
    let own = stack.whole(Door::Approve, "alba", &approve).await;
    assert_ne!(own.exit, 0);
    let agreed = stack.whole(Door::Approve, "priya", &approve).await;
    assert_eq!((agreed.exit, &agreed.error), (0, &None));
    assert!(
        agreed
            .lines
            .starts_with(&format!("Approved {id}, as priya@corp.example.")),
        "{}",
        agreed.lines
    );
    let shown = stack
        .whole(
            Door::Console,
            "vera",
            &json!({"argv": ["expect", "show", id, "--json"]}),
        )
        .await;
    let shown: Value = serde_json::from_str(&shown.lines).unwrap();
    let by: Vec<&Value> = shown["approvals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["by"])
        .collect();
    assert_eq!(by, ["priya@corp.example"]);
}

/// What a file that was not sent comes to, and one that is too much.
#[tokio::test(flavor = "multi_thread")]
async fn files_come_with_the_command_or_not_at_all() {
    let stack = Stack::new();
    let argv = [
        "expect",
        "leavers",
        "--file",
        "/etc/passwd",
        "--window",
        "2030-01-01T10:00Z/2030-01-01T11:00Z",
    ];
    let done = stack.whole(Door::Console, "omar", &json!({"argv": argv})).await;
    assert!(
        done.error
            .unwrap()
            .contains("/etc/passwd was not sent with the command")
    );
    let large = STANDARD.encode(vec![b'a'; rollcall_commands::remote::FILES_LIMIT + 1]);
    let (status, reply) = stack
        .post(
            Door::Console,
            "omar",
            &json!({"argv": argv, "files": {"/etc/passwd": large}}),
        )
        .await;
    assert_eq!(status, 400);
    assert!(
        reply["error"].as_str().unwrap().contains("send them in parts"),
        "{reply}"
    );
}

/// Break-glass: the API is gone, and an administrator invokes the function with an event of their own. What they say they are is
/// believed, and that is why the runbook says who may invoke it.
#[tokio::test(flavor = "multi_thread")]
async fn the_stop_button_works_by_direct_invocation() {
    let stack = Stack::new();
    let event = json!({
        "requestContext": {"authorizer": {"iam": {"userArn": arn("omar")}}},
        "body": "{\"argv\":[\"pause\",\"all\",\"--include-cuts\"]}",
    });
    let response = stack.event(Door::Console, &event).await;
    assert_eq!(response.status_code, 200, "{}", response.body);
    let stop = stack
        .store
        .ledger
        .document(documents::PAUSE, "all")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&stop.body["cut"], &stop.body["by"]),
        (&json!(true), &json!("omar@corp.example"))
    );
    let (_, today) = stack
        .post(Door::Console, "vera", &json!({"argv": ["today"], "json": true}))
        .await;
    let today: Value = serde_json::from_str(today["lines"].as_str().unwrap()).unwrap();
    assert_eq!(today["paused"][0]["what"], "all");
    let (_, resumed) = stack.ask(Door::Console, "omar", &["resume"]).await;
    assert_eq!(resumed["exit"], 0);
    assert_eq!(
        stack.store.ledger.document(documents::PAUSE, "all").await.unwrap(),
        None
    );
}
