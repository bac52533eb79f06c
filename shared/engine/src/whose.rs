//! Whose account an event is about: the person as the source describes them, whichever directory reported it.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, Shared, join_all, select};
use rollcall_model::ledger::{Inbox, documents};
use rollcall_model::{
    AccountRef, Assigned, Call, Completeness, ConnectionId, Event, Failure, Lane, Person, PersonKey, SourceState,
    SubjectRead,
};
use rollcall_policy::decide;

use crate::{Engine, EngineError};

/// Two directories' word: what the one that reported says of its account, and the person as the source describes them.
pub(crate) struct Known {
    /// What the subject's own directory says of it.
    pub(crate) said: SourceState,
    /// The person.
    pub(crate) person: Person,
}

/// A directory's answer that is fresh enough to open a run on.
pub(crate) enum Subject {
    /// The person as read.
    Known(Box<Known>),
    /// The read proves nothing, or failed; why, and how long the vendor asked us to wait.
    Unreadable(String, Option<Duration>),
}

impl Subject {
    fn failed(failure: Failure) -> Self {
        let asked = failure.retry_after();
        Self::Unreadable(failure.reason, asked)
    }
}

/// An attempt to get a token, made once however many wait for it.
pub(crate) type SignedIn = Shared<BoxFuture<'static, ()>>;

/// One account as its directory has it now, or as an earlier reading kept it.
enum Reading {
    Known(Box<Person>),
    Unreadable(String, Option<Duration>),
}

impl Engine {
    /// What the directories say of an account and its person now.
    pub(crate) async fn subject(&self, account: &AccountRef, event: Option<&Event>) -> Result<Subject, EngineError> {
        let call = self.call(&self.holder(), Lane::Urgent);
        let described = match self.as_read(&call, account, event).await? {
            Reading::Known(person) => person,
            Reading::Unreadable(why, asked) => return Ok(Subject::Unreadable(why, asked)),
        };
        let said = described.state;
        let source = &self.configuration().source;
        if account.connection == *source {
            return Ok(Subject::Known(Box::new(Known {
                said,
                person: *described,
            })));
        }
        let in_source = match self.in_source(&call, &described, account).await? {
            Ok(Some(found)) => found,
            // Nobody of the source: the other directory's word is all there is.
            Ok(None) => {
                return Ok(Subject::Known(Box::new(Known {
                    said,
                    person: *described,
                })));
            }
            Err(subject) => return Ok(subject),
        };
        Ok(match self.as_read(&call, &in_source, None).await? {
            Reading::Known(person) => Subject::Known(Box::new(Known { said, person: *person })),
            Reading::Unreadable(why, asked) => Subject::Unreadable(why, asked),
        })
    }

    /// Gets the tokens that runs for the events of an inbox need first: its directory's, and those of the connections that they would cut at
    /// once. What fails fails again with the first call, where it counts. None when no playbook asks for anything there.
    pub(crate) fn tokens(
        &self,
        inbox: &Inbox,
        signed_in: &SignedIn,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let configuration = self.configuration();
        let events = inbox.rows.iter().map(|row| &row.event);
        let asked: Vec<_> = events.flat_map(|event| decide::goals(configuration, event)).collect();
        if asked.is_empty() {
            return None;
        }
        let cuts: BTreeSet<ConnectionId> = asked
            .iter()
            .flat_map(|found| decide::cuts_at_once(configuration, found))
            .filter(|connection| *connection != inbox.account.connection)
            .collect();
        let others = cuts.iter().map(|connection| self.signing_in(connection));
        Some(join_all(std::iter::once(signed_in.clone()).chain(others)).map(drop))
    }

    /// Signing in to a connection, as far as that is possible: what fails fails again when it is read. Nothing is asked before somebody
    /// waits for it, and once however many do.
    pub(crate) fn signing_in(&self, connection: &ConnectionId) -> SignedIn {
        let call = self.call(&self.holder(), Lane::Urgent);
        let connector = self.connector(connection).cloned();
        let signing_in = async move {
            if let Some(connector) = connector {
                let _ = connector.sign_in(&call).await;
            }
        };
        signing_in.boxed().shared()
    }

