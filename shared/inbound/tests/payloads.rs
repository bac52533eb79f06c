//! Every sample body of the vendors, through a split as a door does it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::path::PathBuf;

use rollcall_inbound::{Element, Source, Split};
use rollcall_model::Lane::{self, Bulk, Urgent, Work};
use serde_json::Value;

fn body(source: Source, name: &str) -> Vec<u8> {
    std::fs::read(folder(source).join(name)).unwrap()
}

fn folder(source: Source) -> PathBuf {
    let vendor = match source {
        Source::Okta => "okta",
        Source::Onelogin => "onelogin",
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/payloads")
        .join(vendor)
}

fn elements(source: Source, body: &[u8]) -> Vec<Element<'_>> {
    match source.split(body) {
        Split::Elements(elements) => elements,
        Split::Unreadable => panic!("unreadable"),
    }
}

/// What a JSON parser finds in the body: the events, in order.
fn parsed(source: Source, body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    match (source, serde_json::from_str::<Value>(text)) {
        (Source::Okta, Ok(body)) => body["data"]["events"].as_array().unwrap().clone(),
        (Source::Onelogin, Ok(Value::Array(events))) => events,
        (Source::Onelogin, _) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].take())
            .collect(),
        (Source::Okta, Err(why)) => panic!("{why}"),
    }
}

/// Each file with the lanes of its elements, in order.
const OKTA: &[(&str, &[Lane])] = &[
    ("01-user-lifecycle-deactivate.json", &[Urgent]),
    ("02-user-lifecycle-create-nulls-omitted.json", &[Work]),
    (
        "03-batch-activate-group-apps-out-of-order.json",
        &[Work, Work, Work, Work],
    ),
    ("04-self-inflicted-suspend.json", &[Urgent]),
    ("05-self-inflicted-session-clear-ssws.json", &[Bulk]),
    ("06-user-lifecycle-delete-initiated.json", &[Urgent]),
    ("07-user-lifecycle-reactivate-and-unsuspend.json", &[Work, Work]),
    ("08-user-account-update-profile-unicode.json", &[Work]),
    ("09-group-membership-remove-by-rule-job.json", &[Work]),
    ("10-application-membership-remove-and-update.json", &[Urgent, Work]),
    ("11-mfa-factor-deactivate-and-reset-all.json", &[Work, Work]),
    ("12-policy-update-and-rule-update.json", &[Work, Work]),
    ("13-privilege-grant.json", &[Work]),
    ("14-privilege-revoke.json", &[Work]),
    ("15-duplicate-delivery-same-event-id.json", &[Urgent]),
    ("16-same-uuid-other-hook-new-event-id.json", &[Urgent]),
    ("17-user-without-email-login.json", &[Urgent]),
    ("18-missing-optional-fields.json", &[Urgent, Bulk]),
    ("19-failure-outcome-and-unknown-values.json", &[Urgent, Bulk]),
    ("20-security-events-batch.json", &[Work, Work, Work, Work]),
];

const ONELOGIN: &[(&str, &[Lane])] = &[
    ("01-user-suspended.json", &[Urgent]),
    ("02-offboarding-batch-by-admin.json", &[Urgent, Work, Urgent, Work]),
    ("03-own-api-credential-suspends-user.json", &[Urgent, Work]),
    ("04-role-added-by-mapping.json", &[Bulk, Work]),
    ("05-login-failed-high-risk.json", &[Bulk]),
    ("06-mfa-device-removed-and-push-denied.json", &[Work, Work, Work]),
    ("07-impersonation-then-password-change.json", &[Work, Work]),
    ("08-privilege-granted-super-user.json", &[Work]),
    (
        "09-batch-of-ten.json",
        &[Work, Work, Work, Work, Bulk, Bulk, Bulk, Work, Work, Work],
    ),
    ("10-redelivery-and-duplicate-inside-batch.json", &[Urgent, Urgent, Work]),
    ("11-sparse-legacy-shape.json", &[Urgent, Work, Bulk]),
    ("12-unicode-names.json", &[Urgent, Urgent, Work, Work]),
    ("13-lock-unlock.ndjson", &[Work, Work]),
    (
        "14-own-credential-mixed-crlf-no-final-newline.ndjson",
        &[Work, Work, Work],
    ),
    ("15-deprovisioning-did-nothing.ndjson", &[Work, Work]),
    ("16-webhook-and-credential-tampering.json", &[Work, Work]),
    ("17-unknown-type-unknown-fields-big-ids.json", &[Bulk, Urgent]),
    ("18-service-account-owner-acts-in-portal.json", &[Urgent]),
    ("19-empty-array.json", &[]),
];

#[test]
fn every_body_splits_into_its_events_unchanged_and_on_their_lanes() {
    for (source, files) in [(Source::Okta, OKTA), (Source::Onelogin, ONELOGIN)] {
        for (name, lanes) in files {
            let body = body(source, name);
            let found = elements(source, &body);
            assert_eq!(
                found.iter().map(|element| element.lane).collect::<Vec<_>>(),
                *lanes,
                "{name}"
            );
            let events = parsed(source, &body);
            assert_eq!(found.len(), events.len(), "{name}");
            for (element, event) in found.iter().zip(&events) {
                assert_eq!(serde_json::from_slice::<Value>(element.raw).unwrap(), *event, "{name}");
                let id = event["uuid"].as_str().or(event["create"]["_id"].as_str());
                assert_eq!(element.id.as_deref(), id, "{name}");
                assert!(
                    body.windows(element.raw.len()).any(|part| part == element.raw),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn no_sample_is_left_out() {
    for (source, files) in [(Source::Okta, OKTA), (Source::Onelogin, ONELOGIN)] {
        let mut there: Vec<String> = std::fs::read_dir(folder(source))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        there.sort();
        assert_eq!(there, files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}

#[test]
fn redeliveries_have_the_keys_of_the_first_delivery() {
    let keys = |source, name| -> Vec<String> {
        let body = body(source, name);
        elements(source, &body)
            .iter()
            .map(|element| element.key(&"main".into()).to_string())
            .collect()
    };
    let first = keys(Source::Okta, "01-user-lifecycle-deactivate.json");
    assert_eq!(keys(Source::Okta, "15-duplicate-delivery-same-event-id.json"), first);
    assert_eq!(keys(Source::Okta, "16-same-uuid-other-hook-new-event-id.json"), first);
    let first = keys(Source::Onelogin, "01-user-suspended.json");
    let again = keys(Source::Onelogin, "10-redelivery-and-duplicate-inside-batch.json");
    assert_eq!([&again[0], &again[1]], [&first[0], &first[0]]);
}
