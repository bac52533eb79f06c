//! `env/<environment>.yaml`: where each connection is, and how far playbooks may go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_model::ids::ConnectionId;

use super::{Scene, modes, operators};
use crate::configuration::{Hook, Kind, Modes, OktaAuth, Operator, SalesforceFlow, Tenant, TenantSettings};
use crate::files;
use crate::reader::{Fields, Reader};
use crate::suggest::nearest;
use crate::yaml::{Data, Node};

/// The most records of one object that Salesforce advises to change without a bulk job.
const MOST_IN_COLLECTIONS: usize = 2_000;

/// An environment as read.
pub(super) struct Environment {
    pub tenants: BTreeMap<ConnectionId, Tenant>,
    /// The source's application that stands for a connection.
    pub apps: BTreeMap<ConnectionId, String>,
    pub modes: Modes,
    pub operators: BTreeMap<String, Operator>,
}

pub(super) fn read(reader: &mut Reader, tree: &Node, scene: &Scene<'_>, playbooks: &[String]) -> Environment {
    let fields = reader.fields(tree, "environment", files::ENVIRONMENT);
    let (mut tenants, mut apps) = (BTreeMap::new(), BTreeMap::new());
    if let Some(node) = reader.required(&fields, "tenants", "environment", "{okta-main: {url: …, id: …}}") {
        for (key, value) in reader.members(node, "tenants") {
            let id = ConnectionId::new(key.name.clone());
            let Some(kind) = scene.connections.get(&id) else {
                let names: Vec<&str> = scene.connections.keys().map(ConnectionId::as_str).collect();
                let next = nearest(&key.name, &names).map_or_else(
                    || "declare it under `connections` in rollcall.yaml".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.problem(&key.at, format!("there is no connection `{}`", key.name), next);
                continue;
            };
            if let Some(app) = app(reader, value, &id, scene, &apps) {
                apps.insert(id.clone(), app);
            }
            if let Some(tenant) = tenant(reader, value, &key.name, *kind) {
                tenants.insert(id, tenant);
            }
        }
        let members = reader.members(node, "tenants");
        for id in scene.connections.keys() {
            if !members.iter().any(|(key, _)| key.name == id.as_str()) {
                reader.problem(
                    &node.at,
                    format!("the connection `{id}` has no tenant in this environment"),
                    format!("add `{id}: {{…}}` under `tenants`"),
                );
            }
        }
    }
    let modes = modes::read(reader, fields.get("mode"), scene, playbooks);
    let operators = fields
        .get("operators")
        .map(|node| operators::read(reader, node))
        .unwrap_or_default();
    Environment {
        tenants,
        apps,
        modes,
        operators,
    }
}

/// The application of the source that stands for a connection: one application for one connection, and none for the source.
fn app(
    reader: &mut Reader,
    tenant: &Node,
    id: &ConnectionId,
    scene: &Scene<'_>,
    others: &BTreeMap<ConnectionId, String>,
) -> Option<String> {
    let Data::Map(members) = &tenant.data else { return None };
    let (key, node) = members.iter().find(|(key, _)| key.name == "app")?;
    if scene.connections.get(id) == Some(&Kind::Slack) {
        // The tenant's own reading says that Slack has no such member.
        return None;
    }
    let app = reader.text(node, "app")?;
    if id == scene.source {
        reader.problem(
            &key.at,
            format!("`{id}` is the source, whose applications stand for the other connections"),
            "remove `app`",
        );
    }
    if let Some((other, _)) = others.iter().find(|(_, other)| **other == app) {
        reader.problem(
            &node.at,
            format!("the application `{app}` stands for `{other}` already"),
            "name the one application that opens this tenant",
        );
    }
    Some(app)
}

fn tenant(reader: &mut Reader, node: &Node, name: &str, kind: Kind) -> Option<Tenant> {
    let known = match kind {
        Kind::Okta => files::OKTA,
        Kind::Onelogin => files::ONELOGIN,
        Kind::Salesforce => files::SALESFORCE,
        Kind::Slack => files::SLACK,
    };
    let fields = reader.fields(node, name, known);
    let id = reader
        .required(&fields, "id", name, example_id(kind))
        .and_then(|node| tenant_id(reader, node, kind));
    let url = match (kind, fields.get("url")) {
        (Kind::Slack, None) => Some("https://slack.com/api".to_owned()),
        (_, Some(node)) => url(reader, node, "url"),
        (_, None) => {
            reader.required(&fields, "url", name, "https://…");
            None
        }
    };
    let hook = fields.get("hook").map(|node| hook(reader, node));
    let expires = fields.get("expires").and_then(|node| expires(reader, node));
    let settings = match kind {
        Kind::Okta => okta(reader, &fields, name),
        Kind::Onelogin => Some(TenantSettings::Onelogin {
            secret: fields.get("secret").and_then(|node| reader.secret(node, "secret")),
            client_id: text(reader, &fields, "client_id"),
            own_ids: texts(reader, &fields, "own_ids"),
            canary: text(reader, &fields, "canary"),
        }),
        Kind::Salesforce => salesforce(reader, &fields, name),
        Kind::Slack => needed_secret(reader, &fields, name, "secret").map(|secret| TenantSettings::Slack { secret }),
    };
    Some(Tenant {
        url: url?,
        id: id?,
        settings: settings?,
        hook,
        expires,
    })
}

/// When a credential ends: at a moment, or with the beginning of a day in UTC, so that it is told rather too early.
fn expires(reader: &mut Reader, node: &Node) -> Option<Timestamp> {
    let text = reader.text(node, "expires")?;
    let day = || {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let end = text.parse().ok().or_else(day);
    if end.is_none() {
        reader.problem(
            &node.at,
            format!("`{text}` is no moment"),
            "write the credential's last day, for example 2027-01-31",
        );
    }
    end
}

fn text(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|node| reader.text(node, name))
}

fn texts(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Vec<String> {
    fields.get(name).map_or_else(Vec::new, |node| reader.texts(node, name))
}

fn needed(reader: &mut Reader, fields: &Fields<'_>, what: &str, name: &str, example: &str) -> Option<String> {
    reader
        .required(fields, name, what, example)
        .and_then(|node| reader.text(node, name))
}

fn needed_secret(
    reader: &mut Reader,
    fields: &Fields<'_>,
    what: &str,
    name: &str,
) -> Option<rollcall_runtime::SecretRef> {
    reader
        .required(fields, name, what, &format!("ssm:/rollcall/{what}"))
        .and_then(|node| reader.secret(node, name))
}

fn okta(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<TenantSettings> {
    let auth = match fields
        .get("auth")
        .map(|node| reader.word(node, "auth", &["ssws", "service-app"]))
    {
        Some(None) => None,
        Some(Some("service-app")) => {
            let client_id = needed(reader, fields, name, "client_id", "0oa…");
            let key = needed_secret(reader, fields, name, "key");
            let kid = text(reader, fields, "kid");
            refuse(
                reader,
                fields,
                "secret",
                "with `auth: service-app` the private key is in `key`",
            );
            client_id
                .zip(key)
                .map(|(client_id, key)| OktaAuth::ServiceApp { client_id, key, kid })
        }
        _ => {
            for other in ["client_id", "key", "kid"] {
                refuse(reader, fields, other, "it needs `auth: service-app`");
            }
            needed_secret(reader, fields, name, "secret").map(|secret| OktaAuth::Ssws { secret })
        }
    };
    let own_ids = texts(reader, fields, "own_ids");
    let canary = text(reader, fields, "canary");
    Some(TenantSettings::Okta {
        auth: auth?,
        own_ids,
        canary,
    })
}

/// A member that the other members make meaningless.
fn refuse(reader: &mut Reader, fields: &Fields<'_>, name: &str, next: &str) {
    if let Some((key, _)) = fields.member(name) {
        reader.problem(&key.at, format!("`{name}` has no meaning here"), next);
    }
}

fn salesforce(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<TenantSettings> {
    let flow = match fields
        .get("flow")
        .map(|node| reader.word(node, "flow", &["jwt", "client-credentials"]))
    {
        Some(None) => None,
        Some(Some("client-credentials")) => {
            refuse(
                reader,
                fields,
                "username",
                "the run-as user of the connected app decides",
            );
            needed(reader, fields, name, "consumer_key", "3MVG9…")
                .map(|consumer_key| SalesforceFlow::ClientCredentials { consumer_key })
        }
        _ => needed(reader, fields, name, "consumer_key", "3MVG9…")
            .zip(needed(reader, fields, name, "username", "rollcall@example.com"))
            .map(|(consumer_key, username)| SalesforceFlow::Jwt { consumer_key, username }),
    };
    let secret = needed_secret(reader, fields, name, "secret");
    let api_version = fields.get("api_version").and_then(|node| {
        let version = reader.text(node, "api_version")?;
        let digits = version.strip_prefix('v').and_then(|rest| rest.strip_suffix(".0"));
        if digits.is_none_or(|digits| digits.parse::<u16>().is_err()) {
            reader.problem(
                &node.at,
                format!("`{version}` is not a version of Salesforce's API"),
                "write it as in the address, for example `v62.0`",
            );
        }
        Some(version)
    });
    let sandbox = fields
        .get("sandbox")
        .and_then(|node| reader.flag(node, "sandbox"))
        .unwrap_or(false);
    let login_url = fields.get("login_url").and_then(|node| url(reader, node, "login_url"));
    let hosts = texts(reader, fields, "hosts");
    let bulk_above = fields.get("bulk_above").and_then(|node| {
        let text = reader.text(node, "bulk_above")?;
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=MOST_IN_COLLECTIONS).contains(number));
        if number.is_none() {
            reader.problem(
                &node.at,
                format!("`{text}` is not a number of records"),
                format!("write a whole number from 1 to {MOST_IN_COLLECTIONS}"),
            );
        }
        number
    });
    Some(TenantSettings::Salesforce {
        flow: flow?,
        secret: secret?,
        api_version,
        sandbox,
        login_url,
        hosts,
        bulk_above,
    })
}

const fn example_id(kind: Kind) -> &'static str {
    match kind {
        Kind::Okta => "00o…",
        Kind::Onelogin => "\"123456\"",
        Kind::Salesforce => "00D…",
        Kind::Slack => "T…",
    }
}

fn tenant_id(reader: &mut Reader, node: &Node, kind: Kind) -> Option<String> {
    let id = reader.text(node, "id")?;
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric());
    let (fits, next) = match kind {
        Kind::Okta => (id.starts_with("00o") && plain, "an Okta org id begins with 00o"),
        Kind::Onelogin => (plain, "it is the number of the OneLogin account"),
        Kind::Salesforce => (
            id.starts_with("00D") && matches!(id.len(), 15 | 18) && plain,
            "an organisation id has 15 or 18 characters and begins with 00D (Setup, Company Information)",
        ),
        Kind::Slack => (
            (id.starts_with('T') || id.starts_with('E')) && plain,
            "a workspace id begins with T, an organisation's with E",
        ),
    };
    if !fits {
        reader.problem(&node.at, format!("`{id}` is not a tenant id of {kind}"), next);
    }
    Some(id)
}

