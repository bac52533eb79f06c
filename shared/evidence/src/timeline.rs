//! The story of a run, as text for people: the end of the demo, and `explain`.
//!
//! Pure, and nothing is invented: every line stands for something in the run, its journal or its events, and what is not
//! known is left out. Unlike a receipt it names people, so it goes to the operator's terminal only.

pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use rollcall_model::ledger::StoredEvent;
use rollcall_model::plan::CUT;
use rollcall_model::{ChangeKey, ChangeRecord, ConnectionId, Entry, EntryKind, Run, RunState, TellMoment};
use serde_json::Value;

use words::{Ink, Paint, clean, column, duration, mark, moment, short, time_of_day};

/// Columns of the longest bar.
const BAR: usize = 24;

/// A run with what is known of it. `Display` writes the story, with a final line break.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its journal, all sequences; may be empty.
    pub journal: &'a [Entry],
    /// The events that asked for it; may be empty.
    pub events: &'a [StoredEvent],
    /// Whether to use ANSI colours.
    pub colour: bool,
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paint = Paint(self.colour);
        self.head(out, paint)?;
        self.cut(out, paint)?;
        self.done(out, paint)?;
        self.told(out, paint)?;
        self.way(out, paint)?;
        self.proof(out, paint)
    }
}

impl Timeline<'_> {
    fn head(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let run = self.run;
        let address = run.person.email.as_deref().unwrap_or(&run.person.login);
        let title = format!("{}: {} <{}>", run.plan.goal, clean(&run.person.display), clean(address));
        writeln!(out, "{}", paint.dye(Ink::Bold, &title))?;
        field(out, "playbook", &clean(&run.plan.playbook))?;
        let state = match &run.state {
            RunState::Waiting { until, why } => {
                format!("Waiting until {}: {}", moment(*until), clean(why))
            }
            RunState::Held { review } => format!("Held for review {}", clean(review.as_str())),
            state => state.why().map_or_else(
                || state.name().to_owned(),
                |why| format!("{}: {}", state.name(), clean(why)),
            ),
        };
        let ink = match run.state {
            RunState::Done => Ink::Green,
            RunState::Incomplete { .. } | RunState::Refused { .. } => Ink::Red,
            _ => Ink::Yellow,
        };
        field(out, "state", &paint.dye(ink, &state))?;
        if self.events.is_empty() {
            if !run.cause.kind.is_empty() {
                let cause = cause(&run.cause.kind, &run.cause.vendor_type, &run.cause.source);
                field(out, "because of", &cause)?;
            }
        } else {
            for stored in self.events {
                let event = &stored.event;
                let cause = cause(event.kind.as_str(), &event.vendor_type, event.source.as_str());
                field(out, "because of", &format!("{cause}, {}", moment(event.occurred_at)))?;
            }
        }
        let late = run.received_at.as_millisecond() - run.event_at.as_millisecond();
        field(out, "happened", &moment(run.event_at))?;
        // The two clocks are not ours alone, so the second moment can come out before the first.
        let late = if late < 0 {
            format!("{} earlier", duration(-late))
        } else {
            format!("{} later", duration(late))
        };
        field(out, "received", &format!("{}, {late}", moment(run.received_at)))?;
        if let Some(ended) = run.ended_at {
            field(out, "ended", &moment(ended))?;
        }
        field(out, "run", &clean(run.id.as_str()))
    }

    fn cut(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let run = self.run;
        let cut = run.time_to_cut_ms();
        let mut wanted: BTreeSet<&ConnectionId> = cut.keys().collect();
        for stage in run.plan.stages.iter().filter(|stage| stage.name == CUT) {
            wanted.extend(stage.steps.iter().flat_map(|step| &step.connections));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        heading(out, paint, "Time to cut, from the door")?;
        let longest = cut.values().copied().max().unwrap_or(0);
        let width = wanted
            .iter()
            .map(|name| name.as_str().chars().count())
            .max()
            .unwrap_or(0);
        for connection in &wanted {
            let name = column(&clean(connection.as_str()), width);
            match cut.get(*connection) {
                Some(ms) => {
                    let (full, rest) = bar(*ms, longest);
                    writeln!(
                        out,
                        "  {name}  {}{}  {:>9}",
                        paint.dye(Ink::Green, &full),
                        paint.dye(Ink::Dim, &rest),
                        duration(*ms)
                    )?;
                }
                None if run.state.is_final() => {
                    writeln!(out, "  {name}  {}", paint.dye(Ink::Red, "no cut recorded"))?;
                }
                None => writeln!(out, "  {name}  {}", paint.dye(Ink::Yellow, "not cut yet"))?,
            }
        }
        if cut.len() == wanted.len() {
            let late = run.received_at.as_millisecond() - run.event_at.as_millisecond();
            writeln!(
                out,
                "  {}  everywhere after {}; {} from the event's own time",
                column("", width),
                duration(longest),
                duration(longest + late)
            )?;
        }
        Ok(())
    }

    fn done(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let run = self.run;
        let records: Vec<&ChangeRecord> = run.changes.iter().filter(|record| !is_message(run, record)).collect();
        if run.plan.stages.is_empty() && records.is_empty() {
            return Ok(());
        }
        heading(out, paint, "What was done")?;
        let tries = self.tries();
        let widths = Widths::of(&records);
        for (index, stage) in run.plan.stages.iter().enumerate() {
            let of_stage: Vec<&ChangeRecord> = records
                .iter()
                .copied()
                .filter(|record| record.change.stage == stage.name)
                .collect();
            let name = clean(&stage.name);
            let hash = run.stage_hashes.get(&stage.name);
            let plan = hash.map_or_else(String::new, |hash| format!("  plan {}", short(hash.as_str())));
            let remark = if !of_stage.is_empty() {
                plan
            } else if hash.is_some() {
                format!("{plan}: nothing to do")
            } else if run.state.is_final() {
                ": not run".to_owned()
            } else if index == run.stage {
                format!(": due {}", moment(run.stage_due_at))
            } else {
                ": not begun".to_owned()
            };
            writeln!(out, "  {name}{}", paint.dye(Ink::Dim, &remark))?;
            for connection in in_order(&of_stage) {
                writeln!(out, "    {}", clean(connection.as_str()))?;
                for record in of_stage.iter().filter(|record| record.change.connection == *connection) {
                    let tries = tries.get(&record.change.key()).copied().unwrap_or(0);
                    writeln!(out, "      {}", widths.line(record, tries, paint))?;
                }
            }
        }
        Ok(())
    }

    fn told(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let run = self.run;
        let messages: Vec<&ChangeRecord> = run.changes.iter().filter(|record| is_message(run, record)).collect();
        if messages.is_empty() {
            return Ok(());
        }
        heading(out, paint, "Who was told")?;
        let whom = |record: &ChangeRecord| {
            ["channel", "email", "to"]
                .iter()
                .find_map(|name| record.change.with.get(*name)?.as_str())
                .map_or_else(|| "-".to_owned(), clean)
        };
        let width = messages
            .iter()
            .map(|record| whom(record).chars().count())
            .max()
            .unwrap_or(0);
        for record in messages {
            let outcome = &record.outcome;
            let (sign, ink) = mark(outcome);
            let when = moment_of(&record.change.step);
            let reason = outcome
                .reason()
                .map_or_else(String::new, |why| format!(": {}", clean(why)));
            writeln!(
                out,
                "  {} {}  {}  by {}, {}{reason}",
                paint.dye(ink, sign),
                column(when, 6),
                column(&whom(record), width),
                clean(record.change.connection.as_str()),
                outcome.name()
            )?;
        }
        Ok(())
    }

    fn way(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let mut lines: Vec<(Timestamp, String)> = self
            .journal
            .iter()
            .filter(|entry| entry.public.kind == EntryKind::Decision)
            .map(|entry| {
                (
                    entry.public.at,
                    entry.public.what.split(' ').map(short).collect::<Vec<_>>().join(" "),
                )
            })
            .chain(self.run.notes.iter().map(|note| (note.at, note.text.clone())))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        lines.sort_by_key(|(at, _)| *at);
        heading(out, paint, "Along the way")?;
        for (at, text) in lines {
            let at = time_of_day(at, self.run.received_at);
            writeln!(out, "  {}  {}", paint.dye(Ink::Dim, &at), clean(&text))?;
        }
        Ok(())
    }

    fn proof(&self, out: &mut fmt::Formatter<'_>, paint: Paint) -> fmt::Result {
        let mut lengths: BTreeMap<&ConnectionId, usize> = BTreeMap::new();
        for entry in self.journal {
            *lengths.entry(&entry.connection).or_default() += 1;
        }
        if lengths.is_empty() && self.run.receipt.is_none() {
            return Ok(());
        }
        heading(out, paint, "Proof")?;
        if !lengths.is_empty() {
            let counts: Vec<String> = lengths
                .iter()
                .map(|(connection, count)| format!("{} {count}", clean(connection.as_str())))
                .collect();
            field(
                out,
                "journal",
                &format!("{} entries ({})", self.journal.len(), counts.join(", ")),
            )?;
        }
        match &self.run.receipt {
            Some(name) => field(out, "receipt", &clean(name)),
            None => Ok(()),
        }
    }

    /// How often each change was tried, by the journal.
    fn tries(&self) -> BTreeMap<ChangeKey, usize> {
        let mut tries = BTreeMap::new();
        for entry in self
            .journal
            .iter()
            .filter(|entry| entry.public.kind == EntryKind::Intent)
        {
            if let Some(change) = &entry.change {
                *tries.entry(change.clone()).or_default() += 1;
            }
        }
        tries
    }
}

