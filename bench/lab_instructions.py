# SPDX-License-Identifier: MIT
"""User-space instructions per cached 1 KiB GET for each variant of bench/lab, counted by callgrind.

What callgrind is told and how its profile is read is bench/instructions'; here the server gets a
variant's options. valgrind may not know what a variant asks of the kernel: that is one row without a
figure, not the end of the lab.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from common import BENCH, BenchError, find_tool, free_port, running_quoit
from lab_switches import Variant

# The difference of the two counts is what is looked at; they repeat to a few instructions.
FEW = 200
MANY = 2200
COST = 5.0  # seconds for one variant, for the time left


def is_there() -> bool:
    return shutil.which("valgrind") is not None and shutil.which("vgdb") is not None


@functools.cache
def counting() -> ModuleType:
    """bench/instructions, as a module."""
    loader = importlib.machinery.SourceFileLoader("instructions", str(BENCH / "instructions"))
    spec = importlib.util.spec_from_loader("instructions", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def flags(variant: Variant) -> list[str]:
    return [f"--{option}" for option in variant.options()]


def count(binary: Path, root: Path, variant: Variant) -> float:
    """Per request."""
    tool = counting()
    with tempfile.TemporaryDirectory(prefix="quoit-callgrind-") as name:
        directory = Path(name)
        profile, prefix = directory / "profile", directory / "vgdb"
        valgrind = [find_tool("valgrind"), "--tool=callgrind", "--fair-sched=try"]
        valgrind += [f"--callgrind-out-file={profile}", f"--vgdb-prefix={prefix}"]
        nudge = functools.partial(tool.nudge, connections=100)
        with running_quoit(binary, root, directory, valgrind, free_port(), nudge, flags(variant)) as server:
            with explained(server.log):
                for requests in (FEW, FEW, MANY):  # the first leaves all cached and every branch taken
                    tool.request_many(server.port, requests)
                    tool.dump(server, prefix)
            server.process.kill()
        few, many = (sum(tool.read_profile(directory / f"profile.{part}").values()) for part in (2, 3))
    return (many - few) / (MANY - FEW)


@contextlib.contextmanager
def explained(log: Path) -> Iterator[None]:
    """A system call that this valgrind does not know fails, whatever the kernel knows."""
    try:
        yield
    except BenchError as error:
        unknown = re.search(r"unhandled \S+ syscall: \d+", log.read_text(errors="replace"))
        if unknown:
            raise BenchError(f"valgrind is too old for this: {unknown[0]}") from error
        raise


def count_all(
    binary: Path, root: Path, variants: Sequence[Variant], step: Callable[[Variant], None]
) -> tuple[dict[str, float], list[dict]]:
    """By the variants' names, and what could not be counted."""
    found, failed = {}, []
    for variant in variants:
        step(variant)
        try:
            found[variant.name] = count(binary, root, variant)
        except (BenchError, OSError, subprocess.TimeoutExpired) as error:
            reason = str(error).strip().splitlines()[0]
            failed.append({"variant": variant.name, "scenario": "instructions", "sentence": reason})
    return found, failed
