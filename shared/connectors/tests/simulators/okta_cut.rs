//! Okta as a target: the cut.

use rollcall_connectors::okta::{Okta, READ_SCOPES};
use rollcall_model::{Connector as _, FailureClass};
use rollcall_simulators::okta::Status;
use rollcall_simulators::{Fault, FaultRule};
use serde_json::json;

use super::okta::{ORG, World, ssws};
use super::*;

const CUT: [&str; 4] = [
    "okta/suspend",
    "okta/revoke-grants",
    "okta/revoke-api-tokens",
    "okta/clear-sessions",
];
const DAY: Duration = Duration::from_hours(24);

impl World {
    fn account(&self) -> AccountRef {
        AccountRef::new("okta-main", &self.alice)
    }

    /// Everything that a leaver can hold; the token was last used this long ago.
    fn fill(&self, used: Duration) -> String {
        for number in 0..45 {
            self.sim
                .add_grant(&self.alice, "0oaMail", &format!("scope{number}"))
                .unwrap();
        }
        self.sim.add_refresh_token(&self.alice, "0oaMail").unwrap();
        self.sim.remember_device(&self.alice).unwrap();
        let used = self.clock.now() - used;
        self.sim.add_api_token(&self.alice, "HR sync", used, 30 * DAY).unwrap()
    }

    async fn state(&self, okta: &Okta, action: &str) -> State {
        let read = okta
            .observe(&self.clock.call(), Some(&self.account()), &uses(&[action]))
            .await;
        known(&read.unwrap()[0]).clone()
    }

    async fn make(&self, okta: &Okta, action: &str, with: Value) {
        let state = self.state(okta, action).await;
        let change = planned(action, Some(self.account()), &state, with);
        okta.apply(&self.clock.call(), &change, "m").await.unwrap();
    }
}

fn plan(action: &str, state: &State, with: &Value) -> Planned {
    catalogue().get(action).unwrap().plan(state, with)
}

#[tokio::test]
async fn the_whole_cut_leaves_no_session_no_grant_no_token_and_a_suspended_user() {
    for way in ["ssws", "bearer", "dpop"] {
        let world = World::new();
        world.fill(20 * DAY);
        let auth = if way == "ssws" {
            ssws()
        } else {
            world.app(way == "dpop")
        };
        let okta = world.connect(auth, ORG);
        for action in CUT {
            world.make(&okta, action, Value::Null).await;
        }
        assert_eq!(world.sim.user_status(&world.alice), Some(Status::Suspended), "{way}");
        assert_eq!(world.sim.sessions(&world.alice), 0);
        assert_eq!(world.sim.refresh_tokens(&world.alice), 0);
        assert_eq!(world.sim.remembered_devices(&world.alice), 0);
        assert_eq!(world.sim.grants(&world.alice), 0);
        assert_eq!(world.sim.api_tokens_of(&world.alice), Vec::<String>::new());
        assert!(world.sim.token_exists(&world.token), "our own token is not theirs");
        assert!(world.sim.open_session(&world.alice, world.clock.now()).is_err());
        for (action, after) in [
            ("okta/suspend", json!({ "status": "suspended" })),
            ("okta/revoke-grants", json!({ "grants": "none" })),
            ("okta/revoke-api-tokens", json!({ "api_tokens": "none" })),
        ] {
            let state = world.state(&okta, action).await;
            assert_eq!(state.value, after, "{way} {action}");
            assert_eq!(plan(action, &state, &Value::Null), Planned::AlreadySo);
        }
        let counters = world.sim.counters();
        assert_eq!(
            ["suspend", "revoke-grant", "revoke-api-token", "clear-sessions"].map(|name| counters.get(name)),
            [1, 45, 1, 1],
            "{way}"
        );
        world.make(&okta, "okta/unsuspend", Value::Null).await;
        assert_eq!(world.sim.user_status(&world.alice), Some(Status::Active));
    }
}

