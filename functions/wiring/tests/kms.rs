//! What we rely on from KMS, asked of a local AWS. Each test says one promise by its name.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails, panics")]

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use rollcall_evidence::approval::{self, Doubt, Keys, Question};
use rollcall_ledger::aws::{self, SdkConfig};
use rollcall_model::{Decision, Signer as _, Timestamp, Verifier as _, digest};
use rollcall_runtime::{Ids, RandomIds};
use rollcall_wiring::cloud::{KmsSigner, public_key};

/// A missing server is a failure, never a skip: whoever asks for these tests wants them run.
async fn config() -> SdkConfig {
    let url = std::env::var("ROLLCALL_TEST_AWS_URL").unwrap_or_else(|_| {
        panic!("ROLLCALL_TEST_AWS_URL is not set: run this through tests/run or tests/servers/with")
    });
    aws::load().await.to_builder().endpoint_url(url).build()
}

async fn new_key(config: &SdkConfig, spec: &str) -> String {
    let asked = Client::new(config).create_key().key_spec(KeySpec::from(spec));
    let made = asked.key_usage(KeyUsageType::SignVerify).send().await.unwrap();
    made.key_metadata().unwrap().arn().unwrap().to_owned()
}

#[tokio::test]
async fn what_kms_signs_verifies_offline_and_nothing_else_does() {
    let config = config().await;
    let key = new_key(&config, "ECC_NIST_EDWARDS25519").await;
    let signer = KmsSigner::open(&config, &key).await.unwrap();
    let public = public_key(&config, &key).await.unwrap();
    assert_eq!(
        (signer.public_key(), signer.key_id()),
        (&public, public.key_id().as_str())
    );
    let keys = Keys::from(public);
    for length in [0, 1, 300, 4_096] {
        let message: Vec<u8> = (0..=255).cycle().take(length).collect();
        let signature = signer.sign(&message).await.unwrap();
        assert_eq!(
            (signature.algorithm.as_str(), &signature.key_id),
            ("Ed25519", &public.key_id())
        );
        assert!(keys.verifies(&message, &signature));
        assert!(!keys.verifies(&[message.as_slice(), b"x"].concat(), &signature));
        let again = signer.sign(&message).await.unwrap();
        assert_eq!(again, signature, "pure Ed25519 signs the same alike");
    }
}

#[tokio::test]
async fn an_approval_signed_in_kms_counts_by_the_key_that_an_alias_names() {
    let config = config().await;
    let (key, other) = (
        new_key(&config, "ECC_NIST_EDWARDS25519").await,
        new_key(&config, "ECC_NIST_EDWARDS25519").await,
    );
    let alias = format!("alias/approve-{}", RandomIds.unique());
    let named = Client::new(&config)
        .create_alias()
        .alias_name(&alias)
        .target_key_id(&key);
    named.send().await.unwrap();
    let signer = KmsSigner::open(&config, &alias).await.unwrap();
    let hash = digest::sha256(b"plan");
    let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let question = Question {
        about: "run_1-cut",
        hash: &hash,
        until: now,
    };
    let signed = async |signer: &KmsSigner| {
        let statement = question.answer(Decision::Approved, "bodil@corp.example", now);
        approval::sign(statement, signer).await.unwrap()
    };
    let keys = Keys::from(public_key(&config, &key).await.unwrap());
    assert_eq!(approval::check(&signed(&signer).await, &question, &keys), Ok(()));
    // The alias is moved: whoever has begun goes on with the key that they began with; whoever begins anew has the new one.
    let moved = Client::new(&config)
        .update_alias()
        .alias_name(&alias)
        .target_key_id(&other);
    moved.send().await.unwrap();
    assert_eq!(approval::check(&signed(&signer).await, &question, &keys), Ok(()));
    let fresh = KmsSigner::open(&config, &alias).await.unwrap();
    let doubt = approval::check(&signed(&fresh).await, &question, &keys).unwrap_err();
    assert_eq!(doubt, Doubt::Signature(fresh.key_id().to_owned()));
}

#[tokio::test]
async fn a_key_of_another_kind_and_one_that_is_not_there_are_told_apart() {
    let config = config().await;
    let rsa = new_key(&config, "RSA_2048").await;
    let kind = KmsSigner::open(&config, &rsa).await.unwrap_err();
    assert_eq!(kind.code().id, "RC0204");
    assert!(kind.to_string().contains("ECC_NIST_EDWARDS25519 (RSA_2048)"), "{kind}");
    let none = public_key(&config, "alias/rollcall-none").await.unwrap_err();
    assert_eq!(none.code().id, "RC0203");
    assert!(none.to_string().contains("kms:GetPublicKey"), "{none}");
}
