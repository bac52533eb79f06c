//! What needed people: findings, reviews and who decided them, messages.

use rollcall_model::{ChangeRecord, Outcome, Review, ReviewAbout, ReviewState};
use serde_json::Value;

use super::markup::Html;
use super::{Report, badge, class_of, section};
use crate::timeline::moment_of;
use crate::timeline::words::short;

/// Bytes of each list.
const BUDGET: usize = 90_000;
/// Characters of a message.
const MESSAGE: usize = 2_000;

pub(super) fn findings(report: &Report<'_>, html: &mut Html) {
    section(html, "findings", "Findings");
    if report.findings.is_empty() {
        html.raw("<p>Nothing about this run needed attention.</p></section>\n");
        return;
    }
    html.table("", "Findings", &["Code", "When", "What"]);
    let left = html.rows(BUDGET, report.findings, |html, finding| {
        html.raw("<tr><th scope=\"row\">")
            .code(&finding.code)
            .raw("</th><td class=\"when\">");
        match finding.at {
            Some(at) => html.time_of_day(at, report.run.received_at),
            None => html.raw("–"),
        };
        html.raw("</td><td>");
        if report.open() {
            html.text(&finding.why);
        } else {
            html.raw("for operators with the role <code>confidential</code>");
        }
        html.raw("</td></tr>\n");
    });
    html.end_table()
        .left_out(left, "the log has every one.")
        .raw("</section>\n");
}

pub(super) fn reviews(report: &Report<'_>, html: &mut Html) {
    section(html, "reviews", "Reviews");
    if report.reviews.is_empty() {
        html.raw("<p>The guard held nothing, so nobody had to decide.</p></section>\n");
        return;
    }
    html.table("", "Reviews", &["What was asked", "Why", "Opened", "Decision"]);
    let left = html.rows(BUDGET, report.reviews, |html, review| one_review(report, html, review));
    html.end_table()
        .left_out(left, "<code>rollcall reviews</code> lists them.")
        .raw("</section>\n");
}

fn one_review(report: &Report<'_>, html: &mut Html, review: &Review) {
    html.raw("<tr><th scope=\"row\">");
    match &review.about {
        ReviewAbout::Stage => html.raw("The stage ").text(&review.stage),
        ReviewAbout::Account(account) if report.open() => html
            .raw("Whether ")
            .code(&account.id)
            .raw(" in ")
            .text(account.connection.as_str())
            .raw(" is theirs"),
        ReviewAbout::Account(account) => html
            .raw("Whether an account in ")
            .text(account.connection.as_str())
            .raw(" is theirs"),
        ReviewAbout::Change(change) if report.open() => html.raw("The change ").code(change.as_str()),
        ReviewAbout::Change(_) => html.raw("One change of ").text(&review.stage),
    };
    html.raw(" <small>plan ")
        .code(&short(review.plan_hash.as_str()))
        .raw("</small></th><td>");
    if report.open() {
        for (place, reason) in review.reasons.iter().take(20).enumerate() {
            html.raw(if place > 0 { "<br>" } else { "" }).text(reason);
        }
    } else {
        html.raw("–");
    }
    html.raw("</td><td class=\"when\">")
        .time_of_day(review.opened_at, report.run.received_at)
        .raw("</td><td>");
    let (class, word, decided) = match &review.state {
        ReviewState::Open => ("warn", "open", None),
        ReviewState::Approved { by, at, .. } => ("good", "approved", Some((by, *at))),
        ReviewState::Refused { by, at, .. } => ("bad", "refused", Some((by, *at))),
    };
    badge(html, class, word);
    match decided {
        Some((by, at)) => {
            if report.open() {
                html.raw(" by ").text(by);
            }
            html.raw(", ").time_of_day(at, report.run.received_at);
        }
        None => {
            html.raw(" until ")
                .time_of_day(review.expires_at, report.run.received_at);
        }
    }
    html.raw("</td></tr>\n");
}

pub(super) fn messages(report: &Report<'_>, html: &mut Html) {
    section(html, "messages", "Messages sent");
    let messages: Vec<&ChangeRecord> = report.messages().collect();
    if messages.is_empty() {
        html.raw("<p>Nobody was told.</p></section>\n");
        return;
    }
    html.table("messages", "Messages", &["Moment", "To", "Outcome", "Text"]);
    let left = html.rows(BUDGET, messages, |html, record| one_message(report, html, record));
    html.end_table()
        .left_out(left, "<code>rollcall explain RUN</code> lists them.")
        .raw("</section>\n");
}

fn one_message(report: &Report<'_>, html: &mut Html, record: &ChangeRecord) {
    let with = &record.change.with;
    html.raw("<tr><th scope=\"row\">")
        .text(moment_of(&record.change.step))
        .raw("</th><td>");
    let to = ["channel", "email", "to"]
        .iter()
        .find_map(|name| with.get(*name)?.as_str());
    match to.filter(|_| report.open()) {
        Some(to) => html.text(to),
        None => html.raw("–"),
    };
    html.raw(" <small>by ")
        .text(record.change.connection.as_str())
        .raw("</small></td><td>");
    let told = match &record.outcome {
        Outcome::Changed => "sent",
        outcome => outcome.name(),
    };
    badge(html, class_of(&record.outcome), told);
    if let Some(why) = record.outcome.reason().filter(|_| report.open()) {
        html.raw(" <span class=\"why\">").text(why).raw("</span>");
    }
    html.raw(" <small>")
        .time_of_day(record.ended_at, report.run.received_at)
        .raw("</small></td><td>");
    match with.get("text").and_then(Value::as_str).filter(|_| report.open()) {
        Some(text) => html.lines(text, MESSAGE),
        None => html.raw("–"),
    };
    html.raw("</td></tr>\n");
}
