"""What figures are told by."""

from __future__ import annotations


def nth(ordered: list[float], percent: int) -> float:
    """The value that so many percent of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
