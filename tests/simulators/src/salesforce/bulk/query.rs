//! Query jobs.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::super::call::{Answer, Call};
use super::super::errors::Refusal;
use super::super::rules::Caller;
use super::super::soql::{self, Path};
use super::super::state::State;
use super::{Job, Stage, Work, csv, file, ingest, render, wrong_state};

/// A statement and, once it ran, its rows as text.
#[derive(Debug)]
pub(super) struct Query {
    source: String,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Where each row of the body ends.
    ends: Vec<u32>,
}

impl Query {
    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    fn slice(&self, rows: Range<usize>) -> Option<&[u8]> {
        let end = |row: usize| {
            row.checked_sub(1)
                .map_or(Some(0), |row| usize::try_from(*self.ends.get(row)?).ok())
        };
        self.body.get(end(rows.start)?..end(rows.end)?)
    }
}

impl State {
    /// `POST /jobs/query`.
    pub(super) fn create_query(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
        let body = call.object()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let operation = text("operation").unwrap_or_default().to_owned();
        if !matches!(operation.as_str(), "query" | "queryAll") {
            return Err(Refusal::new(
                400,
                "INVALIDOPERATION",
                "operation takes query or queryAll",
            ));
        }
        let source = text("query")
            .ok_or_else(|| Refusal::new(400, "INVALID_FIELD", "query is required"))?
            .to_owned();
        let plan = soql::bind(soql::parse(&source, self.now)?, &self.schema, &source)?;
        let refused = |what: &str| Refusal::new(400, "API_ERROR", format!("{what} not supported in Bulk Query"));
        if plan.count || plan.count_of.is_some() {
            return Err(refused("Aggregate functions are"));
        }
        if plan.offset > 0 {
            return Err(refused("OFFSET is"));
        }
        let object = self.object(&plan.object)?;
        self.may_query(&object, true)?;
        let (delimiter, crlf) = ingest::format(&body)?;
        let query = Query {
            source,
            head: Vec::new(),
            body: Vec::new(),
            ends: Vec::new(),
        };
        self.bulk.queries_used += 1;
        let mut job = self.new_job(
            caller,
            call,
            operation,
            plan.object,
            (delimiter, crlf),
            Work::Query(query),
        );
        job.stage = Stage::UploadComplete;
        let (id, answer) = (job.id.clone(), Answer::json(200, render::short(&job)));
        self.bulk.jobs.insert(id.clone(), job);
        if self.bulk.pace.at_once() {
            self.run_job(&id);
        }
        Ok(answer)
    }

    /// Runs the statement; its rows are those of this moment.
    pub(super) fn step_query(&mut self, job: &mut Job) {
        let (end, delimiter) = (job.line_end(), job.delimiter.1);
        let Work::Query(query) = &mut job.work else { return };
        let Ok((plan, found)) = self.select(&job.caller, &query.source, job.operation == "queryAll") else {
            job.stage = Stage::Failed;
            return;
        };
        let names: Vec<String> = plan.columns.iter().map(name).collect();
        csv::write(&mut query.head, names.iter().map(String::as_str), delimiter, end);
        for record in self.found(&plan, &found, 0..found.len()) {
            let cells: Vec<String> = plan
                .columns
                .iter()
                .map(|path| shown(self.reach(&job.caller, &plan.object, record, path)))
                .collect();
            csv::write(&mut query.body, cells.iter().map(String::as_str), delimiter, end);
            query.ends.push(u32::try_from(query.body.len()).unwrap_or(u32::MAX));
        }
        job.stage = Stage::JobComplete;
    }

    /// `GET /jobs/query/{id}/results`: every page has the header row, the last one the locator `null`.
    pub(super) fn query_results(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        let job = self.bulk.jobs.get(id).ok_or_else(Refusal::not_found)?;
        let Work::Query(query) = &job.work else {
            return Err(Refusal::not_found());
        };
        if job.stage != Stage::JobComplete {
            return Err(wrong_state(format!("The job is {}, not JobComplete", job.stage.name())));
        }
        let invalid = |name: &str| Refusal::new(400, "INVALID_QUERY_LOCATOR", format!("invalid {name}"));
        let from: usize = match call.query.get("locator") {
            None => 0,
            Some(locator) => STANDARD_NO_PAD
                .decode(locator)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
                .filter(|from| *from < query.rows())
                .ok_or_else(|| invalid("locator"))?,
        };
        let asked = match call.query.get("maxRecords") {
            None => usize::MAX,
            Some(text) => text
                .parse()
                .ok()
                .filter(|rows| *rows > 0)
                .ok_or_else(|| invalid("maxRecords"))?,
        };
        let end = from.saturating_add(asked.min(self.bulk.page)).min(query.rows());
        let mut bytes = query.head.clone();
        bytes.extend_from_slice(query.slice(from..end).unwrap_or_default());
        let locator = if end < query.rows() {
            STANDARD_NO_PAD.encode(end.to_string())
        } else {
            "null".to_owned()
        };
        Ok(file(bytes)
            .with("sforce-locator", locator)
            .with("sforce-numberofrecords", (end - from).to_string()))
    }
}

/// A column as the file names it.
fn name(path: &Path) -> String {
    let mut whole: Vec<&str> = path
        .parents
        .iter()
        .map(|(_, relationship)| relationship.as_str())
        .collect();
    whole.push(&path.field);
    whole.join(".")
}

/// A value as the file has it: null is empty, moments end in `Z`.
fn shown(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.len() == 28 && text.ends_with("+0000") => text.replace("+0000", "Z"),
        Value::String(text) => text,
        other => other.to_string(),
    }
}
