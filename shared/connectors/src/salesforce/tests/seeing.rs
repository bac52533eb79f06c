use rollcall_model::{Planned, State};

use super::*;
use crate::scripted::urgent;

const NAMES: [&str; 7] = ["logins", "sessions", "tokens", "rights", "user", "profile", "admins"];
const ALL: [&str; 3] = [
    "salesforce/freeze",
    "salesforce/revoke-tokens",
    "salesforce/end-sessions",
];

fn uses(names: &[&str]) -> Vec<ActionUse> {
    names
        .iter()
        .map(|&name| ActionUse {
            action: name.to_owned(),
            with: Value::Null,
        })
        .collect()
}

/// What a look finds, to be changed by each case. Begins with a user who has everything and a caller who sees everything.
pub(super) struct World {
    pub(super) logins: Value,
    pub(super) admins: (u16, Value),
    pub(super) sessions: Value,
    pub(super) tokens: Value,
    pub(super) rights: Option<(bool, bool)>,
    pub(super) user_type: &'static str,
    pub(super) profile: (u16, Value),
}

/// Log-ins of other administrators.
pub(super) fn admins(users: &[&str]) -> (u16, Value) {
    let found: Vec<Value> = users
        .iter()
        .map(|user| json!({ "Id": "0Yw5f00000LOG03CAH", "UserId": user }))
        .collect();
    rows(&json!(found))
}

pub(super) fn profile(modify: bool, manage: bool) -> (u16, Value) {
    (
        200,
        json!({ "PermissionsModifyAllData": modify, "PermissionsManageUsers": manage }),
    )
}

impl World {
    pub(super) fn full() -> Self {
        Self {
            logins: json!([{ "Id": "0Yw5f00000LOG01CAH", "UserId": JORDAN, "IsFrozen": false }, { "Id": "0Yw5f00000LOG02CAH", "UserId": OWN, "IsFrozen": false }]),
            admins: admins(&[SAM]),
            sessions: json!([
                { "Id": "0Ak5f00000SES02CAH", "UsersId": JORDAN, "SessionType": "API" },
                { "Id": "0Ak5f00000SES01CAH", "UsersId": JORDAN, "SessionType": "UI" },
                own_session(),
            ]),
            tokens: json!([{ "Id": "0CQ5f00000TOK01CAH", "UserId": JORDAN, "AppName": "Mail", "DeleteToken": "planted-secret" }]),
            rights: None,
            user_type: "Standard",
            profile: profile(false, false),
        }
    }

    /// The same with a user who has nothing any more.
    fn cut() -> Self {
        Self {
            logins: json!([{ "Id": "0Yw5f00000LOG01CAH", "UserId": JORDAN, "IsFrozen": true }]),
            sessions: json!([own_session()]),
            tokens: json!([]),
            ..Self::full()
        }
    }

    pub(super) fn answer(&self) -> Step {
        let rights = self.rights.map_or_else(absent, |(manage, customize)| {
            rows(&json!([{ "PermissionsManageUsers": manage, "PermissionsCustomizeApplication": customize }]))
        });
        named(
            &NAMES,
            vec![
                rows(&self.logins),
                rows(&self.sessions),
                rows(&self.tokens),
                rights,
                (
                    200,
                    json!({ "UserType": self.user_type, "ProfileId": "00e5f000000PROFAAA" }),
                ),
                self.profile.clone(),
                self.admins.clone(),
            ],
        )
    }
}

fn own_session() -> Value {
    json!({ "Id": "0Ak5f00000SES09CAH", "UsersId": OWN, "SessionType": "API" })
}

pub(super) async fn look(step: Step) -> Result<Vec<Observation>, Failure> {
    let script = Script::new([token(), step]);
    let (salesforce, _) = connect(settings(), &script);
    let seen = salesforce.observe(&urgent(), Some(&user()), &uses(&ALL)).await;
    script.done();
    seen
}

fn values(seen: &[Observation]) -> Vec<Value> {
    seen.iter()
        .map(|one| match one {
            Observation::Known(state) => state.value.clone(),
            Observation::Unknown(why) => json!(format!("unknown: {}", why.rsplit(": ").next().unwrap())),
        })
        .collect()
}

