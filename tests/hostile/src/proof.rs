//! What is signed: a receipt, an approval and a statement that somebody was forgotten, altered in any way, verify never, or mean
//! what they meant.

use std::sync::OnceLock;

use rollcall_evidence::approval::{self, Keys, Question};
use rollcall_evidence::{FileSigner, Forgotten, PublicKey, forgotten, verify};
use rollcall_model::{Decision, Digest, SignedApproval};
use serde_json::Value;

use crate::Target;
use crate::world::{moment, wait};

/// Receipts.
pub const RECEIPT: Target = Target {
    seeds: || vec![RECEIPT_TEXT.to_vec()],
    words: &[
        "\"format\":",
        "\"key_id\":",
        "\"signature\":",
        "\"value\":",
        "\"algorithm\":\"ed25519\"",
        "\"entries\":[",
        "\"seq\":1",
        "\"outcome\":\"Changed\"",
        "\"state\":\"Done\"",
        "\"Refused\"",
        "\\u0065",
        "2026-03-02T08:15:30Z",
        "rollcall-receipt/2",
    ],
    check: receipt,
};

/// Approvals and statements that somebody was forgotten.
pub const STATEMENT: Target = Target {
    seeds: || {
        let [approval, forgotten] = &signed().texts;
        vec![approval.clone(), forgotten.clone(), signed().key.to_pem().into_bytes()]
    },
    words: &[
        "\"decision\":\"approved\"",
        "\"decision\":\"refused\"",
        "\"by\":",
        "\"about\":",
        "\"hash\":",
        "\"expires_at\":",
        "\"statement\":",
        "\"signature\":",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----END PUBLIC KEY-----\n",
    ],
    check: statement,
};

const RECEIPT_TEXT: &[u8] = include_bytes!("../corpus/receipt/receipt.json");
const RECEIPT_KEY: &str = include_str!("../corpus/receipt/receipt.pub");

fn receipt(input: &[u8]) {
    static ORIGINAL: OnceLock<(PublicKey, Value, rollcall_evidence::Verified)> = OnceLock::new();
    let (key, meaning, original) = ORIGINAL.get_or_init(|| {
        let key = PublicKey::from_pem(RECEIPT_KEY).expect("the key can be read");
        let meaning = serde_json::from_slice(RECEIPT_TEXT).expect("a receipt is JSON");
        let original = verify(RECEIPT_TEXT, &[key]).expect("the receipt of an earlier build verifies");
        (key, meaning, original)
    });
    match verify(input, &[*key]) {
        Ok(verified) => {
            assert_eq!(verified, *original);
            let read: Value = serde_json::from_slice(input).expect("what verifies is JSON");
            assert_eq!(read, *meaning, "another meaning verifies");
        }
        Err(fault) => {
            let told = fault.to_string();
            assert!(!told.is_empty() && !told.contains('\u{1b}'), "{told:?}");
        }
    }
}

struct Signed {
    key: PublicKey,
    hash: Digest,
    /// An approval, and a statement that somebody was forgotten.
    texts: [Vec<u8>; 2],
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        // Only for these tests: nothing that is kept was ever signed with it.
        let signer = FileSigner::from_text("a test's key", "dGhpcyBpcyBhIHNlZWQgb2YgMzIgYnl0ZXMgaW4gYWw=")
            .expect("a seed of 32 bytes");
        let hash = rollcall_model::digest::sha256(b"plan");
        let question = Question {
            about: "rev-1",
            hash: &hash,
            until: moment(),
        };
        let answer = question.answer(Decision::Refused, "priya@corp.example", moment());
        let approval = wait(approval::sign(answer, &signer)).expect("a key from a text signs");
        let gone = forgotten::Statement {
            id: "fg_1".to_owned(),
            at: moment(),
            by: "priya@corp.example".to_owned(),
            runs: vec![forgotten::Pseudonym {
                run: "run-1".into(),
                person: Some(hash.clone()),
            }],
            destroyed: std::collections::BTreeMap::from([("runs".to_owned(), 1)]),
            binary_version: "0.1.0".to_owned(),
        };
        let gone = wait(Forgotten::seal(gone, &signer)).expect("a key from a text signs");
        Signed {
            key: *signer.public_key(),
            hash,
            texts: [
                serde_json::to_vec(&approval).expect("an approval is JSON"),
                gone.to_text().expect("a statement is JSON").into_bytes(),
            ],
        }
    })
}

fn statement(input: &[u8]) {
    let signed = signed();
    let [approval, forgotten] = &signed.texts;
    if let Ok(read) = serde_json::from_slice::<SignedApproval>(input) {
        let question = Question {
            about: "rev-1",
            hash: &signed.hash,
            until: moment(),
        };
        if approval::check(&read, &question, &Keys::from(signed.key)).is_ok() {
            let original: SignedApproval = serde_json::from_slice(approval).expect("it was written so");
            assert_eq!(read.statement, original.statement, "another answer counts");
        }
    }
    if let Ok(read) = Forgotten::verify(input, &[signed.key]) {
        let original = Forgotten::verify(forgotten, &[signed.key]).expect("it was signed so");
        assert_eq!(read, original, "another statement verifies");
    }
    if let Ok(text) = std::str::from_utf8(input) {
        for key in PublicKey::all_from_pem(text).unwrap_or_default() {
            assert_eq!(
                PublicKey::from_pem(&key.to_pem()).expect("what was written can be read"),
                key
            );
        }
    }
}
