//! Runs to make pages of: a whole leaver with a hand-over, a hostile one, a quiet one, an empty one, an endless one. Invented
//! people on reserved domains.

use std::collections::BTreeMap;

use rollcall_model::journal::Draft;
use rollcall_model::ledger::StoredEvent;
use rollcall_model::run::Note;
use rollcall_model::{
    AccountRef, Chain, ChangeRecord, ConnectionId, Entry, EntryKind, HandOver, Outcome, Review, ReviewAbout, ReviewId,
    ReviewState, Run, RunId, RunState, SourceState, StageSpec, StepSpec, Tally, Timestamp, digest,
};
use serde_json::{Value, json};

use super::{Finding, Folds, Proof, Report};
use crate::receipt::{Receipt, seal};
use crate::samples::{self, VERSION, at};

/// A run with all that a report shows of it.
pub(crate) struct Sample {
    pub(crate) run: Run,
    pub(crate) journal: Vec<Entry>,
    pub(crate) heads: Vec<Chain>,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) proof: Option<Proof>,
    pub(crate) confidential: bool,
    pub(crate) folds: Folds,
}

impl Sample {
    pub(crate) fn of(run: Run) -> Self {
        let (journal, heads) = journal(&run);
        Self {
            run,
            journal,
            heads,
            events: Vec::new(),
            reviews: Vec::new(),
            findings: Vec::new(),
            proof: None,
            confidential: true,
            folds: Folds::Attention,
        }
    }

    pub(crate) fn html(&self) -> String {
        Report {
            run: &self.run,
            journal: &self.journal,
            events: &self.events,
            reviews: &self.reviews,
            findings: &self.findings,
            proof: self.proof.as_ref(),
            confidential: self.confidential,
            folds: self.folds,
            made_at: at(90_000_000),
            made_by: VERSION,
        }
        .html()
    }

    pub(crate) async fn sealed(mut self) -> Self {
        let unsigned = Receipt::of(&self.run, &self.journal, &self.heads, VERSION).unwrap();
        self.proof = Some(Proof {
            place: format!("/var/lib/rollcall/files/receipts/{}.json", self.run.id),
            receipt: Ok(seal(unsigned, &samples::signer()).await.unwrap()),
            checked: Some(Ok(())),
        });
        self
    }
}

