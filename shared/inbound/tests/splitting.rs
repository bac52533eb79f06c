//! Splitting never loses or alters an element and never panics, whatever comes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use proptest::prelude::*;
use rollcall_inbound::{Element, Source, Split};
use serde_json::{Map, Value};

fn raws<'a>(split: &Split<'a>) -> Vec<&'a [u8]> {
    match split {
        Split::Elements(elements) => elements.iter().map(|element: &Element<'a>| element.raw).collect(),
        Split::Unreadable => panic!("unreadable"),
    }
}

/// Text that tempts a scanner: quotes, backslashes, brackets, line breaks, other scripts.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("{[".to_owned()),
            Just("]}".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just(",".to_owned()),
            Just("\u{2028}é漢😀".to_owned()),
            "[a-z ]{0,6}",
            any::<String>(),
        ],
        0..4,
    )
    .prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What bodies are made of, to be put together in any order.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\n",
    b" ",
    b"\"data\":",
    b"\"events\":[",
    b"\"uuid\":\"x\"",
    b"\"event\":",
    b"1",
    b"null",
    b"\xff",
    b"\xc3",
];

/// An event with its own id, as text, compact or spread over lines.
fn event(id_name: &'static str) -> impl Strategy<Value = (String, String)> {
    (
        "[a-z0-9-]{1,36}",
        proptest::collection::vec((text(), value()), 0..5),
        any::<bool>(),
    )
        .prop_map(move |(id, members, pretty)| {
            let mut event: Map<String, Value> = members.into_iter().filter(|(name, _)| name != "event").collect();
            event.insert(id_name.to_owned(), Value::from(id.clone()));
            let event = Value::from(event);
            (
                id,
                if pretty {
                    serde_json::to_string_pretty(&event).unwrap()
                } else {
                    event.to_string()
                },
            )
        })
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just(" "), Just("\n"), Just("\r\n\t ")]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn okta_events_come_out_as_they_went_in(
        events in proptest::collection::vec(event("uuid"), 0..6), space in blank(), before in value(), inside in value(), after in value(),
    ) {
        let texts: Vec<&str> = events.iter().map(|(_, text)| text.as_str()).collect();
        let list = texts.join(&format!("{space},{space}"));
        let body = format!("{space}{{\"a\":{before},{space}\"data\":{space}{{\"b\":{inside},\"events\"{space}:[{space}{list}{space}]}}{space},\"c\":{after}}}{space}");
        let split = Source::Okta.split(body.as_bytes());
        prop_assert_eq!(raws(&split), texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
        let Split::Elements(found) = split else { unreachable!() };
        for (element, (id, _)) in found.iter().zip(&events) {
            prop_assert_eq!(element.id.as_ref(), Some(id));
        }
    }

    #[test]
    fn onelogin_arrays_come_out_as_they_went_in(events in proptest::collection::vec(event("uuid"), 0..6), space in blank()) {
        let texts: Vec<&str> = events.iter().map(|(_, text)| text.as_str()).collect();
        let body = format!("{space}[{space}{}{space}]{space}", texts.join(&format!("{space},{space}")));
        let split = Source::Onelogin.split(body.as_bytes());
        prop_assert_eq!(raws(&split), texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn onelogin_lines_come_out_as_they_went_in(
        events in proptest::collection::vec((event("uuid"), any::<bool>()), 1..6), end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n \r\n")], last in any::<bool>(),
    ) {
        // One object a line: an event is on one line, so pretty ones are made compact.
        let texts: Vec<String> = events.iter().map(|((_, text), _)| serde_json::from_str::<Value>(text).unwrap().to_string()).collect();
        let lines: Vec<String> = texts.iter().zip(&events).map(|(text, (_, wrapped))| {
            if *wrapped { format!("{{\"event\": {text}}}") } else { text.clone() }
        }).collect();
        let body = format!("{}{}", lines.join(end), if last { end } else { "" });
        let split = Source::Onelogin.split(body.as_bytes());
        prop_assert_eq!(raws(&split), texts.iter().map(String::as_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn one_bad_element_costs_no_neighbour(
        events in proptest::collection::vec(event("uuid"), 2..6), bad in prop_oneof![Just("nul"), Just("{\"a\":}"), Just("{\"uuid\" 1}"), Just("[1,]"), Just("01x")], place in 0_usize..6,
    ) {
        let mut texts: Vec<&str> = events.iter().map(|(_, text)| text.as_str()).collect();
        texts.insert(place.min(texts.len()), bad);
        let body = format!("{{\"data\":{{\"events\":[{}]}}}}", texts.join(","));
        let split = Source::Okta.split(body.as_bytes());
        prop_assert_eq!(raws(&split), texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn anything_at_all_is_kept_and_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        everything_is_kept(&bytes)?;
    }

    #[test]
    fn anything_that_looks_like_json_is_kept_and_nothing_panics(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
    ) {
        everything_is_kept(&pieces.concat())?;
        everything_is_kept(&[b"{\"data\":{\"events\":[", &pieces.concat()[..]].concat())?;
        everything_is_kept(&[b"[", &pieces.concat()[..]].concat())?;
    }
}

/// Elements are parts of the body, in order, without overlap. What lies between OneLogin's is only white space, separators and
/// wrappers; between Okta's inside their array the same.
fn everything_is_kept(body: &[u8]) -> Result<(), TestCaseError> {
    for source in [Source::Okta, Source::Onelogin] {
        let split = source.split(body);
        if split == Split::Unreadable {
            prop_assert_eq!(source, Source::Okta);
            continue;
        }
        let mut behind = body.as_ptr() as usize;
        for raw in raws(&split) {
            prop_assert!(!raw.is_empty());
            let start = raw.as_ptr() as usize;
            prop_assert!(start >= behind && start + raw.len() <= body.as_ptr() as usize + body.len());
            behind = start + raw.len();
        }
    }
    // A OneLogin body of flat events: every byte that is no separator is in an element.
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'v').collect();
    let kept: usize = raws(&Source::Onelogin.split(&body)).iter().map(|raw| solid(raw)).sum();
    prop_assert!(kept <= solid(&body));
    prop_assert!(solid(&body) - kept <= separators(&body), "{} of {}", kept, solid(&body));
    Ok(())
}

/// The bytes that carry content.
fn solid(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).count()
}

/// The most that may lie outside of elements: commas, the array's brackets, a byte order mark.
fn separators(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b',').count() - 1 + 2 + 3
}
