# SPDX-License-Identifier: MIT
"""The rounds of bench/lab: one fresh server per variant and round, its counters read before and after.

A round visits every variant once, in an order drawn anew (seeded), with the default first, last and
after every few variants. A variant is compared with the defaults next to it in the same round, each
weighed by how near it is, so that a drift of the machine hits both sides of a ratio. No other server
is alive meanwhile: rings that poll, or that lack NO_SQARRAY, change what others cost.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from answers import check_floor, prepare
from common import START_SECONDS, STOP_SECONDS, BenchError, Server, find_tool, tail_of
from lab_switches import DEFAULT, Variant
from machine import Cores
from measure import Round, Scenario, run_round
from peers import FLOOR_BODY_MAX, FLOORS, running_floor
from scenarios import mean_length

SEED = 1
DEFAULT_EVERY = 8  # variants between two defaults: some ten seconds, and an eighth more rounds
FAILURES_MOST = 2  # a variant that fails so often is left out of the rest
START_COST = 0.35  # seconds that a round costs beside its own: start, check, settle, stop


class RefusedError(Exception):
    """The server did not start; the text is the sentence in which it said why."""


@dataclass(frozen=True)
class Sample:
    """One round of one variant."""

    round: Round
    counters: dict[str, int]  # what each counter has grown by


@dataclass
class Track:
    """All rounds of one variant in one scenario, each with the default's figures at that moment."""

    variant: Variant
    samples: list[Sample] = field(default_factory=list)
    beside: list[dict[str, float]] = field(default_factory=list)  # the default's, interpolated
    failures: list[str] = field(default_factory=list)

    def is_given_up(self) -> bool:
        return len(self.failures) >= FAILURES_MOST


@dataclass
class Metered(Server):
    """A bench/metered, whose counters can be asked for."""

    def counters(self) -> dict[str, int]:
        process = self.process
        assert process.stdin and process.stdout
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        counters = json.loads(read_line(process, self.log))
        return {name: int(value) for name, value in counters.items()}


def read_line(process: subprocess.Popen[bytes], log: Path) -> bytes:
    """The next line of its output. A server that was never there has refused to start."""
    assert process.stdout
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if line.endswith(b"\n"):
        return line
    if not ready:
        last = tail_of(log).strip() or "no word on standard error either"
        raise BenchError(f"the server said nothing for {START_SECONDS:.0f} s; {last}")
    code = process.wait(STOP_SECONDS)
    raise RefusedError(sentence_of(log) or f"it ended with status {code}")


