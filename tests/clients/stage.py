# SPDX-License-Identifier: MIT
"""A site for the clients, and one server for it. Everything lies below one folder that goes away."""
import gzip
import os
import random
import shutil
import struct
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "wire"))
from server import SANITIZER, Server  # noqa: E402
from tap import require  # noqa: E402

SECRET = b"nobody may read this"
A_DAY_S = 24 * 3600

CONFIGURATION = """\
root: site
index: [index.html]
cache: auto
max-age: 600
presets: [security]
listing: on
languages: [en, fr]
listing-fresh: 0
headers:
  - path: "*.html"
    set:
      - "Content-Security-Policy: default-src 'self'"
redirects:
  - prefix: /old/
    to: /new/
  - from: /elsewhere
    to: http://other.test/
    status: 302
rewrites:
  - from: /new/page.html
    to: /page.html
hints:
  - path: /index.html
    link:
      - "</style.css>; rel=preload; as=style"
      - "</script.js>; rel=preload; as=script"
errors:
  404: /404.html
hosts:
  - names: [other.test]
    root: other
  - names: [app.localhost, app.test]
    root: app
    fallback: /index.html
  - names: [open.localhost]
    root: open
    presets: [security, cors]
    codings: [none]
"""

PAGE = """\
<!doctype html>
<html lang="{language}"><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="/style.css">
<script src="/script.js"></script>
<h1>{title}</h1>
{more}
</html>
"""
FILLING = "".join(f"/* {number:4} of many lines that are much the same */\n" for number in range(400))
STYLE = FILLING + "h1 { color: rgb(1, 2, 3) }\n"
SCRIPT = FILLING + "document.addEventListener('DOMContentLoaded', () => { document.body.dataset.ran = 'yes' })\n"
APP = PAGE.replace("/script.js", "/app.js").replace("/style.css", "/app.css")
APP_SCRIPT = "document.title = 'app at ' + location.pathname\n"

# The second and third are what a listing must escape; all differ in size.
LISTED = {
    "a small one.txt": 10,
    "<img src=x onerror=alert(1)>.txt": 3000,
    "100% & #1?.txt": 200,
    "file-2.txt": 40000,
    "file-10.txt": 2000000,
    "\u00fc\u4e16\U0001f600.txt": 500,
}
FINGERPRINTED = "assets/logo.0a1b2c3d4e.svg"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>\n'
# The eight bytes that every module begins with are a module.
WASM = b"\0asm\1\0\0\0"
BIG_SIZE = 3 << 20
SONG_SECONDS = 1200


def make_song(path):
    """Silence in WAV, 38 MB that take no place: 8 kHz, 16 bits, both channels."""
    rate, frame = 8000, 4
    size = SONG_SECONDS * rate * frame
    with open(path, "wb") as file:
        file.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, rate,
                               rate * frame, frame, 16, b"data", size))
        file.truncate(file.tell() + size)


class Stage:
    """The folder, the server, and where both are found."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.root = os.path.join(folder, "site")
        self.socket = os.path.join(folder, "quoit.sock")
        self.coded = {"gzip"}
        self.server = None
        self.lay_out()

    @property
    def port(self):
        return self.server.port

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def lay_out(self):
        with open(os.path.join(self.folder, "quoit.yaml"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        self.write("../secret.txt", SECRET)
        self.lay_out_site()
        self.lay_out_hosts()
        for name in ("style.css", "script.js", "text.txt", "../app/app.css", "../app/app.js"):
            self.add_coded_forms(name)
        # A file of this second has no strong validator yet (RFC 9110 8.8.2.2).
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                then = os.stat(path).st_mtime - A_DAY_S
                os.utime(path, (then, then))

    def lay_out_site(self):
        image = f'<img src="/{FINGERPRINTED}" alt="">'
        self.write("index.html", PAGE.format(language="en", title="Start", more=image))
        self.write("page.html", PAGE.format(language="en", title="A page", more=""))
        self.write("page.fr.html", PAGE.format(language="fr", title="Une page", more=""))
        self.write("404.html", PAGE.format(language="en", title="Nothing here", more=""))
        self.write("sub/index.html", PAGE.format(language="en", title="Below", more=""))
        self.write("style.css", STYLE)
        self.write("script.js", SCRIPT)
        self.write("text.txt", FILLING)
        self.write("module.mjs", "export const answer = 42\n")
        self.write("empty.wasm", WASM)
        self.write("favicon.ico", b"\0\0\1\0\0\0")
        self.write(FINGERPRINTED, PICTURE)
        self.write("big.bin", random.Random(3).randbytes(BIG_SIZE))
        make_song(self.path("song.wav"))
        os.makedirs(self.path("listed/folder"))
        for name, size in LISTED.items():
            self.write("listed/" + name, bytes(size))

    def lay_out_hosts(self):
        self.write("../other/index.html", "<title>The other one</title>\n")
        self.write("../open/data.txt", "open to all\n")
        self.write("../app/index.html", APP.format(language="en", title="The app", more=""))
        self.write("../app/app.css", STYLE)
        self.write("../app/app.js", FILLING + APP_SCRIPT)
        self.write("../app/favicon.ico", b"\0\0\1\0\0\0")

    def add_coded_forms(self, name):
        """.gz always, .br and .zst where there is a program that makes them."""
        self.write(name + ".gz", gzip.compress(self.read(name)))
        for coding, suffix, command in (("br", ".br", ["brotli", "-c"]), ("zstd", ".zst", ["zstd", "-q", "-c"])):
            if shutil.which(command[0]):
                result = subprocess.run([*command, self.path(name)], stdin=subprocess.DEVNULL, check=True,
                                        stdout=subprocess.PIPE, timeout=20)
                self.write(name + suffix, result.stdout)
                self.coded.add(coding)

    def start(self, engine):
        command = [self.binary, "serve", "--config", os.path.join(self.folder, "quoit.yaml"), "--threads", "2",
                   "--listen", "127.0.0.1:0", "--listen", "unix:" + self.socket, "--engine", engine]
        self.server = Server(command, False).wait()
        return self

    def stop(self):
        complaint = self.server.stop()
        errors = self.server.errors()
        require(not complaint, complaint)
        require(not SANITIZER.search(errors), errors[-4000:])

    def end(self):
        """In whatever state it is."""
        if self.server and self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait()
