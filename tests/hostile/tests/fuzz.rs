//! Every target, as a test: its seeds as they are, then damaged ones.
//!
//! `ROLLCALL_FUZZ_SECONDS=600 cargo test -p rollcall-hostile --test fuzz NAME -- --nocapture` runs one for ten minutes.

use rollcall_hostile::{TARGETS, run};

macro_rules! targets {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("the target is there");
                run(name, target);
            }
        )*
    };
}

targets! {
    okta_door
    onelogin_door
    okta_events
    onelogin_events
    okta_answers
    onelogin_answers
    salesforce_answers
    salesforce_search
    salesforce_results
    salesforce_evidence
    configuration_folder
    expressions
    names_in_messages
    message_templates
    receipts
    approvals_and_keys
}

#[test]
fn no_target_is_left_out() {
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(TESTED, known);
}
