//! An axis of time that is broken where nothing happened.

use jiff::Timestamp;

use super::super::markup::Html;
use crate::timeline::words::duration;

/// Width of the picture, in its own units.
pub(super) const WIDTH: i64 = 960;
/// Where the plot begins, right of the lanes' names.
pub(super) const PLOT: i64 = 150;
/// Room for a break.
const BREAK: i64 = 84;
/// Room inside a busy time, before its first and after its last mark.
const PAD: i64 = 8;
/// The least width of a busy time.
const LEAST: i64 = 120;
/// The most breaks.
const BREAKS: usize = 3;
/// Nothing for longer than this may be a break, in milliseconds.
const IDLE: i64 = 60_000;

/// A busy time and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Busy {
    from: i64,
    to: i64,
    x: i64,
    width: i64,
}

#[derive(Debug)]
pub(super) struct Axis(Vec<Busy>);

impl Axis {
    /// The axis on which all of these spans (milliseconds) have a place.
    pub(super) fn of(spans: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut spans: Vec<(i64, i64)> = spans.collect();
        spans.sort_unstable();
        let mut busy: Vec<(i64, i64, i64)> = Vec::new();
        for (from, to) in spans {
            match busy.last_mut() {
                Some((_, end, count)) if from - *end < IDLE => {
                    *end = to.max(*end);
                    *count += 1;
                }
                _ => busy.push((from, to, 1)),
            }
        }
        // The smallest gaps close until few enough are left.
        while busy.len() > BREAKS + 1 {
            let gap = |pair: &[(i64, i64, i64)]| match pair {
                [(_, end, _), (from, ..)] => from - end,
                _ => i64::MAX,
            };
            let Some(place) = (0..busy.len() - 1).min_by_key(|place| busy.get(*place..place + 2).map(gap)) else {
                break;
            };
            let (_, end, count) = busy.remove(place + 1);
            if let Some(into) = busy.get_mut(place) {
                into.1 = end;
                into.2 += count;
            }
        }
        let places = i64::try_from(busy.len()).unwrap_or(1).max(1);
        let room = WIDTH - PLOT - PAD - BREAK * (places - 1) - LEAST * places;
        // Ten times the marks, about three times the room.
        let weight = |count: i64| count.isqrt().max(1);
        let all: i64 = busy.iter().map(|(.., count)| weight(*count)).sum::<i64>().max(1);
        let mut x = PLOT;
        let placed = busy
            .into_iter()
            .map(|(from, to, count)| {
                let width = LEAST + room.max(0) * weight(count) / all;
                let one = Busy { from, to, x, width };
                x += width + BREAK;
                one
            })
            .collect();
        Self(placed)
    }

    /// The first moment.
    pub(super) fn first(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.first()?.from).ok()
    }

    /// The last moment.
    pub(super) fn last(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.last()?.to).ok()
    }

    fn busy(&self, at: i64) -> Option<&Busy> {
        self.0.iter().find(|busy| at <= busy.to).or(self.0.last())
    }

    /// Where a moment lies.
    pub(super) fn x(&self, at: i64) -> i64 {
        let Some(busy) = self.busy(at) else { return PLOT };
        let (span, room) = (busy.to - busy.from, busy.width - 2 * PAD);
        if span <= 0 {
            return busy.x + PAD;
        }
        let into = i128::from((at - busy.from).clamp(0, span)) * i128::from(room) / i128::from(span);
        busy.x + PAD + i64::try_from(into).unwrap_or(0)
    }

    /// Where the busy time of a moment ends.
    pub(super) fn end_of(&self, at: i64) -> i64 {
        self.busy(at).map_or(WIDTH, |busy| busy.x + busy.width)
    }

    /// Draws the busy times from `top` to `bottom`, with their moments above and the breaks between.
    pub(super) fn write(&self, html: &mut Html, top: i64, bottom: i64) {
        let mut before: Option<Busy> = None;
        for busy in &self.0 {
            if let Some(before) = before {
                let middle = before.x + before.width + BREAK / 2;
                html.raw("<text class=\"gap\" text-anchor=\"middle\"")
                    .attr("x", &middle.to_string())
                    .attr("y", &(top - 8).to_string())
                    .raw(">")
                    .own(&duration(busy.from - before.to))
                    .raw("</text><path class=\"gap\"")
                    .attr("d", &format!("M{} {}h{}", middle - 30, top - 2, 60))
                    .raw("/>\n");
            }
            html.raw("<rect class=\"busy\"")
                .attr("x", &busy.x.to_string())
                .attr("y", &top.to_string())
                .attr("width", &busy.width.to_string())
                .attr("height", &(bottom - top).to_string())
                .raw("/>");
            if let Ok(from) = Timestamp::from_millisecond(busy.from) {
                text(html, busy.x, 14, &from.strftime("%Y-%m-%d").to_string());
                text(html, busy.x, 30, &from.strftime("%H:%M:%S%.3f").to_string());
            }
            ticks(html, *busy, top, bottom);
            before = Some(*busy);
        }
    }
}

