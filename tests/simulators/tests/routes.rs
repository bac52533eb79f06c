//! Calls find their line of the list of endpoints.
#![allow(clippy::unwrap_used, reason = "a test that fails, panics")]

use http::Method;
use rollcall_simulators::routes::{Line, Vendor, list};

fn route(vendor: Vendor, method: &str, path: &str) -> Option<Line> {
    vendor.route(&Method::from_bytes(method.as_bytes()).unwrap(), path)
}

#[test]
fn a_word_of_its_own_goes_before_a_part_that_stands_for_any() {
    let rules = "/api/v1/groups/rules";
    assert_eq!(route(Vendor::Okta, "GET", rules), Some(("GET", rules)));
    assert_eq!(
        route(Vendor::Okta, "GET", "/api/v1/groups/00g1"),
        Some(("GET", "/api/v1/groups/{id}"))
    );
    assert_eq!(
        route(Vendor::OneLogin, "GET", "/api/1/events/types"),
        Some(("GET", "/api/1/events/types"))
    );
}

#[test]
fn what_no_line_has_has_none() {
    for (method, path) in [
        ("PATCH", "/api/v1/users"),
        ("GET", "/api/v1/users/a/b"),
        ("GET", "/api/v1/users//roles"),
        ("GET", "/api/v1"),
    ] {
        assert_eq!(route(Vendor::Okta, method, path), None, "{method} {path}");
    }
    assert!(route(Vendor::Slack, "GET", "/api/auth.test").is_some());
    assert!(route(Vendor::Salesforce, "GET", "/services/data/v66.0/").is_some());
}

#[test]
fn no_line_is_there_twice() {
    for vendor in Vendor::ALL {
        for (method, path) in vendor.routes() {
            let same = vendor.routes().iter().filter(|line| **line == (*method, *path));
            assert_eq!(same.count(), 1, "{vendor} {method} {path}");
        }
    }
    assert!(list().contains("okta GET /api/v1/users\n"));
}
