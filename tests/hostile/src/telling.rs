//! Messages: a name that somebody chose stays a name, in every text that a playbook makes of it.
//!
//! An input is somebody's display name, sign-in name and manager's name, each in a line of its own; a template may follow.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::OnceLock;

use rollcall_model::plan::Verdict;
use rollcall_model::{AccountRef, ActionCatalogue, Manager, Person, SourceState, TellMoment};
use rollcall_policy::decide::{ListReads, Wish};
use rollcall_policy::{
    Configuration, EventFacts, Facts, TextFacts, goals, load_files, memberships, run_plan, tell_changes,
};
use serde_json::json;

use crate::world::moment;
use crate::{Target, seeds};

/// Names in texts for Slack.
pub const NAMES: Target = Target {
    seeds: || seeds::corpus("telling"),
    words: &[
        "<!here|x>",
        "<https://evil.example|sign in>",
        "*bold*",
        "_",
        "~",
        "`",
        "\u{2029}",
        "{{ person.login }}",
        "&lt;!channel&gt;",
        "@channel",
    ],
    check: names,
};

/// Templates.
pub const TEMPLATES: Target = Target {
    seeds: || seeds::corpus("template"),
    words: &[
        "{{ person.display }}",
        "{{ run.why }}",
        "{% for x in [1,2] %}",
        "{% endfor %}",
        "{% if ",
        "{% endif %}",
        "{% set x = ",
        "{% macro m() %}",
        "{% endmacro %}",
        "{% include 'x' %}",
        "{% raw %}",
        "{% endraw %}",
        "| upper",
        "| safe",
        "| escape",
        "| replace('a','b')",
        "| join",
        "range(1000000)",
        "| repeat",
        "~",
        "loop.index",
        "{# ",
        " #}",
        "{{ x",
        "debug()",
        "self",
        "[::-1]",
        "**",
    ],
    check: templates,
};

const ROOT: &str = "version: 1
connections: {okta-main: okta, sf-us: salesforce, slack: slack}
source: okta-main
match:
  - {sure: true, okta: login, salesforce: FederationIdentifier}
