//! Finding people, conversations, threads and earlier messages.

use super::*;

#[test]
fn people_are_found_by_mail_and_written_to_directly() {
    let slack = workspace();
    assert_eq!(
        form(&slack, "users.lookupByEmail?email=Jordan.Rivera%40corp.example", "")["user"]["id"],
        "U0EXAMPLE02"
    );
    assert_eq!(
        form(&slack, "users.lookupByEmail?email=nobody%40corp.example", "")["error"],
        "users_not_found"
    );
    let opened = call(&slack, "conversations.open", &json!({ "users": "U0EXAMPLE02" }));
    let again = call(&slack, "conversations.open", &json!({ "users": ["U0EXAMPLE02"] }));
    assert_eq!(
        (opened["channel"]["id"].as_str(), again["already_open"].as_bool()),
        (slack.dm_with("U0EXAMPLE02").as_deref(), Some(true))
    );
    assert_eq!(slack.counters().get("open-dm"), 1);
    let direct = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "U0EXAMPLE02", "text": "hello" }),
    );
    assert_eq!(direct["channel"], opened["channel"]["id"]);
    assert_eq!(
        at(
            &slack,
            "xoxb-few",
            "conversations.open",
            &json!({ "users": "U0EXAMPLE02,U0EXAMPLE03" }),
            now()
        )["needed"],
        "mpim:write"
    );
    assert_eq!(
        call(&slack, "conversations.open", &json!({ "users": "U0ROLLCALL1" }))["error"],
        "cannot_dm_bot"
    );
    slack.deactivate_user("U0EXAMPLE03");
    assert_eq!(
        call(&slack, "conversations.open", &json!({ "users": "U0EXAMPLE03" }))["error"],
        "user_disabled"
    );
    assert_eq!(
        form(&slack, "users.lookupByEmail?email=sam.okafor%40corp.example", "")["error"],
        "users_not_found"
    );
}

#[test]
fn threads_stay_out_of_history_and_parents_count_them() {
    let slack = workspace();
    let parent = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "parent" }),
    )["ts"]
        .clone();
    let reply = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "reply", "thread_ts": parent }),
    )["ts"]
        .clone();
    call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "reply to the reply", "thread_ts": reply }),
    );
    let history = form(&slack, "conversations.history?channel=C0EXAMPLE01", "");
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            history["messages"][0]["reply_count"].as_u64(),
            &history["messages"][0]["thread_ts"]
        ),
        (Some(2), &parent)
    );
    let thread = form(
        &slack,
        &format!(
            "conversations.replies?channel=C0EXAMPLE01&ts={}",
            parent.as_str().unwrap()
        ),
        "",
    );
    let texts: Vec<_> = thread["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["parent", "reply", "reply to the reply"]);
    assert_eq!(
        form(&slack, "conversations.replies?channel=C0EXAMPLE01&ts=1.000000", "")["error"],
        "thread_not_found"
    );
    assert_eq!(
        call(
            &slack,
            "chat.postMessage",
            &json!({ "channel": "C0EXAMPLE01", "text": "x", "thread_ts": "1.000000" })
        )["error"],
        "thread_not_found"
    );
}

#[test]
fn history_pages_newest_first_and_hides_metadata_unless_asked() {
    let slack = workspace();
    slack.set_burst(50);
    for number in 0..5 {
        let metadata = json!({ "event_type": "rollcall_run", "event_payload": { "number": number } });
        call(
            &slack,
            "chat.postMessage",
            &json!({ "channel": "C0EXAMPLE01", "text": number.to_string(), "metadata": metadata }),
        );
    }
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = form(
            &slack,
            &format!("conversations.history?channel=C0EXAMPLE01&limit=2&include_all_metadata=true&cursor={cursor}"),
            "",
        );
        texts.extend(
            page["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|message| message["text"].as_str().unwrap().to_owned()),
        );
        assert!(page["messages"][0]["metadata"]["event_payload"]["number"].is_number());
        if page["has_more"] == false {
            break;
        }
        cursor =
            url::form_urlencoded::byte_serialize(page["response_metadata"]["next_cursor"].as_str().unwrap().as_bytes())
                .collect();
    }
    assert_eq!(texts, ["4", "3", "2", "1", "0"]);
    let plain = form(&slack, "conversations.history?channel=C0EXAMPLE01", "");
    assert_eq!(plain["messages"][0].get("metadata"), None);
    let third = plain["messages"][2]["ts"].as_str().unwrap();
    let count = |query: &str| {
        form(
            &slack,
            &format!("conversations.history?channel=C0EXAMPLE01&{query}"),
            "",
        )["messages"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        (
            count(&format!("oldest={third}")),
            count(&format!("oldest={third}&inclusive=true")),
            count(&format!("latest={third}"))
        ),
        (2, 3, 2)
    );
    assert_eq!(
        form(&slack, "conversations.history?channel=C0EXAMPLE01&cursor=nonsense", "")["error"],
        "invalid_cursor"
    );
    assert_eq!(
        form(&slack, "conversations.history?channel=C0EXAMPLE02", "")["error"],
        "not_in_channel"
    );
}

#[test]
fn a_message_may_take_time_to_appear() {
    let slack = workspace();
    slack.set_history_delay(Duration::from_secs(3));
    call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "x" }),
    );
    let shown = |moment: Timestamp| {
        at(
            &slack,
            "xoxb-all",
            "conversations.history",
            &json!({ "channel": "C0EXAMPLE01" }),
            moment,
        )["messages"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((shown(now()), shown(now() + Duration::from_secs(3))), (0, 1));
    assert_eq!(slack.messages("C0EXAMPLE01").len(), 1);
}
