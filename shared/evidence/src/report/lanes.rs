//! Intents and outcomes over time, a lane for each connection, as SVG.
//!
//! A run is a few busy moments with hours between them, so the axis is broken where nothing happened: each busy time has its own
//! linear scale. What falls on the same pixels with the same look is drawn once. Only public texts are used; everything drawn
//! stands in the tables, too.

mod axis;

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{ChangeKey, ConnectionId, EntryKind, Outcome};

use super::markup::{Html, counted};
use super::{Report, class_of};
use crate::timeline::words::{duration, moment};
use axis::{Axis, PLOT, WIDTH};

/// Height of a lane.
const LANE: i64 = 40;
/// Where the lanes begin.
const TOP: i64 = 44;
/// The most lanes; a run with more shows the first and says so.
const MOST: usize = 30;
/// Bytes of the picture.
const BUDGET: usize = 200_000;
/// How wide a letter of a label is, about.
const LETTER: i64 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    /// An intent and its outcome.
    Bar,
    /// An outcome that needed no call.
    Dot,
    /// An event or a decision.
    Diamond,
    /// A long change has come so far.
    Tick,
    /// The last cut change was read back.
    Cut,
}

#[derive(Clone, Debug)]
struct Mark {
    lane: usize,
    from: i64,
    to: i64,
    shape: Shape,
    class: &'static str,
    label: String,
    title: String,
}

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    let (lanes, more) = lanes(report);
    let marks = marks(report, &lanes);
    let axis = Axis::of(marks.iter().map(|mark| (mark.from, mark.to)));
    let height = TOP + LANE * i64::try_from(lanes.len()).unwrap_or(0) + 8;
    html.raw(
        "<figure class=\"lanes\"><div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline \
         picture\"><svg role=\"img\" aria-labelledby=\"lanes-title lanes-desc\"",
    )
    .attr("viewBox", &format!("0 0 {WIDTH} {height}"))
    .raw("><title id=\"lanes-title\">Intents and outcomes by connection</title><desc id=\"lanes-desc\">");
    html.own(&format!(
        "{} in {}, from {} to {}. The same is in the tables by system and in the chronology.",
        counted(marks.len() as u128, "mark", "marks"),
        counted(lanes.len() as u128, "lane", "lanes"),
        axis.first().map_or_else(String::new, moment),
        axis.last().map_or_else(String::new, moment),
    ));
    html.raw("</desc>\n");
    axis.write(html, TOP, height - 8);
    for (place, name) in lanes.iter().enumerate() {
        let y = TOP + LANE * i64::try_from(place).unwrap_or(0);
        html.raw("<line class=\"lane\"")
            .attr("x1", "0")
            .attr("x2", &WIDTH.to_string())
            .attr("y1", &y.to_string())
            .attr("y2", &y.to_string())
            .raw("/><text class=\"name\" x=\"4\"")
            .attr("y", &(y + 20).to_string())
            .raw(">");
        html.own(&shortened(name)).raw("</text>\n");
    }
    let left = draw(html, &axis, &marks);
    html.raw(
        "</svg></div>\n<figcaption><span class=\"key\"><span class=\"swatch good\"></span>changed, or so \
         already</span> <span class=\"key\"><span class=\"swatch idle\"></span>skipped</span> <span \
         class=\"key\"><span class=\"swatch warn\"></span>not known yet</span> <span class=\"key\"><span \
         class=\"swatch bad\"></span>refused or failed</span> <span class=\"key\">bar: a call from its intent to \
         what was read back; dot: nothing had to be called; diamond: event or decision; line: cut</span>",
    );
    if more > 0 {
        html.raw(" <span class=\"key\">")
            .number(more as u128)
            .raw(" more connections are in the tables only</span>");
    }
    if left > 0 {
        html.raw(" <span class=\"key\">")
            .number(left as u128)
            .raw(" more marks are not drawn</span>");
    }
    html.raw("</figcaption></figure>\n");
}