/// An address: https, or http to this machine.
fn url(reader: &mut Reader, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, what)?;
    let address = text.trim_end_matches('/');
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"));
    let host = rest.map(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inner, _)) => inner,
            None => authority.split(':').next().unwrap_or_default(),
        }
    });
    let next = match host {
        Some(host) if host.is_empty() || host.contains(['@', ' ']) => "write https://host",
        Some(host) if address.starts_with("http://") && !matches!(host, "127.0.0.1" | "localhost" | "::1") => {
            "use https; plain http is for this machine only"
        }
        Some(_) if rest.is_some_and(|rest| rest.contains(['?', '#', '@', ' '])) => {
            "write https://host, without a query"
        }
        Some(_) => return Some(address.to_owned()),
        None => "write https://host",
    };
    reader.problem(&node.at, format!("`{text}` is not an address for `{what}`"), next);
    None
}

fn hook(reader: &mut Reader, node: &Node) -> Hook {
    let fields = reader.fields(node, "hook", files::HOOK);
    let header = fields.get("header").and_then(|node| {
        let name = reader.text(node, "header")?;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            reader.problem(
                &node.at,
                format!("`{name}` is not the name of a header"),
                "use letters, digits and `-`",
            );
        }
        Some(name)
    });
    let mut secrets = Vec::new();
    if let Some(node) = reader.required(&fields, "secrets", "hook", "[ssm:/rollcall/hook]") {
        for item in reader.several(node, "secrets") {
            secrets.extend(reader.secret(item, "secrets"));
        }
    }
    Hook { header, secrets }
}
