# SPDX-License-Identifier: GPL-3.0-or-later
"""One undo step per call that changed something, under the call's name.

In: `push` after such a call. Out: a step in Blender's own history, shared with the artist's. Each of our steps
ends in a number of its own (`#12`), by which history.py finds it again among the artist's. In background Blender never
pushes a first step, neither at its start nor when a file is opened, and cannot undo without one: `base` does it
before the first call that may change something. What was pushed for whom, and stepping back, are history.py's.

Calls of a group share one step: it is pushed when the group ends, or when anything else comes first, because a
step holds what there is when it is pushed.
"""

import re
import time
from collections import deque
from contextlib import nullcontext

import bpy

from .guards import quietly

# Blender keeps 63 bytes of a step's name.
LABEL_BYTES_MAX = 63
# Steps remembered; Blender keeps 32 by default and at most 256 (preference `undo_steps`).
STEPS_MAX = 256
# An artist may step back after this long without a further call of a group whose end never came.
GROUP_IDLE_S = 2.0
BASE = "Kapelle: before the first call"
_NUMBER = re.compile(r"^Kapelle: .* #(\d+)$")


class Undo:
    def __init__(self):
        self._needs_base = bpy.app.background
        self._count = 0
        self._open = None  # the Open group whose step is not pushed yet
        self.steps = deque(maxlen=STEPS_MAX)  # {"call", "label"} of the open file, oldest first

    @property
    def has_begun(self):
        """Whether Blender has a first step. Its history may not be read before that."""
        return not self._needs_base

    def loaded(self):
        """Another file is open: its history is empty."""
        self._needs_base = bpy.app.background
        self._open = None
        self.steps.clear()

    def base(self):
        """Pushes the first step where Blender has not done so. Cheap when there is nothing to do."""
        if self._needs_base:
            self._needs_base = False
            _push(BASE)

    def push(self, call):
        """One step for this call, or for its group when that ends. Returns its label."""
        group = call.group
        if group is not None and self._open is not None and self._open.id == group.id:
            label = self._open.label
        else:
            self.close()
            self._count += 1
            label = label_of(call, self._count, "" if group is None or group.last else " and more")
            if group is None:
                _push(label)
            else:
                self._open = Open(group.id, label)
        self.steps.append({"call": call.id, "label": label})
        if group is not None:
            self._open.touched()
        return label

    def close(self, unless=None):
        """Pushes the step of the open group, unless it is that of the call `unless`."""
        if self._open is None or (unless is not None and unless.group is not None and unless.group.id == self._open.id):
            return
        label, self._open = self._open.label, None
        _push(label)

    def ended(self, call, ended_well):
        """A call has ended; its group may have with it."""
        group = call.group
        if group is not None and (group.last or (group.stop and not ended_well)):
            if self._open is not None and self._open.id == group.id:
                self.close()

    def close_if_left(self):
        """Pushes the step of a group of which nothing came for GROUP_IDLE_S. For a timer: seconds until it should
        look again, or None."""
        if self._open is None:
            return None
        left = self._open.at + GROUP_IDLE_S - time.monotonic()
        if left > 0:
            return left
        self.close()
        return None

    @property
    def has_open_group(self):
        return self._open is not None


class Open:
    """A group whose step is not pushed yet; `at`: when it was last added to."""

    __slots__ = ("id", "label", "at")

    def __init__(self, id, label):
        self.id = id
        self.label = label
        self.touched()

    def touched(self):
        self.at = time.monotonic()


def label_of(call, number, more=""):
    """ "Kapelle: object.create Cube (owner) #12", its middle cut to what Blender keeps."""
    named = call.args.get("name") or call.args.get("kind") or ""
    text = "Kapelle: %s %s" % (call.command, named if isinstance(named, str) else "")
    text = text.strip() + more
    text = "%s (%s)" % (text, call.owner) if call.owner else text
    text = "".join(one if one.isprintable() else " " for one in text)
    tail = " #%d" % number
    return text.encode("utf-8", "replace")[: LABEL_BYTES_MAX - len(tail)].decode("utf-8", "ignore") + tail


def number_of(label):
    """The number in a step's name, or None where the step is not ours."""
    found = _NUMBER.match(label)
    return int(found.group(1)) if found else None


def a_window():
    """A context for the undo operators: they need a window where there are any, and a timer has none after a file was
    opened."""
    windows = bpy.context.window_manager.windows
    if bpy.context.window is not None or not windows:
        return nullcontext()
    return bpy.context.temp_override(window=windows[0])


def _push(label):
    with a_window():
        quietly(bpy.ops.ed.undo_push, message=label)
