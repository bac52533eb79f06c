//! Invented events, runs and reviews.

use std::collections::BTreeMap;

use rollcall_model::journal::Draft;
use rollcall_model::{
    AccountRef, Digest, EntryKind, Event, EventKind, Goal, Person, PersonKey, Review, ReviewId, ReviewState, Run,
    RunId, RunPlan, RunState, Signal, SignalBody, SignalFormat, SignalKey, SourceState, StageSpec, StepSpec, Timestamp,
};
use serde_json::{Value, json};

/// A moment, in seconds after the moment at which all samples begin.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_772_438_400_000 + seconds * 1000).unwrap()
}

/// A number of seconds.
pub const fn seconds(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}

/// An event about an account.
pub fn event(account: &AccountRef, name: &str) -> Event {
    Event {
        key: SignalKey::new(format!("dir-main:{}:{name}", account.id)),
        source: account.connection.clone(),
        kind: EventKind::UserDeactivated,
        vendor_type: "user.lifecycle.deactivate".to_owned(),
        account: Some(account.clone()),
        app: None,
        actor: None,
        ours: false,
        succeeded: true,
        occurred_at: at(-1),
        received_at: at(0),
    }
}

/// The signal of an event.
pub fn signal(key: &SignalKey, body: &str) -> Signal {
    Signal {
        key: key.clone(),
        source: "dir-main".into(),
        format: SignalFormat::OktaLogEvent,
        received_at: at(0),
        body: SignalBody::Inline(body.to_owned()),
    }
}

/// A run for a person over some connections.
pub fn run(id: &str, person: &str, connections: &[&str]) -> Run {
    let subject = AccountRef::new("dir-main", format!("{person}-account"));
    Run {
        id: RunId::new(id),
        plan: RunPlan {
            goal: Goal::Leave,
            person: PersonKey::new(person),
            subject: subject.clone(),
            playbook: "leaver".to_owned(),
            config: Digest::new("c"),
            stages: vec![StageSpec {
                name: "cut".to_owned(),
                after_ms: 0,
                unless: None,
                steps: vec![StepSpec {
                    id: "freeze".to_owned(),
                    actions: vec!["example/freeze".to_owned()],
                    connections: connections.iter().map(|&name| name.into()).collect(),
                    with: Value::Null,
                    condition: None,
                    after: None,
                    classes: rollcall_model::AccountClass::OWN.to_vec(),
                    accounts: Vec::new(),
                }],
            }],
            tell: Vec::new(),
            scope: None,
            unassigned: None,
            holds_while: Vec::new(),
            quiet: false,
            successor: None,
        },
        plan_hash: Digest::new("p"),
        bound: None,
        person: Person {
            key: PersonKey::new(person),
            account: subject,
            state: SourceState::Deactivated,
            display: "Ada Example".to_owned(),
            login: "ada@example.com".to_owned(),
            email: None,
            manager: None,
            groups: Vec::new(),
            roles: Vec::new(),
            attributes: BTreeMap::new(),
        },
        state: RunState::Open,
        stage: 0,
        attempts: 0,
        tell_tries: 0,
        tell_due_at: None,
        replans: 0,
        stage_plan: None,
        stage_hashes: BTreeMap::new(),
        changes: Vec::new(),
        cut_at: BTreeMap::new(),
        cause: rollcall_model::run::Cause::default(),
        triggers: Vec::new(),
        event_at: at(-1),
        received_at: at(0),
        opened_at: at(0),
        stage_due_at: at(0),
        ending: None,
        ended_at: None,
        salt: "00".to_owned(),
        receipt: None,
        notes: Vec::new(),
        said: None,
        asked_by: None,
        undoes: None,
        returned: 0,
        exception: None,
        agreed: None,
        read: None,
    }
}

/// The first run of a person as whoever claims it has it: with the salt that follows from the key which it brought.
pub fn salted(run: &Run) -> Run {
    Run {
        salt: rollcall_model::run::derived_salt(&run.salt, &run.id),
        ..run.clone()
    }
}

/// A journal entry to be.
pub fn draft(what: &str) -> Draft {
    Draft {
        kind: EntryKind::Intent,
        change: None,
        what: what.to_owned(),
        outcome: None,
        request_id: None,
        deadline: Some(at(30)),
        private: json!({"account": "005-ada"}),
    }
}

/// A review of a run, open for an hour.
pub fn review(run: &RunId, plan_hash: &str) -> Review {
    Review {
        id: ReviewId::new(format!("{run}-cut-{plan_hash}")),
        run: run.clone(),
        stage: "cut".to_owned(),
        plan_hash: Digest::new(plan_hash),
        reasons: vec!["protected person".to_owned()],
        opened_at: at(0),
        expires_at: at(3600),
        state: ReviewState::Open,
        about: rollcall_model::ReviewAbout::Stage,
        asked_by: None,
    }
}
