//! Tables: what the commands rely on.

use std::sync::Arc;

use futures::future::join_all;

use crate::table::{Item, Key, Table, WRITE_LIMIT, When, Write, Written};

/// A table under test.
#[derive(Clone)]
pub struct TableBench {
    /// The table.
    pub table: Arc<dyn Table>,
    /// In every partition that a promise makes.
    pub tag: String,
}

impl TableBench {
    fn key(&self, name: &str) -> Key {
        Key::new(format!("{}-{name}", self.tag), "item")
    }

    async fn write(&self, parts: &[Write], nonce: &str) -> Written {
        self.table.write(parts, nonce).await.unwrap()
    }

    async fn one(&self, key: &Key) -> Option<Item> {
        let keys = std::slice::from_ref(key);
        self.table.get(keys).await.unwrap().remove(0)
    }
}

fn put(key: &Key, body: &str, when: When) -> Write {
    due(key, body, None, when)
}

fn due(key: &Key, body: &str, due_at: Option<i64>, when: When) -> Write {
    Write::Put {
        key: key.clone(),
        body: body.to_owned(),
        due_at,
        expires_at: None,
        when,
    }
}

/// Versions grow by one from 1, and a write that names an old one is refused with what is there.
pub async fn versions_grow_and_fence(bench: &TableBench) {
    let key = bench.key("versions");
    assert_eq!(bench.one(&key).await, None);
    let refused = bench.write(&[put(&key, "{}", When::Version(1))], "a").await;
    assert_eq!(refused, Written::Refused { part: 0, found: None });
    let first = put(&key, "{\"n\":1}", When::Absent);
    assert_eq!(bench.write(&[first], "b").await, Written::All);
    let second = put(&key, "{\"n\":2}", When::Version(1));
    assert_eq!(bench.write(&[second], "c").await, Written::All);
    let item = bench.one(&key).await.unwrap();
    assert_eq!((item.version, item.body.as_str()), (2, "{\"n\":2}"));
    assert_eq!(item.nonce, "c");
    for when in [When::Absent, When::Version(1), When::Version(3)] {
        let refused = bench.write(&[put(&key, "{}", when)], "d").await;
        let found = Some(item.clone());
        assert_eq!(refused, Written::Refused { part: 0, found });
    }
    let gone = Write::Delete {
        key: key.clone(),
        when: When::Version(2),
    };
    assert_eq!(bench.write(&[gone], "e").await, Written::All);
    assert_eq!(bench.one(&key).await, None);
}

/// One condition that fails stops all parts, whichever it is.
pub async fn all_parts_are_written_or_none(bench: &TableBench) {
    let keys: Vec<Key> = (0..WRITE_LIMIT)
        .map(|number| bench.key(&format!("all-{number}")))
        .collect();
    let gate = bench.key("all-gate");
    for bad in [0, 12, WRITE_LIMIT - 1] {
        let mut parts: Vec<_> = keys.iter().map(|key| put(key, "{}", When::Absent)).collect();
        parts[bad] = Write::Check {
            key: gate.clone(),
            when: When::Version(1),
        };
        let refused = bench.write(&parts, &format!("bad {bad}")).await;
        let found = None;
        assert_eq!(refused, Written::Refused { part: bad, found });
        let items = bench.table.get(&keys).await.unwrap();
        assert!(items.iter().all(Option::is_none), "none was written");
    }
    bench.write(&[put(&gate, "{}", When::Absent)], "gate").await;
    let mut parts: Vec<_> = keys.iter().map(|key| put(key, "{}", When::Absent)).collect();
    parts[7] = Write::Check {
        key: gate.clone(),
        when: When::Version(1),
    };
    assert_eq!(bench.write(&parts, "good").await, Written::All);
    let items = bench.table.get(&keys).await.unwrap();
    assert_eq!(items.iter().flatten().count(), WRITE_LIMIT - 1);
    assert_eq!(bench.one(&gate).await.unwrap().version, 1, "a check writes nothing");
}

/// The same write again, after an answer was lost, is recognisable and happens once.
pub async fn a_repeated_write_is_recognisable(bench: &TableBench) {
    let (one, two) = (bench.key("again-1"), bench.key("again-2"));
    for parts in [
        vec![put(&one, "{}", When::Absent)],
        vec![put(&one, "{}", When::Version(1)), put(&two, "{}", When::Absent)],
    ] {
        let nonce = format!("nonce-{}", parts.len());
        assert_eq!(bench.write(&parts, &nonce).await, Written::All);
        match bench.write(&parts, &nonce).await {
            Written::All => {}
            Written::Refused { found, .. } => assert_eq!(found.unwrap().nonce, nonce),
        }
        let version = bench.one(&one).await.unwrap().version;
        assert_eq!(version, parts.len() as u64, "it happened once");
    }
}

/// Of many writes under the same version, one happens.
pub async fn one_of_many_writes_happens(bench: &TableBench) {
    let (key, beside) = (bench.key("many"), bench.key("many-beside"));
    bench.write(&[put(&key, "{}", When::Absent)], "first").await;
    let answers = join_all((0..10).map(|number| {
        let parts = [
            put(&key, &number.to_string(), When::Version(1)),
            Write::Check {
                key: beside.clone(),
                when: When::Absent,
            },
        ];
        async move { bench.write(&parts, &format!("n{number}")).await }
    }))
    .await;
    let won = answers.iter().filter(|answer| **answer == Written::All);
    assert_eq!(won.count(), 1);
    assert_eq!(bench.one(&key).await.unwrap().version, 2);
}