#[tokio::test]
async fn everything_is_read_in_one_call_and_secrets_stay_out_of_evidence() {
    let answer = World::full().answer().check(|request| {
        let asked = asked(request);
        let both = "('0055f00000AAAA1AAP', '0055f00000CCCC1AAP')";
        assert_eq!(
            asked["logins"],
            format!("SELECT Id, UserId, IsFrozen FROM UserLogin WHERE UserId IN {both}")
        );
        assert_eq!(
            asked["sessions"],
            format!("SELECT Id, UsersId, SessionType FROM AuthSession WHERE UsersId IN {both}")
        );
        assert_eq!(
            asked["tokens"],
            format!("SELECT Id, UserId, AppName, DeleteToken FROM OauthToken WHERE UserId IN {both}")
        );
        assert_eq!(
            asked["admins"],
            format!(
                "SELECT Id, UserId FROM UserLogin WHERE IsFrozen = false AND UserId NOT IN {both} AND UserId IN (SELECT Id FROM \
                 User WHERE IsActive = true AND UserType = 'Standard' AND Profile.PermissionsModifyAllData = true) LIMIT 200"
            )
        );
        assert_eq!(asked["user"], format!("sobjects/User/{JORDAN}?fields=UserType,ProfileId"));
        assert_eq!(
            asked["profile"],
            "sobjects/Profile/@{user.ProfileId}?fields=PermissionsModifyAllData,PermissionsManageUsers"
        );
        // More than five queries are refused.
        assert_eq!(asked.values().filter(|part| part.starts_with("SELECT ")).count(), 5);
    });
    let seen = look(answer).await.unwrap();
    assert_eq!(
        values(&seen),
        [
            json!({ "frozen": false }),
            json!({ "tokens": "some" }),
            json!({ "sessions": "some" })
        ]
    );
    let evidence: Vec<&Value> = seen
        .iter()
        .map(|one| match one {
            Observation::Known(state) => &state.evidence,
            Observation::Unknown(why) => panic!("{why}"),
        })
        .collect();
    assert_eq!(*evidence[0], json!({ "login": "0Yw5f00000LOG01CAH" }));
    assert_eq!(
        *evidence[1],
        json!({ "count": 1, "ids": ["0CQ5f00000TOK01CAH"], "apps": ["Mail"] })
    );
    assert_eq!(
        *evidence[2],
        json!({ "count": 2, "ids": ["0Ak5f00000SES01CAH", "0Ak5f00000SES02CAH"] })
    );
    assert!(!format!("{seen:?}").contains("planted"));
}

