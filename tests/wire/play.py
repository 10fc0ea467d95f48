# SPDX-License-Identifier: MIT
"""Play one transcript: send what it sends, expect what it expects."""
import base64
import hashlib
import json
import os
import re
import time

import bodies
import fixture
import private
import transcript
from client import SLOWNESS, Connection, Failure, require

PATTERNS = {
    "any": ".+",
    "date": "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
    "etag": '"[^"]+"',
}
# What changes the fields of an answer: the rules for servers without a configuration do not hold then.
FIELD_OPTIONS = {"--etag", "--listing", "--presets", "--cache", "--order"}
STDERR_S = 2 * SLOWNESS
FACT = re.compile(r"\{((?:etag|modified|size) [^{}]+)\}")  # what is replaced in the values of a loop, too


class Play:
    """One transcript in one mode."""

    def __init__(self, script, bytewise, site, keeper, lane):
        self.script, self.bytewise, self.site = script, bytewise, site
        self.keeper, self.lane = keeper, lane
        self.mode = "bytewise" if bytewise else "whole"
        self.folder = f"private/{script.name}.{self.mode}"
        self.outside = os.path.join(site.base.decode(), "own", f"{script.name}.{self.mode}")
        self.is_alone = bool(script.config or "{" in " ".join(script.options))
        self.is_plain = not script.config and not FIELD_OPTIONS.intersection(script.options)
        self.running = None
        self.captures = {}
        self.pending = bytearray()
        self.connection = self.last = self.head_before = self.part_type = None

    def run(self):
        os.makedirs(self.site.path(self.folder))
        os.makedirs(self.outside)
        trouble = None
        try:
            self.run_steps(self.script.steps)
            self.finish()
        except (Failure, OSError, RuntimeError) as failure:
            words = " ".join(f"{name}={value!r}" for name, value in self.step.variables.items() if name != "i")
            trouble = f"{self.script.name}.wire:{self.step.line}: {words and words + ': '}{failure}"
        finally:
            if self.connection:
                self.connection.drop()
        complaint = self.keeper.end(self.running) if self.is_alone and self.running else None
        if trouble or complaint:
            raise Failure("\n".join(filter(None, (trouble, complaint and f"the server {complaint}"))))

    def run_steps(self, steps):
        for at, self.step in enumerate(steps):
            self.next_step = steps[at + 1] if at + 1 < len(steps) else None
            self.run_step(self.step)

    def run_step(self, step):
        if step.kind == "send":
            self.pending += self.request_bytes(step)
        elif step.kind in transcript.NAMED_ACTIONS:
            self.act(step)
        elif step.kind == "expect":
            self.flush(step)
            self.expect(step)
        else:
            getattr(self, "do_" + step.kind.replace("-", "_"))(step)

    # The server

    def server(self):
        """Started when it is first needed, so that a transcript can prepare what it starts with."""
        if self.running:
            return self.running
        if not self.is_alone:
            self.running = self.keeper.shared(self.lane, self.script.options)
            return self.running
        options = [self.expand(option, self.step) for option in self.script.options]
        if self.script.config:
            options += ["--config", self.write_config(self.script.config)]
        has_root = any(line.startswith("root:") for line in self.script.config)
        self.running = self.keeper.start(options, has_root)
        return self.running

    def write_config(self, lines):
        path = os.path.join(self.outside, "quoit.yaml")
        with open(path, "w", encoding="latin-1") as file:
            file.writelines(self.expand_known(line) + "\n" for line in lines)
        return path

    def expand_known(self, text):
        """Braces are YAML's and those of regular expressions, too: what has no value stays."""
        expanded = ""
        for index, piece in enumerate(transcript.pieces(text)):
            try:
                expanded += self.value(piece, self.step) if index % 2 else piece
            except Failure:
                expanded += "{" + self.expand_known(piece) + "}"
        return expanded

    # Sending

    def request_bytes(self, step):
        text = step.argument
        if text.startswith(">>"):
            raw, end = transcript.unescape(text[2:].removeprefix(" ")), ""
        else:
            raw, end = text[1:].removeprefix(" "), "\r\n"
        return (self.expand(raw, step) + end).encode("latin-1")

    def expand(self, text, step):
        return "".join(self.value(piece, step) if index % 2 else piece
                       for index, piece in enumerate(transcript.pieces(text)))

    def value(self, expression, step):
        if expression in step.variables:
            return FACT.sub(lambda fact: self.value(fact.group(1), step), step.variables[expression])
        if expression in self.captures:
            return self.captures[expression]
        word, _, rest = self.expand(expression, step).partition(" ")
        if word == "size":
            return str(self.site.size(rest))
        if word == "etag":
            name, _, coding = rest.rpartition(" ")
            return self.site.etag(name, coding) if coding in ("gzip", "br", "zstd") else self.site.etag(rest)
        if word == "modified":
            name, _, offset = rest.partition(" ")
            return self.site.modified(name, int(offset or 0))
        if word == "repeat":
            piece, count = rest.rsplit(" ", 1)
            return piece * int(count)
        if expression in ("private", "folder", "site", "outside"):
            return {"private": "/" + self.folder, "folder": self.site.path(self.folder).decode(),
                    "site": self.site.root.decode(), "outside": self.outside}[expression]
        if expression == "every-byte":
            return fixture.percent_encode(fixture.EVERY_BYTE)
        raise Failure(f"nothing is known as {{{expression}}}")

    def open_connection(self):
        if not self.connection:
            self.connection = Connection(self.server().port, self.is_plain)
        return self.connection

    def flush(self, step=None):
        connection = self.open_connection()
        data, self.pending = bytes(self.pending), bytearray()
        if not data:
            return
        if not self.bytewise:
            connection.send(data)
            return
        early = connection.send_bytewise(data)
        pipelined = self.next_step and self.next_step.kind == "expect"
        if early and step and not pipelined:
            require(b"Connection: close\r\n" in early, f"answered before the request was complete: {early[:200]!r}")

    # Expecting

    def expect(self, step):
        response = self.connection.read_head()
        require(response.status_text in step.argument,
                f"expected {' or '.join(step.argument)}, got {response.status_text}")
        kinds = {check.kind for check in step.checks}
        body = self.take_body(response, kinds)
        for check in step.checks:
            try:
                self.check(check, step, response, body)
            except Failure as failure:
                raise Failure(f"line {check.line}: {failure}\n{response.raw.decode('latin-1')}") from None
        if "exact" in kinds:
            names = [check.argument[0] for check in step.checks if check.kind == "field"]
            require(names == [name for name, _ in response.fields], f"fields are {response.fields}")
        self.head_before, self.last = response.raw, response
        if response.closes and "body-later" not in kinds:
            self.connection.expect_end()

    def take_body(self, response, kinds):
        if response.status < 200 or response.status in (204, 304) or "body-none" in kinds:
            return b""
        size = int(response.get("Content-Length"))
        if "body-later" in kinds:
            self.connection.body_left = size
            return None
        if not any(kind.startswith("body") for kind in kinds):
            self.connection.skip_body(size)
            return None
        body = self.connection.read_body(size, "body-slowly" in kinds)
        if response.status == 200 and response.get("Repr-Digest"):
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            require(response.get("Repr-Digest") == f"sha-256=:{digest}:", f"the digest of the body is {digest}")
        return body

    def check(self, check, step, response, body):
        argument = check.argument
        if check.kind == "field":
            self.check_field(argument[0], self.expand_pattern(argument[1], step), response)
        elif check.kind == "absent":
            require(response.get(argument) is None, f"{argument}: {response.get(argument)} should not be there")
        elif check.kind == "same-head":
            require(self.dateless(response.raw) == self.dateless(self.head_before),
                    f"the head before was\n{self.head_before.decode('latin-1')}")
        elif check.kind == "body-text":
            wanted = self.expand(argument, step).encode("latin-1")
            require(body == wanted, f"the body is {body[:200]!r}")
        elif check.kind == "body-file":
            self.check_same(body, argument)
        elif check.kind == "body-decoded":
            self.check_same(bodies.decode(body, response.get("Content-Encoding")), argument)
        elif check.kind == "body-parts":
            self.check_parts(body, argument, response)
        elif check.kind == "parts-type":
            require(self.part_type == argument, f"the type of each part is {self.part_type}")
        elif check.kind == "body-json":
            self.check_json(body)
        elif check.kind == "body-has":
            require(argument.encode("latin-1") in body, f"the body is {body[:400]!r}")
        elif check.kind == "body-lacks":
            require(argument.encode("latin-1") not in body, f"the body is {body[:400]!r}")
        elif check.kind == "body-html":
            require(re.match(rb"(?i)<!doctype html>", body), f"the body is {body[:200]!r}")
            self.check_field("Content-Type", re.escape("text/html; charset=utf-8"), response)

    @staticmethod
    def dateless(head):
        return re.sub(rb"\r\nDate: [^\r]+", b"", head)

    def check_same(self, body, argument):
        name, first, last = argument
        name = self.expand(name, self.step)
        if first is None:
            first, last = 0, self.site.size(name) - 1
        wanted = self.site.content(name, first, last)
        if body != wanted:
            same = next((i for i, (a, b) in enumerate(zip(body, wanted)) if a != b), min(len(body), len(wanted)))
            raise Failure(f"the body has {len(body)} bytes, {name} has {len(wanted)}; they part at {same}")

    def check_parts(self, body, argument, response):
        name, ranges = argument
        name = self.expand(name, self.step)
        parts = bodies.split_parts(body, response.get("Content-Type"))
        found = [part[:2] for part in parts]
        require(found == ranges, f"the parts are {found}")
        require(len({part[3] for part in parts}) == 1, f"the types of the parts are {[part[3] for part in parts]}")
        for first, last, size, kind, content in parts:
            require(size == self.site.size(name), f"a part says that {name} has {size} bytes")
            require(content == self.site.content(name, first, last), f"the bytes {first}-{last} are others")
        self.part_type = parts[0][3]

    @staticmethod
    def check_json(body):
        try:
            json.loads(body.decode("utf-8"))
        except ValueError as error:
            raise Failure(f"no JSON: {error}: {body[:200]!r}") from None

    def expand_pattern(self, text, step):
        """A regular expression out of a value with {..} in it."""
        pattern = ""
        for index, piece in enumerate(transcript.pieces(text)):
            name, equals, kind = piece.partition("=")
            if index % 2 == 0:
                pattern += re.escape(piece)
            elif equals and kind in PATTERNS:
                pattern += f"(?P<{name}>{PATTERNS[kind]})"
            else:
                pattern += PATTERNS.get(piece) or re.escape(self.value(piece, step))
        return pattern

    def check_field(self, name, pattern, response):
        values = response.get_all(name)
        require(values, f"there is no {name}")
        match = next(filter(None, (re.fullmatch(pattern, value) for value in values)), None)
        require(match, f"{name} is {' and '.join(values)}")
        self.captures |= match.groupdict()

    # Doing

    def do_pause(self, step):
        self.flush()
        time.sleep(step.argument / 1000)

    def do_connection(self, _):
        self.finish()
        self.last = None

    def do_drop(self, _):
        self.flush()
        self.connection.drop()
        self.connection = None

    def do_shutdown(self, _):
        self.flush()
        self.connection.half_close()

    def do_close(self, _):
        self.flush()
        require(self.last and self.last.closes, "the connection must close, and the last response does not say so")
        self.connection.expect_end()

    def do_gone(self, _):
        self.flush()
        self.open_connection().expect_end()

    def do_open(self, _):
        require(not self.last.closes, "the last response says that the connection closes")
        # A configuration may serve other files, and this one otherwise.
        probe, status = (b"OPTIONS *", 204) if self.script.config else (b"HEAD /one.txt", 200)
        self.connection.send(probe + b" HTTP/1.1\r\nHost: probe\r\n\r\n")
        self.last = self.connection.read_head()
        require(self.last.status == status and (status == 204 or self.last.get("Content-Length") == "1"),
                f"the request after it got\n{self.last.raw.decode('latin-1')}")

    def do_body_part(self, step):
        _, first, last = step.argument
        size = last + 1 - first
        require(size <= self.connection.body_left, f"only {self.connection.body_left} bytes are left")
        self.check_same(self.connection.read_body(size), step.argument)
        self.connection.body_left -= size

    def do_body_cut(self, _):
        count = self.connection.count_until_end()
        require(count < self.connection.body_left, "all of the body came")
        self.connection.body_left = 0
        self.connection.drop()
        self.connection = None

    def do_until(self, step):
        """What makes it succeed happens in the background; an attempt that fails leaves nothing behind."""
        limit_ms, steps = step.argument
        deadline = time.monotonic() + limit_ms / 1000 * SLOWNESS
        while True:
            try:
                self.run_steps(steps)
                return
            except Failure:
                if time.monotonic() > deadline:
                    raise
            self.pending.clear()
            if self.connection:
                self.connection.drop()
            self.connection = self.last = None
            time.sleep(0.05)

    def do_reload(self, _):
        self.flush()
        self.server().reload()

    def do_reload_with(self, step):
        self.flush()
        server = self.server()
        self.write_config(step.argument)
        server.reload()

    def do_stderr(self, step):
        count, text = step.argument
        text = self.expand(text, step)
        server, deadline = self.server(), time.monotonic() + STDERR_S
        while server.errors().count(text) < (count or 1) and time.monotonic() < deadline:
            time.sleep(0.02)
        found = server.errors().count(text)
        require(found == count if count else found, f"standard error has {text!r} {found} times:\n{server.errors()}")

    def do_holds(self, step):
        folder, count = step.argument
        names = os.listdir(self.expand(folder, step))
        require(len(names) == count, f"the folder has {names}")

    def act(self, step):
        name, argument = step.argument
        if step.kind == "coded":
            argument = (argument[0], self.expand(argument[1], step))
        elif step.kind in ("copy", "link", "dated", "age"):
            argument = self.expand(argument, step)
        private.act(step.kind, self.site.path(f"{self.folder}/{name}"), argument, self.site)

    def finish(self):
        """The end of a connection: nothing is left over, and the server lets go of it."""
        if self.pending:
            self.flush()
        connection, self.connection = self.connection, None
        if not connection:
            return
        try:
            require(connection.body_left == 0, f"{connection.body_left} bytes of the body were not looked at")
            require(not connection.received, f"bytes nobody asked for: {bytes(connection.received[:200])!r}")
            connection.half_close()
            connection.expect_end()
        finally:
            connection.drop()
