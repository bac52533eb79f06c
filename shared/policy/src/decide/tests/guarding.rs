//! What the guard holds, reserves and counts.

use super::*;
use crate::configuration::Limits;
use crate::configuration::Rate;

/// A plan that freezes one account in each of these connections.
fn plan(run: &Run, stage: &str, connections: &[&str]) -> StagePlan {
    let accounts = connections.iter().map(|id| {
        let found = account(id, "1", AccountClass::Human, true);
        (ConnectionId::new(*id), proven(vec![found]))
    });
    let inputs = StageInputs {
        accounts: accounts.collect(),
        ..StageInputs::default()
    };
    let mut plan = run.stage(0, &inputs);
    plan.stage = stage.to_owned();
    plan.items
        .retain(|item| item.change.action == "salesforce/freeze" && item.change.account.is_some());
    for item in &mut plan.items {
        item.verdict = Verdict::Run;
    }
    plan
}

fn look(run: &Run, stage: &str, inputs: &GuardInputs) -> Guarded {
    let plan = plan(run, stage, &["sf-us", "sf-emea"]);
    guard(&run.configuration, &run.facts(), &plan, inputs)
}

fn codes(guarded: &Guarded) -> Vec<HoldCode> {
    guarded.holds.iter().map(|hold| hold.code).collect()
}

/// A run of somebody who is in no list.
fn ordinary() -> Run {
    let mut run = Run::new();
    for membership in run.memberships.values_mut() {
        *membership = Membership::Out;
    }
    run
}

#[test]
fn limits_count_by_stage_and_connection_and_a_connection_may_have_its_own() {
    let mut run = ordinary();
    let own = Limits {
        cut: Some(Rate { per_hour: 5 }),
        dismantle: None,
    };
    run.configuration.guard.connections.insert("sf-us".into(), own);
    let limits = |run: &Run, stage: &str, inputs: &GuardInputs| -> Vec<(String, u32)> {
        let guarded = look(run, stage, inputs);
        guarded
            .limits
            .into_iter()
            .map(|limit| (limit.key, limit.per_hour))
            .collect()
    };
    let known = GuardInputs::default();
    assert_eq!(
        limits(&run, "cut", &known),
        [("cut/sf-emea".to_owned(), 30), ("cut/sf-us".to_owned(), 5)]
    );
    assert_eq!(
        limits(&run, "dismantle", &known),
        [("dismantle/sf-emea".to_owned(), 10), ("dismantle/sf-us".to_owned(), 10)]
    );
    // What is not written to is not counted.
    let one = plan(&run, "cut", &["sf-emea"]);
    let guarded = guard(&run.configuration, &run.facts(), &one, &known);
    assert_eq!(guarded.limits.len(), 1);
    // A leave that was announced and approved is no burst.
    let expected = GuardInputs {
        expected: true,
        ..GuardInputs::default()
    };
    assert_eq!(limits(&run, "cut", &expected), []);
}

#[test]
fn a_legal_hold_holds_everything_but_the_cut() {
    let mut run = ordinary();
    run.memberships.insert("hold".to_owned(), Membership::In);
    let inputs = GuardInputs::default();
    assert_eq!(codes(&look(&run, "cut", &inputs)), []);
    for stage in ["dismantle", "steps"] {
        let guarded = look(&run, stage, &inputs);
        assert_eq!(codes(&guarded), [HoldCode::LegalHold], "{stage}");
        assert!(
            guarded.holds[0]
                .reason
                .starts_with("Amara <Okafor> is in the list `hold`")
        );
    }
}

#[test]
fn reasons_of_a_quiet_run_do_not_name_the_person() {
    let mut run = ordinary();
    run.memberships.insert("hold".to_owned(), Membership::In);
    run.memberships.insert("protected".to_owned(), Membership::In);
    run.plan.quiet = true;
    let guarded = look(&run, "dismantle", &GuardInputs::default());
    assert_eq!(codes(&guarded), [HoldCode::Protected, HoldCode::LegalHold]);
    for hold in guarded.holds {
        assert!(hold.reason.starts_with("the person is in the list"), "{}", hold.reason);
    }
}

