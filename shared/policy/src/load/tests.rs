use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_model::ids::ConnectionId;
use rollcall_model::plan::{Goal, TellMoment};

use super::*;
use crate::cases::run_tests;
use crate::configuration::{
    ListSource, Mode, ModeRule, OktaAuth, OnExpiry, Role, SalesforceFlow, TenantSettings, Trigger,
};
use crate::tests::catalogue;

mod dismantling;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config")
}

pub(crate) fn files() -> BTreeMap<String, String> {
    folder::read(&fixtures().join("leaver")).unwrap()
}

fn company() -> Configuration {
    load(&fixtures().join("company"), "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn with(changes: &[(&str, &str)]) -> Result<Configuration, Problems> {
    let mut files = files();
    for (path, text) in changes {
        files.insert((*path).to_owned(), (*text).to_owned());
    }
    load_files(&files, "prod", &catalogue())
}

/// Every broken folder says exactly what its `expected.txt` says. With `ROLLCALL_BLESS=1` the files are written instead.
#[test]
fn broken_folders_name_every_fault_with_its_place() {
    let mut seen = 0;
    for entry in fs::read_dir(fixtures().join("broken")).unwrap() {
        let folder = entry.unwrap().path();
        let problems = load(&folder, "prod", &catalogue()).unwrap_err();
        let found = format!("{problems}\n");
        let expected = folder.join("expected.txt");
        if std::env::var_os("ROLLCALL_BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        assert_eq!(fs::read_to_string(&expected).unwrap(), found, "{}", folder.display());
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn the_sample_loads_in_both_environments_and_its_tests_pass() {
    for environment in ["prod", "sandbox"] {
        let configuration =
            load(&fixtures().join("leaver"), environment, &catalogue()).unwrap_or_else(|p| panic!("{p}"));
        let results = run_tests(&configuration, &catalogue());
        assert!(results.len() >= 10, "{}", results.len());
        if environment == "prod" {
            for result in results {
                assert!(result.passed(), "{result:?}");
            }
        }
    }
}

#[test]
fn a_credential_s_end_is_a_day_or_a_moment() {
    let environment = |expires: &str| {
        let text =
            files()["env/prod.yaml"].replace("    flow: jwt\n", &format!("    flow: jwt\n    expires: {expires}\n"));
        with(&[("env/prod.yaml", text.as_str())])
    };
    let end = |expires: &str| {
        let configuration = environment(expires).unwrap_or_else(|problems| panic!("{problems}"));
        let connections = configuration.connections;
        assert_eq!(connections[&ConnectionId::new("okta-main")].tenant.expires, None);
        connections[&ConnectionId::new("sf-us")]
            .tenant
            .expires
            .unwrap()
            .to_string()
    };
    assert_eq!(end("2027-01-31"), "2027-01-31T00:00:00Z");
    assert_eq!(end("'2027-01-31T17:00:00+01:00'"), "2027-01-31T16:00:00Z");
    for wrong in ["soon", "31.1.2027", "2027-13-01"] {
        let problems = environment(wrong).unwrap_err().to_string();
        assert!(
            problems.contains("is no moment") && problems.contains("2027-01-31"),
            "{problems}"
        );
    }
}

#[test]
fn the_company_s_tests_pass() {
    let configuration = company();
    let results = run_tests(&configuration, &catalogue());
    assert!(results.len() >= 24, "{}", results.len());
    for result in results {
        assert!(result.passed(), "{result:?}");
    }
}

#[test]
fn the_company_says_what_it_means() {
    let configuration = company();
    let connection = |name: &str| &configuration.connections[&ConnectionId::new(name)];
    assert_eq!(connection("sf-us").app.as_deref(), Some("0oaSalesforceUS"));
    assert_eq!(connection("okta-main").app, None);
    assert!(configuration.connections.values().all(|one| !one.suspension_is_leaving));
    assert!(matches!(
        &connection("onelogin-main").tenant.settings,
        TenantSettings::Onelogin { canary: Some(canary), .. } if canary == "7001"
    ));
    let guard = &configuration.guard;
    let own: Vec<(&str, Option<u32>, Option<u32>)> = guard
        .connections
        .iter()
        .map(|(id, limits)| {
            let per_hour = |rate: Option<crate::configuration::Rate>| rate.map(|rate| rate.per_hour);
            (id.as_str(), per_hour(limits.cut), per_hour(limits.dismantle))
        })
        .collect();
    assert_eq!(own, [("sf-us", Some(10), None)]);
    assert_eq!(guard.linked, Some(95));
    assert_eq!(guard.held.escalate_to, ["#it-leads"]);
    assert_eq!(guard.held.expires, Duration::from_hours(48));
    let priya = &configuration.operators["priya"];
    assert_eq!(priya.login.as_deref(), Some("priya.raman@corp.example"));
    assert_eq!(
        priya.roles.iter().copied().collect::<Vec<Role>>(),
        [Role::Viewer, Role::Operator, Role::Approver, Role::Confidential]
    );
    assert!(!configuration.operators["omar"].roles.contains(&Role::Approver));

    let leaver = &configuration.playbooks["leaver"];
    let steps: Vec<(&str, &[String])> = leaver.stages[0]
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.actions.as_slice()))
        .collect();
    assert_eq!(
        steps
            .iter()
            .map(|(id, actions)| (*id, actions.len()))
            .collect::<Vec<_>>(),
        [("okta", 4), ("onelogin", 2), ("salesforce", 3)]
    );
    let removed = &configuration.playbooks["app-removed"];
    assert_eq!((removed.goal, removed.stages.len()), (Goal::Move, 1));
}

#[test]
fn held_stages_press_by_default_and_as_configured() {
    let held = with(&[]).unwrap().guard.held;
    assert_eq!(held, crate::configuration::Held::default());
    let root = files()["rollcall.yaml"].replace(
        "guard: {",
        "guard: {held: {remind: 5m, escalate: 30m, escalate_to: [it@example.com, \"#it\"], page: 45m, expires: 90m, \
         on_expiry: apply}, ",
    );
    let held = with(&[("rollcall.yaml", &root)]).unwrap().guard.held;
    assert_eq!(
        (held.remind, held.escalate, held.page, held.expires),
        (
            Duration::from_mins(5),
            Duration::from_mins(30),
            Duration::from_mins(45),
            Duration::from_mins(90)
        )
    );
    assert_eq!(held.escalate_to, ["it@example.com", "#it"]);
    assert_eq!(held.on_expiry, OnExpiry::Apply);
}

#[test]
fn things_are_kept_by_default_and_as_configured_and_never_too_short() {
    let day = Duration::from_hours(24);
    let kept = with(&[]).unwrap().retention;
    assert_eq!((kept.runs, kept.events, kept.undo), (day * 400, day * 30, day * 30));
    let root = |text: &str| format!("{}\nretention: {text}\n", files()["rollcall.yaml"]);
    let kept = with(&[("rollcall.yaml", &root("{runs: 90d, events: 7d, undo: 1h}"))])
        .unwrap()
        .retention;
    assert_eq!(
        (kept.runs, kept.events, kept.undo),
        (day * 90, day * 7, Duration::from_hours(1))
    );
    for (text, what) in [
        ("{events: 6d}", "must still be known"),
        ("{runs: 30d}", "watched"),
        ("{receipts: 1d}", "receipts"),
    ] {
        let problems = with(&[("rollcall.yaml", &root(text))]).unwrap_err().to_string();
        assert!(problems.contains(what), "{problems}");
    }
}

#[test]
fn a_directory_may_suspend_its_leavers() {
    let mut files = folder::read(&fixtures().join("company")).unwrap();
    let root = files["rollcall.yaml"].replace(
        "onelogin-main: onelogin,",
        "onelogin-main: {kind: onelogin, suspended: left},",
    );
    files.insert("rollcall.yaml".to_owned(), root);
    let configuration = load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"));
    let leaving: Vec<&str> = configuration
        .connections
        .values()
        .filter(|connection| connection.suspension_is_leaving)
        .map(|connection| connection.id.as_str())
        .collect();
    assert_eq!(leaving, ["onelogin-main"]);
}

#[test]
fn lists_may_be_objects_and_groups_of_any_directory() {
    let mut files = folder::read(&fixtures().join("company")).unwrap();
    let root = files["rollcall.yaml"]
        .replace("hold: {group: okta-main/Legal-Hold}", "hold: {object: lists/hold.csv}")
        .replace(
            "service: {csv: tables/service.csv}",
            "service: {group: okta-main/RC-Service}",
        )
        .replace("quiet: {group: okta-main/", "quiet: {group: onelogin-main/");
    files.insert("rollcall.yaml".to_owned(), root);
    let configuration = load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        configuration.lists["hold"],
        ListSource::Object {
            name: "lists/hold.csv".to_owned()
        }
    );
    let to_read: Vec<String> = crate::decide::lists_to_read(&configuration).into_keys().collect();
    assert_eq!(
        to_read,
        ["hold", "quiet", "service"],
        "the source's group `protected` is told by the person's own groups"
    );
}

#[test]
fn a_step_says_which_accounts_it_concerns() {
    let playbook = "on: {from: okta-main, event: user.deactivated}
cut:
  - {id: a, use: salesforce/freeze, in: sf-us, accounts: [portal, human]}
  - {id: b, use: salesforce/freeze, in: sf-us}
";
    let configuration = with(&[("playbooks/leaver.yaml", playbook)]).unwrap();
    let classes: Vec<Vec<&str>> = configuration.playbooks["leaver"].stages[0]
        .steps
        .iter()
        .map(|step| step.classes.iter().map(|class| class.as_str()).collect())
        .collect();
    assert_eq!(classes, [vec!["human", "portal"], vec!["human", "admin"]]);
}

#[test]
fn a_shipped_step_without_its_parameter_is_not_there() {
    let leaver = &with(&[]).unwrap().playbooks["leaver"];
    assert_eq!(leaver.stages[0].steps.len(), 1);
    assert_eq!(leaver.on.len(), 2, "{:?}", leaver.on);
}

#[test]
fn the_sample_says_what_it_means() {
    let configuration = with(&[]).unwrap();
    let okta = &configuration.connections[&ConnectionId::new("okta-main")].tenant;
    assert_eq!(okta.url, "https://corp.okta.example");
    let TenantSettings::Okta {
        auth: OktaAuth::Ssws { secret },
        ..
    } = &okta.settings
    else {
        panic!("{okta:?}")
    };
    assert_eq!(secret.to_string(), "env:ROLLCALL_OKTA_TOKEN");
    assert_eq!(okta.hook.as_ref().unwrap().secrets.len(), 1);
    let salesforce = &configuration.connections[&ConnectionId::new("sf-us")].tenant;
    assert!(matches!(
        &salesforce.settings,
        TenantSettings::Salesforce { flow: SalesforceFlow::Jwt { username, .. }, sandbox: false, .. }
            if username == "rollcall@us.example.com"
    ));
    let ListSource::Csv { values, .. } = &configuration.lists["service"] else {
        panic!()
    };
    assert_eq!(values, &["backup@example.com", "reports@example.com"]);
    assert!(matches!(
        configuration.modes.playbooks["leaver"],
        ModeRule::Always(Mode::Enforce)
    ));
    assert_eq!(configuration.guard.cut.per_hour, 30);

    let leaver = &configuration.playbooks["leaver"];
    assert_eq!(leaver.goal, Goal::Leave);
    assert!(leaver.on.contains(&Trigger::Planned(Goal::Leave)));
    let [cut] = leaver.stages.as_slice() else { panic!() };
    assert_eq!(cut.steps[0].connections, [ConnectionId::new("sf-us")]);
    assert_eq!(cut.steps[0].id, "salesforce");
    let moments: Vec<TellMoment> = leaver.tell.iter().map(|tell| tell.moment).collect();
    assert_eq!(
        moments,
        [TellMoment::Cut, TellMoment::Done, TellMoment::Held, TellMoment::Failed]
    );
}

#[test]
fn an_unknown_environment_names_the_ones_there_are() {
    let problems = load(&fixtures().join("leaver"), "production", &catalogue()).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "env/production.yaml: there is no environment `production`; choose one of prod, sandbox"
    );
    assert!(load(&fixtures().join("nowhere"), "prod", &catalogue()).is_err());
}

