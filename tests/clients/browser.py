# SPDX-License-Identifier: MIT
"""Drive Chromium through its pipe: JSON of the DevTools protocol, each message ended by a zero byte.

Chromium reads orders from descriptor 3 and writes to descriptor 4. It ends by itself when the pipe
is closed, and so also when whoever holds it is killed. Nothing here waits without a deadline.
"""
import fcntl
import json
import os
import select
import shutil
import signal
import time

from tap import Failure

PATIENCE_S = 15
START_S = 30
LINES_SHOWN = 2000

# No window, no graphics processor, no sandbox (which root may not have), and nothing of its own accord.
FLAGS = """
--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe --no-first-run
--no-default-browser-check --disable-background-networking --disable-component-update --disable-sync
--disable-default-apps --disable-extensions --disable-breakpad --disable-crash-reporter --no-proxy-server
--disable-domain-reliability --disable-client-side-phishing-detection --metrics-recording-only --mute-audio
--disable-features=OptimizationHints,MediaRouter,Translate,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable
--autoplay-policy=no-user-gesture-required --password-store=basic --use-mock-keychain --lang=en-US
""".split()


def find_browser():
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    return None


def high_pipe():
    """Both ends above the descriptors that Chromium wants, and closed on exec."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends


class Browser:
    def __init__(self, program, folder, names):
        os.makedirs(folder)
        self.log = os.path.join(folder, "log")
        self.number, self.received, self.pages = 0, bytearray(), {}
        orders, self.writer = high_pipe()
        self.reader, reports = high_pipe()
        self.pid = self.spawn([program, *FLAGS, f"--user-data-dir={folder}/profile", names], folder, orders, reports)
        os.close(orders)
        os.close(reports)
        try:
            self.call("Browser.getVersion", patience=START_S)
        except (Failure, OSError) as failure:
            self.end()
            raise Failure(f"it does not start: {failure}\n{self.said()}") from None

    def spawn(self, command, folder, orders, reports):
        """In a session of its own, so that all of its processes can be ended together."""
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "XDG_RUNTIME_DIR": folder,
                       "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder, "LANG": "C.UTF-8", "TZ": "UTC"}
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 1, self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                   (os.POSIX_SPAWN_DUP2, 1, 2),
                   (os.POSIX_SPAWN_DUP2, orders, 3), (os.POSIX_SPAWN_DUP2, reports, 4)]
        return os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-LINES_SHOWN:]

    def send(self, message, deadline):
        """The pipe may be full: whoever reads at the other end is given until the deadline."""
        rest = memoryview(json.dumps(message).encode() + b"\0")
        while rest:
            if not select.select([], [self.writer], [], max(0, deadline - time.monotonic()))[1]:
                raise Failure("Chromium takes no orders")
            rest = rest[os.write(self.writer, rest[:select.PIPE_BUF]):]

    def receive(self, deadline):
        """One message."""
        while (end := self.received.find(b"\0")) < 0:
            if not select.select([self.reader], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure("Chromium says nothing more")
            piece = os.read(self.reader, 1 << 20)
            if not piece:
                raise Failure(f"Chromium has ended\n{self.said()}")
            self.received += piece
        message = json.loads(self.received[:end])
        del self.received[:end + 1]
        return message

    def call(self, method, params=None, session=None, patience=PATIENCE_S):
        deadline = time.monotonic() + patience
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self.send(message, deadline)
        while True:
            reply = self.receive(deadline)
            if reply.get("id") == self.number:
                break
            self.tell_page(reply)
        if "error" in reply:
            raise Failure(f"{method}: {reply['error'].get('message')}")
        return reply["result"]

    def tell_page(self, message):
        page = self.pages.get(message.get("sessionId"))
        if page and "method" in message:
            page.hear(message["method"], message["params"])

    def wait_until(self, holds, what, patience=PATIENCE_S):
        """Listen until it holds."""
        deadline = time.monotonic() + patience
        while not holds():
            try:
                self.tell_page(self.receive(deadline))
            except Failure as failure:
                raise Failure(f"waiting for {what}: {failure}") from None

    def is_running(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self):
        """Ask, then insist. The leader is collected last: until then nobody else has its number."""
        os.close(self.writer)
        os.close(self.reader)
        deadline = time.monotonic() + 3
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Exchange:
    """One request of a page, as it went over the wire or did not."""

    def __init__(self, url, kind):
        self.url, self.kind = url, kind
        self.asked = {}  # the fields that were sent, in lower case
        self.status = None  # what the server said: 304 where the page sees 200
        self.fields = {}
        self.has_more = self.is_done = self.is_cached = False
        self.before = None  # the redirect that led here

    @property
    def is_settled(self):
        """Status and fields are told by themselves, may come last, and are promised of what a cache has, too."""
        return self.is_done and (self.status is not None or self.is_cached or not self.has_more)


def lower(fields):
    return {name.lower(): value for name, value in fields.items()}


class Page:
    """A tab with a cache shared with the others. Listens to what goes over its wire and console."""

    DOMAINS = ("Network", "Page", "Runtime", "Log", "Audits")

    def __init__(self, browser):
        self.browser = browser
        self.target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = browser.call("Target.attachToTarget", {"targetId": self.target, "flatten": True})["sessionId"]
        browser.pages[self.session] = self
        self.forget()
        for domain in self.DOMAINS:
            self.call(domain + ".enable")

    def forget(self):
        self.order, self.exchanges, self.complaints, self.is_loaded = [], {}, [], False

    def close(self):
        del self.browser.pages[self.session]
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    def call(self, method, params=None):
        return self.browser.call(method, params, self.session)

    def hear(self, method, params):
        if method.startswith("Network."):
            self.hear_network(method.partition(".")[2], params)
        elif method == "Page.loadEventFired":
            self.is_loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"].get("exception", params)))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str([argument.get("value") for argument in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append(json.dumps(params["issue"]["details"]))

    def exchange(self, number):
        """The events of one request come in no fixed order."""
        if number not in self.exchanges:
            self.exchanges[number] = Exchange(None, None)
        return self.exchanges[number]

    def hear_network(self, what, params):
        number = params.get("requestId")
        if what == "requestWillBeSent":
            if "redirectResponse" in params:  # the same number again: this is the next
                before = self.exchanges.pop(number)
                before.has_more, before.is_done = params["redirectHasExtraInfo"], True
                self.exchange(number).before = before
            exchange = self.exchange(number)
            exchange.url, exchange.kind = params["request"]["url"], params.get("type")
            self.order.append(exchange)
        elif what == "requestWillBeSentExtraInfo":
            self.exchange(number).asked = lower(params["headers"])
        elif what == "responseReceivedExtraInfo":
            exchange = self.exchange(number)
            if exchange.before and not exchange.before.status:
                exchange = exchange.before
            exchange.status, exchange.fields = params["statusCode"], lower(params["headers"])
        elif what == "responseReceived":
            self.exchange(number).has_more = params["hasExtraInfo"]
            self.exchange(number).kind = params["type"]  # only now is a preflight called one
            self.exchange(number).is_cached |= params["response"].get("fromDiskCache", False)
        elif what == "requestServedFromCache":
            self.exchange(number).is_cached = True
        elif what in ("loadingFinished", "loadingFailed"):
            self.exchange(number).is_done = True

    def find(self, ending, kind=None):
        """The exchanges of URLs that end so, in order."""
        return [one for one in self.order if one.url.endswith(ending) and kind in (None, one.kind)]

    def one(self, ending, kind=None):
        """The only such exchange, settled. A script may know of an answer before this does."""
        def is_there():
            found = self.find(ending, kind)
            return len(found) == 1 and found[0].is_settled
        try:
            self.browser.wait_until(is_there, f"one request for {ending}")
        except Failure as failure:
            raise Failure(f"{failure}; there were {[(one.url, one.kind) for one in self.order]}") from None
        return self.find(ending, kind)[0]

    def wait_loaded(self):
        """Media is read for as long as it plays, and a picture for the tab (Other) may be that of the page before."""
        self.browser.wait_until(
            lambda: self.is_loaded and all(one.is_settled for one in self.order if one.kind not in ("Media", "Other")),
            "the page to load")
        return self

    def open(self, url):
        self.forget()
        error = self.call("Page.navigate", {"url": url}).get("errorText")
        if error:
            raise Failure(f"{url}: {error}")
        return self.wait_loaded()

    def reload(self):
        self.forget()
        self.call("Page.reload")
        return self.wait_loaded()

    def evaluate(self, expression):
        """The value, awaited."""
        result = self.call("Runtime.evaluate", {"expression": expression, "awaitPromise": True,
                                                "returnByValue": True, "userGesture": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Failure(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return result["result"].get("value")

    def click(self, expression):
        """The middle of the element, with the mouse."""
        x, y = self.evaluate(f"(() => {{ const box = ({expression}).getBoundingClientRect();"
                             " return [box.x + box.width / 2, box.y + box.height / 2] })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})
