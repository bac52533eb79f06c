//! Okta is a source in this version: it is read and never written, so it has no actions.

use rollcall_model::Failure;

/// The failure of an action that this connector does not have.
pub(super) fn unknown(action: &str) -> Failure {
    Failure::give_up(format!(
        "the Okta connector has no action {action} in this version: it reads only"
    ))
}
