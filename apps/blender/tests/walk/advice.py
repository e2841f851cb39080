# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a hint says to type, read from its text as it stands at one door.

In: the text, the door's name, and what stands here for a placeholder (`NAME`, `{name}`, `…`). Out: steps, in the
order of reading. A placeholder that nobody knows, and whatever looks typed and is not understood, is an error: a hint
must not pass because it was not read. Nothing is done here.
"""

import json
import re
import shlex
from collections import namedtuple
from collections.abc import Iterator

# kind: line, request, tool; or what is said again in another way: option, member, argument, query, header, drop, meant,
# choice, an argument's
# first choice; or named, a word in backticks. what: its parts. text: how it was written.
Step = namedtuple("Step", "kind what text")

TERMINAL, HTTP, MCP = "terminal", "http", "mcp"
GAP = "…"
# Options of calls that take a value; what stands behind another one is the sentence.
TAKE_VALUES = ("-i", "-t", "--on-error", "--key", "--select", "--listen")
# Words of a sentence that goes on behind a line that is not in backticks.
GOING_ON = r" (?:to|and|or|if|for|in|shows?|lists?|says|which|when|with) "
# What stands here for the body of a route that is only named.
BODIES = {
    ("PUT", "/v1/blobs"): b"what is large",
    ("POST", "/v1/calls"): {"app": "blender", "command": "object.list"},
}
MEMBERS = "instance timeout_ms select durable idempotency_key confirm on_error wait".split()
WORD = r"(?:`\w+`|--?[a-z][\w-]*|check_only)"


class NotUnderstood(Exception):
    """Of a hint's text."""


