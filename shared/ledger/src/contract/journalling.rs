//! Journal sequences.

use rollcall_model::journal::{Chain, Draft, EntryKind};
use rollcall_model::ledger::Settle;
use rollcall_model::{Answer, ConnectionId, LedgerError, digest};

use super::Bench;
use super::samples::{at, draft, run};

/// Entries are linked, in order, from the first to the end that the next claim sees.
pub async fn entries_are_linked_over_claims(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-chain", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf", "sf-us"]);
    let mut claim = bench.open(&run, &holder).await;
    let connections: [ConnectionId; 2] = ["sf".into(), "sf-us".into()];
    for round in 0..3 {
        for connection in &connections {
            let head = claim.heads.get_mut(connection).unwrap();
            let entries = vec![draft(&format!("{round}a")), draft(&format!("{round}b"))];
            let nonce = format!("{round}-{connection}");
            let written = bench.ledger.append(head, None, entries, at(1), b"salt", &nonce);
            let written = bench.won(written.await.unwrap());
            assert_eq!(written.len(), 2);
        }
        let nonce = format!("p{round}");
        let parked = bench.ledger.settle(&mut claim, Settle::Park(at(2)), &nonce);
        bench.won(parked.await.unwrap());
        let again = bench.ledger.claim_run(&run.id, &holder, at(2)).await;
        claim = again.unwrap().mine().unwrap();
    }
    let journal = bench.ledger.journal(&run.id).await.unwrap();
    assert_eq!(journal.len(), 12);
    for connection in &connections {
        let entries: Vec<_> = journal.iter().filter(|entry| entry.connection == *connection).collect();
        let mut prev = Chain::empty(run.id.clone(), connection.clone()).head;
        for (seq, entry) in (1..).zip(&entries) {
            assert_eq!((entry.public.seq, &entry.public.prev), (seq, &prev));
            assert_eq!(entry.digest, digest::digest(&entry.public).unwrap());
            prev = entry.digest.clone();
        }
        let head = &claim.heads[connection];
        assert_eq!((head.chain.length, &head.chain.head), (6, &prev));
    }
    let held: Vec<Chain> = claim.heads.values().map(|head| head.chain.clone()).collect();
    assert_eq!(bench.ledger.chains(&run.id).await.unwrap(), held);
}

/// A repeated append is recognised by its nonce: before and after claiming again, its entries are there once.
pub async fn an_append_is_recognised_by_its_nonce(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-nonce", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &holder).await;
    let connection = "sf-us".into();
    let head = claim.heads.get_mut(&connection).unwrap();
    let (mut lost, mut later) = (head.clone(), head.clone());
    let entries = || vec![draft("one"), draft("two")];
    let append = bench.ledger.append(head, None, entries(), at(1), b"s", "n");
    let written = bench.won(append.await.unwrap());
    let append = bench.ledger.append(&mut lost, None, entries(), at(1), b"s", "n");
    assert_eq!(append.await.unwrap().mine(), Some(written.clone()));
    assert_eq!(&lost, head, "the end is known again");
    let append = bench.ledger.append(&mut later, None, entries(), at(7), b"s", "n");
    assert_eq!(
        append.await.unwrap().mine(),
        Some(written.clone()),
        "told again at another time"
    );
    assert_eq!(&later, head);
    let again = bench.ledger.claim_run(&run.id, &holder, at(1)).await;
    let mut claim = again.unwrap().mine().unwrap();
    let head = claim.heads.get_mut(&connection).unwrap();
    let append = bench.ledger.append(head, None, entries(), at(9), b"s", "n");
    assert_eq!(append.await.unwrap(), Answer::AlreadyMine(written.clone()));
    assert_eq!(bench.ledger.journal(&run.id).await.unwrap(), written);
    let of_another_kind = Draft {
        kind: EntryKind::Decision,
        ..draft("two")
    };
    for other in [
        vec![draft("three")],
        vec![draft("one"), draft("three")],
        vec![draft("one"), of_another_kind],
    ] {
        let other = bench.ledger.append(head, None, other, at(9), b"s", "n");
        assert!(
            matches!(other.await, Err(LedgerError::Unfit { .. })),
            "a nonce that was used for something else must not swallow an entry"
        );
    }
    let next = bench.ledger.append(head, None, vec![draft("three")], at(9), b"s", "m");
    assert_eq!(bench.won(next.await.unwrap())[0].public.seq, 3);
}

