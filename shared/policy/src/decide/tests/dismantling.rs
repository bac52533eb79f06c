//! Taking apart what is left: when it may start, what the guard says, who could take over, what came of it.

use std::path::Path;

use rollcall_model::Outcome;
use rollcall_model::run::ChangeRecord;

use super::*;
use crate::load;

/// A leaver who is in no list, under the sample that takes apart.
fn leaving() -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config/dismantle");
    let configuration = load(&folder, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"));
    Run::of(configuration, amara())
}

fn inputs(run: &Run) -> StageInputs {
    let accounts: BTreeMap<ConnectionId, AccountSearch> = ["onelogin-main", "sf-emea", "sf-us"]
        .into_iter()
        .map(|id| (id.into(), proven(vec![account(id, "1", AccountClass::Human, true)])))
        .collect();
    let observations = to_observe(&run.configuration, &catalogue(), &run.facts(), 1, &accounts)
        .into_iter()
        .flat_map(|one| {
            one.wanted.into_iter().map(move |wanted| {
                let key = (one.account.clone(), wanted.step, wanted.action.action);
                (key, known(json!({"there": true})))
            })
        })
        .collect();
    StageInputs {
        accounts,
        observations,
        ..StageInputs::default()
    }
}

fn dismantle(run: &Run) -> StagePlan {
    run.stage(1, &inputs(run))
}

fn people(run: &Run, connection: &str) -> Value {
    let plan = dismantle(run);
    let mut items = plan
        .items
        .iter()
        .filter(|item| item.change.connection.as_str() == connection);
    let handing = items
        .find(|item| item.change.action == "salesforce/hand-over-records")
        .unwrap();
    handing.change.with["people"].clone()
}

#[test]
fn every_change_has_its_line_in_the_order_of_the_steps() {
    assert_eq!(
        lines(&dismantle(&leaving())),
        [
            "dismantle/records/sf-emea/1/salesforce/hand-over-records run",
            "dismantle/records/sf-us/1/salesforce/hand-over-records run",
            "dismantle/salesforce/sf-emea/1/salesforce/remove-entitlements run",
            "dismantle/salesforce/sf-emea/1/salesforce/deactivate run",
            "dismantle/salesforce/sf-us/1/salesforce/remove-entitlements run",
            "dismantle/salesforce/sf-us/1/salesforce/deactivate run",
            "dismantle/onelogin/onelogin-main/1/onelogin/remove-roles run",
        ]
    );
}

#[test]
fn it_starts_only_for_somebody_who_is_surely_gone() {
    let mut run = leaving();
    let stop = |run: &Run| stage_stop(&run.configuration, &run.facts(), 1);
    assert_eq!(stop(&run), Stop::Go);
    run.converting = Some(true);
    assert!(matches!(stop(&run), Stop::Stopped(why) if why.contains("person.converting")));
    // What could not be told is no "no".
    run.converting = None;
    assert!(
        matches!(stop(&run), Stop::Unknown(why) if why.contains("whether the person is converting could not be told"))
    );
    // Unless something else stops it already.
    run.memberships.insert("hold".to_owned(), Membership::In);
    assert!(matches!(stop(&run), Stop::Stopped(_)));
    run.converting = Some(false);
    run.memberships
        .insert("hold".to_owned(), Membership::Unknown("503".to_owned()));
    assert!(matches!(stop(&run), Stop::Unknown(why) if why.contains("503")));
    run.memberships.insert("hold".to_owned(), Membership::Out);
    run.person.state = SourceState::Active;
    assert!(matches!(stop(&run), Stop::Stopped(_)));
    run.person.state = SourceState::Suspended;
    assert_eq!(stop(&run), Stop::Go);
}

#[test]
fn a_mode_by_cohort_does_not_widen_while_a_conversion_cannot_be_told() {
    let mut run = leaving();
    let text = "{default: review, leaver: {enforce: \"!person.converting\"}}";
    let environment =
        run.configuration.to_bundle().files["env/prod.yaml"].replace("{default: observe, leaver: enforce}", text);
    let mut bundle = run.configuration.to_bundle();
    bundle.files.insert("env/prod.yaml".to_owned(), environment);
    run.configuration = Configuration::from_bundle(&bundle, &catalogue()).unwrap();
    let mode = |run: &Run| {
        guard(
            &run.configuration,
            &run.facts(),
            &dismantle(run),
            &GuardInputs::default(),
        )
        .mode
    };
    assert_eq!(mode(&run), Mode::Enforce);
    run.converting = None;
    assert_eq!(mode(&run), Mode::Review);
}