";
const TENANTS: &str = "tenants:
  okta-main: {url: https://corp.okta.example, id: 00oPROD, secret: env:OKTA}
  sf-us: {url: https://us.example.com, id: 00D000000000001AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  slack: {id: T01, secret: env:SLACK}
mode: {default: enforce}
";
const LEAVER: &str = "on: [{from: okta-main, event: user.deactivated}]
cut: [{use: salesforce/freeze, in: sf-us}]
tell:
  cut: {post: \"#security\", text: TEXT}
";

fn catalogue() -> &'static ActionCatalogue {
    static ALL: OnceLock<ActionCatalogue> = OnceLock::new();
    ALL.get_or_init(rollcall_connectors::catalogue)
}

/// A company whose leaver's text is this; nothing when the text is refused, with reasons.
fn company(template: &str) -> Option<Configuration> {
    let text = serde_json::to_string(template).expect("a text is JSON");
    let files = BTreeMap::from([
        ("rollcall.yaml".to_owned(), ROOT.to_owned()),
        ("env/prod.yaml".to_owned(), TENANTS.to_owned()),
        ("playbooks/leaver.yaml".to_owned(), LEAVER.replace("TEXT", &text)),
    ]);
    load_files(&files, "prod", catalogue()).ok()
}

fn person(display: &str, login: &str, manager: &str) -> Person {
    Person {
        key: "p-1".into(),
        account: AccountRef::new("okta-main", "00u1"),
        state: SourceState::Deactivated,
        display: display.to_owned(),
        login: login.to_owned(),
        email: None,
        manager: Some(Manager {
            account: None,
            login: None,
            email: None,
            display: Some(manager.to_owned()),
        }),
        groups: Vec::new(),
        roles: Vec::new(),
        attributes: BTreeMap::from([("department".to_owned(), json!(display))]),
    }
}

/// The text of the only message, or why it has none.
fn told(configuration: &Configuration, person: &Person) -> Result<String, String> {
    let event = rollcall_model::Event {
        key: "okta-main:1".into(),
        source: "okta-main".into(),
        kind: rollcall_model::EventKind::UserDeactivated,
        vendor_type: "user.lifecycle.deactivate".to_owned(),
        account: Some(person.account.clone()),
        app: None,
        actor: None,
        ours: false,
        succeeded: true,
        occurred_at: moment(),
        received_at: moment(),
    };
    let matched = goals(configuration, &event);
    let plan =
        run_plan(configuration, &matched[0], person, &person.account, &Wish::default()).expect("the playbook is there");
    let facts = Facts {
        plan_hash: &plan.hash().expect("a plan has a hash"),
        plan: &plan,
        person,
        event: &EventFacts::from(&event),
        memberships: &memberships(configuration, person, &ListReads::new()),
        converting: Some(false),
    };
    let texts = TextFacts {
        id: "run-1".to_owned(),
        cut: "sf-us 412 ms".to_owned(),
        why: person.display.clone(),
        ..TextFacts::default()
    };
    let items = tell_changes(configuration, catalogue(), &facts, TellMoment::Cut, &texts);
    assert_eq!(items.len(), 1);
    match &items[0].verdict {
        Verdict::Run => Ok(items[0].change.with["text"]
            .as_str()
            .expect("a message has a text")
            .to_owned()),
        Verdict::Unknown(why) | Verdict::Skip(why) => Err(why.clone()),
        other => panic!("{other:?}"),
    }
}

fn names(input: &[u8]) {
    static COMPANY: OnceLock<Configuration> = OnceLock::new();
    const TEXT: &str = "{{ person.display }}|{{ person.login }}|{{ person.manager.display }}|{{ person.department }}|{{ run.why }}|end";
    let configuration = COMPANY.get_or_init(|| company(TEXT).expect("the text is right"));
    let text = String::from_utf8_lossy(input);
    let mut parts = text.splitn(3, "\n\n");
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (display, login, manager) = (next(), next(), next());
    let told = told(configuration, &person(&display, &login, &manager)).expect("a name is no reason to say nothing");
    // Slack gives a meaning to three characters and to lines; a name may hold none of them.
    assert!(!told.contains(['<', '>']), "{told}");
    let own = told.rsplit_once('|').expect("the text has its end").0;
    let named = own
        .strip_suffix(&escaped(&display, false))
        .expect("the reason is said as it is");
    assert!(!named.chars().any(char::is_control), "a name is one line: {told:?}");
    for name in [&display, &login, &manager] {
        assert!(told.contains(&escaped(name, true)), "{name:?} in {told:?}");
    }
    let entities = ["&amp;", "&lt;", "&gt;"];
    let loose = told
        .match_indices('&')
        .find(|(at, _)| !entities.iter().any(|entity| told[*at..].starts_with(entity)));
    assert_eq!(loose, None, "{told}");
}

/// By Slack's rule (`Formatting text for app surfaces`): three characters stand for themselves only as entities.
fn escaped(text: &str, one_line: bool) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if one_line {
        text.chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect()
    } else {
        text
    }
}

fn templates(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Some(configuration) = company(text) else {
        return;
    };
    // A text may mention people in so many words, so whom the name mentions is nobody whom the text can know.
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let mention = format!("<@U{:016X}>", hasher.finish());
    let hostile = person(
        &format!("{mention} {{{{ person.login }}}}"),
        "amara@corp.example",
        "Jun",
    );
    let first = told(&configuration, &hostile);
    assert_eq!(
        told(&configuration, &hostile),
        first,
        "a text is made the same way twice"
    );
    if let Ok(told) = first {
        // Nothing in a template can undo the escaping of what it shows.
        assert!(!told.contains(&mention), "{told}");
    }
}
