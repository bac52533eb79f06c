//! Texts that go into addresses and forms.

/// Why nothing takes the inverse of an action back.
pub(crate) const IS_UNDO: &str = "it takes something back itself";

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3), so that a value can never become structure.
pub(crate) fn percent(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')));
            }
        }
    }
    out
}

/// `a=b&c=d`, every value encoded: a form body or a query.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&percent(name));
        out.push('=');
        out.push_str(&percent(value));
    }
    out
}

/// A vendor's text, fit for a reason: one line, no control characters, at most `most` characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (position, character) in text.chars().enumerate() {
        if position == most {
            out.push('…');
            break;
        }
        out.push(if character.is_control() { ' ' } else { character });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reserved_survives() {
        assert_eq!(percent("a b/ü'\"&=?#+~"), "a%20b%2F%C3%BC%27%22%26%3D%3F%23%2B~");
        assert_eq!(form(&[("q", "a&b=c"), ("x", "")]), "q=a%26b%3Dc&x=");
    }

    #[test]
    fn short_texts_are_one_line() {
        assert_eq!(short("a\nb\u{7}c", 10), "a b c");
        assert_eq!(short("abcdef", 3), "abc…");
    }
}
