"""How many instructions a door's own work takes, counted by valgrind's callgrind, beside what tests/bench/instructions.json keeps.

    tests/bench/run --instructions            counts and compares; ends with 1 when one has grown by more than the tolerance
    tests/bench/run --instructions --write    counts, and keeps what was counted: after a change that is worth its instructions

Times differ with the machine and its load, counts hardly do, so a regression of a few percent shows on a busy machine, too. They belong
to one compiler and one kind of processor (libraries choose code by what it can do; callgrind shows them one with AVX2 and no SHA
extensions), which are kept beside them: others than those are said, and compared all the same.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sections import door

KEPT = Path(__file__).resolve().parent / "instructions.json"
#: Hash tables have seeds of their own in each process; what is counted twice differs by less than a tenth of this.
TOLERANCE = 0.02
#: Requests of the short and of the long run. The difference is free of start-up. Multiples of the binary's batch.
SHORT, LONG = 128, 384


def counted(binary: Path, requests: int, body: Path, folder: Path) -> int:
    """Instructions of one whole process."""
    out = folder / "callgrind.out"
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", binary, "--requests", str(requests), body],
        check=True, capture_output=True, text=True)
    found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    assert found, "callgrind wrote no total"
    return int(found[1])


def count(binaries: Path) -> dict[str, int]:
    """Instructions an event, by events a body."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in door.SIZES:
            body = folder / "body.json"
            body.write_text(door.body(size))
            short, long = (counted(binaries / "door", requests, body, folder) for requests in (SHORT, LONG))
            found[str(size)] = round((long - short) / (LONG - SHORT) / size)
    return found


def compare(binaries: Path, write: bool) -> int:
    """Prints a table; 1 when something has grown."""
    if not shutil.which("valgrind"):
        raise SystemExit("tests/bench/run: valgrind is missing: install it with the system packages")
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    here = {"compiler": compiler, "machine": platform.machine()}
    now = count(binaries)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"instructions_an_event": {}}
    for name, value in here.items():
        if kept.get(name, value) != value:
            print(f"Counted with {value}, kept with {kept[name]}: differences need not be the code's.")
    grown = False
    print("| events a body | instructions an event | kept | ratio |\n|---|---|---|---|")
    for size, instructions in now.items():
        before = kept["instructions_an_event"].get(size)
        ratio = instructions / before if before else None
        # What was never counted cannot be compared, and a check that compares nothing must not pass.
        grown |= ratio is None or ratio > 1 + TOLERANCE
        print(f"| {size} | {instructions:,} | {'–' if before is None else f'{before:,}'} | {'–' if ratio is None else f'{ratio:.3f}'} |")
    if write:
        KEPT.write_text(json.dumps({**here, "instructions_an_event": now}, indent=4) + "\n")
        return 0
    if grown:
        print(f"More than {TOLERANCE:.0%} above what is kept, or not kept at all. `tests/bench/run --instructions --write` keeps these.")
    return int(grown)
