# SPDX-License-Identifier: MIT
"""What curl makes of the server: one case for each thing that people use it for."""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

from stage import FILLING, SECRET
from tap import Cases, Failure, Skip, expect, require

PATIENCE_S = 10
CASES = Cases()


class Head:
    def __init__(self, text):
        first, *lines = text.split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", first)
        require(found, f"no status line: {first!r}")
        self.status = int(found.group(1))
        self.fields = [tuple(line.split(": ", 1)) for line in lines]

    def get(self, name):
        """None, or its lines joined."""
        return ", ".join(value for have, value in self.fields if have.lower() == name.lower()) or None


class Reply:
    """All heads, the last of them, the last body, and what --write-out has said."""

    def __init__(self, head, body, said, code):
        self.heads = [Head(text) for text in head.decode("latin-1").split("\r\n\r\n") if text]
        require(self.heads, f"no answer (curl ends with {code})")
        self.head, self.body, self.said, self.code = self.heads[-1], body, said, code

    def expect(self, status, body=None, **fields):
        """Of a field, underscores stand for dashes; None: it is not there."""
        expect("status", status, self.head.status)
        for name, value in fields.items():
            name = name.replace("_", "-")
            expect(name, value, self.head.get(name))
        if body is not None and body != self.body:
            raise Failure(f"expected a body of {len(body)} bytes, came {len(self.body)}: {self.body[:80]!r}")
        return self


def features():
    """The words that `curl -V` has for what it was built with; None without curl."""
    if not shutil.which("curl"):
        return None
    result = subprocess.run(["curl", "-V"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=True)
    return set(re.search(r"(?m)^Features: (.*)$", result.stdout).group(1).split())


class Curl:
    def __init__(self, stage, words):
        self.stage, self.features = stage, words
        self.folder = os.path.join(stage.folder, "curl")
        os.makedirs(self.folder)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C"}

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.stage.port}{path}"

    def file(self, name, content=None):
        """A path; without content there is no such file."""
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        elif os.path.exists(path):
            os.unlink(path)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def run(self, *arguments):
        """With a bound on time, without a ~/.curlrc, without a proxy."""
        command = ["curl", "-q", "-sS", "--max-time", str(PATIENCE_S), "--noproxy", "*", *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=PATIENCE_S * 2, env=self.environment, check=False)

    def ask(self, target, *arguments, output=None, may_fail=False):
        """Target: a path, or a whole URL."""
        head = self.file("head")
        body = output or self.file("body")
        url = self.url(target) if target.startswith("/") else target
        result = self.run("-D", head, "-o", body, *arguments, url)
        require(may_fail or result.returncode == 0, f"curl ends with {result.returncode}: {result.stderr}")
        return Reply(self.read(head) if os.path.exists(head) else b"",
                     self.read(body) if os.path.exists(body) else b"", result.stdout.decode(), result.returncode)

    def needs(self, feature):
        if feature not in self.features:
            raise Skip(f"this curl is built without {feature}")


def parts_of(reply):
    """Of multipart/byteranges: [(Content-Range, bytes)]."""
    boundary = re.fullmatch(r"multipart/byteranges; ?boundary=(\S+)", reply.head.get("Content-Type") or "")
    require(boundary, f"no multipart: {reply.head.fields}")
    first, *parts, last = (b"\r\n" + reply.body).split(b"\r\n--" + boundary.group(1).encode())
    expect("before the first part", b"", first)
    expect("behind the last part", b"--\r\n", last)
    found = []
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        found.append((re.search(r"(?i)Content-Range: (.*)", head.decode()).group(1).strip(), body))
    return found


@CASES
def a_range_is_just_that_part(curl):
    big = curl.stage.read("big.bin")
    size = len(big)
    for asked, first, last in (("100-199", 100, 199), ("0-0", 0, 0), ("-500", size - 500, size - 1),
                               (f"{size - 10}-", size - 10, size - 1), ("5-999999999", 5, size - 1)):
        curl.ask("/big.bin", "--range", asked).expect(
            206, big[first:last + 1], Content_Range=f"bytes {first}-{last}/{size}",
            Content_Length=str(last - first + 1))
    curl.ask("/big.bin", "--range", f"{size}-").expect(416, Content_Range=f"bytes */{size}")


