//! `playbooks/*.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::event::EventKind;
use rollcall_model::ids::ConnectionId;
use rollcall_model::plan::Goal;
use serde_json::Value;

use super::{Scene, cases, modes, source_file, stages, tell};
use crate::configuration::{Playbook, Trigger};
use crate::files;
use crate::reader::{Fields, Reader};
use crate::shipped;
use crate::suggest::nearest;
use crate::yaml::{At, Data, Node};

const GOALS: &[&str] = &["leave", "join", "move"];

/// The playbook's name behind a path of the folder.
pub(super) fn name_of(path: &str) -> Option<String> {
    path.strip_prefix("playbooks/")?
        .strip_suffix(".yaml")
        .map(str::to_owned)
}

/// Reads every file of `playbooks/`; `used` collects the shipped playbooks that they refer to.
pub(super) fn read_all(
    reader: &mut Reader,
    all: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    scene: &Scene<'_>,
    used: &mut BTreeSet<String>,
) -> BTreeMap<String, Playbook> {
    let mut playbooks: BTreeMap<String, Playbook> = BTreeMap::new();
    let mut places: BTreeMap<String, At> = BTreeMap::new();
    for path in all.keys() {
        let Some(name) = name_of(path) else { continue };
        if !reader.name(&name, &At::file(path), "playbook") {
            continue;
        }
        let Some(tree) = source_file(reader, all, contents, path) else {
            continue;
        };
        if let Some(playbook) = read(reader, &tree, &name, scene, used) {
            places.insert(name.clone(), tree.at.clone());
            playbooks.insert(name, playbook);
        }
    }
    rivals(reader, &playbooks, &places);
    playbooks
}

/// Two playbooks that would open the same run for the same event: which one ran would be chance.
fn rivals(reader: &mut Reader, playbooks: &BTreeMap<String, Playbook>, places: &BTreeMap<String, At>) {
    let mut taken: BTreeMap<(String, String, Goal), &str> = BTreeMap::new();
    for playbook in playbooks.values() {
        for trigger in &playbook.on {
            let pairs: Vec<(String, String)> = match trigger {
                Trigger::Event { from, kinds } => from
                    .iter()
                    .flat_map(|from| kinds.iter().map(move |kind| (from.to_string(), kind.clone())))
                    .collect(),
                Trigger::Planned(goal) => vec![("planned".to_owned(), goal.as_str().to_owned())],
            };
            for (from, kind) in pairs {
                let key = (from.clone(), kind.clone(), playbook.goal);
                match taken.get(&key) {
                    Some(other) if *other != playbook.name => {
                        if let Some(at) = places.get(&playbook.name) {
                            reader.problem(
                                at,
                                format!(
                                    "`{}` and `{other}` both answer {kind} from {from} with the goal {}",
                                    playbook.name, playbook.goal
                                ),
                                "let one of them answer it; one run is open per person and goal",
                            );
                        }
                    }
                    _ => {
                        taken.insert(key, &playbook.name);
                    }
                }
            }
        }
    }
}

fn read(
    reader: &mut Reader,
    tree: &Node,
    name: &str,
    scene: &Scene<'_>,
    used: &mut BTreeSet<String>,
) -> Option<Playbook> {
    let Data::Map(members) = &tree.data else {
        reader.problem(&tree.at, "a playbook is a mapping", "begin with `on:` or `uses:`");
        return None;
    };
    if members.iter().any(|(key, _)| key.name == "uses") {
        let fields = reader.fields(tree, name, files::USES);
        let uses = fields.get("uses")?;
        let reference = reader.text(uses, "uses")?;
        let shipped = shipped::expand(
            reader,
            scene.library,
            &reference,
            uses,
            fields.get("with"),
            scene.source.as_str(),
        )?;
        used.insert(reference);
        let merged = merge(shipped, &fields);
        return own(reader, &merged, name, scene);
    }
    own(reader, tree, name, scene)
}

