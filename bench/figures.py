# SPDX-License-Identifier: MIT
"""Figures out of rounds: medians, their intervals, ratios of paired rounds, and how they are written.

A median's 95 % interval is made of order statistics: the smallest k-th lowest and k-th highest value
between which the true median lies with at least that probability, whatever the distribution (the
number of values below the median is binomial with one half). No model, no random numbers. Fewer than
six values cannot give 95 %: then it is all of them, and `coverage` says what that is worth.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A median and between which two values it lies."""

    median: float
    low: float
    high: float


def coverage(count: int, rank: int) -> float:
    """Probability that the median of what is sampled lies between the rank-th lowest and highest."""
    outside = sum(math.comb(count, below) for below in range(rank)) / 2**count
    return 1 - 2 * outside


def interval_rank(count: int) -> int:
    """Which lowest and highest value bound the interval; 1, which is all, for a few."""
    rank = 1
    while 2 * (rank + 1) <= count and coverage(count, rank + 1) >= CONFIDENCE:
        rank += 1
    return rank


def interval(values: Sequence[float]) -> Interval:
    ordered = sorted(values)
    rank = interval_rank(len(ordered))
    return Interval(statistics.median(ordered), ordered[rank - 1], ordered[-rank])


def interval_words(count: int) -> str:
    """How the intervals of `count` rounds came about, for the foot of a table."""
    if count == 1:
        return "one round has no interval"
    rank = interval_rank(count)
    bounds = "lowest and highest" if rank == 1 else f"order statistics {rank} and {count + 1 - rank}"
    return f"intervals: {bounds} of {count} rounds, {coverage(count, rank):.1%} for the median"


def present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def median_of(values: Sequence[float | None]) -> float | None:
    """None if any is missing: a median of the rest would be of something else."""
    known = present(values)
    return statistics.median(known) if known and len(known) == len(values) else None


def paired_ratios(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Ratios of rounds that ran next to each other: what drifts hits both and cancels."""
    return interval([one / other for one, other in zip(ours, theirs, strict=True)])


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else ours / theirs


def number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width},.{digits}f}"


def significant(value: float | None, width: int) -> str:
    """Three figures or all before the point: 0.012, 1.23, 12.3, 123, 1,234."""
    if value is None:
        return f"{'-':>{width}}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 or value == 0 else 3
    return number(value, width, digits)


def bytes_words(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def minutes_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
