use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_model::{EntryKind, Signer as _};

use super::*;
use crate::keys::{FileSigner, public_path};
use crate::receipt::{Journal, Receipt, Unsigned, seal};
use crate::samples;

/// The receipt as parsed JSON, altered, as text.
fn altered(receipt: &Receipt, alter: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut document = serde_json::to_value(receipt).unwrap();
    alter(&mut document);
    serde_json::to_vec(&document).unwrap()
}

fn entries(document: &mut Value, journal: usize) -> &mut Vec<Value> {
    document["journals"][journal]["entries"].as_array_mut().unwrap()
}

fn told(receipt: &Receipt, key: PublicKey, alter: impl FnOnce(&mut Value)) -> String {
    verify(&altered(receipt, alter), &[key]).unwrap_err().to_string()
}

#[tokio::test]
async fn a_good_receipt_verifies_whatever_its_white_space_and_escapes() {
    let (receipt, key) = samples::receipt().await;
    let text = receipt.to_text().unwrap();
    let verified = verify(text.as_bytes(), &[key]).unwrap();
    assert_eq!((verified.header.state.as_str(), verified.entries()), ("Done", 12));
    assert_eq!(verified.header, receipt.header);
    let compact = serde_json::to_string(&receipt).unwrap();
    let sorted = serde_json::to_string(&serde_json::to_value(&receipt).unwrap()).unwrap();
    let spaced = text.replace('\n', "\r\n\t ").replace(": ", "\n:\n");
    let escaped = text
        .replace("Done", "D\\u006fne")
        .replace("salesforce/freeze", "salesforce\\/freeze");
    for other in [compact, sorted, spaced, escaped] {
        assert_eq!(verify(other.as_bytes(), &[key]).unwrap(), verified);
    }
}

#[tokio::test]
async fn the_key_is_chosen_by_its_id() {
    let (receipt, key) = samples::receipt().await;
    let text = receipt.to_text().unwrap();
    let (older, newer) = (*samples::signer().public_key(), *samples::signer().public_key());
    assert!(verify(text.as_bytes(), &[older, key, newer]).is_ok());
    let fault = verify(text.as_bytes(), &[older, newer]).unwrap_err();
    assert_eq!(
        fault.to_string(),
        format!(
            "signed by key {}, which is not among the keys given ({}, {})",
            key.key_id(),
            older.key_id(),
            newer.key_id()
        )
    );
}

#[tokio::test]
async fn every_flipped_byte_is_refused_or_means_nothing() {
    let run = samples::run();
    let (mut read, mut heads) = samples::journal(&run);
    heads.truncate(2);
    read.retain(|entry| heads.iter().any(|head| head.connection == entry.connection));
    let signer = samples::signer();
    let receipt = seal(Receipt::of(&run, &read, &heads, samples::VERSION).unwrap(), &signer)
        .await
        .unwrap();
    let keys = [*signer.public_key()];
    let text = receipt.to_text().unwrap().into_bytes();
    let original = verify(&text, &keys).unwrap();
    assert_eq!(original.entries(), 6);
    let meaning: Value = serde_json::from_slice(&text).unwrap();
    // One bit of each byte, another from byte to byte; all eight when asked for the long form.
    let full = std::env::var_os("ROLLCALL_FULL").is_some();
    let mut accepted = 0;
    for place in 0..text.len() {
        for bit in 0..8 {
            if !full && bit != place % 8 {
                continue;
            }
            let mut other = text.clone();
            other[place] ^= 1 << bit;
            if let Ok(verified) = verify(&other, &keys) {
                accepted += 1;
                assert_eq!(verified, original);
                let other: Value = serde_json::from_slice(&other).unwrap();
                assert_eq!(other, meaning, "byte {place}, bit {bit}");
            }
        }
    }
    // No single bit turns one kind of white space into another, so none of these can be insignificant.
    assert_eq!(accepted, 0);
}

