//! Teams of accounts and opportunities. An owner change takes them apart unless a SOAP header says otherwise (SOAP API Developer
//! Guide, "OwnerChangeOptions"), and whether the REST and Bulk APIs do the same is not documented: so they are read before,
//! compared after, and what is missing is put back, without the user who leaves.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use rollcall_model::Failure;
use serde_json::{Map, Value, json};

use super::candidates::Team;
use super::lines::Row;
use super::mover::{IDS, Mover, QUERIES};
use super::state::{State, Work};
use super::verdict::Refused;
use crate::exchange::{self, text};
use crate::salesforce::soql::{eighteen, soql_quote};

/// Records in one collections call.
const CHUNK: usize = 200;

impl Mover<'_> {
    /// Reads and stores the teams of the page's records, once, before any of them is written.
    pub(super) async fn snapshot_teams(&self, object: &str, work: &mut Work, rows: &[Row]) -> Result<(), Failure> {
        let Some(team) = self.plan.teams.get(object) else {
            return Ok(());
        };
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let members = self.members(team, &ids).await?;
        if members.is_empty() {
            return Ok(());
        }
        let side = if self.back { "back/" } else { "" };
        let name = format!("{side}work/{object}-{:04}-team.json", work.number);
        let body = serde_json::to_vec(&members)
            .map_err(|error| Failure::give_up(format!("the teams cannot be written: {error}")))?;
        work.teams = Some(self.desk.store(&name, Bytes::from(body)).await?);
        Ok(())
    }

    async fn members(&self, team: &Team, ids: &[&str]) -> Result<Vec<Map<String, Value>>, Failure> {
        let what = "reading teams";
        let mut all = Vec::new();
        let chunks: Vec<&[&str]> = ids.chunks(IDS).collect();
        for some in chunks.chunks(QUERIES) {
            let names: Vec<String> = (0..some.len()).map(|place| format!("q{place}")).collect();
            let queries: Vec<(&str, String)> = names
                .iter()
                .zip(some)
                .map(|(name, ids)| {
                    let list = ids.iter().map(|id| soql_quote(id)).collect::<Vec<_>>().join(", ");
                    let soql = format!(
                        "SELECT {} FROM {} WHERE {} IN ({list})",
                        team.fields.join(", "),
                        team.object,
                        team.of
                    );
                    (name.as_str(), soql)
                })
                .collect();
            for part in self
                .client
                .queries(&self.desk.call(), what, &queries)
                .await?
                .into_values()
            {
                for row in part.map_err(|refusal| refusal.failure(what))? {
                    let member = team
                        .fields
                        .iter()
                        .filter_map(|field| {
                            Some((field.clone(), row.get(field).filter(|value| !value.is_null())?.clone()))
                        })
                        .collect();
                    all.push(member);
                }
            }
        }
        Ok(all)
    }

    /// Puts back who is missing. A repetition finds nobody missing, so a lost answer costs a second look.
    pub(super) async fn put_teams_back(&self, state: &mut State, work: &Work, object: &str) -> Result<(), Failure> {
        let (Some(name), Some(team)) = (&work.teams, self.plan.teams.get(object)) else {
            return Ok(());
        };
        let before: Vec<Map<String, Value>> = serde_json::from_slice(&self.desk.fetch(name).await?)
            .map_err(|error| Failure::needs_human(format!("the file {name} is not as it was stored: {error}")))?;
        let key = |member: &Map<String, Value>| {
            let id = |field: &str| member.get(field).and_then(Value::as_str).and_then(eighteen);
            Some((id(&team.of)?, id("UserId")?))
        };
        let records: BTreeSet<String> = before.iter().filter_map(key).map(|(record, _)| record).collect();
        let ids: Vec<&str> = records.iter().map(String::as_str).collect();
        let there: BTreeSet<(String, String)> = self.members(team, &ids).await?.iter().filter_map(key).collect();
        let missing: Vec<&Map<String, Value>> = before
            .iter()
            .filter(|member| key(member).is_some_and(|key| key.1 != self.leaver && !there.contains(&key)))
            .collect();
        let own = before
            .iter()
            .filter_map(key)
            .filter(|key| key.1 == self.leaver && !there.contains(key))
            .count();
        if own > 0 {
            state.note(format!(
                "{object}: Salesforce ended {own} team memberships of the user's own with the change of owner; taking back does not bring them back"
            ));
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.save(
            &format!("{object}: {} team members are put back", missing.len()),
            state,
            Some(work),
        )
        .await?;
        for chunk in missing.chunks(CHUNK) {
            self.add_members(state, team, chunk).await?;
        }
        Ok(())
    }

    async fn add_members(
        &self,
        state: &mut State,
        team: &Team,
        members: &[&Map<String, Value>],
    ) -> Result<(), Failure> {
        let what = "putting teams back";
        let records: Vec<Value> = members
            .iter()
            .map(|member| {
                let mut record = Map::from_iter([("attributes".to_owned(), json!({ "type": team.object }))]);
                record.extend((*member).clone());
                Value::Object(record)
            })
            .collect();
        let path = format!("{}/composite/sobjects", self.client.data());
        let body = json!({ "allOrNone": false, "records": records });
        let response = self
            .client
            .send(&self.desk.call(), what, Method::POST, &path, Some(&body))
            .await?;
        let answer = exchange::json(what, &response, false)?;
        let elements = answer.as_array().map_or(&[][..], Vec::as_slice);
        for (element, member) in elements.iter().zip(members) {
            if element.get("success") == Some(&Value::Bool(true)) {
                continue;
            }
            let refused = Refused::of_element(element);
            if refused.code.starts_with("DUPLICATE") {
                continue;
            }
            let value = |field: &str| {
                member
                    .get(field)
                    .and_then(Value::as_str)
                    .and_then(eighteen)
                    .unwrap_or_default()
            };
            state.note(format!(
                "{}: {} is no longer in the team of {}: {}",
                team.object,
                value("UserId"),
                value(&team.of),
                refused.reason
            ));
        }
        if text(&answer, "errorCode").is_some() || elements.len() != members.len() {
            return Err(Failure::retry(format!("{what}: the answer leaves out members")).maybe_executed());
        }
        Ok(())
    }
}
