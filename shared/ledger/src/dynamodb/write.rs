//! Conditional writes: one part as a put or delete, several as a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use rollcall_model::LedgerError;

use super::item::{Attributes, attributes, is_gone, item_of, key_attributes, number, text};
use super::{DynamoTable, TRIES, failure, token};
use crate::aws::{error_code, is_throttling};
use crate::table::{Item, WRITE_LIMIT, When, Write, Written};

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// What must hold for a part, as DynamoDB is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// No item is there.
    Absent,
    /// The item has this version.
    Version(u64),
    /// Nothing but this expired item is there. The present moment is in no condition, so that a repeated transaction stays
    /// the same request; an expired item is recognised when it stands in the way, and then named.
    Expired {
        /// Its version.
        version: u64,
        /// Its writer.
        nonce: String,
    },
}

impl Condition {
    /// The condition that a part names.
    pub(super) fn of(part: &Write) -> Self {
        match when(part) {
            When::Absent => Self::Absent,
            When::Version(version) => Self::Version(version),
        }
    }

    fn expression(&self) -> &'static str {
        match self {
            Self::Absent => "attribute_not_exists(pk)",
            Self::Version(_) => "v = :v",
            Self::Expired { .. } => "v = :v AND nonce = :nonce",
        }
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        match self {
            Self::Absent => None,
            Self::Version(version) => Some(HashMap::from([(":v".to_owned(), number(version))])),
            Self::Expired { version, nonce } => Some(HashMap::from([
                (":v".to_owned(), number(version)),
                (":nonce".to_owned(), text(&**nonce)),
            ])),
        }
    }
}

/// A part whose condition failed, and what was there.
struct Refusal {
    part: usize,
    found: Option<Item>,
}

/// What became of one try.
enum Tried {
    Written,
    Refused(Vec<Refusal>),
    /// Another transaction was at work on one of the items, or we were asked to slow down. Nothing was written.
    Again,
    /// The token is known for another request.
    Mistaken,
}

impl DynamoTable {
    pub(super) async fn write_parts(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        if parts.is_empty() {
            return Ok(Written::All);
        }
        if parts.len() > WRITE_LIMIT {
            let text = format!("a write of {} parts is over the limit of {WRITE_LIMIT}", parts.len());
            return Err(LedgerError::Unavailable(text));
        }
        let mut conditions: Vec<Condition> = parts.iter().map(Condition::of).collect();
        let mut spare = 0;
        for tried in 1..=TRIES {
            match self.try_write(parts, &conditions, nonce, spare).await? {
                Tried::Written => return Ok(Written::All),
                Tried::Refused(refusals) => {
                    if let Some(refused) = judge(parts, &mut conditions, refusals, nonce, self.now()) {
                        return Ok(refused);
                    }
                }
                Tried::Mistaken => spare += 1,
                Tried::Again if tried < TRIES => self.pause(tried, nonce).await,
                Tried::Again => {}
            }
        }
        Err(LedgerError::Throttled)
    }

    async fn try_write(
        &self,
        parts: &[Write],
        conditions: &[Condition],
        nonce: &str,
        spare: u32,
    ) -> Result<Tried, LedgerError> {
        match (parts, conditions) {
            ([part @ Write::Put { .. }], [condition]) => self.try_put(part, condition, nonce).await,
            ([part @ Write::Delete { .. }], [condition]) => self.try_delete(part, condition).await,
            _ => self.try_transaction(parts, conditions, nonce, spare).await,
        }
    }

    async fn try_put(&self, part: &Write, condition: &Condition, nonce: &str) -> Result<Tried, LedgerError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(row(part, nonce))
            .condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Tried::Written),
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused)) => {
                    refusal(refused.item()).map(|found| Tried::Refused(vec![Refusal { part: 0, found }]))
                }
                _ => again_or(&error, "storing an item"),
            },
        }
    }

    async fn try_delete(&self, part: &Write, condition: &Condition) -> Result<Tried, LedgerError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(part.key())))
            .condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Tried::Written),
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException(
                    refused,
                )) => refusal(refused.item()).map(|found| Tried::Refused(vec![Refusal { part: 0, found }])),
                _ => again_or(&error, "removing an item"),
            },
        }
    }

    async fn try_transaction(
        &self,
        parts: &[Write],
        conditions: &[Condition],
        nonce: &str,
        spare: u32,
    ) -> Result<Tried, LedgerError> {
        let items = parts
            .iter()
            .zip(conditions)
            .map(|(part, condition)| self.transaction_item(part, condition, nonce))
            .collect::<Result<Vec<_>, _>>()?;
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token::request_token(&self.name, parts, conditions, nonce, spare))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Tried::Written),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled_for(cancelled.cancellation_reasons())
                        .unwrap_or_else(|| Err(failure("writing items", &error)))
                }
                Some(TransactWriteItemsError::IdempotentParameterMismatchException(_)) => Ok(Tried::Mistaken),
                _ => again_or(&error, "writing items"),
            },
        }
    }

    fn transaction_item(
        &self,
        part: &Write,
        condition: &Condition,
        nonce: &str,
    ) -> Result<TransactWriteItem, LedgerError> {
        let unbuilt = |error: aws_sdk_dynamodb::error::BuildError| LedgerError::Unavailable(error.to_string());
        let item = TransactWriteItem::builder();
        Ok(match part {
            Write::Put { .. } => item.put(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(row(part, nonce))
                    .condition_expression(condition.expression())
                    .set_expression_attribute_values(condition.values())
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Write::Delete { key, .. } => item.delete(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_attributes(key)))
                    .condition_expression(condition.expression())
                    .set_expression_attribute_values(condition.values())
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Write::Check { key, .. } => item.condition_check(
                ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_attributes(key)))
                    .condition_expression(condition.expression())
                    .set_expression_attribute_values(condition.values())
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .build()
                    .map_err(unbuilt)?,
            ),
        }
        .build())
    }
}

