//! What every way of writing shares: files, numbers, and reading back whom records name.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_model::{Desk, Failure, Timestamp};
use rollcall_runtime::clock::between;

use super::candidates::{Plan, TEAMS, json_cell, row_id};
use super::lines::{self, Fate, Line, Row};
use super::state::{State, Work};
use super::verdict::Refused;
use crate::salesforce::client::Client;
use crate::salesforce::soql::{eighteen, soql_quote};

/// Ids in one condition: with their encoding they stay well below the vendor's 16,384 bytes of an address.
pub(super) const IDS: usize = 200;
/// Queries in one composite call (REST API Developer Guide, "Composite").
pub(super) const QUERIES: usize = 5;
/// How long a list is trusted: later, whom a record names is read again before it is written.
pub(super) const FRESH: Duration = Duration::from_mins(3);
/// How long to wait when somebody has stopped writes.
const STOPPED: Duration = Duration::from_mins(1);

/// How a piece of work ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do at once.
    On,
    /// Look again after this long.
    Wait(Duration, String),
}

/// What became of a row in one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Moved,
    Kept(String),
    Refused(Refused),
    Gone(String),
    /// Try again as it is.
    Again,
    /// Try with the next target.
    Onward,
}

/// Moves the records of one page after the other.
pub(super) struct Mover<'a> {
    pub(super) client: &'a Client,
    pub(super) desk: &'a dyn Desk,
    pub(super) plan: &'a Plan,
    /// The user whose account the change is about.
    pub(super) leaver: &'a str,
    /// Records go back to the user.
    pub(super) back: bool,
}