#[test]
fn the_guard_holds_it_for_lists_and_counts_it_by_connection() {
    let mut run = leaving();
    let look = |run: &Run| {
        guard(
            &run.configuration,
            &run.facts(),
            &dismantle(run),
            &GuardInputs::default(),
        )
    };
    let codes = |guarded: &Guarded| guarded.holds.iter().map(|hold| hold.code).collect::<Vec<_>>();
    let guarded = look(&run);
    assert_eq!((guarded.mode, codes(&guarded)), (Mode::Enforce, Vec::new()));
    let limits: Vec<(&str, u32)> = guarded
        .limits
        .iter()
        .map(|limit| (limit.key.as_str(), limit.per_hour))
        .collect();
    assert_eq!(
        limits,
        [
            ("dismantle/onelogin-main", 10),
            ("dismantle/sf-emea", 10),
            ("dismantle/sf-us", 10)
        ]
    );
    run.memberships.insert("hold".to_owned(), Membership::In);
    assert_eq!(codes(&look(&run)), [HoldCode::LegalHold]);
    run.memberships
        .insert("hold".to_owned(), Membership::Unknown("503".to_owned()));
    assert_eq!(codes(&look(&run)), [HoldCode::UnreadableList]);
    // Any list: somebody protected could be hidden in it.
    run.memberships.insert("hold".to_owned(), Membership::Out);
    run.memberships
        .insert("protected".to_owned(), Membership::Unknown("503".to_owned()));
    assert_eq!(codes(&look(&run)), [HoldCode::UnreadableList]);
    run.memberships.insert("protected".to_owned(), Membership::In);
    assert_eq!(codes(&look(&run)), [HoldCode::Protected]);
    // The strictest of the connections written to.
    run.memberships.insert("protected".to_owned(), Membership::Out);
    let strict = crate::ModeRule::Always(Mode::Review);
    run.configuration.modes.connections.insert("sf-emea".into(), strict);
    let guarded = look(&run);
    assert_eq!((guarded.mode, codes(&guarded)), (Mode::Review, vec![HoldCode::Review]));
}

#[test]
fn parameters_keep_their_structure() {
    let plan = dismantle(&leaving());
    let mut with = plan.items[1].change.with.clone();
    assert!(with.as_object_mut().unwrap().remove("people").is_some());
    assert_eq!(
        with,
        json!({
            "to": ["successor", "manager", "managers-chain", "user:ops@example.com"],
            "objects": {"Case": "queue:Orphans", "Lead": "queue:Orphans"},
            "scope": "open",
        })
    );
    // An action that takes none gets none.
    assert_eq!(plan.items[3].change.with, Value::Null);
}

#[test]
fn those_who_could_take_over_are_named_in_the_connection_s_own_fields() {
    let mut run = leaving();
    let jun = json!({"keys": [
        {"field": "FederationIdentifier", "value": "jun@example.com", "sure": true},
        {"field": "Email", "value": "jun@example.com", "sure": false},
    ]});
    assert_eq!(people(&run, "sf-us"), json!({"manager": jun}));
    // A successor is a login; that it is an address, too, is a guess.
    run.plan.successor = Some("Mika@example.com".to_owned());
    let mika = json!({"keys": [
        {"field": "FederationIdentifier", "value": "mika@example.com", "sure": true},
        {"field": "Email", "value": "mika@example.com", "sure": false},
    ]});
    assert_eq!(people(&run, "sf-emea"), json!({"successor": mika, "manager": jun}));
    run.plan.successor = Some("mika".to_owned());
    assert_eq!(
        people(&run, "sf-emea")["successor"],
        json!({"keys": [{"field": "FederationIdentifier", "value": "mika", "sure": true}]})
    );
    run.plan.successor = Some("jun@example.com".to_owned());
    assert_eq!(people(&run, "sf-us"), json!({"successor": jun, "manager": jun}));
    run.person.manager = None;
    run.plan.successor = None;
    assert_eq!(people(&run, "sf-us"), json!({}));
}

