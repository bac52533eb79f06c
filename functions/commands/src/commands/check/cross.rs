//! What the configuration says of the connections and only they can answer: groups, lists, applications, who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollcall_model::{ConnectionId, Connector, Failure, FailureClass, Files, GroupRead, Member, Probe, ProbeResult};
use rollcall_policy::Configuration;
use rollcall_policy::configuration::{ListSource, Role};

use super::online::call;

/// The connectors as they could be made.
type Made = BTreeMap<ConnectionId, Result<Arc<dyn Connector>, String>>;

pub(super) async fn probes(
    configuration: &Configuration,
    made: &Made,
    files: &dyn Files,
    only: Option<&ConnectionId>,
) -> Vec<Probe> {
    let concerns = |connection: &ConnectionId| only.is_none_or(|only| only == connection);
    let mut all = Vec::new();
    if only.is_none() {
        all.extend(limits(configuration));
    }
    all.extend(tells(configuration, made, &concerns));
    all.extend(approvers(configuration, made, &concerns).await);
    for (name, source) in &configuration.lists {
        all.extend(list(name, source, made, files, &concerns, only.is_none()).await);
    }
    for connection in configuration.connections.values() {
        if let Some(app) = &connection.app
            && (concerns(&connection.id) || concerns(&configuration.source))
        {
            all.push(application(&connection.id, app, &configuration.source, made).await);
        }
    }
    all
}

/// Limits that let nothing through, and pressing that comes in the wrong order.
fn limits(configuration: &Configuration) -> Vec<Probe> {
    let guard = &configuration.guard;
    let mut none = Vec::new();
    let mut note = |name: String, per_hour: Option<u32>| {
        if per_hour == Some(0) {
            none.push(name);
        }
    };
    note("cut".to_owned(), Some(guard.cut.per_hour));
    note("dismantle".to_owned(), Some(guard.dismantle.per_hour));
    for (connection, limits) in &guard.connections {
        note(format!("cut in {connection}"), limits.cut.map(|rate| rate.per_hour));
        note(
            format!("dismantle in {connection}"),
            limits.dismantle.map(|rate| rate.per_hour),
        );
    }
    let held = &guard.held;
    let mut found = Vec::new();
    if !none.is_empty() {
        found.push(Probe::new(
            "limits",
            ProbeResult::Warning,
            format!("0 an hour holds every run: {}", none.join(", ")),
            Some("give it a number, or pause it instead"),
        ));
    }
    if !(held.remind <= held.escalate && held.escalate <= held.page && held.page <= held.expires) {
        found.push(Probe::new(
            "limits",
            ProbeResult::Warning,
            "a held stage is not pressed in order: remind, escalate, page, expire",
            Some("let each time of `guard.held` be no shorter than the one before"),
        ));
    }
    if found.is_empty() {
        found.push(Probe::new(
            "limits",
            ProbeResult::Good,
            format!(
                "{} cuts and {} dismantlings an hour",
                guard.cut.per_hour, guard.dismantle.per_hour
            ),
            None,
        ));
    }
    found
}

/// Whoever is told is told by a connection that can be used.
fn tells(configuration: &Configuration, made: &Made, concerns: &dyn Fn(&ConnectionId) -> bool) -> Vec<Probe> {
    let used: BTreeSet<&ConnectionId> = configuration
        .playbooks
        .values()
        .flat_map(|playbook| playbook.tell.iter().map(|tell| &tell.connection))
        .filter(|connection| concerns(connection))
        .collect();
    used.into_iter()
        .map(|connection| match made.get(connection) {
            Some(Ok(_)) => Probe::new("tell", ProbeResult::Good, format!("messages go by {connection}"), None),
            Some(Err(why)) => Probe::new(
                "tell",
                ProbeResult::Bad,
                format!("messages go by {connection}, which cannot be used: {why}"),
                Some("give this process its secret"),
            ),
            None => Probe::new(
                "tell",
                ProbeResult::Bad,
                format!("messages go by {connection}, which is not in this environment"),
                Some("add it to `connections` and to the environment's `tenants`"),
            ),
        })
        .collect()
}

