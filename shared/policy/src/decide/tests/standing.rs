//! Whose an account is, what it is for, and what may be asked of people about it.

use rollcall_model::plan::Change;

use super::*;
use crate::configuration::ListSource;

fn inputs(accounts: Vec<Account>) -> StageInputs {
    StageInputs {
        accounts: BTreeMap::from([
            ("sf-us".into(), proven(accounts)),
            ("sf-emea".into(), proven(Vec::new())),
        ]),
        ..StageInputs::default()
    }
}

/// The verdict of the freeze of one account of sf-us, whose state is known.
fn freeze(run: &Run, inputs: &StageInputs, id: &str) -> Verdict {
    change(run, inputs, id, "salesforce/freeze", json!({"frozen": false})).1
}

fn change(run: &Run, inputs: &StageInputs, id: &str, action: &str, state: Value) -> (Change, Verdict) {
    let mut inputs = inputs.clone();
    let key = (AccountRef::new("sf-us", id), "crm".to_owned(), action.to_owned());
    inputs.observations.insert(key, known(state));
    let plan = run.stage(0, &inputs);
    let item = plan
        .items
        .into_iter()
        .find(|item| {
            item.change.step == "crm"
                && item.change.action == action
                && item.change.account == Some(AccountRef::new("sf-us", id))
        })
        .unwrap();
    (item.change, item.verdict)
}

fn human(id: &str, sure: bool) -> Account {
    account("sf-us", id, AccountClass::Human, sure)
}

#[test]
fn a_step_touches_only_the_classes_that_it_names() {
    let mut run = Run::new();
    run.plan.stages[0].steps[0].classes = vec![AccountClass::Admin, AccountClass::Portal];
    let inputs = inputs(vec![
        human("1", true),
        account("sf-us", "2", AccountClass::Admin, true),
        account("sf-us", "3", AccountClass::Service, true),
        account("sf-us", "4", AccountClass::Portal, true),
    ]);
    assert_eq!(
        freeze(&run, &inputs, "1"),
        Verdict::Skip("human account: the step concerns admin and portal accounts only".to_owned())
    );
    assert_eq!(freeze(&run, &inputs, "2"), Verdict::Run);
    assert!(
        matches!(freeze(&run, &inputs, "3"), Verdict::Skip(why) if why.starts_with("service account: rotate its secret"))
    );
    assert_eq!(freeze(&run, &inputs, "4"), Verdict::Run);

    // Naming it would not help: a service account is nobody's own.
    run.plan.stages[0].steps[0].classes.push(AccountClass::Service);
    assert!(matches!(freeze(&run, &inputs, "3"), Verdict::Skip(_)));
    let observed: Vec<String> = to_observe(&run.configuration, &catalogue(), &run.facts(), 0, &inputs.accounts)
        .iter()
        .filter(|one| one.wanted.iter().any(|wanted| wanted.step == "crm"))
        .map(|one| one.account.id.clone())
        .collect();
    assert_eq!(observed, ["2", "4"]);
}

#[test]
fn what_the_list_service_names_is_a_service_account() {
    let mut run = Run::new();
    let mut inputs = inputs(vec![human("1", true)]);
    inputs
        .accounts
        .get_mut(&"sf-us".into())
        .unwrap()
        .accounts
        .iter_mut()
        .for_each(|account| account.names = vec!["backup@corp.example".to_owned()]);
    assert_eq!(freeze(&run, &inputs, "1"), Verdict::Run);
    for name in ["1", "sf-us/1", "1@sf-us.example", "backup@corp.example"] {
        let source = ListSource::People(vec![name.to_owned()]);
        run.configuration.lists.insert("service".to_owned(), source);
        let (change, verdict) = change(&run, &inputs, "1", "salesforce/freeze", json!({"frozen": false}));
        assert!(matches!(verdict, Verdict::Skip(_)), "{name}");
        assert_eq!(change.evidence["class"], "service");
    }

    let group = ListSource::Group {
        connection: "okta-main".into(),
        name: "RC-Service".to_owned(),
    };
    run.configuration.lists.insert("service".to_owned(), group);
    assert_eq!(freeze(&run, &inputs, "1"), Verdict::Run);
    let read = ListRead::Entries(["1@sf-us.example".to_owned()].into());
    inputs.lists.insert("service".to_owned(), read);
    assert!(matches!(freeze(&run, &inputs, "1"), Verdict::Skip(_)));
}

