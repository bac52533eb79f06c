//! A hook function's settings, from its environment.

use std::collections::BTreeMap;

use http::HeaderName;
use rollcall_inbound::Source;
use rollcall_ledger::sqs::LaneUrls;
use rollcall_model::{ConnectionId, Lane};
use rollcall_runtime::{Code, SecretRef, codes};

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The kind of system that sends; fixed by the binary.
    pub source: Source,
    /// `ROLLCALL_CONNECTION`: the connection that the hook belongs to.
    pub connection: ConnectionId,
    /// `ROLLCALL_HOOK_PATH`: where the API serves this function; `/okta`, `/onelogin` by default.
    pub path: String,
    /// `ROLLCALL_HOOK_HEADER`: the header with the secret; `authorization` by default.
    pub header: HeaderName,
    /// `ROLLCALL_HOOK_SECRET`: where the current secret is.
    pub secret: SecretRef,
    /// `ROLLCALL_HOOK_SECRET_PREVIOUS`: where the previous one is, while it is being rotated.
    pub previous: Option<SecretRef>,
    /// `ROLLCALL_QUEUE_URGENT`, `ROLLCALL_QUEUE_WORK`, `ROLLCALL_QUEUE_BULK`: the queues' URLs.
    pub queues: BTreeMap<Lane, LaneUrls>,
    /// `ROLLCALL_BUCKET`: the bucket for large bodies.
    pub bucket: String,
}

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It has no default and is not set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It is set to something else than expected. The value is not repeated: it may be a secret in the wrong place.
    #[error("{name} must be {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl SettingsError {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing(_) => codes::CONFIG_MISSING,
            Self::Invalid { .. } => codes::CONFIG_INVALID,
        }
    }
}

impl Settings {
    /// Reads them through `variable`, which answers for one name at a time. An empty value counts as not set.
    pub fn read(source: Source, variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let reference = |name, text: String| {
            let expected = "a reference: env:NAME, file:PATH, ssm:/name or secretsmanager:name";
            SecretRef::parse(&text).map_err(|_| SettingsError::Invalid { name, expected })
        };
        let queue = |name| {
            let url = required(name)?;
            if url.starts_with("https://") || url.starts_with("http://") {
                Ok(LaneUrls { queue: url, dead: None })
            } else {
                Err(SettingsError::Invalid {
                    name,
                    expected: "a queue's URL",
                })
            }
        };
        let default_path = match source {
            Source::Okta => "/okta",
            Source::Onelogin => "/onelogin",
        };
        let header = optional("ROLLCALL_HOOK_HEADER").unwrap_or_else(|| "authorization".to_owned());
        Ok(Self {
            source,
            connection: ConnectionId::new(required("ROLLCALL_CONNECTION")?),
            path: optional("ROLLCALL_HOOK_PATH").unwrap_or_else(|| default_path.to_owned()),
            header: header.parse().map_err(|_| SettingsError::Invalid {
                name: "ROLLCALL_HOOK_HEADER",
                expected: "the name of a header",
            })?,
            secret: reference("ROLLCALL_HOOK_SECRET", required("ROLLCALL_HOOK_SECRET")?)?,
            previous: optional("ROLLCALL_HOOK_SECRET_PREVIOUS")
                .map(|text| reference("ROLLCALL_HOOK_SECRET_PREVIOUS", text))
                .transpose()?,
            queues: BTreeMap::from([
                (Lane::Urgent, queue("ROLLCALL_QUEUE_URGENT")?),
                (Lane::Work, queue("ROLLCALL_QUEUE_WORK")?),
                (Lane::Bulk, queue("ROLLCALL_QUEUE_BULK")?),
            ]),
            bucket: required("ROLLCALL_BUCKET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &[(&str, &str)] = &[
        ("ROLLCALL_CONNECTION", "okta-main"),
        ("ROLLCALL_HOOK_SECRET", "ssm:/rc/okta-hook"),
        ("ROLLCALL_QUEUE_URGENT", "https://queue.example/urgent"),
        ("ROLLCALL_QUEUE_WORK", "https://queue.example/work"),
        ("ROLLCALL_QUEUE_BULK", "https://queue.example/bulk"),
        ("ROLLCALL_BUCKET", "rc-files"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(Source::Onelogin, |name| {
            let all = changes.iter().chain(COMPLETE);
            all.into_iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_has_a_default_may_be_absent() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.path, "/onelogin");
        assert_eq!(settings.header, "authorization");
        assert_eq!(settings.previous, None);
        assert_eq!(settings.queues[&Lane::Bulk].queue, "https://queue.example/bulk");
        let settings = read(&[
            ("ROLLCALL_HOOK_PATH", "/in"),
            ("ROLLCALL_HOOK_HEADER", "X-Hook"),
            ("ROLLCALL_HOOK_SECRET_PREVIOUS", "secretsmanager:old"),
        ])
        .unwrap();
        assert_eq!((settings.path.as_str(), settings.header.as_str()), ("/in", "x-hook"));
        assert_eq!(settings.previous, Some(SecretRef::SecretsManager("old".to_owned())));
    }

    #[test]
    fn what_has_none_is_missed_by_name() {
        for (name, _) in COMPLETE {
            for empty in ["", " "] {
                let error = read(&[(name, empty)]).unwrap_err();
                assert_eq!(
                    (error.to_string(), error.code().id),
                    (format!("{name} is not set"), "RC0201")
                );
            }
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_not_repeated() {
        for name in [
            "ROLLCALL_HOOK_SECRET",
            "ROLLCALL_HOOK_SECRET_PREVIOUS",
            "ROLLCALL_QUEUE_WORK",
            "ROLLCALL_HOOK_HEADER",
        ] {
            let error = read(&[(name, "planted secret")]).unwrap_err();
            assert_eq!(error.code().id, "RC0202");
            assert!(
                error.to_string().starts_with(name) && !error.to_string().contains("planted"),
                "{error}"
            );
        }
    }
}
