//! Ingest jobs.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::call::{Answer, Call};
use super::super::errors::Refusal;
use super::super::rules::Caller;
use super::super::schema::{Kind, Schema};
use super::super::state::{Row, State};
use super::{BATCH, Job, Stage, Work, csv, file, render, wrong_state};

/// Records of one transaction.
const TRANSACTION: usize = 200;
/// Largest upload in bytes, before base64 makes 150 MB of it.
const LARGEST: usize = 112_500_000;
/// The word that empties a field.
const EMPTY: &str = "#N/A";

/// The rows of a job and what became of them.
#[derive(Debug, Default)]
pub(super) struct Ingest {
    data: Option<Bytes>,
    pub(super) external: Option<String>,
    /// True when the job names an assignment rule.
    assign: bool,
    header: Vec<String>,
    /// Where each row starts, without the header.
    starts: Vec<u32>,
    /// Rows that were tried.
    pub(super) done: usize,
    /// Row to the id of the record that an insert made.
    made: BTreeMap<usize, String>,
    /// Row to the id and the text of its failure.
    pub(super) failed: BTreeMap<usize, (String, String)>,
    /// First row past the day's allocation, which no result shows.
    lost: Option<usize>,
    manual: bool,
}

/// Delimiter and line ending of a job's files.
pub(super) type Format = ((&'static str, u8), bool);

/// Reads `columnDelimiter`, `lineEnding` and `contentType` of a new job.
pub(super) fn format(body: &Row) -> Result<Format, Refusal> {
    let text = |name: &str, default: &'static str| body.get(name).map_or(Some(default), Value::as_str);
    let wrong = |name: &str| Refusal::new(400, "INVALID_FIELD", format!("{name} has no such value"));
    let delimiters = [
        ("COMMA", b','),
        ("SEMICOLON", b';'),
        ("PIPE", b'|'),
        ("TAB", b'\t'),
        ("CARET", b'^'),
        ("BACKQUOTE", b'`'),
    ];
    let delimiter = delimiters
        .into_iter()
        .find(|(name, _)| text("columnDelimiter", "COMMA") == Some(name))
        .ok_or_else(|| wrong("columnDelimiter"))?;
    if text("contentType", "CSV") != Some("CSV") {
        return Err(wrong("contentType"));
    }
    match text("lineEnding", "LF") {
        Some("LF") => Ok((delimiter, false)),
        Some("CRLF") => Ok((delimiter, true)),
        _ => Err(wrong("lineEnding")),
    }
}

impl Ingest {
    /// Checks the file as a whole. `Err` is the job's `errorMessage`.
    pub(super) fn check(&mut self, schema: &Schema, object: &str, delimiter: u8, crlf: bool) -> Result<(), String> {
        let data = self.data.clone().unwrap_or_default();
        let setting = if crlf { "CRLF" } else { "LF" };
        let mut starts = csv::starts(&data, crlf).ok_or_else(|| {
            format!("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {setting}")
        })?;
        let Some(header) = csv::row(&data, 0, delimiter) else {
            return Ok(());
        };
        for name in &header.cells {
            if schema.get(object).and_then(|object| object.field(name)).is_none() {
                return Err(format!("InvalidBatch : Field name not found : {name}"));
            }
        }
        starts.remove(0);
        self.header = header.cells;
        self.starts = starts;
        Ok(())
    }

    fn cells(&self, row: usize, delimiter: u8) -> Option<Vec<String>> {
        let start = usize::try_from(*self.starts.get(row)?).ok()?;
        Some(csv::row(self.data.as_ref()?, start, delimiter)?.cells)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column.eq_ignore_ascii_case(name))
    }
}

impl State {
    /// A job that nothing has happened to yet.
    pub(super) fn new_job(
        &mut self,
        caller: &Caller,
        call: &Call,
        operation: String,
        object: String,
        (delimiter, crlf): Format,
        work: Work,
    ) -> Job {
        Job {
            id: self.next_id("750"),
            caller: caller.clone(),
            operation,
            object,
            version: call.version.clone(),
            created: self.now,
            modified: self.now,
            stage: Stage::Open,
            delimiter,
            crlf,
            due: self.bulk.pace.after(self.now),
            stuck: false,
            failure: None,
            error: None,
            steps: 0,
            work,
        }
    }

    /// `POST /jobs/ingest`.
    pub(super) fn create_ingest(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
        let body = call.object()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let operation = text("operation").unwrap_or_default();
        let external = text("externalIdFieldName");
        match operation.as_str() {
            "insert" | "update" | "delete" => {}
            "upsert" if external.as_deref() == Some("Id") => {}
            "upsert" => {
                return Err(Refusal::new(
                    400,
                    "INVALIDFIELD",
                    "externalIdFieldName must name Id or an external id of the object",
                ));
            }
            "hardDelete" => {
                return Err(Refusal::new(
                    400,
                    "FEATURENOTENABLED",
                    "hardDelete operation requires special user profile permission",
                ));
            }
            other => {
                return Err(Refusal::new(
                    400,
                    "INVALIDOPERATION",
                    format!("operation has no such value: {other}"),
                ));
            }
        }
        let name = text("object").unwrap_or_default();
        let object = self
            .schema
            .get(&name)
            .map(|object| object.name.clone())
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "INVALIDENTITY",
                    format!("InvalidEntity : Unable to find object: {name}"),
                )
            })?;
        let form = format(&body)?;
        let manual = self.bulk.manual_columns.unwrap_or(self.numbers_used("750") % 2 == 1);
        let ingest = Ingest {
            external,
            assign: body.get("assignmentRuleId").is_some_and(Value::is_string),
            manual,
            ..Ingest::default()
        };
        let job = self.new_job(caller, call, operation, object, form, Work::Ingest(Box::new(ingest)));
        let answer = Answer::json(200, render::short(&job));
        self.bulk.jobs.insert(job.id.clone(), job);
        Ok(answer)
    }

    /// `PUT /jobs/ingest/{id}/batches`, once a job.
    pub(super) fn upload(&mut self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        let Some(job) = self.bulk.jobs.get_mut(id) else {
            return Err(Refusal::not_found());
        };
        let Work::Ingest(ingest) = &mut job.work else {
            return Err(Refusal::not_found());
        };
        if job.stage != Stage::Open {
            return Err(wrong_state(format!("The job is {}, not Open", job.stage.name())));
        }
        if ingest.data.is_some() {
            return Err(wrong_state(format!(
                "Found multiple contents for job: <{id}>, a job takes one upload"
            )));
        }
        if call.body.len() > LARGEST {
            return Err(Refusal::new(
                413,
                "EXCEEDED_MAX_SIZE_REQUEST",
                "The upload is larger than 150 MB in base64",
            ));
        }
        ingest.data = Some(call.body.clone());
        Ok(Answer::empty(201))
    }

    /// Processes the batches of one step.
    pub(super) fn step_ingest(&mut self, job: &mut Job) {
        let mut held = Vec::new();
        let delimiter = job.delimiter.1;
        self.business.job = Some(job.id.clone());
        for _ in 0..self.bulk.pace.batches.max(1) {
            let Work::Ingest(ingest) = &mut job.work else { break };
            if let Some(failure) = job
                .failure
                .take_if(|failure| ingest.done >= failure.after_batches.saturating_mul(BATCH))
            {
                job.stage = Stage::Failed;
                job.error = Some(failure.message);
                break;
            }
            let left = self.bulk.rows_left.unwrap_or(usize::MAX);
            let end = (ingest.done + BATCH).min(ingest.starts.len());
            let allowed = end.min(ingest.done.saturating_add(left));
            if ingest.done < end {
                self.bulk.batches_used += 1;
            }
            self.business.assign = ingest.assign;
            while ingest.done < allowed {
                let until = (ingest.done + TRANSACTION).min(allowed);
                for row in ingest.done..until {
                    self.ingest_row(
                        &job.caller,
                        &job.object,
                        &job.operation,
                        ingest,
                        row,
                        delimiter,
                        &mut held,
                    );
                }
                if let Some(rows) = &mut self.bulk.rows_left {
                    *rows = rows.saturating_sub(until - ingest.done);
                }
                ingest.done = until;
                self.end_transaction();
            }
            if allowed < end {
                ingest.lost = Some(allowed);
            }
            // A failure that is due at the end of the last batch still comes.
            let failing = job.failure.is_some();
            if (ingest.done >= ingest.starts.len() || ingest.lost.is_some()) && !failing {
                job.stage = Stage::JobComplete;
                break;
            }
            if ingest.done >= ingest.starts.len() {
                let failure = job.failure.take();
                job.stage = Stage::Failed;
                job.error = failure.map(|failure| failure.message);
                break;
            }
        }
        self.business.job = None;
        if job.stage == Stage::InProgress && self.bulk.contention {
            for parent in held {
                self.business.busy.entry(parent).or_insert_with(|| job.id.clone());
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "parts of one job, which lends them apart")]
    fn ingest_row(
        &mut self,
        caller: &Caller,
        object: &str,
        operation: &str,
        ingest: &mut Ingest,
        row: usize,
        delimiter: u8,
        held: &mut Vec<String>,
    ) {
        let cells = ingest.cells(row, delimiter).unwrap_or_default();
        let mark = self.savepoint();
        let id = ingest
            .place("Id")
            .and_then(|at| cells.get(at))
            .cloned()
            .unwrap_or_default();
        let written = if cells.len() == ingest.header.len() {
            self.row_body(object, &ingest.header, &cells)
                .and_then(|body| self.write_row(caller, object, operation, &id, &body))
        } else {
            Err(Refusal::record(
                "INVALID_FIELD",
                "the row has not as many columns as the header",
                &[],
            ))
        };
        match written {
            Ok(made) => {
                if let Some(record) = self.tables.get(object).and_then(|table| {
                    let number = table.number(&made)?;
                    self.tables.record(object, number)
                }) {
                    held.extend(Self::parents(&record));
                }
                if made != id {
                    ingest.made.insert(row, made);
                }
            }
            Err(refusal) => {
                self.rollback(mark);
                let (refusal, known) = match refusal.code.as_ref() {
                    "NOT_FOUND" | "MALFORMED_ID" => (
                        Refusal::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]),
                        false,
                    ),
                    _ => (refusal, !self.bulk.blank_ids),
                };
                let fields = refusal.fields.unwrap_or_default().join(", ");
                let gap = if fields.is_empty() { "" } else { " " };
                let text = format!("{}:{}:{fields}{gap}--", refusal.code, refusal.message);
                ingest
                    .failed
                    .insert(row, (if known { id } else { String::new() }, text));
            }
        }
    }

    fn write_row(
        &mut self,
        caller: &Caller,
        object: &str,
        operation: &str,
        id: &str,
        body: &Row,
    ) -> Result<String, Refusal> {
        let missing = || {
            Refusal::record(
                "MISSING_ARGUMENT",
                format!("Id not specified in an {operation} call"),
                &[],
            )
        };
        match operation {
            "insert" => self.create_record(caller, object, body),
            "upsert" if id.is_empty() => self.create_record(caller, object, body),
            _ if id.is_empty() => Err(missing()),
            "delete" => self.delete_record(caller, object, id),
            _ => self.update_record(caller, object, id, body),
        }
    }

    /// The fields of a row. An empty cell leaves its field alone.
    fn row_body(&self, object: &str, header: &[String], cells: &[String]) -> Result<Row, Refusal> {
        let mut body = Row::new();
        let Some(object) = self.schema.get(object) else {
            return Err(Refusal::not_found());
        };
        for (name, cell) in header.iter().zip(cells) {
            let Some(field) = object
                .field(name)
                .filter(|field| field.name != "Id" && !cell.is_empty())
            else {
                continue;
            };
            let value = match &field.kind {
                _ if cell == EMPTY => Value::Null,
                Kind::Boolean => match cell.to_ascii_lowercase().as_str() {
                    "true" | "1" => json!(true),
                    "false" | "0" => json!(false),
                    _ => json!(cell),
                },
                Kind::Int => cell.parse::<i64>().map_or_else(|_| json!(cell), Value::from),
                Kind::Double => cell.parse::<f64>().map_or_else(|_| json!(cell), Value::from),
                _ => json!(cell),
            };
            body.insert(field.name.clone(), value);
        }
        Ok(body)
    }

    /// `GET …/successfulResults`, `…/failedResults`, `…/unprocessedrecords`. Rows come in another order than they went.
    pub(super) fn ingest_results(&self, name: &str, id: &str) -> Result<Answer, Refusal> {
        let job = self.bulk.jobs.get(id).ok_or_else(Refusal::not_found)?;
        let Work::Ingest(ingest) = &job.work else {
            return Err(Refusal::not_found());
        };
        let name = name.to_ascii_lowercase();
        if !matches!(
            name.as_str(),
            "successfulresults" | "failedresults" | "unprocessedrecords"
        ) {
            return Err(Refusal::not_found());
        }
        if matches!(job.stage, Stage::Open) || job.stage.waits() {
            return Err(wrong_state(format!("The job is {}, not finished", job.stage.name())));
        }
        let (delimiter, end) = (job.delimiter.1, job.line_end());
        let mut bytes = Vec::new();
        if name == "unprocessedrecords" {
            unprocessed(ingest, delimiter, &mut bytes);
            return Ok(file(bytes));
        }
        let failed = name == "failedresults";
        let own: [&str; 2] = match (failed, ingest.manual) {
            (false, _) => ["sf__Id", "sf__Created"],
            (true, false) => ["sf__Id", "sf__Error"],
            (true, true) => ["sf__Error", "sf__Id"],
        };
        let header = ingest.header.iter().map(String::as_str);
        csv::write(&mut bytes, own.into_iter().chain(header), delimiter, end);
        let tried = ingest.done.div_ceil(TRANSACTION);
        let order = (0..tried)
            .rev()
            .flat_map(|part| part * TRANSACTION..(part * TRANSACTION + TRANSACTION).min(ingest.done));
        for row in order.filter(|row| ingest.failed.contains_key(row) == failed) {
            let cells = ingest.cells(row, delimiter).unwrap_or_default();
            let own: [&str; 2] = if let Some((id, error)) = ingest.failed.get(&row) {
                if ingest.manual { [error, id] } else { [id, error] }
            } else if let Some(made) = ingest.made.get(&row).filter(|_| job.operation != "update") {
                [made, if job.operation == "delete" { "false" } else { "true" }]
            } else {
                let id = ingest.place("Id").and_then(|at| cells.get(at));
                [id.map(String::as_str).unwrap_or_default(), "false"]
            };
            let cells = cells.iter().map(String::as_str);
            csv::write(&mut bytes, own.into_iter().chain(cells), delimiter, end);
        }
        Ok(file(bytes))
    }
}

/// The rows that were never tried, as they were sent. A job that never looked at its file gives all of it back.
fn unprocessed(ingest: &Ingest, delimiter: u8, into: &mut Vec<u8>) {
    let Some(data) = &ingest.data else { return };
    let first = csv::row(data, 0, delimiter).map_or(0, |header| header.next);
    into.extend_from_slice(data.get(..first).unwrap_or_default());
    let from = if ingest.starts.is_empty() {
        first
    } else {
        let start = ingest.starts.get(ingest.done).filter(|_| ingest.lost.is_none());
        start
            .and_then(|start| usize::try_from(*start).ok())
            .unwrap_or(data.len())
    };
    into.extend_from_slice(data.get(from..).unwrap_or_default());
}
