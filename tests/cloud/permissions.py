"""No role has a spare permission: each one is taken away, its step fails visibly, and it is given back.

First every step is run once with all permissions, and the relay says which of them it used on what. Then each action of each
statement, on each of its resources, is removed alone and a step that used it is run again, the one that was made for it or the
cheapest first. The relay must see that AWS denies just that, and the step must fail: an error of the function, a status that is no
success, a message that comes again, a log line with a code, or something that was to be done and is not. A permission that no step
used, or without which nothing failed, is spare, and a failure.

Condition keys are not claimed. Neither is what the local AWS does not ask about, `NOT_ASKED`: each with the page on which AWS says
that it does.
"""

from __future__ import annotations

import copy
import fnmatch
import time
from dataclasses import dataclass, field

from check import Checks
from deploy import Stack, listed
from steps import Step

# What AWS itself uses a role for, with nothing of ours involved. The local AWS delivers messages, logs and ticks without asking.
NOT_ASKED = {
    ("worker", "sqs:ReceiveMessage"): "Lambda Developer Guide, Amazon SQS event source mapping, execution role permissions",
    ("worker", "sqs:DeleteMessage"): "Lambda Developer Guide, Amazon SQS event source mapping, execution role permissions",
    ("worker", "sqs:GetQueueAttributes"): "Lambda Developer Guide, Amazon SQS event source mapping, execution role permissions",
    ("*", "logs:CreateLogStream"): "Lambda Developer Guide, Sending Lambda function logs to CloudWatch Logs",
    ("*", "logs:PutLogEvents"): "Lambda Developer Guide, Sending Lambda function logs to CloudWatch Logs",
    ("seal", "s3:PutObjectRetention"): "S3 User Guide, Managing Object Lock: needed to put an object with a retention",
    ("tick", "lambda:InvokeFunction"): "EventBridge Scheduler User Guide, Setting up the execution role",
}


@dataclass(frozen=True)
class Permission:
    """One action of one statement on one of its resources."""

    role: str
    kind: str
    policy: str
    statement: int
    sid: str
    action: str
    resource: str

    def proved_by(self, step: Step) -> bool:
        """Whether the step was made for this."""
        words = (proved.split() for proved in step.proves)
        return any(action == self.action and place in self.resource for action, place in words)

    def covers(self, action: str, arn: str) -> bool:
        """Whether a request needs this."""
        return action == self.action and fnmatch.fnmatchcase(arn, self.resource)


@dataclass
class Seen:
    """What a step did with all permissions."""

    step: Step
    seconds: float
    needs: set[tuple[str, str]] = field(default_factory=set)


def permissions(stack: Stack) -> list[Permission]:
    """Everything that the functions' roles and the schedule's allow."""
    kinds = {role: kind for kind, role in stack.roles.items()}
    schedule = next(name for name in stack.physical("AWS::IAM::Role") if "Tick" in name)
    found = []
    for role, kind in (kinds | {schedule: "tick"}).items():
        for policy, document in stack.policies(role).items():
            for place, statement in enumerate(listed(document["Statement"])):
                found += [Permission(role, kind, policy, place, statement.get("Sid", ""), action, resource)
                          for action in listed(statement["Action"]) for resource in listed(statement["Resource"])]
    return found


def without(document: dict, permission: Permission) -> dict:
    """The policy without one permission: the statement's other actions and its other resources stay."""
    document = copy.deepcopy(document)
    statements = listed(document["Statement"])
    old = statements.pop(permission.statement)
    actions, resources = listed(old["Action"]), listed(old["Resource"])
    rest = [action for action in actions if action != permission.action]
    others = [resource for resource in resources if resource != permission.resource]
    if rest:
        statements.append(old | {"Sid": f"{permission.sid}Rest", "Action": rest})
    if others:
        statements.append(old | {"Sid": f"{permission.sid}Others", "Action": permission.action, "Resource": others})
    document["Statement"] = statements
    return document


