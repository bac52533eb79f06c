use async_trait::async_trait;
use serde_json::Value;

use super::*;
use crate::samples::{self, PERSONAL, VERSION};

#[tokio::test]
async fn a_receipt_names_nobody() {
    let run = samples::run();
    let (entries, _) = samples::journal(&run);
    let kept = format!("{run:?}{entries:?}");
    let (receipt, _) = samples::receipt().await;
    let text = receipt.to_text().unwrap();
    for personal in PERSONAL {
        assert!(kept.contains(personal), "{personal} is not planted");
        assert!(!text.contains(personal), "{personal} is in the receipt");
    }
    // A reason can say anything, so not even a run that ended badly shows it.
    let mut failed = run;
    failed.state = rollcall_model::RunState::Incomplete {
        why: "Amara is still in".to_owned(),
    };
    let (entries, heads) = samples::journal(&failed);
    let unsigned = Receipt::of(&failed, &entries, &heads, VERSION).unwrap();
    assert_eq!(unsigned.header.state, "Incomplete");
    assert!(!format!("{unsigned:?}").contains("Amara"));
}

#[tokio::test]
async fn the_receipt_says_what_the_run_says() {
    let run = samples::run();
    let (receipt, key) = samples::receipt().await;
    let document: Value = serde_json::from_str(&receipt.to_text().unwrap()).unwrap();
    assert_eq!(document["format"], "rollcall-receipt/1");
    let header = &document["header"];
    assert_eq!(header["goal"], "leave");
    assert_eq!(header["event_at"], "2026-03-02T08:15:29Z");
    assert_eq!(
        header["time_to_cut_ms"],
        serde_json::json!({"sf-emea": 61, "sf-us": 152})
    );
    assert_eq!(header["configuration"], run.plan.config.as_str());
    assert_eq!(header["binary_version"], VERSION);
    assert_eq!(
        header["person"],
        digest::pseudonym(run.salt.as_bytes(), b"person-amara").as_str()
    );
    let names: Vec<&str> = receipt
        .journals
        .iter()
        .map(|journal| journal.sequence.as_str())
        .collect();
    assert_eq!(names, ["rollcall", "sf-emea", "sf-us", "slack"]);
    let counts: Vec<u64> = receipt.manifest.sequences.iter().map(|sealed| sealed.count).collect();
    assert_eq!(
        counts,
        [2, 4, 6, 0],
        "a sequence in which nothing was written is bound as empty"
    );
    assert_eq!(document["signature"]["key_id"], key.key_id().as_str());
    assert_eq!(document["journals"][2]["entries"][1]["request_id"], "req-0");
}

#[tokio::test]
async fn what_is_signed_fits_a_key_service_whatever_the_journal() {
    let (receipt, _) = samples::receipt().await;
    let mut manifest = receipt.manifest;
    let few = manifest.statement().unwrap();
    manifest.sequences[0].entries = vec![samples::foreign(); 1000];
    let many = manifest.statement().unwrap();
    assert_eq!(few.len(), many.len());
    assert!(many.len() <= 4096);
    assert_ne!(few, many);
}

#[test]
fn a_journal_that_is_not_whole_is_not_sealed() {
    let run = samples::run();
    let (entries, heads) = samples::journal(&run);
    let fault =
        |entries: &[Entry], heads: &[Chain]| Receipt::of(&run, entries, heads, VERSION).unwrap_err().to_string();
    for gone in 0..entries.len() {
        let mut short = entries.clone();
        let sequence = short.remove(gone).connection;
        assert!(
            matches!(Receipt::of(&run, &short, &heads, VERSION), Err(Unsealable::Length { sequence: of, .. }) if of == sequence)
        );
    }
    let mut altered = entries.clone();
    altered[3].public.outcome = Some("Failed".to_owned());
    assert!(fault(&altered, &heads).contains("its digest is not its own"));
    let mut relinked = entries.clone();
    relinked[3].public.prev = samples::foreign();
    assert!(fault(&relinked, &heads).contains("another entry before it"));
    let mut renumbered = entries.clone();
    renumbered[3].public.seq += 10;
    assert!(fault(&renumbered, &heads).contains("another number"));
    let mut stray = entries.clone();
    stray[3].run = RunId::from("another");
    assert!(matches!(
        Receipt::of(&run, &stray, &heads, VERSION),
        Err(Unsealable::Stray { .. })
    ));
    assert!(matches!(
        Receipt::of(&run, &entries, &heads[1..], VERSION),
        Err(Unsealable::Stray { .. })
    ));
    let mut heads = heads;
    heads[1].head = samples::foreign();
    assert!(fault(&entries, &heads).contains("head is another entry"));
}

#[test]
fn the_order_in_which_a_ledger_lists_entries_does_not_matter() {
    let run = samples::run();
    let (mut entries, mut heads) = samples::journal(&run);
    let one = Receipt::of(&run, &entries, &heads, VERSION).unwrap();
    entries.reverse();
    heads.reverse();
    assert_eq!(Receipt::of(&run, &entries, &heads, VERSION).unwrap(), one);
}

struct Odd(&'static str, &'static str, &'static str);

#[async_trait]
impl Signer for Odd {
    fn key_id(&self) -> &'static str {
        "0123456789abcdef"
    }

    async fn sign(&self, _: &[u8]) -> Result<Signature, SignerError> {
        Ok(Signature {
            algorithm: self.0.to_owned(),
            key_id: self.1.to_owned(),
            value: self.2.to_owned(),
        })
    }
}

#[tokio::test]
async fn an_answer_that_is_no_signature_of_this_key_is_refused() {
    let run = samples::run();
    let (entries, heads) = samples::journal(&run);
    let unsigned = Receipt::of(&run, &entries, &heads, VERSION).unwrap();
    let good = STANDARD.encode([1_u8; 64]);
    let good: &'static str = Box::leak(good.into_boxed_str());
    for (odd, expected) in [
        (Odd("RS256", "0123456789abcdef", good), "another algorithm"),
        (Odd("Ed25519", "fedcba9876543210", good), "another key"),
        (Odd("Ed25519", "0123456789abcdef", "AAAA"), "not 64 bytes in Base64"),
    ] {
        match seal(unsigned.clone(), &odd).await {
            Err(SealError::Answer(what)) => assert_eq!(what, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(seal(unsigned, &Odd("Ed25519", "0123456789abcdef", good)).await.is_ok());
}
