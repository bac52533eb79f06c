"""Checks that are counted, and waiting for something to become so."""

from __future__ import annotations

import time
import traceback
from contextlib import contextmanager
from typing import Callable, TypeVar

T = TypeVar("T")


class Checks:
    """Counts what held and what did not, and says both."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def that(self, what: str, holds: bool, found: object = "") -> bool:
        """One promise. `found` is shown when it does not hold."""
        if holds:
            self.passed += 1
            print(f"  ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {what}: {found}", flush=True)
        return holds

    @contextmanager
    def part(self, name: str, explain: Callable[[int], list[str]] = lambda since_ms: []):
        """A part whose exceptions are failures of it and not of the parts after it. `explain` is asked why when one fails, with
        the moment at which it began."""
        failed, began, since_ms = self.failed, time.monotonic(), int(time.time() * 1000)
        print(f"\n==> {name}", flush=True)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it was, the other parts can still say something
            traceback.print_exc()
            self.that(f"{name} comes to its end", False, repr(error))
        if self.failed > failed:
            for line in explain(since_ms):
                print(f"        {line[:400]}", flush=True)
        print(f"--> {name}: {time.monotonic() - began:.0f} s", flush=True)

    def say(self) -> int:
        """Prints the last line; the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 else 1


def until(look: Callable[[], T], seconds: float, what: str, pause: float = 0.1) -> T:
    """What `look` answers as soon as it is true. Raises when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(pause)
