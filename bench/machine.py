# SPDX-License-Identifier: MIT
"""The machine that is measured on: its cores, how busy it is, its limits, and a description of it."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from common import REPOSITORY, BenchError, find_tool

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """Where the server and where its clients run."""

    server: int
    client: int

    def pin(self, core: int) -> list[str]:
        return [find_tool("taskset"), "--cpu-list", str(core)]


def choose_cores() -> Cores:
    """The first and the last that we may use: on most machines not two halves of one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("two processors are needed: one for the server, one for wrk")
    return Cores(server=cores[0], client=cores[-1])


@dataclass(frozen=True)
class Busy:
    """Seconds since boot, all processors together, to a clock tick of (mostly) 10 ms."""

    wall: float
    work: float  # not idle: ours, the kernel's and everybody else's
    interrupts: float  # where the kernel accounts for them apart; part of work
    stolen: float  # by the hypervisor; not part of work

    def since(self, before: Busy) -> Busy:
        return Busy(
            self.wall - before.wall,
            self.work - before.work,
            self.interrupts - before.interrupts,
            self.stolen - before.stolen,
        )


def read_busy() -> Busy:
    """From /proc/stat. Idle time is counted by the nanosecond there, the rest on many kernels by
    samples, so work is what is left of the wall time."""
    now = time.monotonic()
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    ticks = os.cpu_count() or 1
    stolen = steal / TICKS_PER_SECOND
    asleep = (idle + iowait) / TICKS_PER_SECOND
    return Busy(now, now * ticks - asleep - stolen, (irq + softirq) / TICKS_PER_SECOND, stolen)


def raise_descriptor_limit() -> int:
    """As many descriptors as we may have, for us and all that we start. Returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def read_line(path: str) -> str | None:
    """The first line of a file of the kernel; None where it has none."""
    with contextlib.suppress(OSError):
        lines = Path(path).read_text().splitlines()
        return lines[0].strip() if lines else None
    return None


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def mitigations() -> dict[str, str]:
    """Only those of a weakness that this processor has: each may cost at every system call."""
    found = {}
    for path in sorted(Path("/sys/devices/system/cpu/vulnerabilities").glob("*")):
        state = read_line(str(path))
        if state and state != "Not affected":
            found[path.name] = state
    return found


def git_commit() -> str | None:
    """The commit, with a plus where files differ from it; None outside of a checkout."""
    git = ["git", "-C", str(REPOSITORY)]
    with contextlib.suppress(OSError):
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
        if head.returncode == 0:
            state = subprocess.run(
                [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
            )
            return head.stdout.strip() + ("+" if state.stdout else "")
    return None


def virtual_machine() -> str | None:
    with contextlib.suppress(OSError):
        done = subprocess.run(["systemd-detect-virt"], capture_output=True, text=True)
        return done.stdout.strip() or None
    return None


def describe_machine(cores: Cores) -> dict[str, object]:
    """What a figure depends on, for the record and the report."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    governor = f"/sys/devices/system/cpu/cpu{cores.server}/cpufreq/scaling_governor"
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "processors_allowed": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "virtualisation": virtual_machine(),
        "governor": read_line(governor),
        "mitigations": mitigations(),
        "congestion_control": read_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        "somaxconn": read_line("/proc/sys/net/core/somaxconn"),
        "descriptors_hard": hard,
        "server_core": cores.server,
        "client_core": cores.client,
        "python": platform.python_version(),
        "commit": git_commit(),
    }


def machine_words(description: dict[str, object]) -> list[str]:
    """The description in lines of less than 110 columns."""
    memory = int(str(description["memory_bytes"])) / 2**30
    state = description["mitigations"]
    weak = ", ".join(sorted(state)) if isinstance(state, dict) and state else "none needed"
    return [
        f"Linux {description['kernel']}, {description['processor']}, {description['processors']} processors,"
        f" {memory:.0f} GiB, virtual: {description['virtualisation'] or 'no'}",
        f"governor {description['governor'] or 'unknown'}, congestion control"
        f" {description['congestion_control'] or 'unknown'}, commit {description['commit'] or 'unknown'}",
        f"mitigations: {weak}",
        f"server on processor {description['server_core']}, clients on {description['client_core']}",
    ]
