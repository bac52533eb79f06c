"""Leavers while sign-ins that no playbook asks for come in on another queue, beside the same leavers without them."""

from __future__ import annotations

import json
import statistics
import threading
import time
from typing import Iterator

from machine import ROOT, Machine, Sender, say

from . import Bench, Row
from .leavers import percentile

BINARIES = {"company", "rollcall"}
PAYLOAD = ROOT / "tests/fixtures/payloads/okta/01-user-lifecycle-deactivate.json"
#: Sign-ins a second, each in a hook of its own, which is the dearest way to deliver them.
SIGN_INS = 200
#: Leavers a second: what one machine can do beside the stand-ins for all vendors, with room.
LEAVERS = 5
TARGET = 1.2


class Noise(threading.Thread):
    """Posts sign-ins at their rate until it is stopped."""

    def __init__(self, sender: Sender, headers: dict[str, str]):
        super().__init__(daemon=True)
        self._sender, self._headers, self._end = sender, headers, threading.Event()
        self._hook = json.loads(PAYLOAD.read_text())
        self.sent, self.seconds, self.failed = 0, 0.0, None

    def _body(self) -> bytes:
        event = self._hook["data"]["events"][0]
        self._hook["eventId"] = f"5b0f1c52-8a10-11f0-9c1e-{self.sent:012x}"
        event |= {"uuid": f"5a0f1c52-8a10-11f0-9c1e-{self.sent:012x}", "eventType": "user.session.start",
                  "displayMessage": "User login to Okta"}
        return json.dumps(self._hook).encode()

    def run(self) -> None:
        began = time.monotonic()
        try:
            while not self._end.is_set():
                self._sender.post(self._headers, self._body())
                self.sent += 1
                time.sleep(max(0.0, began + self.sent / SIGN_INS - time.monotonic()))
        except (AssertionError, OSError) as failed:
            self.failed = failed
        self.seconds = time.monotonic() - began

    def stop(self) -> None:
        self._end.set()
        self.join()


def arrivals(bench: Bench, number: int, noisy: bool) -> dict[str, float]:
    """Seconds to the cut of leavers who come one by one."""
    with Machine(bench.binaries, hired=number + 1) as machine:
        machine.serve()
        first, *logins = machine.logins
        sender = machine.sender()

        def leave(login: str) -> dict[str, str]:
            hooks = machine.company.do("leave", login=login)
            assert hooks, "Okta had nothing to deliver"
            for hook in hooks:
                sender.post(hook["headers"], hook["body"].encode())
            return hooks[0]["headers"]

        # Tokens are there afterwards, as on every day but the first.
        headers = leave(first)
        machine.until_cut({first}, 60)
        noise = Noise(machine.sender(), headers)
        if noisy:
            noise.start()
        sent, began = {}, time.monotonic()
        for place, login in enumerate(logins):
            time.sleep(max(0.0, began + place / LEAVERS - time.monotonic()))
            sent[login] = time.time_ns() / 1e9
            leave(login)
        times = machine.until_cut(set(logins), 120)
        rate = 0.0
        if noisy:
            noise.stop()
            assert noise.failed is None, noise.failed
            rate = noise.sent / noise.seconds
        took = [max(systems.values()) / 1e6 - sent[login] for login, systems in times.items()]
        found = {"p50": statistics.median(took), "p99": percentile(took, 0.99), "rate": rate}
        say(f"{number} leavers, {'with' if noisy else 'no'} noise: {found}")
        return found


def rows(bench: Bench) -> Iterator[Row]:
    number = 3 if bench.smoke else 500
    quiet, noisy = (arrivals(bench, number, noisy) for noisy in (False, True))
    # What did not come at its rate was no noise.
    assert noisy["rate"] >= 0.9 * SIGN_INS or bench.smoke, f"only {noisy['rate']:.0f} sign-ins a second were taken"
    ratio = noisy["p99"] / quiet["p99"]
    yield Row(f"{number} leavers, {LEAVERS} a second, while {noisy['rate']:.0f} sign-in events a second come: time to cut, p50 and p99",
              f"{noisy['p50'] * 1000:.0f} ms, {noisy['p99'] * 1000:.0f} ms",
              f"without them {quiet['p50'] * 1000:.0f} ms, {quiet['p99'] * 1000:.0f} ms", ratio, f"p99 ≤ {TARGET} ×", ratio <= TARGET)