/// The shipped playbook with the user's messages, mode and further tests.
fn merge(shipped: Node, fields: &Fields<'_>) -> Node {
    let Data::Map(mut members) = shipped.data else {
        return shipped;
    };
    for name in ["tell", "tests", "mode"] {
        let Some((key, value)) = fields.member(name) else {
            continue;
        };
        let place = members.iter().position(|(known, _)| known.name == name);
        match place.and_then(|place| members.get_mut(place)) {
            None => members.push((key.clone(), value.clone())),
            Some((_, known)) => match (&mut known.data, &value.data) {
                (Data::Map(theirs), Data::Map(own)) => {
                    theirs.retain(|(moment, _)| !own.iter().any(|(mine, _)| mine.name == moment.name));
                    theirs.extend(own.iter().cloned());
                }
                (Data::List(theirs), Data::List(own)) => theirs.extend(own.iter().cloned()),
                _ => *known = value.clone(),
            },
        }
    }
    Node {
        at: shipped.at,
        data: Data::Map(members),
    }
}

fn own(reader: &mut Reader, tree: &Node, name: &str, scene: &Scene<'_>) -> Option<Playbook> {
    if let Data::Map(members) = &tree.data
        && let Some((key, _)) = members.iter().find(|(key, _)| key.name == "review")
    {
        let at = key.at.clone();
        reader.problem(
            &at,
            "`review` in a playbook is not yet supported by this version",
            "take it out, and use the mode `review` in the environment",
        );
    }
    let fields = reader.fields(tree, name, files::PLAYBOOK);
    let on = reader
        .required(&fields, "on", name, "[{from: okta-main, event: [user.deactivated]}]")
        .map(|node| triggers(reader, node, scene))
        .unwrap_or_default();
    let goal = goal(reader, &fields, name, &on)?;
    let stages = stages::read(reader, &fields, name, scene);
    if !fields.has("cut") && answers(&on, BARRED) {
        reader.problem(
            &fields.node.at,
            format!("`{name}` answers {} and has no `cut`", BARRED.join(" or ")),
            "somebody who is suspended or locked has not left, so only a `cut` runs for them; add one, or let it answer less",
        );
    }
    let tell = tell::read(reader, fields.get("tell"), &stages, scene);
    let mode = fields
        .get("mode")
        .and_then(|node| reader.word(node, "mode", &["observe", "review", "enforce"]))
        .map(modes::mode);
    let tests = fields
        .get("tests")
        .map(|node| cases::read(reader, node, scene, &stages))
        .unwrap_or_default();
    Some(Playbook {
        name: name.to_owned(),
        goal,
        on,
        stages,
        tell,
        mode,
        tests,
    })
}

pub(super) fn goal_of(word: &str) -> Goal {
    match word {
        "join" => Goal::Join,
        "move" => Goal::Move,
        _ => Goal::Leave,
    }
}

/// Events of somebody who is barred: they have not left, so a run only cuts.
const BARRED: &[&str] = &["user.suspended", "user.locked"];
const APP_REMOVED: &[&str] = &["app.removed"];

fn answers(on: &[Trigger], any: &[&str]) -> bool {
    on.iter().any(|trigger| match trigger {
        Trigger::Event { kinds, .. } => kinds.iter().any(|kind| any.contains(&kind.as_str())),
        Trigger::Planned(_) => false,
    })
}

/// Whether it answers nothing but applications that were taken away.
fn is_about_applications(on: &[Trigger]) -> bool {
    on.iter().all(|trigger| match trigger {
        Trigger::Event { kinds, .. } => kinds.iter().all(|kind| APP_REMOVED.contains(&kind.as_str())),
        Trigger::Planned(_) => false,
    })
}

fn goal(reader: &mut Reader, fields: &Fields<'_>, name: &str, on: &[Trigger]) -> Option<Goal> {
    if let Some(node) = fields.get("goal") {
        return reader.word(node, "goal", GOALS).map(goal_of);
    }
    if answers(on, APP_REMOVED) {
        if !is_about_applications(on) {
            reader.problem(
                &fields.node.at,
                format!("`{name}` answers app.removed beside something else and does not say what a run of it is for"),
                "give app.removed a playbook of its own, for example `uses: rollcall/app-removed@1`",
            );
        }
        return Some(Goal::Move);
    }
    if fields.has("cut") || fields.has("dismantle") {
        return Some(Goal::Leave);
    }
    reader.problem(
        &fields.node.at,
        format!("`{name}` does not say what a run of it is for"),
        "add `goal: leave`, `goal: join` or `goal: move`",
    );
    None
}