#[test]
fn without_a_channel_only_the_manager_is_told() {
    let configuration = with(&[(
        "playbooks/leaver.yaml",
        "uses: rollcall/leaver@1\nwith: {salesforce: sf-us}\ntell:\n  done: {dm: \"${person.manager}\", text: bye}\n",
    )])
    .unwrap();
    let tell = &configuration.playbooks["leaver"].tell;
    assert_eq!(tell.len(), 1);
    assert_eq!(tell[0].action, "slack/dm");
}

#[test]
fn the_digest_is_of_the_content() {
    let one = with(&[]).unwrap().digest;
    let root = files()["rollcall.yaml"].clone();
    let spaced = root.replace("version: 1\n", "# a comment\n\nversion:   1\n");
    assert_eq!(with(&[("rollcall.yaml", &spaced)]).unwrap().digest, one);
    let crlf = root.replace('\n', "\r\n");
    assert_eq!(with(&[("rollcall.yaml", &crlf)]).unwrap().digest, one);
    let other = root.replace("30/h", "31/h");
    assert_ne!(with(&[("rollcall.yaml", &other)]).unwrap().digest, one);
    let table = "login;owner\nsomebody@example.com;it@example.com\n";
    assert_ne!(with(&[("tables/service.csv", table)]).unwrap().digest, one);
    // Another environment's file and a table that nothing names are not part of it.
    assert_eq!(
        with(&[("env/sandbox.yaml", "mode: {}\n"), ("tables/spare.csv", "a,b\n")])
            .unwrap()
            .digest,
        one
    );
    let sandbox = load_files(&files(), "sandbox", &catalogue()).unwrap();
    assert_ne!(sandbox.digest, one);
}

