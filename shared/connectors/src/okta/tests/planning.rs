//! `actions.rs` as a table.

use rollcall_model::{Action, ActionCatalogue, Planned, State};

use super::super::actions::add_to;
use super::*;

fn plan(action: &str, value: Value, with: &Value) -> Planned {
    let mut all = ActionCatalogue::default();
    add_to(&mut all);
    let state = State {
        value,
        evidence: json!({ "in_use": [{ "id": "00TOne", "name": "HR sync", "last_used": "2026-03-01T00:00:00Z" }, { "id": "00TTwo" }] }),
    };
    all.get(action).unwrap().plan(&state, with)
}

#[test]
fn every_state_has_its_plan() {
    let to = |after: Value| Planned::Change { after };
    let none = Value::Null;
    let decided = json!({ "decided": true });
    let refused = json!({ "decided": false });
    for (action, state, with, wanted) in [
        (
            "okta/suspend",
            json!({ "status": "active" }),
            &none,
            to(json!({ "status": "suspended" })),
        ),
        (
            "okta/suspend",
            json!({ "status": "password_expired" }),
            &none,
            to(json!({ "status": "suspended" })),
        ),
        (
            "okta/suspend",
            json!({ "status": "provisioned" }),
            &none,
            to(json!({ "status": "suspended" })),
        ),
        (
            "okta/suspend",
            json!({ "status": "locked_out" }),
            &none,
            to(json!({ "status": "suspended" })),
        ),
        (
            "okta/suspend",
            json!({ "status": "suspended" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/suspend",
            json!({ "status": "deprovisioned" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/suspend",
            json!({ "status": "deleted" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/unsuspend",
            json!({ "status": "suspended" }),
            &none,
            to(json!({ "status": "active" })),
        ),
        (
            "okta/unsuspend",
            json!({ "status": "active" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/revoke-grants",
            json!({ "grants": "some" }),
            &none,
            to(json!({ "grants": "none" })),
        ),
        (
            "okta/revoke-grants",
            json!({ "grants": "none" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/revoke-api-tokens",
            json!({ "api_tokens": "some" }),
            &none,
            to(json!({ "api_tokens": "none" })),
        ),
        (
            "okta/revoke-api-tokens",
            json!({ "api_tokens": "none" }),
            &none,
            Planned::AlreadySo,
        ),
        (
            "okta/revoke-api-tokens",
            json!({ "api_tokens": "in-use" }),
            &decided,
            to(json!({ "api_tokens": "none" })),
        ),
    ] {
        assert_eq!(plan(action, state.clone(), with), wanted, "{action} {state}");
    }
    for with in [&none, &refused] {
        let asked = plan("okta/revoke-api-tokens", json!({ "api_tokens": "in-use" }), with);
        assert!(
            matches!(&asked, Planned::Ask(why) if why.contains("HR sync (00TOne, last used 2026-03-01T00:00:00Z)") && why.contains("00TTwo, last use unknown")),
            "{asked:?}"
        );
    }
    for action in [
        "okta/suspend",
        "okta/unsuspend",
        "okta/revoke-grants",
        "okta/revoke-api-tokens",
    ] {
        let ours = plan(action, json!({ "ours": true }), &none);
        assert!(
            matches!(&ours, Planned::Refuse(why) if why.contains("our own credential")),
            "{action}"
        );
        let blind = plan(action, json!({}), &none);
        assert!(matches!(blind, Planned::Refuse(_)), "{action}: {blind:?}");
    }
    let staged = plan("okta/suspend", json!({ "status": "staged" }), &none);
    assert!(matches!(staged, Planned::Skip(why) if why == "the user was never activated: cannot sign in"));
    let locked = plan("okta/unsuspend", json!({ "status": "locked_out" }), &none);
    assert!(matches!(locked, Planned::Skip(_)), "{locked:?}");
    let gone = plan("okta/unsuspend", json!({ "status": "deprovisioned" }), &none);
    assert!(matches!(gone, Planned::Refuse(_)), "{gone:?}");
}

#[test]
fn only_sessions_cannot_be_read_back_and_scopes_are_the_least() {
    let mut all = ActionCatalogue::default();
    add_to(&mut all);
    let brief: Vec<(&str, bool, &[&str])> = all
        .iter()
        .map(|action: &Arc<dyn Action>| (action.name(), action.observable(), action.scopes()))
        .collect();
    assert_eq!(
        brief,
        [
            ("okta/add-groups", true, &["okta.users.read", "okta.groups.manage"][..]),
            ("okta/clear-sessions", false, &["okta.users.manage"]),
            (
                "okta/deactivate",
                true,
                &[
                    "okta.users.read",
                    "okta.users.manage",
                    "okta.roles.read",
                    "okta.apps.read"
                ]
            ),
            ("okta/reactivate", true, &["okta.users.read", "okta.users.manage"]),
            (
                "okta/remove-groups",
                true,
                &[
                    "okta.users.read",
                    "okta.groups.read",
                    "okta.groups.manage",
                    "okta.roles.read"
                ]
            ),
            ("okta/reset-factors", true, &["okta.users.read", "okta.users.manage"]),
            (
                "okta/revoke-api-tokens",
                true,
                &["okta.users.read", "okta.apiTokens.read", "okta.apiTokens.manage"]
            ),
            ("okta/revoke-grants", true, &["okta.users.read", "okta.users.manage"]),
            (
                "okta/suspend",
                true,
                &["okta.users.read", "okta.users.manage", "okta.roles.read"]
            ),
            ("okta/unsuspend", true, &["okta.users.read", "okta.users.manage"]),
        ]
    );
    let asked: Vec<&str> = [READ_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, ASSIGNMENT_SCOPES].concat();
    for action in all.iter() {
        assert!(
            action.scopes().iter().all(|scope| asked.contains(scope)),
            "{}",
            action.name()
        );
    }
}
