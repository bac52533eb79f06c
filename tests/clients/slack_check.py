#!/usr/bin/env python3
"""Drives the Slack simulator with Slack's official Python SDK (PyPI slack_sdk 3.47).

The simulator is wrong until the official client agrees with it. Start the simulators, and hand over the line of JSON they
print, as the only argument or in ROLLCALL_SIMULATORS:

    cargo run -p rollcall-simulators --bin simulators > world.json   # keep its standard input open
    python3 slack_check.py "$(head -1 world.json)"

Exits with 1 when anything disagrees; the last line is "N passed, M failed".
"""

import json
import os
import sys
import traceback

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import DividerBlock, SectionBlock
from slack_sdk.models.metadata import Metadata

CHECKS = []


def check(test):
    CHECKS.append(test)
    return test


def client(world, token=None):
    return WebClient(token=token or world["token"], base_url=world["url"] + "/api/")


def error_of(call):
    """The answer of a call that must fail."""
    try:
        call()
    except SlackApiError as error:
        return error.response
    raise AssertionError("an error was expected")


@check
def auth_test(world):
    answer = client(world).auth_test()
    assert answer["ok"] and answer["team_id"] == world["team_id"] and answer["user_id"].startswith("U"), answer
    assert error_of(lambda: client(world, "xoxb-unknown").auth_test())["error"] == "invalid_auth"


@check
def post_update_thread(world):
    slack, channel = client(world), world["channel"]
    posted = slack.chat_postMessage(
        channel=channel, text="Jordan Rivera: access is being cut", unfurl_links=False,
        blocks=[SectionBlock(text="*Jordan Rivera*: access is being cut"), DividerBlock()],
        metadata=Metadata(event_type="rollcall_run", event_payload={"run_id": "run-1", "key": "run-1:told:cut"}))
    assert posted["channel"] == channel and posted["message"]["text"].startswith("Jordan"), posted
    assert posted["message"]["bot_id"] and posted["message"]["blocks"][1]["type"] == "divider"
    reply = slack.chat_postMessage(channel=channel, text="frozen, 3 sessions ended", thread_ts=posted["ts"])
    assert reply["message"]["thread_ts"] == posted["ts"] and reply["ts"] > posted["ts"]
    updated = slack.chat_update(channel=channel, ts=posted["ts"], text="Jordan Rivera: access is cut")
    assert updated["ts"] == posted["ts"] and updated["text"].endswith("is cut"), updated
    thread = slack.conversations_replies(channel=channel, ts=posted["ts"])["messages"]
    assert [message["text"] for message in thread] == ["Jordan Rivera: access is cut", "frozen, 3 sessions ended"]
    assert thread[0]["reply_count"] == 1 and thread[0]["latest_reply"] == reply["ts"]
    world["parent"] = posted["ts"]


@check
def find_own_message_by_metadata(world):
    slack, channel = client(world), world["channel"]
    history = slack.conversations_history(channel=channel, include_all_metadata=True, oldest="0")
    keys = [message.get("metadata", {}).get("event_payload", {}).get("key") for message in history["messages"]]
    assert keys == ["run-1:told:cut"], keys
    assert "metadata" not in slack.conversations_history(channel=channel)["messages"][0]


@check
def history_pages(world):
    slack, channel = client(world), world["channel"]
    for number in range(2):
        slack.chat_postMessage(channel=channel, text=f"number {number}")
    # The SDK follows the cursor in one answer that changes as it goes.
    texts = [page["messages"][0]["text"] for page in slack.conversations_history(channel=channel, limit=1)]
    assert texts == ["number 1", "number 0", "Jordan Rivera: access is cut"], texts
    newer = slack.conversations_history(channel=channel, oldest=world["parent"])["messages"]
    assert len(newer) == 2
    assert len(slack.conversations_history(channel=channel, oldest=world["parent"], inclusive=True)["messages"]) == 3


@check
def direct_message_by_mail(world):
    slack = client(world)
    user = slack.users_lookupByEmail(email=world["user_email"])["user"]
    assert user["id"] == world["user_id"] and user["profile"]["email"] == world["user_email"]
    opened = slack.conversations_open(users=[user["id"]])["channel"]["id"]
    assert opened.startswith("D") and slack.conversations_open(users=user["id"])["already_open"]
    posted = slack.chat_postMessage(channel=opened, text="hello")
    assert slack.chat_postMessage(channel=user["id"], text="again")["channel"] == opened
    assert slack.conversations_history(channel=opened)["messages"][1]["ts"] == posted["ts"]
    assert error_of(lambda: slack.users_lookupByEmail(email="nobody@corp.example"))["error"] == "users_not_found"


