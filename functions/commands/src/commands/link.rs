//! `rollcall link`: whose each account is, found beforehand, and a person's word where it cannot be found.

use std::sync::Mutex;
use std::time::Duration;

use rollcall_engine::{Engine, LinkOptions, LinkProgress, LinkReport, LinkedConnection};
use rollcall_model::{AccountRef, ConnectionId, PersonKey};
use rollcall_policy::link::{Claim, Joined};
use serde_json::json;

use crate::Exit;
use crate::Place;
use crate::cli::{LinkCommand, LinkDecision, LinkOptions as Options, LinkShow};
use crate::out::{Out, plain};

/// So many lines of each list are for people; `--json` has all.
const SHOWN: usize = 20;

pub(crate) async fn run(options: &Options, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    match &options.command {
        Some(LinkCommand::Confirm(decision)) => confirm(decision, place, out).await,
        Some(LinkCommand::Deny(decision)) => deny(decision, place, out).await,
        Some(LinkCommand::Show(show)) => show_person(show, place, out).await,
        None => everyone(options, place, out).await,
    }
}

async fn everyone(options: &Options, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let configuration = place.configuration(&options.config)?;
    let store = place.open(&options.data, Duration::from_mins(1))?;
    let machine = place.machine(configuration, &store, Duration::from_mins(1)).await?;
    let wanted = LinkOptions {
        connection: options.connection.as_deref().map(ConnectionId::new),
        dry_run: options.dry_run,
    };
    let report = machine
        .engine
        .link_everyone(&wanted, &Progress::default().teller(out))
        .await?;
    shown(&report, out);
    out.document(&report)?;
    Ok(if report.is_whole() {
        Exit::SUCCESS
    } else {
        Exit::from(1)
    })
}

/// What was said last, so that a line for people is not said twice.
#[derive(Default)]
struct Progress(Mutex<String>);

impl Progress {
    /// Says on standard error where the run is: one line that changes on a terminal, nothing elsewhere but the ends.
    fn teller(self, out: &Out) -> impl Fn(LinkProgress) + Sync {
        move |progress| {
            let text = match progress {
                LinkProgress::Listed(connection, accounts) => format!("{connection}: {accounts} accounts listed"),
                LinkProgress::Written(connection, people) => format!("{connection}: links of {people} people kept"),
                LinkProgress::People(people) => format!("{people} people kept"),
            };
            let Ok(mut last) = self.0.lock() else { return };
            if *last == text {
                return;
            }
            out.progress(&text);
            *last = text;
        }
    }
}

fn shown(report: &LinkReport, out: &Out) {
    out.progress_done();
    out.title(&format!(
        "{} people in the source, {} active.{}",
        report.people,
        report.active,
        if report.dry_run {
            " Nothing was written: this was a dry run."
        } else {
            ""
        }
    ));
    let head = [
        "",
        "connection",
        "accounts",
        "linked",
        "new",
        "unsure",
        "ambiguous",
        "conflicts",
        "service",
        "nobody's",
        "coverage",
    ];
    let mut rows = Vec::new();
    for (connection, one) in &report.connections {
        match one {
            LinkedConnection::Joined { accounts, joined, .. } => {
                let new = joined.links.iter().filter(|link| link.new).count();
                rows.push(vec![
                    "✓".to_owned(),
                    connection.to_string(),
                    accounts.to_string(),
                    (joined.links.len() + joined.unseen.len()).to_string(),
                    new.to_string(),
                    joined.unsure.len().to_string(),
                    joined.ambiguous.len().to_string(),
                    joined.conflicts.len().to_string(),
                    joined.services.to_string(),
                    joined.unclaimed.to_string(),
                    coverage(joined),
                ]);
            }
            LinkedConnection::Left { .. } => rows.push(vec!["✗".to_owned(), connection.to_string()]),
        }
    }
    if rows.is_empty() {
        out.line("No other connection is of a kind whose accounts are listed.");
    } else {
        out.table(&head, &rows);
    }
    for (connection, one) in &report.connections {
        match one {
            LinkedConnection::Left { why } => {
                out.line(format!("\n{connection}: nothing was written: {}", plain(why)));
            }
            LinkedConnection::Joined { joined, overtaken, .. } => {
                doubts(connection, joined, out);
                for account in overtaken.iter().take(SHOWN) {
                    out.line(format!(
                        "{}: linked to somebody else while this ran; run it again",
                        plain(account)
                    ));
                }
            }
        }
    }
}

fn coverage(joined: &Joined) -> String {
    joined.coverage.map_or_else(
        || "nobody counts: look at `app`".to_owned(),
        |coverage| {
            format!(
                "{} % ({} linked, {} without, of {})",
                coverage.percent, coverage.linked, coverage.without, coverage.people
            )
        },
    )
}

