//! Finds where JSON values begin and end, and nothing more.
//!
//! A parser would refuse a whole body for one bad element, and what it returns is no longer what was sent. This walks over
//! the bytes instead: balanced brackets outside of strings. Whether an element is valid JSON is asked later, of the element
//! alone. It never recurses, so nesting costs no stack.

use memchr::memchr2;

/// A position in a body.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The elements of an array, and whether its closing bracket was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Elements<'a> {
    pub(crate) found: Vec<&'a [u8]>,
    pub(crate) closed: bool,
}

impl<'a> Scan<'a> {
    /// At the beginning of a body; a byte order mark is passed over.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at }
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Passes over `byte` if it is the next that is not white space.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// What has not been passed yet, without the white space around it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default().trim_ascii()
    }

    /// The next value as it was sent, or nothing when it does not end (or does not begin).
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        let first = self.peek()?;
        let start = self.at;
        let end = match first {
            b'"' => self.string_end(start)?,
            b'{' | b'[' => self.bracket_end(start)?,
            _ => self.literal_end(start),
        };
        let value = self.bytes.get(start..end)?;
        if value.is_empty() {
            return None;
        }
        self.at = end;
        Some(value)
    }

    /// The elements of the array whose opening bracket was just passed. An element without an end takes the rest of the
    /// body, so that nothing is lost; the elements before it are not touched.
    pub(crate) fn elements(&mut self) -> Elements<'a> {
        let mut found = Vec::new();
        loop {
            if self.take(b',') {
                continue;
            }
            if self.take(b']') {
                return Elements { found, closed: true };
            }
            if let Some(value) = self.value() {
                found.push(value);
                continue;
            }
            let rest = self.rest();
            if !rest.is_empty() {
                found.push(rest);
                self.at = self.bytes.len();
            }
            return Elements { found, closed: false };
        }
    }

    /// The next member's name (with its quotes); its colon is passed.
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let name = self.value()?;
        self.take(b':').then_some(name)
    }

    /// The position behind the string that begins at `start`.
    fn string_end(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            // Most of a hook is inside of strings, and this looks at many bytes at once.
            at += memchr2(b'"', b'\\', self.bytes.get(at..)?)?;
            if self.bytes.get(at) == Some(&b'"') {
                return Some(at + 1);
            }
            at += 2;
        }
    }

    /// The position behind the array or object that begins at `start`.
    fn bracket_end(&self, start: usize) -> Option<usize> {
        let (mut depth, mut at) = (0_usize, start);
        loop {
            match self.bytes.get(at)? {
                b'"' => {
                    at = self.string_end(at)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// The position behind the number or word that begins at `start`.
    fn literal_end(&self, start: usize) -> usize {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b",:]}[{\"".contains(byte));
        length.map_or(self.bytes.len(), |length| start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> (Vec<&str>, bool) {
        let mut scan = Scan::new(text.as_bytes());
        assert!(scan.take(b'['));
        let Elements { found, closed } = scan.elements();
        let found = found.into_iter().map(|raw| std::str::from_utf8(raw).unwrap()).collect();
        (found, closed)
    }

    #[test]
    fn values_end_where_their_brackets_and_quotes_do() {
        assert_eq!(
            elements(r#" [ {"a":"]}\"[{"} ,[1,[2]] , "x,\\" ,-1.5e3,null] rest"#),
            (
                vec![r#"{"a":"]}\"[{"}"#, "[1,[2]]", r#""x,\\""#, "-1.5e3", "null"],
                true
            )
        );
        assert_eq!(elements("[]"), (vec![], true));
        assert_eq!(elements("[,,1,,]"), (vec!["1"], true));
    }

    #[test]
    fn an_element_without_an_end_takes_the_rest_and_leaves_its_neighbours() {
        assert_eq!(
            elements("[{\"a\":1},{\"b\":[2} , 3 \n"),
            (vec!["{\"a\":1}", "{\"b\":[2} , 3"], false)
        );
        assert_eq!(elements("[1,\"never"), (vec!["1", "\"never"], false));
        assert_eq!(elements("[1,}"), (vec!["1", "}"], false));
        assert_eq!(elements("[1,\"\\"), (vec!["1", "\"\\"], false));
        assert_eq!(elements("[1"), (vec!["1"], false));
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(elements(&deep).0.len(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(Scan::new(b"\xef\xbb\xbf {}").peek(), Some(b'{'));
    }
}