    /// Reads one account; a deleted one is known by what an earlier reading kept of it.
    async fn as_read(&self, call: &Call, account: &AccountRef, event: Option<&Event>) -> Result<Reading, EngineError> {
        let Some(connector) = self.connector(&account.connection) else {
            let why = format!("connection {} is not configured", account.connection);
            return Ok(Reading::Unreadable(why, None));
        };
        Ok(match connector.read_subject(call, account).await {
            Ok(SubjectRead::Present(person)) => Reading::Known(person),
            Ok(SubjectRead::Gone) => Reading::Known(Box::new(self.gone(account, event).await?)),
            Ok(SubjectRead::Unproven(why)) => Reading::Unreadable(why, None),
            Err(failure) => {
                let asked = failure.retry_after();
                Reading::Unreadable(failure.reason, asked)
            }
        })
    }

    /// The source's account of somebody whom another directory describes: by an earlier link, or else by `match`. The inner
    /// error says why it cannot be told now.
    async fn in_source(
        &self,
        call: &Call,
        described: &Person,
        account: &AccountRef,
    ) -> Result<Result<Option<AccountRef>, Subject>, EngineError> {
        let source = &self.configuration().source;
        if described.account.connection == *source {
            // A deleted account is known by the person that it was linked to.
            return Ok(Ok(Some(described.account.clone())));
        }
        if let Some(person) = self.linked_person(account).await?
            && person.account.connection == *source
        {
            return Ok(Ok(Some(person.account)));
        }
        let query = decide::account_query(self.configuration(), described, source, &[]);
        if query.keys.is_empty() {
            return Ok(Ok(None));
        }
        let Some(connector) = self.connector(source) else {
            let why = format!("connection {source} is not configured");
            return Ok(Err(Subject::Unreadable(why, None)));
        };
        let search = match connector.find_accounts(call, &query).await {
            Ok(search) => search,
            Err(failure) => return Ok(Err(Subject::failed(failure))),
        };
        let sure: Vec<AccountRef> = search
            .accounts
            .into_iter()
            .filter(|found| found.sure)
            .map(|found| found.account)
            .collect();
        Ok(match (sure.as_slice(), search.completeness) {
            ([one], _) => Ok(Some(one.clone())),
            ([], Completeness::Proven) => Ok(None),
            ([], Completeness::Unproven(why)) => Err(Subject::Unreadable(
                format!("whether {source} knows this person cannot be told: {why}"),
                None,
            )),
            (several, _) => Err(Subject::Unreadable(
                format!(
                    "{} people of {source} match {account}: say whose it is with `rollcall link confirm`",
                    several.len()
                ),
                None,
            )),
        })
    }

    /// The person that an account of a directory was linked to.
    pub(crate) async fn linked_person(&self, account: &AccountRef) -> Result<Option<Person>, EngineError> {
        let link = self
            .parts
            .ledger
            .document(documents::LINK, &account.to_string())
            .await?;
        Ok(link.and_then(|link| serde_json::from_value(link.body.get("person")?.clone()).ok()))
    }

    /// The person behind an account that is no more.
    async fn gone(&self, account: &AccountRef, event: Option<&Event>) -> Result<Person, EngineError> {
        if let Some(mut person) = self.linked_person(account).await? {
            person.state = SourceState::Deleted;
            return Ok(person);
        }
        Ok(Person {
            key: PersonKey::new(format!("{}:{}", account.connection, account.id)),
            account: account.clone(),
            state: SourceState::Deleted,
            display: event
                .and_then(|event| event.account.as_ref())
                .map_or_else(String::new, |account| account.id.clone()),
            login: String::new(),
            email: None,
            manager: None,
            groups: Vec::new(),
            roles: Vec::new(),
            attributes: std::collections::BTreeMap::default(),
        })
    }

    /// Why an application that was taken from somebody is theirs again, or that it cannot be told now.
    pub(crate) async fn given_again(
        &self,
        call: &Call,
        subject: &AccountRef,
        app: &str,
        scope: &ConnectionId,
    ) -> Result<Option<String>, (String, Option<Duration>)> {
        let Some(connector) = self.connector(&subject.connection) else {
            return Err((format!("connection {} is not configured", subject.connection), None));
        };
        match connector.assigned(call, subject, app).await {
            Ok(Assigned::No) => Ok(None),
            Ok(Assigned::Yes) => Ok(Some(format!(
                "{} gives the application of {scope} to this account",
                subject.connection
            ))),
            Ok(Assigned::Unproven(why)) => Err((why, None)),
            Err(failure) => {
                let asked = failure.retry_after();
                Err((failure.reason, asked))
            }
        }
    }
}

/// Does something while something else goes on, which is not waited for.
pub(crate) async fn beside<T>(other: impl Future<Output = ()>, work: impl Future<Output = T> + Unpin) -> T {
    match select(work, pin!(other)).await {
        Either::Left((done, _)) => done,
        Either::Right(((), work)) => work.await,
    }
}
