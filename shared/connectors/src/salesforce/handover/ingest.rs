//! Writing a page by a Bulk API 2.0 ingest job.
//!
//! Only closing a job has an effect. So: about to create → created → (uploaded and) about to close → closed → results, each
//! saved before the next call. Whoever finds *about to create* aborts open jobs of ours for that object that nobody knows;
//! *created* is aborted, because nobody knows whether its rows arrived; *about to close* is decided by what the job says.
//! No job is made over the same rows before the results of the one before are in.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rollcall_model::{Failure, HttpResponse, Timestamp};
use serde_json::{Value, json};

use super::collections::{PAUSES, at};
use super::lines::{Row, Table, cell, upload};
use super::mover::{Mover, Settled, Step};
use super::state::{Job, State, Work};
use super::verdict::{JOB_TRIES, Refused};
use crate::exchange::{self, items, text};
use crate::salesforce::client::{JSON_BODY, MOST_PAGES, Outgoing, endless};
use crate::salesforce::retry;
use crate::salesforce::soql::{eighteen, is_id, same_record};

/// The first look at a job; later ones wait as long as the job has already taken, so the times between them double.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// The longest time between looks.
const LAST_LOOK: Duration = Duration::from_mins(5);
/// A job that is not through by then is stopped. The vendor gives up on a batch itself after twenty tries.
const STUCK: Duration = Duration::from_hours(2);
/// A job that cannot be stopped either is given up this long after that.
const LOST: Duration = Duration::from_hours(1);
/// Asks for CSV.
pub(super) const CSV: &[(&str, &str)] = &[("accept", "text/csv")];
const UPLOAD: &[(&str, &str)] = &[("content-type", "text/csv")];

/// How long until the next look at a job that has taken so long.
pub(super) fn next_look(elapsed: Duration) -> Duration {
    elapsed.clamp(FIRST_LOOK, LAST_LOOK)
}

