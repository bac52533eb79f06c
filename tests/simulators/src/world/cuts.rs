//! When somebody's access was gone, seen from the vendors' side: for benchmarks, which may not believe what is measured.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::LeaverWorld;
use crate::okta::Status as OktaStatus;
use crate::onelogin::Status as OneLoginStatus;
use crate::salesforce::Org;

/// The shortest pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// So many times as long as a look took is the pause after it, so that looking costs the machine a few percent at most.
const SHARE: u32 = 25;

/// The systems, in the order in which somebody's accounts are kept.
const SYSTEMS: [&str; 4] = ["okta-main", "onelogin-main", "sf-us", "sf-emea"];

/// Somebody who is still signed in somewhere.
#[derive(Debug)]
struct Leaving {
    login: String,
    okta: String,
    onelogin: i64,
    us: Vec<String>,
    emea: Vec<String>,
    /// When each system was found without them, in microseconds since 1970.
    gone: [Option<i64>; SYSTEMS.len()],
}

/// Who leaves, and when each system was found without them.
#[derive(Debug, Default)]
pub struct Cuts {
    leaving: Mutex<Vec<Leaving>>,
    cut: Mutex<BTreeMap<String, BTreeMap<&'static str, i64>>>,
}

impl Cuts {
    /// Watches somebody from now on. Nothing when they have no account in one of the systems: there would be nothing to see.
    pub fn watch(&self, world: &LeaverWorld, login: &str) {
        let (Some(okta), Some(company)) = (world.okta.user_id(login), world.company.as_ref()) else {
            return;
        };
        let Some(onelogin) = company.onelogin.user_id(login) else {
            return;
        };
        // Whoever administers an org with a second user has `.admin` before the `@` there.
        let us = [login.to_owned(), login.replacen('@', ".admin@", 1)];
        let leaving = Leaving {
            login: login.to_owned(),
            okta,
            onelogin,
            us: us.iter().filter_map(|name| world.salesforce.user_id(name)).collect(),
            emea: company.emea.user_id(&format!("{login}.emea")).into_iter().collect(),
            gone: [None; SYSTEMS.len()],
        };
        if !leaving.us.is_empty() && !leaving.emea.is_empty() {
            lock(&self.leaving).push(leaving);
        }
    }

    /// Who is cut everywhere so far: the moment at which each system was found without them, in microseconds since 1970.
    pub fn cut(&self) -> BTreeMap<String, BTreeMap<&'static str, i64>> {
        lock(&self.cut).clone()
    }

    /// Looks at everybody who is not cut yet. Answers how long to wait until the next look.
    pub fn look(&self, world: &LeaverWorld) -> Duration {
        let began = Instant::now();
        let mut leaving = lock(&self.leaving);
        if let Some(company) = &world.company {
            for one in leaving.iter_mut() {
                for (place, gone) in one.gone.iter_mut().enumerate().filter(|(_, gone)| gone.is_none()) {
                    let out = match place {
                        0 => {
                            let status = world.okta.user_status(&one.okta);
                            let barred =
                                matches!(status, None | Some(OktaStatus::Suspended | OktaStatus::Deprovisioned));
                            barred && world.okta.sessions(&one.okta) == 0
                        }
                        1 => {
                            company.onelogin.status_of(one.onelogin) != Some(OneLoginStatus::Active)
                                && company.onelogin.sessions_of(one.onelogin).is_empty()
                        }
                        2 => one.us.iter().all(|user| out_of(&world.salesforce, user)),
                        _ => one.emea.iter().all(|user| out_of(&company.emea, user)),
                    };
                    *gone = out.then(|| Timestamp::now().as_microsecond());
                }
            }
        }
        let (cut, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut *leaving)
            .into_iter()
            .partition(|one| one.gone.iter().all(Option::is_some));
        *leaving = rest;
        drop(leaving);
        for one in cut {
            let times = SYSTEMS.iter().zip(one.gone);
            let times = times.filter_map(|(system, at)| Some((*system, at?))).collect();
            lock(&self.cut).insert(one.login, times);
        }
        PAUSE.max(began.elapsed() * SHARE)
    }
}

fn out_of(org: &Org, user: &str) -> bool {
    org.is_frozen(user) && org.tokens_of(user).is_empty() && org.sessions_of(user).is_empty()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onelogin::Status;

    #[test]
    fn somebody_is_cut_when_no_system_has_a_way_in_for_them() {
        let world = LeaverWorld::company("2026-11-28T09:00:00Z".parse().unwrap()).unwrap();
        let hired = world.hire(1).unwrap();
        let cuts = Cuts::default();
        cuts.watch(&world, &hired.login);
        cuts.watch(&world, "nobody@corp.example");
        assert_eq!(lock(&cuts.leaving).len(), 1);
        // Being deactivated is not being out: sessions go on until somebody ends them. And that is one system of four.
        let now = Timestamp::now();
        world
            .okta
            .admin_deactivate(&hired.okta, &world.administrator, now)
            .unwrap();
        let gone = || {
            assert!(cuts.look(&world) >= PAUSE);
            lock(&cuts.leaving).first().unwrap().gone.map(|at| at.is_some())
        };
        world.okta.sign_in(&hired.okta, 1, now);
        assert_eq!(gone(), [false; 4]);
        world.okta.sign_in(&hired.okta, 0, now);
        assert_eq!(gone(), [true, false, false, false]);
        assert_ne!(
            world.company.as_ref().unwrap().onelogin.status_of(hired.onelogin),
            Some(Status::Suspended)
        );
        assert!(cuts.cut().is_empty());
    }
}
