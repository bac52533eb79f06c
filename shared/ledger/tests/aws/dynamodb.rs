//! What we rely on from DynamoDB, asked of Amazon's own DynamoDB Local. Each test says one promise by its name.

use std::sync::Arc;

use crate::support::lossy::Lossy;
use crate::support::{config, required, unique};
use futures::future::join_all;
use rollcall_ledger::aws;
use rollcall_ledger::dynamodb::{DynamoTable, create_table};
use rollcall_ledger::table::{Item, Key, Table, When, Write, Written};
use rollcall_model::LedgerError;
use rollcall_runtime::{Clock, SystemClock};

async fn table_at(url: &str, name: &str) -> DynamoTable {
    DynamoTable::new(aws::dynamodb(&config(url).await), name, Arc::new(SystemClock))
}

async fn new_table() -> (DynamoTable, String) {
    let url = required("ROLLCALL_TEST_DYNAMODB_URL");
    let name = unique("table");
    create_table(&aws::dynamodb(&config(&url).await), &name, &SystemClock)
        .await
        .unwrap();
    (table_at(&url, &name).await, name)
}

/// A table behind a proxy that loses answers.
async fn lossy_table() -> (DynamoTable, Lossy) {
    let (_, name) = new_table().await;
    let lossy = Lossy::before(&required("ROLLCALL_TEST_DYNAMODB_URL")).await;
    (table_at(&lossy.url, &name).await, lossy)
}

fn key(sk: &str) -> Key {
    Key::new("P", sk)
}

fn put(sk: &str, body: &str, when: When) -> Write {
    Write::Put {
        key: key(sk),
        body: body.to_owned(),
        due_at: None,
        expires_at: None,
        when,
    }
}

fn found(written: Written) -> (usize, Option<Item>) {
    match written {
        Written::Refused { part, found } => (part, found),
        Written::All => panic!("expected a refusal"),
    }
}

