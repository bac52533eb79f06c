"""What the sections of the benchmarks share: what they run, and a row of the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bench:
    """What a section runs."""

    #: Where the binaries are that it asked for in `BINARIES`.
    binaries: Path
    #: Whether only to show that it works, with the smallest sizes: the figures mean nothing then.
    smoke: bool = False


@dataclass
class Row:
    """A line: what was done, what it took here and beside, and what was aimed at."""

    work: str
    ours: str
    beside: str = "–"
    ratio: float | None = None
    target: str = "–"
    met: bool | None = None

    def __str__(self) -> str:
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        met = "–" if self.met is None else ("yes" if self.met else "**no**")
        return f"| {self.work} | {self.ours} | {self.beside} | {ratio} | {self.target} | {met} |"
