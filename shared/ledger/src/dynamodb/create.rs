//! The table's shape in code, for tests and local runs. A deployed stack makes the same table in its template.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use rollcall_model::LedgerError;
use rollcall_runtime::Clock;

use super::failure;
use super::item::DUE_INDEX;

const READY_TRIES: u32 = 600;
const READY_PAUSE: Duration = Duration::from_millis(50);

/// Makes the table, unless it is there, and waits until it takes requests: keys `pk` and `sk`, the index `due` (keys only),
/// paid by request, time to live on `expires`.
pub async fn create_table(client: &Client, name: &str, clock: &dyn Clock) -> Result<(), LedgerError> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(key("due_shard", KeyType::Hash)?)
        .key_schema(key("due_at", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .map_err(unbuilt)?;
    let sent = client
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("sk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("due_shard", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("due_at", ScalarAttributeType::N)?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(index)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    let existed = match sent {
        Ok(_) => false,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            true
        }
        Err(error) => return Err(failure("making the table", &error)),
    };
    wait_until_active(client, name, clock).await?;
    if existed {
        return Ok(());
    }
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires")
        .enabled(true)
        .build()
        .map_err(unbuilt)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(|error| failure("setting the time to live", &error))?;
    Ok(())
}

async fn wait_until_active(client: &Client, name: &str, clock: &dyn Clock) -> Result<(), LedgerError> {
    for _ in 0..READY_TRIES {
        let answer = client
            .describe_table()
            .table_name(name)
            .send()
            .await
            .map_err(|error| failure("looking at the table", &error))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        clock.sleep(READY_PAUSE).await;
    }
    Err(LedgerError::Unavailable(format!("table {name} did not become active")))
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, LedgerError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .map_err(unbuilt)
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, LedgerError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .map_err(unbuilt)
}

#[expect(clippy::needless_pass_by_value, reason = "this is what map_err hands over")]
fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> LedgerError {
    LedgerError::Unavailable(error.to_string())
}
