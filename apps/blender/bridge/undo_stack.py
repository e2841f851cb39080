# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Blender's undo history, which Python cannot see.

In: the running Blender, on the main thread, outside of Blender's own handlers and drawing. Out: a `Stack`, oldest step
first, or None where it could not be read. Nothing is changed by reading. It costs about 0.4 ms.

How: `WindowManager.print_undo_steps` prints the history by C's own stdout. For that moment the process's standard
output leads into a temporary file; what else was printed there in the meantime is passed on. It is the same
text in 3.4, 4.5 and 5.2. A text that does not look like it gives None, and whoever asks must then say that he does
not know.
"""

import ctypes
import os
import re
import sys
import tempfile

import bpy

# `[*#M ]   1 {0x7fb916d7c688} type='Global Undo', name='Move'`
_STEP = re.compile(r"\[(.)(.)(.)(.)\]\s+(\d+) \{(\w+)\} type='(.*?)', name='(.*)'")
_HEAD = re.compile(r"Undo (\d+) Steps?\b|No undo steps recorded")
STDOUT = 1
_library = []  # C's, once it is loaded


class Step:
    """`label` as the artist sees it, `kind` ("Global Undo", "Edit Mesh" …), `hidden`: Blender passes over it."""

    __slots__ = ("label", "kind", "hidden")

    def __init__(self, label, kind, hidden):
        self.label = label
        self.kind = kind
        self.hidden = hidden


class Stack:
    """`steps`, oldest first; `active`: the index of the one that the file is at, -1 when there is none; `first`: where
    in Blender's own history they begin."""

    __slots__ = ("steps", "active", "first")

    def __init__(self, steps, active, first=0):
        self.steps = steps
        self.active = active
        self.first = first


def read(base):
    """The Stack from the newest step named `base` on, or None. In background that step is the first of the open file:
    3.4 keeps the steps of the file before, once one was opened, and would step back into it. Only once a step has
    been pushed: before that 3.4 and 4.5 crash on being asked."""
    try:
        text = _printed(bpy.context.window_manager.print_undo_steps)
    except (OSError, AttributeError, ValueError):
        return None
    return _since(parse(text), base)


def _since(stack, base):
    if stack is None:
        return None
    firsts = [at for at in range(stack.active + 1) if stack.steps[at].label == base]
    cut = firsts[-1] if firsts else 0
    return Stack(stack.steps[cut:], stack.active - cut, cut)


def parse(text):
    """The Stack that such a text tells, or None."""
    head = _HEAD.search(text)
    if head is None:
        return None
    steps, active = [], -1
    for found in _STEP.finditer(text):
        if int(found[5]) != len(steps):
            return None
        if found[1] == "*":
            active = len(steps)
        steps.append(Step(found[8], found[7], found[4] == "S"))
    if len(steps) != int(head[1] or 0) or (steps and active < 0):
        return None
    return Stack(steps, active)


def _printed(prints):
    """What `prints()` writes by C's stdout."""
    flush = _c_library().fflush
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(STDOUT)
        try:
            flush(None)
            os.dup2(file.fileno(), STDOUT)
            try:
                prints()
                flush(None)
            finally:
                os.dup2(kept, STDOUT)
            file.seek(0)
            text = file.read().decode("utf-8", "replace")
            _pass_on(kept, text)
        finally:
            os.close(kept)
    return text


def _pass_on(stdout, text):
    """What another thread printed meanwhile."""
    for line in text.splitlines(True):
        if line.strip() and not _HEAD.match(line) and not _STEP.match(line):
            os.write(stdout, line.encode("utf-8", "replace"))


def _c_library():
    if not _library:
        _library.append(ctypes.cdll.ucrtbase if os.name == "nt" else ctypes.CDLL(None))
    return _library[0]
