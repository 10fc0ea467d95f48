# SPDX-License-Identifier: MIT
"""Read a .wire file into steps. The language is described at the top of `run`."""
import dataclasses
import re


class WireError(Exception):
    """A transcript that cannot be read: file:line: what."""


@dataclasses.dataclass
class Step:
    kind: str
    line: int
    argument: object = None
    variables: dict = dataclasses.field(default_factory=dict)
    checks: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Check:
    kind: str
    line: int
    argument: object = None


@dataclasses.dataclass
class Transcript:
    name: str
    rule: str
    steps: list
    only_whole: bool
    needs: list
    options: tuple
    config: list  # the lines of a YAML file; empty: none


STATUS = re.compile(r"\d{3} [^\r\n]+")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
STDERR = re.compile(r'stderr (?:([1-9]\d*) )?(".*")')
ESCAPE = re.compile(r'\\(x[0-9a-fA-F]{2}|.)')
ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", '"': '"'}
NAMED_ACTIONS = {"file", "overwrite", "copy", "remove", "truncate", "folder", "link", "age", "dated", "coded"}
BLOCKS = ("each", "repeat", "until")
TOOLS = {"br": "brotli", "zstd": "zstd"}  # what compresses and is not Python's own


def unescape(text):
    def one(match):
        code = match.group(1)
        if code in ESCAPED:
            return ESCAPED[code]
        if code[0] == "x" and len(code) == 3:
            return chr(int(code[1:], 16))
        raise WireError(f"unknown escape \\{code}")

    return ESCAPE.sub(one, text)


def strings(text):
    """The quoted strings of a line that holds nothing else."""
    rest = STRING.sub("", text).strip()
    if rest:
        raise WireError(f"expected quoted strings, found: {rest}")
    return [unescape(match) for match in STRING.findall(text)]


def pieces(text):
    """Split "a {b {c}} d" into ("a ", "b {c}", " d"): literal text and what stands in braces, in turn."""
    found, depth = [""], 0
    for char in text:
        if char == "}" and depth > 0:
            depth -= 1
            if depth == 0:
                found.append("")
                continue
        if char == "{":
            depth += 1
            if depth == 1:
                found.append("")
                continue
        found[-1] += char
    return found