def balanced(text, start):
    """Where the JSON object that begins at `start` ends."""
    depth, quoted = 0, False
    for at in range(start, len(text)):
        if text[at] == '"' and text[at - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return at + 1
    raise NotUnderstood("an object that does not end: %s" % text[start:])


def read(door, text, gaps):
    """The steps of a hint."""
    reader = _Reader(text, gaps)
    reader.meant()
    reader.lines()
    if door == HTTP:
        reader.requests()
    if door == MCP:
        reader.tools()
    reader.drops()
    if door == TERMINAL:
        reader.options()
    else:
        reader.members()
    reader.arguments()
    reader.names()
    reader.finish(door)
    return reader.steps


class _Reader:
    def __init__(self, text, gaps):
        self.left = text
        self.gaps = gaps
        self.steps = []

    def _take(self, pattern, make):
        def took(match):
            made = make(match)
            steps = made if isinstance(made, list) else [made]
            self.steps += [Step(kind, what, match[0].strip(" .")) for kind, what in steps]
            return " \0 "

        self.left = re.sub(pattern, took, self.left)

    def gap(self, name):
        if name not in self.gaps:
            raise NotUnderstood("nobody knows what stands for %r" % name)
        value = self.gaps[name]
        return next(value) if isinstance(value, Iterator) else value

    def filled(self, value, name=None):
        """A JSON value with its gaps put in, each by the name of its member."""
        if isinstance(value, dict):
            made = {}
            for key, one in value.items():
                if key == "args" and one == GAP:
                    made[key] = self.gap("args").get(value["command"]) or {}
                else:
                    made.update(self.gap(GAP) if key == GAP else {key: self.filled(one, key)})
            return made
        if value in (GAP, [GAP]):
            return self.gap(name)
        return value

    def object(self, text):
        text = re.sub(r'(?<!")%s(?!")' % GAP, '"%s"' % GAP, text)
        text = re.sub(r'([,{] ?)"%s"(?=})' % GAP, r'\1"%s": "%s"' % (GAP, GAP), text)
        return self.filled(json.loads(text))

    def meant(self):
        def make(match):
            return [("meant", re.sub(r"^[`'\"]|[`'\"]$", "", one)) for one in re.split(r",? or |, ", match[1])]

        self._take(r"Did you mean ([^?]+)\?", make)
        self._take(r"(?:[Ff]or example|It should look like this:) ([^\s`?{-][^\s`]*?)\.?$", make)
        # The schema of an argument: its first choice.
        self._take(r"`([\w.]+)`: one of ([\w-]+)(?:, [\w-]+)*", lambda match: ("choice", match.groups()))

    def lines(self):
        def words(text):
            found = shlex.split(text)
            for at, word in enumerate(found):
                if re.fullmatch(r"[A-Z][A-Z_]+|%s" % GAP, word):
                    # A new name where something is made, another one where it is there.
                    named = "%s %s" % (found[0], word)
                    found[at] = self.gap(named if named in self.gaps else word)
            return found

        self._take(r"`kapelle ([^`]+)`", lambda match: ("line", words(match[1])))
        piece = r"(?:(?![.,;:)]+(?:\s|$))[^\s`\0])+"
        behind = r"(?:(?!%s) %s)*" % (GOING_ON, piece)
        self._take(r"\bkapelle (%s%s)" % (piece, behind), lambda match: ("line", words(match[1])))

    def requests(self):
        found = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s,;)`\0]*[^\s,;).:`\0])")
        match = found.search(self.left)
        while match:
            method, path = match.groups()
            path = re.sub(r"\{\w+\}", lambda one: str(self.gap(one[0])), path)
            end, body = match.end(), BODIES.get((method, path))
            if self.left[end : end + 2] == " {":
                end = balanced(self.left, end + 1)
                body = self.object(self.left[match.end() + 1 : end])
            self.steps.append(Step("request", (method, path, body), self.left[match.start() : end]))
            self.left = self.left[: match.start()] + " \0 " + self.left[end:]
            match = found.search(self.left)
        # What such a request gave.
        self.left = re.sub(r'refer to it by \{"\$blob": %s\}' % GAP, "\0", self.left)

    def tools(self):
        found = re.compile(r"\b([a-z]+) (?=\{)")
        match = found.search(self.left)
        while match:
            end = balanced(self.left, match.end())
            asked = (match[1], self.object(self.left[match.end() : end]))
            self.steps.append(Step("tool", asked, self.left[match.start() : end]))
            self.left = self.left[: match.start()] + " \0 " + self.left[end:]
            match = found.search(self.left)

    def drops(self):
        def make(match):
            return [("drop", one.strip("`")) for one in match.groups() if one]

        self._take(r"(?:[Ll]eave out|without)(?: either)? (%s)(?: or (%s))?" % (WORD, WORD), make)

    def options(self):
        def make(match):
            flag, value = match.groups()
            return "option", [flag] + ([self.gaps.get(value, value)] if value else [])

        self._take(r"(--args) '([^']+)'", lambda match: ("option", [*match.groups()]))
        valued = "|".join(map(re.escape, TAKE_VALUES))
        self._take(r"(?<![\w-])(%s) ([\w*][\w.:*-]*\w|[\w*]\b)" % valued, make)

        def bare(match):
            return "option", [match[1]] + ([self.gap(match[1])] if match[1] in TAKE_VALUES else [])

        self._take(r"(?<![\w-])`?(--?[a-z][\w-]*)`?", bare)

    def members(self):
        def made(match):
            return json.loads(match[2])

        self._take(r'`"(\w+)": ([^`]+)` in `args`', lambda match: ("argument", {match[1]: made(match)}))
        self._take(r'`"(\w+)": ([^`]+)`', lambda match: ("member", {match[1]: made(match)}))
        self._take(r'"(\w+)": ("[^"]+") in the tool\'s arguments', lambda match: ("member", {match[1]: made(match)}))
        self._take(r"\?(\w+)=([^\s,]*[^\s,.])", lambda match: ("query", "%s=%s" % match.groups()))
        self._take(r"`([A-Z][\w-]+): ([^`]+)`", lambda match: ("header", {match[1]: self._words(match[2])}))
        # A list of all there are is no advice to use them.
        self._take(
            r"The arguments are (?:`\w+`(?:, )?)+",
            lambda match: [("named", one) for one in re.findall(r"\w+", match[0][18:])],
        )
        for name in MEMBERS:
            self._take(r"`%s`" % name, lambda match, name=name: ("member", {name: self.gap(name)}))

    def _words(self, text):
        return re.sub(r"\b[A-Z]{3,}\b", lambda match: str(self.gap(match[0])), text)

    def arguments(self):
        def make(match):
            try:
                value = json.loads(match[2])
            except ValueError:
                value = match[2]
            return "argument", {match[1]: value}

        self._take(r"(?<![\w?&-])([a-z][a-z_]+)=([\w.-]*\w)", make)

    def names(self):
        self._take(r"`([\w.*<>:-]+|\[\w+\])`", lambda match: ("named", match[1]))

    def finish(self, door):
        """Nothing that looks typed may be left."""
        signs = ["`", "kapelle ", GAP] + (["/v1/", "{"] if door != TERMINAL else [])
        for sign in signs:
            if sign in self.left:
                raise NotUnderstood("%r is left over in %r" % (sign, self.left))
