//! The way from the event to the receipt: at a glance, as a picture over time, and line by line.

use jiff::Timestamp;
use rollcall_model::{EntryKind, ReviewState, StageSpec};

use super::markup::{Html, counted, grouped};
use super::{Report, head, lanes, section};
use crate::timeline::words::{duration, short};

/// Bytes of the line-by-line list.
const BUDGET: usize = 250_000;

/// Lines that are shown without a fold.
const FEW: usize = 15;

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    section(html, "timeline", "Timeline");
    strip(report, html);
    lanes::write(report, html);
    cut(report, html);
    html.raw("</section>\n");
}

/// One station: its name, its look, what there is to say.
fn station(html: &mut Html, class: &'static str, name: impl FnOnce(&mut Html), what: impl FnOnce(&mut Html)) {
    html.raw("<li").attr("class", class).raw("><strong>");
    name(html);
    html.raw("</strong><span>");
    what(html);
    html.raw("</span></li>\n");
}

fn strip(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    html.raw("<ol class=\"strip\" aria-label=\"From the event to the receipt\">\n");
    station(
        html,
        "good",
        |html| {
            html.raw(if run.cause.kind.is_empty() { "Request" } else { "Event" });
        },
        |html| {
            html.time_of_day(run.received_at, run.received_at);
            let triggers = run.triggers.len() as u128;
            if triggers > 1 {
                html.raw(", ").own(&counted(triggers, "event", "events"));
            }
        },
    );
    station(
        html,
        "good",
        |html| {
            html.raw("Plan");
        },
        |html| {
            html.code(&short(run.plan_hash.as_str()));
        },
    );
    let open = report.reviews.iter().any(|review| review.state == ReviewState::Open);
    let refused = report
        .reviews
        .iter()
        .any(|review| matches!(review.state, ReviewState::Refused { .. }));
    let guard = match (refused, open) {
        (true, _) => "bad",
        (false, true) => "warn",
        _ => "good",
    };
    station(
        html,
        guard,
        |html| {
            html.raw("Guard");
        },
        |html| {
            if report.reviews.is_empty() {
                html.raw("nothing held");
            } else {
                html.own(&counted(report.reviews.len() as u128, "review", "reviews"));
                html.raw(if refused {
                    ", refused"
                } else if open {
                    ", undecided"
                } else {
                    ", approved"
                });
            }
        },
    );
    for (place, stage) in run.plan.stages.iter().enumerate() {
        one_stage(report, html, place, stage);
    }
    let (mut sent, mut told) = (0_u128, 0_u128);
    for message in report.messages() {
        told += 1;
        sent += u128::from(message.outcome.is_green());
    }
    let class = match (told, told - sent) {
        (0, _) => "idle",
        (_, 0) => "good",
        _ => "warn",
    };
    station(
        html,
        class,
        |html| {
            html.raw("Told");
        },
        |html| {
            if told == sent {
                html.own(&counted(told, "message", "messages"));
            } else {
                html.own(&format!(
                    "{} of {}",
                    grouped(sent),
                    counted(told, "message", "messages")
                ));
            }
        },
    );
    station(
        html,
        if run.receipt.is_some() { "good" } else { "idle" },
        |html| {
            html.raw("Receipt");
        },
        |html| {
            html.raw(if run.receipt.is_some() { "sealed" } else { "not yet" });
        },
    );
    html.raw("</ol>\n");
}

fn one_stage(report: &Report<'_>, html: &mut Html, place: usize, stage: &StageSpec) {
    let run = report.run;
    let (mut all, mut green) = (0_u128, 0_u128);
    let mut last: Option<Timestamp> = None;
    for record in report.changes().filter(|record| record.change.stage == stage.name) {
        all += 1;
        green += u128::from(record.outcome.is_green());
        last = last.max(Some(record.ended_at));
    }
    let begun = all > 0 || run.stage_hashes.contains_key(&stage.name);
    let class = if !begun {
        "idle"
    } else if all == green {
        "good"
    } else if run.state.is_final() {
        "bad"
    } else {
        "warn"
    };
    station(
        html,
        class,
        |html| {
            html.own(&stage.name.chars().take(40).collect::<String>());
        },
        |html| {
            if begun {
                html.own(&format!("{} of {} green", grouped(green), grouped(all)));
                if let Some(last) = last {
                    html.raw(", ").time_of_day(last, run.received_at);
                }
            } else if run.state.is_final() {
                html.raw("not run");
            } else if place == run.stage {
                html.raw("due ").time_of_day(run.stage_due_at, run.received_at);
            } else {
                html.raw("not begun");
            }
        },
    );
}