/// The event's lane, the connections in order of work, our own; and how many connections found no place.
fn lanes(report: &Report<'_>) -> (Vec<String>, usize) {
    let mut names: Vec<&ConnectionId> = Vec::new();
    let own = ConnectionId::from(OWN);
    for connection in report
        .run
        .changes
        .iter()
        .map(|record| &record.change.connection)
        .chain(report.journal.iter().map(|entry| &entry.connection))
        .filter(|connection| **connection != own)
    {
        if !names.contains(&connection) {
            names.push(connection);
        }
    }
    let more = names.len().saturating_sub(MOST);
    let mut lanes = vec![DOOR.to_owned()];
    lanes.extend(names.iter().take(MOST).map(ToString::to_string));
    lanes.push(OWN.to_owned());
    (lanes, more)
}

/// The lane of what came in.
const DOOR: &str = "door";
/// The lane, and the journal sequence, of the engine's own decisions.
const OWN: &str = "rollcall";

fn marks(report: &Report<'_>, lanes: &[String]) -> Vec<Mark> {
    let run = report.run;
    let lane_of = |connection: &ConnectionId| lanes.iter().position(|name| name == connection.as_str());
    let at = run.received_at.as_millisecond();
    let mut marks = vec![Mark {
        lane: 0,
        from: at,
        to: at,
        shape: Shape::Diamond,
        class: "idle",
        label: if run.cause.kind.is_empty() {
            "request".to_owned()
        } else {
            run.cause.kind.clone()
        },
        title: format!("Received {}", moment(run.received_at)),
    }];
    let mut open: BTreeMap<&ChangeKey, (i64, &str)> = BTreeMap::new();
    let mut seen: BTreeSet<&ChangeKey> = BTreeSet::new();
    let mut last = at;
    for entry in report.journal {
        let Some(lane) = lane_of(&entry.connection) else {
            continue;
        };
        let public = &entry.public;
        let at = public.at.as_millisecond();
        last = last.max(at);
        let point = |shape, label: &str| Mark {
            lane,
            from: at,
            to: at,
            shape,
            class: "idle",
            label: label.to_owned(),
            title: format!("{}, {}", public.what, moment(public.at)),
        };
        match (public.kind, &entry.change) {
            (EntryKind::Intent, Some(change)) => {
                open.insert(change, (at, &public.what));
            }
            (EntryKind::Observed, Some(change)) => {
                let outcome = public.outcome.as_deref().unwrap_or_default();
                let class = Outcome::named(outcome, None).map_or("warn", |outcome| class_of(&outcome));
                let began = open.remove(change).map(|(from, _)| from);
                let from = began.unwrap_or(at);
                seen.insert(change);
                marks.push(Mark {
                    lane,
                    from,
                    to: at,
                    shape: if began.is_some() { Shape::Bar } else { Shape::Dot },
                    class,
                    label: verb(&public.what),
                    title: format!("{}: {outcome}, {}", public.what, duration(at - from)),
                });
            }
            (EntryKind::Progress, _) => marks.push(point(Shape::Tick, "")),
            (EntryKind::Decision, _) => {
                let words: Vec<&str> = public.what.split(' ').filter(|word| word.len() < 40).collect();
                marks.push(point(Shape::Diamond, &words.join(" ")));
            }
            _ => {}
        }
    }
    // Nobody has said yet what became of these.
    for (change, (from, what)) in open {
        let lane = lanes
            .iter()
            .position(|name| change.as_str().split('/').nth(2) == Some(name));
        marks.extend(lane.map(|lane| Mark {
            lane,
            from,
            to: last.max(from),
            shape: Shape::Bar,
            class: "warn",
            label: verb(what),
            title: format!("{what}: no outcome yet"),
        }));
        seen.insert(change);
    }
    for record in &run.changes {
        let change = &record.change;
        let Some(lane) = lane_of(&change.connection) else {
            continue;
        };
        if seen.contains(&change.key()) {
            continue;
        }
        let (from, to) = (record.started_at.as_millisecond(), record.ended_at.as_millisecond());
        let what = format!("{}/{} {}", change.stage, change.step, change.action);
        marks.push(Mark {
            lane,
            from: from.min(to),
            to,
            shape: if record.outcome == Outcome::Changed {
                Shape::Bar
            } else {
                Shape::Dot
            },
            class: class_of(&record.outcome),
            label: verb(&what),
            title: format!("{what}: {}, {}", record.outcome.name(), duration(to - from)),
        });
    }
    for (connection, at) in &run.cut_at {
        let after = at.as_millisecond() - run.received_at.as_millisecond();
        marks.extend(lane_of(connection).map(|lane| Mark {
            lane,
            from: at.as_millisecond(),
            to: at.as_millisecond(),
            shape: Shape::Cut,
            class: "good",
            label: String::new(),
            title: format!("cut {} after the door", duration(after)),
        }));
    }
    marks.sort_by_key(|mark| (mark.lane, mark.from, mark.to));
    marks
}

