//! The door for OneLogin event webhooks, as a Lambda function behind an HTTP API.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rollcall_door_lambda::run(rollcall_inbound::Source::Onelogin).await
}
