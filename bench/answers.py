# SPDX-License-Identifier: MIT
"""Is it the right answer? Asked of every server before anything is measured: a fast wrong answer is
worth nothing. Status, length, content coding, and every byte of a body that is not another coding's."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Sequence
from pathlib import Path

from common import START_SECONDS, BenchError, Server
from measure import Scenario

# A server that compresses by itself may get another result than the file that came with the site.
CODED_GROWTH = 1.10


def split_fields(headers: Sequence[str]) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (text.partition(":") for text in headers)}


def ask(server: Server, path: str, headers: Sequence[str]) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/" + path, headers=split_fields(headers))
        response = connection.getresponse()
        return response, response.read()


def entity_tag(server: Server, path: str) -> str:
    response, _ = ask(server, path, ())
    tag = response.getheader("ETag")
    if tag is None:
        raise BenchError(f"{server.name} gives /{path} no ETag, so it cannot be asked with If-None-Match")
    return tag


def prepare(scenario: Scenario, server: Server, root: Path) -> list[str]:
    """Check every answer of the scenario. Returns the fields to add to its requests to this server."""
    added = []
    if scenario.revalidate:
        added.append(f"If-None-Match: {entity_tag(server, scenario.path)}")
    for path in scenario.paths or (scenario.path,):
        response, body = ask(server, path, [*scenario.headers, *added])
        check_answer(scenario, server.name, root, path, response, body)
    return added


def check_answer(
    scenario: Scenario, name: str, root: Path, path: str, response: http.client.HTTPResponse, body: bytes
) -> None:
    if response.status != scenario.status:
        raise BenchError(f"{name} answers /{path} with {response.status}, not {scenario.status}")
    if scenario.status == 404:
        return
    coded = root / f"{path}.{scenario.coding}"
    coding = scenario.coding if scenario.coding and coded.exists() else None
    if response.getheader("Content-Encoding") != coding:
        given = response.getheader("Content-Encoding")
        raise BenchError(f"{name} sends /{path} with Content-Encoding {given}, not {coding}")
    if coding and len(body) > coded.stat().st_size * CODED_GROWTH:
        raise BenchError(f"{name} sends {len(body)} bytes for /{path}: more than {coded.name} has")
    if not coding:
        check_body(scenario, name, root / path, body)


def check_body(scenario: Scenario, name: str, file: Path, body: bytes) -> None:
    length = file.stat().st_size if scenario.length is None else scenario.length
    if len(body) != length:
        raise BenchError(f"{name} sends {len(body)} bytes of {file.name}, not {length}")
    with file.open("rb") as content:
        content.seek(scenario.offset)
        if body != content.read(length):
            raise BenchError(f"{name} sends {len(body)} bytes for {file.name} that are not the file's")


def check_floor(server: Server, body_bytes: int) -> None:
    response, body = ask(server, "", ())
    if response.status != 200 or len(body) != body_bytes:
        raise BenchError(f"{server.name} answers {response.status} with {len(body)} bytes, not {body_bytes}")
