//! What the tenant's own log says happened: the System Log, beside which a hook's silence can be noticed.
//!
//! A bounded query (`since` and `until`) runs in the order of `published` and ends (Okta, *System Log API*, "Bounded
//! requests"). An event may be persisted later than it was published, so whoever asks looks at a while twice. Its `uuid` is the
//! one that a hook delivers, and so its key.

use jiff::Timestamp;
use rollcall_model::connector::{Logged, Page};
use rollcall_model::{Call, Failure, SignalFormat, SignalKey};
use serde_json::Value;

use super::client::Client;
use crate::encode::percent;
use crate::exchange::text;

/// A row of Okta's rate-limit table.
const LOGS: &str = "/api/v1/logs";
/// Events on a page, Okta's most.
const PAGE: usize = 1_000;

/// The types that a hook can deliver (Okta event types, `event-hook-eligible`) of the kinds for which a run may be opened.
const DELIVERED: &[(&str, &[&str])] = &[
    ("user.created", &["user.lifecycle.create"]),
    (
        "user.activated",
        &["user.lifecycle.activate", "user.lifecycle.reactivate"],
    ),
    ("user.deactivated", &["user.lifecycle.deactivate"]),
    ("user.deleted", &["user.lifecycle.delete.initiated"]),
    ("user.suspended", &["user.lifecycle.suspend"]),
    ("user.unsuspended", &["user.lifecycle.unsuspend"]),
    ("app.removed", &["application.user_membership.remove"]),
];

/// The events of these kinds between two moments.
pub(super) async fn page(
    client: &Client,
    call: &Call,
    kinds: &[String],
    since: Timestamp,
    until: Timestamp,
    cursor: Option<&str>,
) -> Result<Page<Logged>, Failure> {
    let what = "reading the system log";
    let types: Vec<String> = DELIVERED
        .iter()
        .filter(|(kind, _)| kinds.iter().any(|wanted| wanted == kind))
        .flat_map(|(_, types)| types.iter())
        .map(|name| format!("eventType eq \"{name}\""))
        .collect();
    if types.is_empty() {
        return Ok(Page {
            items: Vec::new(),
            next: None,
            unproven: None,
        });
    }
    let path = match cursor {
        None => format!(
            "{LOGS}?since={since:.3}&until={until:.3}&filter={}&limit={PAGE}",
            percent(&types.join(" or "))
        ),
        Some(cursor) if cursor.starts_with(&format!("{LOGS}?")) => cursor.to_owned(),
        Some(_) => return Err(Failure::give_up(format!("{what}: the cursor is none of the log's"))),
    };
    let (rows, next) = client.page(call, LOGS, what, &path).await?;
    Ok(Page {
        items: rows.iter().filter_map(|row| logged(client, row)).collect(),
        next,
        unproven: None,
    })
}

/// One event; none without an identity, which no hook could have either.
fn logged(client: &Client, row: &Value) -> Option<Logged> {
    let uuid = text(row, "uuid")?;
    Some(Logged {
        key: SignalKey::new(format!("{}:{uuid}", client.settings.connection)),
        format: SignalFormat::OktaLogEvent,
        raw: row.to_string(),
    })
}
