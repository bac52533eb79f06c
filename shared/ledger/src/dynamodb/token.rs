//! Request tokens: what makes DynamoDB recognise a repeated transaction.

use rollcall_model::digest::sha256;

use super::write::Condition;
use crate::table::Write;

/// The most characters DynamoDB takes for a `ClientRequestToken` (API reference, TransactWriteItems).
pub(super) const TOKEN_LIMIT: usize = 36;

/// The token of a transaction. The same nonce with the same parts gives the same token, on any machine; the same nonce with
/// other parts (a command that read again and decided anew) gives another, because DynamoDB refuses a token that comes with
/// other content. Tokens are one name space for all tables of an AWS account and region, so the table is part of it.
/// `spare` makes another one for the same request: needed only should DynamoDB find two of our requests under one token
/// different, which would otherwise stop the write for the ten minutes that it remembers tokens. The conditions still see to
/// it that the write happens once.
pub(super) fn request_token(table: &str, parts: &[Write], conditions: &[Condition], nonce: &str, spare: u32) -> String {
    let mut text = Vec::new();
    field(&mut text, &spare.to_string());
    field(&mut text, table);
    field(&mut text, nonce);
    for (part, condition) in parts.iter().zip(conditions) {
        field(&mut text, &part.key().pk);
        field(&mut text, &part.key().sk);
        field(&mut text, &format!("{condition:?}"));
        match part {
            Write::Put {
                body,
                due_at,
                expires_at,
                ..
            } => {
                field(&mut text, "put");
                field(&mut text, body);
                field(&mut text, &format!("{due_at:?} {expires_at:?}"));
            }
            Write::Delete { .. } => field(&mut text, "delete"),
            Write::Check { .. } => field(&mut text, "check"),
        }
    }
    sha256(&text).to_string().chars().take(TOKEN_LIMIT).collect()
}

/// A number from 0 up to 1 that follows from a text and a count.
pub(super) fn fraction(seed: &str, count: u32) -> f64 {
    let digest = sha256(format!("{seed} {count}").as_bytes()).to_string();
    let head: String = digest.chars().take(8).collect();
    u32::from_str_radix(&head, 16).map_or(0.5, |value| f64::from(value) / 4_294_967_296.0)
}

/// Adds a text after its length, so that no two lists of texts look the same.
fn field(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(text.len().to_string().as_bytes());
    into.push(b':');
    into.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Key, When};

    fn put(sk: &str, body: &str, when: When) -> Write {
        Write::Put {
            key: Key::new("P", sk),
            body: body.to_owned(),
            due_at: None,
            expires_at: None,
            when,
        }
    }

    fn token(parts: &[Write], nonce: &str) -> String {
        let conditions: Vec<Condition> = parts.iter().map(Condition::of).collect();
        request_token("t", parts, &conditions, nonce, 0)
    }

    #[test]
    fn a_repetition_has_the_same_token_and_nothing_else_has() {
        let first = [put("a", "{}", When::Absent), put("b", "{}", When::Version(3))];
        assert_eq!(token(&first, "n"), token(&first.clone(), "n"));
        assert_eq!(token(&first, "n").len(), TOKEN_LIMIT);
        for other in [
            [put("a", "{}", When::Absent), put("b", "{}", When::Version(4))],
            [put("a", "{}", When::Version(1)), put("b", "{}", When::Version(3))],
            [put("a", "[]", When::Absent), put("b", "{}", When::Version(3))],
            [put("b", "{}", When::Version(3)), put("a", "{}", When::Absent)],
        ] {
            assert_ne!(token(&first, "n"), token(&other, "n"), "{other:?}");
        }
        assert_ne!(token(&first, "n"), token(&first, "m"));
        let conditions: Vec<Condition> = first.iter().map(Condition::of).collect();
        assert_ne!(token(&first, "n"), request_token("u", &first, &conditions, "n", 0));
        assert_ne!(token(&first, "n"), request_token("t", &first, &conditions, "n", 1));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let one = [put("ab", "c", When::Absent)];
        let other = [put("a", "bc", When::Absent)];
        assert_ne!(token(&one, "n"), token(&other, "n"));
    }
}
