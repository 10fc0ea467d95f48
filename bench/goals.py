# SPDX-License-Identifier: MIT
"""The goals of bench/compare, and whether they are met.

A ratio is that of the medians; its interval is that of the ratios of paired rounds (figures.py).
Where the interval has the limit in it, more rounds may turn the verdict, and it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from figures import Interval, interval, paired_ratios, present
from measure import FULL, Round, median_round

@dataclass(frozen=True)
class Goal:
    """A bound on a figure of quoit, or on its ratio to that of another server or scenario."""

    scenario: str
    figure: str  # a field of Round, a name in its `extra`, or "syscalls"
    limit: float
    than: str | None = None  # the other server; "best": the best of the peers; None: see `base`
    base: str | None = None  # or quoit itself in this scenario; neither: the figure alone
    at_least: bool = False
    unit: str = ""
    scale: float = 1.0  # of the figure, into `unit`


def cpu(scenario: str, limit: float, than: str) -> Goal:
    return Goal(scenario, "cpu_us", limit, than)


GOALS = (
    cpu("1k-64", 1.10, "floor-uring"),
    cpu("1k-64", 0.55, "nginx"),
    cpu("1k-64", 0.85, "h2o"),
    cpu("1k-512", 1.10, "floor-uring"),
    cpu("1k-512", 0.50, "nginx"),
    cpu("1k-512", 0.70, "h2o"),
    Goal("1k-512", "syscalls", 0.1, unit="per request"),
    Goal("pipelined", "rate", 5.0, "nginx", at_least=True),
    Goal("pipelined", "rate", 4.0, "h2o", at_least=True),
    cpu("pipelined", 0.50, "floor-single"),
    cpu("reconnect", 0.70, "nginx"),
    cpu("site", 0.60, "nginx"),
    cpu("site", 0.60, "h2o"),
    Goal("site", "peak_bytes", 24.0, unit="MB", scale=1e-6),
    cpu("100k", 0.75, "nginx"),
    cpu("100k", 0.60, "h2o"),
    cpu("1m", 0.75, "nginx"),
    cpu("1m", 0.60, "h2o"),
    Goal("100m", "bytes_rate", 1.0, "best", at_least=True),
    Goal("304", "cpu_us", 1.0, base="1k-64"),
    Goal("404", "cpu_us", 1.0, base="1k-64"),
    Goal("idle", "idle_bytes", 300.0, unit="bytes each"),
    Goal("cold", "cold_ratio", 2.0, unit="times"),
)

FIGURES = {
    "cpu_us": "server CPU per request",
    "rate": "requests/s",
    "bytes_rate": "bytes/s",
    "syscalls": "system calls",
    "peak_bytes": "resident memory at most",
    "idle_bytes": "memory of an idle connection",
    "cold_ratio": "p99 beside cold files / alone",
}

QUOIT = "quoit"


@dataclass
class Outcome:
    """What a server has shown in a scenario."""

    rounds: list[Round] = field(default_factory=list)
    syscalls: float | None = None  # per request
    failure: str | None = None  # then there are no rounds

    def median(self) -> Round:
        return median_round(self.rounds)

    def values(self, figure: str) -> list[float]:
        """One for each round; none if it is not to be had."""
        if figure == "syscalls":
            return present([self.syscalls])
        values = [one.extra.get(figure, getattr(one, figure, None)) for one in self.rounds]
        return present(values) if None not in values else []


Results = Mapping[str, Mapping[str, Outcome]]  # scenario name -> server name -> outcome


@dataclass(frozen=True)
class Verdict:
    """A goal, and what was measured; `missing` says why nothing was."""

    goal: Goal
    measured: Interval | None = None
    missing: str = ""
    note: str = ""

    def is_met(self) -> bool:
        if self.measured is None:
            return False
        value, limit = self.measured.median, self.goal.limit
        return value >= limit if self.goal.at_least else value <= limit

    def is_certain(self) -> bool:
        return self.measured is not None and not self.measured.low <= self.goal.limit <= self.measured.high

    def missed_by(self) -> float:
        """The share of the limit."""
        assert self.measured is not None
        return abs(self.measured.median / self.goal.limit - 1)


def figure_of(results: Results, scenario: str, server: str, figure: str) -> list[float]:
    outcome = results.get(scenario, {}).get(server)
    return outcome.values(figure) if outcome else []


def best_peer(results: Results, goal: Goal, peers: Sequence[str]) -> str | None:
    """The one that is hardest to reach."""
    found = {peer: figure_of(results, goal.scenario, peer, goal.figure) for peer in peers}
    medians = {peer: interval(values).median for peer, values in found.items() if values}
    if not medians:
        return None
    choose = max if goal.at_least else min
    return choose(medians, key=lambda peer: medians[peer])


def ratio_interval(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    median = interval(ours).median / interval(theirs).median
    if len(ours) != len(theirs):
        return Interval(median, median, median)
    paired = paired_ratios(ours, theirs)
    return Interval(median, min(paired.low, median), max(paired.high, median))


def judge(goal: Goal, results: Results, peers: Sequence[str]) -> Verdict:
    ours = [value * goal.scale for value in figure_of(results, goal.scenario, QUOIT, goal.figure)]
    if not ours:
        return Verdict(goal, missing=f"{QUOIT} has no figure in {goal.scenario}")
    if goal.than is None and goal.base is None:
        return Verdict(goal, interval(ours))
    server = best_peer(results, goal, peers) if goal.than == "best" else goal.than or QUOIT
    theirs = figure_of(results, goal.base or goal.scenario, server or "", goal.figure)
    if not theirs:
        return Verdict(goal, missing=f"{server or 'no peer'} has no figure in {goal.base or goal.scenario}")
    note = f"{server} is the best" if goal.than == "best" else ""
    if goal.figure == "rate" and results[goal.scenario][QUOIT].median().client_load >= FULL:
        note = "wrk was full: the rate is at least that"
    return Verdict(goal, ratio_interval(ours, theirs), note=note)


def verdict_words(verdict: Verdict) -> str:
    if verdict.measured is None:
        return f"not measured: {verdict.missing}"
    words = "met" if verdict.is_met() else f"MISSED by {verdict.missed_by():.0%}"
    if not verdict.is_certain():
        words += ", not certain"
    return f"{words}; {verdict.note}" if verdict.note else words


def verdict_record(verdict: Verdict) -> dict[str, object]:
    goal, measured = verdict.goal, verdict.measured
    return {
        "scenario": goal.scenario,
        "figure": goal.figure,
        "than": goal.than,
        "base": goal.base,
        "at_least": goal.at_least,
        "limit": goal.limit,
        "unit": goal.unit or "ratio",
        "measured": measured.median if measured else None,
        "interval": [measured.low, measured.high] if measured else None,
        "met": verdict.is_met() if measured else None,
        "words": verdict_words(verdict),
    }
