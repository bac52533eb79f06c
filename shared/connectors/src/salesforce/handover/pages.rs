//! Long lists: a Bulk API 2.0 query job, read page by page, each page worked off before the next is read.
//!
//! The list is in order of id, so that a new job can go on where an old one ended: when the job is gone, and when it is so old
//! that whom its records name may have changed.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use rollcall_model::{Failure, HttpResponse};
use serde_json::json;

use super::candidates::Record;
use super::ingest::{CSV, created, next_look, success};
use super::lines::{self, Fate, Line, Row, Table, cell};
use super::mover::{Mover, Step, sort};
use super::state::{Source, State, Work};
use crate::exchange::{self, header, text};
use crate::salesforce::client::Outgoing;
use crate::salesforce::soql::{eighteen, is_id, soql_quote};

/// Rows of one page, and of one ingest job. The three result files of such a job stay below the transport's 16 MB even when
/// each row is refused with a long text.
pub(super) const PAGE: usize = 25_000;
/// How long the result of a query is worked with before a new one is made.
const FRESH_LIST: Duration = Duration::from_mins(5);
/// Jobs that may fail one after the other.
const MOST_FAILURES: u8 = 3;

impl Mover<'_> {
    /// Gets the next page: makes the job, waits for it, reads.
    pub(super) async fn next_page(&self, state: &mut State, mut work: Work) -> Result<Step, Failure> {
        let (object, field) = Self::about(state, &work);
        let mut source = work.source.take().unwrap_or_default();
        let stale = source.ready.is_some_and(|ready| self.since(ready) > FRESH_LIST);
        if stale {
            source = go_on(&source);
        }
        let Some(id) = source.job.clone() else {
            return self.ask(state, work, source, &object, &field).await;
        };
        if source.ready.is_none() {
            let what = "looking at a query job";
            let path = format!("{}/jobs/query/{id}", self.client.data());
            let Some(response) = self.there(what, &path, &[]).await? else {
                return self.ask(state, work, go_on(&source), &object, &field).await;
            };
            let job = exchange::json(what, &response, true)?;
            match text(&job, "state").unwrap_or_default() {
                "JobComplete" => source.ready = Some(self.now()),
                "Failed" | "Aborted" => {
                    let failures = source.failures + 1;
                    source = go_on(&source);
                    source.failures = failures;
                    if failures >= MOST_FAILURES {
                        let why = format!("{failures} query jobs failed; Salesforce gives no reason for them");
                        state.not_inspected(&object, &field, why);
                        self.save(&format!("{object}: query jobs fail"), state, None).await?;
                        return Ok(Step::On);
                    }
                    work.source = Some(source);
                    self.save(&format!("{object}: query job {id} failed"), state, Some(&work))
                        .await?;
                    state.queue.insert(0, work);
                    return Ok(Step::Wait(
                        Duration::from_secs(10),
                        format!("{object}: a query job failed"),
                    ));
                }
                _ => {
                    let elapsed = source.made.map_or(Duration::ZERO, |made| self.since(made));
                    work.source = Some(source);
                    state.queue.insert(0, work);
                    return Ok(Step::Wait(
                        next_look(elapsed),
                        format!("{object}: the vendor is at query job {id}"),
                    ));
                }
            }
        }
        self.read_page(state, work, source, &object, &field, &id).await
    }

    async fn ask(
        &self,
        state: &mut State,
        mut work: Work,
        mut source: Source,
        object: &str,
        field: &str,
    ) -> Result<Step, Failure> {
        let Some(plan) = self.plan.object(object) else {
            return Err(Failure::give_up(format!("the plan of work does not know {object}")));
        };
        let mut condition = format!("{field} = {}", soql_quote(self.leaver));
        if let Some(last) = &source.last {
            condition = format!("{condition} AND Id > {}", soql_quote(last));
        }
        let what = "creating a query job";
        let path = format!("{}/jobs/query", self.client.data());
        let body = json!({
            "operation": "query", "query": format!("{} ORDER BY Id", plan.select(&condition)),
            "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
        });
        // A job whose answer is lost reads something that nobody asks for; the vendor clears it away.
        match created(what, &self.post(what, &path, &body).await?)? {
            Ok(id) => {
                (source.job, source.made, source.ready, source.locator) =
                    (Some(id.clone()), Some(self.now()), None, None);
                work.source = Some(source);
                self.save(&format!("{object}: query job {id} is made"), state, Some(&work))
                    .await?;
                state.queue.insert(0, work);
                Ok(Step::Wait(
                    next_look(Duration::ZERO),
                    format!("{object}: the vendor is at query job {id}"),
                ))
            }
            Err(refused) => {
                state.not_inspected(object, field, refused.reason);
                self.save(&format!("{object}: no query job is made"), state, None)
                    .await?;
                Ok(Step::On)
            }
        }
    }

    async fn read_page(
        &self,
        state: &mut State,
        mut work: Work,
        mut source: Source,
        object: &str,
        field: &str,
        id: &str,
    ) -> Result<Step, Failure> {
        let what = "reading the result of a query job";
        let mut path = format!("{}/jobs/query/{id}/results?maxRecords={PAGE}", self.client.data());
        if let Some(locator) = &source.locator {
            path.push_str("&locator=");
            path.push_str(&crate::encode::percent(locator));
        }
        let Some(response) = self.there(what, &path, CSV).await? else {
            return self.ask(state, work, go_on(&source), object, field).await;
        };
        let Some(plan) = self.plan.object(object) else {
            return Err(Failure::give_up(format!("the plan of work does not know {object}")));
        };
        let table = Table::read(what, response.body())?;
        let column = table.column("Id");
        let mut records = Vec::with_capacity(table.len());
        for row in table.rows() {
            let Some(record) = eighteen(cell(row, column)) else {
                return Err(Failure::retry(format!("{what}: a row has no usable Id")));
            };
            let value = |name: &str| cell(row, table.column(name)).to_owned();
            records.push(plan.record(record, value, state.began));
        }
        let stated = header(&response, "sforce-numberofrecords").and_then(|count| count.trim().parse::<usize>().ok());
        if stated.is_some_and(|stated| stated != records.len()) {
            return Err(Failure::retry(format!("{what}: the page is not whole")));
        }
        drop(table);
        // The last page carries the word `null` (Bulk API 2.0, "Get Results for a Query Job").
        let locator = header(&response, "sforce-locator").filter(|locator| !locator.is_empty() && *locator != "null");
        if locator.is_some() && locator == source.locator.as_deref() {
            return Err(Failure::retry(format!("{what}: the page names itself as the next one")));
        }
        source.ended = locator.is_none();
        source.locator = locator.map(str::to_owned);
        if let Some(last) = records.last().map(|record| record.id.clone()).filter(|id| is_id(id)) {
            source.last = Some(last);
        }
        let (ended, known) = (source.ended, source.known);
        if known {
            let refused = self.ids_of(state, work.tally, &[Fate::Refused]).await?;
            records.retain(|record| record.stays.is_none() && !refused.contains(&record.id));
        }
        work.source = Some(source);
        work.selected = self.now();
        let count = records.len();
        let written = self.open_page(state, &mut work, records).await?;
        let what = format!("{object}.{field}: page {} has {count} records", work.number);
        if written > 0 {
            self.save(&what, state, Some(&work)).await?;
            state.queue.insert(0, work);
        } else {
            (work.file, work.evidence, work.lines) = (None, None, 0);
            self.save(&what, state, (!ended).then_some(&work)).await?;
            if !ended {
                state.queue.insert(0, work);
            }
        }
        if ended {
            self.forget(id).await;
        }
        Ok(Step::On)
    }

    /// Reads something of a job; nothing when the job is gone, which the vendor keeps for some days only.
    async fn there(
        &self,
        what: &str,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Option<HttpResponse>, Failure> {
        let outgoing = Outgoing {
            method: http::Method::GET,
            path,
            headers,
            body: Bytes::new(),
        };
        let response = self.client.exchange_with(&self.desk.call(), what, &outgoing).await?;
        if response.status() == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        success(what, &response)?;
        Ok(Some(response))
    }

    /// Removes a query job that was read. The vendor would clear it away after a week.
    async fn forget(&self, id: &str) {
        let path = format!("{}/jobs/query/{id}", self.client.data());
        let what = "removing a query job";
        if let Err(failure) = self
            .client
            .send(&self.desk.call(), what, http::Method::DELETE, &path, None)
            .await
        {
            tracing::debug!(%failure, "a query job stays");
        }
    }

    /// Makes a page of records: what stays or has nobody to go to is decided at once, the rest becomes rows to write. Answers
    /// how many these are.
    pub(super) async fn open_page(
        &self,
        state: &mut State,
        work: &mut Work,
        records: Vec<Record>,
    ) -> Result<usize, Failure> {
        let (object, name) = Self::about(state, work);
        let field = self.plan.object(&object).and_then(|object| object.field(&name));
        let Some(field) = field else {
            return Err(Failure::give_up(format!(
                "the plan of work does not know {object}.{name}"
            )));
        };
        state.serial += 1;
        work.number = state.serial;
        (work.evidence, work.lines, work.teams, work.job) = (None, 0, None, None);
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let later = state.round > 0;
        if let Some(tally) = state.numbers(work.tally) {
            *(if later { &mut tally.arrived } else { &mut tally.counted }) += count;
        }
        let mut rows = Vec::new();
        let mut decided = Vec::new();
        let target = field.targets.first();
        for record in records {
            let mut line = Line {
                object: object.clone(),
                record: record.id,
                field: name.clone(),
                old: self.leaver.to_owned(),
                new: String::new(),
                result: Fate::Kept,
                reason: String::new(),
            };
            match (record.stays, target) {
                _ if !field.moves => "reported, not moved: as configured".clone_into(&mut line.reason),
                (Some(why), _) => why.clone_into(&mut line.reason),
                (None, Some(target)) => {
                    rows.push(Row {
                        id: line.record,
                        parent: record.parent,
                        from: line.old,
                        to: target.clone(),
                    });
                    continue;
                }
                (None, None) => {
                    line.result = Fate::Refused;
                    line.reason = format!("NO_TARGET: {}", field.nobody);
                    decided.push((line, Some("NO_TARGET".to_owned())));
                    continue;
                }
            }
            decided.push((line, None));
        }
        self.record(state, work, decided).await?;
        if !rows.is_empty() {
            sort(&mut rows);
            if self.has_team(&object, &name) {
                self.snapshot_teams(&object, work, &rows).await?;
            }
            self.store_rows(&object, work, 0, &rows).await?;
        }
        Ok(rows.len())
    }

    /// The records that ended in one of these places, from the evidence of a tally.
    pub(super) async fn ids_of(
        &self,
        state: &State,
        tally: usize,
        fates: &[Fate],
    ) -> Result<BTreeSet<String>, Failure> {
        let mut ids = BTreeSet::new();
        for (_, name) in state.evidence.iter().filter(|(place, _)| *place == tally) {
            let all: Vec<Line> = lines::read(name, &self.desk.fetch(name).await?)?;
            ids.extend(
                all.into_iter()
                    .filter(|line| fates.contains(&line.result))
                    .map(|line| line.record),
            );
        }
        Ok(ids)
    }
}

/// A source that goes on after the last record that was read.
fn go_on(source: &Source) -> Source {
    Source {
        last: source.last.clone(),
        known: source.known,
        failures: source.failures,
        ..Source::default()
    }
}
