"""A CPU quota for one process, by what the machine offers.

A control group is the kernel's own bandwidth control, which Lambda's hosts use too. Where none can be made, the process is
stopped and continued by signals, which is coarser. A group also gets the largest weight there is, and the measuring process sits in
one of its own, so that other work on the machine takes as little as it can from what is measured.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

V1 = Path("/sys/fs/cgroup/cpu")
V2 = Path("/sys/fs/cgroup")


class Group:
    """A control group with a share of one CPU in each period."""

    def __init__(self, name: str) -> None:
        self.v2 = (V2 / "cgroup.controllers").exists()
        self.path = (V2 if self.v2 else V1) / f"rollcall-start-up-{os.getpid()}-{name}"
        self.path.mkdir()
        if self.v2:
            (self.path / "cpu.weight").write_text("10000")
        else:
            (self.path / "cpu.shares").write_text("262144")

    def limit(self, share: float | None, period: int) -> None:
        """`share` of one CPU, all of them when there is none; the period is in microseconds."""
        quota = None if share is None else round(share * period)
        if self.v2:
            (self.path / "cpu.max").write_text(f"{'max' if quota is None else quota} {period}")
        else:
            # The quota first when it is lifted: the kernel checks it against the period.
            (self.path / "cpu.cfs_quota_us").write_text("-1")
            (self.path / "cpu.cfs_period_us").write_text(str(period))
            (self.path / "cpu.cfs_quota_us").write_text(str(-1 if quota is None else quota))

    def add(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(str(pid))

    def close(self) -> None:
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:
                # An ended process leaves its group a little later.
                time.sleep(0.02)

    @property
    def kind(self) -> str:
        return "control group, cpu.max" if self.v2 else "control group, cpu.cfs_quota_us"


class Signals:
    """The same by SIGSTOP and SIGCONT, for a process that is its own group."""

    kind = "SIGSTOP and SIGCONT, since no control group can be made here"

    def __init__(self, name: str) -> None:
        self._pids: list[int] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def limit(self, share: float | None, period: int) -> None:
        if share is not None and self._thread is None:
            self._thread = threading.Thread(target=self._beat, args=(share, period / 1e6), daemon=True)
            self._thread.start()

    def add(self, pid: int) -> None:
        self._pids.append(pid)

    def close(self) -> None:
        self._ended.set()

    def _beat(self, share: float, period: float) -> None:
        while not self._ended.is_set():
            for what, pause in ((signal.SIGCONT, share * period), (signal.SIGSTOP, (1 - share) * period)):
                for pid in self._pids:
                    try:
                        os.kill(pid, what)
                    except ProcessLookupError:
                        return
                time.sleep(pause)


def available() -> type[Group] | type[Signals]:
    """What this machine offers."""
    try:
        group = Group("try")
    except OSError:
        return Signals
    try:
        group.limit(0.07, 100_000)
        return Group
    except OSError:
        return Signals
    finally:
        group.close()
