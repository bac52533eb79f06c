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

from sections import Row

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


def build() -> Path:
    """The release binaries; answers their folder."""
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--workspace", "--all-features", "--bins"], cwd=ROOT, check=True
    )
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "release"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all when none is named")
    parser.add_argument("--list", action="store_true", help="only say which sections there are")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if options.list:
        print("\n".join(SECTIONS))
        return 0
    print(f"{time.strftime('%Y-%m-%d')}, {machine()}\n", flush=True)
    binaries = build()
    print("| work | Rollcall | beside | ratio | target | met |\n|---|---|---|---|---|---|", flush=True)
    for name in options.sections or SECTIONS:
        began = time.monotonic()
        for row in importlib.import_module(f"sections.{name}").rows(binaries):
            assert isinstance(row, Row)
            print(row, flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


sys.exit(main())
