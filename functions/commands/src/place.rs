//! Where a command runs: on one machine, or in a function of a stack for somebody who called it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rollcall_engine::Engine;
use rollcall_model::{ConnectionId, Connector, Files, SignedApproval};
use rollcall_policy::Configuration;
use rollcall_policy::configuration::Role;
use rollcall_runtime::Secrets;

use crate::cli::{ConfigOptions, DataOptions};
use crate::local::{self, Machine, Store};
use crate::operator::Me;

/// Where a command runs.
pub enum Place {
    /// Here: paths and the account of this process mean what they say.
    Machine,
    /// A stack. Its state, its configuration and the caller are given; nothing that was typed changes them.
    Stack(Box<Hosted>),
}

/// The vendors by connection.
pub type Connectors = BTreeMap<ConnectionId, Arc<dyn Connector>>;

/// A command's surroundings in a function of a stack.
pub struct Hosted {
    /// The stack's state.
    pub store: Store,
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// The folder that it was read from.
    pub folder: PathBuf,
    /// Who asks.
    pub me: Me,
    /// The caller's files by the names that they typed.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The engine with its connectors, where there is one: in the worker.
    pub engine: Option<(Engine, Connectors)>,
    /// The vendors' secrets by reference, in the worker.
    pub secrets: Option<Secrets>,
    /// The decision that `approve` has signed.
    pub approval: Option<SignedApproval>,
}

impl Place {
    /// The configuration in force.
    pub fn configuration(&self, options: &ConfigOptions) -> anyhow::Result<Configuration> {
        match self {
            Self::Machine => local::configuration(options),
            Self::Stack(hosted) => Ok(Configuration::clone(&hosted.configuration)),
        }
    }

    /// The configuration's folder.
    pub fn folder<'a>(&'a self, typed: &'a Path) -> &'a Path {
        match self {
            Self::Machine => typed,
            Self::Stack(hosted) => &hosted.folder,
        }
    }

    /// The environment that is meant: a stack is one.
    pub fn environment<'a>(&'a self, typed: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Machine => typed,
            Self::Stack(hosted) => Some(&hosted.configuration.environment),
        }
    }

    /// Who asks.
    pub fn me(&self, configuration: &Configuration) -> anyhow::Result<Me> {
        match self {
            Self::Machine => Me::of(configuration),
            Self::Stack(hosted) => Ok(hosted.me.clone()),
        }
    }

    /// The name of whoever asks, where it is known without a configuration.
    pub fn who(&self) -> Option<String> {
        match self {
            Self::Machine => crate::operator::account_name().ok(),
            Self::Stack(hosted) => Some(hosted.me.recorded().to_owned()),
        }
    }

    /// Whether whoever asks may read about quiet runs. Where the configuration cannot be read, nobody may.
    pub fn sees_quiet(&self, options: &ConfigOptions) -> bool {
        self.configuration(options)
            .and_then(|configuration| self.me(&configuration))
            .is_ok_and(|me| me.may(Role::Confidential))
    }

    /// The state, or that there is none.
    pub fn existing(&self, options: &DataOptions) -> anyhow::Result<Store> {
        match self {
            Self::Machine => Store::existing(options),
            Self::Stack(hosted) => Ok(hosted.store.clone()),
        }
    }

    /// The state, made when there is none.
    pub fn open(&self, options: &DataOptions, lease: Duration) -> anyhow::Result<Store> {
        match self {
            Self::Machine => Store::open(&options.data, lease),
            Self::Stack(hosted) => Ok(hosted.store.clone()),
        }
    }

    /// The engine with its connectors.
    pub async fn machine(
        &self,
        configuration: Configuration,
        store: &Store,
        lease: Duration,
    ) -> anyhow::Result<Machine> {
        match self {
            Self::Machine => local::machine(configuration, store, lease).await,
            Self::Stack(hosted) => {
                let (engine, connectors) = hosted
                    .engine
                    .clone()
                    .context("this function calls no vendor: a worker runs such a command")?;
                Ok(Machine {
                    engine: Arc::new(engine),
                    connectors,
                })
            }
        }
    }

    /// The decision that `approve` has signed; none on one machine, where the command signs.
    pub fn approval(&self) -> anyhow::Result<Option<&SignedApproval>> {
        match self {
            Self::Machine => Ok(None),
            Self::Stack(hosted) => {
                let signed = hosted.approval.as_ref();
                Ok(Some(
                    signed.context("a decision for a stack goes through its function approve")?,
                ))
            }
        }
    }

    /// A connector to each configured connection by itself.
    pub async fn each_connector(
        &self,
        configuration: &Configuration,
    ) -> BTreeMap<ConnectionId, Result<Arc<dyn Connector>, String>> {
        let secrets = match self {
            Self::Machine => Secrets::local(),
            Self::Stack(hosted) => hosted.secrets.clone().unwrap_or_else(Secrets::local),
        };
        local::each_connector(configuration, &secrets).await
    }

    /// The files of the state, without its ledger.
    pub fn files(&self, options: &DataOptions) -> anyhow::Result<Arc<dyn Files>> {
        match self {
            Self::Machine => local::files(options),
            Self::Stack(hosted) => Ok(Arc::clone(&hosted.store.files)),
        }
    }

    /// A file of the caller's.
    pub fn read(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Machine => std::fs::read(path).with_context(|| format!("{} cannot be read", path.display())),
            Self::Stack(hosted) => {
                let name = path.display().to_string();
                let found = hosted.files.get(&name).cloned();
                found.with_context(|| format!("{name} was not sent with the command"))
            }
        }
    }
}
