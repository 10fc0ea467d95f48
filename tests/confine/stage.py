# SPDX-License-Identifier: MIT
"""What the cases of `run` are played on: a folder, a server on it, and a look at the server's threads.

A Stage is a temporary folder that every user may enter, with `root` (served), `outside` (not) and
`coded` (for what precompress makes). A Server is `quoit serve` on it; refuse_calls() makes it find
a kernel, or a container, that lacks something.
"""
from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 20
NOBODY = 65534
PAGE = b"<p>a page that is long enough to be worth compressing " + b"once and once more " * 200
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF
ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # what a filter returns
LANDLOCK_CREATE_RULESET = 444  # the same on every machine
SECCOMP = {"x86_64": 317, "aarch64": 277}[platform.machine()]


class Broken(Exception):
    """A rule does not hold; the text says in which way."""


class Skipped(Exception):
    """A rule cannot be tried here; the text says why."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise Broken(message)


def refuse_calls(*numbers: int, error: int = errno.ENOSYS) -> None:
    """From now on these system calls fail with this errno."""
    jumps = [(JUMP_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
        (LOAD, 0, 0, 0),  # the number of the call
        *jumps,
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERRNO | error),
    ))
    code = ctypes.create_string_buffer(program)
    filters = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]
    if prctl(PR_SET_NO_NEW_PRIVS, 1, None, 0, 0) != 0 or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def landlock_version() -> int:
    """That of this kernel; 0: none."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    return max(0, syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


class Stage:
    """Folders of one case, gone at its end. As root they belong to root, and all may read them."""

    def __enter__(self) -> Stage:
        self.base = Path(tempfile.mkdtemp(prefix="quoit-confine-"))
        self.root, self.outside, self.coded = self.base / "root", self.base / "outside", self.base / "coded"
        for folder in (self.base, self.root, self.outside, self.coded, self.root / "folder-with-files"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        (self.root / "index.html").write_bytes(PAGE)
        (self.root / "folder-with-files" / "a.txt").write_bytes(b"a file in a folder\n")
        (self.root / "removable").write_bytes(b"")
        (self.outside / "index.html").write_bytes(b"another page\n")
        (self.outside / "secret.txt").write_bytes(b"SECRET\n")
        if os.geteuid() != 0:
            self.coded.chmod(0o700)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.base, ignore_errors=True)


class Server:
    """`quoit serve`, started by `with`: it serves, or the case is broken."""

    def __init__(self, binary: Path, root: Path | str, *options: str,
                 prepare: Callable[[], None] | None = None) -> None:
        self.stderr = tempfile.TemporaryFile()
        command = [str(binary), "serve", str(root), "--listen", "127.0.0.1:0", "--threads", "1", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.stderr, text=True,
                                        preexec_fn=prepare)
        self.lines = [self.read_line(), self.read_line()]
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.lines[0])
        self.port = int(found.group(1)) if found else 0

    def read_line(self) -> str:
        ready = select.select([self.process.stdout], [], [], SECONDS)[0]
        line = ""
        while ready and not line.endswith("\n"):  # by bytes: what is buffered is not seen by select()
            byte = os.read(self.process.stdout.fileno(), 1).decode()
            if not byte:
                break
            line += byte
        return line

    def __enter__(self) -> Server:
        require(self.port, f"it does not serve: {self.complaints()}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.stderr.close()

    def complaints(self) -> str:
        if self.process.poll() is None and not self.port:
            self.process.wait(SECONDS)
        return os.pread(self.stderr.fileno(), 1 << 20, 0).decode()

    @property
    def confinement(self) -> tuple[list[str], str]:
        """What it says is given up, item by item, and what is not."""
        found = re.fullmatch(r"quoit \S+: confined: (.*?)(?:; not: (.*))?\n", self.lines[1])
        require(found, f"the second line is {self.lines[1]!r}")
        return re.split(r", (?![^(]*\))", found.group(1)), found.group(2) or ""

    def get(self, path: str, **fields: str) -> tuple[int, bytes, dict[str, str]]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         headers={name.replace("_", "-"): value for name, value in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read(), dict(refusal.headers)

    def require_page(self, path: str = "/", content: bytes = PAGE) -> None:
        status, body, _ = self.get(path)
        require(status == 200 and body == content, f"{path}: {status}, {body[:80]!r}")

    def reload(self) -> str:
        """What it says of it."""
        before, deadline = len(self.complaints()), time.monotonic() + SECONDS
        self.process.send_signal(signal.SIGHUP)
        while not re.search(r"quoit: reloaded |; serving on as before", self.complaints()[before:]):
            require(time.monotonic() < deadline, f"it says nothing of the reload: {self.complaints()[before:]!r}")
            time.sleep(0.01)
        return self.complaints()[before:]

    def threads(self) -> Iterator[tuple[int, str]]:
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            yield int(task.name), (task / "comm").read_text().strip()

    def thread(self, name: str) -> int:
        for number, comm in self.threads():
            if comm == name:
                return number
        raise Broken(f"there is no thread {name}, only {sorted(comm for _, comm in self.threads())}")

    def status(self, thread: int, field: str) -> str:
        text = Path(f"/proc/{self.process.pid}/task/{thread}/status").read_text()
        return re.search(rf"^{field}:\s*(.*)$", text, re.M).group(1)

    def require_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS)
        require(code == 0, f"it ended with {code}: {self.complaints()}")


def start_fails(binary: Path, root: Path, *options: str, prepare: Callable[[], None] | None = None) -> str:
    """What it says when it does not start."""
    done = subprocess.run([binary, "serve", root, "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, preexec_fn=prepare, timeout=SECONDS)
    require(done.returncode in (1, 2), f"it ended with {done.returncode} and said {done.stdout!r} {done.stderr!r}")
    return done.stderr


def inject(program: Path, server: Server, thread: str, root: Path, outside: Path) -> dict[str, int]:
    """What came of each call that the thread was made to do."""
    done = subprocess.run([program, str(server.thread(thread)), root, outside, str(server.port)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
    if done.returncode != 0 and "Operation not permitted" in done.stderr:
        raise Skipped(f"ptrace is refused here: {done.stderr.strip()}")
    require(done.returncode == 0, f"inject: {done.stderr}")
    results = dict(line.split() for line in done.stdout.splitlines())
    require(len(results) >= 36, f"inject tried only {json.dumps(results)}")
    return {name: int(result) for name, result in results.items()}