#[test]
fn a_guessed_address_is_never_sure() {
    let mut run = leaving();
    run.plan.successor = Some("mika@example.com".to_owned());
    for row in &mut run.configuration.matching {
        row.sure = true;
    }
    run.configuration.matching.reverse();
    assert_eq!(
        people(&run, "sf-us")["successor"]["keys"],
        json!([
            {"field": "FederationIdentifier", "value": "mika@example.com", "sure": true},
            {"field": "Email", "value": "mika@example.com", "sure": false},
        ]),
        "the sure ones first, whatever the order of `match`"
    );
    assert_eq!(
        people(&run, "sf-us")["manager"]["keys"][0],
        json!({"field": "Email", "value": "jun@example.com", "sure": true})
    );
}

#[test]
fn the_same_facts_give_the_same_hash_and_another_manager_another_one() {
    let mut run = leaving();
    let before = dismantle(&run);
    assert_eq!(dismantle(&leaving()).hash().unwrap(), before.hash().unwrap());
    run.person.manager.as_mut().unwrap().display = Some("J. Sato".to_owned());
    assert_eq!(dismantle(&run).hash().unwrap(), before.hash().unwrap());
    run.person.manager.as_mut().unwrap().login = Some("kim@example.com".to_owned());
    let now = dismantle(&run);
    assert_eq!(
        before.moved(&now),
        [
            "dismantle/records/sf-emea/1/salesforce/hand-over-records: its parameters changed",
            "dismantle/records/sf-us/1/salesforce/hand-over-records: its parameters changed",
        ],
        "whoever named the first plan did not mean Kim"
    );
    assert_eq!(
        Run::of(run.configuration, run.person).hash,
        leaving().hash,
        "the run plan names nobody"
    );
}

#[test]
fn a_target_that_names_nobody_for_this_person_drops_out() {
    let mut run = leaving();
    let targets = json!({
        "to": ["user:${person.manager.email}", "queue:Orphans"],
        "objects": {"Case": "user:${person.manager.email}"},
    });
    run.plan.stages[1].steps[0].with = targets;
    let with = |run: &Run| {
        let with = &dismantle(run).items[0].change.with;
        json!([with["to"], with["objects"]["Case"]])
    };
    assert_eq!(
        with(&run),
        json!([["user:jun@example.com", "queue:Orphans"], "user:jun@example.com"])
    );
    run.person.manager = None;
    assert_eq!(with(&run), json!([["queue:Orphans"], []]));
}

fn record(run: &Run, connection: &str, action: &str, reference: Value) -> ChangeRecord {
    let plan = dismantle(run);
    let mut items = plan
        .items
        .into_iter()
        .filter(|item| item.change.connection.as_str() == connection);
    let mut change = items.next().unwrap().change;
    change.action = action.to_owned();
    ChangeRecord {
        change,
        outcome: Outcome::Changed,
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        request_id: None,
        reference,
    }
}

#[test]
fn a_message_says_what_was_handed_over() {
    let run = leaving();
    let tally = |object: &str, counted: u64, refused: u64| {
        json!({
            "object": object, "field": "OwnerId", "counted": counted, "arrived": 1, "moved": counted - 2, "kept": 2,
            "refused": refused, "gone": 1 - refused, "to": {"005J": counted - 2},
            "refusals": if refused > 0 { json!({"FIELD_CUSTOM_VALIDATION_EXCEPTION": refused}) } else { json!({}) },
        })
    };
    let unseen = json!({
        "object": "Secret__c", "field": "OwnerId", "counted": 0, "arrived": 0, "moved": 0, "kept": 0, "refused": 0,
        "gone": 0, "uninspected": "INSUFFICIENT_ACCESS",
    });
    let hand_over = "salesforce/hand-over-records";
    let changes = [
        record(&run, "sf-us", "salesforce/freeze", json!({"login": "0Yw"})),
        record(
            &run,
            "sf-us",
            hand_over,
            json!({"tallies": [tally("Account", 12, 1), tally("Case", 30, 0)], "evidence": ["Account/0001.csv"]}),
        ),
        record(&run, "sf-emea", hand_over, json!({"tallies": [unseen], "evidence": []})),
    ];
    let texts = TextFacts::of(&run.configuration, &changes);
    assert_eq!(
        texts.handover,
        "sf-emea: 0 counted: 0 moved, 0 kept, 0 refused, 0 gone; not looked at to the end: Secret__c.OwnerId \
         (INSUFFICIENT_ACCESS)\n\
         sf-us: 42 counted, 2 arrived meanwhile: 38 moved (to 005J 38), 4 kept, 1 refused \
         (FIELD_CUSTOM_VALIDATION_EXCEPTION 1), 1 gone"
    );
    let told = tell_changes(&run.configuration, &catalogue(), &run.facts(), TellMoment::Done, &texts);
    assert_eq!(
        told[0].change.with,
        json!({"email": "jun@example.com", "text": texts.handover})
    );
    assert_eq!(TextFacts::of(&run.configuration, &changes[..1]), TextFacts::default());
}