#[tokio::test]
async fn a_recently_used_token_asks_and_goes_when_somebody_says_so() {
    let world = World::new();
    let token = world.fill(2 * DAY);
    let okta = world.connect(ssws(), ORG);
    let action = "okta/revoke-api-tokens";
    let state = world.state(&okta, action).await;
    assert_eq!(state.value, json!({ "api_tokens": "in-use" }));
    let Planned::Ask(why) = plan(action, &state, &Value::Null) else {
        panic!("{state:?}")
    };
    assert!(why.contains("HR sync") && why.contains(&token), "{why}");
    // A shorter memory asks for nothing.
    let mut asked = uses(&[action]);
    asked[0].with = json!({ "in_use_days": 1 });
    let read = okta
        .observe(&world.clock.call(), Some(&world.account()), &asked)
        .await
        .unwrap();
    assert_eq!(known(&read[0]).value, json!({ "api_tokens": "some" }));

    // Nobody has decided: not even a plan from before the use revokes it.
    let before = State {
        value: json!({ "api_tokens": "some" }),
        evidence: Value::Null,
    };
    let undecided = planned(action, Some(world.account()), &before, Value::Null);
    let refused = okta.apply(&world.clock.call(), &undecided, "m").await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    assert!(world.sim.token_exists(&token));
    world.make(&okta, action, json!({ "decided": true })).await;
    assert!(!world.sim.token_exists(&token) && world.sim.token_exists(&world.token));
}

#[tokio::test]
async fn our_own_credential_is_refused_and_our_own_token_never_counted() {
    let world = World::new();
    let okta = world.connect(ssws(), ORG);
    let own = AccountRef::new("okta-main", &world.admin);
    let states = okta
        .observe(&world.clock.call(), Some(&own), &uses(&CUT))
        .await
        .unwrap();
    for (action, state) in CUT.iter().zip(&states).take(2) {
        let planned = plan(action, known(state), &Value::Null);
        assert!(
            matches!(&planned, Planned::Refuse(why) if why.contains("our own credential")),
            "{action}: {planned:?}"
        );
    }
    assert_eq!(
        known(&states[2]).value,
        json!({ "api_tokens": "none" }),
        "ours does not count"
    );
    let other = world
        .sim
        .add_api_token(&world.admin, "Forgotten", world.clock.now() - 9 * DAY, 30 * DAY)
        .unwrap();
    let state = okta
        .observe(&world.clock.call(), Some(&own), &uses(&["okta/revoke-api-tokens"]))
        .await
        .unwrap();
    let change = planned(
        "okta/revoke-api-tokens",
        Some(own.clone()),
        known(&state[0]),
        Value::Null,
    );
    okta.apply(&world.clock.call(), &change, "m").await.unwrap();
    assert!(!world.sim.token_exists(&other) && world.sim.token_exists(&world.token));
    let change = Change {
        action: "okta/clear-sessions".to_owned(),
        ..change
    };
    let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::GiveUp);
    assert_eq!(world.sim.sessions(&world.admin), 2);
}

#[tokio::test]
async fn who_is_on_the_way_out_or_out_is_cut_already() {
    let world = World::new();
    world.sim.set_deactivation_time(Duration::from_secs(30));
    let okta = world.connect(ssws(), ORG);
    world
        .sim
        .admin_deactivate(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    for (status, wait) in [("deprovisioned", 60), ("deprovisioned", 0)] {
        let state = world.state(&okta, "okta/suspend").await;
        assert_eq!(state.value, json!({ "status": status }));
        assert_eq!(plan("okta/suspend", &state, &Value::Null), Planned::AlreadySo);
        // A change planned before the deactivation began is not a failure either.
        let before = State {
            value: json!({ "status": "active" }),
            evidence: Value::Null,
        };
        let change = planned("okta/suspend", Some(world.account()), &before, Value::Null);
        okta.apply(&world.clock.call(), &change, "m").await.unwrap();
        world.clock.pass(Duration::from_secs(wait));
    }
    assert_eq!(world.sim.counters().get("suspend"), 0);
    world
        .sim
        .admin_delete(&world.alice, &world.admin, world.clock.now())
        .unwrap();
    let state = world.state(&okta, "okta/suspend").await;
    assert_eq!(state.value, json!({ "status": "deleted" }));
    assert_eq!(plan("okta/suspend", &state, &Value::Null), Planned::AlreadySo);
}

#[tokio::test]
async fn what_okta_will_not_suspend_goes_to_a_person_with_its_status() {
    for (status, word) in [
        (Status::PasswordExpired, "PASSWORD_EXPIRED"),
        (Status::LockedOut, "LOCKED_OUT"),
        (Status::Provisioned, "PROVISIONED"),
        (Status::Recovery, "RECOVERY"),
    ] {
        let mut world = World::new();
        world.alice = world
            .sim
            .add_user(rollcall_simulators::okta::UserSeed {
                status,
                ..rollcall_simulators::okta::UserSeed::active("eve@example.com", "Eve", "Moreau")
            })
            .unwrap();
        let okta = world.connect(ssws(), ORG);
        let state = world.state(&okta, "okta/suspend").await;
        let change = planned("okta/suspend", Some(world.account()), &state, Value::Null);
        let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::NeedsHuman, "{refused}");
        assert!(
            refused.reason.contains(word) && refused.reason.contains("deactivate"),
            "{refused}"
        );
    }
    let mut world = World::new();
    world.alice = world
        .sim
        .add_user(rollcall_simulators::okta::UserSeed {
            status: Status::Staged,
            ..rollcall_simulators::okta::UserSeed::active("new@example.com", "New", "Comer")
        })
        .unwrap();
    let okta = world.connect(ssws(), ORG);
    let state = world.state(&okta, "okta/suspend").await;
    assert!(
        matches!(plan("okta/suspend", &state, &Value::Null), Planned::Skip(why) if why.contains("never activated"))
    );
}

