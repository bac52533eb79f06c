//! One run, told to the end: plans, journal, reviews, messages, receipt, next step.

use rollcall_evidence::Timeline;
use rollcall_model::ledger::{StoredEvent, documents};
use rollcall_model::plan::Verdict;
use rollcall_model::{
    ConnectionId, Entry, EntryKind, Exception, Review, ReviewId, ReviewState, Run, RunState, StagePlan,
};
use serde_json::{Value, json};

use crate::local::Store;
use crate::out::{Out, moment, plain, short};
use crate::report::run_document;

/// Everything that the ledger knows of a run.
pub(super) struct Story<'a> {
    run: &'a Run,
    events: Vec<StoredEvent>,
    journal: Vec<Entry>,
    reviews: Vec<Review>,
    receipt: Option<String>,
    /// What keeps the playbook from the person because of this run, or of its undo.
    exception: Option<Exception>,
    next: String,
}

impl<'a> Story<'a> {
    pub(super) async fn of(run: &'a Run, store: &Store) -> anyhow::Result<Self> {
        let ledger = &store.ledger;
        let mut events = Vec::new();
        for key in &run.triggers {
            events.extend(ledger.event(key).await?);
        }
        for key in ledger.triggers(&run.id).await? {
            if !run.triggers.contains(&key) {
                events.extend(ledger.event(&key).await?);
            }
        }
        let journal = ledger.journal(&run.id).await?;
        let mut reviews = Vec::new();
        for id in review_ids(run, &journal) {
            reviews.extend(ledger.review(&id).await?);
        }
        let receipt = run.receipt.as_ref().map(|name| store.files.locate(name));
        let stops: Vec<String> = ledger
            .documents(documents::PAUSE, 200)
            .await?
            .into_iter()
            .map(|stop| stop.id)
            .collect();
        let id = Exception::id(&run.plan.playbook, &run.plan.person);
        let exception = ledger
            .document(documents::EXCEPTION, &id)
            .await?
            .and_then(|document| serde_json::from_value::<Exception>(document.body).ok())
            .filter(|exception| exception.run == run.id || exception.undoes == run.id);
        let next = next_step(run, receipt.as_deref(), &reviews, &stops, store);
        Ok(Self {
            run,
            events,
            journal,
            reviews,
            receipt,
            exception,
            next,
        })
    }

    pub(super) fn show(&self, out: &Out) {
        let timeline = Timeline {
            run: self.run,
            journal: &self.journal,
            events: &self.events,
            colour: out.colour,
        };
        out.line(timeline.to_string().trim_end());
        self.plans(out);
        self.entries(out);
        self.decisions(out);
        self.messages(out);
        if let Some(exception) = &self.exception {
            out.title("\nLeft alone");
            out.line(format!(
                "  {} took {} back by {}: {} opens nothing for this person until {}, while the source says {}",
                plain(&exception.by),
                exception.undoes,
                exception.run,
                plain(&exception.playbook),
                moment(exception.until),
                exception.source.as_str()
            ));
        }
        out.title("\nNext");
        out.line(format!("  {}", self.next));
    }

    fn plans(&self, out: &Out) {
        let plan = &self.run.plan;
        out.title(&format!("\nRun plan {}", short(self.run.plan_hash.as_str())));
        out.line(format!("  configuration {}", short(plan.config.as_str())));
        for stage in &plan.stages {
            for step in &stage.steps {
                let places: Vec<String> = step.connections.iter().map(ToString::to_string).collect();
                out.line(format!(
                    "  {}/{}  {} in {}",
                    stage.name,
                    step.id,
                    step.actions.join(", "),
                    places.join(", ")
                ));
            }
        }
        for (at, stage) in self.stage_plans() {
            let hash = stage.hash().map(|hash| short(hash.as_str())).unwrap_or_default();
            out.title(&format!("\nPlan of {} {hash}, made {}", stage.stage, moment(at)));
            for item in &stage.items {
                let change = &item.change;
                let account = change
                    .account
                    .as_ref()
                    .map_or_else(|| "no account".to_owned(), |account| plain(&account.id));
                let verdict = match &item.verdict {
                    Verdict::Run => format!("{} → {}", change.before, change.after),
                    Verdict::AlreadySo => "is so already".to_owned(),
                    Verdict::Skip(why) => format!("skipped: {}", plain(why)),
                    Verdict::Refuse(why) => format!("refused: {}", plain(why)),
                    Verdict::Unknown(why) => format!("unknown: {}", plain(why)),
                    Verdict::Ask(why) => format!("waits for a decision: {}", plain(why)),
                };
                out.line(format!(
                    "  {}  {account}  {}  {verdict}",
                    change.connection, change.action
                ));
            }
        }
    }

