//! Who asks. On one machine it is the account that this process runs as, which the operating system has authenticated; in a
//! stack whoever signed the request, whom AWS has authenticated. It is never read from a flag, a body or the environment.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;
use rollcall_policy::Configuration;
use rollcall_policy::configuration::Role;

/// The operator, as the operating system and the configuration know them.
#[derive(Clone, Debug)]
pub struct Me {
    /// The operating system's name of the account.
    pub name: String,
    /// Their sign-in name in the source, when the configuration's `operators` say so.
    pub login: Option<String>,
    /// What they may do.
    pub roles: BTreeSet<Role>,
}

impl Me {
    /// The operator of this process. Somebody whom `operators` does not name may do what needs no role.
    pub fn of(configuration: &Configuration) -> anyhow::Result<Self> {
        let name = account_name()?;
        let known = configuration.operators.get(&name);
        Ok(Self {
            login: known.and_then(|known| known.login.clone()),
            roles: known.map(|known| known.roles.clone()).unwrap_or_default(),
            name,
        })
    }

    /// The operator whom AWS knows by this ARN, as `requestContext.authorizer.iam.userArn` says it; nobody whom `operators`
    /// does not name.
    pub fn of_caller(configuration: &Configuration, arn: &str) -> Option<Self> {
        let mut known = configuration.operators.iter();
        let (name, known) = known.find(|(_, known)| known.aws.as_deref() == Some(arn))?;
        Some(Self {
            name: name.clone(),
            login: known.login.clone(),
            roles: known.roles.clone(),
        })
    }

    /// The name under which decisions are recorded: the sign-in name where there is one.
    pub fn recorded(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.name)
    }

    /// Whether they may do this.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Whether this process runs as the account that owns a folder.
pub fn owns(folder: &Path) -> bool {
    let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid()).ok();
    let ours = owner(Path::new("/proc/self"));
    ours.is_some() && ours == owner(folder)
}

/// The name of the account that owns this process, from the kernel's word on who that is.
pub(crate) fn account_name() -> anyhow::Result<String> {
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