def sentence_of(log: Path) -> str:
    """The last line on standard error, without the program's name."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return re.sub(r"^metered: ", "", lines[-1]) if lines else ""


@contextlib.contextmanager
def running_metered(
    binary: Path, variant: Variant, root: Path, directory: Path, prefix: Sequence[str]
) -> Iterator[Metered]:
    """A server of this variant with one thread; ended by the end of its input."""
    log = directory / "metered.log"
    options = [f"root={root}", "listen=127.0.0.1:0", "threads=1", *variant.options()]
    command = [find_tool("setpriv"), "--pdeathsig", "KILL", *prefix, str(binary), *options]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    try:
        first = json.loads(read_line(process, log))
        port = int(first["address"].rpartition(":")[2])
        banner = f"quoit {first['version']} ({first['engine']})"
        yield Metered(variant.name, port, process, log, banner)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            if pipe:
                pipe.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Bench:
    """What every round needs."""

    build: Path  # the folder in which everything is built
    root: Path
    cores: Cores
    seconds: int

    @contextlib.contextmanager
    def running(self, variant: Variant, scenario: Scenario) -> Iterator[Server]:
        pin = self.cores.pin(self.cores.server)
        with tempfile.TemporaryDirectory(prefix="quoit-lab-") as name, contextlib.ExitStack() as stack:
            directory = Path(name)
            floor = next((one for one in FLOORS if one.name == variant.engine), None)
            if floor:
                length = mean_length(scenario, self.root)
                yield stack.enter_context(running_floor(floor, self.build, length, directory, pin))
            else:
                program = self.build / "bench" / "metered"
                yield stack.enter_context(running_metered(program, variant, self.root, directory, pin))

    def sample(self, variant: Variant, scenario: Scenario) -> Sample:
        with self.running(variant, scenario) as server:
            if not isinstance(server, Metered):
                check_floor(server, mean_length(scenario, self.root))
                plain = replace(scenario, status=200, revalidate=False, headers=())
                return Sample(run_round(plain, server, self.cores, self.seconds), {})
            headers = prepare(scenario, server, self.root)
            before = server.counters()
            figures = run_round(scenario, server, self.cores, self.seconds, headers)
            after = server.counters()
        return Sample(figures, {name: after[name] - before[name] for name in after})


def takes_part(variant: Variant, scenario: Scenario, root: Path) -> bool:
    """A floor closes no connection, and keeps nothing to send later."""
    if variant.kind != "floor":
        return True
    return not scenario.reconnect and mean_length(scenario, root) <= FLOOR_BODY_MAX


def order_of_round(count: int, generator: random.Random) -> list[int | None]:
    """Indices of variants, shuffled; None is the default: first, last, and after every few."""
    indices = list(range(count))
    generator.shuffle(indices)
    order: list[int | None] = [None]
    for begin in range(0, count, DEFAULT_EVERY):
        order += [*indices[begin : begin + DEFAULT_EVERY], None]
    return order


def steps_of_round(count: int) -> int:
    return count + 1 + -(-count // DEFAULT_EVERY)


def run_one(
    bench: Bench,
    scenario: Scenario,
    default: Track,
    tracks: Sequence[Track],
    generator: random.Random,
    step: Callable[[Variant], None],
) -> None:
    """One round: a sample more for each track that is not given up, and several for the default's."""
    places: list[tuple[int, Sample]] = []
    found: list[tuple[int, Track, Sample]] = []
    alive = [track for track in tracks if not track.is_given_up()]
    for place, index in enumerate(order_of_round(len(alive), generator)):
        track = default if index is None else alive[index]
        step(track.variant)
        if track is default:
            places.append((place, sample_default(bench, scenario, default)))
            continue
        with noted_failure(track):
            found.append((place, track, bench.sample(track.variant, scenario)))
    default.samples += [sample for _, sample in places]
    for place, track, sample in found:
        track.samples.append(sample)
        track.beside.append(beside(place, places))


def sample_default(bench: Bench, scenario: Scenario, default: Track) -> Sample:
    """Everything is compared with it, so one that failed is measured anew; the second failure is ours."""
    with noted_failure(default):
        return bench.sample(DEFAULT, scenario)
    return bench.sample(DEFAULT, scenario)


@contextlib.contextmanager
def noted_failure(track: Track) -> Iterator[None]:
    """What this kernel lacks, or what stalls, costs its own row and no other."""
    try:
        yield
    except RefusedError as error:
        track.failures += [str(error)] * FAILURES_MOST  # it would say so every time
    except (BenchError, OSError, subprocess.TimeoutExpired) as error:
        track.failures.append(str(error).strip().splitlines()[0])


def beside(place: int, defaults: Sequence[tuple[int, Sample]]) -> dict[str, float]:
    """The default's figures as they were at `place`: between the last one before and the next."""
    before = max((one for one in defaults if one[0] < place), key=lambda one: one[0])
    after = min((one for one in defaults if one[0] > place), key=lambda one: one[0])
    weight = (place - before[0]) / (after[0] - before[0])
    first, second = asdict(before[1].round), asdict(after[1].round)
    return {
        name: (1 - weight) * first[name] + weight * second[name]
        for name in first
        if isinstance(first[name], int | float) and isinstance(second[name], int | float)
    }