class Trial:
    """Runs steps on a stack at rest."""

    def __init__(self, stack: Stack):
        self.stack = stack
        # Which variables the environments of a function run with.
        self.running: dict[str, dict[str, str]] = {}
        self.policies: dict[str, dict[str, dict]] = {}

    def fresh(self, step: Step) -> None:
        """New environments for the step's function."""
        self.stack.restart(step.kind, **step.variables)
        self.running[step.kind] = step.variables

    def calibrate(self, step: Step) -> tuple[Seen, list[str]]:
        """The step with all permissions, and what failed all the same."""
        step.prepare()
        self.fresh(step)
        self.stack.world.relay.take()
        began = time.monotonic()
        failures = step.run()
        seen = Seen(step, time.monotonic() - began)
        for asked in self.stack.world.relay.take():
            if asked.key == self.stack.key_of(step.kind):
                seen.needs |= set(asked.needs)
        return seen, failures

    def documents(self, role: str) -> dict[str, dict]:
        """The role's policies as they are deployed."""
        if role not in self.policies:
            self.policies[role] = self.stack.policies(role)
        return self.policies[role]

    def take_away(self, permission: Permission, seen: Seen) -> list[str]:
        """How the step failed without the permission; nothing when it did not fail, or not because of that."""
        document, step = self.documents(permission.role)[permission.policy], seen.step
        step.prepare()
        if self.running.get(step.kind) != step.variables:
            self.fresh(step)
        try:
            self.stack.put_policy(permission.role, permission.policy, without(document, permission))
            denied, failures = self.denied(permission, step)
            if not denied:
                # What is used while a function starts only, or was kept since, is used by a new environment.
                self.stack.put_policy(permission.role, permission.policy, document)
                step.prepare()
                self.stack.put_policy(permission.role, permission.policy, without(document, permission))
                self.fresh(step)
                denied, failures = self.denied(permission, step)
            return failures if denied else []
        finally:
            self.stack.put_policy(permission.role, permission.policy, document)

    def denied(self, permission: Permission, step: Step) -> tuple[bool, list[str]]:
        """Whether AWS denied the function just that while the step ran, and what failed."""
        self.stack.world.relay.take()
        failures = step.run()
        key = self.stack.key_of(step.kind)
        return any(one.denied and one.key == key and any(permission.covers(*need) for need in one.needs)
                   for one in self.stack.world.relay.take()), failures


def short(arn: str) -> str:
    """An ARN without what is the same in all of them."""
    return arn.split(":", 5)[-1] if arn.count(":") >= 5 else arn


def table(stack: Stack, checks: Checks, steps: list[Step]) -> None:
    """Runs all of it with queues and schedule at rest, and prints the table."""
    trial, began = Trial(stack), time.monotonic()
    stack.serving(False)
    try:
        seen, rows, spare = [], [], []
        for step in steps:
            one, failures = trial.calibrate(step)
            checks.that(f"with all permissions, in {one.seconds:.1f} s: {step.kind}: {step.name}", not failures, failures)
            seen.append(one)
        print(f"  {len(steps)} steps: {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        for permission in permissions(stack):
            row, why = one_row(trial, permission, seen)
            rows.append(row)
            if why:
                spare.append(f"{permission.kind}: {permission.action} on {short(permission.resource)}: {why}")
    finally:
        for kind in stack.functions:
            stack.restart(kind)
        for queue in stack.queues.values():
            stack.sqs.purge_queue(QueueUrl=queue)
        stack.serving(True)
    print_table(["role", "action", "resource", "step", "s", "without it"], rows)
    print(f"  {len(rows)} permissions: {time.monotonic() - began:.0f} s", flush=True)
    needed = sum(1 for row in rows if row[3] != "-")
    checks.that(f"each of {needed} permissions is needed, and none is spare", not spare, "".join(f"\n        {one}" for one in spare))


def one_row(trial: Trial, permission: Permission, seen: list[Seen]) -> tuple[list[str], str]:
    """The line of the table, and why the permission is spare, if it is."""
    page = NOT_ASKED.get((permission.kind, permission.action)) or NOT_ASKED.get(("*", permission.action))
    row = [permission.kind, permission.action, short(permission.resource)]
    if page:
        return [*row, "-", "", f"not asked about here; {page}"], ""
    able = [one for one in seen if one.step.kind == permission.kind and any(permission.covers(*need) for need in one.needs)
            and (permission.proved_by(one.step) or not one.step.narrow)]
    able.sort(key=lambda one: (not permission.proved_by(one.step), one.seconds))
    began = time.monotonic()
    for one in able:
        if failures := trial.take_away(permission, one):
            return [*row, one.step.name, f"{time.monotonic() - began:.1f}", failures[0]], ""
    why = "no step uses it" if not able else "nothing failed without it"
    return [*row, "-", f"{time.monotonic() - began:.1f}", f"SPARE: {why}"], why


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Aligned columns; the last one is cut."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths)]
        print("  " + "  ".join([*cells, row[-1][:150]]), flush=True)
