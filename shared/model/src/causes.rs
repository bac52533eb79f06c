//! What an error says together with its causes.

use std::error::Error;

/// An error and what caused it, as one line: `it failed: because of this: because of that`. A layer that repeats the text of the
/// one below it says it once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn causes_follow_and_a_repeated_one_is_said_once() {
        let low = Layer("the socket closed", None);
        let middle = Layer("sending failed: the socket closed", Some(Box::new(low)));
        let high = Layer("no answer", Some(Box::new(middle)));
        assert_eq!(chain(&high), "no answer: sending failed: the socket closed");
    }
}