#[tokio::test]
async fn every_flipped_byte_of_an_entry_is_placed_in_that_entry() {
    let (receipt, key) = samples::receipt().await;
    let mut checked = 0;
    for (journal, sealed) in receipt.journals.iter().enumerate() {
        for seq in 1..=sealed.entries.len() {
            for name in [
                "prev",
                "at",
                "kind",
                "what",
                "outcome",
                "request_id",
                "private",
                "digest",
            ] {
                let mut document = serde_json::to_value(&receipt).unwrap();
                let member = &mut entries(&mut document, journal)[seq - 1][name];
                let Some(old) = member.as_str() else { continue };
                let mut other = old.as_bytes().to_vec();
                let middle = other.len() / 2;
                other[middle] ^= 1;
                *member = Value::from(String::from_utf8(other).unwrap());
                let fault = verify(&serde_json::to_vec(&document).unwrap(), &[key]).unwrap_err();
                match fault {
                    Fault::Altered {
                        sequence, seq: at, of, ..
                    } => {
                        assert_eq!(
                            (sequence, at, of),
                            (sealed.sequence.clone(), seq as u64, sealed.entries.len() as u64)
                        );
                    }
                    other => panic!("{name}: {other:?}"),
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "{checked}");
}

#[tokio::test]
async fn every_truncation_is_cut_off_at_its_byte() {
    let (receipt, key) = samples::receipt().await;
    let text = receipt.to_text().unwrap();
    // The final line break is white space.
    let whole = text.trim_end().len();
    for end in 0..whole {
        match verify(&text.as_bytes()[..end], &[key]) {
            Err(Fault::CutOff { at, .. }) => assert_eq!(at, end),
            other => panic!("{end}: {other:?}"),
        }
    }
    assert!(verify(&text.as_bytes()[..whole], &[key]).is_ok());
    let last = &receipt.journals[2].entries[4];
    let inside = text.find(last.digest.as_str()).unwrap() + 10;
    assert_eq!(
        verify(&text.as_bytes()[..inside], &[key]).unwrap_err().to_string(),
        format!("the receipt is cut off at byte {inside}, in sf-us: entry 5: digest")
    );
}

#[tokio::test]
async fn every_dropped_entry_is_removed() {
    let (receipt, key) = samples::receipt().await;
    for (journal, sealed) in receipt.journals.iter().enumerate() {
        for gone in 0..sealed.entries.len() {
            let text = altered(&receipt, |document| {
                drop(entries(document, journal).remove(gone));
            });
            assert_eq!(
                verify(&text, &[key]),
                Err(Fault::Removed {
                    sequence: sealed.sequence.clone(),
                    seq: gone as u64 + 1,
                    count: 1,
                    of: sealed.entries.len() as u64
                })
            );
        }
    }
    let several = told(&receipt, key, |document| {
        drop(entries(document, 2).drain(1..4));
    });
    assert_eq!(several, "sf-us: entries 2 to 4 of 6 removed");
    let rest = told(&receipt, key, |document| entries(document, 2).truncate(4));
    assert_eq!(rest, "sf-us: entries 5 to 6 of 6 removed");
}

#[tokio::test]
async fn every_swapped_pair_is_reordered() {
    let (receipt, key) = samples::receipt().await;
    for (journal, sealed) in receipt.journals.iter().enumerate() {
        for first in 0..sealed.entries.len() {
            for second in first + 1..sealed.entries.len() {
                let text = altered(&receipt, |document| {
                    entries(document, journal).swap(first, second);
                });
                assert_eq!(
                    verify(&text, &[key]),
                    Err(Fault::Reordered {
                        sequence: sealed.sequence.clone(),
                        at: first as u64 + 1,
                        found: second as u64 + 1,
                        of: sealed.entries.len() as u64
                    })
                );
            }
        }
    }
}

#[tokio::test]
async fn every_repeated_entry_is_inserted() {
    let (receipt, key) = samples::receipt().await;
    for (journal, sealed) in receipt.journals.iter().enumerate() {
        for which in 0..sealed.entries.len() {
            let text = altered(&receipt, |document| {
                let copy = entries(document, journal)[which].clone();
                entries(document, journal).insert(which + 1, copy);
            });
            assert_eq!(
                verify(&text, &[key]),
                Err(Fault::Inserted {
                    sequence: sealed.sequence.clone(),
                    at: which as u64 + 2,
                    of: sealed.entries.len() as u64,
                    copy_of: Some(which as u64 + 1)
                })
            );
        }
    }
    let made_up = told(&receipt, key, |document| {
        let mut entry = entries(document, 2)[3].clone();
        entry["outcome"] = Value::from("Failed");
        entries(document, 2).insert(0, entry);
    });
    assert_eq!(made_up, "sf-us: an entry was inserted at place 1; 6 were signed");
}

#[tokio::test]
async fn an_altered_member_is_named_when_the_digest_proves_it() {
    let (receipt, key) = samples::receipt().await;
    let change = |name: &'static str, value: Value| {
        told(&receipt, key, move |document| {
            entries(document, 2)[3][name] = value;
        })
    };
    assert_eq!(
        change("outcome", Value::from("Failed")),
        "sf-us: entry 4 of 6 was altered: outcome was signed as \"Changed\" and now reads \"Failed\""
    );
    assert_eq!(
        change("seq", Value::from(7)),
        "sf-us: entry 4 of 6 was altered: seq was signed as 4 and now reads 7"
    );
    assert!(change("prev", Value::from("00")).starts_with("sf-us: entry 4 of 6 was altered: prev was signed as"));
    assert!(change("kind", Value::from("intent")).contains("kind was signed as \"observed\""));
    assert!(change("digest", Value::from("00")).contains("digest was signed as"));
    assert_eq!(
        change("request_id", Value::Null),
        "sf-us: entry 4 of 6 was altered",
        "a free value cannot be told"
    );
    // The same moment in another spelling is not what was signed.
    let at = receipt.journals[2].entries[3].public.at.to_string();
    assert!(change("at", Value::from(at.replace('Z', "z"))).starts_with("sf-us: entry 4 of 6 was altered"));
}

#[tokio::test]
async fn a_forger_who_computes_all_digests_anew_is_still_refused() {
    let (mut receipt, key) = samples::receipt().await;
    receipt.journals[2].entries[3].public.outcome = Some("Failed".to_owned());
    relink(&mut receipt.journals[2]);
    let text = receipt.to_text().unwrap();
    assert!(matches!(
        verify(text.as_bytes(), &[key]),
        Err(Fault::Altered { seq: 4, .. })
    ));
    receipt.manifest = Unsigned {
        header: receipt.header.clone(),
        journals: receipt.journals.clone(),
    }
    .manifest(&key.key_id())
    .unwrap();
    let text = receipt.to_text().unwrap();
    assert_eq!(
        verify(text.as_bytes(), &[key]),
        Err(Fault::SignatureMismatch { key_id: key.key_id() })
    );
    // With a key of their own that claims the id of ours.
    let own = samples::signer();
    let forged = own.sign(&receipt.manifest.statement().unwrap()).await.unwrap();
    receipt.signature.value = forged.value;
    let text = receipt.to_text().unwrap();
    assert_eq!(
        verify(text.as_bytes(), &[key]),
        Err(Fault::SignatureMismatch { key_id: key.key_id() })
    );
}

fn relink(journal: &mut Journal) {
    let mut prev = digest::sha256(b"");
    for entry in &mut journal.entries {
        entry.public.prev = prev;
        entry.digest = digest::digest(&entry.public).unwrap();
        prev = entry.digest.clone();
    }
}

#[tokio::test]
async fn sequences_are_held_to_the_manifest() {
    let (receipt, key) = samples::receipt().await;
    let journals = |document: &mut Value, alter: fn(&mut Vec<Value>)| {
        alter(document["journals"].as_array_mut().unwrap());
    };
    assert_eq!(
        told(&receipt, key, |document| journals(document, |all| drop(all.remove(2)))),
        "sf-us: the whole sequence was removed (6 entries)"
    );
    assert_eq!(
        told(&receipt, key, |document| journals(document, |all| drop(all.pop()))),
        "slack: the whole sequence was removed (0 entries)"
    );
    assert_eq!(
        told(&receipt, key, |document| journals(document, |all| {
            let mut copy = all[2].clone();
            copy["sequence"] = Value::from("sf-apac");
            all.push(copy);
        })),
        "sf-apac: the sequence was added after signing"
    );
    assert_eq!(
        told(&receipt, key, |document| journals(document, |all| all
            .push(all[2].clone()))),
        "sf-us: the sequence was added after signing"
    );
    assert_eq!(
        told(&receipt, key, |document| journals(document, |all| all.swap(1, 2))),
        "sf-us: the sequence stands in another place than it was signed in"
    );
}

#[tokio::test]
async fn every_header_member_is_bound() {
    let (receipt, key) = samples::receipt().await;
    let header = |name: &'static str, value: Value| {
        told(&receipt, key, move |document| {
            document["header"][name] = value;
        })
    };
    assert_eq!(
        header("state", Value::from("Incomplete")),
        "the header was altered: state was signed as \"Done\" and now reads \"Incomplete\""
    );
    assert!(header("goal", Value::from("join")).contains("goal was signed as \"leave\""));
    assert_eq!(
        header("time_to_cut_ms", serde_json::json!({"sf-us": 15})),
        "the header was altered"
    );
    for name in HEADER
        .iter()
        .filter(|name| !["time_to_cut_ms", "stage_hashes"].contains(name))
    {
        let fault = verify(
            &altered(&receipt, |document| {
                document["header"][*name] = Value::from("x");
            }),
            &[key],
        );
        assert!(matches!(fault, Err(Fault::HeaderAltered { .. })), "{name}");
    }
}

#[tokio::test]
async fn signature_faults_are_told_apart() {
    let (receipt, key) = samples::receipt().await;
    let signature = |name: &'static str, value: String| {
        verify(
            &altered(&receipt, move |document| {
                document["signature"][name] = value.into();
            }),
            &[key],
        )
        .unwrap_err()
    };
    let good = STANDARD.decode(&receipt.signature.value).unwrap();
    let mut other = good.clone();
    other[5] ^= 1;
    assert!(matches!(
        signature("value", STANDARD.encode(&other)),
        Fault::SignatureMismatch { .. }
    ));
    for value in [
        String::new(),
        "!".to_owned(),
        STANDARD.encode(&good[1..]),
        receipt.signature.value.replace('=', ""),
    ] {
        assert_eq!(signature("value", value), Fault::SignatureMalformed);
    }
    assert!(matches!(signature("key_id", "00".to_owned()), Fault::KeyDiffers { .. }));
    assert!(matches!(
        signature("algorithm", "none".to_owned()),
        Fault::Algorithm { .. }
    ));
    for alter in [
        |manifest: &mut Value| manifest["header"] = "00".into(),
        |manifest: &mut Value| manifest["sequences"][2]["count"] = 5.into(),
        |manifest: &mut Value| manifest["sequences"][2]["entries"][0] = "00".into(),
        |manifest: &mut Value| drop(manifest["sequences"].as_array_mut().unwrap().pop()),
        |manifest: &mut Value| manifest["format"] = "x".into(),
    ] {
        let text = altered(&receipt, |document| alter(&mut document["manifest"]));
        assert!(matches!(verify(&text, &[key]), Err(Fault::SignatureMismatch { .. })));
    }
}

