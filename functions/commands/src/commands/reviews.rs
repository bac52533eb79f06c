//! `rollcall reviews`: what waits for a decision, and deciding it.

use std::time::Duration;

use rollcall_engine::{Approver, EngineError, review_statement};
use rollcall_evidence::approval;
use rollcall_model::{Decision, Review, ReviewAbout, ReviewId, ReviewState, Run};
use rollcall_policy::configuration::Role;
use serde_json::{Value, json};

use super::plan;
use crate::Exit;
use crate::Place;
use crate::cli::{DecideOptions, ReviewCommand, ReviewOptions, ReviewsOptions};
use crate::local::Store;
use crate::operator::Me;
use crate::out::{Out, moment, plain, short};

/// More reviews than a person looks through at once; the rest shows when these are decided.
const MOST: usize = 200;
const LEASE: Duration = Duration::from_mins(1);

pub(crate) async fn run(options: &ReviewsOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    match &options.command {
        Some(ReviewCommand::Show(which)) => show(which, options, place, out).await,
        Some(ReviewCommand::Approve(which)) => decide(which, true, options, place, out).await,
        Some(ReviewCommand::Refuse(which)) => decide(which, false, options, place, out).await,
        Some(ReviewCommand::List) | None => list(options, place, out).await,
    }
}

/// Who decides, from who runs this process.
pub(super) fn approver(me: &Me) -> Approver {
    Approver {
        account: me.name.clone(),
        login: me.login.clone(),
        role: me.may(Role::Approver),
    }
}

/// A refusal is an answer for people, without the engine's own words around it.
pub(super) fn said<T>(result: Result<T, EngineError>) -> anyhow::Result<T> {
    match result {
        Err(EngineError::Refused(why)) => anyhow::bail!("{why}"),
        other => Ok(other?),
    }
}

/// A review with its run as somebody may see it.
struct Seen {
    review: Review,
    run: Option<Run>,
    /// The run's id stands for the person.
    veiled: bool,
}

impl Seen {
    async fn of(review: Review, store: &Store, me: &Me) -> anyhow::Result<Self> {
        let run = store.ledger.run(&review.run).await?;
        let quiet = run.as_ref().is_some_and(|run| run.plan.quiet);
        Ok(Self {
            review,
            run,
            veiled: quiet && !me.may(Role::Confidential),
        })
    }

    fn who(&self) -> String {
        match &self.run {
            Some(run) if !self.veiled => plain(&run.person.login),
            _ => self.review.run.to_string(),
        }
    }

    /// A text without the names of a person who must not be known.
    fn veil(&self, text: &str) -> String {
        let mut text = plain(text);
        if let (true, Some(run)) = (self.veiled, &self.run) {
            let person = &run.person;
            let names = [Some(&person.display), Some(&person.login), person.email.as_ref()];
            for name in names.into_iter().flatten().filter(|name| !name.is_empty()) {
                text = text.replace(name.as_str(), run.id.as_str());
            }
            for account in accounts(run) {
                text = text.replace(&account, "…");
            }
        }
        text
    }

    fn asks(&self) -> String {
        match &self.review.about {
            ReviewAbout::Stage => format!("may {} be carried out?", self.review.stage),
            ReviewAbout::Account(account) => self.veil(&format!("is {account} this person's?")),
            ReviewAbout::Change(change) => self.veil(&format!("may {change} be made?")),
        }
    }

    fn state(&self) -> String {
        match &self.review.state {
            ReviewState::Open => "open".to_owned(),
            ReviewState::Approved { by, at, .. } => format!("approved by {} at {}", plain(by), moment(*at)),
            ReviewState::Refused { by, at, .. } => format!("refused by {} at {}", plain(by), moment(*at)),
        }
    }

    fn document(&self) -> Value {
        let review = &self.review;
        let name = match &review.state {
            ReviewState::Open => "open",
            ReviewState::Approved { .. } => "approved",
            ReviewState::Refused { .. } => "refused",
        };
        json!({
            "id": review.id,
            "run": review.run,
            "person": self.who(),
            "stage": review.stage,
            "asks": self.asks(),
            "plan_hash": review.plan_hash,
            "reasons": review.reasons.iter().map(|why| self.veil(why)).collect::<Vec<_>>(),
            "opened_at": review.opened_at,
            "expires_at": review.expires_at,
            "state": name,
            "decided": match &review.state {
                ReviewState::Open => Value::Null,
                ReviewState::Approved { by, at, .. } | ReviewState::Refused { by, at, .. } => json!({"by": by, "at": at}),
            },
        })
    }
}