    /// The plan of each try of each stage, as the journal kept it.
    fn stage_plans(&self) -> Vec<(jiff::Timestamp, StagePlan)> {
        self.journal
            .iter()
            .filter_map(|entry| {
                Some((
                    entry.public.at,
                    serde_json::from_value(entry.private.get("plan")?.clone()).ok()?,
                ))
            })
            .collect()
    }

    fn entries(&self, out: &Out) {
        if self.journal.is_empty() {
            return;
        }
        out.title("\nJournal");
        let mut entries: Vec<&Entry> = self.journal.iter().collect();
        entries.sort_by_key(|entry| entry.public.at);
        let rows: Vec<Vec<String>> = entries
            .iter()
            .map(|entry| {
                let public = &entry.public;
                let kind = match public.kind {
                    EntryKind::Intent => "intent",
                    EntryKind::Progress => "progress",
                    EntryKind::Observed => "observed",
                    EntryKind::Decision => "decided",
                };
                let what: Vec<String> = public
                    .what
                    .split(' ')
                    .map(|word| if word.len() == 64 { short(word) } else { plain(word) })
                    .collect();
                let reason = entry
                    .private
                    .get("reason")
                    .and_then(Value::as_str)
                    .map_or_else(String::new, |why| format!(" ({})", plain(why)));
                vec![
                    public.at.strftime("%H:%M:%S%.3f").to_string(),
                    format!("{} {}", entry.connection, public.seq),
                    kind.to_owned(),
                    what.join(" "),
                    format!("{}{reason}", public.outcome.as_deref().unwrap_or_default()),
                    plain(public.request_id.as_deref().unwrap_or_default()),
                ]
            })
            .collect();
        out.table(
            &["  at", "sequence", "", "what", "outcome", "vendor's request id"],
            &indented(rows),
        );
    }

    fn decisions(&self, out: &Out) {
        if self.reviews.is_empty() {
            return;
        }
        out.title("\nReviews");
        for review in &self.reviews {
            let state = match &review.state {
                ReviewState::Open => format!("open until {}", moment(review.expires_at)),
                ReviewState::Approved { by, at, .. } => format!("approved by {} at {}", plain(by), moment(*at)),
                ReviewState::Refused { by, at, .. } => format!("refused by {} at {}", plain(by), moment(*at)),
            };
            out.line(format!("  {}  {state}", plain(review.id.as_str())));
            for reason in &review.reasons {
                out.line(format!("    {}", plain(reason)));
            }
        }
    }

    fn messages(&self, out: &Out) {
        let told: Vec<_> = self
            .run
            .changes
            .iter()
            .filter(|record| record.change.stage == "tell")
            .collect();
        if told.is_empty() {
            return;
        }
        out.title("\nMessages");
        for record in told {
            let with = &record.change.with;
            let to = ["channel", "email"]
                .iter()
                .find_map(|name| with.get(*name)?.as_str())
                .unwrap_or("-");
            out.line(format!(
                "  {} to {} by {}: {}",
                record.change.step,
                plain(to),
                record.change.connection,
                record.outcome.name()
            ));
            for line in with.get("text").and_then(Value::as_str).unwrap_or_default().lines() {
                out.line(format!("    {}", plain(line)));
            }
        }
    }

