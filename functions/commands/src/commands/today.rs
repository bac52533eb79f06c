//! `rollcall today`: what somebody on call wants to know in the morning, from the ledger and the queues alone.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rollcall_engine::{AgreedLeave, Expectation, expectations, leaves};
use rollcall_model::ledger::{Document, documents};
use rollcall_model::{Lane, Review, Run, RunState, Timestamp};
use rollcall_runtime::codes;
use serde_json::{Value, json};

use crate::cli::TodayOptions;
use crate::local::Store;
use crate::out::{moment, plain};
use crate::{Exit, Out, Place};

/// The most runs, reviews and findings that are looked at; more than that is no morning for one screen, and it is said.
const MOST: usize = 2_000;
/// Lines of one part that a person reads; the rest is counted.
const SHOWN: usize = 10;

/// Everything that is told.
struct Today {
    from: Timestamp,
    now: Timestamp,
    until: Timestamp,
    /// Runs that began or ended since `from`, or have not ended.
    runs: Vec<Run>,
    /// More runs than were looked at.
    more: bool,
    reviews: Vec<Review>,
    findings: Vec<Document>,
    leaves: Vec<AgreedLeave>,
    expected: Vec<Expectation>,
    letters: BTreeMap<String, usize>,
    stops: Vec<Document>,
    /// Whether the reader may know who quiet runs are about.
    sees: bool,
}

/// One thing to do.
struct Task {
    what: String,
    since: Timestamp,
    next: String,
}

pub(crate) async fn run(options: &TodayOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let today = Today::read(options.hours, place.sees_quiet(&options.config), &store).await?;
    today.show(out);
    out.document(&today.document())?;
    Ok(Exit::SUCCESS)
}

impl Today {
    async fn read(hours: u32, sees: bool, store: &Store) -> anyhow::Result<Self> {
        let ledger = store.ledger.as_ref();
        let now = store.clock.now();
        let span = SignedDuration::from_hours(hours.into());
        let (from, until) = (
            now.checked_sub(span).unwrap_or(Timestamp::MIN),
            now.checked_add(span).unwrap_or(Timestamp::MAX),
        );
        let listed = ledger.runs(None, MOST).await?;
        let more = listed.len() == MOST;
        let runs = listed
            .into_iter()
            .filter(|run| !run.state.is_final() || run.opened_at >= from || run.ended_at.is_some_and(|at| at >= from))
            .collect();
        let mut reviews = ledger.reviews(true, MOST).await?;
        reviews.sort_by_key(|review| review.opened_at);
        let mut findings = ledger.documents(documents::FINDING, MOST).await?;
        findings.retain(|finding| when(&finding.body).is_some_and(|at| at >= from));
        findings.sort_by_key(|finding| when(&finding.body));
        let mut due = leaves(ledger).await?;
        due.retain(|leave| leave.at <= until);
        let mut expected = expectations(ledger, None).await?;
        expected.retain(|one| one.window.from <= until && one.window.to > now);
        let mut letters = BTreeMap::from([(
            "ledger".to_owned(),
            ledger.documents(documents::DEAD, MOST).await?.len(),
        )]);
        for lane in Lane::ALL {
            letters.insert(format!("queue {lane}"), store.queue.dead(lane, MOST).await?.len());
        }
        Ok(Self {
            from,
            now,
            until,
            runs,
            more,
            reviews,
            findings,
            leaves: due,
            expected,
            letters,
            stops: ledger.documents(documents::PAUSE, 200).await?,
            sees,
        })
    }

    /// The person of a run, for who may know.
    fn who(&self, run: &Run) -> String {
        if run.plan.quiet && !self.sees {
            run.id.to_string()
        } else {
            plain(&run.person.login)
        }
    }

    /// How many runs stand how.
    fn outcomes(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for run in &self.runs {
            *counts.entry(run.state.name()).or_default() += 1;
        }
        counts
    }

