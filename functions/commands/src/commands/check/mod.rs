//! `rollcall check`: the configuration folder as a whole and the tests of its playbooks; unless it is to be offline, then every
//! connection of one environment as well.

mod cross;
mod online;

use std::path::Path;

use anyhow::Context as _;
use rollcall_policy::{Problem, TestResult, run_tests, schemas};
use serde_json::{Map, Value, json};

use crate::Exit;
use crate::Place;
use crate::cli::CheckOptions;
use crate::out::Out;

/// The environment whose connections are proven when none is named.
const USUAL: &str = "prod";

pub(crate) async fn run(options: &CheckOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let (mut well, mut document) = offline(options, place, out)?;
    if !options.offline {
        match online::run(options, place, out).await {
            Ok(proven) => {
                well &= !proven.has_bad();
                document.insert("ok".to_owned(), json!(well));
                document.insert("online".to_owned(), proven.document());
            }
            // What is wrong with the folder has been said already, and of a folder that cannot be loaded nothing can be proven.
            Err(_) if !well => out.line("No connection was looked at: mend the folder first."),
            Err(error) => return Err(error),
        }
    }
    out.document(&document)?;
    Ok(if well { Exit::SUCCESS } else { Exit::from(1) })
}

/// Checks the folder. Whether it is good, and what programs are told.
fn offline(options: &CheckOptions, place: &Place, out: &Out) -> anyhow::Result<(bool, Map<String, Value>)> {
    if let Some(folder) = &options.schemas {
        write_schemas(folder, out)?;
    }
    let actions = rollcall_connectors::catalogue();
    let folder = place.folder(&options.config);
    let environments = match place.environment(options.env.as_deref()) {
        Some(name) => vec![name.to_owned()],
        None => environments(folder)?,
    };
    let mut problems: Vec<Problem> = Vec::new();
    let mut tests: Vec<(&str, TestResult)> = Vec::new();
    for environment in &environments {
        match rollcall_policy::load(folder, environment, &actions) {
            Ok(configuration) => tests.extend(
                run_tests(&configuration, &actions)
                    .into_iter()
                    .map(|test| (environment.as_str(), test)),
            ),
            Err(found) => problems.extend(found.iter().cloned()),
        }
    }
    // A problem outside `env/` shows in every environment.
    problems.sort();
    problems.dedup();
    for problem in &problems {
        out.line(problem.to_string());
    }
    show_tests(&tests, environments.len() > 1, out);
    let failed = tests.iter().filter(|(_, test)| !test.passed()).count();
    let well = problems.is_empty() && failed == 0;
    out.title(&if well {
        format!(
            "{} is good: {} of {} tests passed ({}).",
            folder.display(),
            tests.len(),
            tests.len(),
            environments.join(", ")
        )
    } else {
        format!(
            "{} is not good: {} problems, {failed} failed tests ({}).",
            folder.display(),
            problems.len(),
            environments.join(", ")
        )
    });
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "file": problem.file, "line": problem.line, "column": problem.column, "what": problem.what,
                "next": problem.next,
            })
        })
        .collect();
    let tests: Vec<Value> = tests
        .iter()
        .map(|(environment, test)| {
            json!({
                "environment": environment, "playbook": test.playbook, "name": test.name, "file": test.file,
                "line": test.line, "passed": test.passed(), "differences": test.differences,
            })
        })
        .collect();
    let document = Map::from_iter([
        ("ok".to_owned(), json!(well)),
        ("environments".to_owned(), json!(environments)),
        ("problems".to_owned(), Value::Array(problems)),
        ("tests".to_owned(), Value::Array(tests)),
    ]);
    Ok((well, document))
}

/// Every environment of the folder, in order of name; `prod` when there is none, so that the loader says what is missing.
fn environments(folder: &Path) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        folder.is_dir(),
        "there is no configuration folder {}: name it with --config",
        folder.display()
    );
    let mut names = Vec::new();
    if let Ok(entries) = std::fs::read_dir(folder.join("env")) {
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    if names.is_empty() {
        names.push(USUAL.to_owned());
    }
    Ok(names)
}

fn show_tests(tests: &[(&str, TestResult)], with_environment: bool, out: &Out) {
    if tests.is_empty() {
        return;
    }
    let mut head = vec!["", "playbook", "test", "at"];
    if with_environment {
        head.push("environment");
    }
    let rows: Vec<Vec<String>> = tests
        .iter()
        .map(|(environment, test)| {
            let sign = if test.passed() { "✓" } else { "✗" };
            let mut row = vec![
                sign.to_owned(),
                test.playbook.clone(),
                test.name.clone(),
                format!("{}:{}", test.file, test.line),
            ];
            if with_environment {
                row.push((*environment).to_owned());
            }
            row
        })
        .collect();
    out.table(&head, &rows);
    for (_, test) in tests.iter().filter(|(_, test)| !test.passed()) {
        out.line(format!(
            "{}:{}: {} ({})",
            test.file, test.line, test.name, test.playbook
        ));
        for difference in &test.differences {
            out.line(format!("  {difference}"));
        }
    }
}

fn write_schemas(folder: &Path, out: &Out) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let schemas = schemas();
    for (name, schema) in &schemas {
        let path = folder.join(name);
        let mut text = serde_json::to_string_pretty(schema)?;
        text.push('\n');
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    out.line(format!("{} schemas written to {}", schemas.len(), folder.display()));
    Ok(())
}
