//! The demo's last act: everything that Rollcall did is taken back, and what the vendors hold is compared with what they held
//! before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::{Engine, UndoWish};
use rollcall_model::{Run, RunState};
use rollcall_simulators::onelogin::Status;
use rollcall_simulators::salesforce::Org;

use super::inspect::Check;
use super::scene::Scene;
use crate::local::Store;
use crate::out::Out;
use rollcall_commands::drive;

/// How long the playbook then leaves the person alone.
const KEEP: Duration = Duration::from_hours(30 * 24);

/// What the leaver has, as the vendors tell it themselves.
#[derive(PartialEq, Eq)]
pub(super) struct Holdings {
    /// By org: the SHA-256 over every business record.
    records: BTreeMap<&'static str, String>,
    /// By user: whether they may sign in, and what they are assigned.
    users: BTreeMap<String, (bool, bool, Vec<String>)>,
    /// Whether OneLogin lets her in, and her roles there.
    onelogin: (bool, Vec<i64>),
}

impl Holdings {
    pub(super) fn of(scene: &Scene) -> anyhow::Result<Self> {
        let (world, company) = (&scene.world, scene.company()?);
        let orgs: [(&'static str, &Arc<Org>, Vec<&String>); 2] = [
            (
                "sf-us",
                &world.salesforce,
                vec![&world.leaver_user, &company.leaver_admin],
            ),
            ("sf-emea", &company.emea, vec![&company.leaver_emea]),
        ];
        let (mut records, mut users) = (BTreeMap::new(), BTreeMap::new());
        for (name, org, hers) in orgs {
            records.insert(name, org.fingerprint());
            for user in hers {
                let held = (org.is_active(user), org.is_frozen(user), org.assignments_of(user));
                users.insert(format!("{name}/{user}"), held);
            }
        }
        let onelogin = &company.onelogin;
        let active = onelogin.status_of(company.leaver_onelogin) == Some(Status::Active);
        Ok(Self {
            records,
            users,
            onelogin: (active, onelogin.roles_of(company.leaver_onelogin)),
        })
    }
}

/// Takes the run back, as `rollcall undo RUN --yes` does.
pub(super) async fn take_back(engine: &Arc<Engine>, store: &Store, run: &Run, out: &Out) -> anyhow::Result<Run> {
    out.title("\nIt was all a mistake: `rollcall undo` takes it back\n");
    let wish = UndoWish {
        run: run.id.clone(),
        stage: None,
        keep: KEEP,
    };
    let proposal = engine.propose_undo(&wish).await?;
    let asked = engine.apply_named_by(proposal.hash.as_str(), Some("demo")).await?;
    drive(engine, store, &asked.run, out).await
}

/// Whether everything is as it was.
pub(super) fn compare(before: &Holdings, now: &Holdings, undo: &Run) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |what: String, holds: bool, found: String| checks.push(Check { what, holds, found });
    let why = undo.state.why().unwrap_or_default();
    check(
        "the undo is done".to_owned(),
        undo.state == RunState::Done,
        format!("{}: {why}", undo.state.name()),
    );
    for (org, print) in &before.records {
        check(
            format!("{org}: every record is again what it was, byte for byte"),
            now.records.get(org) == Some(print),
            "some differ".to_owned(),
        );
    }
    for (user, held) in &before.users {
        check(
            format!("{user}: may sign in, with every permission set, licence and group of before"),
            now.users.get(user) == Some(held),
            format!("{:?}, was {held:?}", now.users.get(user)),
        );
    }
    check(
        "OneLogin: Amara may sign in, with every role of before".to_owned(),
        now.onelogin == before.onelogin,
        format!("{:?}, was {:?}", now.onelogin, before.onelogin),
    );
    checks
}
