//! Every target, as a test: its seeds as they are, then damaged ones.
//!
//! `ROLLCALL_FUZZ_SECONDS=600 cargo test -p rollcall-hostile --test fuzz NAME -- --nocapture` runs one for ten minutes.

use rollcall_hostile::{configuration, door, expression, normaliser, proof, run, soql, table, telling, vendor};

macro_rules! targets {
    ($($name:ident: $target:expr,)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), &$target);
            }
        )*
    };
}

targets! {
    okta_door: door::OKTA,
    onelogin_door: door::ONELOGIN,
    okta_events: normaliser::OKTA,
    onelogin_events: normaliser::ONELOGIN,
    okta_answers: vendor::OKTA,
    onelogin_answers: vendor::ONELOGIN,
    salesforce_answers: vendor::SALESFORCE,
    salesforce_search: soql::SEARCH,
    salesforce_results: table::RESULTS,
    salesforce_evidence: table::EVIDENCE,
    configuration_folder: configuration::FOLDER,
    expressions: expression::CEL,
    names_in_messages: telling::NAMES,
    message_templates: telling::TEMPLATES,
    receipts: proof::RECEIPT,
    approvals_and_keys: proof::STATEMENT,
}
