# SPDX-License-Identifier: MIT
"""How bench/compare runs a scenario: start every server, check its answers, warm it up, measure in turn.

A server that fails in a scenario is left out of the rest of it and reported; the others go on. Servers
are started anew for each scenario, so that a peak of memory belongs to it.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from answers import check_floor, prepare
from clients import cold_refusal, cold_round, idle_connections
from common import ERRORS, Server, running_quoit
from goals import QUOIT, Outcome
from machine import Cores
from measure import (
    COUNT_SECONDS,
    Progress,
    Round,
    Scenario,
    count_syscalls,
    interleave,
    perf_refusal,
    run_round,
)
from peers import FLOOR_BODY_MAX, FLOOR_SINGLE, FLOORS, PEERS, Floor, Peer, running_floor, running_peer
from scenarios import COLD_FILES, IDLE_CONNECTIONS, SCENARIOS, mean_length

WARM_UP_SECONDS = 1
SPARE_DESCRIPTORS = 200  # of wrk, the bench and a server, beside the connections
ROUND_COST = 0.3  # seconds of a round beside its own: settling, starting wrk
START_COST = 0.5  # starting, checking and stopping a server
IDLE_COST = 4.0  # opening and closing the idle connections


@dataclass(frozen=True)
class Entry:
    """A server that can take part: how to start it for a scenario, and where it cannot."""

    name: str
    start: Callable[[Scenario], AbstractContextManager[Server]]
    floor: bool = False
    descriptors: int = 1  # that it wants to have for each connection


@dataclass
class Subject:
    """A server that has been started for a scenario and has answered rightly."""

    entry: Entry
    server: Server
    scenario: Scenario  # a floor's differs
    headers: Sequence[str]


@dataclass(frozen=True)
class Setting:
    """What all scenarios have in common."""

    cores: Cores
    root: Path
    directory: Path
    rounds: int
    seconds: int
    progress: Progress


# ---------------------------------------------------------------- who takes part


def entries(binary: Path, setting: Setting) -> list[Entry]:
    pin = setting.cores.pin(setting.cores.server)
    root, directory = setting.root, setting.directory

    def quoit(name: str, engine: str) -> Entry:
        options = ("--engine", engine)
        return Entry(name, lambda _: running_quoit(binary, root, directory, pin, options=options, name=name))

    def floor(which: Floor) -> Entry:
        build = binary.resolve().parent
        return Entry(
            which.name,
            lambda scenario: running_floor(which, build, mean_length(scenario, root), directory, pin),
            floor=True,
        )

    def peer(which: Peer) -> Entry:
        return Entry(
            which.name,
            lambda scenario: running_peer(which, root, directory, pin, active_clients(scenario)),
            descriptors=which.descriptors,
        )

    ours = [quoit(QUOIT, "io_uring"), quoit("quoit-epoll", "epoll")]
    return [*ours, *(floor(which) for which in (*FLOORS, FLOOR_SINGLE)), *(peer(which) for which in PEERS)]


def active_clients(scenario: Scenario) -> int:
    return scenario.connections + (COLD_FILES if scenario.client == "cold" else 0)


SERVER_NAMES = (
    QUOIT,
    "quoit-epoll",
    *(floor.name for floor in (*FLOORS, FLOOR_SINGLE)),
    *(peer.name for peer in PEERS),
)


def refused(entry: Entry, banners: dict[str, str]) -> str | None:
    """Start it once. Puts what it says it is into `banners`, or returns why it cannot be started."""
    try:
        with entry.start(SCENARIOS[0]) as server:
            banners[entry.name] = server.banner
            return None
    except ERRORS as error:
        return " ".join(str(error).split())


def descriptor_refusal(scenario: Scenario, each: int) -> str | None:
    """Why so many connections cannot be had here, if they cannot."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    total = scenario.connections + (IDLE_CONNECTIONS if scenario.client == "idle" else 0)
    needed = total * each + SPARE_DESCRIPTORS
    if hard >= needed:
        return None
    return f"needs {needed:,} descriptors, the hard limit is {hard:,} (ulimit -Hn; LimitNOFILE of a service)"


def exclusion(entry: Entry, scenario: Scenario, root: Path) -> str | None:
    """Why this server cannot take part, if it cannot; empty where it is not worth a line."""
    refusal = descriptor_refusal(scenario, entry.descriptors)
    if refusal or not entry.floor:
        return refusal
    if entry.name == FLOOR_SINGLE.name and scenario.depth == 1:
        return ""  # the same as floor-uring
    if scenario.reconnect:
        return "it does not close connections"
    if scenario.client == "cold":
        return "it has no files"
    if mean_length(scenario, root) > FLOOR_BODY_MAX:
        return "it keeps nothing to send later, and this answer does not fit into a socket"
    return None


def scenario_refusal(scenario: Scenario, root: Path) -> str | None:
    return descriptor_refusal(scenario, 1) or (cold_refusal(root) if scenario.client == "cold" else None)


# ---------------------------------------------------------------- one scenario