#[test]
fn a_bundle_brings_back_the_same_configuration() {
    let configuration = with(&[]).unwrap();
    let stored = serde_json::to_string(&configuration.to_bundle()).unwrap();
    assert!(
        stored.contains("rollcall/leaver@1"),
        "the shipped playbook is pinned too"
    );
    let bundle: Bundle = serde_json::from_str(&stored).unwrap();
    let again = Configuration::from_bundle(&bundle, &catalogue()).unwrap();
    assert_eq!(again.digest, configuration.digest);
    assert_eq!(again.to_bundle(), configuration.to_bundle());
    assert_eq!(
        again.playbooks["leaver"].stages,
        configuration.playbooks["leaver"].stages
    );

    let mut changed = bundle.clone();
    let text = changed.shipped.get_mut("rollcall/leaver@1").unwrap();
    *text = text.replace("user.deleted", "user.suspended");
    assert_ne!(
        Configuration::from_bundle(&changed, &catalogue()).unwrap().digest,
        configuration.digest
    );
    let future = Bundle { version: 2, ..bundle };
    assert!(Configuration::from_bundle(&future, &catalogue()).is_err());
}

#[test]
fn bombs_are_refused_quickly() {
    let deep = format!("a: {}{}", "[".repeat(2_000), "]".repeat(2_000));
    let wide = format!("a: [{}]", "0,".repeat(30_000));
    let huge = "a".repeat(yaml::LARGEST + 1);
    let laughs = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    for text in [deep.as_str(), wide.as_str(), huge.as_str(), laughs] {
        let problems = with(&[("playbooks/leaver.yaml", text)]).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.file == "playbooks/leaver.yaml"),
            "{problems}"
        );
    }
}