    /// The same for programs. The salt of the receipt's pseudonyms stays in the ledger.
    pub(super) fn document(&self) -> Value {
        let mut document = run_document(self.run);
        if let Some(members) = document.as_object_mut() {
            let mut add = |name: &str, value: Value| {
                members.insert(name.to_owned(), value);
            };
            add("person", json!(self.run.person));
            add("run_plan", json!(self.run.plan));
            add(
                "events",
                json!(self.events.iter().map(super::event_document).collect::<Vec<_>>()),
            );
            add(
                "stage_plans",
                json!(self.stage_plans().into_iter().map(|(_, plan)| plan).collect::<Vec<_>>()),
            );
            add("journal", json!(self.journal));
            add("notes", json!(self.run.notes));
            add("reviews", json!(self.reviews));
            add("records", json!(self.run.changes));
            add("receipt", json!(self.receipt));
            add("exception", json!(self.exception));
            add("next", json!(self.next));
        }
        document
    }
}

/// Indents the first column.
fn indented(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let indent = |mut row: Vec<String>| {
        if let Some(first) = row.first_mut() {
            first.insert_str(0, "  ");
        }
        row
    };
    rows.into_iter().map(indent).collect()
}

/// Every review of a run: the one it waits for, and those that its journal names.
fn review_ids(run: &Run, journal: &[Entry]) -> Vec<ReviewId> {
    let mut ids: Vec<ReviewId> = journal
        .iter()
        .filter(|entry| entry.public.kind == EntryKind::Decision)
        .filter_map(|entry| {
            let (stage, hash) = entry.public.what.split_once(" held ")?;
            Some(ReviewId::new(format!("{}-{stage}-{}", run.id, short(hash))))
        })
        .collect();
    if let RunState::Held { review } = &run.state {
        ids.push(review.clone());
    }
    ids.sort();
    ids.dedup();
    ids
}

fn next_step(run: &Run, receipt: Option<&str>, reviews: &[Review], stops: &[String], store: &Store) -> String {
    let data = store.option();
    if let (RunState::Waiting { .. }, Some(stop)) = (&run.state, stops.iter().find(|stop| concerns(stop, run))) {
        return format!("`rollcall resume {stop} {data}` lets it go on");
    }
    match &run.state {
        RunState::Open => format!("it is being worked on; {} goes on with it", store.worker()),
        RunState::Waiting { until, .. } => format!(
            "it goes on at {}{}",
            moment(*until),
            if store.stack.is_none() {
                "; `rollcall serve` must be running then"
            } else {
                ""
            }
        ),
        RunState::Held { review } => {
            let until = reviews
                .iter()
                .find(|known| known.id == *review)
                .map_or_else(String::new, |known| format!(" before {}", moment(known.expires_at)));
            format!("an approver decides review {}{until}", plain(review.as_str()))
        }
        RunState::Done => receipt.map_or_else(
            || "nothing is left to do".to_owned(),
            |path| match store.stack {
                None => format!("rollcall receipt verify {path} {data}"),
                Some(_) => format!("fetch {path}, then `rollcall receipt verify FILE --key PUBLIC-KEY`"),
            },
        ),
        RunState::Incomplete { why } if run.undoes.is_some() => format!(
            "mend the cause ({}), then `rollcall undo {}`",
            plain(why),
            run.undoes.as_ref().map_or("RUN", |undone| undone.as_str())
        ),
        RunState::Incomplete { why } => format!(
            "mend the cause ({}), then `rollcall plan {}`",
            plain(why),
            plain(&run.person.login)
        ),
        RunState::Superseded { .. } if run.notes.iter().any(|note| note.text.contains("rollcall undo")) => {
            format!("`rollcall undo {}` shows how what it changed is taken back", run.id)
        }
        RunState::Superseded { why } => format!("nothing: {}", plain(why)),
        RunState::Refused { .. } => format!("`rollcall plan {}` shows how it stands now", plain(&run.person.login)),
    }
}

/// Whether a stop switch stands in a run's way.
fn concerns(stop: &str, run: &Run) -> bool {
    let named = |connection: &ConnectionId| stop.strip_prefix("connection/") == Some(connection.as_str());
    stop == "all"
        || stop.strip_prefix("playbook/") == Some(run.plan.playbook.as_str())
        || run.plan.connections().iter().any(named)
}
