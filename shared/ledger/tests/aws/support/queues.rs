//! Queues of the local AWS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use rollcall_ledger::aws;
use rollcall_ledger::sqs::LaneUrls;
use rollcall_model::Lane;

use super::{config, required, unique};

pub(crate) async fn client() -> Client {
    aws::sqs(&config(&required("ROLLCALL_TEST_AWS_URL")).await)
}

pub(crate) async fn create(client: &Client, name: &str, attribute: Option<(QueueAttributeName, String)>) -> String {
    let mut request = client.create_queue().queue_name(name);
    if let Some((name, value)) = attribute {
        request = request.attributes(name, value);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

/// A new queue for a lane, and its dead letters, which get a message after so many deliveries.
pub(crate) async fn lane(client: &Client, lane: Lane, max_receives: u32) -> LaneUrls {
    let name = unique(lane.as_str());
    let dead = create(client, &format!("{name}-dead"), None).await;
    let about = client
        .get_queue_attributes()
        .queue_url(&dead)
        .attribute_names(QueueAttributeName::QueueArn);
    let arn = about
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap()
        .remove(&QueueAttributeName::QueueArn)
        .unwrap();
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":\"{max_receives}\"}}");
    let queue = create(client, &name, Some((QueueAttributeName::RedrivePolicy, policy))).await;
    LaneUrls {
        queue,
        dead: Some(dead),
    }
}