/// A playbook about applications works in connections for which an application of the source stands.
pub(super) fn applications(
    reader: &mut Reader,
    playbooks: &BTreeMap<String, Playbook>,
    apps: &BTreeMap<ConnectionId, String>,
    environment: &str,
) {
    for playbook in playbooks.values().filter(|playbook| answers(&playbook.on, APP_REMOVED)) {
        let mut connections: Vec<&ConnectionId> = playbook
            .stages
            .iter()
            .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
            .collect();
        connections.sort();
        connections.dedup();
        if !connections.is_empty() && !connections.iter().any(|id| apps.contains_key(*id)) {
            let names: Vec<&str> = connections.iter().map(|id| id.as_str()).collect();
            reader.problem(
                &At::file(environment),
                format!(
                    "`{}` answers app.removed, and no tenant of {} has an `app`",
                    playbook.name,
                    names.join(", ")
                ),
                "add `app:` with the source's id of the application to the tenant that it stands for",
            );
        }
    }
}

fn triggers(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    for item in reader.several(node, "on") {
        if let Data::Map(members) = &item.data
            && let Some((key, _)) = members.iter().find(|(key, _)| key.name == "finding")
        {
            let at = key.at.clone();
            reader.problem(
                &at,
                "findings do not start playbooks in this version",
                "let the playbook answer an event, or `planned: leave`",
            );
            continue;
        }
        let fields = reader.fields(item, "on", files::TRIGGER);
        if let Some(node) = fields.get("planned") {
            if let Some(word) = reader.word(node, "planned", GOALS) {
                triggers.push(Trigger::Planned(goal_of(word)));
            }
            continue;
        }
        let from = reader
            .required(&fields, "from", "on", scene.source.as_str())
            .map(|node| from(reader, node, scene));
        let kinds = reader
            .required(&fields, "event", "on", "[user.deactivated]")
            .map(|node| kinds(reader, node));
        if let (Some(kinds), Some(from), Some(node)) = (&kinds, &from, fields.get("from"))
            && kinds.iter().any(|kind| APP_REMOVED.contains(&kind.as_str()))
            && let Some(other) = from.iter().find(|id| *id != scene.source)
        {
            reader.problem(
                &node.at,
                format!("app.removed from `{other}` concerns nothing: `app` names applications of the source"),
                format!("answer app.removed from {} only", scene.source),
            );
        }
        if let Some((from, kinds)) = from.zip(kinds) {
            triggers.push(Trigger::Event { from, kinds });
        }
    }
    triggers
}

fn from(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> Vec<ConnectionId> {
    let mut all = Vec::new();
    for item in reader.several(node, "from") {
        let Some(name) = reader.text(item, "from") else {
            continue;
        };
        for id in scene.resolve(reader, &name, &item.at) {
            if scene.connections.get(&id).is_some_and(|kind| !kind.is_directory()) {
                reader.problem(
                    &item.at,
                    format!("`{id}` is no directory and reports no events about people"),
                    "name a connection of kind okta or onelogin",
                );
            }
            all.push(id);
        }
    }
    all.sort();
    all.dedup();
    all
}

fn kinds(reader: &mut Reader, node: &Node) -> Vec<String> {
    let mut kinds = reader.texts(node, "event");
    let places: Vec<&Node> = reader.several(node, "event");
    for (kind, place) in kinds.iter().zip(places) {
        if !EventKind::KNOWN.contains(&kind.as_str()) {
            let next = nearest(kind, EventKind::KNOWN).map_or_else(
                || format!("kinds are {}", EventKind::KNOWN.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            reader.problem(&place.at, format!("there is no event kind `{kind}`"), next);
        }
    }
    kinds.sort();
    kinds
}
