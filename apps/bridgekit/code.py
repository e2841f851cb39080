# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compiles and runs a caller's code, and keeps the namespaces of callers.

`run` gives the value of the last expression, else of `_result`. It raises whatever
the code raises; tracebacks.py makes that readable. Capture and interrupts are not its business.

Each source gets a file name of its own inside Python (`<code-7>`), shown as `<code>`: only so do the
lines in a traceback stay right for a function that an earlier call defined.
"""

import __future__ as futures

import ast
import linecache
from collections import OrderedDict

# Sources whose compiled form and lines are kept: the lines are shown in tracebacks of later calls.
SOURCES_MAX = 128
SOURCE_CHARS_MAX = 4 * 1024 * 1024
# Callers whose variables are kept; the one that was used longest ago goes.
OWNERS_MAX = 32
# Namespaces of one caller.
NAMES_MAX = 16

_FUTURE_FLAGS = 0
for _name in futures.all_feature_names:
    _FUTURE_FLAGS |= getattr(futures, _name).compiler_flag


class Compiled:
    """One source, ready to run: what comes before the last expression, and that expression."""

    __slots__ = ("filename", "body", "last", "chars")

    def __init__(self, source, filename):
        self.filename = filename
        self.chars = len(source)
        tree = ast.parse(source, filename, "exec")
        self.body = self.last = None
        flags = 0
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        else:
            last = None
        if tree.body:
            self.body = compile(tree, filename, "exec", dont_inherit=True)
            flags = self.body.co_flags & _FUTURE_FLAGS
        if last is not None:
            self.last = compile(last, filename, "eval", flags=flags, dont_inherit=True)


class Sources:
    """The sources that were compiled, the most recently used last; bounded."""

    def __init__(self):
        self._kept = OrderedDict()
        self._chars = 0
        self._count = 0

    def compile(self, source):
        """The Compiled of a source. Raises SyntaxError, ValueError (a NUL), UnicodeError, RecursionError."""
        compiled = self._kept.get(source)
        if compiled is not None:
            self._kept.move_to_end(source)
            return compiled
        self._count += 1
        filename = f"<code-{self._count}>"
        lines = (len(source), None, source.splitlines(True), filename)
        # Before compiling, so that a warning or a SyntaxError finds its line.
        linecache.cache[filename] = lines
        try:
            compiled = Compiled(source, filename)
        except BaseException:
            linecache.cache.pop(filename, None)
            raise
        self._kept[source] = compiled
        self._chars += compiled.chars
        while len(self._kept) > 1 and (len(self._kept) > SOURCES_MAX or self._chars > SOURCE_CHARS_MAX):
            _, oldest = self._kept.popitem(last=False)
            self._chars -= oldest.chars
            linecache.cache.pop(oldest.filename, None)
        return compiled


class Namespaces:
    """The variables of callers: one namespace per owner and name, kept between calls; bounded."""

    def __init__(self, fresh):
        self._fresh = fresh  # () -> dict of a new namespace
        self._owners = OrderedDict()

    def get(self, owner, name="", reset=False):
        """The namespace, made if there is none; `reset` makes a new one in any case."""
        names = self._owners.get(owner)
        if names is None:
            names = self._owners[owner] = OrderedDict()
            if len(self._owners) > OWNERS_MAX:
                self._owners.popitem(last=False)
        self._owners.move_to_end(owner)
        if reset or name not in names:
            names[name] = self._fresh()
            if len(names) > NAMES_MAX:
                names.popitem(last=False)
        names.move_to_end(name)
        return names[name]

    def all(self):
        """All that are kept: [(owner, name, variables)]."""
        return [(owner, name, kept) for owner, names in self._owners.items() for name, kept in names.items()]

    def forget(self, owner=None):
        """Drops all namespaces of an owner, or of everybody."""
        if owner is None:
            self._owners.clear()
        else:
            self._owners.pop(owner, None)


def run(source, namespace, filename=None):
    """Compiles and runs `source` in `namespace`: see `execute`.

    With a `filename` it is compiled under that name, and its lines are not kept for tracebacks.
    """
    return execute(Compiled(source, filename) if filename else _SOURCES.compile(source), namespace)


def execute(compiled, namespace, winners=()):
    """Runs what was compiled; returns the value of the last expression, else of `_result`. A variable that the code
    sets and `winners` names counts before both."""
    for name in ("_result", *winners):
        namespace.pop(name, None)  # one that an earlier call left is not this call's
    if compiled.body is not None:
        exec(compiled.body, namespace)
    if compiled.last is not None:
        value = eval(compiled.last, namespace)
        if value is not None and namespace.keys().isdisjoint(winners):
            return value
    # Also when the last expression gives nothing, such as print(…).
    return next((namespace[name] for name in (*winners, "_result") if name in namespace), None)


_SOURCES = Sources()
