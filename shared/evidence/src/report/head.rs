//! Who, what for, how it stands, and the figures that one looks for first.

use rollcall_model::plan::CUT;
use rollcall_model::{ConnectionId, RunState};
use std::collections::BTreeSet;

use super::markup::{self, Html, counted, grouped};
use super::{Report, badge, licences, records};
use crate::timeline::words::{duration, short};

/// What stands in the browser's tab and above a print.
pub(super) fn title(report: &Report<'_>) -> String {
    format!(
        "{}: {}, run report",
        capital(report.run.plan.goal.as_str()),
        markup::title(whom(report), 80)
    )
}

/// The person, or the run's id where the person is nobody's business.
fn whom<'a>(report: &Report<'a>) -> &'a str {
    let run = report.run;
    if !report.open() {
        return run.id.as_str();
    }
    let person = &run.person;
    [person.display.as_str(), person.login.as_str()]
        .into_iter()
        .find(|name| !name.trim().is_empty())
        .unwrap_or(run.id.as_str())
}

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    html.raw("<header class=\"top\">\n<p class=\"eyebrow\">Rollcall run report · ");
    html.own(&capital(run.plan.goal.as_str()));
    html.raw(" · ").text(&run.plan.playbook).raw("</p>\n<h1>");
    html.clipped(whom(report), 120).raw("</h1>\n<p class=\"state\">");
    state(report, html);
    html.raw("</p>\n");
    if !report.open() {
        html.raw(
            "<p class=\"note\">This run is quiet. Names, accounts, reasons and texts are for operators with the \
             role <code>confidential</code>; what is shown here is what its receipt shows, with counts.</p>\n",
        );
    }
    figures(report, html);
    html.raw("<dl class=\"facts\">\n");
    facts(report, html);
    html.raw("</dl>\n</header>\n");
    contents(html);
}

fn state(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    let class = match run.state {
        RunState::Done => "good",
        RunState::Incomplete { .. } | RunState::Refused { .. } => "bad",
        RunState::Open | RunState::Waiting { .. } | RunState::Held { .. } => "warn",
        RunState::Superseded { .. } => "idle",
    };
    badge(html, class, run.state.name());
    match &run.state {
        RunState::Waiting { until, .. } => {
            html.raw(" until ").moment(*until);
        }
        RunState::Held { review } => {
            html.raw(" for review ").code(review.as_str());
        }
        RunState::Open => {
            html.raw(" The run is under way; this page shows it as it was when the page was made.");
        }
        RunState::Done => {
            html.raw(" Every change is green.");
        }
        _ => {}
    }
    if let Some(why) = run.state.why().filter(|_| report.open()) {
        html.raw(" <span class=\"why\">").text(why).raw("</span>");
    }
}

/// The connections that the plan cuts.
pub(super) fn to_cut<'a>(report: &Report<'a>) -> BTreeSet<&'a ConnectionId> {
    let run = report.run;
    let mut wanted: BTreeSet<&ConnectionId> = run.cut_at.keys().collect();
    for stage in run.plan.stages.iter().filter(|stage| stage.name == CUT) {
        wanted.extend(stage.steps.iter().flat_map(|step| &step.connections));
    }
    wanted
}

fn figures(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    html.raw("<dl class=\"figures\">\n");
    let wanted = to_cut(report);
    if !wanted.is_empty() {
        let cut = run.time_to_cut_ms();
        let longest = cut.values().copied().max().unwrap_or(0);
        let systems = counted(wanted.len() as u128, "system", "systems");
        if cut.len() == wanted.len() {
            figure(
                html,
                "Time to cut",
                &duration(longest),
                &format!("{systems}, from the door"),
            );
        } else {
            let some = format!("{} of {systems}", cut.len());
            figure(html, "Time to cut", &some, "cut so far");
        }
    }
    let (mut all, mut green) = (0_u128, 0_u128);
    for record in report.changes() {
        all += 1;
        green += u128::from(record.outcome.is_green());
    }
    let left = if green == all {
        "every one".to_owned()
    } else {
        counted(all - green, "needs a look", "need a look")
    };
    figure(
        html,
        "Changes green",
        &format!("{} of {}", grouped(green), grouped(all)),
        &left,
    );
    let (moved, total, whole) = records::summary(report);
    if total > 0 || !whole {
        let remark = if whole {
            "every record accounted for"
        } else {
            "not every record accounted for"
        };
        let moved = format!("{} of {}", grouped(moved), grouped(total));
        figure(html, "Records moved", &moved, remark);
    }
    if let Some(freed) = licences::freed(report) {
        figure(html, "Licences freed", &grouped(freed), "");
    }
    figure(html, "Findings", &grouped(report.findings.len() as u128), "");
    figure(html, "Reviews", &grouped(report.reviews.len() as u128), "");
    html.raw("</dl>\n");
}

