//! Files.

use std::sync::Arc;

use bytes::Bytes;
use rollcall_model::{FileError, Files};

/// Bodies come back byte for byte; storing again replaces.
pub async fn bodies_come_back(files: &Arc<dyn Files>) {
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    files.put("signals/0f", Bytes::from(body.clone())).await.unwrap();
    assert_eq!(files.get("signals/0f").await.unwrap(), body);
    files.put("signals/0f", Bytes::from_static(b"2")).await.unwrap();
    files.put("signals/0f", Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(files.get("signals/0f").await.unwrap(), "2");
    files.put("receipts/run-1.json", Bytes::new()).await.unwrap();
    assert_eq!(files.get("receipts/run-1.json").await.unwrap(), "");
    assert!(files.locate("receipts/run-1.json").contains("run-1.json"));
}

/// What was never stored is missing, by name.
pub async fn what_was_never_stored_is_missing(files: &Arc<dyn Files>) {
    let missing = files.get("signals/nothing").await;
    assert_eq!(missing, Err(FileError::Missing("signals/nothing".to_owned())));
}

/// A name that would leave the store is refused, for writing and for reading.
pub async fn names_cannot_leave_the_store(files: &Arc<dyn Files>) {
    for name in ["", "../out", "a/../../out", "/etc/out", "a//b", "a\\b"] {
        let put = files.put(name, Bytes::from_static(b"x")).await;
        assert!(matches!(put, Err(FileError::Unavailable(_))), "{name:?}");
        let got = files.get(name).await;
        assert!(matches!(got, Err(FileError::Unavailable(_))), "{name:?}");
    }
}

/// What is removed is missing, is listed no more, and may be removed again; what is replaced has its new content.
pub async fn what_is_removed_is_missing_and_not_listed(files: &Arc<dyn Files>) {
    let names = ["listed/a/1", "listed/a/2", "listed/b/1", "listed2/1"];
    for name in names {
        files.put(name, Bytes::from_static(b"x")).await.unwrap();
    }
    assert_eq!(files.list("listed/", None, 10).await.unwrap(), names[..3]);
    assert_eq!(files.list("listed/a", None, 1).await.unwrap(), names[..1]);
    assert_eq!(
        files.list("listed/", Some("listed/a/1"), 10).await.unwrap(),
        names[1..3]
    );
    assert_eq!(files.list("nothing/", None, 10).await.unwrap(), [""; 0]);
    for _ in 0..2 {
        files.remove("listed/a/1").await.unwrap();
    }
    assert!(matches!(files.get("listed/a/1").await, Err(FileError::Missing(_))));
    assert_eq!(files.list("listed/", None, 10).await.unwrap(), names[1..3]);
    files.replace("listed/a/2", Bytes::from_static(b"y")).await.unwrap();
    assert_eq!(files.get("listed/a/2").await.unwrap(), "y");
    assert!(files.remove("../out").await.is_err());
}
