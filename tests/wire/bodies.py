# SPDX-License-Identifier: MIT
"""Read bodies that are more than bytes of a file: content codings, and multipart/byteranges."""
import re
import subprocess
import zlib

from client import FIELD_LINE, Failure, require

PART_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
BOUNDARY = re.compile(r'multipart/byteranges; boundary=([0-9A-Za-z\'()+_,./:=?-]{1,70})')
TOOLS = {"br": ["brotli", "-d", "-c"], "zstd": ["zstd", "-q", "-d", "-c"]}


def decode(body, coding):
    """Without its content coding, and nothing may be left over behind it."""
    if coding is None:
        return body
    if coding == "gzip":
        return gunzip(body)
    require(coding in TOOLS, f"Content-Encoding: {coding}")
    done = subprocess.run(TOOLS[coding], input=body, capture_output=True)
    require(done.returncode == 0, f"malformed {coding}: {done.stderr[-200:]!r}")
    return done.stdout


def gunzip(body):
    unzip = zlib.decompressobj(31)
    try:
        plain = unzip.decompress(body)
    except zlib.error as error:
        raise Failure(f"malformed gzip: {error}") from None
    require(unzip.eof, "the gzip body is cut")
    require(not unzip.unused_data, f"behind the gzip body: {unzip.unused_data[:80]!r}")
    return plain


def encode(content, coding):
    if coding == "gzip":
        zipper = zlib.compressobj(6, zlib.DEFLATED, 31)
        return zipper.compress(content) + zipper.flush()
    command = {"br": ["brotli", "-q", "5", "-c"], "zstd": ["zstd", "-q", "-c"]}[coding]
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout


def split_parts(body, content_type):
    """[(first, last, size of the whole, type, bytes)] of a multipart body (RFC 9110 14.6, RFC 2046 5.1.1)."""
    found = BOUNDARY.fullmatch(content_type or "")
    require(found, f"Content-Type: {content_type}")
    delimiter = b"--" + found[1].encode()
    parts, at = [], 0
    while True:
        begin = delimiter if not parts else b"\r\n" + delimiter
        require(body.startswith(begin, at), f"no delimiter at {at}: {body[at:at + 80]!r}")
        at += len(begin)
        if parts and body[at:] == b"--\r\n":
            return parts
        require(body.startswith(b"\r\n", at), f"a delimiter with something behind it: {body[at:at + 80]!r}")
        part = read_part(body, at + 2)
        require(delimiter not in part[-1], "the boundary occurs in a part")
        parts.append(part[1:])
        at = part[0]


def read_part(body, at):
    """(where it ends, first, last, size, type, bytes)"""
    end = body.find(b"\r\n\r\n", at)
    require(end >= 0, "the head of a part never ends")
    lines = [FIELD_LINE.fullmatch(line) for line in body[at:end].split(b"\r\n")]
    require(all(lines), f"malformed head of a part: {body[at:end]!r}")
    fields = {line[1].decode().lower(): line[2].decode("latin-1") for line in lines}
    require(len(fields) == len(lines) and set(fields) == {"content-type", "content-range"},
            f"fields of a part: {body[at:end]!r}")
    numbers = PART_RANGE.fullmatch(fields["content-range"])
    require(numbers, f"Content-Range: {fields['content-range']}")
    first, last, size = (int(number) for number in numbers.groups())
    content = body[end + 4:end + 4 + last + 1 - first]
    require(len(content) == last + 1 - first, "a part is shorter than it says")
    return end + 4 + len(content), first, last, size, fields["content-type"], content