@check
def channels_are_listed(world):
    slack = client(world)
    both = "public_channel,private_channel"
    # The SDK sends flags as 1 and 0, and follows the cursor in one answer that changes as it goes. Archived channels are taken
    # out of their page, so one page is shorter than the others.
    pages = [len(page["channels"]) for page in slack.conversations_list(types=both, limit=2, exclude_archived=True)]
    assert sum(pages) == 4 and len(pages) == 3 and 1 in pages[:2], pages
    ids = [channel["id"] for page in slack.conversations_list(types=both, limit=2, exclude_archived=True) for channel in page["channels"]]
    expected = {world["channel"], world["channel_without_bot"], world["busy_channel"], world["private_channel"]}
    assert set(ids) == expected and len(ids) == 4, ids
    everything = {channel["id"]: channel for channel in slack.conversations_list(types=["public_channel", "private_channel"])["channels"]}
    assert set(everything) == expected | {world["archived_channel"]}, everything
    member, stranger = everything[world["channel"]], everything[world["channel_without_bot"]]
    assert member["name"] == "identity-ops" and member["is_member"] and member["is_channel"] and not member["is_private"], member
    assert not stranger["is_member"] and everything[world["archived_channel"]]["is_archived"]
    assert everything[world["private_channel"]]["is_private"] and world["private_channel_without_bot"] not in everything
    public = slack.conversations_list()
    assert world["private_channel"] not in [channel["id"] for channel in public["channels"]]
    assert public["response_metadata"]["next_cursor"] == ""
    few = client(world, world["token_with_few_scopes"])
    lacking = error_of(lambda: few.conversations_list(types=both))
    assert (lacking["error"], lacking["needed"], lacking["provided"]) == ("missing_scope", "channels:read", "chat:write,im:write")
    assert error_of(lambda: slack.conversations_list(types="everything"))["error"] == "invalid_types"
    assert error_of(lambda: slack.conversations_list(limit=1000))["error"] == "invalid_limit"
    assert error_of(lambda: slack.conversations_list(cursor="nonsense"))["error"] == "invalid_cursor"


@check
def error_codes(world):
    slack = client(world)
    for channel, code in [("C0NOWHERE01", "channel_not_found"), (world["channel_without_bot"], "not_in_channel")]:
        assert error_of(lambda: slack.chat_postMessage(channel=channel, text="x"))["error"] == code
    assert error_of(lambda: slack.api_call("chat.postMessage", json={"channel": world["channel"]}))["error"] == "no_text"
    assert error_of(lambda: slack.chat_update(channel=world["channel"], ts="1.000000", text="x"))["error"] == "message_not_found"
    few = client(world, world["token_with_few_scopes"])
    lacking = error_of(lambda: few.users_lookupByEmail(email=world["user_email"]))
    assert (lacking["error"], lacking["needed"], lacking["provided"]) == ("missing_scope", "users:read.email", "chat:write,im:write")
    blocks = [{"type": "divider"}] * 51
    assert error_of(lambda: slack.chat_postMessage(channel=world["channel"], text="x", blocks=blocks))["error"] == "invalid_blocks"


@check
def form_body(world):
    slack = client(world)
    answer = slack.api_call("chat.postMessage", data={
        "channel": world["channel_form"], "text": "by form", "blocks": json.dumps([{"type": "divider"}]),
        "metadata": json.dumps({"event_type": "t", "event_payload": {}})})
    assert answer["message"]["blocks"][0]["type"] == "divider", answer


@check
def rate_limit(world):
    slack = client(world)
    for _ in range(20):
        try:
            slack.chat_postMessage(channel=world["busy_channel"], text="x")
        except SlackApiError as error:
            assert error.response.status_code == 429 and error.response["error"] == "ratelimited"
            assert int(error.response.headers["Retry-After"]) >= 1, error.response.headers
            return
    raise AssertionError("20 messages at once were taken")


def main():
    text = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ROLLCALL_SIMULATORS", "")
    if not text:
        sys.exit("give the simulators' line of JSON as the argument or in ROLLCALL_SIMULATORS")
    world = json.loads(text)["slack"]
    world["channel_form"] = world["busy_channel"]
    passed = failed = 0
    for test in CHECKS:
        try:
            test(world)
            passed += 1
            print(f"ok      {test.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED  {test.__name__}")
            traceback.print_exc(limit=-3, chain=False, file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
