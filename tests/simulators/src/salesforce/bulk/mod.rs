//! Bulk API 2.0: jobs that query or write many records, away from the call that asked for it.
//!
//! Bulk API 2.0 Developer Guide, "Query" and "Bulk Ingest". Jobs advance with the clock that the calls bring: one step a tick,
//! each a number of batches of 10,000 records in transactions of 200. What the guide leaves open, and was chosen here: the
//! error codes of refused calls (only `INVALIDJOBSTATE` is known from the wire) and the text about a second upload.

pub(super) mod csv;
mod ingest;
mod query;
mod render;
mod switches;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::call::{Answer, Call};
use super::errors::Refusal;
use super::rules::Caller;
use super::state::State;

pub use switches::{BulkFailure, Pace};

/// Records of one batch.
const BATCH: usize = 10_000;
/// How long a finished job and its results are kept.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// All jobs of an org, and the switches about them.
#[derive(Debug)]
pub(super) struct Bulk {
    jobs: BTreeMap<String, Job>,
    pace: Pace,
    open_life: Duration,
    page: usize,
    stuck: u32,
    failures: Vec<BulkFailure>,
    rows_left: Option<usize>,
    blank_ids: bool,
    manual_columns: Option<bool>,
    contention: bool,
    pub(super) batches_used: usize,
    pub(super) queries_used: usize,
}

