# SPDX-License-Identifier: MIT
"""What Chromium makes of the server: pages that it loads, plays, asks again for and sorts."""
import base64
import hashlib
import json
import os
import time

from browser import PATIENCE_S, Page
from stage import FINGERPRINTED, LISTED, SONG_SECONDS
from tap import Cases, Skip, expect, require

# Names below localhost lead here by themselves, and are trusted as if there were TLS. These are not.
NAMES = "--host-resolver-rules=MAP other.test 127.0.0.1,MAP app.test 127.0.0.1"
CASES = Cases()


class Visitor:
    """Knows the stage and the browser; every page begins with an empty cache."""

    def __init__(self, stage, browser):
        self.stage, self.browser = stage, browser

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.stage.port}{path}"

    def page(self):
        page = Page(self.browser)
        page.call("Network.clearBrowserCache")
        return page


def case(function):
    """Gives it a page for itself."""
    def play(visitor):
        page = visitor.page()
        try:
            function(visitor, page)
        finally:
            page.close()
    play.__name__ = function.__name__
    return CASES(play)


def is_quiet(page):
    expect("what the console says", [], page.complaints)


def is_shown(page, title):
    expect("title", title, page.evaluate("document.title"))
    expect("color by style.css", "rgb(1, 2, 3)", page.evaluate("getComputedStyle(document.querySelector('h1')).color"))
    expect("script.js", "yes", page.evaluate("document.body.dataset.ran"))


def needs_brotli(visitor):
    if "br" not in visitor.stage.coded:
        raise Skip("nothing here makes brotli")


@case
def a_page_takes_its_style_and_script_in_brotli(visitor, page):
    needs_brotli(visitor)
    page.open(visitor.url("/"))
    for name in ("/style.css", "/script.js"):
        exchange = page.one(name)
        require("br" in exchange.asked["accept-encoding"].split(", "), f"{name}: {exchange.asked}")
        expect(f"{name}, Content-Encoding", "br", exchange.fields.get("content-encoding"))
        expect(f"{name}, Vary", "Accept-Encoding", exchange.fields.get("vary"))
    is_shown(page, "Start")
    is_quiet(page)


@case
def a_page_of_a_name_without_tls_takes_gzip(visitor, page):
    """Browsers do not offer brotli there, as some proxies once spoiled it."""
    page.open(visitor.url("/", "app.test"))
    exchange = page.one("/app.css")
    require("br" not in exchange.asked["accept-encoding"], exchange.asked)
    expect("Content-Encoding", "gzip", exchange.fields.get("content-encoding"))
    expect("title", "app at /", page.evaluate("document.title"))
    is_quiet(page)


@case
def early_hints_do_not_disturb_the_page(visitor, page):
    """That they are sent to who navigates is curl's case; with HTTP/1.1 Chromium reads past them."""
    page.open(visitor.url("/"))
    document = page.one("/", "Document")
    expect("Sec-Fetch-Mode", "navigate", document.asked.get("sec-fetch-mode"))
    expect("status", 200, document.status)
    is_shown(page, "Start")
    is_quiet(page)


# With its cache, Chromium would answer some of these itself.
FETCH_PART = """
fetch({path}, {{cache: 'no-store', headers: {{Range: {range}}}}}).then(async answer => [answer.status,
    answer.headers.get('Content-Range'), answer.headers.get('Content-Type').split(';')[0],
    await answer.arrayBuffer().then(bytes => crypto.subtle.digest('SHA-256', bytes)).then(digest =>
        btoa(String.fromCharCode(...new Uint8Array(digest))))])
"""