#[tokio::test]
async fn a_super_administrator_is_told_with_how_many_are_left() {
    let world = World::new();
    let okta = world.connect(ssws(), ORG);
    let add = |login: &str, status: Status, role: &str| {
        let seed = rollcall_simulators::okta::UserSeed {
            status,
            ..rollcall_simulators::okta::UserSeed::active(login, "A", "B")
        };
        let id = world.sim.add_user(seed).unwrap();
        world.sim.add_role(&id, role).unwrap();
    };
    let plain = world.state(&okta, "okta/suspend").await;
    assert_eq!(plain.evidence["admin"], json!(false));
    world.sim.add_role(&world.alice, "SUPER_ADMIN").unwrap();
    world
        .sim
        .add_custom_role(&world.alice, "Branch help desk", "cr0Branch", "iamBranch")
        .unwrap();
    add("suspended@example.com", Status::Suspended, "SUPER_ADMIN");
    add("helper@example.com", Status::Active, "HELP_DESK_ADMIN");
    let one = world.state(&okta, "okta/suspend").await;
    assert_eq!(
        (
            &one.evidence["admin"],
            &one.evidence["admins_left"],
            &one.evidence["roles"]
        ),
        (
            &json!(true),
            &json!(1),
            &json!(["Branch help desk (iamBranch)", "SUPER_ADMIN"])
        )
    );
    for number in 0..120 {
        add(&format!("admin{number}@example.com"), Status::Active, "READ_ONLY_ADMIN");
    }
    add("second@example.com", Status::Active, "SUPER_ADMIN");
    let calls = world.sim.calls().len();
    let many = world.state(&okta, "okta/suspend").await;
    assert_eq!(many.evidence["admins_left"], json!(1), "never more than were found");
    assert!(world.sim.calls().len() - calls < 140, "bounded");
}

#[tokio::test]
async fn scopes_that_are_not_granted_are_done_without_and_named_where_they_are_needed() {
    for dpop in [false, true] {
        let world = World::new();
        let granted = [READ_SCOPES, &["okta.apiTokens.read"]].concat();
        let okta = world.connect(world.app_with(dpop, &granted), ORG);
        let state = world.state(&okta, "okta/suspend").await;
        let change = planned("okta/suspend", Some(world.account()), &state, Value::Null);
        let refused = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::NeedsHuman);
        assert!(refused.reason.contains("okta.users.manage"), "{refused}");
        assert_eq!(
            world.state(&okta, "okta/revoke-api-tokens").await.value,
            json!({ "api_tokens": "none" })
        );
        assert_eq!(world.sim.user_status(&world.alice), Some(Status::Active));
    }
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_a_repetition_of_what_is_done_is_no_failure() {
    for fault in [Fault::AnswerLost, Fault::ServerErrorAfterExecution, Fault::TokenExpired] {
        let world = World::new();
        world.fill(20 * DAY);
        let okta = world.connect(ssws(), ORG);
        for action in CUT {
            let state = world.state(&okta, action).await;
            let change = planned(action, Some(world.account()), &state, Value::Null);
            let part = match action {
                "okta/suspend" => "/lifecycle/",
                "okta/revoke-grants" => "/grants",
                "okta/revoke-api-tokens" => "/api-tokens/",
                _ => "/sessions",
            };
            world.sim.faults().add(FaultRule::once(part, fault));
            let failure = okta.apply(&world.clock.call(), &change, "m").await.unwrap_err();
            let lost = fault != Fault::TokenExpired;
            assert_eq!(
                failure.executed == rollcall_model::Executed::Maybe,
                lost,
                "{fault:?} {action}: {failure}"
            );
            okta.apply(&world.clock.call(), &change, "m").await.unwrap();
        }
        assert_eq!(world.sim.counters().get("suspend"), 1, "{fault:?}");
        assert_eq!(world.sim.api_tokens_of(&world.alice), Vec::<String>::new());
    }
}
