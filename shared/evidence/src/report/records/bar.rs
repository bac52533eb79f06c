//! The stacked bar of a row, and the sums that it shows.

use std::ops::AddAssign;

use rollcall_model::Tally;

use super::super::markup::{Html, counted, grouped};

/// Length of a whole bar, in its own units.
const LENGTH: u128 = 1000;
/// What there is one of shows: the least length of a part.
const LEAST: u128 = 16;
/// Room between two parts.
const GAP: u128 = 4;

/// The numbers of one row or of many, wide enough that no sum of them overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) counted: u128,
    pub(super) arrived: u128,
    pub(super) moved: u128,
    pub(super) kept: u128,
    pub(super) refused: u128,
    pub(super) gone: u128,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.counted += other.counted;
        self.arrived += other.arrived;
        self.moved += other.moved;
        self.kept += other.kept;
        self.refused += other.refused;
        self.gone += other.gone;
    }
}

impl Sum {
    pub(super) fn of(tally: &Tally) -> Self {
        Self {
            counted: tally.counted.into(),
            arrived: tally.arrived.into(),
            moved: tally.moved.into(),
            kept: tally.kept.into(),
            refused: tally.refused.into(),
            gone: tally.gone.into(),
        }
    }

    /// What there was.
    pub(super) fn all(&self) -> u128 {
        self.counted + self.arrived
    }

    /// What has a place.
    fn placed(&self) -> u128 {
        self.moved + self.kept + self.refused + self.gone
    }

    pub(super) fn balances(&self) -> bool {
        self.all() == self.placed()
    }

    /// In which way it does not add up.
    pub(super) fn difference(&self) -> String {
        if self.all() > self.placed() {
            format!("no: {} nowhere", grouped(self.all() - self.placed()))
        } else {
            format!("no: {} too many", grouped(self.placed() - self.all()))
        }
    }

    /// The equation in numbers; `≠` where it does not hold.
    pub(super) fn write(&self, html: &mut Html) {
        html.number(self.counted)
            .raw(" counted + ")
            .number(self.arrived)
            .raw(" arrived ");
        html.raw(if self.balances() { "= " } else { "≠ " });
        html.number(self.moved)
            .raw(" moved + ")
            .number(self.kept)
            .raw(" kept + ");
        html.number(self.refused)
            .raw(" refused + ")
            .number(self.gone)
            .raw(" gone");
    }

    /// The parts of a bar. What has no place is one, too.
    fn parts(&self) -> Vec<(&'static str, u128)> {
        let nowhere = self.all().saturating_sub(self.placed());
        [
            ("moved", self.moved),
            ("kept", self.kept),
            ("refused", self.refused),
            ("gone", self.gone),
            ("nowhere", nowhere),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
    }
}

/// Lengths of parts: in proportion, none invisible, together exactly `LENGTH`.
fn lengths(parts: &[(&'static str, u128)]) -> Vec<u128> {
    let all: u128 = parts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return Vec::new();
    }
    let mut lengths: Vec<u128> = parts
        .iter()
        .map(|(_, count)| (count * LENGTH / all).max(LEAST))
        .collect();
    // What rounding and the least length gave or took is the longest part's.
    let others: u128 = lengths.iter().sum();
    if let Some(longest) = lengths.iter_mut().max() {
        *longest = (*longest + LENGTH).saturating_sub(others);
    }
    lengths
}

/// The bar, with its numbers as its text.
pub(super) fn write(html: &mut Html, sum: &Sum, name: &str) {
    let parts = sum.parts();
    if parts.is_empty() {
        html.raw("<span class=\"none\">none</span>");
        return;
    }
    let text: Vec<String> = parts
        .iter()
        .map(|(kind, count)| format!("{} {kind}", grouped(*count)))
        .collect();
    let name: String = name.chars().take(120).collect();
    let label = format!("{name}: {}", text.join(", "));
    html.raw("<svg class=\"stack\" role=\"img\" viewBox=\"0 0 1000 16\" preserveAspectRatio=\"none\"")
        .attr("aria-label", &label)
        .raw(">");
    let mut x = 0;
    let last = parts.len().saturating_sub(1);
    for (place, ((kind, count), length)) in parts.iter().zip(lengths(&parts)).enumerate() {
        let drawn = if place < last {
            length.saturating_sub(GAP)
        } else {
            length
        };
        html.raw("<rect height=\"16\"")
            .attr("class", kind)
            .attr("x", &x.to_string())
            .attr("width", &drawn.to_string())
            .attr("data-count", &count.to_string())
            .raw("><title>")
            .own(&counted(*count, "record", "records"))
            .raw(" ")
            .raw(kind)
            .raw("</title></rect>");
        x += length;
    }
    html.raw("</svg>");
}

pub(super) fn legend(html: &mut Html) {
    html.raw(
        "<p class=\"legend\"><span class=\"key\"><span class=\"swatch moved\"></span>moved</span> <span \
         class=\"key\"><span class=\"swatch kept\"></span>kept</span> <span class=\"key\"><span class=\"swatch \
         refused\"></span>refused</span> <span class=\"key\"><span class=\"swatch gone\"></span>gone</span> \
         <span class=\"key\">each bar is the whole of its row</span></p>\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_and_one_of_many_still_shows() {
        let sum = Sum {
            counted: 1_000_000,
            arrived: 3,
            moved: 1_000_000,
            refused: 2,
            gone: 1,
            ..Sum::default()
        };
        assert!(sum.balances());
        let lengths = lengths(&sum.parts());
        assert_eq!(lengths.iter().sum::<u128>(), LENGTH);
        assert_eq!(lengths, [968, 16, 16]);
    }

    #[test]
    fn what_is_nowhere_or_twice_is_said() {
        let mut sum = Sum {
            counted: 10,
            moved: 7,
            ..Sum::default()
        };
        assert_eq!(sum.difference(), "no: 3 nowhere");
        assert_eq!(sum.parts(), [("moved", 7), ("nowhere", 3)]);
        sum.kept = 4;
        assert_eq!(sum.difference(), "no: 1 too many");
        sum = Sum::default();
        assert!(sum.balances() && sum.parts().is_empty() && lengths(&[]).is_empty());
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let tally = Tally {
            counted: u64::MAX,
            arrived: u64::MAX,
            moved: u64::MAX,
            kept: u64::MAX,
            ..Tally::default()
        };
        let sum = Sum::of(&tally);
        assert!(sum.balances());
        assert_eq!(lengths(&sum.parts()).iter().sum::<u128>(), LENGTH);
    }
}
