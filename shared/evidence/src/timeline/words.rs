//! How moments, durations and marks are written.

use jiff::Timestamp;
use rollcall_model::Outcome;

/// A colour by its use.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
}

/// Whether colours are written at all.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(super) bool);

impl Paint {
    pub(crate) fn dye(self, ink: Ink, text: &str) -> String {
        if !self.0 || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Yellow => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// An outcome's sign and colour.
pub(crate) fn mark(outcome: &Outcome) -> (&'static str, Ink) {
    match outcome {
        Outcome::Changed | Outcome::AlreadySo => ("✓", Ink::Green),
        Outcome::Skipped(_) | Outcome::Superseded(_) => ("–", Ink::Dim),
        Outcome::Pending => ("…", Ink::Yellow),
        Outcome::Unsure(_) | Outcome::Unknown(_) => ("?", Ink::Yellow),
        Outcome::Refused(_) | Outcome::Failed(_) => ("✗", Ink::Red),
    }
}

/// Names come from vendors: a control character in one must not steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

/// Padded to a width in characters.
pub(crate) fn column(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// `2026-03-02 08:15:30.123 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{} UTC", at.strftime("%Y-%m-%d %H:%M:%S%.3f"))
}

/// The time of day, with the date when it is another than that of `begun`.
pub(crate) fn time_of_day(at: Timestamp, begun: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    if day(at) == day(begun) {
        at.strftime("%H:%M:%S%.3f").to_string()
    } else {
        at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }
}

/// Milliseconds as people say them: `152 ms`, `1.44 s`, `3 min 20 s`, `24 h 3 min`. Rounded down.
pub(crate) fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{sign}{ms} ms"),
        1..60 => format!("{sign}{seconds}.{:02} s", ms % 1000 / 10),
        60..3600 => format!("{sign}{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{sign}{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A digest by its beginning; any other word as it is.
pub(crate) fn short(word: &str) -> String {
    let stem = word.trim_end_matches(',');
    if stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let head: String = stem.chars().take(12).collect();
        let tail = word.strip_prefix(stem).unwrap_or_default();
        format!("{head}…{tail}")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<String> = [0, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000, 86_580_000, -30]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(
            said,
            [
                "0 ms",
                "999 ms",
                "1.00 s",
                "59.99 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "24 h 3 min",
                "-30 ms"
            ]
        );
    }

    #[test]
    fn only_whole_digests_are_shortened() {
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(short(&digest), "0123456789ab…");
        assert_eq!(short(&format!("{digest},")), "0123456789ab…,");
        assert_eq!(short("0123456789abcdef"), "0123456789abcdef");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(clean("A\u{1b}[2Jmara\n"), "A\u{fffd}[2Jmara\u{fffd}");
    }
}
