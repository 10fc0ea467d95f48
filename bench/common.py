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

# Names and sizes of the files in the site; the cases of the benches and nginx.conf.in refer to them.
SITE_FILES = {
    "pipelined.html": 1024,  # a name of its own, because nginx needs another setting for it
    "1k.html": 1024,
    "10k.html": 10 * 1024,
    "100k.html": 100 * 1024,
    "1m.html": 1024 * 1024,
}

PACKAGES = {
    "meson": "meson",
    "ninja": "ninja-build",
    "nginx": "nginx-light",
    "taskset": "util-linux",
    "valgrind": "valgrind",
    "vgdb": "valgrind",
    "wrk": "wrk",
}


Ready = TypeVar("Ready")


class BenchError(Exception):
    """Something the reader can act on; shown as one message, without a traceback."""


@dataclass
class Server:
    """A running server: how to reach it and whose CPU time to read."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    banner: str = ""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def cpu_seconds(self) -> float:
        """CPU time of all its threads, ended ones too, to the nanosecond (CLK_TCK is 10 ms)."""
        return time.clock_gettime(process_clock(self.process.pid))


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
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child process whose output goes to `log`; terminated whatever happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
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


@contextlib.contextmanager
def running_nginx(root: Path, directory: Path, prefix: Sequence[str] = ()) -> Iterator[Server]:
    """nginx with one process, from nginx.conf.in."""
    log, port = directory / "nginx.log", free_port()
    (directory / "nginx").mkdir()
    text = (BENCH / "nginx.conf.in").read_text()
    for name, value in {"@PORT@": port, "@ROOT@": root, "@DIRECTORY@": directory / "nginx"}.items():
        text = text.replace(name, str(value))
    configuration = directory / "nginx" / "nginx.conf"
    configuration.write_text(text)
    nginx = [find_tool("nginx"), "-p", str(directory / "nginx"), "-c", str(configuration), "-e", "stderr"]
    banner = subprocess.run([nginx[0], "-v"], stderr=subprocess.PIPE, text=True).stderr.strip()
    with running([*prefix, *nginx], log) as process:

        def accepts() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(process, log, "nginx", accepts)
        yield Server("nginx", port, process, log, banner)


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


def run_main(main: Callable[[], None]) -> None:
    """Run a bench: SIGTERM unwinds like Ctrl-C, so that servers are stopped; errors are one message."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except (BenchError, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
