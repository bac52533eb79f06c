//! Doors for one machine: every source's hook on one server. In the cloud each door is a function of its own.

use std::sync::Arc;

use http::HeaderName;
use rollcall_inbound::door::{Door, DoorSettings};
use rollcall_inbound::source::Source;
use rollcall_model::{Files, Queue};
use rollcall_policy::{Configuration, Kind};
use rollcall_runtime::{Clock, Secrets};

use crate::connect::WiringError;

/// A door for each connection that has a `hook`, at `/hooks/<connection>`.
pub async fn doors(
    configuration: &Configuration,
    secrets: &Secrets,
    queue: &Arc<dyn Queue>,
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<(String, Door)>, WiringError> {
    let mut all = Vec::new();
    for connection in configuration.connections.values() {
        let Some(hook) = &connection.tenant.hook else { continue };
        let setting = |why: String| WiringError::Setting {
            connection: connection.id.clone(),
            why,
        };
        let source = match connection.kind {
            Kind::Okta => Source::Okta,
            Kind::Onelogin => Source::Onelogin,
            other => {
                return Err(setting(format!(
                    "{other:?} sends no hooks that this version takes: remove `hook`"
                )));
            }
        };
        let mut values = Vec::new();
        for reference in &hook.secrets {
            let value = secrets.fetch(reference).await;
            values.push(value.map_err(|source| WiringError::Secret {
                connection: connection.id.clone(),
                source,
            })?);
        }
        let mut values = values.into_iter();
        let current = values
            .next()
            .ok_or_else(|| setting("`hook` names no secret: add one".to_owned()))?;
        let header = hook.header.as_deref().unwrap_or("authorization");
        let header =
            HeaderName::try_from(header).map_err(|_| setting(format!("`{header}` cannot be the name of a header")))?;
        let path = format!("/hooks/{}", connection.id);
        let settings = DoorSettings {
            source,
            connection: connection.id.clone(),
            path: path.clone(),
            header,
            current,
            previous: values.next(),
        };
        let door = Door::new(&settings, Arc::clone(queue), Arc::clone(files), Arc::clone(clock))
            .map_err(|why| setting(why.to_string()))?;
        all.push((path, door));
    }
    Ok(all)
}
