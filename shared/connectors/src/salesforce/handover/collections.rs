//! Writing a page by sObject Collections: up to 200 records in one call, answered one by one (REST API Developer Guide,
//! "Update Multiple Records with Fewer Round-Trips").
//!
//! A chunk is saved as *sent* before it is. Whoever finds it so reads whom its records name before writing any of them again,
//! so that a lost answer changes no record twice.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use rollcall_model::Failure;
use serde_json::{Value, json};

use super::lines::Row;
use super::mover::{FRESH, Mover, Settled, Step};
use super::state::{State, Work};
use super::verdict::{ROW_TRIES, Refused, Verdict, verdict};
use crate::exchange;
use crate::salesforce::client::Outgoing;
use crate::salesforce::retry;

/// Records in one call, by pass: what was locked is tried in smaller chunks.
const CHUNKS: [usize; 4] = [200, 50, 25, 10];
/// How long to wait before a pass, so that whoever holds a lock lets go of it.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
];
/// Without this header the org's assignment rules run and may replace the owner just written (REST API Developer Guide,
/// "Assignment Rule Header").
const HEADERS: &[(&str, &str)] = &[("content-type", "application/json"), ("sforce-auto-assign", "FALSE")];

impl Mover<'_> {
    /// One chunk.
    pub(super) async fn collections(&self, state: &mut State, mut work: Work) -> Result<Step, Failure> {
        let (object, field) = Self::about(state, &work);
        let rows = self.rows(&work).await?;
        let pause = |pass: u8| at(&PAUSES, pass);
        if work.at >= rows.len() {
            let pause = pause(work.pass);
            return self.end_pass(state, work, &rows, pause).await;
        }
        if let Some(stop) = self.stopped().await? {
            state.queue.insert(0, work);
            return Ok(stop);
        }
        let chunk = work.at..rows.len().min(work.at + at(&CHUNKS, work.pass));
        let mut settled: BTreeMap<usize, Settled> = BTreeMap::new();
        let doubtful = work.sent || work.pass > 0 || self.back || self.since(work.selected) > FRESH;
        if doubtful {
            let ids: Vec<&str> = chunk
                .clone()
                .filter_map(|place| rows.get(place).map(|row| row.id.as_str()))
                .collect();
            let owners = self.owners(&object, &field, &ids).await?;
            for place in chunk.clone() {
                let Some(row) = rows.get(place) else { continue };
                if let Some(seen) = self.seen(row, owners.get(&row.id), work.sent) {
                    settled.insert(place, seen);
                }
            }
        }
        let places: Vec<usize> = chunk.clone().filter(|place| !settled.contains_key(place)).collect();
        if !places.is_empty() {
            if !work.sent {
                work.sent = true;
                self.save(
                    &format!("{object}: {} rows from {} on are sent", places.len(), chunk.start),
                    state,
                    Some(&work),
                )
                .await?;
            }
            let sent: Vec<&Row> = places.iter().filter_map(|place| rows.get(*place)).collect();
            let answers = self.update(&object, &field, &sent).await?;
            let looked = self.look_again(&object, &field, &sent, &answers).await?;
            for ((place, row), answer) in places.iter().zip(&sent).zip(answers) {
                let outcome = match answer {
                    Ok(()) => Settled::Moved,
                    Err(refused) => self.judge(&work, &object, &field, row, refused, &looked, ROW_TRIES),
                };
                settled.insert(*place, outcome);
            }
        }
        state.wrote = true;
        self.settle(state, &mut work, &rows, settled).await?;
        (work.at, work.sent) = (chunk.end, false);
        if work.at >= rows.len() {
            let pause = pause(work.pass);
            return self.end_pass(state, work, &rows, pause).await;
        }
        self.save(
            &format!("{object}: {} of {} rows are through", work.at, rows.len()),
            state,
            Some(&work),
        )
        .await?;
        state.queue.insert(0, work);
        Ok(Step::On)
    }

    /// What a refusal of one record means for it.
    #[expect(clippy::too_many_arguments, reason = "all of it decides")]
    pub(super) fn judge(
        &self,
        work: &Work,
        object: &str,
        field: &str,
        row: &Row,
        refused: Refused,
        looked: &BTreeMap<String, String>,
        most: u8,
    ) -> Settled {
        match verdict(&refused.code) {
            Verdict::Again(tries) if work.pass < tries.min(most) => Settled::Again,
            Verdict::Onward if self.next_target(object, field, &row.to).is_some() => Settled::Onward,
            Verdict::Gone => Settled::Gone(refused.reason),
            Verdict::Look => match looked.get(&row.id) {
                None => Settled::Gone(refused.reason),
                Some(owner) if *owner == row.to => Settled::Moved,
                Some(owner) if *owner != row.from => Settled::Gone(format!("somebody else gave it to {owner}")),
                Some(_) => Settled::Refused(refused),
            },
            _ => Settled::Refused(refused),
        }
    }

    /// Whom those records name whose refusal leaves open whether they are still there.
    pub(super) async fn look_again(
        &self,
        object: &str,
        field: &str,
        rows: &[&Row],
        answers: &[Result<(), Refused>],
    ) -> Result<BTreeMap<String, String>, Failure> {
        let ids: Vec<&str> = rows
            .iter()
            .zip(answers)
            .filter(|(_, answer)| matches!(answer, Err(refused) if verdict(&refused.code) == Verdict::Look))
            .map(|(row, _)| row.id.as_str())
            .collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.owners(object, field, &ids).await
    }

    /// One call; one answer a row, in order.
    async fn update(&self, object: &str, field: &str, rows: &[&Row]) -> Result<Vec<Result<(), Refused>>, Failure> {
        let what = "handing records over";
        let records: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "attributes": { "type": object }, "id": row.id, field: row.to }))
            .collect();
        let path = format!("{}/composite/sobjects", self.client.data());
        let outgoing = Outgoing {
            method: Method::PATCH,
            path: &path,
            headers: HEADERS,
            body: json!({ "allOrNone": false, "records": records }).to_string().into(),
        };
        let response = self.client.exchange_with(&self.desk.call(), what, &outgoing).await?;
        if !response.status().is_success() {
            let failure = retry::failure(what, &response);
            if failure.may_pass() {
                return Err(failure);
            }
            // The whole call is refused for good, and with it each of its records.
            let refusal = retry::refusal(&response);
            let refused = Refused::new(&refusal.code, &refusal.message);
            return Ok(rows.iter().map(|_| Err(refused.clone())).collect());
        }
        let answer = exchange::json(what, &response, false)?;
        let elements = answer.as_array().map_or(&[][..], Vec::as_slice);
        if elements.len() != rows.len() {
            return Err(
                Failure::retry(format!("{what}: {} answers for {} records", elements.len(), rows.len()))
                    .maybe_executed(),
            );
        }
        Ok(elements
            .iter()
            .map(|element| {
                if element.get("success") == Some(&Value::Bool(true)) {
                    Ok(())
                } else {
                    Err(Refused::of_element(element))
                }
            })
            .collect())
    }
}

/// The entry of a pass; the last one holds for all later ones.
pub(super) fn at<T: Copy + Default>(list: &[T], pass: u8) -> T {
    list.get(usize::from(pass)).or(list.last()).copied().unwrap_or_default()
}
