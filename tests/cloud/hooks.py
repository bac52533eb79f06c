"""Deliveries of hooks that concern no playbook, made up here: for what a door does with them."""

from __future__ import annotations

import json
import uuid


def okta_body(event_type: str, padding: int = 0, number: int = 2) -> bytes:
    """An event hook's body with one event (Okta, "Event hooks"), about the person of a number."""
    person = {"id": f"00uEXAMPLE{number:010}", "type": "User", "alternateId": f"nobody{number}@corp.example", "displayName": "Nobody"}
    event = {
        "uuid": str(uuid.uuid4()), "published": "2026-02-03T10:00:01.377Z", "eventType": event_type, "version": "0",
        "displayMessage": "x" * padding, "severity": "INFO", "outcome": {"result": "SUCCESS", "reason": None},
        # Whoever signs in does so themselves; for what else a door looks at, it is all the same who did it.
        "actor": person, "target": [person],
    }
    return json.dumps({
        "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "contentType": "application/json",
        "source": "https://corp.okta.example/api/v1/eventHooks/who4rc7h00kA1b2C3d4e", "eventId": str(uuid.uuid4()),
        "eventTime": "2026-02-03T10:00:02.000Z", "data": {"events": [event]},
    }).encode()


def onelogin_body(event_type: int, padding: int = 0) -> bytes:
    """An event webhook's body with one event (OneLogin, "Event webhooks")."""
    return json.dumps([{
        "uuid": str(uuid.uuid4()), "account_id": 424242, "event_type_id": event_type, "notes": "x" * padding,
        "event_timestamp": "2026-02-03 10:00:01 UTC", "user_id": 4711, "user_name": "Nobody", "actor_user_id": 1,
    }]).encode()
