# SPDX-License-Identifier: MIT
"""The folder that the transcripts talk about, and what is true of its files.

Every modification time is set, in the past and with a fraction of a second, so that entity
tags and dates can be predicted. What a machine or a right does not allow (a device node, a
folder that even root may not read, a tool that is not installed) is left out and listed in `missing`.
"""
import email.utils
import os
import random
import shutil
import socket

MODIFIED_NS = 1_715_000_000_123_456_789  # Mon, 06 May 2024 12:53:20 GMT, and a fraction
GIB = 1 << 30
BIG_SIZE = 5 * GIB

# One name with every byte that a name can hold, except that "." does not come first.
EVERY_BYTE = bytes(byte for byte in range(1, 256) if byte != ord("/"))

MEDIA = (
    "html htm css js mjs json webmanifest wasm xml txt md svg png jpg jpeg gif webp avif ico "
    "woff woff2 ttf otf mp4 webm mp3 ogg pdf zip gz tar.gz vtt csv unknownext"
).split()


def pseudo_random(seed, size):
    return random.Random(seed).randbytes(size)


def percent_encode(name):
    return "".join(f"%{byte:02X}" for byte in name)


def small_files():
    """The files that are written whole: path in bytes to content."""
    files = {
        b"index.html": b"<!doctype html>\n<title>index</title>\n<p>the index of the root\n",
        b"page.html": b"<!doctype html>\n<title>page</title>\n",
        b"1k.txt": pseudo_random("1k", 1024).translate(bytes(97 + byte % 26 for byte in range(256))),
        b"zero.txt": b"",
        b"one.txt": b"1",
        b"a.css": b"body { color: black }\n",
        b"medium.bin": pseudo_random("medium", 300 * 1024),
        b"large.bin": pseudo_random("large", 16 * 1024 * 1024),
        b"dir/index.html": b"<!doctype html>\n<title>dir</title>\n",
        b"dir/file.txt": b"a file in a folder\n",
        b"dir/.git/config": b"[core]\n",
        b"dir/.well-known/security.txt": b"only the first segment counts\n",
        b"dir/.env": b"secret\n",
        b"no-index/file.txt": b"a folder without an index\n",
        b"index-is-a-folder/index.html/file.txt": b"not an index\n",
        b".hidden": b"hidden\n",
        b".well-known/security.txt": b"Contact: mailto:security@example.org\n",
        b".well-known/.secret": b"hidden\n",
        b".well-knownish": b"hidden\n",
        b"with space.txt": b"a space\n",
        b"100%.txt": b"a percent sign\n",
        b"%41.txt": b"percent, 4, 1\n",
        b"A.txt": b"the letter\n",
        b"a+b.txt": b"a plus sign\n",
        b"what?.txt": b"a question mark\n",
        b"hash#.txt": b"a hash\n",
        b"back\\slash.txt": b"a backslash\n",
        b"semi;colon.txt": b"a semicolon\n",
        b"quote\".txt": b"a quote\n",
        b"new\nline.txt": b"a newline\n",
        b"return\r\nSet-Cookie: a=b/index.html": b"a folder with a line end in its name\n",
        b"example.org/index.html": b"a folder named as a host\n",
        b"\\example.org/index.html": b"a folder named as a host, with a backslash\n",
        b"<b>bold&/index.html": b"a folder with markup in its name\n",
        "grün/índex.txt".encode(): b"UTF-8\n",
        b"\xff\xfe.txt": b"no UTF-8\n",
        b"...": b"three dots\n",
        b"..hidden": b"two dots and more\n",
        b"dots../file.txt": b"a name that ends in dots\n",
        b"locked/file.txt": b"behind a folder nobody may enter\n",
        b"locked.txt": b"nobody may read this\n",
        EVERY_BYTE: b"every byte\n",
        b"n" * 255: b"the longest name\n",
    }
    for extension in MEDIA:
        files[b"media/file." + extension.encode()] = extension.encode() + b"\n"
    files[b"media/UPPER.HTML"] = b"upper case\n"
    files[b"media/none"] = b"no extension\n"
    files[b"media/many.dots.css"] = b"many dots\n"
    files[b"/".join([b"deep"] * 40) + b"/file.txt"] = b"forty folders deep\n"
    return files


