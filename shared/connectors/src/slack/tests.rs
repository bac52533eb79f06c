mod examining;
mod messages;
mod searching;
mod table;

use std::sync::Arc;

use rollcall_model::EffectClass;
use serde_json::{Value, json};

use super::*;
use crate::scripted::{CountingIds, Script, StandingClock, Step, step};

const API: &str = "https://slack.com/api";
const CHANNEL: &str = "C0EXAMPLE01";
const TS: &str = "1772474651.000100";
const MARKER: &str = "run-1/done/slack/-/slack/post";

fn connect(script: &Arc<Script>) -> Slack {
    let settings = SlackSettings {
        connection: "slack".into(),
        base_url: BASE_URL.to_owned(),
        team_id: "T0EXAMPLE01".to_owned(),
        token: Secret::new("xoxb-planted"),
    };
    Slack::new(
        settings,
        script.clone(),
        StandingClock::new(),
        Arc::new(CountingIds::default()),
    )
}

fn team(id: &str) -> Step {
    step(
        &format!("POST {API}/auth.test"),
        200,
        &json!({ "ok": true, "team_id": id, "user_id": "U0ROLLCALL1" }),
    )
}

fn change(action: &str, with: Value) -> Change {
    Change {
        stage: "tell".to_owned(),
        step: "done".to_owned(),
        connection: "slack".into(),
        account: None,
        action: action.to_owned(),
        effect: EffectClass::Findable,
        settle_ms: 0,
        with,
        before: json!({ "posted": false }),
        after: json!({ "posted": true }),
        evidence: Value::Null,
    }
}

fn posted() -> Value {
    json!({ "ok": true, "channel": CHANNEL, "ts": TS, "message": { "type": "message" } })
}
