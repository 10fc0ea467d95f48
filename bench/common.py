# SPDX-License-Identifier: MIT
"""What the benches share: building quoit, a site to serve, servers that are always stopped.

A bench never touches a server it did not start. Both servers run as plain processes of the
caller, on loopback, with everything they write in one temporary directory.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent

START_SECONDS = 20.0  # valgrind takes two; a server that needs longer is broken
STOP_SECONDS = 10.0

# Names and sizes of the files in the site; the benches and servers/*.conf.in refer to them.
SITE_FILES = {
    "1k.html": 1024,
    "10k.html": 10 * 1024,
    "100k.html": 100 * 1024,
    "1m.html": 1024 * 1024,
}

PACKAGES = {
    "apache2": "apache2",
    "caddy": "caddy",
    "h2o": "h2o",
    "lighttpd": "lighttpd lighttpd-mod-deflate",
    "meson": "meson",
    "ninja": "ninja-build",
    "nginx": "nginx-light libnginx-mod-http-brotli-static",
    "perf": "linux-perf",
    "setpriv": "util-linux",
    "taskset": "util-linux",
    "valgrind": "valgrind",
    "vgdb": "valgrind",
    "wrk": "wrk",
}


Ready = TypeVar("Ready")


class BenchError(Exception):
    """Something the reader can act on; shown as one message, without a traceback."""


# What a server that misbehaves, or a missing tool, comes out as: anything else is a bug of the bench.
ERRORS = (BenchError, OSError, http.client.HTTPException, subprocess.SubprocessError)


@dataclass
class Server:
    """A running server: how to reach it, and what it uses, all its processes together."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    banner: str = ""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def pids(self) -> list[int]:
        """The process that was started and all its descendants."""
        found = [self.process.pid]
        for pid in found:
            found += children_of(pid)
        return found

    def cpu_seconds(self) -> float:
        """CPU time of all its threads, ended ones too, to the nanosecond (CLK_TCK is 10 ms).

        A child that has ended is not in it: the servers here have their children from start to end.
        """
        return sum(time.clock_gettime(process_clock(pid)) for pid in self.pids())

    def memory_bytes(self) -> tuple[int, int]:
        """Resident now, and at most so far: VmRSS and VmHWM. What processes share counts in each."""
        sizes = [process_memory(pid) for pid in self.pids()]
        return sum(now for now, _ in sizes), sum(most for _, most in sizes)

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            text = f"{self.name} ended unasked, with status {self.process.returncode}:\n{tail_of(self.log)}"
            raise BenchError(text)


def children_of(pid: int) -> list[int]:
    """Children of any of its threads. Needs CONFIG_PROC_CHILDREN, which all distributions have."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended has no children
            found += [int(child) for child in task.read_text().split()]
    return found


def process_memory(pid: int) -> tuple[int, int]:
    text = Path(f"/proc/{pid}/status").read_text()
    sizes = [re.search(rf"^{field}:\s+(\d+) kB", text, re.M) for field in ("VmRSS", "VmHWM")]
    now, most = (int(size[1]) * 1024 if size else 0 for size in sizes)
    return now, most


def process_clock(pid: int) -> int:
    """clock_getcpuclockid(3), which Python lacks: the CPU clock of another process."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise BenchError(f"no CPU clock of process {pid}: {os.strerror(error)}")
    return clock.value


def find_tool(name: str) -> str:
    # Debian keeps nginx in /usr/sbin, which is not in everybody's PATH.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise BenchError(f"{name} is missing: apt install {PACKAGES[name]}")
    return path


def build_quoit(directory: Path, options: Sequence[str] = ()) -> Path:
    """Configure `directory` if needed, bring the binary in it up to date, return its path."""
    meson = find_tool("meson")
    find_tool("ninja")
    commands = [[meson, "compile", "-C", str(directory)]]
    if not (directory / "build.ninja").exists():
        commands.insert(0, [meson, "setup", str(directory), str(REPOSITORY), *options])
    for command in commands:
        run_checked(command)
    targets = json.loads(run_checked([meson, "introspect", str(directory), "--targets"]))
    for target in targets:
        if target["name"] == "quoit" and target["type"] == "executable":
            return Path(target["filename"][0])
    raise BenchError(f"{directory} builds no program named quoit")


def run_checked(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def make_site(root: Path) -> None:
    """The same bytes on every run; no server may gain from compressing or guessing them."""
    generator = random.Random(1)
    root.mkdir()
    for name, size in SITE_FILES.items():
        (root / name).write_bytes(generator.randbytes(size))


def tail_of(log: Path) -> str:
    return "".join(log.read_text(errors="replace").splitlines(keepends=True)[-20:])


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process whose output goes to `log`; ended whatever happens, with all its children.

    It has a session of its own, so that Ctrl-C reaches only us and everything is undone in order,
    and the kernel ends it if we are killed.
    """
    guarded = [find_tool("setpriv"), "--pdeathsig", "TERM", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            guarded,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(
    process: subprocess.Popen[bytes], log: Path, what: str, ready: Callable[[], Ready | None]
) -> Ready:
    """Call `ready` until it returns something true."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        result = ready()
        if result:
            return result
        if process.poll() is not None:
            raise BenchError(f"{what} ended with status {process.returncode}:\n{tail_of(log)}")
        time.sleep(0.02)
    raise BenchError(f"{what} was not ready within {START_SECONDS:.0f} s:\n{tail_of(log)}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_quoit(
    binary: Path,
    root: Path,
    directory: Path,
    prefix: Sequence[str] = (),
    port: int = 0,
    nudge: Callable[[int], None] = lambda port: None,
    options: Sequence[str] = (),
    name: str = "quoit",
) -> Iterator[Server]:
    """quoit with one thread; its port, the kernel's choice for 0, is read from its first line.

    `nudge` is called with `port` while that line is waited for.
    """
    log = directory / f"{name}.log"
    arguments = ["serve", str(root), "--listen", f"127.0.0.1:{port}", "--threads", "1", *options]
    with running([*prefix, str(binary), *arguments], log) as process:

        def banner() -> re.Match[str] | None:
            nudge(port)
            lines = log.read_text(errors="replace")
            return re.search(r"^quoit .* on http://127\.0\.0\.1:(\d+).*\n", lines, re.M)

        match = wait_for(process, log, "quoit", banner)
        yield Server(name, int(match[1]), process, log, match[0].strip())


def check_answers(server: Server, root: Path) -> None:
    """Every file comes with status 200 and exactly its bytes: a fast wrong answer is worth nothing."""
    for name in SITE_FILES:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/" + name)
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise BenchError(f"{server.name} answers /{name} with {response.status}")
        if body != (root / name).read_bytes():
            raise BenchError(f"{server.name} sends {len(body)} bytes for /{name} that are not the file's")


def positive(text: str) -> int:
    """For argparse: a whole number from 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def run_main(main: Callable[[], None]) -> None:
    """Run a bench: errors are one message; SIGTERM and SIGHUP unwind like Ctrl-C, so that servers stop."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        main()
    except ERRORS as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
