"""Runs sections of the benchmarks and prints their table: what Rollcall costs beside a peer or a bound."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import instructions
from sections import Bench, Row, door

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECTIONS = sorted(path.stem for path in (HERE / "sections").glob("[a-z]*.py"))


def machine() -> str:
    """What the figures were read on."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} cores of {name}, load {os.getloadavg()[0]:.1f} at the start"


def build(names: set[str], smoke: bool) -> Path:
    """The binaries of these names; answers their folder. With the settings of the packages (`[profile.figures]`), or quick ones for a smoke
    test. All of the workspace's features at once, so that no section builds anything anew that another has built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    profile = [] if smoke else ["--profile", "figures"]
    binaries = [word for name in sorted(names) for word in ("--bin", name)]
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--all-features", *profile, *binaries], cwd=ROOT, check=True)
    return target / ("debug" if smoke else "figures")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all when none is named")
    parser.add_argument("--list", action="store_true", help="only say which sections there are")
    parser.add_argument("--smoke", action="store_true", help="debug builds and the smallest sizes: shows that it works, measures nothing")
    parser.add_argument("--instructions", action="store_true", help="count the door's instructions instead, and compare")
    parser.add_argument("--write", action="store_true", help="with --instructions: keep what was counted")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if options.list:
        print("\n".join(SECTIONS))
        return 0
    if options.instructions:
        return instructions.compare(build(door.BINARIES, smoke=False), options.write)
    modules = {name: importlib.import_module(f"sections.{name}") for name in options.sections or SECTIONS}
    print(f"{time.strftime('%Y-%m-%d')}, {machine()}\n", flush=True)
    binaries = build(set().union(*(module.BINARIES for module in modules.values())), options.smoke)
    bench = Bench(binaries, options.smoke)
    print("| work | Rollcall | beside | ratio | target | met |\n|---|---|---|---|---|---|", flush=True)
    for name, module in modules.items():
        began = time.monotonic()
        for row in module.rows(bench):
            assert isinstance(row, Row)
            print(row, flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


sys.exit(main())
