# SPDX-License-Identifier: MIT
"""A client that forgives nothing: the strict reader of responses behind `run`."""
import email.utils
import os
import re
import select
import socket
import time

# An emulated machine takes so many times as long; tools/kernel says so.
SLOWNESS = float(os.environ.get("QUOIT_TEST_SLOWNESS", "1"))
PATIENCE_S = 10 * SLOWNESS  # for a byte that must come; only a failing test ever waits this long
PROMPT_S = 1.5  # for the end of a connection: less than the server waits for the peer's own end
SLOW_PIECE, SLOW_S = 64 << 10, 0.002  # how a slow reader reads
SLOW_MAX = 32 << 20  # of a body, the rest being read as fast as it comes
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) ([!-~](?:[ -~]*[!-~])?)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([!-~\x80-\xff](?:[ !-~\x80-\xff]*[!-~\x80-\xff])?)")
# The order that every final head keeps unless a configuration says otherwise; a head has some of these.
ORDER = (
    "Server Date Content-Type Content-Length Last-Modified ETag Accept-Ranges Content-Encoding Content-Language "
    "Vary Location Allow Retry-After Content-Range Repr-Digest Connection"
).split()
WITHOUT_BODY = (204, 304)
MULTIPART = "multipart/byteranges"


class Failure(Exception):
    """What was expected and what came instead."""


def require(condition, message):
    if not condition:
        raise Failure(message)


class Response:
    """A head as it came, split and checked against what every response must be.

    `is_plain`: no configuration has added, removed or ordered fields.
    """

    def __init__(self, raw, is_plain=True):
        self.raw, self.is_plain = raw, is_plain
        lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        status = STATUS_LINE.fullmatch(lines[0])
        require(status, f"malformed status line {lines[0]!r}")
        self.status = int(status.group(1))
        self.status_text = lines[0].decode("latin-1").removeprefix("HTTP/1.1 ")
        self.fields = [self.split_field(line) for line in lines[1:]]
        if self.status >= 200:
            self.check_final()
        elif self.status == 103:
            require(self.fields and all(name == "Link" for name, _ in self.fields), f"early hints {self.fields}")
        else:
            require(not self.fields, "fields in an interim response")

    @staticmethod
    def split_field(line):
        field = FIELD_LINE.fullmatch(line)
        require(field, f"malformed field line {line!r}")
        return field.group(1).decode(), field.group(2).decode("latin-1")

    def get_all(self, name):
        return [value for have, value in self.fields if have.lower() == name.lower()]

    def get(self, name):
        return next(iter(self.get_all(name)), None)

    def members(self, name):
        """Of a list: its members in lower case."""
        return [member.strip().lower() for member in ",".join(self.get_all(name)).split(",") if member.strip()]

    def check_final(self):
        names = [name for name, _ in self.fields]
        for name in names if self.is_plain else ORDER:
            require(len(self.get_all(name)) <= 1, f"{name} came twice: {names}")
        if self.is_plain:
            require(names == [name for name in ORDER if name in names], f"fields out of order or unknown: {names}")
            require(self.get("Server") == "quoit", f"Server: {self.get('Server')}")
        require(self.get("Connection") in ("keep-alive", "close"), f"Connection: {self.get('Connection')}")
        self.check_date()
        for name in self.expected_fields():
            require(name in names, f"a {self.status} without {name}")
        if self.status in WITHOUT_BODY:
            require("Content-Length" not in names, f"a {self.status} with Content-Length")
            require("Content-Type" not in names, f"a {self.status} with Content-Type")
        else:
            require(re.fullmatch(r"0|[1-9]\d*", self.get("Content-Length")), "malformed Content-Length")
        self.check_representation()

    def check_representation(self):
        if self.get("Content-Range"):
            require(self.status in (206, 416) and not self.is_multipart, f"a {self.status} with Content-Range")
        if self.get("Content-Encoding"):
            require("accept-encoding" in self.members("Vary") or self.get("Vary") == "*",
                    f"Content-Encoding: {self.get('Content-Encoding')} with Vary: {self.get('Vary')}")

    @property
    def is_multipart(self):
        return (self.get("Content-Type") or "").startswith(MULTIPART)

    def expected_fields(self):
        expected = [] if self.status in WITHOUT_BODY else ["Content-Type", "Content-Length"]
        if self.status in (200, 206) and self.is_plain:
            expected += ["Last-Modified", "ETag", "Accept-Ranges"]
        if self.status == 304 and self.is_plain:
            expected += ["ETag"]
        if self.status == 206 and not self.is_multipart:
            expected += ["Content-Range"]
        return expected + {301: ["Location"], 405: ["Allow"], 416: ["Content-Range"],
                           503: ["Retry-After"]}.get(self.status, [])

    def check_date(self):
        date = self.get("Date") or ""
        require(re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date), f"Date: {date}")
        age = time.time() - email.utils.parsedate_to_datetime(date).timestamp()
        require(-1 <= age <= 3 * SLOWNESS, f"Date is {age:.1f} s old")

    @property
    def closes(self):
        return self.get("Connection") == "close"


