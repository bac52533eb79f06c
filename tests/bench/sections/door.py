"""A door's own work for each event, beside the same in Node and in Python."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

from . import Bench, Row

PEERS = Path(__file__).resolve().parent.parent / "peers"
PAYLOAD = PEERS.parent.parent / "fixtures/payloads/okta/01-user-lifecycle-deactivate.json"
BINARIES = {"door"}
SIZES = (1, 10, 100)
TARGET = 10.0


def body(events: int) -> str:
    """A hook as Okta sends it, with so many events of ids of their own."""
    hook = json.loads(PAYLOAD.read_text())
    first = hook["data"]["events"][0]
    hook["data"]["events"] = []
    for number in range(events):
        event = copy.deepcopy(first)
        event["uuid"] = f"6f0f1c52-8a10-11f0-9c1e-{number:012x}"
        hook["data"]["events"].append(event)
    return json.dumps(hook, ensure_ascii=False, separators=(",", ":"))


def measured(seconds: str, command: list[str], files: list[str]) -> list[float]:
    """Microseconds an event for each file; everybody must have taken every event."""
    done = subprocess.run([*command, seconds, *files], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["events_a_body"] for line in lines] == list(SIZES), lines
    return [line["us_an_event"] for line in lines]


def rows(bench: Bench) -> Iterator[Row]:
    seconds = "0.05" if bench.smoke else "2"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for size in SIZES:
            file = Path(folder) / f"{size}.json"
            file.write_text(body(size))
            files.append(str(file))
        ours = measured(seconds, [str(bench.binaries / "door")], files)
        node = measured(seconds, ["node", str(PEERS / "door.mjs")], files)
        python = measured(seconds, [sys.executable, str(PEERS / "door.py")], files)
    for size, mine, js, py in zip(SIZES, ours, node, python):
        yield Row(
            f"door, {size} event{'s' if size > 1 else ''} a body: verify, split, key, message",
            f"{mine:.2f} µs an event",
            f"Node {js:.1f} µs, Python {py:.1f} µs",
            mine / min(js, py),
            f"≤ {TARGET:.0f} µs",
            mine <= TARGET,
        )