async fn one(table: &DynamoTable, sk: &str) -> Option<Item> {
    table.get(&[key(sk)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_new_item_is_stored_once_and_the_loser_learns_what_is_there() {
    let (table, _) = new_table().await;
    assert_eq!(
        table.write(&[put("a", "1", When::Absent)], "n1").await.unwrap(),
        Written::All
    );
    let (part, there) = found(table.write(&[put("a", "2", When::Absent)], "n2").await.unwrap());
    assert_eq!(part, 0);
    let stored = Item {
        key: key("a"),
        version: 1,
        nonce: "n1".into(),
        due_at: None,
        expires_at: None,
        body: "1".into(),
    };
    assert_eq!(there, Some(stored.clone()));
    assert_eq!(one(&table, "a").await, Some(stored));
}

#[tokio::test]
async fn a_write_happens_only_on_the_version_it_names() {
    let (table, _) = new_table().await;
    table.write(&[put("a", "1", When::Absent)], "n1").await.unwrap();
    assert_eq!(
        table.write(&[put("a", "2", When::Version(1))], "n2").await.unwrap(),
        Written::All
    );
    let (_, there) = found(table.write(&[put("a", "3", When::Version(1))], "n3").await.unwrap());
    assert_eq!(there.map(|item| (item.version, item.body)), Some((2, "2".into())));
    let (_, there) = found(table.write(&[put("b", "1", When::Version(1))], "n4").await.unwrap());
    assert_eq!(there, None);
}

#[tokio::test]
async fn a_removal_happens_only_on_the_version_it_names() {
    let (table, _) = new_table().await;
    table.write(&[put("a", "1", When::Absent)], "n1").await.unwrap();
    let remove = |version| Write::Delete {
        key: key("a"),
        when: When::Version(version),
    };
    let (_, there) = found(table.write(&[remove(2)], "n2").await.unwrap());
    assert_eq!(there.map(|item| item.version), Some(1));
    assert_eq!(table.write(&[remove(1)], "n3").await.unwrap(), Written::All);
    assert_eq!(one(&table, "a").await, None);
}

#[tokio::test]
async fn a_write_of_several_parts_happens_whole_or_not_at_all_and_names_the_part_that_failed() {
    let (table, _) = new_table().await;
    table
        .write(&[put("b", "old", When::Absent), put("c", "old", When::Absent)], "n1")
        .await
        .unwrap();
    let parts = [
        put("a", "new", When::Absent),
        put("b", "new", When::Version(1)),
        put("c", "new", When::Version(7)),
        Write::Delete {
            key: key("d"),
            when: When::Version(1),
        },
    ];
    let (part, there) = found(table.write(&parts, "n2").await.unwrap());
    assert_eq!((part, there.map(|item| item.body)), (2, Some("old".into())));
    assert_eq!(one(&table, "a").await, None);
    assert_eq!(one(&table, "b").await.map(|item| item.body), Some("old".into()));
}

#[tokio::test]
async fn a_check_guards_the_other_parts_and_changes_nothing() {
    let (table, _) = new_table().await;
    table.write(&[put("lock", "held", When::Absent)], "n1").await.unwrap();
    let guarded = |version, sk: &str| {
        [
            Write::Check {
                key: key("lock"),
                when: When::Version(version),
            },
            put(sk, "x", When::Absent),
        ]
    };
    assert_eq!(table.write(&guarded(1, "a"), "n2").await.unwrap(), Written::All);
    let (part, there) = found(table.write(&guarded(2, "b"), "n3").await.unwrap());
    assert_eq!((part, there.map(|item| item.nonce)), (0, Some("n1".into())));
    assert_eq!(one(&table, "lock").await.map(|item| item.version), Some(1));
    assert_eq!(one(&table, "b").await, None);
    let absent = [Write::Check {
        key: key("none"),
        when: When::Absent,
    }];
    assert_eq!(table.write(&absent, "n4").await.unwrap(), Written::All);
}

#[tokio::test]
async fn a_repeated_put_finds_its_own_nonce() {
    let (table, _) = new_table().await;
    let part = [put("a", "1", When::Absent)];
    table.write(&part, "mine").await.unwrap();
    let (_, there) = found(table.write(&part, "mine").await.unwrap());
    assert_eq!(there.map(|item| (item.nonce, item.version)), Some(("mine".into(), 1)));
}

#[tokio::test]
async fn a_repeated_transaction_is_recognised_by_its_token_even_after_others_wrote() {
    let (table, _) = new_table().await;
    let parts = [put("a", "1", When::Absent), put("b", "1", When::Absent)];
    assert_eq!(table.write(&parts, "mine").await.unwrap(), Written::All);
    table
        .write(
            &[put("a", "2", When::Version(1)), put("b", "2", When::Version(1))],
            "theirs",
        )
        .await
        .unwrap();
    assert_eq!(table.write(&parts, "mine").await.unwrap(), Written::All);
    assert_eq!(
        one(&table, "a").await.map(|item| item.body),
        Some("2".into()),
        "the repetition wrote nothing"
    );
}

#[tokio::test]
async fn the_same_nonce_with_other_parts_is_another_write() {
    let (table, _) = new_table().await;
    table
        .write(&[put("a", "1", When::Absent), put("b", "1", When::Absent)], "mine")
        .await
        .unwrap();
    let decided_anew = [put("a", "2", When::Version(1)), put("b", "2", When::Version(1))];
    assert_eq!(table.write(&decided_anew, "mine").await.unwrap(), Written::All);
    assert_eq!(
        one(&table, "b").await.map(|item| (item.version, item.body)),
        Some((2, "2".into()))
    );
}

#[tokio::test]
async fn a_put_that_the_sdk_repeats_after_a_lost_answer_finds_its_own_nonce() {
    let (table, lossy) = lossy_table().await;
    lossy.lose(1);
    let (_, there) = found(table.write(&[put("a", "1", When::Absent)], "mine").await.unwrap());
    assert_eq!(lossy.lost(), 1);
    assert_eq!(there.map(|item| (item.nonce, item.version)), Some(("mine".into(), 1)));
}

#[tokio::test]
async fn a_transaction_that_the_sdk_repeats_after_a_lost_answer_happened_once() {
    let (table, lossy) = lossy_table().await;
    table
        .write(&[put("a", "1", When::Absent), put("b", "1", When::Absent)], "n1")
        .await
        .unwrap();
    lossy.lose(1);
    let parts = [put("a", "2", When::Version(1)), put("b", "2", When::Version(1))];
    assert_eq!(table.write(&parts, "mine").await.unwrap(), Written::All);
    assert_eq!(lossy.lost(), 1);
    assert_eq!(one(&table, "a").await.map(|item| item.version), Some(2));
}

#[tokio::test]
async fn a_write_whose_answers_are_all_lost_is_an_error_and_its_repetition_comes_out_right() {
    let (table, lossy) = lossy_table().await;
    let parts = [put("a", "1", When::Absent), put("b", "1", When::Absent)];
    lossy.lose(aws::ATTEMPTS as usize);
    let error = table.write(&parts, "mine").await.unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable(_)), "{error}");
    assert_eq!(table.write(&parts, "mine").await.unwrap(), Written::All);
    assert_eq!(one(&table, "a").await.map(|item| item.version), Some(1));
}

#[tokio::test]
async fn of_many_writers_at_once_one_wins_and_all_others_learn_who() {
    let (table, _) = new_table().await;
    let writers = (0..24).map(|writer| {
        let table = table.clone();
        async move {
            let nonce = format!("n{writer}");
            let both = [put("a", &nonce, When::Absent), put("b", &nonce, When::Absent)];
            let parts = if writer % 2 == 0 { &both[..] } else { &both[..1] };
            (writer, table.write(parts, &nonce).await.unwrap())
        }
    });
    let answers = join_all(writers).await;
    let winners: Vec<_> = answers.iter().filter(|(_, written)| *written == Written::All).collect();
    assert_eq!(winners.len(), 1);
    let winner = format!("n{}", winners[0].0);
    for (_, written) in answers.iter().filter(|(_, written)| *written != Written::All) {
        let (_, there) = found(written.clone());
        assert_eq!(there.map(|item| item.nonce), Some(winner.clone()));
    }
}

#[tokio::test]
async fn writers_in_conflict_lose_no_update() {
    let (table, _) = new_table().await;
    table.write(&[put("sum", "0", When::Absent)], "start").await.unwrap();
    let writers = (0..8).map(|writer| {
        let table = table.clone();
        async move {
            let mut added = 0;
            let mut turn = 0;
            while added < 5 {
                let sum = one(&table, "sum").await.unwrap();
                let next = (sum.body.parse::<u32>().unwrap() + 1).to_string();
                let own = put(&format!("w{writer}-{added}"), "x", When::Absent);
                let parts = [put("sum", &next, When::Version(sum.version)), own];
                turn += 1;
                match table.write(&parts, &format!("{writer}-{turn}")).await {
                    Ok(Written::All) => added += 1,
                    Ok(Written::Refused { .. }) | Err(LedgerError::Throttled) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    join_all(writers).await;
    let sum = one(&table, "sum").await.unwrap();
    assert_eq!((sum.body.as_str(), sum.version), ("40", 41));
    assert_eq!(table.query("P", "w", false, 100).await.unwrap().len(), 40);
}

#[tokio::test]
async fn an_expired_item_is_gone_for_readers_and_gives_way_to_a_new_one() {
    let (table, _) = new_table().await;
    let now = SystemClock.now().as_millisecond();
    let expiring = |sk: &str, expires_at| Write::Put {
        key: key(sk),
        body: "old".to_owned(),
        due_at: Some(now - 10),
        expires_at: Some(expires_at),
        when: When::Absent,
    };
    table
        .write(
            &[
                expiring("a", now - 1),
                expiring("b", now - 1),
                expiring("c", now + 60_000),
            ],
            "n1",
        )
        .await
        .unwrap();
    let read = table.get(&[key("a"), key("b"), key("c")]).await.unwrap();
    assert_eq!(
        read.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(read[2].as_ref().unwrap().expires_at, Some(now + 60_000));
    assert_eq!(one(&table, "a").await, None);
    let listed: Vec<String> = table
        .query("P", "", false, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|item| item.key.sk)
        .collect();
    assert_eq!(listed, ["c"]);
    let due: Vec<String> = table
        .due(now, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|item| item.key.sk)
        .collect();
    assert_eq!(due, ["c"]);

    assert_eq!(
        table.write(&[put("a", "new", When::Absent)], "n2").await.unwrap(),
        Written::All
    );
    let several = [put("b", "new", When::Absent), put("d", "new", When::Absent)];
    assert_eq!(table.write(&several, "n3").await.unwrap(), Written::All);
    assert_eq!(
        one(&table, "b").await.map(|item| (item.version, item.body)),
        Some((1, "new".into()))
    );
    let (_, there) = found(table.write(&[put("c", "new", When::Absent)], "n4").await.unwrap());
    assert_eq!(there.map(|item| item.body), Some("old".into()));
}

#[tokio::test]
async fn a_partition_is_read_in_order_by_prefix_from_either_end_over_all_pages() {
    let (table, _) = new_table().await;
    // Twelve bodies of 150 KB are more than the megabyte that one page holds.
    let body = "x".repeat(150 * 1024);
    for place in 0..12 {
        table
            .write(
                &[put(&format!("IN#{place:02}"), &body, When::Absent)],
                &format!("n{place}"),
            )
            .await
            .unwrap();
    }
    table.write(&[put("OTHER", "o", When::Absent)], "other").await.unwrap();
    let places = |items: Vec<Item>| items.into_iter().map(|item| item.key.sk).collect::<Vec<_>>();
    let all: Vec<String> = (0..12).map(|place| format!("IN#{place:02}")).collect();
    assert_eq!(places(table.query("P", "IN#", false, 100).await.unwrap()), all);
    assert_eq!(places(table.query("P", "IN#", false, 10).await.unwrap()), all[..10]);
    let last: Vec<String> = all.iter().rev().take(3).cloned().collect();
    assert_eq!(places(table.query("P", "IN#", true, 3).await.unwrap()), last);
    assert_eq!(table.query("P", "", false, 100).await.unwrap().len(), 13);
    assert!(table.query("Q", "", false, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_items_are_read_in_the_order_asked_even_twice() {
    let (table, _) = new_table().await;
    for chunk in (0..110).collect::<Vec<_>>().chunks(25) {
        let parts: Vec<Write> = chunk
            .iter()
            .map(|n| put(&format!("k{n}"), &n.to_string(), When::Absent))
            .collect();
        table.write(&parts, &format!("n{}", chunk[0])).await.unwrap();
    }
    let mut keys: Vec<Key> = (0..110).rev().map(|n| key(&format!("k{n}"))).collect();
    keys.push(key("none"));
    keys.push(key("k5"));
    let read = table.get(&keys).await.unwrap();
    let bodies: Vec<Option<String>> = read.into_iter().map(|item| item.map(|item| item.body)).collect();
    let mut wanted: Vec<Option<String>> = (0..110).rev().map(|n: u32| Some(n.to_string())).collect();
    wanted.push(None);
    wanted.push(Some("5".to_owned()));
    assert_eq!(bodies, wanted);
    assert!(table.get(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_does_not_fit_into_one_answer_of_16_megabytes_is_asked_for_again() {
    let (table, _) = new_table().await;
    let body = "x".repeat(380 * 1024);
    let keys: Vec<Key> = (0..50).map(|n| key(&format!("large{n:02}"))).collect();
    for key in &keys {
        table
            .write(&[put(&key.sk, &body, When::Absent)], &key.sk)
            .await
            .unwrap();
    }
    let read = table.get(&keys).await.unwrap();
    let found: Vec<&str> = read.iter().flatten().map(|item| &*item.key.sk).collect();
    assert_eq!(found, keys.iter().map(|key| &*key.sk).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_item_of_more_than_400_kilobytes_is_refused_and_nothing_of_its_write_stays() {
    let (table, _) = new_table().await;
    let large = "x".repeat(400 * 1024);
    assert!(table.write(&[put("a", &large, When::Absent)], "n1").await.is_err());
    let parts = [put("b", "small", When::Absent), put("c", &large, When::Absent)];
    assert!(table.write(&parts, "n2").await.is_err());
    assert!(table.query("P", "", false, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_due_comes_earliest_first_from_all_partitions_and_only_while_it_is() {
    let (table, _) = new_table().await;
    let due = |run: i64, due_at, when| Write::Put {
        key: Key::new(format!("RUN#{run}"), "RUN"),
        body: "{}".to_owned(),
        due_at,
        expires_at: None,
        when,
    };
    for run in 0..30 {
        table
            .write(&[due(run, Some(1_000 - run), When::Absent)], &format!("n{run}"))
            .await
            .unwrap();
    }
    table.write(&[due(7, None, When::Version(1))], "settled").await.unwrap();
    table
        .write(&[due(8, Some(5_000), When::Version(1))], "later")
        .await
        .unwrap();
    let runs = |items: Vec<Item>| items.into_iter().map(|item| item.due_at.unwrap()).collect::<Vec<_>>();
    assert_eq!(runs(table.due(975, 100).await.unwrap()), [971, 972, 973, 974, 975]);
    assert_eq!(runs(table.due(2_000, 3).await.unwrap()), [971, 972, 973]);
    assert_eq!(table.due(2_000, 100).await.unwrap().len(), 28);
    assert!(table.due(970, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_and_bodies_hold_any_text() {
    let (table, _) = new_table().await;
    let place = "login zoë#漢字 \u{1f600} \"'\\ %";
    let body = "{\"name\":\"Zoë \\u0000 漢\"}";
    let key = Key::new("ACC#sf-emea/Łódź", place);
    let part = Write::Put {
        key: key.clone(),
        body: body.to_owned(),
        due_at: None,
        expires_at: None,
        when: When::Absent,
    };
    table.write(&[part], "n").await.unwrap();
    let read = table.get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    assert_eq!((read.key, read.body.as_str()), (key, body));
    assert_eq!(
        table
            .query("ACC#sf-emea/Łódź", "login zoë#漢", false, 5)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn twenty_five_parts_are_written_and_one_more_is_refused_before_anything_is() {
    let (table, _) = new_table().await;
    let parts = |count: u32, letter: &str| -> Vec<Write> {
        (0..count)
            .map(|n| put(&format!("{letter}{n}"), &"x".repeat(100 * 1024), When::Absent))
            .collect()
    };
    assert_eq!(table.write(&parts(25, "a"), "n1").await.unwrap(), Written::All);
    assert!(table.write(&parts(26, "b"), "n2").await.is_err());
    assert!(table.query("P", "b", false, 30).await.unwrap().is_empty());
    assert_eq!(table.write(&[], "n3").await.unwrap(), Written::All);
}

#[tokio::test]
async fn making_the_table_again_changes_nothing_and_expiry_is_on() {
    let (table, name) = new_table().await;
    table.write(&[put("a", "1", When::Absent)], "n").await.unwrap();
    let client = aws::dynamodb(&config(&required("ROLLCALL_TEST_DYNAMODB_URL")).await);
    create_table(&client, &name, &SystemClock).await.unwrap();
    assert!(one(&table, "a").await.is_some());
    let expiry = client.describe_time_to_live().table_name(&name).send().await.unwrap();
    assert_eq!(
        expiry.time_to_live_description.unwrap().attribute_name.as_deref(),
        Some("expires")
    );
}

#[tokio::test]
async fn an_unknown_table_is_an_error_that_says_so() {
    let table = table_at(&required("ROLLCALL_TEST_DYNAMODB_URL"), "no-such-table").await;
    let error = table.get(&[key("a")]).await.unwrap_err();
    assert!(error.to_string().contains("ResourceNotFoundException"), "{error}");
}