#[test]
fn a_missing_piece_is_said_once_and_nothing_panics() {
    for path in [
        "rollcall.yaml",
        "env/prod.yaml",
        "playbooks/leaver.yaml",
        "people/amara.yaml",
    ] {
        let whole = files()[path].clone();
        for cut in (0..whole.len()).step_by(7) {
            if whole.is_char_boundary(cut) {
                // A truncated file may still be valid; what matters is that it is answered.
                let _ = with(&[(path, &whole[..cut])]);
            }
        }
    }
    assert!(with(&[("rollcall.yaml", "")]).is_err());
    assert!(with(&[("rollcall.yaml", "- 1\n")]).is_err());
}

#[test]
fn every_file_of_the_broken_folders_is_placed_by_hand_at_least_once() {
    // Places that were counted by eye, so that a blessed mistake is still found.
    let broken = |name: &str| {
        load(&fixtures().join("broken").join(name), "prod", &catalogue())
            .unwrap_err()
            .to_string()
    };
    for (folder, line) in [
        (
            "messages",
            "playbooks/leaver.yaml:11:7: a text cannot show `person.dispaly`",
        ),
        ("expressions", "playbooks/leaver.yaml:18:32: `person` has no `manger`"),
        ("unknown-keys", "rollcall.yaml:2:1: `rollcall.yaml` has no `conections`"),
        ("tables", "tables/crm.csv:3:3: row 2, column 3"),
        ("yaml", "playbooks/third.yaml:5:1: a second document begins here"),
        ("everything-at-once", "env/prod.yaml:2:65: `secret` is not a reference"),
        (
            "guard",
            "rollcall.yaml:5:29: `sf-us` is salesforce, which is no directory",
        ),
        ("guard", "rollcall.yaml:17:11: `95` is not a share of a hundred"),
        ("guard", "env/prod.yaml:9:3: `pr` has the login of `priya`"),
        ("guard", "playbooks/leaver.yaml:3:61: service accounts are nobody's own"),
        (
            "applications",
            "env/prod.yaml:4:137: the application `0oaONE` stands for `onelogin-main` already",
        ),
        (
            "dismantle",
            "playbooks/leaver.yaml:9:14: `succesor` is nobody who can get records; did you mean `successor`?",
        ),
        (
            "dismantle",
            "playbooks/leaver.yaml:10:42: `case` is `Case` once more: Salesforce ignores case",
        ),
        (
            "dismantle",
            "playbooks/leaver.yaml:11:16: `closed` is no value of `scope`",
        ),
        (
            "dismantle",
            "playbooks/leaver.yaml:14:66: `records` works in sf-us only",
        ),
        (
            "dismantle",
            "tables/licences.csv:3:2: row 2, column 2 (monthly_cost): `1,650.00`",
        ),
        (
            "applications",
            "playbooks/barred.yaml:1:1: `barred` answers user.suspended or user.locked and has no `cut`",
        ),
    ] {
        assert!(broken(folder).contains(line), "{folder}: {line}\n{}", broken(folder));
    }
    assert!(
        !broken("everything-at-once").contains("00abcdefPlainToken"),
        "a pasted secret is not repeated"
    );
}
