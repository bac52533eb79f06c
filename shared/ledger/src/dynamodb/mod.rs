//! The ledger's table in DynamoDB.
//!
//! One table, string keys `pk` and `sk`, a sparse index `due`, a time to live on `expires`; [`create_table`] says it in code.
//! A write of one part is one conditional put or delete; a write of several is one transaction. Both ask for the item that
//! was in the way (`ReturnValuesOnConditionCheckFailure`), so that a loser learns the state without another read.
//!
//! What is relied on, and tested against Amazon's DynamoDB Local in `tests/aws/dynamodb.rs`: conditions are judged on the newest
//! item; a transaction happens whole or not at all; the same request token makes a repeated transaction answer as the first
//! one did; a put that the SDK repeats after a lost answer finds its own nonce.

mod create;
mod item;
mod token;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;
use rollcall_model::LedgerError;
use rollcall_runtime::Clock;

pub use self::create::create_table;
use self::item::{Attributes, is_gone, item_of, key_attributes, key_of, number, number_of, text};
pub use self::item::{DUE_INDEX, DUE_SHARDS};
use crate::aws::{error_code, explain, is_throttling};
use crate::table::{Item, Key, Table, Write, Written};

/// The most keys of one `BatchGetItem` (DynamoDB API reference, BatchGetItem).
const BATCH_GET_LIMIT: usize = 100;
/// How often a conflict or a request to slow down is tried here, after the SDK's own tries.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Our [`Table`] in one DynamoDB table.
#[derive(Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
    clock: Arc<dyn Clock>,
}

