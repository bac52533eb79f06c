//! What must be true at the end in the rest of the company: the second directory, the second org, the second account, and
//! everybody who must not be touched.

use rollcall_simulators::okta::Status as OktaStatus;
use rollcall_simulators::onelogin::Status as OneLoginStatus;

use crate::story::Happens;
use crate::world::{OrgBefore, World};

/// Everything that is not as it must be.
pub(super) fn violations(world: &World, happens: Happens) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(company) = &world.vendors.company else {
        return wrong;
    };
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let leaves = happens != Happens::LeavesAndReturns;
    let once = u64::from(leaves);
    for before in &world.before.orgs {
        org(before, leaves, &mut must);
    }

    let (onelogin, user) = (&company.onelogin, company.leaver_onelogin);
    let status = onelogin.status_of(user);
    must(
        (status != Some(OneLoginStatus::Active)) == leaves,
        format!("OneLogin says {status:?}"),
    );
    let sessions = onelogin.sessions_of(user).len();
    must((sessions == 0) == leaves, format!("{sessions} portal sessions"));
    // Where OneLogin itself reported the leaver there was nothing left to suspend.
    let suspended = onelogin.counters().get("suspend");
    let expected = if happens == Happens::LeavesEverywhere { 0 } else { once };
    must(suspended == expected, format!("{suspended} suspensions by us"));
    // A log-out cannot be read back; it is repeated when its answer was lost, and harmless.
    let logged_out = onelogin.counters().get("logout");
    must((logged_out > 0) == leaves, format!("{logged_out} log-outs"));
    let colleague = company.colleague_onelogin;
    must(
        onelogin.status_of(colleague) == Some(OneLoginStatus::Active) && !onelogin.sessions_of(colleague).is_empty(),
        "the colleague in OneLogin".to_owned(),
    );
    let protected = company.protected_accounts.0;
    must(
        onelogin.status_of(protected) == Some(OneLoginStatus::Active),
        "the protected person in OneLogin".to_owned(),
    );

    let okta = &world.vendors.okta;
    let leaver = &world.vendors.leaver;
    let barred = okta.user_status(leaver) == Some(OktaStatus::Deprovisioned);
    must(barred == leaves, format!("Okta says {:?}", okta.user_status(leaver)));
    let sessions = okta.sessions(leaver);
    must(!leaves || sessions == 0, format!("{sessions} Okta sessions"));
    let suspended = okta.counters().get("suspend");
    must(
        suspended == 0,
        format!("{suspended} suspensions of somebody who is deactivated"),
    );
    wrong
}

fn org(before: &OrgBefore, leaves: bool, must: &mut impl FnMut(bool, String)) {
    let (org, name) = (&before.org, before.name);
    let once = u64::from(leaves);
    for user in &before.cut {
        let (tokens, sessions) = (org.tokens_of(&user.id), org.sessions_of(&user.id));
        must(
            org.is_frozen(&user.id) == leaves,
            format!("{name}: {} frozen: {}", user.id, !leaves),
        );
        must(
            leaves == tokens.is_empty() && (leaves || tokens == user.tokens),
            format!("{name}: {} has {} tokens", user.id, tokens.len()),
        );
        must(
            leaves == sessions.is_empty() && (leaves || sessions == user.sessions),
            format!("{name}: {} has {} sessions", user.id, sessions.len()),
        );
    }
    for user in &before.untouched {
        must(
            !org.is_frozen(&user.id)
                && org.tokens_of(&user.id) == user.tokens
                && org.sessions_of(&user.id) == user.sessions,
            format!("{name}: {} was touched", user.id),
        );
    }
    let users = before.cut.len() as u64;
    let tokens: u64 = before.cut.iter().map(|user| user.tokens.len() as u64).sum();
    let counts = org.counters();
    must(
        counts.get("freeze") == once * users && counts.get("unfreeze") == 0,
        format!(
            "{name}: {} freezes, {} unfreezes",
            counts.get("freeze"),
            counts.get("unfreeze")
        ),
    );
    must(
        counts.get("revoke-token") == once * tokens,
        format!("{name}: {} revocations of {tokens}", counts.get("revoke-token")),
    );
}
