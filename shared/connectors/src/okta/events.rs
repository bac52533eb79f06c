//! Okta LogEvents in vendor-neutral words (Okta event types catalogue; System Log API, "LogEvent object").
//!
//! Everything in a LogEvent may be absent or new, so nothing here fails: what is not understood is an unknown event.

use jiff::Timestamp;
use rollcall_model::{AccountRef, Event, EventKind, Signal};
use rollcall_runtime::clock::whole_milliseconds;
use serde_json::Value;

use super::{OktaAuth, OktaSettings};
use crate::encode::short;
use crate::exchange::{items, text};

/// Reads one LogEvent.
pub(super) fn normalise(settings: &OktaSettings, signal: &Signal, raw: &str) -> Event {
    let log: Value = serde_json::from_str(raw).unwrap_or_default();
    let none = Value::Null;
    let part = |name: &str| log.get(name).unwrap_or(&none);
    let vendor_type = text(&log, "eventType").map_or_else(|| "unreadable".to_owned(), |name| short(name, 200));
    let target = |kind: &str| {
        let found = items(&log, "target")
            .iter()
            .find(|target| text(target, "type") == Some(kind));
        found.and_then(|target| text(target, "id")).map(str::to_owned)
    };
    let published = text(&log, "published").and_then(|time| time.parse::<Timestamp>().ok());
    Event {
        key: signal.key.clone(),
        source: signal.source.clone(),
        kind: kind(&vendor_type),
        // The order of targets is no part of the contract; their types are.
        account: target("User").map(|id| AccountRef::new(&signal.source, id)),
        app: target("AppInstance"),
        actor: text(part("actor"), "id").map(str::to_owned),
        ours: ours(settings, &log),
        succeeded: !matches!(
            text(part("outcome"), "result"),
            Some("FAILURE" | "DENY" | "SKIPPED" | "ABANDONED" | "UNANSWERED" | "RATE_LIMIT")
        ),
        occurred_at: published.map_or(signal.received_at, whole_milliseconds),
        received_at: signal.received_at,
        vendor_type,
    }
}

/// Our own credential shows as the actor, as the client, or as the API token of the request, depending on how it signed in.
fn ours(settings: &OktaSettings, log: &Value) -> bool {
    let client_id = match &settings.auth {
        OktaAuth::ServiceApp { client_id, .. } => Some(client_id.as_str()),
        OktaAuth::Ssws(_) => None,
    };
    ["/actor/id", "/client/id", "/transaction/detail/requestApiTokenId"]
        .iter()
        .filter_map(|place| log.pointer(place)?.as_str())
        .any(|id| Some(id) == client_id || settings.own_ids.iter().any(|own| own == id))
}

fn kind(vendor_type: &str) -> EventKind {
    use EventKind as Kind;
    match vendor_type {
        "user.lifecycle.create" => Kind::UserCreated,
        "user.lifecycle.activate" | "user.lifecycle.reactivate" => Kind::UserActivated,
        "user.lifecycle.deactivate" => Kind::UserDeactivated,
        "user.lifecycle.delete.initiated" | "user.lifecycle.delete.completed" => Kind::UserDeleted,
        "user.lifecycle.suspend" => Kind::UserSuspended,
        "user.lifecycle.unsuspend" => Kind::UserUnsuspended,
        "user.account.lock" => Kind::UserLocked,
        "user.account.unlock" | "user.account.unlock_by_admin" => Kind::UserUnlocked,
        "user.account.update_profile"
        | "user.account.update_user_type"
        | "user.account.update_primary_email"
        | "user.account.update_secondary_email" => Kind::ProfileUpdated,
        "group.user_membership.add" | "group.user_membership.remove" => Kind::GroupChanged,
        "application.user_membership.add"
        | "application.user_membership.provision"
        | "application.user_membership.restore" => Kind::AppAssigned,
        "application.user_membership.remove"
        | "application.user_membership.deprovision"
        | "application.user_membership.revoke" => Kind::AppRemoved,
        "user.account.update_password" | "user.account.reset_password" | "user.account.expire_password" => {
            Kind::FactorChanged
        }
        "user.account.report_suspicious_activity_by_enduser"
        | "system.api_token.request_outside_allowed_range"
        | "system.oauth2.token.request_outside_allowed_range" => Kind::Threat,
        "policy.auth_reevaluate.fail" | "policy.evaluate_sign_on" => Kind::SignIn,
        other => by_prefix(other),
    }
}

/// Families that are treated alike, the longer prefix first.
fn by_prefix(vendor_type: &str) -> EventKind {
    const FAMILIES: &[(&str, EventKind)] = &[
        ("user.account.privilege.", EventKind::PrivilegeChanged),
        ("group.privilege.", EventKind::PrivilegeChanged),
        ("app.oauth2.client.privilege.", EventKind::PrivilegeChanged),
        ("iam.role.", EventKind::PrivilegeChanged),
        ("iam.resourceset.", EventKind::PrivilegeChanged),
        ("user.mfa.factor.", EventKind::FactorChanged),
        ("user.session.impersonation.", EventKind::Threat),
        ("user.session.", EventKind::SignIn),
        ("user.authentication.", EventKind::SignIn),
        ("user.risk.", EventKind::Threat),
        ("security.authenticator.", EventKind::TenantChanged),
        ("security.trusted_origin.", EventKind::TenantChanged),
        ("security.", EventKind::Threat),
        ("policy.", EventKind::TenantChanged),
        ("event_hook.", EventKind::TenantChanged),
        ("app.oauth2.client.lifecycle.", EventKind::TenantChanged),
        ("app.oauth2.credentials.", EventKind::TenantChanged),
        ("application.lifecycle.", EventKind::TenantChanged),
        ("application.policy.", EventKind::TenantChanged),
        ("system.api_token.", EventKind::TenantChanged),
        ("system.idp.", EventKind::TenantChanged),
        ("system.log_stream.", EventKind::TenantChanged),
        ("system.mfa.factor.", EventKind::TenantChanged),
        ("zone.", EventKind::TenantChanged),
    ];
    FAMILIES
        .iter()
        .find(|(prefix, _)| vendor_type.starts_with(prefix))
        .map_or_else(|| EventKind::Unknown(vendor_type.to_owned()), |(_, kind)| kind.clone())
}