/// `cut/freeze salesforce/freeze` → `freeze`.
fn verb(what: &str) -> String {
    what.rsplit('/').next().unwrap_or_default().chars().take(24).collect()
}

fn shortened(name: &str) -> String {
    const LONGEST: usize = 18;
    let mut short: String = name.chars().take(LONGEST).collect();
    if name.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// Draws the marks; answers how many the budget left out.
fn draw(html: &mut Html, axis: &Axis, marks: &[Mark]) -> usize {
    let mut drawn = BTreeSet::new();
    // Where the last label of each lane ends, so that none is written over another.
    let mut labelled: BTreeMap<usize, i64> = BTreeMap::new();
    html.rows(BUDGET, marks, |html, mark| {
        let (from, to) = (axis.x(mark.from), axis.x(mark.to));
        if !drawn.insert((mark.lane, mark.shape, mark.class, from, to)) {
            return;
        }
        let y = TOP + LANE * i64::try_from(mark.lane).unwrap_or(0);
        let middle = y + 15;
        let group = format!("mark {}", mark.class);
        html.raw("<g")
            .attr("class", &group)
            .raw("><title>")
            .own(&mark.title)
            .raw("</title>");
        match mark.shape {
            Shape::Bar => {
                html.raw("<rect rx=\"2\" height=\"10\"")
                    .attr("x", &from.to_string())
                    .attr("y", &(middle - 5).to_string())
                    .attr("width", &(to - from).max(4).to_string())
                    .raw("/>");
            }
            Shape::Dot => {
                html.raw("<circle r=\"4\"")
                    .attr("cx", &from.to_string())
                    .attr("cy", &middle.to_string())
                    .raw("/>");
            }
            Shape::Diamond => {
                let path = format!("M{from} {}l6 6l-6 6l-6 -6z", middle - 6);
                html.raw("<path").attr("d", &path).raw("/>");
            }
            Shape::Tick | Shape::Cut => {
                let (above, length) = if mark.shape == Shape::Cut { (12, 20) } else { (4, 8) };
                let path = format!("M{from} {}v{length}", middle - above);
                html.raw(if mark.shape == Shape::Cut {
                    "<path class=\"cut\""
                } else {
                    "<path class=\"tick\""
                })
                .attr("d", &path)
                .raw("/>");
            }
        }
        html.raw("</g>");
        let wide = LETTER * i64::try_from(mark.label.chars().count()).unwrap_or(0);
        let start = (from - 2).min(axis.end_of(mark.from) - wide).max(PLOT);
        let free = labelled.get(&mark.lane).is_none_or(|end| start >= *end);
        if wide > 0 && free && start + wide <= WIDTH {
            labelled.insert(mark.lane, start + wide + LETTER);
            html.raw("<text class=\"label\"")
                .attr("x", &start.to_string())
                .attr("y", &(middle + 19).to_string())
                .raw(">")
                .own(&mark.label)
                .raw("</text>\n");
        }
    })
}
