//! Where personal data lies: one table, from which the reference is made and against which the code is checked.

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An item of the ledger, by its partition.
    Ledger,
    /// A folder of the files.
    Files,
    /// A queue.
    Queues,
    /// What Rollcall writes and does not keep.
    Outside,
}

impl Place {
    /// Every one.
    pub const ALL: &[Self] = &[Self::Ledger, Self::Files, Self::Queues, Self::Outside];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ledger => "The ledger (DynamoDB, or the SQLite file)",
            Self::Files => "Files (the bucket, or the folder)",
            Self::Queues => "Queues (SQS, or the SQLite file)",
            Self::Outside => "Outside",
        }
    }
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Where it is.
    pub place: Place,
    /// The partition, the folder or the queue.
    pub name: &'static str,
    /// What of a person it holds.
    pub holds: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// How long it is kept.
    pub days: &'static str,
    /// What becomes of it when the person is forgotten.
    pub forget: &'static str,
}

const fn kept(
    place: Place,
    name: &'static str,
    holds: &'static str,
    purpose: &'static str,
    days: &'static str,
    forget: &'static str,
) -> Kept {
    Kept {
        place,
        name,
        holds,
        purpose,
        days,
        forget,
    }
}

/// Every place.
pub const KEPT: &[Kept] = &[
    kept(
        Place::Ledger,
        "EV#",
        "an event: its account by the vendor's id, who did it, the raw message when it is short",
        "to take each event once, and to answer why",
        "`events`",
        "goes",
    ),
    kept(
        Place::Ledger,
        "ACC#",
        "an account's id; its events in order",
        "order, and nothing lost between two workers",
        "rows `events`; the head until the person's last run goes",
        "goes",
    ),
    kept(
        Place::Ledger,
        "LOCK#",
        "an account's id, or a sign-in name",
        "two workers never act on one person",
        "`events` after it was let go",
        "goes",
    ),
    kept(
        Place::Ledger,
        "RUN#",
        "the person as their directory described them, their accounts, what was read and done; the journal",
        "to do it, to answer what was done, to take it back",
        "`runs` after its end",
        "the public part of the journal, times and hashes stay",
    ),
    kept(
        Place::Ledger,
        "OPEN#",
        "a person's key",
        "one open run a person and goal",
        "until the run ends",
        "is in the way",
    ),
    kept(
        Place::Ledger,
        "PERSON#",
        "a person's key",
        "to list their runs",
        "with the run",
        "goes",
    ),
    kept(
        Place::Ledger,
        "RUNS",
        "run ids",
        "to list runs",
        "with the run",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "RSV#",
        "run ids",
        "limits, the last administrator",
        "`events` after the hour",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "REVIEW#",
        "reasons, an account, who asked and who decided",
        "decisions",
        "`runs` after the decision",
        "reasons and account go",
    ),
    kept(
        Place::Ledger,
        "REVIEWS",
        "review ids",
        "to list reviews",
        "with the review",
        "stays, unless the id names them",
    ),
    kept(
        Place::Ledger,
        "TIMERS#",
        "a person's key and account, their name, who asked",
        "an agreed hour, watching a cut",
        "a watch 30 days; a leave that has begun or was called off until it is forgotten",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#key",
        "a random key; its name is a digest",
        "pseudonyms in receipts and journals",
        "with the person's last run",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#forgetting",
        "every name of somebody who is being forgotten",
        "to go on after a failure",
        "until it is done",
        "goes last",
    ),
    kept(
        Place::Ledger,
        "DOC#forgotten",
        "run ids, pseudonyms, who asked",
        "to answer that somebody was forgotten",
        "for ever: it names nobody but the operator",
        "is what stays",
    ),
    kept(
        Place::Ledger,
        "DOC#link",
        "a person as their directory described them, by account",
        "to know who a deleted account was",
        "until the last run of a leave that is done goes",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#links",
        "a person's accounts elsewhere",
        "to find them without searching",
        "as `link`",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#owner",
        "whose an account is",
        "no account is taken for somebody else's",
        "as `link`",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#denied",
        "whose an account is not",
        "the same",
        "until it is forgotten or confirmed",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#name",
        "sign-in names and addresses",
        "to ask for somebody by name",
        "as `link`",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#expected",
        "who announced and approved",
        "announced leavers",
        "until it is cancelled",
        "an approval by them goes",
    ),
    kept(
        Place::Ledger,
        "DOC#coverage",
        "numbers",
        "the guard",
        "while the connection is linked",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "DOC#pause",
        "the operator who stopped it",
        "the stop button",
        "until it is resumed",
        "their name is taken out",
    ),
    kept(
        Place::Ledger,
        "DOC#exception",
        "a person's key, the operator",
        "an undo sticks",
        "until it ends and is met",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#plan",
        "a person as their directory described them",
        "to apply exactly what was read",
        "until it is forgotten",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#command",
        "what an operator typed, their files, who they are",
        "a worker runs it",
        "a day",
        "names in what was typed are taken out; files go after the day",
    ),
    kept(
        Place::Ledger,
        "DOC#taken",
        "an hour",
        "a command is run once",
        "a day",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "DOC#answer",
        "what a command printed",
        "the operator reads it",
        "a day",
        "their names are taken out",
    ),
    kept(
        Place::Ledger,
        "DOC#dead",
        "a raw message",
        "nothing that fails is lost",
        "until it is redriven",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#finding",
        "a reason; it may name an account",
        "what needs attention",
        "until it is forgotten",
        "goes, or their name is taken out",
    ),
    kept(
        Place::Ledger,
        "DOC#observed",
        "run ids, when a change was seen",
        "to compare observe mode with what people did",
        "until the run is forgotten",
        "goes",
    ),
    kept(
        Place::Ledger,
        "DOC#cut-waits",
        "run ids, hours",
        "the alarm of a cut that waits",
        "until the cut is whole",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "DOC#credential",
        "an hour",
        "the alarm of a credential that ends",
        "while it is in use",
        "stays: it names nobody",
    ),
    kept(
        Place::Ledger,
        "DOC#restored",
        "the operator who said so",
        "a restored ledger does not tell people twice",
        "for ever",
        "their name is taken out",
    ),
    kept(
        Place::Files,
        "signals/",
        "raw messages that are too long for a queue",
        "as events",
        "`events`",
        "goes; from other people's their names are taken out",
    ),
    kept(
        Place::Files,
        "bodies/",
        "parts of the ledger that are too long for an item",
        "as the item",
        "`runs` and 90 days",
        "goes",
    ),
    kept(
        Place::Files,
        "configurations/",
        "operators, and whom the company listed by name",
        "a run pins its configuration",
        "for ever",
        "stays: take them out of the folder",
    ),
    kept(
        Place::Files,
        "receipts/",
        "pseudonyms; in a statement about somebody forgotten, who asked",
        "proof",
        "as long as the bucket locks them, or for ever",
        "stays",
    ),
    kept(
        Place::Files,
        "evidence/",
        "ids of records, their owners before and after",
        "an audit, an undo",
        "`runs`",
        "goes; from other people's their names are taken out",
    ),
    kept(
        Place::Files,
        "kept/",
        "what a vendor's lists said",
        "fewer calls",
        "2 days",
        "goes",
    ),
    kept(
        Place::Files,
        "expected/",
        "names of announced leavers",
        "announced leavers",
        "`runs`",
        "their names are taken out",
    ),
    kept(
        Place::Files,
        "lists/",
        "whom the company put on a list that is read at run time",
        "protected people, legal hold",
        "as the company decides",
        "stays: it is the company's",
    ),
    kept(
        Place::Queues,
        "urgent, work, bulk",
        "raw messages, account ids",
        "transport",
        "until handled; SQS at most 14 days",
        "is in the way on one machine; in SQS it goes with the retention",
    ),
    kept(
        Place::Queues,
        "dead letters of the queues",
        "the same",
        "nothing that fails is lost",
        "SQS 14 days; on one machine until redriven",
        "goes on one machine; in SQS it goes with the retention",
    ),
    kept(
        Place::Outside,
        "logs",
        "run ids, codes, account ids in warnings about one account; no names",
        "operations",
        "the log group's retention",
        "goes with it",
    ),
    kept(
        Place::Outside,
        "Slack",
        "the text that a playbook says, usually a name",
        "to tell people",
        "as the workspace decides",
        "is not touched: delete it there",
    ),
    kept(
        Place::Outside,
        "reports",
        "what `rollcall run report` wrote",
        "an audit",
        "as whoever saved it decides",
        "is not touched",
    ),
    kept(
        Place::Outside,
        "backups of the table",
        "everything that the table held",
        "restoring",
        "35 days (point-in-time recovery)",
        "goes with time",
    ),
    kept(
        Place::Outside,
        "noncurrent object versions",
        "what was replaced",
        "restoring",
        "the bucket's lifecycle; `forget` deletes those of what it removes",
        "goes",
    ),
];
