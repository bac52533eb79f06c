"""What operators reach: the console, and approve."""

from __future__ import annotations

import base64
import json

from hooks import okta_body
from steps import Bench, Step
from steps_worker import announcement

LANES = ("urgent", "work", "bulk")


class Console:
    """What the console is asked for."""

    def __init__(self, bench: Bench):
        self.bench, self.stack = bench, bench.stack

    def steps(self) -> list[Step]:
        def step(name: str, *argv: str, prepare=lambda: None, proves: tuple[str, ...] = ()) -> Step:
            return Step("console", name, lambda: self.typed(*argv), prepare, proves)

        words, files = announcement()
        paused = "connection/sf-apac"
        return [
            step("shows the day", "today"),
            step("explains a run", "explain", self.bench.sealed, prepare=lambda: self.bench.spill(f"RUN#{self.bench.sealed}", "RUN")),
            step("lists reviews", "reviews"),
            Step("console", "reports a run", self.reported, proves=("s3:GetObject /receipts/",)),
            step("pauses", "pause", paused, prepare=lambda: self.typed("resume", paused)),
            step("resumes", "resume", paused, prepare=lambda: self.typed("pause", paused)),
            step("hands a command to a worker", "link", "show", self.stack.world.company.leaver),
            Step("console", "hands a large command to a worker", lambda: self.typed(*words, **files), proves=("s3:PutObject /bodies/",)),
            Step("console", "sends one of the ledger's dead letters again", self.sent_one, self.aside, proves=("s3:GetObject /signals/",)),
            Step("console", "lists dead letters", self.listed, self.dead_letters, proves=("sqs:ChangeMessageVisibility -dead",)),
            Step("console", "sends dead letters back", lambda: self.typed("redrive"), self.dead_letters,
                 proves=tuple(f"sqs:SendMessage rollcall-{lane}" for lane in ("urgent", "bulk"))),
        ]

    def typed(self, *argv: str, **files: str) -> list[str]:
        """A command; what failed."""
        return self.bench.handed("console", *argv, **files)[0]

    def reported(self) -> list[str]:
        """A page about a run, which says of a receipt that it could not read why."""
        failures, reply = self.bench.handed("console", "run", "report", self.bench.sealed, "--out", "report.html")
        page = base64.b64decode(reply.get("files", {}).get("report.html", "")).decode()
        return failures or ([] if "the file store failed" not in page else ["the page has no receipt: the file store failed"])

    def aside(self) -> None:
        """A large signal is with the ledger's dead letters, and nothing else: its file could not be read for a while."""
        self.no_letters()
        self.bench.large_signal()
        digest = json.loads(self.bench.bodies[0])["signal"]["body"]["file"]
        place = {"Bucket": self.stack.bucket, "Key": f"signals/{digest}"}
        body = self.stack.s3.get_object(**place)["Body"].read()
        self.stack.s3.delete_object(**place)
        self.stack.invoke("worker", self.stack.event(self.bench.bodies, "bulk", attempt=9))
        self.stack.s3.put_object(**place, Body=body)
        (letter,) = (item for item in self.stack.items() if item["pk"]["S"] == "DOC#dead")
        self._letter = json.loads(letter["body"]["S"])["id"]

    def sent_one(self) -> list[str]:
        """The ledger's letter goes to its queue again."""
        return self.typed("redrive", self._letter)

    def no_letters(self) -> None:
        """The ledger holds no dead letters of the steps before."""
        for item in self.stack.items():
            if item["pk"]["S"] == "DOC#dead":
                self.stack.dynamodb.delete_item(TableName=self.stack.table, Key={name: item[name] for name in ("pk", "sk")})

    def dead_letters(self) -> None:
        """A signal with the dead letters of each queue."""
        self.no_letters()
        for lane in LANES:
            self.bench.empty(f"{lane}-dead")
            event = json.loads(okta_body("user.session.start"))["data"]["events"][0]
            signal = {"key": f"okta-main:{event['uuid']}", "source": "okta-main", "format": "okta-log-event",
                      "received_at": "2026-03-02T08:00:00Z", "body": {"inline": json.dumps(event)}}
            self.stack.sqs.send_message(QueueUrl=self.stack.queues[f"{lane}-dead"], MessageBody=json.dumps({"signal": signal}))

    def listed(self) -> list[str]:
        """Who looks at dead letters leaves them where they are."""
        failures = self.typed("redrive", "--list")
        return failures or [f"{lane}: the letters stay hidden" for lane in LANES if not self.stack.take(f"{lane}-dead")]


class Approve:
    """What approve is asked for."""

    def __init__(self, bench: Bench):
        self.bench = bench

    def steps(self) -> list[Step]:
        return [Step("approve", "signs a decision", self.signed, self.announced)]

    def announced(self) -> None:
        """Leavers are announced, and the announcement's body is in the files."""
        if not hasattr(self, "_announced"):
            stack, (words, files) = self.bench.stack, announcement()
            self.bench.empty("work")
            failures, reply = self.bench.handed("console", *words, **files)
            assert not failures, failures
            self.bench.arrived("work")
            failures = self.bench.worked("work")
            assert not failures, failures
            _, reply = stack.operators.post("console", {"answer": reply["wait"]})
            self._announced = json.loads(reply["lines"])["id"]
        self.bench.spill("DOC#expected", f"D#{self._announced}")

    def signed(self) -> list[str]:
        """Somebody who may decide agrees; whether it counts is the worker's matter."""
        return self.bench.handed("approve", "expect", "approve", self._announced, who="ines")[0]


def steps(bench: Bench) -> list[Step]:
    """All of them."""
    return [*Console(bench).steps(), *Approve(bench).steps()]
