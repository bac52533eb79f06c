//! Inputs that read like a request or an answer: a line, header lines, an empty line, the body.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What is before the empty line and what is behind it; nothing when there is none.
pub(crate) fn divided(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.windows(2).position(|two| two == b"\n\n")?;
    Some((&input[..end], &input[end + 2..]))
}

/// The first line of a head, and its headers, byte by byte. A line that can be no header is passed over.
pub(crate) fn read(head: &[u8]) -> (String, HeaderMap) {
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    (first, headers)
}
