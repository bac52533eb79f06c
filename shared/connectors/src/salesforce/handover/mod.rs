//! Handing over the records of a user who leaves, and taking them back.
//!
//! 1. **Plan.** One description of the user names every object and field that can hold one (`candidates`); descriptions are
//!    kept for a day (`describe`). Everybody who may get records is looked up once (`targets`).
//! 2. **Look.** One selection for each object gives counts and lists of work (`look`), longer lists come by query jobs (`pages`).
//! 3. **Write.** Up to 2,000 rows by Collections (`collections`), more by ingest jobs (`ingest`). What was locked is tried again in
//!    smaller chunks; what is refused is kept with Salesforce's reason (`verdict`). Teams are put back (`teams`).
//! 4. **Look again** until a look finds nothing new.
//!
//! `counted + arrived = moved + kept + refused + gone` holds for each object and field whenever the whole ends, because a record
//! gets its line of evidence and its place in the numbers in the same step. The machine goes on from what was saved last
//! (`state`) and from nothing else.

pub(super) mod actions;
mod back;
mod candidates;
mod collections;
mod describe;
mod end;
mod ingest;
mod lines;
mod look;
mod mover;
mod order;
mod pages;
mod state;
mod targets;
mod teams;
mod verdict;

use std::time::Duration;

use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Advance, Call, Change, Desk, Failure, Observation, State as Seen, Timestamp};
use serde_json::{Value, json};

use self::actions::{HAND_OVER, TAKE_BACK};
use self::candidates::Plan;
use self::mover::{Mover, Step};
use self::order::Order;
use self::state::State;
use super::client::Client;
use super::soql::{eighteen, same_record};
use super::states;
use crate::exchange;

/// How long one piece goes on before the engine gets to look at its lease.
const PIECE: Duration = Duration::from_secs(5);
/// And how many steps it has at most.
const STEPS: usize = 25;
/// Looks at everything: the first, and those that look for what came meanwhile.
const ROUNDS: u8 = 4;
/// Below this share of the day's calls, in per cent, a hand-over waits: it is never urgent.
const FLOOR: u64 = 10;
/// How long it waits. The day's calls come back over 24 hours.
const QUOTA_PAUSE: Duration = Duration::from_mins(15);

/// States behind several actions, those of records beside the others. These cost no call: what there is to hand over shows when
/// it is handed over.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    account: Option<&AccountRef>,
    actions: &[ActionUse],
) -> Result<Vec<Observation>, Failure> {
    let of_records = |asked: &ActionUse| [HAND_OVER, TAKE_BACK].contains(&asked.action.as_str());
    if !actions.iter().any(of_records) {
        return states::observe(client, call, account, actions).await;
    }
    let Some(target) = account.and_then(|account| eighteen(&account.id)) else {
        return Err(Failure::give_up(
            "this action needs a Salesforce user, and the account's id is none",
        ));
    };
    let ours = same_record(&client.access(call).await?.own_user, &target);
    let others: Vec<ActionUse> = actions.iter().filter(|asked| !of_records(asked)).cloned().collect();
    let mut seen = if others.is_empty() {
        Vec::new()
    } else {
        states::observe(client, call, account, &others).await?
    }
    .into_iter();
    let all = actions.iter().map(|asked| {
        if of_records(asked) {
            let value = if ours {
                json!({ "ours": true })
            } else {
                json!({ "handed-over": asked.action == TAKE_BACK })
            };
            Some(Observation::Known(Seen {
                value,
                evidence: Value::Null,
            }))
        } else {
            seen.next()
        }
    });
    all.collect::<Option<_>>()
        .ok_or_else(|| Failure::retry("reading the user: an answer is left out"))
}

/// Does a piece.
pub(super) async fn advance(
    client: &Client,
    change: &Change,
    saved: Option<&Value>,
    desk: &dyn Desk,
) -> Result<Advance, Failure> {
    let account = change.account.as_ref().and_then(|account| eighteen(&account.id));
    let Some(leaver) = account else {
        return Err(Failure::give_up(format!(
            "{} needs a Salesforce user, and the account's id is none",
            change.action
        )));
    };
    if same_record(&client.access(&desk.call()).await?.own_user, &leaver) {
        return Err(Failure::give_up(format!(
            "{}: refused, it is the integration's own user",
            change.action
        )));
    }
    let back = match change.action.as_str() {
        HAND_OVER => false,
        TAKE_BACK => true,
        other => {
            return Err(Failure::give_up(format!("{other} is no change that takes many calls")));
        }
    };
    let files = if back {
        back::evidence_of(&change.with).map_err(Failure::give_up)?
    } else {
        Vec::new()
    };
    let started = client.exchange.clock.now();
    let mut state = if let Some(saved) = saved {
        State::read(saved)?
    } else {
        if let Some(wait) = short_of_calls(client, desk).await? {
            return Ok(wait);
        }
        begin(client, desk, change, &leaver, back, started).await?
    };
    let plan: Plan = {
        let body = desk.fetch(&state.plan).await?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::needs_human(format!(
                "the plan of work {} is not as it was stored: {error}",
                state.plan
            ))
        })?
    };
    let mover = Mover {
        client,
        desk,
        plan: &plan,
        leaver: &leaver,
        back,
    };
    let mut unsaved = false;
    for _ in 0..STEPS {
        if mover.since(started) > PIECE {
            break;
        }
        let step = if state.queue.is_empty() {
            match search(&mover, &mut state, &files).await? {
                Search::Found => Step::On,
                Search::Nothing => {
                    unsaved = true;
                    continue;
                }
                Search::Through => return end::end(&mover, &mut state).await,
            }
        } else {
            let work = state.queue.remove(0);
            if work.file.is_none() {
                Box::pin(mover.next_page(&mut state, work)).await?
            } else if work.job.is_some() || work.rows > client.settings.bulk_above {
                Box::pin(mover.ingest(&mut state, work)).await?
            } else {
                Box::pin(mover.collections(&mut state, work)).await?
            }
        };
        unsaved = false;
        if let Step::Wait(after, why) = step {
            return Ok(Advance::Later { after, why });
        }
    }
    if unsaved {
        mover.save("looking on", &state, None).await?;
    }
    Ok(Advance::More)
}