/// Column widths over all lines of a section, so that it reads as one table.
struct Widths {
    step: usize,
    action: usize,
    outcome: usize,
}

impl Widths {
    fn of(records: &[&ChangeRecord]) -> Self {
        let widest = |text: fn(&ChangeRecord) -> &str| {
            records
                .iter()
                .map(|record| text(record).chars().count())
                .max()
                .unwrap_or(0)
        };
        Self {
            step: widest(|record| &record.change.step),
            action: widest(|record| &record.change.action),
            outcome: widest(|record| record.outcome.name()),
        }
    }

    fn line(&self, record: &ChangeRecord, tries: usize, paint: Paint) -> String {
        let outcome = &record.outcome;
        let (sign, ink) = mark(outcome);
        let took = record.ended_at.as_millisecond() - record.started_at.as_millisecond();
        let tries = if tries > 1 {
            format!("  {tries} tries")
        } else {
            String::new()
        };
        let reason = outcome
            .reason()
            .map_or_else(String::new, |why| format!("  {}", clean(why)));
        let left = left_open(record).map_or_else(String::new, |left| format!("  {}", clean(&left)));
        format!(
            "{} {}  {}  {}  {:>9}{tries}{reason}{left}",
            paint.dye(ink, sign),
            column(&clean(&record.change.step), self.step),
            column(&clean(&record.change.action), self.action),
            column(outcome.name(), self.outcome),
            duration(took)
        )
    }
}

