//! The end of a hand-over: what the API cannot move is named, and the numbers decide what became of the change.

use rollcall_model::{Advance, Applied, Failure, HandOver, Outcome};
use serde_json::Value;

use super::mover::Mover;
use super::state::State;
use crate::encode::short;
use crate::salesforce::client::Ask;
use crate::salesforce::soql::soql_quote;

/// Records of one object and owner from which on Salesforce warns of ownership skew (Record Locking Cheat Sheet).
const SKEW: u64 = 10_000;

/// What names a user, is not moved by the API and has to be looked at by people: a name, the object, the field, the words.
const UNMOVABLE: [(&str, &str, &str, &str); 5] = [
    (
        "reports",
        "Report",
        "OwnerId",
        "private reports cannot be given away by the API: save those that are needed in a shared folder before deactivation",
    ),
    (
        "dashboards",
        "Dashboard",
        "RunningUserId",
        "dashboards run as this user and stop: choose another running user",
    ),
    (
        "jobs",
        "CronTrigger",
        "OwnerId",
        "scheduled jobs belong to this user and stop: schedule them anew as somebody else",
    ),
    (
        "approvals",
        "ProcessInstanceWorkitem",
        "ActorId",
        "pending approvals wait for this user: reassign them",
    ),
    (
        "flows",
        "FlowInterview",
        "OwnerId",
        "paused flows belong to this user: resume or delete them",
    ),
];

/// Ends it.
pub(super) async fn end(mover: &Mover<'_>, state: &mut State) -> Result<Advance, Failure> {
    if !mover.back {
        unmovable(mover, state).await?;
    }
    skewed(state);
    let done = HandOver {
        tallies: state.tallies.clone(),
        evidence: state.evidence.iter().map(|(_, name)| name.clone()).collect(),
        notes: notes(state),
    };
    let outcome = outcome(&done, mover.back);
    let reference = serde_json::to_value(&done)
        .map_err(|error| Failure::give_up(format!("the numbers cannot be written: {error}")))?;
    Ok(Advance::Done {
        applied: Applied {
            request_id: None,
            reference,
        },
        outcome,
    })
}

/// Green only when everything was looked at and every record is in exactly one place.
fn outcome(done: &HandOver, back: bool) -> Outcome {
    let unseen: Vec<String> = done
        .tallies
        .iter()
        .filter_map(|tally| {
            let why = tally.uninspected.as_deref()?;
            Some(format!("{}.{} ({})", tally.object, tally.field, short(why, 80)))
        })
        .collect();
    if !unseen.is_empty() {
        let shown = unseen.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        return Outcome::Unknown(format!(
            "{} of the objects were not inspected: {shown}{}; give the integration user the right to read them, or say in the org why not",
            unseen.len(),
            if unseen.len() > 5 { ", …" } else { "" }
        ));
    }
    if let Some(tally) = done.tallies.iter().find(|tally| !tally.balances()) {
        return Outcome::Unknown(format!("the numbers of {}.{} do not add up", tally.object, tally.field));
    }
    let total = done.total();
    let others = if back { 0 } else { total.gone };
    if total.moved + total.refused + others == 0 {
        return Outcome::AlreadySo;
    }
    Outcome::Changed
}

fn notes(state: &State) -> Vec<String> {
    let mut notes = state.notes.clone();
    for tally in state.tallies.iter().filter(|tally| tally.refused > 0) {
        let codes: Vec<String> = tally
            .refusals
            .iter()
            .map(|(code, many)| format!("{many} × {code}"))
            .collect();
        notes.push(format!(
            "{} of {} by {} were refused: {}",
            tally.refused,
            tally.object,
            tally.field,
            codes.join(", ")
        ));
    }
    notes
}

fn skewed(state: &mut State) {
    let skewed: Vec<String> = state
        .tallies
        .iter()
        .flat_map(|tally| {
            tally.to.iter().filter(|(_, many)| **many > SKEW).map(|(who, many)| {
                format!(
                    "{who} got {many} records of {}: more than {SKEW} of one owner make later changes slow and prone to locks",
                    tally.object
                )
            })
        })
        .collect();
    for note in skewed {
        state.note(note);
    }
}

async fn unmovable(mover: &Mover<'_>, state: &mut State) -> Result<(), Failure> {
    let asks: Vec<(&str, Ask)> = UNMOVABLE
        .iter()
        // What moved above is not named again.
        .filter(|(_, object, field, _)| {
            let known = mover.plan.object(object).and_then(|object| object.field(field));
            known.is_none_or(|field| !field.moves)
        })
        .map(|(name, object, field, _)| {
            let soql = format!(
                "SELECT COUNT() FROM {object} WHERE {field} = {}",
                soql_quote(mover.leaver)
            );
            (*name, Ask::Query(soql))
        })
        .collect();
    let what = "looking for what the API cannot move";
    let parts = mover.client.ask(&mover.desk.call(), what, &asks).await?;
    for (name, object, field, words) in UNMOVABLE {
        match parts.get(name) {
            Some(Ok(page)) => {
                let many = page.get("totalSize").and_then(Value::as_u64).unwrap_or(0);
                if many > 0 {
                    state.note(format!("{many} {words}"));
                }
            }
            // An org that does not have it has none of it.
            Some(Err(refusal)) if matches!(refusal.code.as_str(), "INVALID_TYPE" | "INVALID_FIELD") => {}
            Some(Err(refusal)) => {
                state.note(format!(
                    "{object}.{field} could not be looked at: {}",
                    short(&refusal.code, 60)
                ));
            }
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rollcall_model::Tally;

    use super::*;

    fn done(change: impl Fn(&mut Tally)) -> HandOver {
        let mut tally = Tally {
            object: "Account".to_owned(),
            field: "OwnerId".to_owned(),
            ..Tally::default()
        };
        change(&mut tally);
        HandOver {
            tallies: vec![tally],
            ..HandOver::default()
        }
    }

    #[test]
    fn only_a_whole_hand_over_is_green() {
        assert_eq!(outcome(&HandOver::default(), false), Outcome::AlreadySo);
        let kept = done(|tally| (tally.counted, tally.kept) = (2, 2));
        assert_eq!(outcome(&kept, false), Outcome::AlreadySo);
        let moved = done(|tally| (tally.counted, tally.moved, tally.arrived, tally.refused) = (2, 2, 1, 1));
        assert_eq!(outcome(&moved, false), Outcome::Changed);
        let refused = done(|tally| (tally.counted, tally.refused) = (2, 2));
        assert_eq!(outcome(&refused, false), Outcome::Changed);
        let nowhere = done(|tally| tally.counted = 1);
        assert!(matches!(outcome(&nowhere, false), Outcome::Unknown(why) if why.contains("add up")));
        let unseen = done(|tally| tally.uninspected = Some("INSUFFICIENT_ACCESS".to_owned()));
        assert!(
            matches!(outcome(&unseen, false), Outcome::Unknown(why) if why.contains("not inspected: Account.OwnerId"))
        );
        let gone = done(|tally| (tally.counted, tally.gone) = (1, 1));
        assert_eq!(outcome(&gone, true), Outcome::AlreadySo);
    }
}
