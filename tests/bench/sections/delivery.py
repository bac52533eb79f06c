"""First and second delivery of an event on DynamoDB Local, beside one raw conditional put and Powertools' idempotency."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from . import Bench, Row

BINARIES = {"delivery"}
HERE = Path(__file__).resolve().parent.parent
TOOLS = HERE.parent / ".tools/bench"
TARGET = 1.5
RUN = """source "$1/tests/servers/lib.sh"
trap servers_stop EXIT
servers_start >&2
shift
for command in "$@"; do eval "$command"; done
"""


def rows(bench: Bench) -> Iterator[Row]:
    subprocess.run([HERE / "peers/install"], check=True, stdout=sys.stderr)
    number = 20 if bench.smoke else 600
    commands = [
        f"'{bench.binaries}/delivery' \"$ROLLCALL_TEST_DYNAMODB_URL\" {number}",
        f"'{TOOLS}/python/bin/python' '{HERE}/peers/delivery.py' \"$ROLLCALL_TEST_DYNAMODB_URL\" {number}",
        f"node '{HERE}/peers/delivery.mjs' \"$ROLLCALL_TEST_DYNAMODB_URL\" {number} '{TOOLS}/node'",
    ]
    # The server's first minute is its slowest, and whoever comes first would have it.
    commands.insert(0, f"{commands[0]} >/dev/null")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", RUN, "bash", str(HERE.parent.parent), *commands], check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"})
    ours, python, node = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))

    def row(work: str, name: str, bound: str, bound_name: str, peer: str, target: bool = True) -> Row:
        ratio = ours[name] / ours[bound]
        peers = "; ".join(f"Powertools for {language} {times[peer]:,.0f} µs ({times[peer] / times[bound_name]:.2f} × its own raw put)"
                          for language, times in (("Python", python), ("TypeScript", node)))
        return Row(work, f"{ours[name]:,} µs", f"raw put {ours[bound]:,} µs; {peers}", ratio,
                   f"≤ {TARGET} × the raw put" if target else "–", ratio <= TARGET if target else None)

    yield row("first delivery of an event that no playbook asks for, DynamoDB Local", "set_aside", "raw_put", "raw_put", "first")
    yield row("its second delivery", "set_aside_again", "raw_put_again", "raw_put_again", "again")
    yield row("first delivery of a leaver's event", "accept", "raw_put", "raw_put", "first")
    yield row("its second delivery", "accept_again", "raw_put_again", "raw_put_again", "again")
    yield Row("the same event's three items, written together or not at all", f"{ours['accept']:,} µs",
              f"raw transaction {ours['raw_transaction']:,} µs", ours["accept"] / ours["raw_transaction"])
