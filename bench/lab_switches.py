# SPDX-License-Identifier: MIT
"""What bench/lab tries: the switches of the io_uring engine, their values, and variants made of them.

A variant is the default with something changed: one switch (found in src/io/ring.def), a pair that is
interesting together, or another engine. What a switch is by default, and since which kernel there is
such a thing, is read from ring.def; here stands only which numbers and pairs are worth a round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from common import REPOSITORY, BenchError
from peers import FLOORS

RING_TABLE = REPOSITORY / "src" / "io" / "ring.def"
OPTION_TABLE = REPOSITORY / "src" / "serve" / "config.def"

# Of a switch whose values are words all are tried; of one that takes a number, these.
NUMBERS: dict[str, tuple[str, ...]] = {
    "wait": ("1", "16", "64"),
    "min_wait": ("0", "50", "200"),
    "napi": ("0", "50"),
}

# What a value does not start without: it is added where nothing is said about it.
NEEDS = {"sqpoll=on": "taskrun=none"}

# Options of the server (src/serve/config.def) that shape the ring as well.
OPTIONS: dict[str, tuple[str, ...]] = {
    "buffers": ("64", "512", "4096"),
    "buffer-size": ("2K", "16K"),
}


@dataclass(frozen=True)
class Switch:
    name: str
    default: str
    since: str  # the kernel that has it first
    sentence: str
    values: tuple[str, ...]


Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Variant:
    name: str  # "recv=single,poll_first=on"
    kind: str  # one of KINDS
    why: str
    settings: Settings = ()
    engine: str = "io_uring"

    def options(self) -> list[str]:
        """As `name=value`, for bench/metered and for the flags of `quoit serve`."""
        ring = ",".join(f"{name}={value}" for name, value in self.settings if name not in OPTIONS)
        plain = [f"{name}={value}" for name, value in self.settings if name in OPTIONS]
        return [f"engine={self.engine}", *([f"ring={ring}"] if ring else []), *plain]


KINDS = {
    "default": "The default",
    "control": "Control",
    "switch": "One switch at a time",
    "pair": "Several together",
    "engine": "Another engine",
    "floor": "The lower limit: the same bytes without HTTP",
}

DEFAULT = Variant("default", "default", "every switch as it comes")
CONTROL = Variant("default, again", "control", "the default against itself: how far noise alone goes")
EPOLL = Variant("engine=epoll", "engine", "the same server on readiness instead of completions", (), "epoll")

LIMITS = tuple(Variant(floor.name, "floor", floor.banner, (), floor.name) for floor in FLOORS)

# Changed together because one of them hides or needs the other.
PAIRS: tuple[tuple[str, str], ...] = (
    ("cqe_skip=off,wait=1", "each send's completion ends the wait by itself"),
    ("taskrun=coop,cqe_skip=off", "completions by task work, and one for every send"),
    ("taskrun=none,cqe_skip=off", "as above, each with an interrupt of the worker"),
    ("wait=16,min_wait=50", "sixteen completions, or what there is after 50 us"),
    ("wait=64,min_wait=200", "64 completions, or what there is after 200 us"),
    ("wait=1,min_wait=0", "the first completion ends the wait: nothing adapts"),
    ("incremental=on,buffers=64", "few buffers, each used by several receives"),
    ("incremental=on,buffers=64,buffer-size=16K", "few large buffers, each used by several receives"),
    ("buffers=64,buffer-size=16K", "few large buffers"),
    ("buffers=4096,buffer-size=16K", "many large buffers: 64 MiB that no cache holds"),
    ("recv=single,poll_first=on", "each receive waits before it tries"),
    ("recv=single,poll_first=off", "each receive tries before it waits"),
    ("multishot_accept=off,recv=single", "no multishot operation at all"),
    ("direct=on,registered_ring=off", "registered sockets by an unregistered ring"),
    ("sqpoll=on,taskrun=none,cqe_skip=off", "a kernel thread submits, and each send is heard of"),
)

# What all of them buy together: the plainest value of each, which ring.def has first, or of numbers this.
PLAIN = "plain"
PLAIN_WHY = "no feature at all: every switch at its plainest value"
PLAIN_NUMBERS = {"wait": "1", "min_wait": "0", "napi": "0"}


def read_switches() -> dict[str, Switch]:
    """Every switch by its name: those of the ring, then the options beside them."""
    switches = {}
    for name, default, since, values, sentence in table_rows(RING_TABLE):
        switches[name] = Switch(name, default, since, sentence, tried_values(name, values))
    for row in table_rows(OPTION_TABLE):
        name = row[0].replace("_", "-")
        if name in OPTIONS:
            switches[name] = Switch(name, short_size(row[2]), "", row[-1], OPTIONS[name])
    missing = [name for name in (*NUMBERS, *OPTIONS) if name not in switches]
    if missing:
        raise BenchError(f"bench/lab_switches.py tries {', '.join(missing)}, which no table in src/ names")
    return switches


def tried_values(name: str, values: str) -> tuple[str, ...]:
    """Of "adaptive|1..4096" the word, and the numbers that are worth a round."""
    words = tuple(value for value in values.split("|") if ".." not in value)
    if ".." not in values:
        return words
    if name not in NUMBERS:
        raise BenchError(f"{name} takes a number: say in bench/lab_switches.py, NUMBERS, which ones to try")
    return words + NUMBERS[name]


def table_rows(path: Path) -> list[list[str]]:
    """The arguments of each NAME(...) line of an X-macro table."""
    rows = []
    for line in path.read_text().splitlines():
        match = re.fullmatch(r"[A-Z_]+\((.*)\)", line)
        if match:
            parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",\s][^",]*)', match[1])
            rows.append([quoted or bare.strip() for quoted, bare in parts])
    return rows


def short_size(digits: str) -> str:
    """2048 as one types it: 2K."""
    value = int(digits)
    return f"{value // 1024}K" if value >= 1024 and value % 1024 == 0 else digits


def variants(switches: dict[str, Switch], with_pairs: bool) -> list[Variant]:
    """Everything there is to try beside the default, each once."""
    found = [CONTROL]
    for switch in switches.values():
        found += [single(switches, switch, value) for value in switch.values if value != switch.default]
    if with_pairs:
        for text, why in PAIRS:
            found.append(make_variant(switches, text, why))
    found.append(make_variant(switches, join(plain_values(switches)), PLAIN_WHY, PLAIN))
    return unique([*found, EPOLL, *LIMITS])


def plain_values(switches: dict[str, Switch]) -> dict[str, str]:
    return {
        name: PLAIN_NUMBERS.get(name, switch.values[0])
        for name, switch in switches.items()
        if name not in OPTIONS
    }


def single(switches: dict[str, Switch], switch: Switch, value: str) -> Variant:
    return replace(make_variant(switches, f"{switch.name}={value}", switch.sentence), kind="switch")


def join(values: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())


def make_variant(switches: dict[str, Switch], text: str, why: str, name: str = "") -> Variant:
    """From "a=1,b=2"; what is the default anyway is left out, as it changes nothing."""
    items = text.split(",")
    for item in tuple(items):
        needed = NEEDS.get(item)
        if needed and not any(other.startswith(needed.split("=")[0] + "=") for other in items):
            items.append(needed)
    settings = []
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or key not in switches:
            raise BenchError(f"{item}: not SWITCH=VALUE; bench/lab --list shows the switches")
        if value != switches[key].default:
            settings.append((key, value))
    if len(settings) == 1:
        key, value = settings[0]
        return Variant(f"{key}={value}", "switch", switches[key].sentence, ((key, value),))
    return Variant(name or join(dict(settings)), "pair", why, tuple(settings))


def unique(found: list[Variant]) -> list[Variant]:
    """By kinds, without those that are the default itself, or that another one equals."""
    kept: dict[tuple[str, Settings], Variant] = {}
    for variant in found:
        if variant.settings or variant.kind not in ("switch", "pair"):
            kept.setdefault((variant.engine, variant.settings), variant)
    order = list(KINDS)
    return sorted(kept.values(), key=lambda variant: order.index(variant.kind))


def choose(switches: dict[str, Switch], wanted: list[str]) -> list[Variant]:
    """What --switch asks for: NAME is all its values and pairs, NAME=VALUE[,NAME=VALUE] just that."""
    every = variants(switches, with_pairs=True)
    chosen = [CONTROL]
    for text in wanted:
        named = [variant for variant in every if text in (variant.name, variant.name.split("=")[0])]
        of_switch = [variant for variant in every if text in dict(variant.settings)]
        if of_switch:
            chosen += [variant for variant in of_switch if variant.name != PLAIN]
        elif named:
            chosen += named
        elif text in switches:
            raise BenchError(f"{text}: no other value is tried; give one: --switch {text}=VALUE")
        else:
            variant = make_variant(switches, text, "asked for")
            if not variant.settings:
                raise BenchError(f"{text} is the default, with which everything is compared")
            chosen.append(variant)
    return unique(chosen)
