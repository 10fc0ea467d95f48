# SPDX-License-Identifier: MIT
"""What the hostile tests share: cases and their TAP, a server for a while, a client that believes nothing.

A case is a function of a Ground; the first sentence of its docstring is the rule. Each is played with
both engines, in a folder of its own that goes away. Everything that is started here ends with this.
"""
from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wire"))
from server import Keeper, Server, can_run_limited  # noqa: E402

ENGINES = ("auto", "epoll")
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of renameat2(2)
LIBC = ctypes.CDLL(None, use_errno=True)
PATIENCE_S = 30.0  # for a byte that must come: only a failing test waits so long


class Broken(Exception):
    """A rule does not hold; the text says in which way."""


class Skipped(Exception):
    """A rule cannot be tried here; the text says why."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise Broken(message)


@dataclass
class Answer:
    """A response: its status, its fields by their name in lower case, and its body."""
    status: int
    fields: dict[str, str]
    body: bytes = b""

    @property
    def size(self) -> int:
        return int(self.fields.get("content-length", "0"))


class Client:
    """A connection at a time. What was received and not yet looked at stays in `received`."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self.port, self.receive_buffer = port, receive_buffer
        self.connect()

    def connect(self) -> None:
        self.socket = socket.socket()
        if self.receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.is_last = False  # the server has said that no more answers come

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, size: int = 1 << 18) -> bool:
        """False when the server has ended the connection."""
        try:
            data = self.socket.recv(size)
        except ConnectionResetError:
            return False
        except TimeoutError:
            raise Broken(f"nothing came for {PATIENCE_S:.0f} s") from None
        self.received += data
        return bool(data)

    def read_head(self) -> Answer:
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            require(self.receive(), f"the connection ended where a response was due: {bytes(self.received[:100])!r}")
        head = bytes(self.received[:end]).decode("latin-1")
        del self.received[:end + 4]
        line, *fields = head.split("\r\n")
        require(line.startswith("HTTP/1.1 "), f"no status line: {line!r}")
        pairs = (field.split(": ", 1) for field in fields)
        answer = Answer(int(line[9:12]), {name.lower(): value for name, value in pairs})
        self.is_last = answer.fields.get("connection") == "close"
        return answer

    def read_some(self, size: int) -> bytes:
        """As many bytes of the body; fewer when the connection ends before."""
        while len(self.received) < size and self.receive():
            pass
        some = bytes(self.received[:size])
        del self.received[:size]
        return some

    def read(self, without_body: bool = False) -> Answer:
        """A whole response: a body that is cut fails."""
        answer = self.read_head()
        if without_body or answer.status in (204, 304):
            return answer
        answer.body = self.read_some(answer.size)
        require(len(answer.body) == answer.size, f"{len(answer.body)} of {answer.size} bytes came")
        return answer

    def ask(self, target: str, *fields: str, method: str = "GET", host: str = "a") -> Answer:
        """On a new connection where the last answer ended the one before, as a 503 does."""
        if self.is_last:
            self.socket.close()
            self.connect()
        self.send(request(target, *fields, method=method, host=host))
        return self.read(without_body=method == "HEAD")


def request(target: str, *fields: str, method: str = "GET", host: str = "a") -> bytes:
    return "\r\n".join((f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "", "")).encode("latin-1")


def exchange(one: bytes, other: bytes) -> None:
    """Both names change what they name, at once."""
    if LIBC.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"renameat2 {one!r}: {os.strerror(error)}")


def require_exchange(folder: str) -> None:
    """Not every file system can; those of some containers cannot."""
    names = [os.path.join(folder, name) for name in ("one", "other")]
    os.mkdir(names[0])
    os.symlink("one", names[1])
    try:
        exchange(os.fsencode(names[0]), os.fsencode(names[1]))
    except OSError as error:
        raise Skipped(f"names cannot be exchanged in {folder}: {error.strerror or error}") from None