class Fixture:
    """Built in `base`: `root` is what is served, `outside` is what must never be."""

    def __init__(self, base, caps_dropped):
        self.base = os.fsencode(base)
        self.root = os.path.join(self.base, b"root")
        self.outside = os.path.join(self.base, b"outside")
        self.missing = set()
        self.sockets = []
        os.makedirs(self.root)
        os.makedirs(self.outside)
        self.write_files()
        self.write_big()
        self.link()
        self.make_special()
        self.age()
        self.missing.update(tool for tool in ("brotli", "zstd") if not shutil.which(tool))
        self.lock(caps_dropped)

    def path(self, name):
        """Of a name in the site, with or without the slash that requests begin with."""
        name = name if isinstance(name, bytes) else name.encode("latin-1")
        return os.path.join(self.root, name.lstrip(b"/"))

    def write_files(self):
        for name, content in small_files().items():
            path = self.path(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        os.makedirs(self.path("empty-dir"))
        os.makedirs(self.path("private"))
        with open(os.path.join(self.outside, b"secret.txt"), "wb") as file:
            file.write(b"SECRET\n")

    def write_big(self):
        with open(self.path("big.bin"), "wb") as file:
            for offset, marker in (
                (0, b"the first bytes!"),
                (4 * GIB - 8, b"around 4 GiB!!!!"),
                (BIG_SIZE - 16, b"the last bytes!!"),
            ):
                file.seek(offset)
                file.write(marker)

    def link(self):
        for name, target in (
            ("escape-file", os.path.join(self.outside, b"secret.txt")),
            ("escape-dir", self.outside),
            ("escape-up", b"../outside/secret.txt"),
            ("dir/escape-up", b"../../outside/secret.txt"),
            ("escape-etc", b"/etc/passwd"),
            ("escape-proc", b"/proc/self/root"),
            ("inside-absolute", self.path("1k.txt")),
            ("inside.txt", b"dir/file.txt"),
            ("dir/inside-up.txt", b"../1k.txt"),
            ("inside-dir", b"dir"),
            ("dangling", b"nowhere"),
            ("loop", b"loop"),
        ):
            os.symlink(target, self.path(name))

    def make_special(self):
        os.mkfifo(self.path("fifo"))
        os.makedirs(self.path("fifo-index"))
        os.mkfifo(self.path("fifo-index/index.html"))
        here = os.getcwd()
        os.chdir(self.root)  # the address of a socket is short
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("socket")
        os.chdir(here)
        listener.listen()
        self.sockets.append(listener)
        try:
            os.mknod(self.path("device"), 0o20666, os.makedev(1, 5))  # /dev/zero: reading it would never end
        except OSError:
            self.missing.add("device")

    def age(self):
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                os.utime(path, ns=(MODIFIED_NS, MODIFIED_NS), follow_symlinks=False)

    def lock(self, caps_dropped):
        if os.geteuid() == 0 and not caps_dropped:
            self.missing.add("permissions")
            return
        os.chmod(self.path("locked.txt"), 0)
        os.chmod(self.path("locked"), 0)

    def unlock(self):
        """So that the folder can be deleted."""
        os.chmod(self.path("locked"), 0o700)
        for listener in self.sockets:
            listener.close()

    def size(self, name):
        return os.stat(self.path(name)).st_size

    def etag(self, name, coding=None):
        """Of a file, or of one that is a coded form."""
        stat = os.stat(self.path(name))
        return f'"{stat.st_mtime_ns:x}-{stat.st_size:x}{"-" + coding if coding else ""}"'

    def modified(self, name, offset_s=0):
        seconds = os.stat(self.path(name)).st_mtime_ns // 1_000_000_000
        return email.utils.formatdate(seconds + offset_s, usegmt=True)

    def content(self, name, first, last):
        with open(self.path(name), "rb") as file:
            file.seek(first)
            return file.read(last + 1 - first)