/// The applications in which a sign-out leaves sessions, by the vendor's answer.
fn left_open(record: &ChangeRecord) -> Option<String> {
    match record.reference.get("open_app_sessions")? {
        Value::Array(apps) if apps.is_empty() => None,
        Value::Array(apps) => {
            let names: Vec<&str> = apps.iter().filter_map(Value::as_str).collect();
            let all = record.reference.get("apps").and_then(Value::as_u64).unwrap_or(0);
            let more = all.saturating_sub(names.len() as u64);
            let more = if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            };
            Some(format!("sessions may live on in {}{more}", names.join(", ")))
        }
        other => Some(format!("sessions inside apps: {}", other.as_str().unwrap_or("unknown"))),
    }
}

fn heading(out: &mut fmt::Formatter<'_>, paint: Paint, text: &str) -> fmt::Result {
    writeln!(out, "\n{}", paint.dye(Ink::Bold, text))
}

fn field(out: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(out, "  {}  {text}", column(name, 10))
}

fn cause(kind: &str, vendor_type: &str, source: &str) -> String {
    format!("{} from {} ({})", clean(kind), clean(source), clean(vendor_type))
}

/// The filled and the empty part of a bar. What took any time at all shows.
fn bar(ms: i64, longest: i64) -> (String, String) {
    let share = |ms: i64| usize::try_from(ms.max(0)).unwrap_or(0);
    let full = (share(ms) * BAR)
        .div_ceil(share(longest).max(1))
        .clamp(usize::from(ms > 0), BAR);
    ("█".repeat(full), "░".repeat(BAR - full))
}

/// A message stands in no stage of the plan and acts on no account.
pub(crate) fn is_message(run: &Run, record: &ChangeRecord) -> bool {
    record.change.account.is_none() && run.plan.stages.iter().all(|stage| stage.name != record.change.stage)
}

/// The moment that a message's step names (`cut-1` → `cut`); the step itself when it names none.
pub(crate) fn moment_of(step: &str) -> &str {
    [TellMoment::Cut, TellMoment::Done, TellMoment::Held, TellMoment::Failed]
        .into_iter()
        .map(TellMoment::as_str)
        .find(|name| step.split('-').next() == Some(name))
        .unwrap_or(step)
}

pub(crate) fn in_order<'a>(records: &[&'a ChangeRecord]) -> Vec<&'a ConnectionId> {
    let mut connections: Vec<&ConnectionId> = Vec::new();
    for record in records {
        if !connections.contains(&&record.change.connection) {
            connections.push(&record.change.connection);
        }
    }
    connections
}

#[cfg(test)]
mod tests;
