"""What the checks of fidelity share: where things are, processes that end with us, and the count of what was found."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLS = ROOT / "tests" / ".tools"
DOCUMENT = HERE / "okta-management.json"


def target():
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "debug"


def free_port():
    """A port that nothing listens on now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def end(process):
    """Ends one process that we started, by force when it does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Vendors:
    """A binary of the simulators: it says in a line of JSON where they are, and stops when its input closes."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen(
            [target() / name, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{name} did not say where it is")
        self.tells = json.loads(line)

    def do(self, what, **more):
        """One order (`company` alone takes them); its answer."""
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{what}: {answer['error']}")
        return answer

    def close(self):
        self.process.stdin.close()
        end(self.process)


class Checks:
    """Counts what holds and what does not, and says so."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, holds, found=""):
        if holds:
            self.passed += 1
            print(f"ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {what}\n      {found}", flush=True)
        return holds

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)
