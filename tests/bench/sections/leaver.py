"""From a hook to the cut in two directories and two orgs, on one machine, beside the critical path of its calls.

When somebody is cut is seen from the vendors' side: no system has a way in for them any more. Every leaver meets a server that was just
started, so without tokens. The critical path is found in the calls themselves: from the last one that was needed back to the hook, each
time the latest call that had been answered when the next one came.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import Iterator

from machine import Machine, say

from . import Bench, Row

BINARIES = {"company", "rollcall"}
DELAY_MS = 100
AT_ONCE_MS = 150
OVER_PATH = 1.1
SEQUENTIAL = 7
SYSTEMS = ("okta-main", "onelogin-main", "sf-us", "sf-emea")


def one(machine: Machine, login: str) -> tuple[float, dict[str, float], list[dict]]:
    """Milliseconds until somebody is cut everywhere, those of each system, and the calls that were made, with milliseconds since the hook."""
    machine.serve()
    try:
        hooks = machine.company.do("leave", login=login)
        assert hooks, "Okta had nothing to deliver"
        sender = machine.sender()
        machine.company.do("calls")
        began = time.time_ns() // 1000
        for hook in hooks:
            sender.post(hook["headers"], hook["body"].encode())
        times = machine.until_cut({login}, 60)[login]
        cut = {system: (at - began) / 1000 for system, at in times.items()}
        # What is read back behind the last change.
        time.sleep(1)
        calls = [call | {"ms": call["at_ms"] - began / 1000} for call in machine.company.do("calls")]
        return max(cut.values()), cut, calls
    finally:
        machine.stop()


def path(calls: list[dict], end: float, delay: float) -> list[dict]:
    """The calls of the critical path before the last change, latest first. A call's time is of whole milliseconds."""
    found, at = [], end
    while before := [call for call in calls if call["ms"] + delay <= at + 1]:
        latest = max(before, key=lambda call: call["ms"])
        found.append(latest)
        at = latest["ms"]
    return found


def rows(bench: Bench) -> Iterator[Row]:
    runs, slow_runs = (1, 1) if bench.smoke else (15, 9)
    with Machine(bench.binaries, hired=1 + runs + slow_runs) as machine:
        logins = iter(machine.logins)
        # The first one finds cold caches of the kernel's.
        one(machine, next(logins))
        took = [one(machine, next(logins))[0] for _ in range(runs)]
        median = statistics.median(took)
        yield Row(
            "hook → access cut in two directories and two orgs, vendors answer at once, cold tokens",
            f"{median:.0f} ms (of {runs}: {min(took):.0f}–{max(took):.0f})",
            target=f"≤ {AT_ONCE_MS} ms",
            met=median <= AT_ONCE_MS,
        )
        machine.company.do("delay", ms=DELAY_MS)
        ratios, totals, paths, calls = [], [], [], []
        for _ in range(slow_runs):
            total, cut, calls = one(machine, next(logins))
            chain = path(calls, total, DELAY_MS)
            # What a path that begins before the hook, or has no call, would be worth.
            assert chain and all(call["ms"] >= -1 for call in chain), chain
            assert len(chain) * DELAY_MS <= total + 1, (len(chain), total)
            totals.append(total)
            paths.append(len(chain))
            ratios.append(total / (len(chain) * DELAY_MS))
            say(f"leaver: {total:.0f} ms, {cut}; path: " + ", ".join(f"{c['connection']} {c['method']} {c['path'][:50]}" for c in reversed(chain)))
        middle = statistics.median(ratios)
        yield Row(
            f"the same, vendors answer after {DELAY_MS} ms",
            f"{statistics.median(totals):.0f} ms",
            f"critical path: {statistics.median(paths):.0f} calls of {DELAY_MS} ms",
            middle,
            f"≤ {OVER_PATH}",
            middle <= OVER_PATH,
        )
    # Of the last one: all calls, and how many of them lie one behind the other in each system, until it was cut and until all was read back.
    counted = Counter(call["connection"] for call in calls)
    chains, whole = {}, {}
    for system in SYSTEMS:
        own = [call for call in calls if call["connection"] == system]
        assert own, f"{system} was not called"
        chains[system] = len(path(own, cut[system], DELAY_MS))
        whole[system] = len(path(own, max(call["ms"] for call in own), DELAY_MS)) + 1
    yield Row(
        "calls in all; one after the other until the cut, and until all was read back",
        ", ".join(f"{system} {counted[system]}; {chains[system]}, {whole[system]}" for system in SYSTEMS),
        target=f"≤ {SEQUENTIAL} one after the other a system until the cut",
        met=0 < min(chains.values()) and max(chains.values()) <= SEQUENTIAL,
    )
