//! A quiet leave: the run's id stands for the person wherever somebody else reads.

use std::io::Write;
use std::sync::{Arc, Mutex};

use rollcall_engine::{AgreedLeave, LeaveWish, leaves};
use rollcall_model::RunState;
use rollcall_runtime::clock::plus;
use rollcall_runtime::telemetry;
use rollcall_scenarios::{HOUR, MANAGER_IN_SLACK, MINUTE, Stage, replaced};
use rollcall_simulators::okta::GroupKind;
use rollcall_simulators::salesforce::Permission;

/// Everything by which somebody would know the leaver, in lower case.
const NAMES: [&str; 4] = ["amara", "okafor", "corp.example", "e1042"];

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Logs of this thread go here for as long as the guard lives.
    fn caught() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let (filter, _) = telemetry::levels(Some("trace"));
        let guard = tracing::subscriber::set_default(telemetry::people(filter, move || writer.clone()));
        (lines, guard)
    }

    fn all(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no panic holds it");
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

fn names_nobody(what: &str, texts: &[String]) {
    for text in texts {
        // Our own service user and the operator may be named; nobody else of the company is.
        let read = text.to_lowercase().replace("it-op@corp.example", "");
        let named: Vec<_> = NAMES.iter().filter(|name| read.contains(**name)).collect();
        assert!(named.is_empty(), "{what} name {named:?}: {text}");
    }
}

async fn agree(stage: &Stage, quiet: bool) -> AgreedLeave {
    let wish = LeaveWish {
        who: stage.world.vendors.leaver.clone(),
        at: plus(stage.now(), MINUTE * 5),
        quiet,
        successor: None,
        asked_by: "it-op@corp.example".to_owned(),
    };
    stage.engine.plan_leave(wish).await.expect("it is agreed")
}

/// Looks through everything that others read.
async fn nobody_is_named(stage: &Stage, lines: &Lines) {
    names_nobody("messages", &stage.channel());
    assert_eq!(
        stage.direct(MANAGER_IN_SLACK),
        Vec::<String>::new(),
        "nobody is told in person"
    );
    names_nobody("findings", &stage.findings().await);
    names_nobody("dead letters", &stage.dead().await);
    let reviews = stage.ledger().reviews(false, 100).await.expect("memory answers");
    let reasons: Vec<String> = reviews.into_iter().flat_map(|review| review.reasons).collect();
    names_nobody("reasons of reviews", &reasons);
    names_nobody("logs", &lines.all());
}

#[tokio::test]
async fn a_quiet_leave_names_nobody_in_messages_findings_reviews_dead_letters_or_logs() {
    let (lines, _guard) = Lines::caught();
    let mut stage = Stage::plain().await;
    let leave = agree(&stage, true).await;
    assert_eq!(leave.display, None);
    let waiting = leaves(stage.ledger()).await.expect("memory answers");
    assert_eq!(waiting[0].display, None);
    // Something goes wrong on the way, so that there is something to be said.
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    stage.pass(MINUTE * 15).await;
    let run = stage.run().await;
    assert!(run.plan.quiet);
    assert!(!stage.findings().await.is_empty());
    org.allow(Permission::ManageUsers);
    stage.settle().await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    let texts = stage.channel();
    assert!(
        !texts.is_empty() && texts.iter().all(|text| text.contains(run.id.as_str())),
        "the run's id stands for the person: {texts:?}"
    );
    assert!(
        lines.all().iter().any(|line| line.contains(run.id.as_str())),
        "there are logs"
    );
    nobody_is_named(&stage, &lines).await;
}

#[tokio::test]
async fn a_quiet_leave_that_is_held_names_nobody_in_its_review() {
    let (lines, _guard) = Lines::caught();
    let mut stage = Stage::plain().await;
    let okta = &stage.world.vendors.okta;
    let group = okta.add_group("RC-Protected", GroupKind::Okta);
    okta.add_member(&group, &stage.world.vendors.leaver)
        .expect("the directory takes members");
    agree(&stage, true).await;
    stage.later(HOUR).await;
    assert!(matches!(stage.run().await.state, RunState::Held { .. }));
    let reviews = stage.ledger().reviews(true, 10).await.expect("memory answers");
    assert_eq!(reviews.len(), 1);
    nobody_is_named(&stage, &lines).await;
}

#[tokio::test]
async fn access_that_came_back_after_a_quiet_leave_is_told_without_a_name() {
    let (lines, _guard) = Lines::caught();
    let mut stage = Stage::plain().await;
    agree(&stage, true).await;
    stage.later(HOUR).await;
    let org = stage.world.vendors.salesforce.clone();
    org.add_session(
        &stage.world.vendors.leaver_user,
        rollcall_simulators::salesforce::SessionKind::Ui,
    );
    stage.later(MINUTE * 20).await;
    let runs = stage.runs().await;
    assert_eq!(runs.len(), 2);
    assert!(runs[1].plan.quiet);
    let texts = stage.channel();
    assert!(texts.iter().any(|text| text.contains("access came back")), "{texts:?}");
    nobody_is_named(&stage, &lines).await;
}

#[tokio::test]
async fn a_person_in_the_list_quiet_leaves_quietly_without_being_asked() {
    let listed = replaced(
        "rollcall.yaml",
        "lists:\n",
        "lists:\n  quiet: {people: [amara.okafor@corp.example]}\n",
    );
    let (lines, _guard) = Lines::caught();
    let mut stage = Stage::new(listed).await;
    let leave = agree(&stage, false).await;
    assert!(leave.quiet && leave.display.is_none());
    stage.later(HOUR).await;
    assert!(stage.run().await.plan.quiet);
    nobody_is_named(&stage, &lines).await;
}
