//! What to do about a refusal. Slack answers 200 to most of them; the code in the body decides (Slack Web API, "Errors" of each
//! method; "Rate limits").

use std::time::Duration;

use rollcall_model::{Failure, FailureClass, HttpResponse};
use serde_json::Value;

use crate::encode::short;
use crate::exchange::{header, retry_after, text};

/// When Slack asks for patience without saying how long.
const PAUSE: Duration = Duration::from_secs(30);

/// The failure of an answer that is not `ok: true`. `reads` says that the call could have no effect.
pub(super) fn failure(what: &str, response: &HttpResponse, body: &Value, reads: bool) -> Failure {
    let status = response.status().as_u16();
    let code = short(text(body, "error").unwrap_or("no error code"), 60);
    let said = format!("{what}: Slack answered {status} {code}");
    let human = |next: String| Failure::needs_human(format!("{said}: {next}"));
    let retry = |after: Option<Duration>| {
        let mut failure = Failure::retry(said.clone());
        failure.class = FailureClass::Retry { after };
        failure
    };
    let failure = match (status, code.as_str()) {
        (429, _) | (_, "ratelimited" | "rate_limited") => retry(Some(retry_after(response).unwrap_or(PAUSE))),
        (_, "internal_error" | "fatal_error" | "request_timeout" | "service_unavailable") | (500.., _) => {
            let failure = retry(retry_after(response));
            if reads { failure } else { failure.maybe_executed() }
        }
        (_, "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired") => {
            Failure::credential(format!(
                "{said}: the bot's token is refused, install the app again and set its token"
            ))
        }
        (_, "missing_scope") => {
            let needed = short(text(body, "needed").unwrap_or("that Slack does not name"), 80);
            human(format!("add the scope {needed} to the app and install it again"))
        }
        (_, "no_permission" | "ekm_access_denied" | "restricted_action") => {
            human("a workspace administrator must allow it".to_owned())
        }
        (_, "not_in_channel") => human("invite the bot to the channel".to_owned()),
        (_, "channel_not_found") => {
            human("there is no such channel, or it is private: correct its name or invite the bot".to_owned())
        }
        (_, "is_archived") => human("the channel is archived: name another".to_owned()),
        (_, "users_not_found" | "user_not_found") => {
            Failure::give_up(format!("{said}: nobody in the workspace has this e-mail address"))
        }
        (_, "user_disabled" | "cannot_dm_bot") => Failure::give_up(format!("{said}: the person cannot be written to")),
        (300..=399, _) => Failure::give_up(format!(
            "{said}: a redirect is not followed, check the connection's url"
        )),
        _ => Failure::give_up(said.clone()),
    };
    failure.with_request_id(request_id(response))
}

/// `X-Slack-Req-Id`.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    header(response, "x-slack-req-id").map(str::to_owned)
}