impl Mover<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.client.exchange.clock.now()
    }

    pub(super) fn since(&self, then: Timestamp) -> Duration {
        between(then, self.now())
    }

    /// Object and field of a page.
    pub(super) fn about(state: &State, work: &Work) -> (String, String) {
        state
            .tallies
            .get(work.tally)
            .map(|tally| (tally.object.clone(), tally.field.clone()))
            .unwrap_or_default()
    }

    /// Saves the whole with a page in front of the queue.
    pub(super) async fn save(&self, what: &str, state: &State, work: Option<&Work>) -> Result<(), Failure> {
        let mut whole = state.clone();
        if let Some(work) = work {
            whole.queue.insert(0, work.clone());
        }
        self.desk.save(what, &whole.written()?).await
    }

    /// Why nothing may be written now.
    pub(super) async fn stopped(&self) -> Result<Option<Step>, Failure> {
        Ok(self.desk.stopped().await?.map(|why| Step::Wait(STOPPED, why)))
    }

    fn prefix(&self) -> &'static str {
        if self.back { "back/" } else { "" }
    }

    /// Stores the rows of a pass and makes them the page's work.
    pub(super) async fn store_rows(
        &self,
        object: &str,
        work: &mut Work,
        pass: u8,
        rows: &[Row],
    ) -> Result<(), Failure> {
        let name = format!("{}work/{object}-{:04}-{pass}.csv", self.prefix(), work.number);
        work.file = Some(self.desk.store(&name, lines::rows(rows)?).await?);
        (work.rows, work.pass, work.at, work.sent) = (rows.len(), pass, 0, false);
        work.again.clear();
        work.onward.clear();
        Ok(())
    }

    /// The rows of the page's pass.
    pub(super) async fn rows(&self, work: &Work) -> Result<Vec<Row>, Failure> {
        let Some(name) = &work.file else {
            return Ok(Vec::new());
        };
        lines::read(name, &self.desk.fetch(name).await?)
    }

    /// Adds lines to the page's evidence and their numbers to the tally.
    pub(super) async fn record(
        &self,
        state: &mut State,
        work: &mut Work,
        found: Vec<(Line, Option<String>)>,
    ) -> Result<(), Failure> {
        if found.is_empty() {
            return Ok(());
        }
        let (object, _) = Self::about(state, work);
        let stored = work.evidence.and_then(|place| state.evidence.get(place));
        let mut all: Vec<Line> = if let Some((_, name)) = stored {
            lines::read(name, &self.desk.fetch(name).await?)?
        } else {
            Vec::new()
        };
        // What a crash left behind the lines that count is written anew.
        all.truncate(work.lines);
        if let Some(tally) = state.numbers(work.tally) {
            for (line, code) in &found {
                match line.result {
                    Fate::Moved => {
                        tally.moved += 1;
                        *tally.to.entry(line.new.clone()).or_default() += 1;
                    }
                    Fate::Kept => tally.kept += 1,
                    Fate::Gone => tally.gone += 1,
                    Fate::Refused => {
                        tally.refused += 1;
                        let code = code.clone().unwrap_or_else(|| "NO_ERROR_CODE".to_owned());
                        *tally.refusals.entry(code).or_default() += 1;
                    }
                }
            }
        }
        all.extend(found.into_iter().map(|(line, _)| line));
        let name = format!("{}{object}/{:04}.csv", self.prefix(), work.number);
        let answered = self.desk.store(&name, lines::evidence(&all)?).await?;
        work.lines = all.len();
        if let Some(known) = work.evidence.and_then(|place| state.evidence.get_mut(place)) {
            known.1 = answered;
        } else {
            work.evidence = Some(state.evidence.len());
            state.evidence.push((work.tally, answered));
        }
        Ok(())
    }

    /// Takes in what became of rows of the page: lines for what is decided, a place in the next pass for the rest.
    pub(super) async fn settle(
        &self,
        state: &mut State,
        work: &mut Work,
        rows: &[Row],
        settled: BTreeMap<usize, Settled>,
    ) -> Result<(), Failure> {
        let (object, field) = Self::about(state, work);
        let mut found = Vec::new();
        for (index, what) in settled {
            let Some(row) = rows.get(index) else { continue };
            let place = u32::try_from(index).unwrap_or(u32::MAX);
            let (result, new, reason, code) = match what {
                Settled::Again => {
                    work.again.push(place);
                    continue;
                }
                Settled::Onward => {
                    work.onward.push(place);
                    continue;
                }
                Settled::Moved => (Fate::Moved, row.to.clone(), String::new(), None),
                Settled::Kept(why) => (Fate::Kept, String::new(), why, None),
                Settled::Gone(why) => (Fate::Gone, String::new(), why, None),
                Settled::Refused(refused) => (Fate::Refused, row.to.clone(), refused.reason, Some(refused.code)),
            };
            let line = Line {
                object: object.clone(),
                record: row.id.clone(),
                field: field.clone(),
                old: row.from.clone(),
                new,
                result,
                reason,
            };
            found.push((line, code));
        }
        self.record(state, work, found).await
    }

    /// Who comes after this target.
    pub(super) fn next_target(&self, object: &str, field: &str, after: &str) -> Option<&str> {
        if self.back {
            return None;
        }
        let targets = &self.plan.object(object)?.field(field)?.targets;
        let place = targets.iter().position(|one| one == after)?;
        targets.get(place + 1).map(String::as_str)
    }

    /// Whom records name now; those that are not there are left out. An answer that knows none of them is asked for once more: who
    /// trusts it says of every record that it is gone.
    pub(super) async fn owners(
        &self,
        object: &str,
        field: &str,
        ids: &[&str],
    ) -> Result<BTreeMap<String, String>, Failure> {
        let found = self.ask_owners(object, field, ids).await?;
        if found.is_empty() && !ids.is_empty() {
            return self.ask_owners(object, field, ids).await;
        }
        Ok(found)
    }

    async fn ask_owners(&self, object: &str, field: &str, ids: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
        let what = "reading whom records belong to";
        let mut owners = BTreeMap::new();
        let chunks: Vec<&[&str]> = ids.chunks(IDS).collect();
        for some in chunks.chunks(QUERIES) {
            let names: Vec<String> = (0..some.len()).map(|place| format!("q{place}")).collect();
            let queries: Vec<(&str, String)> = names
                .iter()
                .zip(some)
                .map(|(name, ids)| {
                    let list = ids.iter().map(|id| soql_quote(id)).collect::<Vec<_>>().join(", ");
                    (
                        name.as_str(),
                        format!("SELECT Id, {field} FROM {object} WHERE Id IN ({list})"),
                    )
                })
                .collect();
            for part in self
                .client
                .queries(&self.desk.call(), what, &queries)
                .await?
                .into_values()
            {
                let rows = part.map_err(|refusal| refusal.failure(what))?;
                owners.extend(rows.iter().filter_map(|row| {
                    let held = json_cell(row, field);
                    Some((row_id(row)?, eighteen(&held).unwrap_or(held)))
                }));
            }
        }
        Ok(owners)
    }

    /// What became of a row, from whom it names now. `ours` says whether we may have written it already.
    pub(super) fn seen(&self, row: &Row, owner: Option<&String>, ours: bool) -> Option<Settled> {
        match owner {
            None => Some(Settled::Gone("deleted, or hidden from the integration user".to_owned())),
            Some(owner) if *owner == row.from => None,
            Some(owner) if *owner == row.to && ours => Some(Settled::Moved),
            Some(owner) if *owner == row.to && self.back => Some(Settled::Kept("it is back already".to_owned())),
            Some(owner) if owner.is_empty() => Some(Settled::Gone("somebody else emptied the field".to_owned())),
            Some(owner) => Some(Settled::Gone(format!("somebody else gave it to {owner}"))),
        }
    }

    /// Ends a pass: what is to be tried again becomes the next one, or the page is through.
    pub(super) async fn end_pass(
        &self,
        state: &mut State,
        mut work: Work,
        rows: &[Row],
        pause: Duration,
    ) -> Result<Step, Failure> {
        let (object, field) = Self::about(state, &work);
        if work.again.is_empty() && work.onward.is_empty() {
            return Box::pin(self.end_page(state, work, &object, &field)).await;
        }
        let pick = |places: &[u32]| -> Vec<Row> {
            places
                .iter()
                .filter_map(|place| rows.get(usize::try_from(*place).ok()?).cloned())
                .collect()
        };
        let mut next = pick(&work.again);
        for mut row in pick(&work.onward) {
            if let Some(target) = self.next_target(&object, &field, &row.to) {
                target.clone_into(&mut row.to);
            }
            next.push(row);
        }
        sort(&mut next);
        let locked = !work.again.is_empty();
        let pass = work.pass.saturating_add(1);
        self.store_rows(&object, &mut work, pass, &next).await?;
        work.job = None;
        self.save(
            &format!("{object}: {} rows to try again", next.len()),
            state,
            Some(&work),
        )
        .await?;
        state.queue.insert(0, work);
        Ok(if locked {
            Step::Wait(pause, format!("{} locked records of {object}", next.len()))
        } else {
            Step::On
        })
    }

    /// Ends a page: the teams of its records are put back, and the next page comes, or the next piece of work.
    async fn end_page(&self, state: &mut State, mut work: Work, object: &str, field: &str) -> Result<Step, Failure> {
        if work.teams.is_some() {
            if let Some(stop) = self.stopped().await? {
                state.queue.insert(0, work);
                return Ok(stop);
            }
            self.put_teams_back(state, &work, object).await?;
        }
        work.file = None;
        work.teams = None;
        work.job = None;
        let goes_on = work.source.as_ref().is_some_and(|source| !source.ended);
        let through = format!("{object}.{field}: page {} is through", work.number);
        if goes_on {
            self.save(&through, state, Some(&work)).await?;
            state.queue.insert(0, work);
        } else {
            self.save(&through, state, None).await?;
        }
        Ok(Step::On)
    }

    /// Whether an owner change takes the teams of this object apart.
    pub(super) fn has_team(&self, object: &str, field: &str) -> bool {
        field == "OwnerId" && self.plan.teams.contains_key(object) && TEAMS.iter().any(|(one, _, _)| *one == object)
    }
}

/// By parent, so that one batch does not fight another for the same one.
pub(super) fn sort(rows: &mut [Row]) {
    rows.sort_by(|one, two| (&one.parent, &one.id).cmp(&(&two.parent, &two.id)));
}
