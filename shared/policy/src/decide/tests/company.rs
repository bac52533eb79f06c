//! Two directories, two organisations, applications, quiet runs: what begins a run and what its plan allows.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::configuration::ListSource;
use crate::load;

pub(super) fn company() -> Configuration {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config/company");
    load(&folder, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The same where OneLogin's way of leaving is a suspension.
fn leaving_by_suspension() -> Configuration {
    let mut configuration = company();
    let onelogin = configuration.connections.get_mut(&"onelogin-main".into()).unwrap();
    onelogin.suspension_is_leaving = true;
    configuration
}

fn from(connection: &str, kind: &str, app: Option<&str>) -> Event {
    Event {
        source: connection.into(),
        account: Some(AccountRef::new(connection, "7")),
        app: app.map(str::to_owned),
        ..event(kind)
    }
}

fn planned(configuration: &Configuration, event: &Event, wish: &Wish) -> RunPlan {
    let matched = goals(configuration, event);
    assert_eq!(matched.len(), 1, "{matched:?}");
    let subject = event.account.clone().unwrap();
    run_plan(configuration, &matched[0], &amara(), &subject, wish).unwrap()
}

const STATES: [SourceState; 7] = [
    SourceState::Staged,
    SourceState::Active,
    SourceState::Suspended,
    SourceState::Locked,
    SourceState::Deactivating,
    SourceState::Deactivated,
    SourceState::Deleted,
];

fn agrees(plan: &RunPlan) -> Vec<&'static str> {
    STATES
        .into_iter()
        .filter(|state| plan.agrees_with(*state))
        .map(SourceState::as_str)
        .collect()
}

#[test]
fn a_suspension_only_cuts_and_holds_while_they_are_barred_or_gone() {
    let mut configuration = company();
    let text = "on: [{from: onelogin-main, event: [user.suspended, user.locked, user.deleted]}]
cut: [{use: salesforce/freeze, in: crm}]
dismantle: [{use: salesforce/hand-over, in: sf-us, with: {to: manager}}]
";
    let mut bundle = configuration.to_bundle();
    bundle.files.insert("playbooks/leaver.yaml".to_owned(), text.to_owned());
    configuration = Configuration::from_bundle(&bundle, &catalogue()).unwrap();
    let barred = ["suspended", "locked", "deactivating", "deactivated", "deleted"];
    for kind in ["user.suspended", "user.locked"] {
        let event = from("onelogin-main", kind, None);
        assert!(goals(&configuration, &event)[0].cut_only, "{kind}");
        let plan = planned(&configuration, &event, &Wish::default());
        let stages: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(stages, ["cut"], "{kind}");
        assert_eq!(agrees(&plan), barred, "{kind}");
    }
    let plan = planned(
        &configuration,
        &from("onelogin-main", "user.deleted", None),
        &Wish::default(),
    );
    assert_eq!(plan.stages.len(), 2);
    assert_eq!(agrees(&plan), ["deactivating", "deactivated", "deleted"]);

    // Where suspension is the way of leaving it is a leave like any other; a lock-out never is one.
    configuration
        .connections
        .get_mut(&"onelogin-main".into())
        .unwrap()
        .suspension_is_leaving = true;
    assert!(!goals(&configuration, &from("onelogin-main", "user.suspended", None))[0].cut_only);
    assert!(goals(&configuration, &from("onelogin-main", "user.locked", None))[0].cut_only);
    let plan = planned(
        &configuration,
        &from("onelogin-main", "user.suspended", None),
        &Wish::default(),
    );
    assert_eq!(plan.stages.len(), 2);
    assert_eq!(agrees(&plan), ["suspended", "deactivating", "deactivated", "deleted"]);
}

#[test]
fn a_playbook_without_a_cut_has_nothing_to_do_for_the_barred() {
    let mut configuration = company();
    let leaver = configuration.playbooks.get_mut("leaver").unwrap();
    leaver.stages[0].name = "steps".to_owned();
    assert_eq!(
        goals(&configuration, &from("onelogin-main", "user.suspended", None)),
        []
    );
}

#[test]
fn another_directory_s_leaver_is_a_leaver_by_its_own_directory_s_word() {
    let configuration = leaving_by_suspension();
    let okta = planned(&configuration, &event("user.deactivated"), &Wish::default());
    assert_eq!(agrees(&okta), ["deactivating", "deactivated", "deleted"]);
    let onelogin = planned(
        &configuration,
        &from("onelogin-main", "user.deleted", None),
        &Wish::default(),
    );
    assert_eq!(onelogin.subject, AccountRef::new("onelogin-main", "7"));
    assert_eq!(onelogin.stages, okta.stages);
    assert!(onelogin.agrees_with(SourceState::Suspended));
}

#[test]
fn a_run_that_was_asked_for_needs_no_word_of_the_source() {
    let configuration = company();
    let matched = planned_playbook(&configuration, Goal::Leave).unwrap();
    let wish = Wish {
        asked: true,
        quiet: true,
        successor: Some("jun@example.com".to_owned()),
    };
    let person = amara();
    let plan = run_plan(&configuration, &matched, &person, &person.account, &wish).unwrap();
    assert_eq!(agrees(&plan).len(), STATES.len());
    assert!(plan.quiet);
    assert_eq!(plan.successor.as_deref(), Some("jun@example.com"));
    let plain = run_plan(&configuration, &matched, &person, &person.account, &Wish::default()).unwrap();
    assert!(!plain.agrees_with(SourceState::Active));
    assert_ne!(plan.hash().unwrap(), plain.hash().unwrap());
}

#[test]
fn an_application_taken_away_concerns_the_connection_that_it_stands_for() {
    let configuration = company();
    let event = from("okta-main", "app.removed", Some("0oaSalesforceEMEA"));
    let matched = goals(&configuration, &event);
    assert_eq!(
        matched,
        [PlaybookMatch {
            playbook: "app-removed".to_owned(),
            goal: Goal::Move,
            cut_only: false,
            about: Some(("sf-emea".into(), "0oaSalesforceEMEA".to_owned())),
        }]
    );
    let plan = planned(&configuration, &event, &Wish::default());
    assert_eq!(plan.scope, Some("sf-emea".into()));
    assert_eq!(plan.unassigned.as_deref(), Some("0oaSalesforceEMEA"));
    let steps: Vec<(&str, &[ConnectionId])> = plan.stages[0]
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.connections.as_slice()))
        .collect();
    assert_eq!(steps, [("salesforce", ["sf-emea".into()].as_slice())]);
    assert_eq!(plan.tell.len(), 3, "everybody is told as ever");
    assert_eq!(
        agrees(&plan).len(),
        STATES.len(),
        "the assignment is the reason, not a state"
    );

    for nothing in [
        from("okta-main", "app.removed", Some("0oaWiki")),
        from("okta-main", "app.removed", None),
        // Another directory's application ids are other names, even when they read the same.
        from("onelogin-main", "app.removed", Some("0oaSalesforceEMEA")),
        from("okta-main", "app.assigned", Some("0oaSalesforceEMEA")),
    ] {
        assert_eq!(goals(&configuration, &nothing), [], "{nothing:?}");
    }
}

