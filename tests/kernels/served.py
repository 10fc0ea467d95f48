# SPDX-License-Identifier: MIT
"""A server of a test's own, a site for it, and the TAP of its cases."""
from __future__ import annotations

import argparse
import os
import platform
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

SECONDS = 60  # for what must come; only used up by a failing test, and by an emulated machine
PAGE = b"a page\n"
LARGE_COUNT, LARGE_SIZE = 40, 48 << 10  # above what is kept in memory (--small), so each needs a descriptor
ANNOUNCEMENT = re.compile(r"quoit \S+: serving .* on http://127\.0\.0\.1:(\d+) \(\d+ threads?, (\w+)\)\n")


class Broken(Exception):
    """A rule does not hold; the text says in which way."""


class Skipped(Exception):
    """A rule cannot be tried here; the text says why."""


TROUBLE = (Broken, OSError, subprocess.SubprocessError)


def require(condition: object, message: str) -> None:
    if not condition:
        raise Broken(message)


def kernel_release() -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    require(found, f"this kernel calls itself {platform.release()}")
    return int(found.group(1)), int(found.group(2))


def large_file(index: int) -> bytes:
    return random.Random(index).randbytes(LARGE_SIZE)


def make_site(root: Path) -> None:
    os.chmod(root, 0o755)
    (root / "page.txt").write_bytes(PAGE)
    for index in range(LARGE_COUNT):
        (root / f"large{index}.bin").write_bytes(large_file(index))


class Server:
    """`quoit serve` of one thread, told more by `options`; `prepare` is called between fork and exec."""

    def __init__(self, binary: Path, root: Path, *options: str, prepare: Callable[[], None] | None = None,
                 inherited: Iterable[int] = ()) -> None:
        command = [binary, "serve", root, "--listen", "127.0.0.1:0", "--threads", "1", *options]
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.stderr,
                                        text=True, preexec_fn=prepare, pass_fds=tuple(inherited))
        ready = select.select([self.process.stdout], [], [], SECONDS)[0]
        self.line = self.process.stdout.readline() if ready else ""
        found = ANNOUNCEMENT.fullmatch(self.line)
        self.port = int(found.group(1)) if found else 0
        self.engine = found.group(2) if found else ""

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.stderr.close()

    def said(self) -> str:
        return os.pread(self.stderr.fileno(), 1 << 20, 0).decode()

    def require_engine(self, engine: str) -> None:
        require(self.engine == engine, f"it is to serve with {engine}, and says {self.line!r} {self.said()!r}")

    def require_file(self, name: str, content: bytes) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=SECONDS) as answer:
            require(answer.read() == content, f"{name} is not what it should be")

    def require_service(self) -> None:
        """Small and large, each a few times: new, known, and on several connections."""
        for _ in range(3):
            self.require_file("page.txt", PAGE)
            self.require_file("large0.bin", large_file(0))

    def require_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS)
        require(code == 0, f"it ended with {code}: {self.said()!r}")

    def require_refusal(self, *sentences: str) -> None:
        """It ends with 1 and has said one line, with each of these in it, and nothing else."""
        require(not self.line, f"it serves all the same: {self.line!r}")
        code, said = self.process.wait(SECONDS), self.said()
        require(code == 1, f"it ended with {code} and said {said!r}")
        require(re.fullmatch(r"quoit: [^\n]+\n", said), f"it says {said!r}")
        for sentence in sentences:
            require(sentence in said, f"it does not say {sentence!r} but {said!r}")

    def cpu_seconds(self) -> float:
        """What all its threads have used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def require_calm(self, seconds: float, share_max: float) -> None:
        """It uses next to no processor for a while."""
        before, begin = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        share = (self.cpu_seconds() - before) / (time.monotonic() - begin)
        require(share <= share_max, f"it uses {share:.0%} of a processor and has nothing to do")


Case = tuple[str, Callable[[Path, Path], None]]  # the rule, and what tries it: given the binary and a site


def attempt(case: Callable[[Path, Path], None], binary: Path, root: Path) -> tuple[str, str]:
    """(TAP's directive, what went wrong)"""
    try:
        case(binary, root)
    except Skipped as skipped:
        return f" # SKIP {skipped}", ""
    except TROUBLE as trouble:
        return "", str(trouble) or type(trouble).__name__
    return "", ""


def run_cases(description: str, cases: list[Case]) -> int:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--binary", required=True, type=Path)
    binary = parser.parse_args().binary.resolve()
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="quoit-kernels-") as folder:
        make_site(Path(folder))
        for number, (rule, case) in enumerate(cases, 1):
            directive, trouble = attempt(case, binary, Path(folder))
            failed += bool(trouble)
            print(f"{'not ok' if trouble else 'ok'} {number} - {rule}{directive}", flush=True)
            if trouble:
                print(f"# {trouble}", file=sys.stderr, flush=True)
    return int(failed > 0)
