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
use rollcall_model::{FileError, Files};
use rollcall_runtime::Clock;

use crate::aws::{error_code, explain};
use crate::folder::is_name;

const DAY: i64 = 24 * 60 * 60;

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

    fn locate(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.address(name))
    }
}