/// A journal of any run: an intent where something changed, an outcome for each change, progress where records were moved.
fn journal(run: &Run) -> (Vec<Entry>, Vec<Chain>) {
    let mut chains: BTreeMap<ConnectionId, Chain> = BTreeMap::new();
    let mut entries = Vec::new();
    let mut write = |connection: &ConnectionId, draft: Draft, when: Timestamp| {
        let chain = chains
            .entry(connection.clone())
            .or_insert_with(|| Chain::empty(run.id.clone(), connection.clone()));
        let (entry, next) = chain.next(draft, when, run.salt.as_bytes()).unwrap();
        *chain = next;
        entries.push(entry);
    };
    let draft = |kind, record: Option<&ChangeRecord>, what: String| Draft {
        kind,
        change: record.map(|record| record.change.key()),
        what,
        outcome: None,
        request_id: None,
        deadline: None,
        private: json!({"person": run.person.display}),
    };
    let own = ConnectionId::from("rollcall");
    for (stage, hash) in &run.stage_hashes {
        let first = run.changes.iter().find(|record| record.change.stage == *stage);
        let when = first.map_or(run.opened_at, |record| record.started_at);
        write(
            &own,
            draft(EntryKind::Decision, None, format!("{stage} planned {hash}")),
            when,
        );
    }
    for (number, record) in run.changes.iter().enumerate() {
        let change = &record.change;
        let what = format!("{}/{} {}", change.stage, change.step, change.action);
        if !matches!(record.outcome, Outcome::AlreadySo | Outcome::Skipped(_)) {
            write(
                &change.connection,
                draft(EntryKind::Intent, Some(record), what.clone()),
                record.started_at,
            );
        }
        for tally in record
            .reference
            .get("tallies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .take(40)
        {
            let what = format!(
                "{}: job closed, {} rows",
                tally["object"].as_str().unwrap(),
                tally["moved"]
            );
            write(
                &change.connection,
                draft(EntryKind::Progress, Some(record), what),
                record.ended_at,
            );
        }
        let mut observed = draft(EntryKind::Observed, Some(record), what);
        observed.outcome = Some(record.outcome.name().to_owned());
        observed.request_id = Some(format!("4a-{number:04}-9fc1e2d07b"));
        write(&change.connection, observed, record.ended_at);
    }
    if let Some(ended) = run.ended_at {
        write(
            &own,
            draft(EntryKind::Decision, None, format!("ended {}", run.state.name())),
            ended,
        );
    }
    (entries, chains.into_values().collect())
}

fn tally(object: &str, field: &str, numbers: [u64; 6]) -> Tally {
    let [counted, arrived, moved, kept, refused, gone] = numbers;
    Tally {
        object: object.to_owned(),
        field: field.to_owned(),
        counted,
        arrived,
        moved,
        kept,
        refused,
        gone,
        ..Tally::default()
    }
}

/// A hand-over over ten objects in which everything that can happen happens, and which is whole but for one object.
pub(crate) fn hand_over() -> HandOver {
    let mut tallies = vec![
        tally("Account", "OwnerId", [2_310, 2, 2_305, 0, 4, 3]),
        tally("Contact", "OwnerId", [1_204, 0, 1_204, 0, 0, 0]),
        tally("Opportunity", "OwnerId", [412, 1, 96, 314, 3, 0]),
        tally("Case", "OwnerId", [318, 0, 60, 258, 0, 0]),
        tally("Lead", "OwnerId", [505, 4, 509, 0, 0, 0]),
        tally("Task", "OwnerId", [73, 0, 41, 32, 0, 0]),
        tally("Contract", "OwnerId", [12, 0, 10, 0, 2, 0]),
        tally("Renewal_Plan__c", "OwnerId", [166, 0, 166, 0, 0, 0]),
        tally("Renewal_Plan__c", "Executive_Sponsor__c", [9, 0, 0, 9, 0, 0]),
        tally("Site_Visit__c", "OwnerId", [0, 0, 0, 0, 0, 0]),
        tally("Patent_Case__c", "OwnerId", [0, 0, 0, 0, 0, 0]),
    ];
    let sam = "005000000000SAMLAX";
    for tally in &mut tallies {
        if tally.moved > 0 {
            tally.to.insert(sam.to_owned(), tally.moved);
        }
    }
    tallies[4].to = BTreeMap::from([("00G000000000INBOUN".to_owned(), 400), (sam.to_owned(), 109)]);
    tallies[0].refusals = BTreeMap::from([
        ("UNABLE_TO_LOCK_ROW".to_owned(), 1),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION".to_owned(), 3),
    ]);
    tallies[2].refusals = BTreeMap::from([("ENTITY_IS_LOCKED".to_owned(), 3)]);
    tallies[6].refusals = BTreeMap::from([("ENTITY_IS_LOCKED".to_owned(), 1)]);
    tallies[10].uninspected = Some("INSUFFICIENT_ACCESS: the integration user may not read Patent_Case__c".to_owned());
    HandOver {
        tallies,
        evidence: vec![
            "evidence/leave-7f3a/Account/0001.csv".to_owned(),
            "evidence/leave-7f3a/Opportunity/0001.csv".to_owned(),
        ],
        notes: vec!["Two private reports of Amara Okonkwo stay in the folder My Personal Custom Reports".to_owned()],
    }
}

fn reviewed(run: &Run, state: ReviewState, about: ReviewAbout) -> Review {
    Review {
        id: ReviewId::new(format!("{}-dismantle-378bfce5cda2", run.id)),
        run: run.id.clone(),
        stage: "dismantle".to_owned(),
        plan_hash: digest::sha256(b"dismantle"),
        reasons: vec!["Amara Okonkwo is the default lead owner".to_owned()],
        opened_at: at(86_400_100),
        expires_at: at(172_800_000),
        state,
        about,
        asked_by: None,
    }
}

/// A leaver from event to receipt: two directories and an org cut, everything handed over, licences freed.
pub(crate) fn leaver() -> Sample {
    let mut run = samples::run();
    let day = 86_400_000;
    let mut put = |like: usize, action: &str, step: &str, outcome: Outcome, from: u64, to: u64, reference: Value| {
        let mut record = run.changes[like].clone();
        record.change.action = action.to_owned();
        step.clone_into(&mut record.change.step);
        record.outcome = outcome;
        record.started_at = at(from);
        record.ended_at = at(to);
        record.reference = reference;
        run.changes.push(record);
    };
    let whole = json!(hand_over());
    put(
        5,
        "salesforce/hand-over-records",
        "records",
        Outcome::Refused("2 of 11 objects and fields are not whole: Patent_Case__c could not be read".to_owned()),
        day + 1_500,
        day + 19_200,
        whole,
    );
    let mut other = hand_over();
    other.tallies.truncate(2);
    other.notes.clear();
    put(
        6,
        "salesforce/hand-over-records",
        "records",
        Outcome::Changed,
        day + 1_500,
        day + 9_400,
        json!(other),
    );
    let licences = json!({"licences": {"before": [{"name": "Salesforce", "cost": "165 EUR a month"}, {"name": "Sales Cloud PSL"}], "after": []}});
    put(
        5,
        "salesforce/remove-entitlements",
        "entitlements",
        Outcome::Changed,
        day + 19_300,
        day + 20_100,
        licences,
    );
    put(
        6,
        "okta/end-sessions",
        "sessions",
        Outcome::Changed,
        day + 19_300,
        day + 19_800,
        json!({"apps": 9, "open_app_sessions": ["Expense Desk", "Travel Desk"]}),
    );
    run.state = RunState::Incomplete {
        why: "sf-us: Patent_Case__c could not be inspected".to_owned(),
    };
    run.ended_at = Some(at(day + 21_000));
    run.plan.successor = Some("sam.lindqvist@corp.example".to_owned());
    let mut sample = Sample::of(run);
    let approved = ReviewState::Approved {
        by: "bodil@corp.example".to_owned(),
        at: at(day + 1_000),
        signed: None,
    };
    sample.reviews = vec![reviewed(&sample.run, approved, ReviewAbout::Stage)];
    sample.findings = vec![Finding {
        code: "RC0407".to_owned(),
        why: "dismantle of Amara Okonkwo is not complete".to_owned(),
        at: Some(at(day + 20_500)),
    }];
    sample
}

/// What a vendor, or a person with a sense of humour, may call things.
pub(crate) const MARKUP: &str =
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'</title></style>&amp;";

/// The leaver with every text hostile: markup, scripts of both directions, emoji, 10,000 characters.
pub(crate) fn hostile() -> Sample {
    let mut sample = leaver();
    let run = &mut sample.run;
    run.person.display = format!("{MARKUP} \u{202e}שרה نور 👩🏽‍💻 {}", "W".repeat(10_000));
    run.person.login = format!("{MARKUP}@corp.example");
    run.plan.playbook = MARKUP.to_owned();
    run.plan.successor = Some("é".repeat(10_000));
    run.asked_by = Some(MARKUP.to_owned());
    run.cause.vendor_type = MARKUP.to_owned();
    run.notes = vec![Note {
        at: at(3),
        text: MARKUP.repeat(30),
    }];
    run.state = RunState::Incomplete { why: MARKUP.to_owned() };
    for (number, record) in run.changes.iter_mut().enumerate() {
        record.outcome = match number % 4 {
            0 => Outcome::Changed,
            1 => Outcome::Unsure(MARKUP.to_owned()),
            2 => Outcome::Failed("\u{202e}evil".repeat(500)),
            _ => Outcome::Pending,
        };
        record.request_id = Some(MARKUP.to_owned());
        record.change.before = json!({"name": MARKUP});
        if let Some(account) = &mut record.change.account {
            account.id = MARKUP.to_owned();
        }
        if record.change.with.get("text").is_some() {
            record.change.with = json!({"channel": MARKUP, "text": format!("{MARKUP}\n\n{}", "long ".repeat(3_000))});
        }
        if let Some(object) = record.reference.pointer_mut("/tallies/0/object") {
            *object = json!(MARKUP);
        }
        if let Some(refusals) = record.reference.pointer_mut("/tallies/0/refusals") {
            *refusals = json!({MARKUP: 4});
        }
    }
    sample.findings[0].why = MARKUP.to_owned();
    sample.reviews[0].reasons = vec![MARKUP.to_owned(), "x".repeat(10_000)];
    sample
}

/// The leaver as a quiet run, for somebody who may not read it.
pub(crate) fn quiet() -> Sample {
    let mut sample = leaver();
    sample.run.plan.quiet = true;
    sample.confidential = false;
    sample
}

/// A run that has just been opened and has nothing in it.
pub(crate) fn empty() -> Sample {
    let mut run = samples::run();
    run.plan.stages.clear();
    run.plan.tell.clear();
    run.changes.clear();
    run.notes.clear();
    run.cut_at.clear();
    run.stage_hashes.clear();
    run.state = RunState::Open;
    run.stage = 0;
    run.ended_at = None;
    run.receipt = None;
    Sample::of(run)
}

/// More of everything than a page has room for.
pub(crate) fn endless() -> Sample {
    let mut run = samples::run();
    run.id = RunId::from("leave-endless");
    let like = run.changes[0].clone();
    run.changes.clear();
    let mut connections = Vec::new();
    for system in 0..60_u64 {
        let connection = ConnectionId::new(format!("org-{system:03}"));
        connections.push(connection.clone());
        for number in 0..60_u64 {
            let mut record = like.clone();
            record.change.connection = connection.clone();
            record.change.account = Some(AccountRef::new(&connection, format!("005{system:06}{number:06}AAA")));
            record.change.step = format!("step-{number}");
            record.outcome = if number % 17 == 3 {
                Outcome::Failed("the vendor said no ".repeat(40))
            } else {
                Outcome::Changed
            };
            record.started_at = at(1_000 * system + 20 * number);
            record.ended_at = at(1_000 * system + 20 * number + 15);
            if number == 50 {
                let mut what = HandOver::default();
                for object in 0..400_u64 {
                    let mut tally = tally(
                        &format!("Object_{object:03}__c"),
                        "OwnerId",
                        [object * 7, 1, object * 7, 0, 1, 0],
                    );
                    tally.to = BTreeMap::from([("005000000000SAMLAX".to_owned(), tally.moved)]);
                    tally.refusals = BTreeMap::from([(format!("CODE_{object}"), 1)]);
                    what.evidence.push(format!("evidence/{system}/{object}.csv"));
                    what.tallies.push(tally);
                }
                record.reference = json!(what);
            }
            run.changes.push(record);
        }
    }
    run.plan.stages = vec![StageSpec {
        name: "cut".to_owned(),
        after_ms: 0,
        unless: None,
        steps: vec![StepSpec {
            connections,
            ..run.plan.stages[0].steps[0].clone()
        }],
    }];
    for number in 0..5_000_u64 {
        run.notes.push(Note {
            at: at(number * 700),
            text: format!("note {number}: {}", "the vendor was silent ".repeat(10)),
        });
    }
    run.person.state = SourceState::Deleted;
    Sample::of(run)
}

/// Whom a run hands nothing over right: a record is nowhere, and another hand-over cannot be read.
pub(crate) fn unbalanced() -> Sample {
    let mut run = samples::run();
    let mut what = hand_over();
    what.tallies.truncate(2);
    what.tallies[1].moved -= 4;
    run.changes[5].reference = json!(what);
    run.changes[6].reference = json!({"tallies": "many"});
    // An account that owns nothing, such as a second one for administration.
    what.tallies.clear();
    what.notes.clear();
    let mut idle = run.changes[5].clone();
    idle.reference = json!(what);
    run.changes.push(idle);
    Sample::of(run)
}
