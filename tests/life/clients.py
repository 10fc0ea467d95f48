# SPDX-License-Identifier: MIT
"""Strict clients: whatever they are not answered exactly as they should be is a loss, and is written down.

    ask()    one request over a connection of its own
    Talk     a connection, step by step
    Crowd    many connections at once, in a thread, as long as a server is being replaced or ends

What a client may not complain of, because HTTP allows it (RFC 9112 9.5, 9.6): that an answer says
"Connection: close" and the connection is closed behind it. What is no loss where a server ends: that connect() is
refused. Everything else is: a reset, an end without an answer, a wrong byte, a late answer.
"""
import random
import selectors
import socket
import threading
import time

from life import Failure, require

ANSWER_S = 20  # an answer that takes longer is lost


def connect(address: str | int, timeout: float = ANSWER_S) -> socket.socket:
    """To a port of this machine, or to the path of a unix socket."""
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), timeout)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(timeout)
    client.connect(address)
    return client


def request(path: str, *fields: str) -> bytes:
    return "".join(line + "\r\n" for line in (f"GET {path} HTTP/1.1", "Host: localhost", *fields, "")).encode()


class Answer:
    def __init__(self, head: bytes, body: bytes) -> None:
        self.status = int(head.split(b" ", 2)[1])
        self.body = body
        self.closes = b"\r\nconnection: close" in head.lower()


def take_answer(data: bytearray) -> Answer | None:
    """The first answer of what has come, taken away, once it is complete."""
    at = data.find(b"\r\n\r\n")
    if at < 0:
        return None
    head = bytes(data[:at])
    size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    if len(data) < at + 4 + size:
        return None
    body = bytes(data[at + 4:at + 4 + size])
    del data[:at + 4 + size]
    return Answer(head, body)


class Talk:
    """One connection."""

    def __init__(self, address: str | int) -> None:
        self.socket = connect(address)
        self.data = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        while True:
            found = take_answer(self.data)
            if found:
                return found
            piece = self.socket.recv(65536)
            require(piece, "an answer comes before the end of the connection")
            self.data += piece

    def get(self, path: str, *fields: str) -> Answer:
        self.send(request(path, *fields))
        return self.answer()

    def expect_end(self, seconds: float = ANSWER_S) -> float:
        """Nothing more comes, and no reset. Returns how long that took."""
        begin = time.monotonic()
        self.socket.settimeout(seconds)
        rest = bytes(self.data)
        try:
            rest += self.socket.recv(65536)
        except TimeoutError:
            raise Failure(f"the connection is closed within {seconds:g} s") from None
        require(not rest, f"nothing comes before the end of the connection, not {rest[:60]!r}")
        self.socket.close()
        return time.monotonic() - begin

    def close(self) -> None:
        self.socket.close()


def ask(address: str | int, path: str, *fields: str) -> Answer:
    talk = Talk(address)
    try:
        return talk.get(path, *fields)
    finally:
        talk.close()


class Client:
    """One place in a crowd: what it does over and over again.

    keep      the next request as soon as the answer is there, over the same connection
    think     the same, after a moment
    single    a connection for each request
    pipeline  several requests at once
    """

    def __init__(self, kind: str, path: str, body: bytes) -> None:
        self.kind, self.path, self.body = kind, path, body
        self.socket: socket.socket | None = None
        self.data = bytearray()
        self.out = b""
        self.waits_for = 0  # answers
        self.until = 0.0    # thinks until then, or must have been answered
        self.closes = False

    def count(self) -> int:
        return 5 if self.kind == "pipeline" else 1


