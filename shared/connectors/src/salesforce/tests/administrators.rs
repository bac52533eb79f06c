use super::seeing::{World, admins, look, profile};
use super::*;

#[tokio::test]
async fn a_freeze_of_an_administrator_says_how_many_others_are_left() {
    let login = "0Yw5f00000LOG01CAH";
    let admin = |left: usize| json!({ "login": login, "admin": true, "admins_left": left });
    let boss = || World {
        profile: profile(true, true),
        ..World::full()
    };
    let refused = (400, json!([{ "errorCode": "MALFORMED_QUERY", "message": "x" }]));
    let hidden = (404, json!([{ "errorCode": "NOT_FOUND", "message": "x" }]));
    let many: Vec<String> = (0..200).map(|n| format!("0055f0000{n:06}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let others = |others: &[&str]| World {
        admins: admins(others),
        ..boss()
    };
    for (name, world, expected) in [
        ("a human", World::full(), json!({ "login": login })),
        ("one other", boss(), admin(1)),
        ("one other, told twice", others(&[SAM, &SAM[..15]]), admin(1)),
        ("the last", others(&[]), admin(0)),
        ("counted no further", others(&many), admin(200)),
        (
            "an administrator of users only",
            World {
                profile: profile(false, true),
                ..World::full()
            },
            admin(1),
        ),
        (
            "no user of the standard kind",
            World {
                user_type: "PowerCustomerSuccess",
                ..boss()
            },
            json!({ "login": login }),
        ),
        (
            "log-ins of others hidden",
            World {
                rights: Some((false, true)),
                ..boss()
            },
            json!({ "login": login, "admin": true, "admins_left": null,
                "admins_unknown": "log-ins of others do not show, so nobody can be counted: grant Manage Users" }),
        ),
        (
            "the count refused",
            World {
                admins: refused,
                ..boss()
            },
            json!({ "login": login, "admin": true, "admins_left": null,
                "admins_unknown": "counting the other administrators: Salesforce answered 400 MALFORMED_QUERY" }),
        ),
        (
            "the profile hidden",
            World {
                profile: hidden,
                ..World::full()
            },
            json!({ "login": login, "admins_unknown": "reading the user's profile: Salesforce answered 404 NOT_FOUND; whether \
                the user is an administrator shows with View Setup and Configuration" }),
        ),
    ] {
        let seen = look(world.answer()).await.unwrap();
        let Observation::Known(state) = &seen[0] else {
            panic!("{name}: {seen:?}")
        };
        assert_eq!(
            (&state.value, &state.evidence),
            (&json!({ "frozen": false }), &expected),
            "{name}"
        );
    }
}
