use super::*;

fn elements(body: &[u8]) -> Vec<Element<'_>> {
    match split(body) {
        Split::Elements(elements) => elements,
        Split::Unreadable => panic!("unreadable"),
    }
}

#[test]
fn only_data_events_counts_wherever_it_stands() {
    let body = br#" {"events":[{"uuid":"no"}],"data":{"more":[1,{"events":[2]}],"events":[{"uuid":"a","eventType":"user.lifecycle.suspend"}],"x":null},"data2":{"events":[3]}}"#;
    let found = elements(body);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].raw, br#"{"uuid":"a","eventType":"user.lifecycle.suspend"}"#);
    assert_eq!(found[0].id.as_deref(), Some("a"));
    assert_eq!(found[0].lane, Lane::Urgent);
}

#[test]
fn what_is_no_hook_body_is_unreadable() {
    for body in [
        &b""[..],
        b"  ",
        b"null",
        b"[]",
        b"{}",
        b"{\"data\":[]}",
        b"{\"data\":{}}",
        b"{\"data\":{\"events\":{}}}",
        b"{\"data\":{\"events\":null}}",
        b"{\"data\":",
        b"events=1&data=2",
        b"\x1f\x8b\x08\x00",
        b"\xff\xfe{\x00}\x00",
        b"{\"x\":[1,\"data\":{\"events\":[1]}}",
    ] {
        assert_eq!(split(body), Split::Unreadable, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn an_empty_hook_has_no_elements() {
    assert_eq!(elements(b"{\"data\":{\"events\":[ ]}}"), []);
}

#[test]
fn an_envelope_that_breaks_off_behind_the_events_loses_nothing() {
    for tail in ["", ",", "}", "},\"eventTime\":\"20", "} trailing", ",\"x\":[}"] {
        let body = format!("{{\"eventId\":\"e\",\"data\":{{\"events\":[{{\"uuid\":\"a\"}},{{\"uuid\":\"b\"}}]{tail}");
        let ids: Vec<_> = elements(body.as_bytes()).into_iter().map(|e| e.id.unwrap()).collect();
        assert_eq!(ids, ["a", "b"], "{tail:?}");
    }
}

#[test]
fn a_bad_element_is_kept_and_costs_its_neighbours_nothing() {
    for bad in [
        "7",
        "null",
        "\"text\"",
        "[{\"uuid\":\"x\"}]",
        "{}",
        "{\"uuid\":null}",
        "{\"uuid\":42}",
        "{\"uuid\":\"\"}",
        "{\"uuid\":\"with space\"}",
        "{\"uuid\":\"a\\u0000b\"}",
        "{\"uuid\":\"x\",}",
        "{\"uuid\":\"x\" \"y\":1}",
        "{\"uuid\":\"x\",\"n\":01}",
        "{\"uuid\":[\"x\"]}",
        "{\"uuid\":\"x\",\"uuid\":\"y\"}",
        "{\"a\":1]",
    ] {
        let body = format!(
            "{{\"data\":{{\"events\":[{{\"uuid\":\"a\",\"eventType\":\"user.lifecycle.deactivate\"}},{bad} ,{{\"uuid\":\"b\"}}]}}}}"
        );
        let found = elements(body.as_bytes());
        assert_eq!(found.len(), 3, "{bad}");
        assert_eq!(
            (found[0].id.as_deref(), found[0].lane),
            (Some("a"), Lane::Urgent),
            "{bad}"
        );
        assert_eq!((found[1].raw, found[1].id.as_deref()), (bad.as_bytes(), None), "{bad}");
        assert_eq!(found[2].id.as_deref(), Some("b"), "{bad}");
    }
}

#[test]
fn an_element_in_broken_utf8_is_kept_by_its_fingerprint() {
    let body = b"{\"data\":{\"events\":[{\"uuid\":\"a\",\"n\":\"\xc3\x28\"},{\"uuid\":\"b\"}]}}";
    let found = elements(body);
    assert_eq!(found[0].id, None);
    assert_eq!(found[0].raw, b"{\"uuid\":\"a\",\"n\":\"\xc3\x28\"}");
    assert_eq!(found[1].id.as_deref(), Some("b"));
}

#[test]
fn an_event_without_an_id_still_goes_where_its_type_belongs() {
    let body = br#"{"data":{"events":[{"eventType":"user.lifecycle.deactivate"},{"uuid":7,"eventType":"user.lifecycle.create"},{"uuid":"a","eventType":[1]}]}}"#;
    let lanes: Vec<Lane> = elements(body).into_iter().map(|element| element.lane).collect();
    assert_eq!(lanes, [Lane::Urgent, Lane::Work, Lane::Bulk]);
}

#[test]
fn an_id_is_used_as_it_is_and_within_a_length() {
    let long = "u".repeat(128);
    let body = format!(
        "{{\"data\":{{\"events\":[{{\"uuid\":\"{long}\"}},{{\"uuid\":\"{long}u\"}},{{\"uuid\":\"\\u0041-B\"}}]}}}}"
    );
    let ids: Vec<_> = elements(body.as_bytes())
        .into_iter()
        .map(|element| element.id)
        .collect();
    assert_eq!(ids, [Some(long), None, Some("A-B".to_owned())]);
}

#[test]
fn keys_are_the_same_over_hooks_and_deliveries() {
    let connection = "okta-main".into();
    let element = Element {
        raw: b"{}",
        id: Some("f790".to_owned()),
        lane: Lane::Work,
    };
    assert_eq!(element.key(&connection).as_str(), "okta-main:f790");
    assert_eq!(
        Element::bad(b"abc").key(&connection).as_str(),
        "okta-main:sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