class Connection:
    """A socket with what was received and not yet looked at."""

    def __init__(self, port, is_plain):
        self.is_plain = is_plain
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = bytearray()
        self.end = None  # "closed" or "reset", once the server ended it
        self.body_left = 0
        self.half_closed = False

    def half_close(self):
        """Say that no more will be sent."""
        if not self.half_closed and not self.end:
            self.half_closed = True
            self.socket.shutdown(socket.SHUT_WR)

    def receive(self, wait_s, size=1 << 20):
        """Take what is there, after waiting for it at most this long. False when there was nothing."""
        if self.end or not select.select([self.socket], [], [], wait_s)[0]:
            return False
        try:
            data = self.socket.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            self.end = "reset"
            return False
        if not data:
            self.end = "closed"
        self.received += data
        return bool(data)

    def send(self, data):
        """Send, and receive meanwhile: a long pipeline is answered before it has been sent."""
        view = memoryview(data)
        while view and not self.end:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE_S)
            require(readable or writable, "the server takes no more bytes")
            if readable:
                self.receive(0)
            if writable and not self.end:
                view = view[self.send_some(view):]

    def send_some(self, view):
        try:
            return self.socket.send(view)
        except BlockingIOError:
            return 0
        except (ConnectionResetError, BrokenPipeError):
            self.receive(0)
            self.end = self.end or "reset"
            return 0

    def send_bytewise(self, data):
        """One byte a time, each given a moment to arrive alone. Returns what came before the last was sent."""
        for index in range(len(data) - 1):
            if self.end:
                return bytes(self.received)
            self.send(data[index:index + 1])
            self.receive(0.00005)
        early = bytes(self.received)
        self.send(data[-1:])
        return early

    def need(self, enough, what):
        deadline = time.monotonic() + PATIENCE_S
        while not enough():
            left = deadline - time.monotonic()
            require(left > 0, f"waited {PATIENCE_S} s for {what}; have {bytes(self.received[:200])!r}")
            self.receive(left)
            require(enough() or not self.end,
                    f"the connection was {self.end} instead of {what}; have {bytes(self.received[:200])!r}")

    def read_head(self):
        require(self.body_left == 0, f"{self.body_left} bytes of the body before were not looked at")
        self.need(lambda: b"\r\n\r\n" in self.received, "a response")
        size = self.received.index(b"\r\n\r\n") + 4
        head = bytes(self.received[:size])
        del self.received[:size]
        return Response(head, self.is_plain)

    def read_body(self, size, is_slow=False):
        """`is_slow`: with a rest between pieces, so that the server finds a full socket again and again."""
        while is_slow and len(self.received) < min(size, SLOW_MAX) and not self.end:
            time.sleep(SLOW_S)
            self.receive(PATIENCE_S, SLOW_PIECE)
        self.need(lambda: len(self.received) >= size, f"{size} bytes of body")
        body = bytes(self.received[:size])
        del self.received[:size]
        return body

    def skip_body(self, size):
        while size > 0:
            self.need(lambda: self.received, f"{size} more bytes of body")
            count = min(size, len(self.received))
            del self.received[:count]
            size -= count

    def expect_end(self):
        """Nothing more comes but the end."""
        deadline = time.monotonic() + PROMPT_S
        while not self.end and not self.received:
            left = deadline - time.monotonic()
            require(left > 0, f"waited {PROMPT_S} s for the server to close the connection")
            self.receive(left)
        require(not self.received, f"bytes after the last response: {bytes(self.received[:200])!r}")

    def count_until_end(self):
        count = len(self.received)
        self.received.clear()
        deadline = time.monotonic() + PATIENCE_S
        while not self.end:
            require(time.monotonic() < deadline, "the body neither ends nor goes on")
            self.receive(0.1)
            count += len(self.received)
            self.received.clear()
        return count

    def drop(self):
        """Go away without a word: what was not read makes this a reset."""
        self.socket.close()
