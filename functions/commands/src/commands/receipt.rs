//! `rollcall receipt verify`: needs the receipt, or the statement about somebody who was forgotten, and a public key, nothing
//! else.

use anyhow::Context as _;
use rollcall_evidence::{Forgotten, PublicKey, verify as check};
use serde_json::json;

use crate::Exit;
use crate::cli::VerifyOptions;
use crate::local::receipt_keys_of;
use crate::out::{Out, moment, plain};

pub(crate) fn verify(options: &VerifyOptions, out: &Out) -> anyhow::Result<Exit> {
    let text = std::fs::read(&options.file).with_context(|| format!("{} cannot be read", options.file.display()))?;
    let mut files = options.keys.clone();
    if files.is_empty() {
        files = receipt_keys_of(&options.data.data);
    }
    let mut keys = Vec::new();
    for file in &files {
        let pem = std::fs::read_to_string(file)
            .with_context(|| format!("the public key {} cannot be read: name one with --key", file.display()))?;
        keys.extend(PublicKey::all_from_pem(&pem).with_context(|| format!("{} holds no public key", file.display()))?);
    }
    if Forgotten::is(&text) {
        return statement(&text, &keys, out);
    }
    match check(&text, &keys) {
        Ok(verified) => {
            let header = &verified.header;
            out.title(&format!("The receipt is as it was signed by key {}.", verified.key_id));
            out.line(format!(
                "  run        {} ({}, {}), {}",
                plain(header.run.as_str()),
                header.goal,
                plain(&header.playbook),
                plain(&header.state)
            ));
            out.line(format!("  received   {}", moment(header.received_at)));
            for (connection, ms) in &header.time_to_cut_ms {
                out.line(format!("  cut        {connection} after {ms} ms"));
            }
            let sequences: Vec<String> = verified
                .sequences
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            out.line(format!(
                "  entries    {} ({})",
                verified.entries(),
                sequences.join(", ")
            ));
            out.document(&json!({
                "valid": true, "key_id": verified.key_id, "header": verified.header, "entries": verified.entries(),
                "sequences": verified.sequences.iter().map(|(name, count)| json!({"sequence": name, "entries": count})).collect::<Vec<_>>(),
            }))?;
            Ok(Exit::SUCCESS)
        }
        Err(fault) => {
            out.title("The receipt is not as it was signed.");
            out.line(format!("  {fault}"));
            out.document(&json!({"valid": false, "fault": fault.to_string()}))?;
            Ok(Exit::from(1))
        }
    }
}

/// The same for a statement about somebody who was forgotten.
fn statement(text: &[u8], keys: &[PublicKey], out: &Out) -> anyhow::Result<Exit> {
    match Forgotten::verify(text, keys) {
        Ok(verified) => {
            let stated = &verified.statement;
            out.title(&format!(
                "The statement is as it was signed by key {}.",
                verified.signature.key_id
            ));
            out.line(format!("  forgotten  {} at {}", plain(&stated.id), moment(stated.at)));
            out.line(format!("  asked by   {}", plain(&stated.by)));
            for one in &stated.runs {
                out.line(format!("  run        {}", plain(one.run.as_str())));
            }
            out.document(&json!({"valid": true, "key_id": verified.signature.key_id, "statement": stated}))?;
            Ok(Exit::SUCCESS)
        }
        Err(fault) => {
            out.title("The statement is not as it was signed.");
            out.line(format!("  {fault}"));
            out.document(&json!({"valid": false, "fault": fault.to_string()}))?;
            Ok(Exit::from(1))
        }
    }
}
