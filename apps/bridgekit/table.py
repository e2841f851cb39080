# SPDX-License-Identifier: MIT OR Apache-2.0
"""The commands of a bridge: name -> function, with its effect and its parameters.

In: functions registered by a decorator. Out: `Entry` objects for the executor, and for an application that the hub has
no description of, the descriptions (describe.py). It checks argument names only; types and ranges were checked by the
hub from the command's description.
"""

import difflib
import inspect

from .describe import refuse_unknown, spec_of
from .problem import Problem

EFFECTS = ("read", "write", "destructive", "code")


class Entry:
    """One registered command."""

    __slots__ = ("name", "effect", "run", "more", "parameters", "required", "takes_any")

    def __init__(self, name, effect, run, more=None):
        if effect not in EFFECTS:
            raise ValueError(f"the effect of {name} is one of {', '.join(EFFECTS)}, not {effect!r}")
        self.name = name
        self.effect = effect
        self.run = run
        self.more = more or {}
        refuse_unknown(self.more)
        parameters = list(inspect.signature(run).parameters.values())[1:]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.parameters = frozenset(p.name for p in named)
        self.required = frozenset(p.name for p in named if p.default is p.empty)
        self.takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def check(self, args):
        """Raises the Problem `arguments_invalid` when a name is missing or not known."""
        missing = self.required.difference(args)
        unknown = () if self.takes_any else set(args).difference(self.parameters)
        if not missing and not unknown:
            return
        said = [f"it needs {', '.join(sorted(missing))}"] if missing else []
        said += [f"it does not know {', '.join(sorted(map(str, unknown)))}"] if unknown else []
        raise Problem(
            "arguments_invalid",
            f"The arguments do not fit {self.name}: {'; '.join(said)}.",
            hint="It takes: %s." % (", ".join(sorted(self.parameters)) or "no arguments"),
        )


class Table:
    """All commands of a bridge."""

    def __init__(self):
        self._entries = {}

    def command(self, name, effect="write", **more):
        """Decorator: registers `function(call, **args) -> value | Deferred` under `noun.verb`. `more`: what its
        description has besides: timeout_ms, concurrent, repeatable, keywords, example, result, docs, role."""

        def register(function):
            if name in self._entries:
                raise ValueError(f"the command {name} is registered twice")
            self._entries[name] = Entry(name, effect, function, more)
            return function

        return register

    def get(self, name):
        """The Entry, or None."""
        return self._entries.get(name)

    def names(self):
        """All names, sorted."""
        return sorted(self._entries)

    def specs(self):
        """The descriptions of all commands, for an announcement. Raises ValueError for a function without a docstring,
        or with an annotation that has no JSON Schema."""
        entries = [self._entries[name] for name in self.names()]
        return [spec_of(one.name, one.effect, one.run, **one.more) for one in entries]

    def unknown(self, name):
        """The Problem for a name that is not here."""
        near = difflib.get_close_matches(name, self._entries, n=3, cutoff=0.75)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(self.names()[:40])}."
        return Problem("command_unknown", f"This bridge has no command {name!r}.", hint=hint)
