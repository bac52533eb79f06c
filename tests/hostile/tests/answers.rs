//! Named answers that no vendor should send, to every read of every connector: nothing is believed, and nothing ends the process.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use rollcall_hostile::vendor::{self, Always, Believed, believed};
use rollcall_model::Connector;
use rollcall_runtime::Secret;

/// Every connector that reads people, with the person and the beginning of its actions' names.
fn connectors(body: &[u8]) -> Vec<(Box<dyn Connector>, &'static str, &'static str)> {
    let always = || {
        Arc::new(Always(vendor::answer(
            StatusCode::OK,
            "application/json",
            Bytes::copy_from_slice(body),
        )))
    };
    vec![
        (Box::new(vendor::okta(always())) as _, vendor::USER_OKTA, "okta/"),
        (
            Box::new(vendor::onelogin(always(), Secret::new("planted-secret"))) as _,
            vendor::USER_ONELOGIN,
            "onelogin/",
        ),
        (
            Box::new(vendor::salesforce(always())) as _,
            vendor::USER_SALESFORCE,
            "salesforce/",
        ),
    ]
}

fn nothing_is_believed(what: &str, body: &[u8]) {
    for (connector, user, family) in connectors(body) {
        let read = believed(connector.as_ref(), user, family);
        assert_eq!(read, Believed::default(), "{what}: {}", connector.connection());
    }
}

#[test]
fn an_answer_that_is_nested_a_hundred_thousand_times_is_no_answer() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    nothing_is_believed("a list", format!("{open}{close}").as_bytes());
    nothing_is_believed("a list without an end", open.as_bytes());
    let (open, close) = ("{\"a\":".repeat(100_000), "}".repeat(100_000));
    nothing_is_believed("an object", format!("{open}1{close}").as_bytes());
    for around in [
        "{\"records\":",
        "{\"compositeResponse\":",
        "{\"profile\":",
        "{\"id\":\"00u2alice8Okafor3c4d\",\"status\":",
    ] {
        nothing_is_believed(around, format!("{around}{open}1{close}}}").as_bytes());
    }
}

#[test]
fn a_number_that_no_computer_holds_is_no_answer() {
    for number in [
        "1e400",
        "-1e400",
        "1e999999999999999999999",
        "0.1e",
        "01",
        "0x10",
        "NaN",
        "Infinity",
        "-",
    ] {
        nothing_is_believed(
            number,
            format!("{{\"id\":{number},\"status\":{number},\"totalSize\":{number},\"records\":[]}}").as_bytes(),
        );
        nothing_is_believed(number, format!("[{{\"id\":{number}}}]").as_bytes());
    }
}

#[test]
fn a_number_beyond_64_bits_names_nobody() {
    // 2^70 is JSON; it is no state and no id of anybody.
    const HUGE: &str = "1180591620717411303424";
    let body = format!(
        "{{\"id\":{HUGE},\"status\":{HUGE},\"state\":{HUGE},\"totalSize\":{HUGE},\"done\":{HUGE},\"records\":[{{\"Id\":{HUGE},\"IsActive\":{HUGE}}}],\
         \"compositeResponse\":[{{\"referenceId\":\"found\",\"httpStatusCode\":{HUGE},\"body\":{HUGE}}}]}}"
    );
    nothing_is_believed("2^70", body.as_bytes());
    let list = format!("[{{\"id\":{HUGE},\"email\":\"amara.okafor@corp.example\",\"status\":{HUGE}}}]");
    for (connector, user, family) in connectors(list.as_bytes()) {
        let read = believed(connector.as_ref(), user, family);
        assert!(
            !read.gone && !read.complete && read.accounts == 0,
            "{}: {read:?}",
            connector.connection()
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_no_answer() {
    for body in [
        &b"\xff\xfe[\x00]\x00"[..],
        b"{\"id\":\"00u2alice8Okafor3c4d\",\"status\":\"DEPROVISIONED\",\"profile\":{\"login\":\"\xc3\x28\"}}",
        b"[{\"id\":90000001,\"email\":\"\xed\xa0\x80\"}]",
        b"{\"totalSize\":0,\"done\":true,\"records\":[\"\xf8\x88\x80\x80\x80\"]}",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    ] {
        nothing_is_believed(&body.escape_ascii().to_string(), body);
    }
}

#[test]
fn what_is_no_json_at_all_is_no_answer() {
    for body in [
        "",
        " ",
        "null null",
        "{}{}",
        "<html></html>",
        "[1,]",
        "{\"a\":1,}",
        "'single'",
        "\u{feff}",
        "//",
        "{\"records\":[]",
    ] {
        nothing_is_believed(body, body.as_bytes());
    }
}