impl Default for Bulk {
    fn default() -> Self {
        Self {
            jobs: BTreeMap::new(),
            pace: Pace::default(),
            open_life: Duration::from_hours(24),
            page: 50_000,
            stuck: 0,
            failures: Vec::new(),
            rows_left: None,
            blank_ids: false,
            manual_columns: None,
            contention: true,
            batches_used: 0,
            queries_used: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    fn waits(self) -> bool {
        matches!(self, Self::UploadComplete | Self::InProgress)
    }
}

/// One job.
#[derive(Debug)]
struct Job {
    id: String,
    caller: Caller,
    operation: String,
    object: String,
    version: String,
    created: Timestamp,
    modified: Timestamp,
    stage: Stage,
    delimiter: (&'static str, u8),
    crlf: bool,
    /// When the next step is due.
    due: Timestamp,
    /// Never leaves the stage it is in.
    stuck: bool,
    failure: Option<BulkFailure>,
    error: Option<String>,
    steps: u32,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Query(query::Query),
    Ingest(Box<ingest::Ingest>),
}

impl Job {
    fn line_end(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    fn kind(&self) -> &'static str {
        match self.work {
            Work::Query(_) => "query",
            Work::Ingest(_) => "ingest",
        }
    }
}

fn wrong_state(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALIDJOBSTATE", message)
}

impl State {
    /// A call below `/jobs`.
    pub(super) fn jobs(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", [_, kind @ ("query" | "ingest")]) => Ok(self.list_jobs(call, kind)),
            ("POST", [_, "query"]) => self.create_query(caller, call),
            ("POST", [_, "ingest"]) => self.create_ingest(caller, call),
            (method, [_, kind @ ("query" | "ingest"), id, rest @ ..]) => {
                let id = self
                    .bulk
                    .jobs
                    .get(*id)
                    .filter(|job| job.kind() == *kind)
                    .map(|job| job.id.clone())
                    .ok_or_else(Refusal::not_found)?;
                match (method, rest) {
                    ("GET", []) => Ok(self.show_job(&id)),
                    ("PATCH", []) => self.patch_job(caller, call, &id),
                    ("DELETE", []) => self.delete_job(&id),
                    ("PUT", ["batches"]) if *kind == "ingest" => self.upload(call, &id),
                    ("GET", ["results"]) if *kind == "query" => self.query_results(call, &id),
                    ("GET", [name]) if *kind == "ingest" => self.ingest_results(name, &id),
                    (method, []) => Err(Refusal::method_not_allowed(method, "DELETE,GET,HEAD,PATCH")),
                    _ => Err(Refusal::not_found()),
                }
            }
            _ => Err(Refusal::not_found()),
        }
    }

    /// Closes or aborts a job.
    fn patch_job(&mut self, caller: &Caller, call: &Call, id: &str) -> Result<Answer, Refusal> {
        let body = call.object()?;
        let wanted = body.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = self.now;
        let (stuck, failure) = if wanted == "UploadComplete" {
            self.bulk.fate()
        } else {
            (false, None)
        };
        let pace = self.bulk.pace;
        let Some(job) = self.bulk.jobs.get_mut(id) else {
            return Err(Refusal::not_found());
        };
        if job.caller.user != caller.user {
            return Err(Refusal::insufficient_access());
        }
        match (wanted.as_str(), job.stage) {
            ("UploadComplete", Stage::Open) => {
                job.stage = Stage::UploadComplete;
                (job.stuck, job.failure) = (stuck, failure);
                job.due = pace.after(now);
            }
            ("Aborted", Stage::Open | Stage::UploadComplete | Stage::InProgress) => {
                job.stage = Stage::Aborted;
                self.business.busy.retain(|_, holder| holder != id);
            }
            ("UploadComplete", stage) => {
                return Err(wrong_state(format!("Closing already {} Job not allowed", stage.name())));
            }
            ("Aborted", stage) => {
                return Err(wrong_state(format!(
                    "Aborting already {} Job not allowed",
                    stage.name()
                )));
            }
            (other, _) => {
                return Err(Refusal::new(
                    400,
                    "INVALID_FIELD",
                    format!("state takes UploadComplete or Aborted, not {other}"),
                ));
            }
        }
        job.modified = now;
        let answer = Answer::json(200, render::short(job));
        if pace.at_once() {
            self.run_job(id);
        }
        Ok(answer)
    }

    fn delete_job(&mut self, id: &str) -> Result<Answer, Refusal> {
        let stage = self.bulk.jobs.get(id).map(|job| job.stage);
        if matches!(stage, Some(Stage::Open | Stage::InProgress)) {
            return Err(wrong_state("Deleting an open or running Job is not allowed"));
        }
        self.bulk.jobs.remove(id);
        Ok(Answer::empty(204))
    }

    /// Moves every job on to the present moment and clears what is too old.
    pub(super) fn advance_jobs(&mut self) {
        let now = self.now;
        let open_life = self.bulk.open_life;
        self.bulk.jobs.retain(|_, job| {
            let life = if job.stage == Stage::Open { open_life } else { KEPT };
            job.created.saturating_add(life).is_ok_and(|end| end > now)
        });
        let waiting: Vec<String> = self
            .bulk
            .jobs
            .values()
            .filter(|job| job.stage.waits() && !job.stuck)
            .map(|job| job.id.clone())
            .collect();
        // One step each in turn, so that jobs side by side get into each other's way.
        let mut again = true;
        while again {
            again = false;
            for id in &waiting {
                let due = |job: &Job| job.stage.waits() && job.due <= now;
                if self.bulk.jobs.get(id).is_some_and(due) {
                    self.step_job(id);
                    again = true;
                }
            }
        }
    }

    /// Runs a job to its end.
    fn run_job(&mut self, id: &str) {
        while self
            .bulk
            .jobs
            .get(id)
            .is_some_and(|job| job.stage.waits() && !job.stuck)
        {
            self.step_job(id);
        }
    }

    fn step_job(&mut self, id: &str) {
        // Out of the list while it works, so that it and the records can both be written.
        let Some(mut job) = self.bulk.jobs.remove(id) else {
            return;
        };
        self.business.busy.retain(|_, holder| holder != id);
        job.steps += 1;
        job.due = self.bulk.pace.after(job.due);
        job.modified = self.now;
        if job.stage == Stage::UploadComplete {
            job.stage = Stage::InProgress;
            if let Work::Ingest(ingest) = &mut job.work
                && let Err(error) = ingest.check(&self.schema, &job.object, job.delimiter.1, job.crlf)
            {
                job.stage = Stage::Failed;
                job.error = Some(error);
            }
        } else {
            match job.work {
                Work::Query(_) => self.step_query(&mut job),
                Work::Ingest(_) => self.step_ingest(&mut job),
            }
        }
        self.bulk.jobs.insert(id.to_owned(), job);
    }
}

impl Bulk {
    /// What becomes of the job that is closed now.
    fn fate(&mut self) -> (bool, Option<BulkFailure>) {
        let stuck = self.stuck > 0;
        self.stuck = self.stuck.saturating_sub(1);
        let failure = (!self.failures.is_empty()).then(|| self.failures.remove(0));
        (stuck, failure)
    }
}

/// The answer that carries a file.
fn file(bytes: Vec<u8>) -> Answer {
    Answer::bytes(200, Bytes::from(bytes), "text/csv; charset=UTF-8")
}
