//! How long things are kept.

use std::time::Duration;

use super::guard::time;
use crate::configuration::Retention;
use crate::files;
use crate::reader::Reader;
use crate::yaml::Node;

/// The shortest time that events are kept: longer than any vendor delivers one again, and than messages wait in a queue while
/// nobody works.
const EVENTS: Duration = Duration::from_hours(24 * 7);
/// A cut is watched for as long as this after it was made.
const RUNS: Duration = Duration::from_hours(24 * 31);

pub(super) fn read(reader: &mut Reader, node: Option<&Node>) -> Retention {
    let mut retention = Retention::default();
    let Some(node) = node else {
        return retention;
    };
    let fields = reader.fields(node, "retention", files::RETENTION);
    for (name, place, shortest, why) in [
        ("runs", &mut retention.runs, RUNS, "a cut is watched for 30 days"),
        (
            "events",
            &mut retention.events,
            EVENTS,
            "an event that is delivered again must still be known",
        ),
        ("undo", &mut retention.undo, Duration::ZERO, ""),
    ] {
        let Some(node) = fields.get(name) else { continue };
        let Some(time) = time(reader, node, name) else { continue };
        if time < shortest {
            reader.problem(
                &node.at,
                format!("`{name}` is too short: {why}"),
                format!("keep them for {}d at least", shortest.as_secs() / 86_400),
            );
            continue;
        }
        *place = time;
    }
    retention
}
