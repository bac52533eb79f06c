use std::collections::BTreeMap;

use super::*;
use crate::load_files;
use crate::tests::catalogue;

const ROOT: &str = "version: 1
connections: {okta-main: okta, sf-us: salesforce, sf-emea: salesforce, slack: slack}
source: okta-main
match: [{sure: true, okta: login, salesforce: FederationIdentifier}]
lists: {protected: {people: [ceo@example.com]}}
";

const ENVIRONMENT: &str = "tenants:
  okta-main: {url: https://corp.okta.example, id: 00oPROD, secret: env:OKTA}
  sf-us: {url: https://us.example.com, id: 00D000000000001AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  sf-emea: {url: https://em.example.com, id: 00D000000000002AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  slack: {id: T01, secret: env:SLACK}
mode: {default: enforce}
";

const PLAYBOOK: &str = "on: [{from: okta-main, event: [user.deactivated]}]
cut: [{use: salesforce/freeze, in: [sf-us, sf-emea], if: account.class != 'admin'}]
dismantle:
  unless: person.active
  steps: [{use: salesforce/hand-over, in: sf-us, with: {to: manager}}]
tell: {cut: {post: \"#security\", text: \"{{ person.display }}: {{ run.cut }}\"}}
tests:
";

fn differences(case: &str) -> Vec<String> {
    let files = BTreeMap::from([
        ("rollcall.yaml".to_owned(), ROOT.to_owned()),
        ("env/prod.yaml".to_owned(), ENVIRONMENT.to_owned()),
        ("playbooks/leaver.yaml".to_owned(), format!("{PLAYBOOK}  - {case}\n")),
    ]);
    let configuration = load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"));
    let mut results = run_tests(&configuration, &catalogue());
    assert_eq!(results.len(), 1);
    let result = results.remove(0);
    assert_eq!((result.file.as_str(), result.line), ("playbooks/leaver.yaml", 8));
    assert_eq!(result.passed(), result.differences.is_empty());
    result.differences
}

#[test]
fn what_is_as_expected_passes() {
    for case in [
        "{when: user.deactivated, expect: {cut: [sf-us, sf-emea], dismantle: sf-us, stages: [cut, dismantle]}}",
        "{given: {accounts: none}, when: user.deactivated, expect: {cut: [], no_account: [sf-us, sf-emea]}}",
        "{given: {accounts: {sf-us: admin}}, when: user.deactivated, expect: {cut: sf-emea, dismantle: sf-us}}",
        "{given: {accounts: {sf-emea: service}}, when: user.deactivated, expect: {skip: sf-emea}}",
        "{given: {accounts: unreadable}, when: user.deactivated, expect: {unknown: [sf-us, sf-emea], held: false}}",
        "{given: {accounts: {sf-us: unsure}}, when: user.deactivated, expect: {ask: sf-us, unknown: [], cut: sf-emea}}",
        "{given: {state: active}, when: user.deactivated, expect: {stopped: dismantle}}",
        "{given: {person: {login: CEO@example.com}}, when: user.deactivated, expect: {held: protected, mode: enforce}}",
        "{given: {states: {salesforce/freeze: {frozen: true}}}, when: user.deactivated, expect: {cut: []}}",
        "{when: {event: user.deactivated, failed: true}, expect: {nothing: true}}",
        "{when: {planned: leave}, expect: {nothing: true}}",
        "{when: user.deactivated, expect: {tell: {cut: \"#security: Test Person: sf-emea 0 ms, sf-us 0 ms\"}}}",
    ] {
        assert_eq!(differences(case), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn every_difference_is_said() {
    for (case, expected) in [
        (
            "{when: user.deactivated, expect: {cut: sf-us}}",
            "cut: expected [sf-us], is [sf-emea, sf-us]",
        ),
        (
            "{when: user.deactivated, expect: {stages: [cut]}}",
            "stages: expected [cut], is [cut, dismantle]",
        ),
        (
            "{when: user.deactivated, expect: {nothing: true}}",
            "the playbook answers user.deactivated from okta-main",
        ),
        (
            "{when: user.deleted, expect: {cut: sf-us}}",
            "the playbook does not answer user.deleted from okta-main",
        ),
        (
            "{when: user.deactivated, expect: {no_account: sf-us}}",
            "no_account: expected [sf-us], is []",
        ),
        (
            "{when: user.deactivated, expect: {skip: sf-us}}",
            "skip: expected [sf-us], is []",
        ),
        (
            "{when: user.deactivated, expect: {unknown: sf-us}}",
            "unknown: expected [sf-us], is []",
        ),
        (
            "{when: user.deactivated, expect: {stopped: dismantle}}",
            "stopped: dismantle is not stopped",
        ),
        (
            "{when: user.deactivated, expect: {held: true}}",
            "held: no stage is held",
        ),
        (
            "{given: {person: {login: ceo@example.com}}, when: user.deactivated, expect: {held: false}}",
            "held: ceo@example.com is in the list `protected`: an approver decides; \
             ceo@example.com is in the list `protected`: an approver decides",
        ),
        (
            "{when: user.deactivated, expect: {mode: review}}",
            "mode: expected review, is enforce",
        ),
        (
            "{when: user.deactivated, expect: {tell: {cut: \"#it\"}}}",
            "tell.cut: expected \"#it\", is [#security: Test Person: sf-emea 0 ms, sf-us 0 ms]",
        ),
    ] {
        assert_eq!(differences(case), [expected], "{case}");
    }
}
