//! Which run is planned for whom, and what its stages do with what was found.

use super::*;

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
