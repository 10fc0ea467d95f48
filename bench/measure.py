# SPDX-License-Identifier: MIT
"""How a server is measured: one round is one run of a client between two looks at the clocks.

A Scenario says what is asked for and how; a Server (common.py) is a running one; `run_round` puts
wrk, with one thread on its own core, in front of it and returns a Round; `interleave` does so with
several servers in turn (A B C, C B A, A B C ...), so that a drift of the machine hits all of them.

The figure to look at is the server's CPU time per request: unlike the rate it does not depend on how
fast wrk is. It is the kernel's account of all the server's threads, so TCP work done on its behalf is
in it. On loopback the receiving side's TCP work falls to whichever of the two happens to do it, which
moves the server's share of large bodies: the machine's busy time per request has all of it.

System calls are counted in a round of their own, because counting them slows each down.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from common import BENCH, ERRORS, BenchError, Server, find_tool
from figures import median_of, minutes_words
from machine import Busy, Cores, read_busy

SETTLE_SECONDS = 0.1  # the closing of one round's connections must not be billed to the next
GRACE_SECONDS = 60.0  # a client that needs so much longer than it was told to run hangs
COUNT_SECONDS = 1  # of a round in which system calls are counted
FULL = 0.95  # of a core: from here on it has no time left
IDLE_BELOW = 0.85  # neither the server's nor the client's core full: something else took their time
FOREIGN_ABOVE = 0.10  # of a core, used by neither server nor client
STOLEN_ABOVE = 0.02  # of the wall time, taken by the hypervisor


@dataclass(frozen=True)
class Scenario:
    """What clients do, and what the answer must be."""

    name: str
    title: str
    path: str = "1k.html"  # below the root of the site
    paths: tuple[str, ...] = ()  # asked for in turn, instead of `path`
    connections: int = 64
    depth: int = 1  # requests in one write
    headers: tuple[str, ...] = ()  # fields of the request, "Name: value"
    reconnect: bool = False  # a connection for each request
    revalidate: bool = False  # If-None-Match with the tag that the server itself gave
    status: int = 200
    length: int | None = None  # of the body; None: that of the file
    offset: int = 0  # where in the file the body begins
    coding: str | None = None  # Content-Encoding to insist on where the site has it
    stretch: int = 1  # rounds so many times as long, where connecting or one answer takes a good part of it
    by_bytes: int = 0  # bytes of a body so long that a round has few: requests are bytes / by_bytes
    client: str = "wrk"  # which driver: wrk, idle or cold (clients.py)


@dataclass(frozen=True)
class Round:
    """What one round has shown. Times are microseconds; None: not to be had."""

    requests: float
    seconds: float
    cpu_us: float  # the server's CPU time per request
    machine_us: float  # busy time of all processors per request, whoever was busy
    client_us: float  # the client's CPU time per request
    rate: float  # requests per second
    bytes_rate: float  # bytes per second, heads included
    p50_us: float | None
    p99_us: float | None
    p999_us: float | None
    server_load: float  # CPU time / wall time: 1.0 is a whole core
    client_load: float
    foreign_load: float  # of neither of the two, nor of interrupts
    stolen_load: float
    rss_bytes: int  # resident at the end of the round, all processes of the server
    peak_bytes: int  # the most since it was started
    extra: dict[str, float] = field(default_factory=dict)  # what only one driver has


# ---------------------------------------------------------------- wrk


def wrk_command(scenario: Scenario, server: Server, seconds: int, headers: Sequence[str] = ()) -> list[str]:
    """Without the pinning. `headers` are added to those of the scenario."""
    command = [find_tool("wrk"), "-t1", f"-c{scenario.connections}", f"-d{seconds}s"]
    command += ["--timeout", "10s", "-s", str(BENCH / "wrk.lua")]
    fields = [*scenario.headers, *headers, *(["Connection: close"] if scenario.reconnect else [])]
    for text in fields:
        command += ["-H", text]
    command += [server.url(scenario.path), "--", str(scenario.depth)]
    return command


@contextlib.contextmanager
def path_list(scenario: Scenario, server: Server) -> Iterator[list[str]]:
    """The further argument of wrk.lua for a scenario with several paths."""
    if not scenario.paths:
        yield []
        return
    file = server.log.with_suffix(".paths")
    file.write_text("".join(f"/{path}\n" for path in scenario.paths))
    try:
        yield [str(file)]
    finally:
        file.unlink()


def read_summary(report: str) -> dict[str, float]:
    """The line of JSON with which wrk.lua ends."""
    line = report.strip().rpartition("\n")[2]
    try:
        summary = json.loads(line)
    except json.JSONDecodeError:
        summary = None
    if not isinstance(summary, dict):
        raise BenchError(f"wrk printed no figures:\n{report}")
    return summary


def check_summary(scenario: Scenario, server: Server, summary: dict[str, float]) -> None:
    """A run with errors measures something else. wrk calls an answer of 400 and above an error."""
    expected = summary["requests"] if scenario.status >= 400 else 0
    # A server that closes each connection may do so before wrk has looked at it again.
    tolerated = summary["requests"] * 0.001 if scenario.reconnect else 0
    errors = {name: summary[name] for name in ("connect", "read", "write", "timeout") if summary[name]}
    if summary["status"] != expected:
        errors["status"] = summary["status"]
    server.check_alive()
    if count_requests(scenario, summary) == 0:
        what = ", ".join(f"{count:.0f} x {name}" for name, count in errors.items())
        text = f"{scenario.name}: {server.name} answered no request"
        raise BenchError(f"{text}: {what or 'no error; rounds too short?'}")
    if sum(errors.values()) > tolerated:
        words = ", ".join(f"{count:.0f} x {name}" for name, count in errors.items())
        raise BenchError(f"{scenario.name}: errors with {server.name}: {words}")


def count_requests(scenario: Scenario, summary: dict[str, float]) -> float:
    """Of bodies so long that few end within a round, what has come of them counts."""
    return summary["bytes"] / scenario.by_bytes if scenario.by_bytes else summary["requests"]


def children_seconds() -> float:
    """CPU time of every child that has ended; between two looks that is only the client."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_client(command: Sequence[str], seconds: float) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds + GRACE_SECONDS
    )
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def run_round(
    scenario: Scenario, server: Server, cores: Cores, seconds: int, headers: Sequence[str] = ()
) -> Round:
    """One run of wrk between two looks at the clocks."""
    with path_list(scenario, server) as paths:
        command = [*cores.pin(cores.client), *wrk_command(scenario, server, seconds, headers), *paths]
        time.sleep(SETTLE_SECONDS)
        server.check_alive()
        busy, server_cpu, client_cpu = read_busy(), server.cpu_seconds(), children_seconds()
        summary = read_summary(run_client(command, seconds))
        check_summary(scenario, server, summary)
        spent = server.cpu_seconds() - server_cpu
        return make_round(scenario, server, summary, spent, children_seconds() - client_cpu, busy)


