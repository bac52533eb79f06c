//! One folder per connected system, the same file names in each.
//!
//! `mod.rs` says what the system is and which scopes it needs, `client.rs` signs in, checks the tenant and pages,
//! `events.rs` reads the vendor's events, `actions.rs` plans without input or output, `retry.rs` turns a response into what
//! to do about it. A connector never waits and never repeats on its own, except for one renewal of a refused token: the
//! engine decides about retries, because it alone knows the journal and the deadline.

mod encode;
mod exchange;
pub mod http;
pub mod okta;
pub mod onelogin;
pub mod pace;
pub mod salesforce;
#[cfg(test)]
mod scripted;
mod sign;
pub mod slack;

use rollcall_model::ActionCatalogue;

/// Every action of every connector, by name.
pub fn catalogue() -> ActionCatalogue {
    let mut all = ActionCatalogue::default();
    okta::actions::add_to(&mut all);
    onelogin::actions::add_to(&mut all);
    salesforce::actions::add_to(&mut all);
    slack::actions::add_to(&mut all);
    all
}

#[cfg(test)]
mod tests {
    use rollcall_model::EffectClass;

    use super::*;

    #[test]
    fn the_catalogue_names_every_action_once_and_states_its_needs() {
        let all = catalogue();
        let names: Vec<&str> = all.iter().map(|action| action.name()).collect();
        assert_eq!(
            names,
            [
                "okta/add-groups",
                "okta/clear-sessions",
                "okta/deactivate",
                "okta/reactivate",
                "okta/remove-groups",
                "okta/reset-factors",
                "okta/revoke-api-tokens",
                "okta/revoke-grants",
                "okta/suspend",
                "okta/unsuspend",
                "onelogin/add-privileges",
                "onelogin/add-roles",
                "onelogin/deactivate",
                "onelogin/log-out",
                "onelogin/reactivate",
                "onelogin/remove-devices",
                "onelogin/remove-privileges",
                "onelogin/remove-roles",
                "onelogin/suspend",
                "onelogin/unsuspend",
                "salesforce/deactivate",
                "salesforce/end-sessions",
                "salesforce/freeze",
                "salesforce/hand-over-records",
                "salesforce/reactivate",
                "salesforce/remove-entitlements",
                "salesforce/restore-entitlements",
                "salesforce/revoke-tokens",
                "salesforce/take-back-records",
                "salesforce/unfreeze",
                "slack/dm",
                "slack/post",
                "slack/update",
            ]
        );
        for action in all.iter() {
            assert!(!action.scopes().is_empty(), "{}", action.name());
            assert!(action.summary().ends_with('.'), "{}", action.name());
            assert_eq!(action.on_account(), !action.name().starts_with("slack/"));
            if action.on_account() {
                // What cannot be read back is asked for again by the same key.
                let effect = if action.long() {
                    EffectClass::Staged
                } else if action.observable() {
                    EffectClass::Set
                } else {
                    EffectClass::Keyed
                };
                assert_eq!(action.effect(), effect, "{}", action.name());
                // What cannot be taken back, or not whole, stands in no cut.
                let final_for = [
                    "okta/deactivate",
                    "okta/reset-factors",
                    "onelogin/remove-devices",
                    "salesforce/deactivate",
                    "salesforce/hand-over-records",
                    "salesforce/take-back-records",
                ];
                assert_eq!(
                    action.reversible(),
                    !final_for.contains(&action.name()),
                    "{}",
                    action.name()
                );
            }
        }
    }
}