#[test]
fn an_account_linked_to_somebody_else_is_never_planned() {
    let run = Run::new();
    let mut inputs = inputs(vec![human("1", false), human("2", true)]);
    for id in ["1", "2"] {
        inputs
            .owners
            .insert(AccountRef::new("sf-us", id), PersonKey::new("okta-main:00uBODIL"));
    }
    assert_eq!(
        freeze(&run, &inputs, "1"),
        Verdict::Skip("linked to another person".to_owned())
    );
    assert!(matches!(
        freeze(&run, &inputs, "2"),
        Verdict::Ask(why) if why.starts_with(
            "2@sf-us.example matches by FederationIdentifier and is linked to another person, okta-main:00uBODIL"
        )
    ));
    // A link to the person themselves is no conflict.
    let own = AccountRef::new("sf-us", "2");
    inputs.owners.insert(own, run.person.key.clone());
    assert_eq!(freeze(&run, &inputs, "2"), Verdict::Run);
}

#[test]
fn an_unsure_account_is_asked_about_until_somebody_says_whose_it_is() {
    let mut run = Run::new();
    let mut inputs = inputs(vec![human("1", false)]);
    let id = AccountRef::new("sf-us", "1");
    assert!(
        matches!(freeze(&run, &inputs, "1"), Verdict::Ask(why) if why.starts_with("ambiguous: 1@sf-us.example matched only by Email"))
    );
    run.plan.quiet = true;
    assert!(
        matches!(freeze(&run, &inputs, "1"), Verdict::Ask(why) if why.starts_with("ambiguous: sf-us/1 matched only by Email"))
    );
    run.plan.quiet = false;

    inputs.linked.insert("sf-us".into(), vec!["1".to_owned()]);
    assert_eq!(
        freeze(&run, &inputs, "1"),
        Verdict::Run,
        "the ledger's link is as good as a sure match"
    );
    inputs.linked.clear();
    inputs.confirmed.insert(id.clone());
    assert_eq!(freeze(&run, &inputs, "1"), Verdict::Run);
    inputs.owners.insert(id.clone(), PersonKey::new("okta-main:00uBODIL"));
    assert_eq!(
        freeze(&run, &inputs, "1"),
        Verdict::Run,
        "the decision is about that, too"
    );
    inputs.denied.insert(id);
    assert_eq!(
        freeze(&run, &inputs, "1"),
        Verdict::Skip("an approver said that it is not theirs".to_owned())
    );
}

#[test]
fn other_people_s_accounts_do_not_prove_that_the_person_has_none() {
    let run = Run::new();
    let mut inputs = inputs(vec![human("1", true)]);
    inputs.denied.insert(AccountRef::new("sf-us", "1"));
    let of_us = |plan: &StagePlan| -> Vec<String> {
        lines(plan)
            .into_iter()
            .filter(|line| line.contains("crm/sf-us"))
            .collect()
    };
    assert_eq!(
        of_us(&run.stage(0, &inputs)),
        [
            "cut/crm/sf-us/1/salesforce/freeze skip",
            "cut/crm/sf-us/1/salesforce/end-sessions skip",
        ]
    );
    inputs.accounts.get_mut(&"sf-us".into()).unwrap().completeness = Completeness::Unproven("no canary".to_owned());
    assert_eq!(
        of_us(&run.stage(0, &inputs)),
        [
            "cut/crm/sf-us/1/salesforce/freeze skip",
            "cut/crm/sf-us/1/salesforce/end-sessions skip",
            "cut/crm/sf-us/-/salesforce/freeze unknown",
            "cut/crm/sf-us/-/salesforce/end-sessions unknown",
        ]
    );
}

#[test]
fn a_linked_account_that_a_proven_search_does_not_return_is_deleted_in_a_directory_only() {
    let run = Run::of(super::company::company(), amara());
    let mut inputs = StageInputs {
        accounts: run.plan.stages[0]
            .steps
            .iter()
            .flat_map(|step| &step.connections)
            .map(|id| (id.clone(), proven(Vec::new())))
            .collect(),
        ..StageInputs::default()
    };
    inputs.linked.insert("onelogin-main".into(), vec!["7".to_owned()]);
    inputs
        .linked
        .insert("sf-us".into(), vec!["005000000000007AAA".to_owned()]);
    let of = |inputs: &StageInputs, connection: &str| {
        let plan = run.stage(0, inputs);
        let found = plan
            .items
            .iter()
            .find(|item| item.change.connection.as_str() == connection);
        found.unwrap().verdict.clone()
    };
    // A directory reads what is linked by its id, and deletes users.
    assert_eq!(of(&inputs, "onelogin-main"), Verdict::AlreadySo);
    // Salesforce deletes none: the link or the search is wrong.
    assert!(matches!(of(&inputs, "sf-us"), Verdict::Unknown(why) if why.contains("links sf-us/005000000000007AAA")),);

    // A search that proves nothing says nothing of either.
    for search in inputs.accounts.values_mut() {
        search.completeness = Completeness::Unproven("the canary did not come back".to_owned());
    }
    for connection in ["onelogin-main", "sf-us"] {
        assert!(matches!(of(&inputs, connection), Verdict::Unknown(why) if why.contains("canary")));
    }
}

