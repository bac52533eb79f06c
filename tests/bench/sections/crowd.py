"""Many leave at once, on one machine: the rate, and how long each of them kept access."""

from __future__ import annotations

from typing import Iterator

from figures import nth
from machine import Machine

from . import Bench, Row

BINARIES = {"company", "rollcall"}
SIZES = (10, 100, 1_000)
# Seconds: everybody must be cut by then, or it is no figure.
PATIENCE = 240


def rows(bench: Bench) -> Iterator[Row]:
    sizes = (3,) if bench.smoke else SIZES
    with Machine(bench.binaries, hired=sum(sizes)) as machine:
        rest, rates = machine.logins, []
        for size in sizes:
            logins, rest = rest[:size], rest[size:]
            machine.serve()
            try:
                took, seconds = machine.leave_all(logins, PATIENCE)
                spent, memory = machine.cpu(), machine.memory()
            finally:
                machine.stop()
            rates.append(size / seconds)
            yield Row(
                f"{size:,} leavers at once, one machine, vendors on the same cores",
                f"{rates[-1]:.0f} a second; hook → cut p50 {nth(took, 50):,.0f} ms, p99 {nth(took, 99):,.0f} ms; "
                f"{spent * 1000 / size:.0f} ms of CPU each, the whole run included; {memory:.0f} MB",
            )
        if len(rates) > 1:
            yield Row(f"the rate with {sizes[-1]:,} at once beside that with {sizes[0]:,}", f"{rates[-1]:.0f} a second", f"{rates[0]:.0f} a second",
                      rates[-1] / rates[0])