fn doubts(connection: &ConnectionId, joined: &Joined, out: &Out) {
    let claims = |claims: &[Claim]| -> String {
        let each: Vec<String> = claims
            .iter()
            .map(|claim| format!("{} by {}", plain(&claim.login), claim.by.join(", ")))
            .collect();
        each.join("; ")
    };
    let list = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        out.title(&format!("\n{connection}: {title}"));
        for line in lines.iter().take(SHOWN) {
            out.line(format!("  {line}"));
        }
        if lines.len() > SHOWN {
            out.line(format!("  and {} more; --json has them all", lines.len() - SHOWN));
        }
    };
    let doubt = |doubt: &rollcall_policy::link::Doubt| {
        format!(
            "{}  {}  {}",
            plain(&doubt.account.to_string()),
            plain(&doubt.username),
            claims(&doubt.claims)
        )
    };
    list(
        "several people claim these by something sure; not linked (`rollcall link confirm`, `deny`)",
        joined.ambiguous.iter().map(doubt).collect(),
    );
    list(
        "these match by something unsure only; not linked (`rollcall link confirm`, `deny`)",
        joined.unsure.iter().map(doubt).collect(),
    );
    list(
        "these stay with the person they are linked to although somebody else has one of their names now",
        joined
            .conflicts
            .iter()
            .map(|conflict| {
                format!(
                    "{}  {}  stays {}'s; matches {}",
                    plain(&conflict.account.to_string()),
                    plain(&conflict.username),
                    plain(conflict.owner.as_str()),
                    claims(&conflict.claims)
                )
            })
            .collect(),
    );
    list(
        "service accounts whose person left: rotate, needs an owner",
        joined
            .service
            .iter()
            .map(|orphan| {
                format!(
                    "{}  {}  was {}'s",
                    plain(&orphan.account.to_string()),
                    plain(&orphan.username),
                    plain(orphan.person.as_str())
                )
            })
            .collect(),
    );
    list(
        "linked accounts that the list did not show; they stay linked",
        joined
            .unseen
            .iter()
            .map(|account| plain(&account.to_string()))
            .collect(),
    );
}

async fn engine(
    config: &crate::cli::ConfigOptions,
    data: &crate::cli::DataOptions,
    place: &Place,
) -> anyhow::Result<std::sync::Arc<Engine>> {
    let configuration = place.configuration(config)?;
    let store = place.existing(data)?;
    Ok(place
        .machine(configuration, &store, Duration::from_mins(1))
        .await?
        .engine)
}

async fn meant(engine: &Engine, who: &str) -> anyhow::Result<PersonKey> {
    engine.person_meant(who).await?.ok_or_else(|| {
        anyhow::anyhow!(
            "the ledger knows nobody called {}: `rollcall link` lists everybody first",
            plain(who)
        )
    })
}

fn account(engine: &Engine, text: &str) -> anyhow::Result<AccountRef> {
    let (connection, id) = text
        .split_once('/')
        .filter(|(connection, id)| !connection.is_empty() && !id.is_empty())
        .ok_or_else(|| anyhow::anyhow!("`{}` is no account: write CONNECTION/ID", plain(text)))?;
    let account = AccountRef::new(connection, id);
    anyhow::ensure!(
        engine.configuration().connection(&account.connection).is_some(),
        "there is no connection {}",
        plain(connection)
    );
    anyhow::ensure!(
        account.connection != engine.configuration().source,
        "{} is the source: whose its accounts are is not decided here",
        plain(connection)
    );
    Ok(account)
}

async fn confirm(decision: &LinkDecision, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let engine = engine(&decision.config, &decision.data, place).await?;
    let account = account(&engine, &decision.account)?;
    let person = meant(&engine, &decision.person).await?;
    if let Some(owner) = engine.owner_of(&account).await?.filter(|owner| *owner != person) {
        anyhow::bail!(
            "{account} is linked to {owner}: if it is not theirs, say `rollcall link deny {owner} {account}` first"
        );
    }
    engine.confirm_account(&person, &account).await?;
    out.title(&format!(
        "{} is {}'s.",
        plain(&account.to_string()),
        plain(person.as_str())
    ));
    out.document(&json!({"person": person, "account": account.to_string(), "linked": true}))?;
    Ok(Exit::SUCCESS)
}

async fn deny(decision: &LinkDecision, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let engine = engine(&decision.config, &decision.data, place).await?;
    let account = account(&engine, &decision.account)?;
    let person = meant(&engine, &decision.person).await?;
    let was = engine.deny_account(&person, &account).await?;
    out.title(&format!(
        "{} is not {}'s{}.",
        plain(&account.to_string()),
        plain(person.as_str()),
        if was { " any more" } else { "" }
    ));
    out.line("No list and no search links them again; `rollcall link confirm` takes it back.");
    out.document(&json!({"person": person, "account": account.to_string(), "linked": false, "was": was}))?;
    Ok(Exit::SUCCESS)
}

async fn show_person(show: &LinkShow, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let engine = engine(&show.config, &show.data, place).await?;
    let person = meant(&engine, &show.person).await?;
    let links = engine.links_of(&person).await?;
    match &links.known {
        Some(known) => out.title(&format!(
            "{}  {}  {} when last read",
            plain(&known.display),
            plain(&known.login),
            known.state.as_str()
        )),
        None => out.title(&plain(person.as_str())),
    }
    let mut rows = Vec::new();
    for (connection, ids) in &links.accounts {
        for id in ids {
            let account = AccountRef::new(connection, id).to_string();
            let said = links.disputed.get(&account).map_or_else(
                || "linked".to_owned(),
                |owner| format!("linked to {} as well, whose it is", plain(owner.as_str())),
            );
            rows.push(vec![plain(&account), said]);
        }
    }
    rows.extend(
        links
            .denied
            .iter()
            .map(|account| vec![plain(account), "not theirs: somebody decided so".to_owned()]),
    );
    if rows.is_empty() {
        out.line("No account elsewhere is linked to them.");
    } else {
        out.table(&["account", ""], &rows);
    }
    out.document(&links)?;
    Ok(Exit::SUCCESS)
}
