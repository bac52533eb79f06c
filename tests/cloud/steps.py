"""Steps that exercise one function each with real events, for the table of permissions."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import Callable

from check import until
from deploy import Stack

# More than the 256 KB that a message takes.
LARGE = 300 * 1024


@dataclass
class Step:
    """One thing that a function does. `run` says what failed visibly; `prepare` is not part of it."""

    kind: str
    name: str
    run: Callable[[], list[str]]
    prepare: Callable[[], None] = lambda: None


def okta_body(event_type: str, padding: int = 0) -> bytes:
    """An event hook's body with one event (Okta, "Event hooks")."""
    event = {
        "uuid": str(uuid.uuid4()), "published": "2026-02-03T10:00:01.377Z", "eventType": event_type, "version": "0",
        "displayMessage": "x" * padding, "severity": "INFO", "outcome": {"result": "SUCCESS", "reason": None},
        "actor": {"id": "00uEXAMPLE0000000001", "type": "User", "alternateId": "admin@corp.example", "displayName": "Admin"},
        "target": [{"id": "00uEXAMPLE0000000002", "type": "User", "alternateId": "nobody@corp.example", "displayName": "Nobody"}],
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


class Steps:
    """The steps of a stack, and what they have in common."""

    def __init__(self, stack: Stack, sealed: str):
        self.stack = stack
        # A run that has ended, for the function that seals.
        self.sealed = sealed
        self.bodies: list[str] = []
        self._review: tuple[str, str] | None = None

    def all(self) -> list[Step]:
        return [*self.doors(), *self.worker(), *self.commands(), *self.clock(), *self.seal(), *self.console(), *self.approve()]

    def trouble(self, kind: str, since_ms: int) -> list[str]:
        """Log lines of a function with a code in them."""
        group = f"/aws/lambda/{self.stack.functions[kind]}"
        found = []
        for line in self.stack.log_lines(since_ms, group).get(group, []):
            if line.startswith("{"):
                entry = json.loads(line)
                if entry.get("level") in ("WARN", "ERROR") and "code" in entry:
                    found.append(f"{entry['code']} {entry.get('message', '')} {entry.get('why', '')}")
        return found

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

    # Doors

    def doors(self) -> list[Step]:
        steps = []
        for kind, connection, path, kinds, body in (
            ("okta-hook", "okta-main", "/okta",
             {"urgent": "user.lifecycle.deactivate", "work": "user.account.update_profile", "bulk": "user.session.start"}, okta_body),
            ("onelogin-hook", "onelogin-main", "/onelogin", {"urgent": 17, "work": 14, "bulk": 5}, onelogin_body),
        ):
            headers = {"content-type": "application/json",
                       "authorization": self.stack.world.company.tenants[connection]["hook_secret"]}
            for lane, event in kinds.items():
                steps.append(Step(kind, f"takes an event for {lane}",
                                  lambda k=kind, p=path, h=headers, b=body, e=event: self.posted(k, p, h, b(e))))
            steps.append(Step(kind, "takes a large event",
                              lambda k=kind, p=path, h=headers, b=body, e=kinds["bulk"]: self.posted(k, p, h, b(e, LARGE))))
        return steps

    def posted(self, kind: str, path: str, headers: dict, body: bytes) -> list[str]:
        """A hook's delivery through the API."""
        since = int(time.time() * 1000)
        status, _ = self.stack.call("POST", path, headers, body)
        return [f"HTTP {status}: {why}" for why in self.trouble(kind, since) or [""]] if status != 200 else self.trouble(kind, since)

    # Worker

    def worker(self) -> list[Step]:
        return [
            Step("worker", "works off a leaver", self.worked_off, self.someone_leaves),
            Step("worker", "reads a large signal", lambda: self.called("worker", self.stack.event(self.bodies, "bulk")), self.large_signal),
            Step("worker", "puts a message aside", self.put_aside),
            *[Step("worker", f"gives a message of {lane} back", lambda lane=lane: self.given_back(lane))
              for lane in ("urgent", "work", "bulk")],
        ]

    def put_aside(self) -> list[str]:
        """A message of nobody's, too large for the ledger. That it is put aside is said in the log, and no failure."""
        failures = self.called("worker", self.stack.event(["no message {" + "x" * 150_000], "bulk"))
        return [one for one in failures if not one.startswith("RC0305")]

    def worked_off(self) -> list[str]:
        """All of a leaver, the wakes included; what failed, or that the run has not ended."""
        known = {run["id"] for run in self.stack.runs() if run.get("receipt")}
        failures = self.called("worker", self.stack.event(self.bodies)) or self.goes_on()
        ended = {run["id"] for run in self.stack.runs() if run.get("receipt")} - known
        return failures or ([] if ended else ["the run has not ended"])

    def someone_leaves(self) -> None:
        """Somebody new leaves, and the door's message is taken from the queue."""
        for queue in ("urgent", "work", "bulk"):
            self.stack.take(queue)
        # What was kept for the day is gone, so it is read, missed and kept again.
        kept = self.stack.s3.list_objects_v2(Bucket=self.stack.bucket, Prefix="kept/").get("Contents", [])
        for row in kept:
            self.stack.s3.delete_object(Bucket=self.stack.bucket, Key=row["Key"])
        self.stack.leave(self.stack.world.company.hire())
        self.bodies = until(lambda: self.stack.take("urgent"), 20, "a message")

    def goes_on(self) -> list[str]:
        """Serves what the worker left on the queue `work` until nothing is left."""
        failures = []
        for _ in range(20):
            bodies = self.stack.take("work")
            if not bodies or failures:
                break
            failures += self.called("worker", self.stack.event(bodies, "work"))
        return failures

    def large_signal(self) -> None:
        headers = {"content-type": "application/json",
                   "authorization": self.stack.world.company.tenants["okta-main"]["hook_secret"]}
        self.stack.take("bulk")
        self.stack.call("POST", "/okta", headers, okta_body("user.session.start", LARGE))
        self.bodies = until(lambda: self.stack.take("bulk"), 20, "a message")

    def given_back(self, lane: str) -> list[str]:
        """A message that fails, with its real receipt: it names a file that is not there."""
        signal = {"key": f"okta-main:{uuid.uuid4()}", "source": "okta-main", "format": "okta-log-event",
                  "received_at": "2026-03-02T08:00:00Z", "body": {"file": "0" * 64}}
        queue = self.stack.queues[lane]
        self.stack.take(lane)
        self.stack.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"signal": signal}))
        (message,) = self.stack.sqs.receive_message(QueueUrl=queue)["Messages"]
        event = self.stack.event([message["Body"]], lane)
        event["Records"][0] |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
        failures = self.called("worker", event)
        # That it fails is the point; what is looked for is that it could not be given back.
        return [one for one in failures if "visibility" in one]

    # Clock and seal

    def clock(self) -> list[Step]:
        return [Step("clock", "wakes what is due", lambda: self.called("clock", {}), self.overdue)]

    def overdue(self) -> None:
        """Something of each lane is due since long: an account's inbox, and a run."""
        wanted = {"INBOX": None, "RUN": None}
        for item in self.stack.items():
            if item["sk"]["S"] in wanted and wanted[item["sk"]["S"]] is None:
                wanted[item["sk"]["S"]] = item
        for item in wanted.values():
            if item:
                item = self.spilled(item)
                self.stack.dynamodb.put_item(
                    TableName=self.stack.table, Item=item | {"due_shard": {"S": "0"}, "due_at": {"N": "1"}})

    def spilled(self, item: dict) -> dict:
        """The item with its body in the files, as the ledger keeps bodies that are too large for it."""
        body = item["body"]["S"]
        if not body.startswith('{"$file"'):
            digest = hashlib.sha256(body.encode()).hexdigest()
            self.stack.s3.put_object(Bucket=self.stack.bucket, Key=f"bodies/{digest}", Body=body.encode())
            item = item | {"body": {"S": json.dumps({"$file": digest}, separators=(",", ":"))}}
        return item

    def spill_the_run(self) -> None:
        """The ended run's body is in the files."""
        key = {"pk": {"S": f"RUN#{self.sealed}"}, "sk": {"S": "RUN"}}
        item = self.stack.dynamodb.get_item(TableName=self.stack.table, Key=key, ConsistentRead=True)["Item"]
        self.stack.dynamodb.put_item(TableName=self.stack.table, Item=self.spilled(item))

    def seal(self) -> list[Step]:
        return [Step("seal", "answers for a sealed run", lambda: self.called("seal", {"run": self.sealed}), self.spill_the_run),
                # The worker asks for it, as it does for every run; that it got none is in the worker's log.
                Step("seal", "seals a leaver's run", self.worked_off, self.someone_leaves)]

    # What operators reach

    def typed(self, kind: str, *argv: str) -> list[str]:
        """One command through the API, as far as the function itself brings it; what failed."""
        since = int(time.time() * 1000)
        try:
            reply = self.stack.ask(kind, {"argv": list(argv), "json": True})
        except RuntimeError as error:
            return self.trouble(kind, since) or [str(error)]
        if "wait" not in reply and reply.get("exit") != 0:
            return [f"exit {reply.get('exit')}: {reply.get('error') or reply.get('lines')}"]
        return self.trouble(kind, since)

    def console(self) -> list[Step]:
        def step(name: str, *argv: str, prepare: Callable[[], None] = lambda: None) -> Step:
            return Step("console", name, lambda: self.typed("console", *argv), prepare)

        return [
            step("shows the day", "today"),
            step("explains a run", "explain", self.sealed, prepare=self.spill_the_run),
            step("lists reviews", "reviews"),
            step("reports a run", "run", "report", self.sealed, "--out", "report.html"),
            step("pauses", "pause", "connection/sf-apac", prepare=lambda: self.typed("console", "resume", "connection/sf-apac")),
            step("resumes", "resume", "connection/sf-apac", prepare=lambda: self.typed("console", "pause", "connection/sf-apac")),
            step("hands a command to a worker", "check"),
            step("lists dead letters", "redrive", "--list", prepare=self.dead_letters),
            step("sends dead letters back", "redrive", prepare=self.dead_letters),
        ]

    def dead_letters(self) -> None:
        """A signal with the dead letters of each queue, and a large one with the ledger's."""
        self.large_signal()
        (large,) = self.bodies
        self.stack.invoke("worker", self.stack.event([large], "bulk", attempt=9))
        for queue in ("urgent", "work", "bulk"):
            self.stack.take(f"{queue}-dead")
            body = json.loads(okta_body("user.session.start"))["data"]["events"][0]
            signal = {"key": f"okta-main:{body['uuid']}", "source": "okta-main", "format": "okta-log-event",
                      "received_at": "2026-03-02T08:00:00Z", "body": {"inline": json.dumps(body)}}
            self.stack.sqs.send_message(
                QueueUrl=self.stack.queues[f"{queue}-dead"], MessageBody=json.dumps({"signal": signal}))

    def commands(self) -> list[Step]:
        """What a worker does for operators."""
        return [
            Step("worker", "runs a command", self.runs_a_command, lambda: self.asked("console", "check")),
            Step("worker", "carries out an approval", self.runs_a_command, self.approved),
        ]

    def asked(self, kind: str, *argv: str) -> None:
        """A command that waits for a worker; its message is taken from the queue."""
        self.stack.take("work")
        failures = self.typed(kind, *argv)
        assert not failures, failures
        self.bodies = until(lambda: self.stack.take("work"), 20, "a command")

    def runs_a_command(self) -> list[str]:
        return self.called("worker", self.stack.event(self.bodies, "work"))

    def review(self) -> tuple[str, str]:
        """A review that waits for a decision, of somebody whom the guard protects; made once."""
        if not self._review:
            self.stack.take("urgent")
            self.stack.leave(self.stack.world.company.tells["protected"])
            self.stack.invoke("worker", self.stack.event(until(lambda: self.stack.take("urgent"), 20, "a message")))
            listed = json.loads(self.stack.ask("console", {"argv": ["reviews"], "json": True})["lines"])
            one = next(review for review in listed["reviews"] if review.get("decision") is None)
            self._review = (one["id"], one["hash"])
        return self._review

    def approved(self) -> None:
        self.asked("approve", "reviews", "approve", *self.review())

    def approve(self) -> list[Step]:
        return [Step("approve", "signs a decision", lambda: self.typed("approve", "reviews", "approve", *self.review()))]
