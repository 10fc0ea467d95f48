# SPDX-License-Identifier: MIT
"""A server whose counters, memory and processor time can be read, and clients for it.

The server is bench/metered.c: the library with the options that are given, and a line of counters for
every line of its input. It ends when that input ends, so nothing stays behind.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PATIENCE_S = 20.0  # for anything that must come, under sanitizers on a busy machine


class Broken(Exception):
    """A rule does not hold; the text says in which way."""


class Skipped(Exception):
    """A rule cannot be tried here; the text says why."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise Broken(message)


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < end, f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Server:
    """One worker, on 127.0.0.1 and a port of its own, with these options: "head_time=1"."""

    def __init__(self, metered: Path, root: Path, engine: str, *options: str) -> None:
        self.stderr = tempfile.TemporaryFile()
        command = [str(metered), f"root={root}", "threads=1", f"engine={engine}", *options]
        if not any(option.startswith("listen=") for option in options):
            command.append("listen=127.0.0.1:0")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, bufsize=0
        )
        try:
            line = self.read_line()
        except Broken:
            self.close()
            raise
        self.port = int(re.search(r":(\d+)", line["address"])[1]) if "unix:" not in line["address"] else 0
        self.engine = line["engine"]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        code = self.close()
        if kind is None:
            require(code == 0, f"the server ended with {code}: {self.complaints()}")

    def close(self) -> int:
        """Its exit code; -9 when it had to be killed."""
        self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()

    def complaints(self) -> str:
        return os.pread(self.stderr.fileno(), 1 << 16, 0).decode(errors="replace")

    def read_line(self) -> dict[str, object]:
        ready = select.select([self.process.stdout], [], [], PATIENCE_S)[0]
        line = self.process.stdout.readline() if ready else b""
        require(line, f"the server does not answer: {self.complaints()}")
        return json.loads(line)

    def counters(self) -> dict[str, int]:
        self.process.stdin.write(b"\n")
        return self.read_line()

    def counter(self, name: str) -> int:
        return self.counters()[name]

    def wait_for(self, name: str, count: int) -> None:
        wait_until(lambda: self.counter(name) >= count, f"{name} is {count}")
        came = self.counter(name)
        require(came == count, f"{name} is {came}, not {count}")

    def wait_open(self, count: int) -> None:
        wait_until(lambda: self.counter("connections_open") == count, f"connections_open is {count}")

    def resident_bytes(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)[1]) * 1024

    def processor_seconds(self) -> float:
        """All threads, to the nanosecond (clock_getcpuclockid(3), which Python lacks)."""
        clock = ctypes.c_int()
        error = ctypes.CDLL(None).clock_getcpuclockid(self.process.pid, ctypes.byref(clock))
        require(error == 0, f"no processor clock: {os.strerror(error)}")
        return time.clock_gettime(clock.value)

    def limit_descriptors(self, count: int | None) -> None:
        """From now on no descriptor of this number or above can be opened; None: as many as before."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (hard if count is None else count, hard))

    def connect(self, receive_bytes: int = 0, source: str = "127.0.0.1") -> socket.socket:
        client = socket.socket()
        client.settimeout(PATIENCE_S)
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.bind((source, 0))
        client.connect(("127.0.0.1", self.port))
        return client


class Crowd:
    """Many connections that are closed together."""

    def __init__(self, server: Server, count: int, source: str = "127.0.0.1") -> None:
        self.clients = [server.connect(source=source) for _ in range(count)]

    def __enter__(self) -> list[socket.socket]:
        return self.clients

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in self.clients:
            client.close()


def read_to_end(client: socket.socket) -> bytes:
    """All that comes until the server closes. A reset is an answer that was destroyed."""
    data = bytearray()
    while piece := client.recv(65536):
        data += piece
    return bytes(data)


def read_answer(client: socket.socket) -> tuple[bytes, bytes]:
    """One answer with Content-Length: its head and its body."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        require(piece, f"the connection ended within a head: {bytes(data)!r}")
        data += piece
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    size = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1])
    while len(body) < size:
        piece = client.recv(65536)
        require(piece, "the connection ended within a body")
        body += piece
    require(len(body) == size, "more came than was asked for")
    return head, body


def request(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} /{path} HTTP/1.1", "Host: a", *fields, "", "")).encode()