#[tokio::test]
async fn what_the_format_does_not_have_is_refused_with_its_place() {
    let (receipt, key) = samples::receipt().await;
    let with = |alter: fn(&mut Value)| told(&receipt, key, alter);
    assert_eq!(
        with(|document| document["note"] = 1.into()),
        "the document: the format has no member \"note\""
    );
    assert_eq!(
        with(|document| document["header"]["name"] = "Amara".into()),
        "header: the format has no member \"name\""
    );
    assert_eq!(
        with(|document| entries(document, 2)[1]["why"] = "x".into()),
        "sf-us: entry 2: the format has no member \"why\""
    );
    assert_eq!(
        with(|document| document["manifest"]["sequences"][2]["x"] = 1.into()),
        "manifest: sf-us: the format has no member \"x\""
    );
    assert_eq!(
        with(|document| drop(entries(document, 2)[1].as_object_mut().unwrap().remove("prev"))),
        "sf-us: entry 2: the member \"prev\" is missing"
    );
    assert_eq!(
        with(|document| entries(document, 2)[1] = 1.into()),
        "sf-us: entry 2: not an object"
    );
    assert_eq!(
        with(|document| document["header"]["ended_at"] = 1.into()),
        "header: ended_at: not a text or null"
    );
    assert_eq!(with(|document| document["journals"] = 1.into()), "journals: not a list");
    assert_eq!(
        with(|document| document["format"] = "rollcall-receipt/2".into()),
        "the format is \"rollcall-receipt/2\", this program verifies \"rollcall-receipt/1\""
    );
    let twice = serde_json::to_string(&receipt)
        .unwrap()
        .replacen("\"outcome\":", "\"outcome\":null,\"outcome\":", 1);
    assert_eq!(
        verify(twice.as_bytes(), &[key]).unwrap_err().to_string(),
        "rollcall: entry 1: the member \"outcome\" stands there twice"
    );
    assert_eq!(
        verify(b"[]", &[key]).unwrap_err().to_string(),
        "the document: not an object"
    );
    let steering = verify(b"{\"format\":\"\\u001b[2J\"}", &[key]).unwrap_err().to_string();
    assert!(!steering.contains('\u{1b}'), "{steering}");
}

