//! Who is given an application.

use http::StatusCode;
use rollcall_model::connector::{Assigned, Assignment, Page};
use rollcall_model::{AccountRef, Call, Failure};
use serde_json::Value;

use super::client::{Client, read_failure};
use super::subject::canary;
use crate::encode::percent;
use crate::exchange::{json, text};

/// Rows of Okta's rate-limit table.
pub(super) const APPS: &str = "/api/v1/apps";
const ONE_APP: &str = "/api/v1/apps/{id}";
/// Users of an app on a page, Okta's most.
const PAGE: usize = 500;

/// Everybody whom the app is assigned to.
pub(super) async fn page(
    client: &Client,
    call: &Call,
    app: &str,
    cursor: Option<&str>,
) -> Result<Page<Assignment>, Failure> {
    let what = "listing the users of an app";
    let users = format!("/api/v1/apps/{}/users?", percent(app));
    let path = match cursor {
        None => format!("{users}limit={PAGE}"),
        Some(cursor) if cursor.starts_with(&users) => cursor.to_owned(),
        Some(_) => return Err(Failure::give_up(format!("{what}: the cursor is none of this app's"))),
    };
    let (rows, next) = client.page(call, APPS, what, &path).await?;
    Ok(Page {
        items: rows
            .iter()
            .filter(|row| is_given(row))
            .filter_map(|row| assignment(client, row))
            .collect(),
        next,
        unproven: None,
    })
}

/// Whether the app is assigned to the user now. Okta answers 404 for an app or a user that it will not show as well, so a "no"
/// needs the app and the canary beside it.
pub(super) async fn assigned(
    client: &Client,
    call: &Call,
    account: &AccountRef,
    app: &str,
) -> Result<Assigned, Failure> {
    let what = "reading the app's user";
    let app = percent(app);
    let path = format!("/api/v1/apps/{app}/users/{}", percent(&account.id));
    let response = client.get(call, APPS, what, &path).await?;
    if response.status().is_success() {
        let row = json(what, &response, true)?;
        if text(&row, "id").is_some_and(|id| id != account.id) {
            return Ok(Assigned::Unproven(
                "Okta answered with another user than the one asked for".to_owned(),
            ));
        }
        return Ok(if is_given(&row) { Assigned::Yes } else { Assigned::No });
    }
    if response.status() != StatusCode::NOT_FOUND {
        return Err(read_failure(what, &response));
    }
    let path = format!("/api/v1/apps/{app}");
    let (shown, canary) = futures::join!(
        client.get(call, ONE_APP, "reading the app", &path),
        canary(client, call)
    );
    if !shown?.status().is_success() {
        return Ok(Assigned::Unproven(
            "Okta does not show the app itself: it is deleted, or the credential may not see it".to_owned(),
        ));
    }
    Ok(match canary? {
        Ok(_) => Assigned::No,
        Err(why) => Assigned::Unproven(why),
    })
}

/// Statuses of an app's user that stand for an assignment that has ended (Okta Application Users API, `status`).
fn is_given(row: &Value) -> bool {
    !matches!(text(row, "status"), Some("DEPROVISIONED" | "REVOKED" | "UNASSIGNED"))
}

fn assignment(client: &Client, row: &Value) -> Option<Assignment> {
    Some(Assignment {
        account: AccountRef::new(&client.settings.connection, text(row, "id")?),
        external_id: text(row, "externalId").map(str::to_owned),
        username: row
            .pointer("/credentials/userName")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    })
}
