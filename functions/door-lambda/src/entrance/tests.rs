use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use rollcall_inbound::Source;
use rollcall_model::{Delivery, FileError, Lane, QueueError};
use rollcall_runtime::Secret;
use rollcall_runtime::secrets::RemoteSecrets;

use super::*;

/// A store of secrets whose values change, counting how often it is asked.
#[derive(Default)]
struct Store {
    values: Mutex<BTreeMap<String, String>>,
    asked: AtomicUsize,
    forgotten: AtomicUsize,
}

#[async_trait]
impl RemoteSecrets for Store {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let value = self.values.lock().unwrap().get(&reference.to_string()).cloned();
        value
            .map(Secret::new)
            .ok_or_else(|| SecretError::Missing(reference.clone()))
    }
}

impl Store {
    fn set(&self, name: &str, value: Option<&str>) {
        let mut values = self.values.lock().unwrap();
        match value {
            Some(value) => values.insert(name.to_owned(), value.to_owned()),
            None => values.remove(name),
        };
    }
}

#[derive(Default)]
struct Seconds(AtomicI64);

#[async_trait]
impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
    async fn sleep(&self, _: Duration) {}
}

/// Takes everything.
struct Sink;

#[async_trait]
impl Queue for Sink {
    async fn send(&self, _: Lane, _: &[String], _: Duration) -> Result<(), QueueError> {
        Ok(())
    }
    async fn receive(&self, _: Lane, _: usize, _: Duration) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }
    async fn acknowledge(&self, _: Lane, _: &Delivery) -> Result<(), QueueError> {
        Ok(())
    }
    async fn give_back(&self, _: Lane, _: &Delivery, _: Duration) -> Result<(), QueueError> {
        Ok(())
    }
    async fn dead(&self, _: Lane, _: usize) -> Result<Vec<Delivery>, QueueError> {
        Ok(Vec::new())
    }
    async fn redrive(&self, _: Lane) -> Result<usize, QueueError> {
        Ok(0)
    }
}

#[async_trait]
impl Files for Sink {
    async fn put(&self, _: &str, _: Bytes) -> Result<(), FileError> {
        Ok(())
    }
    async fn get(&self, name: &str) -> Result<Bytes, FileError> {
        Err(FileError::Missing(name.to_owned()))
    }
    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct World {
    store: Arc<Store>,
    clock: Arc<Seconds>,
}

impl World {
    fn new() -> Self {
        let world = Self {
            store: Arc::default(),
            clock: Arc::default(),
        };
        world.store.set("ssm:/hook", Some("first"));
        world
    }

    async fn open(&self, previous: Option<&str>) -> Result<Entrance, EntranceError> {
        let settings = Settings {
            source: Source::Onelogin,
            connection: "main".into(),
            path: "/hook".to_owned(),
            header: http::header::AUTHORIZATION,
            secret: SecretRef::Ssm("/hook".to_owned()),
            previous: previous.map(|name| SecretRef::Ssm(name.to_owned())),
            queues: BTreeMap::new(),
            bucket: "b".to_owned(),
        };
        let store = self.store.clone();
        let parts = Parts {
            queue: Arc::new(Sink),
            files: Arc::new(Sink),
            clock: self.clock.clone(),
            secrets: Secrets::with_remote(self.store.clone()),
            forget: Arc::new(move |_| {
                store.forgotten.fetch_add(1, Ordering::Relaxed);
            }),
        };
        Entrance::open(settings, parts).await
    }
}

async fn status(entrance: &Entrance, secret: &str) -> u16 {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, secret.parse().unwrap());
    let request = DoorRequest {
        method: Method::POST,
        path: "/hook".to_owned(),
        headers,
        body: Bytes::from_static(b"[]"),
    };
    entrance.handle(request).await.status.as_u16()
}

#[tokio::test]
async fn a_secret_rotated_under_a_warm_function_is_accepted_by_the_same_request() {
    let world = World::new();
    let entrance = world.open(None).await.unwrap();
    assert_eq!(status(&entrance, "first").await, 200);
    world.store.set("ssm:/hook", Some("second"));
    world.clock.0.store(61, Ordering::Relaxed);
    assert_eq!(status(&entrance, "second").await, 200);
    assert_eq!(world.store.forgotten.load(Ordering::Relaxed), 1);
    assert_eq!(status(&entrance, "first").await, 401);
}

