//! Whole lists, page by page. Half a list is none.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use rollcall_model::connector::{Assignment, ListedAccount};
use rollcall_model::{Call, ConnectionId, Failure, Lane, Page};
use rollcall_policy::decide::ListRead;
use rollcall_policy::link::{self, People};
use rollcall_runtime::clock::plus;

use super::LinkProgress;
use crate::{Engine, EngineError};

/// How often one page is asked for.
const TRIES: u32 = 5;
/// How long a page is waited for at the longest before it is asked for again; a vendor that wants more patience is left for
/// another run.
const PATIENCE: Duration = Duration::from_secs(90);
/// The list that names service accounts.
const SERVICE: &str = "service";

/// Everything of one connection.
pub(super) struct Listed {
    /// Its accounts.
    pub(super) accounts: Vec<ListedAccount>,
    /// Whom the source gives the application that stands for it.
    pub(super) assignments: Option<Vec<Assignment>>,
}

impl Engine {
    /// Everybody in the source.
    pub(super) async fn people(&self, progress: &(dyn Fn(LinkProgress) + Sync)) -> Result<People, EngineError> {
        let source = &self.configuration().source;
        let fields = link::source_fields(self.configuration());
        let accounts = self.all_accounts(source, &fields, progress).await.map_err(|why| {
            EngineError::Refused(format!(
                "the source {source} could not be listed, so nobody is linked: {why}"
            ))
        })?;
        let mut people = People::new();
        for listed in accounts {
            let Some(mut person) = listed.person.map(|person| *person) else {
                return Err(EngineError::Refused(format!(
                    "{} came without the person behind it, so nobody is linked",
                    listed.account
                )));
            };
            for (field, value) in listed.values {
                person.attributes.entry(field).or_insert(value.into());
            }
            people.insert(person.key.clone(), person);
        }
        if people.is_empty() {
            return Err(EngineError::Refused(format!(
                "the source {source} lists nobody, which proves nothing: let the integration read users"
            )));
        }
        Ok(people)
    }

    /// Everything of a connection, or why it cannot be told.
    pub(super) async fn listed(
        &self,
        target: &ConnectionId,
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<Listed, String> {
        let configuration = self.configuration();
        let app = configuration
            .connection(target)
            .and_then(|connection| connection.app.as_deref());
        let fields = link::target_fields(configuration, target);
        if fields.is_empty() && app.is_none() {
            return Err(
                "no row of `match` has a field for its kind and for the source's, and no `app` stands for it: add one"
                    .to_owned(),
            );
        }
        let accounts = self.all_accounts(target, &fields, progress).await?;
        if accounts.is_empty() {
            return Err("it lists no account at all, not even ours, which proves nothing".to_owned());
        }
        let assignments = match app {
            Some(app) => Some(self.all_assignments(app).await?),
            None => None,
        };
        Ok(Listed { accounts, assignments })
    }

    async fn all_accounts(
        &self,
        connection: &ConnectionId,
        fields: &[String],
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<Vec<ListedAccount>, String> {
        let connector = self
            .connector(connection)
            .ok_or_else(|| format!("connection {connection} is not configured"))?;
        let mut all: Vec<ListedAccount> = Vec::new();
        // A page that shifts while we read may show somebody twice.
        let mut ids: HashSet<String> = HashSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self
                .patiently(async |call: &Call| connector.list_accounts(call, fields, cursor.as_deref()).await)
                .await?;
            let (items, next) = whole(page, cursor.as_deref())?;
            for item in items {
                if item.account.connection != *connection {
                    return Err(format!(
                        "the list of {connection} names an account of {}",
                        item.account.connection
                    ));
                }
                if ids.insert(item.account.id.clone()) {
                    all.push(item);
                }
            }
            progress(LinkProgress::Listed(connection.clone(), all.len()));
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn all_assignments(&self, app: &str) -> Result<Vec<Assignment>, String> {
        let source = &self.configuration().source;
        let connector = self
            .connector(source)
            .ok_or_else(|| format!("connection {source} is not configured"))?;
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self
                .patiently(async |call: &Call| connector.assignments(call, app, cursor.as_deref()).await)
                .await
                .map_err(|why| format!("who has the application {app} in {source} could not be listed: {why}"))?;
            let (items, next) = whole(page, cursor.as_deref())
                .map_err(|why| format!("who has the application {app} in {source} could not be listed: {why}"))?;
            all.extend(items);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Asks until there is an answer, as long as another try can help.
    async fn patiently<T>(&self, ask: impl AsyncFn(&Call) -> Result<T, Failure>) -> Result<T, String> {
        let mut tries = 0;
        loop {
            tries += 1;
            let call = Call {
                deadline: plus(self.now(), self.settings.call),
                lane: Lane::Bulk,
            };
            match ask(&call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => {
                    let wait = self.settings.pause(tries, failure.retry_after());
                    if !failure.is_retryable() || tries >= TRIES || wait > PATIENCE || !self.has_time_for(wait) {
                        return Err(failure.reason);
                    }
                    self.parts.clock.sleep(wait).await;
                }
            }
        }
    }

    /// The entries of the list `service`, lower-cased. One that cannot be read stops the run: it would link accounts that
    /// programs use.
    pub(super) async fn service_list(&self) -> Result<BTreeSet<String>, EngineError> {
        let refused = |why: String| {
            EngineError::Refused(format!(
                "the list `{SERVICE}` could not be read, so nobody is linked: {why}"
            ))
        };
        let Some(source) = self.configuration().lists.get(SERVICE) else {
            return Ok(BTreeSet::new());
        };
        let call = Call {
            deadline: plus(self.now(), self.settings.call),
            lane: Lane::Bulk,
        };
        match self.read_list(source, &call).await {
            ListRead::Entries(entries) => Ok(entries),
            ListRead::Unreadable(why) => Err(refused(why)),
        }
    }
}

/// A page that proves something, and what to ask for next.
fn whole<T>(page: Page<T>, asked: Option<&str>) -> Result<(Vec<T>, Option<String>), String> {
    if let Some(why) = page.unproven {
        return Err(why);
    }
    if page.next.is_some() && page.next.as_deref() == asked {
        return Err("a page names itself as the next one, so the list has no end".to_owned());
    }
    Ok((page.items, page.next))
}