#[tokio::test]
async fn empty_is_none_only_where_others_would_have_shown() {
    let (manage, customize) = (
        json!("unknown: grant Manage Users"),
        json!("unknown: grant Customize Application"),
    );
    let (frozen, no_tokens, no_sessions) = (
        json!({ "frozen": true }),
        json!({ "tokens": "none" }),
        json!({ "sessions": "none" }),
    );
    let never = json!({ "frozen": "no-login-row" });
    let blind = || World {
        logins: json!([{ "Id": "0Yw5f00000LOG02CAH", "UserId": OWN, "IsFrozen": false }]),
        admins: admins(&[]),
        ..World::cut()
    };
    for (name, world, expected) in [
        ("all cut", World::cut(), [&frozen, &no_tokens, &no_sessions]),
        (
            "all cut, rights stated",
            World {
                rights: Some((true, true)),
                ..World::cut()
            },
            [&frozen, &no_tokens, &no_sessions],
        ),
        (
            "no Customize Application",
            World {
                rights: Some((true, false)),
                ..World::cut()
            },
            [&frozen, &customize, &no_sessions],
        ),
        // Our own rows come back to a user without any right; they prove nothing alone.
        ("own rows only", blind(), [&manage, &customize, &manage]),
        (
            "own rows only, rights stated",
            World {
                rights: Some((true, true)),
                ..blind()
            },
            [&never, &no_tokens, &no_sessions],
        ),
        (
            "rights denied",
            World {
                rights: Some((false, false)),
                ..blind()
            },
            [&manage, &customize, &manage],
        ),
        (
            "not even our own session",
            World {
                sessions: json!([]),
                ..World::cut()
            },
            [&frozen, &customize, &manage],
        ),
        (
            "never signed in",
            World {
                logins: json!([]),
                ..World::cut()
            },
            [&never, &no_tokens, &no_sessions],
        ),
        (
            "nothing at all",
            World {
                logins: json!([]),
                admins: admins(&[]),
                sessions: json!([]),
                ..World::cut()
            },
            [&manage, &customize, &manage],
        ),
    ] {
        assert_eq!(
            values(&look(world.answer()).await.unwrap()).iter().collect::<Vec<_>>(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_refused_query_leaves_the_others_known() {
    let world = World::full();
    let answer = named(
        &NAMES,
        vec![
            rows(&world.logins),
            rows(&world.sessions),
            absent(),
            absent(),
            absent(),
            absent(),
            absent(),
        ],
    );
    let seen = look(answer).await.unwrap();
    assert_eq!(
        seen[0],
        Observation::Known(State {
            value: json!({ "frozen": false }),
            evidence: json!({
                "login": "0Yw5f00000LOG01CAH",
                "admins_unknown": "reading the user's profile: Salesforce answered 400 INVALID_TYPE: the org does not have it, \
                    or hides it from the integration user; whether the user is an administrator shows with View Setup and \
                    Configuration",
            })
        })
    );
    assert!(
        matches!(&seen[1], Observation::Unknown(why) if why.contains("INVALID_TYPE")),
        "{seen:?}"
    );
    let busy = (400, json!([{ "errorCode": "QUERY_TIMEOUT", "message": "x" }]));
    let answer = named(
        &NAMES,
        vec![
            rows(&world.logins),
            busy,
            rows(&world.tokens),
            absent(),
            profile(false, false),
            profile(false, false),
            admins(&[]),
        ],
    );
    assert!(look(answer).await.unwrap_err().is_retryable());
    let short = named(
        &NAMES[..4],
        vec![
            rows(&world.logins),
            rows(&world.sessions),
            rows(&world.tokens),
            absent(),
        ],
    );
    assert!(look(short).await.unwrap_err().reason.contains("leaves out"));
}

#[tokio::test]
async fn our_own_user_and_strange_ids_are_refused() {
    let script = Script::new([token()]);
    let (salesforce, _) = connect(settings(), &script);
    let own = AccountRef::new("sf-us", OWN);
    let seen = salesforce
        .observe(&urgent(), Some(&own), &uses(&ALL[..1]))
        .await
        .unwrap();
    let Observation::Known(state) = &seen[0] else {
        panic!("{seen:?}")
    };
    let freeze = crate::catalogue();
    assert!(matches!(
        freeze.get(ALL[0]).unwrap().plan(state, &Value::Null),
        Planned::Refuse(_)
    ));
    for account in [None, Some(AccountRef::new("sf-us", "' OR Id != null"))] {
        assert!(
            !salesforce
                .observe(&urgent(), account.as_ref(), &uses(&ALL[..1]))
                .await
                .unwrap_err()
                .is_retryable()
        );
    }
    assert!(
        !salesforce
            .observe(&urgent(), Some(&user()), &uses(&["salesforce/delete"]))
            .await
            .unwrap_err()
            .is_retryable()
    );
    script.done();
}

#[test]
fn plans_follow_the_state() {
    let all = crate::catalogue();
    for (action, value, planned) in [
        (
            "salesforce/freeze",
            json!({ "frozen": false }),
            Some(json!({ "frozen": true })),
        ),
        ("salesforce/freeze", json!({ "frozen": true }), None),
        (
            "salesforce/unfreeze",
            json!({ "frozen": true }),
            Some(json!({ "frozen": false })),
        ),
        ("salesforce/unfreeze", json!({ "frozen": false }), None),
        (
            "salesforce/revoke-tokens",
            json!({ "tokens": "some" }),
            Some(json!({ "tokens": "none" })),
        ),
        ("salesforce/revoke-tokens", json!({ "tokens": "none" }), None),
        (
            "salesforce/end-sessions",
            json!({ "sessions": "some" }),
            Some(json!({ "sessions": "none" })),
        ),
        ("salesforce/end-sessions", json!({ "sessions": "none" }), None),
    ] {
        let state = State {
            value,
            evidence: Value::Null,
        };
        let expected = planned.map_or(Planned::AlreadySo, |after| Planned::Change { after });
        assert_eq!(
            all.get(action).unwrap().plan(&state, &Value::Null),
            expected,
            "{action}"
        );
    }
    let never = State {
        value: json!({ "frozen": "no-login-row" }),
        evidence: Value::Null,
    };
    assert!(matches!(
        all.get("salesforce/freeze").unwrap().plan(&never, &Value::Null),
        Planned::Skip(_)
    ));
    let odd = State {
        value: json!({ "frozen": 1 }),
        evidence: Value::Null,
    };
    assert!(matches!(
        all.get("salesforce/freeze").unwrap().plan(&odd, &Value::Null),
        Planned::Refuse(_)
    ));
    assert!(matches!(
        all.get("salesforce/end-sessions").unwrap().plan(&odd, &Value::Null),
        Planned::Refuse(_)
    ));
}