class Ground:
    """The folder of one case, and its servers."""

    folder: str
    site: str

    def __init__(self, binary: str, engine: str, folder: str) -> None:
        self.binary, self.engine, self.folders = binary, engine, []
        self.move(folder)

    def move(self, folder: str) -> None:
        """From now on everything is made in this one; all are removed at the end."""
        os.chmod(folder, 0o755)
        self.folder = folder
        self.folders.append(folder)
        self.site = self.path("site")
        os.mkdir(self.site)

    def remove(self) -> None:
        for folder in self.folders:
            shutil.rmtree(os.fsencode(folder), onerror=unlock)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def write(self, name: str, content: bytes) -> str:
        """A file of the site, with its folders."""
        path = os.path.join(self.site, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def is_limited(self) -> bool:
        """Do rights hold for the server? Root's do not count for it where that can be had."""
        return os.geteuid() != 0 or can_run_limited(self.binary)

    @contextmanager
    def serve(self, *options: str, config: str = "") -> Iterator[Server]:
        """A server on the site, or with a configuration. It must end well, and no sanitizer may have spoken."""
        root = [self.site]
        if config:
            with open(self.path("quoit.yaml"), "w", encoding="utf-8") as file:
                file.write(config)
            root = ["--config", file.name]
        # Without a control socket: a command that looks for a server would be a descriptor more for a moment.
        command = [self.binary, "serve", *root, "--listen", "127.0.0.1:0", "--engine", self.engine, "--control", "off",
                   *options]
        server = Server(command, os.geteuid() == 0 and self.is_limited())
        try:
            server.wait()
            yield server
            complaint = Keeper.complaint_of(server)
            require(complaint is None, f"the server {complaint}")
        finally:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()


Case = Callable[[Ground], None]


def attempt(case: Case, ground: Ground) -> tuple[str, str]:
    """(TAP's directive, what went wrong)"""
    try:
        case(ground)
    except Skipped as skipped:
        return f" # SKIP {skipped}", ""
    except (Broken, OSError, RuntimeError) as error:
        where = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(where) if "ground.py" not in frame.filename), 0)
        return "", f"line {line}: {error or type(error).__name__}"
    return "", ""


def rule_of(case: Case) -> str:
    return (case.__doc__ or "").split(".\n")[0].split(". ")[0].rstrip(".").replace("\n    ", " ")


def play(cases: tuple[Case, ...], binary: str, engines: tuple[str, ...]) -> int:
    """How many failed. TAP goes to standard output, what went wrong to standard error, which meson shows."""
    plays = [(case, engine) for case in cases for engine in engines]
    print(f"1..{len(plays)}", flush=True)
    failed = 0
    for number, (case, engine) in enumerate(plays, 1):
        ground = Ground(binary, engine, tempfile.mkdtemp(prefix="quoit-hostile-"))
        began = time.monotonic()
        try:
            directive, trouble = attempt(case, ground)
        finally:
            ground.remove()
        failed += bool(trouble)
        print(f"{'not ok' if trouble else 'ok'} {number} - {rule_of(case)} ({engine}){directive}", flush=True)
        print(f"# {time.monotonic() - began:.1f} s", flush=True)
        for line in trouble.splitlines():
            print(f"# {line}", file=sys.stderr, flush=True)
    return failed


def unlock(remove: Callable[..., object], path: bytes, _: object) -> None:
    """A folder that nobody may enter is in the way of its removal."""
    os.chmod(os.path.dirname(path), 0o700)
    if os.path.isdir(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    else:
        remove(path)


def main(cases: tuple[Case, ...], description: str) -> None:
    """Of a program: its options, its cases, its end."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--engine", choices=("auto", "io_uring", "epoll"), help="only this one")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only rules with one of these in them")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # by way of every finally
    chosen = tuple(case for case in cases
                   if not options.words or any(word in rule_of(case) for word in options.words))
    engines = (options.engine,) if options.engine else ENGINES
    sys.exit(play(chosen, os.path.abspath(options.binary), engines) > 0)