    /// Each cut since then, with its slowest connection, slowest first.
    fn cuts(&self) -> Vec<(&Run, String, i64)> {
        let mut cuts: Vec<(&Run, String, i64)> = self
            .runs
            .iter()
            .filter(|run| run.cut_at.values().any(|at| *at >= self.from))
            .filter_map(|run| {
                let times = run.time_to_cut_ms();
                let (connection, ms) = times.into_iter().max_by_key(|(_, ms)| *ms)?;
                Some((run, connection.to_string(), ms))
            })
            .collect();
        cuts.sort_by_key(|(_, _, ms)| std::cmp::Reverse(*ms));
        cuts
    }

    /// What waits for a person.
    fn waiting(&self) -> Vec<Task> {
        self.reviews
            .iter()
            .map(|review| {
                let run = self.runs.iter().find(|run| run.id == review.run);
                let held = if review.stage == "cut" { "a held cut" } else { "review" };
                Task {
                    what: format!(
                        "{held}: {} of {}, until {}",
                        plain(&review.stage),
                        run.map_or_else(|| review.run.to_string(), |run| self.who(run)),
                        moment(review.expires_at)
                    ),
                    since: review.opened_at,
                    next: format!("rollcall reviews show {}", review.id),
                }
            })
            .collect()
    }

    /// What failed, with the command that comes next.
    fn failed(&self) -> Vec<Task> {
        let mut all: Vec<Task> = self
            .runs
            .iter()
            .filter_map(|run| {
                let (RunState::Incomplete { why } | RunState::Refused { why }) = &run.state else {
                    return None;
                };
                let hidden = run.plan.quiet && !self.sees;
                let why = if hidden { "(quiet)".to_owned() } else { plain(why) };
                Some(Task {
                    what: format!("{} {} of {}: {why}", run.plan.goal, run.state.name(), self.who(run)),
                    since: run.ended_at.unwrap_or(run.opened_at),
                    next: format!("rollcall explain {}", run.id),
                })
            })
            .collect();
        all.sort_by_key(|task| std::cmp::Reverse(task.since));
        all
    }

    /// Findings with a code, or without it.
    fn found(&self, returned: bool) -> Vec<Task> {
        let mut all: Vec<Task> = self
            .findings
            .iter()
            .filter(|finding| is_returned(&finding.body) == returned)
            .map(|finding| Task {
                what: format!("{} {}", code(&finding.body), plain(why(&finding.body))),
                since: when(&finding.body).unwrap_or(self.now),
                next: match finding.id.split('/').find(|part| part.starts_with("run_")) {
                    Some(run) => format!("rollcall explain {run}"),
                    None => format!("docs/errors/{}.md", code(&finding.body)),
                },
            })
            .collect();
        all.reverse();
        all
    }

    fn letters(&self) -> usize {
        self.letters.values().sum()
    }

    fn show(&self, out: &Out) {
        out.title(&format!("Since {}", moment(self.from)));
        let outcomes: Vec<String> = self
            .outcomes()
            .into_iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        out.line(format!(
            "  runs     {}{}",
            if outcomes.is_empty() {
                "none".to_owned()
            } else {
                outcomes.join(", ")
            },
            if self.more { " (of the latest 2,000)" } else { "" }
        ));
        let cuts = self.cuts();
        match cuts.first() {
            None => out.line("  cuts     none"),
            Some((run, connection, ms)) => out.line(format!(
                "  cuts     {}; the slowest after {ms} ms, {connection} of {} ({})",
                cuts.len(),
                self.who(run),
                run.id
            )),
        }
        self.part(out, "Access that returned", &self.found(true));
        self.part(out, "Waits for a person", &self.waiting());
        self.part(out, "Failed or incomplete", &self.failed());
        self.part(out, "Found", &self.found(false));
        if !self.leaves.is_empty() || !self.expected.is_empty() {
            out.title(&format!("\nDue until {}", moment(self.until)));
            for leave in self.leaves.iter().take(SHOWN) {
                let open = self.sees || !leave.quiet;
                let who = match &leave.display {
                    Some(display) if open => plain(display),
                    _ => "(quiet)".to_owned(),
                };
                let at = if open { moment(leave.at) } else { "(quiet)".to_owned() };
                out.line(format!("  {at}  {} leaves ({who})", plain(&leave.id)));
            }
            rest(out, self.leaves.len());
            for one in self.expected.iter().take(SHOWN) {
                out.line(format!(
                    "  {}  {} announced leavers until {}; who has agreed: rollcall expect show {}",
                    moment(one.window.from),
                    one.people,
                    moment(one.window.to),
                    one.id
                ));
            }
            rest(out, self.expected.len());
        }
        if !self.stops.is_empty() {
            out.title("\nPaused");
            for stop in &self.stops {
                let cuts = stop.body.get("cut").and_then(Value::as_bool).unwrap_or(false);
                out.line(format!(
                    "  {} ({}){}  rollcall resume {}",
                    plain(&stop.id),
                    if cuts { "cuts included" } else { "cuts go on" },
                    when(&stop.body).map_or_else(String::new, |at| format!(" since {}", moment(at))),
                    plain(&stop.id)
                ));
            }
        }
        if self.letters() > 0 {
            out.title("\nDead letters");
            for (place, count) in self.letters.iter().filter(|(_, count)| **count > 0) {
                out.line(format!("  {count} in {place}  rollcall redrive --list"));
            }
        }
        if self.is_quiet() {
            out.line("\nNothing waits for you.");
        }
    }