/// The vendor ids of everything that a run's plans name.
fn accounts(run: &Run) -> Vec<String> {
    let mut ids: Vec<String> = run
        .stage_plan
        .iter()
        .flat_map(|plan| &plan.items)
        .filter_map(|item| item.change.account.as_ref())
        .map(|account| account.id.clone())
        .chain([run.person.account.id.clone()])
        .filter(|id| !id.is_empty())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

async fn list(options: &ReviewsOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.places.data())?;
    let me = place.me(&place.configuration(&options.places.config())?)?;
    let now = store.clock.now();
    let mut waiting = Vec::new();
    for review in store.ledger.reviews(true, MOST).await? {
        if review.expires_at <= now {
            continue;
        }
        let seen = Seen::of(review, &store, &me).await?;
        // A plan that moved leaves its question behind.
        let asked = seen.run.as_ref().is_some_and(|run| {
            !run.state.is_final()
                && match &run.state {
                    rollcall_model::RunState::Held { review } if seen.review.about == ReviewAbout::Stage => {
                        *review == seen.review.id
                    }
                    _ => true,
                }
        });
        if asked {
            waiting.push(seen);
        }
    }
    waiting.reverse();
    let rows: Vec<Vec<String>> = waiting
        .iter()
        .map(|seen| {
            vec![
                seen.review.id.to_string(),
                seen.who(),
                seen.asks(),
                moment(seen.review.opened_at),
                moment(seen.review.expires_at),
            ]
        })
        .collect();
    if rows.is_empty() {
        out.line("Nothing waits for a decision.");
    } else {
        out.table(&["review", "person", "question", "since", "until"], &rows);
        out.line("\n`rollcall reviews show REVIEW` tells why, and what would be done.");
    }
    out.document(&json!({"reviews": waiting.iter().map(Seen::document).collect::<Vec<_>>()}))?;
    Ok(Exit::SUCCESS)
}

async fn show(which: &ReviewOptions, options: &ReviewsOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.places.data())?;
    let me = place.me(&place.configuration(&options.places.config())?)?;
    let Some(review) = store.ledger.review(&ReviewId::new(&which.id)).await? else {
        anyhow::bail!(
            "there is no review {}: `rollcall reviews` lists those that wait",
            plain(&which.id)
        );
    };
    let seen = Seen::of(review, &store, &me).await?;
    let review = &seen.review;
    out.title(&format!("{}: {}", seen.who(), seen.asks()));
    out.line(format!("  run      {}", review.run));
    out.line(format!("  opened   {}", moment(review.opened_at)));
    out.line(format!("  until    {}", moment(review.expires_at)));
    out.line(format!("  state    {}", seen.state()));
    if let Some(by) = &review.asked_by {
        out.line(format!("  asked by {}, who does not decide about it", plain(by)));
    }
    out.title("\nWhy");
    for why in &review.reasons {
        out.line(format!("  {}", seen.veil(why)));
    }
    let lines = seen.run.as_ref().and_then(|run| planned(run, review));
    match &lines {
        Some(lines) => {
            out.title(&format!("\nWhat {} would do", review.stage));
            for line in lines {
                out.line(seen.veil(line));
            }
        }
        None => out.line("\nThe run asks about another plan by now."),
    }
    if review.state == ReviewState::Open && lines.is_some() {
        let hash = short(review.plan_hash.as_str());
        out.line(format!("\n  hash  {}", review.plan_hash));
        out.line(format!("  next  rollcall reviews approve {} {hash}", review.id));
        out.line(format!("        rollcall reviews refuse {} {hash}", review.id));
    }
    let mut document = seen.document();
    if let Some(members) = document.as_object_mut() {
        let plan = lines.map(|lines| lines.iter().map(|line| seen.veil(line.trim())).collect::<Vec<_>>());
        members.insert("plan".to_owned(), json!(plan));
    }
    out.document(&document)?;
    Ok(Exit::SUCCESS)
}

/// What the plan that the review is about would do, a line for each change.
fn planned(run: &Run, review: &Review) -> Option<Vec<String>> {
    let plan = run.stage_plan.as_ref()?;
    if review.about == ReviewAbout::Stage && plan.hash().ok()? != review.plan_hash {
        return None;
    }
    Some(plan::lines(&plan.items))
}

async fn decide(
    which: &DecideOptions,
    approve: bool,
    options: &ReviewsOptions,
    place: &Place,
    out: &Out,
) -> anyhow::Result<Exit> {
    let store = place.existing(&options.places.data())?;
    let configuration = place.configuration(&options.places.config())?;
    let me = place.me(&configuration)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    let id = ReviewId::new(&which.id);
    let (decision, now) = (
        if approve { Decision::Approved } else { Decision::Refused },
        store.clock.now(),
    );
    let signed = if let Some(signed) = place.approval()? {
        anyhow::ensure!(
            signed.statement.decision == decision,
            "the signed statement decides otherwise than the command says"
        );
        signed.clone()
    } else {
        let ledger = store.ledger.as_ref();
        let statement = said(review_statement(ledger, &id, &which.hash, decision, me.recorded(), now).await)?;
        approval::sign(statement, &store.approval_key()?).await?
    };
    let review = said(machine.engine.decide_review(&id, &signed, &approver(&me)).await)?;
    let seen = Seen::of(review, &store, &me).await?;
    let done = if approve { "Approved" } else { "Refused" };
    out.title(&format!("{done}, as {}: {}", plain(me.recorded()), seen.asks()));
    out.line(if approve {
        "The run is woken; it is planned again, and carried out if it is still the same plan."
    } else {
        "The run is woken and ends as refused, unless the question was about one part of it."
    });
    out.line(format!("`rollcall explain {}` tells how it goes on.", seen.review.run));
    out.document(&seen.document())?;
    Ok(Exit::SUCCESS)
}