/// A partition is read by prefix, in order of bytes, from either end, as many as asked for; long ones whole.
pub async fn a_partition_is_read_by_prefix_in_order(bench: &TableBench) {
    let pk = format!("{}-query", bench.tag);
    let places = ["A", "B#", "B#1", "B#10", "B#2", "B#é", "B#日", "B#🦀", "C"];
    for place in places {
        let key = Key::new(&pk, place);
        bench.write(&[put(&key, "{}", When::Absent)], place).await;
    }
    let read = async |prefix: &str, backwards, most| {
        let items = bench.table.query(&pk, prefix, backwards, most).await.unwrap();
        items.into_iter().map(|item| item.key.sk).collect::<Vec<_>>()
    };
    assert_eq!(read("B#", false, 100).await, places[1..8]);
    assert_eq!(read("B#", true, 2).await, ["B#🦀", "B#日"]);
    assert_eq!(read("B#1", false, 100).await, ["B#1", "B#10"]);
    assert_eq!(read("", false, 100).await, places);
    assert_eq!(read("D", false, 100).await, [""; 0]);
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(90_000));
    let pk = format!("{}-long", bench.tag);
    for number in 0..30 {
        let key = Key::new(&pk, format!("L{number:02}"));
        bench.write(&[put(&key, &long, When::Absent)], &key.sk).await;
    }
    let items = bench.table.query(&pk, "L", false, 1_000_000).await.unwrap();
    assert_eq!(items.len(), 30);
    assert!(items.iter().all(|item| item.body == long));
    let keys: Vec<Key> = (0..120).map(|n| Key::new(&pk, format!("L{n:02}"))).collect();
    let got = bench.table.get(&keys).await.unwrap();
    assert_eq!(got.len(), 120);
    assert!(got[..30].iter().all(Option::is_some) && got[30..].iter().all(Option::is_none));
}

/// Items are due when their time has come, earliest first, until a write takes that away.
pub async fn items_are_due_earliest_first(bench: &TableBench) {
    let keys: Vec<Key> = (0..3).map(|n| bench.key(&format!("due-{n}"))).collect();
    let times = [3000, 1000, 2000];
    for (key, time) in keys.iter().zip(times) {
        let part = due(key, "{}", Some(time), When::Absent);
        bench.write(&[part], &key.pk).await;
    }
    let listed = async |now| {
        let mut due = bench.table.due(now, 100_000).await.unwrap();
        due.retain(|item| keys.contains(&item.key));
        due.into_iter().map(|item| item.due_at.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(listed(999).await, [0; 0]);
    assert_eq!(listed(2000).await, [1000, 2000]);
    assert_eq!(listed(9999).await, [1000, 2000, 3000]);
    bench.write(&[put(&keys[1], "{}", When::Version(1))], "undue").await;
    let later = due(&keys[2], "{}", Some(2500), When::Version(1));
    bench.write(&[later], "later").await;
    assert_eq!(listed(9999).await, [2500, 3000]);
}

/// What has expired is gone for readers, whether or not it has been removed.
pub async fn an_expired_item_is_gone(bench: &TableBench) {
    let key = bench.key("expired");
    let expired = |expires_at, when| Write::Put {
        key: key.clone(),
        body: "{}".to_owned(),
        due_at: Some(1),
        expires_at: Some(expires_at),
        when,
    };
    bench.write(&[expired(1000, When::Absent)], "a").await;
    assert_eq!(bench.one(&key).await, None);
    let read = bench.table.query(&key.pk, "", false, 10).await.unwrap();
    assert_eq!(read, []);
    let again = expired(253_370_764_800_000, When::Absent);
    assert_eq!(bench.write(&[again], "b").await, Written::All);
    assert!(bench.one(&key).await.is_some(), "until the year 9999");
}

/// Page by page a scan meets every item once that was there, and none that has expired; sweeping harms none of them.
pub async fn a_scan_meets_every_item_once(bench: &TableBench) {
    let keys: Vec<Key> = (0..7).map(|n| bench.key(&format!("scan-{n}"))).collect();
    for key in &keys {
        bench.write(&[put(key, "{}", When::Absent)], &key.pk).await;
    }
    let gone = Write::Put {
        key: bench.key("scan-expired"),
        body: "{}".to_owned(),
        due_at: None,
        expires_at: Some(1000),
        when: When::Absent,
    };
    bench.write(&[gone], "gone").await;
    bench.table.sweep(1_000).await.unwrap();
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let (items, next) = bench.table.scan(after.as_ref(), 3).await.unwrap();
        met.extend(items.into_iter().map(|item| item.key));
        let Some(next) = next else { break };
        after = Some(next);
    }
    met.retain(|key| key.pk.starts_with(&format!("{}-scan", bench.tag)));
    met.sort();
    assert_eq!(met, keys);
    bench.table.compact().await.unwrap();
}
