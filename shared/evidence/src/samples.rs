//! A run as the engine leaves it, for tests. Invented people on reserved domains.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_model::action::EffectClass;
use rollcall_model::journal::Draft;
use rollcall_model::run::{Cause, Note};
use rollcall_model::{
    AccountRef, Chain, Change, ChangeRecord, ConnectionId, Digest, Entry, EntryKind, Goal, Manager, Outcome, Person,
    PersonKey, Run, RunId, RunPlan, RunState, SourceState, StageSpec, StepSpec, TellMoment, TellSpec, Timestamp,
    digest,
};
use serde_json::{Value, json};

use crate::keys::FileSigner;
use crate::public_key::PublicKey;
use crate::receipt::{Receipt, seal};

pub(crate) const VERSION: &str = "0.1.0+sample";

/// Every text of the sample by which somebody could be known.
pub(crate) const PERSONAL: [&str; 10] = [
    "Amara",
    "Okonkwo",
    "amara.okonkwo",
    "corp.example",
    "00uAMARA0000000001",
    "005000000000AMRIAX",
    "005000000000AMREAX",
    "person-amara",
    "Bodil",
    "E-4711",
];

/// Milliseconds after the door had the event.
pub(crate) fn at(ms: u64) -> Timestamp {
    "2026-03-02T08:15:30.123Z".parse::<Timestamp>().unwrap() + Duration::from_millis(ms)
}

fn step(id: &str, actions: &[&str], connections: &[&str]) -> StepSpec {
    StepSpec {
        id: id.to_owned(),
        actions: actions.iter().map(|name| (*name).to_owned()).collect(),
        connections: connections.iter().map(|name| ConnectionId::from(*name)).collect(),
        with: Value::Null,
        condition: None,
        after: None,
        classes: rollcall_model::AccountClass::OWN.to_vec(),
        accounts: Vec::new(),
    }
}

fn plan() -> RunPlan {
    RunPlan {
        goal: Goal::Leave,
        person: PersonKey::from("person-amara"),
        subject: AccountRef::new("okta-main", "00uAMARA0000000001"),
        playbook: "leaver".to_owned(),
        config: digest::sha256(b"configuration"),
        stages: vec![
            StageSpec {
                name: "cut".to_owned(),
                after_ms: 0,
                unless: None,
                steps: vec![step(
                    "freeze",
                    &["salesforce/freeze", "salesforce/end-sessions"],
                    &["sf-emea", "sf-us"],
                )],
            },
            StageSpec {
                name: "dismantle".to_owned(),
                after_ms: 86_400_000,
                unless: None,
                steps: vec![step("deactivate", &["salesforce/deactivate"], &["sf-emea", "sf-us"])],
            },
        ],
        tell: vec![TellSpec {
            moment: TellMoment::Cut,
            connection: "slack".into(),
            action: "slack/post".to_owned(),
            to: "#security".to_owned(),
            text: "{{ person.display }} is out".to_owned(),
        }],
        scope: None,
        unassigned: None,
        holds_while: Vec::new(),
        quiet: false,
        successor: None,
    }
}

fn person() -> Person {
    Person {
        key: PersonKey::from("person-amara"),
        account: AccountRef::new("okta-main", "00uAMARA0000000001"),
        state: SourceState::Deactivated,
        display: "Amara Okonkwo".to_owned(),
        login: "amara.okonkwo@corp.example".to_owned(),
        email: Some("amara.okonkwo@corp.example".to_owned()),
        manager: Some(Manager {
            account: None,
            login: Some("bodil@corp.example".to_owned()),
            email: Some("bodil@corp.example".to_owned()),
            display: Some("Bodil Berg".to_owned()),
        }),
        groups: vec!["Amara's friends".to_owned()],
        roles: Vec::new(),
        attributes: BTreeMap::from([("employeeNumber".to_owned(), json!("E-4711"))]),
    }
}

fn change(stage: &str, step: &str, connection: &str, account: Option<&str>, action: &str) -> Change {
    Change {
        stage: stage.to_owned(),
        step: step.to_owned(),
        connection: connection.into(),
        account: account.map(|id| AccountRef::new(connection, id)),
        action: action.to_owned(),
        effect: EffectClass::Set,
        settle_ms: 0,
        with: Value::Null,
        before: json!({"name": "Amara Okonkwo"}),
        after: json!({"gone": true}),
        evidence: json!({"of": "amara.okonkwo@corp.example"}),
    }
}

fn record(change: Change, outcome: Outcome, from: u64, to: u64) -> ChangeRecord {
    ChangeRecord {
        change,
        outcome,
        started_at: at(from),
        ended_at: at(to),
        request_id: None,
        reference: Value::Null,
    }
}

fn message() -> Change {
    let mut message = change("tell", "cut-1", "slack", None, "slack/post");
    message.with = json!({"channel": "#security", "text": "Amara Okonkwo is out"});
    message
}

