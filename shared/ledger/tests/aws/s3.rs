//! What we rely on from S3, asked of a local AWS. Each test says one promise by its name.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{config, required, unique};
use aws_sdk_s3::types::ObjectLockRetentionMode;
use bytes::Bytes;
use rollcall_ledger::aws;
use rollcall_ledger::s3::{Retention, S3Files};
use rollcall_model::{FileError, Files};
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Clock as _, SystemClock};

async fn new_files() -> (S3Files, String) {
    let client = aws::s3(&config(&required("ROLLCALL_TEST_AWS_URL")).await);
    let bucket = unique("files");
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    (S3Files::new(client, &bucket, "rollcall/"), bucket)
}

#[tokio::test]
async fn a_stored_body_reads_back_byte_for_byte() {
    let (files, _) = new_files().await;
    let body = Bytes::from((0..=255).cycle().take(300_000).collect::<Vec<u8>>());
    files.put("signals/0a1b", body.clone()).await.unwrap();
    assert_eq!(files.get("signals/0a1b").await.unwrap(), body);
    files.put("signals/empty", Bytes::new()).await.unwrap();
    assert_eq!(files.get("signals/empty").await.unwrap(), Bytes::new());
}

#[tokio::test]
async fn storing_the_same_again_is_no_error() {
    let (files, _) = new_files().await;
    for _ in 0..2 {
        files
            .put("receipts/run-1.json", Bytes::from_static(b"{}"))
            .await
            .unwrap();
    }
    assert_eq!(
        files.get("receipts/run-1.json").await.unwrap(),
        Bytes::from_static(b"{}")
    );
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let (files, _) = new_files().await;
    assert_eq!(
        files.get("signals/none").await,
        Err(FileError::Missing("signals/none".to_owned()))
    );
}

#[tokio::test]
async fn a_missing_bucket_is_not_taken_for_a_missing_file() {
    let client = aws::s3(&config(&required("ROLLCALL_TEST_AWS_URL")).await);
    let files = S3Files::new(client, unique("none"), "");
    let error = files.get("signals/none").await.unwrap_err();
    assert!(
        matches!(&error, FileError::Unavailable(why) if why.contains("NoSuchBucket")),
        "{error}"
    );
    assert!(files.put("signals/none", Bytes::new()).await.is_err());
}

#[tokio::test]
async fn people_find_a_file_by_its_address() {
    let (files, bucket) = new_files().await;
    assert_eq!(
        files.locate("receipts/run-1.json"),
        format!("s3://{bucket}/rollcall/receipts/run-1.json")
    );
}

#[tokio::test]
async fn what_is_stored_with_a_retention_cannot_be_deleted_in_its_time() {
    let client = aws::s3(&config(&required("ROLLCALL_TEST_AWS_URL")).await);
    let bucket = unique("locked");
    let create = client
        .create_bucket()
        .bucket(&bucket)
        .object_lock_enabled_for_bucket(true);
    create.send().await.unwrap();
    let retention = Retention {
        days: 30,
        clock: Arc::new(SystemClock),
    };
    let files = S3Files::new(client.clone(), &bucket, "").retaining(retention);
    let (name, body) = ("receipts/run-1.json", Bytes::from_static(b"{}"));
    files.put(name, body.clone()).await.unwrap();
    let kept = client
        .get_object_retention()
        .bucket(&bucket)
        .key(name)
        .send()
        .await
        .unwrap();
    let kept = kept.retention().unwrap();
    assert_eq!(kept.mode(), Some(&ObjectLockRetentionMode::Compliance));
    let days = (kept.retain_until_date().unwrap().secs() - SystemClock.now().as_second()) / 86_400;
    assert!((29..=30).contains(&days), "{days}");
    let stored = client.head_object().bucket(&bucket).key(name).send().await.unwrap();
    let version = stored.version_id().expect("a bucket with Object Lock has versions");
    let delete = client.delete_object().bucket(&bucket).key(name).version_id(version);
    assert!(
        delete.bypass_governance_retention(true).send().await.is_err(),
        "nobody can"
    );
    // Sealing again keeps another version, and the first one as well.
    files.put(name, body.clone()).await.unwrap();
    let all = client
        .list_object_versions()
        .bucket(&bucket)
        .prefix(name)
        .send()
        .await
        .unwrap();
    assert_eq!(all.versions().len(), 2);
    assert_eq!(files.get(name).await.unwrap(), body);
    // A bucket without Object Lock takes no receipt that it could not keep.
    let plain = unique("plain");
    client.create_bucket().bucket(&plain).send().await.unwrap();
    let retention = Retention {
        days: 30,
        clock: Arc::new(SystemClock),
    };
    let files = S3Files::new(client, &plain, "").retaining(retention);
    assert!(files.put(name, body).await.is_err());
}

#[tokio::test]
async fn what_was_stored_before_a_moment_is_removed_with_its_older_versions_and_nothing_beside_it() {
    let (files, bucket) = new_files().await;
    let client = aws::s3(&config(&required("ROLLCALL_TEST_AWS_URL")).await);
    let versioned = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    let kept = client.put_bucket_versioning().bucket(&bucket);
    kept.versioning_configuration(versioned).send().await.unwrap();
    for body in [&b"1"[..], b"2"] {
        files.put("kept/one", Bytes::from_static(body)).await.unwrap();
    }
    files.put("kept/two", Bytes::from_static(b"x")).await.unwrap();
    files.put("receipts/r", Bytes::from_static(b"x")).await.unwrap();
    let now = SystemClock.now();
    let earlier = now.checked_sub(Duration::from_hours(1)).unwrap();
    assert_eq!(files.expire("kept/", earlier).await.unwrap(), 0);
    let later = plus(now, Duration::from_hours(1));
    assert_eq!(files.expire("kept/", later).await.unwrap(), 2);
    assert_eq!(files.list("", None, 10).await.unwrap(), ["receipts/r"]);
    let left = client.list_object_versions().bucket(&bucket).send().await.unwrap();
    let left: Vec<_> = left.versions().iter().filter_map(|one| one.key()).collect();
    assert_eq!(left, ["rollcall/receipts/r"]);
    assert_eq!(files.expire("kept/", later).await.unwrap(), 0);
}