#[test]
fn enforce_needs_enough_linked_people_where_it_writes() {
    let mut run = ordinary();
    let covered = |us: Option<u32>, emea: Option<u32>| GuardInputs {
        coverage: [("sf-us", us), ("sf-emea", emea)]
            .into_iter()
            .filter_map(|(id, share)| Some((id.into(), share?)))
            .collect(),
        ..GuardInputs::default()
    };
    assert_eq!(
        codes(&look(&run, "cut", &covered(None, None))),
        [],
        "nothing is asked for"
    );
    run.configuration.guard.linked = Some(95);
    assert_eq!(codes(&look(&run, "cut", &covered(Some(95), Some(100)))), []);
    let guarded = look(&run, "cut", &covered(Some(94), None));
    assert_eq!(codes(&guarded), [HoldCode::Coverage, HoldCode::Coverage]);
    assert_eq!(
        guarded.holds[0].reason,
        "nobody has counted how many people are linked in sf-emea, and `guard.linked` asks for 95 %: run `rollcall link`, or \
         let an approver decide"
    );
    assert!(
        guarded.holds[1]
            .reason
            .starts_with("94 % of the people are linked in sf-us")
    );
    // A connection that is not written to does not matter, nor does a mode that asks somebody anyway.
    let one = plan(&run, "cut", &["sf-us"]);
    let guarded = guard(&run.configuration, &run.facts(), &one, &covered(Some(99), None));
    assert_eq!(codes(&guarded), []);
    run.configuration.modes.default = Mode::Review;
    assert_eq!(codes(&look(&run, "cut", &covered(None, None))), [HoldCode::Review]);
}

#[test]
fn access_that_comes_back_twice_is_looked_at_by_somebody() {
    let run = ordinary();
    let returned = |returned: u32| GuardInputs {
        returned,
        ..GuardInputs::default()
    };
    assert_eq!(codes(&look(&run, "cut", &returned(1))), []);
    let guarded = look(&run, "cut", &returned(2));
    assert_eq!(codes(&guarded), [HoldCode::Returned]);
    assert!(guarded.holds[0].reason.starts_with("access was back after 2 cuts"));
}

#[test]
fn administrators_are_counted_by_connection_and_an_absent_count_is_none() {
    let run = ordinary();
    let with = |evidence: &[(&str, &str, Value)]| {
        let mut plan = plan(&run, "cut", &["sf-us"]);
        let item = plan.items.remove(0);
        for (connection, id, evidence) in evidence {
            let mut item = item.clone();
            item.change.connection = (*connection).into();
            item.change.account = Some(AccountRef::new(*connection, *id));
            item.change.evidence = evidence.clone();
            plan.items.push(item);
        }
        plan
    };
    let admins = |plan: &StagePlan| -> Vec<(String, u32)> {
        let guarded = guard(&run.configuration, &run.facts(), plan, &GuardInputs::default());
        let admins = guarded.admins.into_iter();
        admins.map(|one| (one.connection.to_string(), one.others)).collect()
    };
    let many = with(&[
        ("sf-emea", "1", json!({"admin": true, "admins_left": null})),
        ("sf-us", "1", json!({"admin": true, "admins_left": 4})),
        ("okta-main", "1", json!({"admin": false, "admins_left": 9})),
        ("slack", "1", json!({})),
    ]);
    assert_eq!(admins(&many), [("sf-emea".to_owned(), 0), ("sf-us".to_owned(), 4)]);
    // Two accounts of one person: each counted the other one as left.
    let two = with(&[
        ("sf-us", "1", json!({"admin": true, "admins_left": 4})),
        ("sf-us", "2", json!({"admin": true, "admins_left": 4})),
    ]);
    assert_eq!(admins(&two), [("sf-us".to_owned(), 3)]);
    // Whoever gets their access back is no administrator less.
    let mut back = ordinary();
    back.plan.goal = Goal::Undo;
    let guarded = guard(&back.configuration, &back.facts(), &two, &GuardInputs::default());
    assert_eq!(guarded.admins, []);
    let mut done = two;
    for item in &mut done.items {
        item.verdict = Verdict::AlreadySo;
    }
    assert_eq!(admins(&done), []);
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
