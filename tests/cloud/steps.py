"""Steps that exercise one function each with real events, for the table of permissions.

A step that is added belongs to one of the lists that `every` puts together. It does something for which a function needs a
permission, and says what failed; its `prepare` brings about what it needs, however often it is run.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Callable

from check import until
from deploy import Stack
from hooks import okta_body

# More than the 256 KB that a message takes.
LARGE = 300 * 1024


@dataclass
class Step:
    """One thing that a function does. `run` says what failed visibly; `prepare` is not part of it."""

    kind: str
    name: str
    run: Callable[[], list[str]]
    prepare: Callable[[], None] = lambda: None
    # The permissions that it was made for, each as an action and a part of the resource: for them it is tried first.
    proves: tuple[str, ...] = ()
    # It sees nothing but what it was made for.
    narrow: bool = False
    # Variables of the function's environment while it runs.
    variables: dict[str, str] = field(default_factory=dict)


class Bench:
    """A stack at rest, and what steps do to it."""

    def __init__(self, stack: Stack, sealed: str):
        self.stack = stack
        # A run that has ended, with a receipt.
        self.sealed = sealed
        self.bodies: list[str] = []

    def trouble(self, kind: str, since_ms: int) -> list[str]:
        """Log lines of a function with a code in them; of a finding, whose reason stays in the ledger, what stands there."""
        group = f"/aws/lambda/{self.stack.functions[kind]}"
        found = []
        for line in self.stack.log_lines(since_ms, group).get(group, []):
            if line.startswith("{"):
                entry = json.loads(line)
                if entry.get("level") in ("WARN", "ERROR") and "code" in entry:
                    why = entry.get("why") or "; ".join(self.findings(entry["code"]))
                    found.append(f"{entry['code']} {entry.get('message', '')} {why}")
        return found

    def findings(self, code: str) -> list[str]:
        """What the ledger says of findings with a code."""
        bodies = [json.loads(item["body"]["S"]) for item in self.stack.items() if item["pk"]["S"].startswith("DOC#finding")]
        return [body["why"] for body in bodies if body.get("code") == code]

    def called(self, kind: str, event: object) -> list[str]:
        """A direct invocation; what failed."""
        since = int(time.time() * 1000)
        well, answer = self.stack.invoke(kind, event)
        if not well:
            text = answer.get("errorMessage", "") if isinstance(answer, dict) else str(answer)
            return self.trouble(kind, since) or [f"function error: {text}"]
        failures = self.trouble(kind, since)
        again = answer.get("batchItemFailures", []) if isinstance(answer, dict) else []
        return failures + [f"{len(again)} messages come again"] * bool(again)

    def worked(self, lane: str = "urgent") -> list[str]:
        """The messages at hand, handed to the worker; what failed."""
        return self.called("worker", self.stack.event(self.bodies, lane))

    def posted(self, kind: str, path: str, headers: dict, body: bytes) -> list[str]:
        """A hook's delivery through the API."""
        since = int(time.time() * 1000)
        status, _ = self.stack.call("POST", path, headers, body)
        return [f"HTTP {status}: {why}" for why in self.trouble(kind, since) or [""]] if status != 200 else self.trouble(kind, since)

    def headers(self, connection: str) -> dict[str, str]:
        """Those of a vendor's hook."""
        secret = self.stack.world.company.tenants[connection]["hook_secret"]
        return {"content-type": "application/json", "authorization": secret}

    def handed(self, kind: str, *argv: str, who: str = "priya", **files: str) -> tuple[list[str], dict]:
        """One command through the API, as far as the function itself brings it: what failed, and the reply."""
        since = int(time.time() * 1000)
        body = {"argv": list(argv), "json": True, "files": files}
        status, reply = self.stack.operators.post(kind, body, who)
        failures = self.trouble(kind, since)
        if status != 200:
            failures.append(f"HTTP {status}: {reply.get('error') or reply}")
        elif "wait" not in reply and reply.get("exit") != 0:
            failures.append(f"exit {reply.get('exit')}: {reply.get('error') or reply.get('lines')}")
        return failures, reply

    def empty(self, *queues: str) -> None:
        """Nothing waits in queues, and nothing that was sent to them for later."""
        for queue in queues:
            self.stack.sqs.purge_queue(QueueUrl=self.stack.queues[queue])

    def arrived(self, queue: str) -> None:
        """The messages that a queue was sent are at hand."""
        self.bodies = until(lambda: self.stack.take(queue), 20, f"a message for {queue}")

    def someone_leaves(self) -> None:
        """Somebody new leaves, and the door's message is at hand."""
        self.empty("urgent", "work")
        self.stack.leave(self.stack.world.company.hire())
        self.arrived("urgent")

    def large_signal(self) -> None:
        """A signal that a door kept beside its message is at hand."""
        self.empty("bulk")
        self.stack.call("POST", "/okta", self.headers("okta-main"), okta_body("user.session.start", LARGE))
        self.arrived("bulk")

    def item(self, pk: str, sk: str) -> dict:
        """One of the ledger's items."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return self.stack.dynamodb.get_item(TableName=self.stack.table, Key=key, ConsistentRead=True)["Item"]

    def put(self, item: dict) -> None:
        """Replaces one of the ledger's items."""
        self.stack.dynamodb.put_item(TableName=self.stack.table, Item=item)

    def spill(self, pk: str, sk: str) -> None:
        """The item's body is in the files, as the ledger keeps bodies that are too large for it."""
        self.put(self.spilled(self.item(pk, sk)))

    def spilled(self, item: dict) -> dict:
        """The item without its body, which is in the files."""
        body = item["body"]["S"]
        if not body.startswith('{"$file"'):
            digest = hashlib.sha256(body.encode()).hexdigest()
            self.stack.s3.put_object(Bucket=self.stack.bucket, Key=f"bodies/{digest}", Body=body.encode())
            item = item | {"body": {"S": json.dumps({"$file": digest}, separators=(",", ":"))}}
        return item


def every(bench: Bench) -> list[Step]:
    """All steps. Those of a worker come first: what others look at is there then."""
    import steps_doors
    import steps_operators
    import steps_privacy
    import steps_worker

    return [*steps_doors.steps(bench), *steps_worker.steps(bench), *steps_privacy.steps(bench), *steps_operators.steps(bench)]
