//! Files in an S3 bucket.
//!
//! Names become keys as they are, after a prefix. The SDK sends a checksum with every put, which a bucket with Object Lock
//! asks for.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use rollcall_model::{FileError, Files};

use crate::aws::explain;
use crate::folder::is_name;

/// Our [`Files`] in a bucket.
#[derive(Clone, Debug)]
pub struct S3Files {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Files {
    /// A bucket; `prefix` (empty, or ending in a slash) goes before every name.
    pub fn new(client: Client, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            prefix: prefix.into(),
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
