//! What has been kept long enough goes: runs with their journals, reviews, and what is known of people who left.

use rollcall_model::ledger::documents;
use rollcall_model::plan::Goal;
use rollcall_model::{AccountRef, LedgerError, Review, ReviewState, Run, RunState, Timestamp};

use super::items::{ReviewName, RunItem, RunName};
use super::{EVERYTHING, TableLedger, keys};
use crate::table::{Item, Key, WRITE_LIMIT, When, Write};

impl TableLedger {
    pub(super) async fn retire_ended(&self, before: Timestamp, most: usize) -> Result<usize, LedgerError> {
        let mut gone = 0;
        let names = self.table.query(keys::RUNS, keys::LISTED, false, most).await?;
        // Oldest first: what was opened later has not ended before.
        let last = keys::listed_before(before);
        for name in names.into_iter().take_while(|name| name.key.sk < last) {
            let id = self.decode::<RunName>(&name).await?.run;
            match self.read(keys::run(&id)).await? {
                Some(item) => {
                    let kept: RunItem = self.decode(&item).await?;
                    if !kept.finished || kept.run.ended_at.is_none_or(|ended| ended >= before) {
                        continue;
                    }
                    self.retire_run(&kept.run, &name).await?;
                    gone += 1;
                }
                // A try that died after it had removed the run.
                None => self.remove(vec![name]).await?,
            }
        }
        let listed = self
            .table
            .query(keys::REVIEWS, keys::LISTED_REVIEW, false, most)
            .await?;
        let last = keys::listed_reviews_before(before);
        for name in listed.into_iter().take_while(|name| name.key.sk < last) {
            let id = self.decode::<ReviewName>(&name).await?.review;
            let item = self.read(keys::review(&id)).await?;
            if let Some(item) = &item {
                let review: Review = self.decode(item).await?;
                let over = match &review.state {
                    ReviewState::Open => review.expires_at,
                    ReviewState::Approved { at, .. } | ReviewState::Refused { at, .. } => *at,
                };
                if over >= before {
                    continue;
                }
                gone += 1;
            }
            self.remove(item.into_iter().chain([name]).collect()).await?;
        }
        Ok(gone)
    }

    /// The run goes last but for its name, so that a try that died is found again by the list.
    async fn retire_run(&self, run: &Run, name: &Item) -> Result<(), LedgerError> {
        let evidence = format!("evidence/{}/", run.id);
        let failed = |error: rollcall_model::FileError| LedgerError::Unavailable(error.to_string());
        loop {
            let files = self.files.list(&evidence, None, 500).await.map_err(failed)?;
            if files.is_empty() {
                break;
            }
            for file in files {
                self.files.remove(&file).await.map_err(failed)?;
            }
        }
        let partition = keys::run_partition(&run.id);
        let mut rest = self.table.query(&partition, "", false, EVERYTHING).await?;
        let own: Vec<Item> = rest.extract_if(.., |item| item.key.sk == keys::RUN).collect();
        self.remove(rest).await?;
        let person = keys::person_partition(&run.plan.person);
        let listed = self.read(Key::new(person, name.key.sk.clone())).await?;
        self.remove(listed.into_iter().collect()).await?;
        if run.plan.goal == Goal::Leave && run.state == RunState::Done && run.forgotten().is_none() {
            self.retire_person(run).await?;
        }
        self.remove(own).await?;
        self.remove(vec![name.clone()]).await
    }

    /// What is known of somebody who left, with their last run: who they are, where their accounts were, their key.
    async fn retire_person(&self, run: &Run) -> Result<(), LedgerError> {
        let person = &run.plan.person;
        let others = self
            .table
            .query(&keys::person_partition(person), keys::LISTED, false, 1)
            .await?;
        if !others.is_empty() {
            return Ok(());
        }
        let mut accounts = vec![run.plan.subject.clone(), run.person.account.clone()];
        if let Some(links) = self.read_document(documents::LINKS, person.as_str()).await? {
            for (connection, ids) in links.body.as_object().into_iter().flatten() {
                for id in ids.as_array().into_iter().flatten().filter_map(|id| id.as_str()) {
                    accounts.push(AccountRef::new(connection.as_str(), id));
                }
            }
        }
        for account in &accounts {
            for kind in [documents::LINK, documents::OWNER] {
                self.delete_document(kind, &account.to_string()).await?;
            }
            if let Some(inbox) = self.read(keys::inbox(account)).await? {
                // Events that nobody dealt with yet keep it.
                if self.inbox_from(account, Some(&inbox)).await?.rows.is_empty() {
                    self.remove(vec![inbox]).await?;
                }
            }
        }
        let names = [Some(run.person.login.as_str()), run.person.email.as_deref()];
        for name in names.into_iter().flatten().filter(|name| !name.is_empty()) {
            self.delete_document(documents::NAME, &name.to_lowercase()).await?;
        }
        self.delete_document(documents::LINKS, person.as_str()).await?;
        self.delete_document(documents::KEY, &documents::key_id(person)).await
    }

    /// Removes items as they were read. One that somebody wrote meanwhile stays, for the next time.
    async fn remove(&self, items: Vec<Item>) -> Result<(), LedgerError> {
        for some in items.chunks(WRITE_LIMIT) {
            let parts: Vec<Write> = some
                .iter()
                .map(|item| Write::Delete {
                    key: item.key.clone(),
                    when: When::Version(item.version),
                })
                .collect();
            self.write(&parts, "retire").await?;
        }
        Ok(())
    }
}
