"""A door's own work in Python: the same as src/bin/door.rs, with what the platform has. Prints the same lines."""

from __future__ import annotations

import hmac
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

SECRET = b"Bearer 4f0c6f1e8f6c4b2f9f5a0d3c7e1b8a92"
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
BATCH = 64


def take(headers: dict[str, str], body: bytes) -> int:
    """How many messages were made; they go nowhere."""
    if not hmac.compare_digest(headers.get("authorization", "").encode(), SECRET):
        raise PermissionError("refused")
    lanes: dict[str, list[str]] = {}
    seen = set()
    for one in json.loads(body)["data"]["events"]:
        key = f"okta-main:{one['uuid']}"
        if key in seen:
            continue
        seen.add(key)
        signal = {
            "key": key,
            "source": "okta-main",
            "format": "okta_log_event",
            "received_at": datetime.now(timezone.utc).isoformat(),
            "body": {"inline": json.dumps(one)},
        }
        lane = "urgent" if one["eventType"] in URGENT else "bulk"
        lanes.setdefault(lane, []).append(json.dumps({"signal": signal}))
    return sum(len(messages) for messages in lanes.values())


def main() -> None:
    seconds, *files = sys.argv[1:]
    headers = {"authorization": SECRET.decode()}
    for file in files:
        body = Path(file).read_bytes()
        for _ in range(BATCH):
            take(headers, body)
        began, requests, events = time.perf_counter(), 0, 0
        while time.perf_counter() - began < float(seconds):
            for _ in range(BATCH):
                events += take(headers, body)
            requests += BATCH
        took = (time.perf_counter() - began) * 1e6
        print(json.dumps({"events_a_body": events / requests, "requests": requests, "us_an_event": took / events}))


main()
