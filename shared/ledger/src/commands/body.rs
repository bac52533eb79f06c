//! Bodies: JSON text in the item, or in the files when it is long.

use bytes::Bytes;
use rollcall_model::digest::sha256;
use rollcall_model::{FileError, LedgerError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::TableLedger;
use crate::table::Item;

/// The longest body kept in an item, in bytes. DynamoDB takes 400 KB an item and 4 MB a transaction; 25 parts of this size
/// stay below both.
pub const INLINE_LIMIT: usize = 100 * 1024;

/// Stands in an item for a body that lies in the files. No item of ours has this member.
#[derive(Serialize, Deserialize)]
struct Spilled {
    #[serde(rename = "$file")]
    file: String,
}

/// How the text of a stand-in begins, so that ordinary bodies are not parsed twice.
const SPILLED_START: &str = "{\"$file\":";

fn name(digest: &str) -> String {
    format!("bodies/{digest}")
}

/// The file that an item's body lies in, when it does.
pub(super) fn file_of(body: &str) -> Option<String> {
    let spilled = body
        .starts_with(SPILLED_START)
        .then(|| serde_json::from_str::<Spilled>(body).ok());
    spilled.flatten().map(|spilled| name(&spilled.file))
}

impl TableLedger {
    /// The text that an item holds. A long one is in the files before anything refers to it.
    pub(super) async fn encode<T: Serialize + Sync>(&self, what: &str, value: &T) -> Result<String, LedgerError> {
        let text = serde_json::to_string(value).map_err(|error| LedgerError::Unfit {
            item: what.to_owned(),
            why: error.to_string(),
        })?;
        if text.len() <= INLINE_LIMIT {
            return Ok(text);
        }
        let digest = sha256(text.as_bytes());
        self.files
            .put(&name(digest.as_str()), Bytes::from(text))
            .await
            .map_err(|error| LedgerError::Unavailable(error.to_string()))?;
        Ok(format!("{SPILLED_START}\"{digest}\"}}"))
    }

    /// What an item says.
    pub(super) async fn decode<T: DeserializeOwned>(&self, item: &Item) -> Result<T, LedgerError> {
        if !item.body.starts_with(SPILLED_START) {
            return parse(item, item.body.as_bytes());
        }
        let Spilled { file } = parse(item, item.body.as_bytes())?;
        let bytes = self.files.get(&name(&file)).await.map_err(|error| match error {
            FileError::Missing(_) => corrupt(item, error.to_string()),
            FileError::Unavailable(_) => LedgerError::Unavailable(error.to_string()),
        })?;
        if sha256(&bytes).as_str() != file {
            return Err(corrupt(item, format!("the file {} has other content", name(&file))));
        }
        parse(item, &bytes)
    }
}

fn parse<T: DeserializeOwned>(item: &Item, text: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(text).map_err(|error| corrupt(item, error.to_string()))
}

/// An item that cannot be read.
pub(super) fn corrupt(item: &Item, why: String) -> LedgerError {
    LedgerError::Corrupt {
        item: format!("{}/{}", item.key.pk, item.key.sk),
        why,
    }
}
