"""What a worker, the clock and seal do."""

from __future__ import annotations

import base64
import datetime
import json
import shutil
import uuid
from pathlib import Path

from steps import Bench, Step

# As many people as make an announcement too large for one of the ledger's items.
ANNOUNCED = 5_000
# What the worker says of a hook that is silent.
SILENT = "RC0418"


def announcement() -> tuple[list[str], dict[str, str]]:
    """The words and the file that announce many leavers for the next hour: an announcement of their own each time this is asked."""
    begins = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    window = "/".join(f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (begins, begins + datetime.timedelta(hours=1)))
    text = "login\n" + "".join(f"leaver.{number:05}@corp.example\n" for number in range(ANNOUNCED))
    words = ["expect", "leavers", "--file", "leavers.csv", "--window", window]
    return words, {"leavers.csv": base64.b64encode(text.encode()).decode()}


class Work:
    """What a worker is given."""

    def __init__(self, bench: Bench):
        self.bench, self.stack = bench, bench.stack
        self.command = ""
        self.words, self.files = announcement()

    def steps(self) -> list[Step]:
        """The cheapest that use a permission stand first; the whole leaver is for what nothing else uses."""
        other = self.other_configuration()
        lanes = ("urgent", "work", "bulk")
        return [
            Step("worker", "reads a large signal", lambda: self.bench.worked("bulk"), self.bench.large_signal),
            Step("worker", "puts a message aside", self.put_aside),
            *[Step("worker", f"gives a message of {lane} back", lambda lane=lane: self.given_back(lane),
                   proves=(f"sqs:ChangeMessageVisibility rollcall-{lane}",), narrow=True) for lane in lanes],
            Step("worker", "hears what a hook did not send", self.heard, self.silent_hook),
            Step("worker", "works off a leaver", self.worked_off, self.nothing_kept, proves=("s3:PutObject /kept/",)),
            Step("worker", "reads what it kept for the day", self.recalled, self.bench.someone_leaves, proves=("s3:GetObject /kept/",)),
            Step("worker", "looks again at a cut, by the configuration of then", self.looked_again, self.due_watch,
                 proves=("s3:GetObject /configurations/",), variables={"ROLLCALL_CONFIG": str(other)}),
            Step("worker", "announces leavers", self.answered, lambda: self.asked(*self.words, **self.files),
                 proves=("s3:GetObject /bodies/", "s3:PutObject /expected/")),
            Step("worker", "shows who is announced", self.answered, self.asked_who, proves=("s3:GetObject /expected/",)),
        ]

    # Signals

    def put_aside(self) -> list[str]:
        """A message of nobody's, too large for the ledger. That it is put aside is said in the log, and no failure."""
        failures = self.bench.called("worker", self.stack.event(["no message {" + "x" * 150_000], "bulk"))
        return [one for one in failures if not one.startswith("RC0305")]

    def given_back(self, lane: str) -> list[str]:
        """A message that fails, with its real receipt: it names a file that is not there."""
        signal = {"key": f"okta-main:{uuid.uuid4()}", "source": "okta-main", "format": "okta-log-event",
                  "received_at": "2026-03-02T08:00:00Z", "body": {"file": "0" * 64}}
        queue = self.stack.queues[lane]
        self.bench.empty(lane)
        self.stack.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"signal": signal}))
        (message,) = self.stack.sqs.receive_message(QueueUrl=queue)["Messages"]
        event = self.stack.event([message["Body"]], lane)
        event["Records"][0] |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
        failures = self.bench.called("worker", event)
        self.stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        # That it fails is the point; what is looked for is that it could not be given back.
        return [one for one in failures if "visibility" in one]

    def silent_hook(self) -> None:
        """Somebody left 25 minutes ago, Okta's hook never said so, and its timer is due."""
        if not hasattr(self, "_unheard"):
            self._unheard = self.stack.world.company.hire()
            self.stack.world.company.do("leave", login=self._unheard, ago_s=1500)
        item = self.bench.item("TIMERS#hook", "TM#hook/okta-main")
        timer = json.loads(item["body"]["S"])
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        timer["body"]["upto"] = f"{past:%Y-%m-%dT%H:%M:%SZ}"
        self.bench.put(item | {"body": {"S": json.dumps(timer)}, "due_shard": {"S": "0"}, "due_at": {"N": "1"}})
        self.bench.empty("urgent")

    def heard(self) -> list[str]:
        """The vendor's log is read, and what is missing goes to urgent. That the hook is silent is said, and no failure."""
        failures = self.bench.called("worker", self.stack.event([json.dumps({"wake-timer": "hook/okta-main"})], "work"))
        failures = [one for one in failures if not one.startswith(SILENT)]
        return failures or ([] if self.stack.take("urgent") else ["nothing was sent to urgent"])

    # Runs

    def worked_off(self) -> list[str]:
        """All of a leaver, the wakes included; what failed, or that the run has not ended."""
        known = {run["id"] for run in self.stack.runs() if run.get("receipt")}
        failures = self.bench.worked()
        for _ in range(20):
            bodies = [] if failures else self.stack.take("work")
            if not bodies:
                break
            failures = self.bench.called("worker", self.stack.event(bodies, "work"))
        ended = {run["id"] for run in self.stack.runs() if run.get("receipt")} - known
        return failures or ([] if ended else ["the run has not ended"]) or ([] if self.kept() else ["nothing is kept for the day"])

    def kept(self) -> list[str]:
        """What is kept for the day."""
        listed = self.stack.s3.list_objects_v2(Bucket=self.stack.bucket, Prefix="kept/").get("Contents", [])
        return [row["Key"] for row in listed]

    def nothing_kept(self) -> None:
        """Somebody leaves, and nothing is kept of those before."""
        for key in self.kept():
            self.stack.s3.delete_object(Bucket=self.stack.bucket, Key=key)
        self.bench.someone_leaves()

    def recalled(self) -> list[str]:
        """A leaver for whom nothing is described by the vendor once more."""
        company = self.stack.world.company
        company.do("calls")
        failures = self.worked_off()
        again = [one["path"] for one in company.do("calls") if one["path"].split("?")[0].endswith("/sobjects/User/describe")]
        return failures or [f"{len(again)} descriptions were read again although they are kept"] * bool(again)

    def other_configuration(self) -> Path:
        """The configuration with one change that concerns nobody: another digest, so runs before it have an older one."""
        other = self.stack.world.folder / "other-configuration"
        shutil.copytree(self.stack.config, other)
        table = other / "tables/service.csv"
        first = table.read_text().splitlines()[0].split(",")
        table.write_text(table.read_text().rstrip("\n") + "\n" + ",".join(["robot@corp.example", *["it@corp.example"] * (len(first) - 1)]) + "\n")
        return other

    def due_watch(self) -> None:
        """The cut of a run that has ended is to be looked at again."""
        self.bench.empty("work")
        item = self.bench.item("TIMERS#watch", f"TM#watch/{self.bench.sealed}")
        self.bench.put(item | {"due_shard": {"S": "0"}, "due_at": {"N": "1"}})

    def looked_again(self) -> list[str]:
        """By the plan that the run was made with."""
        message = json.dumps({"wake-timer": f"watch/{self.bench.sealed}"})
        return self.bench.called("worker", self.stack.event([message], "work"))

    # Commands

    def asked(self, *argv: str, **files: str) -> None:
        """A command that waits for a worker; its message is at hand."""
        self.bench.empty("work")
        failures, reply = self.bench.handed("console", *argv, **files)
        assert not failures, failures
        self.command = reply["wait"]
        self.bench.arrived("work")

    def asked_who(self) -> None:
        """The question for an announcement's people, which is there."""
        if not hasattr(self, "_announced"):
            self.asked(*self.words, **self.files)
            failures = self.answered()
            assert not failures, failures
            self._announced = json.loads(self._reply["lines"])["id"]
        self.asked("expect", "show", self._announced)

    def answered(self) -> list[str]:
        """The worker runs the command; what failed, or how it ended."""
        failures = self.bench.worked("work")
        if failures:
            return failures
        _, self._reply = self.stack.operators.post("console", {"answer": self.command})
        if self._reply.get("exit") != 0:
            return [f"exit {self._reply.get('exit')}: {self._reply.get('error') or self._reply}"]
        return []


def overdue(bench: Bench) -> None:
    """Something of each lane is due since long: an account's inbox, and a run, whose bodies are in the files."""
    wanted: dict[str, dict | None] = {"INBOX": None, "RUN": None}
    for item in bench.stack.items():
        if item["sk"]["S"] in wanted and wanted[item["sk"]["S"]] is None:
            wanted[item["sk"]["S"]] = item
    for item in wanted.values():
        assert item, wanted
        bench.put(bench.spilled(item) | {"due_shard": {"S": "0"}, "due_at": {"N": "1"}})


def steps(bench: Bench) -> list[Step]:
    """All of them."""
    work, run = Work(bench), f"RUN#{bench.sealed}"
    return [
        *work.steps(),
        Step("clock", "wakes what is due", lambda: bench.called("clock", {}), lambda: overdue(bench)),
        Step("seal", "answers for a sealed run", lambda: bench.called("seal", {"run": bench.sealed}), lambda: bench.spill(run, "RUN")),
        # The worker asks for it, as it does for every run; that it got none is in the worker's log.
        Step("seal", "seals a leaver's run", work.worked_off, bench.someone_leaves),
    ]
