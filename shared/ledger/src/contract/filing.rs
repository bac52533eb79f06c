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
