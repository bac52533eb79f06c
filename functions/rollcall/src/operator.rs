//! Who is at the keyboard: the account that this process runs as, which the operating system has authenticated. It is never
//! read from a flag or from the environment.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;
use rollcall_policy::Configuration;
use rollcall_policy::configuration::Role;

use crate::cli::ConfigOptions;
use crate::local;

/// The operator, as the operating system and the configuration know them.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// The operating system's name of the account.
    pub(crate) name: String,
    /// Their sign-in name in the source, when the configuration's `operators` say so.
    pub(crate) login: Option<String>,
    /// What they may do.
    pub(crate) roles: BTreeSet<Role>,
}

impl Me {
    /// The operator of this process. Somebody whom `operators` does not name may do what needs no role.
    pub(crate) fn of(configuration: &Configuration) -> anyhow::Result<Self> {
        let name = account_name()?;
        let known = configuration.operators.get(&name);
        Ok(Self {
            login: known.and_then(|known| known.login.clone()),
            roles: known.map(|known| known.roles.clone()).unwrap_or_default(),
            name,
        })
    }

    /// The name under which decisions are recorded: the sign-in name where there is one.
    pub(crate) fn recorded(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.name)
    }

    /// Whether they may do this.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Whether this process runs as the account that owns a folder.
pub(crate) fn owns(folder: &Path) -> bool {
    let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid()).ok();
    let ours = owner(Path::new("/proc/self"));
    ours.is_some() && ours == owner(folder)
}

/// Whether whoever runs this may read about quiet runs. Where the configuration cannot be read, nobody may.
pub(crate) fn sees_quiet(options: &ConfigOptions) -> bool {
    local::configuration(options)
        .and_then(|configuration| Me::of(&configuration))
        .is_ok_and(|me| me.may(Role::Confidential))
}

/// The name of the account that owns this process, from the kernel's word on who that is.
fn account_name() -> anyhow::Result<String> {
    let number = std::fs::metadata("/proc/self")
        .context("the operating system does not say who runs this (no /proc)")?
        .uid();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        (uid == number).then(|| name.to_owned())
    });
    Ok(name.unwrap_or_else(|| format!("uid-{number}")))
}
