# SPDX-License-Identifier: GPL-3.0-or-later
"""Several objects by names, patterns and types; and new names.

In: what a caller gave. Out: objects, each once, or a Problem: `not_found`, `name_taken`, `arguments_invalid`.
"""

import fnmatch

import bpy

from . import names, plain_names
from .bridgekit.problem import Problem


def objects(name, several, what):
    """The objects of `name` and `names`. `what` is the command, for its message."""
    wanted = ([name] if name is not None else []) + [*(several or [])]
    if not wanted:
        raise Problem("arguments_invalid", "%s needs a name." % what, hint="Pass `name` or `names`.")
    return list({one: names.object_named(one) for one in wanted}.values())


def fitting(several=None, pattern=None, type=None, collection=None):
    """The objects of the active scene that fit all that is given; names must exist."""
    found = [*bpy.context.scene.objects]
    if collection is not None:
        inside = {one.name for one in names.find(bpy.data.collections, "collection", collection).all_objects}
        found = [one for one in found if one.name in inside]
    if several is not None:
        wanted = {names.object_named(one).name for one in several}
        found = [one for one in found if one.name in wanted]
    if pattern is not None:
        found = [one for one in found if fnmatch.fnmatch(one.name, pattern)]
    if type is not None:
        found = [one for one in found if one.type == type.upper()]
    return found


def rename(collection, what, one, to):
    """Gives a thing another name. Raises name_taken where Blender would add a number."""
    to = plain_names.plain(to)
    other = collection.get(to)
    if other is not None and other != one:
        raise Problem(
            "name_taken",
            "%s %s named %r already exists." % ("An" if what[0] in "aeiou" else "A", what, to),
            hint="Choose another name, or rename that one.",
        )
    if not to.strip():
        raise Problem("arguments_invalid", "A name cannot be empty.")
    one.name = to
