//! System Log events: who did it, to whom, in the shape of Okta's `LogEvent`.
//!
//! One event is kept in the shape of `GET /api/v1/logs`; a hook delivery is made from it (`client.ipChain` instead of
//! `request.ipChain`, an `insertionTimestamp`), in either of the two body styles met in practice.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::state::{App, AppUser, BodyStyle, Group, Org, User, stamp};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// A person in the console, by user id.
    Person(String),
    /// An SSWS token and the user who made it.
    Token { id: String, owner: String },
    /// An API Services app, by client id.
    Client(String),
    /// Okta itself, in a background job with this id.
    System(String),
}

/// Where an action comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) actor: Actor,
    pub(super) user_agent: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Groups the events of one request.
    pub(super) request_id: String,
}

impl Origin {
    /// The origin of an API call.
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self {
            actor: call.principal.actor.clone(),
            user_agent: call.header("user-agent").unwrap_or_default().to_owned(),
            path: call.raw_path.to_owned(),
            query: call.raw_query.to_owned(),
            request_id: call.request_id.clone(),
        }
    }

    /// A person at the console.
    pub(super) fn console(person: &str, path: String, request_id: String) -> Self {
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned();
        Self {
            actor: Actor::Person(person.to_owned()),
            user_agent,
            path,
            query: String::new(),
            request_id,
        }
    }

    /// A background job of Okta's own.
    pub(super) fn job(id: String) -> Self {
        let actor = Actor::System(id.clone());
        Self {
            actor,
            user_agent: String::new(),
            path: String::new(),
            query: String::new(),
            request_id: id,
        }
    }

    /// The same request, but what follows from it is done by Okta itself.
    pub(super) fn cascade(&self) -> Self {
        Self {
            actor: Actor::System(self.request_id.clone()),
            ..self.clone()
        }
    }
}

/// The old Events API name and the display message of a type (Okta, "Event types").
fn titles(kind: &str) -> (Option<&'static str>, &'static str) {
    match kind {
        "user.lifecycle.create" => (Some("core.user.config.user_creation.success"), "Create okta user"),
        "user.lifecycle.activate" => (Some("core.user.config.user_activated"), "Activate Okta user"),
        "user.lifecycle.deactivate" => (Some("core.user.config.user_deactivated"), "Deactivate Okta user"),
        "user.lifecycle.suspend" => (Some("core.user.config.user_status.suspended"), "Suspend Okta user"),
        "user.lifecycle.unsuspend" => (None, "Unsuspend Okta user"),
        "user.lifecycle.reactivate" => (None, "Reactivate Okta user"),
        "user.lifecycle.delete.initiated" => (None, "Delete Okta user initiated."),
        "user.lifecycle.delete.completed" => (None, "Delete Okta user completed."),
        "user.account.update_profile" => (
            Some("core.user.config.profile_update.success"),
            "Update user profile for Okta",
        ),
        "user.account.unlock_by_admin" => (
            Some("core.user.config.account_unlocked"),
            "Unlock user account by admin",
        ),
        "user.account.reset_password" => (
            Some("core.user.config.user_reset_password"),
            "Fired when the user's Okta password is reset",
        ),
        "user.account.expire_password" => (None, "Expire the user's Okta password"),
        "user.session.clear" => (Some("core.user_auth.session_clear"), "Clear user session"),
        "user.mfa.factor.reset_all" => (Some("core.user.factor.reset_all"), "Reset all factors for user"),
        "user.mfa.factor.deactivate" => (Some("core.user.factor.deactivate"), "Reset factor for user"),
        "user.account.privilege.grant" => (Some("core.user.admin_privilege.granted"), "Grant user privilege"),
        "user.account.privilege.revoke" => (Some("core.user.admin_privilege.revoked"), "Revoke user privilege"),
        "group.user_membership.add" => (Some("core.user_group_member.user_add"), "Add user to group membership"),
        "group.user_membership.remove" => (
            Some("core.user_group_member.user_remove"),
            "Remove user from group membership",
        ),
        "group.user_membership.rule.add_exclusion" => (None, "Add exclusion to group rule"),
        "group.lifecycle.create" => (Some("core.user_group.lifecycle.create"), "Create Okta group"),
        "group.lifecycle.delete" => (Some("core.user_group.lifecycle.delete"), "Delete Okta group"),
        "group.profile.update" => (None, "Update Okta group profile"),
        "application.user_membership.add" => (
            Some("app.generic.provision.assign_user_to_app"),
            "Add user to application membership",
        ),
        "application.user_membership.remove" => (
            Some("app.generic.provision.deassign_user_from_app"),
            "Remove user's application membership",
        ),
        "app.oauth2.token.revoke" => (
            Some("app.oauth2.token.revoke_success"),
            "OAuth2 token revocation request",
        ),
        "app.oauth2.as.consent.revoke.user" => (None, "User's consent was revoked"),
        "app.oauth2.token.grant.access_token" => (None, "OAuth2 access token is granted"),
        "system.api_token.create" => (Some("core.api_token.create"), "Create API token"),
        "system.api_token.revoke" => (Some("core.api_token.revoke"), "Revoke API token"),
        "system.org.rate_limit.violation" => (Some("core.framework.ratelimit.violation"), "Rate limit violation"),
        "event_hook.delivery" => (None, "Event hook delivery"),
        _ => (None, "Unnamed event"),
    }
}

