//! The tests of a playbook, as written.

use std::collections::BTreeMap;

use rollcall_model::event::EventKind;
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::{Person, SourceState};
use rollcall_model::plan::StageSpec;

use super::{Scene, people, playbook, recipients};
use crate::cases::{Case, Converting, Expect, Given, Held, Presence, When};
use crate::configuration::Kind;
use crate::expression::Names;
use crate::files;
use crate::reader::{Fields, Reader};
use crate::suggest::nearest;
use crate::yaml::{Data, Node, Style};

pub(super) fn read(reader: &mut Reader, node: &Node, scene: &Scene<'_>, stages: &[StageSpec]) -> Vec<Case> {
    reader
        .list(node, "tests")
        .iter()
        .filter_map(|item| case(reader, item, scene, stages))
        .collect()
}

fn case(reader: &mut Reader, node: &Node, scene: &Scene<'_>, stages: &[StageSpec]) -> Option<Case> {
    let fields = reader.fields(node, "tests", files::CASE);
    let given = fields
        .get("given")
        .map(|node| given(reader, node, scene))
        .unwrap_or_default();
    let when = reader
        .required(&fields, "when", "tests", "user.deactivated")
        .and_then(|node| when(reader, node, scene));
    let expect = reader
        .required(&fields, "expect", "tests", "{cut: [sf-us]}")
        .map(|node| expect(reader, node, scene, stages));
    Some(Case {
        name: fields.get("name").and_then(|node| reader.text(node, "name")),
        file: node.at.file.to_string(),
        line: node.at.line,
        given,
        when: when?,
        expect: expect?,
    })
}

