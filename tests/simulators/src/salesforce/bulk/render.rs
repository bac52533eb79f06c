//! Jobs as the API shows them.

use serde_json::{Value, json};

use super::super::call::{Answer, Call};
use super::super::state::State;
use super::super::time;
use super::{Job, Stage, Work};

/// Jobs of one page of the list.
const PAGE: usize = 1000;

/// What create, close and abort answer.
pub(super) fn short(job: &Job) -> Value {
    let version: f64 = job.version.trim_start_matches('v').parse().unwrap_or_default();
    let mut shown = json!({
        "id": job.id, "operation": job.operation, "object": job.object, "createdById": job.caller.user,
        "createdDate": time::wire(job.created), "systemModstamp": time::wire(job.modified), "state": job.stage.name(),
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": version,
        "lineEnding": if job.crlf { "CRLF" } else { "LF" }, "columnDelimiter": job.delimiter.0,
    });
    if let (Work::Ingest(ingest), Some(map)) = (&job.work, shown.as_object_mut()) {
        let place = format!("services/data/{}/jobs/ingest/{}/batches", job.version, job.id);
        map.insert("contentUrl".to_owned(), json!(place));
        if let Some(external) = &ingest.external {
            map.insert("externalIdFieldName".to_owned(), json!(external));
        }
    }
    shown
}

/// What a look at a job answers.
fn long(job: &Job) -> Value {
    let mut shown = short(job);
    let Some(map) = shown.as_object_mut() else {
        return shown;
    };
    let took = job.steps * 410;
    map.insert("retries".to_owned(), json!(0));
    map.insert("totalProcessingTime".to_owned(), json!(took));
    match &job.work {
        Work::Query(query) => {
            map.insert("jobType".to_owned(), json!("V2Query"));
            map.insert("numberRecordsProcessed".to_owned(), json!(query.rows()));
            map.insert("isPkChunkingSupported".to_owned(), json!(true));
        }
        Work::Ingest(ingest) => {
            map.insert("jobType".to_owned(), json!("V2Ingest"));
            map.insert("apiActiveProcessingTime".to_owned(), json!(took));
            map.insert("apexProcessingTime".to_owned(), json!(0));
            map.insert("numberRecordsProcessed".to_owned(), json!(ingest.done));
            map.insert("numberRecordsFailed".to_owned(), json!(ingest.failed.len()));
            if job.stage == Stage::JobComplete {
                map.insert("isPkChunkingSupported".to_owned(), json!(false));
            }
            // A failed query says nothing.
            if let Some(error) = &job.error {
                map.insert("errorMessage".to_owned(), json!(error));
            }
        }
    }
    shown
}

impl State {
    /// `GET /jobs/{kind}/{id}`.
    pub(super) fn show_job(&self, id: &str) -> Answer {
        Answer::json(200, self.bulk.jobs.get(id).map(long).unwrap_or_default())
    }

    /// `GET /jobs/{kind}`: the newest last, a thousand a page.
    pub(super) fn list_jobs(&self, call: &Call, kind: &str) -> Answer {
        let wanted = call.query.get("jobType").map(String::as_str);
        let after = call.query.get("queryLocator").map(String::as_str).unwrap_or_default();
        let mut jobs = self
            .bulk
            .jobs
            .values()
            .filter(|job| job.kind() == kind && job.id.as_str() > after)
            .map(|job| (job, long(job)))
            .filter(|(_, shown)| wanted.is_none_or(|wanted| shown.get("jobType") == Some(&json!(wanted))));
        let page: Vec<(&Job, Value)> = jobs.by_ref().take(PAGE).collect();
        let next = match (page.last(), jobs.next()) {
            (Some((last, _)), Some(_)) => {
                let base = format!("/services/data/{}/jobs/{kind}?queryLocator={}", call.version, last.id);
                json!(wanted.map_or_else(|| base.clone(), |wanted| format!("{base}&jobType={wanted}")))
            }
            _ => Value::Null,
        };
        let records: Vec<Value> = page.into_iter().map(|(_, shown)| shown).collect();
        Answer::json(
            200,
            json!({ "done": next.is_null(), "records": records, "nextRecordsUrl": next }),
        )
    }
}