/// What a search for more work came to.
enum Search {
    /// There is some, and it is saved.
    Found,
    /// Not yet.
    Nothing,
    /// There is none.
    Through,
}

async fn search(mover: &Mover<'_>, state: &mut State, files: &[String]) -> Result<Search, Failure> {
    if mover.back {
        let Some(name) = files.get(state.look) else {
            return Ok(Search::Through);
        };
        Box::pin(mover.open_evidence(state, name)).await?;
        state.look += 1;
        mover
            .save(
                &format!("evidence file {} of {} is open", state.look, files.len()),
                state,
                None,
            )
            .await?;
        return Ok(Search::Found);
    }
    if state.look < mover.plan.objects.len() {
        return Ok(if Box::pin(mover.look(state)).await? {
            Search::Found
        } else {
            Search::Nothing
        });
    }
    // Where nothing was written, nothing changed since the look.
    let again = if state.round == 0 { state.wrote } else { state.found };
    if !again {
        return Ok(Search::Through);
    }
    if state.round + 1 >= ROUNDS {
        let restless: Vec<(String, String)> = state
            .tallies
            .iter()
            .filter(|tally| tally.arrived > 0)
            .map(|tally| (tally.object.clone(), tally.field.clone()))
            .collect();
        for (object, field) in restless {
            state.not_inspected(
                &object,
                &field,
                format!("records kept coming: not looked at again after {ROUNDS} looks"),
            );
        }
        return Ok(Search::Through);
    }
    state.round += 1;
    state.look = 0;
    state.found = false;
    Ok(Search::Nothing)
}

/// Whether the org has calls left for work that can wait (`GET /limits`).
async fn short_of_calls(client: &Client, desk: &dyn Desk) -> Result<Option<Advance>, Failure> {
    let what = "reading the org's limits";
    let path = format!("{}/limits", client.data());
    let response = client.send(&desk.call(), what, http::Method::GET, &path, None).await?;
    let limits = exchange::json(what, &response, true)?;
    let figure = |name: &str| limits.get("DailyApiRequests")?.get(name)?.as_u64();
    let (Some(most), Some(left)) = (figure("Max"), figure("Remaining")) else {
        return Ok(None);
    };
    Ok(
        (left.saturating_mul(100) < most.saturating_mul(FLOOR)).then(|| Advance::Later {
            after: QUOTA_PAUSE,
            why: format!("{left} of {most} API calls of the day are left: the hand-over waits until there are more"),
        }),
    )
}

/// Makes the plan of work and saves it.
async fn begin(
    client: &Client,
    desk: &dyn Desk,
    change: &Change,
    leaver: &str,
    back: bool,
    began: Timestamp,
) -> Result<State, Failure> {
    let mut state = State::new(began, String::new());
    let plan = if back {
        back::plan(client, desk).await?
    } else {
        let order = Order::read(&change.with).map_err(Failure::give_up)?;
        let all = Box::pin(describe::read(client, desk)).await?;
        let (mut plan, unseen) = candidates::plan(&all, &order);
        for (object, why) in unseen {
            state.not_inspected(&object, "OwnerId", why);
        }
        for name in order.objects.keys().filter(|name| plan.object(name).is_none()) {
            state.note(format!("`objects` names {name}, which no user can own in this org"));
        }
        for name in order.fields.keys() {
            let known = name
                .split_once('.')
                .and_then(|(object, field)| plan.object(object)?.field(field));
            if known.is_none() {
                state.note(format!(
                    "`fields` names {name}, which holds no user that we may change in this org"
                ));
            }
        }
        let targets = Box::pin(targets::find(client, desk, leaver, &order)).await?;
        targets.fill(&mut plan, &order);
        for note in targets.notes {
            state.note(note);
        }
        plan
    };
    let body = serde_json::to_vec(&plan)
        .map_err(|error| Failure::give_up(format!("the plan of work cannot be written: {error}")))?;
    let name = if back { "back/work/plan.json" } else { "work/plan.json" };
    state.plan = desk.store(name, body.into()).await?;
    desk.save(&format!("{} objects to look at", plan.objects.len()), &state.written()?)
        .await?;
    Ok(state)
}