fn given(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> Given {
    let fields = recipients::fields(reader, node, "given", files::GIVEN);
    let mut given = Given {
        missing: recipients::missing(reader, node, scene),
        successor: fields.get("successor").and_then(|node| reader.text(node, "successor")),
        ..Given::default()
    };
    let converting = fields
        .get("converting")
        .and_then(|node| reader.word(node, "converting", &["true", "false", "unknown"]));
    given.converting = converting.map(|word| match word {
        "true" => Converting::Yes,
        "false" => Converting::No,
        _ => Converting::Unknown,
    });
    if let Some(node) = fields.get("person") {
        (given.person, given.state) = person(reader, node, scene);
    }
    if let Some(word) = fields
        .get("state")
        .and_then(|node| reader.word(node, "state", people::STATES))
    {
        given.state = Some(people::state(word));
    }
    if let Some(node) = fields.get("accounts") {
        if matches!(node.data, Data::Map(_)) {
            for (key, value) in reader.members(node, "accounts") {
                let found = presence(reader, value);
                for id in scene.resolve(reader, &key.name, &key.at) {
                    given.accounts.extend(found.map(|presence| (id, presence)));
                }
            }
        } else {
            given.everywhere = presence(reader, node).unwrap_or_default();
        }
    }
    if let Some(node) = fields.get("states") {
        let names = Names::new(scene.lists, false);
        for (key, value) in reader.members(node, "states") {
            if scene.actions.get(&key.name).is_none() {
                let known: Vec<&str> = scene.actions.iter().map(|action| action.name()).collect();
                let next = nearest(&key.name, &known).map_or_else(
                    || format!("actions are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.problem(&key.at, format!("there is no action `{}`", key.name), next);
            }
            given
                .states
                .insert(key.name.clone(), reader.data(value, "states", &names));
        }
    }
    if let Some(node) = fields.get("lists") {
        let known: Vec<&str> = scene.lists.keys().map(String::as_str).collect();
        for (name, place) in reader
            .texts(node, "lists")
            .into_iter()
            .zip(reader.several(node, "lists"))
        {
            if !known.contains(&name.as_str()) {
                let next = nearest(&name, &known).map_or_else(
                    || format!("lists are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.problem(&place.at, format!("there is no list `{name}`"), next);
            }
            given.lists.push(name);
        }
    }
    given
}

/// The person, and their state when it is written down.
fn person(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> (Option<Person>, Option<SourceState>) {
    if let Data::Map(members) = &node.data {
        let says_state = members.iter().any(|(key, _)| key.name == "state");
        let person = people::person(reader, node, "inline", scene.source);
        let state = person.as_ref().filter(|_| says_state).map(|person| person.state);
        return (person, state);
    }
    let Some(path) = reader.text(node, "person") else {
        return (None, None);
    };
    if let Some(person) = scene.people.get(&path) {
        // A file without a state reads as `active`; what the event implies is meant then.
        let state = Some(person.state).filter(|state| *state != SourceState::Active);
        return (Some(person.clone()), state);
    }
    let known: Vec<&str> = scene.people.keys().map(String::as_str).collect();
    let next = nearest(&path, &known).map_or_else(
        || "write it, or give the person inline".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    reader.problem(&node.at, format!("there is no test person `{path}`"), next);
    (None, None)
}

fn presence(reader: &mut Reader, node: &Node) -> Option<Presence> {
    let words: Vec<&'static str> = Presence::WORDS.iter().map(|(word, _)| *word).collect();
    let word = reader.word(node, "accounts", &words)?;
    Presence::WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, presence)| *presence)
}

fn when(reader: &mut Reader, node: &Node, scene: &Scene<'_>) -> Option<When> {
    if !matches!(node.data, Data::Map(_)) {
        let kind = kind(reader, node)?;
        return Some(When::Event {
            kind,
            from: scene.source.clone(),
            app: None,
            ours: false,
            failed: false,
        });
    }
    let fields = reader.fields(node, "when", files::WHEN);
    if let Some(node) = fields.get("planned") {
        return reader
            .word(node, "planned", &["leave", "join", "move"])
            .map(|word| When::Planned(playbook::goal_of(word)));
    }
    let kind = reader
        .required(&fields, "event", "when", "user.deactivated")
        .and_then(|node| kind(reader, node))?;
    let from = fields.get("from").and_then(|node| {
        let name = reader.text(node, "from")?;
        let ids = scene.resolve(reader, &name, &node.at);
        ids.into_iter()
            .find(|id| scene.connections.get(id).copied().is_some_and(Kind::is_directory))
    });
    let flag = |reader: &mut Reader, name: &str| {
        fields
            .get(name)
            .and_then(|node| reader.flag(node, name))
            .unwrap_or(false)
    };
    Some(When::Event {
        kind,
        from: from.unwrap_or_else(|| scene.source.clone()),
        app: fields.get("app").and_then(|node| reader.text(node, "app")),
        ours: flag(reader, "ours"),
        failed: flag(reader, "failed"),
    })
}

fn kind(reader: &mut Reader, node: &Node) -> Option<String> {
    reader.word(node, "when", EventKind::KNOWN).map(str::to_owned)
}

fn expect(reader: &mut Reader, node: &Node, scene: &Scene<'_>, stages: &[StageSpec]) -> Expect {
    let fields = recipients::fields(reader, node, "expect", files::EXPECT);
    let mut expect = Expect {
        nothing: fields.get("nothing").and_then(|node| reader.flag(node, "nothing")),
        ..Expect::default()
    };
    if let Some(node) = fields.get("stages") {
        expect.stages = Some(
            reader
                .list(node, "stages")
                .iter()
                .filter_map(|item| reader.text(item, "stages"))
                .collect(),
        );
    }
    for stage in ["cut", "dismantle", "steps"] {
        if let Some(ids) = connections(reader, &fields, stage, scene) {
            expect.changed.insert(stage.to_owned(), ids);
        }
    }
    expect.no_account = connections(reader, &fields, "no_account", scene);
    expect.skip = connections(reader, &fields, "skip", scene);
    expect.unknown = connections(reader, &fields, "unknown", scene);
    expect.ask = connections(reader, &fields, "ask", scene);
    if let Some(node) = fields.get("stopped") {
        expect.stopped = reader.texts(node, "stopped");
    }
    expect.held = fields.get("held").and_then(|node| match &node.data {
        Data::Scalar(text, Style::Plain) if text == "true" => Some(Held::Yes),
        Data::Scalar(text, Style::Plain) if text == "false" => Some(Held::No),
        _ => reader.text(node, "held").map(Held::Because),
    });
    expect.mode = fields
        .get("mode")
        .and_then(|node| reader.word(node, "mode", &["observe", "review", "enforce"]))
        .map(super::modes::mode);
    expect.recipients = recipients::expected(reader, node, scene, stages);
    expect.tell = fields.get("tell").map(|node| tell(reader, node)).unwrap_or_default();
    expect
}

fn tell(reader: &mut Reader, node: &Node) -> BTreeMap<String, String> {
    let fields = reader.fields(node, "tell", files::TELL);
    files::TELL
        .iter()
        .filter_map(|moment| {
            let text = reader.text(fields.get(moment)?, moment)?;
            Some(((*moment).to_owned(), text))
        })
        .collect()
}

fn connections(reader: &mut Reader, fields: &Fields<'_>, name: &str, scene: &Scene<'_>) -> Option<Vec<ConnectionId>> {
    let node = fields.get(name)?;
    let items: Vec<&Node> = match &node.data {
        Data::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut all = Vec::new();
    for item in items {
        if let Some(text) = reader.text(item, name) {
            all.extend(scene.resolve(reader, &text, &item.at));
        }
    }
    all.sort();
    all.dedup();
    Some(all)
}
