#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that wrk is not: many that are silent, and those that stream files not in memory.

The streaming clients are a process of their own, started by `cold_round` as

  clients.py PORT FOLDER FIRST LAST

One connection each for FOLDER/FIRST.bin .. LAST.bin asks for it, drops what comes without copying it
(MSG_TRUNC, tcp(7)), evicts the file from memory and asks again, so that all of it always comes from
the disk. At SIGTERM the process prints how many bytes have come, and ends.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.dont_write_bytecode = True

from common import BenchError, Server, find_tool, run_main  # noqa: E402
from machine import Cores  # noqa: E402
from measure import Round, Scenario, run_round  # noqa: E402
from scenarios import COLD_BYTES, COLD_FILES, IDLE_CONNECTIONS, cold_files  # noqa: E402

CHUNK = 1024 * 1024
ANSWER_SECONDS = 20.0
AHEAD_SECONDS = 0.3  # the streams have begun when the hot clients come

# The streaming clients share the core of wrk and must not take its time: the p99 would be theirs.
POLITE = 10


# ---------------------------------------------------------------- idle connections


def read_answer(connection: socket.socket) -> None:
    """One answer to a GET: its head, and as many bytes as that says."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += receive(connection)


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise BenchError("a connection that was to stay idle was closed")
    return data


@contextlib.contextmanager
def idle_connections(server: Server, path: str) -> Iterator[None]:
    """Connections that have had one answer and stay open: what browsers leave behind."""
    request = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE_CONNECTIONS):
            address = ("127.0.0.1", server.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=ANSWER_SECONDS))
            connection.sendall(request)
            read_answer(connection)
        yield


# ---------------------------------------------------------------- cold files


def evict(path: Path) -> None:
    """Drop a file's clean pages from memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a dirty page stays
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def is_resident(path: Path) -> bool:
    """Whether the middle of the file is in memory: a read that may not wait for a disk says so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(descriptor, [bytearray(1)], path.stat().st_size // 2, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def cold_refusal(root: Path) -> str | None:
    """Why files cannot be made cold here, if they cannot."""
    path = cold_files(root)[0]
    evict(path)
    try:
        if not is_resident(path):
            return None
    except OSError as error:
        return f"this file system cannot tell what is in memory: {error.strerror}; set TMPDIR to another"
    return f"files below {root} cannot be evicted from memory (tmpfs?): set TMPDIR to a place on a disk"


@contextlib.contextmanager
def streaming(server: Server, root: Path, cores: Cores) -> Iterator[list[int]]:
    """The cold clients at work; the list gets how many bytes they have received."""
    for path in cold_files(root):
        evict(path)
    command = [*cores.pin(cores.client), find_tool("setpriv"), "--pdeathsig", "KILL"]
    command += ["nice", "-n", str(POLITE)]
    command += [sys.executable, __file__, str(server.port), str(root / "cold"), "0", str(COLD_FILES - 1)]
    total: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(AHEAD_SECONDS)
            yield total
            if process.poll() is not None:
                raise BenchError(f"the streaming clients of {server.name} ended with {process.returncode}")
        finally:
            process.terminate()
            report = process.communicate()[0]
    total.append(int(report or 0))
    if total[0] == 0:
        raise BenchError(f"{server.name} sent nothing of the cold files")


def cold_round(
    scenario: Scenario, server: Server, root: Path, cores: Cores, seconds: int, headers: Sequence[str]
) -> Round:
    """The hot clients alone, then beside the cold ones; the Round is that of the second."""
    alone = run_round(scenario, server, cores, seconds, headers)
    begin = time.monotonic()
    with streaming(server, root, cores) as total:
        beside = run_round(scenario, server, cores, seconds, headers)
    elapsed = time.monotonic() - begin
    alone_p99, beside_p99 = alone.p99_us or 0.0, beside.p99_us or 0.0
    beside.extra["alone_p99_us"] = alone_p99
    beside.extra["cold_ratio"] = beside_p99 / alone_p99 if alone_p99 else 0.0
    beside.extra["cold_rate"] = total[0] / elapsed
    return beside


class Stream:
    """One client that asks for one file, again and again."""

    def __init__(self, port: int, file: Path) -> None:
        self.file = file
        self.request = f"GET /{file.parent.name}/{file.name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.left = 0
        self.ask()

    def ask(self) -> None:
        evict(self.file)
        self.connection.setblocking(True)
        self.connection.sendall(self.request)
        head = b""
        while b"\r\n\r\n" not in head:
            byte = self.connection.recv(1)
            if not byte:
                raise BenchError("the server closed the connection of a cold file")
            head += byte
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"not a file: {head.decode('latin-1')}")
        self.left = COLD_BYTES
        self.connection.setblocking(False)

    def drop(self, space: memoryview) -> int:
        size = self.connection.recv_into(space, min(self.left, CHUNK), socket.MSG_TRUNC)
        if size == 0:
            raise BenchError("the server closed the connection of a cold file")
        self.left -= size
        if self.left == 0:
            self.ask()
        return size


def stream_all(port: int, files: Sequence[Path]) -> None:
    """Until SIGTERM."""
    total = 0

    def finish(*_: object) -> None:
        print(total, flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, finish)
    space = memoryview(bytearray(CHUNK))
    with selectors.DefaultSelector() as selector:
        for file in files:
            stream = Stream(port, file)
            selector.register(stream.connection, selectors.EVENT_READ, stream)
        while True:
            for key, _ in selector.select():
                total += key.data.drop(space)


def main() -> None:
    port, folder, first, last = sys.argv[1:]
    stream_all(int(port), [Path(folder) / f"{index}.bin" for index in range(int(first), int(last) + 1)])


if __name__ == "__main__":
    run_main(main)
