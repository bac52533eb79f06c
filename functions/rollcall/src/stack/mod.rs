//! `rollcall --stack NAME`: the command is posted to a deployed stack, signed with the caller's AWS credentials, and what comes
//! back is printed as if it had run here. Who somebody is, AWS says; no secret of a vendor comes to this machine.

mod api;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rollcall_commands::cli::Command;
use rollcall_commands::out::{complain, plain, write_private};
use rollcall_commands::remote::{
    AnswerTo, Done, FILES_LIMIT, Reply, Request, Typed, Where, decoded, encoded, inputs, outputs, rule,
};
use rollcall_commands::{Exit, Out};

use api::Api;

/// How long an answer is waited for: an order is not run any more after ten minutes, and an invocation lasts five more at most.
const PATIENCE: Duration = Duration::from_mins(16);
/// When the waiting is worth a word about what may be the matter.
const LONG: Duration = Duration::from_mins(1);
/// Pauses between two questions for the answer: short at first, because most commands take a second or two.
const SOON: Duration = Duration::from_millis(300);
const LATER: Duration = Duration::from_secs(2);

/// Runs what was typed on the stack of this name.
pub(crate) async fn run(typed: &Typed, name: &str, out: &Out) -> anyhow::Result<Exit> {
    let command = &typed.cli.command;
    if let Command::Answer(options) = command {
        let api = Api::find(name).await?;
        return wait(&api, "console", &options.id, name, typed, out).await;
    }
    let rule = rule(command);
    let route = match rule.place {
        Where::Here(instead) => anyhow::bail!("a stack does not run `{}`: {instead}", rule.name),
        Where::Approve => "approve",
        Where::Console | Where::Worker => "console",
    };
    if let Some(option) = typed.misplaced() {
        anyhow::bail!("{name} has its own configuration and state: leave --{option} away");
    }
    let request = Request {
        argv: line(std::env::args_os().skip(1))?,
        files: files(command)?,
        json: typed.cli.json,
        width: None,
    };
    let api = Api::find(name).await?;
    match api.post(route, &request).await? {
        Reply::Done(done) => finish(&done, command, out),
        Reply::Wait { wait: id } => wait(&api, route, &id, name, typed, out).await,
        Reply::Pending { .. } => anyhow::bail!("{name} gave an answer that belongs to another question: try again"),
    }
}

/// What was typed, without what names the stack.
fn line(typed: impl Iterator<Item = std::ffi::OsString>) -> anyhow::Result<Vec<String>> {
    let mut line = Vec::new();
    let mut typed = typed;
    while let Some(word) = typed.next() {
        let word = word
            .into_string()
            .map_err(|_| anyhow::anyhow!("what was typed is no UTF-8"))?;
        if word == "--stack" {
            // Its name; the parser has seen to it that there is one.
            typed.next();
        } else if !word.starts_with("--stack=") {
            line.push(word);
        }
    }
    Ok(line)
}

fn files(command: &Command) -> anyhow::Result<BTreeMap<String, String>> {
    let (mut files, mut size) = (BTreeMap::new(), 0);
    for path in inputs(command) {
        let name = path.display().to_string();
        let content = std::fs::read(&path).with_context(|| format!("{name} cannot be read"))?;
        size += content.len();
        anyhow::ensure!(
            size <= FILES_LIMIT,
            "the files have more than {FILES_LIMIT} bytes together, and no more can be sent: send them in parts"
        );
        files.insert(name, encoded(&content));
    }
    Ok(files)
}

/// Asks until the worker has answered. Interrupted, it says how to read the answer later.
async fn wait(api: &Api, route: &str, id: &str, name: &str, typed: &Typed, out: &Out) -> anyhow::Result<Exit> {
    let question = AnswerTo { answer: id.to_owned() };
    let later = format!("`rollcall answer {id} --stack {name}` prints the answer, for a day");
    let begun = Instant::now();
    let (mut told, mut warned) = (false, false);
    loop {
        let asked = tokio::select! {
            asked = api.post(route, &question) => asked?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                out.progress_done();
                complain(&format!("the command goes on in {name}: {later}"));
                return Ok(Exit(130));
            }
        };
        if let Reply::Done(done) = asked {
            out.progress_done();
            return finish(&done, &typed.cli.command, out);
        }
        if !told {
            told = true;
            out.progress(&format!("{id}: a worker of {name} takes it …"));
        }
        let waited = begun.elapsed();
        if waited > PATIENCE {
            out.progress_done();
            anyhow::bail!(
                "no worker of {name} has answered: it may be older than its console (deploy both), or stand still: `rollcall redrive --list --stack {name}` shows what it could not do. {later}"
            );
        }
        if waited > LONG && !warned {
            warned = true;
            out.progress(&format!(
                "{id}: still no answer after a minute; interrupt it if you like, {later}"
            ));
        }
        let pause = if waited < Duration::from_secs(10) { SOON } else { LATER };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                out.progress_done();
                complain(&format!("the command goes on in {name}: {later}"));
                return Ok(Exit(130));
            }
        }
    }
}

/// Prints what a command printed there, writes the files that it made, and ends as it ended.
fn finish(done: &Done, command: &Command, out: &Out) -> anyhow::Result<Exit> {
    for (file, content) in decoded(&done.files)? {
        anyhow::ensure!(
            outputs(command, &file),
            "the stack sent a file {} that nobody asked for; it was not written",
            plain(&file)
        );
        write_private(Path::new(&file), &content).with_context(|| format!("{file} cannot be written"))?;
    }
    out.raw(&done.lines);
    if let Some(why) = &done.error {
        complain(why);
    }
    Ok(Exit(done.exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_stack_is_not_sent() {
        let typed = ["--stack", "prod", "explain", "--json", "--stack=prod", "run_1"];
        let line = line(typed.iter().map(std::ffi::OsString::from)).unwrap();
        assert_eq!(line, ["explain", "--json", "run_1"]);
    }
}
