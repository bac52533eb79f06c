use rollcall_model::{Event, EventKind, Signal, SignalBody, SignalFormat, SignalKey};

use super::*;
use crate::scripted::{fixture, start};

fn signal(raw: &str) -> Signal {
    Signal {
        key: SignalKey::new("okta-main:x"),
        source: "okta-main".into(),
        format: SignalFormat::OktaLogEvent,
        received_at: start(),
        body: SignalBody::Inline(raw.to_owned()),
    }
}

fn normalise(raw: &str) -> Event {
    let settings = settings(OktaAuth::ServiceApp {
        client_id: "0oa9rc11serviceApp01".to_owned(),
        key: Secret::new("unused"),
        kid: String::new(),
        scopes: Vec::new(),
    });
    super::super::events::normalise(&settings, &signal(raw), raw)
}

fn of_file(name: &str) -> Vec<Event> {
    let body: Value = serde_json::from_str(&fixture(&format!("okta/{name}.json"))).unwrap();
    body["data"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| normalise(&event.to_string()))
        .collect()
}

/// Kind, account, application, and a mark for what is ours or failed.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

#[test]
fn every_payload_becomes_the_right_events() {
    let alice = "00u2alice8Okafor3c4d";
    let (jose, hana) = ("00u3jose9Nunez5e6f7g", "00u4hana0Yamada8h9i0");
    let (layla, bob) = ("00u5layla1Haddad1j2k", "00u6bob2Lindqvist3l4");
    let crm = "0oa1salesforce3e4f5g";
    let files: &[(&str, &[Row<'_>])] = &[
        ("01-user-lifecycle-deactivate", &[("user.deactivated", alice, "", "")]),
        (
            "02-user-lifecycle-create-nulls-omitted",
            &[("user.created", jose, "", "")],
        ),
        (
            "03-batch-activate-group-apps-out-of-order",
            &[
                ("user.activated", jose, "", ""),
                ("group.changed", jose, "", ""),
                ("app.assigned", jose, crm, ""),
                ("app.assigned", jose, "0oa2teamwiki6h7i8j9k", ""),
            ],
        ),
        ("04-self-inflicted-suspend", &[("user.suspended", bob, "", "ours")]),
        ("05-self-inflicted-session-clear-ssws", &[("sign-in", bob, "", "ours")]),
        ("06-user-lifecycle-delete-initiated", &[("user.deleted", alice, "", "")]),
        (
            "07-user-lifecycle-reactivate-and-unsuspend",
            &[("user.activated", jose, "", ""), ("user.unsuspended", bob, "", "")],
        ),
        (
            "08-user-account-update-profile-unicode",
            &[("profile.updated", hana, "", "")],
        ),
        (
            "09-group-membership-remove-by-rule-job",
            &[("group.changed", hana, "", "")],
        ),
        (
            "10-application-membership-remove-and-update",
            &[
                ("app.removed", bob, crm, ""),
                ("application.user_membership.update", layla, crm, ""),
            ],
        ),
        (
            "11-mfa-factor-deactivate-and-reset-all",
            &[("factor.changed", layla, "", ""), ("factor.changed", layla, "", "")],
        ),
        (
            "12-policy-update-and-rule-update",
            &[("tenant.changed", "", "", ""), ("tenant.changed", "", "", "")],
        ),
        ("13-privilege-grant", &[("privilege.changed", bob, "", "")]),
        ("14-privilege-revoke", &[("privilege.changed", bob, "", "")]),
        (
            "15-duplicate-delivery-same-event-id",
            &[("user.deactivated", alice, "", "")],
        ),
        (
            "16-same-uuid-other-hook-new-event-id",
            &[("user.deactivated", alice, "", "")],
        ),
        (
            "17-user-without-email-login",
            &[("user.deactivated", "00u7kiosk3Device5m6n", "", "")],
        ),
        (
            "18-missing-optional-fields",
            &[("user.deactivated", bob, "", ""), ("sign-in", "", "", "")],
        ),
        (
            "19-failure-outcome-and-unknown-values",
            &[
                ("user.deactivated", layla, "", "failed"),
                ("user.lifecycle.quarantine", layla, "", ""),
            ],
        ),
        (
            "20-security-events-batch",
            &[
                ("threat", layla, "", ""),
                ("threat", layla, "", ""),
                ("tenant.changed", "", "", ""),
                ("privilege.changed", "", "", ""),
            ],
        ),
    ];
    for (name, expected) in files {
        let events = of_file(name);
        let found: Vec<_> = events
            .iter()
            .map(|event| {
                let mark = if event.ours {
                    "ours"
                } else if event.succeeded {
                    ""
                } else {
                    "failed"
                };
                let account = event.account.as_ref().map_or("", |account| account.id.as_str());
                (
                    event.kind.as_str(),
                    account,
                    event.app.as_deref().unwrap_or_default(),
                    mark,
                )
            })
            .collect();
        assert_eq!(&found, expected, "{name}");
    }
    let first = &of_file("01-user-lifecycle-deactivate")[0];
    assert_eq!(first.occurred_at.to_string(), "2026-02-03T08:15:12.862Z");
    assert_eq!(first.actor.as_deref(), Some("00u1admin7Priya0a1b2"));
    assert_eq!(first.vendor_type, "user.lifecycle.deactivate");
    assert_eq!(
        of_file("19-failure-outcome-and-unknown-values")[1].kind,
        EventKind::Unknown("user.lifecycle.quarantine".to_owned())
    );
}

#[test]
fn nothing_that_arrives_can_fail() {
    for raw in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{\"eventType\":7}",
        "{\"target\":{}}",
        "{\"eventType\":\"user.lifecycle.deactivate\",\"target\":[null,7,{\"type\":\"User\",\"id\":9}],\"published\":\"soon\",\"outcome\":[]}",
        "{\"eventType\"",
    ] {
        let event = normalise(raw);
        assert_eq!((event.account, event.occurred_at), (None, start()), "{raw}");
    }
    assert_eq!(normalise("{").kind, EventKind::Unknown("unreadable".to_owned()));
}

#[test]
fn every_catalogued_family_is_sorted() {
    for (vendor, kind) in [
        ("user.lifecycle.delete.completed", "user.deleted"),
        ("user.account.unlock_by_admin", "user.unlocked"),
        ("user.account.lock", "user.locked"),
        ("user.session.impersonation.initiate", "threat"),
        ("user.session.start", "sign-in"),
        ("security.threat.detected", "threat"),
        ("security.trusted_origin.create", "tenant.changed"),
        ("policy.lifecycle.create", "tenant.changed"),
        ("policy.evaluate_sign_on", "sign-in"),
        ("event_hook.deactivated", "tenant.changed"),
        ("app.oauth2.client.privilege.grant", "privilege.changed"),
        ("app.oauth2.client.lifecycle.create", "tenant.changed"),
        (
            "app.oauth2.token.grant.access_token",
            "app.oauth2.token.grant.access_token",
        ),
        ("iam.role.create", "privilege.changed"),
        ("application.user_membership.deprovision", "app.removed"),
        ("user.account.update_user_type", "profile.updated"),
        (
            "group.user_membership.rule.trigger",
            "group.user_membership.rule.trigger",
        ),
    ] {
        assert_eq!(
            normalise(&json!({ "eventType": vendor }).to_string()).kind.as_str(),
            kind,
            "{vendor}"
        );
    }
}
