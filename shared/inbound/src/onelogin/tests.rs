use super::*;

fn elements(body: &[u8]) -> Vec<Element<'_>> {
    match split(body) {
        Split::Elements(elements) => elements,
        Split::Unreadable => panic!("unreadable"),
    }
}

fn ids(body: &str) -> Vec<Option<String>> {
    elements(body.as_bytes())
        .into_iter()
        .map(|element| element.id)
        .collect()
}

fn some(ids: &[&str]) -> Vec<Option<String>> {
    ids.iter().map(|id| Some((*id).to_owned())).collect()
}

#[test]
fn arrays_objects_and_lines_are_told_apart_by_content() {
    assert_eq!(ids("[{\"uuid\":\"a\"},{\"uuid\":\"b\"}]"), some(&["a", "b"]));
    assert_eq!(ids("\u{feff} [ ]"), []);
    assert_eq!(ids(""), []);
    assert_eq!(ids(" \r\n\n"), []);
    assert_eq!(ids("{\"uuid\":\"a\"}"), some(&["a"]));
    assert_eq!(ids("{\r\n \"uuid\":\r\n \"a\"\r\n}\r\n"), some(&["a"]));
    assert_eq!(ids("{\"uuid\":\"a\"}\n{\"uuid\":\"b\"}\n"), some(&["a", "b"]));
    assert_eq!(
        ids("{\"uuid\":\"a\"}\r\n\r\n \n{\"event\":{\"uuid\":\"b\"}}"),
        some(&["a", "b"])
    );
}

#[test]
fn the_event_inside_its_wrapper_is_taken_byte_for_byte() {
    let body =
        b"{\"event\": {\"n\": 9007199254740993, \"uuid\":\"a\"} , \"x\":1}\n{\"event\":\"text\",\"uuid\":\"b\"}\n";
    let found = elements(body);
    assert_eq!(found[0].raw, b"{\"n\": 9007199254740993, \"uuid\":\"a\"}");
    assert_eq!(found[0].id.as_deref(), Some("a"));
    assert_eq!(found[1].raw, b"{\"event\":\"text\",\"uuid\":\"b\"}");
    assert_eq!(found[1].id.as_deref(), Some("b"));
}

#[test]
fn uuid_is_the_identity_and_create_id_stands_in_for_it() {
    assert_eq!(ids("{\"uuid\":\"a\",\"create\":{\"_id\":\"b\"}}"), some(&["a"]));
    for absent in ["", "\"uuid\":null,", "\"uuid\":\"\",", "\"uuid\":5,"] {
        assert_eq!(
            ids(&format!("{{{absent}\"create\":{{\"x\":1,\"_id\":\"b\"}}}}")),
            some(&["b"]),
            "{absent}"
        );
    }
    for absent in ["null", "{}", "[]", "\"b\"", "{\"_id\":null}", "{\"_id\":[]}"] {
        assert_eq!(ids(&format!("{{\"create\":{absent}}}")), [None], "{absent}");
    }
}

#[test]
fn a_bad_line_or_element_costs_its_neighbours_nothing() {
    let body =
        b"{\"event\":{\"uuid\":\"a\"}}\n{\"event\":{\"uuid\":\"brok\n\xff\xfe\nnull\n{\"event\":{\"uuid\":\"b\"}}";
    let found = elements(body);
    let raws: Vec<&[u8]> = found.iter().map(|element| element.raw).collect();
    assert_eq!(
        raws,
        [
            &b"{\"uuid\":\"a\"}"[..],
            b"{\"event\":{\"uuid\":\"brok",
            b"\xff\xfe",
            b"null",
            b"{\"uuid\":\"b\"}"
        ]
    );
    assert_eq!(
        ids("[{\"uuid\":\"a\"},7,{\"uuid\":\"b\"}] trailing"),
        [Some("a".to_owned()), None, Some("b".to_owned()), None]
    );
    assert_eq!(ids("[{\"uuid\":\"a\"},{\"uuid\":"), [Some("a".to_owned()), None]);
    // A wrapper that is valid around an event that is not an event of ours.
    assert_eq!(ids("{\"event\":{\"uuid\":\"a\",\"uuid\":\"b\"}}"), [None]);
}

#[test]
fn lanes_follow_the_type() {
    for (event_type, expected) in [
        ("15", Lane::Urgent),
        ("17", Lane::Urgent),
        ("21", Lane::Urgent),
        ("551", Lane::Urgent),
        ("207", Lane::Urgent),
        ("\"530\"", Lane::Urgent),
        ("13", Lane::Work),
        ("19", Lane::Work),
        ("148", Lane::Work),
        ("72", Lane::Work),
        ("206", Lane::Work),
        ("60", Lane::Work),
        ("5", Lane::Bulk),
        ("248", Lane::Bulk),
        ("99999", Lane::Bulk),
        ("null", Lane::Bulk),
        ("15.0", Lane::Bulk),
        ("-15", Lane::Bulk),
        ("18446744073709551616", Lane::Bulk),
        ("[15]", Lane::Bulk),
    ] {
        let body = format!("{{\"uuid\":\"a\",\"event_type_id\":{event_type}}}");
        assert_eq!(elements(body.as_bytes())[0].lane, expected, "{event_type}");
    }
}

#[test]
fn the_tables_are_ascending_and_share_nothing() {
    assert!(URGENT.is_sorted_by(|one, next| one < next));
    assert!(WORK.iter().all(|(first, last)| first <= last));
    assert!(WORK.is_sorted_by(|one, next| one.1 < next.0));
    let in_work = |id: &u64| WORK.iter().any(|(first, last)| (*first..=*last).contains(id));
    assert!(!URGENT.iter().any(in_work));
}
