//! Approve: the only role that may use the approval key. It signs what an approver decides and hands it to a worker, as a Lambda
//! function behind an HTTP API.

use rollcall_commands::remote::Door;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rollcall_console::log();
    rollcall_console::run(Door::Approve).await
}
