use rollcall_model::{SignalBody, SignalFormat, SignalKey};

use super::*;
use crate::scripted::{fixture, start};

fn normalise(raw: &str) -> Event {
    connect(settings(), &Script::new([])).0.normalise(&signal(raw), raw)
}

fn signal(raw: &str) -> Signal {
    Signal {
        key: SignalKey::new("onelogin-main:x"),
        source: "onelogin-main".into(),
        format: SignalFormat::OneloginEvent,
        received_at: start(),
        body: SignalBody::Inline(raw.to_owned()),
    }
}

fn elements(name: &str) -> Vec<Value> {
    let text = fixture(&format!("onelogin/{name}"));
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(all)) => all,
        _ => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

fn of_file(name: &str) -> Vec<Event> {
    elements(name)
        .iter()
        .map(|element| normalise(&element.to_string()))
        .collect()
}

/// What each payload becomes.
const EXPECTED: [(&str, &str); 19] = [
    ("01-user-suspended.json", "user.suspended 90001001"),
    (
        "02-offboarding-batch-by-admin.json",
        "user.deactivated 90001002, group.changed 90001002, app.removed 90001002, privilege.changed 90001002",
    ),
    (
        "03-own-api-credential-suspends-user.json",
        "user.suspended 90001003 ours, sign-in 90001003 ours",
    ),
    (
        "04-role-added-by-mapping.json",
        "onelogin:248 90001004, group.changed 90001004",
    ),
    ("05-login-failed-high-risk.json", "threat 90001001 failed"),
    (
        "06-mfa-device-removed-and-push-denied.json",
        "threat 90001002, factor.changed 90001002, factor.changed 90001002",
    ),
    (
        "07-impersonation-then-password-change.json",
        "threat 90001001, factor.changed 90001001",
    ),
    ("08-privilege-granted-super-user.json", "privilege.changed 90001005"),
    (
        "09-batch-of-ten.json",
        "user.created 90001006, user.activated 90001006, group.changed 90001006, onelogin:51 90001006, sign-in 90001001, sign-in 90001001, \
             sign-in 90001001, profile.updated 90001002, tenant.changed -, tenant.changed -",
    ),
    (
        "10-redelivery-and-duplicate-inside-batch.json",
        "user.suspended 90001001, user.suspended 90001001, group.changed 90001001",
    ),
    (
        "11-sparse-legacy-shape.json",
        "user.deleted 90001008, user.locked 90001009, onelogin:113 -",
    ),
    (
        "12-unicode-names.json",
        "user.suspended 90001010, user.suspended 90001011, group.changed 90001012, profile.updated 90001013",
    ),
    ("13-lock-unlock.ndjson", "user.locked 90001001, user.unlocked 90001001"),
    (
        "14-own-credential-mixed-crlf-no-final-newline.ndjson",
        "user.locked 90001014 ours, group.changed 90001014 ours, user.locked 90001015",
    ),
    (
        "15-deprovisioning-did-nothing.ndjson",
        "onelogin:60 90001002, onelogin:63 90001002 failed",
    ),
    (
        "16-webhook-and-credential-tampering.json",
        "tenant.changed -, tenant.changed -",
    ),
    (
        "17-unknown-type-unknown-fields-big-ids.json",
        "onelogin:99999 36114558381, user.suspended -",
    ),
    (
        "18-service-account-owner-acts-in-portal.json",
        "user.deactivated 90001016",
    ),
    ("19-empty-array.json", ""),
];

#[test]
fn every_payload_becomes_the_right_events() {
    for (name, expected) in EXPECTED {
        let found: Vec<String> = of_file(name)
            .iter()
            .map(|event| {
                let mark = if event.ours {
                    " ours"
                } else if event.succeeded {
                    ""
                } else {
                    " failed"
                };
                format!(
                    "{} {}{mark}",
                    event.kind,
                    event.account.as_ref().map_or("-", |account| account.id.as_str())
                )
            })
            .collect();
        assert_eq!(found.join(", "), expected, "{name}");
    }
}

#[test]
fn both_forms_of_time_are_read() {
    assert_eq!(
        of_file("01-user-suspended.json")[0].occurred_at.to_string(),
        "2026-11-20T09:15:02Z"
    );
    assert_eq!(
        of_file("15-deprovisioning-did-nothing.ndjson")[0]
            .occurred_at
            .to_string(),
        "2026-11-21T17:00:17Z"
    );
    assert_eq!(
        of_file("15-deprovisioning-did-nothing.ndjson")[0].app.as_deref(),
        Some("330103")
    );
    assert_eq!(
        normalise(r#"{"event_type_id":5,"event_timestamp":"later"}"#).occurred_at,
        start()
    );
}

#[test]
fn another_account_and_what_is_unreadable_are_unknown() {
    let foreign = normalise(r#"{"event_type_id":15,"account_id":7,"user_id":1}"#);
    assert!(matches!(&foreign.kind, rollcall_model::EventKind::Unknown(_)));
    assert_eq!(foreign.account, None);
    for raw in ["", "[]", "{}", "{\"event_type_id\":\"15\"}", "{\"event\":5}"] {
        assert_eq!(normalise(raw).kind.as_str(), "unreadable", "{raw}");
    }
}

#[test]
fn the_owner_of_the_credential_counts_as_ours_only_when_configured() {
    let raw = &elements("18-service-account-owner-acts-in-portal.json")[0].to_string();
    assert!(!normalise(raw).ours, "a policy choice, and nothing was chosen");
    let mut settings = settings();
    settings.own_user_ids = vec!["90000001".to_owned()];
    let signal = signal(raw);
    let (onelogin, _) = connect(settings, &Script::new([]));
    assert!(onelogin.normalise(&signal, raw).ours);
    let impersonated = r#"{"event_type_id":15,"user_id":1,"actor_user_id":90000001,"assuming_acting_user_id":5}"#;
    assert!(
        !onelogin.normalise(&signal, impersonated).ours,
        "somebody else acts as the owner"
    );
}

#[test]
fn what_the_payloads_say_beside_their_type_is_kept() {
    let impersonated = &of_file("07-impersonation-then-password-change.json")[1];
    assert_eq!(impersonated.account.as_ref().unwrap().id, "90001001");
    assert_eq!(
        impersonated.actor.as_deref(),
        Some("90000007"),
        "the one who acts as another"
    );
    let by_mapping = &of_file("04-role-added-by-mapping.json")[1];
    assert!(!by_mapping.ours, "a mapping is nobody of ours");
    // One event and its redelivery are the same in everything, so that what comes of them is the same.
    let twice = of_file("10-redelivery-and-duplicate-inside-batch.json");
    assert_eq!(twice[0], twice[1]);
    let of_own = of_file("03-own-api-credential-suspends-user.json");
    assert_eq!(of_own[0].actor.as_deref(), Some("c0ffee00".repeat(8).as_str()));
    let foreign = &of_file("14-own-credential-mixed-crlf-no-final-newline.ndjson")[2];
    assert_eq!(foreign.actor.as_deref(), Some("deadbeef".repeat(8).as_str()));
    // A user id beyond 32 bits survives, and a user who is not named is nobody.
    let big = of_file("17-unknown-type-unknown-fields-big-ids.json");
    assert_eq!(big[0].account.as_ref().unwrap().id, "36114558381");
    assert_eq!(big[1].account, None);
}

#[test]
fn every_payload_of_the_folder_is_used() {
    let folder = format!("{}/../../tests/fixtures/payloads/onelogin", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("json"))
        .collect();
    names.sort();
    let used: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, used);
}
