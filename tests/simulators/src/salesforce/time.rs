//! Moments as the REST API writes them.

use jiff::Timestamp;

/// `2026-03-01T15:20:11.000+0000`: always UTC, milliseconds, an offset without colon. Text order is time order.
pub(super) fn wire(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// The moment behind a value written by [`wire`].
pub(super) fn read(text: &str) -> Option<Timestamp> {
    text.strip_suffix("+0000")
        .and_then(|rest| format!("{rest}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{read, wire};

    #[test]
    fn the_wire_form_has_no_colon_in_its_offset_and_reads_back() {
        let moment = "2026-03-01T15:20:11.5Z".parse().unwrap();
        assert_eq!(wire(moment), "2026-03-01T15:20:11.500+0000");
        assert_eq!(read(&wire(moment)), Some(moment));
    }
}