/// A user as a target.
pub(super) fn user_target(user: &User) -> Value {
    entity(&user.id, "User", user.text("login"), &user.display_name())
}

/// A group as a target.
pub(super) fn group_target(group: &Group) -> Value {
    entity(&group.id, "UserGroup", "unknown", &group.name)
}

/// The three targets of an app assignment, in the order seen in deliveries.
pub(super) fn assignment_targets(user: &User, app: &App, assignment: &AppUser) -> Vec<Value> {
    vec![
        entity(&assignment.id, "AppUser", user.text("login"), &user.display_name()),
        entity(&app.id, "AppInstance", &app.label, &app.label),
        user_target(user),
    ]
}

/// Any target or actor.
pub(super) fn entity(id: &str, kind: &str, alternate: &str, display: &str) -> Value {
    json!({ "id": id, "type": kind, "alternateId": alternate, "displayName": display, "detailEntry": null })
}

impl Org {
    fn actor_json(&self, actor: &Actor) -> Value {
        match actor {
            Actor::Person(id) | Actor::Token { owner: id, .. } => {
                match self.by_id.get(id).and_then(|at| self.user(*at)) {
                    Some(user) => user_target(user),
                    None => entity(id, "User", "unknown", "unknown"),
                }
            }
            Actor::Client(id) => entity(id, "PublicClientApp", id, "Service app"),
            Actor::System(_) => entity(
                "sprsystem4Principal0",
                "SystemPrincipal",
                "system@okta.com",
                "Okta System",
            ),
        }
    }

