"""The worker as deployed is killed at random moments of a leaver, over and over: `kill -9` of its processes, and nobody cleans up.

Whatever was going on then (its start, a claim, a call to a vendor that was not answered, the end), the leaver must be cut off everywhere,
each account barred once, with one run and one receipt.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import contextmanager
from typing import Iterator

from check import Checks, until
from deploy import WORKER_TIMEOUT, Stack
from journey import BARRED

# Seconds. The template's are for production; with these nobody waits minutes for what a queue does by itself. As there, a message comes
# again only after the time-out of whoever died with it, and their lease ends before.
TIMEOUT, VISIBILITY = 5, 6
# Milliseconds: how long a vendor takes for an answer, and until when after the hook a worker is killed. The slowest cut takes as long.
DELAYS, LATEST = (0, 30, 100), 2_500
# How often a run is struck at most: a worker that takes the message again may be killed again.
STRIKES = 3


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


def one(stack: Stack, chance: random.Random) -> tuple[str, list[str]]:
    """One leaver with a worker that dies: what was cut when it died the last time, and what is wrong at the end."""
    world, company = stack.world, stack.world.company
    login, known, runs = company.hire(), stack.receipts(), {run["id"] for run in stack.runs()}
    counted = company.do("counters")
    company.do("delay", ms=chance.choice(DELAYS))
    stack.leave(login)
    struck, moment = 0, "nobody was there"
    for _ in range(chance.randint(1, STRIKES)):
        time.sleep(chance.uniform(0, LATEST) / 1000)
        pids = world.processes(stack.functions["worker"])
        if not pids:
            continue
        for pid in pids:
            world.kill(pid)
        struck += 1
        left = len(world.company.signed_in(login))
        moment = "all was cut" if left == 0 else f"{left} of {len(BARRED) + 1} ways in were left"
    company.do("delay", ms=0)

    def finished() -> list[str]:
        # The schedule's minute is not waited for: the clock is called as it would be.
        stack.invoke("clock", {})
        return sorted(stack.receipts() - known)

    wrong = []
    try:
        receipts = until(finished, 90, "the receipt", pause=0.5)
        # Messages of those who died come again, and must find it done.
        until(lambda: stack.depth("urgent") == 0, 60, "an empty queue", pause=0.25)
        receipts = sorted(stack.receipts() - known)
    except TimeoutError as error:
        return moment, [str(error)]
    made = [run for run in stack.runs() if run["id"] not in runs]
    if len(receipts) != 1 or len(made) != 1:
        wrong.append(f"{len(made)} runs with {len(receipts)} receipts")
    if left := world.company.signed_in(login):
        wrong.append(f"left: {left}")
    now = company.do("counters")
    for connection, effect in BARRED.items():
        often = now[connection].get(effect, 0) - counted[connection].get(effect, 0)
        if often != 1:
            wrong.append(f"{connection} {effect}: {often} times")
    return (moment if struck else "nobody was there"), wrong


def often(stack: Stack, checks: Checks, number: int, seed: int) -> None:
    """So many leavers; a table of the moments, with what was wrong."""
    moments, violations, began = Counter(), [], time.monotonic()
    with hurried(stack):
        for place in range(number):
            moment, wrong = one(stack, random.Random(f"{seed}/{place}"))
            moments[moment] += 1
            violations += [f"run {place} (seed {seed}), killed when {moment}: {what}" for what in wrong]
            if (place + 1) % 20 == 0:
                print(f"  {place + 1} of {number} runs, {len(violations)} violations, {time.monotonic() - began:.0f} s", flush=True)
    print(f"  | the last kill came when | runs |\n  |---|---|", flush=True)
    for moment, runs in sorted(moments.items()):
        print(f"  | {moment} | {runs} |", flush=True)
    reached = sum(runs for moment, runs in moments.items() if moment != "nobody was there")
    checks.that(f"a worker was killed in {reached} of {number} runs", reached > number / 2)
    dead = stack.depth("urgent-dead")
    checks.that("no message was given up", dead == 0, f"{dead} dead letters")
    checks.that(f"{number} leavers with killed workers: no violation", not violations, "".join(f"\n        {one}" for one in violations))
