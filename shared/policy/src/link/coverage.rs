//! Of how many people it is known what they have in a connection.

use rollcall_model::person::{Person, SourceState};
use serde::Serialize;

use super::JoinInputs;
use super::claims::{Claims, Places};

/// How well the active people of the source are known in one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Who counts: the active people to whom the source gives the application, or all active ones when the connection names
    /// no application.
    pub people: usize,
    /// Of those, who has a linked account there.
    pub linked: usize,
    /// Of those, who is proven to have none: no application says otherwise, a sure value would have shown it, and no account
    /// there may be theirs.
    pub without: usize,
    /// Of a hundred, how many are linked or proven to have none; rounded down, so 100 means everybody.
    pub percent: u32,
}

/// Counts. Nobody to count is no coverage at all: "all of nobody" would open the mode `enforce` on an empty answer.
pub(super) fn count(inputs: &JoinInputs<'_>, claims: &Claims<'_>, places: &Places) -> Option<Coverage> {
    let assigned = inputs.assignments.is_some();
    let counts =
        |person: &&Person| person.state == SourceState::Active && (!assigned || claims.assigned.contains(&person.key));
    let (mut people, mut linked, mut without) = (0_usize, 0_usize, 0_usize);
    for person in inputs.people.values().filter(counts) {
        people += 1;
        if places.linked.contains(&person.key) {
            linked += 1;
        } else if !assigned && !places.doubted.contains(&person.key) && claims.could_show(person) {
            without += 1;
        }
    }
    let percent = ((linked + without) * 100).checked_div(people)?;
    Some(Coverage {
        people,
        linked,
        without,
        percent: u32::try_from(percent).unwrap_or(0),
    })
}
