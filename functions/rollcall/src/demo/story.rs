//! How the demo tells what happened: a story for people, one document for programs.

use rollcall_evidence::Timeline;
use rollcall_model::ledger::StoredEvent;
use rollcall_model::{Run, RunState};
use rollcall_simulators::world::{CHANNEL, LEAVER};
use serde_json::{Value, json};

use super::inspect::Check;
use super::scene::Scene;
use crate::local::Store;
use crate::out::{Out, plain};
use rollcall_commands::report::{handover_document, run_document};

/// Everything that there is to tell.
pub(super) struct Story<'a> {
    pub(super) scene: &'a Scene,
    pub(super) store: &'a Store,
    pub(super) runs: &'a [Run],
    /// The run that took the first one back.
    pub(super) undone: Option<&'a Run>,
    pub(super) checks: &'a [Check],
}

impl Story<'_> {
    pub(super) async fn tell(&self, out: &Out) -> anyhow::Result<()> {
        if out.json {
            return out.document(&self.document().await?);
        }
        for run in self.runs {
            let journal = self.store.ledger.journal(&run.id).await?;
            let events = self.events(run).await?;
            out.line("");
            out.line(
                Timeline {
                    run,
                    journal: &journal,
                    events: &events,
                    colour: out.colour,
                }
                .to_string()
                .trim_end(),
            );
        }
        self.messages(out);
        self.seen(out);
        self.next(out);
        Ok(())
    }

    async fn events(&self, run: &Run) -> anyhow::Result<Vec<StoredEvent>> {
        let mut events = Vec::new();
        for key in &run.triggers {
            events.extend(self.store.ledger.event(key).await?);
        }
        Ok(events)
    }

    /// The messages as the people see them.
    fn messages(&self, out: &Out) {
        let slack = &self.scene.world.slack;
        out.title("\nWhat people read in Slack");
        for message in slack.messages(CHANNEL) {
            out.line(format!("  #security       {}", indented(&message.text)));
        }
        if let Some(conversation) = slack.dm_with("U0SAML00001") {
            for message in slack.messages(&conversation) {
                out.line(format!("  Sam Lindqvist   {}", indented(&message.text)));
            }
        }
    }

    fn seen(&self, out: &Out) {
        out.title("\nLooked at from the outside");
        for check in self.checks {
            out.line(if check.holds {
                format!("  ✓ {}", check.what)
            } else {
                format!("  ✗ {}: {}", check.what, check.found)
            });
        }
    }

    fn next(&self, out: &Out) {
        // As it was called, so that the lines can be copied.
        let me = std::env::args().next().unwrap_or_else(|| "rollcall".to_owned());
        let data = self.store.folder.display();
        let config = format!("--config {} --env demo", self.scene.folder.join("config").display());
        out.title("\nTry next");
        out.line(format!("  the whole story        {me} explain {LEAVER} --data {data}"));
        if let Some(path) = self.receipt() {
            out.line(format!(
                "  verify the receipt     {me} receipt verify {path} --data {data}"
            ));
            out.line("  tamper with it         change a character of that file and verify again: it names the place");
        }
        if let Some(run) = self.runs.first() {
            out.line(format!(
                "  the report             {me} run report {} --data {data}",
                run.id
            ));
            out.line(format!(
                "  take it all back       {me} undo {} {config} --data {data}",
                run.id
            ));
        }
        if let Some(RunState::Held { review }) = self.runs.get(1).map(|run| &run.state) {
            out.line(format!(
                "  what waits             {me} reviews show {review} {config} --data {data}"
            ));
            out.line("                         (and `reviews approve` or `reviews refuse`: it names the one who may)");
        }
        out.line(format!(
            "  whose is which         {me} link --dry-run {config} --data {data}"
        ));
        out.line(format!("  prove each connection  {me} check {config}"));
        out.line(format!("  check the playbook     {me} check --offline {config}"));
        out.line(format!(
            "  plan again             {me} plan {LEAVER} {config} --data {data}"
        ));
        out.line("                         (those that ask the vendors while `demo` without --once is up)");
    }

    /// Where the first run's receipt is.
    fn receipt(&self) -> Option<String> {
        let name = self.runs.first()?.receipt.as_ref()?;
        Some(self.store.files.locate(name))
    }

    async fn document(&self) -> anyhow::Result<Value> {
        let mut event = Value::Null;
        if let Some(key) = self.runs.first().and_then(|run| run.triggers.first())
            && let Some(stored) = self.store.ledger.event(key).await?
        {
            event = json!(stored.event);
        }
        Ok(json!({
            "event": event,
            "runs": self.runs.iter().map(run_document).collect::<Vec<_>>(),
            "time_to_cut_ms": self.runs.first().map(Run::time_to_cut_ms).unwrap_or_default(),
            "handover": self.runs.first().map(handover_document).unwrap_or_default(),
            "undo": self.undone.map(run_document),
            "receipt": self.receipt(),
            "ok": self.checks.iter().all(|check| check.holds),
            "checks": self.checks.iter().map(|check| json!({"what": check.what, "holds": check.holds, "found": (!check.holds).then_some(&check.found)})).collect::<Vec<_>>(),
            "data": self.store.folder,
        }))
    }
}

/// A text of several lines under its first.
fn indented(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n                  ")
}