/// A finished leaver: two orgs cut and dismantled, one message.
pub(crate) fn run() -> Run {
    let plan = plan();
    let (us, emea) = (Some("005000000000AMRIAX"), Some("005000000000AMREAX"));
    Run {
        id: RunId::from("leave-7f3a"),
        plan_hash: plan.hash().unwrap(),
        plan,
        bound: None,
        person: person(),
        state: RunState::Done,
        stage: 2,
        attempts: 0,
        tell_tries: 0,
        tell_due_at: None,
        replans: 0,
        stage_plan: None,
        stage_hashes: BTreeMap::from([
            ("cut".to_owned(), digest::sha256(b"cut")),
            ("dismantle".to_owned(), digest::sha256(b"dismantle")),
        ]),
        changes: vec![
            record(
                change("cut", "freeze", "sf-us", us, "salesforce/freeze"),
                Outcome::Changed,
                40,
                118,
            ),
            record(
                change("cut", "freeze", "sf-us", us, "salesforce/end-sessions"),
                Outcome::Changed,
                118,
                152,
            ),
            record(
                change("cut", "freeze", "sf-emea", emea, "salesforce/freeze"),
                Outcome::AlreadySo,
                41,
                60,
            ),
            record(
                change("cut", "freeze", "sf-emea", emea, "salesforce/end-sessions"),
                Outcome::Skipped("Amara has no session there".to_owned()),
                60,
                61,
            ),
            record(message(), Outcome::Changed, 155, 235),
            record(
                change("dismantle", "deactivate", "sf-us", us, "salesforce/deactivate"),
                Outcome::Changed,
                86_400_200,
                86_401_440,
            ),
            record(
                change("dismantle", "deactivate", "sf-emea", emea, "salesforce/deactivate"),
                Outcome::Changed,
                86_400_200,
                86_400_310,
            ),
        ],
        cut_at: BTreeMap::from([("sf-us".into(), at(152)), ("sf-emea".into(), at(61))]),
        cause: Cause {
            kind: "user.deactivated".to_owned(),
            source: "okta-main".to_owned(),
            vendor_type: "user.lifecycle.deactivate".to_owned(),
        },
        triggers: vec!["okta-main:0d1f".into()],
        event_at: "2026-03-02T08:15:29.000Z".parse().unwrap(),
        received_at: at(0),
        opened_at: at(12),
        stage_due_at: at(86_400_152),
        ending: None,
        ended_at: Some(at(86_401_500)),
        salt: "5a17".repeat(16),
        receipt: Some("receipts/leave-7f3a.json".to_owned()),
        notes: vec![Note {
            at: at(235),
            text: "Bodil Berg was not asked".to_owned(),
        }],
        said: None,
        asked_by: None,
        undoes: None,
        returned: 0,
        exception: None,
        agreed: None,
        read: None,
    }
}

/// The journal of the sample run with the ends of its sequences; the message's connection has written nothing.
pub(crate) fn journal(run: &Run) -> (Vec<Entry>, Vec<Chain>) {
    let mut chains: BTreeMap<ConnectionId, Chain> = ["rollcall", "sf-emea", "sf-us", "slack"]
        .into_iter()
        .map(|name| (name.into(), Chain::empty(run.id.clone(), name.into())))
        .collect();
    let mut entries = Vec::new();
    let mut write = |connection: &ConnectionId, draft: Draft, when: Timestamp| {
        let chain = chains.get_mut(connection).unwrap();
        let (entry, next) = chain.next(draft, when, run.salt.as_bytes()).unwrap();
        *chain = next;
        entries.push(entry);
    };
    let decision = |what: String| Draft {
        kind: EntryKind::Decision,
        change: None,
        what,
        outcome: None,
        request_id: None,
        deadline: None,
        private: json!({"why": "Amara Okonkwo has left", "plan": "00uAMARA0000000001"}),
    };
    let own = ConnectionId::from("rollcall");
    write(
        &own,
        decision(format!("cut planned {}", digest::sha256(b"cut"))),
        at(38),
    );
    for (number, record) in run
        .changes
        .iter()
        .filter(|record| record.change.stage != "tell")
        .enumerate()
    {
        let change = &record.change;
        let mut draft = Draft {
            kind: EntryKind::Intent,
            change: Some(change.key()),
            what: format!("{}/{} {}", change.stage, change.step, change.action),
            outcome: None,
            request_id: None,
            deadline: Some(record.ended_at),
            private: json!({"account": change.account, "before": change.before, "evidence": change.evidence}),
        };
        if record.outcome == Outcome::Changed {
            write(&change.connection, draft.clone(), record.started_at);
        }
        draft.kind = EntryKind::Observed;
        draft.outcome = Some(record.outcome.name().to_owned());
        draft.request_id = Some(format!("req-{number}"));
        draft.private = json!({"outcome": record.outcome, "reference": "005000000000AMRIAX"});
        write(&change.connection, draft, record.ended_at);
    }
    write(&own, decision("ended Done".to_owned()), at(86_401_500));
    (entries, chains.into_values().collect())
}

/// A key in a folder that is gone again.
pub(crate) fn signer() -> FileSigner {
    let dir = tempfile::tempdir().unwrap();
    FileSigner::create(&dir.path().join("key")).unwrap()
}

/// The sample's signed receipt and its key.
pub(crate) async fn receipt() -> (Receipt, PublicKey) {
    let run = run();
    let (entries, heads) = journal(&run);
    let signer = signer();
    let receipt = seal(Receipt::of(&run, &entries, &heads, VERSION).unwrap(), &signer)
        .await
        .unwrap();
    (receipt, *signer.public_key())
}

/// A digest of nothing in the sample.
pub(crate) fn foreign() -> Digest {
    digest::sha256(b"foreign")
}
