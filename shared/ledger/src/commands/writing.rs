//! Writing: conditions, limits and the stamp by which a write recognises itself.

use rollcall_model::LedgerError;
use sha2::{Digest, Sha256};

use super::TableLedger;
use crate::table::{Item, Key, WRITE_LIMIT, When, Write, Written};

/// How often a command that lost a race reads and decides again before it asks its caller to come back later. In each round
/// somebody wins, so this is the number of callers that may contend for one item at a time.
pub(super) const TRIES: usize = 40;

/// The longest keys that DynamoDB takes, in bytes (developer guide, "Constraints": partition key 2048, sort key 1024).
const PARTITION_LIMIT: usize = 2048;
const PLACE_LIMIT: usize = 1024;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It happened now.
    Now,
    /// Exactly this write had happened before; the answer was lost.
    Before,
    /// A condition failed: read and decide again.
    No,
}

impl TableLedger {
    /// Writes all parts or none.
    pub(super) async fn write(&self, parts: &[Write], nonce: &str) -> Result<Done, LedgerError> {
        check(parts)?;
        let stamp = stamp(parts, nonce);
        Ok(match self.table.write(parts, &stamp).await? {
            Written::All => Done::Now,
            // Our stamp covers every part, so an item that carries it says that all of them were written.
            Written::Refused { found: Some(item), .. } if item.nonce == stamp => Done::Before,
            Written::Refused { .. } => Done::No,
        })
    }

    /// Reads one item.
    pub(super) async fn read(&self, key: Key) -> Result<Option<Item>, LedgerError> {
        Ok(self.table.get(&[key]).await?.into_iter().next().flatten())
    }

    /// Reads a fixed number of items.
    pub(super) async fn read_all<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Item>; N], LedgerError> {
        let items = self.table.get(&keys).await?;
        items
            .try_into()
            .map_err(|items: Vec<_>| LedgerError::Unavailable(format!("asked for {N} items, got {}", items.len())))
    }
}

/// The condition that an item is as it was read.
pub(super) fn as_read(item: Option<&Item>) -> When {
    item.map_or(When::Absent, |item| When::Version(item.version))
}

/// Stores an item that is never due.
pub(super) fn put(key: Key, body: String, when: When) -> Write {
    put_due(key, body, None, when)
}

/// Stores an item.
pub(super) fn put_due(key: Key, body: String, due_at: Option<i64>, when: When) -> Write {
    Write::Put {
        key,
        body,
        due_at,
        expires_at: None,
        when,
    }
}

/// Stores a new item that may vanish after a moment.
pub(super) fn expiring(key: Key, body: String, expires_at: Option<i64>) -> Write {
    Write::Put {
        key,
        body,
        due_at: None,
        expires_at,
        when: When::Absent,
    }
}

/// The version that a put under this condition makes.
pub(super) fn after(when: When) -> u64 {
    match when {
        When::Absent => 1,
        When::Version(version) => version + 1,
    }
}

/// Too much contention: nothing was done.
pub(super) fn exhausted<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Throttled)
}

fn check(parts: &[Write]) -> Result<(), LedgerError> {
    if parts.len() > WRITE_LIMIT {
        return Err(LedgerError::Unfit {
            item: format!("a write of {} parts", parts.len()),
            why: format!("the limit is {WRITE_LIMIT}"),
        });
    }
    for (index, part) in parts.iter().enumerate() {
        let key = part.key();
        if key.pk.len() > PARTITION_LIMIT || key.sk.len() > PLACE_LIMIT {
            return Err(LedgerError::Unfit {
                item: key.pk.chars().take(80).collect(),
                why: format!("a key is limited to {PARTITION_LIMIT} bytes and {PLACE_LIMIT} bytes"),
            });
        }
        if parts.iter().skip(index + 1).any(|other| other.key() == key) {
            return Err(LedgerError::Unfit {
                item: format!("{}/{}", key.pk, key.sk),
                why: "one write names it twice".to_owned(),
            });
        }
    }
    Ok(())
}

/// A nonce for the table: the same only for the same command with the same parts. A repetition that decided otherwise after
/// reading again must not pass for the first one.
fn stamp(parts: &[Write], nonce: &str) -> String {
    let mut hash = Sha256::new();
    let mut feed = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    feed(nonce.as_bytes());
    for part in parts {
        let (tag, body, due_at, expires_at, when): (&[u8], &str, _, _, _) = match part {
            Write::Put {
                body,
                due_at,
                expires_at,
                when,
                ..
            } => (b"put", body, *due_at, *expires_at, when),
            Write::Delete { when, .. } => (b"delete", "", None, None, when),
            Write::Check { when, .. } => (b"check", "", None, None, when),
        };
        feed(tag);
        feed(part.key().pk.as_bytes());
        feed(part.key().sk.as_bytes());
        feed(body.as_bytes());
        feed(format!("{due_at:?} {expires_at:?} {when:?}").as_bytes());
    }
    rollcall_model::digest::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(version: u64, body: &str) -> Write {
        put(Key::new("A", "B"), body.to_owned(), When::Version(version))
    }

    #[test]
    fn another_decision_is_another_stamp() {
        let one = stamp(&[part(1, "{}")], "n");
        assert_eq!(one, stamp(&[part(1, "{}")], "n"));
        assert_ne!(one, stamp(&[part(2, "{}")], "n"));
        assert_ne!(one, stamp(&[part(1, "[]")], "n"));
        assert_ne!(one, stamp(&[part(1, "{}")], "m"));
    }

    #[test]
    fn a_write_over_the_limits_is_refused_by_name() {
        let many: Vec<Write> = (0..26)
            .map(|n| put(Key::new("A", n.to_string()), String::new(), When::Absent))
            .collect();
        assert!(check(&many[..25]).is_ok());
        assert!(check(&many).unwrap_err().to_string().contains("limit is 25"));
        for (pk, sk, fits) in [(2048, 1024, true), (2049, 1, false), (1, 1025, false)] {
            let key = Key::new("x".repeat(pk), "x".repeat(sk));
            assert_eq!(
                check(&[put(key, String::new(), When::Absent)]).is_ok(),
                fits,
                "{pk} {sk}"
            );
        }
        let twice = [part(1, "{}"), part(1, "[]")];
        assert!(check(&twice).unwrap_err().to_string().contains("twice"));
    }
}
