# SPDX-License-Identifier: MIT
"""Start servers for `run`, notice how they end, and keep the rights of root out of the way."""
import ctypes
import re
import select
import signal
import subprocess
import tempfile
import threading

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehavior|runtime error:|check failed", re.I)


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
        self.port = self.read_port()

    def read_port(self):
        ready = select.select([self.process.stdout], [], [], 20)[0]
        line = self.process.stdout.readline().decode("utf-8", "replace") if ready else ""
        found = re.search(r" on http://127\.0\.0\.1:(\d+) \(.*\)\n$", line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the server did not say where it listens: {line!r}\n{self.errors()}")
        return int(found.group(1))

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode("utf-8", "replace")

    def stop(self):
        """None when it ended as it should, else what went wrong."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "did not stop within 30 s of SIGTERM"
        return None if code == 0 else f"ended with {code}\n{self.errors()[-4000:]}"


class Keeper:
    """Holds a server for each lane and set of options, and starts another where one died."""

    def __init__(self, command, limited):
        self.command, self.limited = command, limited
        self.lock = threading.Lock()
        self.servers = {}
        self.complaints = []

    def port(self, lane, options=()):
        with self.lock:
            key = (lane, options)
            server = self.servers.get(key)
            if server and server.process.poll() is not None:
                self.let_go(key)
            if key not in self.servers:
                self.servers[key] = Server([*self.command, *options], self.limited)
            return self.servers[key].port

    def let_go(self, key):
        """Stop a server and remember how it ended, and what a sanitizer said."""
        server = self.servers.pop(key)
        died = server.process.poll() is not None
        complaint = server.stop() or (died and "ended without being told to")
        errors = server.errors()
        if not complaint and SANITIZER.search(errors):
            complaint = errors[-4000:]
        if complaint:
            self.complaints.append(f"{' '.join(key[1])} {complaint}".strip())

    def kill(self):
        """At once, and for good: whoever wants another server now waits for ever."""
        self.lock.acquire(timeout=5)
        for server in list(self.servers.values()):
            server.process.kill()

    def stop(self):
        for key in list(self.servers):
            self.let_go(key)
        return self.complaints
