# SPDX-License-Identifier: GPL-3.0-or-later
"""One undo step per call that changed something, under the call's name.

In: `push` after such a call. Out: a step in Blender's own history, shared with the artist's, and a short
record of which call made which step. In background Blender never pushes a first step, neither at its start
nor when a file is opened, and cannot undo without one: `base` does it before the first call that may change
something. Stepping back is not done here.
"""

from collections import deque

import bpy

from .guards import quietly

# Blender keeps 63 bytes of a step's name.
LABEL_BYTES_MAX = 63
# Steps remembered; Blender keeps 32 by default and at most 256 (preference `undo_steps`).
STEPS_MAX = 256


class Undo:
    def __init__(self):
        self._needs_base = bpy.app.background
        self.steps = deque(maxlen=STEPS_MAX)  # {"call", "label"}, oldest first

    def loaded(self):
        """Another file is open: its history is empty."""
        self._needs_base = bpy.app.background
        self.steps.clear()

    def base(self):
        """Pushes the first step where Blender has not done so. Cheap when there is nothing to do."""
        if self._needs_base:
            self._needs_base = False
            _push("Kapelle: before the first call")

    def push(self, call):
        """One step for this call."""
        label = label_of(call)
        _push(label)
        self.steps.append({"call": call.id, "label": label})


def label_of(call):
    """ "Kapelle: object.create Cube (owner)", cut to what Blender keeps."""
    named = call.args.get("name") or call.args.get("kind") or ""
    text = "Kapelle: %s %s" % (call.command, named if isinstance(named, str) else "")
    text = "%s (%s)" % (text.strip(), call.owner) if call.owner else text.strip()
    return text.encode("utf-8", "replace")[:LABEL_BYTES_MAX].decode("utf-8", "ignore")


def _push(label):
    quietly(bpy.ops.ed.undo_push, message=label)
