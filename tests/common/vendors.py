"""Simulated vendors in a process of their own (`tests/simulators/src/bin`)."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path

from processes import ROOT, end

# What the integration reads in Okta, whatever its actions need.
READS = {"okta.users.read", "okta.groups.read", "okta.roles.read", "okta.apps.read", "okta.logs.read"}


class Vendors:
    """A program of the simulators: it says in a line of JSON where they are, takes orders, and stops when its input closes."""

    def __init__(self, program: Path, *arguments: str):
        self._process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{program} did not say where it is")
        self.tells: dict = json.loads(line)

    def do(self, what: str, **more):
        """One order (`company` alone takes them); its answer."""
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{what}: {answer['error']}")
        return answer

    def close(self) -> None:
        with suppress(OSError):
            self._process.stdin.close()
        end(self._process)


def whole_company(program: Path, estate: bool = False) -> list:
    """What starts a whole company whose Okta grants every scope that an action needs."""
    return [program, "--scopes", ",".join(sorted(scopes())), *(["--estate"] if estate else [])]


def scopes() -> set[str]:
    """Okta's scopes that actions need, from the generated reference, and those that reading needs."""
    found, rest = set(READS), [json.loads((ROOT / "docs/reference/capabilities.json").read_text())]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            found.update(scope for scope in one.get("scopes", []) if scope.startswith("okta."))
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return found
