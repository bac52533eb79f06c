//! The only place where values become part of a query, and the forms of ids and names.

use std::fmt::Write as _;

/// A string literal. Only the pairs that SOQL knows are written; any other backslash would be an error (SOQL and SOSL
/// Reference, "Quoted String Escape Sequences").
pub(super) fn soql_quote(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('\'');
    out
}

/// True for an id of 15 or 18 characters. Nothing else may stand where a query or an address wants an id.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True for what may be the name of a field.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 80
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The 18-character form: each group of five characters gets one more that tells which of them are upper-case. `None` when
/// the text is no id, or its last three characters do not fit the others.
pub(super) fn eighteen(id: &str) -> Option<String> {
    if !is_id(id) {
        return None;
    }
    let (case, check) = id.split_at_checked(15)?;
    let mut out = case.to_owned();
    for group in case.as_bytes().chunks(5) {
        let bits = group
            .iter()
            .rev()
            .fold(0_u8, |bits, byte| (bits << 1) | u8::from(byte.is_ascii_uppercase()));
        out.push(char::from(if bits < 26 { b'A' + bits } else { b'0' + (bits - 26) }));
    }
    (check.is_empty() || out.ends_with(&check.to_ascii_uppercase())).then_some(out)
}

/// True when two ids name the same record. The first fifteen characters are the id; the three after them only repeat their
/// case, and people copy them wrongly.
pub(super) fn same_record(one: &str, two: &str) -> bool {
    is_id(one) && is_id(two) && one.get(..15) == two.get(..15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_stay_values() {
        for (value, literal) in [
            ("plain@example.com", "'plain@example.com'"),
            ("O'Brien", r"'O\'Brien'"),
            (r"x\", r"'x\\'"),
            (r"\' OR Id != null OR Name = \'", r"'\\\' OR Id != null OR Name = \\\''"),
            ("a\nb\r\t\u{8}\u{c}", r"'a\nb\r\t\b\f'"),
            ("\u{0}\u{7f}", r"'\u0000\u007F'"),
            ("%_\"", r#"'%_\"'"#),
            ("名前", "'名前'"),
        ] {
            assert_eq!(soql_quote(value), literal);
        }
    }

    #[test]
    fn ids_become_eighteen_characters_and_wrong_ones_nothing() {
        assert_eq!(eighteen("0015f00000ACC01").as_deref(), Some("0015f00000ACC01AAH"));
        for whole in ["00D5f000000aaaaEAA", "0055f00000CCCC1AAP", "0055f00000AAAA1AAP"] {
            assert_eq!(eighteen(&whole[..15]).as_deref(), Some(whole));
            assert_eq!(eighteen(whole).as_deref(), Some(whole));
        }
        for wrong in [
            "",
            "005",
            "0055f00000CCCC1AAA",
            "0055f00000CCCC1'OR",
            "0055f00000CCCC1 AP",
            "ééééééééé",
        ] {
            assert_eq!(eighteen(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_three_characters_name_nothing() {
        assert!(same_record("00D5f000000aaaa", "00D5f000000aaaaEAA"));
        assert!(same_record("00D5f000000aaaaAAA", "00D5f000000aaaaEAA"));
        for other in ["00D5f000000aaab", "00d5f000000aaaaEAA", "", "00D5f000000aaaaEA"] {
            assert!(!same_record(other, "00D5f000000aaaaEAA"), "{other}");
        }
    }

    #[test]
    fn names_are_names() {
        assert!(is_name("FederationIdentifier") && is_name("Badge__c"));
        for wrong in ["", "1a", "a b", "Id='x'", "Profile.Name", &"a".repeat(81)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
