"""People sign in all the time while many leave: how long leavers keep access, beside the same without the noise, and beside the same noise
at another server: what that adds is the processor's, which all of them share, and what is above it is ours."""

from __future__ import annotations

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Iterator

from figures import nth
from machine import Machine, Sender, say

from . import Bench, Row

BINARIES = {"company", "rollcall"}
PAYLOAD = Path(__file__).resolve().parent.parent.parent / "fixtures/payloads/okta/01-user-lifecycle-deactivate.json"
A_SECOND = 200
# Leavers arrive so far apart, in seconds: the machine is busy with them, and not overrun.
APART = 0.2
OVER_QUIET = 1.2
PATIENCE = 240


def sign_in() -> bytes:
    """A hook with one sign-in, which goes to `bulk` and concerns no playbook."""
    hook = json.loads(PAYLOAD.read_text())
    event = hook["data"]["events"][0]
    event |= {"uuid": str(uuid.uuid4()), "eventType": "user.session.start"}
    hook["data"]["events"] = [event]
    return json.dumps(hook).encode()


class Noise:
    """So many sign-ins a second over a connection of their own, until it is left."""

    def __init__(self, machine: Machine, address: str, a_second: int):
        secret = machine.company.tenants["okta-main"]["hook_secret"]
        self.headers = {"content-type": "application/json", "authorization": secret}
        self.sender, self.a_second = Sender(address), a_second
        self.sent, self.seconds, self._over = 0, 0.0, threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._make)

    def _make(self) -> None:
        began = time.monotonic()
        try:
            while not self._over.is_set():
                self.sender.post(self.headers, sign_in())
                self.sent += 1
                self._over.wait(max(0.0, began + self.sent / self.a_second - time.monotonic()))
        except Exception as error:  # noqa: BLE001  (told when the noise ends)
            self.error = error
        self.seconds = time.monotonic() - began

    def __enter__(self) -> Noise:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()
        if self.error:
            raise self.error


def through(machine: Machine, address: str, logins: list[str], a_second: int) -> list[float]:
    """Milliseconds from hook to cut of each, in order, while the door at this address hears sign-ins."""
    with Noise(machine, address, a_second) as noise:
        took, _ = machine.leave_all(logins, PATIENCE, APART)
    say(f"noise: {noise.sent} sign-ins in {noise.seconds:.0f} s")
    # Half of it would be another measurement.
    assert noise.sent / noise.seconds > 0.9 * a_second, (noise.sent, noise.seconds)
    return took


def rows(bench: Bench) -> Iterator[Row]:
    number, a_second = (3, 20) if bench.smoke else (500, A_SECOND)
    took = {}
    with Machine(bench.binaries, hired=3 * number) as machine:
        for place, which in enumerate(("quiet", "beside", "noisy")):
            logins = machine.logins[place * number:(place + 1) * number]
            machine.serve()
            try:
                if which == "quiet":
                    took[which], _ = machine.leave_all(logins, PATIENCE, APART)
                elif which == "noisy":
                    took[which] = through(machine, machine.address, logins, a_second)
                else:
                    with machine.other() as address:
                        took[which] = through(machine, address, logins, a_second)
            finally:
                machine.stop()
    for which in (50, 99):
        quiet, beside, noisy = (nth(took[name], which) for name in ("quiet", "beside", "noisy"))
        yield Row(
            f"{number} leavers, five a second, while {a_second} people sign in every second: hook → cut, p{which}",
            f"{noisy:,.0f} ms", f"the same noise at another server {beside:,.0f} ms, no noise {quiet:,.0f} ms", noisy / quiet,
            f"≤ {OVER_QUIET}" if which == 99 else "–", noisy / quiet <= OVER_QUIET if which == 99 else None)
