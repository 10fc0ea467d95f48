# SPDX-License-Identifier: MIT
"""Cases, and what is printed of them. A case is a function; its name is the rule."""
import subprocess
import sys
import time
import traceback


class Failure(Exception):
    """What was expected and what came instead."""


class Skip(Exception):
    """What is missing here."""


def require(condition, message):
    if not condition:
        raise Failure(message)


def expect(what, expected, came):
    require(expected == came, f"{what}: expected {expected!r}, came {came!r}")


class Cases(list):
    """Used as a decorator, it takes a function in; the order is that of the file."""

    def __call__(self, function):
        self.append(function)
        return function


# All cases together. A browser that hangs would else be waited for once in each.
TOGETHER_S = 120


class Tap:
    """Each line says which client it is about."""

    def __init__(self, words, timed):
        self.client, self.words, self.timed = None, words, timed
        self.count = self.failures = 0
        self.until = time.monotonic() + TOGETHER_S

    def is_wanted(self, rule):
        return not self.words or any(word in rule for word in self.words)

    def line(self, verdict, rule, remark=""):
        self.count += 1
        print(f"{verdict} {self.count} - {self.client}: {rule}{remark}", flush=True)

    def skip(self, rule, reason):
        self.line("ok", rule, f" # SKIP {reason}")

    def check(self, rule, function, *arguments):
        """What the function returns; None, and a failed line, when it raises Failure."""
        began = time.monotonic()
        try:
            result = function(*arguments)
        except Skip as skip:
            return self.skip(rule, skip)
        except Exception as failure:  # also of a field that is not there: the other cases are tried all the same
            expected = isinstance(failure, (Failure, OSError, RuntimeError, subprocess.SubprocessError))
            self.failures += 1
            self.line("not ok", rule)
            for line in (str(failure) if expected else traceback.format_exc()).splitlines():
                print(f"# {line}", file=sys.stderr, flush=True)  # which meson shows
            return None
        self.line("ok", rule, f" ({time.monotonic() - began:.2f} s)" if self.timed else "")
        return result

    def play(self, cases, subject):
        for case in cases:
            rule = case.__name__.replace("_", " ")
            if self.is_wanted(rule):
                self.check(rule, self.in_time, case, subject)

    def in_time(self, case, subject):
        require(time.monotonic() < self.until, f"not tried: the cases before it took {TOGETHER_S} s")
        return case(subject)

    def skip_all(self, cases, reason):
        for case in cases:
            self.skip(case.__name__.replace("_", " "), reason)
