//! Many leavers at once: the limit holds the rest and says what to do; an announced and approved layoff goes through.

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall_engine::{Approver, Window};
use rollcall_model::RunState;
use rollcall_runtime::clock::plus;
use rollcall_scenarios::{HOUR, Stage, replaced};
use rollcall_simulators::okta::UserSeed;
use rollcall_simulators::salesforce::{SessionKind, UserSeed as SalesforceUser};

const MANY: usize = 1_000;

/// People of the directory with a user in the org; their sign-in names and their users.
fn people(stage: &Stage, how_many: usize) -> Vec<(String, String)> {
    let vendors = &stage.world.vendors;
    vendors.salesforce.set_session_lifetime(HOUR * 24);
    (0..how_many)
        .map(|number| {
            let (login, employee) = (format!("person{number}@corp.example"), format!("L{number:05}"));
            vendors
                .okta
                .add_user(
                    UserSeed::active(&login, "Person", &format!("Number {number}"))
                        .with("employeeNumber", employee.clone()),
                )
                .expect("the directory takes people");
            let user = vendors.salesforce.add_user(SalesforceUser {
                federation_identifier: Some(login.clone()),
                employee_number: Some(employee),
                ..SalesforceUser::new(&login)
            });
            vendors.salesforce.add_session(&user, SessionKind::Ui);
            (login, user)
        })
        .collect()
}

async fn all_leave(stage: &Stage, people: &[(String, String)]) {
    let okta = &stage.world.vendors.okta;
    for (login, _) in people {
        let id = okta.user_id(login).expect("the directory has them");
        okta.admin_deactivate(&id, &stage.world.vendors.administrator, stage.now())
            .expect("the directory deactivates");
    }
    while stage.deliver().await > 0 {}
}

fn cut(stage: &Stage, people: &[(String, String)]) -> usize {
    let org = &stage.world.vendors.salesforce;
    people
        .iter()
        .filter(|(_, user)| org.is_frozen(user) && org.sessions_of(user).is_empty())
        .count()
}

fn approver(login: &str) -> Approver {
    Approver {
        account: login.split('@').next().unwrap_or_default().to_owned(),
        login: Some(login.to_owned()),
        role: true,
    }
}

#[tokio::test]
async fn a_thousand_announced_leavers_are_all_cut_in_their_hour() {
    let mut stage = Stage::new(replaced("rollcall.yaml", ", approvers: okta-main/RC-Approvers", "")).await;
    let people = people(&stage, MANY);
    let names: BTreeSet<String> = people.iter().map(|(login, _)| login.clone()).collect();
    let window = Window {
        from: stage.now(),
        to: plus(stage.now(), HOUR),
    };
    let expected = stage
        .engine
        .announce(&names, window, &approver("hr.lead@corp.example"))
        .await
        .expect("it is announced");
    for by in ["priya.raman@corp.example", "ines.duarte@corp.example"] {
        stage
            .announcement_approved(&expected.id, &approver(by))
            .await
            .expect("it is approved");
    }
    all_leave(&stage, &people).await;
    stage.work_for(Duration::from_secs(50 * 60)).await;
    assert_eq!(cut(&stage, &people), MANY);
    let held = stage.ledger().reviews(true, 10).await.expect("memory answers");
    assert!(held.is_empty(), "{held:?}");
}

#[tokio::test]
async fn without_an_announcement_the_limit_holds_the_rest_and_says_what_to_do() {
    let mut stage = Stage::plain().await;
    let people = people(&stage, 100);
    all_leave(&stage, &people).await;
    stage.work_for(Duration::from_secs(20 * 60)).await;
    assert_eq!(cut(&stage, &people), 30, "the limit of the configuration is 30 an hour");
    let held: Vec<_> = stage
        .ledger()
        .runs(None, 200)
        .await
        .expect("memory answers")
        .into_iter()
        .filter(|run| matches!(run.state, RunState::Held { .. }))
        .collect();
    assert_eq!(held.len(), 70);
    let review = stage.review(&held[0]).await;
    let why = review.reasons.join("; ");
    for part in ["sf-us", "30 an hour", "approve", "rollcall expect leavers"] {
        assert!(why.contains(part), "no {part} in: {why}");
    }
}
