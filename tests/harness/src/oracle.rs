//! What must be true at the end, whatever happened on the way.

mod company;

use rollcall_evidence::verify;
use rollcall_model::ledger::documents;
use rollcall_model::{Lane, Run, RunState};
use rollcall_simulators::world::CHANNEL;

use crate::owner;
use crate::story::{Happens, Story};
use crate::world::World;

/// Everything that is not as it must be; empty when all is well. `took` is absent when the story did not end in time.
pub async fn violations(world: &World, story: Story, took: Option<std::time::Duration>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    must(took.is_some(), "the story did not end within the bound".to_owned());

    // Access equals what the source last says.
    let vendors = &world.vendors;
    let salesforce = &vendors.salesforce;
    let leaves = story.happens != Happens::LeavesAndReturns;
    let (user, colleague) = (&vendors.leaver_user, &vendors.colleague_user);
    must(
        salesforce.is_frozen(user) == leaves,
        format!("frozen: {}", salesforce.is_frozen(user)),
    );
    let before = &world.before;
    let (tokens, sessions) = (
        salesforce.tokens_of(user).len() as u64,
        salesforce.sessions_of(user).len() as u64,
    );
    must(
        tokens == if leaves { 0 } else { before.tokens },
        format!("{tokens} tokens"),
    );
    must(
        sessions == if leaves { 0 } else { before.sessions },
        format!("{sessions} sessions"),
    );
    must(!salesforce.is_frozen(colleague), "the colleague is frozen".to_owned());
    must(
        salesforce.tokens_of(colleague) == before.colleague_tokens,
        "the colleague's tokens".to_owned(),
    );
    must(
        salesforce.sessions_of(colleague) == before.colleague_sessions,
        "the colleague's sessions".to_owned(),
    );

    // Effects by class: a set is made once; a findable message is posted once.
    match &vendors.company {
        Some(_) => wrong.extend(company::violations(world, story.happens)),
        None => wrong.extend(effects(world, leaves)),
    }
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let messages = vendors.slack.messages(CHANNEL);
    let told = messages
        .iter()
        .filter(|message| message.text.contains("is out"))
        .count();
    must(
        told == usize::from(leaves),
        format!(
            "{told} messages that access is cut: {:?}",
            messages.iter().map(|m| &m.text).collect::<Vec<_>>()
        ),
    );

    // One run per person and goal, ended, with a receipt that verifies.
    let runs = world.ledger.runs(None, 100).await.unwrap_or_default();
    // Applications that a deactivation takes away are events of their own; who is back has them again.
    let (leaves_of, others): (Vec<_>, Vec<_>) = runs
        .iter()
        .partition(|run| run.plan.goal == rollcall_model::Goal::Leave);
    must(leaves_of.len() == 1, format!("{} runs", leaves_of.len()));
    for run in others {
        must(
            matches!(run.state, RunState::Superseded { .. }),
            format!("{} of {} ended {:?}", run.id, run.plan.playbook, run.state),
        );
    }
    if let Some(owned) = &world.owned {
        for what in owner::violations(vendors, owned, leaves, &runs) {
            must(false, what);
        }
    }
    for run in leaves_of {
        let expected = if leaves {
            run.state == RunState::Done
        } else {
            matches!(run.state, RunState::Superseded { .. })
        };
        must(expected, format!("{} ended {:?}", run.id, run.state));
        let journal = world.ledger.journal(&run.id).await.unwrap_or_default();
        let open = journal
            .iter()
            .filter(|entry| entry.public.kind == rollcall_model::EntryKind::Intent)
            .count();
        let seen = journal
            .iter()
            .filter(|entry| entry.public.kind == rollcall_model::EntryKind::Observed)
            .count();
        must(seen > 0 || !leaves, "nothing was observed".to_owned());
        must(open > 0 || !leaves, "nothing was intended".to_owned());
        for what in receipt(world, run, journal.len() as u64).await {
            must(false, what);
        }
    }

    // Nothing was lost on the way to the dead letters.
    for what in dead(world).await {
        must(false, what);
    }
    wrong
}

/// What is wrong with a run's receipt, which has so many entries.
pub(crate) async fn receipt(world: &World, run: &Run, entries: u64) -> Vec<String> {
    let Some(name) = &run.receipt else {
        return vec![format!("{} has no receipt", run.id)];
    };
    let text = match world.files.get(name).await {
        Err(error) => return vec![format!("{name}: {error}")],
        Ok(text) => text,
    };
    match verify(&text, &[*world.signer.public_key()]) {
        Err(fault) => vec![format!("{name}: {fault}")],
        Ok(verified) if verified.entries() != entries => {
            vec![format!("{name} has {} entries of {entries}", verified.entries())]
        }
        Ok(_) => Vec::new(),
    }
}

/// What ended in the dead letters, of the engine's and of each queue.
pub(crate) async fn dead(world: &World) -> Vec<String> {
    let letters = world.ledger.documents(documents::DEAD, 10).await.unwrap_or_default();
    let mut found: Vec<String> = letters
        .iter()
        .map(|letter| format!("a dead letter: {}", letter.body))
        .collect();
    for lane in Lane::ALL {
        let messages = world.queue.dead(lane, 10).await.unwrap_or_default();
        if !messages.is_empty() {
            found.push(format!("{} dead messages on {lane}", messages.len()));
        }
    }
    found
}

/// What was done in the only org, beside what is left.
fn effects(world: &World, leaves: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let (once, before) = (u64::from(leaves), &world.before);
    let counts = world.vendors.salesforce.counters();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    must(
        counts.get("freeze") == once,
        format!("{} freezes", counts.get("freeze")),
    );
    must(counts.get("unfreeze") == 0, "an unfreeze".to_owned());
    must(
        counts.get("revoke-token") == once * before.tokens,
        format!("{} revocations", counts.get("revoke-token")),
    );
    // Each token carries a session of its own, which ends with the token unless its revocation had to be tried again.
    let ended = counts.get("end-session");
    must(
        (once * (before.sessions - before.tokens)..=once * before.sessions).contains(&ended),
        format!("{} sessions ended", counts.get("end-session")),
    );
    wrong
}
