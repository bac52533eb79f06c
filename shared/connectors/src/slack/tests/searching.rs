use super::*;
use crate::scripted::{start, urgent};

fn message(ts: &str, key: &str) -> Value {
    json!({ "type": "message", "ts": ts, "metadata": { "event_type": "rollcall", "event_payload": { "key": key } } })
}

fn window() -> String {
    format!(
        "oldest={}.000000&limit=999&include_all_metadata=true",
        start().as_second() - 7 * 24 * 3600
    )
}

fn history(more: &str, body: &Value) -> Step {
    step(
        &format!("GET {API}/conversations.history?channel={CHANNEL}&{}{more}", window()),
        200,
        body,
    )
}

fn page(messages: &Value, cursor: &str) -> Value {
    json!({ "ok": true, "messages": messages, "has_more": !cursor.is_empty(), "response_metadata": { "next_cursor": cursor } })
}

async fn find(with: Value, steps: impl IntoIterator<Item = Step>) -> Result<Option<Applied>, Failure> {
    let action = if with.get("email").is_some() {
        "slack/dm"
    } else {
        "slack/post"
    };
    let script = Script::new([team("T0EXAMPLE01")].into_iter().chain(steps));
    let answer = connect(&script)
        .find_effect(&urgent(), &change(action, with), MARKER)
        .await;
    script.done();
    answer
}

fn here() -> Value {
    json!({ "channel": CHANNEL, "text": "x" })
}

#[tokio::test]
async fn the_marker_is_looked_for_over_all_pages() {
    let other = json!({ "type": "message", "ts": "1.1", "metadata": { "event_type": "other", "event_payload": { "key": MARKER } } });
    let steps = [
        history(
            "",
            &page(
                &json!([message("1.2", "someone else's"), other, { "ts": "1.3" }]),
                "c=1",
            ),
        ),
        history("&cursor=c%3D1", &page(&json!([message(TS, MARKER)]), "")),
    ];
    let found = find(here(), steps).await.unwrap().unwrap();
    assert_eq!(found.reference, json!({ "channel": CHANNEL, "ts": TS }));
    assert_eq!(
        find(here(), [history("", &page(&json!([message("1.2", "x")]), ""))])
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn an_incomplete_search_is_no_answer() {
    for broken in [
        json!({ "ok": true, "messages": [], "has_more": true }),
        json!({ "ok": true, "has_more": false }),
        json!({ "ok": false, "error": "missing_scope", "needed": "channels:history" }),
        json!({ "ok": false, "error": "internal_error" }),
    ] {
        let failure = find(here(), [history("", &broken)]).await.unwrap_err();
        assert_eq!(failure.executed, rollcall_model::Executed::No, "{failure:?}");
    }
    let first = history("", &page(&json!([]), "c1"));
    assert!(
        find(
            here(),
            [
                first,
                history("&cursor=c1", &json!({ "ok": false, "error": "ratelimited" }))
            ]
        )
        .await
        .unwrap_err()
        .is_retryable()
    );
}

#[tokio::test]
async fn a_reply_is_looked_for_in_its_thread() {
    let line = format!("GET {API}/conversations.replies?channel={CHANNEL}&{}&ts={TS}", window());
    let found = find(
        json!({ "channel": CHANNEL, "text": "x", "thread_ts": TS }),
        [step(
            &line,
            200,
            &page(&json!([message("1772474652.000100", MARKER)]), ""),
        )],
    )
    .await
    .unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_channel_by_name_is_resolved_and_one_that_does_not_show_is_no_answer() {
    let list = |channels: Value| {
        let line = format!(
            "GET {API}/conversations.list?types=public_channel%2Cprivate_channel&exclude_archived=true&limit=999"
        );
        step(
            &line,
            200,
            &json!({ "ok": true, "channels": channels, "response_metadata": { "next_cursor": "" } }),
        )
    };
    let by_name = || json!({ "channel": "#Security", "text": "x" });
    let found = find(
        by_name(),
        [
            list(json!([{ "id": "C0OTHER0001", "name": "it" }, { "id": CHANNEL, "name": "security" }])),
            history("", &page(&json!([]), "")),
        ],
    )
    .await
    .unwrap();
    assert_eq!(found, None);
    let unseen = find(by_name(), [list(json!([]))]).await.unwrap_err();
    assert!(
        unseen.reason.contains("#security") && !unseen.is_retryable(),
        "{unseen}"
    );
}

#[tokio::test]
async fn a_direct_message_is_looked_for_in_its_conversation() {
    let line = format!("GET {API}/conversations.history?channel=D0EXAMPLE01&{}", window());
    let steps = [
        step(
            &format!("GET {API}/users.lookupByEmail?email=j%40corp.example"),
            200,
            &json!({ "ok": true, "user": { "id": "U0EXAMPLE02" } }),
        ),
        step(
            &format!("POST {API}/conversations.open"),
            200,
            &json!({ "ok": true, "channel": { "id": "D0EXAMPLE01" } }),
        ),
        step(&line, 200, &page(&json!([message(TS, MARKER)]), "")),
    ];
    let found = find(json!({ "email": "j@corp.example", "text": "x" }), steps)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.reference["channel"], "D0EXAMPLE01");
}