/// With an account's lock, an append needs that lock too.
pub async fn an_append_needs_the_accounts_lock(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-locked", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &holder).await;
    let lock = bench.claim(&bench.account("locked"), &holder).await;
    let head = claim.heads.get_mut(&"sf-us".into()).unwrap();
    let append = bench
        .ledger
        .append(head, Some(&lock), vec![draft("a")], at(1), b"s", "a");
    bench.won(append.await.unwrap());
    let other = bench.holder("2", at(200));
    let keys = [lock.key.clone()];
    bench.won(bench.ledger.claim(&keys, &other, at(60)).await.unwrap());
    let append = bench
        .ledger
        .append(head, Some(&lock), vec![draft("b")], at(61), b"s", "b");
    assert_eq!(append.await.unwrap(), Answer::Lost(other.name));
    assert_eq!(bench.ledger.journal(&run.id).await.unwrap().len(), 1);
}

/// Sequences are written side by side; more entries than one write takes are refused whole.
pub async fn sequences_are_written_side_by_side(bench: &Bench) {
    let id = format!("{}-side", bench.tag);
    let names = ["sf-a", "sf-b", "sf-c"];
    let run = run(&id, &format!("{id}-p"), &names);
    let claim = bench.open(&run, &bench.holder("1", at(60))).await;
    futures::future::join_all(claim.heads.into_values().map(|mut head| async move {
        for number in 0..5 {
            let nonce = format!("{number}-{}", head.chain.connection);
            let entries = vec![draft(&nonce)];
            let append = bench.ledger.append(&mut head, None, entries, at(1), b"s", &nonce);
            bench.won(append.await.unwrap());
        }
        let many = (0..26).map(|number| draft(&number.to_string())).collect();
        let refused = bench.ledger.append(&mut head, None, many, at(1), b"s", "many");
        assert!(matches!(refused.await, Err(LedgerError::Unfit { .. })));
    }))
    .await;
    assert_eq!(bench.ledger.journal(&run.id).await.unwrap().len(), 20);
}

/// What was read before is not read again: only the entries behind the named places come, and all of a sequence without one.
pub async fn a_journal_is_read_from_where_it_was_read_to(bench: &Bench) {
    let id = format!("{}-after", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-a", "sf-b"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(60))).await;
    for (connection, many) in [("sf-a", 130), ("sf-b", 2)] {
        let head = claim.heads.get_mut(&connection.into()).unwrap();
        for number in 0..many {
            let nonce = format!("{number}-{connection}");
            let append = bench
                .ledger
                .append(head, None, vec![draft(&nonce)], at(1), b"s", &nonce);
            bench.won(append.await.unwrap());
        }
    }
    let after = async |upto: &[(&str, u64)]| -> Vec<(String, u64)> {
        let upto = upto.iter().map(|&(name, place)| (name.into(), place)).collect();
        let entries = bench.ledger.journal_after(&run.id, &upto).await.unwrap();
        let place = |entry: &rollcall_model::Entry| (entry.connection.to_string(), entry.public.seq);
        entries.iter().map(place).collect()
    };
    assert_eq!(after(&[("sf-a", 129), ("sf-b", 2)]).await, [("sf-a".to_owned(), 130)]);
    assert_eq!(
        after(&[("sf-a", 130)]).await,
        [("sf-b".to_owned(), 1), ("sf-b".to_owned(), 2)]
    );
    assert_eq!(after(&[]).await.len(), 132);
}
