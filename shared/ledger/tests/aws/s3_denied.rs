//! What S3 says only to a role that may not list its bucket, told to a scripted server: the local AWS does not say so.

use crate::support::scripted::{Reply, Scripted};
use bytes::Bytes;
use rollcall_ledger::aws::{self, SdkConfig};
use rollcall_ledger::s3::S3Files;
use rollcall_model::{FileError, Files};

/// The configuration with credentials of nobody, so that these tests need no environment.
async fn config(url: &str) -> SdkConfig {
    let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
    crate::support::config(url)
        .await
        .to_builder()
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(credentials))
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .build()
}

async fn files(reply: Reply) -> (S3Files, Scripted) {
    let server = Scripted::with(vec![reply]).await;
    let files = S3Files::new(aws::s3(&config(&server.url).await), "files", "");
    (files, server)
}

fn refused(status: u16, code: &str) -> Reply {
    Reply::answer(
        status,
        format!("<Error><Code>{code}</Code><Message>told to</Message></Error>"),
    )
}

/// Whoever may not list a bucket cannot tell a missing file from a forbidden one: neither is taken for the other, one call is
/// enough to hear it, and who reads the error is told what else it may mean.
#[tokio::test]
async fn a_denied_file_is_not_taken_for_a_missing_one() {
    let (files, server) = files(refused(403, "AccessDenied")).await;
    let error = files.get("kept/2026-03-02/sf-us/describe").await.unwrap_err();
    let expected =
        "reading kept/2026-03-02/sf-us/describe: AccessDenied: told to (S3 says so of what is not there, too)";
    assert_eq!(error, FileError::Unavailable(expected.to_owned()));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_missing_file_is_missing_to_whoever_may_know() {
    let (files, _) = files(refused(404, "NoSuchKey")).await;
    assert_eq!(
        files.get("lists/hold.csv").await,
        Err(FileError::Missing("lists/hold.csv".to_owned()))
    );
}

#[tokio::test]
async fn a_denied_write_speaks_of_nothing_missing() {
    let (files, _) = files(refused(403, "AccessDenied")).await;
    let error = files.put("lists/hold.csv", Bytes::new()).await.unwrap_err();
    let expected = "storing lists/hold.csv: AccessDenied: told to";
    assert_eq!(error, FileError::Unavailable(expected.to_owned()));
}