#[test]
fn a_message_says_what_the_freed_licences_cost() {
    let mut run = leaving();
    let licence =
        |id: &str, name: &str, used: u64| json!({"kind": "user", "id": id, "name": name, "used": used, "total": 9});
    let freed = |before: Value, after: Value| json!({"licences": {"before": before, "after": after}});
    let changes = [
        record(
            &run,
            "sf-us",
            "salesforce/remove-entitlements",
            freed(json!([licence("0PL1", "CPQ User", 1)]), json!([])),
        ),
        record(
            &run,
            "sf-us",
            "salesforce/deactivate",
            freed(
                json!([licence("1001", "Salesforce", 7), licence("1002", "Chatter Free", 3)]),
                json!([licence("1001", "Salesforce", 6), licence("1002", "Chatter Free", 4)]),
            ),
        ),
    ];
    assert_eq!(
        TextFacts::of(&run.configuration, &changes).licences,
        "sf-us: CPQ User 1, Salesforce 1; 240.50 EUR a month"
    );
    let elsewhere = [
        record(
            &run,
            "sf-emea",
            "salesforce/deactivate",
            freed(
                json!([
                    licence("1001", "SALESFORCE", 7),
                    licence("1009", "Gold", 2),
                    licence("1010", "Force.com - Free", 1)
                ]),
                json!([licence("1001", "SALESFORCE", 6), licence("1009", "Gold", 0)]),
            ),
        ),
        record(
            &run,
            "onelogin-main",
            "onelogin/remove-roles",
            freed(json!({"unread": "forbidden"}), json!([])),
        ),
    ];
    let all: Vec<ChangeRecord> = changes.iter().chain(&elsewhere).cloned().collect();
    assert_eq!(
        TextFacts::of(&run.configuration, &all).licences,
        "onelogin-main: the licences could not be read: forbidden\n\
         sf-emea: Force.com - Free 1, Gold 2, SALESFORCE 1; 165.00 EUR a month, 0.00 USD a month, no cost known of Gold\n\
         sf-us: CPQ User 1, Salesforce 1; 240.50 EUR a month\n\
         in all: 405.50 EUR a month, 0.00 USD a month, no cost known of Gold"
    );
    // Two accounts of theirs, both counted from the beginning of the stage.
    let both: Vec<ChangeRecord> = [(7, 6), (7, 5)]
        .into_iter()
        .map(|(before, after)| {
            let used = |used| json!([licence("1001", "Salesforce", used)]);
            record(&run, "sf-us", "salesforce/deactivate", freed(used(before), used(after)))
        })
        .collect();
    assert_eq!(
        TextFacts::of(&run.configuration, &both).licences,
        "sf-us: Salesforce 2; 330.00 EUR a month"
    );
    run.configuration.licences.clear();
    assert_eq!(
        TextFacts::of(&run.configuration, &changes).licences,
        "sf-us: CPQ User 1, Salesforce 1"
    );
}

#[test]
fn a_message_names_sessions_that_stay_open() {
    let run = leaving();
    let changes = [
        record(
            &run,
            "onelogin-main",
            "onelogin/log-out",
            json!({"open_app_sessions": ["Mail", "Vault"], "apps": 5}),
        ),
        record(
            &run,
            "sf-us",
            "salesforce/end-sessions",
            json!({"open_app_sessions": "unknown: forbidden"}),
        ),
        record(
            &run,
            "sf-emea",
            "salesforce/end-sessions",
            json!({"open_app_sessions": [], "apps": 0}),
        ),
    ];
    assert_eq!(
        TextFacts::of(&run.configuration, &changes).open_app_sessions,
        "onelogin-main: Mail, Vault, 3 more\nsf-us: unknown: forbidden"
    );
}
