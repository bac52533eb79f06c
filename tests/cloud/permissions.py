"""No role has a spare permission: each one is taken away, its step fails visibly, and it is given back.

First every step is run once with all permissions, and the relay says which of them it used on what. Then each action of each
statement, on each of its resources, is removed alone, the cheapest step that used it is run again in new environments of its
function, and it must fail: an error of the function, a status that is no success, a message that comes again, or a log line with
a code. A permission that no step used is spare, and a failure.

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


def calibrate(stack: Stack, checks: Checks, steps: list[Step]) -> list[Seen]:
    """Runs each step with all permissions."""
    seen = []
    for step in steps:
        step.prepare()
        stack.restart(step.kind)
        stack.world.relay.take()
        began = time.monotonic()
        failures = step.run()
        one = Seen(step, time.monotonic() - began)
        for asked in stack.world.relay.take():
            if asked.key == stack.key_of(step.kind):
                one.needs |= set(asked.needs)
        checks.that(f"with all permissions: {step.kind}: {step.name}", not failures, failures)
        seen.append(one)
    return seen


def take_away(stack: Stack, permission: Permission, seen: Seen) -> list[str]:
    """What became of the step without the permission."""
    document = stack.policies(permission.role)[permission.policy]
    seen.step.prepare()
    try:
        stack.put_policy(permission.role, permission.policy, without(document, permission))
        stack.restart(permission.kind)
        return seen.step.run()
    finally:
        stack.put_policy(permission.role, permission.policy, document)


def short(arn: str) -> str:
    """An ARN without what is the same in all of them."""
    return arn.split(":", 5)[-1] if arn.count(":") >= 5 else arn


def table(stack: Stack, checks: Checks, steps: list[Step]) -> None:
    """Runs all of it with queues and schedule at rest, and prints the table."""
    stack.serving(False)
    try:
        seen = calibrate(stack, checks, steps)
        rows, spare = [], []
        for permission in permissions(stack):
            page = NOT_ASKED.get((permission.kind, permission.action)) or NOT_ASKED.get(("*", permission.action))
            row = [permission.kind, permission.action, short(permission.resource)]
            if page:
                rows.append([*row, "-", f"not asked about here; {page}"])
                continue
            able = [one for one in seen if one.step.kind == permission.kind
                    and any(permission.covers(*need) for need in one.needs)]
            failures: list[str] = []
            for one in sorted(able, key=lambda one: one.seconds):
                failures = take_away(stack, permission, one)
                if failures:
                    rows.append([*row, one.step.name, failures[0]])
                    break
            if not failures:
                why = "no step uses it" if not able else "nothing failed without it"
                rows.append([*row, "-", f"SPARE: {why}"])
                spare.append(f"{permission.kind}: {permission.action} on {short(permission.resource)}: {why}")
    finally:
        for kind in stack.functions:
            stack.restart(kind)
        for queue in stack.queues.values():
            stack.sqs.purge_queue(QueueUrl=queue)
        stack.serving(True)
    print_table(["role", "action", "resource", "step", "without it"], rows)
    needed = sum(1 for row in rows if "SPARE" not in row[-1] and row[3] != "-")
    checks.that(f"each of {needed} permissions is needed, and none is spare", not spare, "".join(f"\n        {one}" for one in spare))


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Aligned columns; the last one is cut."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths)]
        print("  " + "  ".join([*cells, row[-1][:150]]), flush=True)