class Crowd:
    """Clients of several kinds, until stop(). What went wrong is in `losses`, a sentence each."""

    def __init__(self, address: str | int, wanted: dict[str, tuple[int, str, bytes]], may_refuse: bool = False) -> None:
        self.address = address
        self.may_refuse = may_refuse
        self.losses: list[str] = []
        self.answers = 0
        self.connections = 0
        self.refused = 0
        self.closed_idle = 0
        self.ending = False
        self.selector = selectors.DefaultSelector()
        self.random = random.Random(1)
        self.clients = [Client(kind, path, body) for kind, (count, path, body) in wanted.items() for _ in range(count)]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Let those who wait have their answers; then nobody may have lost anything."""
        self.ending = True
        self.thread.join(ANSWER_S + 10)
        require(not self.thread.is_alive(), "the crowd goes home")
        require(not self.losses, f"nothing is lost: {len(self.losses)} times, as in: {'; '.join(self.losses[:4])}")

    def lose(self, client: Client, what: str) -> None:
        self.losses.append(f"{client.kind}: {what}")
        self.hang_up(client)

    def hang_up(self, client: Client) -> None:
        if client.socket:
            self.selector.unregister(client.socket)
            client.socket.close()
        client.socket = None
        client.data.clear()
        client.waits_for = 0
        client.until = 0.0
        client.closes = False
        client.out = b""

    def open(self, client: Client) -> None:
        family = socket.AF_INET if isinstance(self.address, int) else socket.AF_UNIX
        client.socket = socket.socket(family, socket.SOCK_STREAM)
        client.socket.setblocking(False)
        client.until = time.monotonic() + ANSWER_S
        error = client.socket.connect_ex(("127.0.0.1", self.address) if isinstance(self.address, int) else self.address)
        self.selector.register(client.socket, selectors.EVENT_WRITE, client)
        if error in (11, 111, 2):  # EAGAIN: a unix socket's queue is full; ECONNREFUSED; ENOENT
            self.on_refused(client, error)

    def on_refused(self, client: Client, error: int) -> None:
        self.refused += 1
        if self.may_refuse or error == 11:
            self.hang_up(client)
            client.until = time.monotonic() + 0.05
        else:
            self.lose(client, f"the connection was refused ({error})")

    def begin(self, client: Client) -> None:
        fields = ("Connection: close",) if client.kind == "single" else ()
        client.waits_for = client.count()
        client.out = request(client.path, *fields) * client.waits_for
        client.until = time.monotonic() + ANSWER_S
        self.push(client)

    def push(self, client: Client) -> None:
        try:
            client.out = client.out[client.socket.send(client.out):]
        except BlockingIOError:
            pass
        except OSError as error:
            self.lose(client, f"its request was not taken ({error})")
            return
        self.selector.modify(client.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if client.out else 0), client)

    def on_event(self, client: Client, mask: int) -> None:
        if mask & selectors.EVENT_WRITE and not client.waits_for:
            error = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.on_refused(client, error)
                return
            self.connections += 1
            self.begin(client)
        elif mask & selectors.EVENT_WRITE:
            self.push(client)
        if client.socket and mask & selectors.EVENT_READ:
            self.read(client)

    def read(self, client: Client) -> None:
        try:
            piece = client.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(client, f"{error} with {client.waits_for} answers missing")
            return
        if not piece:
            self.on_end(client)
            return
        client.data += piece
        while client.socket and client.waits_for:
            answer = take_answer(client.data)
            if not answer:
                return
            self.on_answer(client, answer)

    def on_end(self, client: Client) -> None:
        if client.waits_for and not client.closes:
            self.lose(client, f"the end, with {client.waits_for} answers missing and {len(client.data)} bytes come")
            return
        self.closed_idle += not client.closes
        self.hang_up(client)

    def on_answer(self, client: Client, answer: Answer) -> None:
        if answer.status != 200 or answer.body != client.body:
            self.lose(client, f"a wrong answer: {answer.status}, {len(answer.body)} bytes")
            return
        self.answers += 1
        client.waits_for -= 1
        client.closes |= answer.closes
        if client.waits_for:
            if answer.closes:
                self.lose(client, f"the end was announced with {client.waits_for} answers missing")
            return
        if client.closes:
            return  # the end is read, too: a reset would be a loss
        if client.kind == "think" and not self.ending:
            client.until = time.monotonic() + self.random.uniform(0.01, 0.4)
        elif not self.ending:
            self.begin(client)

    def on_time(self, client: Client, now: float) -> None:
        if client.socket is None:
            if not self.ending and now >= client.until:
                self.open(client)
        elif client.waits_for == 0 and not client.closes and client.out == b"" and self.connected(client):
            if self.ending:
                self.hang_up(client)
            elif now >= client.until:
                self.begin(client)
        elif now >= client.until:
            if client.closes and not client.waits_for:
                self.lose(client, "no end of a connection that was to be closed")
            elif client.waits_for:
                self.lose(client, f"no answer within {ANSWER_S} s")
            else:
                self.on_refused(client, 110)

    def connected(self, client: Client) -> bool:
        return not self.selector.get_key(client.socket).events & selectors.EVENT_WRITE

    def run(self) -> None:
        while any(client.socket for client in self.clients) or not self.ending:
            for key, mask in self.selector.select(0.02):
                if key.data.socket is key.fileobj:
                    self.on_event(key.data, mask)
            now = time.monotonic()
            for client in self.clients:
                self.on_time(client, now)
