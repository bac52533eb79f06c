//! The report of a run: one HTML page for people who were not there.
//!
//! Pure, and nothing is invented, as in the [`timeline`](crate::timeline): every line stands for something in the run, its
//! journal, its events, reviews and findings, or its receipt. The page needs nothing but itself: no script, no file beside it, no
//! network, and its content security policy forbids all of them. It is readable without colours and on paper, and below 2 MB however
//! long the run was: long lists end with how many more there are and where.
//!
//! A quiet run is shown to those who may not read its story as a receipt shows it: what was done, when, and how it ended, and
//! nothing by which somebody could be known.

mod decisions;
mod head;
mod lanes;
mod licences;
mod markup;
mod path;
mod proof;
mod records;
#[cfg(test)]
pub(crate) mod samples;
mod systems;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rollcall_model::ledger::StoredEvent;
use rollcall_model::{ChangeRecord, Entry, Outcome, Review, Run};

use crate::receipt::Receipt;
use crate::timeline::is_message;
use markup::Html;

const STYLE: &str = include_str!("report/style.css");

/// Something that needed attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its code: `RC0412`.
    pub code: String,
    /// What was found.
    pub why: String,
    /// When.
    pub at: Option<Timestamp>,
}

/// The receipt as it was found in the files.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Where it lies.
    pub place: String,
    /// The receipt, or why it could not be read.
    pub receipt: Result<Receipt, String>,
    /// Whether it is as it was signed by a key that was at hand when the page was made; else what is wrong. None: no key was at
    /// hand.
    pub checked: Option<Result<(), String>>,
}

/// Which lists are unfolded when the page is opened. On paper all are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folds {
    /// Those with something that is not green.
    #[default]
    Attention,
    /// None.
    Closed,
}

/// A run with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its journal, all sequences; may be empty.
    pub journal: &'a [Entry],
    /// The events that asked for it; may be empty.
    pub events: &'a [StoredEvent],
    /// What waited for a decision.
    pub reviews: &'a [Review],
    /// What needed attention.
    pub findings: &'a [Finding],
    /// Its receipt, once there is one.
    pub proof: Option<&'a Proof>,
    /// Whether the reader may know who a quiet run is about.
    pub confidential: bool,
    /// Which lists are unfolded.
    pub folds: Folds,
    /// When the page is made.
    pub made_at: Timestamp,
    /// The program that makes it.
    pub made_by: &'a str,
}

impl Report<'_> {
    /// The page, UTF-8, complete.
    pub fn html(&self) -> String {
        let mut html = Html::default();
        html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.raw("<meta http-equiv=\"Content-Security-Policy\"")
            .attr("content", &policy())
            .raw(">\n");
        html.raw(
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta \
             name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" \
             content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex, nofollow\">\n<title>",
        );
        html.own(&head::title(self)).raw("</title>\n<style>");
        html.raw(STYLE).raw("</style>\n</head>\n<body>\n");
        html.raw("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
        head::write(self, &mut html);
        html.raw("<main id=\"main\">\n");
        path::write(self, &mut html);
        systems::write(self, &mut html);
        records::write(self, &mut html);
        licences::write(self, &mut html);
        decisions::findings(self, &mut html);
        decisions::reviews(self, &mut html);
        decisions::messages(self, &mut html);
        proof::write(self, &mut html);
        path::chronology(self, &mut html);
        html.raw("</main>\n<footer><p>Made ");
        html.moment(self.made_at).raw(" by Rollcall ").text(self.made_by);
        html.raw(
            " from its ledger. This page is a rendering for reading and is not signed itself; the receipt \
             is.</p></footer>\n</body>\n</html>\n",
        );
        html.into_string()
    }

    /// Whether names, reasons and states may be shown.
    fn open(&self) -> bool {
        self.confidential || !self.run.plan.quiet
    }

    /// The changes that are no messages.
    fn changes(&self) -> impl Iterator<Item = &ChangeRecord> {
        self.run.changes.iter().filter(|record| !is_message(self.run, record))
    }

    /// The messages.
    fn messages(&self) -> impl Iterator<Item = &ChangeRecord> {
        self.run.changes.iter().filter(|record| is_message(self.run, record))
    }
}

/// What the page may load: the one style sheet in it, by its digest, and nothing else.
fn policy() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(digest)
    )
}

/// The look of an outcome.
fn class_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Changed | Outcome::AlreadySo => "good",
        Outcome::Skipped(_) | Outcome::Superseded(_) => "idle",
        Outcome::Pending | Outcome::Unsure(_) | Outcome::Unknown(_) => "warn",
        Outcome::Refused(_) | Outcome::Failed(_) => "bad",
    }
}

/// An outcome with its sign, so that it reads without colours.
fn badge(html: &mut Html, class: &'static str, text: &str) {
    let sign = match class {
        "good" => "✓",
        "bad" => "✗",
        "warn" => "?",
        _ => "–",
    };
    html.raw("<span")
        .attr("class", &format!("badge {class}"))
        .raw("><span aria-hidden=\"true\">")
        .raw(sign)
        .raw("</span> ")
        .own(text)
        .raw("</span>");
}

/// Opens a section with its heading.
fn section(html: &mut Html, id: &'static str, name: &'static str) {
    html.raw("<section")
        .attr("id", id)
        .attr("aria-labelledby", &format!("{id}-name"))
        .raw("><h2")
        .attr("id", &format!("{id}-name"))
        .raw(">")
        .raw(name)
        .raw("</h2>\n");
}
