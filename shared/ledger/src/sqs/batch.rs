//! How bodies are cut into batches, and what characters may travel.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// The most entries of a batch (SQS API reference, SendMessageBatch).
pub(super) const BATCH_ENTRIES: usize = 10;
/// The most bytes of all bodies of a batch together (SQS API reference, SendMessageBatch: 1 MiB).
pub(super) const BATCH_BYTES: usize = 1024 * 1024;
/// The longest visibility time-out (SQS API reference, ChangeMessageVisibility: 12 hours).
pub(super) const VISIBILITY_LIMIT: Duration = Duration::from_hours(12);

/// Cuts bodies into batches, in order, that each fit into one call.
pub(super) fn batches<T: AsRef<str>>(bodies: &[T]) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, body) in bodies.iter().enumerate() {
        let size = body.as_ref().len();
        if index > start && (index - start == BATCH_ENTRIES || bytes + size > BATCH_BYTES) {
            batches.extend(bodies.get(start..index));
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    batches.extend(bodies.get(start..).filter(|rest| !rest.is_empty()));
    batches
}

/// The body as SQS takes it. It refuses characters that XML has not (SQS API reference, SendMessage, MessageBody). In JSON
/// they can stand only inside texts, where their escape means the same.
pub(super) fn travelling(body: &str) -> Cow<'_, str> {
    if body.chars().all(may_travel) {
        return Cow::Borrowed(body);
    }
    let mut text = String::with_capacity(body.len() + 16);
    for character in body.chars() {
        if may_travel(character) {
            text.push(character);
        } else {
            // All of them lie in the first plane, so one escape is enough.
            let code = u32::from(character);
            // Writing to a text does not fail.
            let _ = write!(text, "\\u{code:04x}");
        }
    }
    Cow::Owned(text)
}

fn may_travel(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whole seconds, rounded up so that nothing becomes visible early, at most `limit`.
pub(super) fn whole_seconds(duration: Duration, limit: Duration) -> i32 {
    let seconds = duration.min(limit).as_millis().div_ceil(1000);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bodies: &[String]) -> Vec<usize> {
        batches(bodies).iter().map(|batch| batch.len()).collect()
    }

    #[test]
    fn batches_hold_ten_entries_at_most() {
        assert_eq!(sizes(&vec!["x".to_owned(); 25]), [10, 10, 5]);
        assert_eq!(sizes(&vec!["x".to_owned(); 10]), [10]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn batches_hold_one_mebibyte_at_most() {
        let quarter = "x".repeat(256 * 1024);
        assert_eq!(sizes(&vec![quarter.clone(); 9]), [4, 4, 1]);
        let bodies = [
            quarter.clone(),
            quarter.clone(),
            quarter.clone(),
            quarter,
            "y".to_owned(),
        ];
        assert_eq!(sizes(&bodies), [4, 1]);
    }

    #[test]
    fn bytes_are_counted_not_characters() {
        let wide = "漢".repeat(BATCH_BYTES / 3);
        assert_eq!(sizes(&[wide.clone(), wide]), [1, 1]);
    }

    #[test]
    fn characters_that_sqs_refuses_travel_escaped_and_mean_the_same() {
        let name = "a\u{ffff}b\u{fffe}c\u{10ffff}漢";
        let json = serde_json::to_string(name).unwrap();
        let sent = travelling(&json);
        assert_eq!(sent, "\"a\\uffffb\\ufffec\u{10ffff}漢\"");
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), name);
        assert!(matches!(travelling("{\"plain\":\"Zoë\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn durations_round_up_and_stop_at_the_limit() {
        assert_eq!(whole_seconds(Duration::ZERO, VISIBILITY_LIMIT), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1), VISIBILITY_LIMIT), 1);
        assert_eq!(whole_seconds(Duration::from_secs(30), VISIBILITY_LIMIT), 30);
        assert_eq!(whole_seconds(Duration::from_hours(24), VISIBILITY_LIMIT), 43_200);
    }
}
