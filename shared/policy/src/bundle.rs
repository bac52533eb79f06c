//! A configuration as files, so that a run can pin it by digest and load exactly it again.

use std::collections::BTreeMap;

use rollcall_model::action::ActionCatalogue;
use rollcall_model::digest::{CanonicalError, digest};
use rollcall_model::ids::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::configuration::Configuration;
use crate::problem::Problems;
use crate::{load, shipped};

/// The files of one configuration in one environment. Holds references to secrets, never secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The format of this document.
    pub version: u32,
    /// The environment's name.
    pub environment: String,
    /// Every file that was read, by its path in the folder.
    pub files: BTreeMap<String, String>,
    /// The shipped playbooks that it uses, as they were: a later version of Rollcall may ship others.
    pub shipped: BTreeMap<String, String>,
}

impl Bundle {
    /// The present format.
    pub const VERSION: u32 = 1;
}

impl Configuration {
    /// Loads a stored configuration again. Its digest is the one it had, or the stored text is not what was stored.
    pub fn from_bundle(bundle: &Bundle, actions: &ActionCatalogue) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if bundle.version != Bundle::VERSION {
            problems.push(crate::yaml::At::file("bundle").problem(
                format!(
                    "its format is {}, this version reads {}",
                    bundle.version,
                    Bundle::VERSION
                ),
                "let the version of Rollcall that wrote it finish its runs",
            ));
            return Err(problems);
        }
        load::assemble(
            &bundle.files,
            &bundle.environment,
            actions,
            &shipped::Library::stored(&bundle.shipped),
        )
    }
}

/// The digest over parsed content: layout and comments do not count.
pub(crate) fn content_digest(
    environment: &str,
    files: &BTreeMap<String, Value>,
    shipped: &BTreeMap<String, Value>,
) -> Result<Digest, CanonicalError> {
    let pairs = |files: &BTreeMap<String, Value>| -> Vec<(String, Value)> {
        files
            .iter()
            .map(|(path, content)| (path.clone(), content.clone()))
            .collect()
    };
    digest(&(Bundle::VERSION, environment, pairs(files), pairs(shipped)))
}
