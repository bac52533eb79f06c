//! Changes that wait at the same moment share one synchronous write.
//!
//! What an answer says must survive a power cut, so every commit waits for the disk, which takes it a millisecond or more however little
//! is written. While one commit waits, other changes come in; they are made one after the other in the next transaction, each in a
//! savepoint of its own, and answered once that is on the disk. A change that fails leaves the others alone; a commit that fails fails
//! all of them.

use std::sync::mpsc::Receiver;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::sqlite::SqliteError;

/// Changes in one transaction at most: another process that wants to write waits for its end.
const MOST: usize = 64;

/// What the thread that owns the file is given to do.
pub(crate) enum Job {
    /// A read, or something that concerns the whole file: outside of every transaction but its own.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Something that can share its commit.
    Change(Box<dyn Change>),
}

/// A change whose caller waits.
pub(crate) trait Change: Send {
    /// Makes it; false when it failed and nothing of it may stay.
    fn make(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, now that it is certain; `failed` says why nothing was committed.
    fn tell(self: Box<Self>, failed: Option<&rusqlite::Error>);
}

/// A change as a closure.
pub(crate) struct Waiting<T, F> {
    job: Option<F>,
    made: Option<rusqlite::Result<T>>,
    answer: oneshot::Sender<Result<T, SqliteError>>,
}

impl<T, F> Waiting<T, F> {
    pub(crate) fn new(job: F) -> (Self, oneshot::Receiver<Result<T, SqliteError>>) {
        let (answer, answered) = oneshot::channel();
        let waiting = Self {
            job: Some(job),
            made: None,
            answer,
        };
        (waiting, answered)
    }
}

impl<T, F> Change for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn make(&mut self, connection: &Connection) -> bool {
        self.made = self.job.take().map(|job| job(connection));
        matches!(self.made, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, failed: Option<&rusqlite::Error>) {
        let said = match (failed, self.made) {
            (Some(why), _) => Err(SqliteError::Uncommitted(why.to_string())),
            (None, Some(made)) => made.map_err(SqliteError::from),
            (None, None) => return,
        };
        // Nobody waits any more when the caller's future was dropped; the change has happened all the same.
        let _ = self.answer.send(said);
    }
}

/// Does what comes, until nobody can send any more.
pub(crate) fn work(connection: &mut Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut changes = Vec::new();
        let waiting = std::iter::once(first).chain(jobs.try_iter());
        for job in waiting.take(MOST) {
            match job {
                // Whoever asked for it cannot know of changes that are not answered yet.
                Job::Alone(job) => job(connection),
                Job::Change(change) => changes.push(change),
            }
        }
        if !changes.is_empty() {
            commit(connection, changes);
        }
    }
}

/// Makes changes in one transaction and tells their callers.
pub(crate) fn commit(connection: &mut Connection, mut changes: Vec<Box<dyn Change>>) {
    let made = make(connection, &mut changes);
    for change in changes {
        change.tell(made.as_ref().err());
    }
}

fn make(connection: &mut Connection, changes: &mut [Box<dyn Change>]) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in changes {
        let savepoint = transaction.savepoint()?;
        // One that is dropped is rolled back.
        if change.make(&savepoint) {
            savepoint.commit()?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(number: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send {
        move |connection| connection.execute("INSERT INTO numbers (number) VALUES (?1)", [number])
    }

    fn numbers(connection: &Connection) -> Vec<i64> {
        let mut all = connection
            .prepare("SELECT number FROM numbers ORDER BY number")
            .unwrap();
        let all = all.query_map([], |row| row.get(0)).unwrap();
        all.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn file() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT")
            .unwrap();
        connection
    }

    #[test]
    fn a_change_that_fails_half_way_leaves_nothing_and_the_others_alone() {
        let mut connection = file();
        let (one, mut one_said) = Waiting::new(insert(1));
        let (two, mut two_said) = Waiting::new(|connection: &Connection| {
            insert(2)(connection)?;
            // Taken already.
            insert(1)(connection)
        });
        let (three, mut three_said) = Waiting::new(insert(3));
        commit(&mut connection, vec![Box::new(one), Box::new(two), Box::new(three)]);
        assert_eq!(numbers(&connection), [1, 3]);
        assert!(matches!(one_said.try_recv(), Ok(Ok(1))));
        assert!(matches!(two_said.try_recv(), Ok(Err(SqliteError::Sqlite(_)))));
        assert!(matches!(three_said.try_recv(), Ok(Ok(1))));
    }

    #[test]
    fn when_nothing_can_be_committed_every_caller_is_told() {
        let mut connection = file();
        connection.pragma_update(None, "query_only", true).unwrap();
        let (one, mut one_said) = Waiting::new(|connection: &Connection| connection.execute_batch("SELECT 1"));
        // The transaction cannot even begin inside of another one.
        connection.execute_batch("BEGIN").unwrap();
        let (two, mut two_said) = Waiting::new(insert(2));
        commit(&mut connection, vec![Box::new(one), Box::new(two)]);
        assert!(matches!(one_said.try_recv(), Ok(Err(SqliteError::Uncommitted(_)))));
        assert!(matches!(two_said.try_recv(), Ok(Err(SqliteError::Uncommitted(_)))));
    }

    #[test]
    fn reads_come_before_the_changes_that_wait_with_them() {
        let (jobs, work_to_do) = std::sync::mpsc::channel();
        let (change, mut said) = Waiting::new(insert(7));
        let (seen, was_seen) = std::sync::mpsc::channel();
        jobs.send(Job::Change(Box::new(change))).unwrap();
        let look = move |connection: &mut Connection| seen.send(numbers(connection)).unwrap();
        jobs.send(Job::Alone(Box::new(look))).unwrap();
        drop(jobs);
        let mut connection = file();
        work(&mut connection, &work_to_do);
        assert_eq!(was_seen.recv().unwrap(), Vec::<i64>::new());
        assert!(matches!(said.try_recv(), Ok(Ok(1))));
        assert_eq!(numbers(&connection), [7]);
    }
}