def make_round(
    scenario: Scenario,
    server: Server,
    summary: dict[str, float],
    server_cpu: float,
    client_cpu: float,
    before: Busy,
) -> Round:
    busy = read_busy().since(before)
    requests = count_requests(scenario, summary)
    seconds = summary["duration_us"] / 1e6
    # wrk 4.1 "corrects" latencies by the interval between answers, which with pipelining is not that
    # between its writes: the percentiles come out as anything, 0 included.
    known = scenario.depth == 1 and summary["requests"] > 0
    latencies = [summary[name] if known else None for name in ("p50_us", "p99_us", "p999_us")]
    resident, peak = server.memory_bytes()
    return Round(
        requests,
        seconds,
        server_cpu / requests * 1e6,
        busy.work / requests * 1e6,
        client_cpu / requests * 1e6,
        requests / seconds,
        summary["bytes"] / seconds,
        *latencies,
        server_load=server_cpu / busy.wall,
        client_load=client_cpu / busy.wall,
        foreign_load=max(0.0, busy.work - busy.interrupts - server_cpu - client_cpu) / busy.wall,
        stolen_load=busy.stolen / busy.wall,
        rss_bytes=resident,
        peak_bytes=peak,
    )


# ---------------------------------------------------------------- system calls


@functools.cache
def perf_refusal() -> str | None:
    """None where the kernel lets us count a process's system calls, else why it does not."""
    try:
        perf = find_tool("perf")
    except BenchError as error:
        return str(error)
    command = [perf, "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0 and re.match(r"\d+,", done.stderr):
        return None
    return "perf may not count system calls here (kernel.perf_event_paranoid, or no tracefs)"


def count_syscalls(
    scenario: Scenario,
    server: Server,
    cores: Cores,
    seconds: int = COUNT_SECONDS,
    headers: Sequence[str] = (),
) -> float | None:
    """System calls of all the server's threads per request, in a round whose times are not used."""
    if perf_refusal() is not None:
        return None
    counts = server.log.with_suffix(".perf")
    perf = [find_tool("perf"), "stat", "-x,", "-o", str(counts), "-e", "raw_syscalls:sys_enter"]
    perf += ["-p", ",".join(str(pid) for pid in server.pids()), "--"]
    with path_list(scenario, server) as paths:
        wrk = [*cores.pin(cores.client), *wrk_command(scenario, server, seconds, headers), *paths]
        summary = read_summary(run_client([*perf, *wrk], seconds))
    check_summary(scenario, server, summary)
    match = re.search(r"^(\d+),", counts.read_text(), re.M)
    counts.unlink()
    requests = count_requests(scenario, summary)
    return int(match[1]) / requests if match else None


# ---------------------------------------------------------------- several rounds

Subject = TypeVar("Subject")


def interleave(
    subjects: Sequence[Subject],
    rounds: int,
    measure: Callable[[Subject, int], Round],
    give_up: Callable[[Subject, Exception], None],
) -> list[list[Round]]:
    """Rounds in the order A B C, C B A, A B C ...; one list per subject, in their order.

    Of a subject whose round fails the caller is told, and it is left out from then on: its list is
    empty. The others go on.
    """
    results: list[list[Round]] = [[] for _ in subjects]
    left = list(range(len(subjects)))
    for index in range(rounds):
        for which in list(left if index % 2 == 0 else reversed(left)):
            try:
                results[which].append(measure(subjects[which], index))
            except ERRORS as error:
                give_up(subjects[which], error)
                results[which].clear()
                left.remove(which)
    return results


def median_round(rounds: Sequence[Round]) -> Round:
    """Each figure's own median: no single round need have had them all."""
    columns: dict[str, list[float | None]] = {}
    for one in rounds:
        for name, value in asdict(one).items():
            if name != "extra":
                columns.setdefault(name, []).append(value)
    extra = {name: median_of([one.extra.get(name) for one in rounds]) for name in rounds[0].extra}
    medians = {name: median_of(values) for name, values in columns.items()}
    return Round(**medians, extra=extra)  # type: ignore[arg-type]


# What spoils a figure, in the words for one server and for a list of them.
CLIENT_FULL = "wrk's core was full, the server's was not: rate and latency are wrk's"
OTHER_WORK = "other work on this machine took part of a core"
HELD_UP = "no core was full: something held the server up"
STOLEN = "the hypervisor took part of a core"


def troubles(median: Round) -> dict[str, str]:
    """What a reader must know before he believes the rate and the latencies, each with how much."""
    found = {}
    if median.client_load >= FULL and median.server_load < median.client_load:
        found[CLIENT_FULL] = ""
    if median.foreign_load >= FOREIGN_ABOVE:
        found[OTHER_WORK] = f"{median.foreign_load:.0%}"
    elif max(median.client_load, median.server_load) < IDLE_BELOW:
        found[HELD_UP] = ""
    if median.stolen_load >= STOLEN_ABOVE:
        found[STOLEN] = f"{median.stolen_load:.0%}"
    return found


def disturbances(server: str, median: Round) -> list[str]:
    """The same as sentences about one server."""
    return [f"{server}: {what}{f' ({share})' if share else ''}" for what, share in troubles(median).items()]


class Progress:
    """One line on a terminal, with how long it will still take; nothing where there is no terminal."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: what all the steps together are thought to take."""
        self.expected = seconds
        self.done = 0.0
        self.begin = time.monotonic()

    def step(self, seconds: float, text: str) -> None:
        """A step of `seconds` begins. The estimate is scaled by how the steps so far went."""
        if not self.done:
            self.begin = time.monotonic()
        if sys.stderr.isatty():
            elapsed = time.monotonic() - self.begin
            pace = elapsed / self.done if self.done else 1.0
            left = max(0.0, self.expected - self.done) * pace
            share = min(1.0, self.done / self.expected) if self.expected else 1.0
            line = f"{share:4.0%}, {minutes_words(left)} left: {text}"
            print(f"\r\033[K{line[:109]}", end="", file=sys.stderr, flush=True)
        self.done += seconds

    def clear(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def write_json(path: Path, record: dict[str, object]) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n")
