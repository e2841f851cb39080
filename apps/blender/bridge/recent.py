# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of this Blender as a person at it wants to see them: which run, which ended last, who asked.

It stands between the executor and the link: what the executor says passes through unchanged. In: calls that start
and end, from any thread. Out: `ended` (newest first), `owners`, and `version`, which moves with every call, so that
one who shows it knows when to look again. It knows no bpy and draws nothing.
"""

import threading
import time
from collections import deque

from .bridgekit.port import Port

# Entries kept: more than a panel shows.
KEPT_MAX = 20
# Characters of what a call is about.
ABOUT_CHARS_MAX = 40
# Names of callers kept.
OWNERS_MAX = 4
# Arguments that say best what a call is about, in this order.
_TELLING = ("name", "object", "path", "material", "query", "kind", "code")

# How a line of code begins that says nothing about what the code does.
_SILENT = ("import ", "from ", "#", '"', "'")


class Recent(Port):
    """`link` is the port that everything goes to."""

    def __init__(self, link):
        self._link = link
        self.version = 0
        self.last_end = float("-inf")  # by time.monotonic()
        self._ended = deque(maxlen=KEPT_MAX)
        self._lock = threading.Lock()
        # Straight through: these may be called in the middle of a call, and take no lock.
        self.state = link.state
        self.nudge = link.nudge
        self.beat_now = link.beat_now
        self.catch_up = link.catch_up

    def started(self, call):
        self.version += 1
        self._link.started(call)

    def settle(self, call, told):
        self._link.settle(call, told)
        self.settled(call, told)

    def settled(self, call, told):
        """For a call whose outcome goes elsewhere."""
        with self._lock:
            self._note(call, told)
            self.version += 1

    def settled_directly(self, call, told):
        """For a call of the direct mode: a hub that is there hears of it."""
        self._link.direct(call, told)
        self.settled(call, told)

    def ended(self):
        """The last calls, newest first: {"call", "command", "about", "owner", "effect", "status", "message",
        "ended_at", "duration_ms", "wedged_s", "count"}. Like reads one after the other are one entry."""
        with self._lock:
            return [dict(entry) for entry in reversed(self._ended)]

    def owners(self):
        """Who asked for these calls, the latest first."""
        told = []
        for entry in self.ended():
            if entry["owner"] and entry["owner"] not in told:
                told.append(entry["owner"])
        return told[:OWNERS_MAX]

    def _note(self, call, told):
        self.last_end = time.monotonic()
        entry = {
            "call": call.id,
            "command": call.command,
            "about": about(call),
            "owner": call.owner,
            "effect": call.entry.effect if call.entry is not None else None,
            "status": told.get("status"),
            "message": (told.get("problem") or {}).get("message", ""),
            "ended_at": time.time(),
            "duration_ms": told.get("duration_ms", 0.0),
            "wedged_s": time.monotonic() - call.first_shot_at if call.wedged else 0.0,
            "count": 1,
        }
        last = self._ended[-1] if self._ended else None
        if last is not None and _alike(last, entry):
            entry["count"] += last["count"]
            self._ended.pop()
        self._ended.append(entry)


class Noting:
    """An executor for callers that have ports of their own (the direct mode): their calls are noted as well."""

    def __init__(self, executor, recent):
        self.table = executor.table
        self.cancel = executor.cancel
        self._executor = executor
        self._recent = recent

    def submit(self, call):
        call.port = _Noted(call.port, self._recent)
        return self._executor.submit(call)


class _Noted(Port):
    def __init__(self, port, recent):
        self._port = port
        self._recent = recent
        self.nudge = port.nudge
        self.state = port.state
        self.beat_now = port.beat_now

    def started(self, call):
        self._recent.version += 1
        self._port.started(call)

    def settle(self, call, told):
        self._port.settle(call, told)
        self._recent.settled_directly(call, told)


def about(call):
    """What the call is about in a few words: a name, a file, the first line of its code."""
    for key in _TELLING:
        value = call.args.get(key)
        if isinstance(value, str) and value.strip():
            line = value.strip().splitlines()[0]
            if key == "code":
                line = _telling_line(value) or line
            elif key == "path":
                line = line.replace("\\", "/").rsplit("/", 1)[-1]
            return line if len(line) <= ABOUT_CHARS_MAX else line[: ABOUT_CHARS_MAX - 1] + "…"
    return ""


def _telling_line(code):
    """The first line of code that does something."""
    lines = (line.strip() for line in code.splitlines())
    return next((line for line in lines if line and not line.startswith(_SILENT)), None)


def _alike(one, other):
    """Whether two entries say the same to a person: reads of one caller that went well."""
    same = all(one[key] == other[key] for key in ("command", "owner", "status"))
    return same and one["effect"] == "read" and one["status"] == "succeeded" and not one["wedged_s"]
