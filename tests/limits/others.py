# SPDX-License-Identifier: MIT
"""The others: clients that go on asking while something happens, and notice when it concerns them.

    with Others(server, "page.txt", BODY) as others:
        ...
    others.require_unmoved()

They run in a thread: each asks, waits for its answer, rests, and asks again. What they must see is the right
body each time, from one connection, soon.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time

from server import Broken, Server, read_answer, request, require

CLIENTS = 20
REST_S = 0.005  # between two rounds: this is no load test
MEDIAN_S = 0.25  # generous: the machine may be busy. What it really is bench/fairness measures
ROUNDS_MIN = 5


class Others:
    def __init__(self, server: Server, path: str, body: bytes, source: str = "127.0.0.1") -> None:
        self.server, self.request, self.body, self.source = server, request(path), body, source
        self.seconds: list[float] = []
        self.trouble = ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> Others:
        self.clients = [self.server.connect(source=self.source) for _ in range(CLIENTS)]
        self.ask_all()  # so that what is measured is not the first look at the file
        self.seconds.clear()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        for client in self.clients:
            client.close()

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.ask_all()
                time.sleep(REST_S)
        except (Broken, OSError) as error:
            self.trouble = str(error) or repr(error)

    def ask_all(self) -> None:
        began = []
        for client in self.clients:
            began.append(time.monotonic())
            client.sendall(self.request)
        for client, begin in zip(self.clients, began):
            self.check_answer(client)
            self.seconds.append(time.monotonic() - begin)

    def check_answer(self, client: socket.socket) -> None:
        head, body = read_answer(client)
        require(head.startswith(b"HTTP/1.1 200 OK\r\n"), f"one of the others was answered {head!r}")
        require(body == self.body, "one of the others got another body")

    def require_unmoved(self) -> None:
        require(not self.trouble, f"the others: {self.trouble}")
        require(len(self.seconds) >= ROUNDS_MIN * CLIENTS, f"the others got only {len(self.seconds)} answers")
        median = statistics.median(self.seconds)
        require(median < MEDIAN_S, f"the others waited {median * 1000:.0f} ms in the median")