def digest(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@case
def a_script_fetches_a_part(visitor, page):
    page.open(visitor.url("/page.html"))
    big = visitor.stage.read("big.bin")
    size, kind = len(big), "application/octet-stream"
    for asked, part, status, told in (("bytes=1000-1999", big[1000:2000], 206, f"bytes 1000-1999/{size}"),
                                      ("bytes=-77", big[-77:], 206, f"bytes {size - 77}-{size - 1}/{size}"),
                                      ("bytes=100-", big[100:], 206, f"bytes 100-{size - 1}/{size}")):
        came = page.evaluate(FETCH_PART.format(path="'/big.bin'", range=repr(asked)))
        expect(asked, [status, told, kind, digest(part)], came)
    came = page.evaluate(FETCH_PART.format(path="'/big.bin'", range="'bytes=99999999-'"))
    expect("behind the end", [416, f"bytes */{size}"], came[:2])


@case
def a_player_jumps_within_a_recording(visitor, page):
    page.open(visitor.url("/page.html"))
    at = SONG_SECONDS - 30
    came = page.evaluate(f"""
        new Promise((resolve, reject) => {{
            const player = new Audio('/song.wav');
            player.addEventListener('error', () => reject(new Error(player.error.message)));
            player.addEventListener('loadedmetadata', () => {{ player.currentTime = {at} }});
            player.addEventListener('seeked', () => {{
                resolve([Math.round(player.duration), Math.round(player.currentTime)]);
                player.src = '';
            }}, {{once: true}});
        }})""")
    expect("length and place", [SONG_SECONDS, at], came)
    page.browser.wait_until(lambda: all(one.status for one in page.find("/song.wav")), "the answers to the player")
    exchanges = page.find("/song.wav", "Media")
    require(len(exchanges) >= 2, "it has not asked for another part")
    for exchange in exchanges:
        require(exchange.asked.get("range", "").startswith("bytes="), exchange.asked)
        expect("status", 206, exchange.status)
    first = exchanges[-1].asked["range"].split("=")[1].split("-")[0]
    require(exchanges[-1].fields["content-range"].startswith(f"bytes {first}-"), exchanges[-1].fields)


@case
def a_route_of_an_app_is_the_app(visitor, page):
    for host in ("app.localhost", "app.test"):  # with Sec-Fetch-Mode, and without
        document = page.open(visitor.url("/orders/17?tab=2", host)).one("/orders/17?tab=2")
        expect("status", 200, document.status)
        expect("title", "app at /orders/17", page.evaluate("document.title"))
        expect("Cache-Control", "no-cache", document.fields.get("cache-control"))
        is_quiet(page)


@case
def what_is_missing_of_an_app_is_404(visitor, page):
    page.open(visitor.url("/orders/17", "app.localhost"))
    page.evaluate("""
        new Promise(resolve => {
            const script = document.createElement('script');
            script.onload = script.onerror = resolve;
            script.src = '/missing.js';
            document.head.append(script);
        })""")
    expect("the script", 404, page.one("/missing.js").status)
    came = page.evaluate("fetch('/missing.json').then(async answer => [answer.status, await answer.text()])")
    expect("the data", 404, came[0])
    require("The app" not in came[1], "the app is in the place of data")


@case
def a_page_that_is_the_same_is_304(visitor, page):
    first = page.open(visitor.url("/page.html")).one("/page.html")
    expect("the first time", 200, first.status)
    again = page.reload().one("/page.html")
    expect("If-None-Match", first.fields["etag"], again.asked.get("if-none-match"))
    expect("the second time", 304, again.status)
    expect("ETag of the 304", first.fields["etag"], again.fields.get("etag"))
    is_shown(page, "A page")


@case
def what_has_a_fingerprint_is_not_asked_for_again(visitor, page):
    name = "/" + FINGERPRINTED
    first = page.open(visitor.url("/")).one(name)
    expect("Cache-Control", "max-age=31536000, immutable", first.fields.get("cache-control"))
    expect("the first time", 200, first.status)
    for again in (page.reload, lambda: page.open(visitor.url("/"))):
        again()
        expect("the page", 304, page.one("/", "Document").status)
        for exchange in page.find(name):
            require(exchange.is_cached and exchange.status is None, f"it was asked for again: {exchange.status}")


@case
def what_changes_is_seen_soon(visitor, page):
    visitor.stage.write("changing.html", "<title>before</title>\n")
    page.open(visitor.url("/changing.html"))
    expect("title", "before", page.evaluate("document.title"))
    visitor.stage.write("changing.html", "<title>afterwards</title>\n")
    until = time.monotonic() + PATIENCE_S
    while page.reload().evaluate("document.title") != "afterwards":
        require(time.monotonic() < until, "it is not seen")
        time.sleep(0.2)


@case
def an_error_page_is_shown_with_its_status(visitor, page):
    document = page.open(visitor.url("/no/such/page")).one("/no/such/page")
    expect("status", 404, document.status)
    expect("nosniff", "nosniff", document.fields.get("x-content-type-options"))
    is_shown(page, "Nothing here")


@case
def redirects_lead_on_with_their_query(visitor, page):
    page.open(visitor.url("/old/page.html?a=b#c"))
    expect("address", visitor.url("/new/page.html?a=b#c"), page.evaluate("location.href"))
    expect("statuses", [301, 200], [one.status for one in page.order if one.kind == "Document"])
    is_shown(page, "A page")
    page.open(visitor.url("/sub"))
    expect("address", visitor.url("/sub/"), page.evaluate("location.href"))


@case
def a_page_comes_in_the_language_of_its_reader(visitor, page):
    agent = page.evaluate("navigator.userAgent")
    for languages, title in (("fr-FR,fr,en", "Une page"), ("en-US", "A page"), ("de", "A page")):
        page.call("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": languages})
        page.open(visitor.url("/page.html"))
        is_shown(page, title)


