"""Every user of a large Okta org, beside Okta's own client for Python and a bare reader of the same pages."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from machine import Company

from . import Bench, Row

BINARIES = {"company", "directory"}
PEER = Path(__file__).resolve().parent.parent / "peers/directory.py"
PAGE = 200
OVER_BARE = 1.1
MEGABYTES = 25
OVER_LEAST = 1.02


def rows(bench: Bench) -> Iterator[Row]:
    crowd, rounds = (1_000, 1) if bench.smoke else (100_000, 5)
    company = Company(bench.binaries)
    try:
        company.do("crowd", number=crowd)
        okta = company.tenants["okta-main"]
        program = str(bench.binaries / "directory")
        readers = {how: [program, how, okta["url"], okta["id"], okta["token"]] for how in ("rollcall", "bare", "parsed")}
        found: dict[str, list[dict]] = {how: [] for how in (*readers, "sdk")}
        for number in range(rounds):
            # The peer takes long, and its time does not waver.
            for how, command in (readers | ({"sdk": [sys.executable, str(PEER), okta["url"], okta["token"]]} if number == 0 else {})).items():
                company.do("calls")
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                calls = [call for call in company.do("calls") if call["path"].startswith("/api/v1/users?")]
                found[how].append(json.loads(done.stdout) | {"calls": len(calls)})
        users = found["parsed"][0]["users"]
        assert users > crowd and all(one["users"] in (users, None) for all_ in found.values() for one in all_), found
        # Nobody of the crowd is deactivated; that list is asked for once.
        least = -(-users // PAGE) + 1
        assert all(one["calls"] == least for one in found["bare"]), found["bare"]

        def middle(how: str, what: str) -> float:
            return statistics.median(one[what] for one in found[how])

        ours, bare, parsed, sdk = (middle(how, "ms") / 1000 for how in ("rollcall", "bare", "parsed", "sdk"))
        yield Row(f"{users:,} Okta users, {least:,} pages", f"{ours:.2f} s",
                  f"bare reader {bare:.2f} s, the same that parses {parsed:.2f} s, `okta` SDK {sdk:.1f} s", ours / bare,
                  f"≤ {OVER_BARE} × the bare reader", ours / bare <= OVER_BARE)
        yield Row("their CPU time in the client", f"{middle('rollcall', 'cpu_ms') / 1000:.2f} s",
                  f"bare {middle('bare', 'cpu_ms') / 1000:.2f} s, parses {middle('parsed', 'cpu_ms') / 1000:.2f} s, "
                  f"SDK {middle('sdk', 'cpu_ms') / 1000:.1f} s", middle("rollcall", "cpu_ms") / middle("parsed", "cpu_ms"))
        peak = max(one["peak_kb"] for one in found["rollcall"]) / 1024
        yield Row("their peak memory", f"{peak:.1f} MB",
                  f"bare {middle('bare', 'peak_kb') / 1024:.1f} MB, SDK {middle('sdk', 'peak_kb') / 1024:.0f} MB", None,
                  f"≤ {MEGABYTES} MB", peak <= MEGABYTES)
        calls = max(one["calls"] for one in found["rollcall"])
        yield Row("their calls", f"{calls:,}", f"least possible {least:,}, SDK {middle('sdk', 'calls'):,.0f}", calls / least,
                  f"≤ {OVER_LEAST} × the least", calls / least <= OVER_LEAST)
    finally:
        company.close()
