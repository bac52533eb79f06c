"""Runs the parts; see tests/cloud/operate."""

from __future__ import annotations

import signal
import sys

import client
import pinned
from check import Checks
from people import Operated, People
from world import World


def stop(*_) -> None:
    """Ends as after Ctrl-C, so that everything that was started is ended too."""
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    checks = Checks()
    with World() as world:
        with checks.part("deploy"):
            people = People(Operated(world))
        if not checks.failed:
            for name, part in (
                ("who may do what", client.rights),
                ("what goes wrong on the way", client.errors),
                ("commands", client.commands),
                ("an answer later", client.waiting),
                ("undo", client.undo),
                ("quiet leaves", client.quiet),
                ("decisions", client.decisions),
                ("a run that waits keeps its configuration", pinned.waiting_run),
            ):
                with checks.part(name, people.stack.trouble):
                    part(people, checks)
    return checks.say()


if __name__ == "__main__":
    sys.exit(main())
