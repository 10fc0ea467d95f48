# SPDX-License-Identifier: MIT
"""What the tests of a server's life share: a server with all its successors, a small site, and TAP.

A server is started, replaced and ended as a person or a service manager would do it. This process is the
reaper of all of them (PR_SET_CHILD_SUBREAPER), so that it learns how a successor ended, whose parent is
gone by then. Everything has a limit: a test that takes too long ends with its servers.
"""
import argparse
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 30
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|check failed")
ADDRESS = re.compile(r" on (\S+) \(\d+ threads?, (\S+)\)\n")


class Failure(Exception):
    """A promise that was not kept, in words."""


def require(kept: object, promise: str) -> None:
    if not kept:
        raise Failure(promise)


def wait_until(condition: Callable[[], object], promise: str, seconds: float = PATIENCE_S) -> None:
    """Wait for what must come; how long it takes is no matter."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{promise}: not within {seconds:g} s")
        time.sleep(0.01)


def become_reaper() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Site:
    """A folder of its own with a small and a larger file, whose bytes are known."""

    def __init__(self) -> None:
        self.top = tempfile.mkdtemp(prefix="quoit-life-")
        self.root = os.path.join(self.top, "www")
        os.chmod(self.top, 0o755)
        os.mkdir(self.root)
        self.small = b"small\n" * 20
        self.large = bytes(range(256)) * 4096 * 8
        self.write("www/small.txt", self.small)
        self.write("www/large.bin", self.large)

    def write(self, name: str, content: bytes) -> str:
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def remove(self) -> None:
        shutil.rmtree(self.top, ignore_errors=True)


class Server:
    """A server, and whoever came after it."""

    def __init__(self, binary: str, arguments: Iterable[str], environment: Mapping[str, str] | None = None,
                 pass_fds: Iterable[int] = (), before: Callable[[], object] | None = None, wait: bool = True) -> None:
        self.binary = binary
        self.output = tempfile.TemporaryFile()
        self.errors_file = tempfile.TemporaryFile()
        self.known: list[int] = []
        process = subprocess.Popen([binary, "serve", *arguments], stdin=subprocess.DEVNULL, stdout=self.output,
                                   stderr=self.errors_file, env={**os.environ, **(environment or {})},
                                   pass_fds=tuple(pass_fds), preexec_fn=before)
        process.returncode = 0  # it is reaped here, with its successors
        self.pid = process.pid
        self.known.append(self.pid)
        self.codes: dict[int, int] = {}
        if wait:
            wait_until(lambda: self.addresses() or self.ended(), "the server says where it listens")
            if not self.addresses():
                raise Failure(f"the server ended with {self.codes[self.pid]}: {self.errors()}")

    @staticmethod
    def _text(file) -> str:
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode("utf-8", "replace")

    def said(self) -> str:
        return self._text(self.output)

    def errors(self) -> str:
        return self._text(self.errors_file)

    def addresses(self) -> list[str]:
        return [found[0] for found in ADDRESS.findall(self.said())]

    def engine(self) -> str:
        return ADDRESS.findall(self.said())[-1][1]

    def port(self) -> int:
        return int(self.addresses()[-1].rsplit(":", 1)[1])

    def _reap(self) -> None:
        for pid in self.known:
            if pid in self.codes:
                continue
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue  # not this process's yet: its parent lives
            if found:
                self.codes[pid] = os.waitstatus_to_exitcode(status)

    def ended(self, pid: int | None = None) -> bool:
        self._reap()
        return (pid or self.pid) in self.codes

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def command(self, name: str, *arguments: str, limit: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """`quoit NAME` for this server; what it prints and returns."""
        return subprocess.run([self.binary, name, *(arguments or ("--pid", str(self.pid)))], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=limit)

    def follow(self, pid: int) -> int:
        """The successor's turn: the process before it, which will end."""
        before, self.pid = self.pid, pid
        self.known.append(pid)
        return before

    def upgrade(self, *arguments: str) -> int:
        """Replace it; returns the process that was replaced."""
        result = self.command("upgrade", *arguments)
        require(result.returncode == 0, f"quoit upgrade succeeds: {result.stderr}{self.errors()[-2000:]}")
        return self.follow(int(result.stdout))

    def wait_end(self, pid: int | None = None, code: int = 0) -> None:
        pid = pid or self.pid
        wait_until(lambda: self.ended(pid), f"process {pid} ends")
        require(self.codes[pid] == code, f"process {pid} ends with {code}, not {self.codes[pid]}: {self.errors()[-2000:]}")

    def stop(self) -> None:
        """SIGTERM, then all of them must have ended well, and no sanitizer has said anything."""
        if not self.ended():
            self.signal(signal.SIGTERM)
        for pid in self.known:
            self.wait_end(pid)
        complaint = SANITIZER.search(self.errors())
        require(not complaint, f"no sanitizer has anything to say: {self.errors()[-4000:]}")

    def kill(self) -> None:
        for pid in self.known:
            if not self.ended(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass


class Life:
    """What one test may use: the binary, a site, and servers that are gone when it is over."""

    def __init__(self, binary: str, extra: list[str]) -> None:
        self.binary = binary
        self.extra = extra
        self.site = Site()
        self.servers: list[Server] = []

    def start(self, *arguments: str, root: str | None = None, listen: str | None = "127.0.0.1:0", **options) -> Server:
        listens = ["--listen", listen] if listen else []
        roots = [root or self.site.root] if root != "" else []
        server = Server(self.binary, [*roots, *listens, *self.extra, *arguments], **options)
        self.servers.append(server)
        return server

    def end(self) -> None:
        for server in self.servers:
            server.kill()
        self.site.remove()


def rule_of(test: Callable[[Life], object]) -> str:
    return (test.__doc__ or test.__name__).strip().split("\n")[0].rstrip(".")


def run_one(number: int, test: Callable[[Life], object], binary: str, extra: list[str]) -> bool:
    life = Life(binary, extra)
    begin = time.monotonic()
    try:
        skipped = test(life)
        for server in life.servers:
            server.stop()
        print(f"ok {number} - {rule_of(test)}" + (f" # SKIP {skipped}" if isinstance(skipped, str) else ""))
        return True
    except (Failure, OSError, subprocess.SubprocessError, AssertionError) as failure:
        print(f"not ok {number} - {rule_of(test)}")
        for line in f"{type(failure).__name__}: {failure}".splitlines():
            print(f"# {line}")
        for server in life.servers:
            for line in server.errors()[-3000:].splitlines():
                print(f"#   server: {line}")
        return False
    finally:
        life.end()
        print(f"# {time.monotonic() - begin:.1f} s", flush=True)


def main(description: str, tests: list[Callable[[Life], object]], limit_s: int = 240) -> None:
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--binary", required=True, help="the command quoit")
    parser.add_argument("--only", help="run the tests whose rule contains this")
    parser.add_argument("extra", nargs="*", help="behind --: options for every server")
    options = parser.parse_args()
    if options.only:
        tests = [test for test in tests if options.only in rule_of(test)]
    become_reaper()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    watchdog = threading.Timer(limit_s, give_up, (limit_s,))
    watchdog.daemon = True
    watchdog.start()
    print(f"1..{len(tests)}", flush=True)
    passed = [run_one(number, test, os.path.abspath(options.binary), options.extra) for number, test in enumerate(tests, 1)]
    sys.exit(0 if all(passed) else 1)


def give_up(limit_s: int) -> None:
    print(f"Bail out! not done within {limit_s} s", flush=True)
    for name in os.listdir("/proc"):
        if name.isdigit() and parent_of(name) == os.getpid():
            os.kill(int(name), signal.SIGKILL)
    os._exit(1)


def parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0
