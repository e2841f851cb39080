# SPDX-License-Identifier: MIT OR Apache-2.0
"""A call on its way through the bridge, as a command sees it, and `Deferred`.

States of a call: waiting -> running -> (deferred ->) ended. The executor moves it; here are only the
things that a command may do with its call. What a command calls in here takes no lock, because the main
thread may be interrupted in the middle of it (see interrupt.py): records go into deques, whose append
is one step for the interpreter, and a thread of the link takes them out.
"""

import hashlib
import math
import time
from collections import deque

from .frames import FrameError
from .problem import Problem

# Log records kept for one call; more than a person reads, and one frame holds them.
LOGS_MAX = 1000
# Characters of one log record.
LOG_TEXT_MAX = 8192
# Characters of a hub's mark: it stands in an announcement for every outcome that is kept.
MARK_MAX = 64
# Bytes of all blobs of one outcome: as much as the outbox keeps in all.
BLOB_BYTES_MAX = 256 * 1024 * 1024


class Deferred:
    """A command returns it to leave the main thread: `run(call) -> value` runs on a worker thread."""

    __slots__ = ("run",)

    def __init__(self, run):
        self.run = run


class Group:
    """Calls that belong together: what they change is one undo step.

    `id`; `last`: no further call of the group comes; `stop`: none comes if this one does not succeed.
    """

    __slots__ = ("id", "last", "stop")

    def __init__(self, id, last=False, stop=False):
        self.id = id
        self.last = last
        self.stop = stop

    @classmethod
    def of(cls, told):
        """The group of a `call` message, or None."""
        if not isinstance(told, dict) or not isinstance(told.get("id"), str):
            return None
        return cls(told["id"], bool(told.get("last")), bool(told.get("stop")))