#[tokio::test]
async fn a_signed_receipt_whose_chain_does_not_hold_is_refused() {
    let run = samples::run();
    let (read, heads) = samples::journal(&run);
    let unsigned = Receipt::of(&run, &read, &heads, samples::VERSION).unwrap();
    let signer = samples::signer();
    let key = *signer.public_key();
    let mut unlinked = unsigned.clone();
    let entry = &mut unlinked.journals[2].entries[2];
    entry.public.prev = samples::foreign();
    entry.digest = digest::digest(&entry.public).unwrap();
    let text = seal(unlinked, &signer).await.unwrap().to_text().unwrap();
    assert_eq!(
        verify(text.as_bytes(), &[key]).unwrap_err().to_string(),
        "sf-us: entry 3 of 6 does not link to the entry before it"
    );
    let mut skipped = unsigned.clone();
    skipped.journals[2].entries.remove(1);
    relink(&mut skipped.journals[2]);
    let text = seal(skipped, &signer).await.unwrap().to_text().unwrap();
    assert_eq!(
        verify(text.as_bytes(), &[key]).unwrap_err().to_string(),
        "sf-us: the entry at place 2 of 5 is numbered 3"
    );
    let mut doubled = unsigned;
    doubled.journals[3] = doubled.journals[2].clone();
    assert_eq!(doubled.journals[3].entries[0].public.kind, EntryKind::Intent);
    let text = seal(doubled, &signer).await.unwrap().to_text().unwrap();
    assert!(matches!(
        verify(text.as_bytes(), &[key]),
        Err(Fault::ManifestInconsistent { .. })
    ));
}