fn figure(html: &mut Html, name: &'static str, value: &str, remark: &str) {
    html.raw("<div><dt>").raw(name).raw("</dt><dd>").own(value);
    if !remark.is_empty() {
        html.raw(" <small>").own(remark).raw("</small>");
    }
    html.raw("</dd></div>\n");
}

fn facts(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    if report.open() {
        let person = &run.person;
        html.fact("Person", |html| {
            html.clipped(&person.login, 200);
            if let Some(email) = person.email.as_ref().filter(|email| **email != person.login) {
                html.raw(", ").clipped(email, 200);
            }
            html.raw("; ")
                .own(person.state.as_str())
                .raw(" in ")
                .text(person.account.connection.as_str());
        });
        if let Some(successor) = &run.plan.successor {
            html.fact("Successor", |html| {
                html.text(successor);
            });
        }
        if let Some(who) = &run.asked_by {
            html.fact("Asked for by", |html| {
                html.text(who);
            });
        }
    }
    html.fact("Because of", |html| because(report, html));
    if let Some(undone) = &run.undoes {
        html.fact("Takes back", |html| {
            html.raw("run ").code(undone.as_str());
        });
    }
    if run.returned > 0 {
        html.fact("Access came back", |html| {
            html.own(&counted(u128::from(run.returned), "time", "times"))
                .raw(" before this run");
        });
    }
    html.fact("Happened", |html| {
        html.moment(run.event_at);
    });
    html.fact("Received", |html| {
        let late = run.received_at.as_millisecond() - run.event_at.as_millisecond();
        html.moment(run.received_at).raw(", ");
        // The two clocks are not ours alone, so the second moment can come out before the first.
        html.own(&duration(late.abs()))
            .raw(if late < 0 { " earlier" } else { " later" });
    });
    html.fact("Opened", |html| {
        html.moment(run.opened_at);
    });
    html.fact("Ended", |html| match run.ended_at {
        Some(ended) => {
            let took = ended.as_millisecond() - run.received_at.as_millisecond();
            html.moment(ended).raw(", after ").own(&duration(took));
        }
        None => {
            html.raw("not yet");
        }
    });
    html.fact("Run", |html| {
        html.code(run.id.as_str());
    });
    html.fact("Run plan", |html| {
        html.code(&short(run.plan_hash.as_str()));
    });
    html.fact("Configuration", |html| {
        html.code(&short(run.plan.config.as_str()));
    });
}

fn because(report: &Report<'_>, html: &mut Html) {
    let cause = &report.run.cause;
    if cause.kind.is_empty() && report.events.is_empty() {
        html.raw("somebody asked for it");
        return;
    }
    if !report.open() {
        html.raw("an event");
    } else if report.events.is_empty() {
        html.text(&cause.kind).raw(" from ").text(&cause.source);
        html.raw(" (").text(&cause.vendor_type).raw(")");
    } else {
        for (place, stored) in report.events.iter().take(5).enumerate() {
            let event = &stored.event;
            html.raw(if place > 0 { "; " } else { "" })
                .text(event.kind.as_str())
                .raw(" from ");
            html.text(event.source.as_str())
                .raw(" (")
                .text(&event.vendor_type)
                .raw(")");
        }
        if report.events.len() > 5 {
            html.raw(" and ").number(report.events.len() as u128 - 5).raw(" more");
        }
    }
}

fn contents(html: &mut Html) {
    html.raw(
        "<nav aria-label=\"Sections\"><ul>\
         <li><a href=\"#timeline\">Timeline</a></li>\
         <li><a href=\"#systems\">By system</a></li>\
         <li><a href=\"#records\">Records</a></li>\
         <li><a href=\"#licences\">Licences</a></li>\
         <li><a href=\"#findings\">Findings</a></li>\
         <li><a href=\"#reviews\">Reviews</a></li>\
         <li><a href=\"#messages\">Messages</a></li>\
         <li><a href=\"#receipt\">Receipt</a></li>\
         <li><a href=\"#chronology\">Chronology</a></li>\
         </ul></nav>\n",
    );
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