#[tokio::test]
async fn wrong_requests_reach_the_store_once_a_minute_at_most() {
    let world = World::new();
    let entrance = world.open(None).await.unwrap();
    for (second, asked) in [(1, 1), (59, 1), (60, 2), (61, 2), (119, 2), (120, 3)] {
        world.clock.0.store(second, Ordering::Relaxed);
        assert_eq!(status(&entrance, "guess").await, 401);
        assert_eq!(world.store.asked.load(Ordering::Relaxed), asked, "at {second}");
    }
    assert_eq!(status(&entrance, "first").await, 200);
}

#[tokio::test]
async fn a_store_that_fails_leaves_the_old_secret_in_force() {
    let world = World::new();
    let entrance = world.open(None).await.unwrap();
    world.store.set("ssm:/hook", None);
    world.clock.0.store(61, Ordering::Relaxed);
    assert_eq!(status(&entrance, "guess").await, 401);
    assert_eq!(status(&entrance, "first").await, 200);
}

#[tokio::test]
async fn both_secrets_open_the_door_and_a_bad_one_keeps_it_shut() {
    let world = World::new();
    world.store.set("ssm:/old", Some("zeroth"));
    let entrance = world.open(Some("/old")).await.unwrap();
    assert_eq!(
        (status(&entrance, "first").await, status(&entrance, "zeroth").await),
        (200, 200)
    );
    world.store.set("ssm:/old", Some("with a break\n"));
    assert_eq!(
        world.open(Some("/old")).await.err().unwrap().code(),
        codes::CONFIG_SECRET_UNUSABLE
    );
    world.store.set("ssm:/old", None);
    let error = world.open(Some("/old")).await.err().unwrap();
    assert_eq!(
        (error.code(), error.to_string().contains("ssm:/old")),
        (codes::CONFIG_SECRET, true)
    );
}

/// The vendor delivers with this secret, to a function that has been warm for long and to one that starts now.
async fn delivered(world: &World, warm: &Entrance, previous: Option<&str>, secret: &str) -> (u16, u16) {
    let cold = world.open(previous).await.unwrap();
    (status(warm, secret).await, status(&cold, secret).await)
}

/// Somebody guesses, so that the function has just looked at the store of secrets; then this much time passes.
async fn guesses(world: &World, warm: &Entrance, seconds: i64) {
    world.clock.0.fetch_add(61, Ordering::Relaxed);
    assert_eq!(status(warm, "guess").await, 401);
    world.clock.0.fetch_add(seconds, Ordering::Relaxed);
}

const PREVIOUS: Option<&str> = Some("/hook-previous");

/// The first two steps of docs/runbooks/rotate-secrets.md: the present secret also as the previous one, and functions that know
/// of both; then the new secret.
async fn both_are_stored(world: &World) -> Entrance {
    world.store.set("ssm:/hook-previous", Some("first"));
    let warm = world.open(PREVIOUS).await.unwrap();
    assert_eq!(delivered(world, &warm, PREVIOUS, "first").await, (200, 200));
    guesses(world, &warm, 1).await;
    world.store.set("ssm:/hook", Some("second"));
    assert_eq!(
        delivered(world, &warm, PREVIOUS, "first").await,
        (200, 200),
        "the vendor still sends the old one"
    );
    warm
}

#[tokio::test]
async fn a_rotation_in_the_order_of_the_runbook_refuses_no_event_beside_somebody_who_guesses() {
    let world = World::new();
    let warm = both_are_stored(&world).await;
    // Two minutes: whatever a guess has made the function look at before is looked at again.
    world.clock.0.fetch_add(120, Ordering::Relaxed);
    guesses(&world, &warm, 1).await;
    // The vendor changes over; what it had under way comes with the old secret.
    for secret in ["second", "first", "second"] {
        assert_eq!(delivered(&world, &warm, PREVIOUS, secret).await, (200, 200), "{secret}");
    }
    // The functions are deployed without the previous one, which then is removed.
    let warm = world.open(None).await.unwrap();
    world.store.set("ssm:/hook-previous", None);
    assert_eq!(delivered(&world, &warm, None, "second").await, (200, 200));
    guesses(&world, &warm, 61).await;
    assert_eq!(
        delivered(&world, &warm, None, "first").await,
        (401, 401),
        "the old one opens nothing any more"
    );
}

#[tokio::test]
async fn a_vendor_that_changes_over_at_once_may_lose_an_event_while_somebody_guesses() {
    // This is why the runbook waits.
    let world = World::new();
    let warm = both_are_stored(&world).await;
    assert_eq!(
        status(&warm, "second").await,
        401,
        "it looked at the store a second before"
    );
    world.clock.0.fetch_add(61, Ordering::Relaxed);
    assert_eq!(status(&warm, "second").await, 200);
}