class Reader:
    def __init__(self, path):
        self.path = path
        self.steps = []
        self.comments = []
        self.only_whole = False
        self.needs = []
        self.options = ()
        self.config = []
        with open(path, encoding="latin-1", newline="\n") as file:
            self.lines = self.join(file.read().split("\n"))

    @staticmethod
    def join(lines):
        """Numbered lines; one that ends with a backslash goes on in the next. Raw bytes and YAML never do."""
        joined, begin = [], None
        for number, line in enumerate(lines, 1):
            if begin is not None:
                joined[-1] = (begin, joined[-1][1] + " " + line.strip())
            else:
                joined.append((number, line.strip() if not line.lstrip().startswith(">") else line.lstrip()))
            text = joined[-1][1]
            more = text.endswith("\\") and not text.startswith((">", "|"))
            if more:
                joined[-1] = (joined[-1][0], text[:-1])
            begin = joined[-1][0] if more else None
        return joined

    def read(self):
        try:
            self.block(0, len(self.lines), {})
        except WireError as error:
            raise WireError(f"{self.path}:{self.line}: {error}") from None
        name = self.path.rsplit("/", 1)[-1].removesuffix(".wire")
        return Transcript(name, " ".join(self.comments), self.steps, self.only_whole, self.needs, self.options,
                          self.config)

    def block(self, at, end, variables):
        while at < end:
            self.line, text = self.lines[at]
            word = text.split(" ", 1)[0]
            if word in BLOCKS:
                close = self.find_end(at + 1, end)
                if word == "until":
                    self.until(at, close, variables)
                else:
                    for values in self.loop(word, text):
                        self.block(at + 1, close, variables | values)
                at = close + 1
                continue
            self.one(text, word, variables)
            at += 1

    def find_end(self, at, end):
        depth = 1
        for index in range(at, end):
            word = self.lines[index][1].split(" ", 1)[0]
            depth += (word in BLOCKS) - (word == "end")
            if depth == 0:
                return index
        raise WireError("no `end` for this block")

    def until(self, at, close, variables):
        """A step that holds steps, which are played until they succeed."""
        line, text = self.lines[at]
        outer, self.steps = self.steps, []
        self.block(at + 1, close, variables)
        inner, self.steps = self.steps, outer
        self.steps.append(Step("until", line, (int(text.split()[1]), inner), variables))

    @staticmethod
    def loop(word, text):
        if word == "repeat":
            return [{"i": str(i)} for i in range(int(text.split()[1]))]
        _, name, values = text.split(" ", 2)
        return [{name: value} for value in strings(values)]

    def add(self, kind, argument, variables):
        self.steps.append(Step(kind, self.line, argument, variables))

    def one(self, text, word, variables):
        if not text:
            return
        if text.startswith("#"):
            if not self.steps:
                self.comments.append(text[1:].strip())
        elif text.startswith(">"):
            self.add("send", text, variables)
        elif text.startswith("<"):
            self.expectation(text, variables)
        elif text.startswith("|"):
            self.yaml().append(text[1:].removeprefix(" "))
        elif word == "only-whole":
            self.only_whole = True
        elif word == "needs":
            self.needs += text.split()[1:]
        elif word == "options":
            self.options = tuple(text.split()[1:])
        elif text in ("connection", "drop", "shutdown", "reload"):
            self.add(text, None, variables)
        elif text == "reload-with":
            self.add(text, [], variables)
        elif word == "holds":
            _, folder, count = text.split(" ")
            self.add(word, (folder, int(count)), variables)
        elif word == "stderr":
            found = STDERR.fullmatch(text)
            if not found:
                raise WireError('expected: stderr [COUNT] "text"')
            self.add(word, (int(found[1] or 0), strings(found[2])[0]), variables)
        elif word == "pause":
            self.add("pause", int(text.split()[1]), variables)
        elif word in NAMED_ACTIONS:
            self.action(word, text, variables)
        else:
            raise WireError(f"unknown line: {text}")

    def yaml(self):
        """The file that a line of YAML belongs to: what is reloaded, or what the server starts with."""
        if self.steps and self.steps[-1].kind == "reload-with":
            return self.steps[-1].argument
        return self.config

    def action(self, word, text, variables):
        parts = text.split(" ", 2)
        if len(parts) < 2:
            raise WireError(f"{word} of which file?")
        argument = parts[2] if len(parts) > 2 else ""
        if word in ("file", "overwrite"):
            argument = "".join(strings(argument))
        if word == "coded":
            coding, _, fixture = argument.partition(" ")
            if coding not in ("gzip", "br", "zstd") or not fixture:
                raise WireError("expected: coded NAME gzip|br|zstd FIXTURE")
            if coding in TOOLS:
                self.needs.append(TOOLS[coding])
            argument = (coding, fixture)
        self.add(word, (parts[1], argument), variables)

    def expectation(self, text, variables):
        rest = text[1:].strip()
        if text in ("< open", "< close", "< gone"):
            self.add(rest, None, variables)
        elif text.startswith("< ") and STATUS.fullmatch(rest):
            self.add("expect", rest.split(" or "), variables)
        elif text.startswith("<body-part ") or text == "<body-cut":
            self.add(rest.split(" ")[0], self.file_range(rest.partition(" ")[2], variables), variables)
        elif not self.steps or self.steps[-1].kind != "expect":
            raise WireError("this line belongs to a response, and none is open")
        else:
            self.steps[-1].checks.append(self.check(text, rest, variables))

    def check(self, text, rest, variables):
        if text.startswith("<!"):
            return Check("absent", self.line, text[2:].strip())
        if text in ("<exact", "<same-head"):
            return Check(rest, self.line)
        if text in ("<json", "<slowly"):
            return Check("body-" + rest, self.line)
        if text.startswith("<parts-type "):
            return Check("parts-type", self.line, rest.removeprefix("parts-type ").strip())
        if text.startswith("<parts "):
            return Check("body-parts", self.line, self.parts(rest.removeprefix("parts "), variables))
        if text.startswith("<body"):
            return self.body(text[5:], variables)
        name, colon, value = rest.partition(":")
        if text.startswith("< ") and colon and " " not in name:
            return Check("field", self.line, (name, value.strip()))
        raise WireError(f"unknown expectation: {text}")

    def body(self, rest, variables):
        kind, _, argument = rest.partition(" ")
        if kind in ("-has", "-lacks"):
            return Check("body" + kind, self.line, "".join(strings(argument)))
        if kind in ("-file", "-decoded"):
            return Check("body" + kind, self.line, self.file_range(argument, variables))
        if kind == "" and argument in ("none", "{html}", "later"):
            return Check("body-" + argument.strip("{}"), self.line)
        if kind == "":
            return Check("body-text", self.line, "".join(strings(argument)))
        raise WireError(f"unknown body expectation: <body{rest}")

    @staticmethod
    def file_words(argument, variables):
        """The words of "FILE a-b ..": in braces stand values of loops, others are left to the play."""
        replaced = "".join(variables.get(piece, "{" + piece + "}") if index % 2 else piece
                           for index, piece in enumerate(pieces(argument)))
        return replaced.split(" ")

    def file_range(self, argument, variables):
        name, *numbers = self.file_words(argument, variables)
        if not numbers:
            return name, None, None
        first, _, last = numbers[0].partition("-")
        return name, int(first), int(last)

    def parts(self, argument, variables):
        name, *ranges = self.file_words(argument, variables)
        return name, [tuple(int(number) for number in one.split("-")) for one in ranges]


def read(path):
    return Reader(path).read()