    /// Whether there is nothing that a person must do.
    fn is_quiet(&self) -> bool {
        self.reviews.is_empty()
            && self.failed().is_empty()
            && self.findings.is_empty()
            && self.stops.is_empty()
            && self.letters() == 0
    }

    fn part(&self, out: &Out, title: &str, tasks: &[Task]) {
        if tasks.is_empty() {
            return;
        }
        out.title(&format!("\n{title}"));
        for task in tasks.iter().take(SHOWN) {
            out.line(format!("  {:>7}  {}", age(task.since, self.now), task.what));
            out.line(format!("           {}", task.next));
        }
        rest(out, tasks.len());
    }

    fn document(&self) -> Value {
        let tasks = |tasks: Vec<Task>| -> Vec<Value> {
            tasks
                .into_iter()
                .map(|task| {
                    let seconds = (self.now.as_second() - task.since.as_second()).max(0);
                    json!({"what": task.what, "since": task.since, "age_seconds": seconds, "next": task.next})
                })
                .collect()
        };
        let cuts: Vec<Value> = self
            .cuts()
            .into_iter()
            .map(|(run, _, _)| json!({"run": run.id, "person": self.who(run), "time_to_cut_ms": run.time_to_cut_ms()}))
            .collect();
        let leaves: Vec<Value> = self
            .leaves
            .iter()
            .map(|leave| {
                if self.sees || !leave.quiet {
                    json!({"id": leave.id, "at": leave.at, "display": leave.display, "quiet": leave.quiet})
                } else {
                    json!({"id": leave.id, "quiet": true})
                }
            })
            .collect();
        json!({
            "from": self.from, "until": self.until, "runs": self.outcomes(), "more_runs": self.more, "cuts": cuts,
            "returned": tasks(self.found(true)), "waiting": tasks(self.waiting()), "failed": tasks(self.failed()),
            "found": tasks(self.found(false)), "leaves": leaves, "expected": self.expected.iter().map(|one| json!({"id": one.id, "window": one.window, "people": one.people, "requested_by": one.requested_by})).collect::<Vec<_>>(),
            "paused": self.stops.iter().map(|stop| json!({"what": stop.id, "stop": stop.body})).collect::<Vec<_>>(),
            "dead_letters": self.letters,
        })
    }
}

fn rest(out: &Out, all: usize) {
    if all > SHOWN {
        out.line(format!("  and {} more; --json has all", all - SHOWN));
    }
}

fn code(body: &Value) -> &str {
    body.get("code").and_then(Value::as_str).unwrap_or("-")
}

fn why(body: &Value) -> &str {
    body.get("why").and_then(Value::as_str).unwrap_or_default()
}

fn when(body: &Value) -> Option<Timestamp> {
    body.get("at")?.as_str()?.parse().ok()
}

/// Access that was cut and is there again, or a person who is.
fn is_returned(body: &Value) -> bool {
    [codes::ACCESS_RETURNED.id, codes::PERSON_RETURNED.id].contains(&code(body))
}

/// How long ago, in the largest unit that says enough.
fn age(since: Timestamp, now: Timestamp) -> String {
    let minutes = (now.as_second() - since.as_second()).max(0) / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
