use std::collections::BTreeMap;

use rollcall_model::connector::{AccountSearch, Completeness, State};
use rollcall_model::event::EventKind;
use rollcall_model::ids::{Digest, SignalKey};
use rollcall_model::person::{Account, AccountClass};
use rollcall_model::plan::{PlanItem, StagePlan, TellMoment, Verdict};
use rollcall_model::{SourceState, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::configuration::{Configuration, Mode};
use crate::load_files;
use crate::tests::{amara, catalogue};

mod company;
mod dismantling;
mod guarding;
mod standing;
mod undoing;

const ROOT: &str = "version: 1
connections: {okta-main: okta, sf-us: salesforce, sf-emea: salesforce, slack: slack}
source: okta-main
sets: {crm: [sf-us, sf-emea]}
match:
  - {sure: true, okta: employeeNumber, salesforce: EmployeeNumber}
  - {sure: true, okta: login, salesforce: FederationIdentifier}
  - {sure: false, okta: email, salesforce: Email}
lists:
  protected: {group: okta-main/RC-Protected}
  hold: {people: [\"Amara@example.com\"]}
  quiet: {people: []}
";

const TENANTS: &str = "tenants:
  okta-main: {url: https://corp.okta.example, id: 00oPROD, secret: env:OKTA}
  sf-us: {url: https://us.example.com, id: 00D000000000001AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  sf-emea: {url: https://em.example.com, id: 00D000000000002AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  slack: {id: T01, secret: env:SLACK}
";

const LEAVER: &str = "on: [{from: okta-main, event: [user.deactivated, user.deleted]}, {planned: leave}]
cut:
  - {id: crm, use: [salesforce/freeze, salesforce/end-sessions], in: crm}
  - {id: extra, use: salesforce/revoke-tokens, in: sf-us, if: \"account.class == 'admin'\"}
dismantle:
  after: 2h
  unless: person.active || person.in('quiet')
  steps:
    - {use: salesforce/hand-over, in: sf-us, with: {to: \"user:${person.manager.email}\"}}
tell:
  cut: {post: \"#security\", dm: \"${person.manager}\", text: \"{{ person.display }} is out: {{ run.cut }}\"}
  held: {dm: \"ops@example.com\", text: \"{{ run.why }}\"}
";

fn configured(mode: &str, playbook: &str) -> Configuration {
    let files = BTreeMap::from([
        ("rollcall.yaml".to_owned(), ROOT.to_owned()),
        ("env/prod.yaml".to_owned(), format!("{TENANTS}mode: {mode}\n")),
        ("playbooks/leaver.yaml".to_owned(), playbook.to_owned()),
    ]);
    load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn configuration() -> Configuration {
    configured("{default: enforce}", LEAVER)
}

fn event(kind: &str) -> Event {
    Event {
        key: SignalKey::new("okta-main:1"),
        source: "okta-main".into(),
        kind: EventKind::from(kind),
        vendor_type: "user.lifecycle.deactivate".to_owned(),
        account: Some(AccountRef::new("okta-main", "00uAMARA")),
        app: None,
        actor: None,
        ours: false,
        succeeded: true,
        occurred_at: Timestamp::UNIX_EPOCH,
        received_at: Timestamp::UNIX_EPOCH,
    }
}

/// A run of the leaver for somebody, with everything that the calls need.
struct Run {
    configuration: Configuration,
    person: Person,
    plan: RunPlan,
    hash: Digest,
    event: EventFacts,
    memberships: Memberships,
    converting: Option<bool>,
}

impl Run {
    fn of(configuration: Configuration, person: Person) -> Self {
        let matched = PlaybookMatch {
            playbook: "leaver".to_owned(),
            goal: Goal::Leave,
            cut_only: false,
            about: None,
        };
        let plan = run_plan(&configuration, &matched, &person, &person.account, &Wish::default()).unwrap();
        Self {
            hash: plan.hash().unwrap(),
            plan,
            event: EventFacts::from(&event("user.deactivated")),
            memberships: memberships(&configuration, &person, &ListReads::new()),
            configuration,
            person,
            converting: Some(false),
        }
    }

    fn new() -> Self {
        Self::of(configuration(), amara())
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            plan: &self.plan,
            plan_hash: &self.hash,
            person: &self.person,
            event: &self.event,
            memberships: &self.memberships,
            converting: self.converting,
        }
    }

    fn stage(&self, stage: usize, inputs: &StageInputs) -> StagePlan {
        stage_plan(&self.configuration, &catalogue(), &self.facts(), stage, inputs)
    }
}

fn account(connection: &str, id: &str, class: AccountClass, sure: bool) -> Account {
    Account {
        account: AccountRef::new(connection, id),
        class,
        username: format!("{id}@{connection}.example"),
        active: true,
        matched_by: vec![if sure { "FederationIdentifier" } else { "Email" }.to_owned()],
        sure,
        names: Vec::new(),
    }
}

fn proven(accounts: Vec<Account>) -> AccountSearch {
    AccountSearch {
        accounts,
        completeness: Completeness::Proven,
    }
}

fn known(value: Value) -> Observation {
    Observation::Known(State {
        value,
        evidence: json!({"count": 3}),
    })
}

fn lines(plan: &StagePlan) -> Vec<String> {
    plan.items
        .iter()
        .map(|PlanItem { change, verdict }| {
            let verdict = match verdict {
                Verdict::Run => "run",
                Verdict::AlreadySo => "so",
                Verdict::Skip(_) => "skip",
                Verdict::Refuse(_) => "refuse",
                Verdict::Unknown(_) => "unknown",
                Verdict::Ask(_) => "ask",
            };
            format!("{} {verdict}", change.key())
        })
        .collect()
}

fn reason(plan: &StagePlan, place: usize) -> String {
    match &plan.items[place].verdict {
        Verdict::Skip(why) | Verdict::Refuse(why) | Verdict::Unknown(why) | Verdict::Ask(why) => why.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn events_concern_playbooks_by_connection_and_kind() {
    let configuration = configuration();
    assert_eq!(
        goals(&configuration, &event("user.deactivated")),
        [PlaybookMatch {
            playbook: "leaver".to_owned(),
            goal: Goal::Leave,
            cut_only: false,
            about: None,
        }]
    );
    let other = Event {
        source: "sf-us".into(),
        ..event("user.deactivated")
    };
    let ours = Event {
        ours: true,
        ..event("user.deactivated")
    };
    let failed = Event {
        succeeded: false,
        ..event("user.deactivated")
    };
    let nobody = Event {
        account: None,
        ..event("user.deactivated")
    };
    for event in [
        other,
        ours,
        failed,
        nobody,
        event("user.activated"),
        event("user.strange"),
    ] {
        assert_eq!(goals(&configuration, &event), [], "{event:?}");
    }
    assert!(planned_playbook(&configuration, Goal::Leave).is_some());
    assert_eq!(planned_playbook(&configuration, Goal::Join), None);
}

#[test]
fn the_run_plan_is_the_same_at_every_call_and_for_every_reading_of_the_person() {
    let run = Run::new();
    let mut later = amara();
    later.state = SourceState::Active;
    later.display = "Amara".to_owned();
    assert_eq!(Run::of(configuration(), later).hash, run.hash);
    let mut other = amara();
    other.key = rollcall_model::PersonKey::new("okta-main:other");
    assert_ne!(Run::of(configuration(), other).hash, run.hash);
    let slower = configured("{default: enforce}", &LEAVER.replace("after: 2h", "after: 3h"));
    assert_ne!(Run::of(slower, amara()).hash, run.hash);

    let [cut, dismantle] = run.plan.stages.as_slice() else {
        panic!()
    };
    assert_eq!((cut.after_ms, dismantle.after_ms), (0, 7_200_000));
    assert_eq!(cut.steps[0].connections, ["sf-emea".into(), "sf-us".into()]);
    let unknown = PlaybookMatch {
        playbook: "joiner".to_owned(),
        goal: Goal::Join,
        cut_only: false,
        about: None,
    };
    assert!(
        run_plan(
            &run.configuration,
            &unknown,
            &run.person,
            &run.person.account,
            &Wish::default()
        )
        .is_none()
    );
}

#[test]
fn accounts_are_searched_by_every_value_the_person_has() {
    let run = Run::new();
    let linked = vec!["005X".to_owned()];
    let query = account_query(&run.configuration, &run.person, &"sf-us".into(), &linked);
    let keys: Vec<(&str, &str, bool)> = query
        .keys
        .iter()
        .map(|key| (key.field.as_str(), key.value.as_str(), key.sure))
        .collect();
    assert_eq!(
        keys,
        [
            ("EmployeeNumber", "1001", true),
            ("FederationIdentifier", "amara@example.com", true),
            ("Email", "amara@example.com", false),
        ]
    );
    assert_eq!(query.linked, linked);
    let mut bare = amara();
    bare.attributes.insert("employeeNumber".to_owned(), json!("  "));
    bare.email = None;
    assert_eq!(
        account_query(&run.configuration, &bare, &"sf-us".into(), &[])
            .keys
            .len(),
        1
    );
    assert_eq!(
        account_query(&run.configuration, &bare, &"slack".into(), &[])
            .keys
            .len(),
        0
    );
}

#[test]
fn a_cut_is_planned_account_by_account() {
    let run = Run::new();
    let mut inputs = StageInputs {
        accounts: BTreeMap::from([
            (
                "sf-us".into(),
                proven(vec![
                    account("sf-us", "1", AccountClass::Human, true),
                    account("sf-us", "2", AccountClass::Admin, true),
                    account("sf-us", "3", AccountClass::Service, true),
                    account("sf-us", "4", AccountClass::Portal, true),
                    account("sf-us", "5", AccountClass::Human, false),
                ]),
            ),
            ("sf-emea".into(), proven(Vec::new())),
        ]),
        ..StageInputs::default()
    };
    let wanted = to_observe(&run.configuration, &catalogue(), &run.facts(), 0, &inputs.accounts);
    let asked: Vec<String> = wanted
        .iter()
        .flat_map(|one| {
            one.wanted
                .iter()
                .map(move |w| format!("{} {} {}", one.account, w.step, w.action.action))
        })
        .collect();
    assert_eq!(
        asked,
        [
            "sf-us/1 crm salesforce/freeze",
            "sf-us/1 crm salesforce/end-sessions",
            "sf-us/2 crm salesforce/freeze",
            "sf-us/2 crm salesforce/end-sessions",
            "sf-us/2 extra salesforce/revoke-tokens",
            // Somebody may have said that it is theirs.
            "sf-us/5 crm salesforce/freeze",
            "sf-us/5 crm salesforce/end-sessions",
        ]
    );
    let mut observe = |id: &str, step: &str, action: &str, observation| {
        let key = (AccountRef::new("sf-us", id), step.to_owned(), action.to_owned());
        inputs.observations.insert(key, observation);
    };
    observe("1", "crm", "salesforce/freeze", known(json!({"frozen": false})));
    observe(
        "1",
        "crm",
        "salesforce/end-sessions",
        Observation::Unknown("no permission".to_owned()),
    );
    observe("2", "crm", "salesforce/freeze", known(json!({"frozen": true})));
    observe(
        "2",
        "crm",
        "salesforce/end-sessions",
        known(json!({"frozen": "forbidden"})),
    );
    observe(
        "2",
        "extra",
        "salesforce/revoke-tokens",
        known(json!({"frozen": "no-login-row"})),
    );
    let plan = run.stage(0, &inputs);
    assert_eq!(
        lines(&plan),
        [
            "cut/crm/sf-emea/-/salesforce/freeze so",
            "cut/crm/sf-emea/-/salesforce/end-sessions so",
            "cut/crm/sf-us/1/salesforce/freeze run",
            "cut/crm/sf-us/1/salesforce/end-sessions unknown",
            "cut/crm/sf-us/2/salesforce/freeze so",
            "cut/crm/sf-us/2/salesforce/end-sessions refuse",
            "cut/crm/sf-us/3/salesforce/freeze skip",
            "cut/crm/sf-us/3/salesforce/end-sessions skip",
            "cut/crm/sf-us/4/salesforce/freeze skip",
            "cut/crm/sf-us/4/salesforce/end-sessions skip",
            "cut/crm/sf-us/5/salesforce/freeze ask",
            "cut/crm/sf-us/5/salesforce/end-sessions ask",
            "cut/extra/sf-us/1/salesforce/revoke-tokens skip",
            "cut/extra/sf-us/2/salesforce/revoke-tokens skip",
            "cut/extra/sf-us/3/salesforce/revoke-tokens skip",
            "cut/extra/sf-us/4/salesforce/revoke-tokens skip",
            "cut/extra/sf-us/5/salesforce/revoke-tokens ask",
        ]
    );
    let freeze = &plan.items[2].change;
    assert_eq!(
        (&freeze.before, &freeze.after),
        (&json!({"frozen": false}), &json!({"frozen": true}))
    );
    assert_eq!(freeze.settle_ms, 2_000);
    assert_eq!(freeze.evidence["count"], 3);
    assert_eq!(freeze.evidence["username"], "1@sf-us.example");
    assert_eq!(reason(&plan, 3), "no permission");
    assert_eq!(reason(&plan, 5), "the vendor forbids it");
    assert_eq!(
        reason(&plan, 6),
        "service account: rotate its secret and give it a new owner"
    );
    assert_eq!(
        reason(&plan, 10),
        "ambiguous: 5@sf-us.example matched only by Email, which is not declared sure: say whether it is the person's, or give them a \
         sure value in common"
    );
    assert_eq!(reason(&plan, 12), "`if: account.class == 'admin'` is false");
    assert_eq!(reason(&plan, 13), "never signed in");
    assert_eq!(plan.run_plan, run.hash);
    assert_eq!(run.stage(0, &inputs).hash().unwrap(), plan.hash().unwrap());
}

#[test]
fn no_account_is_believed_only_with_proof() {
    let run = Run::new();
    let searched = |search: AccountSearch| StageInputs {
        accounts: BTreeMap::from([("sf-us".into(), search.clone()), ("sf-emea".into(), search)]),
        ..StageInputs::default()
    };
    let plan = run.stage(0, &searched(proven(Vec::new())));
    assert!(
        plan.items.iter().all(|item| item.verdict == Verdict::AlreadySo),
        "{:?}",
        lines(&plan)
    );
    assert_eq!(plan.items[0].change.before, json!({"account": "none"}));

    let unproven = AccountSearch {
        accounts: Vec::new(),
        completeness: Completeness::Unproven("cannot see its own user".to_owned()),
    };
    let plan = run.stage(0, &searched(unproven));
    assert_eq!(reason(&plan, 0), "cannot see its own user");

    let mut inputs = searched(proven(Vec::new()));
    inputs.linked.insert("sf-us".into(), vec!["005X".to_owned()]);
    inputs
        .unreadable
        .insert("sf-emea".into(), "sf-emea answers 503".to_owned());
    let plan = run.stage(0, &inputs);
    assert_eq!(reason(&plan, 0), "sf-emea answers 503");
    assert!(reason(&plan, 2).contains("links sf-us/005X"), "{}", reason(&plan, 2));

    let plan = run.stage(0, &StageInputs::default());
    assert_eq!(reason(&plan, 0), "sf-emea was not searched");

    let text = LEAVER.replace("in: crm}", "in: sf-us}");
    let narrow = Run::of(configured("{default: enforce}", &text), {
        let mut person = amara();
        person.attributes.clear();
        person.login = String::new();
        person
    });
    let plan = narrow.stage(0, &searched(proven(Vec::new())));
    assert!(reason(&plan, 0).contains("no value in any field that `match` declares sure"));
}

#[test]
fn a_later_stage_asks_again_whether_it_may_start() {
    let mut run = Run::new();
    let stop = |run: &Run| stage_stop(&run.configuration, &run.facts(), 1);
    assert_eq!(stage_stop(&run.configuration, &run.facts(), 0), Stop::Go);
    assert_eq!(stop(&run), Stop::Go);
    run.person.state = SourceState::Active;
    assert_eq!(
        stop(&run),
        Stop::Stopped("dismantle is stopped: `person.active || person.in('quiet')` holds".to_owned())
    );
    run.person.state = SourceState::Deactivated;
    run.memberships
        .insert("quiet".to_owned(), Membership::Unknown("403".to_owned()));
    assert!(matches!(stop(&run), Stop::Unknown(why) if why.contains("`quiet` could not be read: 403")));
    assert!(matches!(
        stage_stop(&run.configuration, &run.facts(), 9),
        Stop::Unknown(_)
    ));
}

#[test]
fn parameters_are_evaluated_for_the_action_that_takes_them() {
    let mut run = Run::new();
    let accounts = BTreeMap::from([(
        "sf-us".into(),
        proven(vec![account("sf-us", "1", AccountClass::Human, true)]),
    )]);
    let wanted = to_observe(&run.configuration, &catalogue(), &run.facts(), 1, &accounts);
    assert_eq!(wanted[0].wanted[0].action.with, json!({"to": "user:jun@example.com"}));
    let inputs = StageInputs {
        accounts,
        observations: BTreeMap::from([(
            (
                AccountRef::new("sf-us", "1"),
                "salesforce".to_owned(),
                "salesforce/hand-over".to_owned(),
            ),
            known(json!({"records": "some"})),
        )]),
        ..StageInputs::default()
    };
    let plan = run.stage(1, &inputs);
    assert_eq!(lines(&plan), ["dismantle/salesforce/sf-us/1/salesforce/hand-over run"]);
    assert_eq!(plan.items[0].change.with, json!({"to": "user:jun@example.com"}));
    let before = plan.hash().unwrap();
    run.person.manager = None;
    let plan = run.stage(1, &inputs);
    assert_eq!(plan.items[0].change.with, json!({"to": "user:"}));
    assert_ne!(plan.hash().unwrap(), before);
}

#[test]
fn messages_are_changes() {
    let mut run = Run::new();
    let texts = TextFacts {
        cut: "sf-us 412 ms".to_owned(),
        why: "mode <review>".to_owned(),
        ..TextFacts::default()
    };
    let tell = |run: &Run, moment| tell_changes(&run.configuration, &catalogue(), &run.facts(), moment, &texts);
    let cut = tell(&run, TellMoment::Cut);
    assert_eq!(cut.len(), 2);
    assert_eq!(cut[0].change.key().as_str(), "tell/cut-1/slack/-/slack/post");
    assert_eq!(
        cut[0].change.with,
        json!({"channel": "#security", "text": "Amara &lt;Okafor&gt; is out: sf-us 412 ms"})
    );
    assert_eq!(cut[1].change.with["email"], "jun@example.com");
    assert_eq!(cut[1].change.effect, rollcall_model::EffectClass::Findable);
    assert_eq!(
        (&cut[0].change.before, &cut[0].change.after),
        (&json!({"posted": false}), &json!({"posted": true}))
    );
    let held = tell(&run, TellMoment::Held);
    assert_eq!(
        held[0].change.with,
        json!({"email": "ops@example.com", "text": "mode &lt;review&gt;"})
    );
    assert_eq!(tell(&run, TellMoment::Done), []);
    run.person.manager = None;
    let cut = tell(&run, TellMoment::Cut);
    assert_eq!(cut[0].verdict, Verdict::Run);
    assert!(matches!(&cut[1].verdict, Verdict::Skip(why) if why.contains("names nobody")));
}

fn guarded(run: &Run, stage: &str, verdict: &Verdict) -> Guarded {
    let inputs = StageInputs {
        accounts: BTreeMap::from([(
            "sf-us".into(),
            proven(vec![account("sf-us", "1", AccountClass::Human, true)]),
        )]),
        ..StageInputs::default()
    };
    let mut plan = run.stage(0, &inputs);
    plan.stage = stage.to_owned();
    plan.items.retain(|item| item.change.connection.as_str() == "sf-us");
    for item in &mut plan.items {
        item.verdict = verdict.clone();
    }
    guard(&run.configuration, &run.facts(), &plan, &GuardInputs::default())
}

#[test]
fn the_guard_holds_the_protected_and_what_was_not_read() {
    let mut run = Run::new();
    let clear = guarded(&run, "cut", &Verdict::Run);
    assert_eq!(clear.holds, []);
    assert_eq!(clear.mode, Mode::Enforce);
    assert_eq!(
        clear.limits,
        [Limit {
            key: "cut/sf-us".to_owned(),
            per_hour: 30
        }]
    );
    assert_eq!(guarded(&run, "dismantle", &Verdict::Run).limits[0].per_hour, 10);

    run.person.groups.push("RC-Protected".to_owned());
    run.memberships = memberships(&run.configuration, &run.person, &ListReads::new());
    assert_eq!(run.memberships["hold"], Membership::In, "by e-mail, whatever its case");
    let held = guarded(&run, "cut", &Verdict::Run);
    assert_eq!(held.holds[0].code, HoldCode::Protected);
    assert_eq!(
        guarded(&run, "cut", &Verdict::AlreadySo).holds,
        [],
        "nothing to do, nothing to hold"
    );
    assert_eq!(guarded(&run, "cut", &Verdict::AlreadySo).limits, []);

    // No group at all was not a complete read: the cut goes on, what is slower waits.
    run.person.groups.clear();
    run.memberships = memberships(&run.configuration, &run.person, &ListReads::new());
    assert!(matches!(run.memberships["protected"], Membership::Unknown(_)));
    assert_eq!(guarded(&run, "cut", &Verdict::Run).holds, []);
    let codes: Vec<HoldCode> = guarded(&run, "dismantle", &Verdict::Run)
        .holds
        .iter()
        .map(|hold| hold.code)
        .collect();
    assert_eq!(codes, [HoldCode::LegalHold, HoldCode::UnreadableList]);
}

#[test]
fn the_mode_is_the_strictest_that_applies() {
    let mode = |modes: &str, playbook: &str| {
        let guarded = guarded(&Run::of(configured(modes, playbook), amara()), "cut", &Verdict::Run);
        let is_review = guarded.holds.iter().any(|hold| hold.code == HoldCode::Review);
        assert_eq!(is_review, guarded.mode == Mode::Review, "{modes}");
        guarded.mode
    };
    for (modes, expected) in [
        ("{}", Mode::Observe),
        ("{default: review}", Mode::Review),
        ("{default: observe, leaver: enforce}", Mode::Enforce),
        ("{default: enforce, sf-us: review}", Mode::Review),
        ("{default: enforce, sf-emea: observe}", Mode::Enforce),
        ("{leaver: {enforce: \"person.department == 'Sales'\"}}", Mode::Enforce),
        (
            "{leaver: {enforce: \"person.department == 'Law'\", review: \"true\"}}",
            Mode::Review,
        ),
        ("{leaver: {enforce: \"person.department == 'Law'\"}}", Mode::Observe),
        (
            "{leaver: {enforce: \"person.attributes.missing == 'x'\"}}",
            Mode::Observe,
        ),
    ] {
        assert_eq!(mode(modes, LEAVER), expected, "{modes}");
    }
    assert_eq!(
        mode("{default: enforce}", &format!("mode: review\n{LEAVER}")),
        Mode::Review
    );
}
