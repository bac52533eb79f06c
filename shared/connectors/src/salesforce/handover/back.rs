//! Taking records back: the evidence of the hand-over says which record went from whom to whom, and only those go back that
//! still belong to whom we gave them.

use std::collections::BTreeMap;

use rollcall_model::{Desk, Failure};
use serde_json::Value;

use super::candidates::{Plan, TEAMS, Team};
use super::describe::Described;
use super::lines::{self, Fate, Line, Row};
use super::mover::{Mover, Settled};
use super::state::{State, Work};
use crate::salesforce::client::{Ask, Client};
use crate::salesforce::soql::{eighteen, is_name};

/// The names of the evidence files.
pub(super) fn evidence_of(with: &Value) -> Result<Vec<String>, String> {
    let names: Option<Vec<String>> = with
        .get("evidence")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| "`evidence` names no file: it comes from the hand-over that is taken back".to_owned())
}

/// Teams, where the org has them.
pub(super) async fn plan(client: &Client, desk: &dyn Desk) -> Result<Plan, Failure> {
    let asks: Vec<(&str, Ask)> = TEAMS
        .iter()
        .map(|(_, team, _)| (*team, Ask::Path(format!("sobjects/{team}/describe"))))
        .collect();
    let mut plan = Plan::default();
    let mut parts = client.ask(&desk.call(), "describing teams", &asks).await?;
    for (object, team, of) in TEAMS {
        // An org without the feature knows no such object.
        if let Some(Ok(body)) = parts.remove(team) {
            let fields = Described::of(&body).createable;
            if [of, "UserId"].iter().all(|field| fields.iter().any(|one| one == field)) {
                plan.teams.insert(
                    object.to_owned(),
                    Team {
                        object: team.to_owned(),
                        of: of.to_owned(),
                        fields,
                    },
                );
            }
        }
    }
    Ok(plan)
}

impl Mover<'_> {
    /// Makes pages of one evidence file.
    pub(super) async fn open_evidence(&self, state: &mut State, name: &str) -> Result<(), Failure> {
        let all: Vec<Line> = lines::read(name, &self.desk.fetch(name).await?)?;
        let mut pages: BTreeMap<(String, String), Vec<Row>> = BTreeMap::new();
        for (place, line) in all.into_iter().enumerate() {
            if line.result != Fate::Moved {
                continue;
            }
            let ids = (eighteen(&line.record), eighteen(&line.new), eighteen(&line.old));
            let (Some(id), Some(from), Some(to), true) =
                (ids.0, ids.1, ids.2, is_name(&line.object) && is_name(&line.field))
            else {
                return Err(Failure::needs_human(format!(
                    "line {} of the evidence {name} names no record of Salesforce: restore the file, then try again",
                    place + 2
                )));
            };
            let row = Row {
                id,
                // The order of the hand-over, which was by parent.
                parent: format!("{place:08}"),
                from,
                to,
            };
            pages.entry((line.object, line.field)).or_default().push(row);
        }
        for ((object, field), rows) in pages {
            self.open_rows(state, &object, &field, rows).await?;
        }
        Ok(())
    }

    async fn open_rows(&self, state: &mut State, object: &str, field: &str, rows: Vec<Row>) -> Result<(), Failure> {
        let mut work = Work::new(state.tally(object, field), self.now());
        state.serial += 1;
        work.number = state.serial;
        if let Some(tally) = state.numbers(work.tally) {
            tally.counted += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        }
        let mut left = rows;
        if left.len() > self.client.settings.bulk_above {
            // A job writes without looking, so it gets only what still belongs to whom we gave it.
            let ids: Vec<&str> = left.iter().map(|row| row.id.as_str()).collect();
            let owners = self.owners(object, field, &ids).await?;
            let settled: BTreeMap<usize, Settled> = left
                .iter()
                .enumerate()
                .filter_map(|(place, row)| Some((place, self.seen(row, owners.get(&row.id), false)?)))
                .collect();
            self.settle(state, &mut work, &left, settled.clone()).await?;
            let mut place = 0;
            left.retain(|_| {
                place += 1;
                !settled.contains_key(&(place - 1))
            });
        }
        if left.is_empty() {
            return Ok(());
        }
        if self.has_team(object, field) {
            self.snapshot_teams(object, &mut work, &left).await?;
        }
        self.store_rows(object, &mut work, 0, &left).await?;
        state.queue.push(work);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_is_a_list_of_names() {
        assert_eq!(
            evidence_of(&json!({ "evidence": ["a.csv"] })),
            Ok(vec!["a.csv".to_owned()])
        );
        for with in [
            json!(null),
            json!({}),
            json!({ "evidence": [] }),
            json!({ "evidence": "a.csv" }),
            json!({ "evidence": [1] }),
        ] {
            assert!(evidence_of(&with).unwrap_err().contains("names no file"), "{with}");
        }
    }
}
