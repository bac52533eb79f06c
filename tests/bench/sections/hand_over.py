"""Records of twelve objects are given to a manager with the Bulk API, beside simple-salesforce with the same org."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from processes import end

from . import Bench, Row

BINARIES = {"hand_over"}
PEER = Path(__file__).resolve().parent.parent / "peers/hand_over.py"
SIZES = (10_000, 100_000, 1_000_000)
# The peer needs no more than this to show what a record costs it.
PEER_MOST = 100_000
A_RECORD_US = 25.0
# As many with one job that never ends.
STUCK = 100_000
# By the clock, with no pause waited for, beside the same requests sent again as fast as they are answered.
REPLAYED, WALL, TIMES = 100_000, 1.2, 5
# Memory is flat when ten times the records take no more than this many times as much of it.
FLAT = 1.5


@contextmanager
def org(program: Path, records: int, stuck: int = 0) -> Iterator[dict]:
    """A new org with so many records of the leaver's, and so many jobs that never end; where it is."""
    process = subprocess.Popen([program, "org", str(records), str(stuck)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        end(process)


def told(command: list) -> dict:
    """What a client said of its work."""
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def beside_replay(program: Path, records: int) -> Row:
    """What the client adds to the time of the org alone. Each time a new org, because what is handed over is gone."""
    with tempfile.NamedTemporaryFile() as kept:
        with org(program, records) as there:
            told([program, "client", there["url"], there["leaver"], str(records), "at-once", kept.name])
        took, alone = [], []
        for _ in range(TIMES):
            with org(program, records) as there:
                took.append(told([program, "client", there["url"], there["leaver"], str(records), "at-once"])["ms"])
            with org(program, records) as there:
                replayed = told([program, "replay", there["url"], kept.name])
            alone.append(replayed["ms"])
    ours, beside = min(took), min(alone)
    return Row(f"hand-over of {records:,} records, no pause waited for, by the clock (least of {TIMES})", f"{ours:,} ms",
               f"its {replayed['calls']:,} requests sent again: {beside:,} ms", ours / beside, f"≤ {WALL}", ours / beside <= WALL)


def rows(bench: Bench) -> Iterator[Row]:
    program = bench.binaries / "hand_over"
    peaks = []
    for records in (1_000,) if bench.smoke else SIZES:
        with org(program, records) as there:
            ours = told([program, "client", there["url"], there["leaver"], str(records)])
        # What was locked for a moment is tried again, so nothing is left.
        assert ours["moved"] == records and not ours["refused"] and not ours["other"], ours
        peaks.append(ours["peak_kb"])
        each, beside = ours["cpu_ms"] * 1000 / records, "–"
        if records <= PEER_MOST:
            with org(program, records) as there:
                peer = told([sys.executable, PEER, there["url"], there["leaver"], there["manager"], *there["objects"]])
            assert peer["moved"] + peer["refused"] == records and peer["refused"] > 0, peer
            beside = (f"simple-salesforce {peer['cpu_ms'] * 1000 / records:.1f} µs, {peer['ms'] / 1000:.1f} s, "
                      f"{peer['peak_kb'] / 1024:.0f} MB, {peer['refused']:,} left behind")
        yield Row(f"hand-over of {records:,} records of 12 objects, 0.5 % of them locked for a moment",
                  f"{each:.1f} µs of CPU a record, {ours['ms'] / 1000:.1f} s, {ours['peak_kb'] / 1024:.0f} MB, none left behind",
                  beside, None, f"≤ {A_RECORD_US:.0f} µs of CPU a record", each <= A_RECORD_US)
    records = 1_000 if bench.smoke else STUCK
    with org(program, records, stuck=1) as there:
        ours = told([program, "client", there["url"], there["leaver"], str(records), "at-once"])
    assert ours["moved"] == records and not ours["refused"] and not ours["other"], ours
    each = ours["cpu_ms"] * 1000 / records
    yield Row(f"the same of {records:,} while one job never ends: stopped, and its records tried again",
              f"{each:.1f} µs of CPU a record, {ours['peak_kb'] / 1024:.0f} MB, none left behind", "–", None,
              f"≤ {A_RECORD_US:.0f} µs of CPU a record", each <= A_RECORD_US)
    yield beside_replay(program, 1_000 if bench.smoke else REPLAYED)
    growth = peaks[-1] / peaks[0]
    yield Row("memory of the largest beside the smallest", f"{peaks[-1] / 1024:.0f} MB", f"{peaks[0] / 1024:.0f} MB", growth, f"≤ {FLAT}", growth <= FLAT)
