# SPDX-License-Identifier: GPL-3.0-or-later
"""state.*: a small summary of the open file, what changed in it since a revision, and setting parts of it."""

import bpy

from .. import host, names
from ..bridgekit.problem import Problem
from ..command_table import table
from . import object as objects
from . import scene as scenes


def _is_range(value):
    return isinstance(value, list) and len(value) == 2 and all(type(one) is int for one in value)


def _are_names(value):
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_name(value):
    return isinstance(value, str)


# What can be set, what it must be, and that in words.
_MEMBERS = {
    "scene": (_is_name, "the name of a scene"),
    "frame": (lambda value: type(value) is int, "a whole number"),
    "range": (_is_range, "two whole numbers, [first, last]"),
    "camera": (_is_name, "the name of a camera"),
    "active": (lambda value: value is None or _is_name(value), "the name of an object"),
    "selected": (_are_names, "a list of names of objects"),
}


@table.command("state.get", effect="read")
def get(call):
    return host.current().state()


@table.command("state.changes", effect="read")
def changes(call, since=0):
    return host.current().since(since)


@table.command("state.update", effect="write")
def update(call, state):
    for name, value in state.items():
        if name not in _MEMBERS:
            raise Problem(
                "arguments_invalid",
                "`%s` of the state cannot be set." % name,
                hint="These can be set: %s." % ", ".join(_MEMBERS),
            )
        fits, words = _MEMBERS[name]
        if not fits(value):
            raise Problem("arguments_invalid", "`state.%s` cannot be %r." % (name, value), hint="It is %s." % words)
    if "scene" in state:
        scenes.set_(call, name=state["scene"], active=True)
    first, last = state.get("range", (None, None))
    scenes.set_(call, frame=state.get("frame"), frame_start=first, frame_end=last, camera=state.get("camera"))
    if "selected" in state:
        objects.select(call, names=state["selected"] or None, active=state.get("active"))
    elif state.get("active") is not None:
        bpy.context.view_layer.objects.active = names.object_named(state["active"])
    return host.current().state()
