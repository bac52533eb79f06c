//! Which conversations there are.

use super::*;

/// The workspace with a token that may list channels of both kinds, and one for each part of that.
fn listed() -> Slack {
    let slack = workspace();
    slack.add_token(
        "xoxb-lists",
        &[
            "channels:read",
            "groups:read",
            "im:read",
            "mpim:read",
            "im:write",
            "mpim:write",
        ],
    );
    slack.add_token("xoxb-public", &["channels:read", "chat:write"]);
    slack.add_private_channel("C0EXAMPLE04", "leavers", true);
    slack
}

fn list(slack: &Slack, token: &str, query: &str) -> Value {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = format!("/api/conversations.list?{query}").parse().unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    let Reply::Answer(response) = slack.answer(&request, now()) else {
        panic!("no answer")
    };
    serde_json::from_slice(response.body()).unwrap()
}

fn names(page: &Value) -> Vec<&str> {
    page["channels"]
        .as_array()
        .unwrap_or_else(|| panic!("{page}"))
        .iter()
        .map(|channel| channel["name"].as_str().unwrap())
        .collect()
}

#[test]
fn public_channels_show_to_everybody_and_private_ones_to_members() {
    let slack = listed();
    let unasked = list(&slack, "xoxb-lists", "");
    assert_eq!(
        names(&unasked),
        ["identity-ops", "elsewhere"],
        "public channels are what comes unasked"
    );
    assert_eq!(unasked["response_metadata"]["next_cursor"], "");
    let members: Vec<_> = (0..2)
        .map(|at| unasked["channels"][at]["is_member"].as_bool())
        .collect();
    assert_eq!(members, [Some(true), Some(false)]);
    let both = list(&slack, "xoxb-lists", "types=public_channel%2Cprivate_channel");
    assert_eq!(
        names(&both),
        ["identity-ops", "elsewhere", "leavers"],
        "the bot is not in #secret"
    );
    let shown = &both["channels"][2];
    for (field, value) in [
        ("id", json!("C0EXAMPLE04")),
        ("name_normalized", json!("leavers")),
        ("is_private", json!(true)),
        ("is_channel", json!(true)),
        ("is_group", json!(false)),
        ("is_im", json!(false)),
        ("is_mpim", json!(false)),
        ("is_archived", json!(false)),
        ("context_team_id", json!("T0EXAMPLE01")),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(names(&list(&slack, "xoxb-lists", "types=private_channel")), ["leavers"]);
}

#[test]
fn direct_and_group_conversations_are_lists_of_their_own() {
    let slack = listed();
    for users in ["U0EXAMPLE02", "U0EXAMPLE02,U0EXAMPLE03"] {
        at(
            &slack,
            "xoxb-lists",
            "conversations.open",
            &json!({ "users": users }),
            now(),
        );
    }
    let direct = list(&slack, "xoxb-lists", "types=im");
    assert_eq!(direct["channels"].as_array().unwrap().len(), 1);
    let shown = &direct["channels"][0];
    assert_eq!((&shown["user"], &shown["is_im"]), (&json!("U0EXAMPLE02"), &json!(true)));
    assert_eq!(shown.get("name"), None);
    let group = list(&slack, "xoxb-lists", "types=mpim");
    assert_eq!(names(&group), ["mpdm-jordan.rivera--sam.okafor--rollcall-1"]);
    assert_eq!(group["channels"][0]["is_mpim"], true);
    assert_eq!(names(&list(&slack, "xoxb-lists", "")).len(), 2, "neither is a channel");
}

#[test]
fn a_type_without_its_scope_fails_the_whole_call() {
    let slack = listed();
    assert_eq!(names(&list(&slack, "xoxb-public", "types=public_channel")).len(), 2);
    for (token, types, needed, provided) in [
        (
            "xoxb-public",
            "public_channel,private_channel",
            "groups:read",
            "channels:read,chat:write",
        ),
        ("xoxb-public", "im", "im:read", "channels:read,chat:write"),
        ("xoxb-public", "mpim", "mpim:read", "channels:read,chat:write"),
        ("xoxb-few", "", "channels:read", "chat:write,im:write"),
    ] {
        let lacking = list(&slack, token, &format!("types={types}"));
        assert_eq!(
            lacking,
            json!({ "ok": false, "error": "missing_scope", "needed": needed, "provided": provided }),
            "{types}"
        );
    }
}

#[test]
fn pages_follow_a_cursor_and_archived_channels_leave_gaps() {
    let slack = listed();
    slack.archive("C0EXAMPLE02");
    let walk = |query: &str| {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(
                &slack,
                "xoxb-lists",
                &format!("types=public_channel,private_channel&{query}&cursor={cursor}"),
            );
            pages.push(names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>());
            let next = page["response_metadata"]["next_cursor"].as_str().unwrap();
            if next.is_empty() {
                return pages;
            }
            cursor = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        }
    };
    assert_eq!(walk("limit=1"), [["identity-ops"], ["elsewhere"], ["leavers"]]);
    assert_eq!(walk("limit=2"), [vec!["identity-ops", "elsewhere"], vec!["leavers"]]);
    // The page in the middle is empty and not the last.
    assert_eq!(
        walk("limit=1&exclude_archived=true"),
        [vec!["identity-ops"], vec![], vec!["leavers"]]
    );
    assert_eq!(walk("exclude_archived=true"), [["identity-ops", "leavers"]]);
    let archived: Vec<_> = list(&slack, "xoxb-lists", "")["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| channel["is_archived"] == true)
        .collect();
    assert_eq!(archived, [false, true]);
}

#[test]
fn bad_arguments_are_named_and_json_is_not_read() {
    let slack = listed();
    for (query, code) in [
        ("types=public", "invalid_types"),
        ("types=public_channel,channels", "invalid_types"),
        ("limit=0", "invalid_limit"),
        ("limit=1000", "invalid_limit"),
        ("limit=all", "invalid_limit"),
        ("cursor=nonsense", "invalid_cursor"),
        // A well-formed cursor of another method.
        ("cursor=bmV4dF90czoxLjAwMDAwMA%3D%3D", "invalid_cursor"),
    ] {
        assert_eq!(list(&slack, "xoxb-lists", query)["error"], code, "{query}");
    }
    let by_json = at(
        &slack,
        "xoxb-lists",
        "conversations.list",
        &json!({ "types": "private_channel" }),
        now(),
    );
    assert_eq!(names(&by_json), ["identity-ops", "elsewhere"], "the body was not seen");
    slack
        .faults()
        .add(FaultRule::once("conversations.list", Fault::EmptyList));
    assert!(names(&list(&slack, "xoxb-lists", "")).is_empty());
    assert_eq!(names(&list(&slack, "xoxb-lists", "")).len(), 2);
}