impl DynamoTable {
    /// A table by its name; the clock says what has expired, and waits between tries.
    pub fn new(client: Client, name: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            name: name.into(),
            clock,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Waits before the next try: longer each time, and apart from other writers by what `seed` makes of it.
    async fn pause(&self, tried: u32, seed: &str) {
        self.clock.sleep(pause_after(tried, seed)).await;
    }

    async fn get_one(&self, key: &Key) -> Result<Option<Item>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failure("reading an item", &error))?;
        let now = self.now();
        let item = answer
            .item
            .as_ref()
            .filter(|row| !row.is_empty())
            .map(item_of)
            .transpose()?;
        Ok(item.filter(|item| !is_gone(item, now)))
    }

    async fn get_batch(&self, keys: &[&Key], found: &mut BTreeMap<Key, Item>) -> Result<(), LedgerError> {
        let mut wanted: Vec<Attributes> = keys.iter().map(|key| key_attributes(key)).collect();
        let mut fruitless = 0;
        while !wanted.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted.clone()))
                .consistent_read(true)
                .build()
                .map_err(|error| LedgerError::Unavailable(error.to_string()))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.name, request)
                .send()
                .await
                .map_err(|error| failure("reading items", &error))?;
            for row in answer.responses.iter().flat_map(|tables| tables.values()).flatten() {
                let item = item_of(row)?;
                found.insert(item.key.clone(), item);
            }
            let left: Vec<Attributes> = answer
                .unprocessed_keys
                .into_iter()
                .flat_map(std::collections::HashMap::into_values)
                .flat_map(|rest| rest.keys)
                .collect();
            // Keys come back when an answer would exceed 16 MB, or when the table is throttled: then nothing was read.
            if left.len() == wanted.len() {
                fruitless += 1;
                if fruitless >= TRIES {
                    return Err(LedgerError::Throttled);
                }
                self.pause(fruitless, &self.name).await;
            }
            wanted = left;
        }
        Ok(())
    }

    /// What is due in one partition of the index. The index holds keys only: the items are read from the table.
    async fn due_keys(&self, shard: u32, now: i64, most: usize) -> Result<Vec<(i64, Key)>, LedgerError> {
        let mut keys = Vec::new();
        let mut start = None;
        while keys.len() < most {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(DUE_INDEX)
                .key_condition_expression("due_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", text(shard.to_string()))
                .expression_attribute_values(":now", number(now))
                .limit(page_size(most - keys.len()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| failure("reading what is due", &error))?;
            for row in answer.items() {
                keys.push((number_of(row, "due_at").unwrap_or(now), key_of(row)?));
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(keys)
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        self.write_parts(parts, nonce).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        if let [key] = keys {
            return Ok(vec![self.get_one(key).await?]);
        }
        // A batch may not name a key twice.
        let unique: std::collections::BTreeSet<&Key> = keys.iter().collect();
        let unique: Vec<&Key> = unique.into_iter().collect();
        let mut found = BTreeMap::new();
        for batch in unique.chunks(BATCH_GET_LIMIT) {
            self.get_batch(batch, &mut found).await?;
        }
        let now = self.now();
        Ok(keys
            .iter()
            .map(|key| found.get(key).filter(|item| !is_gone(item, now)).cloned())
            .collect())
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        let mut items = Vec::new();
        let mut start = None;
        while items.len() < most {
            let mut request = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(!backwards)
                .expression_attribute_values(":pk", text(pk))
                .limit(page_size(most - items.len()))
                .set_exclusive_start_key(start);
            // A key condition may not compare with an empty text.
            request = if prefix.is_empty() {
                request.key_condition_expression("pk = :pk")
            } else {
                request
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", text(prefix))
            };
            let answer = request
                .send()
                .await
                .map_err(|error| failure("reading a partition", &error))?;
            let now = self.now();
            for row in answer.items() {
                let item = item_of(row)?;
                if !is_gone(&item, now) && items.len() < most {
                    items.push(item);
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        let answer = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(page_size(most))
            .set_exclusive_start_key(after.map(key_attributes))
            .send()
            .await
            .map_err(|error| failure("reading the table", &error))?;
        let now = self.now();
        let mut items = Vec::new();
        for row in answer.items() {
            let item = item_of(row)?;
            if !is_gone(&item, now) {
                items.push(item);
            }
        }
        // A page may be empty and yet not be the last one.
        let next = answer.last_evaluated_key.as_ref().map(key_of).transpose()?;
        Ok((items, next))
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.due_keys(shard, now, most))).await?;
        let mut keys: Vec<(i64, Key)> = shards.into_iter().flatten().collect();
        keys.sort();
        keys.truncate(most);
        let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
        // The index runs behind the table; what was settled meanwhile is left out.
        let mut items: Vec<Item> = self
            .get(&keys)
            .await?
            .into_iter()
            .flatten()
            .filter(|item| item.due_at.is_some_and(|due_at| due_at <= now))
            .collect();
        items.sort_by(|one, other| (one.due_at, &one.key).cmp(&(other.due_at, &other.key)));
        Ok(items)
    }
}

/// Our error for one of the SDK's.
fn failure<E, R>(doing: &str, error: &SdkError<E, R>) -> LedgerError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Send + Sync + std::fmt::Debug + 'static,
{
    match error_code(error) {
        Some(code) if is_throttling(code) => LedgerError::Throttled,
        _ => LedgerError::Unavailable(format!("{doing}: {}", explain(error))),
    }
}

fn page_size(most: usize) -> i32 {
    i32::try_from(most.clamp(1, 1000)).unwrap_or(1000)
}

/// Doubles with each try; between half and all of it, as `seed` decides, so that writers in conflict part.
fn pause_after(tried: u32, seed: &str) -> Duration {
    let full = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1)))
        .min(LONGEST_PAUSE);
    let share = token::fraction(seed, tried);
    full / 2 + (full / 2).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_bounded_and_differ_between_writers() {
        for tried in 1..=TRIES {
            let pause = pause_after(tried, "one");
            assert!(pause <= LONGEST_PAUSE && pause >= FIRST_PAUSE / 2, "{pause:?}");
        }
        assert!(pause_after(4, "one") > pause_after(1, "one"));
        assert_ne!(pause_after(3, "one"), pause_after(3, "two"));
    }
}
