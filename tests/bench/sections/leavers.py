"""Many leavers at once on one machine: how many a second are cut, how long each waits, and whether each costs more when there are more.

The stand-ins for the vendors answer at once, and have the same cores as the server, so the rate is that of both together.
"""

from __future__ import annotations

import statistics
import time
from typing import Iterator

from machine import Machine, say

from . import Bench, Row

BINARIES = {"company", "rollcall"}
#: What a leaver more costs, at most, of the server's CPU time when there are a hundred times as many.
GROWTH = 1.5


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is not below so large a share of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def wave(machine: Machine, logins: list[str]) -> dict[str, float]:
    """Everybody of these leaves before the first hook is sent; the hooks then come one behind the other."""
    hooks = {login: machine.company.do("leave", login=login) for login in logins}
    assert all(hooks.values()), "Okta had nothing to deliver for somebody"
    sender, cpu, began, sent = machine.sender(), machine.cpu(), time.time_ns(), {}
    for login, all_ in hooks.items():
        sent[login] = time.time_ns() / 1e9
        for hook in all_:
            sender.post(hook["headers"], hook["body"].encode())
    posted = (time.time_ns() - began) / 1e9
    times = machine.until_cut(set(logins), 60 + len(logins), 0.05 if len(logins) < 100 else 1)
    cut = {login: max(systems.values()) / 1e6 for login, systems in times.items()}
    found = {
        "rate": len(logins) / (max(cut.values()) - began / 1e9),
        "p50": statistics.median(cut[login] - sent[login] for login in logins),
        "p99": percentile([cut[login] - sent[login] for login in logins], 0.99),
        "cpu_ms": (machine.cpu() - cpu) * 1000 / len(logins),
        "memory": machine.memory(),
    }
    say(f"{len(logins)} leavers: hooks taken in {posted:.2f} s, {found}")
    return found


def rows(bench: Bench) -> Iterator[Row]:
    few, many = (2, 4) if bench.smoke else (10, 1_000)
    found = []
    for number in (few, many):
        with Machine(bench.binaries, hired=number) as machine:
            machine.serve()
            found.append(wave(machine, machine.logins))
    for number, one in zip((few, many), found):
        yield Row(f"{number:,} leavers at once on one machine: rate; time to cut, p50 and p99",
                  f"{one['rate']:.1f} a second; {one['p50']:.2f} s, {one['p99']:.2f} s; {one['memory']:.0f} MB")
    small, large = found
    ratio = large["cpu_ms"] / small["cpu_ms"]
    yield Row(f"server's CPU time a leaver, {many:,} at once", f"{large['cpu_ms']:.0f} ms", f"{few} at once: {small['cpu_ms']:.0f} ms",
              ratio, f"≤ {GROWTH}", ratio <= GROWTH)
