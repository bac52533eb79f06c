//! From files to a [`Configuration`], or every problem at once.

mod cases;
mod environment;
mod folder;
mod guard;
mod handover;
mod licences;
mod modes;
mod operators;
mod people;
mod playbook;
mod recipients;
mod retention;
mod root;
mod stages;
mod tables;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollcall_model::action::ActionCatalogue;
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::Person;
use serde_json::Value;

use crate::bundle::{Bundle, content_digest};
use crate::configuration::{Configuration, Connection, Kind, ListSource, MatchRow};
use crate::problem::Problems;
use crate::reader::Reader;
use crate::shipped::Library;
use crate::suggest::nearest;
use crate::yaml::{self, At};
pub(crate) use handover::HAND_OVER;

/// The largest configuration, in bytes over all files.
const LARGEST: usize = 16 * 1024 * 1024;

/// Loads a configuration folder for one environment. Needs no network.
pub fn load(folder: &Path, environment: &str, actions: &ActionCatalogue) -> Result<Configuration, Problems> {
    let files = folder::read(folder)?;
    load_files(&files, environment, actions)
}

/// Loads a configuration from texts by their path in the folder (`env/prod.yaml`).
pub fn load_files(
    files: &BTreeMap<String, String>,
    environment: &str,
    actions: &ActionCatalogue,
) -> Result<Configuration, Problems> {
    assemble(files, environment, actions, &Library::built_in())
}

/// What playbooks are read against.
pub(crate) struct Scene<'a> {
    pub connections: &'a BTreeMap<ConnectionId, Kind>,
    pub sets: &'a BTreeMap<String, Vec<ConnectionId>>,
    pub source: &'a ConnectionId,
    pub lists: &'a BTreeMap<String, ListSource>,
    pub matching: &'a [MatchRow],
    pub people: &'a BTreeMap<String, Person>,
    pub actions: &'a ActionCatalogue,
    pub library: &'a Library,
}

impl Scene<'_> {
    /// The connections behind a name: a connection or a set.
    pub(crate) fn resolve(&self, reader: &mut Reader, name: &str, at: &At) -> Vec<ConnectionId> {
        let id = ConnectionId::new(name);
        if self.connections.contains_key(&id) {
            return vec![id];
        }
        if let Some(set) = self.sets.get(name) {
            return set.clone();
        }
        let known: Vec<&str> = self
            .connections
            .keys()
            .map(ConnectionId::as_str)
            .chain(self.sets.keys().map(String::as_str))
            .collect();
        let next = if Kind::parse(name).is_some() {
            format!("`{name}` is a kind; name connections or sets: {}", known.join(", "))
        } else {
            nearest(name, &known).map_or_else(
                || format!("connections and sets are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            )
        };
        reader.problem(at, format!("there is no connection or set `{name}`"), next);
        Vec::new()
    }
}

/// Reads everything; the digest counts the parsed content of what was read.
pub(crate) fn assemble(
    files: &BTreeMap<String, String>,
    environment: &str,
    actions: &ActionCatalogue,
    library: &Library,
) -> Result<Configuration, Problems> {
    let mut reader = Reader::default();
    let size: usize = files.values().map(String::len).sum();
    if size > LARGEST {
        reader.problem(
            &At::file("."),
            format!("the configuration is larger than {} MiB", LARGEST / 1024 / 1024),
            "keep only what the playbooks use in the folder",
        );
        return Err(reader.problems);
    }
    folder::strangers(&mut reader, files);
    let mut contents: BTreeMap<String, Value> = BTreeMap::new();

    let root =
        source_file(&mut reader, files, &mut contents, "rollcall.yaml").and_then(|tree| root::read(&mut reader, &tree));
    let env_path = format!("env/{environment}.yaml");
    if !files.contains_key(&env_path) {
        let there: Vec<&str> = files
            .keys()
            .filter_map(|path| path.strip_prefix("env/")?.strip_suffix(".yaml"))
            .collect();
        let next = if there.is_empty() {
            format!("write {env_path} with `tenants` and `mode`")
        } else {
            format!("choose one of {}", there.join(", "))
        };
        reader.problem(
            &At::file(&env_path),
            format!("there is no environment `{environment}`"),
            next,
        );
    }
    let env_tree = files
        .contains_key(&env_path)
        .then(|| source_file(&mut reader, files, &mut contents, &env_path))
        .flatten();
    let Some(root) = root else {
        return Err(reader.problems.settled());
    };

    let (tables, licences) = tables::read(&mut reader, files, &mut contents, &root);
    let lists = tables::lists(&mut reader, files, &mut contents, &root);
    let people = people::read(&mut reader, files, &mut contents, &root.source);
    let scene = Scene {
        connections: &root.connections,
        sets: &root.sets,
        source: &root.source,
        lists: &lists,
        matching: &root.matching,
        people: &people,
        actions,
        library,
    };
    let mut used = BTreeSet::new();
    let playbooks = playbook::read_all(&mut reader, files, &mut contents, &scene, &mut used);
    let names: Vec<String> = files.keys().filter_map(|path| playbook::name_of(path)).collect();
    let env = env_tree.map(|tree| environment::read(&mut reader, &tree, &scene, &names));

    if let Some(env) = &env {
        playbook::applications(&mut reader, &playbooks, &env.apps, &env_path);
    }
    let Some(env) = env.filter(|_| reader.problems.is_empty()) else {
        return Err(reader.problems.settled());
    };
    let (leaving, mut apps) = (root.leaving, env.apps);
    let connections: BTreeMap<ConnectionId, Connection> = env
        .tenants
        .into_iter()
        .filter_map(|(id, tenant)| {
            let kind = *root.connections.get(&id)?;
            Some((
                id.clone(),
                Connection {
                    suspension_is_leaving: leaving.contains(&id),
                    app: apps.remove(&id),
                    id,
                    kind,
                    tenant,
                },
            ))
        })
        .collect();
    let shipped: BTreeMap<String, String> = used
        .into_iter()
        .filter_map(|name| library.text(&name).map(|text| (name.clone(), text.to_owned())))
        .collect();
    let shipped_contents = shipped
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), yaml::parse(name, text, &mut reader.problems)?.content())))
        .collect();
    let digest = content_digest(environment, &contents, &shipped_contents).map_err(|error| {
        let mut problems = Problems::default();
        problems.push(At::file(".").problem(
            format!("the configuration has no digest: {error}"),
            "report this as a fault of Rollcall",
        ));
        problems
    })?;
    let bundle = Bundle {
        version: Bundle::VERSION,
        environment: environment.to_owned(),
        files: files
            .iter()
            .filter(|(path, _)| contents.contains_key(*path))
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect(),
        shipped,
    };
    Ok(Configuration {
        environment: environment.to_owned(),
        digest,
        connections,
        source: root.source,
        sets: root.sets,
        matching: root.matching,
        lists,
        tables,
        licences,
        guard: root.guard,
        retention: root.retention,
        modes: env.modes,
        operators: env.operators,
        playbooks,
        people,
        bundle,
    })
}

/// Parses a YAML file of the folder and notes its content for the digest.
fn source_file(
    reader: &mut Reader,
    files: &BTreeMap<String, String>,
    contents: &mut BTreeMap<String, Value>,
    path: &str,
) -> Option<yaml::Node> {
    let Some(text) = files.get(path) else {
        reader.problem(
            &At::file(path),
            "the file is missing",
            "write it, or choose another folder",
        );
        return None;
    };
    let tree = yaml::parse(path, text, &mut reader.problems)?;
    contents.insert(path.to_owned(), tree.content());
    Some(tree)
}

#[cfg(test)]
mod tests;