def start_subject(entry: Entry, scenario: Scenario, setting: Setting, stack: ExitStack) -> Subject:
    """Started, checked and warm."""
    server = stack.enter_context(entry.start(scenario))
    if entry.floor:
        check_floor(server, mean_length(scenario, setting.root))
        own = replace(scenario, status=200, revalidate=False, headers=())
        subject = Subject(entry, server, own, ())
    else:
        subject = Subject(entry, server, scenario, prepare(scenario, server, setting.root))
    run_round(subject.scenario, server, setting.cores, WARM_UP_SECONDS * scenario.stretch, subject.headers)
    return subject


def measure_round(subject: Subject, setting: Setting) -> Round:
    scenario, server = subject.scenario, subject.server
    seconds = setting.seconds * scenario.stretch
    if scenario.client == "cold":
        return cold_round(scenario, server, setting.root, setting.cores, seconds, subject.headers)
    return run_round(scenario, server, setting.cores, seconds, subject.headers)


def round_cost(scenario: Scenario, seconds: int) -> float:
    return (seconds * scenario.stretch + ROUND_COST) * (2 if scenario.client == "cold" else 1)


def start_cost(scenario: Scenario) -> float:
    return START_COST + WARM_UP_SECONDS * scenario.stretch


def count_cost(scenario: Scenario) -> float:
    return COUNT_SECONDS * scenario.stretch + ROUND_COST


def measure_idle(subject: Subject, setting: Setting, count: int) -> list[Round]:
    """All rounds of one server at a stretch: its idle connections are opened once."""
    before, _ = subject.server.memory_bytes()
    with idle_connections(subject.server, subject.scenario.path):
        after, _ = subject.server.memory_bytes()
        rounds = [measure_round(subject, setting) for _ in range(count)]
    for one in rounds:
        one.extra["idle_bytes"] = (after - before) / IDLE_CONNECTIONS
    return rounds


def measure_subjects(
    scenario: Scenario, subjects: list[Subject], setting: Setting, outcomes: dict[str, Outcome]
) -> None:
    def give_up(subject: Subject, error: Exception) -> None:
        outcomes[subject.entry.name].failure = str(error)

    def one_round(subject: Subject, index: int) -> Round:
        text = f"{scenario.title}: {subject.entry.name}, round {index + 1} of {setting.rounds}"
        setting.progress.step(round_cost(scenario, setting.seconds), text)
        return measure_round(subject, setting)

    def all_rounds(subject: Subject) -> list[Round]:
        cost = IDLE_COST + setting.rounds * round_cost(scenario, setting.seconds)
        setting.progress.step(cost, f"{scenario.title}: {subject.entry.name}")
        try:
            return measure_idle(subject, setting, setting.rounds)
        except ERRORS as error:
            give_up(subject, error)
            return []

    if scenario.client == "idle":
        results = [all_rounds(subject) for subject in subjects]
    else:
        results = interleave(subjects, setting.rounds, one_round, give_up)
    for subject, rounds in zip(subjects, results, strict=True):
        outcomes[subject.entry.name].rounds = rounds


def is_counted(scenario: Scenario) -> bool:
    return scenario.client == "wrk" and perf_refusal() is None


def count_calls(scenario: Scenario, subject: Subject, setting: Setting, outcome: Outcome) -> None:
    setting.progress.step(count_cost(scenario), f"{scenario.title}: system calls of {subject.entry.name}")
    seconds = COUNT_SECONDS * scenario.stretch
    try:
        outcome.syscalls = count_syscalls(
            subject.scenario, subject.server, setting.cores, seconds, subject.headers
        )
    except ERRORS as error:
        outcome.failure = f"while system calls were counted: {error}"


def run_scenario(scenario: Scenario, taking_part: list[Entry], setting: Setting) -> dict[str, Outcome]:
    outcomes = {entry.name: Outcome() for entry in taking_part}
    subjects = []
    with ExitStack() as stack:
        for entry in taking_part:
            setting.progress.step(start_cost(scenario), f"{scenario.title}: warming up {entry.name}")
            try:
                subjects.append(start_subject(entry, scenario, setting, stack))
            except ERRORS as error:
                outcomes[entry.name].failure = str(error)
        measure_subjects(scenario, subjects, setting, outcomes)
        for subject in subjects:
            if is_counted(scenario) and not outcomes[subject.entry.name].failure:
                count_calls(scenario, subject, setting, outcomes[subject.entry.name])
    setting.progress.clear()
    return outcomes


def expected_seconds(scenarios: Sequence[Scenario], taking_part: Sequence[Entry], setting: Setting) -> float:
    total = 0.0
    for scenario in scenarios:
        each = start_cost(scenario) + round_cost(scenario, setting.seconds) * setting.rounds
        each += IDLE_COST if scenario.client == "idle" else 0
        each += count_cost(scenario) if is_counted(scenario) else 0
        entering = [entry for entry in taking_part if exclusion(entry, scenario, setting.root) is None]
        total += each * len(entering)
    return total
