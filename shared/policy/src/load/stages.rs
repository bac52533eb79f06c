//! The stages and steps of a playbook.

use rollcall_model::ids::ConnectionId;
use rollcall_model::person::AccountClass;
use rollcall_model::plan::{StageSpec, StepSpec};
use serde_json::Value;

use super::{Scene, handover};
use crate::configuration::Kind;
use crate::decide::PEOPLE;
use crate::expression::Names;
use crate::files;
use crate::reader::{Fields, Reader};
use crate::suggest::nearest;
use crate::yaml::{Data, Node};

/// How long dismantling waits when the playbook does not say: a day in which a mistake costs nothing but the cut.
const DISMANTLE_AFTER_MS: i64 = 24 * 3_600_000;
/// The most connections that one run may write to.
const MOST_CONNECTIONS: usize = 16;

pub(super) fn read(reader: &mut Reader, fields: &Fields<'_>, playbook: &str, scene: &Scene<'_>) -> Vec<StageSpec> {
    let mut stages = Vec::new();
    if let Some(node) = fields.get("cut") {
        stages.push(StageSpec {
            name: "cut".to_owned(),
            after_ms: 0,
            unless: None,
            steps: steps(reader, node, "cut", scene),
        });
    }
    if let Some(node) = fields.get("dismantle") {
        stages.push(dismantle(reader, node, scene));
    }
    if let Some(node) = fields.get("steps") {
        if stages.is_empty() {
            stages.push(StageSpec {
                name: "steps".to_owned(),
                after_ms: 0,
                unless: None,
                steps: steps(reader, node, "steps", scene),
            });
        } else {
            reader.problem(
                &node.at,
                "`steps` stands beside `cut` or `dismantle`",
                "put them into one of the two",
            );
        }
    }
    if stages.is_empty() {
        reader.problem(
            &fields.node.at,
            format!("`{playbook}` does nothing"),
            "add `cut`, `dismantle` or `steps`",
        );
    }
    let mut connections: Vec<&ConnectionId> = stages
        .iter()
        .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
        .collect();
    connections.sort();
    connections.dedup();
    if connections.len() > MOST_CONNECTIONS {
        reader.problem(
            &fields.node.at,
            format!(
                "`{playbook}` writes to {} connections, a run to {MOST_CONNECTIONS} at most",
                connections.len()
            ),
            "split it into two playbooks",
        );
    }
    stages
}

