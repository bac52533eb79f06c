//! A door over a queue and a file store that remember what they were given and fail when told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use rollcall_inbound::{Door, DoorRequest, DoorSettings, Source};
use rollcall_model::{Delivery, FileError, Files, Lane, Queue, QueueError};
use rollcall_runtime::{Clock, Secret};

pub(crate) const SECRET: &str = "Bearer planted-current-secret";
pub(crate) const PREVIOUS: &str = "Bearer planted-previous-secret";

/// What was sent, in calls.
#[derive(Default)]
pub(crate) struct Backend {
    pub(crate) sends: Mutex<Vec<(Lane, Vec<String>)>>,
    pub(crate) files: Mutex<Vec<(String, Bytes)>>,
    pub(crate) failing_lane: Option<Lane>,
    pub(crate) failing_files: bool,
    pub(crate) panics: bool,
}

#[async_trait]
impl Queue for Backend {
    async fn send(&self, lane: Lane, bodies: &[String], _delay: Duration) -> Result<(), QueueError> {
        assert!(!self.panics, "planted panic: {}", bodies[0]);
        if self.failing_lane == Some(lane) {
            return Err(QueueError::Unavailable("throttled".to_owned()));
        }
        self.sends.lock().unwrap().push((lane, bodies.to_vec()));
        Ok(())
    }
    async fn receive(&self, _: Lane, _: usize, _: Duration) -> Result<Vec<Delivery>, QueueError> {
        unreachable!("a door only sends")
    }
    async fn acknowledge(&self, _: Lane, _: &Delivery) -> Result<(), QueueError> {
        unreachable!("a door only sends")
    }
    async fn give_back(&self, _: Lane, _: &Delivery, _: Duration) -> Result<(), QueueError> {
        unreachable!("a door only sends")
    }
    async fn dead(&self, _: Lane, _: usize) -> Result<Vec<Delivery>, QueueError> {
        unreachable!("a door only sends")
    }
    async fn redrive(&self, _: Lane) -> Result<usize, QueueError> {
        unreachable!("a door only sends")
    }
}

#[async_trait]
impl Files for Backend {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        if self.failing_files {
            return Err(FileError::Unavailable("throttled".to_owned()));
        }
        self.files.lock().unwrap().push((name.to_owned(), body));
        Ok(())
    }
    async fn get(&self, _: &str) -> Result<Bytes, FileError> {
        unreachable!("a door only stores")
    }
    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

pub(crate) struct Noon;

#[async_trait]
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }
    async fn sleep(&self, _: Duration) {}
}

pub(crate) fn settings(source: Source) -> DoorSettings {
    DoorSettings {
        source,
        connection: "main".into(),
        path: "/hook".to_owned(),
        header: http::header::AUTHORIZATION,
        current: Secret::new(SECRET),
        previous: Some(Secret::new(PREVIOUS)),
    }
}

pub(crate) fn door(source: Source, backend: &Arc<Backend>) -> Door {
    Door::new(&settings(source), backend.clone(), backend.clone(), Arc::new(Noon)).unwrap()
}

pub(crate) fn request(method: Method, path: &str, secret: Option<&str>, body: impl Into<Bytes>) -> DoorRequest {
    let mut headers = HeaderMap::new();
    if let Some(secret) = secret {
        headers.insert(http::header::AUTHORIZATION, secret.parse().unwrap());
    }
    DoorRequest {
        method,
        path: path.to_owned(),
        headers,
        body: body.into(),
    }
}

pub(crate) fn okta_body(elements: &[&str]) -> String {
    format!(
        "{{\"eventType\":\"com.okta.event_hook\",\"data\":{{\"events\":[{}]}}}}",
        elements.join(",")
    )
}
