# SPDX-License-Identifier: MIT
"""The record of a lab: what its rounds come to, as plain values, ready for JSON and for the report.

  machine, versions, command, date   what the figures depend on
  switches[]                         name, default, since, sentence, as src/io/ring.def has them
  scenarios[]                        name, title, connections, rounds, seconds, intervals (in words), notes[]
    variants[]                       the default first; name, kind, why, engine, settings
      medians                        of each figure, and what each counter grew by per request
      ratios                         to the default, per metric; none for the default:
                                     {median, low, high, verdict: less, more or open}
      rounds                         a list per figure, with a value per round; likewise in it: counters, what
                                     they grew by, and default, its figures as they were beside each round
  instructions                       variant -> user-space instructions per request; empty: not counted
  skipped[]                          variant, scenario, sentence: what this kernel lacks, or what failed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from figures import CONFIDENCE, Interval, coverage, interval, interval_rank, interval_words, median_of
from lab_run import Sample, Track
from lab_switches import Switch
from measure import Scenario, disturbances, median_round

# Ratios are made of these figures of a round: name, title, unit, whether less is better.
METRICS: dict[str, tuple[str, str, bool]] = {
    "cpu_us": ("server CPU per request", "µs", True),
    "machine_us": ("machine CPU per request", "µs", True),
    "rate": ("requests per second", "", False),
    "p50_us": ("median latency", "µs", True),
    "p99_us": ("99th percentile of latency", "µs", True),
}

# What is kept of a round.
FIGURES = (
    *METRICS,
    "requests",
    "client_us",
    "p999_us",
    "server_load",
    "client_load",
    "foreign_load",
    "stolen_load",
    "peak_bytes",
)

SYSCALLS = ("enters", "calls")  # the counters that are system calls


def make_scenario(scenario: Scenario, default: Track, tracks: Sequence[Track], seconds: int) -> dict:
    count = max((len(track.samples) for track in tracks), default=0)
    return {
        "name": scenario.name,
        "title": scenario.title,
        "connections": scenario.connections,
        "depth": scenario.depth,
        "rounds": count,
        "seconds": seconds,
        "intervals": interval_words(count) if count else "",
        "notes": make_notes(default),
        "variants": [make_variant(track) for track in (default, *tracks) if track.samples],
    }


def make_notes(default: Track) -> list[str]:
    """What a reader must know before he believes any of it."""
    median = median_round([sample.round for sample in default.samples])
    repeated = [f"the default was measured anew once, because {reason}" for reason in default.failures]
    return [*disturbances("the default", median), *repeated]


def make_variant(track: Track) -> dict:
    variant, samples, beside = track.variant, track.samples, track.beside
    figures = columns([{name: getattr(sample.round, name) for name in FIGURES} for sample in samples])
    counters = columns([sample.counters for sample in samples])
    counted = columns([per_request(sample.counters) for sample in samples])
    others = columns([{name: one.get(name) for name in METRICS} for one in beside])
    return {
        "name": variant.name,
        "kind": variant.kind,
        "why": variant.why,
        "engine": variant.engine,
        "settings": dict(variant.settings),
        "medians": {name: short(median_of(values)) for name, values in {**figures, **counted}.items()},
        "ratios": make_ratios(samples, beside),
        "rounds": {
            **{name: [short(value) for value in values] for name, values in figures.items()},
            "counters": {name: values for name, values in counters.items() if any(values)},
            "default": {name: [short(value) for value in values] for name, values in others.items()},
        },
    }


def columns(rows: Sequence[dict]) -> dict[str, list]:
    """{name: [value of each row]}."""
    names = rows[0] if rows else {}
    return {name: [row.get(name) for row in rows] for name in names}


def short(value: float | None) -> float | None:
    """Six figures: what is behind them was never measured."""
    return None if value is None else float(f"{value:.6g}")


def per_request(counters: dict[str, int]) -> dict[str, float]:
    """By the server's own count of requests, which has those that the client did not wait for."""
    requests, enters = counters.get("requests"), counters.get("enters")
    if not requests:  # a floor counts nothing
        return {}
    found = {name: value / requests for name, value in counters.items()}
    found["syscalls"] = sum(found.get(name, 0.0) for name in SYSCALLS)
    found["switches"] = found["switches_voluntary"] + found["switches_involuntary"]
    if enters:
        for name in ("requests", "submissions", "completions"):
            found[f"{name}_per_enter"] = counters[name] / enters
    return found


def make_ratios(samples: Sequence[Sample], beside: Sequence[dict[str, float]]) -> dict[str, dict]:
    found = {}
    for metric in METRICS:
        pairs = [
            (getattr(sample.round, metric), other.get(metric))
            for sample, other in zip(samples, beside, strict=False)
        ]
        if pairs and all(ours is not None and theirs for ours, theirs in pairs):
            ratio = interval([ours / theirs for ours, theirs in pairs])
            rounded = {name: short(value) for name, value in asdict(ratio).items()}
            found[metric] = {**rounded, "verdict": verdict(ratio, len(pairs))}
    return found


def verdict(ratio: Interval, rounds: int) -> str:
    """Which side of 1 the whole interval lies on. Fewer than six rounds decide nothing: of three, all
    lie on one side by chance every fourth time."""
    if coverage(rounds, interval_rank(rounds)) < CONFIDENCE:
        return "open"
    if ratio.high < 1:
        return "less"
    return "more" if ratio.low > 1 else "open"


@dataclass(frozen=True)
class Ratio(Interval):
    """A ratio to the default, as it stands in the record."""

    verdict: str


def ratio_of(variant: dict, metric: str) -> Ratio | None:
    found = variant["ratios"].get(metric)
    return Ratio(**found) if found else None


def make_skipped(scenario: Scenario, tracks: Sequence[Track]) -> list[dict]:
    return [
        {"variant": track.variant.name, "scenario": scenario.title, "sentence": track.failures[-1]}
        for track in tracks
        if track.is_given_up()
    ]


def describe_switches(switches: dict[str, Switch]) -> list[dict]:
    return [
        {"name": one.name, "default": one.default, "since": one.since, "sentence": one.sentence}
        for one in switches.values()
    ]
