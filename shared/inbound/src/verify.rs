//! Is the sender who it says it is? A secret in a header, compared so that neither time nor length tells anything.

use http::{HeaderMap, HeaderName};
use rollcall_runtime::Secret;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Why a secret can never be matched by a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSecret {
    /// Nothing in it: every request without a value would match.
    #[error("it is empty")]
    Empty,
    /// Senders drop white space around a value, so it could never match.
    #[error("it begins or ends with white space")]
    Padded,
    /// A header cannot carry these.
    #[error("it holds a line break or another control character")]
    Control,
}

/// The secrets that a header may carry: the current one and, while it is being rotated, the previous one. Only their digests
/// are kept.
pub struct HeaderSecret {
    header: HeaderName,
    current: [u8; 32],
    previous: [u8; 32],
    has_previous: Choice,
}

impl HeaderSecret {
    /// The whole value of `header` must equal one of the secrets.
    pub fn new(header: HeaderName, current: &Secret, previous: Option<&Secret>) -> Result<Self, UnusableSecret> {
        check(current)?;
        previous.map_or(Ok(()), check)?;
        Ok(Self {
            header,
            current: digest(current.reveal().as_bytes()),
            previous: digest(previous.unwrap_or(current).reveal().as_bytes()),
            has_previous: Choice::from(u8::from(previous.is_some())),
        })
    }

    /// True when the header is there exactly once and carries one of the secrets. Both are always compared, as digests: the
    /// time taken depends on the length of what was sent and on nothing of ours.
    pub fn accepts(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(&self.header).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let sent = digest(value.as_bytes());
        let is_current = sent.ct_eq(&self.current);
        let is_previous = sent.ct_eq(&self.previous) & self.has_previous;
        bool::from(is_current | is_previous)
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn check(secret: &Secret) -> Result<(), UnusableSecret> {
    let text = secret.reveal();
    if text.trim().is_empty() {
        Err(UnusableSecret::Empty)
    } else if text.chars().any(char::is_control) {
        Err(UnusableSecret::Control)
    } else if text.trim() != text {
        Err(UnusableSecret::Padded)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    fn secrets(previous: Option<&str>) -> HeaderSecret {
        HeaderSecret::new(
            AUTHORIZATION,
            &Secret::new("Bearer new"),
            previous.map(Secret::new).as_ref(),
        )
        .unwrap()
    }

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn current_and_previous_are_accepted_and_nothing_else() {
        let both = secrets(Some("old"));
        assert!(both.accepts(&headers(&[b"Bearer new"])));
        assert!(both.accepts(&headers(&[b"old"])));
        for wrong in [
            "",
            "new",
            "Bearer ne",
            "Bearer new ",
            "bearer new",
            "Bearer newold",
            "Bearer n\u{e9}w",
        ] {
            assert!(!both.accepts(&headers(&[wrong.as_bytes()])), "{wrong:?}");
        }
        assert!(!both.accepts(&headers(&[])));
        assert!(!secrets(None).accepts(&headers(&[b"old"])));
        assert!(!secrets(None).accepts(&headers(&[b""])));
    }

    #[test]
    fn a_header_sent_twice_is_refused_even_when_both_are_right() {
        assert!(!secrets(None).accepts(&headers(&[b"Bearer new", b"Bearer new"])));
        assert!(!secrets(Some("old")).accepts(&headers(&[b"Bearer new", b"old"])));
        assert!(!secrets(None).accepts(&headers(&[b"Bearer new, Bearer new"])));
    }

    #[test]
    fn secrets_that_no_header_can_carry_are_refused() {
        let made = |current: &str, previous: Option<&str>| {
            HeaderSecret::new(AUTHORIZATION, &Secret::new(current), previous.map(Secret::new).as_ref()).err()
        };
        assert_eq!(made("", None), Some(UnusableSecret::Empty));
        assert_eq!(made("  ", None), Some(UnusableSecret::Empty));
        assert_eq!(made("a\n", None), Some(UnusableSecret::Control));
        assert_eq!(made(" a", None), Some(UnusableSecret::Padded));
        assert_eq!(made("a", Some("")), Some(UnusableSecret::Empty));
        assert_eq!(made("a b", Some("c")), None);
    }
}