/// Somebody must be able to decide.
async fn approvers(configuration: &Configuration, made: &Made, concerns: &dyn Fn(&ConnectionId) -> bool) -> Vec<Probe> {
    let Some((connection, group)) = &configuration.guard.approvers else {
        return vec![Probe::new(
            "approvers",
            ProbeResult::Warning,
            "nobody is named who may decide a held stage",
            Some("set `guard.approvers` to a group of the source"),
        )];
    };
    if !concerns(connection) {
        return Vec::new();
    }
    match members(made, connection, group).await {
        Err(bad) => vec![Probe {
            what: "approvers".to_owned(),
            ..bad
        }],
        Ok(members) if members.is_empty() => vec![Probe::new(
            "approvers",
            ProbeResult::Bad,
            format!("{connection}/{group} has no members: nobody could decide a held stage"),
            Some("put those into the group who decide"),
        )],
        Ok(members) => {
            let mut found = vec![Probe::new(
                "approvers",
                ProbeResult::Good,
                format!("{connection}/{group}: {} may decide", members.len()),
                None,
            )];
            let outside: Vec<&str> = configuration
                .operators
                .iter()
                .filter(|(_, operator)| operator.roles.contains(&Role::Approver))
                .filter(|(_, operator)| {
                    operator.login.as_ref().is_none_or(|login| {
                        let login = login.to_lowercase();
                        !members.iter().any(|member| member.login == login)
                    })
                })
                .map(|(name, _)| name.as_str())
                .collect();
            if !outside.is_empty() {
                found.push(Probe::new(
                    "approvers",
                    ProbeResult::Warning,
                    format!(
                        "operators with the role `approver` who are not in {connection}/{group}: {}",
                        outside.join(", ")
                    ),
                    Some("put them into the group, or take the role away"),
                ));
            }
            found
        }
    }
}

/// A list that can be read now. Those of the configuration itself were read with it.
async fn list(
    name: &str,
    source: &ListSource,
    made: &Made,
    files: &dyn Files,
    concerns: &dyn Fn(&ConnectionId) -> bool,
    everything: bool,
) -> Option<Probe> {
    let what = format!("list {name}");
    match source {
        ListSource::Group {
            connection,
            name: group,
        } if concerns(connection) => Some(match members(made, connection, group).await {
            Ok(members) => Probe::new(
                &what,
                ProbeResult::Good,
                format!("{connection}/{group}: {} members", members.len()),
                None,
            ),
            Err(bad) => Probe { what, ..bad },
        }),
        ListSource::Object { name: object } if everything => Some(match files.get(object).await {
            Ok(body) if std::str::from_utf8(&body).is_ok() => Probe::new(
                &what,
                ProbeResult::Good,
                format!("{object}: {} bytes", body.len()),
                None,
            ),
            Ok(_) => Probe::new(
                &what,
                ProbeResult::Bad,
                format!("{object} is not UTF-8 text"),
                Some("save it as UTF-8"),
            ),
            Err(why) => Probe::new(
                &what,
                ProbeResult::Bad,
                why.to_string(),
                Some("put the list where the files are, or name the folder with --data"),
            ),
        }),
        _ => None,
    }
}

/// The application of the source that stands for a connection.
async fn application(connection: &ConnectionId, app: &str, source: &ConnectionId, made: &Made) -> Probe {
    let what = format!("app of {connection}");
    let Some(Ok(connector)) = made.get(source) else {
        return Probe::new(
            &what,
            ProbeResult::Unknown,
            format!("{source} could not be asked about the application {app}"),
            None,
        );
    };
    match connector.assignments(&call(), app, None).await {
        Ok(page) => match page.unproven {
            Some(why) => Probe::new(&what, ProbeResult::Unknown, why, None),
            None if page.items.is_empty() => Probe::new(
                &what,
                ProbeResult::Warning,
                format!("{source} gives the application {app} to nobody"),
                Some("look whether `app` names the right application"),
            ),
            None => Probe::new(
                &what,
                ProbeResult::Good,
                format!(
                    "{source} gives the application {app} to {}{}",
                    page.items.len(),
                    if page.next.is_some() { " and more" } else { "" }
                ),
                None,
            ),
        },
        Err(failure) => failed(
            &what,
            &failure,
            "write the source's own id of the application into `app`, and let the integration read applications",
        ),
    }
}

/// A group's members, or a look that says why not.
async fn members(made: &Made, connection: &ConnectionId, group: &str) -> Result<Vec<Member>, Probe> {
    let connector = match made.get(connection) {
        Some(Ok(connector)) => connector,
        Some(Err(why)) => {
            return Err(Probe::new(
                "",
                ProbeResult::Bad,
                format!("{connection} cannot be used: {why}"),
                None,
            ));
        }
        None => {
            return Err(Probe::new(
                "",
                ProbeResult::Bad,
                format!("{connection} is not configured"),
                None,
            ));
        }
    };
    match connector.group_members(&call(), group).await {
        Ok(GroupRead::Members(members)) => Ok(members),
        Ok(GroupRead::NoSuchGroup) => Err(Probe::new(
            "",
            ProbeResult::Bad,
            format!("{connection} has no group {group}"),
            Some("create the group, or correct its name"),
        )),
        Ok(GroupRead::Unproven(why)) => Err(Probe::new("", ProbeResult::Unknown, why, None)),
        Err(failure) => Err(failed(
            "",
            &failure,
            "let the integration read groups and their members",
        )),
    }
}

/// A failed call: somebody must mend something, or nobody knows.
fn failed(what: &str, failure: &Failure, next: &str) -> Probe {
    let result = match failure.class {
        FailureClass::Retry { .. } => ProbeResult::Unknown,
        FailureClass::GiveUp | FailureClass::NeedsHuman | FailureClass::Credential => ProbeResult::Bad,
    };
    Probe::new(what, result, failure.reason.clone(), Some(next))
}
