# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that callers keep between calls and that Blender has pulled the rug from under.

In: the namespaces of code.run, right after an undo, a redo or the opening of a file. Out: the names of variables that
hold things which are gone. Nothing that may lie in freed memory is read: of a datablock (an object, a mesh) Python
itself knows whether it still stands; of a part of one (a vertex, a modifier, a node) it does not, so every kept part
counts as gone.
"""

import bmesh
import bpy
import mathutils

# How deep lists and dicts are looked into, and how many items of each.
DEPTH_MAX = 3
ITEMS_MAX = 1000
# Names that an answer lists.
LISTED_MAX = 50
# Parts of the program and not of the file: they outlive an undo.
_LASTING = tuple(
    getattr(bpy.types, name)
    for name in (
        "Context",
        "BlendData",
        "Preferences",
        "Window",
        "Area",
        "Region",
        "Space",
        "Property",
        "Struct",
        "RenderEngine",
    )
)
_PARTS = (
    bpy.types.bpy_prop_array,
    mathutils.Vector,
    mathutils.Euler,
    mathutils.Quaternion,
    mathutils.Matrix,
    mathutils.Color,
)
_BMESH = (bmesh.types.BMesh, bmesh.types.BMVert, bmesh.types.BMEdge, bmesh.types.BMFace, bmesh.types.BMLoop)


def invalid(namespace, parts=True):
    """Names of the variables that hold something gone, sorted. `parts`: parts of datablocks count, as they must right
    after an undo; else only what Python knows to be gone."""
    main = _main()
    found = []
    for name, value in list(namespace.items()):
        if isinstance(name, str) and not name.startswith("__") and _is_gone(value, parts, main, DEPTH_MAX, set()):
            found.append(name)
    return sorted(found)


def of_owner(namespaces, owner):
    """The names for one caller, those of a named namespace as "namespace: name"; at most 50, the rest counted."""
    told = []
    for who, space, variables in sorted(namespaces.all(), key=lambda one: one[:2]):
        if who == owner:
            told += ["%s: %s" % (space, name) if space else name for name in invalid(variables)]
    return told[:LISTED_MAX] + (["… %d more" % (len(told) - LISTED_MAX)] if len(told) > LISTED_MAX else [])


def _is_gone(value, parts, main, depth, seen):
    if isinstance(value, bpy.types.bpy_struct):
        return _struct_is_gone(value, parts)
    if isinstance(value, bpy.types.bpy_prop_collection):
        return parts and not any(value == one for one in main)
    if isinstance(value, _BMESH):
        return not value.is_valid
    if isinstance(value, _PARTS):
        return parts and getattr(value, "owner", value) is not None  # a vector that stands for a property has an owner
    # Each container once: what holds itself a thousand times would never end.
    if depth <= 0 or id(value) in seen:
        return False
    seen.add(id(value))
    if isinstance(value, dict):
        return any(_is_gone(one, parts, main, depth - 1, seen) for one in list(value.values())[:ITEMS_MAX])
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_is_gone(one, parts, main, depth - 1, seen) for one in list(value)[:ITEMS_MAX])
    return False


def _struct_is_gone(value, parts):
    try:
        value.as_pointer()
    except ReferenceError:
        return True
    return parts and not isinstance(value, bpy.types.ID) and not isinstance(value, _LASTING)


def _main():
    """The collections of the open file as they are now: an undo makes new ones of them."""
    return [getattr(bpy.data, one.identifier) for one in bpy.data.bl_rna.properties if one.type == "COLLECTION"]
