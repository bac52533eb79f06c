"""What the door for Okta does, in Python with boto3.

Its own loop around the Runtime API in place of Lambda's interface client leaves out what that would cost.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
from datetime import datetime, timezone

import boto3

URGENT = {
    "application.user_membership.deprovision",
    "application.user_membership.remove",
    "application.user_membership.revoke",
    "group.application_assignment.remove",
    "user.lifecycle.deactivate",
    "user.lifecycle.delete.completed",
    "user.lifecycle.delete.initiated",
    "user.lifecycle.suspend",
}
QUEUES = {"urgent": os.environ["ROLLCALL_QUEUE_URGENT"], "bulk": os.environ["ROLLCALL_QUEUE_BULK"]}

sqs = boto3.client("sqs")
ssm = boto3.client("ssm")
name = os.environ["ROLLCALL_HOOK_SECRET"].removeprefix("ssm:")
secret = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"].encode()


def hook(event: dict) -> dict:
    if not hmac.compare_digest(event["headers"].get("authorization", "").encode(), secret):
        return {"statusCode": 401}
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"]
    lanes: dict[str, list[str]] = {}
    for one in json.loads(body)["data"]["events"]:
        signal = {
            "key": f"okta-main:{one['uuid']}",
            "source": "okta-main",
            "format": "okta_log_event",
            "received_at": datetime.now(timezone.utc).isoformat(),
            "body": {"inline": json.dumps(one)},
        }
        lanes.setdefault("urgent" if one["eventType"] in URGENT else "bulk", []).append(json.dumps({"signal": signal}))
    taken = True
    for lane, messages in lanes.items():
        entries = [{"Id": str(index), "MessageBody": message} for index, message in enumerate(messages)]
        answer = sqs.send_message_batch(QueueUrl=QUEUES[lane], Entries=entries)
        taken = taken and len(answer.get("Successful", [])) == len(messages)
    return {"statusCode": 200 if taken else 503}


def main() -> None:
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", "/2018-06-01/runtime/invocation/next")
        following = runtime.getresponse()
        event = json.loads(following.read())
        answer = json.dumps(hook(event))
        runtime.request(
            "POST",
            f"/2018-06-01/runtime/invocation/{following.headers['lambda-runtime-aws-request-id']}/response",
            answer,
            {"content-type": "application/json"},
        )
        runtime.getresponse().read()


main()