fn cut(report: &Report<'_>, html: &mut Html) {
    let run = report.run;
    let wanted = head::to_cut(report);
    if wanted.is_empty() {
        return;
    }
    let times = run.time_to_cut_ms();
    let longest = times.values().copied().max().unwrap_or(0).max(1);
    let late = run.received_at.as_millisecond() - run.event_at.as_millisecond();
    html.raw("<h3>Time to cut</h3>\n");
    html.table(
        "times",
        "Time to cut",
        &[
            "Connection",
            "Share of the longest",
            "#From the door",
            "#From the event",
        ],
    );
    let left = html.rows(60_000, &wanted, |html, connection| {
        html.raw("<tr><th scope=\"row\">")
            .text(connection.as_str())
            .raw("</th><td>");
        if let Some(ms) = times.get(*connection) {
            let share = ((*ms).max(0) * 1000 / longest).clamp(4, 1000);
            html.raw(
                "<svg class=\"meter\" viewBox=\"0 0 1000 12\" preserveAspectRatio=\"none\" \
                     aria-hidden=\"true\"><rect class=\"back\" width=\"1000\" height=\"12\"/><rect \
                     class=\"full\" height=\"12\"",
            )
            .attr("width", &share.to_string())
            .raw("/></svg></td><td class=\"n\">");
            html.own(&duration(*ms))
                .raw("</td><td class=\"n\">")
                .own(&duration(ms + late));
        } else {
            html.raw("</td><td class=\"n\">");
            html.raw(if run.state.is_final() {
                "no cut recorded"
            } else {
                "not cut yet"
            });
            html.raw("</td><td class=\"n\">–");
        }
        html.raw("</td></tr>\n");
    });
    html.end_table()
        .left_out(left, "<code>rollcall explain RUN</code> lists every connection.");
}

pub(super) fn chronology(report: &Report<'_>, html: &mut Html) {
    let lines = lines(report);
    section(html, "chronology", "Chronology");
    if lines.is_empty() {
        html.raw("<p>Nothing is recorded beside the changes above.</p></section>\n");
        return;
    }
    html.raw(
        "<p>What the engine decided and noted, and how far long changes had come. Every intent and outcome is in \
         the receipt.</p>\n",
    );
    let folded = lines.len() > FEW;
    if folded {
        html.raw("<details><summary>")
            .own(&counted(lines.len() as u128, "line", "lines"))
            .raw("</summary>\n");
    }
    html.table("", "Chronology", &["When", "Where", "What"]);
    let begun = report.run.received_at;
    let left = html.rows(BUDGET, lines, |html, (at, place, text)| {
        html.raw("<tr><td class=\"when\">")
            .time_of_day(at, begun)
            .raw("</td><td>");
        html.text(&place).raw("</td><td>").text(&text).raw("</td></tr>\n");
    });
    html.end_table()
        .left_out(left, "<code>rollcall explain RUN</code> tells all of it.");
    html.raw(if folded {
        "</details></section>\n"
    } else {
        "</section>\n"
    });
}

/// When, in which sequence, what. Public texts name nobody; notes may.
fn lines(report: &Report<'_>) -> Vec<(Timestamp, String, String)> {
    let mut lines: Vec<(Timestamp, String, String)> = Vec::new();
    for entry in report.journal {
        let public = &entry.public;
        if matches!(public.kind, EntryKind::Decision | EntryKind::Progress) {
            let what: Vec<String> = public.what.split(' ').map(short).collect();
            lines.push((public.at, entry.connection.to_string(), what.join(" ")));
        }
    }
    if report.open() {
        for note in &report.run.notes {
            lines.push((note.at, "note".to_owned(), note.text.clone()));
        }
        for stored in report.events {
            let event = &stored.event;
            let text = format!("{} ({}), event {}", event.kind, event.vendor_type, event.key);
            lines.push((event.received_at, event.source.to_string(), text));
        }
    }
    lines.sort_by_key(|(at, ..)| *at);
    lines
}