/// Sorts failed conditions: an item of our own nonce comes first, since it says that the whole write had happened; expired
/// items in the way of something new are named in the next try (then the answer is none); the rest is a refusal.
fn judge(
    parts: &[Write],
    conditions: &mut [Condition],
    refusals: Vec<Refusal>,
    nonce: &str,
    now: i64,
) -> Option<Written> {
    let ours = refusals.iter().position(|refusal| {
        let made = parts.get(refusal.part).and_then(version_made);
        refusal
            .found
            .as_ref()
            .is_some_and(|found| found.nonce == nonce && Some(found.version) == made)
    });
    if let Some(position) = ours {
        let Refusal { part, found } = refusals.into_iter().nth(position)?;
        return Some(Written::Refused { part, found });
    }
    let mut first = None;
    for Refusal { part, found } in refusals {
        let Some(condition) = conditions.get_mut(part) else {
            continue;
        };
        match (&*condition, found) {
            (Condition::Absent | Condition::Expired { .. }, Some(found)) if is_gone(&found, now) => {
                *condition = Condition::Expired {
                    version: found.version,
                    nonce: found.nonce,
                };
            }
            // The time to live was quicker.
            (Condition::Expired { .. }, None) => *condition = Condition::Absent,
            (_, found) => {
                let found = found.filter(|found| !is_gone(found, now));
                first.get_or_insert(Written::Refused { part, found });
            }
        }
    }
    first
}

fn when(part: &Write) -> When {
    match part {
        Write::Put { when, .. } | Write::Delete { when, .. } | Write::Check { when, .. } => *when,
    }
}

/// The version that a put makes.
fn version_made(part: &Write) -> Option<u64> {
    match part {
        Write::Put { when: When::Absent, .. } => Some(1),
        Write::Put {
            when: When::Version(version),
            ..
        } => Some(version.saturating_add(1)),
        Write::Delete { .. } | Write::Check { .. } => None,
    }
}

fn row(part: &Write, nonce: &str) -> Option<Attributes> {
    let Write::Put {
        key,
        body,
        due_at,
        expires_at,
        ..
    } = part
    else {
        return None;
    };
    Some(attributes(key, version_made(part)?, nonce, body, *due_at, *expires_at))
}

fn refusal(row: Option<&Attributes>) -> Result<Option<Item>, LedgerError> {
    row.filter(|row| !row.is_empty()).map(item_of).transpose()
}

/// What a cancelled transaction means; none when it is an error that no repetition mends.
fn cancelled_for(reasons: &[CancellationReason]) -> Option<Result<Tried, LedgerError>> {
    let failed = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    let refusals: Result<Vec<Refusal>, LedgerError> = failed
        .map(|(part, reason)| refusal(reason.item()).map(|found| Refusal { part, found }))
        .collect();
    match refusals {
        Err(error) => return Some(Err(error)),
        Ok(refusals) if !refusals.is_empty() => return Some(Ok(Tried::Refused(refusals))),
        Ok(_) => {}
    }
    let passing = |code: &str| code == "TransactionConflict" || is_throttling(code);
    let mut troubles = reasons
        .iter()
        .filter_map(CancellationReason::code)
        .filter(|code| *code != "None")
        .peekable();
    (troubles.peek().is_some() && troubles.all(passing)).then_some(Ok(Tried::Again))
}

/// A conflict or a request to slow down is tried again; anything else is an error.
fn again_or<E, R>(error: &SdkError<E, R>, doing: &str) -> Result<Tried, LedgerError>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Send + Sync + std::fmt::Debug + 'static,
{
    match error_code(error) {
        Some(
            "TransactionConflictException" | "TransactionInProgressException" | "ReplicatedWriteConflictException",
        ) => Ok(Tried::Again),
        Some(code) if is_throttling(code) => Ok(Tried::Again),
        _ => Err(failure(doing, error)),
    }
}

#[cfg(test)]
mod tests;
