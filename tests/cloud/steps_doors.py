"""What doors do: they take hooks' deliveries."""

from __future__ import annotations

from hooks import okta_body, onelogin_body
from steps import LARGE, Bench, Step


def steps(bench: Bench) -> list[Step]:
    """An event for each lane, and one that is too large for a message, by each door."""
    found = []
    for kind, connection, path, events, body in (
        ("okta-hook", "okta-main", "/okta",
         {"urgent": "user.lifecycle.deactivate", "work": "user.account.update_profile", "bulk": "user.session.start"}, okta_body),
        ("onelogin-hook", "onelogin-main", "/onelogin", {"urgent": 17, "work": 14, "bulk": 5}, onelogin_body),
    ):
        def take(event, padding=0, kind=kind, connection=connection, path=path, body=body):
            return lambda: bench.posted(kind, path, bench.headers(connection), body(event, padding))

        found += [Step(kind, f"takes an event for {lane}", take(event), proves=(f"sqs:SendMessage rollcall-{lane}",))
                  for lane, event in events.items()]
        found.append(Step(kind, "takes a large event", take(events["bulk"], LARGE)))
    return found