@case
def modules_and_webassembly_have_their_types(visitor, page):
    page.open(visitor.url("/page.html"))
    expect("the module", 42, page.evaluate("import('/module.mjs').then(module => module.answer)"))
    page.open(visitor.url("/text.txt"))  # the policy of pages lets no program be compiled
    expect("the program", "[object WebAssembly.Module]",
           page.evaluate("WebAssembly.compileStreaming(fetch('/empty.wasm')).then(String)"))


@case
def a_script_of_another_site_reads_what_is_open_to_all(visitor, page):
    page.open(visitor.url("/text.txt"))  # no policy of its own
    url = visitor.url("/data.txt", "open.localhost")
    came = page.evaluate(f"fetch('{url}', {{headers: {{'Want-Repr-Digest': 'sha-256=1'}}}})"
                         ".then(async answer => [await answer.text(), answer.headers.get('Repr-Digest')])")
    content = visitor.stage.read("../open/data.txt")
    expect("text and digest", [content.decode(), f"sha-256=:{digest(content)}:"], came)
    expect("the preflight", 204, page.one("/data.txt", "Preflight").status)
    other = visitor.url("/text.txt", "localhost")
    expect("what is not open", "TypeError", page.evaluate(f"fetch('{other}').catch(error => error.name)"))


NAMES_SHOWN = "Array.from(document.querySelectorAll('tbody[translate] tr'), row => row.cells[0].innerText.trim())"
SORTED_BY = "Array.from(document.querySelectorAll('th'), head => head.getAttribute('aria-sort'))"


@case
def a_listing_shows_names_as_they_are(visitor, page):
    page.open(visitor.url("/listed/"))
    expect("entries", {"folder/", *LISTED}, set(page.evaluate(NAMES_SHOWN)))
    expect("numbers in order", ["file-2.txt", "file-10.txt"],
           [name for name in page.evaluate(NAMES_SHOWN) if name.startswith("file-")])
    links = page.evaluate("Array.from(document.querySelectorAll('tbody[translate] tr:not(.folder) a'),"
                          " link => [link.innerText, link.href])")
    is_quiet(page)
    page.open(visitor.url("/page.html"))  # a listing's own policy lets nothing be fetched
    for name, address in links:
        came = page.evaluate(f"fetch({json.dumps(address)}).then(async answer =>"
                             " [answer.status, (await answer.arrayBuffer()).byteLength])")
        expect(f"where {name} leads", [200, LISTED[name]], came)


@case
def a_listing_is_sorted_by_a_click(visitor, page):
    page.open(visitor.url("/listed/"))
    expect("at first", ["ascending", None, None], page.evaluate(SORTED_BY))
    by_size = sorted(LISTED, key=LISTED.get)
    for way, names in (("descending", by_size[::-1]), ("ascending", by_size)):
        page.click("document.querySelectorAll('th button')[1]")
        expect("after a click on size", [None, way, None], page.evaluate(SORTED_BY))
        expect("entries", ["folder/", *names], page.evaluate(NAMES_SHOWN))
    page.click("document.querySelector('th button')")
    expect("after a click on name", ["ascending", None, None], page.evaluate(SORTED_BY))
    is_quiet(page)


@case
def a_listing_leads_down_and_up(visitor, page):
    page.open(visitor.url("/listed/"))
    for link, address in ((".folder:not(.up) a", "/listed/folder/"), (".up a", "/listed/")):
        page.forget()
        page.click(f"document.querySelector('{link}')")
        page.wait_loaded()
        expect("address", visitor.url(address), page.evaluate("location.href"))
        is_quiet(page)


@case
def a_listing_fits_a_phone(visitor, page):
    page.call("Emulation.setDeviceMetricsOverride", PHONE)
    page.open(visitor.url("/listed/"))
    expect("width", 360, page.evaluate("document.documentElement.scrollWidth"))
    is_quiet(page)


DESK = {"width": 1200, "height": 700, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


def take_pictures(visitor, folder):
    """For people to look at: nothing is expected of them."""
    os.makedirs(folder, exist_ok=True)
    for name, metrics, scheme in (("wide", DESK, "light"), ("phone", PHONE, "light"), ("dark", DESK, "dark")):
        page = visitor.page()
        page.call("Emulation.setDeviceMetricsOverride", metrics)
        page.call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        page.open(visitor.url("/listed/"))
        picture = page.call("Page.captureScreenshot", {"format": "png"})["data"]
        with open(os.path.join(folder, f"listing-{name}.png"), "wb") as file:
            file.write(base64.b64decode(picture))
        page.close()
