//! Files in an S3 bucket.
//!
//! Names become keys as they are, after a prefix. The SDK sends a checksum with every put, which a bucket with Object Lock
//! asks for.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ObjectLockMode;
use bytes::Bytes;
use jiff::Timestamp;
use rollcall_model::{FileError, Files};
use rollcall_runtime::Clock;

use crate::aws::{error_code, explain};
use crate::folder::is_name;

const DAY: i64 = 24 * 60 * 60;
/// As many bodies as one call removes.
const MOST_EXPIRED: usize = 1_000;

/// How long a body that is stored cannot be deleted or shortened in its time: Object Lock in compliance mode, which binds every
/// user of the account, its root included (S3 user guide, "Object Lock", retention modes). The bucket must have Object Lock on,
/// and the caller `s3:PutObjectRetention`.
#[derive(Clone)]
pub struct Retention {
    /// Whole days from the moment of storing.
    pub days: u32,
    /// Tells that moment.
    pub clock: Arc<dyn Clock>,
}

impl Retention {
    fn until(&self) -> DateTime {
        DateTime::from_secs(self.clock.now().as_second() + i64::from(self.days) * DAY)
    }
}

impl fmt::Debug for Retention {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Retention({} days)", self.days)
    }
}

/// Our [`Files`] in a bucket.
#[derive(Clone, Debug)]
pub struct S3Files {
    client: Client,
    bucket: String,
    prefix: String,
    retention: Option<Retention>,
}

impl S3Files {
    /// A bucket; `prefix` (empty, or ending in a slash) goes before every name.
    pub fn new(client: Client, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            prefix: prefix.into(),
            retention: None,
        }
    }

    /// The same bucket; whatever is stored through this is kept for so long. Storing a name again makes another version, which
    /// is kept as well.
    #[must_use]
    pub fn retaining(self, retention: Retention) -> Self {
        Self {
            retention: Some(retention),
            ..self
        }
    }

    fn address(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The same names as in a folder, so that a deployment can move from one to the other.
    fn key(&self, name: &str) -> Result<String, FileError> {
        if is_name(name) {
            Ok(self.address(name))
        } else {
            Err(FileError::Unavailable(format!("{name:?} is no file name")))
        }
    }
}

impl S3Files {
    /// Deletes the versions of a body by their ids: all, or all but the one that is read.
    async fn remove_versions(&self, name: &str, but_latest: bool) -> Result<(), FileError> {
        let key = self.key(name)?;
        let failed = |why: String| FileError::Unavailable(format!("removing {name}: {why}"));
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(&key)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| failed(explain(&error)))?;
            let versions = page
                .versions()
                .iter()
                .map(|one| (one.key(), one.version_id(), one.is_latest()));
            let markers = page
                .delete_markers()
                .iter()
                .map(|one| (one.key(), one.version_id(), one.is_latest()));
            for (of, version, latest) in versions.chain(markers) {
                if of != Some(key.as_str()) || (but_latest && latest == Some(true)) {
                    continue;
                }
                self.client
                    .delete_object()
                    .bucket(&self.bucket)
                    .key(&key)
                    .set_version_id(version.map(str::to_owned))
                    .send()
                    .await
                    .map_err(|error| failed(explain(&error)))?;
            }
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
            (key_marker, version_marker) = (page.next_key_marker, page.next_version_id_marker);
        }
    }
}

#[async_trait]
impl Files for S3Files {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        let key = self.key(name)?;
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(body))
            .set_object_lock_mode(self.retention.as_ref().map(|_| ObjectLockMode::Compliance))
            .set_object_lock_retain_until_date(self.retention.as_ref().map(Retention::until))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| FileError::Unavailable(format!("storing {name}: {}", explain(&error))))
    }

    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(self.key(name)?)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Err(FileError::Missing(name.to_owned()));
            }
            // S3 answers "access denied" for a missing key to whoever may not list the bucket (S3 API reference, GetObject,
            // Permissions), so this may mean that there is none; it is never taken for that.
            Err(error) if error_code(&error) == Some("AccessDenied") => {
                return Err(FileError::Unavailable(format!(
                    "reading {name}: {} (S3 says so of what is not there, too)",
                    explain(&error)
                )));
            }
            Err(error) => return Err(FileError::Unavailable(format!("reading {name}: {}", explain(&error)))),
        };
        let body = answer.body.collect().await;
        body.map(aws_sdk_s3::primitives::AggregatedBytes::into_bytes)
            .map_err(|error| FileError::Unavailable(format!("reading {name}: {error}")))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        let mut token = None;
        while names.len() < most {
            let answer = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(self.address(prefix))
                .set_start_after(after.map(|after| self.address(after)))
                .max_keys(i32::try_from((most - names.len()).min(1000)).unwrap_or(1000))
                .set_continuation_token(token)
                .send()
                .await
                .map_err(|error| FileError::Unavailable(format!("listing {prefix}: {}", explain(&error))))?;
            for object in answer.contents() {
                if let Some(name) = object.key().and_then(|key| key.strip_prefix(&self.prefix)) {
                    names.push(name.to_owned());
                }
            }
            token = answer.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        Ok(names)
    }

    /// A plain delete would leave the body behind as a noncurrent version (S3 user guide, "Deleting object versions from a
    /// versioning-enabled bucket"), so every version is deleted by its id, delete markers too.
    async fn remove(&self, name: &str) -> Result<(), FileError> {
        self.remove_versions(name, false).await
    }

    async fn replace(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        self.put(name, body).await?;
        self.remove_versions(name, true).await
    }

    /// Removes at most 1,000 in one call, so that it ends within a worker's time.
    async fn expire(&self, prefix: &str, before: Timestamp) -> Result<usize, FileError> {
        let failed = |why: String| FileError::Unavailable(format!("listing {prefix}: {why}"));
        let (mut removed, mut token) = (0, None);
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(self.address(prefix))
                .set_continuation_token(token)
                .send()
                .await
                .map_err(|error| failed(explain(&error)))?;
            for object in page.contents() {
                let stored = object.last_modified().map(DateTime::secs);
                let name = object.key().and_then(|key| key.strip_prefix(&self.prefix));
                if let Some(name) = name
                    && stored.is_some_and(|stored| stored < before.as_second())
                {
                    self.remove(name).await?;
                    removed += 1;
                    if removed == MOST_EXPIRED {
                        return Ok(removed);
                    }
                }
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(removed);
            }
        }
    }

    fn locate(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.address(name))
    }
}