impl Mover<'_> {
    /// The next piece of a job's life.
    pub(super) async fn ingest(&self, state: &mut State, mut work: Work) -> Result<Step, Failure> {
        let (object, field) = Self::about(state, &work);
        match work.job.clone() {
            None => {
                if let Some(stop) = self.stopped().await? {
                    state.queue.insert(0, work);
                    return Ok(stop);
                }
                self.submit(state, work, &object, &field).await
            }
            Some(Job::Creating { at }) => {
                self.abandon_unknown(&object, at).await?;
                work.job = None;
                state.queue.insert(0, work);
                Ok(Step::On)
            }
            Some(Job::Open { id }) => {
                self.abort(&id).await?;
                work.job = None;
                state.queue.insert(0, work);
                Ok(Step::On)
            }
            Some(Job::Closing { id }) => {
                let job = self.job(&id).await?;
                if text(&job, "state") == Some("Open") {
                    if let Some(stop) = self.stopped().await? {
                        state.queue.insert(0, work);
                        return Ok(stop);
                    }
                    self.close(&id).await?;
                }
                self.closed(state, work, &object, id).await
            }
            Some(Job::Closed { id, at, aborted }) => self.wait(state, work, (&object, &field), id, at, aborted).await,
        }
    }

    /// Create, upload, close.
    async fn submit(&self, state: &mut State, mut work: Work, object: &str, field: &str) -> Result<Step, Failure> {
        let rows = self.rows(&work).await?;
        work.job = Some(Job::Creating { at: self.now() });
        self.save(
            &format!("{object}: a job for {} rows is created", rows.len()),
            state,
            Some(&work),
        )
        .await?;
        let id = match self.create(object).await? {
            Ok(id) => id,
            Err(refused) => {
                let all = (0..rows.len()).map(|place| (place, Settled::Refused(refused.clone())));
                self.settle(state, &mut work, &rows, all.collect()).await?;
                state.wrote = true;
                return self.end_pass(state, work, &rows, Duration::ZERO).await;
            }
        };
        work.job = Some(Job::Open { id: id.clone() });
        self.save(&format!("{object}: job {id} is open"), state, Some(&work))
            .await?;
        let what = "uploading rows to a job";
        let path = format!("{}/jobs/ingest/{id}/batches", self.client.data());
        let outgoing = Outgoing {
            method: Method::PUT,
            path: &path,
            headers: UPLOAD,
            body: upload(field, &rows),
        };
        let response = self.client.exchange_with(&self.desk.call(), what, &outgoing).await?;
        success(what, &response)?;
        work.job = Some(Job::Closing { id: id.clone() });
        self.save(
            &format!("{object}: job {id} is closed, {} rows", rows.len()),
            state,
            Some(&work),
        )
        .await?;
        self.close(&id).await?;
        self.closed(state, work, object, id).await
    }

    async fn closed(&self, state: &mut State, mut work: Work, object: &str, id: String) -> Result<Step, Failure> {
        state.wrote = true;
        let what = format!("{object}: the vendor is at job {id}");
        work.job = Some(Job::Closed {
            id,
            at: self.now(),
            aborted: false,
        });
        self.save(&what, state, Some(&work)).await?;
        state.queue.insert(0, work);
        Ok(Step::Wait(FIRST_LOOK, what))
    }

    async fn wait(
        &self,
        state: &mut State,
        mut work: Work,
        (object, field): (&str, &str),
        id: String,
        at: Timestamp,
        aborted: bool,
    ) -> Result<Step, Failure> {
        let job = self.job(&id).await?;
        let elapsed = self.since(at);
        match text(&job, "state").unwrap_or_default() {
            "JobComplete" | "Failed" | "Aborted" => {
                let message = text(&job, "errorMessage").unwrap_or_default().to_owned();
                return self.results(state, work, object, field, &id, &message).await;
            }
            _ if aborted && elapsed > LOST => return self.lost(state, work, object, field, &id).await,
            _ if !aborted && elapsed > STUCK => {
                work.job = Some(Job::Closed {
                    id: id.clone(),
                    at: self.now(),
                    aborted: true,
                });
                self.save(
                    &format!("{object}: job {id} does not end and is stopped"),
                    state,
                    Some(&work),
                )
                .await?;
                self.abort(&id).await?;
                state.queue.insert(0, work);
                return Ok(Step::Wait(FIRST_LOOK, format!("{object}: job {id} is stopping")));
            }
            _ => {}
        }
        let processed = job.get("numberRecordsProcessed").and_then(Value::as_u64).unwrap_or(0);
        let why = format!("{object}: the vendor is at job {id}, {processed} of {} rows", work.rows);
        state.queue.insert(0, work);
        Ok(Step::Wait(next_look(elapsed), why))
    }

    /// Sorts every row of the page by what the three result files say; rows in none of them are read.
    async fn results(
        &self,
        state: &mut State,
        mut work: Work,
        object: &str,
        field: &str,
        id: &str,
        message: &str,
    ) -> Result<Step, Failure> {
        let rows = self.rows(&work).await?;
        let mut answers: HashMap<String, Result<(), Refused>> = HashMap::with_capacity(rows.len());
        for row in self.result(id, "successfulResults").await?.ids("sf__Id", "Id") {
            answers.insert(row, Ok(()));
        }
        let failed = self.result(id, "failedResults").await?;
        let (error, echoed) = (failed.column("sf__Error"), failed.column("Id"));
        for row in failed.rows() {
            // `sf__Id` may be empty where the row was never found; the row as sent is echoed.
            if let Some(record) = eighteen(cell(row, echoed)) {
                answers.insert(record, Err(Refused::of_cell(cell(row, error))));
            }
        }
        drop(failed);
        let unprocessed = Refused::new("UNPROCESSED", message);
        let left: std::collections::HashSet<String> =
            self.result(id, "unprocessedrecords").await?.ids("Id", "Id").collect();
        let nowhere: Vec<&str> = rows
            .iter()
            .filter(|row| !answers.contains_key(&row.id) && !left.contains(&row.id))
            .map(|row| row.id.as_str())
            .collect();
        let owners = self.owners(object, field, &nowhere).await?;
        let (sent, stated): (Vec<&Row>, Vec<Result<(), Refused>>) = rows
            .iter()
            .filter_map(|row| Some((row, answers.get(&row.id)?.clone())))
            .unzip();
        let looked = self.look_again(object, field, &sent, &stated).await?;
        let mut settled = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            let once_more = || {
                if work.pass < JOB_TRIES {
                    Settled::Again
                } else {
                    Settled::Refused(unprocessed.clone())
                }
            };
            let outcome = match answers.remove(&row.id) {
                Some(Ok(())) => Settled::Moved,
                Some(Err(refused)) => self.judge(&work, object, field, row, refused, &looked, JOB_TRIES),
                None if left.contains(&row.id) => once_more(),
                None => self.seen(row, owners.get(&row.id), true).unwrap_or_else(once_more),
            };
            settled.insert(place, outcome);
        }
        self.settle(state, &mut work, &rows, settled).await?;
        work.job = None;
        let pause = at(&PAUSES, work.pass.saturating_add(1));
        self.end_pass(state, work, &rows, pause).await
    }

    /// A job that neither ends nor stops: the records say what became of them, and that it may still go on is said, too.
    async fn lost(
        &self,
        state: &mut State,
        mut work: Work,
        object: &str,
        field: &str,
        id: &str,
    ) -> Result<Step, Failure> {
        let rows = self.rows(&work).await?;
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let owners = self.owners(object, field, &ids).await?;
        let why = format!("job {id} neither ends nor can be stopped");
        let stuck = Refused::new("JOB_STUCK", &why);
        let settled = rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let seen = self.seen(row, owners.get(&row.id), true);
                (place, seen.unwrap_or_else(|| Settled::Refused(stuck.clone())))
            })
            .collect();
        self.settle(state, &mut work, &rows, settled).await?;
        state.not_inspected(object, field, why);
        work.job = None;
        self.end_pass(state, work, &rows, Duration::ZERO).await
    }

    /// The id of a new job, or why the vendor makes none for this object.
    async fn create(&self, object: &str) -> Result<Result<String, Refused>, Failure> {
        let what = "creating a job";
        let path = format!("{}/jobs/ingest", self.client.data());
        let body = json!({
            "object": object, "operation": "update", "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA",
        });
        created(what, &self.post(what, &path, &body).await?)
    }

    pub(super) async fn post(&self, what: &str, path: &str, body: &Value) -> Result<HttpResponse, Failure> {
        let outgoing = Outgoing {
            method: Method::POST,
            path,
            headers: JSON_BODY,
            body: body.to_string().into(),
        };
        self.client.exchange_with(&self.desk.call(), what, &outgoing).await
    }

    async fn close(&self, id: &str) -> Result<(), Failure> {
        self.change_job("closing a job", id, "UploadComplete").await.map(drop)
    }

    /// Stops a job. One that is through, or is not there, needs no stopping.
    async fn abort(&self, id: &str) -> Result<(), Failure> {
        match self.change_job("stopping a job", id, "Aborted").await {
            Err(failure) if !failure.may_pass() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn change_job(&self, what: &str, id: &str, to: &str) -> Result<HttpResponse, Failure> {
        let path = format!("{}/jobs/ingest/{id}", self.client.data());
        let body = json!({ "state": to });
        self.client
            .send(&self.desk.call(), what, Method::PATCH, &path, Some(&body))
            .await
    }

    async fn job(&self, id: &str) -> Result<Value, Failure> {
        let what = "looking at a job";
        let path = format!("{}/jobs/ingest/{id}", self.client.data());
        let response = self
            .client
            .send(&self.desk.call(), what, Method::GET, &path, None)
            .await?;
        exchange::json(what, &response, true)
    }

    async fn result(&self, id: &str, file: &str) -> Result<Table, Failure> {
        let path = format!("{}/jobs/ingest/{id}/{file}", self.client.data());
        let response = self.csv("reading a job's results", &path).await?;
        Table::read("reading a job's results", response.body())
    }

    async fn csv(&self, what: &str, path: &str) -> Result<HttpResponse, Failure> {
        let outgoing = Outgoing {
            method: Method::GET,
            path,
            headers: CSV,
            body: Bytes::new(),
        };
        let response = self.client.exchange_with(&self.desk.call(), what, &outgoing).await?;
        success(what, &response)?;
        Ok(response)
    }

    /// Aborts open jobs of our own for this object that were made since then and that nobody knows. A job of another run that
    /// is caught by this is found aborted there, and made anew.
    async fn abandon_unknown(&self, object: &str, since: Timestamp) -> Result<(), Failure> {
        let own = self.client.access(&self.desk.call()).await?.own_user;
        let what = "looking for jobs that nobody knows";
        let mut path = format!("{}/jobs/ingest?jobType=V2Ingest", self.client.data());
        for _ in 0..MOST_PAGES {
            let response = self
                .client
                .send(&self.desk.call(), what, Method::GET, &path, None)
                .await?;
            let page = exchange::json(what, &response, true)?;
            for job in items(&page, "records") {
                let ours = text(job, "createdById").is_some_and(|by| same_record(by, &own));
                let open = text(job, "state") == Some("Open") && text(job, "object") == Some(object);
                let made = text(job, "createdDate").and_then(super::candidates::moment);
                // The vendor's clock is not ours; some seconds make no job older than it is.
                let young = made.is_none_or(|made| made.as_second() + 60 >= since.as_second());
                if let Some(id) = text(job, "id").filter(|id| is_id(id) && ours && open && young) {
                    self.abort(id).await?;
                }
            }
            let next = text(&page, "nextRecordsUrl").filter(|next| {
                page.get("done") != Some(&Value::Bool(true))
                    && next.starts_with(&format!("{}/jobs/ingest?", self.client.data()))
            });
            match next {
                Some(next) => next.clone_into(&mut path),
                None => return Ok(()),
            }
        }
        Err(endless(what))
    }
}

impl Table {
    /// The ids in the first of two columns that holds one.
    fn ids(&self, first: &str, second: &str) -> impl Iterator<Item = String> {
        let (first, second) = (self.column(first), self.column(second));
        self.rows()
            .filter_map(move |row| eighteen(cell(row, first)).or_else(|| eighteen(cell(row, second))))
    }
}

/// The id of a job that was made, or the vendor's refusal for good.
pub(super) fn created(what: &str, response: &HttpResponse) -> Result<Result<String, Refused>, Failure> {
    if !response.status().is_success() {
        let failure = retry::failure(what, response);
        if failure.may_pass() {
            return Err(failure);
        }
        let refusal = retry::refusal(response);
        return Ok(Err(Refused::new(&refusal.code, &refusal.message)));
    }
    let job = exchange::json(what, response, false)?;
    match text(&job, "id").filter(|id| is_id(id)) {
        Some(id) => Ok(Ok(id.to_owned())),
        None => Err(Failure::retry(format!("{what}: the answer names no job")).maybe_executed()),
    }
}

/// Nothing but a success goes on.
pub(super) fn success(what: &str, response: &HttpResponse) -> Result<(), Failure> {
    if response.status().is_success() {
        Ok(())
    } else {
        Err(retry::failure(what, response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_come_soon_at_first_and_then_double() {
        let mut elapsed = Duration::ZERO;
        let mut looks = Vec::new();
        for _ in 0..13 {
            let next = next_look(elapsed);
            looks.push(next.as_millis());
            elapsed += next;
        }
        assert_eq!(looks[..5], [250, 250, 500, 1_000, 2_000]);
        assert_eq!(looks[11..], [256_000, 300_000]);
        assert_eq!(next_look(Duration::from_hours(1)), Duration::from_mins(5));
    }
}