class Call:
    """One request to run a command.

    `id`, `command`, `args`, `owner` (who asks, for people), `owner_id` (who that is: a later token of the same name is
    another owner; what is kept is kept under this), `scopes` (frozenset of read, write, destructive, code,
    admin), `timeout_ms` (from the start of the run, or None), `revision` (at which the state must still be, or
    None), `group` (a `Group` of calls that belong together, or None), `mark` (what the hub notes for itself and is told
    again after a reconnect, or None), `winners` (of code: variables that count before a last expression), `limits` (of
    memory and files, see call_limits.py, or None), `cancelled` (true once somebody cancelled it or its time is over;
    safe to read from any thread).
    """

    __slots__ = (
        "id", "command", "args", "owner", "owner_id", "scopes", "timeout_ms", "revision", "group", "mark",
        "winners", "limits",
        "cancelled", "entry", "ending", "opened", "started_at", "deadline", "first_shot_at", "last_shot_at", "wedged",
        "settled", "capture", "port", "blobs", "incoming", "logs", "logs_left_out", "fresh_logs", "fresh_progress",
        "fresh_details", "told_progress", "_on_cancel", "_blob_bytes",
    )  # fmt: skip

    def __init__(self, id, command, args=None, owner="", scopes=(), timeout_ms=None, port=None):
        self.id = id
        self.command = command
        self.args = args or {}
        self.owner = owner
        self.owner_id = owner
        self.scopes = frozenset(scopes)
        self.timeout_ms = timeout_ms
        self.revision = None
        self.group = None
        self.mark = None
        self.winners = ()
        self.limits = None
        self.cancelled = False
        # What follows belongs to the executor and the link.
        self.entry = None
        self.ending = None  # None, "cancelled" or "timed_out": why it is being ended
        self.opened = False  # whether its function may have begun
        self.started_at = None
        self.deadline = None
        self.first_shot_at = None
        self.last_shot_at = None
        self.wedged = False
        self.settled = False
        self.capture = None
        self.port = port
        self.blobs = None  # hash -> bytes that travel with the outcome
        self.incoming = None  # blob references of the arguments -> held files
        self.logs = None
        self.logs_left_out = 0
        self.fresh_logs = None
        self.fresh_progress = None
        self.fresh_details = None
        self.told_progress = None
        self._on_cancel = None
        self._blob_bytes = 0

    @classmethod
    def of_message(cls, item):
        """The call of a `call` message. Raises FrameError `call` when it has not its form."""
        call_id, command, args = item.get("id"), item.get("command"), item.get("args") or {}
        if not isinstance(call_id, str) or not isinstance(command, str) or not isinstance(args, dict):
            raise FrameError("call", "a call needs a text `id`, a text `command` and an object `args`")
        timeout_ms = item.get("timeout_ms")
        if isinstance(timeout_ms, bool) or not isinstance(timeout_ms, (int, float)):
            timeout_ms = None
        scopes = item.get("scopes")
        scopes = [scope for scope in scopes if isinstance(scope, str)] if isinstance(scopes, list) else ()
        call = cls(call_id, command, args, str(item.get("owner") or ""), scopes, timeout_ms)
        owner_id = item.get("owner_id")
        call.owner_id = owner_id if isinstance(owner_id, str) and owner_id else call.owner
        revision = item.get("revision")
        call.revision = revision if isinstance(revision, int) else None
        call.group = Group.of(item.get("group"))
        mark = item.get("mark")
        call.mark = mark if isinstance(mark, str) and len(mark) <= MARK_MAX else None
        return call

    def progress(self, fraction, text="", details=None):
        """Says how far the call is: `fraction` from 0 to 1 or None, a short text, and for programs a small dict of
        plain values, which stays as it is once it was given."""
        if fraction is not None:
            fraction = float(fraction)
            fraction = None if math.isnan(fraction) else min(1.0, max(0.0, fraction))
        self.fresh_details = details
        self.fresh_progress = (fraction, str(text)[:LOG_TEXT_MAX])
        self._nudge()

    def log(self, level, text, source=""):
        """Adds a record to the outcome's logs and streams it. `level`: debug, info, warning, error."""
        if self.logs is None:
            # In this order: an interrupt between the two must not leave the second one out.
            self.fresh_logs = deque()
            self.logs = deque()
        if len(self.logs) >= LOGS_MAX:
            self.logs_left_out += 1
            return
        record = {"level": str(level), "source": str(source), "text": _short(str(text))}
        self.logs.append(record)
        self.fresh_logs.append(record)
        self._nudge()

    def blob(self, data, media_type=None, dtype=None, shape=None):
        """Keeps bytes to travel with the outcome; returns the {"$blob": …} that stands for them."""
        data = data if isinstance(data, bytes) else bytes(data)
        name = "sha256:" + hashlib.sha256(data).hexdigest()
        if self.blobs is None:
            self.blobs = {}
        if name not in self.blobs:
            if self._blob_bytes + len(data) > BLOB_BYTES_MAX:
                raise Problem(
                    "value_too_large",
                    f"The binary values of this call exceed {BLOB_BYTES_MAX >> 20} MiB together.",
                    hint="Write large results to a file and return its path.",
                )
            self.blobs[name] = data
            self._blob_bytes += len(data)
        reference = {"$blob": name, "bytes": len(data)}
        if media_type:
            reference["media_type"] = media_type
        if dtype:
            reference["dtype"] = dtype
        if shape is not None:
            reference["shape"] = [int(n) for n in shape]
        return reference

    def read_blob(self, reference):
        """The bytes behind a {"$blob": …} of the arguments. Raises the Problem `blob_unknown`."""
        return self._held(reference).read()

    def blob_path(self, reference):
        """The path of the temporary file that holds the blob; it is removed after the call."""
        return self._held(reference).path

    def on_cancel(self, function):
        """`function()` runs once when the call is cancelled or timed out: on the link's thread, so it
        must be quick. At once when that has happened already."""
        if self._on_cancel is None:
            self._on_cancel = deque()
        self._on_cancel.append(function)
        if self.cancelled:
            self.run_on_cancel()

    def run_on_cancel(self):
        """Runs what `on_cancel` registered. Each function runs once, whoever comes first takes it."""
        waiting = self._on_cancel
        while waiting:
            try:
                function = waiting.popleft()
            except IndexError:
                return
            try:
                function()
            except Exception as error:
                self.log("error", f"on_cancel failed: {error!r}", "bridge")

    def age_ms(self):
        """Milliseconds since the start of the run; 0 while it waits."""
        return 0 if self.started_at is None else int((time.monotonic() - self.started_at) * 1000)

    def known(self):
        """What the bridge tells of it after a reconnect."""
        told = {"id": self.id, "command": self.command, "owner": self.owner}
        if self.owner_id != self.owner:
            told["owner_id"] = self.owner_id
        if self.mark is not None:
            told["mark"] = self.mark
        return told

    def _held(self, reference):
        name = reference.get("$blob") if isinstance(reference, dict) else reference
        held = (self.incoming or {}).get(name)
        if held is None:
            raise Problem(
                "blob_unknown",
                f"The blob {name} did not come with this call.",
                hint='In the arguments, a blob is {"$blob": "sha256:…"}, as named by the hub.',
            )
        return held

    def _nudge(self):
        if self.port is not None:
            self.port.nudge()


def _short(text):
    if len(text) <= LOG_TEXT_MAX:
        return text
    return text[:LOG_TEXT_MAX] + f" [… {len(text) - LOG_TEXT_MAX} characters left out]"
