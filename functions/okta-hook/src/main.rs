//! The door for Okta event hooks, as a Lambda function behind an HTTP API.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rollcall_door_lambda::run(rollcall_inbound::Source::Okta).await
}
