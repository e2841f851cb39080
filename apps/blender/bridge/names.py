# SPDX-License-Identifier: GPL-3.0-or-later
"""From a name to the thing in the open file, or a Problem that tells the near names and those that exist."""

import difflib

import bpy

from .bridgekit.problem import Problem

# Names that a hint lists; more would not be read.
LISTED_MAX = 20
# Names that are compared for nearness; difflib costs some microseconds each.
COMPARED_MAX = 5000


def near(name, known):
    """A hint: "Did you mean …?", else the names that exist, at most 20 of them."""
    known = [str(one) for one in known]
    if not known:
        return "There are none."
    found = close(name, known)
    if found:
        return "Did you mean %s?" % " or ".join(map(repr, found))
    listed = ", ".join(repr(one) for one in known[:LISTED_MAX])
    more = len(known) - LISTED_MAX
    return "There are: %s%s." % (listed, " and %d more" % more if more > 0 else "")


def close(name, known):
    """Up to three of the known names that are near, the nearest first."""
    folded = {one.lower(): one for one in reversed(known[:COMPARED_MAX])}
    return [folded[one] for one in difflib.get_close_matches(str(name).lower(), list(folded), n=3, cutoff=0.6)]


def unknown(what, name, known):
    """The Problem `not_found` for a name that is not there. `what` is "object", "material" and so on."""
    return Problem("not_found", "There is no %s named %r." % (what, name), hint=near(name, known))


def find(collection, what, name):
    """The item of a bpy collection. Raises not_found."""
    found = collection.get(name)
    if found is None:
        raise unknown(what, name, collection.keys())
    return found


def object_named(name):
    """The object of the open file. Raises not_found."""
    return find(bpy.data.objects, "object", name)


def object_of(name, kind, what):
    """The object of that type ("CAMERA", "LIGHT", …). Raises not_found with the names of that type."""
    found = object_named(name) if name in bpy.data.objects else None
    of_kind = [one.name for one in bpy.data.objects if one.type == kind]
    if found is None:
        raise unknown(what, name, of_kind)
    if found.type != kind:
        raise Problem(
            "not_found",
            "The object %r is a %s, not a %s." % (name, found.type.lower(), what),
            hint="%ss: %s." % (what.capitalize(), ", ".join(map(repr, of_kind[:LISTED_MAX])) or "none"),
        )
    return found


def scene_named(name=None):
    """The scene of that name, or the active one for None. Raises not_found."""
    if name is None:
        return bpy.context.scene
    return find(bpy.data.scenes, "scene", name)
