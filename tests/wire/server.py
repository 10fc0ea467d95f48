# SPDX-License-Identifier: MIT
"""Start servers for `run`, notice how they end, and keep the rights of root out of the way."""
import ctypes
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

from client import SLOWNESS

RELOADED = re.compile(r"quoit: reloaded |; serving on as before")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior|runtime error:|check failed", re.I)


def drop_caps():
    """Root reads what nobody may read. Without these two capabilities it is as others are."""
    prctl, bound_drop = ctypes.CDLL(None, use_errno=True).prctl, 24
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if prctl(bound_drop, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def can_run_limited(binary):
    try:
        return subprocess.run([binary, "--version"], stdout=subprocess.DEVNULL, preexec_fn=drop_caps).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


class Server:
    def __init__(self, command, limited):
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.stderr,
                                        preexec_fn=drop_caps if limited else None)
        self.port = None

    def wait(self):
        """Until it says where it listens."""
        ready = select.select([self.process.stdout], [], [], 20 * SLOWNESS)[0]
        line = self.process.stdout.readline().decode("utf-8", "replace") if ready else ""
        found = re.search(r" on http://127\.0\.0\.1:(\d+) \(.*\)\n$", line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the server did not say where it listens: {line!r}\n{self.errors()}")
        self.port = int(found.group(1))
        return self

    def errors(self):
        """What it has said so far. The position is the server's own: nobody else may move it."""
        file = self.stderr.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace")

    def reload(self):
        """Returns when it has said how that went."""
        before, deadline = len(self.errors()), time.monotonic() + 10 * SLOWNESS
        self.process.send_signal(signal.SIGHUP)
        while not RELOADED.search(self.errors()[before:]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server says nothing of the reload: {self.errors()[before:]!r}")
            time.sleep(0.01)

    def stop(self):
        """None when it ended as it should, else what went wrong."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "did not stop within 30 s of SIGTERM"
        return None if code == 0 else f"ended with {code}\n{self.errors()[-4000:]}"


class Keeper:
    """Holds a server for each lane and set of options, and starts another where one died.

    A transcript with a configuration has one for itself alone, which ends with it.
    """

    def __init__(self, binary, root, arguments, limited):
        self.binary, self.root, self.limited = binary, root, limited
        self.arguments = arguments
        self.lock = threading.Lock()
        self.servers = {}
        self.alone = set()
        self.complaints = []

    def launch(self, options, has_root):
        command = [self.binary, "serve", *([] if has_root else [self.root])]
        return Server([*command, "--listen", "127.0.0.1:0", "--threads", "1", *self.arguments, *options], self.limited)

    def shared(self, lane, options=()):
        with self.lock:
            key = (lane, options)
            server = self.servers.get(key)
            if server and server.process.poll() is not None:
                self.let_go(key)
            if key not in self.servers:
                self.servers[key] = self.launch(options, False).wait()
            return self.servers[key]

    def start(self, options, has_root):
        with self.lock:
            server = self.launch(options, has_root)
            self.alone.add(server)
        try:
            return server.wait()
        except RuntimeError:
            self.alone.discard(server)
            raise

    def end(self, server):
        """What went wrong, or None."""
        with self.lock:
            self.alone.discard(server)
        return self.complaint_of(server)

    @staticmethod
    def complaint_of(server):
        """Stop a server: how it ended, if not well, or what a sanitizer said."""
        died = server.process.poll() is not None
        complaint = server.stop() or ("ended without being told to" if died else None)
        errors = server.errors()
        return complaint or (errors[-4000:] if SANITIZER.search(errors) else None)

    def let_go(self, key):
        complaint = self.complaint_of(self.servers.pop(key))
        if complaint:
            self.complaints.append(f"{' '.join(key[1])} {complaint}".strip())

    def kill(self):
        """At once, and for good: whoever wants another server now waits for ever."""
        self.lock.acquire(timeout=5)
        for server in [*self.servers.values(), *self.alone]:
            server.process.kill()

    def stop(self):
        for key in list(self.servers):
            self.let_go(key)
        return self.complaints
