//! The console: runs what operators ask a stack for, or hands it to a worker, as a Lambda function behind an HTTP API.

use rollcall_commands::remote::Door;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rollcall_console::log();
    rollcall_console::run(Door::Console).await
}