fn dismantle(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> StageSpec {
    let mut stage = StageSpec {
        name: "dismantle".to_owned(),
        after_ms: DISMANTLE_AFTER_MS,
        unless: None,
        steps: Vec::new(),
    };
    if matches!(node.data, Data::List(_)) {
        stage.steps = steps(reader, node, "dismantle", scene);
        return stage;
    }
    let fields = reader.fields(node, "dismantle", files::DISMANTLE);
    if let Some(after) = fields.get("after").and_then(|node| reader.duration(node, "after")) {
        stage.after_ms = after;
    }
    let names = Names::new(scene.lists, false);
    stage.unless = fields
        .get("unless")
        .and_then(|node| reader.condition(node, "unless", &names))
        .map(|condition| condition.text().to_owned());
    if let Some(node) = reader.required(&fields, "steps", "dismantle", "[{use: …, in: …}]") {
        stage.steps = steps(reader, node, "dismantle", scene);
    }
    stage
}

fn steps(reader: &mut Reader, node: &Node, stage: &str, scene: &Scene<'_>) -> Vec<StepSpec> {
    let mut steps: Vec<StepSpec> = Vec::new();
    for item in reader.several(node, stage) {
        if let Data::Map(members) = &item.data
            && let Some((key, _)) = members.iter().find(|(key, _)| key.name == "ensure")
        {
            let at = key.at.clone();
            reader.problem(
                &at,
                "`ensure` needs access rules, which are not yet supported by this version",
                "use actions: `use: [kind/action], in: connection`",
            );
            continue;
        }
        if let Some(step) = step(reader, item, stage, scene, &steps) {
            steps.push(step);
        }
    }
    steps
}

fn step(reader: &mut Reader, item: &Node, stage: &str, scene: &Scene<'_>, before: &[StepSpec]) -> Option<StepSpec> {
    let fields = reader.fields(item, "step", files::STEP);
    let connections = reader
        .required(&fields, "in", "step", "sf-us")
        .map(|node| connections(reader, node, scene));
    let actions = reader
        .required(&fields, "use", "step", "[salesforce/freeze]")
        .map(|node| actions(reader, node, stage, scene));
    let (connections, actions) = connections.zip(actions)?;
    for id in &connections {
        fits(reader, &fields, id, &actions, scene);
    }
    let id = step_id(reader, &fields, &actions, before)?;
    let after = fields.get("after").and_then(|node| {
        let text = reader.text(node, "after")?;
        let first = before.iter().find(|step| step.id == text);
        if let Some(first) = first.filter(|first| !first.connections.iter().any(|id| connections.contains(id))) {
            let names: Vec<&str> = first.connections.iter().map(ConnectionId::as_str).collect();
            reader.problem(
                &node.at,
                format!("`{text}` works in {} only, where this step does not", names.join(", ")),
                "a step waits for another one in the same connection; take `after` out, or let both work in one",
            );
        }
        if first.is_none() {
            let known: Vec<&str> = before.iter().map(|step| step.id.as_str()).collect();
            reader.problem(
                &node.at,
                format!("no earlier step of `{stage}` is called `{text}`"),
                if known.is_empty() {
                    "give the step that comes first an `id`".to_owned()
                } else {
                    format!("earlier steps are {}", known.join(", "))
                },
            );
        }
        Some(text)
    });
    let names = Names::new(scene.lists, true);
    let condition = fields
        .get("if")
        .and_then(|node| reader.condition(node, "if", &names))
        .map(|condition| condition.text().to_owned());
    let with = parameters(reader, &fields, &actions, scene, &names);
    let classes = fields
        .get("accounts")
        .map_or_else(|| AccountClass::OWN.to_vec(), |node| classes(reader, node));
    Some(StepSpec {
        id,
        actions,
        connections,
        with,
        condition,
        after,
        classes,
        accounts: Vec::new(),
    })
}

/// The classes of accounts that a step concerns, each once, in a fixed order.
fn classes(reader: &mut Reader, node: &Node) -> Vec<AccountClass> {
    let mut all = Vec::new();
    for item in reader.several(node, "accounts") {
        if matches!(&item.data, Data::Scalar(text, _) if text == AccountClass::Service.as_str()) {
            reader.problem(
                &item.at,
                "service accounts are nobody's own: what stops with one is not the person's access",
                "rotate its secret and give it a new owner; write human, admin or portal",
            );
            continue;
        }
        let word = reader.word(item, "accounts", &["human", "admin", "portal"]);
        all.extend(word.and_then(|word| {
            [AccountClass::Human, AccountClass::Admin, AccountClass::Portal]
                .into_iter()
                .find(|class| class.as_str() == word)
        }));
    }
    all.sort();
    all.dedup();
    all
}

fn connections(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> Vec<ConnectionId> {
    let mut all: Vec<ConnectionId> = Vec::new();
    for item in reader.several(node, "in") {
        if let Some(name) = reader.text(item, "in") {
            for id in scene.resolve(reader, &name, &item.at) {
                if !all.contains(&id) {
                    all.push(id);
                }
            }
        }
    }
    all
}

fn actions(reader: &mut Reader, node: &Node, stage: &str, scene: &Scene<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in reader.several(node, "use") {
        let Some(name) = reader.text(item, "use") else { continue };
        let Some(action) = scene.actions.get(&name) else {
            let known: Vec<&str> = scene
                .actions
                .iter()
                .filter(|action| action.on_account())
                .map(|action| action.name())
                .collect();
            let next = nearest(&name, &known).map_or_else(
                || format!("this version has {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            reader.problem(&item.at, format!("there is no action `{name}`"), next);
            continue;
        };
        if !action.on_account() {
            reader.problem(
                &item.at,
                format!("`{name}` works on no account"),
                "messages belong under `tell`",
            );
        }
        if stage == "cut" && !action.reversible() {
            reader.problem(
                &item.at,
                format!("`{name}` cannot be taken back, so it cannot stand in a cut"),
                "put it under `dismantle`",
            );
        }
        if all.contains(&name) {
            reader.problem(&item.at, format!("`{name}` is used twice in one step"), "name it once");
            continue;
        }
        all.push(name);
    }
    all
}

/// An action works in connections of its own kind, and the person must be findable there.
fn fits(reader: &mut Reader, fields: &Fields<'_>, id: &ConnectionId, actions: &[String], scene: &Scene<'_>) {
    let Some(kind) = scene.connections.get(id).copied() else {
        return;
    };
    for action in actions {
        if action.split('/').next() != Some(kind.as_str()) {
            let at = fields.get("use").map_or(&fields.node.at, |node| &node.at);
            reader.problem(
                at,
                format!("`{action}` does not work in `{id}`, which is {kind}"),
                "give every kind of system a step of its own",
            );
        }
    }
    let Some(source) = scene.connections.get(scene.source).copied() else {
        return;
    };
    let is_matched = kind == source
        || scene
            .matching
            .iter()
            .any(|row| row.fields.contains_key(&source) && row.fields.contains_key(&kind));
    if !is_matched {
        let at = fields.get("in").map_or(&fields.node.at, |node| &node.at);
        reader.problem(
            at,
            format!("no row of `match` says how a person of {source} is found in {kind}"),
            example(source, kind),
        );
    }
}

fn example(source: Kind, target: Kind) -> String {
    format!("add `{{sure: true, {source}: …, {target}: …}}` to `match` in rollcall.yaml")
}

fn step_id(reader: &mut Reader, fields: &Fields<'_>, actions: &[String], before: &[StepSpec]) -> Option<String> {
    let is_taken = |id: &str| before.iter().any(|step| step.id == id);
    if let Some(node) = fields.get("id") {
        let id = reader.text(node, "id")?;
        if !reader.name(&id, &node.at, "step") {
            return None;
        }
        if is_taken(&id) {
            reader.problem(
                &node.at,
                format!("an earlier step is also called `{id}`"),
                "give every step of a stage its own name",
            );
        }
        return Some(id);
    }
    let base = actions.first()?.split('/').next().unwrap_or("step").to_owned();
    if !is_taken(&base) {
        return Some(base);
    }
    (2..=1_000)
        .map(|number| format!("{base}-{number}"))
        .find(|id| !is_taken(id))
}

fn parameters(
    reader: &mut Reader,
    fields: &Fields<'_>,
    actions: &[String],
    scene: &Scene<'_>,
    names: &Names<'_>,
) -> Value {
    let known: Vec<(&str, bool, &str, &str)> = actions
        .iter()
        .filter_map(|name| scene.actions.get(name))
        .flat_map(|action| {
            let name = action.name();
            action
                .parameters()
                .iter()
                .filter(|(parameter, ..)| *parameter != PEOPLE)
                .map(move |(parameter, required, about)| (*parameter, *required, *about, name))
        })
        .collect();
    let node = fields.get("with");
    let given: Vec<&str> = match node.map(|node| &node.data) {
        Some(Data::Map(members)) => members.iter().map(|(key, _)| key.name.as_str()).collect(),
        _ => Vec::new(),
    };
    for (parameter, required, about, action) in &known {
        if *required && !given.contains(parameter) {
            let at = node.map_or(&fields.node.at, |node| &node.at);
            reader.problem(
                at,
                format!("`{action}` needs `{parameter}`: {about}"),
                format!("add `with: {{{parameter}: …}}`"),
            );
        }
    }
    let Some(node) = node else {
        return Value::Null;
    };
    let parameters: Vec<&str> = known.iter().map(|(parameter, ..)| *parameter).collect();
    if parameters.is_empty() {
        reader.problem(
            &node.at,
            format!("{} take no parameters", actions.join(", ")),
            "remove `with`",
        );
        return Value::Null;
    }
    reader.fields(node, "with", &parameters);
    handover::check(reader, node, actions);
    reader.data(node, "with", names)
}