#[tokio::test]
async fn after_a_rotation_receipts_of_both_keys_verify_and_each_names_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("receipt.pem");
    let retired = FileSigner::open_or_create(&path).unwrap();
    // The old key's file is put aside with its public half, and a new one is made in its place.
    let aside = dir.path().join("receipt-2026.pem");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::rename(public_path(&path), public_path(&aside)).unwrap();
    let current = FileSigner::open_or_create(&path).unwrap();
    assert_ne!(retired.key_id(), current.key_id());
    let mut keys = Vec::new();
    for file in [&path, &aside] {
        let pem = std::fs::read_to_string(public_path(file)).unwrap();
        keys.extend(PublicKey::all_from_pem(&pem).unwrap());
    }
    let run = samples::run();
    let (entries, heads) = samples::journal(&run);
    for (signer, own) in [(&retired, 1), (&current, 0)] {
        let unsigned = Receipt::of(&run, &entries, &heads, samples::VERSION).unwrap();
        let text = seal(unsigned, signer).await.unwrap().to_text().unwrap();
        assert_eq!(verify(text.as_bytes(), &keys).unwrap().key_id, signer.key_id());
        assert!(verify(text.as_bytes(), &keys[own..=own]).is_ok());
        assert!(
            verify(text.as_bytes(), &keys[1 - own..=1 - own]).is_err(),
            "the other key alone"
        );
    }
}

#[tokio::test]
async fn a_number_that_is_written_as_a_text_is_refused_as_no_number() {
    let (receipt, key) = samples::receipt().await;
    for other in [Value::from("1"), Value::from(-1), Value::Null] {
        let why = told(&receipt, key, |document| entries(document, 0)[0]["seq"] = other.clone());
        assert!(why.contains("seq") && why.ends_with("not a number"), "{other}: {why}");
    }
}