fn text(html: &mut Html, x: i64, y: i64, text: &str) {
    html.raw("<text class=\"moment\"")
        .attr("x", &x.to_string())
        .attr("y", &y.to_string())
        .raw(">")
        .own(text)
        .raw("</text>\n");
}

/// Round steps from the beginning of a busy time, labelled from its beginning on.
fn ticks(html: &mut Html, busy: Busy, top: i64, bottom: i64) {
    let (span, room) = (busy.to - busy.from, busy.width - 2 * PAD);
    let most = (room / 90).max(1);
    let Some(step) = step(span, most) else { return };
    let mut at = step;
    while at <= span {
        let x = busy.x + PAD + room * at / span;
        html.raw("<line class=\"tick\"")
            .attr("x1", &x.to_string())
            .attr("x2", &x.to_string())
            .attr("y1", &top.to_string())
            .attr("y2", &bottom.to_string())
            .raw("/>");
        // The first 85 units are the moment's, and a label takes up to 50.
        if x > busy.x + 135 {
            html.raw("<text class=\"step\" text-anchor=\"end\"")
                .attr("x", &x.to_string())
                .attr("y", "30")
                .raw(">+")
                .own(&duration(at).replace(".00 s", " s"))
                .raw("</text>\n");
        }
        at += step;
    }
}

/// The smallest round step (1, 2, 5 × 10ⁿ milliseconds; 1, 2, 5, 10, 30 minutes or hours) of which `most` cover the span.
fn step(span: i64, most: i64) -> Option<i64> {
    const STEPS: [i64; 28] = [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        1_800_000,
        3_600_000,
        7_200_000,
        18_000_000,
        36_000_000,
        86_400_000,
        172_800_000,
        432_000_000,
        864_000_000,
        8_640_000_000,
    ];
    (span > 0).then(|| STEPS.into_iter().find(|step| span / step <= most))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_nothing_take_no_room_and_order_is_kept() {
        let day = 86_400_000;
        let axis = Axis::of([(0, 100), (50, 300), (day, day + 40)].into_iter());
        assert_eq!(axis.0.len(), 2);
        let places: Vec<i64> = [0, 100, 300, day, day + 40].into_iter().map(|at| axis.x(at)).collect();
        assert!(places.is_sorted_by(|one, two| one < two), "{places:?}");
        assert!(axis.0.last().is_some_and(|busy| busy.x + busy.width <= WIDTH));
    }

    #[test]
    fn many_busy_times_are_few_on_the_axis() {
        let hour = 3_600_000;
        let spans: Vec<(i64, i64)> = (0..50).map(|at| (at * hour, at * hour + 10)).collect();
        let axis = Axis::of(spans.iter().copied());
        assert_eq!(axis.0.len(), BREAKS + 1);
        let places: Vec<i64> = spans.iter().map(|(from, _)| axis.x(*from)).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(places.iter().all(|x| (PLOT..=WIDTH).contains(x)));
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(step(235, 4), Some(50));
        assert_eq!(step(1_500, 4), Some(500));
        assert_eq!(step(0, 4), None);
        assert_eq!(Axis::of(std::iter::empty()).x(5), PLOT);
    }
}