@CASES
def several_ranges_come_as_multipart(curl):
    big = curl.stage.read("big.bin")
    size = len(big)
    reply = curl.ask("/big.bin", "--range", "0-9,500000-599999,-5").expect(206)
    expect("parts", [(f"bytes 0-9/{size}", big[:10]), (f"bytes 500000-599999/{size}", big[500000:600000]),
                     (f"bytes {size - 5}-{size - 1}/{size}", big[-5:])], parts_of(reply))
    expect("Content-Length", str(len(reply.body)), reply.head.get("Content-Length"))


@CASES
def a_download_that_stopped_is_resumed(curl):
    big = curl.stage.read("big.bin")
    path = curl.file("resumed", big[:len(big) // 2])
    curl.ask("/big.bin", "-C", "-", output=path).expect(206, big)


@CASES
def a_download_that_is_complete_is_left_alone(curl):
    big = curl.stage.read("big.bin")
    path = curl.file("complete", big)
    curl.ask("/big.bin", "-C", "-", output=path, may_fail=True).expect(416)
    expect("the file", big, curl.read(path))


@CASES
def a_time_condition_is_kept(curl):
    text, changed = curl.stage.path("page.html"), curl.ask("/page.html").head.get("Last-Modified")
    later = format_datetime(parsedate_to_datetime(changed) + timedelta(hours=1), usegmt=True)
    curl.ask("/page.html", "--time-cond", text).expect(304, b"", Content_Length=None)
    curl.ask("/page.html", "--time-cond", changed).expect(304, b"")
    curl.ask("/page.html", "--time-cond", "1 Jan 2001").expect(200, curl.stage.read("page.html"))
    curl.ask("/page.html", "--time-cond", "-1 Jan 2001").expect(412)
    curl.ask("/page.html", "--time-cond", "-" + later).expect(200, curl.stage.read("page.html"))


@CASES
def an_etag_that_is_kept_saves_the_body(curl):
    tag = curl.file("etag")
    curl.ask("/big.bin", "--etag-save", tag).expect(200, curl.stage.read("big.bin"))
    require(re.fullmatch(rb'"[^"]+"\n', curl.read(tag)), f"saved: {curl.read(tag)!r}")
    curl.ask("/big.bin", "--etag-compare", tag).expect(304, b"")
    curl.ask("/style.css", "--etag-compare", tag).expect(200, curl.stage.read("style.css"))


def take_coded(curl, coding, feature, suffix):
    curl.needs(feature)
    if coding not in curl.stage.coded:
        raise Skip(f"nothing here makes {coding}")
    plain, coded = curl.stage.read("text.txt"), curl.stage.read("text.txt" + suffix)
    field = ["-H", f"Accept-Encoding: {coding}"]
    fields = {"Content_Encoding": coding, "Vary": "Accept-Encoding", "Content_Type": "text/plain; charset=utf-8"}
    curl.ask("/text.txt", "--compressed", *field).expect(200, plain, **fields)
    curl.ask("/text.txt", *field).expect(200, coded, **fields)
    curl.ask("/text.txt", *field, "-r", "10-59").expect(206, coded[10:60], **fields)
    whole = curl.ask("/text.txt").expect(200, plain, Content_Encoding=None, Vary="Accept-Encoding")
    own = curl.ask("/text.txt", *field).head.get("ETag")
    require(own != whole.head.get("ETag"), f"the coded form has the ETag of the plain one: {own}")
    curl.ask("/text.txt", *field, "-H", f"If-None-Match: {own}").expect(304, b"", ETag=own, Vary="Accept-Encoding")


@CASES
def brotli_is_decoded_to_the_file(curl):
    take_coded(curl, "br", "brotli", ".br")


@CASES
def zstd_is_decoded_to_the_file(curl):
    take_coded(curl, "zstd", "zstd", ".zst")


@CASES
def gzip_is_decoded_to_the_file(curl):
    take_coded(curl, "gzip", "libz", ".gz")


@CASES
def compressed_is_the_best_that_both_know(curl):
    words = {"br": "brotli", "zstd": "zstd", "gzip": "libz"}
    both = [coding for coding in words if coding in curl.stage.coded and words[coding] in curl.features]
    reply = curl.ask("/text.txt", "--compressed").expect(200, FILLING.encode())
    expect("Content-Encoding", both[0] if both else None, reply.head.get("Content-Encoding"))
    curl.ask("/text.txt", "--tr-encoding").expect(200, FILLING.encode(), Transfer_Encoding=None)


@CASES
def head_has_the_fields_of_get_and_no_body(curl):
    for path in ("/page.html", "/big.bin", "/nowhere", "/sub", "/listed/"):
        get, head = curl.ask(path), curl.ask(path, "-I")
        lasting = [[field for field in reply.head.fields if field[0] != "Date"] for reply in (get, head)]
        expect(f"fields of {path}", *lasting)
        expect("status", get.head.status, head.head.status)
        text = "\r\n".join(": ".join(field) for field in head.head.fields)
        require(head.body.decode().rstrip().endswith(text), f"-I shows more than the head: {head.body!r}")


@CASES
def options_says_what_is_allowed(curl):
    curl.ask("/page.html", "-X", "OPTIONS").expect(204, b"", Allow="GET, HEAD, OPTIONS")
    curl.ask("/", "-X", "OPTIONS", "--request-target", "*").expect(204, b"", Allow="GET, HEAD, OPTIONS")


@CASES
def what_would_change_a_file_is_refused(curl):
    before = curl.stage.read("page.html")
    upload = curl.file("upload", b"mine now")
    for arguments in (("-T", upload), ("-X", "DELETE"), ("-d", "a=b"), ("-F", f"file=@{upload}")):
        curl.ask("/page.html", *arguments).expect(405, Allow="GET, HEAD, OPTIONS")
    expect("the file", before, curl.stage.read("page.html"))


@CASES
def redirects_are_followed_with_their_query(curl):
    page = curl.stage.read("page.html")
    write_out = ("-L", "--max-redirs", "3", "-w", "%{num_redirects} %{url_effective}")
    reply = curl.ask("/old/page.html?a=b&c=%20d", *write_out).expect(200, page)
    expect("redirects", "1 " + curl.url("/new/page.html?a=b&c=%20d"), reply.said)
    reply = curl.ask("/sub?a=b", *write_out).expect(200, curl.stage.read("sub/index.html"))
    expect("redirects", "1 " + curl.url("/sub/?a=b"), reply.said)
    expect("the first answer", 301, reply.heads[0].status)
    curl.ask("/elsewhere").expect(302, Location="http://other.test/")


@CASES
def no_path_leads_out_of_the_root(curl):
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/sub/../../secret.txt", "/..%2fsecret.txt",
                 "/sub/..%2f..%2fsecret.txt", "/.%2e/secret.txt", "/..;/secret.txt", "/..\\secret.txt",
                 "//../secret.txt", "/%252e%252e/secret.txt", "/listed/../../secret.txt%00.html"):
        reply = curl.ask(path, "--path-as-is")
        require(reply.head.status in (400, 404), f"{path}: {reply.head.status}")
        require(SECRET not in reply.body, f"{path} shows what is outside")
    curl.ask("/sub/../page.html", "--path-as-is").expect(200, curl.stage.read("page.html"))


@CASES
def a_language_is_chosen(curl):
    for value, name, language in (("fr-CA, en;q=0.5", "page.fr.html", "fr"), ("en", "page.html", "en"),
                                  ("de", "page.html", "en"), ("en;q=0.1, fr;q=0.2", "page.fr.html", "fr")):
        reply = curl.ask("/page.html", "-H", "Accept-Language: " + value)
        reply.expect(200, curl.stage.read(name), Content_Language=language)
        require("Accept-Language" in reply.head.get("Vary"), reply.head.get("Vary"))


@CASES
def a_host_is_found_by_its_name(curl):
    port = curl.stage.port
    url = curl.url("/", "other.test")
    other = curl.stage.read("../other/index.html")
    curl.ask(url, "--resolve", f"other.test:{port}:127.0.0.1").expect(200, other)
    curl.ask("/", "-H", "Host: OTHER.test.").expect(200, other)
    curl.ask(url, "--connect-to", f"other.test:{port}:127.0.0.1:{port}").expect(200, other)
    curl.ask(url, "--proxy", curl.url(""), "--noproxy", "").expect(200, other)
    curl.ask("/", "-H", "Host: nobody.test").expect(200, curl.stage.read("index.html"))
    curl.ask("/", "-H", "Host:").expect(400)


@CASES
def a_unix_socket_is_as_good(curl):
    curl.needs("UnixSockets")
    big = curl.stage.read("big.bin")
    socket = ("--unix-socket", curl.stage.socket)
    curl.ask("http://localhost/big.bin", *socket).expect(200, big)
    curl.ask("http://localhost/big.bin", *socket, "-r", "7-").expect(206, big[7:])
    curl.ask("http://other.test/", *socket).expect(200, curl.stage.read("../other/index.html"))


@CASES
def a_large_body_is_not_sent_when_it_is_refused(curl):
    body = curl.file("posted", bytes(3 << 20))
    reply = curl.ask("/page.html", "--data-binary", "@" + body, "-H", "Expect: 100-continue",
                     "--expect100-timeout", str(PATIENCE_S), "-w", "%{size_upload} %{time_total}")
    require(reply.head.status in (405, 413), f"status {reply.head.status}")
    expect("answers", 1, len(reply.heads))
    sent, took = reply.said.split()
    expect("bytes sent", "0", sent)
    require(float(took) < PATIENCE_S / 2, f"it took {took} s")


@CASES
def a_body_is_read_off_and_the_connection_kept(curl):
    body, url = curl.file("small", bytes(300000)), curl.url("/page.html")
    told = ("-w", "%{http_code} %{num_connects} %{size_download}\n", "-o", os.devnull)
    size = len(curl.stage.read("page.html"))
    for field in ("Expect:", "Transfer-Encoding: chunked"):
        result = curl.run("--data-binary", "@" + body, "-H", field, *told, url,
                          "--next", "-q", "-sS", "--noproxy", "*", *told, url)
        lines = result.stdout.decode().split("\n")
        require(lines[0].startswith("405 1 "), f"the first answer: {lines[0]}")
        expect("the second, on the same connection", f"200 0 {size}", lines[1])


@CASES
def one_connection_serves_many_urls(curl):
    paths = ("/", "/big.bin", "/nowhere", "/sub", "/listed/", "/page.html", "/song.wav", "/style.css")
    arguments = [argument for path in paths for argument in ("-o", os.devnull, curl.url(path))]
    result = curl.run("-w", "%{http_code} %{num_connects}\n", *arguments)
    expect("statuses, and connections made",
           "200 1\n200 0\n404 0\n301 0\n200 0\n200 0\n200 0\n200 0\n", result.stdout.decode())
    many = curl.run("--parallel", "--parallel-max", "40", "-o", os.devnull, "-w", "%{http_code} %{size_download}\n",
                    curl.url("/style.css?[1-120]"))
    expect("forty at a time", {f"200 {len(curl.stage.read('style.css'))}"}, set(many.stdout.decode().split("\n")[:-1]))


@CASES
def http_1_0_is_understood(curl):
    size = str(len(curl.stage.read("page.html")))
    curl.ask("/page.html", "--http1.0").expect(200, curl.stage.read("page.html"), Connection="close",
                                               Content_Length=size, Transfer_Encoding=None)
    curl.ask("/page.html", "--http1.0", "-H", "Connection: keep-alive").expect(200, Connection="keep-alive")


@CASES
def an_offer_of_http_2_is_declined(curl):
    curl.needs("HTTP2")
    curl.ask("/page.html", "--http2").expect(200, curl.stage.read("page.html"), Upgrade=None)


@CASES
def a_digest_is_that_of_the_file(curl):
    big = curl.stage.read("big.bin")
    value = f"sha-256=:{base64.b64encode(hashlib.sha256(big).digest()).decode()}:"
    wanted = ("-H", "Want-Repr-Digest: sha-256=5")
    curl.ask("/big.bin", *wanted).expect(200, big, Repr_Digest=value)
    curl.ask("/big.bin", *wanted, "-r", "0-9").expect(206, big[:10], Repr_Digest=value)
    curl.ask("/big.bin").expect(200, Repr_Digest=None)
    coded = curl.stage.read("text.txt.gz")
    value = f"sha-256=:{base64.b64encode(hashlib.sha256(coded).digest()).decode()}:"
    curl.ask("/text.txt", *wanted, "-H", "Accept-Encoding: gzip").expect(200, coded, Repr_Digest=value)


@CASES
def early_hints_come_before_the_page(curl):
    reply = curl.ask("/", "-H", "Sec-Fetch-Mode: navigate").expect(200, curl.stage.read("index.html"), Link=None)
    expect("statuses", [103, 200], [head.status for head in reply.heads])
    expect("Link", "</style.css>; rel=preload; as=style, </script.js>; rel=preload; as=script",
           reply.heads[0].get("Link"))
    expect("answers", 1, len(curl.ask("/").heads))


@CASES
def a_folder_is_listed_as_json(curl):
    reply = curl.ask("/listed/", "-H", "Accept: application/json").expect(200, Content_Type="application/json")
    entries = json.loads(reply.body)
    expect("the first", ("folder", "directory"), (entries[0]["name"], entries[0]["type"]))
    for entry in entries[1:]:
        content = curl.stage.read("listed/" + entry["name"])
        expect(f"size of {entry['name']}", len(content), entry["size"])
        curl.ask("/listed/" + entry["href"]).expect(200, content)
