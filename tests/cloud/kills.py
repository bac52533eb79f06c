"""The worker as deployed is killed at random moments of a leaver, over and over: `kill -9` of its processes, and nobody cleans up.

Whatever was going on then (its start, a claim, a call to a vendor that was not answered, the end), each leaver must be cut off
everywhere, each account barred once, with one run and one receipt.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import contextmanager, suppress
from typing import Iterator

from check import Checks, until
from deploy import WORKER_TIMEOUT, Stack
from journey import BARRED

# Seconds. The template's are for production; with these nobody waits minutes for what a queue does by itself. As there, a message comes
# again only after the time-out of whoever died with it, and their lease ends before.
TIMEOUT, VISIBILITY = 8, 9
# Milliseconds that a vendor takes for an answer.
DELAYS = (0, 30, 100)
# Milliseconds within which a worker is killed: counted from the hook, when it starts and claims, or from its first call to a vendor.
AFTER_HOOK, AFTER_CALL = 1_500, 1_200
# So many leave at the same time, and a worker is killed so often at most: whoever takes its messages again may be killed, too.
GROUP, STRIKES = 4, 2


@contextmanager
def hurried(stack: Stack) -> Iterator[None]:
    """The worker and its urgent queue with the short times."""
    worker, queue = stack.functions["worker"], stack.queues["urgent"]
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(VISIBILITY)})
    stack.lambda_.update_function_configuration(FunctionName=worker, Timeout=TIMEOUT)
    try:
        yield
    finally:
        stack.world.company.do("delay", ms=0)
        stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(6 * WORKER_TIMEOUT)})
        stack.lambda_.update_function_configuration(FunctionName=worker, Timeout=WORKER_TIMEOUT)


def strike(stack: Stack, chance: random.Random) -> int:
    """Kills the workers that there are at some moment; how many."""
    world = stack.world
    if chance.random() < 0.5:
        world.company.do("calls")
        with suppress(TimeoutError):
            until(lambda: world.company.do("calls"), 5, "a call", pause=0.01)
        time.sleep(chance.uniform(0, AFTER_CALL) / 1000)
    else:
        time.sleep(chance.uniform(0, AFTER_HOOK) / 1000)
    pids = world.processes(stack.functions["worker"])
    for pid in pids:
        world.kill(pid)
    return len(pids)


def some(stack: Stack, logins: list[str], chance: random.Random) -> tuple[Counter, list[str]]:
    """Some leave, and their workers die: how many of them had what left each time, and what is wrong at the end."""
    world, company = stack.world, stack.world.company
    known, runs, counted = stack.receipts(), {run["id"] for run in stack.runs()}, company.do("counters")
    company.do("delay", ms=chance.choice(DELAYS))
    for login in logins:
        stack.leave(login)
    moments = Counter()
    for _ in range(chance.randint(1, STRIKES)):
        if strike(stack, chance):
            left = [len(world.company.signed_in(login)) for login in logins]
            moments.update(f"{ways} of {len(BARRED) + 1} ways in were left" if ways else "all was cut" for ways in left)
    company.do("delay", ms=0)

    def finished() -> bool:
        # The schedule's minute is not waited for: the clock is called as it would be.
        stack.invoke("clock", {})
        # Messages of those who died come again, and must find it done.
        return len(stack.receipts() - known) >= len(logins) and stack.depth("urgent") == 0

    wrong = []
    try:
        until(finished, 120, "the receipts and an empty queue", pause=0.5)
    except TimeoutError as error:
        wrong.append(str(error))
    receipts, made = stack.receipts() - known, [run for run in stack.runs() if run["id"] not in runs]
    if len(receipts) != len(logins) or len(made) != len(logins):
        wrong.append(f"{len(made)} runs with {len(receipts)} receipts")
    wrong += [f"left: {left}" for login in logins if (left := world.company.signed_in(login))]
    now = company.do("counters")
    for connection, effect in BARRED.items():
        often = now[connection].get(effect, 0) - counted[connection].get(effect, 0)
        if often != len(logins):
            wrong.append(f"{connection} {effect}: {often} times for {len(logins)} leavers")
    return moments, wrong


def often(stack: Stack, checks: Checks, number: int, seed: int) -> None:
    """So many leavers; a table of the moments, with what was wrong."""
    moments, reached, violations, began = Counter(), 0, [], time.monotonic()
    with hurried(stack):
        for first in range(0, number, GROUP):
            logins = [stack.world.company.hire() for _ in range(min(GROUP, number - first))]
            when, wrong = some(stack, logins, random.Random(f"{seed}/{first}"))
            moments += when
            reached += len(logins) if when else 0
            violations += [f"leavers from {first} on (seed {seed}), killed when {dict(when)}: {what}" for what in wrong]
            if (first // GROUP + 1) % 5 == 0:
                print(f"  {first + len(logins)} of {number}, {len(violations)} violations, {time.monotonic() - began:.0f} s", flush=True)
    print("  | when their worker was killed | leavers, as often |\n  |---|---|", flush=True)
    for moment, leavers in sorted(moments.items()):
        print(f"  | {moment} | {leavers} |", flush=True)
    checks.that(f"a worker of {reached} of {number} leavers was killed", reached > number / 2)
    dead = stack.depth("urgent-dead")
    checks.that("no message was given up", dead == 0, f"{dead} dead letters")
    checks.that(f"{number} leavers with killed workers: no violation", not violations, "".join(f"\n        {one}" for one in violations))