#[test]
fn the_account_whose_change_began_the_run_is_planned_in_its_own_directory() {
    let run = Run::of(super::company::company(), amara());
    let own = Account {
        account: run.person.account.clone(),
        ..account("okta-main", "00uAMARA", AccountClass::Human, true)
    };
    let query = account_query(&run.configuration, &run.person, &"okta-main".into(), &[]);
    assert!(
        query.keys.iter().any(|key| key.sure && key.field == "login"),
        "{query:?}"
    );
    let mut inputs = StageInputs {
        accounts: BTreeMap::from([("okta-main".into(), proven(vec![own]))]),
        ..StageInputs::default()
    };
    let wanted = to_observe(&run.configuration, &catalogue(), &run.facts(), 0, &inputs.accounts);
    let actions: Vec<&str> = wanted[0].wanted.iter().map(|one| one.action.action.as_str()).collect();
    assert_eq!(
        actions,
        ["okta/suspend", "okta/revoke-grants", "okta/revoke-api-tokens"],
        "the sessions cannot be read back"
    );
    for action in actions {
        let key = (run.person.account.clone(), "okta".to_owned(), action.to_owned());
        inputs.observations.insert(key, known(json!({"is": "there"})));
    }
    let mine = |plan: &StagePlan| -> Vec<String> {
        lines(plan)
            .into_iter()
            .filter(|line| line.contains("/okta-main/"))
            .collect()
    };
    assert_eq!(
        mine(&run.stage(0, &inputs)),
        [
            "cut/okta/okta-main/00uAMARA/okta/suspend run",
            "cut/okta/okta-main/00uAMARA/okta/revoke-grants run",
            "cut/okta/okta-main/00uAMARA/okta/revoke-api-tokens run",
            "cut/okta/okta-main/00uAMARA/okta/clear-sessions run",
        ]
    );
}

#[test]
fn what_cannot_be_read_back_is_asked_for_once_in_a_run() {
    let run = Run::of(super::company::company(), amara());
    let mut inputs = StageInputs {
        accounts: BTreeMap::from([(
            "onelogin-main".into(),
            proven(vec![account("onelogin-main", "7", AccountClass::Human, true)]),
        )]),
        ..StageInputs::default()
    };
    let log_out = |inputs: &StageInputs| {
        let plan = run.stage(0, inputs);
        let found = plan.items.iter().find(|item| item.change.action == "onelogin/log-out");
        found.unwrap().clone()
    };
    let item = log_out(&inputs);
    assert_eq!(item.verdict, Verdict::Run);
    assert_eq!(item.change.before, json!({"accepted": false}));
    assert_eq!(item.change.after, json!({"accepted": true}));
    inputs.accepted.insert(item.change.key());
    let item = log_out(&inputs);
    assert_eq!(item.verdict, Verdict::AlreadySo);
    assert_eq!(item.change.before, item.change.after);
}

#[test]
fn a_change_that_needs_a_decision_waits_for_it_alone() {
    let run = Run::new();
    let mut inputs = inputs(vec![human("1", true)]);
    let ask = |inputs: &StageInputs| change(&run, inputs, "1", "salesforce/freeze", json!({"frozen": "last-admin"}));
    let (first, verdict) = ask(&inputs);
    assert_eq!(verdict, Verdict::Ask("the last administrator".to_owned()));
    assert_eq!(first.before, first.after);
    let sessions = change(
        &run,
        &inputs,
        "1",
        "salesforce/end-sessions",
        json!({"sessions": "some"}),
    );
    assert_eq!(sessions.1, Verdict::Run, "the others do not wait");

    inputs.decided.insert(first.key(), true);
    let (decided, verdict) = ask(&inputs);
    assert_eq!(verdict, Verdict::Run);
    assert_eq!(decided.with, json!({"decided": true}));
    assert_eq!(decided.after, json!({"frozen": true}));
    // A decision about something that needs none changes nothing.
    let (plain, _) = change(&run, &inputs, "1", "salesforce/freeze", json!({"frozen": false}));
    assert_eq!(plain.with, Value::Null);

    inputs.decided.insert(first.key(), false);
    assert_eq!(ask(&inputs).1, Verdict::Skip("refused by a review".to_owned()));
}