    /// Writes an event to the System Log and queues it for the hooks that subscribe to its type.
    pub(super) fn emit(
        &mut self,
        kind: &'static str,
        target: Vec<Value>,
        details: &[(&str, String)],
        origin: &Origin,
        now: Timestamp,
    ) {
        let mut debug = Map::new();
        debug.insert("threatSuspected".to_owned(), json!("false"));
        if !origin.path.is_empty() {
            debug.insert("requestId".to_owned(), json!(origin.request_id));
            debug.insert("requestUri".to_owned(), json!(origin.path));
            debug.insert("url".to_owned(), json!(format!("{}?{}", origin.path, origin.query)));
        }
        let hooks = self.hooks.subscribers(kind);
        if !hooks.is_empty() {
            debug.insert("targetEventHookIds".to_owned(), json!(hooks.join(",")));
        }
        for (key, value) in details {
            debug.insert((*key).to_owned(), json!(value));
        }
        let (legacy, message) = titles(kind);
        let system = matches!(origin.actor, Actor::System(_));
        let detail = match &origin.actor {
            Actor::Token { id, .. } => json!({ "requestApiTokenId": id }),
            _ => json!({}),
        };
        let session = if matches!(origin.actor, Actor::Client(_)) {
            "unknown"
        } else {
            "102abcDEFghiJKLmnoPQRstu"
        };
        let (client, chain) = client_of(origin);
        let mut event = json!({
            "uuid": self.uuid(),
            "published": stamp(now),
            "eventType": kind,
            "version": "0",
            "severity": "INFO",
            "legacyEventType": legacy,
            "displayMessage": message,
            "actor": self.actor_json(&origin.actor),
            "target": Value::Array(target),
            "outcome": { "result": "SUCCESS", "reason": null },
            "client": client,
            "device": null,
            "request": { "ipChain": chain },
            "authenticationContext": {
                "authenticationProvider": null, "credentialProvider": null, "credentialType": null, "issuer": null,
                "interface": null, "authenticationStep": 0, "externalSessionId": session, "rootSessionId": session,
            },
            "securityContext": { "asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null },
            "transaction": {
                "type": if system && origin.path.is_empty() { "JOB" } else { "WEB" },
                "id": origin.request_id,
                "detail": detail,
            },
            "debugContext": { "debugData": debug },
        });
        self.add_unknown(&mut event);
        self.hooks.queue(kind, &event, now);
        self.journal.write(event, now);
    }
}

/// The `client` object and the address chain.
fn client_of(origin: &Origin) -> (Value, Value) {
    let place = json!({
        "city": "Malmö", "state": "Skåne County", "country": "Sweden", "postalCode": "211 22",
        "geolocation": { "lat": 55.6059, "lon": 13.0007 },
    });
    match &origin.actor {
        Actor::System(_) => (Value::Null, json!([])),
        Actor::Person(_) => {
            let chain = json!([{ "ip": "192.0.2.44", "geographicalContext": place, "version": "V4", "source": null }]);
            let client = json!({
                "userAgent": { "rawUserAgent": origin.user_agent, "os": "Linux", "browser": "FIREFOX" },
                "zone": "null", "device": "Computer", "id": null, "ipAddress": "192.0.2.44", "geographicalContext": place,
            });
            (client, chain)
        }
        Actor::Token { .. } | Actor::Client(_) => {
            let id = if let Actor::Client(id) = &origin.actor {
                json!(id)
            } else {
                Value::Null
            };
            let chain =
                json!([{ "ip": "198.51.100.20", "geographicalContext": null, "version": "V4", "source": null }]);
            let client = json!({
                "userAgent": { "rawUserAgent": origin.user_agent, "os": "Unknown", "browser": "UNKNOWN" },
                "zone": "null", "device": "Unknown", "id": id, "ipAddress": "198.51.100.20", "geographicalContext": null,
            });
            (client, chain)
        }
    }
}

/// The event as a hook delivery carries it.
pub(super) fn for_hook(event: &Value, style: BodyStyle) -> Value {
    let mut event = event.clone();
    let Some(members) = event.as_object_mut() else {
        return event;
    };
    let chain = members
        .remove("request")
        .and_then(|mut request| request.get_mut("ipChain").map(Value::take));
    if let Some(context) = members.get_mut("authenticationContext").and_then(Value::as_object_mut) {
        context.remove("rootSessionId");
    }
    match style {
        BodyStyle::NullsWritten => {
            let mut client = members.get_mut("client").map(Value::take).unwrap_or_default();
            if let Some(client) = client.as_object_mut() {
                client.insert("ipChain".to_owned(), chain.unwrap_or_else(|| json!([])));
            } else {
                client = json!({ "ipChain": [] });
            }
            members.insert("client".to_owned(), client);
            members.insert("insertionTimestamp".to_owned(), Value::Null);
        }
        BodyStyle::NullsOmitted => {
            members.insert("client".to_owned(), json!({ "ipChain": [] }));
            members.insert("securityContext".to_owned(), json!({}));
            if let Some(transaction) = members.get_mut("transaction").and_then(Value::as_object_mut) {
                transaction.remove("type");
            }
            drop_nulls(&mut event);
        }
    }
    event
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
