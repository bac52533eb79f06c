//! Taking apart what is left: the shipped stage, hand-over parameters, recipients in tests, what licences cost.

use super::*;
use crate::cases::Target;

fn sample() -> BTreeMap<String, String> {
    folder::read(&fixtures().join("dismantle")).unwrap()
}

fn loaded(files: &BTreeMap<String, String>) -> Configuration {
    load_files(files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn differences(configuration: &Configuration) -> Vec<String> {
    run_tests(configuration, &catalogue())
        .into_iter()
        .flat_map(|result| result.differences)
        .collect()
}

/// The company with these parameters of the shipped leaver beside its own.
fn shipped(with: &str) -> Configuration {
    let mut files = folder::read(&fixtures().join("company")).unwrap();
    let leaver = files["playbooks/leaver.yaml"]
        .replace("with:\n", &format!("with:\n{with}"))
        // The company's own tests say that a leaver is only cut.
        .replace("      stages: [cut]\n", "");
    files.insert("playbooks/leaver.yaml".to_owned(), leaver);
    loaded(&files)
}

#[test]
fn the_sample_s_tests_pass() {
    let configuration = loaded(&sample());
    assert_eq!(differences(&configuration), Vec::<String>::new());
    assert_eq!(run_tests(&configuration, &catalogue()).len(), 7);
    let [cut, dismantle] = configuration.playbooks["leaver"].stages.as_slice() else {
        panic!()
    };
    assert_eq!((cut.after_ms, dismantle.after_ms), (0, 24 * 3_600_000));
    let [records, rest, roles] = dismantle.steps.as_slice() else {
        panic!()
    };
    assert_eq!(
        records.with,
        serde_json::json!({
            "to": ["successor", "manager", "managers-chain", "user:ops@example.com"],
            "objects": {"Case": "queue:Orphans", "Lead": "queue:Orphans"},
            "scope": "open",
        })
    );
    assert_eq!(rest.after.as_deref(), Some("records"));
    assert_eq!((roles.id.as_str(), roles.after.as_deref()), ("onelogin", None));
}

#[test]
fn who_gets_the_records_is_compared() {
    let text = sample()["playbooks/leaver.yaml"].clone();
    let before = text.split("tests:").next().unwrap();
    for (test, expected) in [
        (
            "{given: {person: people/amara.yaml}, when: user.deactivated, expect: {records.sf-us.to: ops@example.com}}",
            "records.sf-us.to: expected \"ops@example.com\", is [manager, jun.sato@example.com, jun.sato@example.com]",
        ),
        (
            "{given: {successor: Mika@example.com}, when: {planned: leave}, expect: {records.sf-us.Case: manager}}",
            "records.sf-us.Case: expected \"manager\", is [nothing is planned]",
        ),
        (
            "{given: {accounts: none}, when: user.deactivated, expect: {records.sf-us.to: manager}}",
            "records.sf-us.to: expected \"manager\", is [AlreadySo]",
        ),
        (
            "{when: user.deactivated, expect: {records.sf-us.Lead: manager}}",
            "records.sf-us.Lead: expected \"manager\", is [queue:Orphans]",
        ),
    ] {
        let mut files = sample();
        files.insert(
            "playbooks/leaver.yaml".to_owned(),
            format!("{before}tests:\n  - {test}\n"),
        );
        assert_eq!(differences(&loaded(&files)), [expected], "{test}");
    }
    let mut files = sample();
    let nobody = before.replace(", \"user:ops@example.com\"]", "]");
    let test = "{given: {crm.manager: none}, when: user.deactivated, expect: {records.crm.to: nobody}}";
    files.insert(
        "playbooks/leaver.yaml".to_owned(),
        format!("{nobody}tests:\n  - {test}\n"),
    );
    let configuration = loaded(&files);
    assert_eq!(differences(&configuration), Vec::<String>::new());
    let missing = &configuration.playbooks["leaver"].tests[0].given.missing;
    assert!(missing.contains(&("sf-us".into(), Target::Manager)) && missing.len() == 2);
}

#[test]
fn a_shipped_leaver_takes_nothing_apart_unless_it_is_asked_to() {
    let configuration = shipped("");
    assert_eq!(configuration.playbooks["leaver"].stages.len(), 1);
    assert_eq!(differences(&configuration), Vec::<String>::new());
}

#[test]
fn a_shipped_leaver_takes_apart_what_it_is_asked_to() {
    let everywhere = shipped(
        "  dismantle_okta: okta-main
  dismantle_onelogin: onelogin-main
  dismantle_salesforce: [sf-us, sf-emea]
  to: [manager, \"user:ops@corp.example\"]
  objects: {Case: \"queue:Orphans\"}
  after: 2h
",
    );
    assert_eq!(differences(&everywhere), Vec::<String>::new());
    let stage = &everywhere.playbooks["leaver"].stages[1];
    assert_eq!(stage.after_ms, 2 * 3_600_000);
    assert_eq!(
        stage.unless.as_deref(),
        Some("person.active || person.converting || person.in('hold')")
    );
    let steps: Vec<(&str, usize, usize, Option<&str>)> = stage
        .steps
        .iter()
        .map(|step| {
            let (actions, connections) = (step.actions.len(), step.connections.len());
            (step.id.as_str(), actions, connections, step.after.as_deref())
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("records", 1, 2, None),
            ("salesforce", 2, 2, Some("records")),
            ("onelogin", 3, 1, None),
            ("okta", 3, 1, None),
        ]
    );
    assert_eq!(
        stage.steps[0].with,
        serde_json::json!({
            "to": ["manager", "user:ops@corp.example"],
            "objects": {"Case": "queue:Orphans"},
            "scope": "open",
        })
    );
    assert_eq!(stage.steps[1].with, serde_json::json!({"what": "all"}));

    // One organisation first.
    let one = shipped("  dismantle_salesforce: sf-us\n");
    assert_eq!(differences(&one), Vec::<String>::new());
    let stage = &one.playbooks["leaver"].stages[1];
    assert_eq!((stage.steps.len(), stage.after_ms), (2, 24 * 3_600_000));
    assert_eq!(
        stage.steps[0].with["to"],
        serde_json::json!(["successor", "manager", "managers-chain"])
    );
}

#[test]
fn a_shipped_leaver_that_takes_apart_needs_the_list_of_legal_holds() {
    let mut files = folder::read(&fixtures().join("company")).unwrap();
    let root = files["rollcall.yaml"].replace("  hold: {group: okta-main/Legal-Hold}\n", "");
    let leaver = "uses: rollcall/leaver@1\nwith: {salesforce: crm, dismantle_salesforce: crm}\n";
    files.insert("rollcall.yaml".to_owned(), root);
    files.insert("playbooks/leaver.yaml".to_owned(), leaver.to_owned());
    let problems = load_files(&files, "prod", &catalogue()).unwrap_err().to_string();
    assert!(problems.contains("there is no list `hold`"), "{problems}");
    // Who only cuts needs none.
    files.insert(
        "playbooks/leaver.yaml".to_owned(),
        leaver.replace(", dismantle_salesforce: crm", ""),
    );
    loaded(&files);
}

#[test]
fn a_wrong_parameter_of_the_shipped_leaver_is_found_where_it_is_written() {
    let mut files = folder::read(&fixtures().join("company")).unwrap();
    let leaver = "uses: rollcall/leaver@1\nwith: {salesforce: crm, dismantle_salesforce: crm, to: [boss]}\n";
    files.insert("playbooks/leaver.yaml".to_owned(), leaver.to_owned());
    let problems = load_files(&files, "prod", &catalogue()).unwrap_err().to_string();
    assert_eq!(
        problems,
        "playbooks/leaver.yaml:2:57: `boss` is nobody who can get records; write successor, manager, managers-chain, \
         user:LOGIN or queue:NAME"
    );
}

#[test]
fn licences_have_costs() {
    let files = sample();
    let configuration = loaded(&files);
    let costs: Vec<(&str, u64, &str)> = configuration
        .licences
        .iter()
        .map(|(name, cost)| (name.as_str(), cost.hundredths, cost.currency.as_str()))
        .collect();
    assert_eq!(
        costs,
        [
            ("cpq user", 7_550, "EUR"),
            ("force.com - free", 0, "USD"),
            ("salesforce", 16_500, "EUR")
        ]
    );
    for (header, expected) in [
        (
            "licence;monthly_costs;currency",
            "tables/licences.csv:1:2: the table `licences` has no column `monthly_cost`; is `monthly_costs` meant?",
        ),
        (
            "licence;monthly_cost;c",
            "tables/licences.csv:1:1: the table `licences` has no column `currency`; its columns are licence, \
             monthly_cost, currency",
        ),
    ] {
        let mut files = files.clone();
        files.insert(
            "tables/licences.csv".to_owned(),
            format!("{header}\nSalesforce;1;EUR\n"),
        );
        let problems = load_files(&files, "prod", &catalogue()).unwrap_err().to_string();
        assert_eq!(problems, expected);
    }
}
