//! How an item lies in DynamoDB.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `pk`, `sk` | S | the key |
//! | `v` | N | the version |
//! | `nonce` | S | who wrote this version |
//! | `body` | S | JSON text |
//! | `due_shard`, `due_at` | S, N | only while something is due: the key of the sparse index `due` |
//! | `expires_at` | N | when readers treat it as gone, in milliseconds since 1970 |
//! | `expires` | N | the same in whole seconds, rounded up: what the table's time to live looks at |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use rollcall_model::LedgerError;

use crate::table::{Item, Key};

/// A DynamoDB item.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// The index of due items.
pub const DUE_INDEX: &str = "due";

/// Into how many partitions the index is spread. One partition takes 1,000 writes a second; a roll call makes many things
/// due at once.
pub const DUE_SHARDS: u32 = 8;

/// The attributes of an item about to be stored.
pub(super) fn attributes(
    key: &Key,
    version: u64,
    nonce: &str,
    body: &str,
    due_at: Option<i64>,
    expires_at: Option<i64>,
) -> Attributes {
    let mut attributes = key_attributes(key);
    attributes.insert("v".to_owned(), number(version));
    attributes.insert("nonce".to_owned(), text(nonce));
    attributes.insert("body".to_owned(), text(body));
    if let Some(due_at) = due_at {
        attributes.insert("due_shard".to_owned(), text(due_shard(&key.pk).to_string()));
        attributes.insert("due_at".to_owned(), number(due_at));
    }
    if let Some(expires_at) = expires_at {
        attributes.insert("expires_at".to_owned(), number(expires_at));
        attributes.insert("expires".to_owned(), number(whole_seconds_up(expires_at)));
    }
    attributes
}

/// The attributes of a key.
pub(super) fn key_attributes(key: &Key) -> Attributes {
    HashMap::from([("pk".to_owned(), text(&*key.pk)), ("sk".to_owned(), text(&*key.sk))])
}

/// The key in a row of the table or its index.
pub(super) fn key_of(row: &Attributes) -> Result<Key, LedgerError> {
    match (string_of(row, "pk"), string_of(row, "sk")) {
        (Some(pk), Some(sk)) => Ok(Key::new(pk, sk)),
        _ => Err(LedgerError::Corrupt {
            item: "(no key)".to_owned(),
            why: "pk or sk is missing".to_owned(),
        }),
    }
}

/// Reads a row.
pub(super) fn item_of(row: &Attributes) -> Result<Item, LedgerError> {
    let key = key_of(row)?;
    let corrupt = |why: &str| LedgerError::Corrupt {
        item: format!("{} {}", key.pk, key.sk),
        why: why.to_owned(),
    };
    let version = number_of(row, "v").ok_or_else(|| corrupt("no version"))?;
    let nonce = string_of(row, "nonce").ok_or_else(|| corrupt("no nonce"))?;
    let body = string_of(row, "body").ok_or_else(|| corrupt("no body"))?;
    Ok(Item {
        version,
        nonce: nonce.to_owned(),
        due_at: number_of(row, "due_at"),
        expires_at: number_of(row, "expires_at"),
        body: body.to_owned(),
        key,
    })
}

/// Whether readers treat the item as gone. The time to live may take days to remove it.
pub(super) fn is_gone(item: &Item, now: i64) -> bool {
    item.expires_at.is_some_and(|expires_at| expires_at <= now)
}

/// The index partition of everything in a table partition.
pub(super) fn due_shard(pk: &str) -> u32 {
    // FNV-1a: the same in every version of every binary, which a hasher of the standard library does not promise.
    let hash = pk.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % DUE_SHARDS
}

/// A string attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over plain numbers")]
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn string_of<'row>(row: &'row Attributes, name: &str) -> Option<&'row str> {
    row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A number attribute's value, if it is one.
pub(super) fn number_of<T: std::str::FromStr>(row: &Attributes, name: &str) -> Option<T> {
    row.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|value| value.parse().ok())
}

fn whole_seconds_up(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000) + i64::from(milliseconds.rem_euclid(1000) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_reads_back_as_it_was_written() {
        let item = Item {
            key: Key::new("RUN#1", "RUN"),
            version: 7,
            nonce: "n".to_owned(),
            due_at: Some(-5),
            expires_at: Some(1_700_000_000_001),
            body: "{\"name\":\"Zoë 漢\"}".to_owned(),
        };
        let row = attributes(
            &item.key,
            item.version,
            &item.nonce,
            &item.body,
            item.due_at,
            item.expires_at,
        );
        assert_eq!(item_of(&row).unwrap(), item);
    }

    #[test]
    fn time_to_live_never_comes_before_the_expiry() {
        let row = attributes(&Key::new("a", "b"), 1, "n", "{}", None, Some(1_700_000_000_001));
        assert_eq!(row["expires"], number(1_700_000_001_i64));
        let row = attributes(&Key::new("a", "b"), 1, "n", "{}", None, Some(1_700_000_000_000));
        assert_eq!(row["expires"], number(1_700_000_000_i64));
    }

    #[test]
    fn nothing_due_means_no_place_in_the_index() {
        let row = attributes(&Key::new("a", "b"), 1, "n", "{}", None, None);
        assert!(!row.contains_key("due_shard") && !row.contains_key("due_at") && !row.contains_key("expires"));
    }

    #[test]
    fn a_damaged_row_is_named() {
        let mut row = attributes(&Key::new("RUN#1", "RUN"), 1, "n", "{}", None, None);
        row.remove("v");
        let error = item_of(&row).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unreadable item RUN#1 RUN: no version; a newer version wrote it, or it was damaged"
        );
    }

    #[test]
    fn index_partitions_are_fixed_and_all_used() {
        // Pinned, so that two versions of a binary put the same item into the same partition.
        let used: std::collections::BTreeSet<u32> = (0..200).map(|run| due_shard(&format!("RUN#{run}"))).collect();
        assert_eq!(used.len(), DUE_SHARDS as usize);
        assert_eq!(due_shard(""), 0x811c_9dc5 % DUE_SHARDS);
    }
}