#[test]
fn a_step_that_waited_for_a_step_elsewhere_waits_for_nothing_in_a_run_about_one_application() {
    let mut configuration = company();
    let removed = configuration.playbooks.get_mut("app-removed").unwrap();
    let salesforce = &mut removed.stages[0].steps[1];
    salesforce.after = Some("onelogin".to_owned());
    let event = from("okta-main", "app.removed", Some("0oaSalesforceUS"));
    let plan = planned(&configuration, &event, &Wish::default());
    assert_eq!(plan.stages[0].steps[0].after, None);
}

fn entries(names: &[&str]) -> ListRead {
    ListRead::Entries(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn lists_read_at_run_time_count_and_an_absent_read_is_never_taken_for_out() {
    let mut configuration = company();
    configuration.lists.insert(
        "hold".to_owned(),
        ListSource::Object {
            name: "lists/hold.csv".to_owned(),
        },
    );
    let person = amara();
    let hold = |reads: &ListReads| memberships(&configuration, &person, reads)["hold"].clone();
    assert!(matches!(hold(&ListReads::new()), Membership::Unknown(why) if why.contains("lists/hold.csv was not read")));
    let read = |read: ListRead| ListReads::from([("hold".to_owned(), read)]);
    for name in [
        "amara@example.com",
        "00uamara",
        "okta-main/00uamara",
        "okta-main:00uamara",
        "1001",
    ] {
        assert_eq!(hold(&read(entries(&["x", name]))), Membership::In, "{name}");
    }
    assert_eq!(hold(&read(entries(&["jun@example.com", ""]))), Membership::Out);
    assert_eq!(
        hold(&read(ListRead::Unreadable("503".to_owned()))),
        Membership::Unknown("503".to_owned())
    );
}

#[test]
fn a_group_of_a_directory_that_did_not_describe_the_person_is_told_by_its_members() {
    let configuration = company();
    let mut person = amara();
    let reads = ListReads::from([("quiet".to_owned(), entries(&["amara@example.com"]))]);
    // The source described them: their own groups are the word that counts.
    assert_eq!(memberships(&configuration, &person, &reads)["quiet"], Membership::Out);
    person.account = AccountRef::new("onelogin-main", "7");
    assert_eq!(memberships(&configuration, &person, &reads)["quiet"], Membership::In);
    assert!(matches!(
        &memberships(&configuration, &person, &reads)["hold"],
        Membership::Unknown(why) if why.contains("the person was read from onelogin-main")
    ));
    let to_read: BTreeSet<String> = lists_to_read(&configuration).into_keys().collect();
    assert_eq!(
        to_read,
        BTreeSet::new(),
        "the person's own groups and a table tell them all"
    );
}

#[test]
fn a_condition_asks_the_list_that_was_read() {
    let mut run = Run::new();
    run.configuration.lists.insert(
        "quiet".to_owned(),
        ListSource::Object {
            name: "lists/quiet.txt".to_owned(),
        },
    );
    let stop = |run: &mut Run, reads: &ListReads| {
        run.memberships = memberships(&run.configuration, &run.person, reads);
        stage_stop(&run.configuration, &run.facts(), 1)
    };
    let read = |read: ListRead| ListReads::from([("quiet".to_owned(), read)]);
    assert!(matches!(stop(&mut run, &ListReads::new()), Stop::Unknown(_)));
    assert_eq!(stop(&mut run, &read(entries(&[]))), Stop::Go);
    assert!(matches!(
        stop(&mut run, &read(entries(&["amara@example.com"]))),
        Stop::Stopped(_)
    ));
}

#[test]
fn a_quiet_run_names_itself_and_tells_fixed_addressees_only() {
    let mut run = Run::new();
    run.plan.quiet = true;
    let texts = TextFacts {
        id: "run-7".to_owned(),
        cut: "sf-us 412 ms".to_owned(),
        ..TextFacts::default()
    };
    run.plan.tell[0].text =
        "{{ person.display }} {{ person.login }} {{ person.manager.email }} {{ person.department }}: {{ run.cut }}"
            .to_owned();
    let told = tell_changes(&run.configuration, &catalogue(), &run.facts(), TellMoment::Cut, &texts);
    assert_eq!(
        told[0].change.with,
        json!({"channel": "#security", "text": "run run-7 run run-7 run run-7 run run-7: sf-us 412 ms"})
    );
    assert_eq!(
        told[1].verdict,
        Verdict::Skip("quiet: only fixed addressees are told".to_owned())
    );
    assert_eq!(told[1].change.with, Value::Null);
    let whole = serde_json::to_string(&told).unwrap().to_lowercase();
    for name in ["amara", "jun@", "okafor"] {
        assert!(!whole.contains(name), "{name}: {whole}");
    }
}
